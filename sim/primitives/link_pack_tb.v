// link_pack with random chunks, losses and ends of frames, without a pause and with: each word and each frame as a model has it, a
// frame not before its words, and as many cycles after its last chunk as it should be.
`timescale 1ns / 1ps
module link_pack_case #(
    parameter WORD_LOG2    = 5,
    parameter BITS_LOG2    = 5,
    parameter CHUNK        = 17,
    parameter LIMIT_LOG2   = 6,
    parameter FRAME_EVENTS = 3,
    parameter MARK         = 8,
    parameter CYCLES       = 4000,
    parameter LONG         = 0,  // frames as long as can be: first one of events, then one of losses
    parameter SEED         = 1
) (
    output reg        done,
    output reg [31:0] errors,
    output reg [31:0] frames
);
  localparam WORD = 1 << WORD_LOG2;
  localparam MOST = (1 << LIMIT_LOG2) + 2 * WORD;
  localparam LATENCY = 3 + (WORD_LOG2 + 1) / 2;
  localparam MARKS = MARK + 16 + 16 + 32;

  reg clk = 1'b0, resetn = 1'b0;
  always #5 clk = ~clk;

  reg                  s_valid = 1'b0, s_last = 1'b0, s_lost = 1'b0;
  reg  [CHUNK-1:0]     s_chunk = 0;
  reg  [BITS_LOG2-1:0] s_bits = 0;
  reg  [MARK-1:0]      s_mark = 0;
  wire                 word_valid, frame_valid;
  wire [WORD-1:0]      word;
  wire [MARK-1:0]      frame_mark;
  wire [15:0]          frame_events, frame_lost;
  wire [LIMIT_LOG2-4:0] frame_units;
  wire frame_empty;
  link_pack #(
      .WORD_LOG2(WORD_LOG2), .BITS_LOG2(BITS_LOG2), .CHUNK(CHUNK), .LIMIT_LOG2(LIMIT_LOG2),
      .FRAME_EVENTS(FRAME_EVENTS), .MARK(MARK)
  ) dut (
      .clk(clk), .resetn(resetn),
      .s_valid(s_valid), .s_chunk(s_chunk), .s_bits(s_bits), .s_last(s_last), .s_lost(s_lost), .s_mark(s_mark),
      .word_valid(word_valid), .word(word),
      .frame_valid(frame_valid), .frame_mark(frame_mark), .frame_events(frame_events), .frame_lost(frame_lost),
      .frame_units(frame_units), .frame_empty(frame_empty)
  );

  integer seed = SEED, n, phase = 0, many = 0, sends = 0;
  reg [95:0] dice;
  reg [31:0] roll, length, units;
  reg none;
  reg [7:0] busy = 0;

  // The model: a bit after the other.
  reg [WORD-1:0] filling = 0;
  integer at = 0, total = 0, events = 0, losts = 0, words_in = 0, words_out = 0, frames_in = 0, cycle = 0;
  reg [MARK-1:0] mark;
  reg [WORD-1:0] words[0:8191];
  reg [MARKS-1:0] marks[0:1023];  // mark, events, losses, units
  integer last_word[0:1023], ended[0:1023];
  reg close;

  always @(posedge clk) begin
    roll = $random(seed);
    cycle = cycle + 1;
    none = LONG ? phase[0] : roll[10:7] == 0;
    length = none ? 0 : LONG && sends > 20 ? 1 : 1 + roll[30:16] % CHUNK;
    sends = sends + 1;
    s_valid <= resetn && roll[6:0] < busy;
    s_lost  <= none;
    s_last  <= LONG ? phase[0] && many == 65600 : roll[15:12] == 0;
    if (phase[0] && resetn) many = many + 1;
    s_bits  <= length[BITS_LOG2-1:0];
    // What comes with a loss may be anything.
    dice = {$random(seed), $random(seed), $random(seed)};
    if (!none) dice = dice & ~({96{1'b1}} << length);
    s_chunk <= dice;
    dice = {$random(seed), $random(seed)};
    s_mark <= dice;
    if (!resetn) begin
      at = 0;
      total = 0;
      events = 0;
      losts = 0;
      filling = 0;
      words_out = words_in;
      frames = frames_in;
    end else begin
      if (s_valid) begin
        if (events == 0 && losts == 0) mark = s_mark;
        close = s_last || events + !s_lost == FRAME_EVENTS || total >= (1 << LIMIT_LOG2);
        for (n = 0; n < s_bits; n = n + 1) begin
          filling[at] = s_chunk[n];
          at = at + 1;
          if (at == WORD) begin
            words[words_in[12:0]] = filling;
            words_in = words_in + 1;
            filling = 0;
            at = 0;
          end
        end
        total = total + s_bits;
        if (s_lost) losts = losts + (losts != 65535);
        else events = events + 1;
        if (close) begin
          if (at > 0) begin
            words[words_in[12:0]] = filling;
            words_in = words_in + 1;
          end
          units = (total + 31) >> 5;
          marks[frames_in[9:0]] = {mark, events[15:0], losts[15:0], units};
          last_word[frames_in[9:0]] = words_in;
          ended[frames_in[9:0]] = cycle;
          frames_in = frames_in + 1;
          at = 0;
          total = 0;
          events = 0;
          losts = 0;
          filling = 0;
        end
      end
      if (word_valid) begin
        if (words_out == words_in || word !== words[words_out[12:0]]) errors = errors + 1;
        words_out = words_out + 1;
      end
      if (frame_valid) begin
        if (frames == frames_in
            || frame_empty != (frame_units == 0)
            || {frame_mark, frame_events, frame_lost, {(35 - LIMIT_LOG2) {1'b0}}, frame_units} !== marks[frames[9:0]]
            || words_out < last_word[frames[9:0]] || cycle - ended[frames[9:0]] != LATENCY) errors = errors + 1;
        frames = frames + 1;
      end
    end
  end

  initial begin
    done = 1'b0;
    errors = 0;
    frames = 0;
    for (phase = 0; phase < (LONG ? 2 : 4); phase = phase + 1) begin
      resetn = 1'b0;
      repeat (8) @(negedge clk);
      resetn = 1'b1;
      busy = LONG || phase[0] ? 128 : 60;
      repeat (CYCLES) @(negedge clk);
      busy = 0;
      repeat (20) @(negedge clk);
      if (words_out != words_in || frames != frames_in) errors = errors + 1;
    end
    done = 1'b1;
  end
endmodule

module link_pack_tb;
  wire [3:0] done;
  wire [31:0] e0, e1, e2, e3, f0, f1, f2, f3;
  link_pack_case #(.SEED(1)) short_frames (.done(done[0]), .errors(e0), .frames(f0));
  link_pack_case #(
      .WORD_LOG2(7), .BITS_LOG2(7), .CHUNK(80), .LIMIT_LOG2(9), .FRAME_EVENTS(20), .MARK(48), .SEED(2)
  ) wide_words (.done(done[1]), .errors(e1), .frames(f1));
  link_pack_case #(.FRAME_EVENTS(1), .BITS_LOG2(5), .CHUNK(31), .LIMIT_LOG2(7), .SEED(3)) single_events (
      .done(done[2]), .errors(e2), .frames(f2)
  );
  // A few events fewer than 65535, up to the limit of 65536 bits, and more than 65535 losses.
  link_pack_case #(
      .BITS_LOG2(5), .CHUNK(31), .LIMIT_LOG2(16), .FRAME_EVENTS(65535), .MARK(48), .CYCLES(66000), .LONG(1), .SEED(4)
  ) long_frames (.done(done[3]), .errors(e3), .frames(f3));
  initial begin
    wait (&done || e0 + e1 + e2 + e3 != 0);
    if (e0 + e1 + e2 + e3 == 0 && f0 > 2000 && f1 > 300 && f2 > 5000 && f3 >= 2)
      $display("PASS link_pack: %0d frames", f0 + f1 + f2 + f3);
    else $display("FAIL link_pack: errors %0d %0d %0d %0d, frames %0d %0d %0d %0d", e0, e1, e2, e3, f0, f1, f2, f3);
    $finish;
  end
endmodule

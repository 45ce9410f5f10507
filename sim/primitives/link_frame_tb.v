// link_frame with random frames and a `go` that comes and goes: each beat as a model has it, four cycles after a `go`, frames and words
// taken in order, and the time that link_crc needs left free behind each frame.
`timescale 1ns / 1ps
module link_frame_case #(
    parameter WORD_LOG2 = 7,
    parameter OUT_LOG2  = 6,
    parameter UNIT_BITS = 6,
    parameter [15:0] MODEL = 16'hA5C3,
    parameter SEED      = 1
) (
    output reg        done,
    output reg [31:0] errors,
    output reg [31:0] frames
);
  localparam WORD = 1 << WORD_LOG2;
  localparam OUT = 1 << OUT_LOG2;
  localparam UNITS = OUT / 32;
  localparam MOST = 1 << UNIT_BITS;
  localparam ALL = OUT + OUT_LOG2 - 3;

  reg clk = 1'b0, resetn = 1'b0;
  always #5 clk = ~clk;

  reg  [47:0] frame_mark = 0;
  reg  [15:0] frame_events = 0, frame_lost = 0;
  reg  [UNIT_BITS-1:0] frame_units = 0;
  reg         frame_valid = 1'b0, go = 1'b0;
  wire        frame_ready, word_ready, m_last, m_valid;
  reg  [WORD-1:0] word;
  wire [OUT-1:0]  m_data;
  wire [OUT_LOG2-5:0] m_units;
  link_frame #(.WORD_LOG2(WORD_LOG2), .OUT_LOG2(OUT_LOG2), .UNIT_BITS(UNIT_BITS), .MODEL(MODEL)) dut (
      .clk(clk), .resetn(resetn), .go(go),
      .frame_mark(frame_mark), .frame_events(frame_events), .frame_lost(frame_lost), .frame_units(frame_units),
      .frame_empty(frame_units == 0),
      .frame_valid(frame_valid), .frame_ready(frame_ready),
      .word(word), .word_ready(word_ready),
      .m_data(m_data), .m_units(m_units), .m_last(m_last), .m_valid(m_valid)
  );

  // The model: a frame is written down when it is offered, with its words, which are there at once; as in a link_store
  // the next one is, three cycles after it was asked for.
  reg [31:0] units[0:65535];    // of words to come, of which each frame begins a new one
  reg [ALL-1:0] beats[0:65535];
  integer seed = SEED, n, k, count = 0, in = 0, given = 0, made = 0, idle = 0, taken_back, given1 = 0;
  reg [7:0] f_busy = 0, go_busy = 0;
  reg [31:0] roll, unit;
  reg [127:0] header;
  reg [ALL-1:0] beat;
  reg [3:0] went = 0;
  reg [UNIT_BITS-1:0] size;
  reg [15:0] lost;
  reg [47:0] mark;
  reg [15:0] events;

  task make_frame;
    begin
      roll = $random(seed);
      size = roll[5:0] < 8 ? roll[7:6] : roll[31:16] % MOST;
      lost = roll[8] ? 0 : $random(seed);
      mark = {$random(seed), $random(seed)};
      events = $random(seed);
      header = {lost, {(16 - UNIT_BITS) {1'b0}}, size, events, mark, MODEL, 4'd1, 3'd0, lost != 0, 8'h53};
      frame_mark   <= mark;
      frame_events <= events;
      frame_lost   <= lost;
      frame_units  <= size;
      k = 0;
      beat = 0;
      for (n = 0; n < 4 + size; n = n + 1) begin
        unit = n < 4 ? header[32*(n&3)+:32] : $random(seed);
        if (n >= 4) begin
          units[made[15:0]] = unit;
          made = made + 1;
        end
        beat[32*k+:32] = unit;
        k = k + 1;
        if (k == UNITS || n == 3 + size) begin
          beat[ALL-1:OUT] = {n == 3 + size, k[OUT_LOG2-5:0]};
          beats[in[15:0]] = beat;
          in = in + 1;
          k = 0;
          beat = 0;
        end
      end
      // Zeros fill its last word.
      while (made % (WORD / 32) != 0) begin
        units[made[15:0]] = $random(seed);
        made = made + 1;
      end
    end
  endtask

  integer next, place;
  reg [31:0] dice;
  always @(posedge clk) begin
    dice = $random(seed);
    go <= dice[30:24] < go_busy;
    given1 <= given;
    if (!resetn) begin
      frame_valid <= 1'b0;
      count = in;
      given = made;
      went = 0;
      idle = 0;
    end else begin
      if (word_ready) given = given + WORD / 32;
      if (frame_ready) frames = frames + 1;
      if (frame_ready && !frame_valid) errors = errors + 1;
      if (!frame_valid || frame_ready) begin
        frame_valid <= dice[6:0] < f_busy;
        if (dice[6:0] < f_busy) make_frame;
      end
      // What is above the last unit is not looked at.
      if (m_valid) begin
        beat = beats[count[15:0]];
        if (count == in || {m_last, m_units} !== beat[ALL-1:OUT]) errors = errors + 1;
        for (next = 0; next < UNITS; next = next + 1)
          if (next < m_units && m_data[32*next+:32] !== beat[32*next+:32]) errors = errors + 1;
        count = count + 1;
        if (!went[3] || idle > 0) errors = errors + 1;
        taken_back = UNITS - m_units;
        idle = !m_last ? 0 : taken_back == 0 ? 1 : taken_back;
      end else if (idle > 0) idle = idle - 1;
      went = {went[2:0], go};
    end
    for (place = 0; place < WORD / 32; place = place + 1) word[32*place+:32] <= units[(given1 + place) & 65535];
  end

  integer phase;
  initial begin
    done = 1'b0;
    errors = 0;
    frames = 0;
    for (phase = 0; phase < 8; phase = phase + 1) begin
      resetn = 1'b0;
      repeat (4) @(negedge clk);
      if (m_valid) errors = errors + 1;
      resetn = 1'b1;
      f_busy = phase[0] ? 128 : 70;
      go_busy = phase[1] ? 128 : phase[2] ? 60 : 20;
      repeat (1000) @(negedge clk);
      f_busy = 0;
      go_busy = 128;
      repeat (300) @(negedge clk);
      if (count != in || given != made || m_valid) errors = errors + 1;
      // And a reset in the middle of it.
      f_busy = 128;
      repeat (20 + phase) @(negedge clk);
    end
    done = 1'b1;
  end
endmodule

module link_frame_tb;
  wire [6:0] done;
  wire [31:0] e0, e1, e2, e3, e4, e5, e6, f0, f1, f2, f3, f4, f5, f6;
  link_frame_case #(.OUT_LOG2(5), .WORD_LOG2(7), .SEED(1)) a (.done(done[0]), .errors(e0), .frames(f0));
  link_frame_case #(.OUT_LOG2(5), .WORD_LOG2(5), .SEED(2), .MODEL(16'h5A3C)) b (.done(done[1]), .errors(e1), .frames(f1));
  link_frame_case #(.OUT_LOG2(6), .WORD_LOG2(8), .SEED(3)) c (.done(done[2]), .errors(e2), .frames(f2));
  link_frame_case #(.OUT_LOG2(7), .WORD_LOG2(7), .SEED(4)) d (.done(done[3]), .errors(e3), .frames(f3));
  link_frame_case #(.OUT_LOG2(7), .WORD_LOG2(8), .SEED(5)) e (.done(done[4]), .errors(e4), .frames(f4));
  link_frame_case #(.OUT_LOG2(8), .WORD_LOG2(8), .SEED(6)) f (.done(done[5]), .errors(e5), .frames(f5));
  link_frame_case #(.OUT_LOG2(8), .WORD_LOG2(10), .SEED(7)) g (.done(done[6]), .errors(e6), .frames(f6));
  initial begin
    wait (&done || e0 + e1 + e2 + e3 + e4 + e5 + e6 != 0);
    if (e0 + e1 + e2 + e3 + e4 + e5 + e6 == 0 && f0 > 80 && f1 > 80 && f2 > 80 && f3 > 80 && f4 > 80 && f5 > 80 && f6 > 80)
      $display("PASS link_frame: %0d frames", f0 + f1 + f2 + f3 + f4 + f5 + f6);
    else $display("FAIL link_frame: errors %0d %0d %0d %0d %0d %0d %0d, frames %0d %0d %0d %0d %0d %0d %0d",
        e0, e1, e2, e3, e4, e5, e6, f0, f1, f2, f3, f4, f5, f6);
    $finish;
  end
endmodule

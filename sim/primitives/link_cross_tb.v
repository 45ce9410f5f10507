// link_cross between clocks of many ratios, steady and drifting, under random stalls, with resets in between: beats in order, none
// lost or repeated, held until taken; the pointers that cross change one bit at a time; full speed where the ratio allows it.
`timescale 1ps / 1ps
module link_cross_case #(
    parameter WIDTH = 10,
    parameter DEPTH_LOG2 = 4,
    parameter S_HALF = 5000,  // half a period
    parameter M_HALF = 5000,
    parameter DRIFT  = 0,     // how far half a period may be off
    parameter FAST   = 1,     // full speed is asked for
    parameter SEED   = 1
) (
    output reg        done,
    output reg [31:0] errors,
    output reg [31:0] beats
);
  reg s_clk = 1'b0, m_clk = 1'b0, s_resetn = 1'b0, m_resetn = 1'b0;
  integer s_seed = SEED, m_seed = SEED + 100, clock_seed = SEED + 200;
  integer s_half = S_HALF, m_half = M_HALF;
  // A walk: periods drift apart and together.
  function integer walk(input integer half, input integer middle, input [31:0] roll);
    walk = roll[0] ? (half < middle + DRIFT ? half + 1 + roll[3:1] : half) : (half > middle - DRIFT ? half - 1 - roll[3:1] : half);
  endfunction
  always begin
    #(s_half) s_clk = ~s_clk;
    if (DRIFT != 0) s_half = walk(s_half, S_HALF, $random(clock_seed));
  end
  initial #(S_HALF / 3) forever begin
    #(m_half) m_clk = ~m_clk;
    if (DRIFT != 0) m_half = walk(m_half, M_HALF, $random(clock_seed));
  end

  reg  [WIDTH-1:0] s_data = 0;
  reg              s_valid = 1'b0, m_ready = 1'b0;
  wire             s_ready, m_valid;
  wire [WIDTH-1:0] m_data;
  link_cross #(.WIDTH(WIDTH), .DEPTH_LOG2(DEPTH_LOG2)) dut (
      .s_clk(s_clk), .s_resetn(s_resetn), .s_data(s_data), .s_valid(s_valid), .s_ready(s_ready),
      .m_clk(m_clk), .m_resetn(m_resetn), .m_data(m_data), .m_valid(m_valid), .m_ready(m_ready)
  );

  integer sent = 0, got = 0, i, flips;
  reg [7:0] s_busy = 0, m_busy = 0;
  reg [31:0] s_roll, m_roll, s_dice;
  reg [WIDTH-1:0] queue[0:65535];
  reg waits = 1'b0, live = 1'b0;
  reg [WIDTH-1:0] waiting;

  always @(posedge s_clk) begin
    s_roll = $random(s_seed);
    if (!s_valid || s_ready) begin
      s_valid <= s_roll[6:0] < s_busy;
      s_dice = $random(s_seed);
      s_data <= s_dice;
    end
    if (s_resetn && s_valid && s_ready) begin
      queue[sent[15:0]] = s_data;
      sent = sent + 1;
    end
  end
  always @(posedge m_clk) begin
    m_roll = $random(m_seed);
    m_ready <= m_roll[6:0] < m_busy;
    if (m_resetn) begin
      if (waits && !(m_valid && m_data === waiting)) errors = errors + 1;
      if (m_valid && m_ready) begin
        if (got == sent || queue[got[15:0]] !== m_data) errors = errors + 1;
        got = got + 1;
        beats = beats + 1;
      end
      if (m_valid === 1'bx) errors = errors + 1;
    end
    waits = m_resetn && m_valid && !m_ready;
    waiting = m_data;
  end

  // One bit at a time.
  reg [DEPTH_LOG2:0] head_was, tail_was;
  always @(negedge s_clk) begin
    flips = 0;
    for (i = 0; i <= DEPTH_LOG2; i = i + 1) flips = flips + (dut.head_gray[i] != head_was[i]);
    if (live && flips > 1) errors = errors + 1;
    head_was = dut.head_gray;
  end
  integer j, tail_flips;
  always @(negedge m_clk) begin
    tail_flips = 0;
    for (j = 0; j <= DEPTH_LOG2; j = j + 1) tail_flips = tail_flips + (dut.tail_gray[j] != tail_was[j]);
    if (live && tail_flips > 1) errors = errors + 1;
    tail_was = dut.tail_gray;
  end

  task slow_cycles(input integer n);
    repeat (n) begin
      if (S_HALF > M_HALF) @(negedge s_clk);
      else @(negedge m_clk);
    end
  endtask

  integer phase, earlier;
  initial begin
    done = 1'b0;
    errors = 0;
    beats = 0;
    for (phase = 0; phase < 18; phase = phase + 1) begin
      // In reset together for four cycles of the slower clock; then one is released before the other.
      live = 1'b0;
      s_resetn = 1'b0;
      m_resetn = 1'b0;
      slow_cycles(5);
      got = sent;
      if (s_ready || m_valid) errors = errors + 1;
      s_busy = phase[0] ? 128 : phase[1] ? 20 : 90;
      m_busy = phase[2] ? 128 : phase[3] ? 20 : 90;
      live = 1'b1;
      if (phase[1]) @(negedge s_clk) s_resetn = 1'b1;
      else @(negedge m_clk) m_resetn = 1'b1;
      slow_cycles(phase[3] ? 10 : 0);
      @(negedge s_clk) s_resetn = 1'b1;
      @(negedge m_clk) m_resetn = 1'b1;
      slow_cycles(10);
      earlier = beats;
      slow_cycles(500);
      if (FAST && phase[0] && phase[2] && beats - earlier < 490) errors = errors + 1;
      // Until it is full, and until it is empty.
      if (phase >= 16) begin
        m_busy = phase[0] ? 128 : 0;
        s_busy = phase[0] ? 0 : 128;
        slow_cycles(60);
        if (phase[0] ? m_valid : s_ready) errors = errors + 1;
        if (!phase[0] && sent - got != (1 << DEPTH_LOG2) + 1) errors = errors + 1;
      end
    end
    if (got != sent) errors = errors + 1;
    done = 1'b1;
  end
endmodule

module link_cross_tb;
  localparam CASES = 10;
  wire [CASES-1:0] done;
  wire [32*CASES-1:0] errors, beats;
  link_cross_case #(.S_HALF(5000), .M_HALF(5000), .SEED(1)) same (.done(done[0]), .errors(errors[0+:32]), .beats(beats[0+:32]));
  link_cross_case #(.S_HALF(5000), .M_HALF(5001), .SEED(2)) nearly (.done(done[1]), .errors(errors[32+:32]), .beats(beats[32+:32]));
  link_cross_case #(.S_HALF(4000), .M_HALF(3125), .SEED(3)) slower (.done(done[2]), .errors(errors[64+:32]), .beats(beats[64+:32]));
  link_cross_case #(.S_HALF(3125), .M_HALF(4000), .SEED(4)) faster (.done(done[3]), .errors(errors[96+:32]), .beats(beats[96+:32]));
  link_cross_case #(.S_HALF(1000), .M_HALF(7300), .SEED(5)) much_faster (.done(done[4]), .errors(errors[128+:32]), .beats(beats[128+:32]));
  link_cross_case #(.S_HALF(9100), .M_HALF(1000), .SEED(6)) much_slower (.done(done[5]), .errors(errors[160+:32]), .beats(beats[160+:32]));
  link_cross_case #(.S_HALF(5000), .M_HALF(5000), .DRIFT(400), .FAST(0), .SEED(7)) drifting (
      .done(done[6]), .errors(errors[192+:32]), .beats(beats[192+:32]));
  link_cross_case #(.S_HALF(5000), .M_HALF(3000), .DRIFT(1900), .FAST(0), .SEED(8)) wild (
      .done(done[7]), .errors(errors[224+:32]), .beats(beats[224+:32]));
  link_cross_case #(.DEPTH_LOG2(1), .S_HALF(5000), .M_HALF(4100), .DRIFT(200), .FAST(0), .SEED(9)) two (
      .done(done[8]), .errors(errors[256+:32]), .beats(beats[256+:32]));
  link_cross_case #(.DEPTH_LOG2(3), .WIDTH(1), .S_HALF(4100), .M_HALF(5000), .DRIFT(200), .FAST(0), .SEED(10)) eight (
      .done(done[9]), .errors(errors[288+:32]), .beats(beats[288+:32]));

  integer n, wrong, all;
  initial begin
    wait (&done);
    wrong = 0;
    all = 0;
    for (n = 0; n < CASES; n = n + 1) begin
      wrong = wrong + errors[32*n+:32];
      all = all + beats[32*n+:32];
      if (beats[32*n+:32] < 1000) wrong = wrong + 1;
      if (errors[32*n+:32] != 0) $display("case %0d: %0d errors", n, errors[32*n+:32]);
    end
    if (wrong == 0) $display("PASS link_cross: %0d beats", all);
    else $display("FAIL link_cross: %0d errors, %0d beats", wrong, all);
    $finish;
  end
endmodule

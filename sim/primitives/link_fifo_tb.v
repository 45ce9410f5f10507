// link_fifo under random stalls on both sides, with resets in between and a source that also writes when there is no room: beats in
// order, none lost or repeated, held until taken; `used` counts those in the memory.
`timescale 1ns / 1ps
module link_fifo_case #(
    parameter LUT_RAM = 0,
    parameter SEED = 2
) (
    output reg        done,
    output reg [31:0] errors,
    output reg [31:0] beats,
    output reg [31:0] fulls
);
  localparam WIDTH = 12;
  localparam DEPTH_LOG2 = 4;
  localparam MOST = 1 << 16;

  reg clk = 1'b0, resetn = 1'b0;
  always #5 clk = ~clk;

  reg  [WIDTH-1:0] s_data = 0;
  reg              s_valid = 1'b0, m_ready = 1'b0;
  wire             s_ready, m_valid;
  wire [WIDTH-1:0] m_data;
  wire [DEPTH_LOG2:0] used;
  link_fifo #(.WIDTH(WIDTH), .DEPTH_LOG2(DEPTH_LOG2), .LUT_RAM(LUT_RAM)) dut (
      .clk(clk), .resetn(resetn),
      .s_data(s_data), .s_valid(s_valid), .s_ready(s_ready),
      .m_data(m_data), .m_valid(m_valid), .m_ready(m_ready),
      .used(used)
  );

  integer seed = SEED, sent = 0, got = 0;
  reg [7:0] s_busy = 0, m_busy = 0;  // of 128
  reg [95:0] dice;
  reg [31:0] roll;
  reg [WIDTH-1:0] queue[0:MOST-1];
  reg waits = 1'b0, was_reset = 1'b1;
  reg [WIDTH-1:0] waiting;

  always @(posedge clk) begin
    roll = $random(seed);
    // Another beat in every cycle, taken or not.
    s_valid <= roll[6:0] < s_busy;
    dice = $random(seed);
    s_data <= dice;
    m_ready <= roll[14:8] < m_busy;
    if (!resetn) begin
      got = sent;
      waits = 1'b0;
    end else begin
      if (was_reset && m_valid) errors = errors + 1;
      // All but those in its two registers.
      if (used > sent - got || used + 2 < sent - got) errors = errors + 1;
      if (s_ready != (used < 1 << DEPTH_LOG2)) errors = errors + 1;
      if (waits && !(m_valid && m_data === waiting)) errors = errors + 1;
      if (m_valid && m_ready) begin
        if (got == sent || queue[got] !== m_data) errors = errors + 1;
        got = got + 1;
        beats = beats + 1;
      end
      if (s_valid && s_ready) begin
        queue[sent] = s_data;
        sent = sent + 1;
      end
      waits = m_valid && !m_ready;
      waiting = m_data;
      if (!s_ready) fulls = fulls + 1;
    end
    was_reset = !resetn;
  end

  integer phase, earlier;
  initial begin
    done = 1'b0;
    errors = 0;
    beats = 0;
    fulls = 0;
    for (phase = 0; phase < 16; phase = phase + 1) begin
      resetn = 1'b0;
      repeat (3) @(negedge clk);
      resetn = 1'b1;
      s_busy = phase[0] ? 128 : phase[1] ? 20 : 90;
      m_busy = phase[2] ? 128 : phase[3] ? 20 : 90;
      earlier = beats;
      repeat (1000) @(negedge clk);
      if (phase[0] && phase[2] && beats - earlier < 996) errors = errors + 1;
    end
    s_busy = 0;
    m_busy = 128;
    repeat (50) @(negedge clk);
    if (got != sent || m_valid) errors = errors + 1;
    done = 1'b1;
  end
endmodule

module link_fifo_tb;
  wire [1:0] done;
  wire [31:0] e0, e1, b0, b1, f0, f1;
  link_fifo_case a (.done(done[0]), .errors(e0), .beats(b0), .fulls(f0));
  link_fifo_case #(.LUT_RAM(1), .SEED(3)) b (.done(done[1]), .errors(e1), .beats(b1), .fulls(f1));
  initial begin
    wait (&done || e0 + e1 != 0);
    if (e0 + e1 == 0 && b0 > 5000 && b1 > 5000 && f0 > 100 && f1 > 100)
      $display("PASS link_fifo: %0d beats, full in %0d cycles", b0 + b1, f0 + f1);
    else $display("FAIL link_fifo: errors %0d %0d, beats %0d %0d, full in %0d %0d cycles", e0, e1, b0, b1, f0, f1);
    $finish;
  end
endmodule

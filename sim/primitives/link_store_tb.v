// link_store filled and emptied at random, never beyond what is in it: m_data is the oldest word three cycles after it came and the one
// before it was taken, and `used` counts them.
`timescale 1ns / 1ps
module link_store_case #(
    parameter WIDTH = 40,
    parameter LUT_RAM = 0,
    parameter BANK_LOG2 = 4,
    parameter SEED = 1
) (
    output reg        done,
    output reg [31:0] errors,
    output reg [31:0] words,
    output reg [31:0] fulls
);
  localparam DEPTH_LOG2 = 4;
  reg clk = 1'b0, resetn = 1'b0;
  always #5 clk = ~clk;

  reg  [WIDTH-1:0] s_data = 0;
  reg              s_valid = 1'b0, next = 1'b0;
  wire [WIDTH-1:0] m_data;
  wire [DEPTH_LOG2:0] used;
  link_store #(.WIDTH(WIDTH), .DEPTH_LOG2(DEPTH_LOG2), .LUT_RAM(LUT_RAM), .BANK_LOG2(BANK_LOG2)) dut (
      .clk(clk), .resetn(resetn), .s_data(s_data), .s_valid(s_valid), .next(next), .m_data(m_data), .used(used)
  );

  reg [WIDTH-1:0] queue[0:65535];
  integer seed = SEED, written = 0, taken = 0, age = 0;
  reg [7:0] s_busy = 0, m_busy = 0;  // of 128
  reg [31:0] roll;
  reg [95:0] dice;

  always @(posedge clk) begin
    roll = $random(seed);
    dice = {$random(seed), $random(seed), $random(seed)};
    if (!resetn) begin
      written = taken;
      age = 0;
      s_valid <= 1'b0;
      next <= 1'b0;
    end else begin
      if (used != written - taken) errors = errors + 1;
      if (age >= 3 && m_data !== queue[taken]) errors = errors + 1;
      if (s_valid) queue[written] = s_data;
      written = written + s_valid;
      taken = taken + next;
      words = words + next;
      // Cycles that the oldest has been the oldest.
      age = written == taken ? 0 : next ? 1 : age + 1;
      s_valid <= written - taken < 1 << DEPTH_LOG2 && roll[6:0] < s_busy;
      next <= written > taken && roll[14:8] < m_busy;
      s_data <= dice[WIDTH-1:0];
      if (written - taken == 1 << DEPTH_LOG2) fulls = fulls + 1;
    end
  end

  integer phase;
  initial begin
    done = 1'b0;
    errors = 0;
    words = 0;
    fulls = 0;
    for (phase = 0; phase < 16; phase = phase + 1) begin
      resetn = 1'b0;
      repeat (3) @(negedge clk);
      resetn = 1'b1;
      s_busy = phase[0] ? 128 : phase[1] ? 20 : 90;
      m_busy = phase[2] ? 128 : phase[3] ? 20 : 90;
      repeat (1000) @(negedge clk);
    end
    done = 1'b1;
  end
endmodule

module link_store_tb;
  wire [2:0] done;
  wire [31:0] e0, e1, e2, w0, w1, w2, f0, f1, f2;
  link_store_case a (.done(done[0]), .errors(e0), .words(w0), .fulls(f0));
  link_store_case #(.LUT_RAM(1), .BANK_LOG2(3), .SEED(2)) b (.done(done[1]), .errors(e1), .words(w1), .fulls(f1));
  link_store_case #(.WIDTH(64), .LUT_RAM(1), .BANK_LOG2(2), .SEED(3)) c (.done(done[2]), .errors(e2), .words(w2), .fulls(f2));
  initial begin
    wait (&done || e0 + e1 + e2 != 0);
    if (e0 + e1 + e2 == 0 && w0 > 5000 && w1 > 5000 && w2 > 5000 && f0 > 100 && f1 > 100 && f2 > 100)
      $display("PASS link_store: %0d words", w0 + w1 + w2);
    else $display("FAIL link_store: errors %0d %0d %0d, words %0d %0d %0d, full %0d %0d %0d",
        e0, e1, e2, w0, w1, w2, f0, f1, f2);
    $finish;
  end
endmodule

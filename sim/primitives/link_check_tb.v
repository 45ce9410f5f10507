// link_check behind link_crc, under random stalls, with bits flipped between them: the frames that were changed have a fault, the
// others have none, and each frame is checked four cycles after its end.
`timescale 1ns / 1ps
module link_check_case #(
    parameter OUT_LOG2 = 6,
    parameter SEED     = 1
) (
    output reg        done,
    output reg [31:0] errors,
    output reg [31:0] frames,
    output reg [31:0] faults
);
  localparam OUT = 1 << OUT_LOG2;
  localparam UNITS = OUT / 32;

  reg clk = 1'b0, resetn = 1'b0;
  always #5 clk = ~clk;

  reg  [OUT-1:0] s_data = 0, flip = 0;
  reg  [OUT_LOG2-5:0] s_units = 0;
  reg            s_last = 1'b0, s_valid = 1'b0, m_ready = 1'b0;
  wire           c_last, c_valid, m_last, m_valid, checked, fault, unused_ready;
  wire [OUT-1:0] c_data, m_data;
  wire [UNITS-1:0] c_keep, m_units;
  wire [OUT/8-1:0] m_keep;
  wire [4:0]     used;
  link_crc #(.OUT_LOG2(OUT_LOG2)) crc (
      .clk(clk), .resetn(resetn),
      .s_data(s_data), .s_units(s_units), .s_last(s_last), .s_valid(s_valid),
      .m_data(c_data), .m_keep(c_keep), .m_last(c_last), .m_valid(c_valid)
  );
  link_fifo #(.WIDTH(OUT + UNITS + 1), .DEPTH_LOG2(4)) fifo (
      .clk(clk), .resetn(resetn),
      .s_data({c_last, c_keep, c_data}), .s_valid(c_valid), .s_ready(unused_ready),
      .m_data({m_last, m_units, m_data}), .m_valid(m_valid), .m_ready(m_ready), .used(used)
  );
  genvar k;
  generate
    for (k = 0; k < UNITS; k = k + 1) begin : keeps
      assign m_keep[4*k+:4] = {4{m_units[k]}};
    end
  endgenerate
  link_check #(.OUT_LOG2(OUT_LOG2)) dut (
      .clk(clk), .resetn(resetn),
      .m_data(m_data ^ flip), .m_keep(m_keep), .m_last(m_last), .m_valid(m_valid), .m_ready(m_ready),
      .checked(checked), .fault(fault)
  );

  integer seed = SEED, n, count_units, place, idle = 0;
  reg [7:0] s_busy = 0, m_busy = 0, ends = 0, flips = 0;
  reg [31:0] roll, part;
  reg last, wrong = 1'b0;
  reg [3:0] due = 0, bad = 0;  // a frame ended so many cycles ago, and was changed

  always @(posedge clk) begin
    roll = $random(seed);
    m_ready <= roll[14:8] < m_busy;
    if (!resetn) begin
      s_valid <= 1'b0;
      due = 0;
      wrong = 1'b0;
    end else begin
      if (checked !== due[3] || fault !== (due[3] && bad[3])) errors = errors + 1;
      frames = frames + checked;
      faults = faults + fault;
      if (m_valid && m_ready) begin
        // What is above the last byte does not count.
        for (n = 0; n < OUT; n = n + 1) if (flip[n] && m_keep[n>>3]) wrong = 1'b1;
      end
      due = {due[2:0], m_valid && m_ready && m_last};
      bad = {bad[2:0], wrong};
      if (m_valid && m_ready && m_last) wrong = 1'b0;
      // As much time behind a frame as link_crc asks for, and room behind it.
      if (idle > 0 || used > 6) begin
        if (idle > 0) idle = idle - 1;
        s_valid <= 1'b0;
      end else begin
        s_valid <= roll[6:0] < s_busy;
        last = roll[22:16] < ends;
        count_units = last ? 1 + roll[30:23] % UNITS : UNITS;
        s_last  <= last;
        if (last && roll[6:0] < s_busy) idle = count_units == UNITS ? 1 : UNITS - count_units;
        s_units <= count_units[OUT_LOG2-5:0];
        for (n = 0; n < UNITS; n = n + 1) begin
          part = $random(seed);
          s_data[32*n+:32] <= n < count_units ? part : 32'd0;
        end
      end
    end
    part = $random(seed);
    place = part[15:8] % OUT;
    flip <= part[6:0] < flips ? {{(OUT - 1) {1'b0}}, 1'b1} << place : {OUT{1'b0}};
  end

  integer phase;
  initial begin
    done = 1'b0;
    errors = 0;
    frames = 0;
    faults = 0;
    for (phase = 0; phase < 16; phase = phase + 1) begin
      resetn = 1'b0;
      repeat (4) @(negedge clk);
      if (checked || fault) errors = errors + 1;
      resetn = 1'b1;
      s_busy = phase[0] ? 128 : 50;
      m_busy = phase[1] ? 128 : 50;
      ends = phase[2] ? 60 : 10;
      flips = phase[3] ? 20 : 0;
      repeat (300) @(negedge clk);
    end
    if (faults < 20 || faults > frames / 2) errors = errors + 1;
    done = 1'b1;
  end
endmodule

module link_check_tb;
  wire [3:0] done;
  wire [31:0] e0, e1, e2, e3, f0, f1, f2, f3, w0, w1, w2, w3;
  link_check_case #(.OUT_LOG2(5), .SEED(1)) a (.done(done[0]), .errors(e0), .frames(f0), .faults(w0));
  link_check_case #(.OUT_LOG2(6), .SEED(2)) b (.done(done[1]), .errors(e1), .frames(f1), .faults(w1));
  link_check_case #(.OUT_LOG2(7), .SEED(3)) c (.done(done[2]), .errors(e2), .frames(f2), .faults(w2));
  link_check_case #(.OUT_LOG2(8), .SEED(4)) d (.done(done[3]), .errors(e3), .frames(f3), .faults(w3));
  initial begin
    wait (&done || e0 + e1 + e2 + e3 != 0);
    if (e0 + e1 + e2 + e3 == 0 && f0 > 150 && f1 > 150 && f2 > 150 && f3 > 150)
      $display("PASS link_check: %0d frames, %0d of them changed", f0 + f1 + f2 + f3, w0 + w1 + w2 + w3);
    else $display("FAIL link_check: errors %0d %0d %0d %0d, frames %0d %0d %0d %0d", e0, e1, e2, e3, f0, f1, f2, f3);
    $finish;
  end
endmodule

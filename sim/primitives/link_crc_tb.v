// link_crc with random frames and gaps: the frame unchanged, behind it its CRC-32C, computed here a bit at a time, zeros above that,
// m_keep and m_last as they should be. Behind a frame no more time is left than link_crc asks for.
`timescale 1ns / 1ps
module link_crc_case #(
    parameter OUT_LOG2 = 6,
    parameter SEED     = 1
) (
    output reg        done,
    output reg [31:0] errors,
    output reg [31:0] frames
);
  localparam OUT = 1 << OUT_LOG2;
  localparam UNITS = OUT / 32;
  localparam ALL = OUT + UNITS + 1;

  reg clk = 1'b0, resetn = 1'b0;
  always #5 clk = ~clk;

  reg  [OUT-1:0] s_data = 0;
  reg  [OUT_LOG2-5:0] s_units = 0;
  reg            s_last = 1'b0, s_valid = 1'b0;
  wire           m_last, m_valid;
  wire [OUT-1:0] m_data;
  wire [UNITS-1:0] m_keep;
  link_crc #(.OUT_LOG2(OUT_LOG2)) dut (
      .clk(clk), .resetn(resetn),
      .s_data(s_data), .s_units(s_units), .s_last(s_last), .s_valid(s_valid),
      .m_data(m_data), .m_keep(m_keep), .m_last(m_last), .m_valid(m_valid)
  );

  function [31:0] crc_step(input [31:0] crc, input [31:0] unit);
    integer i;
    begin
      crc_step = crc;
      for (i = 0; i < 32; i = i + 1)
        crc_step = (crc_step >> 1) ^ (crc_step[0] ^ unit[i] ? 32'h82F63B78 : 32'd0);
    end
  endfunction

  integer seed = SEED, n, k, in = 0, count = 0, count_units, idle = 0;
  reg [7:0] s_busy = 0, ends = 0;
  reg [31:0] roll, crc = 32'hFFFFFFFF;
  reg [ALL-1:0] beats[0:65535];
  reg [OUT-1:0] beat, random;
  reg [UNITS-1:0] keep;
  reg last;

  always @(posedge clk) begin
    roll = $random(seed);
    if (!resetn) begin
      s_valid <= 1'b0;
      crc = 32'hFFFFFFFF;
      count = in;
      idle = 0;
    end else begin
      if (s_valid) begin
        for (n = 0; n < s_units; n = n + 1) crc = crc_step(crc, s_data[32*n+:32]);
        beat = s_data;
        keep = {UNITS{1'b1}};
        if (s_last && s_units < UNITS) begin
          beat[32*s_units+:32] = ~crc;
          keep = ~({UNITS{1'b1}} << (s_units + 1));
        end
        beats[in[15:0]] = {s_last && s_units < UNITS, keep, beat};
        in = in + 1;
        if (s_last && s_units == UNITS) begin
          beat = 0;
          beat[31:0] = ~crc;
          keep = 1;
          beats[in[15:0]] = {1'b1, keep, beat};
          in = in + 1;
        end
        if (s_last) crc = 32'hFFFFFFFF;
      end
      if (idle > 0) begin
        idle = idle - 1;
        s_valid <= 1'b0;
      end else begin
        s_valid <= roll[6:0] < s_busy;
        for (n = 0; n < UNITS; n = n + 1) random[32*n+:32] = $random(seed);
        last = roll[22:16] < ends;
        count_units = last ? 1 + roll[30:23] % UNITS : UNITS;
        s_last  <= last;
        if (last && roll[6:0] < s_busy) idle = count_units == UNITS ? 1 : UNITS - count_units;
        s_units <= count_units[OUT_LOG2-5:0];
        for (n = 0; n < UNITS; n = n + 1) s_data[32*n+:32] <= n < count_units ? random[32*n+:32] : 32'd0;
      end
      if (m_valid) begin
        if (count == in || {m_last, m_keep, m_data} !== beats[count[15:0]]) errors = errors + 1;
        count = count + 1;
        frames = frames + m_last;
      end
    end
  end

  // The step above is tried with what others have computed: 32 bytes of zeros give 8A9136AA (RFC 3720, B.4).
  reg [31:0] check;
  integer phase, earlier;
  initial begin
    done = 1'b0;
    errors = 0;
    frames = 0;
    check = 32'hFFFFFFFF;
    for (k = 0; k < 8; k = k + 1) check = crc_step(check, 32'd0);
    if (~check != 32'h8A9136AA) errors = errors + 1;
    for (phase = 0; phase < 16; phase = phase + 1) begin
      resetn = 1'b0;
      repeat (4) @(negedge clk);
      if (m_valid) errors = errors + 1;
      resetn = 1'b1;
      s_busy = phase[0] ? 128 : 50;
      ends = phase[1] ? 60 : 5;
      earlier = count;
      repeat (400) @(negedge clk);
      // Full speed but for the CRCs.
      if (phase[1:0] == 1 && count - earlier < 310) errors = errors + 1;
      if (phase[3]) begin
        s_busy = 0;
        repeat (60) @(negedge clk);
        if (count != in || m_valid) errors = errors + 1;
      end
    end
    done = 1'b1;
  end
endmodule

module link_crc_tb;
  wire [3:0] done;
  wire [31:0] e0, e1, e2, e3, f0, f1, f2, f3;
  link_crc_case #(.OUT_LOG2(5), .SEED(1)) a (.done(done[0]), .errors(e0), .frames(f0));
  link_crc_case #(.OUT_LOG2(6), .SEED(2)) b (.done(done[1]), .errors(e1), .frames(f1));
  link_crc_case #(.OUT_LOG2(7), .SEED(3)) c (.done(done[2]), .errors(e2), .frames(f2));
  link_crc_case #(.OUT_LOG2(8), .SEED(4)) d (.done(done[3]), .errors(e3), .frames(f3));
  initial begin
    wait (&done || e0 + e1 + e2 + e3 != 0);
    if (e0 + e1 + e2 + e3 == 0 && f0 > 250 && f1 > 250 && f2 > 250 && f3 > 250)
      $display("PASS link_crc: %0d frames", f0 + f1 + f2 + f3);
    else $display("FAIL link_crc: errors %0d %0d %0d %0d, frames %0d %0d %0d %0d", e0, e1, e2, e3, f0, f1, f2, f3);
    $finish;
  end
endmodule

// link_fixed with random chunks: each frame three cycles after its chunk, with its header, its payload and its CRC-32C, computed here
// a byte at a time; single bits first, so that every bit of a frame is seen alone in its CRC.
`timescale 1ns / 1ps
module link_fixed_case #(
    parameter FRAME     = 256,
    parameter CHUNK     = 64,
    parameter BITS_LOG2 = 7,
    parameter [7:0] LINK = 8'hC5,
    parameter SEED      = 1
) (
    output reg        done,
    output reg [31:0] errors,
    output reg [31:0] frames
);
  localparam PAYLOAD = FRAME - 64;

  reg clk = 1'b0, resetn = 1'b0;
  always #5 clk = ~clk;

  reg                  s_valid = 1'b0, s_lost = 1'b0;
  reg  [CHUNK-1:0]     s_chunk = 0;
  reg  [BITS_LOG2-1:0] s_bits = 0;
  reg  [47:0]          s_mark = 0;
  wire                 valid, truncated, lost;
  wire [FRAME-1:0]     frame;
  link_fixed #(.FRAME(FRAME), .CHUNK(CHUNK), .BITS_LOG2(BITS_LOG2), .LINK(LINK)) dut (
      .clk(clk), .resetn(resetn),
      .s_valid(s_valid), .s_chunk(s_chunk), .s_bits(s_bits), .s_lost(s_lost), .s_mark(s_mark),
      .valid(valid), .frame(frame), .truncated(truncated), .lost(lost)
  );

  integer seed = SEED, n, k, cycle = 0;
  reg [7:0] busy = 0;
  reg [95:0] dice;
  reg [31:0] roll, length, crc, cuts = 0, losses = 0;
  reg [CHUNK+31:0] random;
  reg [FRAME-1:0] expected[0:3];
  reg [3:0] due = 0;
  reg [FRAME-1:0] made;
  reg cut;

  always @(posedge clk) begin
    roll = $random(seed);
    cycle = cycle + 1;
    for (n = 0; n < CHUNK; n = n + 32) random = {random, $random(seed)};
    length = 1 + roll[30:16] % CHUNK;
    s_valid <= roll[6:0] < busy;
    if (cycle < CHUNK + 100) begin
      // One bit.
      s_lost  <= 1'b0;
      s_bits  <= CHUNK;
      s_chunk <= {{(CHUNK - 1) {1'b0}}, 1'b1} << cycle;
      s_mark  <= cycle > CHUNK ? 48'd1 << (cycle - CHUNK) : 48'd0;
    end else begin
      s_lost  <= roll[9:7] == 0;
      s_bits  <= roll[9:7] == 0 ? 0 : length[BITS_LOG2-1:0];
      s_chunk <= roll[9:7] == 0 ? random[CHUNK-1:0] : random[CHUNK-1:0] & ~({CHUNK{1'b1}} << length);
      dice = {$random(seed), $random(seed)};
      s_mark <= dice;
    end
    if (cycle > 2 && resetn && valid !== due[2]) errors = errors + 1;
    if (resetn && due[2]) begin
      if (frame !== expected[2] || truncated !== expected[2][12] || lost !== expected[2][13]) errors = errors + 1;
      frames = frames + 1;
      cuts = cuts + truncated;
      losses = losses + lost;
    end else if (resetn && (truncated || lost)) errors = errors + 1;
    expected[2] = expected[1];
    expected[1] = expected[0];
    due = resetn ? {due[2:0], s_valid} : 0;
    // Byte by byte.
    if (s_valid) begin
      cut = !s_lost && s_bits > PAYLOAD;
      made = 0;
      made[31:0] = {s_mark[7:0], LINK, 2'b00, s_lost, cut, s_mark[43:32]};
      for (n = 0; n < PAYLOAD; n = n + 1) made[32+n] = n < CHUNK && !s_lost ? s_chunk[n%CHUNK] : 1'b0;
      crc = 32'hFFFFFFFF;
      for (n = 0; n < FRAME / 8 - 4; n = n + 1) begin
        crc = crc ^ {24'd0, made[8*n+:8]};
        for (k = 0; k < 8; k = k + 1) crc = crc[0] ? (crc >> 1) ^ 32'h82F63B78 : crc >> 1;
      end
      for (n = 0; n < 4; n = n + 1) made[FRAME-32+8*n+:8] = ~crc[8*n+:8];
      expected[0] = made;
    end
  end

  integer phase;
  initial begin
    done = 1'b0;
    errors = 0;
    frames = 0;
    repeat (4) @(negedge clk);
    for (phase = 0; phase < 2; phase = phase + 1) begin
      resetn = 1'b1;
      busy = phase[0] ? 60 : 128;
      repeat (CHUNK + 500) @(negedge clk);
      // A reset with frames on their way.
      busy = 128;
      repeat (5) @(negedge clk);
      resetn = 1'b0;
      repeat (4) @(negedge clk);
      if (valid || truncated || lost) errors = errors + 1;
    end
    if ((CHUNK > PAYLOAD ? cuts == 0 : cuts != 0) || losses == 0) errors = errors + 1;
    done = 1'b1;
  end
endmodule

module link_fixed_tb;
  wire [4:0] done;
  wire [31:0] e0, e1, e2, e3, e4, f0, f1, f2, f3, f4;
  link_fixed_case #(.FRAME(64), .CHUNK(9), .BITS_LOG2(4), .SEED(1)) a (.done(done[0]), .errors(e0), .frames(f0));
  link_fixed_case #(.FRAME(96), .CHUNK(33), .BITS_LOG2(6), .LINK(8'h3A), .SEED(2)) b (.done(done[1]), .errors(e1), .frames(f1));
  link_fixed_case #(.FRAME(128), .CHUNK(64), .BITS_LOG2(7), .SEED(3)) c (.done(done[2]), .errors(e2), .frames(f2));
  link_fixed_case #(.FRAME(256), .CHUNK(300), .BITS_LOG2(9), .SEED(4)) d (.done(done[3]), .errors(e3), .frames(f3));
  link_fixed_case #(.FRAME(1024), .CHUNK(900), .BITS_LOG2(10), .SEED(5)) e (.done(done[4]), .errors(e4), .frames(f4));
  initial begin
    wait (&done || e0 + e1 + e2 + e3 + e4 != 0);
    if (e0 + e1 + e2 + e3 + e4 == 0 && f0 > 600 && f1 > 600 && f2 > 600 && f3 > 600 && f4 > 600)
      $display("PASS link_fixed: %0d frames", f0 + f1 + f2 + f3 + f4);
    else $display("FAIL link_fixed: errors %0d %0d %0d %0d %0d, frames %0d", e0, e1, e2, e3, e4, f0);
    $finish;
  end
endmodule

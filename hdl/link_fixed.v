// Frames of one size, one an event, for links that send a fixed number of bits every so many cycles.
//
//   bytes 0 to 3   {event[7:0], LINK[7:0], 2'b00, lost, truncated, crossing[11:0]}, the low byte first
//   payload        the lowest FRAME - 64 bits of the chunk; zeros if it is shorter, or lost
//   last 4 bytes   CRC-32C of all before them, as link_crc computes it
//
// A chunk is as link_pack takes it: `s_bits` bits, the first one lowest, zeros above them; s_mark is {crossing[15:0], number[31:0]} of
// the event. With `s_lost` there is nothing of the event but its mark. A chunk of more bits than fit is truncated, and the frame
// says so. There is no ready on either side. A frame is there three cycles after its chunk, for one cycle, and
// `truncated` and `lost` with it.
//
// The CRC is linear but for a constant: each unit of 32 bits gives its part of it, and the parts are added a cycle later.
module link_fixed #(
    parameter FRAME     = 256,  // bits, a multiple of 32, 64 to 1024
    parameter CHUNK     = 64,
    parameter BITS_LOG2 = 7,    // bits of s_bits, 32 at most
    parameter [7:0] LINK = 8'd0
) (
    input  wire                 clk,
    input  wire                 resetn,
    input  wire                 s_valid,
    input  wire [CHUNK-1:0]     s_chunk,
    input  wire [BITS_LOG2-1:0] s_bits,
    input  wire                 s_lost,
    input  wire [47:0]          s_mark,
    output reg                  valid,
    output reg  [FRAME-1:0]     frame,
    output reg                  truncated,
    output reg                  lost
);
  localparam BODY    = FRAME - 32;  // what the CRC is over
  localparam PAYLOAD = FRAME - 64;
  localparam UNITS   = BODY / 32;
  localparam [31:0] POLY = 32'h82F63B78;

  // Which bits of a unit are in a bit of the CRC, `after` units before the end.
  function [31:0] unit_mask(input [4:0] index, input integer after);
    integer j, k;
    reg [31:0] r;
    begin
      r = POLY;
      for (k = 0; k < 32 * after; k = k + 1) r = {1'b0, r[31:1]} ^ (r[0] ? POLY : 32'd0);
      for (j = 31; j >= 0; j = j - 1) begin
        unit_mask[j] = r[index];
        r = {1'b0, r[31:1]} ^ (r[0] ? POLY : 32'd0);
      end
    end
  endfunction

  // The CRC of zeros: the all ones at the start, moved through them, and the inversion at the end.
  function [31:0] crc_of_zeros(input integer bits);
    integer k;
    begin
      crc_of_zeros = 32'hFFFFFFFF;
      for (k = 0; k < bits; k = k + 1)
        crc_of_zeros = {1'b0, crc_of_zeros[31:1]} ^ (crc_of_zeros[0] ? POLY : 32'd0);
      crc_of_zeros = ~crc_of_zeros;
    end
  endfunction
  localparam [31:0] ZEROS = crc_of_zeros(BODY);

  // 1. The frame without its CRC.
  wire        cut;
  wire [31:0] header = {s_mark[7:0], LINK, 2'b00, s_lost, cut, s_mark[43:32]};
  wire [BODY-1:0] body;
  genvar i, k;
  generate
    if (PAYLOAD == 0) begin : no_payload
      assign body = header;
      wire _unused = &{1'b0, s_chunk};
    end else if (CHUNK > PAYLOAD) begin : some_fits
      assign body = {s_chunk[PAYLOAD-1:0] & {PAYLOAD{~s_lost}}, header};
      wire _unused = &{1'b0, s_chunk[CHUNK-1:PAYLOAD]};
    end else begin : all_fits
      assign body = {{(PAYLOAD - CHUNK) {1'b0}}, s_chunk & {CHUNK{~s_lost}}, header};
    end
    if (CHUNK > PAYLOAD) begin : may_cut
      localparam [31:0] ROOM = PAYLOAD;
      assign cut = ({{(32 - BITS_LOG2) {1'b0}}, s_bits} > ROOM) & ~s_lost;
    end else begin : never_cut
      assign cut = 1'b0;
      wire _unused = &{1'b0, s_bits};
    end
  endgenerate
  wire _unused = &{1'b0, s_mark[47:44], s_mark[31:8]};

  reg            v1, v2;
  reg [BODY-1:0] body1, body2;
  reg [32*UNITS-1:0] parts2;  // bit by bit of the CRC, a bit of each unit

  // 2. What each unit gives. 3. All of them.
  wire [32*UNITS-1:0] parts;
  wire [31:0]         crc;
  generate
    for (i = 0; i < 32; i = i + 1) begin : bits
      for (k = 0; k < UNITS; k = k + 1) begin : of
        localparam [31:0] MASK = unit_mask(i, UNITS - 1 - k);
        assign parts[UNITS*i+k] = ^(body1[32*k+:32] & MASK);
      end
      assign crc[i] = ^parts2[UNITS*i+:UNITS];
    end
  endgenerate

  always @(posedge clk) begin
    body1     <= body;
    body2     <= body1;
    parts2    <= parts;
    frame     <= {crc ^ ZEROS, body2};
    v1        <= resetn & s_valid;
    v2        <= resetn & v1;
    valid     <= resetn & v2;
    truncated <= resetn & v2 & body2[12];
    lost      <= resetn & v2 & body2[13];
  end
endmodule

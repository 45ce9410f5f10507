// Appends the CRC-32C of a frame to it, after its last unit of 32 bits.
//
// Beats of 2^OUT_LOG2 bits, the first byte lowest. All are full but the last one of a frame, which has `s_units` units and zeros
// above them. The CRC (polynomial 1EDC6F41, reflected, from all ones, inverted at the end) goes into the place behind
// them, or into a beat of its own. m_keep counts bytes.
//
// A beat first becomes the 32 bits that it adds to the CRC, and in the next cycle changes it: over a full beat, as if zeros
// followed. So after the last beat as many units of zeros as it lacks are taken back, one a cycle.
module link_crc #(
    parameter OUT_LOG2 = 6
) (
    input  wire                     clk,
    input  wire                     resetn,
    input  wire [(1<<OUT_LOG2)-1:0] s_data,
    input  wire [OUT_LOG2-5:0]      s_units,
    input  wire                     s_last,
    input  wire                     s_valid,
    output wire                     s_ready,
    output reg  [(1<<OUT_LOG2)-1:0] m_data,
    output reg  [(1<<OUT_LOG2)/8-1:0] m_keep,
    output reg                      m_last,
    output reg                      m_valid,
    input  wire                     m_ready
);
  localparam OUT = 1 << OUT_LOG2;
  localparam [31:0] UNITS_WIDE = OUT / 32;
  localparam [OUT_LOG2-5:0] UNITS = UNITS_WIDE[OUT_LOG2-5:0];
  localparam [31:0] POLY = 32'h82F63B78;
  localparam [OUT_LOG2-5:0] ONE = UNITS_WIDE[OUT_LOG2-5:0] >> (OUT_LOG2 - 5);

  // Which bits of a beat are in a bit of the CRC after it.
  function [OUT-1:0] beat_mask(input [4:0] index);
    integer j;
    reg [31:0] r;
    begin
      r = POLY;
      for (j = OUT - 1; j >= 0; j = j - 1) begin
        beat_mask[j] = r[index];
        r = {1'b0, r[31:1]} ^ (r[0] ? POLY : 32'd0);
      end
    end
  endfunction

  // Which bits of a CRC are in a bit of the one before 32 zeros.
  function [31:0] back_mask(input [4:0] index);
    integer i, j;
    reg [31:0] r;
    begin
      for (j = 0; j < 32; j = j + 1) begin
        r = 32'd1 << j;
        for (i = 0; i < 32; i = i + 1) r = {r[30:0] ^ (r[31] ? POLY[30:0] : 31'd0), r[31]};
        back_mask[j] = r[index];
      end
    end
  endfunction

  reg            a_valid, a_last, b_valid, b_last;
  reg [OUT-1:0]  a_data, b_data;
  reg [OUT_LOG2-5:0] a_units, b_units, lacking;
  reg [31:0]     a_adds, sum;
  reg            alone;      // a CRC waits for a beat of its own
  reg [31:0]     alone_crc;

  wire [31:0] adds, of_crc, back;
  wire [31:0] start = b_valid & b_last ? 32'hFFFFFFFF : sum;
  genvar i;
  generate
    for (i = 0; i < 32; i = i + 1) begin : bits
      localparam [OUT-1:0] MASK = beat_mask(i);
      localparam [31:0] BACK = back_mask(i);
      assign adds[i]   = ^(s_data & MASK);
      assign of_crc[i] = ^(start & MASK[31:0]);
      assign back[i]   = ^(sum & BACK);
    end
  endgenerate

  wire free   = ~m_valid | m_ready;
  wire leave  = b_valid & (~(|lacking)) & free & ~alone;
  wire b_take = a_valid & (~b_valid | leave);
  assign s_ready = ~a_valid | b_take;

  wire full = b_units == UNITS;
  wire [OUT-1:0]   with_crc;
  wire [OUT/8-1:0] keep;
  generate
    for (i = 0; i < OUT / 32; i = i + 1) begin : places
      localparam [31:0] PLACE = i;
      localparam [OUT_LOG2-5:0] UNIT = PLACE[OUT_LOG2-5:0];
      assign with_crc[32*i+:32] = alone ? (i == 0 ? alone_crc : 32'd0) : b_last & (b_units == UNIT) ? ~sum : b_data[32*i+:32];
      assign keep[4*i+:4] = {4{alone ? i == 0 : ~b_last | (UNIT < b_units) | (UNIT == b_units)}};
    end
  endgenerate

  always @(posedge clk) begin
    if (s_valid & s_ready) begin
      a_data  <= s_data;
      a_units <= s_units;
      a_last  <= s_last;
      a_adds  <= adds;
    end
    if (b_take) begin
      b_data  <= a_data;
      b_units <= a_units;
      b_last  <= a_last;
      sum     <= of_crc ^ a_adds;
      lacking <= UNITS - a_units;
    end else if (leave & b_last) begin
      sum <= 32'hFFFFFFFF;
    end else if (b_valid & (|lacking)) begin
      sum     <= back;
      lacking <= lacking - ONE;
    end
    if (free) begin
      m_data <= with_crc;
      m_keep <= keep;
      m_last <= alone | (b_last & ~full);
    end
    if (leave) alone_crc <= ~sum;
    if (~resetn) begin
      a_valid <= 1'b0;
      b_valid <= 1'b0;
      alone   <= 1'b0;
      m_valid <= 1'b0;
      sum     <= 32'hFFFFFFFF;
    end else begin
      a_valid <= s_valid | (a_valid & ~b_take);
      b_valid <= b_take | (b_valid & ~leave);
      alone   <= leave ? b_last & full : alone & ~free;
      m_valid <= leave | (alone & free) | (m_valid & ~m_ready);
    end
  end
endmodule

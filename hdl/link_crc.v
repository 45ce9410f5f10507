// Appends the CRC-32C of a frame to it, after its last unit of 32 bits.
//
// Beats of 2^OUT_LOG2 bits, the first byte lowest. All are full but the last one of a frame, which has `s_units` units and zeros
// above them. The CRC (polynomial 1EDC6F41, reflected, from all ones, inverted at the end) goes into the place behind
// them, or into a beat of its own.
//
// There is no ready on either side. What a beat adds to the CRC takes two ranks behind the one that takes it: 32 bits for each of its units, then their sum. In
// the next the CRC changes: over a full beat, as if zeros followed. So after the last beat as many units of zeros as it lacks are
// taken back, one a cycle. For this, or for the beat of its own, the source leaves time behind the last beat of a frame: as many
// cycles as that beat lacks units, but one at least. link_frame does. A beat comes out five cycles after it came in, the last one later.
module link_crc #(
    parameter OUT_LOG2 = 6
) (
    input  wire                     clk,
    input  wire                     resetn,
    input  wire [(1<<OUT_LOG2)-1:0] s_data,
    input  wire [OUT_LOG2-5:0]      s_units,
    input  wire                     s_last,
    input  wire                     s_valid,
    output reg  [(1<<OUT_LOG2)-1:0] m_data,
    output reg  [(1<<OUT_LOG2)/32-1:0] m_keep,  // which units
    output reg                      m_last,
    output reg                      m_valid
);
  localparam OUT = 1 << OUT_LOG2;
  localparam COUNT = OUT / 32;  // units of a beat
  localparam [COUNT-1:0] FIRST = 1;
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

  // 1 to 3. What the beat adds.
  reg             in_valid, in_last, a_valid, a_last, b_valid, b_last;
  reg [OUT-1:0]   in_data, a_data, b_data;
  reg [OUT_LOG2-5:0] in_units, a_units, b_units;
  reg [32*COUNT-1:0] a_parts;  // bit i of the CRC from all units, for i from 0 to 31
  reg [31:0]      b_adds;
  // 4. The CRC after the beat, if nothing lacks.
  reg             c_valid, c_last;
  reg             done;    // `sum` is right
  reg             ends;    // and no CRC of its own follows
  reg [OUT-1:0]   c_data;
  reg [COUNT-1:0] c_here;  // the unit behind the last
  reg [COUNT-1:0] c_keep;  // that one and those before it
  reg             alone;   // the beat has left, its CRC has not
  reg [OUT_LOG2-5:0] lacking;
  reg [31:0]      sum;
  reg             first;   // `sum` is of another frame

  wire [32*COUNT-1:0] parts;
  wire [31:0] adds, of_sum, back;
  genvar i, j;
  generate
    for (i = 0; i < 32; i = i + 1) begin : bits
      localparam [OUT-1:0] MASK = beat_mask(i);
      localparam [31:0] BACK = back_mask(i);
      for (j = 0; j < COUNT; j = j + 1) begin : units
        assign parts[COUNT*i+j] = ^(in_data[32*j+:32] & MASK[32*j+:32]);
      end
      assign adds[i]   = ^a_parts[COUNT*i+:COUNT];
      assign of_sum[i] = first ? ^MASK[31:0] : ^(sum & MASK[31:0]);
      assign back[i]   = ^(sum & BACK);
    end
  endgenerate

  wire leave = c_valid & done;
  wire gone  = c_valid & ends;  // with its CRC, if it has one

  wire [OUT-1:0] with_crc;
  wire [COUNT-1:0] here, keep;
  generate
    for (i = 0; i < COUNT; i = i + 1) begin : places
      localparam [31:0] PLACE = i;
      localparam [OUT_LOG2-5:0] UNIT = PLACE[OUT_LOG2-5:0];
      assign here[i] = b_last & (b_units == UNIT);
      assign keep[i] = ~b_last | (UNIT < b_units) | (UNIT == b_units);
      assign with_crc[32*i+:32] = c_here[i] ? ~sum : c_data[32*i+:32] & {32{~alone}};
    end
  endgenerate

  always @(posedge clk) begin
    in_data  <= s_data;
    in_units <= s_units;
    in_last  <= s_last;
    a_data  <= in_data;
    a_units <= in_units;
    a_last  <= in_last;
    a_parts <= parts;
    b_data  <= a_data;
    b_units <= a_units;
    b_last  <= a_last;
    b_adds  <= adds;
    if (b_valid) begin
      c_data  <= b_data;
      c_last  <= b_last;
      c_here  <= here;
      c_keep  <= keep;
      sum     <= of_sum ^ b_adds;
      first   <= b_last;
      lacking <= UNITS - b_units;
      done    <= b_units == UNITS;
      ends    <= (b_units == UNITS) & ~b_last;
    end else begin
      if (~done) begin
        sum     <= back;
        lacking <= lacking - ONE;
        done    <= lacking == ONE;
        ends    <= lacking == ONE;
      end
      // A CRC alone is where the first unit would be.
      if (leave) begin
        c_here <= FIRST;
        c_keep <= FIRST;
        ends   <= 1'b1;
      end
    end
    m_data  <= with_crc;
    m_keep  <= c_keep;
    m_last  <= c_last & ends;
    in_valid <= resetn & s_valid;
    a_valid <= resetn & in_valid;
    b_valid <= resetn & a_valid;
    c_valid <= resetn & (b_valid | (c_valid & ~gone));
    alone   <= resetn & leave & ~gone;
    m_valid <= resetn & leave;
    if (~resetn) first <= 1'b1;
  end
endmodule

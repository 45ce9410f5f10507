// Watches a stream of frames as link_crc sends them, and says which have a wrong CRC-32C.
//
// Beats of 2^OUT_LOG2 bits, of which m_keep counts the bytes, in units of four; all are full but the last one of a frame. For each frame
// that has gone by, `checked` is high for a cycle, four cycles after its last beat moved, and with it `fault` if the CRC is
// wrong. Nothing is held back: this only looks.
//
// A full beat multiplies what came before it by x^(2^OUT_LOG2), which as a matrix is dense. But squaring is linear here, and
// OUT_LOG2 squarings make that power of x. So the state is kept as its 2^OUT_LOG2-th root: there a beat is one step of the bit by bit
// CRC, and the root of what a beat adds costs no more than what it adds. Beats that are not full end in zeros, and a right CRC
// leaves a constant for each number of units that they lack.
module link_check #(
    parameter OUT_LOG2 = 6  // 5 to 8
) (
    input  wire                       clk,
    input  wire                       resetn,
    input  wire [(1<<OUT_LOG2)-1:0]   m_data,
    input  wire [(1<<OUT_LOG2)/8-1:0] m_keep,
    input  wire                       m_last,
    input  wire                       m_valid,
    input  wire                       m_ready,
    output reg                        checked,
    output reg                        fault
);
  localparam OUT = 1 << OUT_LOG2;
  localparam UNITS = OUT / 32;
  localparam LACK = OUT_LOG2 > 5 ? OUT_LOG2 - 5 : 1;  // bits of how many units are lacking
  localparam [31:0] POLY = 32'h82F63B78;

  // Polynomials modulo that of the CRC, x^0 in the top bit.
  function [31:0] times_x(input [31:0] a);
    times_x = {1'b0, a[31:1]} ^ (a[0] ? POLY : 32'd0);
  endfunction
  function [31:0] product(input [31:0] a, input [31:0] b);
    integer i;
    reg [31:0] r;
    begin
      product = 32'd0;
      r = a;
      for (i = 31; i >= 0; i = i - 1) begin
        if (b[i]) product = product ^ r;
        r = times_x(r);
      end
    end
  endfunction
  // 31 squarings change nothing, so the others of them are the root.
  function [31:0] root(input [31:0] a);
    integer i;
    begin
      root = a;
      for (i = OUT_LOG2; i < 31; i = i + 1) root = product(root, root);
    end
  endfunction
  function [31:0] times_unit(input [31:0] a);
    integer i;
    begin
      times_unit = a;
      for (i = 0; i < 32; i = i + 1) times_unit = times_x(times_unit);
    end
  endfunction

  // What each bit of a beat adds to the state.
  function [32*OUT-1:0] columns(input [31:0] of_last, input [31:0] root_of_x);
    integer j;
    reg [31:0] r;
    begin
      r = of_last;
      for (j = OUT - 1; j >= 0; j = j - 1) begin
        columns[32*j+:32] = r;
        r = product(r, root_of_x);
      end
    end
  endfunction
  localparam [32*OUT-1:0] COLUMNS = columns(root(POLY), root(32'h40000000));
  function [OUT-1:0] row(input [4:0] index);
    integer j;
    for (j = 0; j < OUT; j = j + 1) row[j] = COLUMNS[32*j+{27'd0, index}];
  endfunction

  // What a right CRC leaves, by the units that are lacking.
  function [32*UNITS-1:0] rests(input [31:0] of_none, input [31:0] root_of_unit);
    integer j;
    reg [31:0] r;
    begin
      r = of_none;
      for (j = 0; j < UNITS; j = j + 1) begin
        rests[32*j+:32] = r;
        r = product(r, root_of_unit);
      end
    end
  endfunction
  localparam [31:0] START = root(32'hFFFFFFFF);
  localparam [32*UNITS-1:0] RESTS = rests(root(times_unit(32'hFFFFFFFF)), root(times_unit(32'h80000000)));

  // a: the beat. b: what it adds. Then the state has it.
  reg            a_valid, a_last, b_valid, b_last, ended;
  reg [OUT-1:0]  a_data;
  reg [LACK-1:0] a_lack, b_lack, lack;
  reg [31:0]     b_adds, state;
  reg            look;

  wire [UNITS-1:0] units;
  wire [OUT-1:0]   kept;
  wire [31:0]      adds, from;
  genvar i;
  generate
    for (i = 0; i < UNITS; i = i + 1) begin : each
      assign units[i] = m_keep[4*i];
      assign kept[32*i+:32] = m_data[32*i+:32] & {32{units[i]}};
      wire _unused = &{1'b0, m_keep[4*i+:4]};
    end
    for (i = 0; i < 32; i = i + 1) begin : bits
      localparam [OUT-1:0] ROW = row(i);
      assign adds[i] = ^(a_data & ROW);
    end
  endgenerate
  integer k;
  reg [LACK-1:0] lacking;
  always @* begin
    lacking = {LACK{1'b0}};
    for (k = 1; k < UNITS; k = k + 1) lacking = lacking + {{(LACK - 1) {1'b0}}, ~units[k]};
  end

  assign from = ended ? START : state;
  wire [31:0] rest;
  generate
    if (UNITS == 1) begin : one_rest
      assign rest = RESTS;
      wire _unused = &{1'b0, lack};
    end else begin : more_rests
      assign rest = RESTS[{lack, 5'd0}+:32];
    end
  endgenerate

  always @(posedge clk) begin
    a_data  <= kept;
    a_last  <= m_last;
    a_lack  <= lacking;
    b_adds  <= adds;
    b_last  <= a_last;
    b_lack  <= a_lack;
    lack    <= b_lack;
    if (b_valid) state <= {1'b0, from[31:1]} ^ (from[0] ? POLY : 32'd0) ^ b_adds;
    fault   <= resetn & look & (state != rest);
    if (~resetn) begin
      a_valid <= 1'b0;
      b_valid <= 1'b0;
      ended   <= 1'b1;
      look    <= 1'b0;
      checked <= 1'b0;
    end else begin
      a_valid <= m_valid & m_ready;
      b_valid <= a_valid;
      if (b_valid) ended <= b_last;
      look    <= b_valid & b_last;
      checked <= look;
    end
  end
endmodule

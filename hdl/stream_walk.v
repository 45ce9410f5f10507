// Where in an image a stream is. `start` is high one cycle before the first position; from there on positions come every
// LAST_WAIT + 1 cycles in a row, and rows every LAST_IN_ROW + 1 cycles. `valid` is high in the cycles of positions, `last` in
// that of the last one, and `row` and `column` say which it is. The next start may come with the last position.
module stream_walk #(
    parameter ROW_BITS = 1,
    parameter COLUMN_BITS = 1,
    parameter IN_ROW_BITS = 1,
    parameter WAIT_BITS = 1,
    parameter [ROW_BITS-1:0] LAST_ROW = 0,
    parameter [COLUMN_BITS-1:0] LAST_COLUMN = 0,
    parameter [IN_ROW_BITS-1:0] LAST_IN_ROW = 0,
    parameter [WAIT_BITS-1:0] LAST_WAIT = 0
) (
    input  wire                   clk,
    input  wire                   resetn,
    input  wire                   start,
    output reg                    valid,
    output wire                   last,
    output reg  [ROW_BITS-1:0]    row,
    output reg  [COLUMN_BITS-1:0] column
);
  reg                   busy;
  reg [IN_ROW_BITS-1:0] in_row;
  reg [WAIT_BITS-1:0]   waited;

  wire last_column = column == LAST_COLUMN;
  wire whole_row = in_row == LAST_IN_ROW;
  wire whole_wait = waited == LAST_WAIT;

  assign last = valid & last_column & (row == LAST_ROW);

  always @(posedge clk) begin
    busy <= resetn & (start | (busy & ~last));
    valid <= resetn & (start | (busy & ~last & (whole_row | (whole_wait & ~last_column))));
    if (~resetn | start) begin
      row <= {ROW_BITS{1'b0}};
      column <= {COLUMN_BITS{1'b0}};
      in_row <= {IN_ROW_BITS{1'b0}};
      waited <= {WAIT_BITS{1'b0}};
    end else if (busy) begin
      row <= whole_row ? row + 1'b1 : row;
      in_row <= whole_row ? {IN_ROW_BITS{1'b0}} : in_row + 1'b1;
      waited <= (whole_row | whole_wait) ? {WAIT_BITS{1'b0}} : waited + 1'b1;
      if (whole_row) column <= {COLUMN_BITS{1'b0}};
      else if (whole_wait & ~last_column) column <= column + 1'b1;
    end
  end
endmodule

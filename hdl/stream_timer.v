// A pulse LEFT + 1 cycles after `start`, at least 2. A pulse may follow another after LEFT cycles.
module stream_timer #(
    parameter BITS = 3,
    parameter [BITS-1:0] LEFT = 7
) (
    input  wire clk,
    input  wire resetn,
    input  wire start,
    output reg  done
);
  localparam [BITS-1:0] NONE = {BITS{1'b0}};

  reg  [BITS-1:0] left;
  wire [BITS-1:0] less = left - 1'b1;

  always @(posedge clk) begin
    done <= resetn & (left != NONE) & (less == NONE);
    if (~resetn) left <= NONE;
    else if (start) left <= LEFT;
    else if (left != NONE) left <= less;
  end
endmodule

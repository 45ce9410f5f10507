// A delay of LAST + 1 cycles, at least 2, in a memory that a counter goes round in.
//
// The word that is read was written LAST cycles ago, and one cycle more is the output register. What is read and what is
// written never is the same word, so the memory may be of any kind. Nothing but the counter has a reset.
module stream_delay #(
    parameter WIDTH = 8,
    parameter BITS = 3,
    parameter [BITS-1:0] LAST = 7
) (
    input  wire             clk,
    input  wire             resetn,
    input  wire [WIDTH-1:0] d,
    output reg  [WIDTH-1:0] q
);
  reg  [WIDTH-1:0] held [0:LAST];
  reg  [BITS-1:0]  at;
  wire [BITS-1:0]  next = at == LAST ? {BITS{1'b0}} : at + 1'b1;

  always @(posedge clk) begin
    at <= resetn ? next : {BITS{1'b0}};
    held[at] <= d;
    q <= held[next];
  end
endmodule

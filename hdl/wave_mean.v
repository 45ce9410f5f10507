// Running mean of the numbers of a record, times 2^SHIFT: what a sample's code is chosen by.
//
// `mean` is that before the number on s_number. After a number it forgets 2^-SHIFT of itself and takes the number in, in the next
// cycle; after the first of a record it is 8 in units of the numbers. It never needs more than WIDTH + SHIFT bits.
module wave_mean #(
    parameter WIDTH = 16,
    parameter SHIFT = 3
) (
    input  wire                   clk,
    input  wire                   s_valid,
    input  wire                   s_first,
    input  wire [WIDTH-1:0]       s_number,
    output reg  [WIDTH+SHIFT-1:0] mean
);
  localparam [WIDTH+SHIFT-1:0] START = {{(WIDTH + SHIFT - 4) {1'b0}}, 4'd8} << SHIFT;

  always @(posedge clk)
    if (s_valid) mean <= s_first ? START : mean + {{SHIFT{1'b0}}, s_number} - {{SHIFT{1'b0}}, mean[WIDTH+SHIFT-1:SHIFT]};
endmodule

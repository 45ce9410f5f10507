// Sum of eight products, weight times difference, modulo 2^SUM and as two numbers that are still to be added: 3 cycles later.
//
// With multipliers: they are slow and far away, so that what they take and give is held in registers of their own.
//
// With LOGIC for multipliers, bit by bit of the weights: two weights pick nothing, one of their differences or the sum of both, which
// is at hand in `pairs`: 40 such rows, two added in the first cycle, then all of two bits, then those of four and of six bits.
module wave_dot #(
    parameter WIDTH = 16,
    parameter SUM   = 24,
    parameter LOGIC = 0   // 1: no multipliers
) (
    input  wire                   clk,
    input  wire [79:0]            weights,  // of 10 bits, two's complement
    input  wire [8*WIDTH-1:0]     past,     // two's complement
    input  wire [4*(WIDTH+1)-1:0] pairs,    // sums of the first two of `past`, of the next two, ...
    output reg  [SUM-1:0]         a,
    output reg  [SUM-1:0]         b
);
  genvar i, j;
  generate
    if (LOGIC == 0) begin : multipliers
      wire [8*SUM-1:0] products;
      wire unused = &{1'b0, pairs};
      for (i = 0; i < 8; i = i + 1) begin : tap
        reg  [9:0]              weight;
        reg  [WIDTH-1:0]        difference;
        reg  [WIDTH+9:0]        product;
        wire signed [WIDTH+9:0] weight_wide = {{WIDTH{weight[9]}}, weight};
        wire signed [WIDTH+9:0] difference_wide = {{10{difference[WIDTH-1]}}, difference};
        wire [SUM+9:0]          wide = {{(SUM - WIDTH) {product[WIDTH+9]}}, product};
        wire unused_wide = &{1'b0, wide[SUM+9:SUM]};
        assign products[i*SUM+:SUM] = wide[SUM-1:0];
        always @(posedge clk) begin
          weight     <= weights[i*10+:10];
          difference <= past[i*WIDTH+:WIDTH];
          product    <= weight_wide * difference_wide;
        end
      end
      always @(posedge clk) begin
        a <= (products[0*SUM+:SUM] + products[1*SUM+:SUM]) + (products[2*SUM+:SUM] + products[3*SUM+:SUM]);
        b <= (products[4*SUM+:SUM] + products[5*SUM+:SUM]) + (products[6*SUM+:SUM] + products[7*SUM+:SUM]);
      end
    end else begin : logic_only
      localparam ROW  = WIDTH + 1;
      localparam TWO  = WIDTH + 2;
      localparam BITS = WIDTH + 5;  // of two bits of the weights
      wire [5*SUM-1:0] digits;
      for (j = 0; j < 10; j = j + 1) begin : weight_bit
        wire [4*ROW-1:0] rows;
        reg  [TWO-1:0]   low, high;
        for (i = 0; i < 4; i = i + 1) begin : pair
          wire p = weights[20*i+j];
          wire q = weights[20*i+10+j];
          wire [WIDTH-1:0] x = past[2*i*WIDTH+:WIDTH];
          wire [WIDTH-1:0] y = past[(2*i+1)*WIDTH+:WIDTH];
          assign rows[i*ROW+:ROW] = p ? (q ? pairs[i*ROW+:ROW] : {x[WIDTH-1], x}) : q ? {y[WIDTH-1], y} : {ROW{1'b0}};
        end
        always @(posedge clk) begin
          low  <= {rows[1*ROW-1], rows[0*ROW+:ROW]} + {rows[2*ROW-1], rows[1*ROW+:ROW]};
          high <= {rows[3*ROW-1], rows[2*ROW+:ROW]} + {rows[4*ROW-1], rows[3*ROW+:ROW]};
        end
      end
      for (j = 0; j < 5; j = j + 1) begin : weight_digit
        reg  [BITS-1:0] digit;
        wire [TWO-1:0] l0 = weight_bit[2*j].low;
        wire [TWO-1:0] h0 = weight_bit[2*j].high;
        wire [TWO-1:0] l1 = weight_bit[2*j+1].low;
        wire [TWO-1:0] h1 = weight_bit[2*j+1].high;
        wire [BITS-1:0] once  = {{3{l0[TWO-1]}}, l0} + {{3{h0[TWO-1]}}, h0};
        wire [BITS-1:0] twice = {{2{l1[TWO-1]}}, l1, 1'b0} + {{2{h1[TWO-1]}}, h1, 1'b0};
        wire [SUM+BITS-1:0] wide = {{SUM{digit[BITS-1]}}, digit} << (2 * j);
        wire unused = &{1'b0, wide[SUM+BITS-1:SUM]};
        assign digits[j*SUM+:SUM] = wide[SUM-1:0];
        // The highest bit of a weight counts less than nothing.
        always @(posedge clk) digit <= j == 4 ? once - twice : once + twice;
      end
      always @(posedge clk) begin
        a <= digits[0*SUM+:SUM] + digits[1*SUM+:SUM];
        b <= digits[2*SUM+:SUM] + digits[3*SUM+:SUM] + digits[4*SUM+:SUM];
      end
    end
  endgenerate
endmodule

// Sum of eight products, weight times difference, modulo 2^SUM and as two numbers that are still to be added.
//
// `s_last` is the difference before that of the sample on s_valid; the seven before it are kept here, and none are after s_first. The
// weights are those of the cycle after s_valid, and the sum is there three cycles later.
//
// With multipliers: they are slow and far away, so that what they take and give is held in registers of their own.
//
// With LOGIC for multipliers, bit by bit of the weights: two weights pick nothing, one of their differences or the sum of both, which
// is at hand: 40 such rows, two added in the first cycle, then all of two bits, then those of four and of six bits.
module wave_dot #(
    parameter WIDTH = 16,
    parameter SUM   = 24,
    parameter LOGIC = 0   // 1: no multipliers
) (
    input  wire             clk,
    input  wire             s_valid,
    input  wire             s_first,
    input  wire [WIDTH-1:0] s_last,
    input  wire [79:0]      weights,  // of 10 bits, two's complement
    output reg  [SUM-1:0]   a,
    output reg  [SUM-1:0]   b
);
  genvar i, j;
  generate
    if (LOGIC == 0) begin : multipliers
      reg  v2, first2;
      reg  [WIDTH-1:0]   last2;
      reg  [8*WIDTH-1:0] past3;
      wire [8*SUM-1:0]   products;
      always @(posedge clk) begin
        v2     <= s_valid;
        first2 <= s_first;
        last2  <= s_last;
        if (v2) past3 <= first2 ? {(8 * WIDTH) {1'b0}} : {past3[7*WIDTH-1:0], last2};
      end
      for (i = 0; i < 8; i = i + 1) begin : tap
        reg  [9:0]              weight;
        reg  [WIDTH+9:0]        product;
        wire signed [WIDTH+9:0] weight_wide = {{WIDTH{weight[9]}}, weight};
        wire signed [WIDTH+9:0] difference_wide = {{10{past3[i*WIDTH+WIDTH-1]}}, past3[i*WIDTH+:WIDTH]};
        wire [SUM+9:0]          wide = {{(SUM - WIDTH) {product[WIDTH+9]}}, product};
        wire unused = &{1'b0, wide[SUM+9:SUM]};
        assign products[i*SUM+:SUM] = wide[SUM-1:0];
        always @(posedge clk) begin
          weight  <= weights[i*10+:10];
          product <= weight_wide * difference_wide;
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
      // Differences and, of each and the one before it, sums; the newest first.
      reg  [8*WIDTH-1:0] past;
      reg  [7*ROW-1:0]   sums;
      wire [ROW-1:0]     twice = {s_last[WIDTH-1], s_last} + {past[WIDTH-1], past[WIDTH-1:0]};
      wire [5*SUM-1:0]   digits;
      always @(posedge clk)
        if (s_valid) begin
          past <= s_first ? {(8 * WIDTH) {1'b0}} : {past[7*WIDTH-1:0], s_last};
          sums <= s_first ? {(7 * ROW) {1'b0}} : {sums[6*ROW-1:0], twice};
        end
      for (j = 0; j < 10; j = j + 1) begin : weight_bit
        wire [4*ROW-1:0] rows;
        reg  [TWO-1:0]   low, high;
        for (i = 0; i < 4; i = i + 1) begin : pair
          wire p = weights[20*i+j];
          wire q = weights[20*i+10+j];
          wire [WIDTH-1:0] x = past[2*i*WIDTH+:WIDTH];
          wire [WIDTH-1:0] y = past[(2*i+1)*WIDTH+:WIDTH];
          assign rows[i*ROW+:ROW] = p ? (q ? sums[2*i*ROW+:ROW] : {x[WIDTH-1], x}) : q ? {y[WIDTH-1], y} : {ROW{1'b0}};
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
        wire [BITS-1:0] low   = {{3{l0[TWO-1]}}, l0} + {{3{h0[TWO-1]}}, h0};
        wire [BITS-1:0] high = {{2{l1[TWO-1]}}, l1, 1'b0} + {{2{h1[TWO-1]}}, h1, 1'b0};
        wire [SUM+BITS-1:0] wide = {{SUM{digit[BITS-1]}}, digit} << (2 * j);
        wire unused = &{1'b0, wide[SUM+BITS-1:SUM]};
        assign digits[j*SUM+:SUM] = wide[SUM-1:0];
        // The highest bit of a weight counts less than nothing.
        always @(posedge clk) digit <= j == 4 ? low - high : low + high;
      end
      always @(posedge clk) begin
        a <= digits[0*SUM+:SUM] + digits[1*SUM+:SUM];
        b <= digits[2*SUM+:SUM] + digits[3*SUM+:SUM] + digits[4*SUM+:SUM];
      end
    end
  endgenerate
endmodule

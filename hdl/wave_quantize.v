// Samples with a bounded error: q = floor((x + BOUND) / (2 BOUND + 1)). Who takes q (2 BOUND + 1) for x is wrong by BOUND at most.
//
// x is the sample less the least of its type: the sample as it is, or with its highest bit turned if SIGNED. q is not negative and
// comes 3 cycles after its sample. The division is a multiplication, and exact:
//
//   q = (x + BOUND) * MULTIPLIER >> DIVIDE, with STEP = 2 BOUND + 1, MULTIPLIER = 2^DIVIDE / STEP rounded up,
//   and the least DIVIDE for which (MULTIPLIER * STEP - 2^DIVIDE) * (2^WIDTH - 1 + BOUND) < 2^DIVIDE
//
// since n * MULTIPLIER / 2^DIVIDE is then less than 1 / STEP above n / STEP. DIVIDE is 2 WIDTH + 1 at most, MULTIPLIER has WIDTH + 2
// bits at most.
module wave_quantize #(
    parameter WIDTH  = 16,  // 4 to 16
    parameter SIGNED = 0,
    parameter BOUND  = 1    // 0 to 2^(WIDTH-1) - 1
) (
    input  wire             clk,
    input  wire             resetn,
    input  wire             s_valid,
    input  wire             s_first,
    input  wire [WIDTH-1:0] s_sample,
    output reg              m_valid,
    output reg              m_first,
    output reg  [WIDTH-1:0] m_sample
);
  localparam [63:0] STEP = {47'd0, BOUND[15:0], 1'b1};
  localparam [63:0] MOST = (64'd1 << WIDTH) - 64'd1 + {48'd0, BOUND[15:0]};
  localparam integer DIVIDE = divide(STEP, MOST);
  localparam [63:0] MULTIPLIER = ((64'd1 << DIVIDE) + STEP - 64'd1) / STEP;
  localparam PRODUCT = 2 * WIDTH + 3;

  function integer divide(input [63:0] step, input [63:0] most);
    integer bits;
    reg [63:0] power, excess;
    begin
      divide = 0;
      for (bits = 2 * WIDTH + 1; bits >= 0; bits = bits - 1) begin
        power  = 64'd1 << bits;
        excess = (power + step - 64'd1) / step * step - power;
        if (excess * most < power) divide = bits;
      end
    end
  endfunction

  reg                v1, v2, first1, first2;
  reg  [WIDTH:0]     sum1;
  reg  [PRODUCT-1:0] product2;
  wire [WIDTH-1:0]   x = s_sample ^ {SIGNED != 0, {(WIDTH - 1) {1'b0}}};
  wire [PRODUCT-1:0] sum_wide = {{(WIDTH + 2) {1'b0}}, sum1};
  wire [PRODUCT+WIDTH-1:0] quotient = {{WIDTH{1'b0}}, product2} >> DIVIDE;
  wire unused = &{1'b0, quotient, MULTIPLIER};

  always @(posedge clk) begin
    {v1, v2, m_valid}       <= {3{resetn}} & {s_valid, v1, v2};
    {first1, first2, m_first} <= {s_first, first1, first2};
    sum1     <= {1'b0, x} + BOUND[WIDTH:0];
    product2 <= sum_wide * MULTIPLIER[PRODUCT-1:0];
    m_sample <= quotient[WIDTH-1:0];
  end
endmodule

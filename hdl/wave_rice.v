// Rice codes of errors, chosen by their running mean.
//
//   error ─► number z ─► mean ─► how many low bits k ─► quotient q = z >> k ─► chunk: q zeros, a one, the low bits
//
// From 16 zeros on: 16 zeros and all of z. The first sample of a record is sent as it is, in WIDTH bits. A chunk has its first bit
// lowest and zeros above m_bits bits, and comes 7 cycles after its error.
//
// Escape and first sample go the way of all others: the escape as q = 15, a zero for the one, and k = WIDTH; the first sample x as
// q = 0, x[0] for the one, and the others as k = WIDTH - 1 low bits.
module wave_rice #(
    parameter WIDTH = 16,
    parameter SHIFT = 3,  // the mean forgets 2^-SHIFT of itself
    parameter BIAS  = 0   // quarters that are taken from the mean before it gives k, 0 to 3
) (
    input  wire              clk,
    input  wire              resetn,
    input  wire              s_valid,
    input  wire              s_first,
    input  wire [WIDTH-1:0]  s_error,
    output wire              m_valid,
    output reg  [WIDTH+15:0] m_chunk,
    output reg  [5:0]        m_bits
);
  localparam [4:0] WHOLE = WIDTH[4:0];

  // 1. The number: 2e, or -2e - 1 if e < 0. Of a first sample the bits but the lowest, which takes the place of the one.
  reg              first1, one1;
  reg  [WIDTH-1:0] z1;
  wire [WIDTH-1:0] folded = {s_error[WIDTH-2:0], 1'b0} ^ {WIDTH{s_error[WIDTH-1]}};
  wire [WIDTH+SHIFT-1:0] mean1;
  reg  [6:0]       v;

  always @(posedge clk) begin
    v      <= {7{resetn}} & {v[5:0], s_valid};
    first1 <= s_first;
    one1   <= ~s_first | s_error[0];
    z1     <= s_first ? {1'b0, s_error[WIDTH-1:1]} : folded;
  end
  assign m_valid = v[6];

  wave_mean #(
      .WIDTH(WIDTH),
      .SHIFT(SHIFT)
  ) running (
      .clk     (clk),
      .s_valid (v[0]),
      .s_first (first1),
      .s_number(z1),
      .mean    (mean1)
  );

  // 2. The mean less the bias, halved. It is not negative: a mean never falls below 2^SHIFT - 1, and the bias is three quarters of
  // 2^SHIFT at most.
  localparam [WIDTH+SHIFT-1:0] LESS = {{(WIDTH + SHIFT - 2) {1'b0}}, BIAS[1:0]} << (SHIFT - 2);
  wire [WIDTH+SHIFT-1:0] left1 = mean1 - LESS;
  wire unused_left = &{1'b0, left1[SHIFT:0]};
  reg              first2, one2;
  reg  [WIDTH-1:0] z2;
  reg  [WIDTH-2:0] half2;

  // 3. As many ones as it has bits: they mark the low bits of z.
  reg              one3;
  reg  [WIDTH-1:0] z3;
  reg  [WIDTH-2:0] low3;
  wire [WIDTH-2:0] marks;
  genvar i;
  generate
    for (i = 0; i < WIDTH - 1; i = i + 1) begin : mark
      assign marks[i] = first2 | (|half2[WIDTH-2:i]);
    end
  endgenerate

  // 4. Their number, and whether a bit of z above the low ones and four more is set.
  reg              one4, over4;
  reg  [WIDTH-1:0] z4;
  reg  [WIDTH-2:0] low4;
  reg  [3:0]       low_bits4;
  wire [15:0]      ones = {{(17 - WIDTH) {1'b0}}, low3};
  wire k8 = ones[7];
  wire k4 = k8 ? ones[11] : ones[3];
  wire k2 = k8 ? (k4 ? ones[13] : ones[9]) : k4 ? ones[5] : ones[1];
  wire k1 = k8 ? (k4 ? (k2 ? ones[14] : ones[12]) : k2 ? ones[10] : ones[8])
               : k4 ? (k2 ? ones[6] : ones[4]) : k2 ? ones[2] : ones[0];
  wire [WIDTH+2:0] kept = {low3, 4'b1111};

  // 5. The quotient, and what comes behind its zeros.
  reg  [WIDTH:0]   rest5;
  reg  [3:0]       q5;
  reg  [4:0]       k5;
  wire [18:0]      z_wide = {{(19 - WIDTH) {1'b0}}, z4};

  // 6 and 7. The zeros.
  reg  [WIDTH+12:0] rest6;
  reg  [1:0]        q6;
  reg  [5:0]        bits6;

  always @(posedge clk) begin
    {first2, one2, z2} <= {first1, one1, z1};
    half2 <= left1[WIDTH+SHIFT-1:SHIFT+1];
    {one3, z3, low3}   <= {one2, z2, marks};
    {one4, z4, low4}   <= {one3, z3, low3};
    low_bits4 <= {k8, k4, k2, k1};
    over4 <= |(z3 & ~kept[WIDTH-1:0]);
    q5    <= z_wide[{1'b0, low_bits4}+:4] | {4{over4}};
    k5    <= over4 ? WHOLE : {1'b0, low_bits4};
    rest5 <= {z4 & ({1'b0, low4} | {WIDTH{over4}}), one4 & ~over4};
    rest6 <= {{12{1'b0}}, rest5} << {q5[3:2], 2'b00};
    q6    <= q5[1:0];
    bits6 <= {2'd0, q5} + {1'b0, k5} + 6'd1;
    m_chunk <= {{3{1'b0}}, rest6} << q6;
    m_bits  <= bits6;
  end
  wire unused_above = &{1'b0, ones[15], kept[WIDTH+2:WIDTH]};
endmodule

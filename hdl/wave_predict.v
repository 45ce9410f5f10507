// What is left of a sample after a prediction of it: the difference to the sample before, less what eight weights say about it.
//
//   sample ─► difference d ─► products with the weights ─► sums ─► error e = d - prediction ─► sign ─► weights, DELAY samples later
//
// All is modulo 2^WIDTH, so nothing is clamped; docs/adr/0009-waveforms.md has the arithmetic. `s_first` starts a record: its sample
// comes out as it is, and nothing of the record before is known. One sample a cycle at most, gaps of any length, no ready; an error
// comes LATENCY cycles after its sample: 6 with taps, 2 without.
//
// The sign of an error waits in a small memory, since the delay is of samples and not of cycles: sample n reads that of sample
// n - 1 - DELAY. It takes five cycles to get there and one to move the weights: hence DELAY is 5 or more. In a record's first samples
// that sign is of another record, and moves nothing, since the differences it is multiplied with are still 0.
module wave_predict #(
    parameter WIDTH    = 16,  // bits of a sample
    parameter TAPS     = 8,   // 8, or 0: the difference alone
    parameter FRACTION = 8,   // fractional bits of the weights
    parameter DELAY    = 5,   // samples after which an error reaches the weights, 5 to 15, beyond the one it must be
    parameter LOGIC    = 0    // 1: no multipliers
) (
    input  wire             clk,
    input  wire             resetn,
    input  wire             s_valid,
    input  wire             s_first,
    input  wire [WIDTH-1:0] s_sample,
    output wire             m_valid,
    output wire             m_first,
    output wire [WIDTH-1:0] m_error  // two's complement
);
  // 1. The sample and the one before it.
  reg             v1, first1;
  reg [WIDTH-1:0] sample1, before1;
  // 2. Their difference.
  reg             v2, first2;
  reg [WIDTH-1:0] d2;

  always @(posedge clk) begin
    v1 <= resetn & s_valid;
    v2 <= resetn & v1;
    if (s_valid) begin
      first1  <= s_first;
      sample1 <= s_sample;
      before1 <= s_first ? {WIDTH{1'b0}} : sample1;
    end
    if (v1) begin
      first2 <= first1;
      d2     <= sample1 - before1;
    end
  end

  generate
    if (TAPS == 0) begin : difference
      assign m_valid = v2;
      assign m_first = first2;
      assign m_error = d2;
    end else begin : lms
      localparam WEIGHT = 10;
      localparam SUM = WIDTH + FRACTION;  // more bits of a sum are not asked for
      localparam [WEIGHT-1:0] MOST = {1'b0, {(WEIGHT - 1) {1'b1}}};
      localparam [3:0] LATE = 4'd15 - DELAY[3:0];  // -1 - DELAY

      // With the difference: the signs of those before it, the newest first.
      reg  [DELAY+7:0] rose, fell;
      wire [WIDTH-1:0] last = first2 ? {WIDTH{1'b0}} : d2;

      always @(posedge clk)
        if (v1) begin
          rose <= first1 ? {(DELAY + 8) {1'b0}} : {rose[DELAY+6:0], ~last[WIDTH-1] & (|last)};
          fell <= first1 ? {(DELAY + 8) {1'b0}} : {fell[DELAY+6:0], last[WIDTH-1]};
        end

      // On the way to the error.
      reg [WIDTH-1:0] difference3, difference4, difference5, error6;
      reg             v3, v4, v5, v6, first3, first4, first5, first6;

      // The signs of the last errors, and the one that the next sample is to see: read ahead, or taken on its way to the memory. There
      // they are inverted, or synthesis takes the register for one of the memory, and reads it after the clock and not before.
      reg  [1:0] signs_n[0:15];
      reg  [3:0] next_read, next_write;
      reg        up, down;
      wire [3:0] read_at = next_read + {3'd0, v1};
      wire [1:0] sign6   = {~error6[WIDTH-1] & (|error6), error6[WIDTH-1]};

      always @(posedge clk) begin
        if (v6) signs_n[next_write] <= ~sign6;
        {up, down} <= v6 & next_write == read_at ? sign6 : ~signs_n[read_at];
        if (~resetn) begin
          next_read  <= LATE;
          next_write <= 4'd0;
        end else begin
          next_read  <= read_at;
          next_write <= next_write + {3'd0, v6};
        end
      end

      // 2. Weights.
      wire [8*WEIGHT-1:0] weights2;
      genvar i;
      for (i = 0; i < 8; i = i + 1) begin : tap
        reg [WEIGHT-1:0] weight;
        wire more = (up & rose[DELAY+i]) | (down & fell[DELAY+i]);
        wire less = (up & fell[DELAY+i]) | (down & rose[DELAY+i]);
        assign weights2[i*WEIGHT+:WEIGHT] = weight;

        always @(posedge clk)
          if (v1) begin
            if (first1) weight <= {WEIGHT{1'b0}};
            else if ((more & weight != MOST) | (less & weight != ~MOST))
              weight <= weight + {{(WEIGHT - 1) {less}}, 1'b1};
          end
      end

      // 5. What they say about d, times 2^FRACTION.
      wire [SUM-1:0] a5, b5;
      wave_dot #(
          .WIDTH(WIDTH),
          .SUM  (SUM),
          .LOGIC(LOGIC)
      ) dot (
          .clk    (clk),
          .s_valid(v1),
          .s_first(first1),
          .s_last (last),
          .weights(weights2),
          .a      (a5),
          .b      (b5)
      );

      // 6. The error: d less the rounded sum, which is d and just less than a half, less the sum.
      wire [SUM-1:0]  half5 = {difference5, 1'b0, {(FRACTION - 1) {1'b1}}};
      wire [SUM-1:0]  rest5 = half5 - a5 - b5;
      wire unused = &{1'b0, rest5[FRACTION-1:0]};

      always @(posedge clk) begin
        error6 <= rest5[SUM-1:FRACTION];
        {difference3, difference4, difference5} <= {d2, difference3, difference4};
        {first3, first4, first5, first6}        <= {first2, first3, first4, first5};
        {v3, v4, v5, v6} <= {4{resetn}} & {v2, v3, v4, v5};
      end
      assign m_valid = v6;
      assign m_first = first6;
      assign m_error = error6;
    end
  endgenerate
endmodule

// One lane of waveforms, coded without loss: a sample in, its bits out, one a cycle at most and gaps of any length between them.
//
//   samples ─► wave_predict ─► errors ─► wave_rice or wave_table ─► chunks
//
// `s_first` starts a record, of any length from 1; records may follow each other without a gap. A chunk has its first bit lowest and
// zeros above m_bits bits. It comes LATENCY cycles after its sample: (TAPS == 0 ? 2 : 6) + (TABLES == 0 ? 7 : 9). There is no ready.
// The first sample after reset has s_first. docs/adr/0009-waveforms.md has the arithmetic.
module wave_lane #(
    parameter              WIDTH    = 16,             // bits of a sample, 4 to 16; signed or not is all the same
    parameter              TAPS     = 8,              // 8 or 0
    parameter              FRACTION = 8,              // of the weights
    parameter              DELAY    = 5,              // samples until an error reaches the weights, 5 to 15
    parameter              LOGIC    = 0,              // 1: no multipliers
    parameter              SHIFT    = 2,              // of the mean, 2 to 6
    parameter              TABLES   = 0,              // 0: Rice codes
    parameter              BIAS     = 0,              // of Rice codes, 0 to 3
    parameter              BASE     = 0,              // of tables, 0 to 9
    parameter [17*512-1:0] ROM      = {512{17'h11000}}  // of tables
) (
    input  wire                                 clk,
    input  wire                                 resetn,
    input  wire                                 s_valid,
    input  wire                                 s_first,
    input  wire [WIDTH-1:0]                     s_sample,
    output wire                                 m_valid,
    output wire [WIDTH+(TABLES==0?15:11):0]     m_chunk,
    output wire [5:0]                           m_bits
);
  wire             valid, first;
  wire [WIDTH-1:0] error;

  wave_predict #(
      .WIDTH   (WIDTH),
      .TAPS    (TAPS),
      .FRACTION(FRACTION),
      .DELAY   (DELAY),
      .LOGIC   (LOGIC)
  ) predict (
      .clk     (clk),
      .resetn  (resetn),
      .s_valid (s_valid),
      .s_first (s_first),
      .s_sample(s_sample),
      .m_valid (valid),
      .m_first (first),
      .m_error (error)
  );

  generate
    if (TABLES == 0) begin : rice
      wave_rice #(
          .WIDTH(WIDTH),
          .SHIFT(SHIFT),
          .BIAS (BIAS)
      ) code (
          .clk    (clk),
          .resetn (resetn),
          .s_valid(valid),
          .s_first(first),
          .s_error(error),
          .m_valid(m_valid),
          .m_chunk(m_chunk),
          .m_bits (m_bits)
      );
    end else begin : tables
      wave_table #(
          .WIDTH(WIDTH),
          .SHIFT(SHIFT),
          .BASE (BASE),
          .ROM  (ROM)
      ) code (
          .clk    (clk),
          .resetn (resetn),
          .s_valid(valid),
          .s_first(first),
          .s_error(error),
          .m_valid(m_valid),
          .m_chunk(m_chunk),
          .m_bits (m_bits)
      );
    end
  endgenerate
endmodule

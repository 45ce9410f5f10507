// Collects BEATS beats to one vector, the first beat lowest.
//
// The vector has the s_user of its first beat and the s_last of its last one. A beat before that with s_last is a framing fault:
// what there is of the vector is thrown away, `fault` is high for a cycle, and the next beat is the first of a vector.
//
// s_ready comes from registers alone. A vector is offered in the cycle after its last beat; one every BEATS cycles, without
// a pause, if it is taken at once. In reset nothing is taken.
module link_gather #(
    parameter BEAT  = 32,
    parameter BEATS = 4  // 2 or more
) (
    input  wire                  clk,
    input  wire                  resetn,
    input  wire [BEAT-1:0]       s_data,
    input  wire [15:0]           s_user,
    input  wire                  s_last,
    input  wire                  s_valid,
    output wire                  s_ready,
    output reg  [BEAT*BEATS-1:0] m_data,
    output reg  [15:0]           m_user,
    output reg                   m_last,
    output reg                   m_valid,
    input  wire                  m_ready,
    output reg                   fault
);
  localparam BITS = $clog2(BEATS);
  localparam [31:0] LAST_WIDE = BEATS - 1;
  localparam [BITS-1:0] LAST = LAST_WIDE[BITS-1:0];
  localparam HELD = BEAT * (BEATS - 1);

  reg             open;  // not in reset
  reg [BITS-1:0]  at;    // place of the next beat
  reg [HELD-1:0]  held;  // moves down by a beat, so that the first one is lowest when the last one comes
  reg [15:0]      user;
  wire [HELD+BEAT-1:0] vector = {s_data, held};

  wire ends = at == LAST;
  wire take  = s_valid & s_ready;
  wire whole = take & ends;
  wire early = take & s_last & ~ends;

  // The last beat waits until the vector before it is gone: it has as many cycles as there are other beats.
  assign s_ready = open & ~(ends & m_valid);

  always @(posedge clk) begin
    if (take) held <= vector[HELD+BEAT-1:BEAT];
    if (take & ~(|at)) user <= s_user;
    if (whole) begin
      m_data <= vector;
      m_user <= user;
      m_last <= s_last;
    end
    open <= resetn;
    if (~resetn) begin
      at      <= {BITS{1'b0}};
      m_valid <= 1'b0;
      fault   <= 1'b0;
    end else begin
      if (whole | early) at <= {BITS{1'b0}};
      else if (take) at <= at + {{(BITS - 1) {1'b0}}, 1'b1};
      m_valid <= whole | (m_valid & ~m_ready);
      fault   <= early;
    end
  end
endmodule

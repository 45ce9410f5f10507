// One-beat skid buffer: cuts the ready path of a valid/ready stream and adds no latency.
//
// s_ready comes from a register, so it cannot follow m_ready in the same cycle. The one beat that is accepted while the
// output turns out to be stalled goes into `held` and leaves first. m_valid never waits for m_ready; m_data and m_valid
// stay until the beat is taken. During reset nothing is accepted.
module skid_buffer #(
    parameter WIDTH = 8
) (
    input  wire             clk,
    input  wire             resetn,
    input  wire [WIDTH-1:0] s_data,
    input  wire             s_valid,
    output wire             s_ready,
    output wire [WIDTH-1:0] m_data,
    output wire             m_valid,
    input  wire             m_ready
);
  reg             open;  // the buffer can take a beat: not full, and not in reset
  reg             full;
  reg [WIDTH-1:0] held;

  wire stalled = m_valid & ~m_ready;

  assign s_ready = open;
  assign m_valid = full | (s_valid & open);
  assign m_data  = full ? held : s_data;

  always @(posedge clk) begin
    if (open) held <= s_data;
    full <= resetn & stalled;
    open <= resetn & ~stalled;
  end
endmodule

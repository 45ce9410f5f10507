// FIFO of a valid/ready stream. A memory that is read into a register: block RAM where it is deep, LUT RAM where it is not, as the
// tool decides.
// Block RAM is slow to show what it reads, so that nothing but another register, m_data, follows it.
//
// s_ready and m_valid come from registers. `used` counts the beats inside, those in the registers too; a writer that keeps an
// eye on it need not look at s_ready. What is written while s_ready is low is lost, and nothing else happens.
module link_fifo #(
    parameter WIDTH = 8,
    parameter DEPTH_LOG2 = 4
) (
    input  wire                  clk,
    input  wire                  resetn,
    input  wire [WIDTH-1:0]      s_data,
    input  wire                  s_valid,
    output wire                  s_ready,
    output reg  [WIDTH-1:0]      m_data,
    output reg                   m_valid,
    input  wire                  m_ready,
    output wire [DEPTH_LOG2+1:0] used
);
  localparam [DEPTH_LOG2:0] ONE = 1;
  // Nothing is written where it is read in the same cycle.
  (* no_rw_check *) reg [WIDTH-1:0] memory[0:(1<<DEPTH_LOG2)-1];
  reg [WIDTH-1:0]    fetched;
  reg                fetched_valid;
  reg [DEPTH_LOG2:0] head;  // next to be written
  reg [DEPTH_LOG2:0] tail;  // next to be fetched
  reg [DEPTH_LOG2:0] count;
  reg                open;  // not in reset

  assign s_ready = open & ~count[DEPTH_LOG2];
  assign used    = {1'b0, count};
  wire write = s_valid & s_ready;
  wire move  = ~m_valid | m_ready;
  wire fetch = (head != tail) & (~fetched_valid | move);
  wire taken = m_valid & m_ready;

  always @(posedge clk) begin
    if (write) memory[head[DEPTH_LOG2-1:0]] <= s_data;
    if (fetch) fetched <= memory[tail[DEPTH_LOG2-1:0]];
    if (move) m_data <= fetched;
    open <= resetn;
    if (~resetn) begin
      head          <= {(DEPTH_LOG2 + 1) {1'b0}};
      tail          <= {(DEPTH_LOG2 + 1) {1'b0}};
      count         <= {(DEPTH_LOG2 + 1) {1'b0}};
      fetched_valid <= 1'b0;
      m_valid       <= 1'b0;
    end else begin
      if (write) head <= head + ONE;
      if (fetch) tail <= tail + ONE;
      if (write & ~taken) count <= count + ONE;
      if (taken & ~write) count <= count - ONE;
      fetched_valid <= fetch | (fetched_valid & ~move);
      m_valid       <= fetched_valid | ~move;
    end
  end
endmodule

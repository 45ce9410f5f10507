// FIFO of a valid/ready stream. A memory that is read into a register: block RAM where it is deep, LUT RAM where it is not.
//
// s_ready and m_valid come from registers. `used` counts the beats inside, the one on m_data too; a writer that keeps an
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
  reg [WIDTH-1:0]    memory[0:(1<<DEPTH_LOG2)-1];
  reg [DEPTH_LOG2:0] head;  // next to be written
  reg [DEPTH_LOG2:0] tail;  // next to be read into m_data
  reg                open;  // not in reset

  wire [DEPTH_LOG2:0] stored = head - tail;
  wire write = s_valid & s_ready;
  wire read  = (head != tail) & (~m_valid | m_ready);

  assign s_ready = open & ~stored[DEPTH_LOG2];
  assign used    = {1'b0, stored} + {{(DEPTH_LOG2 + 1) {1'b0}}, m_valid};

  always @(posedge clk) begin
    if (write) memory[head[DEPTH_LOG2-1:0]] <= s_data;
    if (read) m_data <= memory[tail[DEPTH_LOG2-1:0]];
    open <= resetn;
    if (~resetn) begin
      head    <= {(DEPTH_LOG2 + 1) {1'b0}};
      tail    <= {(DEPTH_LOG2 + 1) {1'b0}};
      m_valid <= 1'b0;
    end else begin
      if (write) head <= head + {{DEPTH_LOG2{1'b0}}, 1'b1};
      if (read) tail <= tail + {{DEPTH_LOG2{1'b0}}, 1'b1};
      m_valid <= read | (m_valid & ~m_ready);
    end
  end
endmodule

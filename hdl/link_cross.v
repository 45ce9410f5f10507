// FIFO of a valid/ready stream between two clocks that need not know of each other.
//
//   s_clk: memory, head ──Gray──► two flops ──► m_clk: tail, output register
//          ready ◄── two flops ◄──Gray── tail
//
// The pointers cross as Gray code from registers: one bit changes at a time, so what a synchroniser catches is the pointer
// before or after, and a memory word is written two edges of the other clock before it is read. s_ready, m_valid and m_data
// come from registers. 2^DEPTH_LOG2 beats fit, and one more on m_data.
//
// Each reset belongs to its own clock. Both have to be low together for four cycles of the slower clock; then either may
// rise first. Beats that are inside when the first of them falls are lost, and until the second has fallen what comes out is
// undefined. The bits of a pointer have to arrive within one period of the clock that they come from of each other: constrain
// the paths into head_meta and tail_meta to that (a maximum delay), and to nothing else.
module link_cross #(
    parameter WIDTH = 8,
    parameter DEPTH_LOG2 = 4  // 1 or more; 4 for full speed
) (
    input  wire             s_clk,
    input  wire             s_resetn,
    input  wire [WIDTH-1:0] s_data,
    input  wire             s_valid,
    output reg              s_ready,
    input  wire             m_clk,
    input  wire             m_resetn,
    output reg  [WIDTH-1:0] m_data,
    output reg              m_valid,
    input  wire             m_ready
);
  // Full: the pointers in Gray code differ in their two highest bits and in no other.
  localparam [DEPTH_LOG2:0] ROUND = 3 << (DEPTH_LOG2 - 1);

  reg [WIDTH-1:0]    memory[0:(1<<DEPTH_LOG2)-1];
  reg [DEPTH_LOG2:0] head, head_gray;  // next to be written
  reg [DEPTH_LOG2:0] tail, tail_gray;  // next to be read into m_data
  (* ASYNC_REG = "TRUE" *) reg [DEPTH_LOG2:0] tail_meta;
  (* ASYNC_REG = "TRUE" *) reg [DEPTH_LOG2:0] tail_seen;
  (* ASYNC_REG = "TRUE" *) reg [DEPTH_LOG2:0] head_meta;
  (* ASYNC_REG = "TRUE" *) reg [DEPTH_LOG2:0] head_seen;

  wire write = s_valid & s_ready;
  wire [DEPTH_LOG2:0] head_next = head + {{DEPTH_LOG2{1'b0}}, write};
  wire [DEPTH_LOG2:0] head_next_gray = head_next ^ (head_next >> 1);

  always @(posedge s_clk) begin
    if (write) memory[head[DEPTH_LOG2-1:0]] <= s_data;
    tail_meta <= tail_gray;
    tail_seen <= tail_meta;
    if (~s_resetn) begin
      head      <= {(DEPTH_LOG2 + 1) {1'b0}};
      head_gray <= {(DEPTH_LOG2 + 1) {1'b0}};
      s_ready   <= 1'b0;
    end else begin
      head      <= head_next;
      head_gray <= head_next_gray;
      s_ready   <= head_next_gray != (tail_seen ^ ROUND);
    end
  end

  wire read = (head_seen != tail_gray) & (~m_valid | m_ready);
  wire [DEPTH_LOG2:0] tail_next = tail + {{DEPTH_LOG2{1'b0}}, read};

  always @(posedge m_clk) begin
    if (read) m_data <= memory[tail[DEPTH_LOG2-1:0]];
    head_meta <= head_gray;
    head_seen <= head_meta;
    if (~m_resetn) begin
      tail      <= {(DEPTH_LOG2 + 1) {1'b0}};
      tail_gray <= {(DEPTH_LOG2 + 1) {1'b0}};
      m_valid   <= 1'b0;
    end else begin
      tail      <= tail_next;
      tail_gray <= tail_next ^ (tail_next >> 1);
      m_valid   <= read | (m_valid & ~m_ready);
    end
  end
endmodule

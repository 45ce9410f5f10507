// FIFO of a valid/ready stream: a memory and a register behind it, m_data. Block RAM is slow to show what it reads, so it has
// a register of its own before that one.
//
// s_ready and m_valid come from registers. `used` counts the beats in the memory, one that left it a cycle longer; a writer that keeps
// an eye on it need not look at s_ready. What is written while s_ready is low, or during reset, is lost, and nothing else happens.
module link_fifo #(
    parameter WIDTH = 8,
    parameter DEPTH_LOG2 = 4,
    parameter LUT_RAM = 0  // 1: in LUT RAM. 0: the tool decides
) (
    input  wire                clk,
    input  wire                resetn,
    input  wire [WIDTH-1:0]    s_data,
    input  wire                s_valid,
    output wire                s_ready,
    output reg  [WIDTH-1:0]    m_data,
    output reg                 m_valid,
    input  wire                m_ready,
    output reg  [DEPTH_LOG2:0] used
);
  localparam [DEPTH_LOG2-1:0] ONE = 1;
  reg [DEPTH_LOG2-1:0] head;   // next to be written
  reg [DEPTH_LOG2-1:0] tail;   // next to leave the memory
  reg [DEPTH_LOG2-1:0] after;  // the one behind it
  reg                  some;   // beats are in the memory
  reg                  left;   // one has left it

  assign s_ready = ~used[DEPTH_LOG2];
  wire write = s_valid & s_ready;
  wire move  = ~m_valid | m_ready;
  wire fetch;

  // Nothing is written where it is read in the same cycle.
  generate
    if (LUT_RAM != 0) begin : lut
      (* no_rw_check, ram_style = "distributed" *) reg [WIDTH-1:0] memory[0:(1<<DEPTH_LOG2)-1];
      assign fetch = some & move;
      always @(posedge clk) begin
        if (write) memory[head] <= s_data;
        if (move) m_data <= memory[tail];
        m_valid <= resetn & (some | ~move);
      end
    end else begin : any
      (* no_rw_check *) reg [WIDTH-1:0] memory[0:(1<<DEPTH_LOG2)-1];
      reg [WIDTH-1:0] fetched;
      reg             fetched_valid;
      assign fetch = some & (~fetched_valid | move);
      always @(posedge clk) begin
        if (write) memory[head] <= s_data;
        if (fetch) fetched <= memory[tail];
        if (move) m_data <= fetched;
        fetched_valid <= resetn & (fetch | (fetched_valid & ~move));
        m_valid       <= resetn & (fetched_valid | ~move);
      end
    end
  endgenerate

  always @(posedge clk) begin
    if (~resetn) begin
      head  <= {DEPTH_LOG2{1'b0}};
      tail  <= {DEPTH_LOG2{1'b0}};
      after <= ONE;
      used  <= {(DEPTH_LOG2 + 1) {1'b0}};
      some  <= 1'b0;
      left  <= 1'b0;
    end else begin
      if (write) head <= head + ONE;
      if (fetch) tail <= after;
      if (fetch) after <= after + ONE;
      if (write & ~left) used <= used + {1'b0, ONE};
      if (left & ~write) used <= used - {1'b0, ONE};
      some <= write | (fetch ? after != head : some);
      left <= fetch;
    end
  end
endmodule

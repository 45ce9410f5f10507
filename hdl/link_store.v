// Memory of words for a reader who knows how many are in it, and what it is to read comes without a handshake.
//
// m_data is the oldest word, three cycles after it was written and the one before it taken with `next`. `used` counts them; a
// writer keeps an eye on it. There are no enables behind the memory, and block RAM, slow to show what it reads, is followed by nothing
// but another register.
module link_store #(
    parameter WIDTH = 8,
    parameter DEPTH_LOG2 = 4,
    parameter LUT_RAM = 0,   // 1: larger and faster. 0: the tool decides
    parameter BANK_LOG2 = 4  // banks of LUT RAM, that need nothing more: their outputs are registers. Below DEPTH_LOG2
) (
    input  wire                clk,
    input  wire                resetn,
    input  wire [WIDTH-1:0]    s_data,
    input  wire                s_valid,
    input  wire                next,
    output reg  [WIDTH-1:0]    m_data,
    output reg  [DEPTH_LOG2:0] used
);
  localparam [DEPTH_LOG2-1:0] ONE = 1;
  localparam LANE = LUT_RAM != 0 && WIDTH > 32 ? 32 : WIDTH;
  reg [DEPTH_LOG2-1:0] head;  // next to be written

  genvar k, b;
  generate
    // In LUT RAM each lane has an address of its own, so that it has no long way.
    for (k = 0; k < WIDTH; k = k + LANE) begin : lanes
      localparam BITS = k + LANE < WIDTH ? LANE : WIDTH - k;
      (* keep *) reg [DEPTH_LOG2-1:0] tail;
      wire [BITS-1:0] shown;
      if (LUT_RAM != 0) begin : banks
        localparam TOP = DEPTH_LOG2 - BANK_LOG2;
        wire [(BITS<<TOP)-1:0] every;
        reg  [TOP-1:0] from;
        assign shown = every[from*BITS+:BITS];
        always @(posedge clk) from <= tail[DEPTH_LOG2-1:BANK_LOG2];
        for (b = 0; b < 1 << TOP; b = b + 1) begin : bank
          (* ram_style = "distributed" *) reg [BITS-1:0] memory[0:(1<<BANK_LOG2)-1];
          reg [BITS-1:0] fetched;
          assign every[b*BITS+:BITS] = fetched;
          always @(posedge clk) begin
            if (s_valid && head[DEPTH_LOG2-1:BANK_LOG2] == b[TOP-1:0]) memory[head[BANK_LOG2-1:0]] <= s_data[k+:BITS];
            fetched <= memory[tail[BANK_LOG2-1:0]];
          end
        end
      end
      if (LUT_RAM == 0) begin : any
        // What is written and read in the same cycle is of no use yet.
        (* no_rw_check *) reg [BITS-1:0] memory[0:(1<<DEPTH_LOG2)-1];
        reg [BITS-1:0] fetched;
        assign shown = fetched;
        always @(posedge clk) begin
          if (s_valid) memory[head] <= s_data[k+:BITS];
          fetched <= memory[tail];
        end
      end
      always @(posedge clk) begin
        m_data[k+:BITS] <= shown;
        if (~resetn) tail <= {DEPTH_LOG2{1'b0}};
        else if (next) tail <= tail + ONE;
      end
    end
  endgenerate

  always @(posedge clk) begin
    if (~resetn) begin
      head <= {DEPTH_LOG2{1'b0}};
      used <= {(DEPTH_LOG2 + 1) {1'b0}};
    end else begin
      if (s_valid) head <= head + ONE;
      if (s_valid & ~next) used <= used + {1'b0, ONE};
      if (next & ~s_valid) used <= used - {1'b0, ONE};
    end
  end
endmodule

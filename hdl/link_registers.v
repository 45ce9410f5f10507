// Registers of a link: an AXI4-Lite slave that says what the core is, resets it, and counts what happens.
//
//   00 ID          ro   04 VERSION ro   08 MODEL ro   0C LINK ro (16 bits)
//   10 CONTROL     rw   bit 0 soft reset: write 1, reads 1 while the core is held in reset, for 16 cycles
//                       bit 1 clear: write 1, all counters are 0; reads 0
//                       bit 2 drop: lose events rather than stall the input
//   14 STATUS      ro   bit 0 the input is ready, bit 1 the output waits, bit 2 the core is in reset
//   18 THRESHOLD   rw   16 bits
//   20 to 5C       ro   eight counters of 64 bits, the low word at the lower address: EVENTS, WORDS, FRAMES, STALLS_IN,
//                       STALLS_OUT, LOST, TRUNCATED, CRC_ERRORS. Counter n counts the cycles in which count[n] is high
//
// A read of a low word keeps the high word of the same moment for the next read of any high word. Reads of other addresses
// give 0 and SLVERR; writes to them and to what is ro have no effect and get SLVERR. The lowest two bits of an
// address do not matter. One read and one write at a time; no output but through a register.
//
// The counters are in two small memories and take turns at one adder: what has come for a counter is added every eight cycles,
// and four cycles later it is in its high word. A read of a low word waits for its turn: the data is there 7 to 14 cycles
// after the address is taken, and that of any other read 2 cycles after.
module link_registers #(
    parameter [31:0] ID        = 32'h534C5543,
    parameter [31:0] VERSION   = 32'd1,
    parameter [31:0] MODEL     = 32'd0,
    parameter [15:0] LINK      = 16'd0,
    parameter        DROP      = 1'b0,
    parameter [15:0] THRESHOLD = 16'd0
) (
    input  wire        aclk,
    input  wire        aresetn,
    input  wire [7:0]  s_axil_awaddr,
    input  wire        s_axil_awvalid,
    output wire        s_axil_awready,
    input  wire [31:0] s_axil_wdata,
    input  wire [3:0]  s_axil_wstrb,
    input  wire        s_axil_wvalid,
    output wire        s_axil_wready,
    output reg  [1:0]  s_axil_bresp,
    output reg         s_axil_bvalid,
    input  wire        s_axil_bready,
    input  wire [7:0]  s_axil_araddr,
    input  wire        s_axil_arvalid,
    output wire        s_axil_arready,
    output reg  [31:0] s_axil_rdata,
    output reg  [1:0]  s_axil_rresp,
    output reg         s_axil_rvalid,
    input  wire        s_axil_rready,
    input  wire [7:0]  count,
    input  wire        input_ready,   // of the core's input stream
    input  wire        output_waits,  // valid and not ready on its output stream
    output reg         core_resetn,
    output reg         drop,
    output reg  [15:0] threshold
);
  localparam [1:0] OKAY = 2'b00, SLVERR = 2'b10;
  localparam [5:0] CONTROL = 6'h04, AT_THRESHOLD = 6'h06;  // in words

  reg open;  // not in reset

  // Writes: address and data wait for each other.
  reg        aw_held, w_held;
  reg [5:0]  waddr;
  reg [15:0] wdata;
  reg [1:0]  wstrb;
  wire do_write     = aw_held & w_held & ~s_axil_bvalid;
  wire to_control   = waddr == CONTROL;
  wire to_threshold = waddr == AT_THRESHOLD;
  wire set_control  = do_write & to_control & wstrb[0];
  wire start_reset  = set_control & wdata[0];
  wire clear        = set_control & wdata[1];
  assign s_axil_awready = open & ~aw_held;
  assign s_axil_wready  = open & ~w_held;

  reg [3:0] reset_left;  // cycles after this one

  always @(posedge aclk) begin
    open <= aresetn;
    if (s_axil_awvalid & s_axil_awready) waddr <= s_axil_awaddr[7:2];
    if (s_axil_wvalid & s_axil_wready) begin
      wdata <= s_axil_wdata[15:0];
      wstrb <= s_axil_wstrb[1:0];
    end
    if (do_write) s_axil_bresp <= to_control | to_threshold ? OKAY : SLVERR;
    if (~aresetn) begin
      aw_held       <= 1'b0;
      w_held        <= 1'b0;
      s_axil_bvalid <= 1'b0;
      reset_left    <= 4'd0;
      core_resetn   <= 1'b0;
      drop          <= DROP;
      threshold     <= THRESHOLD;
    end else begin
      aw_held       <= (aw_held & ~do_write) | (s_axil_awvalid & s_axil_awready);
      w_held        <= (w_held & ~do_write) | (s_axil_wvalid & s_axil_wready);
      s_axil_bvalid <= do_write | (s_axil_bvalid & ~s_axil_bready);
      if (set_control) drop <= wdata[2];
      if (do_write & to_threshold & wstrb[0]) threshold[7:0] <= wdata[7:0];
      if (do_write & to_threshold & wstrb[1]) threshold[15:8] <= wdata[15:8];
      reset_left  <= start_reset ? 4'd15 : reset_left - {3'd0, |reset_left};
      core_resetn <= ~start_reset & ~(|reset_left);
    end
  end

  // Reads. A low word of a counter waits for the turn of its counter; all else is there in the next cycle.
  reg        reading;  // from the address until the data is taken
  reg        look, turn;  // the address is new; a turn is waited for
  reg [5:0]  raddr;
  reg [31:0] high_kept;
  wire of_counter = ~raddr[5] & (raddr[4] ^ raddr[3]);
  wire low_word   = of_counter & ~raddr[0];
  wire [2:0] which = {~raddr[3], raddr[2:1]};
  assign s_axil_arready = open & ~reading;

  // Counters. A turn goes through stages a to d, and comes to the same counter in every eighth cycle.
  reg [2:0]  slot, slot_a, slot_b, slot_c, slot_d;
  reg [3:0]  clearing;     // turns left that begin at 0
  reg [31:0] low[0:7], high[0:7];
  reg [31:0] low_a, low_b, high_c, high_d;
  reg [3:0]  came[0:7];    // since the last turn
  reg [3:0]  came_a;
  reg        carry_b, carry_c, clear_a, clear_b, take_a, take_b, take_c, take_d;
  wire       clears = |clearing;
  wire       take   = turn & (slot == which);

  genvar n;
  generate
    for (n = 0; n < 8; n = n + 1) begin : counters
      localparam [2:0] SLOT = n;
      always @(posedge aclk) begin
        if (~aresetn | clear) came[n] <= 4'd0;
        else came[n] <= (slot == SLOT ? 4'd0 : came[n]) + {3'd0, count[n]};
      end
    end
  endgenerate

  always @(posedge aclk) begin
    slot    <= aresetn ? slot + 3'd1 : 3'd0;
    clearing <= ~aresetn | clear ? 4'd8 : clearing - {3'd0, clears};
    slot_a  <= slot;
    clear_a <= clears;
    low_a   <= clears ? 32'd0 : low[slot];
    came_a  <= came[slot];
    slot_b  <= slot_a;
    clear_b <= clear_a;
    {carry_b, low_b} <= {1'b0, low_a} + {29'd0, came_a};
    low[slot_b] <= low_b;
    slot_c  <= slot_b;
    carry_c <= carry_b;
    high_c  <= clear_b ? 32'd0 : high[slot_b];
    slot_d  <= slot_c;
    high_d  <= high_c + {31'd0, carry_c};
    high[slot_d] <= high_d;
    {take_a, take_b, take_c, take_d} <= {aresetn & take, aresetn & take_a, aresetn & take_b, aresetn & take_c};
  end

  reg [31:0] word;
  always @* begin
    case (raddr[2:0])
      3'd0: word = ID;
      3'd1: word = VERSION;
      3'd2: word = MODEL;
      3'd3: word = {16'd0, LINK};
      3'd4: word = {29'd0, drop, 1'b0, ~core_resetn};
      3'd5: word = {29'd0, ~core_resetn, output_waits, input_ready};
      3'd6: word = {16'd0, threshold};
      default: word = 32'd0;
    endcase
  end
  wire of_words = ~(|raddr[5:3]) & ~(&raddr[2:0]);

  always @(posedge aclk) begin
    if (s_axil_arvalid & s_axil_arready) raddr <= s_axil_araddr[7:2];
    if (look) begin
      s_axil_rdata <= of_counter ? high_kept : of_words ? word : 32'd0;
      s_axil_rresp <= of_counter | of_words ? OKAY : SLVERR;
    end else if (take_b) begin
      s_axil_rdata <= low_b;
    end
    if (~aresetn) high_kept <= 32'd0;
    else if (take_d) high_kept <= high_d;
    if (~aresetn) begin
      reading       <= 1'b0;
      look          <= 1'b0;
      turn          <= 1'b0;
      s_axil_rvalid <= 1'b0;
    end else begin
      look          <= s_axil_arvalid & s_axil_arready;
      turn          <= (look & low_word) | (turn & ~take);
      s_axil_rvalid <= (look & ~low_word) | take_d | (s_axil_rvalid & ~s_axil_rready);
      reading       <= s_axil_rvalid ? ~s_axil_rready : reading | (s_axil_arvalid & s_axil_arready);
    end
  end

  wire _unused = &{1'b0, s_axil_awaddr[1:0], s_axil_araddr[1:0], s_axil_wdata[31:16], s_axil_wstrb[3:2]};
endmodule

// What link_registers promises, proved by induction: each write and each read has one response, in order, within 15 cycles, which
// stays until it is taken, and nothing is answered that was not asked; what is written is what is read, and what is not to be
// written does not change; the core is in reset for 16 cycles; a counter is what came for it, at some moment between question and
// answer, and the high word that is read after it is of the same moment.
//
// One counter is watched, any one. Where its sum is in a turn depends on how many cycles ago the turn began.
(* anyconst *) wire [2:0] any;
reg started = 1'b0;
reg reset_was = 1'b1;
reg [1:0] aw_more = 0, w_more = 0, ar_more = 0;  // taken and not answered
reg b_waits = 1'b0, r_waits = 1'b0;
reg [1:0] b_held;
reg [33:0] r_held;
reg [3:0] age = 0;    // of the read
reg [7:0] asked, address;
reg [31:0] data;
reg [3:0] strobes;
reg drop_is;
reg [15:0] threshold_is;
reg [4:0] resets = 0;     // cycles of soft reset left
reg done = 1'b0, good;    // a write took effect in the last cycle
reg [31:0] now;           // what a word was when it was looked at
reg [63:0] sum = 0;       // what came for the watched counter
reg [63:0] moment;        // that at its last turn that was waited for
reg [31:0] kept = 0;
reg kept_any = 1'b1;

wire aw = s_axil_awvalid & s_axil_awready, w = s_axil_wvalid & s_axil_wready, b = s_axil_bvalid & s_axil_bready;
wire ar = s_axil_arvalid & s_axil_arready, r = s_axil_rvalid & s_axil_rready;
wire acts = aw_more != 0 && w_more != 0 && !s_axil_bvalid;
wire control = acts && address[7:2] == 4 && strobes[0];
wire counts = asked[7:2] >= 8 && asked[7:2] < 24;
wire counts_low = counts && !asked[2];
wire [5:0] number = asked[7:2] - 6'd8;
wire watched = number[3:1] == any;

wire [2:0] ago = slot - any;
wire [2:0] ahead = any - slot;
wire [2:0] wait_left = which - slot;
wire zero = ahead < clearing;  // its turn, the first since all is to be 0, is still to come
wire [63:0] turned = ago == 1 ? {clear_a ? 32'd0 : high[any], low_a} + came_a
    : ago == 2 ? {(clear_b ? 32'd0 : high[any]) + carry_b, low_b}
    : ago == 3 ? {high_c + carry_c, low[any]}
    : ago == 4 ? {high_d, low[any]}
    : {high[any], low[any]};
wire [2:0] back_1 = slot - 3'd1, back_2 = slot - 3'd2, back_3 = slot - 3'd3, back_4 = slot - 3'd4;

always @(posedge aclk) begin
  started   <= 1'b1;
  reset_was <= ~aresetn;
  b_waits <= aresetn & s_axil_bvalid & ~s_axil_bready;
  r_waits <= aresetn & s_axil_rvalid & ~s_axil_rready;
  b_held  <= s_axil_bresp;
  r_held  <= {s_axil_rresp, s_axil_rdata};
  if (aw) address <= s_axil_awaddr;
  if (w) {strobes, data} <= {s_axil_wstrb, s_axil_wdata};
  if (ar) asked <= s_axil_araddr;
  good <= address[7:2] == 4 || address[7:2] == 6;
  case (asked[7:2])
    0: now <= ID;
    1: now <= VERSION;
    2: now <= MODEL;
    3: now <= LINK;
    4: now <= {drop_is, 1'b0, resets != 0};
    5: now <= {resets != 0, output_waits, input_ready};
    6: now <= threshold_is;
    default: now <= 0;
  endcase
  if (take && which == any) moment <= sum;
  if (~aresetn) begin
    kept     <= 0;
    kept_any <= 1'b1;
  end else if (take_d) begin
    kept     <= moment[63:32];
    kept_any <= watched;
  end
  if (~aresetn) begin
    aw_more <= 0;
    w_more  <= 0;
    ar_more <= 0;
    age     <= 0;
    resets  <= 0;
    sum     <= 0;
    done    <= 1'b0;
    drop_is <= DROP;
    threshold_is <= THRESHOLD;
  end else begin
    aw_more <= aw_more + aw - b;
    w_more  <= w_more + w - b;
    ar_more <= ar_more + ar - r;
    age     <= ar_more != 0 ? age + (age != 15) : 0;
    resets  <= control && data[0] ? 16 : resets - (resets != 0);
    sum     <= control && data[1] ? 0 : sum + count[any];
    done    <= acts;
    if (control) drop_is <= data[2];
    if (acts && address[7:2] == 6 && strobes[0]) threshold_is[7:0] <= data[7:0];
    if (acts && address[7:2] == 6 && strobes[1]) threshold_is[15:8] <= data[15:8];
  end
end

always @* begin
  if (~started) assume (~aresetn);
  if (started) begin
    // One of each at a time, each answered once, and kept until it is taken.
    assert (aw_more == aw_held + s_axil_bvalid && w_more == w_held + s_axil_bvalid && ar_more == reading);
    if (b_waits) assert (s_axil_bvalid && s_axil_bresp == b_held);
    if (r_waits) assert (s_axil_rvalid && {s_axil_rresp, s_axil_rdata} == r_held);
    assert (3'd0 + look + turn + take_a + take_b + take_c + take_d + s_axil_rvalid == reading);
    if (ar_more != 0 && !s_axil_rvalid) assert (age < 13);
    if (ar_more != 0) assert (raddr == asked[7:2]);
    if (look) assert (age == 0);
    if (turn) assert (age >= 1 && age + {2'd0, wait_left} <= 8);
    if (turn | take_a | take_b | take_c | take_d) assert (counts_low);
    if (take_a) assert (age <= 9 && ago == 3'd1 + which - any);
    if (take_b) assert (age <= 10 && ago == 3'd2 + which - any);
    if (take_c) assert (age <= 11 && ago == 3'd3 + which - any);
    if (take_d) assert (age <= 12 && ago == 3'd4 + which - any);
    assert (open != reset_was && s_axil_awready == (open && aw_more == s_axil_bvalid));
    assert (s_axil_wready == (open && w_more == s_axil_bvalid) && s_axil_arready == (open && ar_more == 0));
    // Writes.
    if (aw_held) assert (waddr == address[7:2]);
    if (w_held) assert (wdata == data[15:0] && wstrb == strobes[1:0]);
    assert (!done || s_axil_bvalid);
    if (done) assert (s_axil_bresp == (good ? 2'b00 : 2'b10));
    assert (drop == drop_is && threshold == threshold_is);
    assert (resets <= 16 && reset_left == (resets == 0 ? 0 : resets - 1));
    assert (core_resetn == (resets == 0 && !reset_was));
    // Reads of what is there at once.
    if (s_axil_rvalid && !r_waits && !counts) assert (s_axil_rdata == now);
    if (s_axil_rvalid || turn || take_a || take_b || take_c || take_d)
      assert (s_axil_rresp == (counts || asked[7:2] < 7 ? 2'b00 : 2'b10));
    // Counters.
    assert (clearing <= 8 && (!reset_was || clearing == 8));
    if (clearing < 8) assert (slot_a == back_1);
    if (clearing < 7) assert (slot_b == back_2);
    if (clearing < 6) assert (slot_c == back_3);
    if (clearing < 5) assert (slot_d == back_4);
    assert (sum == (zero ? 64'd0 : turned) + came[any]);
    assert (came[any] <= ((ago + 7) & 7) + 1);
    if (watched) begin
      if (take_a) assert (moment == {clear_a ? 32'd0 : high[any], low_a} + came_a);
      if (take_b) assert (moment == {(clear_b ? 32'd0 : high[any]) + carry_b, low_b});
      if (take_c) assert (moment == {high_c + carry_c, s_axil_rdata});
      if (take_d) assert (moment == {high_d, s_axil_rdata});
      if (s_axil_rvalid && counts_low) assert (s_axil_rdata == moment[31:0]);
    end
    if (kept_any) assert (high_kept == kept);
    if (s_axil_rvalid && !r_waits && counts && !counts_low && kept_any) assert (s_axil_rdata == kept);
  end
end

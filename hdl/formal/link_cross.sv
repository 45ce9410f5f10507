// What link_cross promises, proved by induction for two clocks whose edges come in any order and at any time: every beat that is
// taken comes out once, in order, and stays until it is taken; nothing is written where there is no room; a pointer that crosses
// changes one bit at a time.
//
// A step of the proof is a moment in which either clock, both or none may rise. Resets are low until both clocks have risen once
// and then twice more, which four cycles of the slower one always hold; then each rises when it likes.
(* anyconst *) wire [DEPTH_LOG2:0] slot;
reg [1:0] s_rose = 0, m_rose = 0;  // edges in reset: one, then two more after the first of both
wire both = s_rose != 0 && m_rose != 0;
wire clean = s_rose == 3 && m_rose == 3;
reg s_live = 1'b0, m_live = 1'b0;  // out of reset, for good
reg shown = 1'b0;                  // the watched beat is on m_data
reg [WIDTH-1:0] watched, expected;
reg waits = 1'b0;
reg due = 1'b0, room = 1'b0;  // a beat was seen that could go out; a place was seen that could be written
reg [WIDTH-1:0] waiting;
reg [DEPTH_LOG2:0] head_was, tail_was;
reg known = 1'b0;

// The pointers as numbers, and how far each is behind the next: the writer's view of the tail, the tail, the reader's view of the
// head, the head.
function [DEPTH_LOG2:0] number(input [DEPTH_LOG2:0] gray);
  integer i;
  begin
    number[DEPTH_LOG2] = gray[DEPTH_LOG2];
    for (i = DEPTH_LOG2 - 1; i >= 0; i = i - 1) number[i] = number[i+1] ^ gray[i];
  end
endfunction
wire [DEPTH_LOG2:0] a = number(tail_meta) - number(tail_seen);
wire [DEPTH_LOG2:0] b = tail - number(tail_meta);
wire [DEPTH_LOG2:0] c = number(head_seen) - tail;
wire [DEPTH_LOG2:0] d = number(head_meta) - number(head_seen);
wire [DEPTH_LOG2:0] e = head - number(head_meta);
wire [DEPTH_LOG2+3:0] all = a + b + c + d + e + {(DEPTH_LOG2 + 4) {1'b0}};
wire [DEPTH_LOG2:0] stored = head - tail;
wire [DEPTH_LOG2:0] known_stored = head_next - number(tail_seen);
wire [DEPTH_LOG2:0] place = slot - tail;
wire live = place < stored;
wire [DEPTH_LOG2:0] head_flips = head_gray ^ head_was, tail_flips = tail_gray ^ tail_was;

always @(posedge s_clk) begin
  if (s_rose == 0 || (both && s_rose != 3)) s_rose <= s_rose + 1;
  if (s_resetn) s_live <= 1'b1;
  if (write && head == slot) watched <= s_data;
  room <= s_resetn && known_stored != (1 << DEPTH_LOG2);
end
always @(posedge m_clk) begin
  if (m_rose == 0 || (both && m_rose != 3)) m_rose <= m_rose + 1;
  if (m_resetn) m_live <= 1'b1;
  if (~m_resetn) shown <= 1'b0;
  else if (read && tail == slot) begin
    shown    <= 1'b1;
    expected <= watched;
  end else if (m_ready) shown <= 1'b0;
  due     <= m_resetn && c != 0 && (!m_valid || m_ready);
  waits   <= m_resetn & m_valid & ~m_ready;
  waiting <= m_data;
end
always @($global_clock) begin
  head_was <= head_gray;
  tail_was <= tail_gray;
  known    <= both;
end

always @* begin
  if (~clean) assume (~s_resetn && ~m_resetn);
  if (s_live) assume (s_resetn);
  if (m_live) assume (m_resetn);
  // What is so in reset.
  if (s_rose != 0 && ~s_live) assert (head == 0 && head_gray == 0 && ~s_ready);
  if (m_rose != 0 && ~m_live) assert (tail == 0 && tail_gray == 0 && ~m_valid && ~shown && ~waits);
  if (~clean) assert (~s_live && ~m_live);
  if (both && ~s_live && m_rose >= 2) assert (head_meta == 0);
  if (both && ~s_live && m_rose == 3) assert (head_seen == 0);
  if (both && ~m_live && s_rose >= 2) assert (tail_meta == 0);
  if (both && ~m_live && s_rose == 3) assert (tail_seen == 0);
  assert (s_rose < 2 || m_rose != 0);
  assert (m_rose < 2 || s_rose != 0);
  if (clean) begin
    assert (head_gray == (head ^ (head >> 1)) && tail_gray == (tail ^ (tail >> 1)));
    assert (all <= (1 << DEPTH_LOG2));
    if (s_ready) assert (all < (1 << DEPTH_LOG2));
    if (live) assert (memory[slot[DEPTH_LOG2-1:0]] == watched);
    if (shown) assert (m_valid && m_data == expected && slot == tail - 1'b1);
    if (waits) assert (m_valid && m_data == waiting);
    // Neither side waits without a reason.
    if (s_live) assert (s_ready == room);
    if (due) assert (m_valid);
    // The other beats: what is shown is the one before the tail.
    if (m_valid && slot == tail - 1'b1) assert (shown);
  end
  if (known && both) assert ((head_flips & (head_flips - 1'b1)) == 0 && (tail_flips & (tail_flips - 1'b1)) == 0);
end

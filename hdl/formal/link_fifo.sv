// What link_fifo promises, proved by induction: every beat that is taken comes out once, in order, and stays until it is taken;
// `used` counts them; nothing is written where there is no room.
//
// Any slot of the memory is watched: it holds what was written to it last, and all slots between tail and head are written.
(* anyconst *) wire [DEPTH_LOG2:0] slot;
reg started = 1'b0;
reg live = 1'b0;   // the watched beat is in the memory
reg near = 1'b0;   // it is in `fetched`
reg shown = 1'b0;  // it is on m_data
reg [WIDTH-1:0] watched;
reg [DEPTH_LOG2+1:0] inside = 0;
reg waits = 1'b0;
reg [WIDTH-1:0] waiting;
wire [DEPTH_LOG2:0] stored = head - tail;
wire [DEPTH_LOG2:0] place = slot - tail;

always @(posedge clk) begin
  started <= 1'b1;
  if (~resetn) begin
    live   <= 1'b0;
    near   <= 1'b0;
    shown  <= 1'b0;
    inside <= 0;
  end else begin
    if (write && head == slot) begin
      live    <= 1'b1;
      watched <= s_data;
    end else if (fetch && tail == slot) live <= 1'b0;
    if (fetch) near <= tail == slot;
    else if (move) near <= 1'b0;
    if (move) shown <= near;
    inside <= inside + (s_valid & s_ready) - (m_valid & m_ready);
  end
  waits   <= resetn & m_valid & ~m_ready;
  waiting <= m_data;
end

always @* begin
  if (~started) assume (~resetn);
  if (started) begin
    assert (stored <= (1 << DEPTH_LOG2));
    assert (used == inside && inside == stored + fetched_valid + m_valid);
    assert (inside <= (1 << DEPTH_LOG2));
    assert (live == (place < stored));
    if (live) assert (memory[slot[DEPTH_LOG2-1:0]] == watched && !near && !shown);
    if (near) assert (fetched_valid && fetched == watched && !shown);
    if (shown) assert (m_valid && m_data == watched);
    // It moves up as soon as there is room.
    if (stored != 0 && (~fetched_valid || ~m_valid || m_ready)) assert (fetch);
    if (waits) assert (m_valid && m_data == waiting);
    // The other beats: what is fetched is the one before the tail, what is shown the one before that.
    if (fetched_valid && slot == tail - 1'b1) assert (near);
    if (m_valid && slot == tail - 1'b1 - fetched_valid) assert (shown);
  end
end

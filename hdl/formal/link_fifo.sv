// What link_fifo promises, proved by induction: every beat that is taken comes out once, in order, and stays until it is taken;
// `used` counts those in the memory, one that left it in the last cycle too; nothing is written where there is no room.
//
// Any slot of the memory is watched: it holds what was written to it last, and all slots between tail and head are written.
(* anyconst *) wire [DEPTH_LOG2-1:0] slot;
reg started = 1'b0;
reg live = 1'b0;   // a beat is in the watched slot
reg near = 1'b0;   // one that was there is in `fetched`
reg shown = 1'b0;  // one that was there is on m_data
reg [WIDTH-1:0] watched, near_data, shown_data;
reg [DEPTH_LOG2+1:0] inside = 0;
reg waits = 1'b0;
reg [WIDTH-1:0] waiting;
wire [DEPTH_LOG2:0] count = used - left;
wire [DEPTH_LOG2-1:0] stored = head - tail;
wire [DEPTH_LOG2-1:0] place = slot - tail;
wire [WIDTH-1:0] in_slot;
wire near_valid;

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
    if (LUT_RAM != 0) begin
      if (move) shown <= fetch && tail == slot;
      if (move) shown_data <= watched;
    end else begin
      if (fetch) near <= tail == slot;
      else if (move) near <= 1'b0;
      if (fetch) near_data <= watched;
      if (move) shown <= near;
      if (move) shown_data <= near_data;
    end
    inside <= inside + (s_valid & s_ready) - (m_valid & m_ready);
  end
  waits   <= resetn & m_valid & ~m_ready;
  waiting <= m_data;
end

generate
  if (LUT_RAM != 0) begin
    assign in_slot = lut.memory[slot];
    assign near_valid = 1'b0;
  end else begin
    assign in_slot = any.memory[slot];
    assign near_valid = any.fetched_valid;
    always @* if (started && near) assert (any.fetched_valid && any.fetched == near_data);
  end
endgenerate

always @* begin
  if (~started) assume (~resetn);
  if (started) begin
    assert (used <= (1 << DEPTH_LOG2) && used >= left && count[DEPTH_LOG2-1:0] == stored);
    assert (inside == count + near_valid + m_valid);
    assert (some == (count != 0) && after == tail + 1'b1);
    assert (live == (place < count));
    if (live) assert (in_slot == watched);
    if (near) assert (near_valid);
    if (shown) assert (m_valid && m_data == shown_data);
    // It moves up as soon as there is room.
    if (count != 0 && (~m_valid || m_ready)) assert (fetch);
    if (waits) assert (m_valid && m_data == waiting);
    // The other beats: what was fetched is the one before the tail, what is shown the one before that.
    if (near_valid && slot == tail - 1'b1) assert (near);
    if (m_valid && slot == tail - 1'b1 - near_valid) assert (shown);
  end
end

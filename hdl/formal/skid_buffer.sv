// What skid_buffer promises, proved by induction: every beat that is taken comes out once and in order, whatever the other side
// does; what is offered stays until it is taken; nothing is taken while there is no room.
(* anyconst *) wire [3:0] number;  // of a beat, any one
reg started = 1'b0;
reg [3:0] came = 0, went = 0;
reg [WIDTH-1:0] watched;
reg held_back = 1'b0, offered = 1'b0;
reg [WIDTH-1:0] held_data, offered_data;

always @(posedge clk) begin
  started <= 1'b1;
  if (~resetn) begin
    came <= 0;
    went <= 0;
  end else begin
    came <= came + (s_valid & s_ready);
    went <= went + (m_valid & m_ready);
  end
  if (s_valid & s_ready & came == number) watched <= s_data;
  held_back    <= resetn & s_valid & ~s_ready;
  held_data    <= s_data;
  offered      <= resetn & m_valid & ~m_ready;
  offered_data <= m_data;
end

always @* begin
  if (~started) assume (~resetn);
  // The source keeps its side of the contract.
  if (held_back) assume (s_valid && s_data == held_data);
  if (started) begin
    assert (came - went == full);
    assert (!(full && open));
    if (full && went == number) assert (held == watched);
    if (m_valid && went == number) assert (m_data == (full ? watched : s_data));
    if (m_valid && !full) assert (came == went);
    if (offered) assert (m_valid && m_data == offered_data);
  end
end

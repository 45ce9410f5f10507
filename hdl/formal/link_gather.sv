// What link_gather promises, proved by induction: the beats of a vector lie in their places, in order, with the s_user of the first
// and the s_last of the last; a vector comes in the cycle after its last beat and stays until it is taken; an early s_last gives a
// fault and no vector; nothing is taken while a vector could be overwritten.
//
// One place is watched, any one. What was taken since the last vector or fault is counted by itself.
(* anyconst *) wire [BITS-1:0] which;
reg started = 1'b0;
reg [BITS:0] came = 0;
reg [BEAT-1:0] watched, expected;
reg [15:0] first, expected_first;
reg expected_last;
reg due = 1'b0;     // a vector was completed in the last cycle
reg faulty = 1'b0;  // a vector was broken off in the last cycle
reg waits = 1'b0;
reg [BEAT*BEATS+16:0] waiting;
reg reset_was = 1'b1;
wire accept = s_valid & s_ready;

always @(posedge clk) begin
  started <= 1'b1;
  if (accept && came == which) watched <= s_data;
  if (accept && came == 0) first <= s_user;
  if (accept && came + 1 == BEATS) begin
    expected       <= which == came ? s_data : watched;
    expected_first <= came == 0 ? s_user : first;
    expected_last  <= s_last;
  end
  if (~resetn) came <= 0;
  else if (accept) came <= s_last || came + 1 == BEATS ? 0 : came + 1;
  due    <= resetn & accept & (came + 1 == BEATS);
  faulty <= resetn & accept & s_last & (came + 1 != BEATS);
  waits     <= resetn & m_valid & ~m_ready;
  waiting   <= {m_last, m_user, m_data};
  reset_was <= ~resetn;
end

always @* begin
  if (~started) assume (~resetn);
  assume (which < BEATS);
  if (started) begin
    assert (came < BEATS && at == came);
    assert (m_valid == (due | waits));
    assert (!(due && waits));
    assert (fault == faulty);
    if (m_valid) assert (m_data[BEAT*which+:BEAT] == expected && m_user == expected_first && m_last == expected_last);
    if (waits) assert ({m_last, m_user, m_data} == waiting);
    if (which < came) assert (held[BEAT*(BEATS-1-came+which)+:BEAT] == watched);
    if (came != 0) assert (user == first);
    // It only waits where it has to.
    assert (s_ready == (!reset_was && !(m_valid && came + 1 == BEATS)));
  end
end

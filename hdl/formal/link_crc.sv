// What link_crc promises, for every sequence of beats as long as the proof goes: beats come out in order and unchanged, 32 bits more
// follow the last unit of each frame, m_keep and m_last say so, if the source leaves its time behind each frame. That these are
// the CRC is for simulation.
//
// One beat is watched, any one; its place in the output is its own and those of the CRCs before it that had a beat to themselves.
(* anyconst *) wire [3:0] which;
reg started = 1'b0;
reg [3:0] came = 0, extra = 0, went = 0;
reg seen = 1'b0, ends, fills;
reg [3:0] at;
reg [OUT-1:0] kept;
reg [OUT_LOG2-5:0] still = 0;  // time for the last frame

always @(posedge clk) begin
  started <= 1'b1;
  if (~resetn) begin
    came  <= 0;
    extra <= 0;
    went  <= 0;
    seen  <= 1'b0;
  end else begin
    if (s_valid) begin
      came  <= came + 1;
      extra <= extra + (s_last && s_units == UNITS);
      if (came == which && !seen) begin
        seen   <= 1'b1;
        at     <= came + extra;
        kept   <= s_data;
        ends   <= s_last;
        fills  <= s_units == UNITS;
      end
    end
    went  <= went + m_valid;
    still <= s_valid & s_last ? (s_units == UNITS ? 1 : UNITS - s_units) : still == 0 ? 0 : still - 1;
  end
end

always @* begin
  if (~started) assume (~resetn);
  else assume (resetn);
  if (still != 0) assume (~s_valid);
  if (s_valid) begin
    assume (s_last ? s_units != 0 && s_units <= UNITS : s_units == UNITS);
    assume (s_units == UNITS || (s_data >> (32 * s_units)) == 0);
  end
  if (started && resetn) begin
    if (m_valid && seen && went == at) begin
      if (ends && !fills) assert (m_last && m_data[31:0] == kept[31:0] && (&m_keep));
      else assert (!m_last && m_data == kept && (&m_keep));
    end
    if (m_valid && seen && ends && fills && went == at + 4'd1) assert (m_last && m_data[63:32] == 0 && m_keep == 1);
  end
end

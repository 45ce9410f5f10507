// What link_frame promises, for every sequence of words and frames as long as the proof goes: each unit of 32 bits of header and
// payload is where it belongs, a frame has as many units as its header says and four more, m_units and m_last say so, every frame
// and word is taken once, and what is offered stays.
//
// One unit of one frame is watched, any one, counted from the first of its header.
(* anyconst *) wire [2:0] which;
(* anyconst *) wire [4:0] unit;
localparam WORD_UNITS = 1 << (WORD_LOG2 - 5);
reg started = 1'b0;
reg [2:0] frames_in = 0, frames_out = 0;
reg [4:0] words_in = 0;   // of the frame that comes
reg [4:0] units_out = 0;  // of the frame that goes
reg [UNIT_BITS-1:0] sizes[0:7];
reg seen = 1'b0;
reg [31:0] watched;
reg frame_waits = 1'b0, word_waits = 1'b0, offered = 1'b0;
reg [79+UNIT_BITS:0] frame_held;
reg [(1<<WORD_LOG2)-1:0] word_held;
reg [OUT+OUT_LOG2-3:0] held;
wire [79+UNIT_BITS:0] frame_all = {frame_units, frame_lost, frame_events, frame_mark};
wire [4:0] in_payload = unit - 5'd4;
wire [4:0] of_word = in_payload - words_in * WORD_UNITS;
wire [4:0] ahead = unit - units_out;
wire [UNIT_BITS-1:0] size = sizes[frames_out];

always @(posedge clk) begin
  started <= 1'b1;
  if (~resetn) begin
    frames_in  <= 0;
    frames_out <= 0;
    words_in   <= 0;
    units_out  <= 0;
    seen       <= 1'b0;
  end else begin
    if (frame_valid) sizes[frames_in] <= frame_units;
    if (frame_valid && frames_in == which) begin
      if (unit < 4) watched <= header[32*unit[1:0]+:32];
      else if (word_valid && of_word < WORD_UNITS) watched <= word[32*of_word+:32];
    end
    frames_in <= frames_in + (frame_valid & frame_ready);
    words_in  <= frame_valid & frame_ready ? 0 : words_in + (word_valid & word_ready);
    if (m_valid & m_ready) begin
      frames_out <= frames_out + m_last;
      units_out  <= m_last ? 0 : units_out + m_units;
    end
  end
  frame_waits <= resetn & frame_valid & ~frame_ready;
  word_waits  <= resetn & word_valid & ~word_ready;
  offered     <= resetn & m_valid & ~m_ready;
  frame_held  <= frame_all;
  word_held   <= word;
  held        <= {m_last, m_units, m_data};
end

always @* begin
  if (~started) assume (~resetn);
  else assume (resetn);
  if (frame_waits) assume (frame_valid && frame_all == frame_held);
  if (word_waits) assume (word_valid && word == word_held);
  assume (frame_units <= 14);
  if (started && resetn) begin
    if (offered) assert (m_valid && {m_last, m_units, m_data} == held);
    if (frame_valid & frame_ready)
      assert ((words_in + (word_valid & word_ready)) * WORD_UNITS >= frame_units
              && (words_in + (word_valid & word_ready)) * WORD_UNITS < frame_units + WORD_UNITS);
    if (m_valid) begin
      assert (m_last == (units_out + m_units == 4 + size));
      assert (m_last || m_units == UNITS);
      assert (m_units != 0 && units_out + m_units <= 4 + size);
      if (frames_out == which && unit >= units_out && ahead < m_units) assert (m_data[32*ahead+:32] == watched);
    end
  end
end

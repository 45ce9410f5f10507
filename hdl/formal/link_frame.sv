// What link_frame promises, for every sequence of words, frames and `go` as long as the proof goes: each unit of 32 bits of header and
// payload is where it belongs, a frame has as many units as its header says and four more, m_units and m_last say so, every frame
// and word is taken once, no beat comes without a `go`, and behind a frame link_crc has its time.
//
// One unit of one frame is watched, any one, counted from the first of its header.
(* anyconst *) wire [2:0] which;
(* anyconst *) wire [4:0] unit;
localparam WORD_UNITS_LOG2 = WORD_LOG2 - 5;
localparam [4:0] ALL_BUT_ONE = (1 << WORD_UNITS_LOG2) - 1;
reg started = 1'b0;
reg [2:0] frames_in = 0, frames_out = 0;
reg [4:0] words_in = 0;         // taken
reg [4:0] words_due = 0;        // of the frames that were taken
reg [4:0] ends[0:7];            // words_due with each frame
reg [UNIT_BITS-1:0] sizes[0:7];
reg [4:0] units_out = 0;        // of the frame that goes
reg [4:0] word_of = 0;          // with the watched unit
reg [31:0] watched;
reg frame_waits = 1'b0;
reg [79+UNIT_BITS:0] frame_held;
reg [WORD_LOG2:0] still = 0;    // link_crc needs
reg [3:0] went = 0;
reg [(1<<WORD_LOG2)-1:0] word_held;
reg [4:0] shown1 = 0, shown2 = 0;  // words_in, three cycles after the taking
reg word_waits = 1'b0;
wire [79+UNIT_BITS:0] frame_all = {frame_units, frame_lost, frame_events, frame_mark};
wire [127:0] header_in = {
  frame_lost, {(16 - UNIT_BITS) {1'b0}}, frame_units, frame_events, frame_mark, MODEL, 4'd1, 3'd0, |frame_lost, 8'h53
};
wire [4:0] in_payload = unit - 5'd4;
wire [4:0] ahead = unit - units_out;
wire [UNIT_BITS-1:0] size = sizes[frames_out];
wire [4:0] of_frame = (frame_units + ALL_BUT_ONE) >> WORD_UNITS_LOG2;

always @(posedge clk) begin
  started <= 1'b1;
  went <= {went[2:0], resetn & go};
  shown1 <= resetn ? words_in : 0;
  shown2 <= resetn ? shown1 : 0;
  if (~resetn) begin
    frames_in  <= 0;
    frames_out <= 0;
    words_in   <= 0;
    words_due  <= 0;
    units_out  <= 0;
    still      <= 0;
  end else begin
    if (frame_ready) begin
      sizes[frames_in] <= frame_units;
      ends[frames_in] <= words_due + of_frame;
      words_due <= words_due + of_frame;
      if (frames_in == which) begin
        word_of <= words_due + (in_payload >> WORD_UNITS_LOG2);
        if (unit < 4) watched <= header_in[32*unit[1:0]+:32];
      end
    end
    if (frames_in > which && unit >= 4 && shown2 == word_of) watched <= word[32*(in_payload & ALL_BUT_ONE)+:32];
    frames_in <= frames_in + frame_ready;
    words_in  <= words_in + word_ready;
    if (m_valid) begin
      frames_out <= frames_out + m_last;
      units_out  <= m_last ? 0 : units_out + m_units;
    end
    still <= m_valid & m_last ? (m_units == UNITS ? 1 : UNITS - m_units) : still == 0 ? 0 : still - 1;
  end
  frame_waits <= resetn & frame_valid & ~frame_ready;
  word_waits  <= resetn & (shown1 == shown2);
  frame_held  <= frame_all;
  word_held   <= word;
end

always @* begin
  if (~started) assume (~resetn);
  else assume (resetn);
  if (frame_waits) assume (frame_valid && frame_all == frame_held);
  if (word_waits) assume (word == word_held);
  assume (frame_units <= 14 && frame_empty == (frame_units == 0));
  if (started && resetn) begin
    if (frame_ready) assert (frame_valid);
    assert (words_in <= words_due);
    if (m_valid) begin
      assert (went[3] && still == 0);
      assert (m_last == (units_out + m_units == 4 + size));
      assert (m_last || m_units == UNITS);
      assert (m_units != 0 && units_out + m_units <= 4 + size);
      if (m_last) assert (words_in == ends[frames_out]);
      if (frames_out == which && unit >= units_out && ahead < m_units) assert (m_data[32*ahead+:32] == watched);
    end
  end
end

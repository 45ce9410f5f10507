// What link_pack promises, for every sequence of chunks as long as the proof goes: each bit of each chunk is in the word of its
// frame where it belongs, no bit above the last one of a frame is set, and the frame keeps its first mark and counts its events, its
// losses and its units.
// A frame comes when all of its words are there, and there are no others.
//
// One bit of one chunk and the end of one frame are watched, any ones; words are counted from reset.
(* anyseq *) wire watch, watch_end;
(* anyconst *) wire [BITS_LOG2-1:0] which;
reg started = 1'b0;
// What came, counted by itself.
reg [COUNT-1:0] sum = 0;
reg [15:0] some = 0, none = 0;
reg watching = 1'b0, one;
reg [2:0] frames_in = 0, frames_out = 0;  // fewer than 8 are on their way
reg [COUNT-1:0] at;
reg [5:0] base = 0;       // words of the frames that ended
reg [5:0] words_out = 0;
reg [5:0] word_of;
reg ending = 1'b0;
reg [5:0] last_word;
reg [WORD_LOG2-1:0] last_bits;
reg [5:0] up_to[0:7];     // words of all frames up to each
reg [COUNT-1:0] sizes[0:7];  // bits of each frame
reg [15:0] counts[0:7], lost_in[0:7];
reg [MARK-1:0] marks[0:7];
wire [COUNT-1:0] sum_now = sum + s_bits;
wire [5:0] base_now = base + ((sum_now + WORD - 1) >> WORD_LOG2);
wire [15:0] none_now = none + (s_lost && none != 65535);
wire [COUNT-1:0] size = sizes[frames_out];
wire [5:0] words = words_out + word_valid;

always @(posedge clk) begin
  started <= 1'b1;
  if (~resetn) begin
    frames_in  <= 0;
    frames_out <= 0;
    words_out  <= 0;
    base       <= 0;
    watching   <= 1'b0;
    ending     <= 1'b0;
    sum        <= 0;
    some       <= 0;
    none       <= 0;
  end else begin
    if (s_valid) begin
      sum  <= close ? 0 : sum_now;
      some <= close ? 0 : some + !s_lost;
      none <= close ? 0 : none_now;
      if (close) base <= base_now;
      up_to[frames_in]   <= base_now;
      sizes[frames_in]   <= sum_now;
      counts[frames_in]  <= some + !s_lost;
      lost_in[frames_in] <= none_now;
      if (some == 0 && none == 0) marks[frames_in] <= s_mark;
      frames_in <= frames_in + close;
      if (watch && !watching && which < s_bits) begin
        watching <= 1'b1;
        one      <= s_chunk[which];
        at       <= sum + which;
        word_of  <= base + ((sum + which) >> WORD_LOG2);
      end
      if (watch_end && !ending && close && sum_now[WORD_LOG2-1:0] != 0) begin
        ending    <= 1'b1;
        last_word <= base_now - 1;
        last_bits <= sum_now;
      end
    end
    frames_out <= frames_out + frame_valid;
    words_out  <= words;
  end
end

always @* begin
  if (~started) assume (~resetn);
  else assume (resetn);
  if (s_valid) begin
    assume (s_bits <= CHUNK);
    assume (s_lost ? s_bits == 0 : s_bits != 0 && (s_chunk >> s_bits) == 0);
  end
  if (started && resetn) begin
    if (s_valid) assert (close == (s_last || some + !s_lost == FRAME_EVENTS || sum >= (1 << LIMIT_LOG2)));
    if (word_valid && watching && word_of == words_out) assert (word[at[WORD_LOG2-1:0]] == one);
    if (word_valid && ending && last_word == words_out) assert ((word >> last_bits) == 0);
    assert (words <= base + (sum >> WORD_LOG2));
    if (frame_valid) begin
      assert (frames_out != frames_in);
      assert (frame_mark == marks[frames_out]);
      assert (frame_events == counts[frames_out]);
      assert (frame_lost == lost_in[frames_out]);
      assert (frame_units == ((size + 31) >> 5) && frame_empty == (size == 0));
      assert (words >= up_to[frames_out]);
    end
  end
end

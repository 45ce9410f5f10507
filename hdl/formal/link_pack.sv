// What link_pack promises, for every sequence of chunks as long as the proof goes: each bit of each chunk is in the word of its
// frame where it belongs, no bit above the last one of a frame is set, and the frame counts its events, its losses and its units.
//
// One bit of one chunk is watched, any one; words are counted from the first of their frame.
(* anyseq *) wire watch;
(* anyconst *) wire [BITS_LOG2-1:0] which;
reg started = 1'b0;
// What came, counted by itself.
reg [COUNT-1:0] sum = 0;
reg [15:0] some = 0, none = 0;
reg watching = 1'b0, one;
reg [2:0] frames_in = 0, frames_out = 0, frame_of;  // fewer than 8 are on their way
reg [COUNT-1:0] at;
reg [COUNT-1:0] words_out = 0;     // of the frame that comes out
reg [COUNT-1:0] sizes[0:7];      // bits of each frame
reg [15:0] counts[0:7], lost_in[0:7];
wire [COUNT-1:0] size = sizes[frames_out];
wire [COUNT-1:0] first_bit = words_out << WORD_LOG2;
integer i;

always @(posedge clk) begin
  started <= 1'b1;
  if (~resetn) begin
    frames_in  <= 0;
    frames_out <= 0;
    words_out  <= 0;
    watching   <= 1'b0;
    sum        <= 0;
    some       <= 0;
    none       <= 0;
  end else begin
    if (s_valid) begin
      sum  <= close ? 0 : sum + s_bits;
      some <= close ? 0 : some + !s_lost;
      none <= close ? 0 : none + s_lost;
      sizes[frames_in]   <= sum + s_bits;
      counts[frames_in]  <= some + !s_lost;
      lost_in[frames_in] <= none + s_lost;
      frames_in <= frames_in + close;
      if (watch && !watching && which < s_bits) begin
        watching <= 1'b1;
        one      <= s_chunk[which];
        at       <= sum + which;
        frame_of <= frames_in;
      end
    end
    frames_out <= frames_out + frame_valid;
    words_out  <= frame_valid ? 0 : words_out + word_valid;
  end
end

always @* begin
  if (~started) assume (~resetn);
  else assume (resetn);
  if (s_valid) begin
    assume (s_bits <= CHUNK);
    assume (s_lost ? s_bits == 0 : s_bits != 0);
    assume ((s_chunk >> s_bits) == 0);
  end
  if (started && resetn) begin
    if (s_valid) assert (close == (s_last || some + !s_lost == FRAME_EVENTS || sum >= (1 << LIMIT_LOG2)));
    if (word_valid && watching && frames_out == frame_of && (at >> WORD_LOG2) == words_out)
      assert (word[at[WORD_LOG2-1:0]] == one);
    if (word_valid)
      for (i = 0; i < WORD; i = i + 1) if (first_bit + i >= size && frames_out != frames_in) assert (!word[i]);
    if (frame_valid) begin
      assert (frame_events == counts[frames_out]);
      assert (frame_lost == lost_in[frames_out]);
      assert (frame_units == ((size + 31) >> 5));
      // Its last word is there, with it or before.
      assert (words_out + word_valid == ((size + WORD - 1) >> WORD_LOG2));
    end
  end
end

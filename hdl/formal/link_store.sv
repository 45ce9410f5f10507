// What link_store promises, proved by induction, to who never takes a word that is not there and never writes without room: words come
// in the order in which they were written, m_data is the oldest three cycles after it came and the one before it was taken, and
// `used` counts them.
//
// One word is watched, any. What is fetched, and then shown, is what its slot of the memory had when it was read.
(* anyconst *) wire [DEPTH_LOG2:0] which;  // its number
wire [DEPTH_LOG2-1:0] slot = which[DEPTH_LOG2-1:0];
reg started = 1'b0;
reg [DEPTH_LOG2:0] written = 0, taken = 0;  // a bit more than an address
reg [WIDTH-1:0] word;
reg live = 1'b0;               // it is in the memory
reg [2:0] oldest = 0;          // for so many cycles it has been the oldest
wire [WIDTH-1:0] stored;
generate
  // Two banks of two words.
  if (LUT_RAM != 0) begin
    assign stored = slot[1] ? lanes[0].banks.bank[1].memory[slot[0]] : lanes[0].banks.bank[0].memory[slot[0]];
  end
  if (LUT_RAM == 0) begin
    assign stored = lanes[0].any.memory[slot];
  end
endgenerate
wire is_oldest = live && taken == which;

always @(posedge clk) begin
  started <= 1'b1;
  if (~resetn) begin
    written <= 0;
    taken   <= 0;
    live    <= 1'b0;
    oldest  <= 0;
  end else begin
    written <= written + s_valid;
    taken   <= taken + next;
    if (s_valid && written == which) begin
      live <= 1'b1;
      word <= s_data;
    end else if (next && is_oldest) live <= 1'b0;
    oldest <= is_oldest && !next ? (oldest[1] ? oldest : oldest + 1) : 0;
  end
end

always @* begin
  if (~started) assume (~resetn);
  if (used == 0) assume (~next);
  if (used[DEPTH_LOG2]) assume (~s_valid);
  if (started) begin
    assert (used <= 1 << DEPTH_LOG2 && used == written - taken);
    assert (head == written[DEPTH_LOG2-1:0] && lanes[0].tail == taken[DEPTH_LOG2-1:0]);
    assert (live == ((which - taken) < used));
    if (live) assert (stored == word);
    if (oldest >= 1) assert (is_oldest && lanes[0].shown == word);
    if (oldest >= 2) assert (m_data == word);
  end
end

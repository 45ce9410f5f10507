// Packs codes of any length into words without gaps, and counts them into frames.
//
//   chunk, bits ─► place in the frame ─► turn ─► word under construction ─► words, one a cycle at most
//                                                                       └─► frame, with its last word or after it
//
// A chunk is what one event gives: `s_bits` bits, the first one lowest, zeros above them; fewer than WORD. The first bit of a
// frame is bit 0 of its first word. A frame ends with the event that has `s_last`, with its FRAME_EVENTS-th, and with the first
// one that finds 2^LIMIT_LOG2 bits or more before it; what is left of its last word is zero.
//
// With `s_lost` no event comes but the news that one was lost: `s_bits` is 0 and `s_chunk` may be anything. The frame counts it, up
// to 65535: whoever reads finds the rest in the numbers of later events. Such a chunk ends the frame with `s_last` and with the
// limit, as an event does.
//
// There is no ready: a chunk is taken in every cycle, and who sends it sees to it that the words have room. A word comes
// 2 + (WORD_LOG2 + 1) / 2 cycles after the chunk that completes it, a frame one cycle later. If its last chunk completes two words,
// the second comes with the frame.
module link_pack #(
    parameter WORD_LOG2    = 7,   // bits of a word, a power of two, 32 or more
    parameter BITS_LOG2    = 7,   // bits of s_bits
    parameter CHUNK        = 64,  // bits of a chunk, fewer than a word
    parameter LIMIT_LOG2   = 12,  // more than WORD_LOG2
    parameter FRAME_EVENTS = 16,
    parameter MARK         = 48   // bits of what a frame keeps of its first event
) (
    input  wire                    clk,
    input  wire                    resetn,
    input  wire                    s_valid,
    input  wire [CHUNK-1:0]        s_chunk,
    input  wire [BITS_LOG2-1:0]    s_bits,
    input  wire                    s_last,
    input  wire                    s_lost,
    input  wire [MARK-1:0]         s_mark,
    output reg                     word_valid,
    output reg  [(1<<WORD_LOG2)-1:0] word,
    output reg                     frame_valid,
    output reg  [MARK-1:0]         frame_mark,
    output reg  [15:0]             frame_events,
    output reg  [15:0]             frame_lost,
    output reg  [LIMIT_LOG2-4:0]   frame_units, // of 32 bits
    output reg                     frame_empty  // which are none
);
  localparam WORD = 1 << WORD_LOG2;
  localparam [31:0] MOST = FRAME_EVENTS - 1;
  localparam [15:0] ALL_BUT_ONE = MOST[15:0];
  localparam [15:0] ALL_BUT_TWO = ALL_BUT_ONE - 16'd1;
  localparam COUNT = LIMIT_LOG2 + 2;  // holds the limit and one more chunk
  localparam RANKS = (WORD_LOG2 + 1) / 2;  // that turn a chunk
  localparam INFO = MARK + 32;

  // 1. Where the chunk lies.
  reg  [COUNT-1:0] filled;
  reg  [15:0]      events, losts;
  reg  [MARK-1:0]  mark;
  reg              fresh;  // nothing is in the frame yet
  reg              bare;   // no bits are
  reg              nearly; // one more event ends it
  reg              enough; // of lost events, for 16 bits
  wire [COUNT-1:0] after = filled + {{(COUNT - BITS_LOG2) {1'b0}}, s_bits};
  wire [15:0]      events_now = events + {15'd0, ~s_lost};
  wire [15:0]      losts_now = losts + {15'd0, s_lost & ~enough};
  wire             close = s_last | filled[LIMIT_LOG2] | (nearly & ~s_lost);

  reg                 v1, close1, crosses1, lost1, bare1;
  reg [CHUNK-1:0]     chunk1;
  reg [WORD_LOG2-1:0] from1;
  reg [COUNT-1:0]     after1;
  reg [INFO-1:0]      info1;

  always @(posedge clk) begin
    if (~resetn) begin
      filled <= {COUNT{1'b0}};
      events <= 16'd0;
      losts  <= 16'd0;
      fresh  <= 1'b1;
      bare   <= 1'b1;
      nearly <= ALL_BUT_ONE == 16'd0;
      enough <= 1'b0;
    end else if (s_valid) begin
      filled <= close ? {COUNT{1'b0}} : after;
      events <= close ? 16'd0 : events_now;
      losts  <= close ? 16'd0 : losts_now;
      fresh  <= close;
      bare   <= close | (bare & s_lost);
      nearly <= close ? ALL_BUT_ONE == 16'd0 : s_lost ? nearly : events == ALL_BUT_TWO;
      enough <= ~close & (enough | (s_lost & (losts == 16'hFFFE)));
    end
    if (s_valid & fresh) mark <= s_mark;
    v1     <= resetn & s_valid;
    chunk1 <= s_chunk;
    from1  <= filled[WORD_LOG2-1:0];
    after1 <= after;
    crosses1 <= after[WORD_LOG2] ^ filled[WORD_LOG2];
    close1 <= close;
    lost1  <= s_lost;
    bare1  <= bare;
    info1  <= {losts_now, events_now, fresh ? s_mark : mark};
  end

  // 2. The chunk turned to its place, by two bits of the distance a rank, the low ones first. The small turns do not reach the
  // end of the word, so that what they leave between lanes of SMALL bits is zeros: whether a bit belongs to this word or to the next
  // one is the same for all of its lane.
  function integer small_turns(input integer room);  // turns by less than 2^it bits fit
    for (small_turns = 1; small_turns < WORD_LOG2 - 1 && (2 << small_turns) <= room + 1; small_turns = small_turns + 1);
  endfunction
  localparam SMALL_LOG2 = small_turns(WORD - CHUNK);
  localparam LANE_BITS = WORD_LOG2 - SMALL_LOG2;
  localparam SMALL = 1 << SMALL_LOG2;
  localparam LANES = 1 << LANE_BITS;

  wire [LIMIT_LOG2-4:0] units1 = after1[LIMIT_LOG2+1:5] + {{(LIMIT_LOG2 - 4) {1'b0}}, |after1[4:0]};
  wire some1 = |after1[WORD_LOG2-1:0];
  genvar k;
  generate
    for (k = 0; k < RANKS; k = k + 1) begin : rank
      localparam BY = WORD_LOG2 - 2 * k;  // bits of the distance that are left
      localparam ONCE = 1 << (2 * k);
      localparam TWICE = BY > 1 ? 2 * ONCE : ONCE;
      wire [WORD-1:0] from;
      wire [BY-1:0]   by;
      wire [WORD-1:0] once = by[0] ? {from[WORD-1-ONCE:0], from[WORD-1:WORD-ONCE]} : from;
      wire twice = (BY > 1) & by[BY > 1 ? 1 : 0];
      reg  [WORD-1:0] turned;
      reg             first;   // completes a word
      reg             second;  // and the next one too
      reg             take;    // has bits
      reg             ends;    // the frame
      reg  [INFO-1:0] info;
      reg  [LIMIT_LOG2-4:0] units;
      always @(posedge clk) begin
        turned <= twice ? {once[WORD-1-TWICE:0], once[WORD-1:WORD-TWICE]} : once;
      end
      if (k < RANKS - 1) begin : more
        reg [BY-3:0]    left;
        reg             crosses, empty;
        reg [LANES-1:0] here;  // lanes that are not before the chunk
        always @(posedge clk) left <= by[BY-1:2];
      end
      if (k == 0) begin : begins
        assign from = {{(WORD - CHUNK) {1'b0}}, chunk1};
        assign by   = from1;
        always @(posedge clk) begin
          first      <= resetn & v1 & (crosses1 | (close1 & some1));
          second     <= resetn & v1 & crosses1 & close1 & some1;
          take       <= v1 & ~lost1;
          ends       <= resetn & v1 & close1;
          more.crosses <= crosses1;
          more.empty  <= bare1;
          more.here  <= {LANES{1'b1}} << from1[WORD_LOG2-1:SMALL_LOG2];
          info       <= info1;
          units      <= units1;
        end
      end else begin : goes_on
        assign from = rank[k-1].turned;
        assign by   = rank[k-1].more.left;
        always @(posedge clk) begin
          first  <= resetn & rank[k-1].first;
          second <= resetn & rank[k-1].second;
          take   <= rank[k-1].take;
          ends   <= resetn & rank[k-1].ends;
          info   <= rank[k-1].info;
          units  <= rank[k-1].units;
        end
        if (k < RANKS - 1) begin : flags
          always @(posedge clk) begin
            more.crosses <= rank[k-1].more.crosses;
            more.empty  <= rank[k-1].more.empty;
            more.here  <= rank[k-1].more.here;
          end
        end
      end
    end
  endgenerate

  // 3. The word under construction. A frame may end with two words, of which the second waits for a cycle, and a frame of one
  // event that follows it waits as well. What goes where is known a cycle before, so that a bit is one short sum.
  wire [WORD-1:0]  turned = rank[RANKS-1].turned;
  wire             first  = rank[RANKS-1].first;
  wire             second = rank[RANKS-1].second;
  wire             take   = rank[RANKS-1].take;
  wire             crosses  = rank[RANKS-2].more.crosses;
  wire             empty  = rank[RANKS-2].more.empty;
  wire [LANES-1:0] here   = rank[RANKS-2].more.here;
  reg  [WORD-1:0]  building;
  reg              waiting;           // a frame's last word is all of `building`
  reg              old_out, old_in;   // whether bits of `building` go to the word, and stay
  reg  [LANES-1:0] new_out, new_in;   // and which of the chunk do
  wire             waits = waiting ? first : second;
  wire [WORD-1:0]  lanes_out, lanes_in;
  generate
    for (k = 0; k < LANES; k = k + 1) begin : lane
      assign lanes_out[k*SMALL+:SMALL] = {SMALL{new_out[k]}};
      assign lanes_in[k*SMALL+:SMALL]  = {SMALL{new_in[k]}};
    end
  endgenerate

  reg              ends;
  reg [INFO-1:0]   info;
  reg [LIMIT_LOG2-4:0] units;
  always @(posedge clk) begin
    waiting <= resetn & waits;
    old_out <= waits | ~empty;
    new_out <= here & {LANES{rank[RANKS-2].take & ~waits}};
    old_in  <= ~(empty | crosses);
    new_in  <= here ^ {LANES{crosses}};
    if (take) building <= (building & {WORD{old_in}}) | (turned & lanes_in);
    word        <= (building & {WORD{old_out}}) | (turned & lanes_out);
    word_valid  <= resetn & (waiting | first);
    ends        <= resetn & rank[RANKS-1].ends;
    info        <= rank[RANKS-1].info;
    units       <= rank[RANKS-1].units;
    frame_valid <= resetn & ends;
    frame_units <= units;
    frame_empty <= ~(|units);
    {frame_lost, frame_events, frame_mark} <= info;
  end
endmodule

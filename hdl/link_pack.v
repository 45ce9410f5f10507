// Packs codes of any length into words without gaps, and counts them into frames.
//
//   chunk, bits ─► place in the frame ─► rotate ─► word under construction ─► words, one a cycle at most
//                                                                         └─► frame, with its last word
//
// A chunk is what one event gives: `s_bits` bits, the first one lowest, zeros above them; fewer than WORD. The first bit of a
// frame is bit 0 of its first word. A frame ends with the event that has `s_last`, with its FRAME_EVENTS-th, and with the first
// one that finds 2^LIMIT_LOG2 bits or more before it; what is left of its last word is zero. A chunk that comes with `s_lost`
// is no event but says that one was lost: it has no bits, and the frame counts it.
//
// There is no ready: a chunk is taken in every cycle, and who sends it sees to it that the words have room. A frame comes with
// its last word or after it, four cycles after its last chunk, or five if that completes two words. In a cycle there is one word and
// one frame at most: a frame that follows one with two words waits a cycle too.
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
    output reg  [LIMIT_LOG2-4:0]   frame_units  // of 32 bits
);
  localparam WORD = 1 << WORD_LOG2;
  localparam [15:0] MOST_EVENTS = FRAME_EVENTS;
  localparam COUNT = LIMIT_LOG2 + 2;  // holds the limit and one more chunk

  // 1. Where the chunk lies.
  reg  [COUNT-1:0] filled;
  reg  [15:0]      events, losts;
  reg  [MARK-1:0]  mark;
  reg              fresh;  // nothing is in the frame yet
  wire [COUNT-1:0] after = filled + {{(COUNT - BITS_LOG2) {1'b0}}, s_bits};
  wire [15:0]      events_now = events + {15'd0, ~s_lost};
  wire             full = (events_now == MOST_EVENTS) | filled[LIMIT_LOG2] | (&losts[15:1]);
  wire             close = s_last | full;

  reg                 v1, close1, cross1;
  reg [CHUNK-1:0]     chunk1;
  reg [WORD_LOG2-1:0] from1;
  reg [WORD_LOG2-1:0] to1;
  reg [15:0]          events1, losts1;
  reg [MARK-1:0]      mark1;
  reg [LIMIT_LOG2-4:0] units1;
  // A unit more if any of its bits is taken.
  wire [LIMIT_LOG2-4:0] units = after[LIMIT_LOG2+1:5] + {{(LIMIT_LOG2 - 4) {1'b0}}, |after[4:0]};

  always @(posedge clk) begin
    if (~resetn) begin
      filled <= {COUNT{1'b0}};
      events <= 16'd0;
      losts  <= 16'd0;
      fresh  <= 1'b1;
    end else if (s_valid) begin
      filled <= close ? {COUNT{1'b0}} : after;
      events <= close ? 16'd0 : events_now;
      losts  <= close ? 16'd0 : losts + {15'd0, s_lost};
      fresh  <= close;
    end
    if (s_valid & fresh) mark <= s_mark;
    v1      <= resetn & s_valid;
    chunk1  <= s_chunk;
    from1   <= filled[WORD_LOG2-1:0];
    to1     <= after[WORD_LOG2-1:0];
    cross1  <= after[WORD_LOG2] ^ filled[WORD_LOG2];
    close1  <= close;
    events1 <= events_now;
    losts1  <= losts + {15'd0, s_lost};
    mark1   <= fresh ? s_mark : mark;
    units1  <= units;
  end

  // 2 and 3. The chunk rotated to its place: by the high half of the bits, then by the low one.
  localparam LOW = WORD_LOG2 / 2;
  wire [WORD-1:0] wide1 = {{(WORD - CHUNK) {1'b0}}, chunk1};
  reg  [WORD-1:0] turned2;
  genvar k;
  generate
    for (k = 0; k < WORD_LOG2; k = k + 1) begin : turn
      localparam BY = 1 << k;
      wire [WORD-1:0] from, to;
      if (k == LOW) begin : first_high
        assign from = wide1;
      end else if (k == 0) begin : first_low
        assign from = turned2;
      end else begin : next
        assign from = turn[k-1].to;
      end
      assign to = (k < LOW ? from2[k] : from1[k]) ? {from[WORD-1-BY:0], from[WORD-1:WORD-BY]} : from;
    end
  endgenerate
  reg                 v2, close2, cross2;
  reg [WORD_LOG2-1:0] from2, to2;
  reg [15:0]          events2, losts2;
  reg [MARK-1:0]      mark2;
  reg [LIMIT_LOG2-4:0] units2;
  reg                 v3, close3, cross3;
  reg [WORD-1:0]      turned3;
  reg [WORD-1:0]      here3;  // the bits of the word that are not before the chunk
  reg [WORD_LOG2-1:0] to3;
  reg [15:0]          events3, losts3;
  reg [MARK-1:0]      mark3;
  reg [LIMIT_LOG2-4:0] units3;

  always @(posedge clk) begin
    v2      <= resetn & v1;
    {close2, cross2, from2, to2} <= {close1, cross1, from1, to1};
    {events2, losts2, mark2, units2}    <= {events1, losts1, mark1, units1};
    turned2 <= turn[WORD_LOG2-1].to;
    v3      <= resetn & v2;
    {close3, cross3, to3}            <= {close2, cross2, to2};
    {events3, losts3, mark3, units3} <= {events2, losts2, mark2, units2};
    turned3 <= turn[LOW-1].to;
    here3   <= {WORD{1'b1}} << from2;
  end

  // 4. The word under construction; a frame may end with two words, of which the second waits for a cycle.
  reg [WORD-1:0] building;
  reg            waiting;
  reg [WORD-1:0] waiting_word;
  reg [15:0]     waiting_events, waiting_losts;
  reg [MARK-1:0] waiting_mark;
  reg [LIMIT_LOG2-4:0] waiting_units;
  wire [WORD-1:0] whole = building | (turned3 & here3);
  wire [WORD-1:0] spill = turned3 & ~here3;
  wire first  = v3 & (cross3 | (close3 & (|to3)));    // a word is complete
  wire second = v3 & close3 & cross3 & (|to3);        // and so is the next
  wire ends   = v3 & close3;

  always @(posedge clk) begin
    if (~resetn) begin
      building    <= {WORD{1'b0}};
      waiting     <= 1'b0;
      word_valid  <= 1'b0;
      frame_valid <= 1'b0;
    end else begin
      if (v3) building <= close3 ? {WORD{1'b0}} : cross3 ? spill : whole;
      waiting     <= waiting ? ends : second;
      word_valid  <= waiting ? |waiting_units : first;
      frame_valid <= waiting | (ends & ~second);
    end
    word           <= waiting ? waiting_word : whole;
    frame_mark     <= waiting ? waiting_mark : mark3;
    frame_events   <= waiting ? waiting_events : events3;
    frame_lost     <= waiting ? waiting_losts : losts3;
    frame_units    <= waiting ? waiting_units : units3;
    waiting_word   <= waiting ? whole : spill;
    waiting_mark   <= mark3;
    waiting_events <= events3;
    waiting_losts  <= losts3;
    waiting_units  <= units3;
  end
endmodule

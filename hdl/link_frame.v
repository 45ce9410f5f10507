// Puts a header of 16 bytes before the payload of each frame.
//
//   frames (what the header says) ─┐
//                                  ├─► header, payload ─► beats of 2^OUT_LOG2 bits
//   words of 2^WORD_LOG2 bits ─────┘
//
// A frame is offered when its last word is there, so that its header can say how long it is: then all words are in a link_store,
// which needs no telling that they are. docs/STREAM.md has the bytes.
//
// There is no ready behind it: a beat is there for a cycle, four cycles after a `go` that lets it begin. Behind the last beat of a frame
// it leaves the time in which link_crc ends it.
module link_frame #(
    parameter WORD_LOG2  = 7,  // OUT_LOG2 or more
    parameter OUT_LOG2   = 6,  // 5 to 8
    parameter UNIT_BITS  = 9,  // bits of frame_units, 16 at most
    parameter [15:0] MODEL = 16'd0
) (
    input  wire                      clk,
    input  wire                      resetn,
    input  wire                      go,            // there is room for what is on its way
    input  wire [47:0]               frame_mark,    // number of the first event; bunch crossing in the top 16 bits
    input  wire [15:0]               frame_events,
    input  wire [15:0]               frame_lost,
    input  wire [UNIT_BITS-1:0]      frame_units,   // payload, in units of 32 bits
    input  wire                      frame_empty,   // which are none
    input  wire                      frame_valid,
    output wire                      frame_ready,
    input  wire [(1<<WORD_LOG2)-1:0] word,
    output wire                      word_ready,
    output reg  [(1<<OUT_LOG2)-1:0]  m_data,
    output reg  [OUT_LOG2-5:0]       m_units,
    output reg                       m_last,
    output reg                       m_valid
);
  localparam OUT = 1 << OUT_LOG2;
  localparam [31:0] UNITS_WIDE = OUT / 32;
  localparam [OUT_LOG2-5:0] UNITS = UNITS_WIDE[OUT_LOG2-5:0];
  localparam [OUT_LOG2-5:0] ONE = UNITS >> (OUT_LOG2 - 5);
  localparam PARTS = 1 << (WORD_LOG2 - OUT_LOG2);  // beats of a word
  localparam PART_BITS = WORD_LOG2 > OUT_LOG2 ? WORD_LOG2 - OUT_LOG2 : 1;
  localparam [31:0] HALF_WIDE = OUT / 64;
  localparam [UNIT_BITS-1:0] BEAT = UNITS_WIDE[UNIT_BITS-1:0];
  localparam [UNIT_BITS-1:0] HALF_BEAT = HALF_WIDE[UNIT_BITS-1:0];
  localparam [UNIT_BITS:0] TWO_BEATS = OUT / 16;
  localparam [PART_BITS-1:0] LAST_PART = PARTS - 1;
  localparam [PART_BITS-1:0] NEXT_PART = PARTS > 1 ? 1 : 0;

  // 1. What comes next.
  reg                 body;   // the header is out
  reg [PART_BITS-1:0] part;   // of the word
  reg [UNIT_BITS-1:0] left;   // units of payload
  reg                 rests;  // link_crc needs some more cycles for the last frame
  reg [OUT_LOG2-5:0]  rest;   // so many
  wire                may = ~rests & go;
  wire                send = may & body;
  wire                last_part = part == LAST_PART;
  wire                starts, beat, last, next_word;
  wire [OUT_LOG2-5:0] units;
  // 2 and 3. What it is made of is on its way.
  reg  [79+UNIT_BITS:0] info;
  wire [15:0]  units16 = {{(16 - UNIT_BITS) {1'b0}}, info[79+UNIT_BITS:80]};
  wire [127:0] header = {
    info[79:64], units16, info[63:0], MODEL, 4'd1, 3'd0, |info[79:64], 8'h53
  };
  reg                 body2, beat2, last2, body3, beat3, last3, body4, beat4, last4;
  reg [PART_BITS-1:0] part2, part3;
  reg [OUT_LOG2-5:0]  units2, units3, units4;
  reg                 next_word2;
  reg                 taken;  // `info`, a cycle ago
  // 4. It is there.
  wire [OUT-1:0]      slice, made;
  assign frame_ready = taken;
  assign word_ready  = next_word2;

  always @(posedge clk) begin
    if (send) part <= next_word ? {PART_BITS{1'b0}} : part + NEXT_PART;
    // Behind a full beat the CRC has one of its own; else units are taken back, one a cycle.
    rest  <= ~last ? rest - ONE : units == UNITS ? ONE : UNITS - units;
    rests <= last | (rests & (rest != ONE));
    if (starts) info <= {frame_units, frame_lost, frame_events, frame_mark};
    {body2, last2, part2, units2} <= {body, last, part, units};
    {body3, last3, part3, units3} <= {body2, last2, part2, units2};
    {body4, last4, units4} <= {body3, last3, units3};
    m_data  <= made;
    m_units <= units4;
    m_last  <= last4;
    beat2   <= resetn & beat;
    beat3   <= resetn & beat2;
    beat4   <= resetn & beat3;
    m_valid <= resetn & beat4;
    next_word2 <= resetn & next_word;
    taken      <= resetn & starts;
    if (~resetn) begin
      part  <= {PART_BITS{1'b0}};
      rests <= 1'b0;
    end
  end

  genvar k;
  generate
    if (PARTS == 1) begin : one_part
      wire _unused = &{1'b0, part3};
      assign slice = word;
    end else begin : more_parts
      reg [PART_BITS-1:0] part4;
      always @(posedge clk) part4 <= part3;
      assign slice = word[{part4, {OUT_LOG2{1'b0}}}+:OUT];
    end
    if (OUT <= 128) begin : whole
      // The header takes beats of its own.
      localparam [31:0] HEADS = 128 / OUT;
      localparam [1:0] LAST_HEAD = HEADS[1:0] - 2'd1;
      reg [1:0] head, head2, head3, head4;
      wire [OUT-1:0] of[0:3];
      for (k = 0; k < 4; k = k + 1) begin : parts
        assign of[k] = header[k*OUT%128+:OUT];
      end
      reg  ends;    // the rest of the payload fits in a beat
      reg  begun;   // the first beat of the header is out
      reg  nothing; // follows it
      reg  ended, quiet;  // nothing did, and `info` is still needed
      wire heads  = may & ~body & (begun | (frame_valid & ~quiet));
      wire headed = heads & (head == LAST_HEAD);
      wire empty  = begun ? nothing : frame_empty;

      assign starts    = may & ~body & ~begun & frame_valid & ~quiet;
      assign beat      = heads | send;
      assign last      = (send & ends) | (headed & empty);
      assign units     = body & ends ? left[OUT_LOG2-5:0] : UNITS;
      assign next_word = send & (ends | last_part);
      assign made      = body4 ? slice : of[head4];
      always @(posedge clk) begin
        {head2, head3, head4} <= {head, head2, head3};
        {ended, quiet} <= {headed & empty, ended};
        if (starts) begin
          left    <= frame_units;
          ends    <= frame_units <= BEAT;
          nothing <= frame_empty;
        end else if (send) begin
          left <= left - BEAT;
          ends <= {1'b0, left} <= TWO_BEATS;
        end
        if (~resetn) begin
          body  <= 1'b0;
          begun <= 1'b0;
          head  <= 2'd0;
        end else begin
          body <= body ? ~(send & ends) : headed & ~empty;
          if (heads) begin
            begun <= ~headed;
            head  <= headed ? 2'd0 : head + 2'd1;
          end
        end
      end
    end else begin : half
      // The header is half a beat: all payload moves by that much.
      localparam [OUT_LOG2-5:0] HALF = UNITS >> 1;
      reg  tail, tail2, tail3, tail4;  // what is held is all that is left
      reg  starts2, starts3, starts4;
      reg [127:0] held;
      wire sends_tail = may & tail;
      // Of the payload that is left: what fits beside what is held, and what fits if the rest of the slice is held.
      reg  ends, nearly;

      assign starts    = may & ~body & ~tail & frame_valid;
      assign beat      = (starts & frame_empty) | send | sends_tail;
      assign last      = (starts & frame_empty) | (send & ends) | sends_tail;
      assign units     = tail ? left[OUT_LOG2-5:0] : ~body ? HALF : ends ? left[OUT_LOG2-5:0] + HALF : UNITS;
      assign next_word = send & (nearly | last_part);
      assign made      = tail4 ? {128'd0, held} : body4 ? {slice[127:0], held} : {128'd0, header};
      always @(posedge clk) begin
        {tail2, tail3, tail4} <= {tail, tail2, tail3};
        {starts2, starts3, starts4} <= {starts, starts2, starts3};
        if (starts4) held <= header;
        else if (body4 & beat4) held <= slice[255:128];
        if (starts) begin
          left   <= frame_units;
          ends   <= frame_units <= HALF_BEAT;
          nearly <= frame_units <= BEAT;
        end else if (send) begin
          left   <= nearly ? left - HALF_BEAT : left - BEAT;
          ends   <= {1'b0, left} <= TWO_BEATS - {1'b0, HALF_BEAT};
          nearly <= {1'b0, left} <= TWO_BEATS;
        end
        if (~resetn) begin
          body <= 1'b0;
          tail <= 1'b0;
        end else begin
          body <= body ? ~(send & nearly) : starts & ~frame_empty;
          tail <= tail ? ~may : send & nearly & ~ends;
        end
      end
    end
  endgenerate
endmodule

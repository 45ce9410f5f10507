// Puts a header of 16 bytes before the payload of each frame.
//
//   frames (what the header says) ─┐
//                                  ├─► header, payload ─► beats of 2^OUT_LOG2 bits
//   words of 2^WORD_LOG2 bits ─────┘
//
// A frame is offered when its last word is there, so that its header can say how long it is. docs/STREAM.md has the bytes.
module link_frame #(
    parameter WORD_LOG2  = 7,  // OUT_LOG2 or more
    parameter OUT_LOG2   = 6,  // 5 to 8
    parameter UNIT_BITS  = 9,  // bits of frame_units, 16 at most
    parameter [15:0] MODEL = 16'd0
) (
    input  wire                      clk,
    input  wire                      resetn,
    input  wire [47:0]               frame_mark,    // number of the first event; bunch crossing in the top 16 bits
    input  wire [15:0]               frame_events,
    input  wire [15:0]               frame_lost,
    input  wire [UNIT_BITS-1:0]      frame_units,   // payload, in units of 32 bits
    input  wire                      frame_valid,
    output wire                      frame_ready,
    input  wire [(1<<WORD_LOG2)-1:0] word,
    input  wire                      word_valid,
    output wire                      word_ready,
    output reg  [(1<<OUT_LOG2)-1:0]  m_data,
    output reg  [OUT_LOG2-5:0]       m_units,
    output reg                       m_last,
    output reg                       m_valid,
    input  wire                      m_ready
);
  localparam OUT = 1 << OUT_LOG2;
  localparam [31:0] UNITS_WIDE = OUT / 32;
  localparam [OUT_LOG2-5:0] UNITS = UNITS_WIDE[OUT_LOG2-5:0];
  localparam PARTS = 1 << (WORD_LOG2 - OUT_LOG2);  // beats of a word
  localparam PART_BITS = WORD_LOG2 > OUT_LOG2 ? WORD_LOG2 - OUT_LOG2 : 1;
  localparam [31:0] HALF_WIDE = OUT / 64;
  localparam [UNIT_BITS-1:0] BEAT = UNITS_WIDE[UNIT_BITS-1:0];
  localparam [UNIT_BITS-1:0] HALF_BEAT = HALF_WIDE[UNIT_BITS-1:0];
  localparam [UNIT_BITS:0] TWO_BEATS = OUT / 16;
  localparam [PART_BITS-1:0] LAST_PART = PARTS - 1;
  localparam [PART_BITS-1:0] NEXT_PART = PARTS > 1 ? 1 : 0;

  wire [15:0] units16 = {{(16 - UNIT_BITS) {1'b0}}, frame_units};
  wire [127:0] header = {
    frame_lost, units16, frame_events, frame_mark, MODEL, 4'd1, 3'd0, |frame_lost, 8'h53
  };

  wire free = ~m_valid | m_ready;
  reg                  body;  // the header is out
  reg [PART_BITS-1:0]  part;  // of the word
  reg [UNIT_BITS-1:0]  left;  // units of payload
  wire [OUT-1:0] slice;
  wire last_part = part == LAST_PART;

  genvar k;
  generate
    if (PARTS == 1) begin : one_part
      assign slice = word;
    end else begin : more_parts
      assign slice = word[{part, {OUT_LOG2{1'b0}}}+:OUT];
    end
    if (OUT <= 128) begin : whole
      // The header takes beats of its own.
      localparam [31:0] HEADS = 128 / OUT;
      localparam [1:0] LAST_HEAD = HEADS[1:0] - 2'd1;
      reg [1:0] head;
      wire [OUT-1:0] of[0:3];
      for (k = 0; k < 4; k = k + 1) begin : parts
        assign of[k] = header[k*OUT%128+:OUT];
      end
      reg  ends;  // the rest of the payload fits in a beat
      wire heads  = ~body & frame_valid & free;
      wire headed = heads & (head == LAST_HEAD);
      wire empty  = ~(|frame_units);
      wire send   = body & word_valid & free;

      assign word_ready  = send & (ends | last_part);
      assign frame_ready = (send & ends) | (headed & empty);
      always @(posedge clk) begin
        if (free) begin
          m_data  <= body ? slice : of[head];
          m_units <= body & ends ? left[OUT_LOG2-5:0] : UNITS;
          m_last  <= body ? ends : headed & empty;
        end
        if (headed) begin
          left <= frame_units;
          ends <= frame_units <= BEAT;
        end else if (send) begin
          left <= left - BEAT;
          ends <= {1'b0, left} <= TWO_BEATS;
        end
        if (~resetn) begin
          m_valid <= 1'b0;
          body    <= 1'b0;
          head    <= 2'd0;
          part    <= {PART_BITS{1'b0}};
        end else begin
          m_valid <= heads | send | (m_valid & ~m_ready);
          if (heads) head <= headed ? 2'd0 : head + 2'd1;
          body <= body ? ~(send & ends) : headed & ~empty;
          if (send) part <= ends | last_part ? {PART_BITS{1'b0}} : part + NEXT_PART;
        end
      end
    end else begin : half
      // The header is half a beat: all payload moves by that much.
      localparam [OUT_LOG2-5:0] HALF = UNITS >> 1;
      reg [127:0] held;
      reg         tail;  // what is held is all that is left
      wire starts = ~body & ~tail & frame_valid & free;
      wire empty  = ~(|frame_units);
      // Of the payload that is left: what fits beside what is held, and what fits if the rest of the slice is held.
      reg  ends, nearly;
      wire send   = body & word_valid & free;
      wire sends_tail = tail & free;

      assign word_ready  = send & (nearly | last_part);
      assign frame_ready = (send & ends) | sends_tail | (starts & empty);
      always @(posedge clk) begin
        if (free) begin
          m_data  <= tail ? {128'd0, held} : body ? {slice[127:0], held} : {128'd0, header};
          m_units <= tail ? left[OUT_LOG2-5:0] : ~body ? HALF : ends ? left[OUT_LOG2-5:0] + HALF : UNITS;
          m_last  <= tail | (body ? ends : 1'b1);
        end
        if (starts) held <= header;
        else if (send) held <= slice[255:128];
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
          m_valid <= 1'b0;
          body    <= 1'b0;
          tail    <= 1'b0;
          part    <= {PART_BITS{1'b0}};
        end else begin
          m_valid <= (starts & empty) | send | sends_tail | (m_valid & ~m_ready);
          body <= body ? ~(send & nearly) : starts & ~empty;
          tail <= tail ? ~free : send & nearly & ~ends;
          if (send) part <= nearly | last_part ? {PART_BITS{1'b0}} : part + NEXT_PART;
        end
      end
    end
  endgenerate
endmodule

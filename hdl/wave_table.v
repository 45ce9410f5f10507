// Prefix codes of errors: eight tables of 64 symbols, of which the running mean chooses one.
//
//   error ─► number z ─► mean ─► table t, low bits ─► symbol h = z >> low ─► its word in the ROM ─► chunk: code, low bits of z
//
// Table t is for means from 2^(BASE+t-1) on, the first one also for less, the last one also for more; it sees all of z but the
// low = max(BASE + t - 3, 0) bits. A symbol without a code, and 63 and above, is sent as the escape and all of z. The first sample of
// a record is sent as it is, in WIDTH bits. A chunk has its first bit lowest and zeros above m_bits bits, and comes 9 cycles after
// its error.
//
// Word 64 t + h of the ROM is 17 bits wide: the code, its first bit lowest, zeros above; from bit 12 its length, 1 to 12; bit 16 for
// the escape. Where a symbol has no code of its own stands what symbol 63 has, so that one look is enough.
module wave_table #(
    parameter                WIDTH = 16,
    parameter                SHIFT = 2,             // the mean forgets 2^-SHIFT of itself
    parameter                BASE  = 0,             // octave of the first table, 0 to 9
    parameter [17*512-1:0]   ROM   = {512{17'h11000}}  // word 0 lowest
) (
    input  wire              clk,
    input  wire              resetn,
    input  wire              s_valid,
    input  wire              s_first,
    input  wire [WIDTH-1:0]  s_error,
    output wire              m_valid,
    output reg  [WIDTH+11:0] m_chunk,
    output reg  [5:0]        m_bits
);
  localparam [4:0] WHOLE = WIDTH[4:0];
  localparam Z = 26;  // a number and zeros above it, so that every table finds its bits

  // 1. The number: 2e, or -2e - 1 if e < 0.
  reg              first1;
  reg  [WIDTH-1:0] z1;
  wire [WIDTH-1:0] folded = {s_error[WIDTH-2:0], 1'b0} ^ {WIDTH{s_error[WIDTH-1]}};
  wire [WIDTH+SHIFT-1:0] mean1;
  reg  [8:0]       v;

  always @(posedge clk) begin
    v      <= {9{resetn}} & {v[7:0], s_valid};
    first1 <= s_first;
    z1     <= s_first ? s_error : folded;
  end
  assign m_valid = v[8];

  wave_mean #(
      .WIDTH(WIDTH),
      .SHIFT(SHIFT)
  ) running (
      .clk     (clk),
      .s_valid (v[0]),
      .s_first (first1),
      .s_number(z1),
      .mean    (mean1)
  );

  // 2. The table, as that many ones: bit j if the mean is 2^(BASE+j) or more.
  reg              first2;
  reg  [WIDTH-1:0] z2;
  reg  [6:0]       least2;
  wire [6:0]       least;
  wire [WIDTH+15:0] whole = {16'd0, mean1[WIDTH+SHIFT-1:SHIFT]};
  wire unused_mean = &{1'b0, mean1[SHIFT-1:0], whole};

  // 3. Its number; the low bits of z as a mask of ones; whether z is more than six bits above them.
  reg              first3, over3;
  reg  [WIDTH-1:0] z3, mask3;
  reg  [2:0]       t3;
  wire [WIDTH-1:0] mask, above;
  wire four = least2[3];
  wire two = four ? least2[5] : least2[1];
  wire one = four ? (two ? least2[6] : least2[4]) : two ? least2[2] : least2[0];

  // 4. Where in the ROM.
  reg              first4;
  reg  [WIDTH-1:0] z4, mask4;
  reg  [8:0]       at4;
  wire [Z-1:0]     z_wide = {{(Z - WIDTH) {1'b0}}, z3};
  wire [5:0]       symbols[0:7];
  wire unused_z = &{1'b0, z_wide};

  genvar i;
  generate
    for (i = 0; i < 7; i = i + 1) begin : octave
      assign least[i] = |whole[WIDTH+15:BASE+i];
    end
    for (i = 0; i < 8; i = i + 1) begin : symbol
      localparam LOW = BASE + i > 3 ? BASE + i - 3 : 0;
      assign symbols[i] = z_wide[LOW+:6];
    end
    // Bit i is low in tables from i - BASE + 4 on, and above the symbol in those before i - BASE - 2; in the first ones, whose low
    // is held at 0, from bit 6 on.
    for (i = 0; i < WIDTH; i = i + 1) begin : bit_of
      if (i + 3 < BASE) begin : always_low
        assign mask[i] = 1'b1;
      end else if (i + 3 - BASE < 7) begin : low_from
        assign mask[i] = least2[i+3-BASE];
      end else begin : never_low
        assign mask[i] = 1'b0;
      end
      if (i < 6 || i < BASE + 3) begin : never_above
        assign above[i] = 1'b0;
      end else if (i < BASE + 10) begin : above_until
        assign above[i] = z2[i] & ~least2[i-BASE-3];
      end else begin : always_above
        assign above[i] = z2[i];
      end
    end
  endgenerate

  // 5. Its word; 6. held once more, since the memory is slow. A first sample has no code, and goes on like an escape.
  reg [16:0]       rom[0:511];
  reg              first5;
  reg [16:0]       word5, word6;
  reg [WIDTH-1:0]  z5, mask5, z6, mask6;
  reg [2:0]        t4, t5, t6;
  integer j;
  initial for (j = 0; j < 512; j = j + 1) rom[j] = ROM[17*j+:17];

  // 7. What follows the code, and how long it is.
  reg [WIDTH-1:0]  rest7;
  reg [11:0]       code7;
  reg [3:0]        length7;
  reg [4:0]        more7;
  wire [4:0]       octave6 = {2'd0, t6} + BASE[4:0];
  wire [4:0]       low6 = octave6 > 5'd3 ? octave6 - 5'd3 : 5'd0;

  // 8 and 9. It is moved behind the code.
  reg [WIDTH+11:0] rest8;
  reg [11:0]       code8;
  reg [1:0]        length8;
  reg [5:0]        bits8;

  always @(posedge clk) begin
    {first2, z2, least2}    <= {first1, z1, least};
    {first3, z3, mask3, t3} <= {first2, z2, mask, four, two, one};
    over3   <= |above;
    {first4, z4, mask4, t4} <= {first3, z3, mask3, t3};
    at4     <= {t3, symbols[t3] | {6{over3}}};
    {first5, z5, mask5, t5} <= {first4, z4, mask4, t4};
    word5   <= rom[at4];
    {z6, mask6, t6} <= {z5, mask5, t5};
    word6   <= first5 ? 17'h10000 : word5;
    rest7   <= z6 & (mask6 | {WIDTH{word6[16]}});
    more7   <= word6[16] ? WHOLE : low6;
    {length7, code7} <= word6[15:0];
    rest8   <= {12'd0, rest7} << {length7[3:2], 2'b00};
    bits8   <= {2'd0, length7} + {1'b0, more7};
    {length8, code8} <= {length7[1:0], code7};
    m_chunk <= (rest8 << length8) | {{WIDTH{1'b0}}, code8};
    m_bits  <= bits8;
  end
endmodule

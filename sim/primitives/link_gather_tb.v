// link_gather under random stalls, with early ends of frames and resets: vectors, their marks and faults as a model has them.
`timescale 1ns / 1ps
module link_gather_case #(
    parameter BEAT  = 8,
    parameter BEATS = 4,
    parameter SEED  = 1
) (
    output reg        done,
    output reg [31:0] errors,
    output reg [31:0] vectors
);
  reg clk = 1'b0, resetn = 1'b0;
  always #5 clk = ~clk;

  reg  [BEAT-1:0] s_data = 0;
  reg  [15:0]     s_user = 0;
  reg             s_last = 1'b0, s_valid = 1'b0, m_ready = 1'b0;
  wire            s_ready, m_valid, m_last, fault;
  wire [15:0]     m_user;
  wire [BEAT*BEATS-1:0] m_data;
  link_gather #(.BEAT(BEAT), .BEATS(BEATS)) dut (
      .clk(clk), .resetn(resetn),
      .s_data(s_data), .s_user(s_user), .s_last(s_last), .s_valid(s_valid), .s_ready(s_ready),
      .m_data(m_data), .m_user(m_user), .m_last(m_last), .m_valid(m_valid), .m_ready(m_ready),
      .fault(fault)
  );

  localparam ALL = BEAT * BEATS + 17;
  integer seed = SEED, sent = 0, got = 0, at = 0, ends;
  reg [7:0] s_busy = 0, m_busy = 0, early = 0;
  reg [95:0] dice;
  reg [31:0] roll;
  reg [ALL-1:0] queue[0:65535];
  reg [BEAT*BEATS-1:0] vector;
  reg [15:0] user;
  reg waits = 1'b0, faulty = 1'b0;
  reg [ALL-1:0] waiting;

  always @(posedge clk) begin
    roll = $random(seed);
    if (!s_valid || s_ready) begin
      s_valid <= roll[6:0] < s_busy;
      dice = {$random(seed), $random(seed)};
      s_data <= dice;
      dice = $random(seed);
      s_user <= dice;
      s_last  <= roll[22:16] < early;
    end
    m_ready <= roll[14:8] < m_busy;
    if (!resetn) begin
      got = sent;
      at = 0;
      waits = 1'b0;
      faulty = 1'b0;
    end else begin
      if (fault !== faulty) errors = errors + 1;
      if (waits && !(m_valid && {m_last, m_user, m_data} === waiting)) errors = errors + 1;
      if (m_valid && m_ready) begin
        if (got == sent || queue[got] !== {m_last, m_user, m_data}) errors = errors + 1;
        got = got + 1;
        vectors = vectors + 1;
      end
      waits = m_valid && !m_ready;
      waiting = {m_last, m_user, m_data};
      faulty = 1'b0;
      if (s_valid && s_ready) begin
        vector[at*BEAT+:BEAT] = s_data;
        if (at == 0) user = s_user;
        ends = at == BEATS - 1;
        if (ends) begin
          queue[sent] = {s_last, user, vector};
          sent = sent + 1;
        end
        faulty = s_last && !ends;
        at = s_last || ends ? 0 : at + 1;
      end
    end
  end

  integer phase, earlier;
  initial begin
    done = 1'b0;
    errors = 0;
    vectors = 0;
    for (phase = 0; phase < 32; phase = phase + 1) begin
      resetn = 1'b0;
      repeat (3) @(negedge clk);
      if (s_ready || m_valid) errors = errors + 1;
      resetn = 1'b1;
      s_busy = phase[0] ? 128 : phase[1] ? 20 : 90;
      m_busy = phase[2] ? 128 : phase[3] ? 8 : 60;
      early = phase[4] ? 20 : 0;
      earlier = vectors;
      repeat (1000) @(negedge clk);
      if (phase[0] && phase[2] && !phase[4] && (vectors - earlier) * BEATS < 1000 - 2 * BEATS - 4) errors = errors + 1;
    end
    s_busy = 0;
    m_busy = 128;
    repeat (50) @(negedge clk);
    if (got != sent || m_valid) errors = errors + 1;
    done = 1'b1;
  end
endmodule

module link_gather_tb;
  wire [3:0] done;
  wire [31:0] e0, e1, e2, e3, v0, v1, v2, v3;
  link_gather_case #(.BEAT(1), .BEATS(2), .SEED(1)) two (.done(done[0]), .errors(e0), .vectors(v0));
  link_gather_case #(.BEAT(9), .BEATS(3), .SEED(2)) three (.done(done[1]), .errors(e1), .vectors(v1));
  link_gather_case #(.BEAT(32), .BEATS(4), .SEED(3)) four (.done(done[2]), .errors(e2), .vectors(v2));
  link_gather_case #(.BEAT(16), .BEATS(8), .SEED(4)) eight (.done(done[3]), .errors(e3), .vectors(v3));
  initial begin
    wait (&done || e0 + e1 + e2 + e3 != 0);
    if (e0 + e1 + e2 + e3 == 0 && v0 > 1000 && v1 > 1000 && v2 > 1000 && v3 > 500)
      $display("PASS link_gather: %0d vectors", v0 + v1 + v2 + v3);
    else $display("FAIL link_gather: %0d errors", e0 + e1 + e2 + e3);
    $finish;
  end
endmodule

// What link_fixed promises, proved by induction: three cycles after each chunk, and never else, a frame with its header and its
// payload; nothing of a lost event but its mark; `truncated` where the frame has less than the chunk. That the last 32 bits
// are the CRC is for simulation.
reg [2:0] started = 3'd0;
reg [2:0] due = 3'd0;
reg [BODY-1:0] sent[0:2];

wire [PAYLOAD+CHUNK-1:0] wide = s_lost ? 0 : s_chunk;
wire short = !s_lost && s_bits > PAYLOAD;
wire [7:0] id = LINK;

always @(posedge clk) begin
  started <= {started[1:0], 1'b1};
  due     <= resetn ? {due[1:0], s_valid} : 3'd0;
  sent[0] <= {wide[PAYLOAD-1:0], s_mark[7:0], id, 2'b00, s_lost, short, s_mark[43:32]};
  sent[1] <= sent[0];
  sent[2] <= sent[1];
end

always @* begin
  if (~started[0]) assume (~resetn);
  // A chunk has no more bits than it can have.
  if (s_valid) assume (s_bits <= CHUNK);
  if (started[0]) begin
    assert (valid == due[2]);
    assert (v1 == due[0] && v2 == due[1]);
    if (!valid) assert (!truncated && !lost);
  end
  if (started[0] && v1) assert (body1 == sent[0]);
  if (started[1] && v2) assert (body2 == sent[1]);
  if (started[2] && valid) assert (frame[BODY-1:0] == sent[2] && truncated == sent[2][12] && lost == sent[2][13]);
end

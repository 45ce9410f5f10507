// What link_check promises of time, proved by induction: `checked` is high four cycles after each last beat that moved, and never
// else, and `fault` only with it. Which frames have a fault is for simulation.
reg started = 1'b0;
reg [3:0] due = 4'd0;

always @(posedge clk) begin
  started <= 1'b1;
  due     <= resetn ? {due[2:0], m_valid & m_ready & m_last} : 4'd0;
end

always @* begin
  if (~started) assume (~resetn);
  if (started) begin
    assert ((a_valid & a_last) == due[0] && (b_valid & b_last) == due[1] && look == due[2]);
    assert (checked == due[3]);
    assert (checked || !fault);
  end
end

// tiny: fully pipelined shift-add encoder. Written by sluice: do not edit, emit it again.
// model:  tiny, sha256 63828fbe4eb67da53eb6bb9adf24238b0f0e131592b17aa4b418908b41f8f1de
// input:  x: 3 lanes of 4 bits, lane i at [4*i +: 4], formats in design.json
// output: y: 2 lanes of 5 bits, lane i at [5*i +: 5], fixed<5,3>
// timing: latency 4 cycles, a new vector every cycle
module tiny(aclk,aresetn,s_axis_tdata,s_axis_tvalid,s_axis_tready,m_axis_tdata,m_axis_tvalid,m_axis_tready);

    input wire aclk;
    input wire aresetn;
    input wire [11:0] s_axis_tdata;
    input wire s_axis_tvalid;
    output wire s_axis_tready;
    output wire [9:0] m_axis_tdata;
    output wire m_axis_tvalid;
    input wire m_axis_tready;

    // Wires
    wire [11:0] x;
    wire x_valid;
    wire ce;

    // Registers
    reg [3:0] valid;


    skid_buffer #(.WIDTH(12)) input_buffer (
      .clk(aclk), .resetn(aresetn),
      .s_data(s_axis_tdata), .s_valid(s_axis_tvalid), .s_ready(s_axis_tready),
      .m_data(x), .m_valid(x_valid), .m_ready(ce)
    );
    tiny_core core (.clk(aclk), .ce(ce), .x(x), .y(m_axis_tdata));

    assign m_axis_tvalid = valid[3];
    assign ce = m_axis_tready | ~valid[3];
    always @(posedge aclk) begin
      if (~aresetn) valid <= 4'b0;
      else if (ce) valid <= {valid[2:0], x_valid};
    end
endmodule // tiny

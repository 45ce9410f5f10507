// tiny: fully pipelined shift-add encoder. Written by sluice: do not edit, emit it again.
// model:  tiny, sha256 63828fbe4eb67da53eb6bb9adf24238b0f0e131592b17aa4b418908b41f8f1de
// input:  x: 3 lanes of 4 bits, lane i at [4*i +: 4], formats in design.json
// output: y: 2 lanes of 5 bits, lane i at [5*i +: 5], fixed<5,3>
// timing: latency 4 cycles, a new vector every cycle
module tiny_core(clk,ce,x,y);

    input wire clk;
    input wire ce;
    input wire [11:0] x;
    output wire [9:0] y;

    // Wires
    wire [3:0] x_0;
    wire [3:0] x_1;
    wire [3:0] x_2;
    wire [5:0] n3;
    wire [6:0] n4;
    wire [6:0] n5;
    wire [4:0] n7;
    wire [7:0] n8;
    wire [7:0] n9;
    wire [8:0] n10;
    wire [6:0] n13;
    wire [7:0] n14;
    wire [4:0] n17;
    wire [5:0] n18;
    wire [8:0] n19;
    wire [4:0] n23;
    wire [6:0] n24;
    wire [4:0] n31;
    wire [5:0] n32;
    wire [5:0] hidden_0_q;
    wire [3:0] hidden_0;
    wire [5:0] hidden_1_q;
    wire [3:0] hidden_1;
    wire [6:0] hidden_2_q;
    wire [3:0] hidden_2;
    wire [4:0] n21;
    wire [7:0] n25;
    wire [5:0] n26;
    wire [7:0] n27;
    wire [8:0] n28;
    wire [6:0] n33;
    wire [6:0] n34;
    wire [8:0] n35;
    wire [4:0] latent_0;
    wire [4:0] latent_1;
    wire unused_bits;

    // Registers
    reg [8:0] n10_r1;
    reg [7:0] n14_r1;
    reg [8:0] n19_r1;
    reg [6:0] n24_r1;
    reg [5:0] n32_r1;
    reg [3:0] hidden_0_r2;
    reg [3:0] hidden_1_r2;
    reg [3:0] hidden_2_r2;
    reg [6:0] n24_r2;
    reg [5:0] n32_r2;
    reg [5:0] n28_r3;
    reg [6:0] n35_r3;
    reg [4:0] latent_0_r4;
    reg [4:0] latent_1_r4;


    // Rank 0
    assign x_0 = x[3:0];
    assign x_1 = x[7:4];
    assign x_2 = x[11:8];
    assign n3 = {{2{x_1[3]}}, x_1} - {x_1, 2'b0};
    assign n4 = {{3{x_0[3]}}, x_0} + {x_0[3], x_0, 2'b0};
    assign n5 = {3'b0, x_2} + {n3[5], n3};
    assign n7 = 5'h9 - {1'b0, x_2};
    assign n8 = {2'b0, x_2, 2'b0} + {{2{n3[5]}}, n3};
    assign n9 = {n4, 1'b0} + {{3{n7[4]}}, n7};
    assign n10 = {n8, 1'b0} + {n9[7], n9};
    assign n13 = n4 + 7'h76;
    assign n14 = {n5[6], n5} + {n13[6], n13};
    assign n17 = 5'h2 - {x_1[3], x_1};
    assign n18 = {2'b0, x_2} + {n17[4], n17};
    assign n19 = {{3{n18[5]}}, n18} - {n5, 2'b0};
    assign n23 = {x_0[3], x_0} + 5'h1d;
    assign n24 = {n23, 2'b0} - {3'b0, x_2};
    assign n31 = {x_1[3], x_1} + 5'ha;
    assign n32 = {1'b0, x_2, 1'b0} + {1'b0, n31};
    always @(posedge clk) if (ce) begin
      n10_r1 <= n10;
      n14_r1 <= n14;
      n19_r1 <= n19;
      n24_r1 <= n24;
      n32_r1 <= n32;
    end

    // Rank 1
    assign hidden_0_q = n10_r1[8:3] + {5'b0, (n10_r1[2] & (n10_r1[3] | (|n10_r1[1:0])))};
    assign hidden_0 = hidden_0_q[5] ? 4'h0 : (((|hidden_0_q[4])) ? 4'hf : hidden_0_q[3:0]);
    assign hidden_1_q = n14_r1[7:2] + {5'b0, (n14_r1[1] & (n14_r1[2] | (|n14_r1[0])))};
    assign hidden_1 = hidden_1_q[5] ? 4'h0 : (((|hidden_1_q[4])) ? 4'hf : hidden_1_q[3:0]);
    assign hidden_2_q = n19_r1[8:2] + {6'b0, (n19_r1[1] & (n19_r1[2] | (|n19_r1[0])))};
    assign hidden_2 = hidden_2_q[6] ? 4'h0 : (((|hidden_2_q[5:4])) ? 4'hf : hidden_2_q[3:0]);
    always @(posedge clk) if (ce) begin
      hidden_0_r2 <= hidden_0;
      hidden_1_r2 <= hidden_1;
      hidden_2_r2 <= hidden_2;
      n24_r2 <= n24_r1;
      n32_r2 <= n32_r1;
    end

    // Rank 2
    assign n21 = {1'b0, hidden_1_r2} + {1'b0, hidden_2_r2};
    assign n25 = {n24_r2[6], n24_r2} - {4'b0, hidden_0_r2};
    assign n26 = {2'b0, hidden_0_r2} - {1'b0, hidden_1_r2, 1'b0};
    assign n27 = {3'b0, n21} + n25;
    assign n28 = {n26[5], n26, 2'b0} + {n27[7], n27};
    assign n33 = {1'b0, n32_r2} - {3'b0, hidden_0_r2};
    assign n34 = {n21, 2'b0} - {2'b0, n21};
    assign n35 = {{2{n33[6]}}, n33} + {2'b0, n34};
    always @(posedge clk) if (ce) begin
      n28_r3 <= n28[8:3];
      n35_r3 <= n35[8:2];
    end

    // Rank 3
    assign latent_0 = (n28_r3[5] & (~(&n28_r3[4]) | ~(|n28_r3[3:0]))) ? 5'h11 : (n28_r3[4:0]);
    assign latent_1 = (~n35_r3[6] & (|n35_r3[5:4])) ? 5'hf : n35_r3[4:0];
    always @(posedge clk) if (ce) begin
      latent_0_r4 <= latent_0;
      latent_1_r4 <= latent_1;
    end

    // Rank 4

    assign y = {
      latent_1_r4,
      latent_0_r4
    };

    // Bits that rounding drops, and inputs that no weight reads
    assign unused_bits = &{
      1'b0,
      n28[2:0],
      n35[1:0]
    };
endmodule // tiny_core

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
    wire [5:0] n8;
    wire [7:0] n9;
    wire [5:0] n12;
    wire [7:0] n15;
    wire [8:0] n10;
    wire [7:0] n13;
    wire [8:0] n16;
    wire [5:0] hidden_0_q;
    wire [3:0] hidden_0;
    wire [5:0] hidden_1_q;
    wire [3:0] hidden_1;
    wire [6:0] hidden_2_q;
    wire [3:0] hidden_2;
    wire [4:0] n20;
    wire [5:0] n21;
    wire [7:0] n23;
    wire [4:0] n24;
    wire [5:0] n25;
    wire [6:0] n26;
    wire [4:0] n28;
    wire [4:0] n28_s;
    wire [5:0] n29;
    wire [6:0] n30;
    wire [8:0] n27;
    wire [8:0] n31;
    wire [4:0] latent_0;
    wire [4:0] latent_1;
    wire unused_bits;

    // Registers
    reg [3:0] x_0_r1;
    reg [3:0] x_1_r1;
    reg [3:0] x_2_r1;
    reg [5:0] n3_r1;
    reg [5:0] n4_r1;
    reg [4:0] n5_r1;
    reg n7_r1;
    reg [6:0] n9_r1;
    reg [4:0] n12_r1;
    reg [3:0] x_0_r2;
    reg [3:0] x_1_r2;
    reg [3:0] x_2_r2;
    reg [3:0] hidden_0_r2;
    reg [3:0] hidden_1_r2;
    reg [3:0] hidden_2_r2;
    reg x_2_r3;
    reg [4:0] n20_r3;
    reg [2:0] n21_r3;
    reg [4:0] n23_r3;
    reg n25_r3;
    reg [4:0] n26_r3;
    reg [4:0] n30_r3;
    reg [4:0] latent_0_r4;
    reg [4:0] latent_1_r4;


    // Rank 0
    assign x_0 = x[3:0];
    assign x_1 = x[7:4];
    assign x_2 = x[11:8];
    assign n3 = {{2{x_1[3]}}, x_1} - {2'b0, x_2};
    assign n4 = {{n3[5], n3[5:1]} + {{2{x_1[3]}}, x_1}, n3[0]};
    assign n5 = {{{3{x_0[3]}}, x_0[3:2]} + {x_0[3], x_0}, x_0[1:0]};
    assign n7 = 5'h9 - {1'b0, x_2};
    assign n8 = {{n7[4], n7[4:1]} + {x_1[3], x_1}, n7[0]};
    assign n9 = {{{2{n8[5]}}, n8[5:1]} + n5, n8[0]};
    assign n12 = {n4[5:1] + 5'h5, n4[0]};
    assign n15 = {n4, 1'h1};
    always @(posedge clk) if (ce) begin
      x_0_r1 <= x_0;
      x_1_r1 <= x_1;
      x_2_r1 <= x_2;
      n3_r1 <= n3;
      n4_r1 <= n4[6:1];
      n5_r1 <= n5[6:2];
      n7_r1 <= n7[0];
      n9_r1 <= n9[7:1];
      n12_r1 <= n12[5:1];
    end

    // Rank 1
    assign n10 = {{n9_r1[6], n9_r1[6:2]} - n3_r1, {n9_r1[1:0], n7_r1}};
    assign n13 = {n5_r1[4], n5_r1, x_0_r1[1:0]} - {{2{n12_r1[4]}}, n12_r1, n3_r1[0]};
    assign n16 = {n4_r1, n3_r1[0], 1'h1, 1'b0} - {{3{n3_r1[5]}}, n3_r1};
    assign hidden_0_q = n10[8:3] + {5'b0, (n10[2] & (n10[3] | (|n10[1:0])))};
    assign hidden_0 = hidden_0_q[5] ? 4'h0 : (((|hidden_0_q[4])) ? 4'hf : hidden_0_q[3:0]);
    assign hidden_1_q = n13[7:2] + {5'b0, (n13[1] & (n13[2] | (|n13[0])))};
    assign hidden_1 = hidden_1_q[5] ? 4'h0 : (((|hidden_1_q[4])) ? 4'hf : hidden_1_q[3:0]);
    assign hidden_2_q = n16[8:2] + {6'b0, (n16[1] & (n16[2] | (|n16[0])))};
    assign hidden_2 = hidden_2_q[6] ? 4'h0 : (((|hidden_2_q[5:4])) ? 4'hf : hidden_2_q[3:0]);
    always @(posedge clk) if (ce) begin
      x_0_r2 <= x_0_r1;
      x_1_r2 <= x_1_r1;
      x_2_r2 <= x_2_r1;
      hidden_0_r2 <= hidden_0;
      hidden_1_r2 <= hidden_1;
      hidden_2_r2 <= hidden_2;
    end

    // Rank 2
    assign n20 = {1'b0, hidden_2_r2} + {1'b0, hidden_1_r2};
    assign n21 = {1'b0, n20} + {2'b0, hidden_0_r2};
    assign n23 = {{2'b0, n21[5:3]} - {1'b0, hidden_1_r2}, n21[2:0]};
    assign n24 = {{1'b0, x_2_r2[3:2]} + 3'h3, x_2_r2[1:0]};
    assign n25 = {{1'b0, n24[4:1]} - {1'b0, hidden_0_r2}, n24[0]};
    assign n26 = {{n25[5], n25[5:2]} - {x_0_r2[3], x_0_r2}, n25[1:0]};
    assign n28 = {{x_1_r2[3], x_1_r2[3:1]} + 4'h5, x_1_r2[0]};
    assign n28_s = {n28[4] & (n28[4] | n28[3]), n28[3:0]};
    assign n29 = {{1'b0, n28_s[4:1]} + {1'b0, x_2_r2}, n28_s[0]};
    assign n30 = {1'b0, n29} - {1'b0, n21};
    always @(posedge clk) if (ce) begin
      x_2_r3 <= x_2_r2[0];
      n20_r3 <= n20;
      n21_r3 <= n21[2:0];
      n23_r3 <= n23[7:3];
      n25_r3 <= n25[1];
      n26_r3 <= n26[6:2];
      n30_r3 <= n30[6:2];
    end

    // Rank 3
    assign n27 = {n23_r3[4], n23_r3, n21_r3} - {{2{n26_r3[4]}}, n26_r3, n25_r3, x_2_r3};
    assign n31 = {{{2{n30_r3[4]}}, n30_r3} + {2'b0, n20_r3}, 2'b0};
    assign latent_0 = (n27[8] & (~(&n27[7]) | ~(|n27[6:3]))) ? 5'h11 : (n27[7:3]);
    assign latent_1 = (~n31[8] & (|n31[7:6])) ? 5'hf : n31[6:2];
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
      n12[0],
      n15,
      n23[2:0],
      n26[1:0],
      n27[2:0],
      n30[1:0],
      n31[1:0],
      n9[0]
    };
endmodule // tiny_core

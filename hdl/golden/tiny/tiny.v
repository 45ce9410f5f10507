// tiny: fully pipelined shift-add encoder. Written by sluice: do not edit, emit it again.
// model:  tiny, sha256 63828fbe4eb67da53eb6bb9adf24238b0f0e131592b17aa4b418908b41f8f1de
// input:  x: 3 lanes of 4 bits, lane i at [4*i +: 4], formats in design.json
// output: y: 2 lanes of 5 bits, lane i at [5*i +: 5], fixed<5,3>
// timing: latency 4 cycles, a new vector every cycle
module tiny(clk,x,y);

    input wire clk;
    input wire [11:0] x;
    output wire [9:0] y;

    // Wires
    wire [3:0] x_0;
    wire [3:0] x_1;
    wire [3:0] x_2;
    wire [5:0] n3;
    wire [6:0] n4;
    wire [6:0] n5;
    wire [5:0] n7;
    wire [5:0] n8;
    wire [7:0] n9;
    wire [8:0] n11;
    wire [6:0] n12;
    wire [7:0] n13;
    wire [7:0] n15;
    wire [8:0] n16;
    wire [5:0] hidden_0_q;
    wire [3:0] hidden_0;
    wire [5:0] hidden_1_q;
    wire [3:0] hidden_1;
    wire [6:0] hidden_2_q;
    wire [3:0] hidden_2;
    wire [6:0] n23;
    wire [4:0] n28;
    wire [5:0] n29;
    wire [4:0] n20;
    wire [5:0] n21;
    wire [6:0] n24;
    wire [8:0] n25;
    wire [6:0] n26;
    wire [6:0] n30;
    wire [8:0] n31;
    wire [8:0] n27;
    wire [8:0] latent_0_i;
    wire [4:0] latent_0;
    wire [4:0] latent_1;
    wire unused_bits;

    // Registers
    reg [3:0] x_0_r1;
    reg [3:0] x_1_r1;
    reg [3:0] x_2_r1;
    reg [8:0] n11_r1;
    reg [7:0] n13_r1;
    reg [8:0] n16_r1;
    reg x_1_r2;
    reg [1:0] x_2_r2;
    reg [3:0] hidden_0_r2;
    reg [3:0] hidden_1_r2;
    reg [3:0] hidden_2_r2;
    reg [4:0] n23_r2;
    reg [4:0] n29_r2;
    reg [1:0] x_2_r3;
    reg n23_r3;
    reg [5:0] n25_r3;
    reg [6:0] n26_r3;
    reg [6:0] n31_r3;
    reg [4:0] latent_0_r4;
    reg [4:0] latent_1_r4;


    // Rank 0
    assign x_0 = x[3:0];
    assign x_1 = x[7:4];
    assign x_2 = x[11:8];
    assign n3 = {{2{x_1[3]}}, x_1} - {2'b0, x_2};
    assign n4 = {{n3[5], n3[5:1]} + {{2{x_1[3]}}, x_1}, n3[0]};
    assign n5 = {{{3{x_0[3]}}, x_0[3:2]} + {x_0[3], x_0}, x_0[1:0]};
    assign n7 = {{2'b0, x_2[3:1]} - {x_1[3], x_1}, x_2[0]};
    assign n8 = n7 - 6'h9;
    assign n9 = {{n5[6], n5[6:2]} - n3, n5[1:0]};
    assign n11 = {n9, 1'b0} - {{3{n8[5]}}, n8};
    assign n12 = {n5[6:1] - 6'h5, n5[0]};
    assign n13 = {n12[6], n12} - {n4[6], n4};
    assign n15 = {n4, 1'h1};
    assign n16 = {n15, 1'b0} - {{3{n3[5]}}, n3};
    always @(posedge clk) begin
      x_0_r1 <= x_0;
      x_1_r1 <= x_1;
      x_2_r1 <= x_2;
      n11_r1 <= n11;
      n13_r1 <= n13;
      n16_r1 <= n16;
    end

    // Rank 1
    assign hidden_0_q = n11_r1[8:3] + {5'b0, (n11_r1[2] & (n11_r1[3] | (|n11_r1[1:0])))};
    assign hidden_0 = hidden_0_q[5] ? 4'h0 : (((|hidden_0_q[4])) ? 4'hf : hidden_0_q[3:0]);
    assign hidden_1_q = n13_r1[7:2] + {5'b0, (n13_r1[1] & (n13_r1[2] | (|n13_r1[0])))};
    assign hidden_1 = hidden_1_q[5] ? 4'h0 : (((|hidden_1_q[4])) ? 4'hf : hidden_1_q[3:0]);
    assign hidden_2_q = n16_r1[8:2] + {6'b0, (n16_r1[1] & (n16_r1[2] | (|n16_r1[0])))};
    assign hidden_2 = hidden_2_q[6] ? 4'h0 : (((|hidden_2_q[5:4])) ? 4'hf : hidden_2_q[3:0]);
    assign n23 = {{3'b0, x_2_r1[3:2]} - {x_0_r1[3], x_0_r1}, x_2_r1[1:0]};
    assign n28 = {{x_1_r1[3], x_1_r1[3:1]} + 4'h5, x_1_r1[0]};
    assign n29 = {{1'b0, n28[4:1]} + {1'b0, x_2_r1}, n28[0]};
    always @(posedge clk) begin
      x_1_r2 <= x_1_r1[0];
      x_2_r2 <= x_2_r1[1:0];
      hidden_0_r2 <= hidden_0;
      hidden_1_r2 <= hidden_1;
      hidden_2_r2 <= hidden_2;
      n23_r2 <= n23[6:2];
      n29_r2 <= n29[5:1];
    end

    // Rank 2
    assign n20 = {1'b0, hidden_1_r2} + {1'b0, hidden_2_r2};
    assign n21 = {2'b0, hidden_0_r2} - {1'b0, n20};
    assign n24 = {5'h2 - {1'b0, hidden_0_r2}, 2'h3};
    assign n25 = {{{2{n23_r2[4]}}, n23_r2[4:1]} + {2'b0, hidden_1_r2}, {n23_r2[0], x_2_r2}};
    assign n26 = n24 + {n21[5], n21};
    assign n30 = {{1'b0, n29_r2} + {1'b0, n20}, x_1_r2};
    assign n31 = {2'b0, n30} - {{3{n21[5]}}, n21};
    always @(posedge clk) begin
      x_2_r3 <= x_2_r2;
      n23_r3 <= n23_r2[0];
      n25_r3 <= n25[8:3];
      n26_r3 <= n26;
      n31_r3 <= n31[8:2];
    end

    // Rank 3
    assign n27 = {n25_r3, n23_r3, x_2_r3} + {{2{n26_r3[6]}}, n26_r3};
    assign latent_0_i = ~n27;
    assign latent_0 = (latent_0_i[8] & (~(&latent_0_i[7]) | ~(|latent_0_i[6:3]))) ? 5'h11 : (latent_0_i[7:3]);
    assign latent_1 = (~n31_r3[6] & (|n31_r3[5:4])) ? 5'hf : n31_r3[4:0];
    always @(posedge clk) begin
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
      latent_0_i[2:0],
      n23[1:0],
      n25[2:0],
      n29[0],
      n31[1:0]
    };
endmodule // tiny

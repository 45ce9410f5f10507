// link_registers over its bus, with the parts of a transaction in any order and with delays: every address is read and written,
// counters are compared with what was counted while they were read, over the border between their words too.
`timescale 1ns / 1ps
module link_registers_tb;
  localparam [31:0] VERSION = 32'h00010203, MODEL = 32'hDEADBEEF;
  localparam [15:0] LINK = 16'h5AF0, THRESHOLD = 16'h1234;
  localparam [1:0] OKAY = 2'b00, SLVERR = 2'b10;

  reg clk = 1'b0, resetn = 1'b0;
  always #5 clk = ~clk;

  reg  [7:0]  awaddr = 0, araddr = 0;
  reg  [31:0] wdata = 0;
  reg  [3:0]  wstrb = 0;
  reg         awvalid = 1'b0, wvalid = 1'b0, bready = 1'b0, arvalid = 1'b0, rready = 1'b0;
  wire        awready, wready, bvalid, arready, rvalid, core_resetn, drop;
  wire [1:0]  bresp, rresp;
  wire [31:0] rdata;
  wire [15:0] threshold;
  reg  [7:0]  count = 0;
  reg         input_ready = 1'b0, output_waits = 1'b0;
  link_registers #(.VERSION(VERSION), .MODEL(MODEL), .LINK(LINK), .DROP(1'b1), .THRESHOLD(THRESHOLD)) dut (
      .aclk(clk), .aresetn(resetn),
      .s_axil_awaddr(awaddr), .s_axil_awvalid(awvalid), .s_axil_awready(awready),
      .s_axil_wdata(wdata), .s_axil_wstrb(wstrb), .s_axil_wvalid(wvalid), .s_axil_wready(wready),
      .s_axil_bresp(bresp), .s_axil_bvalid(bvalid), .s_axil_bready(bready),
      .s_axil_araddr(araddr), .s_axil_arvalid(arvalid), .s_axil_arready(arready),
      .s_axil_rdata(rdata), .s_axil_rresp(rresp), .s_axil_rvalid(rvalid), .s_axil_rready(rready),
      .count(count), .input_ready(input_ready), .output_waits(output_waits),
      .core_resetn(core_resetn), .drop(drop), .threshold(threshold)
  );

  integer seed = 5, errors = 0, n, k, writes = 0, reads = 0;
  task check(input ok, input [31:0] what);
    if (ok !== 1'b1) begin
      errors = errors + 1;
      if (errors < 20) $display("check %0d failed at %0t", what, $time);
    end
  endtask

  // What was counted, and how busy each counter is, of 128.
  reg [63:0] counted[0:7];
  reg [7:0] busy = 0;
  reg [31:0] roll, dice, held = 0;
  always @(posedge clk) begin
    for (n = 0; n < 8; n = n + 1) begin
      if (resetn && count[n]) counted[n] = counted[n] + 1;
      roll = $random(seed);
      count[n] <= roll[6:0] < busy;
    end
    // The moment in which a write takes effect, as the bus has it: the cycle before bvalid.
    if (resetn && dut.clear) for (n = 0; n < 8; n = n + 1) counted[n] = 0;
    if (!core_resetn) held = held + 1;
  end

  // Responses stay until they are taken.
  reg b_waits = 1'b0, r_waits = 1'b0;
  reg [1:0] b_was;
  reg [33:0] r_was;
  always @(posedge clk) begin
    if (b_waits) check(bvalid && bresp === b_was, 1);
    if (r_waits) check(rvalid && {rresp, rdata} === r_was, 2);
    b_waits = resetn && bvalid && !bready;
    b_was = bresp;
    r_waits = resetn && rvalid && !rready;
    r_was = {rresp, rdata};
  end

  // Address and data of a write each after a delay of its own, and the response taken after another.
  reg [1:0] resp;
  task write(input [7:0] at, input [31:0] value, input [3:0] bytes, input [1:0] expected);
    begin
      dice = $random(seed);
      fork
        begin
          repeat (dice[1:0]) @(negedge clk);
          awaddr  = at;
          awvalid = 1'b1;
          @(posedge clk);
          while (!awready) @(posedge clk);
          @(negedge clk) awvalid = 1'b0;
          awaddr = $random(seed);
        end
        begin
          repeat (dice[3:2]) @(negedge clk);
          wdata  = value;
          wstrb  = bytes;
          wvalid = 1'b1;
          @(posedge clk);
          while (!wready) @(posedge clk);
          @(negedge clk) wvalid = 1'b0;
          wdata = $random(seed);
          wstrb = $random(seed);
        end
        begin
          repeat (dice[6:4]) @(negedge clk);
          bready = 1'b1;
          @(posedge clk);
          while (!bvalid) @(posedge clk);
          check(bresp === expected, 1000 + at);
          @(negedge clk) bready = 1'b0;
        end
      join
      writes = writes + 1;
    end
  endtask

  // The counts before and after: a counter lies between.
  reg [31:0] got;
  reg [63:0] earlier[0:7], later[0:7];
  integer waited;
  task read(input [7:0] at, input [1:0] expected);
    begin
      dice = $random(seed);
      araddr  = at;
      arvalid = 1'b1;
      rready  = dice[0];
      for (k = 0; k < 8; k = k + 1) earlier[k] = counted[k];
      @(posedge clk);
      while (!arready) @(posedge clk);
      @(negedge clk) arvalid = 1'b0;
      araddr = $random(seed);
      waited = 0;
      while (!rvalid) begin
        waited = waited + 1;
        @(negedge clk);
      end
      check(waited <= 13, 3);
      for (k = 0; k < 8; k = k + 1) later[k] = counted[k];
      if (!dice[0]) repeat (dice[3:1]) @(negedge clk);
      rready = 1'b1;
      check(rresp === expected, 2000 + at);
      got = rdata;
      @(posedge clk);
      @(negedge clk) rready = 1'b0;
      check(!rvalid, 4);
      reads = reads + 1;
    end
  endtask

  reg [63:0] value;
  task read_counter(input integer which);
    begin
      read(8'h20 + 8 * which, OKAY);
      value[31:0] = got;
      read(8'h24 + 8 * ((which + reads) & 7), OKAY);  // any high word will do
      value[63:32] = got;
    end
  endtask
  task check_counters;
    integer c;
    reg [63:0] least, most;
    for (c = 0; c < 8; c = c + 1) begin
      read(8'h20 + 8 * c, OKAY);
      least = earlier[c];
      most = later[c];
      value[31:0] = got;
      read(8'h24 + 8 * ($random(seed) & 7), OKAY);
      value[63:32] = got;
      check(value - least <= most - least, 100 + c);  // they may wrap
    end
  endtask

  integer a, turn, b;
  reg [15:0] limit;
  initial begin
    for (n = 0; n < 8; n = n + 1) counted[n] = 0;
    repeat (4) @(negedge clk);
    check(!awready && !wready && !arready && !bvalid && !rvalid && !core_resetn, 5);
    resetn = 1'b1;
    @(negedge clk);
    @(negedge clk);
    check(core_resetn && drop && threshold == THRESHOLD, 6);
    // What is there at first.
    read(8'h24, OKAY);
    check(got == 0, 7);
    check_counters;
    read(8'h00, OKAY);
    check(got == 32'h534C5543, 8);
    read(8'h04, OKAY);
    check(got == VERSION, 9);
    read(8'h08, OKAY);
    check(got == MODEL, 10);
    read(8'h0C, OKAY);
    check(got == LINK, 11);
    read(8'h10, OKAY);
    check(got == 4, 12);
    read(8'h18, OKAY);
    check(got == THRESHOLD, 13);
    for (a = 0; a < 4; a = a + 1) begin
      {output_waits, input_ready} = a;
      read(8'h14, OKAY);
      check(got == a, 14);
    end
    // Other addresses.
    for (a = 0; a < 256; a = a + 1) begin
      if (a >= 8'h60 || (a >> 2) == 7) begin
        read(a, SLVERR);
        check(got == 0, 15);
      end
      if ((a >> 2) != 4 && (a >> 2) != 6) write(a, $random(seed), 4'hF, SLVERR);
    end
    check(core_resetn && drop && threshold == THRESHOLD, 16);
    for (a = 0; a < 8; a = a + 1) begin
      read_counter(a);
      check(value == 0, 17);
    end
    // Bytes of the threshold; the low bits of an address do not matter.
    limit = THRESHOLD;
    for (a = 0; a < 40; a = a + 1) begin
      dice = $random(seed);
      b = dice[3:0];
      value = $random(seed);
      write(8'h18 + (a & 3), value[31:0], b, OKAY);
      if (b & 1) limit[7:0] = value[7:0];
      if (b & 2) limit[15:8] = value[15:8];
      read(8'h18 + (a & 3), OKAY);
      check(got == limit && threshold == limit, 18);
    end
    // Drop.
    for (a = 0; a < 8; a = a + 1) begin
      write(8'h10, {29'd0, a[0], 2'b00}, 4'hF, OKAY);
      read(8'h10, OKAY);
      check(got == {29'd0, a[0], 2'b00} && drop == a[0], 19);
      write(8'h10, {29'd0, ~a[0], 2'b11}, 4'hE, OKAY);
      check(drop == a[0] && core_resetn, 20);
    end
    // Counting, and reads meanwhile.
    for (turn = 0; turn < 5; turn = turn + 1) begin
      busy = turn == 0 ? 5 : turn == 1 ? 64 : turn == 2 ? 128 : 100;
      repeat (8) check_counters;
      if (turn == 3) begin
        // Soft reset: 16 cycles, and the counters go on.
        held = 0;
        write(8'h10, 32'h1, 4'h1, OKAY);
        read(8'h10, OKAY);
        check(got == (core_resetn ? 0 : 1) || got == 1, 21);
        check_counters;
        check(held == 16 && core_resetn && !drop, 22);
        write(8'h10, 32'h5, 4'h1, OKAY);
        read(8'h14, OKAY);
        check(got[2], 23);
        read(8'h10, OKAY);
        check(got == 5, 24);
        repeat (20) @(negedge clk);
        read(8'h10, OKAY);
        check(got == 4 && held == 32, 25);
      end
      if (turn == 2 || turn == 3) begin
        write(8'h10, 32'h2, 4'h1, OKAY);
        check_counters;
        read(8'h10, OKAY);
        check(got == 0, 26);
      end
      // As if it had counted for long: the high word changes while it is read.
      if (turn == 1 || turn == 3 || turn == 4) begin
        busy = 0;
        repeat (20) @(negedge clk);
        for (a = 0; a < 8; a = a + 1) begin
          dice = $random(seed);
          value = {dice, 32'hFFFFFFFF - 32'd17 * a};
          if (a == 7) value = 64'hFFFFFFFFFFFFFF00;
          // Beside its turn.
          while (((dut.slot - a) & 7) != 6) @(negedge clk);
          dut.low[a] = value[31:0];
          dut.high[a] = value[63:32];
          counted[a] = value;
        end
        busy = 100;
        repeat (6) check_counters;
        if (turn == 4) repeat (100) check_counters;
      end
    end
    busy = 0;
    repeat (20) @(negedge clk);
    for (a = 0; a < 8; a = a + 1) begin
      read_counter(a);
      check(value == counted[a], 27);
    end
    // A reset, also in the middle of a transaction.
    for (turn = 0; turn < 20; turn = turn + 1) begin
      @(negedge clk);
      araddr = 8'h20 + 8 * turn;
      awaddr = 8'h18;
      arvalid = 1'b1;
      awvalid = 1'b1;
      wvalid = turn[0];
      repeat (turn) @(negedge clk);
      resetn = 1'b0;
      arvalid = 1'b0;
      awvalid = 1'b0;
      wvalid = 1'b0;
      repeat (2) @(negedge clk);
      check(!awready && !wready && !arready && !bvalid && !rvalid && !core_resetn, 28);
      for (n = 0; n < 8; n = n + 1) counted[n] = 0;
      resetn = 1'b1;
      repeat (3) @(negedge clk);
      check(core_resetn && drop && threshold == THRESHOLD, 29);
      write(8'h18, turn, 4'hF, OKAY);
      read(8'h18, OKAY);
      check(got == turn, 30);
      read_counter(turn & 7);
      check(value == 0, 31);
    end
    if (errors == 0 && writes > 200 && reads > 500) $display("PASS link_registers: %0d writes, %0d reads", writes, reads);
    else $display("FAIL link_registers: %0d errors, %0d writes, %0d reads", errors, writes, reads);
    $finish;
  end
endmodule

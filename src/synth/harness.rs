//! The shift registers around a design whose buses have more bits than a package has pins.
//!
//! ```text
//! din ─► shift register ─► capture register ─► design ─► loadable shift register ─► dout
//!          in_bits FF         in_bits FF                   out_bits FF, out_bits LUT
//! ```
//!
//! The capture register has an enable of its own, so that it cannot be merged with the first rank of the design. Handshake and
//! reset cross a register as well: the way to a pin would draw the design's own registers there.

use crate::dut::Dut;

/// Name of the module below.
pub(super) const TOP: &str = "sluice_harness";

/// Verilog of the harness. A stream is kept running: its handshake inputs come from pins.
pub(super) fn text(dut: &Dut) -> String {
    let (wi, wo) = (dut.port_bits(), dut.out_bits());
    let shift_in = if wi > 1 { format!("{{sh[{}:0], din}}", wi - 2) } else { "din".into() };
    let shift_out = if wo > 1 { format!("{{so[{}:0], 1'b0}}", wo - 2) } else { "1'b0".into() };
    format!(
        "module {TOP}(input clk, input rst_pin, input din, input take, input cap, input in_valid_pin,
  input out_ready_pin, output dout, output reg in_ready_pin, output reg out_valid_pin);
  reg [{i}:0] sh, si;
  reg [{o}:0] so;
  reg rst, in_valid, out_ready;
  wire in_ready, out_valid;
  wire [{o}:0] y;
  {top} dut({common}, {data});
  always @(posedge clk) begin
    {{rst, in_valid, out_ready}} <= {{rst_pin, in_valid_pin, out_ready_pin}};
    {{in_ready_pin, out_valid_pin}} <= {{in_ready, out_valid}};
    sh <= {shift_in};
    if (take) si <= sh;
    so <= cap ? y : {shift_out};
  end
  assign dout = so[{o}];
{constant}endmodule
",
        i = wi - 1,
        o = wo - 1,
        top = dut.top,
        common = dut.common_ports("clk", "rst"),
        data = dut.data_ports("si", "y", ["in_valid", "in_ready", "out_valid", "out_ready"]),
        constant = dut.constant_handshake(),
    )
}

/// Lookup tables and flip-flops of the harness alone. Yosys takes out what a design without a handshake does not use.
pub(super) fn cost(dut: &Dut) -> (u64, u64) {
    let (wi, wo) = (dut.port_bits() as u64, dut.out_bits() as u64);
    let handshake = if dut.axis { 4 } else { 2 * u64::from(dut.valid.is_some()) };
    (wo, 2 * wi + wo + u64::from(dut.reset.is_some()) + handshake)
}

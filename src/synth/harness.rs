//! The shift registers around a design whose buses have more bits than a package has pins.
//!
//! ```text
//! din ─► shift register ─► capture register ─► design ─► loadable shift register ─► dout
//!          in_bits FF         in_bits FF                   out_bits FF, out_bits LUT
//! ```
//!
//! The capture register has an enable of its own, so that it cannot be merged with the first rank of the design.

use crate::dut::Dut;

/// Name of the module below.
pub(super) const TOP: &str = "sluice_harness";

/// Verilog of the harness. A stream is kept running: its handshake inputs come from pins.
pub(super) fn text(dut: &Dut) -> String {
    let (wi, wo) = (dut.port_bits(), dut.out_bits());
    let shift_in = if wi > 1 { format!("{{sh[{}:0], din}}", wi - 2) } else { "din".into() };
    let shift_out = if wo > 1 { format!("{{so[{}:0], 1'b0}}", wo - 2) } else { "1'b0".into() };
    format!(
        "module {TOP}(input clk, input rst, input din, input take, input cap, input in_valid, input out_ready,
  output dout, output in_ready, output out_valid);
  reg [{i}:0] sh, si;
  reg [{o}:0] so;
  wire [{o}:0] y;
  {top} dut({common}, {data});
  always @(posedge clk) begin
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

/// Lookup tables and flip-flops of the harness alone.
pub(super) fn cost(dut: &Dut) -> (u64, u64) {
    let (wi, wo) = (dut.port_bits() as u64, dut.out_bits() as u64);
    (wo, 2 * wi + wo)
}

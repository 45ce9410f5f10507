//! The AXI4-Stream shell around the data path.
//!
//! ```text
//! s_axis ─► skid_buffer ─► core, all ranks move together ─► m_axis
//!                            ce = m_axis_tready | ~m_axis_tvalid
//! ```
//!
//! A bit for each rank says whether it holds a vector. `tready` comes from a register of the skid buffer, so the stall
//! reaches the source one cycle late and costs no combinational path from `m_axis_tready` to `s_axis_tready`.

use super::print::{Kind, Module};

/// Name of the primitive, module and file.
pub(super) const SKID: &str = "skid_buffer";
/// Its text.
pub(super) const SKID_TEXT: &str = include_str!("../../hdl/skid_buffer.v");

/// The shell of a folded data path: a vector is taken when the last one is `reuse` cycles ago, and everything waits while
/// the output is not taken.
pub(super) fn folded_module(name: &str, core: &str, header: &[String], x_bits: u32, y_bits: u32, reuse: u32) -> String {
    let mut m = ports(x_bits, y_bits);
    let bits = 32 - (reuse - 1).leading_zeros();
    for (port, kind, width) in
        [("x_valid", Kind::Wire, 1), ("idle", Kind::Wire, 1), ("ce", Kind::Wire, 1), ("left", Kind::Reg, bits)]
    {
        m.declare(port, kind, width);
    }
    m.body = format!(
        "
{SKID} #(.WIDTH({x_bits})) input_buffer (
  .clk(aclk), .resetn(aresetn),
  .s_data(s_axis_tdata), .s_valid(s_axis_tvalid), .s_ready(s_axis_tready),
  .m_data(x), .m_valid(x_valid), .m_ready(idle & ce)
);
{core} core (
  .clk(aclk), .resetn(aresetn), .ce(ce),
  .x(x), .x_valid(x_valid & idle), .y(m_axis_tdata), .y_valid(m_axis_tvalid)
);

assign ce = m_axis_tready | ~m_axis_tvalid;
// Cycles until the next vector can be taken.
assign idle = ~(|left);
always @(posedge aclk) begin
  if (~aresetn) left <= {bits}'d0;
  else if (ce) left <= ~idle ? left - {bits}'d1 : x_valid ? {bits}'d{last} : {bits}'d0;
end
",
        last = reuse - 1
    );
    m.text(name, header)
}

/// What both shells have.
fn ports(x_bits: u32, y_bits: u32) -> Module {
    let mut m = Module::default();
    for (port, kind, width) in [
        ("aclk", Kind::Input, 1),
        ("aresetn", Kind::Input, 1),
        ("s_axis_tdata", Kind::Input, x_bits),
        ("s_axis_tvalid", Kind::Input, 1),
        ("s_axis_tready", Kind::Output, 1),
        ("m_axis_tdata", Kind::Output, y_bits),
        ("m_axis_tvalid", Kind::Output, 1),
        ("m_axis_tready", Kind::Input, 1),
        ("x", Kind::Wire, x_bits),
    ] {
        m.declare(port, kind, width);
    }
    m
}

/// The shell's text; `core` is the module of the data path.
pub(super) fn module(name: &str, core: &str, header: &[String], x_bits: u32, y_bits: u32, latency: u32) -> String {
    let mut m = ports(x_bits, y_bits);
    for (name, kind, width) in [("x_valid", Kind::Wire, 1), ("ce", Kind::Wire, 1), ("valid", Kind::Reg, latency)] {
        m.declare(name, kind, width);
    }
    let (top, next) = match latency {
        1 => ("valid".to_owned(), "x_valid".to_owned()),
        n => (format!("valid[{}]", n - 1), format!("{{valid[{}:0], x_valid}}", n - 2)),
    };
    m.body = format!(
        "
{SKID} #(.WIDTH({x_bits})) input_buffer (
  .clk(aclk), .resetn(aresetn),
  .s_data(s_axis_tdata), .s_valid(s_axis_tvalid), .s_ready(s_axis_tready),
  .m_data(x), .m_valid(x_valid), .m_ready(ce)
);
{core} core (.clk(aclk), .ce(ce), .x(x), .y(m_axis_tdata));

assign m_axis_tvalid = {top};
assign ce = m_axis_tready | ~{top};
always @(posedge aclk) begin
  if (~aresetn) valid <= {latency}'b0;
  else if (ce) valid <= {next};
end
"
    );
    m.text(name, header)
}

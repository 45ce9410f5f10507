//! The text of the one module.

use super::Interface;
use crate::fixed::{Overflow, QFormat};
use crate::hw::{Node, NodeId, Op, StageGraph};

/// `bits` low bits of `name` (`width` bits, two's complement) shifted left by `shift`.
fn operand(name: &str, width: u32, shift: u32, bits: u32) -> String {
    let zeros = if shift > 0 { format!(", {{{shift}{{1'b0}}}}") } else { String::new() };
    let room = bits.saturating_sub(shift);
    if room == 0 {
        return format!("{{{bits}{{1'b0}}}}");
    }
    if room <= width {
        return format!("{{{name}[{}:0]{zeros}}}", room - 1);
    }
    format!("{{{{{}{{{name}[{}]}}}}, {name}{zeros}}}", room - width, width - 1)
}

/// A constant of `width` bits, two's complement.
fn constant(value: i64, width: u32) -> String {
    format!("{width}'h{:x}", QFormat::signed(width.min(QFormat::MAX_WIDTH), 0).to_bits(value))
}

struct Printer<'a> {
    graph: &'a StageGraph,
    last: Vec<u32>,
}

impl Printer<'_> {
    fn node(&self, id: NodeId) -> &Node {
        &self.graph.nodes[id]
    }

    /// The name of a value as seen at `rank`.
    fn at(&self, id: NodeId, rank: u32) -> String {
        let node = self.node(id);
        if rank == node.rank || matches!(node.op, Op::Const(_)) { format!("n{id}") } else { format!("n{id}_r{rank}") }
    }

    fn expression(&self, id: NodeId, in_width: u32, input: &str) -> String {
        let node = self.node(id);
        let width = node.width();
        match node.op {
            Op::Input(i) => {
                let format = self.graph.input_formats[i];
                let low = i as u32 * in_width;
                let bits = format!("{input}[{}:{low}]", low + format.width - 1);
                if format.signed { bits } else { format!("{{1'b0, {bits}}}") }
            }
            Op::Const(v) => constant(v, width),
            Op::Add { a, shift_a, b, shift_b, subtract } => {
                let side = |n: NodeId, shift| operand(&self.at(n, node.rank), self.node(n).width(), shift, width);
                format!("{} {} {}", side(a, shift_a), if subtract { "-" } else { "+" }, side(b, shift_b))
            }
            Op::Quantize { a, shift, relu, format, overflow } => self.quantize(node, a, shift, relu, format, overflow),
        }
    }

    fn quantize(&self, node: &Node, a: NodeId, shift: i32, relu: bool, format: QFormat, overflow: Overflow) -> String {
        let (source, name, width) = (self.node(a), self.at(a, node.rank), node.width());
        let full = source.width();
        // The truncated value: the high bits of the accumulator, or the accumulator with zeros behind it.
        let (value, kept) = if shift <= 0 {
            let zeros = if shift < 0 { format!(", {{{}{{1'b0}}}}", -shift) } else { String::new() };
            (format!("{{{name}{zeros}}}"), full + (-shift) as u32)
        } else if shift as u32 >= full {
            (format!("{{{name}[{}]}}", full - 1), 1)
        } else {
            (format!("{{{name}[{}:{shift}]}}", full - 1), full - shift as u32)
        };
        let rounded = |v: i64| crate::fixed::shift_round(v.into(), shift, crate::fixed::Rounding::Truncate);
        let mut low = rounded(source.min);
        let high = rounded(source.max);
        let zero = constant(0, width);
        let sign = format!("{name}[{}]", full - 1);
        let mut text = operand_slice(&name, full, shift, width);
        if relu {
            low = low.max(0);
        }
        let min = match overflow {
            Overflow::Wrap => i64::MIN,
            Overflow::SaturateSymmetric if format.signed => -format.max(),
            _ => format.min(),
        };
        if overflow != Overflow::Wrap {
            let signed = |v: i64| format!("$signed({})", constant(v, kept));
            if high > i128::from(format.max()) {
                text = format!(
                    "($signed({value}) > {}) ? {} : {text}",
                    signed(format.max()),
                    constant(format.max(), width)
                );
            }
            if low < i128::from(min) {
                text = format!("($signed({value}) < {}) ? {} : ({text})", signed(min), constant(min, width));
            }
        } else if node.min >= 0 && !format.signed && width > format.width {
            // A wrapped unsigned value: the sign bit of its two's complement is zero.
            text = format!("{{1'b0, {}}}", operand_slice(&name, full, shift, format.width));
        } else if format.signed && width > format.width {
            text = operand_slice(&name, full, shift, width);
        }
        if relu && source.min < 0 {
            text = format!("{sign} ? {zero} : ({text})");
        }
        text
    }
}

/// Bits `shift .. shift + width` of a value, extended by its sign or, below bit 0, by zeros.
fn operand_slice(name: &str, full: u32, shift: i32, width: u32) -> String {
    if shift <= 0 {
        return operand(name, full, (-shift) as u32, width);
    }
    let shift = shift as u32;
    if shift >= full {
        return format!("{{{width}{{{name}[{}]}}}}", full - 1);
    }
    if shift + width <= full {
        return format!("{name}[{}:{shift}]", shift + width - 1);
    }
    format!("{{{{{}{{{name}[{}]}}}}, {name}[{}:{shift}]}}", shift + width - full, full - 1, full - 1)
}

pub fn module(top: &str, graph: &StageGraph, in_width: u32, out_width: u32, interface: Interface) -> String {
    let p = Printer { graph, last: graph.last_use() };
    let (n_in, n_out) = (graph.input_formats.len() as u32 * in_width, graph.outputs.len() as u32 * out_width);
    let latency = graph.latency.0;
    let axis = interface == Interface::Axis;
    let (clock, input, output) = if axis { ("aclk", "s_axis_tdata", "m_axis_tdata") } else { ("clk", "x", "y") };
    let mut v = String::new();
    let mut line = |text: String| {
        v.push_str(&text);
        v.push('\n');
    };
    line(format!(
        "// {top}: {} inputs of {in_width} bits, {} outputs of {out_width} bits, latency {latency}, II 1.",
        graph.input_formats.len(),
        graph.outputs.len()
    ));
    line(
        "// Written by sluice; n<i> is node i of the stage graph, n<i>_r<k> the same value k ranks after the input."
            .into(),
    );
    line("`default_nettype none".into());
    line("/* verilator lint_off UNUSED */".into());
    line(format!("module {top} ("));
    line(format!("  input wire {clock},"));
    if axis {
        line("  input wire aresetn,\n  input wire s_axis_tvalid,\n  output wire s_axis_tready,".into());
    }
    line(format!("  input wire [{}:0] {input},", n_in - 1));
    if axis {
        line("  output wire m_axis_tvalid,\n  input wire m_axis_tready,".into());
    }
    line(format!("  output wire [{}:0] {output}\n);", n_out - 1));
    let enable = if axis {
        // The pipeline moves while its last rank is empty or taken.
        line(format!("  reg [{}:0] valid;", latency - 1));
        line(format!("  wire move = m_axis_tready | ~valid[{}];", latency - 1));
        line("  assign s_axis_tready = move & aresetn;".into());
        line(format!("  assign m_axis_tvalid = valid[{}];", latency - 1));
        let next =
            if latency > 1 { format!("{{valid[{}:0], s_axis_tvalid}}", latency - 2) } else { "s_axis_tvalid".into() };
        line(format!(
            "  always @(posedge {clock})\n    if (!aresetn) valid <= {{{latency}{{1'b0}}}};\n    else if (move) valid <= {next};"
        ));
        "if (move) "
    } else {
        ""
    };
    for (id, node) in graph.nodes.iter().enumerate() {
        line(format!("  wire [{}:0] n{id} = {};", node.width() - 1, p.expression(id, in_width, input)));
        if !matches!(node.op, Op::Const(_)) {
            for rank in node.rank + 1..=p.last[id] {
                line(format!("  reg [{}:0] n{id}_r{rank};", node.width() - 1));
                line(format!("  always @(posedge {clock}) {enable}n{id}_r{rank} <= {};", p.at(id, rank - 1)));
            }
        }
    }
    for (j, id) in graph.outputs.iter().enumerate() {
        let low = j as u32 * out_width;
        let text = operand(&p.at(*id, latency), p.node(*id).width(), 0, out_width);
        line(format!("  assign {output}[{}:{low}] = {text};", low + out_width - 1));
    }
    line("endmodule\n`default_nettype wire".into());
    v
}

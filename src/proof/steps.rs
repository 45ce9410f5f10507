//! Every operation of the graph once more, as plain Verilog over the bits of its operands, beside the cut data path.
//!
//! The graph's linear forms are the weights ([`crate::hw::prove`]) and its requantizers the definition, so a design whose nodes
//! are those of the graph computes the network. Each node is an equivalence of one addition, in which its operands are free:
//! what they have in common with other nodes plays no part, and no problem grows with the layer. A requantizer, table or
//! maximum may lean on the interval of its operand, which the graph's proof has shown; nothing is asked for outside of it.
//! High bits that the design does not make are free as well: that nothing depends on them is shown here, not taken over.

use std::fmt::Write as _;

use super::cut::{Bit, Cut};
use super::spec::{Modes, largest, literal, looked_up, requantized};
use crate::fixed::QFormat;
use crate::hw::{Node, NodeId, Op, StageGraph};
use crate::verilog::DesignManifest;

/// Name of the module.
pub(super) const TOP: &str = "sluice_steps";

/// A signal that is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Point {
    /// Layer of the node, from 1; the input is 0, and the output bus comes one after the last.
    pub layer: usize,
    /// The node, or the number of the output.
    pub node: NodeId,
    /// Name of the wire that says for each bit whether it is equal.
    pub name: String,
    /// Bits that are compared.
    pub bits: u32,
}

/// The module, with an `$equiv` cell for each bit of each point, called `e<layer>_...`; and the points.
pub(super) fn text(graph: &StageGraph, cut: &Cut, manifest: &DesignManifest) -> (String, Vec<Point>) {
    let (free, made) = (cut.bits, cut.made);
    let (out, n_out) = (manifest.out_width, graph.output_formats.len());
    let not_made: u32 = graph.nodes.iter().map(|n| n.full_width() - n.width()).sum();
    let mut v = format!(
        "module {TOP}(input [{}:0] f, input [{}:0] h);\n  wire [{made}:0] g;\n",
        free.max(1) - 1,
        not_made.max(1) - 1
    );
    let y_bits = out * n_out as u32;
    let g = if made == 0 { "()".to_owned() } else { format!("(g[{}:0])", made - 1) };
    let _ = writeln!(v, "  wire [{}:0] y;\n  {} cut(.f(f), .g{g}, .y(y));", y_bits - 1, Cut::MODULE);
    let mut points = Vec::new();
    let mut high = 0;
    for (id, node) in graph.nodes.iter().enumerate() {
        let width = node.width();
        if cut.absent.contains(&id) {
            // Nothing to compare: what reads it is compared with what it is made of.
            plain(&mut v, graph, id, manifest.in_width, width);
            value(&mut v, node, id, (&format!("p{id}[{}:0]", width - 1), width), &mut high);
            continue;
        }
        let Some(all) = cut.nodes.get(&id) else {
            let width = node.full_width();
            let value = literal(node.range.0.into(), width + 1);
            let _ = writeln!(v, "  wire signed [{width}:0] v{id} = {value};");
            continue;
        };
        // The design may make more bits than are needed, and more than the node has.
        let total = all.len() as u32;
        let bits = total.min(node.full_width());
        value(&mut v, node, id, (&bits_of(&all[..bits as usize]), bits), &mut high);
        let inside = plain(&mut v, graph, id, manifest.in_width, total);
        // What makes a bit: for those of other nodes the bit itself.
        let own = |i: &usize| i.checked_sub(cut.x_bits).is_some_and(|k| cut.owners.get(k) == Some(&id));
        let made: Vec<String> = all
            .iter()
            .map(|b| match b {
                Bit::Free(i) if own(i) => format!("g[{}]", i - cut.x_bits),
                Bit::Beyond(k) => format!("g[{k}]"),
                b => bits_of(&[*b]),
            })
            .rev()
            .collect();
        let ask = inside.map_or(String::new(), |inside| format!("({inside}) ? "));
        let or = if ask.is_empty() { String::new() } else { format!(" : {total}'d0") };
        let _ = writeln!(v, "  wire [{0}:0] a{id} = {ask}{{{1}}}{or};", total - 1, made.join(", "));
        let _ = writeln!(v, "  wire [{0}:0] b{id} = {ask}p{id}[{0}:0]{or};", total - 1);
        let name = format!("same_{id}");
        compare(&mut v, &name, node.layer, (&format!("a{id}"), &format!("b{id}")), node.unread..total);
        points.push(Point { layer: node.layer, node: id, name, bits: total.saturating_sub(node.unread) });
    }
    for (j, id) in graph.outputs().into_iter().enumerate() {
        let (name, low, layer) = (format!("same_y{j}"), out * j as u32, graph.tensors.len());
        let _ = writeln!(v, "  wire signed [{}:0] py{j} = v{id};", out - 1);
        let _ = writeln!(v, "  wire [{}:0] gy{j} = y[{}:{low}];", out - 1, low + out - 1);
        compare(&mut v, &name, layer, (&format!("gy{j}"), &format!("py{j}")), 0..out);
        points.push(Point { layer, node: j, name, bits: out });
    }
    (v + "endmodule\n", points)
}

/// The wire `v<id>` of a node as wide as its value: `low` are the bits that are made and their number, those above are free.
fn value(v: &mut String, node: &Node, id: NodeId, (low, made): (&str, u32), high: &mut u32) {
    let (from, full) = (*high, node.full_width());
    *high += full - made;
    let above = if *high > from { format!("h[{}:{from}], ", *high - 1) } else { String::new() };
    let sign = if node.range.0 < 0 { "" } else { "1'b0, " };
    let _ = writeln!(v, "  wire signed [{full}:0] v{id} = $signed({{{sign}{above}{low}}});");
}

/// An equivalence for each bit of `a` and `b` in a range.
fn compare(v: &mut String, name: &str, layer: usize, (a, b): (&str, &str), bits: std::ops::Range<u32>) {
    let _ = writeln!(v, "  wire [{}:0] {name};", bits.end - 1);
    for i in bits {
        let _ = writeln!(v, "  \\$equiv e{layer}_{name}_{i} (.A({a}[{i}]), .B({b}[{i}]), .Y({name}[{i}]));");
    }
}

/// Bits of the input `f`, the highest first.
fn bits_of(bits: &[Bit]) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut rest = bits;
    while let Some(first) = rest.first() {
        let run = match first {
            Bit::Known(_) | Bit::Beyond(_) => 1,
            Bit::Free(from) => rest.iter().enumerate().take_while(|(k, b)| **b == Bit::Free(from + k)).count(),
        };
        parts.push(match first {
            Bit::Known(value) => format!("1'b{}", u8::from(*value)),
            // Not read under this name.
            Bit::Beyond(_) => "1'b0".to_owned(),
            Bit::Free(from) => format!("f[{}:{from}]", from + run - 1),
        });
        rest = &rest[run..];
    }
    parts.reverse();
    format!("{{{}}}", parts.join(", "))
}

/// The value `p<id>` of a node by its operation, in at least `total` bits; what must hold of the operands for it to be asked for.
fn plain(v: &mut String, graph: &StageGraph, id: NodeId, lane: u32, total: u32) -> Option<String> {
    let node = &graph.nodes[id];
    let width_of = |a: NodeId| graph.nodes[a].full_width() + 1;
    let name = format!("p{id}");
    match &node.op {
        Op::Input(i) => {
            // The lane as it is.
            let low = lane * *i as u32;
            let _ = writeln!(v, "  wire [{}:0] {name} = f[{}:{low}];", node.width(), low + node.width() - 1);
            None
        }
        Op::Add { a, shift_a, b, shift_b, subtract } => {
            let width = (width_of(*a) + shift_a).max(width_of(*b) + shift_b).max(total) + 1;
            let sign = if *subtract { '-' } else { '+' };
            let text = format!("(v{a} <<< {shift_a}) {sign} (v{b} <<< {shift_b})");
            let _ = writeln!(v, "  wire signed [{}:0] {name} = {text};", width - 1);
            None
        }
        Op::Requantize { a, invert, shift, relu, rounding, overflow, format } => {
            let more = shift.unsigned_abs();
            let modes = Modes { relu: *relu, shift: *shift, rounding: *rounding, overflow: *overflow, format: *format };
            let width = width_of(*a).max(format.width).max(node.width()) + more + 3;
            let not = if *invert { "~" } else { "" };
            let _ = writeln!(v, "  wire signed [{}:0] {name}_acc = {not}v{a};", width - 1);
            widened(v, &name, format.width + 1, node.width() + 1, |v, inner| {
                requantized(v, inner, &format!("{name}_acc"), width, modes);
            });
            // Wrapping leans on nothing, and of an accumulator without its high bits nothing is known.
            let node = &graph.nodes[*a];
            (node.width() == node.full_width()).then(|| within(node, *a))
        }
        Op::Table { a, first, values } => {
            // The entries that there are in the interval of the operand.
            let (low, high) = graph.nodes[*a].range;
            let skip = usize::try_from(low - first).unwrap_or(0);
            let reached = &values[skip.min(values.len())..];
            let reached = &reached[..reached.len().min((high - low) as usize + 1)];
            looked_up(v, &name, &format!("v{a}"), (low, reached), node.width() + 1);
            Some(within(&graph.nodes[*a], *a))
        }
        Op::Max { a, b } => {
            let format = QFormat::signed(width_of(*a).max(width_of(*b)).max(node.width()), 0);
            largest(v, &name, format, vec![format!("v{a}"), format!("v{b}")]);
            Some(format!("{} && {}", within(&graph.nodes[*a], *a), within(&graph.nodes[*b], *b)))
        }
        Op::Sum { terms, constant } => {
            let width = node.full_width().max(total) + 1;
            let terms = terms.iter().map(|(a, c)| format!("v{a} * {}", literal((*c).into(), width)));
            let text: Vec<String> = terms.chain([literal((*constant).into(), width)]).collect();
            let _ = writeln!(v, "  wire signed [{}:0] {name} = {};", width - 1, text.join(" + "));
            None
        }
        Op::Const(_) => {
            let _ = writeln!(v, "  wire signed [{0}:0] {name} = {0}'d0;", node.width());
            None
        }
    }
}

/// A signed wire of at least `least` bits for one that has `bits`.
fn widened(v: &mut String, name: &str, bits: u32, least: u32, make: impl Fn(&mut String, &str)) {
    if bits >= least {
        return make(v, name);
    }
    make(v, &format!("{name}_n"));
    let _ = writeln!(v, "  wire signed [{}:0] {name} = {name}_n;", least - 1);
}

/// That a node is in its interval; of the low bits that nothing depends on, nothing is known.
fn within(node: &Node, id: NodeId) -> String {
    let (low, high) = (node.range.0 >> node.unread, node.range.1 >> node.unread);
    let number = |n: i64| literal(n.into(), node.full_width() + 1);
    let high_part = format!("(v{id} >>> {})", node.unread);
    format!("{high_part} >= {} && {high_part} <= {}", number(low), number(high))
}

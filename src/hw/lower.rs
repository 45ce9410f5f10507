//! Networks to shift-add graphs: canonical signed digits, trees balanced by depth, equal nodes shared.

use std::collections::{BTreeSet, HashMap};

use super::{Accumulator, Node, NodeId, Op, StageGraph};
use crate::error::{Code, Error, Result};
use crate::fixed::{QFormat, Rounding, limit, shift_round};
use crate::model::{Activation, IntegerLayer, IntegerNetwork};
use crate::units::Cycles;

struct Builder {
    nodes: Vec<Node>,
    depth: Vec<u32>,
    known: HashMap<Op, NodeId>,
}

/// `±(node << shift)` on its way into a sum.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Term {
    depth: u32,
    order: usize,
    node: NodeId,
    shift: u32,
    negative: bool,
}

/// Lowers a checked network.
///
/// # Errors
/// Those of [`IntegerLayer::rows`]; `U003` for rounding half to even, which is not built in hardware.
pub fn lower(network: &IntegerNetwork) -> Result<StageGraph> {
    let mut b = Builder { nodes: Vec::new(), depth: Vec::new(), known: HashMap::new() };
    let input_formats = network.formats_of(crate::model::network::INPUT);
    let inputs = input_formats
        .iter()
        .enumerate()
        .map(|(i, f)| b.node(Op::Input(i), QFormat::min(*f), QFormat::max(*f)))
        .collect();
    let mut tensors: Vec<Vec<NodeId>> = vec![inputs];
    let mut accumulators = Vec::new();
    for (index, layer) in network.layers.iter().enumerate() {
        let joined: Vec<NodeId> =
            layer.inputs.iter().flat_map(|name| tensors[position(network, name)].clone()).collect();
        let mut outputs = Vec::new();
        for (output, row) in layer.rows(&network.joined_formats(layer))?.into_iter().enumerate() {
            let drop = row.frac - row.output.frac;
            let bias = row.bias + rounding_constant(layer, drop)?;
            let (node, shift) = b.sum(&row.terms, bias, &joined);
            accumulators.push(Accumulator { layer: index, output, node, shift });
            outputs.push(b.quantize(node, drop - shift as i32, layer, row.output));
        }
        tensors.push(outputs);
    }
    let outputs = tensors.last().cloned().unwrap_or_default();
    let output_formats = network.output_formats();
    Ok(StageGraph { nodes: b.nodes, outputs, input_formats, output_formats, accumulators, tensors, latency: Cycles(0) })
}

/// Where a tensor stands in `tensors`.
pub(super) fn position(network: &IntegerNetwork, tensor: &str) -> usize {
    network.layers.iter().position(|l| l.name == tensor).map_or(0, |i| i + 1)
}

/// Half a step, added to the accumulator so that truncation rounds half up. It commutes with ReLU: below zero both
/// orders give 0.
pub(super) fn rounding_constant(layer: &IntegerLayer, drop: i32) -> Result<i64> {
    match layer.rounding {
        _ if drop <= 0 => Ok(0),
        Rounding::Truncate => Ok(0),
        Rounding::HalfUp if drop < 62 => Ok(1 << (drop - 1)),
        Rounding::HalfUp => Err(Error::new(Code::FormatTooWide, format!("layer `{}` drops {drop} bits", layer.name))),
        Rounding::HalfEven => Err(Error::new(
            Code::Unsupported,
            format!("layer `{}` rounds half to even, which hardware does not do yet", layer.name),
        )
        .hint("use `truncate` or `half_up` in the encoder")),
    }
}

impl Builder {
    fn node(&mut self, op: Op, min: i64, max: i64) -> NodeId {
        if let Some(id) = self.known.get(&op) {
            return *id;
        }
        let depth = match op {
            Op::Input(_) | Op::Const(_) => 0,
            Op::Add { a, b, .. } => 1 + self.depth[a].max(self.depth[b]),
            Op::Quantize { a, .. } => 1 + self.depth[a],
        };
        self.nodes.push(Node { op, min, max, rank: 0 });
        self.depth.push(depth);
        self.known.insert(op, self.nodes.len() - 1);
        self.nodes.len() - 1
    }

    /// `sum coefficient * node + bias` as `(node, shift)`.
    fn sum(&mut self, terms: &[(usize, i64)], bias: i64, joined: &[NodeId]) -> (NodeId, u32) {
        let mut open = BTreeSet::new();
        let mut order = 0;
        let mut add = |open: &mut BTreeSet<Term>, depth, node, shift, negative| {
            open.insert(Term { depth, order, node, shift, negative });
            order += 1;
        };
        if bias != 0 {
            let shift = bias.trailing_zeros();
            let node = self.node(Op::Const(bias >> shift), bias >> shift, bias >> shift);
            add(&mut open, 0, node, shift, false);
        }
        for (input, coefficient) in terms {
            for (shift, negative) in signed_digits(*coefficient) {
                let node = joined[*input];
                add(&mut open, self.depth[node], node, shift, negative);
            }
        }
        // The two shallowest terms first: the tree is balanced by arrival.
        while open.len() > 1 {
            let (x, y) = (open.pop_first().expect("two terms"), open.pop_first().expect("two terms"));
            // A difference keeps the positive operand first; two negative ones add up and stay negative.
            let (a, b) = if x.negative && !y.negative { (y, x) } else { (x, y) };
            let base = a.shift.min(b.shift);
            let subtract = a.negative != b.negative;
            let node = self.adder(a.node, a.shift - base, b.node, b.shift - base, subtract);
            add(&mut open, self.depth[node], node, base, a.negative);
        }
        match open.pop_first() {
            None => (self.node(Op::Const(0), 0, 0), 0),
            Some(t) if !t.negative => (t.node, t.shift),
            Some(t) => {
                let zero = self.node(Op::Const(0), 0, 0);
                (self.adder(zero, 0, t.node, 0, true), t.shift)
            }
        }
    }

    fn adder(&mut self, a: NodeId, shift_a: u32, b: NodeId, shift_b: u32, subtract: bool) -> NodeId {
        let reach = |n: &Node, shift: u32| (n.min << shift, n.max << shift);
        let ((a_min, a_max), (b_min, b_max)) = (reach(&self.nodes[a], shift_a), reach(&self.nodes[b], shift_b));
        let (min, max) = if subtract { (a_min - b_max, a_max - b_min) } else { (a_min + b_min, a_max + b_max) };
        self.node(Op::Add { a, shift_a, b, shift_b, subtract }, min, max)
    }

    fn quantize(&mut self, a: NodeId, shift: i32, layer: &IntegerLayer, format: QFormat) -> NodeId {
        let relu = layer.activation == Activation::Relu;
        let overflow = layer.overflow;
        let rounded = |v: i64| shift_round(if relu { v.max(0) } else { v }.into(), shift, Rounding::Truncate);
        let (low, high) = (rounded(self.nodes[a].min), rounded(self.nodes[a].max));
        let fits = |v: i128| limit(v, format, overflow) as i128 == v;
        // Wrapping scatters values over the whole format; saturation keeps the order.
        let (min, max) = if (fits(low) && fits(high)) || overflow != crate::fixed::Overflow::Wrap {
            (limit(low, format, overflow), limit(high, format, overflow))
        } else {
            (format.min(), format.max())
        };
        self.node(Op::Quantize { a, shift, relu, format, overflow }, min, max)
    }
}

/// Canonical signed digits: (shift, negative), lowest first, no two neighbours non-zero.
fn signed_digits(coefficient: i64) -> Vec<(u32, bool)> {
    let mut rest = i128::from(coefficient);
    let mut digits = Vec::new();
    let mut shift = 0;
    while rest != 0 {
        if rest & 1 == 1 {
            let negative = rest & 3 == 3;
            digits.push((shift, negative));
            rest += if negative { 1 } else { -1 };
        }
        rest >>= 1;
        shift += 1;
    }
    digits
}

//! Sums to adders: signed digits of every coefficient, added up by arrival.

use std::collections::BTreeSet;

use super::{CompileOptions, Pass};
use crate::error::Result;
use crate::hw::build::Builder;
use crate::hw::graph::{NodeId, Op, StageGraph};

/// Replaces every sum by a tree of two-operand adders; equal adders become one.
pub struct ShiftAdd;

/// `±(node << shift)` on its way into a sum, ordered by depth and then by age.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Term {
    depth: u32,
    order: usize,
    node: NodeId,
    shift: u32,
    negative: bool,
}

impl Pass for ShiftAdd {
    fn name(&self) -> &'static str {
        "shift_add"
    }

    fn description(&self) -> &'static str {
        "turns sums into trees of adders over signed digits, the shallowest operands first"
    }

    fn run(&self, graph: &mut StageGraph, _: &CompileOptions) -> Result<()> {
        let mut t = Trees { b: Builder::new(&graph.input_formats), depth: Vec::new() };
        // Where each old node is now: `node << shift`. Zeros at the end of a sum are not stored.
        let mut place: Vec<(NodeId, u32)> = Vec::with_capacity(graph.nodes.len());
        for node in &graph.nodes {
            let layer = node.layer;
            let at = match &node.op {
                Op::Sum { terms, constant } => {
                    let terms = terms.iter().map(|(n, c)| (place[*n].0, c << place[*n].1));
                    t.sum(terms.collect(), *constant, layer)?
                }
                Op::Add { a, shift_a, b, shift_b, subtract } => {
                    let ((a, more_a), (b, more_b)) = (place[*a], place[*b]);
                    let (shift_a, shift_b) = (shift_a + more_a, shift_b + more_b);
                    (t.push(Op::Add { a, shift_a, b, shift_b, subtract: *subtract }, layer)?, 0)
                }
                Op::Requantize { a, shift, relu, rounding, overflow, format } => {
                    let ((a, more), relu, rounding) = (place[*a], *relu, *rounding);
                    let (shift, overflow, format) = (shift - more as i32, *overflow, *format);
                    (t.push(Op::Requantize { a, shift, relu, rounding, overflow, format }, layer)?, 0)
                }
                other => (t.push(other.clone(), layer)?, 0),
            };
            place.push(at);
        }
        for tensor in 0..graph.tensors.len() {
            for element in 0..graph.tensors[tensor].elements.len() {
                let Some(id) = graph.tensors[tensor].elements[element] else { continue };
                graph.tensors[tensor].elements[element] = Some(t.whole(place[id], tensor)?);
            }
        }
        graph.nodes = t.b.nodes;
        Ok(())
    }
}

struct Trees<'a> {
    b: Builder<'a>,
    depth: Vec<u32>,
}

impl Trees<'_> {
    fn push(&mut self, op: Op, layer: usize) -> Result<NodeId> {
        let below = op.operands().into_iter().map(|a| self.depth[a]).max();
        let depth = below.map_or(0, |d| d + 1);
        let id = self.b.push(op, layer)?;
        if id == self.depth.len() {
            self.depth.push(depth);
        }
        Ok(id)
    }

    /// A node that holds `node << shift`.
    fn whole(&mut self, (node, shift): (NodeId, u32), layer: usize) -> Result<NodeId> {
        if shift == 0 {
            return Ok(node);
        }
        let zero = self.push(Op::Const(0), layer)?;
        self.push(Op::Add { a: zero, shift_a: 0, b: node, shift_b: shift, subtract: false }, layer)
    }

    /// `sum coefficient * node + constant` as `node << shift`.
    fn sum(&mut self, terms: Vec<(NodeId, i64)>, constant: i64, layer: usize) -> Result<(NodeId, u32)> {
        let mut open = BTreeSet::new();
        let mut order = 0;
        let mut add = |open: &mut BTreeSet<Term>, depth, node, shift, negative| {
            open.insert(Term { depth, order, node, shift, negative });
            order += 1;
        };
        if constant != 0 {
            let shift = constant.trailing_zeros();
            let node = self.push(Op::Const(constant >> shift), layer)?;
            add(&mut open, 0, node, shift, false);
        }
        for (node, coefficient) in terms {
            for (shift, negative) in signed_digits(coefficient) {
                add(&mut open, self.depth[node], node, shift, negative);
            }
        }
        while open.len() > 1 {
            let (Some(x), Some(y)) = (open.pop_first(), open.pop_first()) else { break };
            // A difference keeps the positive operand first; two negative ones add up and stay negative.
            let swap = if x.negative == y.negative { (y.node, y.shift) < (x.node, x.shift) } else { x.negative };
            let (a, b) = if swap { (y, x) } else { (x, y) };
            let base = a.shift.min(b.shift);
            let (shift_a, shift_b, subtract) = (a.shift - base, b.shift - base, a.negative != b.negative);
            let node = self.push(Op::Add { a: a.node, shift_a, b: b.node, shift_b, subtract }, layer)?;
            add(&mut open, self.depth[node], node, base, a.negative);
        }
        match open.pop_first() {
            None => Ok((self.push(Op::Const(0), layer)?, 0)),
            Some(t) if !t.negative => Ok((t.node, t.shift)),
            Some(t) => {
                let zero = self.push(Op::Const(0), layer)?;
                Ok((self.push(Op::Add { a: zero, shift_a: 0, b: t.node, shift_b: 0, subtract: true }, layer)?, t.shift))
            }
        }
    }
}

/// Canonical signed digits: (shift, negative), lowest first, no two neighbours non-zero.
pub(super) fn signed_digits(coefficient: i64) -> Vec<(u32, bool)> {
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

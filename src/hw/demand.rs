//! Which low and which high bits of a value nothing depends on.
//!
//! A truncation drops the low bits of an accumulator, and an adder hands the low bits of its lower operand through: below
//! the other operand's lowest bit there is no carry. So the bits that are dropped in the end need not be stored before.
//! No bit of a sum depends on higher bits of its operands: where overflow wraps, those above the result need not be made.

use super::graph::{Node, Op, StageGraph};
use crate::fixed::{Overflow, Rounding};

/// For each node the number of its low bits that no output depends on; never the whole value.
pub(super) fn unread(graph: &StageGraph) -> Vec<u32> {
    let n = graph.nodes.len();
    // The lowest bit that is read; nothing yet.
    let mut lowest: Vec<Option<u32>> = vec![None; n];
    let read = |lowest: &mut Vec<Option<u32>>, id: usize, bit: u32| {
        lowest[id] = Some(lowest[id].map_or(bit, |b| b.min(bit)));
    };
    for o in graph.outputs() {
        read(&mut lowest, o, 0);
    }
    for id in (0..n).rev() {
        match &graph.nodes[id].op {
            Op::Input(_) | Op::Const(_) => {}
            Op::Sum { terms, .. } => terms.iter().for_each(|(t, _)| read(&mut lowest, *t, 0)),
            Op::Add { a, shift_a, b, shift_b, subtract } => {
                let Some(from) = lowest[id] else { continue };
                let pass = |own: u32, other: u32| from.min(other).saturating_sub(own);
                read(&mut lowest, *a, pass(*shift_a, *shift_b));
                // Below the first operand a difference is not the second but its negation, which borrows from below.
                let b_from = if *subtract && shift_b < shift_a { 0 } else { pass(*shift_b, *shift_a) };
                read(&mut lowest, *b, b_from);
            }
            Op::Table { a, .. } => read(&mut lowest, *a, 0),
            Op::Max { a, b } => {
                read(&mut lowest, *a, 0);
                read(&mut lowest, *b, 0);
            }
            // The element is a result of its own, seen from outside as a whole.
            Op::Requantize { a, shift, rounding, .. } => {
                let from = match rounding {
                    Rounding::Truncate => (*shift).max(0),
                    Rounding::HalfUp => (*shift - 1).max(0),
                    Rounding::HalfEven => 0,
                };
                read(&mut lowest, *a, from.unsigned_abs());
            }
        }
    }
    // The highest bit stays: it is the sign.
    let within = |(node, lowest): (&super::graph::Node, Option<u32>)| lowest.unwrap_or(0).min(node.width() - 1);
    graph.nodes.iter().zip(lowest).map(within).collect()
}

/// For each node the number of its low bits that outputs depend on, at least 1; [`Node::ALL`] if it may be all.
pub(super) fn needed(graph: &StageGraph) -> Vec<u32> {
    let mut needed = vec![0; graph.nodes.len()];
    // An element is a result of its own, seen from outside as a whole.
    graph.tensors.iter().flat_map(|t| t.elements.iter().flatten()).for_each(|id| needed[*id] = Node::ALL);
    for id in (0..graph.nodes.len()).rev() {
        needed[id] = needed[id].max(1);
        let own = needed[id].min(graph.nodes[id].full_width());
        let mut need = |id: usize, bits: u32| needed[id] = needed[id].max(bits);
        match &graph.nodes[id].op {
            Op::Add { a, shift_a, b, shift_b, .. } => {
                need(*a, own.saturating_sub(*shift_a));
                need(*b, own.saturating_sub(*shift_b));
            }
            Op::Requantize { a, shift, relu: false, overflow: Overflow::Wrap, format, .. } => {
                need(*a, (format.width as i32 + shift).max(1).unsigned_abs());
            }
            op => op.operands().into_iter().for_each(|a| need(a, Node::ALL)),
        }
    }
    needed
}

//! What an adder really adds: the bits at which its operands meet.

use super::graph::{NodeId, Op, StageGraph};

/// An adder whose lower operand's low bits pass through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Split {
    /// Not shifted.
    pub low: NodeId,
    pub high: NodeId,
    /// Shift of the higher operand.
    pub up: u32,
    /// The operands do not meet: the higher one's bits pass through as well.
    pub joined: bool,
}

/// Splits an adder if bits pass through it.
pub(crate) fn split(graph: &StageGraph, id: NodeId) -> Option<Split> {
    let Op::Add { a, shift_a, b, shift_b, subtract } = graph.nodes[id].op else { return None };
    // What is taken away does not pass through as it is.
    let swap = shift_b < shift_a && !subtract;
    let ((low, none), (high, up)) = if swap { ((b, shift_b), (a, shift_a)) } else { ((a, shift_a), (b, shift_b)) };
    if none > 0 || up == 0 {
        return None;
    }
    let node = &graph.nodes[low];
    Some(Split { low, high, up, joined: !subtract && !node.is_signed() && node.width() <= up })
}

impl StageGraph {
    /// Number of adders.
    pub fn adders(&self) -> usize {
        self.nodes.iter().filter(|n| matches!(n.op, Op::Add { .. })).count()
    }

    /// Full adders: the bits of all sums at which two operands really meet.
    pub fn adder_bits(&self) -> u64 {
        (0..self.nodes.len()).map(|id| self.adder_bits_of(id)).sum()
    }

    /// Full adders of one node; 0 if it is no sum of two.
    pub(super) fn adder_bits_of(&self, id: NodeId) -> u64 {
        let node = &self.nodes[id];
        if !matches!(node.op, Op::Add { .. }) {
            return 0;
        }
        let passed = split(self, id).map_or(0, |s| if s.joined { node.width() } else { s.up });
        u64::from(node.width().saturating_sub(passed))
    }
}

//! As soon as possible: the fewest ranks for a period.

use super::arrival::{Bits, Timing, latest};
use crate::hw::graph::{NodeId, Op, StageGraph};

/// From a register.
const EDGE: Bits = [0; 64];

/// Operands straight from registers; constants are always there.
pub(super) fn registered<'b>(graph: &StageGraph, id: NodeId) -> Option<&'b Bits> {
    (!matches!(graph.nodes[id].op, Op::Const(_))).then_some(&EDGE)
}

/// The slowest operation alone, in picoseconds; 0 without operations.
pub(super) fn slowest(graph: &StageGraph, timing: &Timing) -> i32 {
    let alone = (0..graph.nodes.len()).map(|id| latest(&timing.arrival(id, |a| registered(graph, a))));
    alone.fold(0, i32::max)
}

/// The earliest rank of each node with `logic` picoseconds between registers, and how many ranks there are, that of the
/// output registers included. No operation alone may take longer.
pub(super) fn soonest(graph: &StageGraph, timing: &Timing, logic: i32) -> (Vec<u32>, u32) {
    let mut ranks: Vec<u32> = Vec::with_capacity(graph.nodes.len());
    let mut arrivals: Vec<Bits> = Vec::with_capacity(graph.nodes.len());
    for (id, node) in graph.nodes.iter().enumerate() {
        let operands = node.op.operands();
        let mut rank = operands.iter().map(|a| ranks[*a]).max().unwrap_or(0);
        let mut arrival =
            timing.arrival(id, |a| if ranks[a] == rank { Some(&arrivals[a]) } else { registered(graph, a) });
        if latest(&arrival) > logic {
            rank += 1;
            arrival = timing.arrival(id, |a| registered(graph, a));
        }
        if !matches!(node.op, Op::Const(_)) {
            // Bits that are known are no earlier than the edge, as from a register: so it is in the constraints.
            arrival.iter_mut().for_each(|bit| *bit = (*bit).max(0));
        }
        ranks.push(rank);
        arrivals.push(arrival);
    }
    let deepest = ranks.iter().copied().max().unwrap_or(0);
    (ranks, deepest + 1)
}

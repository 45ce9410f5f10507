//! Where each bit of a value is made, who reads it, and so how long a register holds it.
//!
//! The low `up` bits of `a + (b << up)` are bits of `a`, and a requantization that only drops bits makes none. Such bits have
//! their origin elsewhere; registers hold origins only, each bit as long as somebody reads it under any name.

use crate::fixed::{Overflow, Rounding};
use crate::hw::adder::split;
use crate::hw::graph::{NodeId, Op, StageGraph};

/// Where a bit comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A bit of the node that computes it.
    Made(NodeId, u32),
    /// Known when the graph is made.
    Known(bool),
}

/// The first bit of the accumulator that a requantization shows unchanged, if that is all it does.
fn view(graph: &StageGraph, id: NodeId) -> Option<(NodeId, u32)> {
    let node = &graph.nodes[id];
    let Op::Requantize { a, invert: false, shift, relu, rounding, overflow, format } = node.op else { return None };
    let from = graph.nodes[a].range;
    let kept = overflow == Overflow::Wrap
        || ((from.0 >> shift.max(0)) >= format.min() && (from.1 >> shift.max(0)) <= format.max());
    let exact = shift == 0 || (shift > 0 && rounding == Rounding::Truncate);
    (exact && kept && !(relu && from.0 < 0) && node.range.0 != node.range.1).then_some((a, shift.unsigned_abs()))
}

/// Bit `i` of a node's value, extended beyond its top.
fn bit(graph: &StageGraph, origins: &[Vec<Origin>], id: NodeId, i: u32) -> Origin {
    let node = &graph.nodes[id];
    if let Op::Const(c) = node.op {
        return Origin::Known(c >> i.min(63) & 1 == 1);
    }
    match origins[id].get(i as usize) {
        Some(origin) => *origin,
        None if node.is_signed() => origins[id][node.width() as usize - 1],
        None => Origin::Known(false),
    }
}

/// For each node the origin of each of its bits.
pub(crate) fn origins(graph: &StageGraph) -> Vec<Vec<Origin>> {
    let mut origins: Vec<Vec<Origin>> = Vec::with_capacity(graph.nodes.len());
    for (id, node) in graph.nodes.iter().enumerate() {
        let (split, view) = (split(graph, id), view(graph, id));
        let of = |i: u32| match (split, view, &node.op) {
            (_, _, Op::Const(c)) => Origin::Known(c >> i.min(63) & 1 == 1),
            (_, _, Op::Requantize { .. }) if node.range.0 == node.range.1 => {
                Origin::Known(node.range.0 >> i.min(63) & 1 == 1)
            }
            (Some(s), ..) if i < s.up => bit(graph, &origins, s.low, i),
            (Some(s), ..) if s.joined => bit(graph, &origins, s.high, i - s.up),
            (_, Some((a, from)), _) => bit(graph, &origins, a, i + from),
            _ => Origin::Made(id, i),
        };
        let bits = (0..node.width()).map(of).collect();
        origins.push(bits);
    }
    origins
}

/// The operands of a node with the lowest bit that it reads of each; bits that pass through are not read here.
fn reads(graph: &StageGraph, id: NodeId) -> Vec<(NodeId, u32)> {
    let node = &graph.nodes[id];
    if node.range.0 == node.range.1 && matches!(node.op, Op::Requantize { .. }) || view(graph, id).is_some() {
        return vec![];
    }
    let own = |a: NodeId, from: u32| (a, from.max(graph.nodes[a].unread));
    match node.op {
        Op::Add { a, b, .. } => match split(graph, id) {
            Some(s) if s.joined || s.up >= node.width() => vec![],
            // Above its top the lower operand is its sign.
            Some(s) => vec![own(s.low, s.up.min(graph.nodes[s.low].width() - 1)), own(s.high, 0)],
            None => vec![own(a, 0), own(b, 0)],
        },
        Op::Requantize { a, shift, rounding, .. } => {
            let from = match rounding {
                Rounding::Truncate => shift,
                Rounding::HalfUp => shift - 1,
                Rounding::HalfEven => 0,
            };
            vec![own(a, from.max(0).unsigned_abs().min(graph.nodes[a].width() - 1))]
        }
        Op::Table { a, .. } => vec![own(a, 0)],
        Op::Max { a, b } => vec![own(a, 0), own(b, 0)],
        Op::Input(_) | Op::Const(_) | Op::Sum { .. } => vec![],
    }
}

/// Who reads each bit of each node that makes it, in ascending order; the output port is the number of nodes.
pub(super) fn readers(graph: &StageGraph, origins: &[Vec<Origin>]) -> Vec<Vec<Vec<NodeId>>> {
    let mut readers: Vec<Vec<Vec<NodeId>>> = graph.nodes.iter().map(|n| vec![Vec::new(); n.width() as usize]).collect();
    let mut read = |origin: &Origin, by: NodeId| {
        if let Origin::Made(id, bit) = *origin {
            let list = &mut readers[id][bit as usize];
            if list.last() != Some(&by) {
                list.push(by);
            }
        }
    };
    for id in 0..graph.nodes.len() {
        for (a, from) in reads(graph, id) {
            origins[a].iter().skip(from as usize).for_each(|o| read(o, id));
        }
    }
    for o in graph.outputs() {
        origins[o].iter().for_each(|origin| read(origin, graph.nodes.len()));
    }
    readers
}

/// The registers of a scheduled graph.
pub(crate) struct Registers {
    /// For each node the origin of each bit.
    #[cfg_attr(not(feature = "verilog"), expect(dead_code, reason = "only what is printed needs it"))]
    pub origins: Vec<Vec<Origin>>,
    /// For each node and bit that it makes the last rank at which the bit is read; the node's own rank if it is not stored.
    pub last: Vec<Vec<u32>>,
}

impl Registers {
    /// Of a graph with ranks and latency.
    pub fn new(graph: &StageGraph) -> Self {
        let origins = origins(graph);
        let readers = readers(graph, &origins);
        let rank = |by: NodeId| graph.nodes.get(by).map_or(graph.latency.0, |n| n.rank);
        let last = graph.nodes.iter().zip(readers).map(|(node, bits)| {
            bits.iter().map(|by| by.iter().map(|by| rank(*by)).fold(node.rank, u32::max)).collect()
        });
        Registers { last: last.collect(), origins }
    }

    /// Runs of bits that a register of node `id` holds at `rank`: first bit and length.
    #[cfg(feature = "verilog")]
    pub fn held(&self, graph: &StageGraph, id: NodeId, rank: u32) -> Vec<(u32, u32)> {
        let mut runs: Vec<(u32, u32)> = Vec::new();
        if rank <= graph.nodes[id].rank {
            return runs;
        }
        for (bit, _) in (0u32..).zip(&self.last[id]).filter(|(_, last)| **last >= rank) {
            match runs.last_mut() {
                Some((low, n)) if *low + *n == bit => *n += 1,
                _ => runs.push((bit, 1)),
            }
        }
        runs
    }
}

impl StageGraph {
    /// Flip-flops that the schedule needs: bits that pass through an adder unchanged are stored once.
    pub fn register_bits(&self) -> u64 {
        self.register_bits_by_node().into_iter().sum()
    }

    /// The same, by the node that makes the bits.
    pub(in crate::hw) fn register_bits_by_node(&self) -> Vec<u64> {
        let registers = Registers::new(self);
        let of = |(node, last): (&crate::hw::Node, &Vec<u32>)| last.iter().map(|l| u64::from(l - node.rank)).sum();
        self.nodes.iter().zip(&registers.last).map(of).collect()
    }
}

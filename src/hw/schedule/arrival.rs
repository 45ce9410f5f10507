//! When each bit of a node is there, given when the bits of its operands are.
//!
//! Bit by bit, so a chain of adders pays each adder's entry once but the length of the carry only once: high bits of the
//! sum wait for low bits, and low bits are there early.

use crate::fixed::{Overflow, Rounding};
use crate::hw::adder::split;
use crate::hw::delay::Delays;
use crate::hw::graph::{NodeId, Op, StageGraph};

/// Picoseconds after the clock edge, bit by bit.
pub(super) type Bits = [i32; 64];

/// Of what is always there.
pub(super) const NEVER: i32 = i32::MIN / 4;

/// A graph with the delays of its operations.
pub(super) struct Timing<'a> {
    graph: &'a StageGraph,
    delays: Delays,
    /// From each node to its readers. That an adder reads a sign once for each bit above it does not count: those lie side by
    /// side.
    route: Vec<i32>,
}

impl<'a> Timing<'a> {
    pub fn new(graph: &'a StageGraph, delays: Delays) -> Self {
        let mut readers = vec![0; graph.nodes.len()];
        for node in &graph.nodes {
            for a in node.op.operands() {
                readers[a] += 1;
            }
        }
        let route = readers.into_iter().map(|n| delays.route_to(n)).collect();
        Timing { graph, delays, route }
    }

    /// Arrival of node `id`; `operand` gives that of an operand, `None` if it is of no concern.
    pub fn arrival<'b>(&self, id: NodeId, operand: impl Fn(NodeId) -> Option<&'b Bits>) -> Bits {
        let node = &self.graph.nodes[id];
        let width = node.width();
        let at = |a: NodeId, i: u32| {
            let from = &self.graph.nodes[a];
            match operand(a) {
                Some(bits) if i < from.width() => bits[i as usize],
                Some(bits) if from.is_signed() => bits[from.width() as usize - 1],
                _ => NEVER,
            }
        };
        let routed = |a: NodeId, i: u32| at(a, i).saturating_add(self.route[a]).max(NEVER);
        let mut out = [NEVER; 64];
        match node.op {
            Op::Input(_) => out = [0; 64],
            Op::Const(_) | Op::Sum { .. } => {}
            Op::Requantize { .. } if node.range.0 == node.range.1 => {}
            Op::Add { a, shift_a, b, shift_b, subtract } => {
                let inverter = if subtract { self.delays.inverter } else { 0 };
                let split = split(self.graph, id);
                let passed = split.map_or(0, |s| if s.joined { width } else { s.up });
                let mut carry = NEVER;
                for i in 0..width {
                    out[i as usize] = match split {
                        Some(s) if i < s.up.min(passed) => at(s.low, i),
                        Some(s) if i < passed => at(s.high, i - s.up),
                        _ => {
                            let of = |a, shift: u32| if i < shift { NEVER } else { routed(a, i - shift) };
                            let of_b = of(b, shift_b).saturating_add(inverter).max(NEVER);
                            carry = (carry + self.delays.carry).max(of(a, shift_a)).max(of_b);
                            carry + self.delays.adder
                        }
                    };
                }
            }
            Op::Table { a, .. } => {
                let late = (0..self.graph.nodes[a].width()).map(|i| routed(a, i)).fold(NEVER, i32::max);
                let levels = self.delays.table_levels(self.graph.nodes[a].width());
                out[..width as usize].fill(late + levels * self.delays.lut + (levels - 1) * self.delays.route);
            }
            Op::Max { a, b } => {
                let bits = self.graph.nodes[a].width().max(self.graph.nodes[b].width());
                let late = |carry: i32, i| (carry + self.delays.carry).max(routed(a, i)).max(routed(b, i));
                let chosen = (0..bits).fold(NEVER, late) + self.delays.adder + self.delays.route_to(width as usize);
                for i in 0..width {
                    out[i as usize] = chosen.max(routed(a, i)).max(routed(b, i)) + self.delays.lut;
                }
            }
            Op::Requantize { a, .. } => self.requantized(id, |i| at(a, i), self.route[a] - self.delays.route, &mut out),
        }
        out
    }

    /// ReLU, rounding and overflow as they are printed: `at` is the arrival of an accumulator bit, `more` what its readers
    /// cost beyond a plain route.
    fn requantized(&self, id: NodeId, at: impl Fn(u32) -> i32, more: i32, out: &mut Bits) {
        let node = &self.graph.nodes[id];
        let Op::Requantize { a, invert, shift, relu, rounding, overflow, format } = node.op else { return };
        let (from, d) = (&self.graph.nodes[a], &self.delays);
        let level = d.lut + d.route;
        let range = if invert { (!from.range.1, !from.range.0) } else { from.range };
        let drop = shift.max(0).unsigned_abs();
        let top = from.width().saturating_sub(drop).max(1);
        let mut q = [NEVER; 64];
        let mut late = 0;
        if shift <= 0 {
            let zeros = shift.unsigned_abs();
            (zeros..64).for_each(|i| q[i as usize] = at(i - zeros));
        } else if rounding == Rounding::Truncate {
            (0..64 - drop).for_each(|i| q[i as usize] = at(i + drop));
        } else {
            let low = if rounding == Rounding::HalfEven { 0 } else { drop - 1 };
            let half = (low..=drop).map(&at).fold(NEVER, i32::max);
            let gather = if low == drop - 1 { 0 } else { d.levels(drop + 1) * level };
            let mut carry = half + gather + d.route + more;
            for i in 0..=top.min(63) {
                carry = (carry + d.carry).max(at(i + drop) + d.route + more);
                q[i as usize] = carry + d.adder;
            }
            late = -more;
        }
        let more = more + late;
        let sign = q[top as usize - 1];
        let kept = format.width - u32::from(format.signed);
        let inside = (range.0 >> drop) >= format.min() && (range.1 >> drop) < format.max();
        let clamp = (relu || !format.signed) && range.0 < 0;
        let saturates =
            overflow != Overflow::Wrap && !(inside || drop == 0 && range.1 <= format.max() && range.0 >= format.min());
        let mut choice = NEVER;
        if saturates {
            let low = if overflow == Overflow::SaturateSymmetric { 0 } else { kept };
            let above = (low..top).map(|i| q[i as usize]).fold(NEVER, i32::max);
            choice = above + more + d.gather_levels(top.saturating_sub(low + 1)) * level;
        }
        if clamp && (overflow != Overflow::Wrap || relu) {
            choice = choice.max(sign + more);
        }
        for i in 0..node.width() as usize {
            out[i] = q[i].max(NEVER);
            if choice > NEVER / 2 {
                out[i] = (q[i] + d.route + more).max(choice + d.route_to(node.width() as usize)) + d.lut;
            }
        }
    }
}

/// The latest bit of a node.
pub(super) fn latest(bits: &Bits) -> i32 {
    bits.iter().copied().fold(NEVER, i32::max)
}

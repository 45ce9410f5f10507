//! How many lookup tables a node becomes: the estimate before any tool has run.
//!
//! Rules found on what Yosys 0.23 makes of single operations, in its count for the family: on ECP5 two LUT4 for each carry
//! cell, elsewhere a table for each bit of a carry chain.

use super::adder::split;
use super::delay::Target;
use super::graph::{NodeId, Op, StageGraph};
use crate::fixed::{Overflow, Rounding};

/// LUT4 of adders that Yosys makes without a carry chain on ECP5, by their bits.
const WITHOUT_CHAIN: [u64; 5] = [0, 1, 3, 5, 7];

impl StageGraph {
    /// Lookup tables that the graph needs on a family.
    pub fn lut_estimate(&self, target: Target) -> u64 {
        (0..self.nodes.len()).map(|id| self.luts(id, target)).sum()
    }

    /// Lookup tables of one node.
    pub(super) fn luts(&self, id: NodeId, target: Target) -> u64 {
        let node = &self.nodes[id];
        match node.op {
            _ if node.range.0 == node.range.1 => 0,
            Op::Add { .. } => self.adder_luts(id, target),
            Op::Requantize { .. } => self.requantizer_luts(id, target),
            _ => self.choice_luts(id, target),
        }
    }

    fn adder_luts(&self, id: NodeId, target: Target) -> u64 {
        let bits = self.adder_bits_of(id);
        match target {
            // A carry cell has two bits.
            Target::Ecp5 => WITHOUT_CHAIN.get(bits as usize).copied().unwrap_or(bits.next_multiple_of(2)),
            // Where one operand is known to be 0 the other one goes past its table.
            Target::Xcup | Target::Xc7 => bits - self.lone_bits(id).min(bits),
            Target::Ice40 | Target::Generic => bits,
        }
    }

    /// Bits of an adder's chain above the end of an unsigned operand.
    fn lone_bits(&self, id: NodeId) -> u64 {
        let node = &self.nodes[id];
        let Op::Add { a, shift_a, b, shift_b, subtract: false } = node.op else { return 0 };
        let end = |operand: NodeId, shift: u32| {
            let n = &self.nodes[operand];
            if n.is_signed() { node.width() } else { (n.width() + shift).min(node.width()) }
        };
        let joined = split(self, id).is_some_and(|s| s.joined);
        if joined { 0 } else { u64::from(node.width() - end(a, shift_a).min(end(b, shift_b))) }
    }

    fn requantizer_luts(&self, id: NodeId, target: Target) -> u64 {
        let node = &self.nodes[id];
        let Op::Requantize { a, shift, relu, rounding, overflow, format, .. } = node.op else { return 0 };
        let inputs = u64::from(target.delays().inputs);
        let from = &self.nodes[a];
        let width = u64::from(node.width());
        let drop = shift.max(0).unsigned_abs();
        let top = from.width().saturating_sub(drop);
        let increment = if drop > 0 && rounding != Rounding::Truncate { u64::from(top) } else { 0 };
        let above = u64::from(top.saturating_sub(format.width - u32::from(format.signed)));
        let crossed = (from.range.0 >> drop) < format.min() || (from.range.1 >> drop) > format.max();
        let limited = overflow != Overflow::Wrap && crossed;
        let gather = if limited { above.saturating_sub(1).div_ceil(inputs - 1) } else { 0 };
        let choice = if limited || relu && from.is_signed() { width } else { 0 };
        increment + gather + choice
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hw::parse;

    #[test]
    fn an_adder_is_counted_as_its_family_builds_it() {
        let graph = |format: &str, range: &str, sum: &str, out: &str| {
            parse(&format!(
                "stage latency 0\ninput {format} {format}\nn0 = input 0 : {range} x @0\nn1 = input 1 : {range} x @0\n\
                 n2 = n0<<0 + n1<<2 y @0\nn3 = requantize n2 >>0 truncate wrap {out} y @0\n\
                 tensor x = n0 n1\ntensor y = n3\noutput {out}\n"
            ))
            .unwrap_or_else(|e| panic!("{sum}: {e}"))
        };
        // Two bits pass through, seven of nine or eight of ten are added; unsigned, three of those have one operand.
        let signed = graph("fixed<7,7>", "[-64, 63]", "signed", "fixed<10,10>");
        let unsigned = graph("ufixed<7,7>", "[0, 127]", "unsigned", "ufixed<10,10>");
        let luts = |g: &StageGraph| [Target::Ecp5, Target::Xcup, Target::Generic].map(|t| g.lut_estimate(t));
        assert_eq!((signed.adder_bits(), luts(&signed)), (8, [8, 8, 8]));
        assert_eq!((unsigned.adder_bits(), luts(&unsigned)), (8, [8, 5, 8]));
    }
}

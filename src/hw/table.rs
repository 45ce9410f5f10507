//! Tables and maxima: which entries are ever read, and what they cost.
//!
//! A bit of a table of `w` input bits is one lookup table of the device up to its number of inputs `k`; beyond that, `2^(w-k)`
//! of them and a tree of multiplexers: two levels of dedicated ones where the family has them, then lookup tables, each of
//! which chooses among 4 with 6 inputs and between 2 with fewer. Tools do better where the table is regular. A maximum is a
//! carry chain that compares, and one choice a bit.

use super::delay::{Delays, Target};
use super::graph::{NodeId, Op, StageGraph};
use super::interval::width_of;

/// The entries of a table for the numbers of `range`; `None` if one is missing.
pub(super) fn reached(first: i64, values: &[i64], range: (i64, i64)) -> Option<&[i64]> {
    let from = usize::try_from(range.0.checked_sub(first)?).ok()?;
    let to = usize::try_from(range.1.checked_sub(first)?).ok()?;
    values.get(from..to.checked_add(1)?).filter(|v| !v.is_empty())
}

/// A table without the entries that the bits of its operand cannot show; other operations as they are.
///
/// Those that the bits can show stay as the model has them, though some never occur: so the logic is the model's for every
/// pattern of the wires, which can be shown without a look at where they come from.
pub(super) fn trimmed(op: Op, range: impl Fn(NodeId) -> (i64, i64)) -> Op {
    let Op::Table { a, first, values } = op else { return op };
    let (low, high) = range(a);
    let bits = width_of(low.into(), high.into());
    let least = if low < 0 { -1 << (bits - 1) } else { 0 };
    let from = least.max(first);
    let to = (least + (1 << bits) - 1).min(first + values.len() as i64 - 1);
    match reached(first, &values, (from, to)) {
        Some(part) if part.len() < values.len() => Op::Table { a, first: from, values: part.into() },
        _ => Op::Table { a, first, values },
    }
}

/// The operand that a table or a maximum hands on unchanged, if it does so for every number that there can be.
pub(super) fn same_as(op: &Op, range: impl Fn(NodeId) -> (i64, i64)) -> Option<NodeId> {
    match op {
        Op::Table { a, first, values } => {
            let range = range(*a);
            let reached = reached(*first, values, range)?;
            (range.0..).zip(reached).all(|(x, y)| x == *y).then_some(*a)
        }
        Op::Max { a, b } if a == b || range(*a).0 >= range(*b).1 => Some(*a),
        Op::Max { a, b } if range(*b).0 >= range(*a).1 => Some(*b),
        _ => None,
    }
}

impl Delays {
    /// Choices that one lookup table of the device makes at once, in bits.
    fn chosen(&self) -> u32 {
        if self.inputs >= 6 { 2 } else { 1 }
    }

    /// Levels of lookup tables between `bits` input bits and a bit of a table.
    pub(super) fn table_levels(&self, bits: u32) -> i32 {
        1 + bits.saturating_sub(self.inputs).div_ceil(self.chosen()) as i32
    }
}

impl StageGraph {
    /// Lookup tables of a table or a maximum on a family; 0 for other nodes.
    pub(super) fn choice_luts(&self, id: NodeId, target: Target) -> u64 {
        let delays = target.delays();
        // PFUMX and L6MUX21, MUXF7 and MUXF8.
        let dedicated = if matches!(target, Target::Ice40 | Target::Generic) { 0 } else { 2 };
        let node = &self.nodes[id];
        let width = u64::from(node.width());
        match &node.op {
            _ if node.range.0 == node.range.1 => 0,
            Op::Table { a, .. } => {
                let above = self.nodes[*a].width().saturating_sub(delays.inputs);
                let chosen = (1u64 << above.saturating_sub(dedicated)) - 1;
                width * ((1 << above) + chosen.div_ceil((1 << delays.chosen()) - 1))
            }
            // Two bits of the comparison a lookup table where they have carry in and two pairs; one is what tools give.
            Op::Max { a, b } => width + u64::from(self.nodes[*a].width().max(self.nodes[*b].width())),
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::hw::Target;

    #[test]
    fn only_entries_that_occur_stay_and_the_identity_is_found() {
        let values: Arc<[i64]> = (-4..4).map(|x: i64| x.max(-2)).collect();
        let op = Op::Table { a: 0, first: -4, values };
        let range = |range| move |_: NodeId| range;
        assert_eq!(
            trimmed(op.clone(), range((-2, 0))),
            Op::Table { a: 0, first: -2, values: vec![-2, -1, 0, 1].into() }
        );
        assert_eq!(trimmed(op.clone(), range((1, 3))), Op::Table { a: 0, first: 0, values: vec![0, 1, 2, 3].into() });
        assert_eq!(trimmed(op.clone(), range((-3, 1))), op);
        assert_eq!(same_as(&op, range((-3, 1))), None);
        assert_eq!(same_as(&op, range((-2, 3))), Some(0));
        // An entry that is not there.
        assert_eq!((same_as(&op, range((-2, 4))), reached(0, &[1], (-1, 0))), (None, None));
        let max = Op::Max { a: 0, b: 1 };
        assert_eq!(same_as(&max, |n| [(3, 9), (-2, 3)][n]), Some(0));
        assert_eq!(same_as(&max, |n| [(3, 9), (-2, 4)][n]), None);
    }

    #[test]
    fn levels_grow_by_multiplexers_beyond_one_lookup_table() {
        let levels = |t: Target| [1, 4, 5, 6, 7, 8, 10].map(|bits| t.delays().table_levels(bits));
        assert_eq!(levels(Target::Ecp5), [1, 1, 2, 3, 4, 5, 7]);
        assert_eq!(levels(Target::Xcup), [1, 1, 1, 1, 2, 2, 3]);
    }

    #[test]
    fn lookup_tables_are_those_of_a_table_without_pattern() {
        // Eight random bits of eight: Yosys makes 21 LUT4 a bit for ECP5, 4 LUT6 a bit for UltraScale+.
        let values: Vec<String> = (0..256).map(|x| ((x * 167 + 13) % 256 - 128).to_string()).collect();
        let graph = crate::hw::parse(&format!(
            "stage latency 0\ninput ufixed<8,8>\nn0 = input 0 x @0\nn1 = table n0 from 0 of {} y @0\n\
             tensor x = n0\ntensor y = n1\noutput fixed<8,8>\n",
            values.join(" ")
        ))
        .unwrap();
        assert_eq!([Target::Ecp5, Target::Xcup, Target::Generic].map(|t| graph.lut_estimate(t)), [152, 32, 248]);
    }
}

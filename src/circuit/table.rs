//! Distributions over the leaves of a tree, one for each state of what is known, stored as short as they are worth.
//!
//! A distribution is the probability of each decision of the tree, as one of 97 levels of its logit. What a state's level is
//! above that of the state before it (or of all states together) is stored; it is 0 unless the counts pay for more.

use std::sync::LazyLock;

use crate::entropy::bytes::{Reader, malformed, put_section};
use crate::entropy::{decode_ints, encode_ints};
use crate::error::Result;
use crate::fixed::portable;
use crate::mix::binary::PROBABILITY_BITS;
use crate::mix::{Next, Tree};

/// Levels lie in `-LARGEST ..= LARGEST`.
const LARGEST: i8 = 48;
const LEVELS: usize = 2 * LARGEST as usize + 1;
/// Nats between two levels.
const STEP: f64 = 0.23;
/// Depths of a tree whose levels are coded apart; what is deeper is coded with the last.
const DEPTHS: usize = 8;

/// What a level stands for: the probability, `1 ..= 2^16 - 1`.
static PROBABILITY: LazyLock<[u32; LEVELS]> = LazyLock::new(|| {
    let one = |level: f64| 65536.0 / (1.0 + portable::exp(-level * STEP));
    std::array::from_fn(|k| (one(k as f64 - f64::from(LARGEST)) as u32).clamp(1, (1 << PROBABILITY_BITS) - 1))
});

/// Bits of a decision that is true, at each level. For the writer's choices only.
static BITS: LazyLock<[f64; LEVELS]> = LazyLock::new(|| PROBABILITY.map(|p| 16.0 - f64::from(p).log2()));

/// Bits that the change of a level costs, about.
static CHANGE: LazyLock<[f64; 2 * LEVELS]> =
    LazyLock::new(|| std::array::from_fn(|d| if d == 0 { 0.7 } else { 3.0 + 1.7 * (d as f64).log2() }));

/// Whose level a level is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beside {
    /// That of all states together.
    All,
    /// That of the state before, for states in some order.
    Before,
}

/// Distributions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Table {
    pub states: usize,
    nodes: usize,
    beside: Beside,
    /// `[1 + state, node]`; first that of all states together.
    levels: Vec<i8>,
}

fn index(level: i8) -> usize {
    (level + LARGEST) as usize
}

/// Bits of so many decisions, true and false.
fn cost([no, yes]: [f64; 2], level: i8) -> f64 {
    yes * BITS[index(level)] + no * BITS[index(-level)]
}

fn ideal([no, yes]: [f64; 2]) -> i8 {
    let p = (yes + 0.02) / (yes + no + 0.04);
    ((p / (1.0 - p)).ln() / STEP).round().clamp(f64::from(-LARGEST), f64::from(LARGEST)) as i8
}

impl Table {
    /// The table that makes counts and itself shortest, and about how many bits that is.
    ///
    /// * `counts`: `[state][leaf]`, how often
    pub(super) fn fit(tree: &Tree, counts: &[Vec<f64>], beside: Beside) -> (Table, f64) {
        let nodes = tree.nodes.len();
        let mut all = vec![0.0; tree.leaves.len()];
        counts.iter().for_each(|c| all.iter_mut().zip(c).for_each(|(a, c)| *a += c));
        let mut levels: Vec<i8> = decisions(tree, &all).into_iter().map(ideal).collect();
        let mut bits: f64 = levels.iter().map(|l| CHANGE[usize::from(l.unsigned_abs())]).sum();
        for (state, counts) in counts.iter().enumerate() {
            let base = if beside == Beside::All { 0 } else { state * nodes };
            for (node, n) in decisions(tree, counts).into_iter().enumerate() {
                let from = levels[base + node];
                let total = |level: i8| cost(n, level) + CHANGE[usize::from(level.abs_diff(from))];
                // Between what was and what is ideal lies the best.
                let ideal = ideal(n);
                let best = (from.min(ideal)..=from.max(ideal)).min_by(|a, b| total(*a).total_cmp(&total(*b)));
                let best = best.unwrap_or(from);
                bits += total(best);
                levels.push(best);
            }
        }
        (Table { states: counts.len(), nodes, beside, levels }, bits)
    }

    /// The probabilities of the decisions in a state, of `2^16`.
    pub(super) fn state(&self, state: usize) -> impl Iterator<Item = u32> {
        let levels = &self.levels[(1 + state) * self.nodes..][..self.nodes];
        levels.iter().map(|l| PROBABILITY[index(*l)])
    }

    /// The probability of each leaf in a state.
    pub(super) fn leaves(&self, tree: &Tree, state: usize) -> Vec<f64> {
        let mut leaves = vec![1.0; tree.leaves.len()];
        let mut reached = vec![1.0; self.nodes];
        for ((n, node), p) in tree.nodes.iter().enumerate().zip(self.state(state)) {
            for (next, p) in [(node.above, p), (node.below, (1 << PROBABILITY_BITS) - p)] {
                let p = reached[n] * (f64::from(p) / 65536.0);
                match next {
                    Next::Leaf(leaf) => leaves[usize::from(leaf)] = p,
                    Next::Node(below) => reached[usize::from(below)] = p,
                }
            }
        }
        leaves
    }
}

/// Decisions of each node that are false and true.
fn decisions(tree: &Tree, counts: &[f64]) -> Vec<[f64; 2]> {
    let mut found = vec![[0.0; 2]; tree.nodes.len()];
    // What is below a node comes behind it.
    for n in (0..tree.nodes.len()).rev() {
        let of = |next: Next| match next {
            Next::Leaf(leaf) => counts[usize::from(leaf)],
            Next::Node(n) => found[usize::from(n)].iter().sum(),
        };
        found[n] = [of(tree.nodes[n].below), of(tree.nodes[n].above)];
    }
    found
}

/// How deep each node lies.
fn depths(tree: &Tree) -> Vec<usize> {
    let mut depths = vec![0; tree.nodes.len()];
    for n in 0..tree.nodes.len() {
        for next in [tree.nodes[n].below, tree.nodes[n].above] {
            if let Next::Node(below) = next {
                depths[usize::from(below)] = (depths[n] + 1).min(DEPTHS - 1);
            }
        }
    }
    depths
}

/// The lane of a level: by depth, and whether it is one of all states together.
fn lane(state: usize, depth: usize) -> usize {
    if state == 0 { DEPTHS } else { depth }
}

/// The bytes of tables, each over its tree: levels of equal depth together.
pub(super) fn write(tables: &[(&Table, &Tree)]) -> Vec<u8> {
    let mut lanes: Vec<Vec<i64>> = vec![Vec::new(); DEPTHS + 1];
    for (table, tree) in tables {
        let depths = depths(tree);
        for state in 0..=table.states {
            for (node, depth) in depths.iter().enumerate() {
                let level = table.levels[state * table.nodes + node];
                let from = table.from(state).map_or(0, |at| table.levels[at + node]);
                lanes[lane(state, *depth)].push(i64::from(level) - i64::from(from));
            }
        }
    }
    let mut out = Vec::new();
    lanes.iter().for_each(|lane| put_section(&mut out, &encode_ints(&[lane])));
    out
}

impl Table {
    /// Where the levels begin that those of `1 + state` are compared with.
    fn from(&self, state: usize) -> Option<usize> {
        let before = if self.beside == Beside::All { 0 } else { state.checked_sub(1)? };
        (state > 0).then_some(before * self.nodes)
    }
}

/// Reads tables.
///
/// * `shapes`: the states of each, and what it is over
///
/// # Errors
/// [`ContainerDamaged`](crate::Code::ContainerDamaged).
pub(super) fn read(reader: &mut Reader, shapes: &[(usize, &Tree, Beside)]) -> Result<Vec<Table>> {
    let mut lengths = [0; DEPTHS + 1];
    for (states, tree, _) in shapes {
        for depth in depths(tree) {
            lengths[lane(0, depth)] += 1;
            lengths[lane(1, depth)] += states;
        }
    }
    let mut lanes = Vec::new();
    for length in lengths {
        lanes.push(decode_ints(reader.section()?, 1, length)?.remove(0).into_iter());
    }
    let mut one = |&(states, tree, beside): &(usize, &Tree, Beside)| {
        let mut table = Table { states, nodes: tree.nodes.len(), beside, levels: Vec::new() };
        let depths = depths(tree);
        for state in 0..=states {
            for (node, depth) in depths.iter().enumerate() {
                let change = lanes[lane(state, *depth)].next().ok_or_else(|| malformed("a table is cut"))?;
                let from = table.from(state).map_or(0, |at| table.levels[at + node]);
                let level = change
                    .checked_add(from.into())
                    .filter(|l: &i64| l.unsigned_abs() <= u64::from(LARGEST.unsigned_abs()));
                table.levels.push(level.ok_or_else(|| malformed("a probability beyond the largest"))? as i8);
            }
        }
        Ok(table)
    };
    shapes.iter().map(&mut one).collect()
}

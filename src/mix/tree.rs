//! Integers as binary decisions.
//!
//! The values of a column are cut into leaves of about equal weight, at most 255 of them; a value that is as frequent as a
//! leaf is one of its own. A binary tree over the leaves, its halves as equal in weight as they can be, makes every
//! decision worth about a bit. What is left of a value inside its leaf is a number below the leaf's width.

use super::bins::Bins;
use crate::entropy::bytes::{BitReader, BitWriter, Reader, malformed, put_section, put_signed, put_varint};
use crate::error::Result;

/// Most leaves of a tree.
pub const MOST_LEAVES: usize = 255;

/// Neighbouring values that are one symbol of the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaf {
    pub low: i64,
    pub high: i64,
    /// In quarters of that of an ordinary leaf.
    pub weight: u32,
}

/// Where a decision leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    Node(u8),
    Leaf(u8),
}

/// A decision: whether a value is at least `split`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    pub split: i64,
    pub below: Next,
    pub above: Next,
}

/// Leaves in ascending order, and decisions with the root first, level by level, so that the first of them lie together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    pub leaves: Vec<Leaf>,
    pub nodes: Vec<Node>,
}

const ORDINARY: u32 = 4;
/// A weight beyond this makes no difference.
const HEAVIEST: u32 = 1 << 20;

/// Values in a leaf that is wide.
const WIDE: u64 = 16;

fn sorted(values: &[i64]) -> Vec<i64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted
}

/// The leaves that suit `n` values: a leaf costs some bytes, and what is learned in it some more.
pub fn leaves_for(n: usize) -> usize {
    ((n as f64).sqrt() / 3.0).clamp(8.0, 120.0) as usize
}

impl Tree {
    /// The leaf that decisions lead to, from the root down.
    ///
    /// * `decide`: whether a value is at least the split of a node, by the node's number and the node
    #[inline(always)]
    pub fn descend(&self, mut decide: impl FnMut(usize, Node) -> bool) -> usize {
        let mut next = if self.nodes.is_empty() { Next::Leaf(0) } else { Next::Node(0) };
        loop {
            let n = match next {
                Next::Leaf(leaf) => return usize::from(leaf),
                Next::Node(n) => usize::from(n),
            };
            let node = self.nodes[n];
            next = if decide(n, node) { node.above } else { node.below };
        }
    }

    /// The tree of `values`, with about `leaves` leaves.
    pub fn of(values: &[i64], leaves: usize) -> Tree {
        Tree::of_sorted(&sorted(values), leaves)
    }

    /// The tree of `values`, with as many leaves as suit a column of a table.
    pub fn of_column(values: &[i64]) -> Tree {
        let (sorted, leaves) = (sorted(values), leaves_for(values.len()));
        let tree = Tree::of_sorted(&sorted, leaves);
        // Where in wide leaves values lie is as good as random, and so is which of two such leaves they are in.
        if tree.is_wide() { Tree::of_sorted(&sorted, leaves / 2) } else { tree }
    }

    /// Whether most leaves are of many values.
    pub fn is_wide(&self) -> bool {
        2 * self.leaves.iter().filter(|l| l.high.abs_diff(l.low) >= WIDE).count() > self.leaves.len()
    }

    fn of_sorted(sorted: &[i64], leaves: usize) -> Tree {
        let share = (sorted.len() / leaves).max(1);
        let mut found: Vec<Leaf> = Vec::new();
        // Values that are not frequent, so far.
        let mut open: Option<(Leaf, usize)> = None;
        for run in sorted.chunk_by(|a, b| a == b) {
            let (value, n) = (run[0], run.len());
            if n > share {
                found.extend(open.take().map(|(leaf, _)| leaf));
                let weight = (n as u64 * u64::from(ORDINARY) / share as u64).min(HEAVIEST.into()) as u32;
                found.push(Leaf { low: value, high: value, weight });
                continue;
            }
            let (mut leaf, seen) = open.take().unwrap_or((Leaf { low: value, high: value, weight: ORDINARY }, 0));
            leaf.high = value;
            if seen + n >= share { found.push(leaf) } else { open = Some((leaf, seen + n)) }
        }
        found.extend(open.map(|(leaf, _)| leaf));
        Tree::over(rounded(found))
    }

    /// The tree of `values` with at most about `leaves` leaves, as many as can be.
    pub fn at_most(values: &[i64], mut leaves: usize) -> Tree {
        let sorted = sorted(values);
        loop {
            let tree = Tree::of_sorted(&sorted, leaves);
            if tree.leaves.len() <= MOST_LEAVES {
                return tree;
            }
            leaves = leaves * 3 / 4;
        }
    }

    fn over(leaves: Vec<Leaf>) -> Tree {
        let mut nodes = Vec::new();
        // Ranges of leaves, each of which becomes the node of its number.
        let mut ranges: Vec<(usize, usize)> = if leaves.len() > 1 { vec![(0, leaves.len())] } else { Vec::new() };
        let mut at = 0;
        while let Some(&(from, to)) = ranges.get(at) {
            let total: u64 = leaves[from..to].iter().map(|l| u64::from(l.weight)).sum();
            let (mut below, mut best, mut cut) = (0, u64::MAX, from + 1);
            for i in from + 1..to {
                below += u64::from(leaves[i - 1].weight);
                let difference = (2 * below).abs_diff(total);
                if difference < best {
                    (best, cut) = (difference, i);
                }
            }
            let mut next = |from: usize, to: usize| {
                if to - from == 1 {
                    return Next::Leaf(from as u8);
                }
                ranges.push((from, to));
                Next::Node((ranges.len() - 1) as u8)
            };
            nodes.push(Node { split: leaves[cut].low, below: next(from, cut), above: next(cut, to) });
            at += 1;
        }
        Tree { leaves, nodes }
    }

    /// The leaf of a value that has one.
    pub fn leaf(&self, value: i64) -> usize {
        self.leaves.partition_point(|l| l.low <= value).saturating_sub(1)
    }

    /// What the values in these bins cost if nothing else is known: their leaves by frequency, and where in them.
    pub fn bits(&self, bins: &Bins) -> f64 {
        let mut seen = vec![0u32; self.leaves.len()];
        bins.rows().iter().for_each(|leaf| seen[usize::from(*leaf)] += 1);
        let n = bins.rows().len() as f64;
        let one = |leaf: &Leaf, seen: u32| {
            let width = leaf.high.wrapping_sub(leaf.low).cast_unsigned() as f64 + 1.0;
            f64::from(seen) * (n / f64::from(seen) * width).log2()
        };
        self.leaves.iter().zip(seen).filter(|(_, seen)| *seen > 0).map(|(leaf, seen)| one(leaf, seen)).sum()
    }

    /// Appends the leaves: their number, the low bits that all bounds share, and all that follows without those: the first
    /// value, the exponents of the codes of gaps and widths, then for each leaf how many values lie between it and the one
    /// before, whether it has one value or several, and its weight or width.
    pub fn write(&self, out: &mut Vec<u8>) {
        put_varint(out, self.leaves.len() as u64);
        let shift = shared_bits(&self.leaves);
        out.push(shift as u8);
        put_signed(out, self.leaves.first().map_or(0, |l| l.low >> shift));
        let leaves: Vec<Leaf> =
            self.leaves.iter().map(|l| Leaf { low: l.low >> shift, high: l.high >> shift, ..*l }).collect();
        // Units of 2^shift values: a leaf of one of them has several values all the same.
        let several = |l: &Leaf| shift > 0 || l.low < l.high;
        let gaps: Vec<u64> = leaves.windows(2).map(|w| between(w[0].high, w[1].low) - 1).collect();
        let widths: Vec<u64> = leaves.iter().filter(|l| several(l)).map(|l| between(l.low, l.high)).collect();
        let exponents = [cheapest(&gaps), cheapest(&widths)];
        out.extend(exponents.map(|e| e as u8));
        let mut bits = BitWriter::default();
        for (k, leaf) in leaves.iter().enumerate() {
            if k > 0 {
                put_golomb(&mut bits, gaps[k - 1], exponents[0]);
            }
            bits.put(u64::from(several(leaf)), 1);
            if several(leaf) {
                put_golomb(&mut bits, between(leaf.low, leaf.high), exponents[1]);
            } else {
                put_golomb(&mut bits, leaf.weight.into(), ATOM_EXPONENT);
            }
        }
        put_section(out, &bits.finish());
    }

    /// Reads the leaves.
    ///
    /// # Errors
    /// [`ContainerDamaged`](crate::Code::ContainerDamaged) if they are not in order.
    pub fn read(reader: &mut Reader) -> Result<Tree> {
        let n = reader.count()?;
        if n == 0 || n > MOST_LEAVES {
            return Err(malformed(format!("a tree of {n} leaves")));
        }
        let shift = u32::from(reader.byte()?);
        if shift > 62 {
            return Err(malformed("bounds of a tree exceed 64 bits"));
        }
        let mut low = reader.signed()?;
        let exponents = reader.array::<2>()?.map(u32::from);
        if exponents.iter().any(|e| *e > 63) {
            return Err(malformed("numbers of a tree exceed 64 bits"));
        }
        let disorder = || malformed("the leaves of a tree are not in order");
        let mut bits = BitReader::new(reader.section()?);
        let mut leaves: Vec<Leaf> = Vec::with_capacity(n);
        for _ in 0..n {
            if let Some(last) = leaves.last() {
                let after = last.high.checked_add(1).ok_or_else(disorder)?;
                low = after.checked_add_unsigned(golomb(&mut bits, exponents[0])?).ok_or_else(disorder)?;
            }
            leaves.push(if bits.get(1)? > 0 {
                let high = low.checked_add_unsigned(golomb(&mut bits, exponents[1])?).ok_or_else(disorder)?;
                Leaf { low, high, weight: ORDINARY }
            } else {
                let weight = golomb(&mut bits, ATOM_EXPONENT)?.clamp(1, HEAVIEST.into());
                Leaf { low, high: low, weight: weight as u32 }
            });
        }
        bits.end()?;
        let most = i64::MAX >> shift;
        if leaves.iter().any(|l| l.low < -most - 1 || l.high > most) {
            return Err(malformed("bounds of a tree exceed 64 bits"));
        }
        for leaf in &mut leaves {
            *leaf = Leaf { low: leaf.low << shift, high: (leaf.high << shift) | ((1 << shift) - 1), ..*leaf };
        }
        Ok(Tree::over(leaves))
    }
}

/// Leaves whose bounds have fewer bits: where all hold several values, the bounds may lie anywhere near.
fn rounded(mut leaves: Vec<Leaf>) -> Vec<Leaf> {
    let closest = leaves.windows(2).map(|w| between(w[0].low, w[1].low)).min().unwrap_or(0);
    let shift = (closest / 8).checked_ilog2().unwrap_or(0);
    if shift == 0 || leaves.iter().any(|l| l.low == l.high) {
        return leaves;
    }
    let units = |x: i64| (x >> shift) << shift;
    for i in 0..leaves.len() {
        leaves[i].low = units(leaves[i].low);
        leaves[i].high = match leaves.get(i + 1) {
            Some(next) => units(next.low) - 1,
            None => leaves[i].high | ((1 << shift) - 1),
        };
    }
    leaves
}

/// Low bits that all bounds of leaves share: zeros in the first value of each, ones in the last.
fn shared_bits(leaves: &[Leaf]) -> u32 {
    let bits = |l: &Leaf| l.low.trailing_zeros().min(l.high.trailing_ones());
    leaves.iter().map(bits).min().unwrap_or(0).min(62)
}

/// The code of a weight begins with so many bits.
const ATOM_EXPONENT: u32 = 3;

fn between(low: i64, high: i64) -> u64 {
    high.wrapping_sub(low).cast_unsigned()
}

/// The exponent that makes the codes of these numbers shortest.
fn cheapest(numbers: &[u64]) -> u32 {
    let bits = |e: u32| {
        numbers.iter().map(|n| 2 * (128 - (u128::from(*n) + (1 << e)).leading_zeros() - e)).sum::<u32>()
            + e * numbers.len() as u32
    };
    (0..64).min_by_key(|e| bits(*e)).expect("64 of them")
}

/// Appends an exponential Golomb code: `n + 2^exponent` has `z + exponent + 1` bits; `z` ones and a zero, then its bits
/// below the leading one.
fn put_golomb(bits: &mut BitWriter, n: u64, exponent: u32) {
    let sum = u128::from(n) + (1 << exponent);
    let length = 127 - sum.leading_zeros();
    for _ in exponent..length {
        bits.put(1, 1);
    }
    bits.put(0, 1);
    bits.put(sum as u64, length);
}

/// Reads what [`put_golomb`] wrote.
fn golomb(bits: &mut BitReader, exponent: u32) -> Result<u64> {
    let mut length = exponent;
    while bits.get(1)? > 0 {
        length += 1;
        if length > 64 {
            return Err(malformed("a number of a tree exceeds 64 bits"));
        }
    }
    let sum = (1u128 << length) | u128::from(bits.get(length)?);
    u64::try_from(sum - (1 << exponent)).map_err(|_| malformed("a number of a tree exceeds 64 bits"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_value_finds_its_leaf_by_its_decisions(
            values in prop::collection::vec(prop_oneof![-20i64..20, any::<i64>(), Just(i64::MIN), Just(i64::MAX)], 1..300),
            leaves in 1usize..128,
        ) {
            let tree = Tree::of(&values, leaves);
            for v in values {
                let leaf = tree.leaf(v);
                prop_assert!(tree.leaves[leaf].low <= v && v <= tree.leaves[leaf].high);
                let mut next = if tree.nodes.is_empty() { Next::Leaf(0) } else { Next::Node(0) };
                while let Next::Node(n) = next {
                    let node = tree.nodes[usize::from(n)];
                    next = if v >= node.split { node.above } else { node.below };
                }
                prop_assert_eq!(next, Next::Leaf(leaf as u8));
            }
            let mut bytes = Vec::new();
            tree.write(&mut bytes);
            let mut reader = Reader::new(&bytes);
            prop_assert_eq!(Tree::read(&mut reader).unwrap(), tree);
            reader.end().unwrap();
        }
    }

    #[test]
    fn a_frequent_value_is_a_leaf_near_the_root() {
        let values: Vec<i64> = (0..1000).map(|i| if i % 4 > 0 { 7 } else { i }).collect();
        let tree = Tree::of(&values, 32);
        let leaf = tree.leaf(7);
        assert_eq!((tree.leaves[leaf].low, tree.leaves[leaf].high), (7, 7));
        let next = |n: &Node| [n.below, n.above].contains(&Next::Leaf(leaf as u8));
        assert!(tree.nodes.iter().position(next).unwrap() < 3);
    }
}

//! One sum as a tree of adders: which two operands to add next.

use super::best::{Best, FEW};

/// An operand of a tree: `±(value << shift)`.
#[derive(Clone, Copy, Debug)]
pub(in crate::hw) struct Operand {
    /// Smallest and largest value, before shift and sign.
    pub low: i64,
    pub high: i64,
    pub shift: u32,
    pub negative: bool,
    /// Adders on the longest path to it.
    pub depth: u32,
    /// What it is, for whoever builds the tree; new operands count on from the last one given.
    pub tag: u32,
}

/// A step of a tree: the operands and what comes of them. Of two with different signs, the first one keeps its own.
#[derive(Clone, Copy)]
pub(in crate::hw) struct Step {
    pub first: Operand,
    pub second: Operand,
    pub sum: Operand,
}

/// What a tree costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::hw) struct Cost {
    /// Full adders.
    pub bits: u32,
    /// Adders on the longest path.
    pub depth: u32,
}

/// `sum 2^depth`: a tree of depth `d` holds at most `2^d`.
pub(in crate::hw) fn load(operands: &[Operand]) -> u64 {
    operands.iter().map(|o| 1u64 << o.depth.min(40)).fold(0, u64::saturating_add)
}

/// Full adders of the sum of two operands, and the sum.
///
/// Below the higher of the two lowest bits there is nothing to add, and the sum is stored with the sign that keeps the
/// operand with the lower one positive, so that those bits pass through as they are.
pub(super) fn join(x: &Operand, y: &Operand) -> (u32, Operand) {
    let (x, y) = if y.shift < x.shift { (y, x) } else { (x, y) };
    let up = y.shift - x.shift;
    let (yl, yh) = (y.low << up, y.high << up);
    let (xl, xh) = (x.low, x.high);
    let same = x.negative == y.negative;
    let (low, high) = if same { (xl + yl, xh + yh) } else { (xl - yh, xh - yl) };
    let concatenation = same && xl >= 0 && up > 0 && width(xl, xh) <= up;
    let bits = if concatenation { 0 } else { width(low, high).saturating_sub(up) };
    let depth = x.depth.max(y.depth) + u32::from(!concatenation);
    (bits, Operand { low, high, shift: x.shift, negative: x.negative, depth, tag: 0 })
}

/// Bits that hold `low..=high`: two's complement if `low` is negative.
pub(super) fn width(low: i64, high: i64) -> u32 {
    let magnitude = |v: i64| 64 - (v ^ (v >> 63)).leading_zeros();
    magnitude(low).max(magnitude(high)) + u32::from(low < 0)
}

/// How a tree is to be.
#[derive(Clone, Copy, Debug)]
pub(in crate::hw) struct Wish {
    /// The exact interval of the sum, if it is known.
    pub range: Option<(i64, i64)>,
    /// Depth not to exceed, where that is possible.
    pub limit: u32,
    /// Whether the sum must not be stored negative, unless there is no other way.
    pub positive: bool,
}

/// Adds the operands up: the cheapest pairs first that still let the tree end within `2^limit`, and, once there are few, by
/// the best of all trees. `each` sees every step. What is left in the list is the sum.
pub(in crate::hw) fn grow(operands: &mut Vec<Operand>, wish: Wish, mut each: impl FnMut(&Step)) -> Cost {
    let mut bits = 0;
    let mut tag = operands.iter().map(|o| o.tag + 1).max().unwrap_or(0);
    let mut add = |first: Operand, second: Operand, mut sum: Operand| {
        sum.tag = tag;
        tag += 1;
        each(&Step { first, second, sum });
        sum
    };
    let mut prices = None;
    while operands.len() > 1 {
        if operands.len() <= FEW {
            let best = Best::of(operands, wish.range);
            let (cost, depth) = best.cost(wish.positive);
            // Two operands have one depth only, whatever the limit.
            if depth <= wish.limit || operands.len() == 2 {
                let mut made: Vec<(u8, Operand)> = operands.iter().enumerate().map(|(i, o)| (1 << i, *o)).collect();
                for step in best.steps(wish.positive) {
                    let find = |set: u8| made.iter().rev().find(|m| m.0 == set).map_or(step.sum, |m| m.1);
                    let sum = add(find(step.first), find(step.second), step.sum);
                    made.push((step.first | step.second, sum));
                }
                operands.truncate(1);
                operands[0] = made[made.len() - 1].1;
                return Cost { bits: bits + cost, depth };
            }
        }
        let prices = prices.get_or_insert_with(|| Prices::of(operands));
        let Some((i, j)) = prices.cheapest(operands, wish.limit) else { break };
        let (price, sum) = join(&operands[i], &operands[j]);
        bits += price;
        let (second, first) = (operands[j], operands[i]);
        operands[i] = add(first, second, sum);
        operands.swap_remove(j);
        prices.renew(operands, i);
        if j < operands.len() {
            prices.renew(operands, j);
        }
    }
    Cost { bits, depth: operands.first().map_or(0, |o| o.depth) }
}

/// The prices of all pairs of operands, kept while pairs are replaced by their sums.
struct Prices {
    /// Full adders of the sum of operands `i < j`, and its depth, at `j (j - 1) / 2 + i`.
    pairs: Vec<(u32, u32)>,
}

impl Prices {
    fn of(operands: &[Operand]) -> Prices {
        let pair = |j: usize| (0..j).map(move |i| Self::price(operands, i, j));
        Prices { pairs: (1..operands.len()).flat_map(pair).collect() }
    }

    fn price(operands: &[Operand], i: usize, j: usize) -> (u32, u32) {
        let (bits, sum) = join(&operands[i], &operands[j]);
        (bits, sum.depth)
    }

    /// Operand `at` is another one now; `operands` may have become shorter.
    fn renew(&mut self, operands: &[Operand], at: usize) {
        let n = operands.len();
        self.pairs.truncate(n * (n - 1) / 2);
        for other in (0..n).filter(|o| *o != at) {
            let (i, j) = (at.min(other), at.max(other));
            self.pairs[j * (j - 1) / 2 + i] = Self::price(operands, i, j);
        }
    }

    /// The pair that costs least among those that leave the tree shallow enough.
    fn cheapest(&self, operands: &[Operand], limit: u32) -> Option<(usize, usize)> {
        let room = (1u64 << limit.min(40)) as i64 - load(operands).min(1 << 50) as i64;
        let level = |depth: u32| 1i64 << depth.min(40);
        let mut best: Option<(u32, (usize, usize))> = None;
        for j in 1..operands.len() {
            let row = &self.pairs[j * (j - 1) / 2..][..j];
            let second = level(operands[j].depth);
            for (i, (bits, depth)) in row.iter().enumerate() {
                if best.as_ref().is_some_and(|b| *bits >= b.0) {
                    continue;
                }
                let fits = level(*depth) - level(operands[i].depth) - second <= room;
                // Where nothing fits any more, the shallowest pair does least harm.
                let price = if fits { *bits } else { 10_000 + 100 * depth + bits };
                if best.as_ref().is_none_or(|b| price < b.0) {
                    best = Some((price, (i, j)));
                }
            }
        }
        best.map(|b| b.1)
    }
}

//! Sums of products with constants as few shared adders: the heart of the compiler.
//!
//! All sums of a layer are one [`Problem`]: a matrix of integer coefficients over the values that the layer reads, and a
//! constant a row. [`solve`] finds values worth sharing: first greedily, pair by pair of signed digits, in all fewest-digit
//! forms of every coefficient at once; then by a search that undoes a few nodes, does the greedy there again with some
//! chance, and keeps what costs fewer adder bits. What an adder costs is the bits where two operands really meet.

mod best;
mod counts;
mod digits;
mod effort;
mod greedy;
mod memo;
mod pair;
mod rewrite;
mod search;
mod state;
mod tree;

use rayon::prelude::*;

pub use effort::Effort;
pub(super) use effort::work;
pub(super) use tree::{Operand, Wish, grow, load};

use greedy::Taste;
use search::Chain;
use state::State;

/// The operands that `coefficient * value` adds to a tree.
pub(super) fn operands(low: i64, high: i64, depth: u32, coefficient: i64) -> impl Iterator<Item = Operand> {
    let operand = move |d: digits::Digit| Operand { low, high, shift: d.shift, negative: d.negative, depth, tag: 0 };
    digits::canonical(coefficient).map(operand)
}

/// A value that the layer reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Leaf {
    /// Smallest value.
    pub low: i64,
    /// Largest value.
    pub high: i64,
}

/// `sum coefficient * leaf + constant`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Goal {
    /// (leaf, coefficient), each leaf once.
    pub terms: Vec<(usize, i64)>,
    /// Added once.
    pub constant: i64,
}

/// The sums of a layer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Problem {
    /// What they read.
    pub leaves: Vec<Leaf>,
    /// The sums.
    pub rows: Vec<Goal>,
    /// Levels that the deepest tree may be deeper than it must.
    pub slack: u32,
}

impl Problem {
    /// Places that two digits of a coefficient can be apart.
    fn reach(&self) -> u32 {
        let widest = self.rows.iter().flat_map(|r| &r.terms).map(|t| t.1.unsigned_abs()).max().unwrap_or(0);
        (u64::BITS - widest.leading_zeros()) + 1
    }

    /// Depth that no row's tree exceeds.
    pub fn depth_limit(&self) -> u32 {
        let digits = |r: &Goal| r.terms.iter().map(|t| digits::weight(t.1)).sum::<u32>() + u32::from(r.constant != 0);
        let most = self.rows.iter().map(digits).max().unwrap_or(1).max(1);
        most.next_power_of_two().trailing_zeros() + self.slack
    }
}

/// What [`solve`] found: nodes over leaves and earlier nodes, and the rows over both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Solution {
    /// Terms of each node, over leaves and, from `leaves.len()` on, nodes, in topological order.
    pub nodes: Vec<Vec<(usize, i64)>>,
    /// Terms of each row.
    pub rows: Vec<Vec<(usize, i64)>>,
    /// Adder bits of all trees.
    pub bits: u64,
}

impl Solution {
    fn of(state: &State) -> Solution {
        // Operands are shallower than what they are added to, or as deep where no adder is needed: depth first.
        let mut place = vec![usize::MAX; state.values.len()];
        (0..state.leaves).for_each(|l| place[l] = l);
        let mut order: Vec<u32> = Vec::with_capacity(state.live.len());
        let mut live = state.live.clone();
        live.sort_unstable();
        let mut stack: Vec<(u32, bool)> = live.iter().rev().map(|n| (*n, false)).collect();
        while let Some((node, ready)) = stack.pop() {
            if place[node as usize] != usize::MAX {
                continue;
            }
            if ready {
                place[node as usize] = state.leaves + order.len();
                order.push(node);
            } else {
                stack.push((node, true));
                let terms = &state.rows[state.row_of(node) as usize].terms;
                stack.extend(terms.iter().filter(|t| place[t.0 as usize] == usize::MAX).map(|t| (t.0, false)));
            }
        }
        let terms = |row: u32| {
            let terms = state.rows[row as usize].terms.iter().map(|(v, c)| (place[*v as usize], *c));
            terms.collect::<Vec<_>>()
        };
        Solution {
            nodes: order.iter().map(|n| terms(state.row_of(*n))).collect(),
            rows: (0..state.outputs as u32).map(terms).collect(),
            bits: state.bits,
        }
    }
}

/// How much to try: see [`Effort`]. The result depends on nothing else: not on the time, nor on the number of threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Budget {
    /// Greedy runs with some chance, beside the plain one.
    pub restarts: u64,
    /// Short annealing runs, from the best of those.
    pub chains: u64,
    /// Trials of each.
    pub short: u64,
    /// Trials of the last run, from the best of those.
    pub long: u64,
    /// Of all chance.
    pub seed: u64,
}

/// The best solution that the budget finds.
pub(super) fn solve(problem: &Problem, budget: Budget) -> Solution {
    let seed = |kind: u64, n: u64| greedy::mix(budget.seed.wrapping_add(kind << 32).wrapping_add(n + 1));
    let start = |n: u64| {
        let chance = Taste { alpha: [1.0, 0.5][n as usize % 2], noise: 0.3, deeper: 0, seed: seed(1, n) };
        let taste = if n == 0 { Taste::PLAIN } else { chance };
        Solution::of(&search::greedy(problem, taste))
    };
    let mut starts: Vec<Solution> = (0..=budget.restarts).into_par_iter().map(start).collect();
    starts.sort_by_key(|s| s.bits);
    let short = |n: u64| {
        let from = &starts[n as usize % starts.len().min(4)];
        search::anneal(problem, from, Chain { trials: budget.short, hot: 20.0, seed: seed(2, n) })
    };
    let chains: Vec<Solution> = (0..budget.chains).into_par_iter().map(short).collect();
    let best = chains.into_iter().chain(starts.first().cloned()).min_by_key(|s| s.bits);
    let Some(best) = best else { return Solution::of(&State::new(problem, None)) };
    if budget.long == 0 {
        return best;
    }
    search::anneal(problem, &best, Chain { trials: budget.long, hot: 20.0, seed: seed(3, 0) })
}

#[cfg(test)]
mod tests;

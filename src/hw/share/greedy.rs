//! Pairs of digits that occur more than once become nodes, the most adder bits saved first.

use std::collections::BinaryHeap;

use super::digits::{removable, weight};
use super::pair::Pair;
use super::state::{RowId, State, ValueId};

/// What decides between pairs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taste {
    /// Power of the adder's width in what a pair is worth.
    pub alpha: f32,
    /// How much of its worth is chance.
    pub noise: f32,
    /// Levels by which a node may become deeper.
    pub deeper: u32,
    /// Of the chance.
    pub seed: u64,
}

impl Taste {
    /// No chance.
    pub const PLAIN: Taste = Taste { alpha: 1.0, noise: 0.0, deeper: 0, seed: 0 };

    fn worth(&self, state: &State, pair: Pair, count: u32) -> u32 {
        let (_, bits) = state.preview(pair);
        let mut worth = (count - 1) as f32;
        worth *= if self.alpha == 1.0 { bits as f32 } else { (bits as f32).powf(self.alpha) };
        if self.noise > 0.0 {
            worth *= 1.0 + self.noise * (mix(pair.key() ^ self.seed) >> 40) as f32 / (1 << 24) as f32;
        }
        // Positive floats are ordered like their bits.
        worth.max(0.0).to_bits()
    }
}

/// A scrambled number: the finalizer of SplitMix64.
pub(super) fn mix(x: u64) -> u64 {
    let x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ x >> 31
}

/// Makes nodes of the fresh pairs until none of them is worth it; `heap` is room to work in.
pub(super) fn extract(state: &mut State, taste: Taste, heap: &mut BinaryHeap<(u32, Pair)>) {
    heap.clear();
    loop {
        // A pair is fresh again with every count: once is enough.
        let mut fresh = std::mem::take(&mut state.fresh);
        fresh.sort_unstable();
        fresh.dedup();
        for pair in fresh.drain(..) {
            let count = state.counts.get(pair);
            if count > 1 {
                heap.push((taste.worth(state, pair, count), pair));
            }
        }
        state.fresh = fresh;
        let Some((worth, pair)) = heap.pop() else { break };
        let count = state.counts.get(pair);
        if count < 2 {
            continue;
        }
        let now = taste.worth(state, pair, count);
        if now < worth {
            heap.push((now, pair));
        } else if now > 0 {
            replace(state, pair, taste.deeper);
        }
    }
}

/// One place of a pair: the row and the digit of the pair's low value.
struct Place {
    row: RowId,
    low: i64,
    high: i64,
}

/// Replaces a pair by a node wherever it occurs; does nothing if that is less than twice.
fn replace(state: &mut State, pair: Pair, deeper: u32) {
    let (sum, _) = state.preview(pair);
    let (mut places, mut provider) = (Vec::new(), None);
    let (a, b) = (&state.values[pair.low() as usize].readers, &state.values[pair.high() as usize].readers);
    let mut rows: Vec<RowId> = if a.len() < b.len() { a.clone() } else { b.clone() };
    // Readers are in the order of their history, which an undo does not restore.
    rows.sort_unstable();
    for row in rows {
        match as_node(state, pair, row) {
            Some(found) if provider.is_none() => provider = Some(found),
            _ => find(state, pair, row, sum.depth, deeper, &mut places),
        }
    }
    if places.len() + usize::from(provider.is_some()) < 2 {
        return;
    }
    let (node, sign) = provider.unwrap_or_else(|| (state.make_pair(pair, sum.depth), 1));
    for Place { row, low, high } in places {
        let less = |state: &mut State, value: ValueId, by: i64| {
            let now = state.rows[row as usize].coefficient(value);
            state.set(row, value, now - by);
        };
        less(state, pair.low(), low);
        less(state, pair.high(), high);
        less(state, node, -sign * low);
    }
}

/// The node of a row that is just this pair, and its sign.
fn as_node(state: &State, pair: Pair, row: RowId) -> Option<(ValueId, i64)> {
    let node = state.node_of(row)?;
    let r = &state.rows[row as usize];
    if r.digits() != 2 {
        return None;
    }
    let by = (1i64 << pair.by()) * if pair.negative() { -1 } else { 1 };
    let (low, high) = (r.coefficient(pair.low()), r.coefficient(pair.high()));
    let sign = if pair.low() == pair.high() {
        if low == 1 + by || low == -1 - by { low.signum() * (1 + by).signum() } else { 0 }
    } else if low.abs() == 1 && high == low * by {
        low
    } else {
        0
    };
    (sign != 0).then_some((node, sign))
}

/// The places of a pair in a row that do not overlap and leave its tree shallow enough.
fn find(state: &State, pair: Pair, row: RowId, depth: u32, deeper: u32, to: &mut Vec<Place>) {
    let r = &state.rows[row as usize];
    let room = match state.node_of(row) {
        None => 1u64 << state.limit.min(40),
        Some(node) => 1u64 << (state.values[node as usize].depth + deeper).min(40),
    };
    let level = |v: ValueId| 1u64 << state.values[v as usize].depth.min(40);
    let (more, less) = (1u64 << depth.min(40), level(pair.low()) + level(pair.high()));
    let mut load = state.load(row);
    let (mut low, mut high) = (r.coefficient(pair.low()), r.coefficient(pair.high()));
    let alone = pair.low() == pair.high();
    let by = if pair.negative() { -(1i64 << pair.by()) } else { 1i64 << pair.by() };
    'again: loop {
        if load + more > room + less {
            return;
        }
        for p in removable(low).iter(low < 0) {
            let (p, q) = (p.value(), p.value() * by);
            let fits = if alone {
                weight(low - p - q) + 2 == weight(low)
            } else {
                weight(low - p) < weight(low) && weight(high - q) + 1 == weight(high)
            };
            if fits {
                (low, high) = if alone { (low - p - q, low - p - q) } else { (low - p, high - q) };
                load = load + more - less;
                to.push(Place { row, low: p, high: q });
                continue 'again;
            }
        }
        return;
    }
}

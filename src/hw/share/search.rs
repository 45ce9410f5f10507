//! Large-neighbourhood search: a few nodes are inlined, the pairs are found anew, and the result is kept or taken back.

use std::collections::BinaryHeap;

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;

use super::greedy::{Taste, extract};
use super::state::{State, ValueId};
use super::{Problem, Solution};

/// One annealing run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chain {
    pub trials: u64,
    /// Temperature at the start, in adder bits; it falls to nothing.
    pub hot: f64,
    pub seed: u64,
}

/// From scratch: every pair that occurs twice, best first.
pub(super) fn greedy(problem: &Problem, taste: Taste) -> State {
    let mut state = State::new(problem, None);
    extract(&mut state, taste, &mut BinaryHeap::new());
    let mut nodes = state.disturbed();
    state.tidy(&mut nodes);
    state.settle();
    state.keep();
    state.sweep();
    state
}

/// Goes on from `start`; gives the best that came by.
pub(super) fn anneal(problem: &Problem, start: &Solution, chain: Chain) -> Solution {
    let mut state = State::new(problem, Some(start));
    let mut best = (state.bits, start.clone());
    let mut rng = ChaCha8Rng::seed_from_u64(chain.seed);
    let mut heap = BinaryHeap::new();
    for trial in 0..chain.trials {
        if state.live.is_empty() {
            break;
        }
        let before = state.bits;
        let left = 1.0 - trial as f64 / chain.trials as f64;
        let heat = chain.hot * left * left;
        disturb(&mut state, &mut rng);
        let taste = Taste {
            alpha: [0.0, 0.5, 1.0][rng.random_range(0..3)],
            noise: rng.random_range(0.0..4.0),
            deeper: u32::from(rng.random_bool(0.3)),
            seed: rng.random(),
        };
        extract(&mut state, taste, &mut heap);
        let mut nodes = state.disturbed();
        state.tidy(&mut nodes);
        state.settle();
        let worse = state.bits as f64 - before as f64;
        let chance: f64 = rng.random();
        let accept = worse <= 0.0 || heat > 0.0 && chance < (-worse / heat).exp();
        if accept && state.fits() {
            state.keep();
            if state.bits < best.0 {
                best = (state.bits, Solution::of(&state));
            }
        } else {
            state.undo();
        }
        if trial % 4096 == 4095 {
            state.sweep();
        }
    }
    best.1
}

/// Inlines one to twelve nodes that stand near each other.
fn disturb(state: &mut State, rng: &mut ChaCha8Rng) {
    let mut near: Vec<ValueId> = vec![state.live[rng.random_range(0..state.live.len())]];
    for _ in 0..rng.random_range(1..=12) {
        if near.is_empty() {
            break;
        }
        let node = near.swap_remove(rng.random_range(0..near.len()));
        let leaves = state.leaves;
        let is_node = |v: &ValueId| *v as usize >= leaves;
        let mut next: Vec<ValueId> = Vec::new();
        let row = &state.rows[state.row_of(node) as usize];
        next.extend(row.terms.iter().map(|t| t.0).filter(is_node));
        let mut readers = state.values[node as usize].readers.clone();
        readers.sort_unstable();
        for reader in &readers {
            next.extend(state.node_of(*reader));
            next.extend(state.rows[*reader as usize].terms.iter().map(|t| t.0).filter(is_node));
        }
        state.inline(node);
        near.extend(next);
        near.sort_unstable();
        near.dedup();
        near.retain(|n| *n != node);
    }
}

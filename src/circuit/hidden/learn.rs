//! Expectation maximisation in batches of rows: each moves the expected counts of the whole table, and those make the
//! parameters.

use rayon::prelude::*;

use super::expect::{Counts, Parameters, expect};
use super::start::start;
use super::states::Weights;
use crate::circuit::parts::Parts;
use crate::circuit::structure::Forest;

/// Rows of a step; fewer are taken all.
const BATCH: usize = 16_384;
/// Rows that are counted one after the other; the sums of such pieces are added in order.
const PIECE: usize = 1024;
/// Steps of batches.
const STEPS: usize = 96;
/// Step `n` replaces `n^-SLOWER` of what was counted, at least a part in twice the batches. What is slower learns
/// less: with 0.8 jets within 1e-2 of the range are 3 % longer.
const SLOWER: f32 = 0.25;
/// Rows' worth of what all states together are, added to each.
const SMOOTH: f32 = 0.5;

/// What was learned: expected counts of the whole table.
pub(super) struct Learned<const K: usize> {
    /// States of each column's latent.
    pub states: Vec<usize>,
    counts: Counts<K>,
    /// Rows over rows counted.
    share: f64,
}

impl<const K: usize> Learned<K> {
    /// * `most`: states of a latent, at most `K`
    pub(super) fn of(parts: &Parts, forest: &Forest, most: usize, seed: u64) -> Self {
        let (states, mut parameters) = start::<K>(parts, forest, most, seed);
        let rows = parts.rows();
        let batches = rows.div_ceil(BATCH);
        let mut counts: Option<Counts<K>> = None;
        for step in 0..STEPS {
            let batch: Vec<usize> = (step % batches..rows).step_by(batches).collect();
            let new = all(&parameters, forest, parts, &batch);
            let share =
                if batches == 1 { 1.0 } else { ((step + 1) as f32).powf(-SLOWER).max(1.0 / (2 * batches) as f32) };
            match &mut counts {
                Some(counts) => counts.blend(1.0 - share, &new, share),
                None => counts = Some(new),
            }
            if let Some(counts) = &counts {
                parameters = maximise(counts, forest, &states, SMOOTH * (batches as f32).recip());
            }
        }
        let counts = counts.unwrap_or_else(|| Counts::none(&parameters));
        Learned { states, counts, share: rows as f64 / rows.div_ceil(batches) as f64 }
    }

    /// `[state][leaf]`
    pub(super) fn emission_counts(&self, c: usize) -> Vec<Vec<f64>> {
        let leaves = &self.counts.leaves[c];
        (0..self.states[c]).map(|s| leaves.iter().map(|w| f64::from(w[s]) * self.share).collect()).collect()
    }

    /// `[state above][state]`
    ///
    /// * `given`: states above
    pub(super) fn transition_counts(&self, c: usize, given: usize) -> Vec<Vec<f64>> {
        let row = |w: &Weights<K>| w[..self.states[c]].iter().map(|x| f64::from(*x) * self.share).collect();
        self.counts.down[c][..given].iter().map(row).collect()
    }
}

/// The counts of rows, piece by piece side by side, added in order.
pub(super) fn all<const K: usize>(
    parameters: &Parameters<K>,
    forest: &Forest,
    parts: &Parts,
    rows: &[usize],
) -> Counts<K> {
    let pieces: Vec<Counts<K>> =
        rows.par_chunks(PIECE).map(|rows| expect(parameters, forest, parts, rows.iter().copied())).collect();
    let mut total = Counts::none(parameters);
    pieces.iter().for_each(|piece| total.blend(1.0, piece, 1.0));
    total
}

/// The parameters that make counts most likely.
///
/// * `smooth`: counts of what all states together are, added to each state's
pub(super) fn maximise<const K: usize>(
    counts: &Counts<K>,
    forest: &Forest,
    states: &[usize],
    smooth: f32,
) -> Parameters<K> {
    let down = |c: usize| {
        let counts = &counts.down[c];
        let given = forest.parents[c].map_or(1, |p| states[p]);
        let mut together = [0.0f32; K];
        counts[..given].iter().for_each(|row| together.iter_mut().zip(row).for_each(|(t, x)| *t += x));
        let total: f32 = together.iter().sum::<f32>().max(1e-20);
        let mut down = Box::new([[0.0; K]; K]);
        for (to, from) in down[..given].iter_mut().zip(counts.iter()) {
            let sum = from.iter().sum::<f32>() + smooth;
            for ((to, x), t) in to.iter_mut().zip(from).zip(&together) {
                *to = if sum > 0.0 { (x + smooth * t / total) / sum } else { t / total };
            }
        }
        down
    };
    let leaves = |c: usize| {
        let counts = &counts.leaves[c];
        let mut sums = [smooth; K];
        counts.iter().for_each(|leaf| sums.iter_mut().zip(leaf).for_each(|(s, x)| *s += x));
        let total: f32 = counts.iter().flatten().sum::<f32>().max(1e-20);
        let one = |leaf: &Weights<K>| {
            let share = leaf.iter().sum::<f32>() / total;
            let mut to = [0.0; K];
            for (s, to) in to.iter_mut().enumerate().take(states[c]) {
                *to = if sums[s] > 0.0 { (leaf[s] + smooth * share) / sums[s] } else { share };
            }
            to
        };
        counts.iter().map(one).collect()
    };
    let columns = 0..states.len();
    Parameters { down: columns.clone().map(down).collect(), leaves: columns.map(leaves).collect() }
}

//! The expectation step: how often each latent is in each state, given the rows.

use super::states::{Matrix, Weights, normalise, scale, sum, through, times, transposed};
use crate::circuit::parts::Parts;
use crate::circuit::structure::Forest;
use crate::mix::with_vectors;

/// The probabilities of a hidden tree.
#[derive(Clone)]
pub(super) struct Parameters<const K: usize> {
    /// Of each column, `[from, to]`; of a root the first row.
    pub down: Vec<Box<Matrix<K>>>,
    /// `[column][leaf]`: how probable each state makes it.
    pub leaves: Vec<Vec<Weights<K>>>,
}

/// What rows count for, in the shapes of [`Parameters`].
#[derive(Clone)]
pub(super) struct Counts<const K: usize> {
    pub down: Vec<Box<Matrix<K>>>,
    pub leaves: Vec<Vec<Weights<K>>>,
    /// Nats of all rows.
    pub likelihood: f64,
}

impl<const K: usize> Counts<K> {
    pub(super) fn none(like: &Parameters<K>) -> Self {
        Counts {
            down: like.down.iter().map(|_| Box::new([[0.0; K]; K])).collect(),
            leaves: like.leaves.iter().map(|l| vec![[0.0; K]; l.len()]).collect(),
            likelihood: 0.0,
        }
    }

    /// Keeps `keep` of what is there and adds `share` of others.
    pub(super) fn blend(&mut self, keep: f32, others: &Counts<K>, share: f32) {
        let blend = |a: &mut f32, b: &f32| *a = *a * keep + *b * share;
        let down = self.down.iter_mut().flat_map(|m| m.iter_mut().flatten());
        down.zip(others.down.iter().flat_map(|m| m.iter().flatten())).for_each(|(a, b)| blend(a, b));
        let leaves = self.leaves.iter_mut().flatten().flatten();
        leaves.zip(others.leaves.iter().flatten().flatten()).for_each(|(a, b)| blend(a, b));
        self.likelihood = self.likelihood * f64::from(keep) + others.likelihood * f64::from(share);
    }
}

/// The counts of some rows: messages up to the roots and down again, exact.
pub(super) fn expect<const K: usize>(
    parameters: &Parameters<K>,
    forest: &Forest,
    parts: &Parts,
    rows: impl Iterator<Item = usize>,
) -> Counts<K> {
    let up: Vec<Box<Matrix<K>>> = parameters.down.iter().map(|m| transposed(m)).collect();
    let mut counts = Counts::none(parameters);
    let n = forest.order.len();
    let mut told = vec![[0.0f32; K]; n];
    let mut messages = vec![[0.0f32; K]; n];
    let mut posterior = vec![[0.0f32; K]; n];
    with_vectors(
        #[inline(always)]
        || {
            for row in rows {
                for c in 0..n {
                    told[c] = parameters.leaves[c][usize::from(parts.leaves[c][row])];
                }
                for c in forest.order.iter().rev().copied() {
                    counts.likelihood += f64::from(normalise(&mut told[c])).ln();
                    if let Some(p) = forest.parents[c] {
                        messages[c] = through(&told[c], &up[c]);
                        let message = messages[c];
                        times(&mut told[p], &message);
                    }
                }
                for c in forest.order.iter().copied() {
                    let leaf = usize::from(parts.leaves[c][row]);
                    let Some(p) = forest.parents[c] else {
                        let mut here = parameters.down[c][0];
                        times(&mut here, &told[c]);
                        counts.likelihood += f64::from(normalise(&mut here)).ln();
                        add(&mut counts.down[c][0], &here, 1.0);
                        add(&mut counts.leaves[c][leaf], &here, 1.0);
                        posterior[c] = here;
                        continue;
                    };
                    // What the parent knows without this column.
                    let mut from = posterior[p];
                    for (x, m) in from.iter_mut().zip(&messages[c]) {
                        *x /= m.max(1e-30);
                    }
                    let mut here = through(&from, &parameters.down[c]);
                    times(&mut here, &told[c]);
                    let total = sum(&here).max(1e-30);
                    scale(&mut from, 1.0 / total);
                    for (row, x) in counts.down[c].iter_mut().zip(&from) {
                        add(row, &told[c], *x);
                    }
                    scale(&mut here, 1.0 / total);
                    add(&mut counts.leaves[c][leaf], &here, 1.0);
                    posterior[c] = here;
                }
            }
        },
    );
    // Each pair of states counted without its own probability, which is the same for all rows.
    for (c, (counts, down)) in counts.down.iter_mut().zip(&parameters.down).enumerate() {
        if forest.parents[c].is_some() {
            counts.iter_mut().zip(down.iter()).for_each(|(row, p)| times(row, p));
        }
    }
    counts
}

/// Adds `share` of `y`.
#[inline(always)]
fn add<const K: usize>(x: &mut Weights<K>, y: &Weights<K>, share: f32) {
    for (x, y) in x.iter_mut().zip(y) {
        *x += y * share;
    }
}

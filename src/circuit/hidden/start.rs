//! Where learning starts: the states of a latent are groups of rows that are alike in its column and in those joined to it.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rayon::prelude::*;

use super::expect::{Counts, Parameters};
use super::learn::maximise;
use crate::circuit::parts::Parts;
use crate::circuit::structure::Forest;
use crate::mix::Tree;

/// Rows that are grouped.
const SAMPLE: usize = 8192;
/// Rounds of k-means.
const ROUNDS: usize = 8;
/// What is spread over all states: a state that nothing leads to would stay so.
const LEAK: f32 = 0.3;

/// States that are groups of rows alike in a column and those joined to it; how many each column has.
pub(super) fn start<const K: usize>(
    parts: &Parts,
    forest: &Forest,
    most: usize,
    seed: u64,
) -> (Vec<usize>, Parameters<K>) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let rows: Vec<usize> = (0..parts.rows()).step_by(parts.rows().div_ceil(SAMPLE)).collect();
    let places: Vec<Vec<f32>> = parts.trees.par_iter().zip(&parts.leaves).map(|(t, l)| places(t, l, &rows)).collect();
    let mut joined: Vec<Vec<usize>> = (0..parts.trees.len()).map(|c| vec![c]).collect();
    for (c, parent) in forest.parents.iter().enumerate() {
        if let Some(p) = parent {
            joined[c].push(*p);
            joined[*p].push(c);
        }
    }
    // A latent that nothing is joined to has nothing to tell.
    let states: Vec<usize> = joined.iter().map(|j| if j.len() > 1 { most } else { 1 }).collect();
    let seeds: Vec<usize> = (0..K).map(|_| random.next_u32() as usize % rows.len()).collect();
    let groups: Vec<Vec<u8>> = (joined.par_iter().zip(&states))
        .map(|(joined, states)| {
            let features: Vec<&[f32]> = joined.iter().map(|c| &places[*c][..]).collect();
            groups(&features, &seeds[..*states])
        })
        .collect();
    let down = forest.parents.iter().enumerate().map(|(c, parent)| {
        let mut pairs = Box::new([[0.0f32; K]; K]);
        for (row, to) in groups[c].iter().enumerate() {
            pairs[parent.map_or(0, |p| usize::from(groups[p][row]))][usize::from(*to)] += 1.0;
        }
        pairs
    });
    let leaves = (0..parts.trees.len()).map(|c| {
        let mut found = vec![[0.0f32; K]; parts.trees[c].leaves.len()];
        for (row, group) in rows.iter().zip(&groups[c]) {
            let leaf = &mut found[usize::from(parts.leaves[c][*row])];
            leaf[usize::from(*group)] += 1.0 - LEAK;
            leaf[..states[c]].iter_mut().for_each(|x| *x += LEAK / states[c] as f32);
        }
        for leaf in &mut found {
            for x in leaf[..states[c]].iter_mut() {
                *x = (*x + 1e-3) * (0.9 + 0.2 * (random.next_u32() >> 8) as f32 / (1 << 24) as f32);
            }
        }
        found
    });
    let counts = Counts { down: down.collect(), leaves: leaves.collect(), likelihood: 0.0 };
    let parameters = maximise(&counts, forest, &states, 1.0);
    (states, parameters)
}

/// Where in its column a row lies: the part of all rows that are below it, about.
fn places(tree: &Tree, leaves: &[u8], rows: &[usize]) -> Vec<f32> {
    let mut seen = vec![0.0f32; tree.leaves.len()];
    rows.iter().for_each(|row| seen[usize::from(leaves[*row])] += 1.0 / rows.len() as f32);
    let mut below = 0.0;
    for share in &mut seen {
        let middle = below + *share / 2.0;
        below += *share;
        *share = middle;
    }
    rows.iter().map(|row| seen[usize::from(leaves[*row])]).collect()
}

/// The group of each row: k-means.
fn groups(features: &[&[f32]], seeds: &[usize]) -> Vec<u8> {
    let rows = features.first().map_or(0, |f| f.len());
    let mut centres: Vec<Vec<f32>> = seeds.iter().map(|s| features.iter().map(|f| f[*s]).collect()).collect();
    let mut of_row = vec![0u8; rows];
    for _ in 0..ROUNDS {
        let mut sums = vec![vec![0.0f32; features.len() + 1]; centres.len()];
        for (row, group) in of_row.iter_mut().enumerate() {
            let mut least = f32::INFINITY;
            for (k, centre) in centres.iter().enumerate() {
                let distance: f32 = features.iter().zip(centre).map(|(f, c)| (f[row] - c) * (f[row] - c)).sum();
                if distance < least {
                    (least, *group) = (distance, k as u8);
                }
            }
            let sum = &mut sums[usize::from(*group)];
            features.iter().zip(sum.iter_mut()).for_each(|(f, s)| *s += f[row]);
            sum[features.len()] += 1.0;
        }
        for (centre, sum) in centres.iter_mut().zip(&sums).filter(|(_, s)| s[features.len()] > 0.0) {
            centre.iter_mut().zip(sum).for_each(|(c, s)| *c = s / sum[features.len()]);
        }
    }
    of_row
}

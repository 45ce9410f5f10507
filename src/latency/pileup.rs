//! Hits that the interactions of a crossing leave in a channel.

use rand_chacha::ChaCha8Rng;

use super::source::{Geometric, uniform};

/// Interactions are those of the crossing, the same for all channels; hits are the channel's own.
#[derive(Debug)]
pub struct Pileup {
    /// Probability of so many interactions or fewer.
    interactions: Vec<f64>,
    /// For so many interactions, the probability of no cluster.
    none: Vec<f64>,
    /// Clusters that an interaction leaves in a channel.
    clusters: f64,
    /// Hits of a cluster.
    cluster: Geometric,
    seed: u64,
}

impl Pileup {
    /// Means of interactions in a crossing, of hits that one leaves, and of hits in a cluster.
    pub fn new(interactions: f64, hits: f64, cluster: f64, seed: u64) -> Self {
        let clusters = hits / cluster;
        let (mut all, mut sum, mut term) = (Vec::new(), 0.0, 0.0);
        // Beyond ten standard deviations there is nothing.
        let most = interactions + 10.0 * interactions.sqrt() + 20.0;
        for n in 0..most as usize {
            // Logarithms: the first terms of a large mean are too small for a number.
            term = if n == 0 { -interactions } else { term + (interactions / n as f64).ln() };
            sum += f64::exp(term);
            all.push(sum);
        }
        let none = (0..all.len()).map(|n| (-clusters * n as f64).exp()).collect();
        Pileup { interactions: all, none, clusters, cluster: Geometric::new(1.0 / cluster), seed }
    }

    /// Of a crossing.
    pub fn hits(&self, crossing: u64, rng: &mut ChaCha8Rng) -> u32 {
        let u = shared(self.seed, crossing);
        let n = self.interactions.partition_point(|p| *p < u).min(self.interactions.len() - 1);
        let mut hits = 0u64;
        for _ in 0..poisson(self.clusters * n as f64, self.none[n], rng) {
            hits += self.cluster.draw(rng);
        }
        hits.min(u64::from(u32::MAX)) as u32
    }
}

/// A number between 0 and 1 that all channels draw of a crossing (the finalizer of SplitMix64).
fn shared(seed: u64, crossing: u64) -> f64 {
    let mut z = seed ^ crossing.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (((z ^ (z >> 31)) >> 11) as f64 + 0.5) / (1u64 << 53) as f64
}

/// Of a mean, with the probability of 0; a large one in parts, so that this is never too small for a number.
fn poisson(mean: f64, none: f64, rng: &mut ChaCha8Rng) -> u64 {
    const PART: f64 = 200.0;
    if mean > PART {
        return poisson(PART, (-PART).exp(), rng) + poisson(mean - PART, (PART - mean).exp(), rng);
    }
    let (mut n, mut term, mut left) = (0u64, none, uniform(rng));
    while left > term && n < 10_000 {
        left -= term;
        n += 1;
        term *= mean / n as f64;
    }
    n
}

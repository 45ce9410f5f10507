//! The rate term: what an entropy code of each latent for itself will spend, and how that changes with the latent.
//!
//! Each latent's levels are counted on a sample of rows; a level's length is the logarithm of how rare it is. Between
//! levels lengths are taken as straight lines, so that a latent is pulled towards its more frequent levels, and by the
//! density of levels the length of a finer step is known (Ballé et al., arXiv:1611.01704, with counts in place of a
//! parametric density: latents with ReLU have a peak at 0 that no smooth density has).

/// Rows that lengths are counted on, at most.
pub(super) const ROWS: usize = 4096;
/// Levels of a latent, at most: one with more is counted in groups of them.
const LEVELS: usize = 4096;
/// What a level that was not seen counts.
const UNSEEN: f64 = 0.1;
/// Counts are smoothed over this share of their standard deviation.
const SMOOTH: f64 = 0.1;

/// Lengths of all levels of all latents.
pub(super) struct Rate {
    latents: Vec<Lengths>,
}

struct Lengths {
    /// Of a level.
    step: f32,
    /// The first level.
    low: f32,
    /// `[bits, bits for one level up, bits for a step of half the size]` of each level.
    levels: Vec<[f32; 3]>,
}

impl Rate {
    /// Counts the levels of latents `z` (`[rows, steps.len()]`).
    ///
    /// * `steps`: of each latent
    pub(super) fn of(z: &[f32], steps: &[f32]) -> Self {
        let n = steps.len();
        let latents = steps.iter().enumerate();
        Rate { latents: latents.map(|(i, step)| Lengths::of(z.iter().skip(i).step_by(n), *step)).collect() }
    }

    /// Bits of all latents `z`, summed; adds their slopes times `price` to those of the latents (`slopes`, as `z`) and of
    /// each latent's fraction bits.
    pub(super) fn charge(&self, z: &[f32], price: f32, slopes: &mut [f32], by_frac: &mut [f32]) -> f64 {
        let mut sum = 0.0;
        let n = self.latents.len();
        for (z, slopes) in z.chunks_exact(n).zip(slopes.chunks_exact_mut(n)) {
            for (((z, slope), by_frac), latent) in z.iter().zip(slopes).zip(by_frac.iter_mut()).zip(&self.latents) {
                let [bits, up, finer] = latent.at(*z);
                sum += f64::from(bits);
                *slope += price * up / latent.step;
                *by_frac += price * finer;
            }
        }
        sum
    }
}

impl Lengths {
    fn of<'a>(z: impl Iterator<Item = &'a f32> + Clone, step: f32) -> Self {
        let (low, high) = z.clone().fold((f32::INFINITY, f32::NEG_INFINITY), |(a, b), v| (a.min(*v), b.max(*v)));
        if !(low.is_finite() && high.is_finite()) {
            return Lengths { step, low: 0.0, levels: vec![[0.0; 3]] };
        }
        let step = step.max((high - low) / (LEVELS - 1) as f32);
        let mut counts = vec![0.0f64; ((high - low) / step).round() as usize + 1];
        let last = counts.len() - 1;
        let (mut rows, mut sum, mut squares) = (0.0, 0.0, 0.0);
        for z in z {
            let level = (((z - low) / step).round() as usize).min(last);
            counts[level] += 1.0;
            rows += 1.0;
            sum += level as f64;
            squares += (level * level) as f64;
        }
        let variance = (squares / rows - (sum / rows).powi(2)).max(0.0);
        // Each pass widens by a variance of half a level.
        for _ in 0..(2.0 * SMOOTH * SMOOTH * variance).round() as usize {
            smooth(&mut counts);
        }
        let all = rows + UNSEEN * counts.len() as f64;
        let share = |level: usize| (counts[level] + UNSEEN) / all;
        let length = |level: usize| -share(level).log2();
        let levels = (0..=last).map(|level| {
            let (below, above) = (level.saturating_sub(1), (level + 1).min(last));
            let up = if above > below { (length(above) - length(below)) / (above - below) as f64 } else { 0.0 };
            // Where neighbours are as frequent, a finer step costs a bit; where they are empty, half of one at most.
            let beside = [(below, below < level), (above, above > level)];
            let beside: f64 = beside.into_iter().filter(|(_, there)| *there).map(|(level, _)| share(level)).sum();
            let finer = if last == 0 { 0.0 } else { 0.5 + 0.25 * beside / share(level) };
            [length(level), up, finer].map(|v| v as f32)
        });
        Lengths { step, low, levels: levels.collect() }
    }

    fn at(&self, z: f32) -> [f32; 3] {
        // What is below the first level becomes 0 here.
        self.levels[(((z - self.low) / self.step).round() as usize).min(self.levels.len() - 1)]
    }
}

/// A quarter of each count moves to each side; nothing leaves.
fn smooth(counts: &mut [f64]) {
    let last = counts.len() - 1;
    let mut before = counts[0];
    for i in 0..=last {
        let (here, after) = (counts[i], counts[(i + 1).min(last)]);
        counts[i] = 0.25 * before + 0.5 * here + 0.25 * after;
        before = here;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_those_of_the_counts_and_pull_towards_what_is_frequent() {
        // Level 0 in three of four rows, level 1 in one: steps of 1/4 from 0.
        let z: Vec<f32> = (0..4000).map(|i| if i % 4 == 0 { 0.25 } else { 0.0 }).collect();
        let rate = Rate::of(&z, &[0.25]);
        let (mut slopes, mut by_frac) = (vec![0.0; 2], [0.0]);
        let bits = rate.charge(&[0.0, 0.25], 2.0, &mut slopes, &mut by_frac);
        let expected = (4.0f64 / 3.0).log2() + 2.0;
        assert!((bits - expected).abs() < 1e-3, "{bits} {expected}");
        // log2(3) bits more for a quarter up, at a price of 2.
        for slope in slopes {
            assert!((slope - 2.0 * 3.0f32.log2() * 4.0).abs() < 0.02, "{slope}");
        }
    }

    #[test]
    fn a_finer_step_costs_a_bit_of_what_is_spread_and_less_of_what_is_not() {
        let cost = |z: &[f32]| {
            let mut by_frac = [0.0];
            Rate::of(z, &[1.0]).charge(z, 1.0, &mut vec![0.0; z.len()], &mut by_frac);
            by_frac[0] / z.len() as f32
        };
        let spread: Vec<f32> = (0..6400).map(|i| (i % 64) as f32).collect();
        assert!((cost(&spread) - 1.0).abs() < 0.01, "{}", cost(&spread));
        assert_eq!(cost(&[3.0; 100]), 0.0);
        let peaked: Vec<f32> = (0..1000).map(|i| if i % 50 == 0 { 9.0 } else { 0.0 }).collect();
        assert!(cost(&peaked) < 0.55, "{}", cost(&peaked));
    }

    #[test]
    fn a_latent_of_many_levels_is_counted_in_groups() {
        let z: Vec<f32> = (0..20_000).map(|i| i as f32).collect();
        let rate = Rate::of(&z, &[1e-3]);
        let bits = rate.charge(&z, 1.0, &mut vec![0.0; z.len()], &mut [0.0]) / z.len() as f64;
        assert!((bits - 12.0).abs() < 0.1, "{bits}");
    }
}

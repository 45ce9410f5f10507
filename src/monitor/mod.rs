//! Notices data unlike those that a model knows: latents and reconstruction errors of blocks of rows, against a sample.
//!
//! Each latent and the error of a row are counted in bins, deciles of the sample. A block drifts where the population stability
//! index `PSI = sum_b (q_b - p_b) ln(q_b / p_b)` of one of them is larger than chance explains, and than what matters. Without drift
//! `PSI / (1 / n + 1 / m)` of blocks of `n` rows and a sample of `m` is distributed as chi-square with one degree of freedom less than
//! there are bins (Yurdakul, "Statistical properties of population stability index", Western Michigan University, 2018).

use ndarray::Array2;
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use statrs::distribution::{ChiSquared, ContinuousCDF};

use crate::error::{Code, Error, Result};
use crate::fixed::QFormat;
use crate::model::monitor::{Monitor, Quantity};

/// Rows of a sample or block, fewer than which say nothing of ten bins.
pub const FEWEST: usize = 100;
/// Bins of a quantity at most.
const BINS: usize = 10;

/// What the model makes of rows.
pub struct Seen {
    /// Raw integers, `[rows, latents]`.
    pub latents: Array2<i64>,
    /// Their formats.
    pub formats: Vec<QFormat>,
    /// Mean squared error of each row, in normalised features.
    pub errors: Vec<f64>,
    /// Raw integers, of a model with a score.
    pub score: Option<Vec<i64>>,
}

impl Seen {
    fn quantity(&self, i: usize) -> Vec<f64> {
        match i < self.latents.ncols() {
            true => self.latents.column(i).iter().map(|z| *z as f64).collect(),
            false => self.errors.clone(),
        }
    }

    /// Of a row: whether a latent is at an end of its format.
    fn saturates(&self, row: usize) -> bool {
        self.latents.row(row).iter().zip(&self.formats).any(|(z, f)| f.is_end(*z))
    }
}

/// What a block of rows looks like beside the sample.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Block {
    /// First row.
    pub first: usize,
    /// The row after the last.
    pub end: usize,
    /// Population stability index of each quantity, in the monitor's order.
    pub psi: Vec<f64>,
    /// What it may be.
    pub limits: Vec<f64>,
    /// The one that is furthest above, or nearest below, its limit.
    pub worst: String,
    /// Mean squared error over that of the sample.
    pub error_ratio: f64,
    /// Share of rows with a latent at an end of its format.
    pub saturated: f64,
    /// Whether one is above.
    pub drifted: bool,
}

/// Learns what rows without drift look like. They should be rows that the model was not trained on: errors of those are smaller.
///
/// # Errors
/// `D003` for fewer than [`FEWEST`] rows, `M001` for numbers that make no sense.
pub fn learn(seen: &Seen, false_alarms: f64, least: f64) -> Result<Monitor> {
    enough(seen.errors.len())?;
    let latents = seen.latents.ncols();
    let quantities = (0..=latents)
        .into_par_iter()
        .map(|i| {
            let mut values = seen.quantity(i);
            values.sort_by(f64::total_cmp);
            let (n, last) = (values.len(), values[values.len() - 1]);
            let mut edges: Vec<f64> = (1..BINS).map(|d| values[n * d / BINS]).filter(|e| *e < last).collect();
            edges.dedup();
            if edges.is_empty() {
                // Nearly always the largest value: what lies below it is one bin, what lies above another.
                edges = vec![last.next_down(), last];
            }
            let name = if i < latents { format!("z{i}") } else { "error".to_owned() };
            let counts = count(&edges, &values);
            Quantity { name, edges, counts }
        })
        .collect();
    let error = seen.errors.iter().sum::<f64>() / seen.errors.len() as f64;
    let monitor = Monitor { rows: seen.errors.len() as u64, false_alarms, least, error, quantities };
    monitor.check(latents)?;
    Ok(monitor)
}

/// Holds blocks of `block` rows against what was learned; what is left at the end joins the last.
///
/// # Errors
/// `D003` for fewer than [`FEWEST`] rows in a block, `M002` for a monitor of another number of latents.
pub fn judge(monitor: &Monitor, seen: &Seen, block: usize) -> Result<Vec<Block>> {
    monitor.check(seen.latents.ncols())?;
    let rows = seen.errors.len();
    enough(block.min(rows))?;
    let blocks = rows / block.min(rows);
    let quantities: Vec<Vec<f64>> = (0..monitor.quantities.len()).map(|i| seen.quantity(i)).collect();
    let one = |k: usize| {
        let (first, end) = (k * block, if k + 1 == blocks { rows } else { (k + 1) * block });
        let n = end - first;
        let judged = monitor.quantities.iter().zip(&quantities).map(|(q, values)| {
            let counts = count(&q.edges, &values[first..end]);
            (psi(&q.counts, &counts), limit(monitor, q, n))
        });
        let (psi, limits): (Vec<f64>, Vec<f64>) = judged.unzip();
        let above = |i: &usize| psi[*i] / limits[*i];
        let worst = (0..psi.len()).max_by(|a, b| above(a).total_cmp(&above(b))).unwrap_or(0);
        let error = seen.errors[first..end].iter().sum::<f64>() / n as f64;
        Block {
            first,
            end,
            worst: monitor.quantities[worst].name.clone(),
            error_ratio: if monitor.error > 0.0 { error / monitor.error } else { 1.0 },
            saturated: (first..end).filter(|r| seen.saturates(*r)).count() as f64 / n as f64,
            drifted: above(&worst) > 1.0,
            psi,
            limits,
        }
    };
    Ok((0..blocks).into_par_iter().map(one).collect())
}

fn enough(rows: usize) -> Result<()> {
    if rows >= FEWEST {
        return Ok(());
    }
    Err(Error::new(Code::DataSelection, format!("{rows} rows are too few to notice drift"))
        .hint(format!("give {FEWEST} or more, and blocks as large")))
}

fn count(edges: &[f64], values: &[f64]) -> Vec<u64> {
    let mut counts = vec![0; edges.len() + 1];
    values.iter().for_each(|v| counts[edges.partition_point(|e| e < v)] += 1);
    counts
}

/// An empty bin counts as half a row: its logarithm would be infinite.
fn psi(sample: &[u64], block: &[u64]) -> f64 {
    let share = |counts: &[u64], i: usize| (counts[i] as f64).max(0.5) / counts.iter().sum::<u64>() as f64;
    // A bin that neither has says nothing.
    let bins = (0..sample.len()).filter(|i| sample[*i] + block[*i] > 0);
    bins.map(|i| (share(block, i) - share(sample, i)) * (share(block, i) / share(sample, i)).ln()).sum()
}

/// What the index of a block of `n` rows may be: chance is shared out among all quantities.
fn limit(monitor: &Monitor, quantity: &Quantity, n: usize) -> f64 {
    let freedom = quantity.counts.iter().filter(|c| **c > 0).count().max(2) - 1;
    let chance = monitor.false_alarms / monitor.quantities.len() as f64;
    let quantile = ChiSquared::new(freedom as f64).map_or(f64::INFINITY, |chi| chi.inverse_cdf(1.0 - chance));
    (quantile * (1.0 / n as f64 + 1.0 / monitor.rows as f64)).max(monitor.least)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

    /// Three latents: one of many values, one that is mostly 0, one that never moves.
    fn seen(rows: usize, seed: u64, shift: f64) -> Seen {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut uniform = || (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        let mut latents = Array2::zeros((rows, 3));
        let mut errors = Vec::new();
        for mut row in latents.rows_mut() {
            let normal = (0..12).map(|_| uniform()).sum::<f64>() - 6.0;
            row[0] = (20.0 * (normal + shift)).round() as i64;
            row[1] = if uniform() < 0.95 { 0 } else { (uniform() * 30.0) as i64 };
            row[2] = 7;
            errors.push((uniform() * (1.0 + shift)).powi(2));
        }
        let formats = vec![QFormat::signed(9, 0), QFormat::signed(6, 0), QFormat::signed(6, 0)];
        Seen { latents, formats, errors, score: None }
    }

    #[test]
    fn blocks_of_the_same_data_are_alarms_as_often_as_was_asked() {
        let monitor = learn(&seen(20_000, 1, 0.0), 0.05, 0.0).unwrap();
        let blocks = judge(&monitor, &seen(400_000, 2, 0.0), 400).unwrap();
        assert_eq!((blocks.len(), blocks[999].end), (1000, 400_000));
        let alarms = blocks.iter().filter(|b| b.drifted).count();
        // The limit for each quantity is Bonferroni's, and one of four cannot move: some 38 are expected.
        assert!((15..=75).contains(&alarms), "{alarms}");
        let mean = blocks.iter().map(|b| b.error_ratio).sum::<f64>() / 1000.0;
        assert!((mean - 1.0).abs() < 0.02, "{mean}");
    }

    #[test]
    fn a_shift_is_noticed_and_grows_with_its_size() {
        let monitor = learn(&seen(20_000, 1, 0.0), 1e-3, 0.1).unwrap();
        let worst = |shift: f64| {
            let blocks = judge(&monitor, &seen(5000, 3, shift), 1000).unwrap();
            (
                blocks.iter().all(|b| b.drifted),
                blocks.iter().any(|b| b.drifted),
                blocks[0].psi[0],
                blocks[0].error_ratio,
            )
        };
        let (none, small, large) = (worst(0.0), worst(0.1), worst(1.0));
        assert!(!none.1 && !small.1, "a tenth of a standard deviation does not matter: {none:?} {small:?}");
        assert!(large.0 && large.2 > 0.5 && large.3 > 2.0, "{large:?}");
        assert!(none.2 < small.2 && small.2 < large.2);
        let mut moved = seen(1000, 4, 0.0);
        moved.latents.column_mut(2).fill(8);
        let blocks = judge(&monitor, &moved, 1000).unwrap();
        assert!(blocks[0].drifted && blocks[0].worst == "z2", "{blocks:?}");
        moved.latents.column_mut(2).fill(6);
        assert!(judge(&monitor, &moved, 1000).unwrap()[0].drifted);
        moved.latents.column_mut(2).fill(31);
        assert_eq!(judge(&monitor, &moved, 1000).unwrap()[0].saturated, 1.0);
    }

    #[test]
    fn too_few_rows_and_monitors_of_other_models_are_refused() {
        assert!(learn(&seen(99, 1, 0.0), 1e-3, 0.1).is_err());
        let monitor = learn(&seen(1000, 1, 0.0), 1e-3, 0.1).unwrap();
        assert!(judge(&monitor, &seen(1000, 1, 0.0), 99).is_err());
        assert!(judge(&monitor, &seen(99, 1, 0.0), 1000).is_err());
        assert_eq!(judge(&monitor, &seen(150, 1, 0.0), 100).unwrap()[0].end, 150);
        let mut other = seen(1000, 1, 0.0);
        other.latents = Array2::zeros((1000, 2));
        assert_eq!(judge(&monitor, &other, 100).unwrap_err().code(), Code::ModelShape);
        for wrong in [f64::NAN, 0.0, 1.0] {
            assert!(learn(&seen(1000, 1, 0.0), wrong, 0.1).is_err());
        }
        let mut broken = monitor.clone();
        broken.quantities[0].edges.reverse();
        assert!(broken.check(3).is_err());
    }
}

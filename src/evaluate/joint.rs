//! Original against reconstructed in two dimensions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::histogram::quantile;
use super::pairs::CAPACITY;
use super::{ColumnFigures, pairs_of};
use crate::data::Dataset;
use crate::error::Result;

/// Bins on each side.
const BINS: usize = 40;
/// Histograms with no more cells than this are left out.
const FEW: usize = 4;

/// Counts of (original, reconstructed) on a square of `bins` by `bins`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Joint {
    /// Name of the column.
    pub column: String,
    /// Its unit.
    pub unit: String,
    /// Lower edge on both axes.
    pub low: f64,
    /// Upper edge on both axes.
    pub high: f64,
    /// Bins on each axis.
    pub bins: usize,
    /// Bins that are not empty: (bin of the original, bin of the reconstructed value, count).
    pub cells: Vec<(u16, u16, u64)>,
    /// Pairs outside of the square.
    pub outside: u64,
    /// Pearson correlation of original and reconstructed value; absent where one is constant.
    pub correlation: Option<f64>,
}

/// The joint histograms of the `most` columns with the largest RMS over range, those of very few values left out.
///
/// # Errors
/// `D003` for a missing column.
pub fn joints(
    original: &Dataset,
    reconstructed: &Dataset,
    figures: &[ColumnFigures],
    most: usize,
) -> Result<Vec<Joint>> {
    let mut order: Vec<usize> = (0..figures.len()).collect();
    order.sort_by(|a, b| figures[*b].rms_over_range.total_cmp(&figures[*a].rms_over_range).then(a.cmp(b)));
    // A flag fills too few cells for a picture.
    let all = order.into_iter().map(|i| joint(original, reconstructed, &figures[i]));
    all.filter(|j| j.as_ref().map_or(true, |j| j.cells.len() > FEW)).take(most).collect()
}

fn joint(original: &Dataset, reconstructed: &Dataset, figures: &ColumnFigures) -> Result<Joint> {
    let pairs = pairs_of(original, reconstructed, original.column(&figures.name)?, CAPACITY)?.kept;
    let mut xs: Vec<f64> = pairs.iter().map(|p| p.0).collect();
    xs.sort_by(f64::total_cmp);
    let (mut low, mut high) = (quantile(&xs, 0.002), quantile(&xs, 0.998));
    // One bin of integers a number, where there are few.
    let whole = xs.iter().all(|x| x.fract() == 0.0);
    let mut bins = BINS;
    if whole {
        let step = ((high - low + 1.0) / BINS as f64).ceil().max(1.0);
        bins = ((high - low + 1.0) / step).ceil().max(1.0) as usize;
        (low, high) = (low - 0.5, low - 0.5 + step * bins as f64);
    } else if high <= low {
        (low, high) = (low - 0.5, low + 0.5);
    }
    let bin = |v: f64| (v >= low && v < high).then(|| ((v - low) / (high - low) * bins as f64) as usize);
    let mut counts = vec![0u64; bins * bins];
    let mut outside = 0;
    for (x, y) in &pairs {
        match (bin(*x), bin(*y)) {
            (Some(i), Some(j)) => counts[i.min(bins - 1) * bins + j.min(bins - 1)] += 1,
            _ => outside += 1,
        }
    }
    let cells = counts.iter().enumerate().filter(|(_, n)| **n > 0);
    let cells = cells.map(|(at, n)| ((at / bins) as u16, (at % bins) as u16, *n)).collect();
    let correlation = pearson(&pairs);
    Ok(Joint { column: figures.name.clone(), unit: figures.unit.clone(), low, high, bins, cells, outside, correlation })
}

fn pearson(pairs: &[(f64, f64)]) -> Option<f64> {
    let n = pairs.len().max(1) as f64;
    let (mx, my) = (pairs.iter().map(|p| p.0).sum::<f64>() / n, pairs.iter().map(|p| p.1).sum::<f64>() / n);
    let (mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0);
    for (x, y) in pairs {
        xx += (x - mx).powi(2);
        yy += (y - my).powi(2);
        xy += (x - mx) * (y - my);
    }
    (xx > 0.0 && yy > 0.0).then(|| xy / (xx * yy).sqrt())
}

//! Single rows of vector columns: what a reconstruction looks like, at its usual and at its worst.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::counterpart;
use crate::data::{Column, Dataset};
use crate::error::Result;

/// Longest stretch of a row that an example shows.
pub const LONGEST: usize = 512;

/// One row of a vector column, before and after.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Example {
    /// Name of the column.
    pub column: String,
    /// Its unit.
    pub unit: String,
    /// Why this row: `median`, `95 %` or `worst` of the RMS error of a row.
    pub rank: String,
    /// Row of the data, from 0.
    pub row: usize,
    /// RMS error of the whole row, in the unit of the column.
    pub rms: f64,
    /// Shape of a row's value.
    pub shape: Vec<usize>,
    /// First element shown: a long row shows the stretch around its largest error.
    pub start: usize,
    /// Original values.
    pub original: Vec<f64>,
    /// Reconstructed values.
    pub reconstructed: Vec<f64>,
}

/// For the first `columns` vector columns, the rows at the median, at 95 % and at the maximum of the row's RMS error.
///
/// # Errors
/// `D003` for a missing column.
pub fn examples(original: &Dataset, reconstructed: &Dataset, columns: usize) -> Result<Vec<Example>> {
    let mut examples = Vec::new();
    for c in original.columns.iter().filter(|c| c.width() > 1).take(columns) {
        let other = counterpart(original, reconstructed, c)?;
        let mut order: Vec<(f64, usize)> = (0..original.rows).map(|r| (row_rms(c, other, r), r)).collect();
        order.retain(|(rms, _)| rms.is_finite());
        order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let Some(last) = order.len().checked_sub(1) else { continue };
        for (rank, at) in [("median", last / 2), ("95 %", last * 95 / 100), ("worst", last)] {
            let (rms, row) = order[at];
            examples.push(example(c, other, rank, row, rms));
        }
    }
    Ok(examples)
}

fn row_rms(c: &Column, other: &Column, row: usize) -> f64 {
    let w = c.width();
    let squares: f64 = (row * w..(row + 1) * w).map(|i| (other.values.get_f64(i) - c.values.get_f64(i)).powi(2)).sum();
    (squares / w as f64).sqrt()
}

fn example(c: &Column, other: &Column, rank: &str, row: usize, rms: f64) -> Example {
    let w = c.width();
    let value = |column: &Column, i: usize| column.values.get_f64(row * w + i);
    let error = |i: usize| (value(other, i) - value(c, i)).abs();
    // An image is shown whole or not at all, only a one-dimensional row can be cut.
    let (start, end) = if w <= LONGEST || c.shape.len() > 1 {
        (0, w)
    } else {
        let worst = (0..w).max_by(|a, b| error(*a).total_cmp(&error(*b))).unwrap_or(0);
        let start = worst.saturating_sub(LONGEST / 2).min(w - LONGEST);
        (start, start + LONGEST)
    };
    Example {
        column: c.name.clone(),
        unit: c.unit.clone(),
        rank: rank.to_owned(),
        row,
        rms,
        shape: c.shape.clone(),
        start,
        original: (start..end).map(|i| value(c, i)).collect(),
        reconstructed: (start..end).map(|i| value(other, i)).collect(),
    }
}

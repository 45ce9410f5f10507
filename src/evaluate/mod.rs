//! Figures of merit: how far a reconstruction lies from the original, column by column.
//!
//! ```text
//! original ───────┐                 ┌─► ColumnFigures  residual, response, distribution; elements of narrow vectors
//! reconstructed ──┴─► Pairs ────────┼─► Joint          2-D histogram, for the worst columns
//!                     (streaming)   ├─► Correlation    matrix before and after
//!                                   └─► Example        single rows of vector columns
//! ```

mod column;
mod correlation;
mod examples;
mod histogram;
mod joint;
mod pairs;

pub use column::{ColumnFigures, EvaluateOptions, Label, QUANTILES, Response};
pub use correlation::{Correlation, MOST_VARIABLES, correlation};
pub use examples::{Example, examples};
pub use histogram::{Binning, Histogram, chi_square, quantile, wasserstein};
pub use joint::{Joint, joints};
pub use pairs::Pairs;

use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::data::{Column, Dataset};
use crate::error::{Code, Error, Result};

/// All columns together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Overall {
    /// Root of the mean over columns of the squared `rms_over_range`.
    pub rms_over_range: f64,
    /// Largest `max_over_range`.
    pub max_over_range: f64,
    /// Column with the largest `rms_over_range`.
    pub worst_column: String,
    /// Values that were not finite and were left out.
    pub not_finite: u64,
}

/// Compares two data sets of the same columns.
///
/// # Errors
/// `D003` for a missing column, `D004` for another number of values.
pub fn columns(original: &Dataset, reconstructed: &Dataset) -> Result<Vec<ColumnFigures>> {
    columns_with(original, reconstructed, EvaluateOptions::default())
}

/// The same with options.
///
/// # Errors
/// `D003` for a missing column, `D004` for another number of values.
pub fn columns_with(
    original: &Dataset,
    reconstructed: &Dataset,
    options: EvaluateOptions,
) -> Result<Vec<ColumnFigures>> {
    original.columns.par_iter().map(|c| figures(original, reconstructed, c, options)).collect()
}

/// Whether the elements of a vector column of this width are variables of their own, not samples of a curve.
fn narrow(width: usize) -> bool {
    (2..=MOST_VARIABLES).contains(&width)
}

/// The column of `reconstructed` that belongs to `c`.
fn counterpart<'a>(original: &Dataset, reconstructed: &'a Dataset, c: &Column) -> Result<&'a Column> {
    // A single array carries its file's name, which differs between the two files.
    let other = match reconstructed.columns.as_slice() {
        [only] if original.columns.len() == 1 => only,
        _ => reconstructed.column(&c.name)?,
    };
    let (n, m) = (c.values.len(), other.values.len());
    if n != m {
        return Err(Error::new(Code::DataShape, format!("column `{}` has {n} values, its reconstruction {m}", c.name))
            .at(reconstructed.source.name.clone()));
    }
    Ok(other)
}

fn pairs_of(original: &Dataset, reconstructed: &Dataset, c: &Column) -> Result<Pairs> {
    let other = counterpart(original, reconstructed, c)?;
    let mut pairs = Pairs::default();
    (0..c.values.len()).for_each(|i| pairs.push(c.values.get_f64(i), other.values.get_f64(i)));
    Ok(pairs)
}

fn figures(original: &Dataset, reconstructed: &Dataset, c: &Column, options: EvaluateOptions) -> Result<ColumnFigures> {
    let other = counterpart(original, reconstructed, c)?;
    let label = |name: String, shape: Vec<usize>| Label {
        name,
        unit: c.unit.clone(),
        dtype: c.values.dtype().to_owned(),
        shape,
    };
    let pairs = pairs_of(original, reconstructed, c)?;
    let mut all = ColumnFigures::of(label(c.name.clone(), c.shape.clone()), &pairs, options);
    let width = c.width();
    if narrow(width) {
        all.elements = (0..width)
            .into_par_iter()
            .map(|e| {
                let mut pairs = Pairs::default();
                (e..c.values.len())
                    .step_by(width)
                    .for_each(|i| pairs.push(c.values.get_f64(i), other.values.get_f64(i)));
                ColumnFigures::of(label(format!("{}[{e}]", c.name), Vec::new()), &pairs, options)
            })
            .collect();
    }
    Ok(all)
}

/// The figures that stand for the whole table.
pub fn overall(columns: &[ColumnFigures]) -> Overall {
    let squares: f64 = columns.iter().map(|c| c.rms_over_range.powi(2)).sum();
    let worst = columns.iter().max_by(|a, b| a.rms_over_range.total_cmp(&b.rms_over_range));
    Overall {
        rms_over_range: (squares / columns.len().max(1) as f64).sqrt(),
        max_over_range: columns.iter().fold(0.0, |m, c| m.max(c.max_over_range)),
        worst_column: worst.map(|c| c.name.clone()).unwrap_or_default(),
        not_finite: columns.iter().map(|c| c.not_finite).sum(),
    }
}

#[cfg(test)]
mod tests;

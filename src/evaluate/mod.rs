//! Figures of merit: how far a reconstruction lies from the original, column by column.
//!
//! ```text
//! original ───────┐                 ┌─► ColumnFigures  residual, response, distribution; elements of narrow vectors
//! reconstructed ──┴─► Pairs ────────┼─► Joint          2-D histogram, for the worst columns
//!                     (streaming)   ├─► Correlation    matrix before and after
//!                                   └─► Example        single rows of vector columns
//! ```

mod chance;
mod column;
mod correlation;
mod examples;
mod histogram;
mod joint;
mod pairs;

pub use chance::Chance;
pub use column::{ColumnError, ColumnFigures, EvaluateOptions, Label, QUANTILES, Response};
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
    check(original, reconstructed)?;
    original.columns.par_iter().map(|c| figures(original, reconstructed, c, options)).collect()
}

/// Only the errors of two data sets, without distributions: much faster than [`columns`].
///
/// # Errors
/// As [`columns`].
pub fn errors(original: &Dataset, reconstructed: &Dataset) -> Result<Vec<ColumnError>> {
    check(original, reconstructed)?;
    let figures = |c: &Column| Ok(ColumnError::of(&c.name, &pairs_of(original, reconstructed, c, 1)?));
    original.columns.par_iter().map(figures).collect()
}

/// Rows there are, and as many on both sides.
pub(crate) fn check(original: &Dataset, reconstructed: &Dataset) -> Result<()> {
    let (n, m) = (original.rows, reconstructed.rows);
    if n == 0 || original.columns.is_empty() {
        return Err(Error::new(Code::DataShape, "there is nothing to compare")
            .at(original.source.name.clone())
            .cause(format!("{n} rows, {} columns", original.columns.len())));
    }
    if n != m {
        return Err(Error::new(Code::DataShape, format!("the original has {n} rows, the reconstruction {m}"))
            .at(reconstructed.source.name.clone()));
    }
    Ok(())
}

/// Whether the elements of a vector column of this width are variables of their own, not samples of a curve.
fn narrow(width: usize) -> bool {
    (2..=MOST_VARIABLES).contains(&width)
}

/// The column of `reconstructed` that belongs to `c`.
pub(crate) fn counterpart<'a>(original: &Dataset, reconstructed: &'a Dataset, c: &Column) -> Result<&'a Column> {
    // A single array carries its file's name, which differs between the two files.
    let other = match reconstructed.columns.as_slice() {
        [only] if original.columns.len() == 1 => only,
        _ => reconstructed.column(&c.name)?,
    };
    // Frames do not carry how a row's numbers are arranged, only their order.
    if c.width() != other.width() {
        let what = format!("column `{}` has rows of shape {:?}, its reconstruction {:?}", c.name, c.shape, other.shape);
        return Err(Error::new(Code::DataShape, what).at(reconstructed.source.name.clone()));
    }
    Ok(other)
}

/// All pairs of a column, of which at most `capacity` are kept.
fn pairs_of(original: &Dataset, reconstructed: &Dataset, c: &Column, capacity: usize) -> Result<Pairs> {
    let other = counterpart(original, reconstructed, c)?;
    let mut pairs = Pairs::with_capacity(capacity);
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
    let pairs = pairs_of(original, reconstructed, c, pairs::CAPACITY)?;
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
pub fn overall<'a, C>(columns: &'a [C]) -> Overall
where
    ColumnError: From<&'a C>,
{
    let columns: Vec<ColumnError> = columns.iter().map(ColumnError::from).collect();
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

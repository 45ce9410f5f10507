//! Figures of merit: how far a reconstruction lies from the original, column by column.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::data::{Column, Dataset};
use crate::error::{Code, Error, Result};

/// One column; vector columns are judged over all their elements together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ColumnFigures {
    /// Name of the column.
    pub name: String,
    /// Its unit.
    pub unit: String,
    /// Root mean square of reconstructed minus original.
    pub rms: f64,
    /// The same over the range of the original; 0 where both are constant and equal.
    pub rms_over_range: f64,
    /// Largest |residual|.
    pub max_abs: f64,
    /// The same over the range of the original.
    pub max_over_range: f64,
    /// Mean residual.
    pub bias: f64,
    /// Residual at 1, 16, 50, 84 and 99 %.
    pub residual_quantiles: [f64; 5],
    /// Values that were not finite on either side and were left out.
    pub not_finite: usize,
}

/// All columns together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Overall {
    /// Root of the mean over columns of the squared `rms_over_range`.
    pub rms_over_range: f64,
    /// Largest `max_over_range`.
    pub max_over_range: f64,
}

/// Compares two data sets of the same columns.
///
/// # Errors
/// `D003` for a missing column, `D004` for another number of values.
pub fn columns(original: &Dataset, reconstructed: &Dataset) -> Result<Vec<ColumnFigures>> {
    original
        .columns
        .iter()
        .map(|c| {
            // A single array carries its file's name, which differs between the two files.
            let other = match reconstructed.columns.as_slice() {
                [only] if original.columns.len() == 1 => only,
                _ => reconstructed.column(&c.name)?,
            };
            figures(c, other)
        })
        .collect()
}

fn figures(c: &Column, other: &Column) -> Result<ColumnFigures> {
    let n = c.values.len();
    if other.values.len() != n {
        return Err(Error::new(
            Code::DataShape,
            format!("column `{}` has {n} values, its reconstruction {}", c.name, other.values.len()),
        ));
    }
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    let mut residuals = Vec::with_capacity(n);
    for i in 0..n {
        let (x, y) = (c.values.get_f64(i), other.values.get_f64(i));
        if x.is_finite() && y.is_finite() {
            low = low.min(x);
            high = high.max(x);
            residuals.push(y - x);
        }
    }
    let count = residuals.len().max(1) as f64;
    let rms = (residuals.iter().map(|r| r * r).sum::<f64>() / count).sqrt();
    let max_abs = residuals.iter().fold(0.0f64, |m, r| m.max(r.abs()));
    let bias = residuals.iter().sum::<f64>() / count;
    residuals.sort_by(f64::total_cmp);
    let at = |q: f64| residuals.get((residuals.len().saturating_sub(1) as f64 * q) as usize).copied().unwrap_or(0.0);
    // A constant column has no range: its error counts in its own unit.
    let range = if high > low { high - low } else { 1.0 };
    Ok(ColumnFigures {
        name: c.name.clone(),
        unit: c.unit.clone(),
        rms,
        rms_over_range: rms / range,
        max_abs,
        max_over_range: max_abs / range,
        bias,
        residual_quantiles: [0.01, 0.16, 0.5, 0.84, 0.99].map(at),
        not_finite: n - residuals.len(),
    })
}

/// The figures that stand for the whole table.
pub fn overall(columns: &[ColumnFigures]) -> Overall {
    let squares: f64 = columns.iter().map(|c| c.rms_over_range.powi(2)).sum();
    Overall {
        rms_over_range: (squares / columns.len().max(1) as f64).sqrt(),
        max_over_range: columns.iter().fold(0.0, |m, c| m.max(c.max_over_range)),
    }
}

/// Pearson correlations of the scalar columns; 0 where a column is constant.
pub fn correlation(data: &Dataset) -> Vec<Vec<f64>> {
    let centred: Vec<Vec<f64>> = data
        .columns
        .iter()
        .filter(|c| c.shape.is_empty())
        .map(|c| {
            let values: Vec<f64> = (0..data.rows).map(|i| c.values.get_f64(i)).collect();
            let mean = values.iter().sum::<f64>() / data.rows.max(1) as f64;
            let norm = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>().sqrt();
            values.into_iter().map(|v| if norm > 0.0 { (v - mean) / norm } else { 0.0 }).collect()
        })
        .collect();
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum();
    centred.iter().map(|a| centred.iter().map(|b| dot(a, b)).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{DataSource, Layout, Values};

    fn data(values: Vec<f64>) -> Dataset {
        let rows = values.len();
        let c = Column { name: "a".into(), unit: String::new(), shape: vec![], values: Values::F64(values) };
        Dataset::new(vec![c], rows, Layout::Table, DataSource::default()).unwrap()
    }

    #[test]
    fn figures_equal_the_values_worked_out_by_hand() {
        let f = &columns(&data(vec![0.0, 2.0, 4.0, f64::NAN]), &data(vec![1.0, 2.0, 2.0, 0.0])).unwrap()[0];
        assert_eq!((f.rms, f.max_abs, f.not_finite), ((5.0f64 / 3.0).sqrt(), 2.0, 1));
        assert_eq!(f.rms_over_range, f.rms / 4.0);
        assert_eq!(f.bias, -1.0 / 3.0);
    }
}

//! Correlations between variables, before and after.

use ndarray::{Array1, Array2, Axis};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{counterpart, narrow};
use crate::data::Dataset;
use crate::error::Result;

/// Most variables in a matrix.
pub const MOST_VARIABLES: usize = 64;

/// Pearson correlations of all pairs of variables.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Correlation {
    /// Names of rows and columns: scalar columns, and the elements of vector columns of at most 64.
    pub names: Vec<String>,
    /// Variables that were left out: those beyond the first 64, and the elements of wide columns.
    pub left_out: usize,
    /// Correlations of the original; 0 where a variable is constant.
    pub before: Vec<Vec<f64>>,
    /// Correlations of the reconstruction.
    pub after: Vec<Vec<f64>>,
    /// Largest |after - before|.
    pub max_difference: f64,
}

/// The correlations of both data sets.
///
/// # Errors
/// `D003` for a missing column.
pub fn correlation(original: &Dataset, reconstructed: &Dataset) -> Result<Correlation> {
    let mut names = Vec::new();
    let (mut before, mut after): (Vec<Array1<f64>>, Vec<Array1<f64>>) = (Vec::new(), Vec::new());
    let mut left_out = 0;
    for c in &original.columns {
        let other = counterpart(original, reconstructed, c)?;
        let width = c.width();
        if width > 1 && !narrow(width) {
            left_out += width;
            continue;
        }
        for e in 0..width {
            if names.len() == MOST_VARIABLES {
                left_out += 1;
                continue;
            }
            names.push(if width == 1 { c.name.clone() } else { format!("{}[{e}]", c.name) });
            let values = |v: &crate::data::Values| (0..original.rows).map(|r| v.get_f64(r * width + e)).collect();
            before.push(standard(values(&c.values)));
            after.push(standard(values(&other.values)));
        }
    }
    let (before, after) = (matrix(&before, original.rows), matrix(&after, original.rows));
    let max_difference = before.iter().flatten().zip(after.iter().flatten()).map(|(a, b)| (a - b).abs());
    let max_difference = max_difference.fold(0.0, f64::max);
    Ok(Correlation { names, left_out, before, after, max_difference })
}

/// Mean 0, norm 1; what is not finite counts as the mean, a constant as 0.
fn standard(mut values: Array1<f64>) -> Array1<f64> {
    let finite = values.iter().filter(|v| v.is_finite()).count().max(1) as f64;
    let mean = values.iter().filter(|v| v.is_finite()).sum::<f64>() / finite;
    values.mapv_inplace(|v| if v.is_finite() { v - mean } else { 0.0 });
    let norm = values.dot(&values).sqrt();
    values.mapv_inplace(|v| if norm > 0.0 { v / norm } else { 0.0 });
    values
}

fn matrix(variables: &[Array1<f64>], rows: usize) -> Vec<Vec<f64>> {
    let mut all = Array2::zeros((variables.len(), rows));
    for (mut row, v) in all.axis_iter_mut(Axis(0)).zip(variables) {
        row.assign(v);
    }
    let product = all.dot(&all.t());
    // Rounding can leave 1 + 1e-16 on the diagonal.
    product.outer_iter().map(|r| r.iter().map(|v| v.clamp(-1.0, 1.0)).collect()).collect()
}

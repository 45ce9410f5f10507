//! Values of formulas and columns of both data sets, and how far they lie apart.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::data::{Column, Dataset};
use crate::error::{Code, Error, Result};
use crate::evaluate::Chance;
use crate::evaluate::{QUANTILES, counterpart, quantile};
use crate::relation::Expression;

/// Resamplings of the rows for a statistical error.
const RESAMPLINGS: usize = 100;

/// A formula that is computed from a data set.
pub struct Formula<'a>(pub &'a Expression);

impl Formula<'_> {
    /// Its value for every row of `data`, which has the columns of `original`.
    pub fn of(&self, original: &Dataset, data: &Dataset) -> Result<Vec<f64>> {
        let mut columns = Vec::new();
        for name in self.0.columns() {
            let column = original.column(name)?;
            if column.width() != 1 {
                let what = format!("column `{name}` has {} numbers a row", column.width());
                return Err(Error::new(Code::DataShape, what)
                    .cause(format!("`{}` is a formula over single numbers", self.0))
                    .hint("kinds `image` and `pulse` take vectors"));
            }
            columns.push(counterpart(original, data, column)?.values.to_f64());
        }
        let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
        Ok(self.0.evaluate(&columns))
    }
}

/// The vector column of that name, before and after; the only column where none is named.
pub fn vectors<'a>(
    name: Option<&str>,
    original: &'a Dataset,
    reconstructed: &'a Dataset,
) -> Result<(&'a Column, &'a Column)> {
    let column = match (name, original.columns.as_slice()) {
        (Some(name), _) => original.column(name)?,
        (None, [only]) => only,
        (None, all) => {
            let names: Vec<&str> = all.iter().map(|c| c.name.as_str()).take(40).collect();
            return Err(Error::new(Code::DataSelection, format!("which of the {} columns?", all.len()))
                .hint(format!("add `column = \"...\"`; the columns are: {}", names.join(", "))));
        }
    };
    if column.width() < 2 {
        return Err(Error::new(Code::DataShape, format!("column `{}` has one number a row", column.name))
            .hint("name a vector column; kind `peak` takes single numbers"));
    }
    Ok((column, counterpart(original, reconstructed, column)?))
}

/// Differences, after minus before.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Shift {
    /// How many were compared.
    pub count: u64,
    /// Their mean.
    pub bias: f64,
    /// Statistical error of the mean.
    pub bias_error: f64,
    /// Root mean square.
    pub rms: f64,
    /// 1, 16, 50, 84 and 99 % of them lie below.
    pub quantiles: [f64; 5],
}

impl Shift {
    /// Of differences that are finite; zeros of none.
    pub fn of(mut differences: Vec<f64>) -> Self {
        differences.sort_by(f64::total_cmp);
        let n = differences.len().max(1) as f64;
        let bias = differences.iter().sum::<f64>() / n;
        let square = differences.iter().map(|d| d * d).sum::<f64>() / n;
        Shift {
            count: differences.len() as u64,
            bias,
            bias_error: (square - bias * bias).max(0.0).sqrt() / n.sqrt(),
            rms: square.sqrt(),
            quantiles: QUANTILES.map(|q| quantile(&differences, q)),
        }
    }

    /// Spread around the mean.
    pub fn sigma(&self) -> f64 {
        (self.rms * self.rms - self.bias * self.bias).max(0.0).sqrt()
    }
}

/// The statistical error of a figure of `rows` rows: its spread over resamplings of them with replacement. Before and after are
/// resampled together, so that what they have in common drops out. Absent where too few of the resamplings have the figure.
pub fn bootstrap(rows: usize, figure: impl Fn(&[usize]) -> Option<f64>) -> Option<f64> {
    let mut chance = Chance::new(1);
    let mut found = Vec::new();
    for _ in 0..RESAMPLINGS {
        let picked: Vec<usize> = (0..rows).map(|_| chance.below(rows)).collect();
        found.extend(figure(&picked));
    }
    let n = found.len() as f64;
    if found.len() < RESAMPLINGS / 2 {
        return None;
    }
    let mean = found.iter().sum::<f64>() / n;
    Some((found.iter().map(|f| (f - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shift_has_the_moments_worked_out_by_hand() {
        let s = Shift::of(vec![3.0, -1.0, 1.0, 1.0]);
        assert_eq!((s.count, s.bias, s.rms), (4, 1.0, 3f64.sqrt()));
        assert!((s.bias_error - 2f64.sqrt() / 2.0).abs() < 1e-15 && (s.sigma() - 2f64.sqrt()).abs() < 1e-15);
        assert_eq!(Shift::of(Vec::new()), Shift::default());
    }

    #[test]
    fn the_bootstrap_error_of_a_mean_is_that_of_statistics() {
        let mut chance = Chance::new(7);
        let x: Vec<f64> = (0..400).map(|_| chance.normal()).collect();
        let mean = |at: &[usize]| Some(at.iter().map(|i| x[*i]).sum::<f64>() / at.len() as f64);
        let error = bootstrap(x.len(), mean).unwrap();
        assert!((0.037..0.063).contains(&error), "{error} for 0.05");
        assert_eq!(bootstrap(10, |_| None), None);
    }
}

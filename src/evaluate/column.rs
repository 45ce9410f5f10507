//! The figures of one variable.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::histogram::{Binning, Histogram, chi_square, quantile, wasserstein};
use super::pairs::Pairs;

/// Fractions at which quantiles are given.
pub const QUANTILES: [f64; 5] = [0.01, 0.16, 0.5, 0.84, 0.99];

/// One column; vector columns are judged over all their elements together, and again element by element.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ColumnFigures {
    /// Name of the column; of an element, `name[i]`.
    pub name: String,
    /// Its unit; empty if unknown.
    pub unit: String,
    /// Type of the values, in NumPy's words.
    pub dtype: String,
    /// Shape of one row's value; empty for a scalar.
    pub shape: Vec<usize>,
    /// Values compared, those that are not finite left out.
    pub values: u64,
    /// Values that quantiles, histograms and distances are made of: all of them, up to four million.
    pub sampled: u64,
    /// Values that were not finite on either side and were left out.
    pub not_finite: u64,
    /// Of those, values that changed.
    pub not_finite_changed: u64,
    /// Smallest original value.
    pub minimum: f64,
    /// Largest original value.
    pub maximum: f64,
    /// Root mean square of reconstructed minus original, in the unit of the column.
    pub rms: f64,
    /// The same over the range of the original; a constant column counts with a range of 1.
    pub rms_over_range: f64,
    /// Largest |residual|, in the unit of the column.
    pub max_abs: f64,
    /// The same over the range of the original.
    pub max_over_range: f64,
    /// Mean residual, in the unit of the column.
    pub bias: f64,
    /// Residual at 1, 16, 50, 84 and 99 %.
    pub residual_quantiles: [f64; 5],
    /// `20 log10(range / rms)`; absent where nothing changed.
    pub psnr_db: Option<f64>,
    /// Reconstructed over original.
    pub response: Option<Response>,
    /// Chi-square of the two distributions over its degrees of freedom; absent where the bins are too few.
    ///
    /// The samples are the same events before and after, not independent ones: a faithful reconstruction is far below 1.
    pub chi2_over_ndf: Option<f64>,
    /// Degrees of freedom of it.
    pub chi2_ndf: Option<usize>,
    /// Wasserstein distance between the two distributions, in the unit of the column.
    pub wasserstein: f64,
    /// The same over the range of the original.
    pub wasserstein_over_range: f64,
    /// Histogram of the original values.
    pub original: Histogram,
    /// Histogram of the reconstructed values, in the same bins.
    pub reconstructed: Histogram,
    /// Histogram of reconstructed minus original.
    pub residual: Histogram,
    /// The elements of a vector column of at most 64, each with its own range.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub elements: Vec<ColumnFigures>,
}

/// Only the error of a column.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnError {
    /// Name of the column.
    pub name: String,
    /// Root mean square of reconstructed minus original, in the unit of the column.
    pub rms: f64,
    /// The same over the range of the original; a constant column counts with a range of 1.
    pub rms_over_range: f64,
    /// Largest |residual| over the range of the original.
    pub max_over_range: f64,
    /// Values that were not finite on either side and were left out.
    pub not_finite: u64,
}

impl ColumnError {
    /// The error of `pairs`.
    pub fn of(name: &str, pairs: &Pairs) -> Self {
        ColumnError {
            name: name.to_owned(),
            rms: pairs.rms(),
            rms_over_range: pairs.rms() / pairs.range(),
            max_over_range: pairs.max_abs / pairs.range(),
            not_finite: pairs.not_finite,
        }
    }
}

impl From<&ColumnError> for ColumnError {
    fn from(e: &ColumnError) -> Self {
        e.clone()
    }
}

impl From<&ColumnFigures> for ColumnError {
    fn from(f: &ColumnFigures) -> Self {
        ColumnError {
            name: f.name.clone(),
            rms: f.rms,
            rms_over_range: f.rms_over_range,
            max_over_range: f.max_over_range,
            not_finite: f.not_finite,
        }
    }
}

/// Reconstructed over original, where the original is large enough for a ratio to mean something.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Response {
    /// Values of a magnitude below this are skipped: a tenth of the median magnitude of those that are not zero, unless
    /// another threshold was asked for. In the unit of the column.
    pub threshold: f64,
    /// Values in the figures.
    pub used: u64,
    /// Values skipped.
    pub skipped: u64,
    /// Mean response; 1 is perfect.
    pub mean: f64,
    /// Root mean square of response minus mean response.
    pub std: f64,
    /// Response at 1, 16, 50, 84 and 99 %.
    pub quantiles: [f64; 5],
    /// Mean of |reconstructed - original| / |original|.
    pub mean_relative_difference: f64,
    /// Histogram of the response.
    pub histogram: Histogram,
}

/// What a column is called and made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Label {
    /// Name.
    pub name: String,
    /// Unit.
    pub unit: String,
    /// Type in NumPy's words.
    pub dtype: String,
    /// Shape of one row.
    pub shape: Vec<usize>,
}

/// How to evaluate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EvaluateOptions {
    /// Response skips values of a magnitude below this, in the unit of the column; absent chooses one a column.
    pub response_threshold: Option<f64>,
    /// Bins of a histogram, about.
    pub bins: usize,
}

impl Default for EvaluateOptions {
    fn default() -> Self {
        EvaluateOptions { response_threshold: None, bins: 48 }
    }
}

impl ColumnFigures {
    /// The figures of `pairs`.
    pub fn of(label: Label, pairs: &Pairs, options: EvaluateOptions) -> Self {
        let sorted = |value: fn(&(f64, f64)) -> f64| {
            let mut v: Vec<f64> = pairs.kept.iter().map(value).collect();
            v.sort_by(f64::total_cmp);
            v
        };
        let (xs, ys, residuals) = (sorted(|p| p.0), sorted(|p| p.1), sorted(|p| p.1 - p.0));
        let range = pairs.range();
        // Flags and counts are often kept as floats.
        let integer = xs.iter().all(|x| x.fract() == 0.0);

        // The plotted range leaves out the last 0.1 % of a tail, which would squeeze all else into one bin.
        let binning = Binning::new(quantile(&xs, 0.001), quantile(&xs, 0.999), options.bins, integer);
        let (original, reconstructed) = (binning.fill(xs.iter().copied()), binning.fill(ys.iter().copied()));
        let chi2 = chi_square(&original, &reconstructed);
        let reach = quantile(&residuals, 0.005).abs().max(quantile(&residuals, 0.995).abs());
        let whole = integer && residuals.iter().all(|r| r.fract() == 0.0);
        let residual = Binning::new(-reach, reach, options.bins, whole).fill(residuals.iter().copied());
        let distance = wasserstein(&xs, &ys);

        ColumnFigures {
            name: label.name,
            unit: label.unit,
            dtype: label.dtype,
            shape: label.shape,
            values: pairs.count(),
            sampled: pairs.kept.len() as u64,
            not_finite: pairs.not_finite,
            not_finite_changed: pairs.not_finite_changed,
            minimum: if pairs.low.is_finite() { pairs.low } else { 0.0 },
            maximum: if pairs.high.is_finite() { pairs.high } else { 0.0 },
            rms: pairs.rms(),
            rms_over_range: pairs.rms() / range,
            max_abs: pairs.max_abs,
            max_over_range: pairs.max_abs / range,
            bias: pairs.bias(),
            residual_quantiles: QUANTILES.map(|q| quantile(&residuals, q)),
            psnr_db: (pairs.squares > 0.0).then(|| 20.0 * (range / pairs.rms()).log10()),
            response: response(&pairs.kept, options),
            chi2_over_ndf: chi2.map(|(chi2, ndf)| chi2 / ndf as f64),
            chi2_ndf: chi2.map(|(_, ndf)| ndf),
            wasserstein: distance,
            wasserstein_over_range: distance / range,
            original,
            reconstructed,
            residual,
            elements: Vec::new(),
        }
    }
}

/// Absent where every original value is 0 or below the threshold.
fn response(pairs: &[(f64, f64)], options: EvaluateOptions) -> Option<Response> {
    let threshold = options.response_threshold.unwrap_or_else(|| {
        let mut magnitudes: Vec<f64> = pairs.iter().map(|(x, _)| x.abs()).filter(|m| *m > 0.0).collect();
        magnitudes.sort_by(f64::total_cmp);
        0.1 * quantile(&magnitudes, 0.5)
    });
    let mut ratios: Vec<f64> =
        pairs.iter().filter(|(x, _)| *x != 0.0 && x.abs() >= threshold).map(|(x, y)| y / x).collect();
    if ratios.is_empty() {
        return None;
    }
    ratios.sort_by(f64::total_cmp);
    let n = ratios.len() as f64;
    let mean = ratios.iter().sum::<f64>() / n;
    let reach = (1.0 - quantile(&ratios, 0.02)).abs().max((quantile(&ratios, 0.98) - 1.0).abs());
    Some(Response {
        threshold,
        used: ratios.len() as u64,
        skipped: (pairs.len() - ratios.len()) as u64,
        mean,
        std: (ratios.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / n).sqrt(),
        quantiles: QUANTILES.map(|q| quantile(&ratios, q)),
        // y/x - 1 has the magnitude of (y - x)/|x|.
        mean_relative_difference: ratios.iter().map(|r| (r - 1.0).abs()).sum::<f64>() / n,
        histogram: Binning::new(1.0 - reach, 1.0 + reach, options.bins, false).fill(ratios.into_iter()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(pairs: &[(f64, f64)], dtype: &str, options: EvaluateOptions) -> ColumnFigures {
        let mut p = Pairs::default();
        pairs.iter().for_each(|(x, y)| p.push(*x, *y));
        let label = Label { name: "a".into(), unit: "GeV".into(), dtype: dtype.into(), shape: vec![] };
        ColumnFigures::of(label, &p, options)
    }

    #[test]
    fn response_skips_small_values_and_says_how_many() {
        let options = EvaluateOptions { response_threshold: Some(1.0), ..EvaluateOptions::default() };
        let f = figures(&[(0.0, 0.3), (0.5, 9.0), (2.0, 3.0), (-4.0, -2.0)], "float32", options);
        let r = f.response.unwrap();
        assert_eq!((r.used, r.skipped, r.mean), (2, 2, 1.0));
        assert_eq!((r.std, r.mean_relative_difference), (0.5, 0.5));
        // 0.5 and 4.5 come from two of the pairs; the median magnitude of 0.5, 2 and 4 is 2.
        let auto = figures(&[(0.0, 0.3), (0.5, 9.0), (2.0, 3.0), (-4.0, -2.0)], "float32", EvaluateOptions::default());
        assert_eq!(auto.response.unwrap().threshold, 0.2);
    }

    #[test]
    fn an_equal_copy_has_no_distance_and_no_psnr() {
        let f = figures(&[(1.0, 1.0); 50], "int16", EvaluateOptions::default());
        assert_eq!((f.rms, f.wasserstein, f.psnr_db, f.chi2_over_ndf), (0.0, 0.0, None, None));
        assert_eq!(f.response.unwrap().mean, 1.0);
        assert_eq!(figures(&[(0.0, 0.0); 5], "int16", EvaluateOptions::default()).response, None);
    }

    #[test]
    fn psnr_is_that_of_the_definition() {
        let f = figures(&[(0.0, 1.0), (100.0, 99.0)], "float64", EvaluateOptions::default());
        assert_eq!(f.psnr_db, Some(40.0));
    }
}

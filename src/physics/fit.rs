//! A Gaussian on a straight line, fitted to a histogram.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::evaluate::Histogram;

/// Full width at half maximum of a Gaussian of width 1.
pub const FWHM: f64 = 2.354_820_045_030_949_4;
/// Entries that a fit needs.
const FEWEST: u64 = 30;
/// Steps of the fit at most.
const STEPS: usize = 200;

/// A number and its statistical error (one standard deviation).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Value {
    /// The number.
    pub value: f64,
    /// Its error.
    pub error: f64,
}

/// What was fitted; errors are from the curvature of the likelihood.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Peak {
    /// Entries of the Gaussian.
    pub area: Value,
    /// Its mean.
    pub mean: Value,
    /// Its standard deviation.
    pub sigma: Value,
    /// Its full width at half maximum, `2 sqrt(2 ln 2) sigma`.
    pub fwhm: Value,
    /// Entries of the line in a bin, at the centre of the range.
    pub background: f64,
    /// What the line grows by from one end of the range to the other, in entries of a bin.
    pub slope: f64,
    /// Deviance of the fit (of Baker and Cousins: chi-square for large counts) over its degrees of freedom.
    pub chi2_over_ndf: f64,
}

impl Peak {
    /// Entries expected in a bin around `x`.
    ///
    /// * `width`: of the bin; `centre`, `range`: of the histogram
    pub fn expected(&self, x: f64, width: f64, centre: f64, range: f64) -> f64 {
        let z = (x - self.mean.value) / self.sigma.value;
        let density = (-z * z / 2.0).exp() / (self.sigma.value * std::f64::consts::TAU.sqrt());
        self.area.value * density * width + self.background + self.slope * (x - centre) / range
    }
}

/// Area, mean and sigma (in bins), line at the centre, its slope over half the range.
type Parameters = [f64; 5];

/// The fit by iteratively reweighted least squares, which is the maximum of the Poisson likelihood; or why there is none.
pub fn gaussian(h: &Histogram) -> Result<Peak, String> {
    let entries: u64 = h.counts.iter().sum();
    if entries < FEWEST {
        return Err(format!("{entries} entries in the range, {FEWEST} are needed"));
    }
    let bins = h.counts.len() as f64;
    // The first guess is the best of several widths around the fullest place; a bad start ends in a bad place.
    let starts = [1.5, 3.0, 6.0, 12.0, 24.0, 48.0].into_iter().filter(|s| *s < bins / 3.0);
    let fits = starts.filter_map(|sigma| maximise(&h.counts, guess(&h.counts, sigma)));
    let best = fits.min_by(|a, b| a.1.total_cmp(&b.1));
    let (p, deviance) = best.ok_or_else(|| "the fit does not converge".to_owned())?;
    let errors = covariance(&h.counts, &p).ok_or_else(|| "the fit has no errors".to_owned())?;
    let width = h.width();
    let [area, mean, sigma, background, slope] = p;
    let error = |i: usize| errors[i].max(0.0).sqrt();
    if area <= 3.0 * error(0) {
        return Err(format!("no peak: {area:.1} +- {:.1} entries above the line", error(0)));
    }
    if !(0.0..=bins).contains(&mean) {
        return Err("the peak lies outside of the range".to_owned());
    }
    if sigma < 0.5 {
        return Err("the peak is narrower than a bin: more bins, or a shorter range".to_owned());
    }
    if error(2) > sigma || sigma > bins {
        return Err("the width of the peak is not determined: a wider range".to_owned());
    }
    let scaled = |i: usize, value: f64| Value { value, error: error(i) * width };
    let sigma = scaled(2, sigma * width);
    Ok(Peak {
        area: Value { value: area, error: error(0) },
        mean: scaled(1, h.low + mean * width),
        sigma,
        fwhm: Value { value: FWHM * sigma.value, error: FWHM * sigma.error },
        background,
        slope: 2.0 * slope,
        chi2_over_ndf: deviance / (bins - 5.0).max(1.0),
    })
}

fn guess(counts: &[u64], sigma: f64) -> Parameters {
    let n = counts.len();
    let part = (n / 8).max(1);
    let mean = |c: &[u64]| c.iter().sum::<u64>() as f64 / c.len() as f64;
    let (left, right) = (mean(&counts[..part]), mean(&counts[n - part..]));
    let (line, slope) = ((left + right) / 2.0, (right - left) / 2.0);
    let above = |i: usize| counts[i] as f64 - line - slope * (2.0 * (i as f64 + 0.5) / n as f64 - 1.0);
    // The fullest place is looked for with a window as wide as the peak.
    let reach = sigma.ceil() as usize;
    let window = |i: usize| (i.saturating_sub(reach)..(i + reach + 1).min(n)).map(above).sum::<f64>();
    let place = (0..n).max_by(|a, b| window(*a).total_cmp(&window(*b))).unwrap_or(n / 2);
    [
        (window(place) / 0.68).max(1.0),
        place as f64 + 0.5,
        sigma,
        line.max(0.1),
        slope.clamp(-line.max(0.1), line.max(0.1)) * 0.9,
    ]
}

/// Entries of bin `i` and their derivatives, by Simpson's rule over the bin.
fn model(p: &Parameters, i: usize, bins: usize) -> (f64, [f64; 5]) {
    let [area, mean, sigma, line, slope] = *p;
    let t = 2.0 * (i as f64 + 0.5) / bins as f64 - 1.0;
    let (mut g, mut by_mean, mut by_sigma) = (0.0, 0.0, 0.0);
    for (at, weight) in [(0.0, 1.0 / 6.0), (0.5, 4.0 / 6.0), (1.0, 1.0 / 6.0)] {
        let z = (i as f64 + at - mean) / sigma;
        let density = weight * (-z * z / 2.0).exp() / (sigma * std::f64::consts::TAU.sqrt());
        g += density;
        by_mean += density * z / sigma;
        by_sigma += density * (z * z - 1.0) / sigma;
    }
    (area * g + line + slope * t, [g, area * by_mean, area * by_sigma, 1.0, t])
}

/// Infinite where the model has no meaning.
fn deviance(counts: &[u64], p: &Parameters) -> f64 {
    if p[2] <= 0.05 || !p.iter().all(|x| x.is_finite()) || p[0] < 0.0 {
        return f64::INFINITY;
    }
    counts.iter().enumerate().fold(0.0, |sum, (i, n)| {
        let (mu, n) = (model(p, i, counts.len()).0, *n as f64);
        if mu <= 0.0 {
            return f64::INFINITY;
        }
        sum + 2.0 * (mu - n + if n > 0.0 { n * (n / mu).ln() } else { 0.0 })
    })
}

/// Gradient and curvature (Fisher's information) at `p`.
fn curvature(counts: &[u64], p: &Parameters) -> ([f64; 5], [[f64; 5]; 5]) {
    let (mut gradient, mut matrix) = ([0.0; 5], [[0.0; 5]; 5]);
    for (i, n) in counts.iter().enumerate() {
        let (mu, d) = model(p, i, counts.len());
        let mu = mu.max(1e-9);
        for a in 0..5 {
            gradient[a] += d[a] * (*n as f64 - mu) / mu;
            for b in 0..5 {
                matrix[a][b] += d[a] * d[b] / mu;
            }
        }
    }
    (gradient, matrix)
}

/// Levenberg and Marquardt's way to the least deviance.
fn maximise(counts: &[u64], mut p: Parameters) -> Option<(Parameters, f64)> {
    let mut best = deviance(counts, &p);
    if !best.is_finite() {
        return None;
    }
    let mut damping = 1e-2;
    for _ in 0..STEPS {
        let (gradient, mut matrix) = curvature(counts, &p);
        (0..5).for_each(|a| matrix[a][a] *= 1.0 + damping);
        let step = solve(matrix, gradient)?;
        let next: Parameters = std::array::from_fn(|a| p[a] + step[a]);
        let found = deviance(counts, &next);
        if found < best {
            let gain = best - found;
            (p, best, damping) = (next, found, (damping / 10.0).max(1e-9));
            if gain < 1e-9 * (1.0 + best) {
                return Some((p, best));
            }
        } else {
            damping *= 10.0;
            if damping > 1e12 {
                return Some((p, best));
            }
        }
    }
    None
}

/// Variances of the parameters.
fn covariance(counts: &[u64], p: &Parameters) -> Option<[f64; 5]> {
    let (_, matrix) = curvature(counts, p);
    let mut all = [0.0; 5];
    for (a, variance) in all.iter_mut().enumerate() {
        let unit = std::array::from_fn(|b| f64::from(u8::from(a == b)));
        *variance = solve(matrix, unit)?[a];
    }
    Some(all)
}

/// Gauss's elimination with pivots.
fn solve(mut m: [[f64; 5]; 5], mut y: [f64; 5]) -> Option<[f64; 5]> {
    for k in 0..5 {
        let pivot = (k..5).max_by(|a, b| m[*a][k].abs().total_cmp(&m[*b][k].abs()))?;
        m.swap(k, pivot);
        y.swap(k, pivot);
        if m[k][k].abs() < 1e-300 || !m[k][k].is_finite() {
            return None;
        }
        for row in k + 1..5 {
            let factor = m[row][k] / m[k][k];
            (k..5).for_each(|c| m[row][c] -= factor * m[k][c]);
            y[row] -= factor * y[k];
        }
    }
    for k in (0..5).rev() {
        let known: f64 = (k + 1..5).map(|c| m[k][c] * y[c]).sum();
        y[k] = (y[k] - known) / m[k][k];
    }
    y.iter().all(|v| v.is_finite()).then_some(y)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::Binning;
    use crate::evaluate::Chance;

    fn sample(seed: u64, signal: usize, background: usize) -> Histogram {
        let mut chance = Chance::new(seed);
        let mut all: Vec<f64> = (0..signal).map(|_| 91.2 + 2.5 * chance.normal()).collect();
        all.extend((0..background).map(|_| 60.0 + 60.0 * chance.uniform()));
        Binning { low: 60.0, high: 120.0, bins: 60 }.fill(all.into_iter())
    }

    #[test]
    fn a_gaussian_of_known_width_is_fitted_to_within_its_error() {
        // The pulls of many samples: their mean is near 0 and their spread near 1, or errors and values are wrong.
        for (signal, background) in [(2000, 0), (2000, 6000), (300, 300)] {
            let (mut pulls, mut widths) = (Vec::new(), Vec::new());
            for seed in 0..60 {
                let p = gaussian(&sample(seed, signal, background)).unwrap();
                pulls.push((p.sigma.value - 2.5) / p.sigma.error);
                widths.push((p.mean.value - 91.2) / p.mean.error);
            }
            for pulls in [pulls, widths] {
                let mean = pulls.iter().sum::<f64>() / 60.0;
                let spread = (pulls.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 59.0).sqrt();
                assert!(mean.abs() < 0.5 && (0.7..1.4).contains(&spread), "{signal} {background}: {mean} {spread}");
            }
        }
        let p = gaussian(&sample(1, 5000, 3000)).unwrap();
        assert!((p.area.value - 5000.0).abs() < 4.0 * p.area.error, "{:?}", p.area);
        assert!((p.fwhm.value / p.sigma.value - (8.0 * 2f64.ln()).sqrt()).abs() < 1e-12);
        assert!((0.5..1.6).contains(&p.chi2_over_ndf), "{}", p.chi2_over_ndf);
        let (all, centre) = (sample(1, 5000, 3000), 90.0);
        let expected: f64 = (0..60).map(|i| p.expected(all.edge(i) + 0.5, 1.0, centre, 60.0)).sum();
        assert!((expected - 8000.0).abs() < 80.0, "{expected}");
    }

    #[test]
    fn what_is_no_peak_is_said_to_be_none() {
        let flat = sample(3, 0, 4000);
        assert!(gaussian(&flat).unwrap_err().starts_with("no peak"), "{:?}", gaussian(&flat));
        let few = sample(3, 10, 10);
        assert_eq!(gaussian(&few).unwrap_err(), "20 entries in the range, 30 are needed");
        let mut needle = flat;
        needle.counts.fill(0);
        needle.counts[20] = 500;
        assert!(gaussian(&needle).is_err());
    }
}

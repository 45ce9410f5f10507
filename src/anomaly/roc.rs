//! How well a score tells signal from background.

use serde::Serialize;

/// Area under the curve and what a threshold keeps, from the scores of both samples. Larger scores are more like signal.
#[derive(Clone, Debug, PartialEq)]
pub struct Roc {
    /// Ascending.
    background: Vec<f64>,
    /// Ascending.
    signal: Vec<f64>,
}

/// What a threshold keeps.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct WorkingPoint {
    /// Share of the background that was asked for.
    pub rate: f64,
    /// Events with a larger score are kept.
    pub threshold: f64,
    /// Share of the background that has one: less than was asked for, where many have the same score.
    pub background_rate: f64,
    /// Share of the signal; absent without signal.
    pub efficiency: Option<f64>,
    /// Its statistical error: of the signal events, and of the threshold, which is known as well as the background events say.
    pub efficiency_error: Option<f64>,
}

/// A point of the curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Point {
    /// Share of the background above a threshold.
    pub background: f64,
    /// Share of the signal above it.
    pub signal: f64,
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// Share of a sorted sample that is larger than `threshold`.
fn above(sorted: &[f64], threshold: f64) -> f64 {
    (sorted.len() - sorted.partition_point(|v| *v <= threshold)) as f64 / sorted.len().max(1) as f64
}

/// Of each value of `of`, the share of the sorted `other` that it is larger than; of those that are equal, half.
fn placements(of: &[f64], other: &[f64]) -> Vec<f64> {
    let place = |v: &f64| {
        let (below, up_to) = (other.partition_point(|o| o < v), other.partition_point(|o| o <= v));
        (below + up_to) as f64 / 2.0 / other.len() as f64
    };
    of.iter().map(place).collect()
}

fn variance(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0)
}

impl Roc {
    /// Of scores without NaN.
    pub fn new(background: &[f64], signal: &[f64]) -> Self {
        Roc { background: sorted(background), signal: sorted(signal) }
    }

    /// Probability that a signal event has a larger score than a background event, equal ones counted half; and its error after DeLong, DeLong
    /// and Clarke-Pearson (Biometrics 44 (1988) 837). Absent where either sample is empty.
    pub fn auc(&self) -> Option<(f64, f64)> {
        if self.signal.is_empty() || self.background.is_empty() {
            return None;
        }
        let of_signal = placements(&self.signal, &self.background);
        let of_background = placements(&self.background, &self.signal);
        let (n, m) = (of_signal.len() as f64, of_background.len() as f64);
        let auc = of_signal.iter().sum::<f64>() / n;
        Some((auc, (variance(&of_signal) / n + variance(&of_background) / m).sqrt()))
    }

    /// The lowest threshold that keeps at most `rate` of the background: exact, since it cuts between the events that there are.
    fn threshold(&self, rate: f64) -> f64 {
        let n = self.background.len();
        let kept = ((rate * n as f64) as usize).min(n - 1);
        self.background[n - 1 - kept]
    }

    /// What is kept at a background rate; absent where no background event is left to tell.
    pub fn at(&self, rate: f64) -> Option<WorkingPoint> {
        let n = self.background.len() as f64;
        // So that 1e-3 of 1000 is 1.
        let rate_up = rate * (1.0 + 1e-9);
        if self.background.is_empty() || rate_up * n < 1.0 || rate >= 1.0 {
            return None;
        }
        let threshold = self.threshold(rate_up);
        let efficiency = (!self.signal.is_empty()).then(|| above(&self.signal, threshold));
        let error = |e: f64| {
            let counted = e * (1.0 - e) / self.signal.len() as f64;
            // As far as the threshold may lie to both sides.
            let shift = (rate * (1.0 - rate) / n).sqrt();
            let [low, high] =
                [(rate - shift).max(0.0), (rate + shift).min(1.0)].map(|r| above(&self.signal, self.threshold(r)));
            (counted + (0.5 * (high - low)).powi(2)).sqrt()
        };
        Some(WorkingPoint {
            rate,
            threshold,
            background_rate: above(&self.background, threshold),
            efficiency,
            efficiency_error: efficiency.map(error),
        })
    }

    /// The curve, at background rates evenly spaced in their logarithm down to one event, and at 1.
    pub fn curve(&self, points: usize) -> Vec<Point> {
        if self.signal.is_empty() || self.background.is_empty() {
            return Vec::new();
        }
        let least = 1.0 / self.background.len() as f64;
        let mut curve: Vec<Point> = (0..points)
            .map(|i| self.threshold(least.powf(1.0 - i as f64 / points as f64)))
            .map(|t| Point { background: above(&self.background, t), signal: above(&self.signal, t) })
            .chain([Point { background: 1.0, signal: 1.0 }])
            .collect();
        curve.dedup();
        curve
    }
}

//! Histograms of two samples on the same bins, and how far the two lie apart.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Counts in bins of equal width.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Histogram {
    /// Lower edge of the first bin.
    pub low: f64,
    /// Upper edge of the last bin; values on it count there.
    pub high: f64,
    /// Counts, bin by bin.
    pub counts: Vec<u64>,
    /// Values below `low`.
    pub below: u64,
    /// Values above `high`.
    pub above: u64,
}

/// Bins of a histogram before there are values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Binning {
    /// Lower edge of the first bin.
    pub low: f64,
    /// Upper edge of the last bin.
    pub high: f64,
    /// How many bins.
    pub bins: usize,
}

impl Binning {
    /// About `bins` bins over `low..=high`. Bins of integers begin halfway between two of them and are whole numbers
    /// wide: other bins hold now one integer, now two, and the histogram gets teeth.
    pub fn new(low: f64, high: f64, bins: usize, integer: bool) -> Self {
        let bins = bins.max(1);
        if integer {
            let (first, last) = (low.floor(), high.ceil());
            let width = ((last - first + 1.0) / bins as f64).ceil().max(1.0);
            let bins = ((last - first + 1.0) / width).ceil().max(1.0);
            return Binning { low: first - 0.5, high: first - 0.5 + bins * width, bins: bins as usize };
        }
        if high > low {
            return Binning { low, high, bins };
        }
        let half = if low == 0.0 { 0.5 } else { low.abs() * 0.5 };
        Binning { low: low - half, high: low + half, bins }
    }

    /// The histogram of `values`.
    pub fn fill(self, values: impl Iterator<Item = f64>) -> Histogram {
        let mut h = Histogram { low: self.low, high: self.high, counts: vec![0; self.bins], below: 0, above: 0 };
        let scale = self.bins as f64 / (self.high - self.low);
        for v in values {
            if v < self.low {
                h.below += 1;
            } else if v > self.high {
                h.above += 1;
            } else {
                h.counts[(((v - self.low) * scale) as usize).min(self.bins - 1)] += 1;
            }
        }
        h
    }
}

impl Histogram {
    /// Width of a bin.
    pub fn width(&self) -> f64 {
        (self.high - self.low) / self.counts.len().max(1) as f64
    }

    /// Lower edge of bin `i`; of one past the last bin, its upper edge.
    pub fn edge(&self, i: usize) -> f64 {
        self.low + self.width() * i as f64
    }
}

/// Chi-square of two histograms of equally many events, and its degrees of freedom.
///
/// `sum (a - b)^2 / (a + b)` over the bins, neighbours joined until a pair of bins holds 10 events, what lies outside of
/// the bins included. The two samples are the same events before and after, so a faithful reconstruction lies well below
/// 1 a degree of freedom; a value near 1 means that the change is as large as the statistical error of independent data.
///
/// Absent where there are fewer than two groups of bins.
pub fn chi_square(a: &Histogram, b: &Histogram) -> Option<(f64, usize)> {
    const ENOUGH: u64 = 10;
    let with_ends = |h: &Histogram| -> Vec<u64> {
        std::iter::once(h.below).chain(h.counts.iter().copied()).chain(std::iter::once(h.above)).collect()
    };
    let mut groups: Vec<(u64, u64)> = Vec::new();
    let mut open = (0, 0);
    for (x, y) in with_ends(a).into_iter().zip(with_ends(b)) {
        open = (open.0 + x, open.1 + y);
        if open.0 + open.1 >= ENOUGH {
            groups.push(std::mem::take(&mut open));
        }
    }
    // What is left at the end joins the last group.
    if let Some(last) = groups.last_mut() {
        *last = (last.0 + open.0, last.1 + open.1);
    }
    if groups.len() < 2 {
        return None;
    }
    let chi2 = groups.iter().map(|(x, y)| (*x as f64 - *y as f64).powi(2) / (x + y) as f64).sum();
    Some((chi2, groups.len() - 1))
}

/// Wasserstein distance (the earth mover's, of order 1) of two sorted samples of one length, in their unit.
pub fn wasserstein(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| (x - y).abs()).sum::<f64>() / a.len().max(1) as f64
}

/// The value below which a fraction `q` of a sorted sample lies; 0 of an empty one.
pub fn quantile(sorted: &[f64], q: f64) -> f64 {
    sorted.get((sorted.len().saturating_sub(1) as f64 * q) as usize).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_fall_into_bins_of_whole_numbers() {
        let b = Binning::new(0.0, 127.0, 50, true);
        assert_eq!((b.low, b.high, b.bins), (-0.5, 128.5, 43));
        let h = b.fill((0..=127).map(f64::from));
        assert!(h.counts[..42].iter().all(|c| *c == 3), "{:?}", h.counts);
        assert_eq!(h.counts.iter().sum::<u64>() + h.below + h.above, 128);
    }

    #[test]
    fn a_constant_has_a_histogram_too() {
        let h = Binning::new(3.0, 3.0, 10, false).fill([3.0; 7].into_iter());
        assert_eq!((h.counts.iter().sum::<u64>(), h.below + h.above), (7, 0));
    }

    #[test]
    fn chi_square_and_wasserstein_equal_the_values_worked_out_by_hand() {
        let h = |counts: &[u64]| Histogram { low: 0.0, high: 3.0, counts: counts.to_vec(), below: 0, above: 0 };
        let (chi2, ndf) = chi_square(&h(&[30, 50, 20]), &h(&[20, 50, 30])).unwrap();
        assert_eq!((chi2, ndf), (100.0 / 50.0 + 0.0 + 100.0 / 50.0, 2));
        // 3 + 4 events are too few for a group of their own: they join the bin before.
        let (chi2, ndf) = chi_square(&h(&[30, 50, 3]), &h(&[30, 49, 4])).unwrap();
        assert_eq!((chi2, ndf), (0.0, 1));
        assert_eq!(chi_square(&h(&[5, 0, 0]), &h(&[5, 0, 0])), None);
        assert_eq!(wasserstein(&[0.0, 1.0, 3.0], &[5.0, 6.0, 8.0]), 5.0);
    }
}

//! Pairs of original and reconstructed values, taken in piece by piece in bounded memory.

/// Pairs kept for quantiles and histograms: 64 MiB of them. Above that a fixed pseudo-random half is dropped, and again.
pub(super) const CAPACITY: usize = 1 << 22;

/// Sums over all pairs, and the pairs themselves or, of a long stream, a representative part.
///
/// Moments, range and largest error are exact however long the stream is. The kept part depends on nothing but the
/// positions, so that two runs keep the same one and pieces of any length give the same figures.
#[derive(Clone, Debug)]
pub struct Pairs {
    /// Values seen, finite or not.
    pub seen: u64,
    /// Pairs with a value that is not finite on either side: left out of everything else.
    pub not_finite: u64,
    /// Of those, pairs that are not the same on both sides (NaN for NaN, infinity for the same infinity).
    pub not_finite_changed: u64,
    /// Sum of reconstructed minus original.
    pub sum: f64,
    /// Sum of its squares.
    pub squares: f64,
    /// Largest magnitude of it.
    pub max_abs: f64,
    /// Smallest original.
    pub low: f64,
    /// Largest original.
    pub high: f64,
    /// (original, reconstructed), finite.
    pub kept: Vec<(f64, f64)>,
    mask: u64,
    capacity: usize,
}

impl Default for Pairs {
    fn default() -> Self {
        Pairs::with_capacity(CAPACITY)
    }
}

impl Pairs {
    /// Keeps at most `capacity` pairs.
    pub fn with_capacity(capacity: usize) -> Self {
        Pairs {
            seen: 0,
            not_finite: 0,
            not_finite_changed: 0,
            sum: 0.0,
            squares: 0.0,
            max_abs: 0.0,
            low: f64::INFINITY,
            high: f64::NEG_INFINITY,
            kept: Vec::new(),
            mask: 0,
            capacity: capacity.max(1),
        }
    }

    /// Takes in the next pair.
    pub fn push(&mut self, x: f64, y: f64) {
        let position = self.seen;
        self.seen += 1;
        if !(x.is_finite() && y.is_finite()) {
            self.not_finite += 1;
            self.not_finite_changed += u64::from(!(x == y || (x.is_nan() && y.is_nan())));
            return;
        }
        let residual = y - x;
        self.sum += residual;
        self.squares += residual * residual;
        self.max_abs = self.max_abs.max(residual.abs());
        self.low = self.low.min(x);
        self.high = self.high.max(x);
        if scramble(position) & self.mask == 0 {
            self.kept.push((x, y));
            while self.kept.len() > self.capacity {
                self.thin();
            }
        }
    }

    /// Drops about half of the kept pairs. Which ones is drawn from their order, not from a stride: a stride would
    /// pick the same element of every row of a vector column.
    fn thin(&mut self) {
        self.mask = self.mask << 1 | 1;
        let bit = self.mask.count_ones();
        let mut index = 0u64;
        self.kept.retain(|_| {
            index += 1;
            scramble(index << 8 | u64::from(bit)) & 1 == 0
        });
    }

    /// Finite pairs.
    pub fn count(&self) -> u64 {
        self.seen - self.not_finite
    }

    /// Root mean square of the residuals.
    pub fn rms(&self) -> f64 {
        (self.squares / self.count().max(1) as f64).sqrt()
    }

    /// Mean residual.
    pub fn bias(&self) -> f64 {
        self.sum / self.count().max(1) as f64
    }

    /// Largest minus smallest original. A constant column has none: its error counts in its own unit.
    pub fn range(&self) -> f64 {
        if self.high > self.low { self.high - self.low } else { 1.0 }
    }
}

/// A fixed mixing of bits (the finaliser of the `splitmix64` generator).
fn scramble(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_stream_keeps_a_representative_part_and_exact_sums() {
        let mut p = Pairs::with_capacity(4000);
        let n = 100_000;
        for i in 0..n {
            p.push(f64::from(i % 64), f64::from(i % 64) + 0.5);
        }
        assert!(p.kept.len() <= 4000 && p.kept.len() > 1500, "{}", p.kept.len());
        assert_eq!((p.count(), p.bias(), p.rms()), (n as u64, 0.5, 0.5));
        // Every element of a row of 64 is still there.
        for element in 0..64 {
            let share = p.kept.iter().filter(|(x, _)| *x == f64::from(element)).count() as f64 / p.kept.len() as f64;
            assert!((share * 64.0 - 1.0).abs() < 0.6, "element {element}: {share}");
        }
    }

    #[test]
    fn values_that_are_not_finite_are_counted_and_left_out() {
        let mut p = Pairs::default();
        for (x, y) in [(1.0, 2.0), (f64::NAN, f64::NAN), (f64::INFINITY, 3.0), (2.0, f64::NAN)] {
            p.push(x, y);
        }
        assert_eq!((p.seen, p.not_finite, p.not_finite_changed, p.count()), (4, 3, 2, 1));
        assert_eq!((p.rms(), p.low, p.high), (1.0, 1.0, 1.0));
    }
}

//! Random numbers with the same bits on every machine.

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;

use crate::fixed::portable::{exp, ln};

/// A stream of random numbers.
pub struct Draw(ChaCha8Rng);

impl Draw {
    /// The stream of `seed`.
    pub fn new(seed: u64) -> Self {
        Draw(ChaCha8Rng::seed_from_u64(seed))
    }

    /// From `[0, 1)`.
    pub fn uniform(&mut self) -> f64 {
        self.0.random()
    }

    /// From `[low, high)`.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }

    /// Exponential of the mean `mean`.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * ln(1.0 - self.uniform())
    }

    /// Normal of mean 0 and standard deviation 1, by Marsaglia's polar method: it needs no trigonometry.
    pub fn normal(&mut self) -> f64 {
        loop {
            let (x, y) = (self.between(-1.0, 1.0), self.between(-1.0, 1.0));
            let s = x * x + y * y;
            if s > 0.0 && s < 1.0 {
                return x * (-2.0 * ln(s) / s).sqrt();
            }
        }
    }

    /// Poisson of the mean `mean`, which should be small (tens): one draw a count.
    pub fn poisson(&mut self, mean: f64) -> usize {
        let (limit, mut product, mut n) = (exp(-mean), self.uniform(), 0);
        while product > limit {
            product *= self.uniform();
            n += 1;
        }
        n
    }

    /// From a density falling as `x^-(slope + 1)` between `low` and `high`.
    pub fn power_law(&mut self, low: f64, high: f64, slope: f64) -> f64 {
        let u = self.between(exp(-slope * ln(high / low)), 1.0);
        low * exp(-ln(u) / slope)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_and_variances_are_those_of_the_distributions() {
        let mut draw = Draw::new(1);
        let n = 40_000;
        let mut moments = |f: &mut dyn FnMut(&mut Draw) -> f64| {
            let v: Vec<f64> = (0..n).map(|_| f(&mut draw)).collect();
            let mean = v.iter().sum::<f64>() / n as f64;
            (mean, v.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n as f64)
        };
        // Five standard deviations of a mean of 40,000 draws are below 0.03 of the standard deviation.
        for ((mean, variance), (want_mean, want_variance)) in [
            (moments(&mut |d| d.normal()), (0.0, 1.0)),
            (moments(&mut |d| d.exponential(2.0)), (2.0, 4.0)),
            (moments(&mut |d| d.poisson(3.0) as f64), (3.0, 3.0)),
        ] {
            let sigma: f64 = f64::sqrt(want_variance);
            assert!((mean - want_mean).abs() < 0.03 * sigma, "{mean} {want_mean}");
            assert!((variance / want_variance - 1.0).abs() < 0.1, "{variance} {want_variance}");
        }
        let tail: Vec<f64> = (0..n).map(|_| draw.power_law(3.0, 1000.0, 1.0)).collect();
        assert!(tail.iter().all(|x| (3.0..=1000.0).contains(x)));
        let above = tail.iter().filter(|x| **x > 30.0).count() as f64 / n as f64;
        // (1/30 - 1/1000) / (1/3 - 1/1000)
        assert!((above - 0.0973).abs() < 0.008, "{above}");
    }
}

//! A frequency model that learns while it codes.
//!
//! Frequencies are integers; the cumulative ones live in a Fenwick tree. `constriction` wants probabilities that sum to
//! `2^PRECISION`, so cumulative frequency `c` of `total` stands at `c * 2^PRECISION / total`, rounded down. Encoder and
//! decoder compute the same integers, whatever the machine.

use std::borrow::Borrow;
use std::num::NonZeroU32;

use constriction::stream::model::{DecoderModel, EncoderModel, EntropyModel};

/// Bits of a probability.
pub const PRECISION: usize = 28;
/// What one occurrence adds; an unseen symbol has frequency 1.
const INCREMENT: u32 = 16;
/// All frequencies are halved when their sum would pass this; far below `2^PRECISION`, so none becomes impossible.
const LIMIT: u32 = 1 << 18;

/// Frequencies of the symbols `0..n`.
pub struct Adaptive {
    frequency: Vec<u32>,
    /// `tree[i]` is the sum over the `i & -i` frequencies that end at `i`, 1-based.
    tree: Vec<u32>,
    total: u32,
}

impl Adaptive {
    /// Equal frequencies for `n` symbols; at least two, since the coder has no probability one. `n` must be below 2^16.
    pub fn new(n: usize) -> Self {
        let mut model = Adaptive { frequency: vec![1; n.max(2)], tree: Vec::new(), total: 0 };
        model.rebuild();
        model
    }

    /// Learns one occurrence of `symbol`.
    pub fn update(&mut self, symbol: usize) {
        self.frequency[symbol] += INCREMENT;
        self.total += INCREMENT;
        let mut i = symbol + 1;
        while i < self.tree.len() {
            self.tree[i] += INCREMENT;
            i += i & i.wrapping_neg();
        }
        if self.total > LIMIT {
            self.frequency.iter_mut().for_each(|f| *f = f.div_ceil(2));
            self.rebuild();
        }
    }

    fn rebuild(&mut self) {
        self.total = self.frequency.iter().sum();
        self.tree = std::iter::once(0).chain(self.frequency.iter().copied()).collect();
        for i in 1..self.tree.len() {
            let parent = i + (i & i.wrapping_neg());
            if parent < self.tree.len() {
                self.tree[parent] += self.tree[i];
            }
        }
    }

    fn cumulative(&self, symbol: usize) -> u32 {
        let (mut i, mut sum) = (symbol, 0);
        while i > 0 {
            sum += self.tree[i];
            i &= i - 1;
        }
        sum
    }

    /// Left edge and width of the frequencies `left..left + frequency` in units of `2^-PRECISION`.
    fn interval(&self, left: u32, frequency: u32) -> (u32, NonZeroU32) {
        let scale = |c: u32| ((u64::from(c) << PRECISION) / u64::from(self.total)) as u32;
        let low = scale(left);
        let width = NonZeroU32::new(scale(left + frequency) - low).expect("total is below 2^PRECISION");
        (low, width)
    }
}

impl EntropyModel<PRECISION> for Adaptive {
    type Symbol = usize;
    type Probability = u32;
}

impl EncoderModel<PRECISION> for Adaptive {
    fn left_cumulative_and_probability(&self, symbol: impl Borrow<usize>) -> Option<(u32, NonZeroU32)> {
        let symbol = *symbol.borrow();
        let frequency = *self.frequency.get(symbol)?;
        Some(self.interval(self.cumulative(symbol), frequency))
    }
}

impl DecoderModel<PRECISION> for Adaptive {
    fn quantile_function(&self, quantile: u32) -> (usize, u32, NonZeroU32) {
        // The largest c with floor(c * 2^P / total) <= quantile: exactly the inverse of `interval`.
        let target = (((u64::from(quantile) + 1) * u64::from(self.total) - 1) >> PRECISION) as u32;
        let (mut symbol, mut rest) = (0, target);
        let mut step = self.tree.len().next_power_of_two();
        while step > 0 {
            if let Some(sum) = self.tree.get(symbol + step).filter(|sum| **sum <= rest) {
                rest -= sum;
                symbol += step;
            }
            step /= 2;
        }
        let (low, width) = self.interval(target - rest, self.frequency[symbol]);
        (symbol, low, width)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_tile_the_unit_and_the_inverse_finds_both_edges() {
        let mut model = Adaptive::new(37);
        for i in 0..40_000usize {
            model.update(i * i % 23);
        }
        let mut edge = 0;
        for symbol in 0..37 {
            let (low, width) = model.left_cumulative_and_probability(symbol).unwrap();
            assert_eq!(low, edge);
            edge = low + width.get();
            assert_eq!(model.quantile_function(low), (symbol, low, width));
            assert_eq!(model.quantile_function(edge - 1).0, symbol);
        }
        assert_eq!(edge, 1 << PRECISION);
    }
}

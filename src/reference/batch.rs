//! Many inputs at once: blocks of rows side by side, so that one coefficient meets a block of numbers, and blocks on
//! all threads. This is also the codec's encoder where there is no hardware.

use ndarray::parallel::prelude::*;
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis};

use super::{Elements, Engine};

/// Rows in a block: the sums of one output stay in vector registers.
const BLOCK: usize = 32;

/// An integer wide enough for the sums of a network.
///
/// Arithmetic wraps by name because `IntegerLayer::rows` (64 bits) and `Engine::new` (32 bits) have shown that no
/// partial sum leaves the range; checks in the inner loop would keep it from being vectorized.
trait Lane: Copy + Default {
    fn from_raw(raw: i64) -> Self;
    fn raw(self) -> i64;
    fn add_product(self, a: Self, b: Self) -> Self;
}

impl Lane for i64 {
    fn from_raw(raw: i64) -> i64 {
        raw
    }
    fn raw(self) -> i64 {
        self
    }
    fn add_product(self, a: i64, b: i64) -> i64 {
        self.wrapping_add(a.wrapping_mul(b))
    }
}

impl Lane for i32 {
    fn from_raw(raw: i64) -> i32 {
        raw as i32
    }
    fn raw(self) -> i64 {
        self.into()
    }
    fn add_product(self, a: i32, b: i32) -> i32 {
        self.wrapping_add(a.wrapping_mul(b))
    }
}

impl Engine {
    /// The outputs for many inputs; equal to [`infer`](Engine::infer) row by row.
    ///
    /// * `inputs`: `[rows, n_in]`
    /// * returns: `[rows, n_out]`
    ///
    /// # Panics
    /// As [`infer`](Engine::infer).
    pub fn infer_batch(&self, inputs: &Array2<i64>) -> Array2<i64> {
        assert_eq!(inputs.ncols(), self.n_in(), "input length");
        let mut outputs = Array2::zeros((inputs.nrows(), self.n_out()));
        outputs
            .axis_chunks_iter_mut(Axis(0), BLOCK)
            .into_par_iter()
            .zip(inputs.axis_chunks_iter(Axis(0), BLOCK).into_par_iter())
            .for_each(|(y, x)| if self.narrow { self.block::<i32>(x, y) } else { self.block::<i64>(x, y) });
        outputs
    }

    /// One block; both views have the same number of rows, at most [`BLOCK`]. Lanes without a row compute on zeros.
    fn block<L: Lane>(&self, x: ArrayView2<i64>, mut y: ArrayViewMut2<i64>) {
        let mut all = vec![[L::default(); BLOCK]; self.len];
        for (row, words) in x.rows().into_iter().enumerate() {
            for (i, word) in words.iter().enumerate() {
                assert!(self.input[i].contains(*word), "input word {i}: {word} does not fit {}", self.input[i]);
                all[i][row] = L::from_raw(*word);
            }
        }
        for layer in &self.layers {
            match &layer.elements {
                Elements::Rows(rows) => {
                    for (o, row) in rows.iter().enumerate() {
                        let mut acc = [L::from_raw(row.bias); BLOCK];
                        for (i, coefficient) in &row.terms {
                            let c = L::from_raw(*coefficient);
                            for (sum, word) in acc.iter_mut().zip(&all[*i]) {
                                *sum = sum.add_product(c, *word);
                            }
                        }
                        let out = &mut all[layer.start + o];
                        for (word, sum) in out.iter_mut().zip(&acc).take(x.nrows()) {
                            *word = L::from_raw(layer.finish(row, sum.raw()));
                        }
                    }
                }
                Elements::Tables(tables) => {
                    for (o, (i, first, table)) in tables.iter().enumerate() {
                        for lane in 0..x.nrows() {
                            all[layer.start + o][lane] = L::from_raw(table[(all[*i][lane].raw() - first) as usize]);
                        }
                    }
                }
                Elements::Maxima(windows) => {
                    for (o, window) in windows.iter().enumerate() {
                        for lane in 0..x.nrows() {
                            let largest = window.iter().map(|i| all[*i][lane].raw()).max();
                            all[layer.start + o][lane] = L::from_raw(largest.unwrap_or_default());
                        }
                    }
                }
            }
        }
        let last = &all[self.len - self.n_out()..];
        for (row, mut words) in y.rows_mut().into_iter().enumerate() {
            for (word, lanes) in words.iter_mut().zip(last) {
                *word = lanes[row].raw();
            }
        }
    }
}

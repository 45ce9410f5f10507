//! Rows of words or of features into a block: checked, or rounded, and laid element by element.

use super::kernel::{BLOCK, Lane};
use super::plan::Stores;
use super::store::Store;
use crate::fixed::QFormat;

/// A way from rows of `X` to the input tensor of a block.
pub(super) trait Input<X>: Sync {
    /// `rows` are at most [`BLOCK`] rows of the tensor's length, one after the other.
    fn load(&self, store: &mut Store, tensor: &Stores, rows: &[X]);
}

/// Raw integers, which must lie in their formats.
pub(super) struct Words<'a> {
    formats: &'a [QFormat],
    /// Smallest number and the distance to the largest, one an element.
    min: Vec<i64>,
    span: Vec<u64>,
}

impl<'a> Words<'a> {
    pub fn new(formats: &'a [QFormat]) -> Self {
        let min = formats.iter().copied().map(QFormat::min).collect();
        let span = formats.iter().copied().map(|f| f.max().abs_diff(f.min())).collect();
        Words { formats, min, span }
    }

    /// Says which word is outside its format.
    #[cold]
    fn refuse(&self, row: &[i64]) -> ! {
        let wrong = row.iter().zip(self.formats).enumerate().find(|(_, (x, f))| !f.contains(**x));
        let (i, (word, format)) = wrong.expect("one of the words was outside");
        panic!("input word {i}: {word} does not fit {format}");
    }
}

impl Input<i64> for Words<'_> {
    #[inline(always)]
    fn load(&self, store: &mut Store, tensor: &Stores, rows: &[i64]) {
        let inside = |line: &[i64]| {
            let limits = self.min.iter().zip(&self.span);
            line.iter().zip(limits).fold(true, |all, (x, (min, span))| all & (x.wrapping_sub(*min) as u64 <= *span))
        };
        for x in rows.chunks_exact(tensor.len) {
            if !inside(x) {
                self.refuse(x);
            }
        }
        if tensor.narrow {
            by_line(store, tensor, rows, |x, line| line.iter_mut().zip(x).for_each(|(v, x)| *v = *x as i32));
        } else {
            by_line(store, tensor, rows, |x, line: &mut [i64]| line.copy_from_slice(x));
        }
    }
}

/// Real numbers, rounded to nearest, ties to even, and saturated.
pub(super) struct Features<'a> {
    formats: &'a [QFormat],
    /// Steps in one, smallest and largest number, one an element; none if a number does not fit an `f32` exactly.
    scales: Option<Vec<(f32, f32, f32)>>,
}

impl<'a> Features<'a> {
    pub fn new(formats: &'a [QFormat]) -> Self {
        // Times a power of two is exact in `f32`, unless the result overflows, and is saturated, or is so small that it
        // rounds to 0: what `QFormat::from_f64` gives.
        let scale =
            |f: QFormat| (f.max() < 1 << 24).then_some(((1.0 / f.step()) as f32, f.min() as f32, f.max() as f32));
        Features { formats, scales: formats.iter().copied().map(scale).collect() }
    }
}

impl Input<f32> for Features<'_> {
    #[inline(always)]
    fn load(&self, store: &mut Store, tensor: &Stores, rows: &[f32]) {
        match &self.scales {
            Some(scales) => by_line(store, tensor, rows, |x, line| {
                for ((v, x), (scale, min, max)) in line.iter_mut().zip(x).zip(scales) {
                    // Not `max` and `min`, which would lose a NaN: `as` makes it 0.
                    *v = (x * scale).round_ties_even().clamp(*min, *max) as i32;
                }
            }),
            None => by_line(store, tensor, rows, |x, line: &mut [i64]| {
                for ((v, x), format) in line.iter_mut().zip(x).zip(self.formats) {
                    *v = format.from_f64(f64::from(*x));
                }
            }),
        }
    }
}

/// Converts row by row, by way of a line with an even number of elements.
#[inline(always)]
fn by_line<X, T: Lane>(store: &mut Store, tensor: &Stores, rows: &[X], convert: impl Fn(&[X], &mut [T])) {
    let mut line = vec![T::default(); tensor.len.next_multiple_of(2)];
    for (row, x) in rows.chunks_exact(tensor.len).enumerate().take(BLOCK) {
        convert(x, &mut line[..tensor.len]);
        store.put_row(tensor, row, &line);
    }
}

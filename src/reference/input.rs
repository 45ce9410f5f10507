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
    /// None if a number is beyond [`ROUNDS`].
    scales: Option<Scales>,
}

/// One an element.
struct Scales {
    /// Steps in one.
    scale: Vec<f32>,
    min: Vec<f32>,
    max: Vec<f32>,
}

/// Numbers up to this, plus [`MAGIC`], lie where the neighbours of an `f32` are 1 apart: the sum is rounded to an integer, ties
/// to even, in its low bits. Unlike a conversion, that needs no look at what cannot be converted.
const ROUNDS: i64 = 1 << 22;
const MAGIC: f32 = 12_582_912.0; // 1.5 * 2^23

impl<'a> Features<'a> {
    pub fn new(formats: &'a [QFormat]) -> Self {
        // Times a power of two is exact in `f32`, unless the result overflows, and is saturated, or is so small that it
        // rounds to 0: what `QFormat::from_f64` gives.
        let each = |value: fn(QFormat) -> f64| formats.iter().map(|f| value(*f) as f32).collect();
        let scales =
            Scales { scale: each(|f| 1.0 / f.step()), min: each(|f| f.min() as f64), max: each(|f| f.max() as f64) };
        let small = formats.iter().all(|f| QFormat::min(*f).abs() <= ROUNDS && QFormat::max(*f) <= ROUNDS);
        Features { formats, scales: small.then_some(scales) }
    }
}

impl Input<f32> for Features<'_> {
    #[inline(always)]
    fn load(&self, store: &mut Store, tensor: &Stores, rows: &[f32]) {
        match &self.scales {
            Some(Scales { scale, min, max }) => by_line(store, tensor, rows, |x, line| {
                for ((v, x), ((scale, min), max)) in line.iter_mut().zip(x).zip(scale.iter().zip(min).zip(max)) {
                    let y = if x.is_nan() { 0.0 } else { x * scale };
                    // Selections, each one instruction; the limits are integers, so that they may come before rounding.
                    let y = if y < *min { *min } else { y };
                    let y = if y > *max { *max } else { y };
                    *v = (y + MAGIC).to_bits().wrapping_sub(MAGIC.to_bits()) as i32;
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

//! A grid whose points lie as far apart as values are large: for bounds in parts of each value, and for numbers of bits.
//!
//! An octave `2^e .. 2^(e+1)` is cut into pieces of equal width, each with its own number of steps. With eight pieces the
//! steps follow the logarithm to within a ninth of a bit; one piece of `2^b` steps is a mantissa of `b` bits. No function
//! is needed that another machine may round otherwise.

use crate::entropy::bytes::{Reader, malformed, put_varint};
use crate::error::Result;

/// Pieces of an octave for a bound.
const PIECES: usize = 8;
/// The exponent of the smallest float.
const LOWEST: i64 = -1074;
/// Most steps of a piece, so that numbers have 62 bits.
const MOST_STEPS: u64 = 1 << 47;

/// The grid: number 0 is +0, number `k > 0` the `k`-th point from `2^-1074` up, `-k` the same with a minus sign.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Relative {
    /// What a value may move by, in parts of itself.
    tolerance: f64,
    /// Steps of each piece of an octave.
    steps: Vec<u64>,
    octave: u64,
}

impl Relative {
    fn new(tolerance: f64, steps: Vec<u64>) -> Self {
        let octave = steps.iter().sum();
        Relative { tolerance, steps, octave }
    }

    /// A grid for values that may move by `tolerance` of themselves; none if that is less than what `single` or double floats
    /// are apart.
    pub(super) fn within(tolerance: f64, single: bool) -> Option<Self> {
        // The cast takes its part.
        let rest = tolerance * (1.0 - 1e-9) - if single { 2f64.powi(-24) } else { 2f64.powi(-50) };
        let pieces = PIECES as f64;
        let of = |i: usize| (1.0 / (2.0 * rest * (pieces + i as f64))).ceil();
        let fits = rest > 0.0 && of(0) < if single { 2f64.powi(21) } else { MOST_STEPS as f64 };
        fits.then(|| Relative::new(tolerance, (0..PIECES).map(|i| of(i).max(1.0) as u64).collect()))
    }

    /// A grid of floats with a mantissa of `bits`.
    pub(super) fn bits(bits: u32) -> Self {
        Relative::new(tolerance_of(bits), vec![1 << bits])
    }

    /// How far points are apart at the lower end of an octave, in parts of themselves.
    pub(super) fn spacing(&self) -> f64 {
        1.0 / (self.steps.len() as f64 * self.steps[0] as f64)
    }

    /// What a number stands for, before the cast.
    pub(super) fn value(&self, k: i64) -> f64 {
        let Some(point) = k.unsigned_abs().checked_sub(1) else { return 0.0 };
        let exponent = LOWEST.saturating_add_unsigned(point / self.octave);
        if exponent > 1023 {
            return f64::INFINITY.copysign(k as f64);
        }
        let mut at = point % self.octave;
        let mut piece = 0;
        while at >= self.steps[piece] {
            at -= self.steps[piece];
            piece += 1;
        }
        let part = (piece as f64 + at as f64 / self.steps[piece] as f64) / self.steps.len() as f64;
        ((1.0 + part) * power_of_two(exponent)).copysign(k as f64)
    }

    /// The number of the point nearest to a finite `x`, or next to it.
    pub(super) fn nearest(&self, x: f64) -> i64 {
        let size = x.abs();
        if size == 0.0 || !size.is_finite() {
            return 0;
        }
        let bits = size.to_bits();
        let exponent = if bits >> 52 > 0 { (bits >> 52) as i64 - 1023 } else { LOWEST + i64::from(bits.ilog2()) };
        let place = (size / power_of_two(exponent) - 1.0) * self.steps.len() as f64;
        let piece = (place as usize).min(self.steps.len() - 1);
        let at = ((place - piece as f64) * self.steps[piece] as f64).round_ties_even() as u64;
        let before: u64 = self.steps[..piece].iter().sum();
        let point = (exponent - LOWEST).cast_unsigned() * self.octave + before + at;
        let k = 1 + point.cast_signed();
        if x < 0.0 { -k } else { k }
    }

    /// The number of `x` if what stands for it is near enough, before and after the cast. Not for NaN, infinities and -0.0.
    pub(super) fn number(&self, x: f64, single: bool) -> Option<i64> {
        let k = self.nearest(x);
        let wide = self.value(k);
        let cast = if single { f64::from(wide as f32) } else { wide };
        let most = x.abs() * self.tolerance;
        let near = x.is_finite() && (wide - x).abs() <= most && (cast - x).abs() <= most;
        (near && !(x == 0.0 && x.is_sign_negative())).then_some(k)
    }

    /// Appends tolerance and steps.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.tolerance.to_le_bytes());
        put_varint(out, self.steps.len() as u64);
        self.steps.iter().for_each(|n| put_varint(out, *n));
    }

    /// Reads what [`write`](Self::write) wrote.
    ///
    /// # Errors
    /// [`ContainerDamaged`](crate::Code::ContainerDamaged).
    pub(super) fn read(reader: &mut Reader) -> Result<Self> {
        let tolerance = f64::from_le_bytes(reader.array()?);
        let pieces = reader.count()?;
        if !(1..=PIECES).contains(&pieces) {
            return Err(malformed(format!("octaves of {pieces} pieces")));
        }
        let steps = (0..pieces).map(|_| reader.varint()).collect::<Result<Vec<u64>>>()?;
        if steps.iter().any(|n| !(1..=1 << 52).contains(n)) || steps.iter().sum::<u64>() > 1 << 52 {
            return Err(malformed("an octave of too many or no steps"));
        }
        Ok(Relative::new(tolerance, steps))
    }
}

/// What a mantissa of so many bits may move a value by, in parts of itself.
fn tolerance_of(bits: u32) -> f64 {
    2f64.powi(-1 - bits.cast_signed())
}

/// `2^e` for `-1074 <= e <= 1023`, exactly.
fn power_of_two(e: i64) -> f64 {
    let normal = (e + 1023).cast_unsigned();
    f64::from_bits(if e >= -1022 { normal << 52 } else { 1 << (e - LOWEST) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn values_keep_the_tolerance_and_points_their_numbers(
            x in prop_oneof![any::<f64>(), -1e3..1e3f64, any::<f32>().prop_map(f64::from)],
            exponent in 1..12i32,
            bits in 1..30u32,
            single in any::<bool>(),
        ) {
            let tolerance = 0.7 * 10f64.powi(-exponent);
            let grids = Relative::within(tolerance, single).into_iter().chain([Relative::bits(bits)]);
            for grid in grids.filter(|_| x.is_finite() && x != 0.0) {
                if let Some(k) = grid.number(x, single) {
                    let back = if single { f64::from(grid.value(k) as f32) } else { grid.value(k) };
                    prop_assert!((back - x).abs() <= grid.tolerance * x.abs(), "{x} {back}");
                } else {
                    let smallest = if single { f64::from(f32::MIN_POSITIVE) } else { f64::MIN_POSITIVE };
                    let fine = single && (bits > 22 || exponent > 6);
                    let largest = if single { f64::from(f32::MAX) } else { f64::MAX } * 0.99;
                    let wide = single && f64::from(x as f32) != x;
                    prop_assert!(x.abs() < smallest || x.abs() > largest * (1.0 - grid.tolerance) || fine || wide, "{x} {grid:?}");
                }
                let k = grid.nearest(x);
                if grid.value(k).is_finite() {
                    prop_assert!((grid.nearest(grid.value(k)) - k).abs() <= i64::from(x.abs() < 1e-290));
                    prop_assert!(grid.value(k) < grid.value(k.saturating_add(1)) || x.abs() < 1e-290);
                }
            }
        }
    }

    #[test]
    fn a_mantissa_of_ten_bits_has_1024_steps_and_a_bound_fewer_than_its_logarithm_and_a_ninth_of_a_bit() {
        let grid = Relative::bits(10);
        assert_eq!(grid.value(grid.nearest(1.0) + 1), 1.0 + 1.0 / 1024.0);
        let grid = Relative::within(1e-3, false).unwrap();
        let best = 2f64.ln() / 2e-3;
        assert!((grid.octave as f64) < best * 1.08, "{} {best}", grid.octave);
        assert_eq!((grid.value(0).to_bits(), Relative::within(1e-9, true)), (0, None));
    }
}

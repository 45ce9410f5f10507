//! Fixed-point numbers whose format is known only at run time, and the one place where they lose precision.
//!
//! A raw integer `v` in a format with `frac` fraction bits stands for `v * 2^-frac`. The `fixed` crate has the same
//! numbers with compile-time formats; it is the independent oracle of the tests here and in [`crate::reference`].

pub mod portable;

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Code, Error, Result};

/// A fixed-point format: `width` bits in all, `frac` of them behind the binary point.
///
/// Prints as `fixed<W,I>` or `ufixed<W,I>` with `I = W - frac`, sign bit inside `I` (the `ap_fixed` convention).
/// `frac` may be negative (steps larger than 1) or exceed `width` (numbers below 1/2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QFormat {
    /// Two's complement if true.
    pub signed: bool,
    /// All bits, sign included: 1 to [`QFormat::MAX_WIDTH`].
    pub width: u32,
    /// Bits behind the binary point.
    pub frac: i32,
}

impl QFormat {
    /// Widest format: values, and differences of two values, still fit an `i64`.
    pub const MAX_WIDTH: u32 = 62;
    /// Largest |frac|: keeps every alignment shift inside `i128`.
    pub const MAX_FRAC: i32 = 62;

    /// `fixed<width, width - frac>`.
    pub const fn signed(width: u32, frac: i32) -> Self {
        QFormat { signed: true, width, frac }
    }

    /// `ufixed<width, width - frac>`.
    pub const fn unsigned(width: u32, frac: i32) -> Self {
        QFormat { signed: false, width, frac }
    }

    /// The same format, or why it is not one.
    ///
    /// # Errors
    /// [`Code::Format`] if the width is 0 or above [`QFormat::MAX_WIDTH`], or `frac` is out of range.
    pub fn check(self) -> Result<Self> {
        if self.width == 0 || self.width > Self::MAX_WIDTH {
            return Err(Error::new(Code::Format, format!("a width of {} bits is not supported", self.width))
                .hint(format!("use 1 to {} bits", Self::MAX_WIDTH)));
        }
        if self.frac.abs() > Self::MAX_FRAC {
            return Err(Error::new(Code::Format, format!("{} fraction bits are not supported", self.frac))
                .hint(format!("use -{0} to {0}", Self::MAX_FRAC)));
        }
        Ok(self)
    }

    /// Smallest raw integer.
    pub const fn min(self) -> i64 {
        if self.signed { -(1 << (self.width - 1)) } else { 0 }
    }

    /// Largest raw integer.
    pub const fn max(self) -> i64 {
        if self.signed { (1 << (self.width - 1)) - 1 } else { (1 << self.width) - 1 }
    }

    /// Whether `raw` is a number of this format.
    pub const fn contains(self, raw: i64) -> bool {
        raw >= self.min() && raw <= self.max()
    }

    /// Whether `raw` lies at an end of the range, where it may be saturated. Zero of an unsigned format is none, nor is a flag of one bit.
    pub const fn is_end(self, raw: i64) -> bool {
        self.width > 1 && (raw == self.max() || (self.signed && raw == self.min()))
    }

    /// The distance between neighbours, `2^-frac`.
    pub fn step(self) -> f64 {
        exp2i(-self.frac)
    }

    /// The real number that `raw` stands for.
    pub fn to_f64(self, raw: i64) -> f64 {
        raw as f64 * self.step()
    }

    /// The nearest raw integer (ties to even), saturated. NaN becomes 0: check for it where data enter.
    pub fn from_f64(self, value: f64) -> i64 {
        // `as` saturates at the i64 limits, which lie outside every format.
        ((value / self.step()).round_ties_even() as i64).clamp(self.min(), self.max())
    }

    /// The `width` low bits of `raw`, as they travel on a bus.
    pub const fn to_bits(self, raw: i64) -> u64 {
        (raw as u64) & (u64::MAX >> (64 - self.width))
    }

    /// The number whose bus bits are `bits`.
    pub const fn from_bits(self, bits: u64) -> i64 {
        wrap(bits as i128, self)
    }
}

impl fmt::Display for QFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.signed { "" } else { "u" };
        write!(f, "{sign}fixed<{},{}>", self.width, self.width as i32 - self.frac)
    }
}

/// `2^e` exactly.
pub fn exp2i(e: i32) -> f64 {
    2f64.powi(e)
}

/// What happens to the bits below the last one kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rounding {
    /// Toward minus infinity: drop the bits. Costs nothing in hardware.
    #[doc(alias = "AP_TRN")]
    #[default]
    Truncate,
    /// To nearest, ties toward plus infinity: add half a step, then drop.
    #[doc(alias = "AP_RND")]
    HalfUp,
    /// To nearest, ties to even (convergent).
    #[doc(alias = "AP_RND_CONV")]
    HalfEven,
}

/// What happens to a number beyond the format's range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Overflow {
    /// Keep the low bits.
    #[doc(alias = "AP_WRAP")]
    Wrap,
    /// Clamp to the range.
    #[doc(alias = "AP_SAT")]
    #[default]
    Saturate,
    /// Clamp to the range that is symmetric about zero: the most negative number is never produced.
    #[doc(alias = "AP_SAT_SYM")]
    SaturateSymmetric,
}

/// Drops `shift` low bits of `raw` (a negative `shift` appends zeros).
///
/// # Panics
/// In builds with overflow checks, if a left shift leaves `i128`: callers bound it by [`QFormat::MAX_FRAC`].
pub const fn shift_round(raw: i128, shift: i32, rounding: Rounding) -> i128 {
    if shift <= 0 {
        return raw << -shift;
    }
    if shift > 126 {
        return if raw < 0 && matches!(rounding, Rounding::Truncate) { -1 } else { 0 };
    }
    let floor = raw >> shift;
    let rest = raw - (floor << shift); // 0 <= rest < 2^shift
    let half = 1i128 << (shift - 1);
    match rounding {
        Rounding::Truncate => floor,
        Rounding::HalfUp => floor + (rest >= half) as i128,
        Rounding::HalfEven => floor + (rest > half || (rest == half && floor & 1 == 1)) as i128,
    }
}

/// Brings a rounded number into the range of `to`.
pub const fn limit(value: i128, to: QFormat, overflow: Overflow) -> i64 {
    let (min, max) = (to.min() as i128, to.max() as i128);
    let low = match overflow {
        Overflow::Wrap => return wrap(value, to),
        Overflow::Saturate => min,
        Overflow::SaturateSymmetric => {
            if to.signed {
                -max
            } else {
                min
            }
        }
    };
    if value < low {
        low as i64
    } else if value > max {
        max as i64
    } else {
        value as i64
    }
}

const fn wrap(value: i128, to: QFormat) -> i64 {
    let low = (value as u128 & (u128::MAX >> (128 - to.width))) as i64;
    if to.signed && (low >> (to.width - 1)) & 1 == 1 { low - (1 << to.width) } else { low }
}

/// Brings `raw`, in units of `2^-from_frac`, to the format `to`: shift, round, then overflow, in that order.
///
/// The only place a data path loses precision. The emitted stage does the same operations in the same order, and
/// [`crate::hw`]'s tests hold the two together.
///
/// * `raw`: integer in units of `2^-from_frac`
/// * returns: integer in units of `2^-to.frac`, always within `to`
///
/// # Example
/// ```
/// use sluice::fixed::{Overflow, QFormat, Rounding, requantize};
/// let to = QFormat::signed(6, 1); // from fixed<8,5> (3 fraction bits) to fixed<6,5>
/// let even = |raw| requantize(raw, 3, to, Rounding::HalfEven, Overflow::Saturate);
/// assert_eq!(even(6), 2); //  0.75 is halfway: to even, 1.0
/// assert_eq!(even(2), 0); //  0.25 is halfway: to even, 0.0
/// assert_eq!(even(127), 31); // 15.875 rounds past the top: saturates at 15.5
/// ```
///
/// Source: `AP_TRN`, `AP_RND`, `AP_RND_CONV` and `AP_WRAP`, `AP_SAT`, `AP_SAT_SYM` of the `ap_fixed` types;
/// derivation and bounds in docs/NUMERICS.md.
pub const fn requantize(raw: i128, from_frac: i32, to: QFormat, rounding: Rounding, overflow: Overflow) -> i64 {
    limit(shift_round(raw, from_frac - to.frac, rounding), to, overflow)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::fixed::types::extra::{U0, U4};
    use ::fixed::{FixedI8, FixedI32};

    #[test]
    fn all_nine_modes_equal_the_fixed_crate() {
        // 32-bit source with 7 fraction bits to 8 bits with 3: every residue and both overflows occur. The fixed crate
        // rounds to integers, so its source has the same bits with 4 fraction bits.
        let to = QFormat::signed(8, 3);
        for raw in -9000i32..9000 {
            let wide = FixedI32::<U4>::from_bits(raw);
            let half = FixedI32::<U4>::from_num(0.5);
            for (rounding, whole) in [
                (Rounding::Truncate, wide.floor()),
                (Rounding::HalfUp, (wide + half).floor()),
                (Rounding::HalfEven, wide.round_ties_even()),
            ] {
                let saturated = whole.saturating_to_num::<FixedI8<U0>>().to_bits();
                for (overflow, limited) in [
                    (Overflow::Wrap, whole.wrapping_to_num::<FixedI8<U0>>().to_bits()),
                    (Overflow::Saturate, saturated),
                    (Overflow::SaturateSymmetric, saturated.max(-i8::MAX)),
                ] {
                    let ours = requantize(raw.into(), 7, to, rounding, overflow);
                    assert_eq!(ours, i64::from(limited), "{raw} {rounding:?} {overflow:?}");
                }
            }
        }
    }

    #[test]
    fn requantize_saturates_at_the_format_maximum() {
        let to = QFormat::unsigned(8, 4);
        assert_eq!(requantize(5000, 4, to, Rounding::Truncate, Overflow::Saturate), 255);
        assert_eq!(requantize(-1, 4, to, Rounding::Truncate, Overflow::Saturate), 0);
    }

    #[test]
    fn symmetric_saturation_never_gives_the_most_negative_number() {
        let to = QFormat::signed(4, 0);
        assert_eq!(requantize(-100, 0, to, Rounding::Truncate, Overflow::SaturateSymmetric), -7);
        assert_eq!(requantize(-8, 0, to, Rounding::Truncate, Overflow::Saturate), -8);
    }

    #[test]
    fn bus_bits_and_numbers_are_inverse() {
        for format in [QFormat::signed(5, 2), QFormat::unsigned(5, 9), QFormat::signed(1, 0), QFormat::signed(62, 0)] {
            for raw in [format.min(), format.max(), 0, format.min() / 2] {
                assert_eq!(format.from_bits(format.to_bits(raw)), raw, "{format} {raw}");
            }
        }
    }

    #[test]
    fn formats_print_as_ap_fixed() {
        assert_eq!(QFormat::signed(8, 3).to_string(), "fixed<8,5>");
        assert_eq!(QFormat::unsigned(8, 9).to_string(), "ufixed<8,-1>");
    }

    #[test]
    fn impossible_formats_are_rejected_with_a_hint() {
        let e = QFormat::signed(0, 0).check().unwrap_err();
        assert_eq!(e.to_string(), "error[Q001]: a width of 0 bits is not supported\n  hint:  use 1 to 62 bits");
    }
}

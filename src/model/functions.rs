//! Functions by name as tables of integers.
//!
//! A model holds integers only; a name is for the one who writes it, and `sluice import` replaces it by what this module
//! gives. Every entry is the function at the real number that the raw input stands for, rounded to the nearest number of the
//! output format, ties to even, and saturated. Where the result is a binary fraction (leaky ReLU, float codes, logarithms of
//! powers of two) that is exact. Elsewhere it has no tie to break, and comes of [`portable`] functions: the same integers on
//! every machine, the right ones unless the result lies within 2^-48 of the largest output of half a step.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Code, Error, Result};
use crate::fixed::{Overflow, QFormat, Rounding, portable, requantize};

use super::layer_check::WIDEST_LOOKUP;

/// An element-wise function.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "name", rename_all = "snake_case", deny_unknown_fields)]
pub enum Function {
    /// Hyperbolic tangent.
    Tanh,
    /// `1 / (1 + e^-x)`.
    Sigmoid,
    /// `x` from 0 on, `slope * x` below.
    LeakyRelu {
        /// Usually between 0 and 1.
        slope: f64,
    },
    /// `scale * log2(1 + x)` from 0 on, its odd continuation below.
    Log2 {
        /// Factor of the result.
        #[serde(default = "one")]
        scale: f64,
    },
    /// An unsigned floating-point code to the number that it stands for: mantissa `m` and exponent `e`, which are the low and
    /// the high bits, give `m` if `e` is 0, else `(2^mantissa_bits + m) * 2^(e - 1)`. The defaults are those of the 7-bit
    /// trigger-cell charges of the ECON-T.
    FloatCode {
        /// High bits.
        #[serde(default = "four")]
        exponent_bits: u32,
        /// Low bits.
        #[serde(default = "three")]
        mantissa_bits: u32,
    },
}

fn one() -> f64 {
    1.0
}
fn three() -> u32 {
    3
}
fn four() -> u32 {
    4
}

/// A result before rounding.
enum Real {
    /// `mantissa * 2^exponent`.
    Exact(i128, i32),
    Near(f64),
}

impl Function {
    /// The table: an entry for each raw input from `from.min()` to `from.max()`, a raw integer of `to`.
    ///
    /// # Errors
    /// [`Code::ModelForm`] if a parameter makes no sense, [`Code::ModelShape`] if the code does not have the input's width,
    /// [`Code::Unsupported`] if the input is wider than a table can be.
    pub fn table(&self, from: QFormat, to: QFormat) -> Result<Vec<i64>> {
        let (from, to) = (from.check()?, to.check()?);
        if from.width > WIDEST_LOOKUP {
            return Err(Error::new(Code::Unsupported, format!("a table of inputs of {} bits", from.width))
                .hint(format!("{WIDEST_LOOKUP} is the most: requantize to fewer in the layer before")));
        }
        match *self {
            Function::LeakyRelu { slope: n } | Function::Log2 { scale: n } if !n.is_finite() || n.abs() > 1e6 => {
                return Err(Error::new(Code::ModelForm, format!("{n:e} is no factor for a function"))
                    .hint("use a number between -1e6 and 1e6"));
            }
            Function::FloatCode { exponent_bits, mantissa_bits } => {
                let bits = exponent_bits.saturating_add(mantissa_bits);
                if exponent_bits > 6 {
                    return Err(Error::new(Code::ModelForm, format!("an exponent of {exponent_bits} bits"))
                        .hint("6 is the most"));
                }
                if from != QFormat::unsigned(bits, 0) {
                    return Err(Error::new(
                        Code::ModelShape,
                        format!("a code of {exponent_bits} and {mantissa_bits} bits is read from {from}"),
                    )
                    .hint(format!("the input of the lookup must be {}", QFormat::unsigned(bits, 0))));
                }
            }
            _ => {}
        }
        Ok((from.min()..=from.max()).map(|x| rounded(self.at(x, from), to)).collect())
    }

    /// The function of a raw integer.
    fn at(&self, x: i64, from: QFormat) -> Real {
        let (value, magnitude) = (from.to_f64(x), from.to_f64(x).abs());
        let signed = |y: f64| Real::Near(if x < 0 { -y } else { y });
        match *self {
            Function::Tanh | Function::Sigmoid | Function::Log2 { .. } if x == 0 => {
                Real::Exact((*self == Function::Sigmoid).into(), -1)
            }
            Function::Tanh => {
                let e = portable::exp(-2.0 * magnitude);
                signed((1.0 - e) / (1.0 + e))
            }
            Function::Sigmoid => {
                let e = portable::exp(-magnitude);
                Real::Near(if x < 0 { e / (1.0 + e) } else { 1.0 / (1.0 + e) })
            }
            Function::LeakyRelu { .. } if x >= 0 => Real::Exact(x.into(), -from.frac),
            Function::LeakyRelu { slope } => {
                let (m, e) = parts(slope);
                Real::Exact(i128::from(x) * m, e - from.frac)
            }
            Function::Log2 { scale } => {
                // 1 + |x| as an integer times a power of two.
                let (n, exponent) = match from.frac {
                    f if f >= 0 => ((1i128 << f) + i128::from(x.abs()), -f),
                    f => (1 + (i128::from(x.abs()) << -f), 0),
                };
                if n & (n - 1) == 0 {
                    let (m, e) = parts(scale);
                    let log = i128::from(n.trailing_zeros() as i32 + exponent);
                    return Real::Exact(if x < 0 { -log * m } else { log * m }, e);
                }
                signed(scale * portable::ln(1.0 + value.abs()) / std::f64::consts::LN_2)
            }
            Function::FloatCode { mantissa_bits, .. } => {
                let (e, m) = (x >> mantissa_bits, i128::from(x & ((1 << mantissa_bits) - 1)));
                Real::Exact(if e == 0 { m } else { ((1 << mantissa_bits) + m) << (e - 1) }, 0)
            }
        }
    }
}

/// A finite number as an integer times a power of two.
fn parts(x: f64) -> (i128, i32) {
    let bits = x.to_bits();
    let (exponent, low) = ((bits >> 52 & 0x7ff) as i32, i128::from(bits & ((1 << 52) - 1)));
    let m = if exponent == 0 { low } else { low | 1 << 52 };
    (if x < 0.0 { -m } else { m }, exponent.max(1) - 1075)
}

/// To the nearest, ties to even, saturated.
fn rounded(y: Real, to: QFormat) -> i64 {
    match y {
        Real::Near(y) => to.from_f64(y),
        Real::Exact(0, _) => 0,
        // What would not fit 127 bits is beyond every format.
        Real::Exact(m, e) if e + to.frac > m.unsigned_abs().leading_zeros() as i32 - 2 => {
            if m < 0 {
                to.min()
            } else {
                to.max()
            }
        }
        Real::Exact(m, e) => requantize(m, -e, to, Rounding::HalfEven, Overflow::Saturate),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_the_nearest_integers_of_the_functions() {
        let from = QFormat::signed(9, 5);
        for to in [QFormat::signed(8, 6), QFormat::unsigned(7, 6), QFormat::signed(12, 11), QFormat::signed(4, -1)] {
            type Plain = fn(f64) -> f64;
            let plain: [(Function, Plain); 4] = [
                (Function::Tanh, f64::tanh),
                (Function::Sigmoid, |x| 1.0 / (1.0 + (-x).exp())),
                (Function::LeakyRelu { slope: 0.125 }, |x| if x < 0.0 { 0.125 * x } else { x }),
                (Function::Log2 { scale: 2.5 }, |x| 2.5 * (1.0 + x.abs()).log2() * x.signum()),
            ];
            for (function, plain) in plain {
                let table = function.table(from, to).unwrap();
                assert_eq!(table.len(), 512);
                for (x, y) in (from.min()..).zip(table) {
                    assert_eq!(y, to.from_f64(plain(from.to_f64(x))), "{function:?} of {x} in {to}");
                }
            }
        }
    }

    #[test]
    fn what_is_exact_is_rounded_exactly() {
        // 0.1 is a little more than a tenth: -5 times it is beyond the tie, and -4 times 1/8 is one.
        let integers = QFormat::signed(5, 0);
        let leaky = |slope| Function::LeakyRelu { slope }.table(QFormat::signed(4, 0), integers).unwrap();
        assert_eq!((leaky(0.1)[3], leaky(0.125)[4], leaky(0.375)[4]), (-1, 0, -2));
        assert_eq!(leaky(1e6)[0], -16);
        let log = Function::Log2 { scale: 1.5 }.table(QFormat::unsigned(4, 0), QFormat::unsigned(3, 0)).unwrap();
        // log2 of 1, 2, 4, 8, 16 times 1.5: 0, 1.5, 3, 4.5, 6.
        assert_eq!([0, 1, 3, 7, 15].map(|x: usize| log[x]), [0, 2, 3, 4, 6]);
    }

    #[test]
    fn trigger_cell_codes_are_decoded() {
        let code = Function::FloatCode { exponent_bits: 4, mantissa_bits: 3 };
        let table = code.table(QFormat::unsigned(7, 0), QFormat::unsigned(18, 0)).unwrap();
        assert_eq!([0, 7, 8, 15, 16, 17, 127].map(|x: usize| table[x]), [0, 7, 8, 15, 16, 18, 15 << 14]);
        assert!(table.windows(2).all(|w| w[0] < w[1]));
        let e = code.table(QFormat::unsigned(8, 0), QFormat::unsigned(18, 0)).unwrap_err();
        assert_eq!(e.what(), "a code of 4 and 3 bits is read from ufixed<8,8>");
        // In steps of four: ties to even.
        let coarse = code.table(QFormat::unsigned(7, 0), QFormat::unsigned(16, -2)).unwrap();
        assert_eq!([2, 6, 18, 127].map(|x: usize| coarse[x]), [0, 2, 5, 15 << 12]);
    }
}

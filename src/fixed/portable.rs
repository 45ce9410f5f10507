//! Elementary functions that give the same bits on every machine.
//!
//! The platform's `exp` and `ln` differ between libraries in the last bit, which would make two machines decode one
//! file to different values. These use only `+ - * /`, `sqrt` and bit shifts, which IEEE 754 defines exactly, in a
//! fixed order. Their error is a few units in the last place (tested), not below half a unit.

use std::f64::consts::LN_2;

/// ln 2 split in two so that `k * LN2_HI` is exact for |k| < 2^20 (the low 20 bits of the mantissa are zero).
const LN2_HI: f64 = f64::from_bits(0x3fe6_2e42_fee0_0000);
const LN2_LO: f64 = 1.908_214_929_270_587_7e-10;

/// `e^x`.
pub fn exp(x: f64) -> f64 {
    if x.is_nan() {
        return x;
    }
    if x > 709.782_712_893_384 {
        return f64::INFINITY;
    }
    if x < -745.2 {
        return 0.0;
    }
    // x = k ln2 + r with |r| <= ln2 / 2, then the Taylor series to r^13 / 13! (remainder below 2^-57).
    let k = (x / LN_2).round_ties_even();
    let r = (x - k * LN2_HI) - k * LN2_LO;
    let mut sum = 1.0 / 6_227_020_800.0;
    for n in (0..13).rev() {
        sum = sum * r + INVERSE_FACTORIAL[n];
    }
    scale(sum, k as i32)
}

const INVERSE_FACTORIAL: [f64; 13] = {
    let mut table = [1.0; 13];
    let (mut n, mut factorial) = (1, 1.0);
    while n < 13 {
        factorial *= n as f64;
        table[n] = 1.0 / factorial;
        n += 1;
    }
    table
};

/// `m * 2^k` in two steps, so that results in the subnormal range round once.
fn scale(m: f64, k: i32) -> f64 {
    let power = |e: i32| f64::from_bits(((1023 + e) as u64) << 52);
    let half = k / 2;
    m * power(half) * power(k - half)
}

/// Natural logarithm.
pub fn ln(x: f64) -> f64 {
    if x.is_nan() || x < 0.0 {
        return f64::NAN;
    }
    if x == 0.0 {
        return f64::NEG_INFINITY;
    }
    if x.is_infinite() {
        return x;
    }
    // x = 2^k m with m in [sqrt(1/2), sqrt(2)), ln m = 2 atanh((m - 1) / (m + 1)).
    let (x, bias) = if x < f64::MIN_POSITIVE { (x * (1u64 << 54) as f64, -54) } else { (x, 0) };
    let bits = x.to_bits();
    let mut k = (bits >> 52) as i32 - 1023 + bias;
    let mut m = f64::from_bits((bits & ((1 << 52) - 1)) | (1023 << 52));
    if m > std::f64::consts::SQRT_2 {
        m *= 0.5;
        k += 1;
    }
    let s = (m - 1.0) / (m + 1.0);
    let s2 = s * s;
    let mut sum = 0.0;
    for n in (1..=12).rev() {
        sum = (sum + 1.0 / (2 * n + 1) as f64) * s2;
    }
    // Small terms first, so that the large one rounds last.
    let k = f64::from(k);
    k * LN2_HI + (2.0 * s + (2.0 * s * sum + k * LN2_LO))
}

/// Hyperbolic sine.
pub fn sinh(x: f64) -> f64 {
    if x.abs() < 1.0 {
        // The difference of two near-equal exponentials would lose digits: use the series.
        let x2 = x * x;
        let mut sum = 0.0;
        for n in (1..=11).rev() {
            sum = (sum + 1.0) * x2 / ((2 * n) * (2 * n + 1)) as f64;
        }
        return x + x * sum;
    }
    // Half the exponent, so that the result overflows no earlier than it must.
    let h = exp(x.abs() * 0.5);
    let y = 0.5 * h * h - 0.5 / h / h;
    if x < 0.0 { -y } else { y }
}

/// Inverse hyperbolic sine.
pub fn asinh(x: f64) -> f64 {
    let a = x.abs();
    let y = if a < 0.5 {
        // asinh a = atanh(a / sqrt(1 + a^2)).
        let t = a / (1.0 + a * a).sqrt();
        let t2 = t * t;
        let mut sum = 0.0;
        for n in (1..=24).rev() {
            sum = (sum + 1.0 / (2 * n + 1) as f64) * t2;
        }
        t + t * sum
    } else if a > 1e150 {
        ln(a) + LN_2
    } else {
        ln(a + (a * a + 1.0).sqrt())
    };
    if x < 0.0 { -y } else { y }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(name: &str, x: f64, ours: f64, libm: f64, ulps: f64) {
        let unit = libm.abs().max(f64::MIN_POSITIVE) * f64::EPSILON;
        assert!((ours - libm).abs() <= ulps * unit, "{name}({x}): {ours:e} against {libm:e}");
    }

    #[test]
    fn portable_functions_agree_with_libm_to_a_few_units_in_the_last_place() {
        for i in -20_000..20_000 {
            let x = f64::from(i) * 0.001_37 + 1e-7;
            close("exp", x, exp(x), x.exp(), 2.0);
            close("sinh", x, sinh(x), x.sinh(), 3.0);
            close("asinh", x, asinh(x), x.asinh(), 4.0);
            let y = x.exp() * (1.0 + x.abs());
            close("ln", y, ln(y), y.ln(), 3.0);
        }
    }

    #[test]
    fn sinh_inverts_asinh_over_thirty_decades() {
        for e in -15..15 {
            let x = 1.7 * 10f64.powi(e);
            assert!((sinh(asinh(x)) / x - 1.0).abs() < 1e-13, "{x:e}");
        }
    }

    #[test]
    fn edges_are_what_ieee_expects() {
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(1000.0), f64::INFINITY);
        assert_eq!(exp(-1000.0), 0.0);
        assert_eq!(ln(1.0), 0.0);
        assert!(ln(-1.0).is_nan());
        assert_eq!(ln(0.0), f64::NEG_INFINITY);
        assert_eq!(asinh(0.0), 0.0);
    }
}

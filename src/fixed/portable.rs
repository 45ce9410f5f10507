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

/// Hyperbolic cosine.
pub fn cosh(x: f64) -> f64 {
    let h = exp(x.abs() * 0.5);
    0.5 * h * h + 0.5 / h / h
}

/// pi/2 in three parts, of which the first two have 33 bits: a product with a number below 2^20 is exact.
const HALF_PI: [f64; 3] = [1.570_796_326_734_125_6, 6.077_100_506_303_966e-11, 2.022_266_248_795_950_6e-21];

/// `x` less a whole number of quarter turns, and that number modulo 4. Angles beyond 10^5 lose digits.
fn quarter_turns(x: f64) -> (f64, i64) {
    let k = (x / std::f64::consts::FRAC_PI_2).round_ties_even();
    let r = ((x - k * HALF_PI[0]) - k * HALF_PI[1]) - k * HALF_PI[2];
    (r, (k % 4.0) as i64 & 3)
}

/// The sine of at most an eighth of a turn.
fn small_sin(x: f64) -> f64 {
    let x2 = x * x;
    let mut sum = 0.0;
    for n in (1..=9).rev() {
        sum = (sum + 1.0) * -x2 / f64::from(2 * n * (2 * n + 1));
    }
    x + x * sum
}

/// The cosine of at most an eighth of a turn.
fn small_cos(x: f64) -> f64 {
    let x2 = x * x;
    let mut sum = 0.0;
    for n in (1..=10).rev() {
        sum = (sum + 1.0) * -x2 / f64::from((2 * n - 1) * (2 * n));
    }
    1.0 + sum
}

/// Sine of an angle in rad.
pub fn sin(x: f64) -> f64 {
    let (r, quarters) = quarter_turns(x);
    match quarters {
        0 => small_sin(r),
        1 => small_cos(r),
        2 => -small_sin(r),
        _ => -small_cos(r),
    }
}

/// Cosine of an angle in rad.
pub fn cos(x: f64) -> f64 {
    let (r, quarters) = quarter_turns(x);
    match quarters {
        0 => small_cos(r),
        1 => -small_sin(r),
        2 => -small_cos(r),
        _ => small_sin(r),
    }
}

/// Arc tangent, rad.
fn atan(x: f64) -> f64 {
    use std::f64::consts::{FRAC_PI_2, FRAC_PI_4};
    if x.is_nan() {
        return x;
    }
    if x < 0.0 {
        return -atan(-x);
    }
    if x > 2.414_213_562_373_095 {
        return FRAC_PI_2 - atan(1.0 / x);
    }
    if x > 0.414_213_562_373_095 {
        return FRAC_PI_4 + atan((x - 1.0) / (x + 1.0));
    }
    let x2 = x * x;
    let mut sum = 0.0;
    for n in (1..=20).rev() {
        sum = (sum + 1.0 / f64::from(2 * n + 1)) * -x2;
    }
    x + x * sum
}

/// The angle of the point `(x, y)`, from -pi to pi rad.
pub fn atan2(y: f64, x: f64) -> f64 {
    use std::f64::consts::{FRAC_PI_2, PI};
    if x > 0.0 {
        atan(y / x)
    } else if x < 0.0 {
        let turn = if y < 0.0 { -PI } else { PI };
        turn + atan(y / x)
    } else if y > 0.0 {
        FRAC_PI_2
    } else if y < 0.0 {
        -FRAC_PI_2
    } else {
        y + x
    }
}

/// An angle in rad, brought to -pi ..= pi by whole turns.
pub fn wrap(x: f64) -> f64 {
    let turn = 4.0 * HALF_PI[0];
    let k = (x / std::f64::consts::TAU).round_ties_even();
    ((x - k * turn) - k * (4.0 * HALF_PI[1])) - k * (4.0 * HALF_PI[2])
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
            close("cosh", x, cosh(x), x.cosh(), 3.0);
            // Near their zeros the error is one of the angle.
            assert!((sin(x) - x.sin()).abs() < 3e-16 && (cos(x) - x.cos()).abs() < 3e-16, "{x}");
            let (a, b) = (x.cos() * y, x.sin() * y);
            close("atan2", x, atan2(b, a), b.atan2(a), 4.0);
            assert!((wrap(x) - b.atan2(a)).abs() < 1e-14 || wrap(x).abs() > 3.14159, "{x}");
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

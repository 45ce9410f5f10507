//! Splits a residual into a token, which is worth modelling, and low bits, which are not.
//!
//! With `m` mantissa bits, magnitudes below `2^(m+1)` are their own token. Above, the token holds the exponent and the
//! `m` bits below the leading one; the rest are low bits. The token carries the sign.

/// Mantissa bits that a lane may choose.
pub(super) const MAX_MANTISSA: u32 = 8;

/// Token and low bits of one residual.
pub(super) struct Split {
    pub token: i32,
    pub low: u64,
    pub low_bits: u32,
}

/// The largest token.
pub(super) fn max_token(m: u32) -> i32 {
    split(i64::MIN, m).token.abs() + (1 << m) - 1
}

/// `residual` in tokens of `m` mantissa bits.
pub(super) fn split(residual: i64, m: u32) -> Split {
    let magnitude = residual.unsigned_abs();
    let sign = if residual < 0 { -1 } else { 1 };
    if magnitude < 2 << m {
        return Split { token: sign * magnitude as i32, low: 0, low_bits: 0 };
    }
    let exponent = magnitude.ilog2();
    let low_bits = exponent - m;
    let mantissa = (magnitude >> low_bits) as i32 - (1 << m);
    let token = (2 << m) + (((exponent - m - 1) as i32) << m) + mantissa;
    Split { token: sign * token, low: magnitude & ((1 << low_bits) - 1), low_bits }
}

/// How many low bits belong to `token`.
pub(super) fn low_bits(token: i32, m: u32) -> u32 {
    let t = token.unsigned_abs();
    if t < 2 << m { 0 } else { ((t - (2 << m)) >> m) + 1 }
}

/// The residual again. `token` must not exceed [`max_token`].
pub(super) fn join(token: i32, low: u64, m: u32) -> i64 {
    let t = token.unsigned_abs();
    let magnitude = if t < 2 << m {
        u64::from(t)
    } else {
        let mantissa = (t - (2 << m)) & ((1 << m) - 1);
        (u64::from((1 << m) + mantissa) << low_bits(token, m)) | low
    };
    // 2^63 is the magnitude of i64::MIN and its own negative.
    if token < 0 { (magnitude as i64).wrapping_neg() } else { magnitude as i64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_residual_joins_again() {
        for m in 0..=MAX_MANTISSA {
            for magnitude in (0..63).flat_map(|e| [(1i64 << e) - 1, 1 << e, (1 << e) + 1]).chain([i64::MAX]) {
                for v in [magnitude, -magnitude, i64::MIN] {
                    let s = split(v, m);
                    assert!(s.token.abs() <= max_token(m));
                    assert_eq!(low_bits(s.token, m), s.low_bits, "{v} {m}");
                    assert_eq!(join(s.token, s.low, m), v, "{m}");
                }
            }
        }
    }
}

//! Half precision (IEEE 754 binary16), by integer operations only: the same bits on every machine.

/// The nearest half, ties to even; beyond 65504 by half a step or more, infinity. Takes no NaN.
pub(super) fn from_f32(x: f32) -> u16 {
    let bits = x.to_bits();
    let sign = (bits >> 16) as u16 & 0x8000;
    let magnitude = bits & 0x7fff_ffff;
    // 65520 is the middle between the largest half and the next one, which does not exist.
    if magnitude >= 65520f32.to_bits() {
        return sign | 0x7c00;
    }
    let exponent = (magnitude >> 23) as i32 - 127;
    if exponent < -25 {
        return sign;
    }
    // Normal halves keep 10 of 23 mantissa bits; below 2^-14 each exponent keeps one less.
    let mantissa = (magnitude & 0x007f_ffff) | 0x0080_0000;
    let drop = 13 + (-14 - exponent).max(0) as u32;
    let floor = mantissa >> drop;
    let rest = mantissa & ((1 << drop) - 1);
    let middle = 1 << (drop - 1);
    let rounded = floor + u32::from(rest > middle || (rest == middle && floor & 1 == 1));
    // `rounded` holds the implicit one, which adds itself to the exponent field; so does a carry out of the mantissa.
    let field = (exponent.max(-14) + 14) as u32;
    sign | ((field << 10) + rounded) as u16
}

/// The same number, exactly.
pub(super) fn to_f32(half: u16) -> f32 {
    let sign = u32::from(half & 0x8000) << 16;
    let exponent = u32::from(half >> 10) & 31;
    let mantissa = u32::from(half & 0x3ff);
    let magnitude = match exponent {
        // Subnormal: mantissa * 2^-24.
        0 => (mantissa as f32 * (1.0 / 16_777_216.0)).to_bits(),
        31 => 0x7f80_0000 | (mantissa << 13),
        _ => ((exponent + 112) << 23) | (mantissa << 13),
    };
    f32::from_bits(sign | magnitude)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_half_survives_and_every_middle_goes_to_even() {
        for half in 0..0x7c00u16 {
            let x = to_f32(half);
            assert_eq!(from_f32(x), half);
            assert_eq!(from_f32(-x), half | 0x8000);
            if half < 0x7bff {
                let middle = (x + to_f32(half + 1)) / 2.0;
                assert_eq!(from_f32(middle), half + (half & 1), "{x}");
                assert_eq!(from_f32(f32::from_bits(middle.to_bits() + 1)), half + 1);
                assert_eq!(from_f32(f32::from_bits(middle.to_bits() - 1)), half);
            }
        }
        assert_eq!(from_f32(65519.9), 0x7bff);
        assert_eq!(from_f32(65520.0), 0x7c00);
        assert_eq!(to_f32(0x3c00), 1.0);
    }
}

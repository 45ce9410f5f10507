//! Values within a bound of the original, proven value by value while encoding.
//!
//! ```text
//! q = round(x / step)     x' = q * step, cast to the column's type     |x' - x| <= bound, or x is stored exactly
//! ```
//!
//! The encoder runs the decoder's own arithmetic and keeps what it gives only if that holds. NaN, infinities and -0.0
//! are always stored exactly.

use super::column::{BOUNDED_FLOAT, BOUNDED_INT, Coded, arrange, restore_arranged};
use super::exceptions;
use crate::data::Values;
use crate::entropy::bytes::{Reader, malformed, put_section};
use crate::error::Result;

/// Quotients beyond this are not whole numbers that `f64` tells apart.
const LARGEST_QUOTIENT: f64 = (1u64 << 53) as f64;
/// Integer bounds are cut here, so that a quotient times a step stays inside `i128`.
const LARGEST_INT_BOUND: f64 = (1u64 << 60) as f64;

/// `q * step` as the decoder gives it, before and after the cast.
fn reconstruct(q: i64, step: f64, single: bool) -> (f64, f64) {
    let exact = q as f64 * step;
    (exact, if single { f64::from(exact as f32) } else { exact })
}

/// Floats. Body: step (8 bytes), arranged quotients as a section, exceptions.
pub(super) fn encode_floats(values: &Values, width: usize, bound: f64) -> Result<Coded> {
    let single = values.dtype() == "float32";
    let step = 2.0 * bound;
    let mut positions = Vec::new();
    let mut last = 0;
    let quotients: Vec<i64> = (0..values.len())
        .map(|i| {
            let x = values.get_f64(i);
            let q = (x / step).round_ties_even();
            let good = q.abs() < LARGEST_QUOTIENT && !(x == 0.0 && x.is_sign_negative()) && {
                let (wide, cast) = reconstruct(q as i64, step, single);
                (wide - x).abs() <= bound && (cast - x).abs() <= bound
            };
            if good {
                last = q as i64;
            } else {
                positions.push(i);
            }
            // A repeated quotient is the cheapest filler.
            last
        })
        .collect();
    finish(BOUNDED_FLOAT, step.to_le_bytes(), &quotients, values, width, &positions)
}

/// The inverse of [`encode_floats`].
pub(super) fn decode_floats(mut reader: Reader, dtype: &str, width: usize, count: usize) -> Result<Values> {
    if !dtype.starts_with("float") {
        return Err(malformed(format!("a float form in a column of {dtype}")));
    }
    let step = f64::from_le_bytes(reader.array()?);
    let quotients = restore_arranged(reader.section()?, width, count)?;
    let single = dtype == "float32";
    let mut values = Values::from_f64(dtype, quotients.iter().map(|q| reconstruct(*q, step, single).1))?;
    exceptions::apply(&mut reader, &mut values)?;
    reader.end()?;
    Ok(values)
}

/// Integers, in exact integer arithmetic with an odd step of `2 * floor(bound) + 1`. Body as for floats.
pub(super) fn encode_ints(values: &Values, width: usize, bound: f64) -> Result<Coded> {
    let half = bound.floor().min(LARGEST_INT_BOUND) as i128;
    let step = 2 * half + 1;
    let (min, max) = limits(values.dtype())?;
    let mut positions = Vec::new();
    let mut last = 0;
    let quotients: Vec<i64> = (0..values.len())
        .map(|i| {
            let x = get_i128(values, i);
            // floor((x + half) / step) is the nearest quotient, since the step is odd. Only step 1 can leave i64.
            let q = i64::try_from((x + half).div_euclid(step));
            match q.map(|q| (q, i128::from(q) * step)) {
                Ok((q, back)) if (back - x).abs() <= half && (min..=max).contains(&back) => last = q,
                _ => positions.push(i),
            }
            last
        })
        .collect();
    finish(BOUNDED_INT, (step as u64).to_le_bytes(), &quotients, values, width, &positions)
}

/// The inverse of [`encode_ints`].
pub(super) fn decode_ints(mut reader: Reader, dtype: &str, width: usize, count: usize) -> Result<Values> {
    let (min, max) = limits(dtype)?;
    let step = i128::from(u64::from_le_bytes(reader.array()?));
    let quotients = restore_arranged(reader.section()?, width, count)?;
    let mut bytes = Vec::with_capacity(count);
    let size = Values::from_le_bytes(dtype, &[])?.item_size();
    for q in quotients {
        let x = i128::from(q) * step;
        if !(min..=max).contains(&x) {
            return Err(malformed(format!("{x} does not fit {dtype}")));
        }
        bytes.extend_from_slice(&x.to_le_bytes()[..size]);
    }
    let mut values = Values::from_le_bytes(dtype, &bytes)?;
    exceptions::apply(&mut reader, &mut values)?;
    reader.end()?;
    Ok(values)
}

fn finish(
    form: u8,
    step: [u8; 8],
    quotients: &[i64],
    values: &Values,
    width: usize,
    positions: &[usize],
) -> Result<Coded> {
    let mut bytes = vec![form];
    bytes.extend(step);
    put_section(&mut bytes, &arrange(quotients, width));
    exceptions::put(&mut bytes, values, positions)?;
    Ok(Coded { bytes, exceptions: positions.len() })
}

fn get_i128(values: &Values, i: usize) -> i128 {
    match values {
        Values::U8(v) => v[i].into(),
        Values::I8(v) => v[i].into(),
        Values::U16(v) => v[i].into(),
        Values::I16(v) => v[i].into(),
        Values::U32(v) => v[i].into(),
        Values::I32(v) => v[i].into(),
        Values::U64(v) => v[i].into(),
        Values::I64(v) => v[i].into(),
        Values::F32(_) | Values::F64(_) => unreachable!("only integers come here"),
    }
}

fn limits(dtype: &str) -> Result<(i128, i128)> {
    let (signed, bits) = match dtype {
        "uint8" => (false, 8),
        "int8" => (true, 8),
        "uint16" => (false, 16),
        "int16" => (true, 16),
        "uint32" => (false, 32),
        "int32" => (true, 32),
        "uint64" => (false, 64),
        "int64" => (true, 64),
        other => return Err(malformed(format!("an integer form in a column of {other}"))),
    };
    let top = 1i128 << (bits - i32::from(signed));
    Ok((if signed { -top } else { 0 }, top - 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::column::decode;

    #[test]
    fn the_cast_to_f32_is_held_to_the_bound_too() {
        // Neighbours here are 2 apart: a reconstruction within 1.1 in f64 may be cast to a value 2 away.
        let v: Vec<f32> = (0..1000).map(|i| 16_777_216.0 + 2.0 * i as f32).collect();
        let coded = encode_floats(&Values::F32(v.clone()), 1, 1.1).unwrap();
        assert!(coded.exceptions > 0 && coded.exceptions < 900, "{}", coded.exceptions);
        let Values::F32(back) = decode(&coded.bytes, "float32", 1, 1000).unwrap() else { panic!() };
        assert!(v.iter().zip(back).all(|(x, y)| (f64::from(*x) - f64::from(y)).abs() <= 1.1));
    }

    #[test]
    fn what_cannot_be_bounded_is_exact() {
        let v = [0.3, f64::NAN, -0.0, f64::INFINITY, 1e300, 5e-324, -7.7, f64::from_bits(0xfff8_0000_dead_beef)];
        let coded = encode_floats(&Values::F64(v.to_vec()), 1, 0.01).unwrap();
        assert_eq!(coded.exceptions, 5);
        let Values::F64(back) = decode(&coded.bytes, "float64", 1, 8).unwrap() else { panic!() };
        for i in [1, 2, 3, 4, 7] {
            assert_eq!(back[i].to_bits(), v[i].to_bits());
        }
        assert!([0, 5, 6].iter().all(|i| (back[*i] - v[*i]).abs() <= 0.01));
    }

    #[test]
    fn integers_use_the_whole_bound_and_stay_in_their_type() {
        let v = vec![0u64, 1, 2, u64::MAX, u64::MAX - 5, 1 << 63, 1000];
        let coded = encode_ints(&Values::U64(v.clone()), 1, 3.9).unwrap();
        let Values::U64(back) = decode(&coded.bytes, "uint64", 1, 7).unwrap() else { panic!() };
        assert!(v.iter().zip(&back).all(|(x, y)| x.abs_diff(*y) <= 3));
        assert_eq!(back[..3], [0, 0, 0]);
        assert!(coded.exceptions <= 1);
    }
}

//! What a model's reconstruction leaves of a column, within a bound: with it neural mode keeps bounds too.

use super::column::{arrange, restore_arranged};
use super::exceptions;
use super::grid::scattered;
use crate::data::Values;
use crate::entropy::bytes::{Reader, malformed, put_section};
use crate::error::Result;
use crate::mix::cells;

/// Whole numbers beyond this are not told apart by `f64`.
const LARGEST: f64 = (1u64 << 53) as f64;
const ARRANGED: u8 = 0;
const CELLS: u8 = 1;

/// Between two values that a column may have, seen from what is expected.
fn step(values: &Values, bound: f64) -> f64 {
    if values.is_integer() { 2.0 * bound.floor().min(LARGEST / 4.0) + 1.0 } else { 2.0 * bound * (1.0 - 1e-12) }
}

/// What stands at `k` steps from what is expected.
fn at(expected: &Values, numbers: &[i64], step: f64) -> Result<Values> {
    let values = numbers.iter().enumerate().map(|(i, k)| expected.get_f64(i) + *k as f64 * step);
    Values::from_f64(expected.dtype(), values)
}

/// The bytes of what is left, how many values are stored exactly, and what a reader will have.
///
/// * `expected`: the reconstruction, of as many values
/// * `line`: length of the last axis of rows of `width`
pub(super) fn encode(
    values: &Values,
    expected: &Values,
    bound: f64,
    width: usize,
    line: usize,
) -> Result<(Vec<u8>, usize, Values)> {
    let step = step(values, bound);
    let number = |i: usize| {
        let k = ((values.get_f64(i) - expected.get_f64(i)) / step).round_ties_even();
        // NaN becomes 0.
        if k.abs() < LARGEST { k as i64 } else { 0 }
    };
    let numbers: Vec<i64> = (0..values.len()).map(number).collect();
    let mut back = at(expected, &numbers, step)?;
    let far = |i: &usize| {
        let (x, wide) = (values.get_f64(*i), expected.get_f64(*i) + numbers[*i] as f64 * step);
        let near = (back.get_f64(*i) - x).abs() <= bound && (wide - x).abs() <= bound;
        let exact = !values.is_integer() || x.abs() < LARGEST;
        !near || !exact || (x == 0.0 && x.is_sign_negative())
    };
    let exact: Vec<usize> = (0..values.len()).filter(far).collect();
    scattered(&mut back, values, &exact)?;
    let (arranged, cells) = (arrange(&numbers, width), cells::encode(&numbers, width, line));
    let (form, body) = if arranged.len() <= cells.len() { (ARRANGED, arranged) } else { (CELLS, cells) };
    let mut bytes = step.to_le_bytes().to_vec();
    bytes.push(form);
    put_section(&mut bytes, &body);
    exceptions::put(&mut bytes, values, &exact)?;
    Ok((bytes, exact.len(), back))
}

/// Makes what is expected of rows of `width` values what was written.
///
/// # Errors
/// [`ContainerDamaged`](crate::Code::ContainerDamaged).
pub(super) fn decode(bytes: &[u8], expected: &Values, width: usize) -> Result<Values> {
    let mut reader = Reader::new(bytes);
    let step = f64::from_le_bytes(reader.array()?);
    let form = reader.byte()?;
    let body = reader.section()?;
    let numbers = match form {
        ARRANGED => restore_arranged(body, width, expected.len())?,
        CELLS => cells::decode(body, width, expected.len())?,
        other => return Err(malformed(format!("what a model leaves, of form {other}"))),
    };
    let mut values = at(expected, &numbers, step)?;
    exceptions::apply(&mut reader, &mut values)?;
    reader.end()?;
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_reconstruction_becomes_bounded() {
        let floats: Vec<f32> = (0..600).map(|i| (i as f32 * 0.3).sin() * 50.0).collect();
        let mut values =
            Values::F32(floats.iter().copied().chain([f32::NAN, -0.0, f32::INFINITY, 3e38, 1.0, 2.0]).collect());
        let mut expected =
            Values::F32(floats.iter().map(|x| x.round()).chain([0.0, 0.0, 1.0, 0.0, f32::NAN, 2.5]).collect());
        for bound in [0.01, 0.3] {
            let (bytes, exact, back) = encode(&values, &expected, bound, 6, 3).unwrap();
            assert_eq!(decode(&bytes, &expected, 6).unwrap().to_le_bytes(), back.to_le_bytes());
            let moved = |i: usize| (back.get_f64(i) - values.get_f64(i)).abs();
            assert!((0..600).all(|i| moved(i) <= bound) && (4..6).contains(&exact), "{exact}");
            assert_eq!(back.get_f64(601).to_bits(), (-0.0f64).to_bits());
        }
        values = Values::I64((0..600).map(|i| i * i).chain([i64::MAX, i64::MIN]).collect());
        expected = Values::I64((0..600).map(|i| i * i + i % 7 - 3).chain([0, 5]).collect());
        let (bytes, exact, back) = encode(&values, &expected, 1.9, 1, 1).unwrap();
        assert_eq!(decode(&bytes, &expected, 1).unwrap(), back);
        let (Values::I64(a), Values::I64(b)) = (values, back) else { panic!() };
        assert!(a.iter().zip(&b).all(|(a, b)| a.abs_diff(*b) <= 1) && exact == 2);
    }
}

//! How the values of a column stand for integers: on which grid they lie, or may be put within a bound.
//!
//! | grid | value of `k` | for |
//! |---|---|---|
//! | whole | `k * step` | integers; `step` is 1 without a bound |
//! | step | `k * step` in `f64`, cast | floats within a bound |
//! | parts | `k / parts` in `f64`, cast | floats that are decimals or whole numbers, or of few bits |
//! | list | the `k`-th of a list | floats of which there are few |
//! | bits | the `k`-th float in ascending order, from +0 | any floats |
//! | relative | the `k`-th of points that lie as far apart as they are large | floats within a part of themselves |

use super::relative::Relative;
use super::values::scatter;
use crate::data::Values;
use crate::entropy::bytes::{Reader, malformed, put_section, put_varint};
use crate::entropy::{decode_ints, encode_ints};
use crate::error::Result;

/// Quotients beyond this are not whole numbers that `f64` tells apart.
pub(super) const LARGEST_QUOTIENT: f64 = (1u64 << 53) as f64;
/// Whole numbers of a part of 1 are exact as far as floats are.
pub(super) const LARGEST_WHOLE: f64 = (1u64 << 62) as f64;
/// Longest list of values.
pub(super) const LONGEST_LIST: usize = 4096;

const WHOLE: u8 = 0;
const STEP: u8 = 1;
const PART: u8 = 2;
const LIST: u8 = 3;
const BITS: u8 = 4;
const RELATIVE: u8 = 5;

/// Which value an integer stands for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Grid {
    Whole {
        step: u64,
    },
    Step(f64),
    Parts(f64),
    /// As numbers of [`Grid::Bits`], ascending.
    List(Vec<i64>),
    Bits,
    Relative(Relative),
}

/// `uint64` without a step by its bits, everything else by its value.
fn from_wide(q: i128, step: i128, limits: (i128, i128)) -> Option<i64> {
    if step == 1 && limits.1 > i128::from(i64::MAX) { Some((q as u64).cast_signed()) } else { i64::try_from(q).ok() }
}

/// What an integer stands for; perhaps outside its type.
fn wide(q: i64, step: i128, limits: (i128, i128)) -> i128 {
    if step == 1 && limits.1 > i128::from(i64::MAX) { q.cast_unsigned().into() } else { i128::from(q) * step }
}

/// The number of a float in ascending order; 0 is +0, -1 is -0.
pub(super) fn order_of(values: &Values, i: usize) -> i64 {
    match values {
        Values::F32(v) => order_32(v[i]),
        Values::F64(v) => order_64(v[i]),
        _ => unreachable!("only floats come here"),
    }
}

fn order(x: f64, dtype: &str) -> i64 {
    if dtype == "float32" { order_32(x as f32) } else { order_64(x) }
}

fn order_32(x: f32) -> i64 {
    let bits = x.to_bits().cast_signed();
    i64::from(if bits < 0 { bits ^ i32::MAX } else { bits })
}

fn order_64(x: f64) -> i64 {
    let bits = x.to_bits().cast_signed();
    if bits < 0 { bits ^ i64::MAX } else { bits }
}

/// The inverse of [`order_of`].
fn from_order(dtype: &str, numbers: &[i64]) -> Result<Values> {
    match dtype {
        "float32" => {
            let one = |k: &i64| {
                let bits = i32::try_from(*k).map_err(|_| malformed(format!("there is no float32 number {k}")))?;
                Ok(f32::from_bits(if bits < 0 { bits ^ i32::MAX } else { bits }.cast_unsigned()))
            };
            numbers.iter().map(one).collect::<Result<_>>().map(Values::F32)
        }
        _ => {
            let one = |k: &i64| f64::from_bits(if *k < 0 { *k ^ i64::MAX } else { *k }.cast_unsigned());
            Ok(Values::F64(numbers.iter().map(one).collect()))
        }
    }
}

/// Whether a value that becomes `wide`, and then perhaps a single float, is within `bound` of `x`; the bits of `x`, if that is 0.
/// Not for -0.0, which no number stands for.
#[inline(always)]
pub(super) fn kept(x: f64, wide: f64, bound: f64, single: bool) -> bool {
    let cast = if single { f64::from(wide as f32) } else { wide };
    let negative_zero = x == 0.0 && x.is_sign_negative();
    let near = if bound > 0.0 {
        (wide - x).abs() <= bound && (cast - x).abs() <= bound
    } else {
        cast.to_bits() == x.to_bits()
    };
    near && !negative_zero
}

impl Grid {
    /// What `k` stands for before the cast, on a grid that computes it.
    fn wide(&self, k: i64) -> f64 {
        match self {
            Grid::Step(step) => k as f64 * step,
            Grid::Parts(parts) => k as f64 / parts,
            _ => unreachable!("this grid does not compute"),
        }
    }

    /// The number of value `i`, if the grid gives it back.
    pub(super) fn number(&self, values: &Values, i: usize, bound: f64) -> Option<i64> {
        match self {
            Grid::Bits => Some(order_of(values, i)),
            Grid::Relative(relative) => relative.number(values.get_f64(i), values.dtype() == "float32"),
            Grid::List(list) => list.binary_search(&order_of(values, i)).ok().map(|k| k as i64),
            Grid::Whole { step } => {
                let (step, limits) = (i128::from(*step), limits(values.dtype()).expect("an integer type"));
                let x = get_i128(values, i);
                // floor((x + half) / step) is the nearest quotient, since the step is odd.
                let q = from_wide((x + step / 2).div_euclid(step), step, limits)?;
                let back = wide(q, step, limits);
                ((back - x).abs() <= step / 2 && (limits.0..=limits.1).contains(&back)).then_some(q)
            }
            Grid::Step(_) | Grid::Parts(_) => {
                let x = values.get_f64(i);
                let (q, most) = match self {
                    Grid::Step(step) => (x / step, LARGEST_QUOTIENT),
                    Grid::Parts(parts) => (x * parts, LARGEST_WHOLE),
                    _ => unreachable!("the other grids have their own arms"),
                };
                let q = q.round_ties_even();
                let single = values.dtype() == "float32";
                (q.abs() < most && kept(x, self.wide(q as i64), bound, single)).then_some(q as i64)
            }
        }
    }

    /// In words, to stand behind what is said of a column.
    pub(super) fn name(&self) -> String {
        match self {
            Grid::Whole { step: 1 } | Grid::Bits => String::new(),
            Grid::Whole { step } => format!(", in steps of {step}"),
            Grid::Step(step) => format!(", in steps of {step:.4e}"),
            Grid::Parts(parts) if *parts == 1.0 => ", whole numbers".to_owned(),
            Grid::Parts(parts) => format!(", in parts of 1/{parts}"),
            Grid::List(list) => format!(", of {} values", list.len()),
            Grid::Relative(_) => ", in steps of their own size".to_owned(),
        }
    }

    /// The number of the grid point that is nearest to any number.
    pub(super) fn nearest(&self, x: f64, dtype: &str) -> i64 {
        // `as` saturates, and makes 0 of NaN.
        match self {
            Grid::Whole { step } => (x / *step as f64).round_ties_even() as i64,
            Grid::Step(step) => (x / step).round_ties_even() as i64,
            Grid::Parts(parts) => (x * parts).round_ties_even() as i64,
            Grid::Bits => order(x, dtype),
            Grid::Relative(relative) => relative.nearest(x),
            Grid::List(list) => {
                let number = order(x, dtype);
                let above = list.partition_point(|k| *k < number);
                let nearer = |k: &usize| list.get(*k).map_or(u64::MAX, |v| v.abs_diff(number));
                [above, above.saturating_sub(1)].into_iter().min_by_key(nearer).unwrap_or(0) as i64
            }
        }
    }

    /// Appends form and numbers of the grid.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Grid::Whole { step } => {
                out.push(WHOLE);
                put_varint(out, *step);
            }
            Grid::Step(step) => {
                out.push(STEP);
                out.extend(step.to_le_bytes());
            }
            Grid::Parts(parts) => {
                out.push(PART);
                out.extend(parts.to_le_bytes());
            }
            Grid::List(list) => {
                out.push(LIST);
                put_varint(out, list.len() as u64);
                put_section(out, &encode_ints(&[list]));
            }
            Grid::Bits => out.push(BITS),
            Grid::Relative(relative) => {
                out.push(RELATIVE);
                relative.write(out);
            }
        }
    }

    /// Reads a grid for a column of `dtype`.
    ///
    /// # Errors
    /// [`ContainerDamaged`](crate::Code::ContainerDamaged) if the grid does not suit the type.
    pub(super) fn read(reader: &mut Reader, dtype: &str) -> Result<Grid> {
        let form = reader.byte()?;
        if (form == WHOLE) == dtype.starts_with("float") {
            return Err(malformed(format!("a grid of form {form} in a column of {dtype}")));
        }
        Ok(match form {
            WHOLE => Grid::Whole { step: reader.varint()? },
            STEP => Grid::Step(f64::from_le_bytes(reader.array()?)),
            PART => Grid::Parts(f64::from_le_bytes(reader.array()?)),
            LIST => {
                let n = reader.count()?;
                if n > LONGEST_LIST {
                    return Err(malformed(format!("a list of {n} values")));
                }
                Grid::List(decode_ints(reader.section()?, 1, n)?.remove(0))
            }
            BITS => Grid::Bits,
            RELATIVE => Grid::Relative(Relative::read(reader)?),
            other => return Err(malformed(format!("a grid of form {other}"))),
        })
    }

    /// What integers stand for.
    ///
    /// # Errors
    /// [`ContainerDamaged`](crate::Code::ContainerDamaged) if one stands for nothing.
    pub(super) fn values(&self, dtype: &str, ints: &[i64]) -> Result<Values> {
        match self {
            Grid::Whole { step } => whole(dtype, ints, (*step).into()),
            Grid::Step(_) | Grid::Parts(_) => Values::from_f64(dtype, ints.iter().map(|k| self.wide(*k))),
            Grid::Bits => from_order(dtype, ints),
            Grid::Relative(relative) => Values::from_f64(dtype, ints.iter().map(|k| relative.value(*k))),
            Grid::List(list) => {
                let one = |k: &i64| usize::try_from(*k).ok().and_then(|k| list.get(k)).copied();
                let numbers: Option<Vec<i64>> = ints.iter().map(one).collect();
                from_order(dtype, &numbers.ok_or_else(|| malformed("a value that is not in its column's list"))?)
            }
        }
    }
}

fn whole(dtype: &str, ints: &[i64], step: i128) -> Result<Values> {
    let limits = limits(dtype)?;
    let size = Values::from_le_bytes(dtype, &[])?.item_size();
    let mut bytes = Vec::with_capacity(ints.len() * size);
    for k in ints {
        let x = wide(*k, step, limits);
        if !(limits.0..=limits.1).contains(&x) {
            return Err(malformed(format!("{x} does not fit {dtype}")));
        }
        bytes.extend_from_slice(&x.to_le_bytes()[..size]);
    }
    Values::from_le_bytes(dtype, &bytes)
}

/// Puts the values `at` of `from` in their places.
pub(super) fn scattered(to: &mut Values, from: &Values, at: &[usize]) -> Result<()> {
    if at.is_empty() { Ok(()) } else { scatter(to, at, &from.pick(at)) }
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

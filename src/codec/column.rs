//! One column of one block: the smallest of several forms. The first byte tells which.

use super::bounded;
use super::general::{shuffle, unshuffle, unxz, unzstd, xz, zstd};
use super::values::{from_ints, to_ints};
use crate::data::Values;
use crate::entropy::bytes::{Reader, malformed};
use crate::entropy::{decode_ints, encode_ints};
use crate::error::Result;

const RAW: u8 = 0;
const SHUFFLE_ZSTD: u8 = 1;
const SHUFFLE_XZ: u8 = 2;
const INTS: u8 = 3;
pub(super) const BOUNDED_FLOAT: u8 = 4;
pub(super) const BOUNDED_INT: u8 = 5;

/// The zstd level of payloads.
pub(super) const LEVEL: i32 = 19;

/// The bytes of one column in one block, and what they cost in exactness.
pub(super) struct Coded {
    pub bytes: Vec<u8>,
    /// Values that the bound could not hold and that are stored exactly.
    pub exceptions: usize,
}

/// Codes the values bit for bit.
pub(super) fn lossless(values: &Values, width: usize) -> Result<Coded> {
    let raw = values.to_le_bytes();
    let shuffled = shuffle(&raw, values.item_size());
    let mut forms = vec![(SHUFFLE_ZSTD, zstd(&shuffled, LEVEL)?)];
    match to_ints(values) {
        Some(ints) => forms.push((INTS, arrange(&ints, width))),
        None => forms.push((SHUFFLE_XZ, xz(&shuffled)?)),
    }
    forms.push((RAW, raw));
    let (form, body) = forms.into_iter().min_by_key(|(_, b)| b.len()).expect("three forms");
    Ok(Coded { bytes: [vec![form], body].concat(), exceptions: 0 })
}

/// Codes the values so that each comes back within `bound`.
pub(super) fn within(values: &Values, width: usize, bound: f64) -> Result<Coded> {
    let coded = if values.is_integer() {
        bounded::encode_ints(values, width, bound)?
    } else {
        bounded::encode_floats(values, width, bound)?
    };
    // A bound finer than the data's own steps costs more than no loss at all. General-purpose coders are slow: try them
    // only where they have a chance.
    if coded.bytes.len() * 4 > values.len() * values.item_size() {
        let exact = lossless(values, width)?;
        if exact.bytes.len() <= coded.bytes.len() {
            return Ok(exact);
        }
    }
    Ok(coded)
}

/// Reads `count` values of rows of `width`.
///
/// # Errors
/// [`ContainerDamaged`](crate::Code::ContainerDamaged).
pub(super) fn decode(bytes: &[u8], dtype: &str, width: usize, count: usize) -> Result<Values> {
    let size = Values::from_le_bytes(dtype, &[])?.item_size();
    let capacity = count.checked_mul(size).ok_or_else(|| malformed("a column exceeds the address space"))?;
    let mut reader = Reader::new(bytes);
    let form = reader.byte()?;
    let raw = match form {
        RAW => reader.rest().to_vec(),
        SHUFFLE_ZSTD => unshuffle(&unzstd(reader.rest(), capacity)?, size),
        SHUFFLE_XZ => unshuffle(&unxz(reader.rest(), capacity)?, size),
        INTS => return from_ints(dtype, restore_arranged(reader.rest(), width, count)?),
        BOUNDED_FLOAT => return bounded::decode_floats(reader, dtype, width, count),
        BOUNDED_INT => return bounded::decode_ints(reader, dtype, width, count),
        other => return Err(malformed(format!("a column of form {other}"))),
    };
    if raw.len() != capacity {
        return Err(malformed(format!("{} bytes where {capacity} belong", raw.len())));
    }
    Values::from_le_bytes(dtype, &raw)
}

/// Integers as one lane, or one lane an element of the row, whichever is smaller. First byte: the number of lanes is
/// 1 (0) or the width (1).
pub(super) fn arrange(ints: &[i64], width: usize) -> Vec<u8> {
    let flat = encode_ints(&[ints]);
    if width > 1 && ints.len() / width >= 32 {
        let lanes: Vec<Vec<i64>> = (0..width).map(|k| ints.iter().skip(k).step_by(width).copied().collect()).collect();
        let lanes = encode_ints(&lanes);
        if lanes.len() < flat.len() {
            return [vec![1], lanes].concat();
        }
    }
    [vec![0], flat].concat()
}

/// The inverse of [`arrange`].
pub(super) fn restore_arranged(bytes: &[u8], width: usize, count: usize) -> Result<Vec<i64>> {
    let mut reader = Reader::new(bytes);
    match reader.byte()? {
        0 => Ok(decode_ints(reader.rest(), 1, count)?.remove(0)),
        1 if width > 0 => {
            let lanes = decode_ints(reader.rest(), width, count / width)?;
            Ok((0..count / width).flat_map(|row| lanes.iter().map(move |lane| lane[row])).collect())
        }
        other => Err(malformed(format!("integers in arrangement {other}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_come_back_bit_for_bit_with_nan_payloads() {
        let mut v: Vec<f32> = (0..500).map(|i| (i as f32).sqrt()).collect();
        v[3] = f32::from_bits(0x7fc1_2345);
        v[4] = -0.0;
        v[5] = f32::NEG_INFINITY;
        let values = Values::F32(v);
        let coded = lossless(&values, 1).unwrap();
        let back = decode(&coded.bytes, "float32", 1, 500).unwrap();
        assert_eq!(back.to_le_bytes(), values.to_le_bytes());
        assert!(decode(&coded.bytes, "float32", 1, 499).is_err());
    }

    #[test]
    fn smooth_elements_of_a_row_get_a_lane_each() {
        let v: Vec<u16> = (0..400).flat_map(|i| [i, 9000 - i, (i * 37) % 64]).collect();
        let coded = lossless(&Values::U16(v.clone()), 3).unwrap();
        assert_eq!(coded.bytes[..2], [INTS, 1]);
        assert!(coded.bytes.len() < 400);
        assert_eq!(decode(&coded.bytes, "uint16", 3, 1200).unwrap(), Values::U16(v));
    }
}

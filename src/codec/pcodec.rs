//! Numbers by pcodec: less short than what learns, and many times as quick.

use pco::ChunkConfig;
use pco::data_types::Number;
use pco::errors::PcoError;
use pco::standalone::{DecompressorItem, FileDecompressor, simple_compress};

use crate::data::Values;
use crate::entropy::bytes::malformed;
use crate::error::{Code, Error, Result};

/// Numbers that are read at once; a multiple of what pcodec calls a batch.
const AT_ONCE: usize = 1 << 14;

/// A pcodec file of numbers, bit for bit.
pub(super) fn encode(values: &Values) -> Result<Vec<u8>> {
    match values {
        Values::U8(v) => write(v),
        Values::I8(v) => write(v),
        Values::U16(v) => write(v),
        Values::I16(v) => write(v),
        Values::U32(v) => write(v),
        Values::I32(v) => write(v),
        Values::U64(v) => write(v),
        Values::I64(v) => write(v),
        Values::F32(v) => write(v),
        Values::F64(v) => write(v),
    }
}

/// A pcodec file of integers, in 32 bits if they fit: byte 0, or 1 for 64 bits.
pub(super) fn encode_ints(ints: &[i64]) -> Result<Vec<u8>> {
    let narrow: Option<Vec<i32>> = ints.iter().map(|v| i32::try_from(*v).ok()).collect();
    Ok(match narrow {
        Some(narrow) => [vec![0], write(&narrow)?].concat(),
        None => [vec![1], write(ints)?].concat(),
    })
}

/// The `count` values of [`encode`].
///
/// # Errors
/// [`Code::ContainerDamaged`].
pub(super) fn decode(bytes: &[u8], dtype: &str, count: usize) -> Result<Values> {
    Ok(match dtype {
        "uint8" => Values::U8(read(bytes, count)?),
        "int8" => Values::I8(read(bytes, count)?),
        "uint16" => Values::U16(read(bytes, count)?),
        "int16" => Values::I16(read(bytes, count)?),
        "uint32" => Values::U32(read(bytes, count)?),
        "int32" => Values::I32(read(bytes, count)?),
        "uint64" => Values::U64(read(bytes, count)?),
        "int64" => Values::I64(read(bytes, count)?),
        "float32" => Values::F32(read(bytes, count)?),
        "float64" => Values::F64(read(bytes, count)?),
        other => return Err(malformed(format!("pcodec has no numbers of type {other}"))),
    })
}

/// The `count` integers of [`encode_ints`].
///
/// # Errors
/// [`Code::ContainerDamaged`].
pub(super) fn decode_ints(bytes: &[u8], count: usize) -> Result<Vec<i64>> {
    match bytes.split_first() {
        Some((0, rest)) => Ok(read::<i32>(rest, count)?.into_iter().map(i64::from).collect()),
        Some((1, rest)) => read(rest, count),
        _ => Err(malformed("integers of pcodec are neither of 32 nor of 64 bits")),
    }
}

fn write<T: Number>(numbers: &[T]) -> Result<Vec<u8>> {
    let config = ChunkConfig::default().with_enable_8_bit(true);
    simple_compress(numbers, &config).map_err(|e| Error::new(Code::Io, "pcodec cannot compress").cause(e.to_string()))
}

/// Memory grows with what really comes out.
fn read<T: Number>(bytes: &[u8], count: usize) -> Result<Vec<T>> {
    let damaged = |e: PcoError| malformed(format!("pcodec: {e}"));
    let (file, mut rest) = FileDecompressor::new(bytes).map_err(damaged)?;
    let mut out: Vec<T> = Vec::new();
    while let DecompressorItem::Chunk(mut chunk) = file.chunk_decompressor::<T, _>(rest).map_err(damaged)? {
        if chunk.n() > count - out.len() {
            return Err(malformed("more numbers come out than belong there"));
        }
        let end = out.len() + chunk.n();
        while out.len() < end {
            let (at, step) = (out.len(), AT_ONCE.min(end - out.len()));
            out.resize(at + step, T::default());
            if chunk.read(&mut out[at..]).map_err(damaged)?.n_processed != step {
                return Err(malformed("numbers of pcodec are missing"));
            }
        }
        rest = chunk.into_src();
    }
    if out.len() != count {
        return Err(malformed(format!("{} numbers where {count} belong", out.len())));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_comes_back_bit_for_bit_and_nothing_else_is_taken() {
        let special = [f64::NAN, -0.0, f64::INFINITY, 5e-324, f64::from_bits(0x7ff0_0000_0000_0001)];
        let v: Vec<f64> = (0..40_000).map(|i| f64::from(i) * 0.1).chain(special).collect();
        let values = Values::F64(v.clone());
        let bytes = encode(&values).unwrap();
        let back = decode(&bytes, "float64", v.len()).unwrap();
        assert_eq!(back.to_le_bytes(), values.to_le_bytes());
        assert!(decode(&bytes, "float64", v.len() - 1).is_err());
        assert!(decode(&bytes, "float64", v.len() + 1).is_err());
        assert!(decode(&bytes, "float32", v.len()).is_err());
        assert!(decode(&bytes[..bytes.len() / 2], "float64", v.len()).is_err());
        for dtype in ["uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float32"] {
            let values = Values::from_f64(dtype, (0..500).map(|i| f64::from(i * i % 113 - 20))).unwrap();
            assert_eq!(decode(&encode(&values).unwrap(), dtype, 500).unwrap(), values);
        }
        for ints in [vec![], vec![i64::MIN, 3, i64::MAX], (0..3000).collect()] {
            assert_eq!(decode_ints(&encode_ints(&ints).unwrap(), ints.len()).unwrap(), ints);
        }
    }
}

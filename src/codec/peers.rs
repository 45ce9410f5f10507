//! What other codecs make of the same values, for honest comparison: each is timed, and what it gives back is compared.

use std::io::{Read as _, Write as _};
use std::time::Instant;

use super::families::half_step;
use super::general::{shuffle, unshuffle, unzstd, zstd};
use super::grid::scattered;
use super::place::{Tolerance, place};
use super::{exceptions, pcodec};
use crate::data::{Column, Dataset, Values};
use crate::entropy::bytes::{Reader, put_section};
use crate::error::{Code, Error, Result};

/// One compressor's result.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct PeerSize {
    /// Compressor and setting.
    pub name: String,
    /// Compressed bytes.
    pub bytes: u64,
    /// Raw bytes over compressed bytes.
    pub ratio: f64,
    /// Wall time of compression, s.
    #[serde(default)]
    pub encode_seconds: f64,
    /// Wall time of decompression, s.
    #[serde(default)]
    pub decode_seconds: f64,
}

type Bytes<'a> = &'a dyn Fn(&[u8]) -> Result<Vec<u8>>;

/// Compresses and decompresses `raw`, which has to come back.
fn measure(name: &str, raw: &[u8], encode: Bytes, decode: Bytes) -> Result<PeerSize> {
    let start = Instant::now();
    let packed = encode(raw)?;
    let encode_seconds = start.elapsed().as_secs_f64();
    let start = Instant::now();
    let back = decode(&packed)?;
    let decode_seconds = start.elapsed().as_secs_f64();
    if back != raw {
        return Err(Error::new(Code::Io, format!("{name} does not give its input back")));
    }
    let (bytes, ratio) = (packed.len() as u64, raw.len() as f64 / packed.len() as f64);
    Ok(PeerSize { name: name.to_owned(), bytes, ratio, encode_seconds, decode_seconds })
}

/// All columns, one after the other in their own types, under gzip, xz, zstd, byte shuffle with zstd, and pcodec.
///
/// # Errors
/// [`Code::Io`] if a compressor fails.
pub fn peers(data: &Dataset) -> Result<Vec<PeerSize>> {
    let failed = |e: &dyn std::fmt::Display| Error::new(Code::Io, "a general compressor failed").cause(e.to_string());
    let raw: Vec<u8> = data.columns.iter().flat_map(|c| c.values.to_le_bytes()).collect();
    let gzip = |raw: &[u8]| {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(9));
        out.write_all(raw).and_then(|()| out.finish()).map_err(|e| failed(&e))
    };
    let gunzip = |bytes: &[u8]| {
        let mut out = Vec::new();
        flate2::read::GzDecoder::new(bytes).read_to_end(&mut out).map_err(|e| failed(&e))?;
        Ok(out)
    };
    let xz = |raw: &[u8]| {
        let mut out = liblzma::write::XzEncoder::new(Vec::new(), 9);
        out.write_all(raw).and_then(|()| out.finish()).map_err(|e| failed(&e))
    };
    let unxz = |bytes: &[u8]| {
        let mut out = Vec::new();
        liblzma::read::XzDecoder::new(bytes).read_to_end(&mut out).map_err(|e| failed(&e))?;
        Ok(out)
    };
    let plain = |bytes: &[u8]| unzstd(bytes, raw.len());
    let sizes: Vec<(usize, usize)> =
        data.columns.iter().map(|c| (c.values.len() * c.values.item_size(), c.values.item_size())).collect();
    let each = |bytes: &[u8], one: &dyn Fn(&[u8], usize) -> Vec<u8>| {
        let mut at = 0;
        let part = |(length, size): &(usize, usize)| {
            at += length;
            one(&bytes[at - length..at], *size)
        };
        sizes.iter().flat_map(part).collect::<Vec<u8>>()
    };
    let by_columns = |_: &[u8]| {
        let mut out = Vec::new();
        for c in &data.columns {
            put_section(&mut out, &pcodec::encode(&c.values)?);
        }
        Ok(out)
    };
    let of_columns = |bytes: &[u8]| {
        let (mut reader, mut out) = (Reader::new(bytes), Vec::new());
        for c in &data.columns {
            out.extend(pcodec::decode(reader.section()?, c.values.dtype(), c.values.len())?.to_le_bytes());
        }
        Ok(out)
    };
    Ok(vec![
        measure("gzip -9", &raw, &gzip, &gunzip)?,
        measure("xz -9", &raw, &xz, &unxz)?,
        measure("zstd -3", &raw, &|raw| zstd(raw, 3), &plain)?,
        measure("zstd -19", &raw, &|raw| zstd(raw, 19), &plain)?,
        measure("shuffle + zstd -19", &raw, &|raw| zstd(&each(raw, &shuffle), 19), &|bytes| {
            Ok(each(&plain(bytes)?, &unshuffle))
        })?,
        measure("pcodec", &raw, &by_columns, &of_columns)?,
    ])
}

/// How the numbers of a quantiser are coded.
struct Coder {
    name: &'static str,
    encode: fn(&[i64]) -> Result<Vec<u8>>,
    decode: fn(&[u8], usize) -> Result<Vec<i64>>,
}

const CODERS: [Coder; 2] = [
    Coder {
        name: "quantiser + shuffle + zstd -19",
        encode: |ints| zstd(&shuffle(&Values::I64(ints.to_vec()).to_le_bytes(), 8), 19),
        decode: |bytes, count| match Values::from_le_bytes("int64", &unshuffle(&unzstd(bytes, count * 8)?, 8))? {
            Values::I64(ints) => Ok(ints),
            _ => unreachable!("int64 was asked for"),
        },
    },
    Coder { name: "quantiser + pcodec", encode: pcodec::encode_ints, decode: pcodec::decode_ints },
];

/// All columns in steps of twice their bounds, the steps under zstd and pcodec; and what comes back.
///
/// * `bound`: as a fraction of each column's range
///
/// # Errors
/// [`Code::Io`] if a compressor fails.
pub fn quantized(data: &Dataset, bound: f64) -> Result<Vec<(PeerSize, Dataset)>> {
    let raw = data.raw_bytes() as f64;
    let one = |coder: &Coder| {
        let start = Instant::now();
        let (mut parts, mut bytes) = (Vec::new(), 0);
        for c in &data.columns {
            let placed = place(&c.values, Tolerance::By(half_step(c, bound)));
            let packed = (coder.encode)(&placed.ints)?;
            let mut part = Vec::new();
            placed.grid.write(&mut part);
            put_section(&mut part, &packed);
            exceptions::put(&mut part, &c.values, &placed.exact)?;
            bytes += part.len();
            parts.push((packed, placed));
        }
        let encode_seconds = start.elapsed().as_secs_f64();
        let start = Instant::now();
        let mut columns = Vec::new();
        for (c, (packed, placed)) in data.columns.iter().zip(&parts) {
            let ints = (coder.decode)(packed, placed.ints.len())?;
            let mut values = placed.grid.values(c.values.dtype(), &ints)?;
            scattered(&mut values, &c.values, &placed.exact)?;
            columns.push(Column { values, ..c.clone() });
        }
        let decode_seconds = start.elapsed().as_secs_f64();
        let back = Dataset::new(columns, data.rows, data.layout.clone(), data.source.clone())?;
        let (name, ratio) = (coder.name.to_owned(), raw / bytes as f64);
        Ok((PeerSize { name, bytes: bytes as u64, ratio, encode_seconds, decode_seconds }, back))
    };
    CODERS.iter().map(one).collect()
}

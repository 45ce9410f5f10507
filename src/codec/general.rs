//! General-purpose compression of column bytes: byte shuffle, zstd, xz.

use std::io::{Read as _, Write as _};

use liblzma::stream::{Check, Filters, LzmaOptions, Stream};

use crate::entropy::bytes::malformed;
use crate::error::{Code, Error, Result};

/// The bytes of `size`-byte values sorted by significance: all first bytes, then all second bytes, ...
pub(super) fn shuffle(bytes: &[u8], size: usize) -> Vec<u8> {
    (0..size).flat_map(|k| bytes.iter().skip(k).step_by(size).copied()).collect()
}

/// The inverse of [`shuffle`].
pub(super) fn unshuffle(bytes: &[u8], size: usize) -> Vec<u8> {
    let n = bytes.len() / size;
    (0..n).flat_map(|i| (0..size).map(move |k| bytes[k * n + i])).collect()
}

/// zstd at `level`.
pub(super) fn zstd(bytes: &[u8], level: i32) -> Result<Vec<u8>> {
    zstd::bulk::compress(bytes, level).map_err(|e| failed("zstd", &e))
}

/// At most `capacity` bytes out of zstd.
///
/// # Errors
/// [`Code::ContainerDamaged`].
pub(super) fn unzstd(bytes: &[u8], capacity: usize) -> Result<Vec<u8>> {
    // Grows with what really comes out: an announced size must not reserve memory.
    let mut out = Vec::new();
    let decoder = zstd::stream::read::Decoder::new(bytes).map_err(|e| malformed(format!("zstd: {e}")))?;
    decoder.take(capacity as u64 + 1).read_to_end(&mut out).map_err(|e| malformed(format!("zstd: {e}")))?;
    within(out, capacity)
}

/// xz with the settings of preset 6 and a dictionary no larger than the data; no check sum of its own.
pub(super) fn xz(bytes: &[u8]) -> Result<Vec<u8>> {
    let failed = |e: &dyn std::fmt::Display| failed("xz", e);
    let mut options = LzmaOptions::new_preset(6).map_err(|e| failed(&e))?;
    options.dict_size((bytes.len() as u32).next_power_of_two().clamp(1 << 12, 1 << 23));
    let mut filters = Filters::new();
    filters.lzma2(&options);
    let stream = Stream::new_stream_encoder(&filters, Check::None).map_err(|e| failed(&e))?;
    let mut encoder = liblzma::write::XzEncoder::new_stream(Vec::new(), stream);
    encoder.write_all(bytes).map_err(|e| failed(&e))?;
    encoder.finish().map_err(|e| failed(&e))
}

/// At most `capacity` bytes out of xz.
///
/// # Errors
/// [`Code::ContainerDamaged`].
pub(super) fn unxz(bytes: &[u8], capacity: usize) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    let decoder = liblzma::read::XzDecoder::new(bytes);
    decoder.take(capacity as u64 + 1).read_to_end(&mut out).map_err(|e| malformed(format!("xz: {e}")))?;
    within(out, capacity)
}

fn within(out: Vec<u8>, capacity: usize) -> Result<Vec<u8>> {
    if out.len() > capacity { Err(malformed("more bytes come out than belong there")) } else { Ok(out) }
}

fn failed(what: &str, cause: &dyn std::fmt::Display) -> Error {
    Error::new(Code::Io, format!("{what} cannot compress")).cause(cause.to_string())
}

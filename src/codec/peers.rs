//! What general-purpose compressors make of the same bytes, for honest comparison.

use std::io::Write as _;

use super::general::{shuffle, zstd};
use crate::data::Dataset;
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
}

/// The sizes of all columns, one after the other in their own types, under gzip, xz, zstd and byte shuffle with zstd.
///
/// # Errors
/// [`Code::Io`] if a compressor fails.
pub fn peers(data: &Dataset) -> Result<Vec<PeerSize>> {
    let failed = |e: &dyn std::fmt::Display| Error::new(Code::Io, "a general compressor failed").cause(e.to_string());
    let columns: Vec<(Vec<u8>, usize)> =
        data.columns.iter().map(|c| (c.values.to_le_bytes(), c.values.item_size())).collect();
    let raw: Vec<u8> = columns.iter().flat_map(|(bytes, _)| bytes).copied().collect();

    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(9));
    gzip.write_all(&raw).map_err(|e| failed(&e))?;
    let gzip = gzip.finish().map_err(|e| failed(&e))?.len();
    let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 9);
    xz.write_all(&raw).map_err(|e| failed(&e))?;
    let xz = xz.finish().map_err(|e| failed(&e))?.len();
    let plain = zstd(&raw, 19)?.len();
    let shuffled: Vec<u8> = columns.iter().flat_map(|(bytes, size)| shuffle(bytes, *size)).collect();
    let shuffled = zstd(&shuffled, 19)?.len();

    let all = [("gzip -9", gzip), ("xz -9", xz), ("zstd -19", plain), ("shuffle + zstd -19", shuffled)];
    Ok(all
        .into_iter()
        .map(|(name, bytes)| PeerSize {
            name: name.to_owned(),
            bytes: bytes as u64,
            ratio: raw.len() as f64 / bytes as f64,
        })
        .collect())
}

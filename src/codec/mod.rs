//! The container: columns in, independent checked blocks out, and back. docs/FORMAT.md is the specification.
//!
//! ```text
//! Dataset ──► blocks of rows ──► per column: latents | bounded | lossless ──► frames with CRC32C ──► index ──► .slc
//! ```

mod alone;
mod column;
pub mod compact;
mod decode;
mod encode;
mod exceptions;
mod families;
mod frame;
mod general;
mod grid;
mod meta;
mod neural;
mod options;
mod pcodec;
mod peers;
mod place;
mod plan;
mod predicted;
mod relative;
mod residual;
mod table;
mod values;

pub use compact::{DecoderModel, WeightPrecision};
pub use decode::{ContainerInfo, Decoder, Decompressed, LostRows, decompress, info};
pub use encode::{ColumnSize, CompressReport, append, compress};
pub use families::{FamilySize, families, residue_bits, residues};
pub use meta::{ColumnMeta, Mode};
pub use neural::NeuralBackend;
pub use options::{Bound, CompressOptions, Effort};
pub use peers::{PeerSize, peers, quantized};

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

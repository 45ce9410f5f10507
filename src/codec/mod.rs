//! The container: columns in, independent checked blocks out, and back. docs/FORMAT.md is the specification.
//!
//! ```text
//! Dataset ──► blocks of rows ──► per column: latents | bounded | lossless ──► frames with CRC32C ──► index ──► .slc
//! ```

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
mod peers;
mod predicted;
mod table;
mod values;

pub use compact::{DecoderModel, WeightPrecision};
pub use decode::{ContainerInfo, Decoder, Decompressed, LostRows, decompress, info};
pub use encode::{Bound, ColumnSize, CompressOptions, CompressReport, compress};
pub use families::{FamilySize, families, residue_bits, residues};
pub use meta::{ColumnMeta, Mode};
pub use neural::NeuralBackend;
pub use peers::{PeerSize, peers};

#[cfg(test)]
mod tests;

//! Families of exact conditional distributions over the columns of a table, side by side.
//!
//! ```text
//! columns of integers ──► leaves of trees ──┬─► mixer: what contexts have seen         (adaptive, nothing stored)
//!                                           ├─► Chow-Liu tree: one other column        (tables stored)
//!                                           └─► hidden Chow-Liu tree: a latent a column (tables stored)
//!                                                       │
//!                        p(leaf | columns before it) ◄──┘ ──► range coder;   where in its leaf ──► learned halves
//! ```
//!
//! The two trees are probabilistic circuits, smooth and structured-decomposable, so that every conditional in the coding
//! order is exact. Both sides compute them from the stored tables, with integers or with `+ * /` of IEEE 754 in a fixed
//! order. The codec uses the mixer (docs/adr/0012); the others are here to be compared with it.

mod chow_liu;
mod hidden;
mod mixer;
mod parts;
mod structure;
mod table;

pub use chow_liu::ChowLiu;
pub use hidden::Hidden;
pub use mixer::Mixer;

use crate::error::Result;

/// A family of conditional distributions that codes tables of integers.
pub trait Conditionals: Sync {
    /// What it is called.
    fn name(&self) -> &'static str;

    /// Learns a model of columns of equal length.
    ///
    /// # Errors
    /// [`Unsupported`](crate::Code::Unsupported) for more columns than [`MOST_COLUMNS`], or columns of different length.
    fn fit(&self, columns: &[Vec<i64>]) -> Result<Box<dyn Model>>;

    /// Reads the columns of `rows` rows that a model of this family wrote.
    ///
    /// # Errors
    /// [`ContainerDamaged`](crate::Code::ContainerDamaged).
    fn decode(&self, bytes: &[u8], rows: usize) -> Result<Vec<Vec<i64>>>;

    /// Learns a model and codes the columns with it; the model is in the bytes.
    ///
    /// # Errors
    /// As [`fit`](Self::fit).
    fn encode(&self, columns: &[Vec<i64>]) -> Result<Vec<u8>> {
        Ok(self.fit(columns)?.encode(columns))
    }
}

/// A model that was learned.
pub trait Model: Send + Sync {
    /// What was chosen, in a few words.
    fn choice(&self) -> String;

    /// Bytes that the parameters take.
    fn model_bytes(&self) -> usize;

    /// The model and the columns that it was learned from.
    fn encode(&self, columns: &[Vec<i64>]) -> Vec<u8>;
}

/// Most columns of a table.
pub const MOST_COLUMNS: usize = 4096;

#[cfg(test)]
mod tests;

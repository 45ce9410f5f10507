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

use crate::entropy::bytes::{Reader, malformed, put_varint};
use crate::error::{Code, Error, Result};

/// A family of conditional distributions that codes tables of integers.
pub trait Conditionals: Sync {
    /// What it is called.
    fn name(&self) -> &'static str;

    /// Learns a model of columns of equal length, of at least one value each.
    fn learn(&self, columns: &[Vec<i64>]) -> Box<dyn Model>;

    /// Reads the columns that a model of this family wrote, of `rows` rows and at least one.
    ///
    /// # Errors
    /// [`ContainerDamaged`](crate::Code::ContainerDamaged).
    fn read(&self, bytes: &[u8], columns: usize, rows: usize) -> Result<Vec<Vec<i64>>>;

    /// Learns a model and codes the columns with it: their number, the model, what it leaves. A table without rows is its
    /// number of columns.
    ///
    /// # Errors
    /// As [`check`].
    fn encode(&self, columns: &[Vec<i64>]) -> Result<Vec<u8>> {
        let rows = check(columns)?;
        let mut out = Vec::new();
        put_varint(&mut out, columns.len() as u64);
        if rows > 0 {
            out.extend(self.learn(columns).encode(columns));
        }
        Ok(out)
    }

    /// Reads the columns that [`encode`](Self::encode) wrote.
    ///
    /// # Errors
    /// [`ContainerDamaged`](crate::Code::ContainerDamaged).
    fn decode(&self, bytes: &[u8], rows: usize) -> Result<Vec<Vec<i64>>> {
        let mut reader = Reader::new(bytes);
        let columns = reader.count()?;
        if columns > MOST_COLUMNS {
            return Err(malformed(format!("a model of {columns} columns")));
        }
        if rows > 0 {
            return self.read(reader.rest(), columns, rows);
        }
        reader.end()?;
        Ok(vec![Vec::new(); columns])
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

/// The number of rows of a table that can be coded.
///
/// # Errors
/// [`Unsupported`](crate::Code::Unsupported) for more columns than [`MOST_COLUMNS`], or columns of different length.
pub fn check(columns: &[Vec<i64>]) -> Result<usize> {
    let rows = columns.first().map_or(0, Vec::len);
    if columns.len() > MOST_COLUMNS {
        return Err(Error::new(Code::Unsupported, format!("{} columns", columns.len()))
            .hint(format!("a model has at most {MOST_COLUMNS}")));
    }
    if columns.iter().any(|c| c.len() != rows) {
        return Err(Error::new(Code::Unsupported, "columns of different length").hint("give every row all columns"));
    }
    Ok(rows)
}

#[cfg(test)]
mod tests;

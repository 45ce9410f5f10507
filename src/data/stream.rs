//! Data read and written part by part, so that a file may be larger than memory.

use std::ops::Range;
use std::path::Path;

use super::npy_stream::{NpySink, NpySource};
use super::table::CsvSink;
use super::{Dataset, Selection, extension};
use crate::error::Result;

/// Rows that can be read in any order, from any thread.
pub trait RowSource: Sync {
    /// The columns without rows, with layout and source.
    fn head(&self) -> Dataset;

    /// Number of rows.
    fn rows(&self) -> usize;

    /// The rows `range`.
    ///
    /// # Errors
    /// `I001` if the file cannot be read any more.
    fn read(&self, range: Range<usize>) -> Result<Dataset>;

    /// Bytes of all values in their own dtypes.
    fn raw_bytes(&self) -> u64 {
        let row: usize = self.head().columns.iter().map(|c| c.width() * c.values.item_size()).sum();
        row as u64 * self.rows() as u64
    }
}

impl RowSource for Dataset {
    fn head(&self) -> Dataset {
        self.slice(0..0)
    }

    fn rows(&self) -> usize {
        self.rows
    }

    fn read(&self, range: Range<usize>) -> Result<Dataset> {
        Ok(self.slice(range))
    }
}

/// Opens a data file. `.npy` is read in parts as asked; other formats are read whole.
///
/// # Errors
/// As [`read`](super::read).
pub fn open(path: &Path, selection: &Selection) -> Result<Box<dyn RowSource>> {
    if extension(path) == "npy" && *selection == Selection::default() {
        return Ok(Box::new(NpySource::open(path)?));
    }
    Ok(Box::new(super::read(path, selection)?))
}

/// Takes rows, in order.
pub trait RowSink {
    /// Adds the rows of `block`.
    ///
    /// # Errors
    /// `I001`, for example on a full disk.
    fn push(&mut self, block: &Dataset) -> Result<()>;

    /// Gives the file its final name.
    ///
    /// # Errors
    /// `I001`.
    fn finish(self: Box<Self>) -> Result<()>;
}

/// Begins a data file for rows like those of `head`. `.npy` and `.csv` are written as rows arrive; other formats when
/// all are there. Nothing stands under `path` before [`RowSink::finish`].
///
/// # Errors
/// `I001`, `D002` for an unknown kind of file, `D004` if the format cannot hold the columns.
pub fn create(path: &Path, head: &Dataset) -> Result<Box<dyn RowSink>> {
    match extension(path).as_str() {
        "npy" => Ok(Box::new(NpySink::create(path, head)?)),
        "csv" => Ok(Box::new(CsvSink::create(path, head)?)),
        _ => {
            super::writable(path)?;
            Ok(Box::new(Collected { path: path.to_owned(), data: head.clone() }))
        }
    }
}

/// For formats that are written at once.
struct Collected {
    path: std::path::PathBuf,
    data: Dataset,
}

impl RowSink for Collected {
    fn push(&mut self, block: &Dataset) -> Result<()> {
        self.data.append(block)
    }

    fn finish(self: Box<Self>) -> Result<()> {
        super::write(&self.path, &self.data)
    }
}

//! Data read and written part by part, so that a file may be larger than memory.

use std::ops::Range;
use std::path::Path;

use super::npy_stream::{NpySink, NpySource};
#[cfg(feature = "formats")]
use super::parquet::{ParquetSink, ParquetSource};
use super::raw::{RawSink, RawSource};
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

/// A stretch of other rows.
struct Stretch {
    all: Box<dyn RowSource>,
    range: Range<usize>,
}

impl RowSource for Stretch {
    fn head(&self) -> Dataset {
        let mut head = self.all.head();
        head.source.note(&format!("rows {}..{}", self.range.start, self.range.end));
        head
    }

    fn rows(&self) -> usize {
        self.range.len()
    }

    fn read(&self, range: Range<usize>) -> Result<Dataset> {
        let start = self.range.start;
        Ok(Dataset { source: self.head().source, ..self.all.read(start + range.start..start + range.end)? })
    }
}

/// Opens a data file. NPY, raw and Parquet files of which all columns are taken are read in parts as asked; other
/// formats, and selections of columns, are read whole.
///
/// # Errors
/// As [`read`](super::read).
pub fn open(path: &Path, selection: &Selection) -> Result<Box<dyn RowSource>> {
    let all = Selection { dtype: None, shape: None, rows: None, ..selection.clone() } == Selection::default();
    let source: Box<dyn RowSource> = match extension(path).as_str() {
        "npy" if all => Box::new(NpySource::open(path)?),
        "bin" | "raw" | "dat" if all => Box::new(RawSource::open(path, selection)?),
        #[cfg(feature = "formats")]
        "parquet" | "pq" if all => Box::new(ParquetSource::open(path)?),
        _ => return Ok(Box::new(super::read(path, selection)?)),
    };
    Ok(match selection.range(source.rows())? {
        Some(range) => Box::new(Stretch { all: source, range }),
        None => source,
    })
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

/// Begins a data file for rows like those of `head`. NPY, CSV, raw and Parquet files are written as rows arrive; other
/// formats when all are there. Nothing stands under `path` before [`RowSink::finish`].
///
/// # Errors
/// `I001`, `D002` for an unknown kind of file, `D004` if the format cannot hold the columns.
pub fn create(path: &Path, head: &Dataset) -> Result<Box<dyn RowSink>> {
    match extension(path).as_str() {
        "npy" => Ok(Box::new(NpySink::create(path, head)?)),
        "csv" => Ok(Box::new(CsvSink::create(path, head)?)),
        "bin" | "raw" | "dat" => Ok(Box::new(RawSink::create(path, head)?)),
        #[cfg(feature = "formats")]
        "parquet" | "pq" => Ok(Box::new(ParquetSink::create(path, head)?)),
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

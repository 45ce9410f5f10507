//! Raw little-endian numbers (`.bin`, `.raw`, `.dat`): the type and the shape come with the selection.

use std::ops::Range;
use std::path::Path;

use super::stream::{RowSink, RowSource};
use super::{Column, DataSource, Dataset, FileAt, Layout, Selection, Values};
use crate::error::{Code, Error, Result};
use crate::model::whole::WholeFile;

/// NumPy's word for a type's short name: `u16` is `uint16`.
fn long_name(dtype: &str) -> &str {
    match dtype {
        "u8" => "uint8",
        "i8" => "int8",
        "u16" => "uint16",
        "i16" => "int16",
        "u32" => "uint32",
        "i32" => "int32",
        "u64" => "uint64",
        "i64" => "int64",
        "f32" => "float32",
        "f64" => "float64",
        other => other,
    }
}

/// A raw file that is read by place. Its array is named `data`.
pub struct RawSource {
    file: FileAt,
    head: Dataset,
    rows: usize,
    row_bytes: usize,
}

impl RawSource {
    /// # Errors
    /// `I001`; `U001` without a dtype; `D002` for an unknown one; `D004` where the size does not fit the shape.
    pub fn open(path: &Path, selection: &Selection) -> Result<Self> {
        let Some(dtype) = &selection.dtype else {
            return Err(Error::new(Code::Usage, format!("`{}` does not say what numbers it holds", path.display()))
                .hint("pass --dtype u16 --shape 0,64 (0: as many rows as there are); in a recipe `data.select`"));
        };
        let empty = Values::from_le_bytes(long_name(dtype), &[]).map_err(|e| e.at(path.display().to_string()))?;
        let file = FileAt::open(path)?;
        let size = empty.item_size();
        if !file.len().is_multiple_of(size) {
            return Err(Error::new(
                Code::DataShape,
                format!("{} bytes are not whole {} values", file.len(), empty.dtype()),
            )
            .at(path.display().to_string()));
        }
        let count = file.len() / size;
        let shape = selection.shape.clone().unwrap_or_else(|| vec![0]);
        let misfit = |why: &str| {
            Error::new(Code::DataShape, format!("`{}` does not have the shape {shape:?}", path.display()))
                .cause(format!("it holds {count} values of {dtype}: {why}"))
        };
        let Some((&first, row)) = shape.split_first() else {
            return Err(misfit("a shape has at least one number"));
        };
        let width = row.iter().try_fold(1usize, |n, d| n.checked_mul(*d)).filter(|n| *n > 0);
        let width = width.ok_or_else(|| misfit("only the first number may be 0"))?;
        let rows = if first == 0 { count / width } else { first };
        if rows.checked_mul(width) != Some(count) {
            return Err(misfit(&format!("{rows} rows of {width} are not that many")));
        }
        let column = Column { name: "data".into(), unit: String::new(), shape: row.to_vec(), values: empty };
        let source = DataSource::file(path, &format!("{dtype} {shape:?}"));
        let head = Dataset::new(vec![column], 0, Layout::Array, source)?;
        Ok(RawSource { file, head, rows, row_bytes: width * size })
    }
}

impl RowSource for RawSource {
    fn head(&self) -> Dataset {
        self.head.clone()
    }

    fn rows(&self) -> usize {
        self.rows
    }

    fn read(&self, range: Range<usize>) -> Result<Dataset> {
        let bytes = self.file.read(range.start * self.row_bytes, range.len() * self.row_bytes)?;
        let mut block = self.head.clone();
        block.rows = range.len();
        block.columns[0].values = Values::from_le_bytes(self.head.columns[0].values.dtype(), &bytes)?;
        Ok(block)
    }
}

/// Reads the array whole.
///
/// # Errors
/// As [`RawSource::open`].
pub fn read(path: &Path, selection: &Selection) -> Result<Dataset> {
    let source = RawSource::open(path, selection)?;
    source.read(0..source.rows)
}

/// A raw file that grows.
pub struct RawSink(WholeFile);

impl RawSink {
    /// # Errors
    /// `I001`; `D004` for more than one column.
    pub fn create(path: &Path, head: &Dataset) -> Result<Self> {
        if head.columns.len() != 1 {
            return Err(Error::new(
                Code::DataShape,
                format!("a raw file holds one array, the data have {} columns", head.columns.len()),
            )
            .hint("write an .npz file"));
        }
        Ok(RawSink(WholeFile::create(path)?))
    }
}

impl RowSink for RawSink {
    fn push(&mut self, block: &Dataset) -> Result<()> {
        self.0.write(&block.columns[0].values.to_le_bytes())
    }

    fn finish(self: Box<Self>) -> Result<()> {
        self.0.finish()
    }
}

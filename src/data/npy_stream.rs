//! NPY in parts: one array whose first axis is the rows. Arrays in Fortran order are read too; C order is written.

use std::ops::Range;
use std::path::Path;

use super::numpy::{Head, npy_header, read_head};
use super::order;
use super::stream::{RowSink, RowSource};
use super::{Dataset, FileAt, Values};
use crate::error::{Code, Error, Result};
use crate::model::whole::WholeFile;

/// An `.npy` file of which only the header was read.
pub struct NpySource {
    file: FileAt,
    head: Dataset,
    rows: usize,
    /// Where the values begin.
    start: usize,
    row_bytes: usize,
    /// Of an array in Fortran order: where the values of a row lie, see [`order::ranks`].
    ranks: Option<Vec<usize>>,
}

impl NpySource {
    /// # Errors
    /// `I001`, `D001` for a damaged or cut file, `D002` for values that are not numbers.
    pub fn open(path: &Path) -> Result<Self> {
        let Head { data: head, rows, start, fortran } = read_head(path)?;
        let column = &head.columns[0];
        let row_bytes = column.width() * column.values.item_size();
        let file = FileAt::open(path)?;
        if row_bytes.checked_mul(rows).and_then(|n| n.checked_add(start)).is_none_or(|end| end > file.len()) {
            return Err(Error::new(Code::DataDamaged, format!("`{}` is cut", path.display()))
                .cause(format!("it has {} bytes, {rows} rows of {row_bytes} bytes were announced", file.len())));
        }
        let ranks = fortran.then(|| order::ranks(&column.shape));
        Ok(NpySource { file, head, rows, start, row_bytes, ranks })
    }

    /// The bytes of the rows `range` of an array in Fortran order: a stretch of the file for each value of a row.
    fn gather(&self, range: &Range<usize>, ranks: &[usize]) -> Result<Vec<u8>> {
        let size = self.head.columns[0].values.item_size();
        let mut bytes = vec![0; range.len() * self.row_bytes];
        for (i, rank) in ranks.iter().enumerate() {
            let part = self.file.read(self.start + (rank * self.rows + range.start) * size, range.len() * size)?;
            for (row, value) in bytes.chunks_exact_mut(self.row_bytes).zip(part.chunks_exact(size)) {
                row[i * size..(i + 1) * size].copy_from_slice(value);
            }
        }
        Ok(bytes)
    }
}

impl RowSource for NpySource {
    fn head(&self) -> Dataset {
        self.head.clone()
    }

    fn rows(&self) -> usize {
        self.rows
    }

    fn read(&self, range: Range<usize>) -> Result<Dataset> {
        let bytes = match &self.ranks {
            Some(ranks) => self.gather(&range, ranks)?,
            None => self.file.read(self.start + range.start * self.row_bytes, range.len() * self.row_bytes)?,
        };
        let mut block = self.head.clone();
        block.rows = range.len();
        block.columns[0].values = Values::from_le_bytes(self.head.columns[0].values.dtype(), &bytes)?;
        Ok(block)
    }
}

/// An `.npy` file that grows. Its header is written again at the end, when the number of rows is known.
pub struct NpySink {
    file: WholeFile,
    head: Dataset,
    rows: usize,
}

impl NpySink {
    /// # Errors
    /// `I001`, or `D004` if there is more than one column.
    pub fn create(path: &Path, head: &Dataset) -> Result<Self> {
        let [column] = head.columns.as_slice() else {
            return Err(Error::new(
                Code::DataShape,
                format!("an .npy file holds one array, the data have {} columns", head.columns.len()),
            )
            .hint("write an .npz file"));
        };
        let mut file = WholeFile::create(path)?;
        file.write(&npy_header(column.values.dtype(), usize::MAX, &column.shape, 0))?;
        Ok(NpySink { file, head: head.clone(), rows: 0 })
    }
}

impl RowSink for NpySink {
    fn push(&mut self, block: &Dataset) -> Result<()> {
        self.rows += block.rows;
        self.file.write(&block.columns[0].values.to_le_bytes())
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        let column = &self.head.columns[0];
        // As long as the first one, which had room for the largest number.
        let room = npy_header(column.values.dtype(), usize::MAX, &column.shape, 0).len();
        self.file.rewrite_start(&npy_header(column.values.dtype(), self.rows, &column.shape, room))?;
        self.file.finish()
    }
}

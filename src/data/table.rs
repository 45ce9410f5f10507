//! CSV: a line of names, then a row of numbers a line.

use std::path::Path;

use super::stream::RowSink;
use super::{Column, DataSource, Dataset, Layout, Values};
use crate::error::{Code, Error, Result};
use crate::model::whole::WholeFile;

pub fn read_csv(path: &Path) -> Result<Dataset> {
    let damaged = |cause: String| {
        Error::new(Code::DataDamaged, format!("`{}` is not a table of numbers", path.display())).cause(cause)
    };
    let bytes = std::fs::read(path).map_err(|e| Error::io("read", path, &e))?;
    let mut reader = csv::Reader::from_reader(bytes.as_slice());
    let names: Vec<String> =
        reader.headers().map_err(|e| damaged(e.to_string()))?.iter().map(|s| s.trim().to_owned()).collect();
    let mut cells: Vec<Vec<f64>> = vec![Vec::new(); names.len()];
    let mut whole = vec![true; names.len()];
    for (r, record) in reader.records().enumerate() {
        let record = record.map_err(|e| match e.kind() {
            csv::ErrorKind::UnequalLengths { pos, expected_len, len } => {
                let line = pos.as_ref().map_or(0, csv::Position::line);
                damaged(format!("line {line} has {len} fields, the first one {expected_len}"))
            }
            _ => damaged(e.to_string()),
        })?;
        for (c, cell) in record.iter().enumerate() {
            let cell = cell.trim();
            let value: f64 = cell
                .parse()
                .map_err(|_| damaged(format!("line {}, column `{}`: `{cell}` is not a number", r + 2, names[c])))?;
            // Beyond 2^53 a float no longer holds every integer.
            whole[c] &= cell.parse::<i64>().is_ok_and(|i| i.unsigned_abs() <= 1 << 53);
            cells[c].push(value);
        }
    }
    let rows = cells.first().map_or(0, Vec::len);
    let columns = names
        .into_iter()
        .zip(cells)
        .zip(whole)
        .map(|((name, cells), whole)| {
            let values = if whole && rows > 0 {
                Values::I64(cells.into_iter().map(|v| v as i64).collect())
            } else {
                Values::F64(cells)
            };
            Column { name, unit: String::new(), shape: Vec::new(), values }
        })
        .collect();
    Dataset::new(columns, rows, Layout::Table, DataSource::file(path, ""))
}

/// A `.csv` file that grows.
pub struct CsvSink {
    file: WholeFile,
}

impl CsvSink {
    /// # Errors
    /// `I001`, or `D004` for a column of arrays.
    pub fn create(path: &Path, head: &Dataset) -> Result<Self> {
        if let Some(c) = head.columns.iter().find(|c| !c.shape.is_empty()) {
            return Err(Error::new(Code::DataShape, format!("column `{}` holds an array per row, CSV cannot", c.name))
                .hint("write .npy or .npz"));
        }
        let mut file = WholeFile::create(path)?;
        file.write(&lines(std::iter::once(head.columns.iter().map(|c| c.name.clone())))?)?;
        Ok(CsvSink { file })
    }
}

impl RowSink for CsvSink {
    fn push(&mut self, block: &Dataset) -> Result<()> {
        let cell = |c: &Column, r: usize| match &c.values {
            Values::I64(v) => v[r].to_string(),
            Values::U64(v) => v[r].to_string(),
            Values::F32(v) => v[r].to_string(),
            other => other.get_f64(r).to_string(),
        };
        let rows = (0..block.rows).map(|r| block.columns.iter().map(move |c| cell(c, r)));
        self.file.write(&lines(rows)?)
    }

    fn finish(self: Box<Self>) -> Result<()> {
        self.file.finish()
    }
}

fn lines<R: Iterator<Item = String>>(rows: impl Iterator<Item = R>) -> Result<Vec<u8>> {
    let wrong = |e: &dyn ToString| Error::new(Code::Io, "cannot write the table").cause(e.to_string());
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.write_record(row).map_err(|e| wrong(&e))?;
    }
    writer.into_inner().map_err(|e| wrong(&e))
}

//! CSV: a line of names, which may be missing, then a row of numbers a line.

use std::path::Path;

use super::stream::RowSink;
use super::{Column, DataSource, Dataset, Layout, Values};
use crate::error::{Code, Error, Result};
use crate::model::whole::WholeFile;

/// Names for a file that begins with numbers; none where its first line holds names. A line that counts from 0 or 1 is
/// one of names, as tables without names are often saved.
fn invented(first: &csv::StringRecord) -> Option<Vec<String>> {
    let numbers: Vec<f64> = first.iter().map(|cell| cell.trim().parse().ok()).collect::<Option<_>>()?;
    let counts = |from: usize| numbers.len() > 1 && numbers.iter().enumerate().all(|(i, x)| *x == (i + from) as f64);
    (!numbers.is_empty() && !counts(0) && !counts(1)).then(|| (0..numbers.len()).map(|i| format!("c{i}")).collect())
}

/// Reads a table; without a line of names its columns are `c0`, `c1`, ...
///
/// # Errors
/// `I001`, `D001` naming line and column of what is not a number.
pub fn read_csv(path: &Path) -> Result<Dataset> {
    let damaged = |cause: String| {
        Error::new(Code::DataDamaged, format!("`{}` is not a table of numbers", path.display())).cause(cause)
    };
    let bytes = std::fs::read(path).map_err(|e| Error::io("read", path, &e))?;
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(bytes.as_slice());
    let mut names: Option<Vec<String>> = None;
    let mut cells: Vec<Vec<f64>> = Vec::new();
    let mut whole = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|e| match e.kind() {
            csv::ErrorKind::UnequalLengths { pos, expected_len, len } => {
                let line = pos.as_ref().map_or(0, csv::Position::line);
                damaged(format!("line {line} has {len} fields, the first one {expected_len}"))
            }
            _ => damaged(e.to_string()),
        })?;
        let Some(names) = &names else {
            let (found, has_numbers) = match invented(&record) {
                Some(names) => (names, true),
                None => (record.iter().map(|s| s.trim().to_owned()).collect(), false),
            };
            cells = vec![Vec::new(); found.len()];
            whole = vec![true; found.len()];
            if has_numbers {
                push(&record, &found, &mut cells, &mut whole).map_err(damaged)?;
            }
            names = Some(found);
            continue;
        };
        push(&record, names, &mut cells, &mut whole).map_err(|cause| {
            let other = if cause.contains([';', '\t']) { "columns are separated by commas" } else { "" };
            if other.is_empty() { damaged(cause) } else { damaged(cause).hint(other) }
        })?;
    }
    let rows = cells.first().map_or(0, Vec::len);
    let columns = names
        .into_iter()
        .flatten()
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

/// Adds a line to the columns; `whole` keeps account of which hold integers only.
fn push(
    record: &csv::StringRecord,
    names: &[String],
    cells: &mut [Vec<f64>],
    whole: &mut [bool],
) -> Result<(), String> {
    for (c, cell) in record.iter().enumerate() {
        let cell = cell.trim();
        let line = record.position().map_or(0, csv::Position::line);
        cells[c]
            .push(cell.parse().map_err(|_| format!("line {line}, column `{}`: `{cell}` is not a number", names[c]))?);
        // Beyond 2^53 a float no longer holds every integer.
        whole[c] &= cell.parse::<i64>().is_ok_and(|i| i.unsigned_abs() <= 1 << 53);
    }
    Ok(())
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

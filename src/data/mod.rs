//! Data sets: columns of numbers with dtype, shape, unit and provenance, read from and written to files.

mod at;
pub mod dataset;
mod fit;
mod npy_stream;
mod numpy;
mod rows;
mod split;
mod stream;
mod table;
mod toy;

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use at::FileAt;
pub use dataset::{Column, DataSource, Dataset, Layout, Values};
pub use fit::{NormKind, TransformSpec, fit_transform};
pub use rows::{model_rows, restore_columns};
pub use split::{SplitOptions, SplitRows, split};
pub use stream::{RowSink, RowSource, create, open};
pub use table::{ColumnSummary, inspect};
pub use toy::toy;

use crate::error::{Code, Error, Result};

/// What is taken of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Selection {
    /// Array inside an archive.
    pub array: Option<String>,
    /// Columns to keep, in this order; all if absent.
    pub columns: Option<Vec<String>>,
    /// Columns to leave out.
    pub exclude: Vec<String>,
    /// First row and the row after the last.
    pub rows: Option<(usize, usize)>,
}

fn extension(path: &Path) -> String {
    path.extension().map_or_else(String::new, |e| e.to_string_lossy().to_lowercase())
}

fn unknown(path: &Path) -> Error {
    Error::new(Code::DataType, format!("`{}`: files of this kind are not known", path.display()))
        .hint("use .npy, .npz or .csv")
}

/// Reads a data file by its extension.
///
/// # Errors
/// `I001`, `D001` to `D004`, naming file and place.
pub fn read(path: &Path, selection: &Selection) -> Result<Dataset> {
    let data = match extension(path).as_str() {
        "npy" => numpy::read_npy(path)?,
        "npz" => numpy::read_npz(path, selection)?,
        "csv" => table::read_csv(path)?,
        _ => return Err(unknown(path)),
    };
    select(data, selection)
}

fn select(mut data: Dataset, selection: &Selection) -> Result<Dataset> {
    if let Some(names) = &selection.columns {
        data.columns = names.iter().map(|n| data.column(n).cloned()).collect::<Result<_>>()?;
    }
    for name in &selection.exclude {
        data.column(name)?;
        data.columns.retain(|c| c.name != *name);
    }
    if let Some((start, end)) = selection.rows {
        if start >= end || end > data.rows {
            return Err(Error::new(Code::DataSelection, format!("there are no rows {start} to {end}"))
                .hint(format!("the file has {} rows", data.rows)));
        }
        data = data.slice(start..end);
    }
    Dataset::new(data.columns, data.rows, data.layout, data.source)
}

/// Whether files of this kind can be written.
fn writable(path: &Path) -> Result<()> {
    match extension(path).as_str() {
        "npy" | "npz" | "csv" => Ok(()),
        _ => Err(unknown(path)),
    }
}

/// Writes a data file by its extension, whole or not at all.
///
/// # Errors
/// `I001`, or `D002` for an unknown kind of file.
pub fn write(path: &Path, data: &Dataset) -> Result<()> {
    match extension(path).as_str() {
        "npz" => numpy::write_npz(path, data),
        "npy" | "csv" => {
            let mut sink = create(path, &data.slice(0..0))?;
            sink.push(data)?;
            sink.finish()
        }
        _ => Err(unknown(path)),
    }
}

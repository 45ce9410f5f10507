//! Data sets: columns of numbers with dtype, shape, unit and provenance, read from and written to files.

pub mod dataset;
mod fit;
mod numpy;
#[cfg(feature = "formats")]
mod root;
mod rows;
mod selection;
mod split;
mod table;
mod toy;

use std::path::Path;

pub use dataset::{Column, DataSource, Dataset, Layout, Values};
pub use fit::{NormKind, TransformSpec, fit_transform};
pub use rows::{model_rows, restore_columns};
pub use selection::{NanPolicy, Selection};
pub use split::{SplitOptions, SplitRows, split};
pub use table::{ColumnSummary, inspect};
pub use toy::toy;

use crate::error::{Code, Error, Result};

fn extension(path: &Path) -> String {
    path.extension().map_or_else(String::new, |e| e.to_string_lossy().to_lowercase())
}

fn unknown(path: &Path) -> Error {
    Error::new(Code::DataType, format!("`{}`: files of this kind are not known", path.display()))
        .hint("use .npy, .npz, .csv or .root")
}

#[cfg(not(feature = "formats"))]
fn left_out(path: &Path) -> Error {
    Error::new(Code::MissingFeature, format!("`{}`: this build reads no files of this kind", path.display()))
        .hint("build with the Cargo feature `formats`")
}

/// Reads a data file by its extension.
///
/// # Errors
/// `I001`, `D001` to `D004`, naming file and place; `U002` for a format that was not built in.
pub fn read(path: &Path, selection: &Selection) -> Result<Dataset> {
    let data = match extension(path).as_str() {
        "npy" => numpy::read_npy(path)?,
        "npz" => numpy::read_npz(path, selection)?,
        "csv" => table::read_csv(path)?,
        #[cfg(feature = "formats")]
        "root" => root::read(path, selection)?,
        #[cfg(not(feature = "formats"))]
        "root" => return Err(left_out(path)),
        _ => return Err(unknown(path)),
    };
    let mut data = data;
    data.columns.retain(|c| selection.wants(&c.name) || data.source.pass_through.contains(&c.name));
    selection.apply(data)
}

/// Writes a data file by its extension, whole or not at all.
///
/// # Errors
/// `I001`, `D002` for an unknown kind of file, `D004` for columns that the format cannot hold.
pub fn write(path: &Path, data: &Dataset) -> Result<()> {
    match extension(path).as_str() {
        "npy" => numpy::write_npy(path, data),
        "npz" => numpy::write_npz(path, data),
        "csv" => table::write_csv(path, data),
        #[cfg(feature = "formats")]
        "root" => root::write(path, data),
        #[cfg(not(feature = "formats"))]
        "root" => Err(left_out(path)),
        _ => Err(unknown(path)),
    }
}

//! Data sets: columns of numbers with dtype, shape, unit and provenance, read from and written to files.

mod at;
#[cfg(feature = "formats")]
mod catch;
pub mod dataset;
mod fit;
mod gaps;
#[cfg(feature = "formats")]
mod hdf5;
mod listing;
mod npy_stream;
mod numpy;
mod order;
#[cfg(feature = "formats")]
mod parquet;
mod raw;
#[cfg(feature = "formats")]
mod root;
mod rows;
mod selection;
mod split;
mod stream;
mod suggest;
mod table;
mod toy;

use std::path::Path;

pub use at::FileAt;
pub use dataset::{Column, DataSource, Dataset, Layout, Values};
pub use fit::{Domain, NormKind, TransformSpec, fit_transform};
pub use gaps::{Gaps, filled, training_rows};
pub use listing::{ItemSummary, ValueSummary, inspect};
pub use rows::{model_rows, restore_columns};
pub use selection::{NanPolicy, Selection, fits};
pub use split::{SplitOptions, SplitRows, split};
pub use stream::{RowSink, RowSource, create, open};
pub use suggest::{ColumnHint, Suggestion, column_hint, suggest};
pub use toy::toy;

use crate::error::{Code, Error, Result};

fn extension(path: &Path) -> String {
    path.extension().map_or_else(String::new, |e| e.to_string_lossy().to_lowercase())
}

fn unknown(path: &Path) -> Error {
    Error::new(Code::DataType, format!("`{}`: files of this kind are not known", path.display()))
        .hint("use .npy, .npz, .csv, .root, .h5, .parquet, or .bin, .raw, .dat for raw numbers")
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
    let place = path.display().to_string();
    // Formats that cannot leave columns out as they read; the others check the names themselves.
    let checked = |data: Dataset| {
        let names: Vec<&str> = data.columns.iter().map(|c| c.name.as_str()).collect();
        selection.check_names(&names, "column", &place).map(|()| data)
    };
    let mut data = match extension(path).as_str() {
        "npy" => checked(numpy::read_npy(path)?)?,
        "npz" => numpy::read_npz(path, selection)?,
        "csv" => checked(table::read_csv(path)?)?,
        "bin" | "raw" | "dat" => checked(raw::read(path, selection)?)?,
        #[cfg(feature = "formats")]
        "root" => root::read(path, selection)?,
        #[cfg(feature = "formats")]
        "h5" | "hdf5" | "lh5" => hdf5::read(path, selection)?,
        #[cfg(feature = "formats")]
        "parquet" | "pq" => parquet::read(path, selection)?,
        #[cfg(not(feature = "formats"))]
        "root" | "h5" | "hdf5" | "lh5" | "parquet" | "pq" => return Err(left_out(path)),
        _ => return Err(unknown(path)),
    };
    data.columns.retain(|c| selection.wants(&c.name) || data.source.pass_through.contains(&c.name));
    selection.apply(data)
}

/// What `selection` takes of data that were not read from a file.
///
/// # Errors
/// `D003` for columns or rows that are not there.
pub fn select(mut data: Dataset, selection: &Selection) -> Result<Dataset> {
    let names: Vec<&str> = data.columns.iter().map(|c| c.name.as_str()).collect();
    selection.check_names(&names, "column", &data.source.name)?;
    data.columns.retain(|c| selection.wants(&c.name));
    selection.apply(data)
}

/// Whether files of this kind can be written.
fn writable(path: &Path) -> Result<()> {
    match extension(path).as_str() {
        "npy" | "npz" | "csv" | "bin" | "raw" | "dat" => Ok(()),
        #[cfg(feature = "formats")]
        "root" | "h5" | "hdf5" | "lh5" | "parquet" | "pq" => Ok(()),
        #[cfg(not(feature = "formats"))]
        "root" | "h5" | "hdf5" | "lh5" | "parquet" | "pq" => Err(left_out(path)),
        _ => Err(unknown(path)),
    }
}

/// Writes a data file by its extension, whole or not at all.
///
/// # Errors
/// `I001`, `D002` for an unknown kind of file, `D004` for columns that the format cannot hold.
pub fn write(path: &Path, data: &Dataset) -> Result<()> {
    match extension(path).as_str() {
        "npz" => numpy::write_npz(path, data),
        "npy" | "csv" | "bin" | "raw" | "dat" | "parquet" | "pq" => {
            let mut sink = create(path, &data.slice(0..0))?;
            sink.push(data)?;
            sink.finish()
        }
        #[cfg(feature = "formats")]
        "root" => root::write(path, data),
        #[cfg(feature = "formats")]
        "h5" | "hdf5" | "lh5" => hdf5::write(path, data),
        #[cfg(not(feature = "formats"))]
        "root" | "h5" | "hdf5" | "lh5" => Err(left_out(path)),
        _ => Err(unknown(path)),
    }
}

//! Raw little-endian numbers (`.bin`, `.raw`, `.dat`): the type and the shape come with the selection.

use std::path::Path;

use super::{Column, DataSource, Dataset, Layout, Selection, Values};
use crate::error::{Code, Error, Result};
use crate::model::file::write_whole;

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

/// Reads one array; its name is `data`.
///
/// # Errors
/// `I001`; `U001` without a dtype; `D002` for an unknown one; `D004` where the size does not fit the shape.
pub fn read(path: &Path, selection: &Selection) -> Result<Dataset> {
    let Some(dtype) = &selection.dtype else {
        return Err(Error::new(Code::Usage, format!("`{}` does not say what numbers it holds", path.display()))
            .hint("pass --dtype u16 --shape 0,64 (0: as many rows as there are); in a recipe `data.select`"));
    };
    let bytes = std::fs::read(path).map_err(|e| Error::io("read", path, &e))?;
    let values = Values::from_le_bytes(long_name(dtype), &bytes).map_err(|e| e.at(path.display().to_string()))?;
    let shape = selection.shape.clone().unwrap_or_else(|| vec![0]);
    let misfit = |why: &str| {
        Error::new(Code::DataShape, format!("`{}` does not have the shape {shape:?}", path.display()))
            .cause(format!("it holds {} values of {dtype}: {why}", values.len()))
    };
    let Some((&first, row)) = shape.split_first() else {
        return Err(misfit("a shape has at least one number"));
    };
    let width = row.iter().try_fold(1usize, |n, d| n.checked_mul(*d)).filter(|n| *n > 0);
    let width = width.ok_or_else(|| misfit("only the first number may be 0"))?;
    let rows = if first == 0 { values.len() / width } else { first };
    if rows.checked_mul(width) != Some(values.len()) {
        return Err(misfit(&format!("{rows} rows of {width} are not that many")));
    }
    let column = Column { name: "data".into(), unit: String::new(), shape: row.to_vec(), values };
    Dataset::new(vec![column], rows, Layout::Array, DataSource::file(path, &format!("{dtype} {shape:?}")))
}

/// Writes the values of the only column.
///
/// # Errors
/// `I001`; `D004` for more than one column.
pub fn write(path: &Path, data: &Dataset) -> Result<()> {
    let [column] = data.columns.as_slice() else {
        return Err(Error::new(
            Code::DataShape,
            format!("a raw file holds one array, the data have {} columns", data.columns.len()),
        )
        .hint("write an .npz file"));
    };
    write_whole(path, &column.values.to_le_bytes())
}

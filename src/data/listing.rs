//! What is in a file: every array, branch or column with type, shape, range and what keeps it from being read.

use std::path::Path;

use serde::Serialize;

use super::{Column, Selection, extension};
use crate::error::{Error, Result};

/// One array, branch or column, as a reader found it.
pub struct Found {
    /// The tree or the matrix that it belongs to; may be empty.
    pub group: String,
    /// Its own name.
    pub name: String,
    /// The type in the file's words.
    pub kind: String,
    /// Rows, or entries of a tree.
    pub rows: usize,
    /// Of a jagged branch: elements of each entry.
    pub lengths: Option<Vec<u32>>,
    /// The values, or why there are none.
    pub column: Result<Column, Error>,
}

impl Found {
    /// A column that was read, with the type in NumPy's words.
    pub fn of(group: &str, column: Column, rows: usize) -> Self {
        let kind = column.values.dtype().to_owned();
        Found { group: group.to_owned(), name: column.name.clone(), kind, rows, lengths: None, column: Ok(column) }
    }
}

/// What `inspect` says about one array, branch or column.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ItemSummary {
    /// The tree or the matrix that it belongs to; may be empty.
    pub group: String,
    /// Its own name.
    pub name: String,
    /// In NumPy's words where it can be read, else in the file's.
    pub dtype: String,
    /// Physical unit, where the file says it.
    pub unit: String,
    /// Shape of one row's value.
    pub shape: Vec<usize>,
    /// Rows, or entries of a tree.
    pub rows: usize,
    /// Of a jagged branch: elements of all entries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub elements: Option<usize>,
    /// What the values are like, where there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub values: Option<ValueSummary>,
    /// Why it cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unreadable: Option<String>,
    /// Of a jagged branch: a number that is equal for branches with equal lengths.
    #[serde(skip)]
    pub(super) lengths: Option<u64>,
}

/// What the values of a column are like.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ValueSummary {
    /// Smallest finite value; 0 if there is none.
    pub min: f64,
    /// Largest finite value; 0 if there is none.
    pub max: f64,
    /// Mean of the finite values; 0 if there is none.
    pub mean: f64,
    /// Share of exact zeros.
    pub zeros_fraction: f64,
    /// Values that are NaN or infinite.
    pub not_finite: usize,
    /// Row of the first of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_not_finite: Option<usize>,
}

impl ValueSummary {
    /// Of all values of a column.
    pub fn of(c: &Column) -> Self {
        let n = c.values.len();
        let (mut min, mut max, mut sum, mut zeros, mut count) = (f64::INFINITY, f64::NEG_INFINITY, 0.0, 0usize, 0usize);
        let mut first = None;
        for i in 0..n {
            let x = c.values.get_f64(i);
            if x.is_finite() {
                (min, max, sum, count) = (min.min(x), max.max(x), sum + x, count + 1);
                zeros += usize::from(x == 0.0);
            } else {
                first = first.or(Some(i / c.width().max(1)));
            }
        }
        // JSON has no infinities.
        let (min, max) = if count > 0 { (min, max) } else { (0.0, 0.0) };
        ValueSummary {
            min,
            max,
            mean: sum / count.max(1) as f64,
            zeros_fraction: zeros as f64 / n.max(1) as f64,
            not_finite: n - count,
            first_not_finite: first,
        }
    }
}

fn summary(found: Found) -> ItemSummary {
    let column = found.column.as_ref();
    ItemSummary {
        dtype: column.map_or_else(|_| found.kind.clone(), |c| c.values.dtype().to_owned()),
        unit: column.map_or_else(|_| String::new(), |c| c.unit.clone()),
        shape: column.map_or_else(|_| Vec::new(), |c| c.shape.clone()),
        rows: found.rows,
        elements: found.lengths.as_ref().map(|l| l.iter().map(|n| *n as usize).sum()),
        values: column.ok().filter(|c| !c.values.is_empty()).map(ValueSummary::of),
        unreadable: column.err().map(|e| e.what().to_owned()),
        lengths: found.lengths.map(|lengths| {
            use std::hash::{DefaultHasher, Hash as _, Hasher as _};
            let mut hash = DefaultHasher::new();
            lengths.hash(&mut hash);
            hash.finish()
        }),
        group: found.group,
        name: found.name,
    }
}

/// The rows `range` of what was found; of a jagged branch, the elements.
fn cut(found: &mut Found, selection: &Selection) -> Result<()> {
    let Ok(column) = &mut found.column else { return Ok(()) };
    let width = column.width();
    let rows = found.lengths.as_ref().map_or(found.rows, |l| l.iter().map(|n| *n as usize).sum());
    let Some(range) = selection.range(rows).map_err(|e| e.at(found.name.clone()))? else { return Ok(()) };
    (found.rows, found.lengths) = (range.len(), None);
    column.values = column.values.rows(range, width);
    Ok(())
}

/// Everything in a data file, in its order, or what the selection takes of it; raw files need their type.
///
/// # Errors
/// `I001`, `D001` and `D002` where the file as a whole cannot be read; what is in it and cannot be read is listed with
/// the reason. `D003` for columns or rows that are not there.
pub fn inspect(path: &Path, selection: &Selection) -> Result<Vec<ItemSummary>> {
    let mut all = Vec::new();
    let mut names = Vec::new();
    let mut wrong = None;
    let mut found = |mut f: Found| {
        names.push(f.name.clone());
        if selection.wants(&f.name) {
            wrong = wrong.take().or(cut(&mut f, selection).err());
            all.push(summary(f));
        }
    };
    match extension(path).as_str() {
        "npz" if selection.array.is_none() => super::numpy::list_npz(path, &mut found)?,
        #[cfg(feature = "formats")]
        "root" => super::root::list(path, selection, &mut found)?,
        #[cfg(feature = "formats")]
        "h5" | "hdf5" | "lh5" => super::hdf5::list(path, selection, &mut found)?,
        #[cfg(feature = "formats")]
        "parquet" | "pq" => super::parquet::list(path, &mut found)?,
        _ => {
            // Readers take the columns and rows themselves.
            let data = super::read(path, selection)?;
            let of = |c| summary(Found::of("", c, data.rows));
            return Ok(data.columns.into_iter().map(of).collect());
        }
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    selection.check_names(&names, "array or column", &path.display().to_string())?;
    wrong.map_or(Ok(all), Err)
}

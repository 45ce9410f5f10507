//! HDF5: datasets of numbers anywhere in the file. A dataset's first axis is the rows.

use std::path::Path;

use hdf5_pure::{AttrValue, DType, DatasetBuilder, File, FileBuilder, Group, GroupBuilder};

use super::listing::Found;
use super::selection::listed;
use super::{Column, DataSource, Dataset, Layout, Selection, Values};
use crate::error::{Code, Error, Result};
use crate::model::file::write_whole;

/// A dataset of the file.
struct Listed {
    /// Path without the leading slash.
    path: String,
    /// The type in the file's words.
    kind: String,
    /// All axes.
    shape: Vec<usize>,
}

fn damaged(path: &Path, cause: &dyn std::fmt::Display) -> Error {
    Error::new(Code::DataDamaged, format!("`{}` is cut, damaged or not an HDF5 file", path.display()))
        .cause(cause.to_string())
}

fn open(path: &Path) -> Result<File> {
    // A missing file is not a damaged one.
    std::fs::metadata(path).map_err(|e| Error::io("read", path, &e))?;
    File::open_streaming(path).map_err(|e| damaged(path, &e))
}

/// No file nests deeper without a loop of links.
const MAX_DEPTH: usize = 32;

fn walk(group: &Group, prefix: &str, depth: usize, out: &mut Vec<Listed>) -> Result<(), hdf5_pure::Error> {
    for name in group.datasets()? {
        let set = group.dataset(&name)?;
        let shape = set.shape()?.into_iter().map(|n| n as usize).collect();
        out.push(Listed { path: format!("{prefix}{name}"), kind: set.dtype()?.to_string(), shape });
    }
    if depth < MAX_DEPTH {
        for name in group.groups()? {
            walk(&group.group(&name)?, &format!("{prefix}{name}/"), depth + 1, out)?;
        }
    }
    Ok(())
}

/// Gives every dataset, or those of the chosen group, to `found`.
///
/// # Errors
/// `I001`, `D001`; a dataset that cannot be read is given as such.
pub fn list(path: &Path, selection: &Selection, found: &mut dyn FnMut(Found)) -> Result<()> {
    let file = open(path)?;
    let mut all = Vec::new();
    walk(&file.root(), "", 0, &mut all).map_err(|e| damaged(path, &e))?;
    let chosen = selection.array.as_deref().map(|a| a.trim_matches('/').to_owned());
    let inside = |l: &Listed| chosen.as_ref().is_none_or(|a| l.path == *a || l.path.starts_with(&format!("{a}/")));
    for l in all.iter().filter(|l| inside(l)) {
        found(Found {
            group: String::new(),
            name: l.path.clone(),
            kind: l.kind.clone(),
            rows: l.shape.first().copied().unwrap_or(1),
            lengths: None,
            column: column(&file, l, &path.display().to_string()),
        });
    }
    Ok(())
}

fn is_number(kind: &str) -> bool {
    ["f32", "f64", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64"].contains(&kind)
}

/// Reads the dataset `selection.array`, or all datasets of a group of that name, or of the whole file; several become
/// columns named by their paths and must have the same first axis.
///
/// # Errors
/// `D001` for a damaged file, `D002` naming the dataset and its type where it cannot be read, `D003` for a dataset that
/// is not there, `D004` where first axes differ.
pub fn read(path: &Path, selection: &Selection) -> Result<Dataset> {
    let file = open(path)?;
    let mut all = Vec::new();
    walk(&file.root(), "", 0, &mut all).map_err(|e| damaged(path, &e))?;
    let place = path.display().to_string();
    let asked = selection.array.as_deref().map(|a| a.trim_matches('/').to_owned());
    let names: Vec<&str> = all.iter().map(|l| l.path.as_str()).collect();
    let inside = asked.as_ref().map(|a| format!("{a}/"));
    let chosen: Vec<&Listed> = match (&asked, &inside) {
        (Some(name), _) if names.contains(&name.as_str()) => all.iter().filter(|l| l.path == *name).collect(),
        (Some(_), Some(group)) => all.iter().filter(|l| l.path.starts_with(group)).collect(),
        _ => all.iter().collect(),
    };
    if chosen.is_empty() {
        let what = asked.map_or("holds no dataset".to_owned(), |a| format!("has no dataset or group `{a}`"));
        return Err(Error::new(Code::DataSelection, format!("`{place}` {what}"))
            .hint(format!("the datasets are: {}", listed(&names))));
    }
    let alone = chosen.len() == 1;
    let names: Vec<&str> = chosen.iter().map(|l| l.path.as_str()).collect();
    selection.check_names(&names, "dataset", &place)?;
    let wanted: Vec<&Listed> = chosen.into_iter().filter(|l| selection.wants(&l.path)).collect();
    if let Some(other) = wanted.iter().find(|l| l.shape.first() != wanted[0].shape.first()) {
        let show = |l: &Listed| format!("{} {} {:?}", l.path, l.kind, l.shape);
        let shapes: Vec<String> = wanted.iter().take(20).map(|l| show(l)).collect();
        return Err(Error::new(
            Code::DataShape,
            format!("datasets `{}` and `{}` have different numbers of rows", wanted[0].path, other.path),
        )
        .at(place)
        .cause(shapes.join("\n"))
        .hint("choose one with `array` (a dataset or a group), or some with `columns`"));
    }
    let mut columns = Vec::new();
    for l in &wanted {
        columns.push(column(&file, l, &place)?);
    }
    let rows = wanted.first().and_then(|l| l.shape.first()).copied().unwrap_or(0);
    let layout = if alone { Layout::Array } else { Layout::Table };
    Dataset::new(columns, rows, layout, DataSource::file(path, selection.array.as_deref().unwrap_or("")))
}

fn column(file: &File, l: &Listed, place: &str) -> Result<Column> {
    let wrong = |cause: String| {
        Error::new(Code::DataType, format!("dataset `{}` of type `{}` cannot be read", l.path, l.kind))
            .at(place)
            .cause(cause)
            .hint("leave it out with `exclude`, or choose others with `array` or `columns`")
    };
    if !is_number(&l.kind) || l.shape.is_empty() {
        return Err(wrong("arrays of integers and of 32- and 64-bit floats can be read".to_owned()));
    }
    let failed = |e: hdf5_pure::Error| wrong(e.to_string());
    let set = file.dataset(&l.path).map_err(failed)?;
    let values = match set.dtype().map_err(failed)? {
        DType::F32 => Values::F32(set.read_f32().map_err(failed)?),
        DType::F64 => Values::F64(set.read_f64().map_err(failed)?),
        DType::I8 => Values::I8(set.read_i8().map_err(failed)?),
        DType::I16 => Values::I16(set.read_i16().map_err(failed)?),
        DType::I32 => Values::I32(set.read_i32().map_err(failed)?),
        DType::I64 => Values::I64(set.read_i64().map_err(failed)?),
        DType::U8 => Values::U8(set.read_u8().map_err(failed)?),
        DType::U16 => Values::U16(set.read_u16().map_err(failed)?),
        DType::U32 => Values::U32(set.read_u32().map_err(failed)?),
        DType::U64 => Values::U64(set.read_u64().map_err(failed)?),
        other => return Err(wrong(format!("`{other}` is no number"))),
    };
    // Units are a convention of netCDF and LH5 alike.
    let unit = set.attrs().ok().and_then(|a| a.get("units").and_then(|u| u.as_str().map(str::to_owned)));
    Ok(Column { name: l.path.clone(), unit: unit.unwrap_or_default(), shape: l.shape[1..].to_vec(), values })
}

/// Bytes in a chunk, about.
const CHUNK: usize = 1 << 20;

/// A file or a group, which hold datasets and groups in the same way.
trait Parent {
    fn dataset(&mut self, name: &str) -> &mut DatasetBuilder;
    fn group(&mut self, name: &str) -> GroupBuilder;
    fn add(&mut self, group: GroupBuilder);
}

macro_rules! parents {
    ($($kind:ty)*) => {$(
        impl Parent for $kind {
            fn dataset(&mut self, name: &str) -> &mut DatasetBuilder {
                self.create_dataset(name)
            }

            fn group(&mut self, name: &str) -> GroupBuilder {
                self.create_group(name)
            }

            fn add(&mut self, group: GroupBuilder) {
                self.add_group(group.finish());
            }
        }
    )*};
}

parents!(FileBuilder GroupBuilder);

/// Adds columns by what is left of their paths; those that begin with the same name go into one group.
fn place(parent: &mut dyn Parent, columns: &[(&str, &Column)], rows: usize) {
    let mut groups: Vec<&str> = Vec::new();
    for (path, c) in columns {
        match path.split_once('/') {
            None => fill(parent.dataset(path), c, rows),
            Some((head, _)) if !groups.contains(&head) => groups.push(head),
            Some(_) => {}
        }
    }
    for head in groups {
        let mut group = parent.group(head);
        let columns: Vec<(&str, &Column)> = (columns.iter())
            .filter_map(|(path, c)| path.split_once('/').filter(|(h, _)| *h == head).map(|(_, rest)| (rest, *c)))
            .collect();
        place(&mut group, &columns, rows);
        parent.add(group);
    }
}

fn fill(set: &mut DatasetBuilder, c: &Column, rows: usize) {
    match &c.values {
        Values::U8(v) => set.with_u8_data(v),
        Values::I8(v) => set.with_i8_data(v),
        Values::U16(v) => set.with_u16_data(v),
        Values::I16(v) => set.with_i16_data(v),
        Values::U32(v) => set.with_u32_data(v),
        Values::I32(v) => set.with_i32_data(v),
        Values::U64(v) => set.with_u64_data(v),
        Values::I64(v) => set.with_i64_data(v),
        Values::F32(v) => set.with_f32_data(v),
        Values::F64(v) => set.with_f64_data(v),
    };
    let axes =
        |rows: usize| -> Vec<u64> { std::iter::once(rows).chain(c.shape.iter().copied()).map(|n| n as u64).collect() };
    set.with_shape(&axes(rows));
    let row = (c.width() * c.values.item_size()).max(1);
    if rows > 0 && c.width() > 0 {
        set.with_chunks(&axes((CHUNK / row).clamp(1, rows))).with_shuffle().with_deflate(4);
    }
    if !c.unit.is_empty() {
        set.set_attr("units", AttrValue::AsciiString(c.unit.clone()));
    }
}

/// Writes every column as a dataset named by it, shuffled and deflated; a name with slashes is a path through groups.
///
/// # Errors
/// `I001`.
pub fn write(path: &Path, data: &Dataset) -> Result<()> {
    let mut file = FileBuilder::new();
    let columns: Vec<(&str, &Column)> = data.columns.iter().map(|c| (c.name.as_str(), c)).collect();
    place(&mut file, &columns, data.rows);
    let bytes = file
        .finish()
        .map_err(|e| Error::new(Code::Io, format!("cannot write `{}`", path.display())).cause(e.to_string()))?;
    write_whole(path, &bytes)
}

//! Columns to a tree: scalars as flat branches, the elements of a jagged tree and arrays as `vector`.

use std::path::Path;

use oxyroot::{Marshaler, RootFile, WriterTree};

use super::ENTRY_INDEX;
use crate::data::catch;
use crate::data::{Column, Dataset, Layout, Values};
use crate::error::{Code, Error, Result};

/// Writes a ROOT file with one tree, uncompressed (oxyroot compresses nothing).
///
/// Rows become entries. Data with [`Layout::Tree`] and a number of entries become jagged again: rows of one
/// `entry_index` form one `vector<T>`. A column with an array a row becomes a `vector<T>` of constant length.
///
/// # Errors
/// `I001`, or `D004` for an `entry_index` that is not in order.
pub fn write(path: &Path, data: &Dataset) -> Result<()> {
    let (name, entries) = match &data.layout {
        Layout::Tree { name, entries } => (name.as_str(), *entries),
        _ => ("tree", None),
    };
    let lengths = entries.map(|n| lengths(data, n)).transpose()?;
    let failed = |cause: String| Error::new(Code::Io, format!("cannot write `{}`", path.display())).cause(cause);
    // The writer needs a file of its own: it is renamed when whole.
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = std::path::PathBuf::from(part);
    let written = catch::quietly(|| {
        let mut file = RootFile::create(&part).map_err(|e| e.to_string())?;
        let mut tree = WriterTree::new(name);
        for c in &data.columns {
            match &lengths {
                Some(_) if c.name == ENTRY_INDEX => {}
                Some(lengths) => branch(&mut tree, c, Some(lengths.iter().map(|n| n * c.width()).collect())),
                None if c.shape.is_empty() => branch(&mut tree, c, None),
                None => branch(&mut tree, c, Some(vec![c.width(); data.rows])),
            }
        }
        tree.write(&mut file).map_err(|e| format!("{e:?}"))?;
        file.close().map_err(|e| e.to_string())
    });
    let done =
        written.map_err(failed).and_then(|()| std::fs::rename(&part, path).map_err(|e| Error::io("create", path, &e)));
    if done.is_err() {
        let _ = std::fs::remove_file(&part);
    }
    done
}

/// Elements of each entry.
fn lengths(data: &Dataset, entries: u64) -> Result<Vec<usize>> {
    let index = &data.column(ENTRY_INDEX)?.values;
    let mut lengths = vec![0; usize::try_from(entries).unwrap_or(0)];
    let mut last = 0;
    for i in 0..index.len() {
        let entry = index.get_f64(i) as usize;
        if entry < last || entry >= lengths.len() {
            return Err(Error::new(Code::DataShape, format!("row {i}: `{ENTRY_INDEX}` is {entry}, out of order"))
                .hint("a reconstruction without loss keeps it: do not let a model read it"));
        }
        last = entry;
        lengths[entry] += 1;
    }
    Ok(lengths)
}

fn branch(tree: &mut WriterTree, c: &Column, lengths: Option<Vec<usize>>) {
    macro_rules! each {
        ($($variant:ident)*) => {
            match &c.values { $(Values::$variant(v) => add(tree, &c.name, v.clone(), lengths),)* }
        };
    }
    each!(U8 I8 U16 I16 U32 I32 U64 I64 F32 F64);
}

fn add<T: Marshaler + Clone + 'static>(tree: &mut WriterTree, name: &str, v: Vec<T>, lengths: Option<Vec<usize>>) {
    match lengths {
        None => tree.new_branch(name, v.into_iter()),
        Some(lengths) => {
            let mut v = v.into_iter();
            tree.new_branch(name, lengths.into_iter().map(move |n| v.by_ref().take(n).collect::<Vec<T>>()));
        }
    }
}

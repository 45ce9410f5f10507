//! ROOT trees.
//!
//! A tree whose branches are all flat becomes a table with a row an entry. Jagged branches (`float pt[n]`,
//! `vector<float>`) are flattened: a row is then one element, all jagged branches must have the same lengths, flat
//! branches that were chosen beside them are repeated for each element, and a column `entry_index` (uint32, passed
//! through: no model reads it) says which entry an element belongs to. `entry_index` and the number of entries, kept in
//! [`Layout::Tree`], restore the jagged branches exactly, empty entries included: [`write`] does so.
//!
//! ```text
//! entry   pt              row   entry_index   pt
//!   0     [41., 22.]  ──►  0         0        41.
//!   1     []               1         0        22.
//!   2     [17.]            2         2        17.
//! ```

mod branch;
mod write;

use std::path::Path;

use oxyroot::{Branch, ReaderTree, RootFile};

use self::branch::{Form, Kind};
use super::catch::quietly;
use super::listing::Found;
use super::selection::listed;
use super::{Column, DataSource, Dataset, Layout, Selection, Values};
use crate::error::{Code, Error, Result};

pub use self::write::write;

/// Name of the column that says which entry an element of a jagged branch belongs to.
pub const ENTRY_INDEX: &str = "entry_index";

fn damaged(path: &Path, cause: impl Into<String>) -> Error {
    Error::new(Code::DataDamaged, format!("`{}` is cut, damaged or not a ROOT file", path.display())).cause(cause)
}

/// The compression algorithm in the file's header: the hundreds of `fCompress`.
fn compression(path: &Path) -> Result<u32> {
    use std::io::Read as _;
    let mut head = [0u8; 45];
    let file = std::fs::File::open(path).map_err(|e| Error::io("read", path, &e))?;
    let mut whole = Vec::new();
    file.take(45).read_to_end(&mut whole).map_err(|e| Error::io("read", path, &e))?;
    if whole.len() < head.len() || !whole.starts_with(b"root") {
        return Err(damaged(path, "it does not begin with `root`"));
    }
    head.copy_from_slice(&whole);
    let word = |at: usize| u32::from_be_bytes(head[at..at + 4].try_into().expect("four bytes"));
    // Files beyond 2 GB have a version above a million and three wider fields before this one.
    let at = if word(4) >= 1_000_000 { 41 } else { 33 };
    Ok(word(at) / 100)
}

fn open(path: &Path) -> Result<RootFile> {
    if compression(path)? == 5 {
        return Err(Error::new(
            Code::DataType,
            format!("`{}` is compressed with zstd, which the ROOT reader does not know", path.display()),
        )
        .cause("its trees and all their branches are compressed this way (fCompress 5xx)")
        .hint("recompress it, for example with `hadd -f404 new.root old.root` (LZ4)"));
    }
    quietly(|| RootFile::open(path).map_err(|e| e.to_string())).map_err(|cause| damaged(path, cause))
}

/// Names of the trees in the file.
fn trees(path: &Path, file: &RootFile) -> Result<Vec<String>> {
    let keys = file.keys();
    let mut names: Vec<String> = Vec::new();
    for key in &keys {
        let name = oxyroot::Named::name(key).to_owned();
        // Cycles of one tree have one name.
        if key.class_name() == "TTree" && !names.contains(&name) {
            names.push(name);
        }
    }
    if names.is_empty() {
        let found = keys.iter().map(|k| format!("`{}` is a {}", oxyroot::Named::name(k), k.class_name()));
        let found: Vec<String> = found.take(10).collect();
        let ntuple = keys.iter().any(|k| k.class_name().contains("RNTuple"));
        let error = Error::new(Code::DataType, format!("`{}` holds no TTree", path.display()))
            .cause(if found.is_empty() { "the file is empty".to_owned() } else { found.join(", ") });
        return Err(if ntuple {
            error.hint("RNTuple cannot be read: write the data as a TTree, for example with RDataFrame::Snapshot")
        } else {
            error.hint("trees in subfolders of the file cannot be read: copy the tree to the top")
        });
    }
    Ok(names)
}

fn tree(path: &Path, file: &mut RootFile, selection: &Selection) -> Result<(String, ReaderTree)> {
    let names = trees(path, file)?;
    let list: Vec<&str> = names.iter().map(String::as_str).collect();
    let name = match &selection.tree {
        Some(name) if names.contains(name) => name.clone(),
        Some(name) => {
            return Err(Error::new(Code::DataSelection, format!("`{}` has no tree `{name}`", path.display()))
                .hint(format!("the trees are: {}", listed(&list))));
        }
        None if names.len() == 1 => names[0].clone(),
        None => {
            return Err(Error::new(Code::DataSelection, format!("`{}` has several trees", path.display()))
                .cause(format!("the trees are: {}", listed(&list)))
                .hint("choose one: --tree NAME, in a recipe `data.select = { tree = \"NAME\" }`"));
        }
    };
    let tree = quietly(|| file.get_tree(&name).map_err(|e| e.to_string())).map_err(|cause| {
        Error::new(Code::DataType, format!("tree `{name}` of `{}` cannot be read", path.display())).cause(cause)
    })?;
    Ok((name, tree))
}

/// Gives every branch of every tree, or of the chosen one, to `found`. Jagged branches have a row an element.
///
/// # Errors
/// As [`read`], for what concerns the file and its trees; a branch that cannot be read is given as such.
pub fn list(path: &Path, selection: &Selection, found: &mut dyn FnMut(Found)) -> Result<()> {
    let mut file = open(path)?;
    let names = match &selection.tree {
        Some(name) => vec![name.clone()],
        None => trees(path, &file)?,
    };
    for name in names {
        let (name, tree) = tree(path, &mut file, &Selection { tree: Some(name), ..Selection::default() })?;
        let place = format!("{}, tree `{name}`", path.display());
        let entries = usize::try_from(tree.entries()).map_err(|_| damaged(path, "a negative number of entries"))?;
        for b in tree.branches() {
            let read = branch::kind(b, &place).and_then(|kind| {
                Ok(match kind.form {
                    Form::Flat => (branch::read_flat(b, &kind, entries, &place)?, kind, None),
                    _ => {
                        let (values, lengths) = branch::read_jagged(b, &kind, entries, &tree, &place)?;
                        (values, kind, Some(lengths))
                    }
                })
            });
            let column = |values, width| Column {
                name: b.name().to_owned(),
                unit: String::new(),
                shape: if width == 1 { Vec::new() } else { vec![width] },
                values,
            };
            let (lengths, column) = match read {
                Ok((values, kind, lengths)) => (lengths, Ok(column(values, kind.width))),
                Err(e) => (None, Err(e)),
            };
            found(Found {
                group: name.clone(),
                name: b.name().to_owned(),
                kind: branch::type_name(b).unwrap_or_else(|| "unknown".to_owned()),
                rows: entries,
                lengths,
                column,
            });
        }
    }
    Ok(())
}

/// Reads the chosen branches of a tree.
///
/// # Errors
/// `D001` for a damaged file, `D002` naming the branch and its type where it cannot be read, `D003` for a tree or
/// branch that is not there, `D004` for jagged branches of different lengths.
pub fn read(path: &Path, selection: &Selection) -> Result<Dataset> {
    let mut file = open(path)?;
    let (name, tree) = tree(path, &mut file, selection)?;
    let place = format!("{}, tree `{name}`", path.display());
    let branches: Vec<&Branch> = tree.branches().collect();
    let names: Vec<&str> = branches.iter().map(|b| b.name()).collect();
    selection.check_names(&names, "branch", &place)?;
    let entries = usize::try_from(tree.entries()).map_err(|_| damaged(path, "a negative number of entries"))?;
    let wanted: Vec<&Branch> = branches.into_iter().filter(|b| selection.wants(b.name())).collect();
    let kinds: Vec<Kind> = wanted.iter().map(|b| branch::kind(b, &place)).collect::<Result<_>>()?;
    let jagged = kinds.iter().any(|k| k.form != Form::Flat);
    // Values of an entry would be written once an element: only on request.
    if jagged && selection.columns.is_none() {
        let of = |form: bool| {
            let names = wanted.iter().zip(&kinds).filter(move |(_, k)| (k.form == Form::Flat) == form);
            names.map(|(b, _)| b.name()).collect::<Vec<_>>()
        };
        if !of(true).is_empty() {
            return Err(Error::new(Code::DataShape, "the tree has flat and jagged branches")
                .at(place)
                .cause(format!("one value an entry: {}\njagged: {}", listed(&of(true)), listed(&of(false))))
                .hint("choose branches with `columns`; flat ones beside jagged ones are repeated"));
        }
    }
    let mut flat = Vec::new();
    let mut columns = Vec::new();
    let mut counts: Option<(String, Vec<u32>)> = None;
    for (b, kind) in wanted.iter().zip(&kinds) {
        let bytes = match kind.form {
            Form::Flat => {
                let values = branch::read_flat(b, kind, entries, &place)?;
                let shape = if kind.width == 1 { Vec::new() } else { vec![kind.width] };
                flat.push(columns.len());
                columns.push(Column { name: b.name().to_owned(), unit: String::new(), shape, values });
                continue;
            }
            Form::Jagged | Form::Vector => branch::read_jagged(b, kind, entries, &tree, &place)?,
        };
        let (values, lengths) = bytes;
        match &counts {
            None => counts = Some((b.name().to_owned(), lengths)),
            Some((first, other)) if *other != lengths => {
                let entry = other.iter().zip(&lengths).position(|(a, b)| a != b).unwrap_or(0);
                return Err(Error::new(
                    Code::DataShape,
                    format!("branches `{first}` and `{}` have different lengths in one entry", b.name()),
                )
                .at(format!("{place}, entry {entry}"))
                .cause(format!("{} elements and {}", other[entry], lengths[entry]))
                .hint("choose branches of one collection with `columns`"));
            }
            Some(_) => {}
        }
        columns.push(Column { name: b.name().to_owned(), unit: String::new(), shape: Vec::new(), values });
    }
    let source = DataSource::file(path, &format!("tree {name}"));
    if !jagged {
        return Dataset::new(columns, entries, Layout::Tree { name, entries: None }, source);
    }
    let (_, counts) = counts.expect("a jagged branch was read");
    let index: Vec<u32> = (0u32..).zip(&counts).flat_map(|(e, n)| std::iter::repeat_n(e, *n as usize)).collect();
    let at: Vec<usize> = index.iter().map(|e| *e as usize).collect();
    for i in flat {
        let c = &mut columns[i];
        let width = c.width();
        let at: Vec<usize> = at.iter().flat_map(|e| e * width..(e + 1) * width).collect();
        c.values = c.values.pick(&at);
    }
    let rows = index.len();
    columns.insert(
        0,
        Column { name: ENTRY_INDEX.to_owned(), unit: "1".into(), shape: Vec::new(), values: Values::U32(index) },
    );
    let mut source = source;
    source.pass_through.push(ENTRY_INDEX.to_owned());
    Dataset::new(columns, rows, Layout::Tree { name, entries: Some(entries as u64) }, source)
}

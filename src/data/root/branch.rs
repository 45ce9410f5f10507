//! One branch: what its type means here, and its values.

use oxyroot::{Branch, RBuffer, ReaderTree};

use crate::data::Values;
use crate::data::catch::quietly;
use crate::error::{Code, Error, Result};

/// How the values of an entry lie in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The same number of values in every entry.
    Flat,
    /// A C array whose length another branch gives: values up to the end of the entry.
    Jagged,
    /// A `std::vector`: a length, then values.
    Vector,
}

/// The type of a branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// In NumPy's words.
    pub dtype: &'static str,
    /// Bytes of one value.
    pub size: usize,
    /// How entries lie.
    pub form: Form,
    /// Values in an entry of a flat branch.
    pub width: usize,
}

/// The C++ type, where the reader can tell.
pub fn type_name(b: &Branch) -> Option<String> {
    quietly(|| Ok(b.item_type_name())).ok()
}

/// C++ and ROOT names of a number type, in NumPy's words.
fn number(name: &str) -> Option<(&'static str, usize)> {
    Some(match name {
        "float" | "Float_t" => ("float32", 4),
        "double" | "Double_t" => ("float64", 8),
        "int8_t" | "char" | "signed char" | "Char_t" => ("int8", 1),
        "uint8_t" | "unsigned char" | "UChar_t" | "Byte_t" | "bool" | "Bool_t" => ("uint8", 1),
        "int16_t" | "short" | "Short_t" => ("int16", 2),
        "uint16_t" | "unsigned short" | "UShort_t" => ("uint16", 2),
        "int32_t" | "int" | "Int_t" => ("int32", 4),
        "uint32_t" | "unsigned int" | "unsigned" | "UInt_t" => ("uint32", 4),
        "int64_t" | "long" | "long long" | "Long_t" | "Long64_t" => ("int64", 8),
        "uint64_t" | "unsigned long" | "unsigned long long" | "ULong_t" | "ULong64_t" => ("uint64", 8),
        _ => return None,
    })
}

/// What the type of `b` means here.
///
/// # Errors
/// `D002`, naming branch and type.
pub fn kind(b: &Branch, place: &str) -> Result<Kind> {
    let text = type_name(b).unwrap_or_else(|| "unknown".to_owned());
    let (inner, form, width) = if let Some(inner) = text.strip_prefix("vector<").and_then(|t| t.strip_suffix('>')) {
        (inner, Form::Vector, 1)
    } else if let Some(inner) = text.strip_suffix("[]") {
        (inner, Form::Jagged, 1)
    } else if let Some((inner, n)) = text.strip_suffix(']').and_then(|t| t.split_once('[')) {
        (inner, Form::Flat, n.parse().unwrap_or(0))
    } else {
        (text.as_str(), Form::Flat, 1)
    };
    match number(inner.trim()) {
        Some((dtype, size)) if width > 0 && b.branches().next().is_none() => Ok(Kind { dtype, size, form, width }),
        _ => Err(Error::new(Code::DataType, format!("branch `{}` of type `{text}` cannot be read", b.name()))
            .at(place)
            .cause("numbers, arrays of numbers and vectors of numbers can be read")
            .hint("leave it out with `exclude`, or name the branches to read with `columns`")),
    }
}

fn unreadable(b: &Branch, kind: &Kind, place: &str, cause: String) -> Error {
    Error::new(Code::DataType, format!("branch `{}` ({}, {:?}) cannot be read", b.name(), kind.dtype, kind.form))
        .at(place)
        .cause(cause)
        .hint("leave it out with `exclude`; zstd and 2-D arrays are not known: LZ4, zlib, LZMA and 1-D arrays are")
}

/// Values from the file's big-endian bytes.
fn values(kind: &Kind, mut bytes: Vec<u8>) -> Result<Values> {
    for value in bytes.chunks_exact_mut(kind.size) {
        value.reverse();
    }
    Values::from_le_bytes(kind.dtype, &bytes)
}

fn take(r: &mut RBuffer, n: usize, out: &mut Vec<u8>) -> Result<(), String> {
    out.extend_from_slice(r.read_array_u8(n).map_err(|e| e.to_string())?);
    Ok(())
}

/// `entries * width` values of a branch with a fixed number of values in an entry.
///
/// # Errors
/// `D002`, naming the branch.
pub fn read_flat(b: &Branch, kind: &Kind, entries: usize, place: &str) -> Result<Values> {
    let size = kind.size * kind.width;
    let bytes = quietly(|| {
        let mut out = Vec::new();
        let mut left = 0;
        let results = b.get_basket(|r| {
            // The reader knows one dimension of an array: bytes left over at the end of a basket show the others.
            if r.pos() == 0 && left != 0 {
                return Err(format!("{left} bytes are left at the end of a basket"));
            }
            take(r, size, &mut out)?;
            left = r.len();
            Ok(())
        });
        for result in results {
            result?;
        }
        if left != 0 || out.len() != entries * size {
            return Err(format!("{} bytes where {entries} entries of {size} belong", out.len() + left.max(0) as usize));
        }
        Ok(out)
    });
    values(kind, bytes.map_err(|cause| unreadable(b, kind, place, cause))?)
}

/// The values of a jagged branch, entry after entry, and how many each entry has.
///
/// # Errors
/// `D002`, naming the branch.
pub fn read_jagged(
    b: &Branch,
    kind: &Kind,
    entries: usize,
    tree: &ReaderTree,
    place: &str,
) -> Result<(Values, Vec<u32>)> {
    let read = quietly(|| {
        let mut out = Vec::new();
        let mut lengths = Vec::new();
        let mut shared = false;
        let results = b.get_basket(|r| {
            shared |= r.pos() != 0;
            let before = out.len();
            r.do_skip_header().map_err(|e| e.to_string())?;
            let n = match kind.form {
                Form::Vector => r.read_u32().map_err(|e| e.to_string())? as usize * kind.size,
                _ => usize::try_from(r.len()).unwrap_or(0),
            };
            take(r, n, &mut out)?;
            if n % kind.size != 0 {
                return Err(format!("an entry of {n} bytes"));
            }
            lengths.push(((out.len() - before) / kind.size) as u32);
            Ok(())
        });
        for result in results {
            result?;
        }
        Ok((out, lengths, shared))
    });
    let wrong = |cause: String| unreadable(b, kind, place, cause);
    let (bytes, mut lengths, shared) = read.map_err(wrong)?;
    // Where an array has as many values as the tree has entries, the reader takes a basket for one of a flat branch and
    // the lengths are lost: the branch that counts has them.
    if kind.form == Form::Jagged && shared {
        lengths = counts(b, bytes.len() / kind.size, entries, tree, place)
            .ok_or_else(|| wrong("the lengths of its entries are not known".to_owned()))?;
    }
    if lengths.len() != entries || lengths.iter().map(|n| *n as usize).sum::<usize>() * kind.size != bytes.len() {
        return Err(wrong(format!("{} entries where {entries} belong", lengths.len())));
    }
    Ok((values(kind, bytes)?, lengths))
}

/// Lengths from the branch that counts: `nJet` for `Jet_pt`, `nfoo` or `foo_n` for `foo`.
fn counts(b: &Branch, total: usize, entries: usize, tree: &ReaderTree, place: &str) -> Option<Vec<u32>> {
    let name = b.name();
    let prefix = name.split('_').next().unwrap_or(name);
    [format!("n{name}"), format!("n{prefix}"), format!("{name}_n"), format!("{prefix}_n")].iter().find_map(|n| {
        let counter = tree.branch(n)?;
        let kind = kind(counter, place).ok().filter(|k| k.form == Form::Flat && k.width == 1)?;
        let values = read_flat(counter, &kind, entries, place).ok()?;
        let lengths: Vec<u32> = (0..entries).map(|i| values.get_f64(i) as u32).collect();
        (lengths.iter().map(|n| *n as usize).sum::<usize>() == total).then_some(lengths)
    })
}

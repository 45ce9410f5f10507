//! NumPy's NPY and NPZ.

use std::fs::File;
use std::io::{BufReader, Cursor, Read, Seek as _, Write as _};
use std::path::Path;

use npyz::{DType, NpyFile};

use super::listing::Found;
use super::{Column, DataSource, Dataset, Layout, Selection, Values, order};
use crate::error::{Code, Error, Result};
use crate::model::file::write_whole;

struct Array {
    shape: Vec<usize>,
    values: Values,
}

fn damaged(place: &str, cause: impl ToString) -> Error {
    Error::new(Code::DataDamaged, format!("`{place}` is cut, damaged or not a NumPy array")).cause(cause.to_string())
}

/// Longest header: NumPy's own readers take 10,000 characters if not told otherwise.
const MOST_HEADER: usize = 1 << 16;
/// Deepest brackets of a header: of records within records.
const MOST_DEPTH: usize = 8;

/// An array by its header, whose text is looked at before npyz parses it: that takes exponential time for brackets within
/// brackets.
fn open<R: Read>(mut reader: R) -> std::io::Result<NpyFile<std::io::Chain<Cursor<Vec<u8>>, R>>> {
    let wrong = |what: &str| std::io::Error::new(std::io::ErrorKind::InvalidData, what.to_owned());
    let mut begin = vec![0; 10];
    reader.read_exact(&mut begin)?;
    let mut length = usize::from(u16::from_le_bytes([begin[8], begin[9]]));
    if begin[6] > 1 {
        // Later versions have longer headers.
        begin.resize(12, 0);
        reader.read_exact(&mut begin[10..])?;
        length = u32::from_le_bytes([begin[8], begin[9], begin[10], begin[11]]) as usize;
    }
    if length > MOST_HEADER {
        return Err(wrong(&format!("a header of {length} bytes, at most {MOST_HEADER} are read")));
    }
    let text = begin.len();
    begin.resize(text + length, 0);
    reader.read_exact(&mut begin[text..])?;
    let (mut depth, mut quote) = (0usize, None);
    for c in &begin[text..] {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, b'\'' | b'"') => quote = Some(c),
            (None, b'(' | b'[' | b'{') => depth += 1,
            (None, b')' | b']' | b'}') => depth = depth.saturating_sub(1),
            (None, c) if c.is_ascii_alphanumeric() || b":, \n".contains(c) => {}
            (None, _) => return Err(wrong("a header with other characters than NumPy writes")),
        }
        if depth > MOST_DEPTH {
            return Err(wrong("a header of brackets within brackets"));
        }
    }
    NpyFile::new(Cursor::new(begin).chain(reader))
}

/// What the values are, in NumPy's short form; plain numbers are a condition.
fn kind<R: Read>(npy: &NpyFile<R>, place: &str) -> Result<String> {
    match npy.dtype() {
        DType::Plain(kind) => Ok(kind.to_string().trim_matches('\'').to_owned()),
        _ => Err(Error::new(Code::DataType, format!("`{place}` holds records, not numbers"))
            .hint("save each field as an array of its own")),
    }
}

fn shape<R: Read>(npy: &NpyFile<R>) -> Vec<usize> {
    npy.shape().iter().map(|n| *n as usize).collect()
}

fn is_fortran<R: Read>(npy: &NpyFile<R>) -> bool {
    npy.order() == npyz::Order::Fortran && npy.shape().len() > 1
}

fn parse(bytes: &[u8], place: &str) -> Result<Array> {
    let npy = open(bytes).map_err(|e| damaged(place, e))?;
    let (kind, shape, fortran) = (kind(&npy, place)?, shape(&npy), is_fortran(&npy));
    macro_rules! read {
        ($($text:literal => $variant:ident($type:ty),)*) => {
            match kind.as_str() {
                $($text => Values::$variant(npy.into_vec::<$type>().map_err(|e| damaged(place, e))?),)*
                "|b1" => Values::U8(npy.into_vec::<bool>().map_err(|e| damaged(place, e))?.into_iter().map(u8::from).collect()),
                other => return Err(Error::new(Code::DataType, format!("`{place}` holds values of type `{other}`"))
                    .hint("integers of 8 to 64 bits and little-endian floats of 32 and 64 bits can be read")),
            }
        };
    }
    let values = read! {
        "|u1" => U8(u8), "|i1" => I8(i8), "<u2" => U16(u16), "<i2" => I16(i16), "<u4" => U32(u32), "<i4" => I32(i32),
        "<u8" => U64(u64), "<i8" => I64(i64), "<f4" => F32(f32), "<f8" => F64(f64),
    };
    if values.len() != shape.iter().product::<usize>() {
        return Err(damaged(place, "fewer values than the header says"));
    }
    let values = if fortran { order::to_c(&values, shape[0], &shape[1..]) } else { values };
    Ok(Array { shape, values })
}

/// A unicode array (`<U..`) as text, one string an element; none if it is something else.
fn strings(bytes: &[u8]) -> Option<Vec<String>> {
    let npy = open(bytes).ok()?;
    let DType::Plain(kind) = npy.dtype() else { return None };
    let length: usize = kind.to_string().trim_matches('\'').strip_prefix("<U")?.parse().ok()?;
    let count: usize = npy.shape().iter().product::<u64>() as usize;
    let data = bytes.get(bytes.len().checked_sub(count * length * 4)?..)?;
    let text = |c: &[u8]| {
        c.chunks_exact(4)
            .filter_map(|b| char::from_u32(u32::from_le_bytes([b[0], b[1], b[2], b[3]])))
            .take_while(|c| *c != '\0')
            .collect()
    };
    Some(data.chunks_exact((length * 4).max(1)).map(text).collect())
}

fn read_bytes(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|e| Error::io("read", path, &e))
}

fn column(name: &str, array: Array) -> Result<(Column, usize)> {
    let Some((&rows, shape)) = array.shape.split_first() else {
        return Err(Error::new(Code::DataShape, format!("`{name}` is a single number, not an array")));
    };
    Ok((Column { name: name.to_owned(), unit: String::new(), shape: shape.to_vec(), values: array.values }, rows))
}

/// What the header of an `.npy` file says.
pub(super) struct Head {
    /// Its column, without rows.
    pub data: Dataset,
    /// Number of rows.
    pub rows: usize,
    /// Where the values begin.
    pub start: usize,
    /// Whether the first index runs fastest.
    pub fortran: bool,
}

pub(super) fn read_head(path: &Path) -> Result<Head> {
    let place = path.display().to_string();
    let mut file = BufReader::new(File::open(path).map_err(|e| Error::io("read", path, &e))?);
    let npy = open(&mut file).map_err(|e| damaged(&place, e))?;
    let (kind, shape, fortran) = (kind(&npy, &place)?, shape(&npy), is_fortran(&npy));
    drop(npy);
    let start = file.stream_position().map_err(|e| Error::io("read", path, &e))?;
    let values = parse(&header_of(&kind, &[0], 0), &place)?.values;
    let (column, rows) = column(stem(path), Array { shape, values })?;
    let data = Dataset::new(vec![column], 0, Layout::Array, DataSource::file(path, ""))?;
    Ok(Head { data, rows, start: start as usize, fortran })
}

fn stem(path: &Path) -> &str {
    path.file_stem().and_then(|s| s.to_str()).unwrap_or("data")
}

pub fn read_npy(path: &Path) -> Result<Dataset> {
    let (column, rows) = column(stem(path), parse(&read_bytes(path)?, &path.display().to_string())?)?;
    Dataset::new(vec![column], rows, Layout::Array, DataSource::file(path, ""))
}

/// Name and bytes of every array in an archive.
fn members(path: &Path) -> Result<Vec<(String, Vec<u8>)>> {
    let place = path.display().to_string();
    let file = File::open(path).map_err(|e| Error::io("read", path, &e))?;
    let mut zip = npyz::zip::ZipArchive::new(BufReader::new(file)).map_err(|e| damaged(&place, e))?;
    let mut members: Vec<(String, Vec<u8>)> = Vec::new();
    for i in 0..zip.len() {
        let mut member = zip.by_index(i).map_err(|e| damaged(&place, e))?;
        let name = member.name().trim_end_matches(".npy").to_owned();
        let mut bytes = Vec::new();
        member.read_to_end(&mut bytes).map_err(|e| damaged(&format!("{place}: {name}"), e))?;
        members.push((name, bytes));
    }
    Ok(members)
}

/// Gives every array of an archive to `found`; those of a named matrix column by column.
///
/// # Errors
/// `I001`, `D001`; an array that cannot be read is given as such.
pub fn list_npz(path: &Path, found: &mut dyn FnMut(Found)) -> Result<()> {
    let members = members(path)?;
    let matrix = read_npz(path, &Selection { array: Some("data".into()), ..Selection::default() });
    let matrix = matrix.ok().filter(|d| d.layout == Layout::NamedMatrix);
    for (name, bytes) in &members {
        match &matrix {
            Some(_) if name == "names" => continue,
            Some(data) if name == "data" => {
                data.columns.iter().for_each(|c| found(Found::of(name, c.clone(), data.rows)));
                continue;
            }
            _ => {}
        }
        let read = parse(bytes, &format!("{}: {name}", path.display()));
        match read.and_then(|array| column(name, array)) {
            Ok((column, rows)) => found(Found::of("", column, rows)),
            Err(e) => {
                let shape = open(bytes.as_slice()).map(|npy| (npy.dtype().descr(), shape(&npy)));
                let (kind, shape) = shape.unwrap_or_else(|_| ("unknown".into(), Vec::new()));
                let rows = shape.first().copied().unwrap_or(1);
                let kind = kind.trim_matches('\'').to_owned();
                found(Found { group: String::new(), name: name.clone(), kind, rows, lengths: None, column: Err(e) });
            }
        }
    }
    Ok(())
}

/// Reads the array `selection.array`, an array named `data`, the only one, or all of one length as columns. An array of
/// two axes with as many `names` beside it becomes a table.
///
/// # Errors
/// `I001`, `D001` to `D004`, naming the array.
pub fn read_npz(path: &Path, selection: &Selection) -> Result<Dataset> {
    let place = path.display().to_string();
    let members = members(path)?;
    let array = |name: &str| -> Result<Array> {
        let (_, bytes) = members.iter().find(|(n, _)| n == name).ok_or_else(|| {
            let names: Vec<&str> = members.iter().map(|(n, _)| n.as_str()).collect();
            Error::new(Code::DataSelection, format!("`{place}` has no array `{name}`"))
                .hint(format!("the arrays are: {}", names.join(", ")))
        })?;
        parse(bytes, &format!("{place}: {name}"))
    };
    let chosen = match &selection.array {
        Some(name) => Some(name.as_str()),
        None if members.iter().any(|(n, _)| n == "data") => Some("data"),
        None if members.len() == 1 => Some(members[0].0.as_str()),
        None => None,
    };
    let Some(name) = chosen else {
        let names: Vec<&str> = members.iter().map(|(n, _)| n.as_str()).collect();
        selection.check_names(&names, "array", &place)?;
        let mut columns = Vec::new();
        for name in names.into_iter().filter(|n| selection.wants(n)) {
            let leave = "leave it out with `exclude`, or choose others with `array` or `columns`";
            columns.push(array(name).and_then(|a| column(name, a)).map_err(|e| e.hint(leave))?);
        }
        let rows = columns.first().map_or(0, |(_, n)| *n);
        if columns.iter().any(|(_, n)| *n != rows) {
            let lengths: Vec<String> = columns.iter().map(|(c, n)| format!("{}: {n}", c.name)).collect();
            return Err(Error::new(Code::DataShape, format!("the arrays of `{place}` differ in length"))
                .cause(lengths.join(", "))
                .hint("choose one with `data.select = { array = \"...\" }`, or several of one length with `columns`"));
        }
        let columns = columns.into_iter().map(|(c, _)| c).collect();
        return Dataset::new(columns, rows, Layout::Table, DataSource::file(path, ""));
    };
    let matrix = array(name)?;
    let checked = |data: Dataset| {
        let names: Vec<&str> = data.columns.iter().map(|c| c.name.as_str()).collect();
        selection.check_names(&names, "column", &place).map(|()| data)
    };
    let names = members.iter().find(|(n, _)| n == "names").and_then(|(_, b)| strings(b));
    match (names, matrix.shape.as_slice()) {
        (Some(names), [rows, width]) if names.len() == *width => {
            let (rows, width) = (*rows, *width);
            let columns = (names.into_iter().enumerate())
                .map(|(c, name)| {
                    let at: Vec<usize> = (0..rows).map(|r| r * width + c).collect();
                    Column { name, unit: String::new(), shape: Vec::new(), values: matrix.values.pick(&at) }
                })
                .collect();
            checked(Dataset::new(columns, rows, Layout::NamedMatrix, DataSource::file(path, name))?)
        }
        _ => {
            let (column, rows) = column(name, matrix)?;
            checked(Dataset::new(vec![column], rows, Layout::Array, DataSource::file(path, name))?)
        }
    }
}

/// The header of an NPY 1.0 file, at least `room` bytes long.
pub(super) fn npy_header(dtype: &str, rows: usize, row_shape: &[usize], room: usize) -> Vec<u8> {
    let kind = match dtype {
        "uint8" => "|u1",
        "int8" => "|i1",
        "uint16" => "<u2",
        "int16" => "<i2",
        "uint32" => "<u4",
        "int32" => "<i4",
        "uint64" => "<u8",
        "int64" => "<i8",
        "float32" => "<f4",
        _ => "<f8",
    };
    header_of(kind, &[&[rows], row_shape].concat(), room)
}

fn header_of(kind: &str, shape: &[usize], room: usize) -> Vec<u8> {
    let list: Vec<String> = shape.iter().map(usize::to_string).collect();
    let comma = if list.len() == 1 { "," } else { "" };
    let text = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({}{comma}), }}", list.join(", "));
    // The data begin at a multiple of 64 bytes, the header ends with a line feed.
    let length = (10 + text.len() + 1).max(room).next_multiple_of(64) - 11;
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(((length + 1) as u16).to_le_bytes());
    bytes.extend(format!("{text:<length$}\n").as_bytes());
    bytes
}

/// NPY version 1.0 bytes of an array of `rows` rows.
fn to_npy(rows: usize, row_shape: &[usize], values: &Values) -> Vec<u8> {
    let mut bytes = npy_header(values.dtype(), rows, row_shape, 0);
    bytes.extend(values.to_le_bytes());
    bytes
}

pub fn write_npz(path: &Path, data: &Dataset) -> Result<()> {
    let wrong =
        |e: &dyn ToString| Error::new(Code::Io, format!("cannot write `{}`", path.display())).cause(e.to_string());
    let mut zip = npyz::zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let mut add = |name: &str, bytes: &[u8]| -> Result<()> {
        // As numpy.savez writes them: deflate would take longer than all that comes before.
        let stored = npyz::zip::write::FileOptions::default().compression_method(npyz::zip::CompressionMethod::Stored);
        let options: npyz::zip::write::FileOptions = stored.large_file(u32::try_from(bytes.len()).is_err());
        zip.start_file(format!("{name}.npy"), options).map_err(|e| wrong(&e))?;
        zip.write_all(bytes).map_err(|e| wrong(&e))
    };
    let first = &data.columns[0];
    let alike = data.columns.iter().all(|c| c.values.dtype() == first.values.dtype() && c.shape.is_empty());
    if data.layout == Layout::NamedMatrix && alike {
        let bytes: Vec<Vec<u8>> = data.columns.iter().map(|c| c.values.to_le_bytes()).collect();
        let size = first.values.item_size();
        let mut matrix = Vec::with_capacity(data.rows * size * bytes.len());
        for r in 0..data.rows {
            for column in &bytes {
                matrix.extend(&column[r * size..(r + 1) * size]);
            }
        }
        let values = Values::from_le_bytes(first.values.dtype(), &matrix)?;
        add("data", &to_npy(data.rows, &[data.columns.len()], &values))?;
        let longest = data.columns.iter().map(|c| c.name.chars().count()).max().unwrap_or(1).max(1);
        let mut names = Vec::new();
        for c in &data.columns {
            let mut text: Vec<u32> = c.name.chars().map(u32::from).collect();
            text.resize(longest, 0);
            names.extend(text.into_iter().flat_map(u32::to_le_bytes));
        }
        let mut bytes = header_of(&format!("<U{longest}"), &[data.columns.len()], 0);
        bytes.extend(names);
        add("names", &bytes)?;
    } else {
        for c in &data.columns {
            add(&c.name, &to_npy(data.rows, &c.shape, &c.values))?;
        }
    }
    let done = zip.finish().map_err(|e| wrong(&e))?;
    write_whole(path, &done.into_inner())
}

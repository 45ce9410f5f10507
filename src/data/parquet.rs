//! Parquet: columns of numbers, and fixed-size lists of numbers as arrays.

use std::collections::HashMap;
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::types::{
    ArrowPrimitiveType, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, FixedSizeListArray, PrimitiveArray, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::arrow::{ArrowWriter, ProjectionMask};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::catch::quietly;
use super::listing::Found;
use super::stream::{RowSink, RowSource};
use super::{Column, DataSource, Dataset, Layout, Selection, Values};
use crate::error::{Code, Error, Result};
use crate::model::whole::WholeFile;

/// Field metadata: the unit, and the shape of a row's array as JSON.
const UNIT: &str = "unit";
const SHAPE: &str = "shape";

fn damaged(path: &Path, cause: &dyn std::fmt::Display) -> Error {
    Error::new(Code::DataDamaged, format!("`{}` is cut, damaged or not a Parquet file", path.display()))
        .cause(cause.to_string())
}

/// Reads; what parquet panics at is damage.
fn guarded<T>(path: &Path, work: impl FnOnce() -> Result<T>) -> Result<T> {
    quietly(|| Ok(work())).unwrap_or_else(|cause| Err(damaged(path, &cause)))
}

/// A Parquet file of which the row groups that were read last are kept.
pub struct ParquetSource {
    path: PathBuf,
    metadata: ArrowReaderMetadata,
    head: Dataset,
    /// Rows of each group.
    groups: Vec<Range<usize>>,
    /// Numbers of groups and their rows, the latest last.
    recent: Mutex<Vec<(usize, Arc<Dataset>)>>,
}

/// Row groups that are kept: neighbouring blocks lie in one or two.
const KEPT: usize = 2;

impl ParquetSource {
    /// # Errors
    /// As [`read`].
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|e| Error::io("read", path, &e))?;
        let load = || ArrowReaderMetadata::load(&file, ArrowReaderOptions::default()).map_err(|e| damaged(path, &e));
        let metadata = guarded(path, load)?;
        let place = path.display().to_string();
        let fields = metadata.schema().fields();
        let columns = fields.iter().map(|f| Part::new(f, &place).map(Part::finish)).collect::<Result<_>>()?;
        let head = Dataset::new(columns, 0, Layout::Table, DataSource::file(path, ""))?;
        let mut groups: Vec<Range<usize>> = Vec::new();
        for group in metadata.metadata().row_groups() {
            let start = groups.last().map_or(0, |g| g.end);
            let end = usize::try_from(group.num_rows()).ok().and_then(|rows| start.checked_add(rows));
            groups.push(start..end.ok_or_else(|| damaged(path, &"impossible numbers of rows"))?);
        }
        Ok(ParquetSource { path: path.to_owned(), metadata, head, groups, recent: Mutex::default() })
    }

    fn group(&self, number: usize) -> Result<Arc<Dataset>> {
        // A panic elsewhere leaves whole groups: they are pushed when complete.
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, rows)) = recent.iter().find(|(n, _)| *n == number) {
            return Ok(rows.clone());
        }
        let file = File::open(&self.path).map_err(|e| Error::io("read", &self.path, &e))?;
        let place = self.path.display().to_string();
        let fields = self.metadata.schema().fields();
        let parts = fields.iter().map(|f| Part::new(f, &place)).collect::<Result<Vec<_>>>()?;
        let (columns, rows) = guarded(&self.path, || {
            let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone());
            let reader = builder.with_row_groups(vec![number]).build().map_err(|e| damaged(&self.path, &e))?;
            collect(reader, parts, self.groups[number].start, &self.path)
        })?;
        let data = Arc::new(Dataset::new(columns, rows, Layout::Table, self.head.source.clone())?);
        if recent.len() == KEPT {
            recent.remove(0);
        }
        recent.push((number, data.clone()));
        Ok(data)
    }
}

impl RowSource for ParquetSource {
    fn head(&self) -> Dataset {
        self.head.clone()
    }

    fn rows(&self) -> usize {
        self.groups.last().map_or(0, |g| g.end)
    }

    fn read(&self, range: Range<usize>) -> Result<Dataset> {
        let mut block = self.head.clone();
        for (number, group) in self.groups.iter().enumerate() {
            let (start, end) = (range.start.max(group.start), range.end.min(group.end));
            if start < end {
                block.append(&self.group(number)?.slice(start - group.start..end - group.start))?;
            }
        }
        Ok(block)
    }
}

/// All rows of a reader; the first is row `first` of the file.
fn collect(
    reader: ParquetRecordBatchReader,
    mut parts: Vec<Part>,
    first: usize,
    path: &Path,
) -> Result<(Vec<Column>, usize)> {
    let mut rows = 0;
    for batch in reader {
        let batch = batch.map_err(|e| damaged(path, &e))?;
        for (part, array) in parts.iter_mut().zip(batch.columns()) {
            part.add(array, first + rows, &path.display().to_string())?;
        }
        rows += batch.num_rows();
    }
    Ok((parts.into_iter().map(Part::finish).collect(), rows))
}

fn opened(path: &Path, file: File) -> Result<ParquetRecordBatchReaderBuilder<File>> {
    guarded(path, || ParquetRecordBatchReaderBuilder::try_new(file).map_err(|e| damaged(path, &e)))
}

/// Reads the chosen columns. Booleans become 0 and 1, 16-bit floats 32-bit ones, missing floats NaN.
///
/// # Errors
/// `D001` for a damaged file, `D002` naming the column and its type where it cannot be read or has missing integers,
/// `D003` for a column that is not there.
pub fn read(path: &Path, selection: &Selection) -> Result<Dataset> {
    let file = File::open(path).map_err(|e| Error::io("read", path, &e))?;
    let builder = opened(path, file)?;
    let place = path.display().to_string();
    let schema = builder.schema().clone();
    let names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
    selection.check_names(&names, "column", &place)?;
    let wanted: Vec<usize> = (0..names.len()).filter(|i| selection.wants(names[*i])).collect();
    let fields: Vec<&Field> = wanted.iter().map(|i| schema.field(*i)).collect();
    let parts = fields.iter().map(|f| Part::new(f, &place)).collect::<Result<Vec<_>>>()?;
    let mask = ProjectionMask::roots(builder.parquet_schema(), wanted.iter().copied());
    let (columns, rows) = guarded(path, || {
        let reader = builder.with_projection(mask).build().map_err(|e| damaged(path, &e))?;
        collect(reader, parts, 0, path)
    })?;
    Dataset::new(columns, rows, Layout::Table, DataSource::file(path, ""))
}

/// Gives every column to `found`.
///
/// # Errors
/// `I001`, `D001`; a column that cannot be read is given as such.
pub fn list(path: &Path, found: &mut dyn FnMut(Found)) -> Result<()> {
    let file = File::open(path).map_err(|e| Error::io("read", path, &e))?;
    let builder = opened(path, file)?;
    let rows = builder.metadata().file_metadata().num_rows();
    for field in builder.schema().fields() {
        let one = Selection { columns: Some(vec![field.name().clone()]), ..Selection::default() };
        let column = read(path, &one).map(|mut data| data.columns.remove(0));
        found(Found {
            group: String::new(),
            name: field.name().clone(),
            kind: field.data_type().to_string(),
            rows: usize::try_from(rows).unwrap_or(0),
            lengths: None,
            column,
        });
    }
    Ok(())
}

/// A column that grows batch by batch.
struct Part {
    column: Column,
    kind: DataType,
}

impl Part {
    fn new(field: &Field, place: &str) -> Result<Self> {
        let (kind, width) = match field.data_type() {
            DataType::FixedSizeList(inner, n) => (inner.data_type().clone(), Some(*n as usize)),
            other => (other.clone(), None),
        };
        let dtype = match kind {
            DataType::Boolean | DataType::UInt8 => "uint8",
            DataType::Int8 => "int8",
            DataType::UInt16 => "uint16",
            DataType::Int16 => "int16",
            DataType::UInt32 => "uint32",
            DataType::Int32 => "int32",
            DataType::UInt64 => "uint64",
            DataType::Int64 => "int64",
            DataType::Float16 | DataType::Float32 => "float32",
            DataType::Float64 => "float64",
            _ => {
                return Err(Error::new(
                    Code::DataType,
                    format!("column `{}` of type `{}` cannot be read", field.name(), field.data_type()),
                )
                .at(place)
                .cause("numbers, booleans and fixed-size lists of numbers can be read")
                .hint("leave it out with `exclude`, or choose others with `columns`"));
            }
        };
        // A list that this program wrote remembers the axes it had.
        let shape = field.metadata().get(SHAPE).and_then(|text| serde_json::from_str::<Vec<usize>>(text).ok());
        let shape = match (width, shape) {
            (None, _) => Vec::new(),
            (Some(n), Some(shape)) if shape.iter().product::<usize>() == n => shape,
            (Some(n), _) => vec![n],
        };
        let unit = field.metadata().get(UNIT).cloned().unwrap_or_default();
        let values = Values::from_le_bytes(dtype, &[])?;
        Ok(Part { column: Column { name: field.name().clone(), unit, shape, values }, kind })
    }

    /// Appends a batch whose first row is row `first` of the file.
    fn add(&mut self, array: &ArrayRef, first: usize, place: &str) -> Result<()> {
        let width = self.column.width().max(1);
        let inner = match array.as_any().downcast_ref::<FixedSizeListArray>() {
            // A missing list has no numbers to stand for it.
            Some(list) if list.null_count() > 0 => return Err(self.missing(list, first, 1, place)),
            Some(list) => list.values().slice(list.value_offset_at(0), list.len() * width),
            None => array.clone(),
        };
        if inner.null_count() > 0 && self.column.values.is_integer() {
            return Err(self.missing(inner.as_ref(), first, width, place));
        }
        macro_rules! append {
            ($($kind:ident => $variant:ident($arrow:ty),)*) => {
                match (&self.kind, &mut self.column.values) {
                    (DataType::Boolean, Values::U8(to)) => {
                        let from = inner.as_any().downcast_ref::<arrow_array::BooleanArray>();
                        to.extend(from.into_iter().flat_map(|a| a.values().iter()).map(u8::from));
                    }
                    (DataType::Float16, Values::F32(to)) => {
                        let from = floats::<Float16Type>(inner.as_ref());
                        to.extend(from.map(|x| x.map_or(f32::NAN, f32::from)));
                    }
                    (DataType::Float32, Values::F32(to)) => {
                        to.extend(floats::<Float32Type>(inner.as_ref()).map(|x| x.unwrap_or(f32::NAN)));
                    }
                    (DataType::Float64, Values::F64(to)) => {
                        to.extend(floats::<Float64Type>(inner.as_ref()).map(|x| x.unwrap_or(f64::NAN)));
                    }
                    $((DataType::$kind, Values::$variant(to)) => {
                        let from = inner.as_any().downcast_ref::<PrimitiveArray<$arrow>>();
                        to.extend_from_slice(from.map_or(&[], |a| a.values()));
                    })*
                    _ => unreachable!("a part holds the type it was made for"),
                }
            };
        }
        append! {
            UInt8 => U8(UInt8Type), Int8 => I8(Int8Type), UInt16 => U16(UInt16Type), Int16 => I16(Int16Type),
            UInt32 => U32(UInt32Type), Int32 => I32(Int32Type), UInt64 => U64(UInt64Type), Int64 => I64(Int64Type),
        }
        Ok(())
    }

    fn missing(&self, array: &dyn Array, first: usize, width: usize, place: &str) -> Error {
        let row = first + (0..array.len()).find(|i| array.is_null(*i)).unwrap_or(0) / width;
        Error::new(Code::DataType, format!("column `{}` has no value in row {row}", self.column.name))
            .at(place)
            .cause("integers and lists have nothing like NaN to stand for it")
            .hint("leave the column out with `exclude`, or fill the gaps before")
    }

    fn finish(self) -> Column {
        self.column
    }
}

fn floats<T: ArrowPrimitiveType>(array: &dyn Array) -> impl Iterator<Item = Option<T::Native>> + '_ {
    array.as_any().downcast_ref::<PrimitiveArray<T>>().into_iter().flat_map(|a| a.iter())
}

/// Raw bytes in a row group, about: what a reader of a part has to unpack.
const GROUP_BYTES: usize = 1 << 24;

/// A Parquet file that grows by row groups, arrays as fixed-size lists, in zstd pages.
pub struct ParquetSink {
    writer: ArrowWriter<Out>,
    schema: Arc<Schema>,
    /// Rows of a group.
    rows: usize,
    place: String,
}

/// Where the Parquet writer writes.
struct Out(WholeFile);

impl std::io::Write for Out {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.write(bytes).map(|()| bytes.len()).map_err(|e| std::io::Error::other(e.to_string()))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn failed(place: &str) -> impl Fn(&dyn std::fmt::Display) -> Error {
    move |e| Error::new(Code::Io, format!("cannot write `{place}`")).cause(e.to_string())
}

impl ParquetSink {
    /// # Errors
    /// `I001`; `D004` for a row's array beyond what a list can count.
    pub fn create(path: &Path, head: &Dataset) -> Result<Self> {
        let mut fields = Vec::new();
        for c in &head.columns {
            let mut metadata = HashMap::new();
            if !c.unit.is_empty() {
                metadata.insert(UNIT.to_owned(), c.unit.clone());
            }
            let mut kind = flat(&c.values).data_type().clone();
            if !c.shape.is_empty() {
                metadata.insert(SHAPE.to_owned(), format!("{:?}", c.shape));
                kind = DataType::FixedSizeList(Arc::new(Field::new("item", kind, false)), list_width(c)?);
            }
            fields.push(Field::new(&c.name, kind, false).with_metadata(metadata));
        }
        let place = path.display().to_string();
        let schema = Arc::new(Schema::new(fields));
        let level = ZstdLevel::try_new(3).map_err(|e| failed(&place)(&e))?;
        let properties = WriterProperties::builder().set_compression(Compression::ZSTD(level)).build();
        let out = Out(WholeFile::create(path)?);
        let writer = ArrowWriter::try_new(out, schema.clone(), Some(properties)).map_err(|e| failed(&place)(&e))?;
        let row: usize = head.columns.iter().map(|c| c.width() * c.values.item_size()).sum();
        Ok(ParquetSink { writer, schema, rows: (GROUP_BYTES / row.max(1)).max(1), place })
    }

    fn batch(&self, block: &Dataset) -> Result<RecordBatch> {
        let wrong = failed(&self.place);
        let arrays = block.columns.iter().map(|c| {
            let array = flat(&c.values);
            if c.shape.is_empty() {
                return Ok(array);
            }
            let item = Arc::new(Field::new("item", array.data_type().clone(), false));
            let list = FixedSizeListArray::try_new(item, list_width(c)?, array, None).map_err(|e| wrong(&e))?;
            Ok(Arc::new(list) as ArrayRef)
        });
        RecordBatch::try_new(self.schema.clone(), arrays.collect::<Result<_>>()?).map_err(|e| wrong(&e))
    }
}

fn list_width(c: &Column) -> Result<i32> {
    i32::try_from(c.width())
        .map_err(|_| Error::new(Code::DataShape, format!("a row of column `{}` is too long for a list", c.name)))
}

impl RowSink for ParquetSink {
    fn push(&mut self, block: &Dataset) -> Result<()> {
        for start in (0..block.rows).step_by(self.rows) {
            let batch = self.batch(&block.slice(start..(start + self.rows).min(block.rows)))?;
            self.writer.write(&batch).map_err(|e| failed(&self.place)(&e))?;
            if self.writer.in_progress_rows() >= self.rows {
                self.writer.flush().map_err(|e| failed(&self.place)(&e))?;
            }
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<()> {
        self.writer.into_inner().map_err(|e| failed(&self.place)(&e))?.0.finish()
    }
}

fn flat(values: &Values) -> ArrayRef {
    macro_rules! each {
        ($($variant:ident($arrow:ty))*) => {
            match values { $(Values::$variant(v) => Arc::new(PrimitiveArray::<$arrow>::from_iter_values(v.iter().copied())),)* }
        };
    }
    each!(U8(UInt8Type) I8(Int8Type) U16(UInt16Type) I16(Int16Type) U32(UInt32Type) I32(Int32Type) U64(UInt64Type)
        I64(Int64Type) F32(Float32Type) F64(Float64Type))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_with_any_byte_damaged_is_read_or_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.parquet");
        let column = |name: &str, values| Column { name: name.into(), unit: String::new(), shape: vec![], values };
        let columns =
            vec![column("a", Values::I32((0..40).map(|i| i % 3).collect())), column("b", Values::F64(vec![0.5; 40]))];
        let data = Dataset::new(columns, 40, Layout::Table, DataSource::file(&path, "")).unwrap();
        super::super::write(&path, &data).unwrap();
        let whole = std::fs::read(&path).unwrap();
        let mut refused = 0;
        for (at, other) in (0..whole.len()).flat_map(|at| [0x00, 0x55, 0xff].map(|other| (at, other))) {
            let mut bytes = whole.clone();
            bytes[at] ^= other;
            std::fs::write(&path, &bytes).unwrap();
            refused += usize::from(read(&path, &Selection::default()).is_err());
        }
        assert!(refused > whole.len() / 4, "{refused} of {} damaged files are refused", 3 * whole.len());
    }
}

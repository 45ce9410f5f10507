//! Parquet: columns of numbers, and fixed-size lists of numbers as arrays.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use arrow_array::types::{
    ArrowPrimitiveType, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, FixedSizeListArray, PrimitiveArray, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::arrow::{ArrowWriter, ProjectionMask};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::{Column, DataSource, Dataset, Layout, Selection, Values};
use crate::error::{Code, Error, Result};
use crate::model::file::write_whole;

/// Field metadata: the unit, and the shape of a row's array as JSON.
const UNIT: &str = "unit";
const SHAPE: &str = "shape";

fn damaged(path: &Path, cause: &dyn std::fmt::Display) -> Error {
    Error::new(Code::DataDamaged, format!("`{}` is cut, damaged or not a Parquet file", path.display()))
        .cause(cause.to_string())
}

/// Reads the chosen columns. Booleans become 0 and 1, 16-bit floats 32-bit ones, missing floats NaN.
///
/// # Errors
/// `D001` for a damaged file, `D002` naming the column and its type where it cannot be read or has missing integers,
/// `D003` for a column that is not there.
pub fn read(path: &Path, selection: &Selection) -> Result<Dataset> {
    let file = std::fs::File::open(path).map_err(|e| Error::io("read", path, &e))?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|e| damaged(path, &e))?;
    let place = path.display().to_string();
    let schema = builder.schema().clone();
    let names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
    selection.check_names(&names, "column", &place)?;
    let wanted: Vec<usize> = (0..names.len()).filter(|i| selection.wants(names[*i])).collect();
    let fields: Vec<&Field> = wanted.iter().map(|i| schema.field(*i)).collect();
    let mut parts = fields.iter().map(|f| Part::new(f, &place)).collect::<Result<Vec<_>>>()?;
    let mask = ProjectionMask::roots(builder.parquet_schema(), wanted.iter().copied());
    let reader = builder.with_projection(mask).build().map_err(|e| damaged(path, &e))?;
    let mut rows = 0;
    for batch in reader {
        let batch = batch.map_err(|e| damaged(path, &e))?;
        for (part, array) in parts.iter_mut().zip(batch.columns()) {
            part.add(array, rows, &place)?;
        }
        rows += batch.num_rows();
    }
    let columns = parts.into_iter().map(Part::finish).collect();
    Dataset::new(columns, rows, Layout::Table, DataSource::file(path, ""))
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
            Some(list) => list.values().slice(list.value_offset_at(0) as usize, list.len() * width),
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

/// Writes every column, arrays as fixed-size lists, in zstd pages.
///
/// # Errors
/// `I001`; `D004` for a row's array beyond what a list can count.
pub fn write(path: &Path, data: &Dataset) -> Result<()> {
    let failed = |e: &dyn std::fmt::Display| {
        Error::new(Code::Io, format!("cannot write `{}`", path.display())).cause(e.to_string())
    };
    let mut fields = Vec::new();
    let mut arrays: Vec<ArrayRef> = Vec::new();
    for c in &data.columns {
        let mut array = flat(&c.values);
        let mut metadata = HashMap::new();
        if !c.unit.is_empty() {
            metadata.insert(UNIT.to_owned(), c.unit.clone());
        }
        if !c.shape.is_empty() {
            let width = i32::try_from(c.width()).map_err(|_| {
                Error::new(Code::DataShape, format!("a row of column `{}` is too long for a list", c.name))
            })?;
            metadata.insert(SHAPE.to_owned(), format!("{:?}", c.shape));
            let item = Arc::new(Field::new("item", array.data_type().clone(), false));
            array = Arc::new(FixedSizeListArray::try_new(item, width, array, None).map_err(|e| failed(&e))?);
        }
        fields.push(Field::new(&c.name, array.data_type().clone(), false).with_metadata(metadata));
        arrays.push(array);
    }
    let schema = Arc::new(Schema::new(fields));
    let batch = RecordBatch::try_new(schema.clone(), arrays).map_err(|e| failed(&e))?;
    let level = ZstdLevel::try_new(3).map_err(|e| failed(&e))?;
    let properties = WriterProperties::builder().set_compression(Compression::ZSTD(level)).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), schema, Some(properties)).map_err(|e| failed(&e))?;
    writer.write(&batch).map_err(|e| failed(&e))?;
    let bytes = writer.into_inner().map_err(|e| failed(&e))?;
    write_whole(path, &bytes)
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

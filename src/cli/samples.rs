//! Columns of data that are sent as they are: rows to events, and back.

use std::path::Path;

use ndarray::Array2;

use crate::data::{Column, Dataset, Values};
use crate::error::{Code, Error, Result};
use crate::fixed::QFormat;
use crate::link::{SampleColumn, Samples};

/// How columns become events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A row is an event.
    Rows,
    /// The last axis of a column is time; what lies before it goes one after the other, or with `lanes` side by side.
    Records {
        /// Whether channels go side by side.
        lanes: bool,
        /// Records of a frame.
        per_frame: u32,
    },
}

/// The columns of a data set, and the smallest format that holds the values of each number of an event.
///
/// * `bits`: of every format, instead
/// * `least`: bits of a format, at least
pub fn describe(
    data: &Dataset,
    name: &str,
    shape: Shape,
    bits: Option<u32>,
    least: u32,
) -> Result<(Samples, Vec<QFormat>)> {
    let mut formats = Vec::new();
    let mut columns = Vec::new();
    let mut record = None;
    for c in data.model_columns() {
        let format = format(c, bits, least)?;
        let lanes = match shape {
            Shape::Rows => c.width(),
            Shape::Records { lanes, .. } => {
                let length = c.shape.last().copied().unwrap_or(1);
                if length < 2 || record.is_some_and(|n| n as usize != length) {
                    return Err(Error::new(
                        Code::DataShape,
                        format!("column `{}` has {length} samples a row: no waveform, or not beside the others", c.name),
                    )
                    .hint("choose columns of one length with --columns; if rows follow each other in time, pass --continuous"));
                }
                record = Some(length as u32);
                if lanes { c.width() / length } else { 1 }
            }
        };
        formats.extend(std::iter::repeat_n(format, lanes));
        columns.push(SampleColumn {
            name: c.name.clone(),
            unit: c.unit.clone(),
            dtype: c.values.dtype().to_owned(),
            shape: c.shape.clone(),
            lanes: lanes as u32,
        });
    }
    let per_frame = if let Shape::Records { per_frame, .. } = shape { per_frame } else { 1 };
    let record = record.map(|n: u32| n.saturating_mul(per_frame));
    let samples = Samples { name: name.to_owned(), columns, record };
    if !samples.is_sound() {
        return Err(Error::new(Code::Usage, format!("{per_frame} records do not make a frame")).cause(format!(
            "a row has {} events: a frame has whole rows, or a row whole frames",
            samples.row_events()
        )));
    }
    Ok((samples, formats))
}

/// The smallest format that holds a column.
fn format(column: &Column, bits: Option<u32>, least: u32) -> Result<QFormat> {
    let (mut smallest, mut largest) = (0, 0);
    for value in whole(column)? {
        (smallest, largest) = (value.min(smallest), value.max(largest));
    }
    let needed = |n: i64| i64::BITS - n.leading_zeros();
    let width = if smallest < 0 { needed((-(smallest + 1)).max(largest)) + 1 } else { needed(largest) }.max(least);
    if let Some(bits) = bits.filter(|bits| *bits < width) {
        return Err(Error::new(
            Code::Usage,
            format!("column `{}` has samples of {width} bits, more than {bits}", column.name),
        )
        .hint("leave --sample-bits out, or give more"));
    }
    let width = bits.unwrap_or(width);
    let format = if smallest < 0 { QFormat::signed(width, 0) } else { QFormat::unsigned(width, 0) };
    format.check().map_err(|e| e.at(format!("column `{}`", column.name)))?;
    Ok(format)
}

/// A name for a design of a file: `[a-z][a-z0-9_]*`.
pub fn name_of(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
    let name: String = stem.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if name.starts_with(|c: char| c.is_ascii_lowercase()) { name } else { format!("samples_{name}") }
}

/// The values of a column.
fn whole(column: &Column) -> Result<impl Iterator<Item = i64> + '_> {
    if !column.values.is_integer() {
        return Err(Error::new(
            Code::DataShape,
            format!("column `{}` is {}: only whole numbers are sent as they are", column.name, column.values.dtype()),
        )
        .hint("leave it out with --exclude, or train a model of it"));
    }
    Ok((0..column.values.len()).map(|i| column.values.get_f64(i) as i64))
}

/// The events of rows: `[event, number]`.
pub fn events(samples: &Samples, rows: &Dataset) -> Result<Array2<i64>> {
    let per_row = samples.row_events();
    let mut out = Array2::zeros((rows.rows * per_row, samples.numbers()));
    let mut first = 0;
    let names = rows.called(samples.columns.iter().map(|c| c.name.clone()).collect());
    for (of, name) in samples.columns.iter().zip(&names) {
        let column = rows.column(name)?;
        if column.shape != of.shape {
            return Err(Error::new(
                Code::DataShape,
                format!("column `{}` has shape {:?}, the link {:?}", of.name, column.shape, of.shape),
            )
            .hint("learn a link of these data: `sluice link`"));
        }
        for (i, value) in whole(column)?.enumerate() {
            let (row, at) = (i / of.width(), i % of.width());
            out[[row * per_row + at % per_row, first + at / per_row]] = value;
        }
        first += of.lanes as usize;
    }
    Ok(out)
}

/// The columns of whole rows of events.
pub fn columns(samples: &Samples, events: &[Vec<i64>]) -> Result<Vec<Column>> {
    let mut first = 0;
    let mut all = Vec::new();
    for of in &samples.columns {
        let lanes = first..first + of.lanes as usize;
        let row = |events: &'_ [Vec<i64>]| -> Vec<f64> {
            lanes.clone().flat_map(|lane| events.iter().map(move |event| event[lane] as f64)).collect()
        };
        let values = events.chunks(samples.row_events()).flat_map(row);
        let values = Values::from_f64(&of.dtype, values)?;
        all.push(Column { name: of.name.clone(), unit: of.unit.clone(), shape: of.shape.clone(), values });
        first += of.lanes as usize;
    }
    Ok(all)
}

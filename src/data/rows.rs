//! Between data sets and the rows a model reads.

use ndarray::Array2;

use super::{Column, Dataset, Values};
use crate::error::{Code, Error, Result};
use crate::model::Transform;

/// The model's columns, flattened row by row in the transform's order; with a window, one row a window. In place of NaN
/// and infinities stand zeros: a network has no answer to them, and what it makes of the rest of the row should not be
/// lost. A container restores them itself.
///
/// # Errors
/// `D003` for a missing column, `D004` for another width.
pub fn model_rows(data: &Dataset, transform: &Transform) -> Result<Array2<f64>> {
    let names = data.called(transform.columns.iter().map(|c| c.name.clone()).collect());
    if let Some(window) = transform.window {
        let column = data.column(&names[0])?;
        let (width, per_row) = (column.width(), column.width().div_ceil(window));
        return Ok(Array2::from_shape_fn((data.rows * per_row, window), |(r, i)| {
            let at = ((r % per_row) * window + i).min(width - 1);
            finite(column.values.get_f64((r / per_row) * width + at))
        }));
    }
    let mut rows = Array2::zeros((data.rows, transform.n_values()));
    let mut start = 0;
    for (spec, name) in transform.columns.iter().zip(&names) {
        let column = data.column(name)?;
        if column.width() != spec.width {
            return Err(Error::new(
                Code::DataShape,
                format!(
                    "column `{}` has {} values in a row, the model takes {}",
                    spec.name,
                    column.width(),
                    spec.width
                ),
            ));
        }
        for r in 0..data.rows {
            for i in 0..spec.width {
                rows[[r, start + i]] = finite(column.values.get_f64(r * spec.width + i));
            }
        }
        start += spec.width;
    }
    Ok(rows)
}

fn finite(x: f64) -> f64 {
    if x.is_finite() { x } else { 0.0 }
}

/// The inverse of [`model_rows`]: columns as `templates` (name, unit, dtype, shape of a row) describe them.
///
/// # Errors
/// `D004` if the rows do not fit the templates, `D002` for an unknown dtype.
pub fn restore_columns(
    rows: &Array2<f64>,
    transform: &Transform,
    templates: &[(String, String, String, Vec<usize>)],
) -> Result<Vec<Column>> {
    let mut columns = Vec::with_capacity(templates.len());
    let mut start = 0;
    for (name, unit, dtype, shape) in templates {
        let width: usize = shape.iter().product();
        let values: Vec<f64> = if let Some(window) = transform.window {
            let per_row = width.div_ceil(window);
            (0..rows.nrows() / per_row.max(1))
                .flat_map(|r| (0..width).map(move |i| (r * per_row + i / window, i % window)))
                .map(|at| rows[[at.0, at.1]])
                .collect()
        } else {
            if start + width > rows.ncols() {
                return Err(Error::new(Code::DataShape, format!("column `{name}` is wider than the model's rows")));
            }
            rows.slice(ndarray::s![.., start..start + width]).iter().copied().collect()
        };
        start += width;
        columns.push(Column {
            name: name.clone(),
            unit: unit.clone(),
            shape: shape.clone(),
            values: Values::from_f64(dtype, values.into_iter())?,
        });
    }
    Ok(columns)
}

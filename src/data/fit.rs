//! Choosing the normalisation of each column from the training rows.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Column, Dataset};
use crate::error::Result;
use crate::fixed::portable;
use crate::model::transform::NormFunction;
use crate::model::{ColumnSpec, Constraint, Norm, Transform};

/// Which curve and scale a column gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NormKind {
    /// `asinh` for heavy tails, else `minmax`.
    #[default]
    Auto,
    /// Range to [-1, 1].
    Minmax,
    /// Mean 0, standard deviation 1.
    Standard,
    /// Median 0, half the central 68 % to 1.
    Robust,
    /// `asinh(x / unit)` with a twentieth of the range as unit, then range to [-1, 1].
    Asinh,
}

/// How columns become features.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TransformSpec {
    /// Each row of the single vector column is cut into windows of this many elements.
    pub window: Option<usize>,
    /// For columns that are not named below.
    pub norm: NormKind,
    /// By column name.
    pub columns: BTreeMap<String, NormKind>,
    /// Columns with a second feature that tells exact zeros from the rest.
    pub zero_flags: Vec<String>,
    /// Columns that repeat with a period: an azimuth has 6.283185307179586.
    pub periods: BTreeMap<String, f64>,
}

/// Fits the normalisation of every column to the rows `train`.
///
/// # Errors
/// `D003` if the recipe names a column that is not there, `M001` if a column cannot be normalised.
pub fn fit_transform(data: &Dataset, spec: &TransformSpec, train: &[usize]) -> Result<Transform> {
    for name in spec.columns.keys().chain(&spec.zero_flags).chain(spec.periods.keys()) {
        data.column(name)?;
    }
    let columns = data
        .columns
        .iter()
        .map(|c| {
            let kind = spec.columns.get(&c.name).copied().unwrap_or(spec.norm);
            fit_column(c, kind, spec, train)
        })
        .collect();
    let transform = Transform { window: spec.window, columns };
    transform.check()?;
    Ok(transform)
}

fn fit_column(c: &Column, kind: NormKind, spec: &TransformSpec, train: &[usize]) -> ColumnSpec {
    let width = c.width();
    let mut values: Vec<f64> =
        train.iter().flat_map(|r| (0..width).map(move |i| c.values.get_f64(r * width + i))).collect();
    values.sort_by(f64::total_cmp);
    let n = values.len();
    let at = |q: f64| values[((n - 1) as f64 * q) as usize];
    let (min, max) = (at(0.0), at(1.0));
    let range = max - min;
    // A long way beyond the bulk: the upper tenth of a per mille sticks out by several times the central spread.
    let heavy = range > 12.0 * (at(0.95) - at(0.05)).max(range * 1e-9);
    let kind = match kind {
        NormKind::Auto if heavy => NormKind::Asinh,
        NormKind::Auto => NormKind::Minmax,
        other => other,
    };
    let function = match kind {
        NormKind::Asinh if range > 0.0 => NormFunction::Asinh { unit: range / 20.0 },
        _ => NormFunction::Identity,
    };
    let curve = |x: f64| match function {
        NormFunction::Identity => x,
        NormFunction::Asinh { unit } => portable::asinh(x / unit),
    };
    let mean = values.iter().sum::<f64>() / n as f64;
    let (offset, scale) = match kind {
        NormKind::Standard => (mean, (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n as f64).sqrt()),
        NormKind::Robust => (at(0.5), 0.5 * (at(0.84) - at(0.16))),
        _ => (0.5 * (curve(max) + curve(min)), 0.5 * (curve(max) - curve(min))),
    };
    // A constant column stays at zero.
    let scale = if scale > 0.0 && scale.is_finite() { scale } else { 1.0 };
    let whole = c.values.is_integer() || values.iter().all(|v| v.fract() == 0.0);
    let period = spec.periods.get(&c.name).copied();
    let constraint = if period.is_some() {
        Constraint { period, ..Constraint::default() }
    } else {
        Constraint { min: (min >= 0.0).then_some(0.0), max: None, integer: whole, period: None }
    };
    ColumnSpec {
        name: c.name.clone(),
        width: spec.window.unwrap_or(width),
        norm: Norm { function, offset, scale },
        zero_flag: spec.zero_flags.contains(&c.name),
        constraint,
    }
}

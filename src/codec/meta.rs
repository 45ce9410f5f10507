//! The header of a container: what the blocks hold.

use serde::{Deserialize, Serialize};

use super::place::Tolerance;
use super::table::Formula;
use crate::data::{Column, DataSource, Layout, Values};
use crate::entropy::bytes::malformed;
use crate::error::Result;
use crate::relation::Expression;

/// How the columns are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// The model's columns as latents, the others without loss.
    Neural,
    /// Every value within a bound.
    Bounded,
    /// Bit for bit.
    Lossless,
}

/// A column without its values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColumnMeta {
    /// Unique in the data set.
    pub name: String,
    /// Physical unit.
    pub unit: String,
    /// In NumPy's words.
    pub dtype: String,
    /// Shape of one row's value; empty for a scalar.
    pub shape: Vec<usize>,
    /// The absolute bound that every value keeps, in the column's unit; absent if it is not bounded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound: Option<f64>,
    /// The part of itself that every value may move by, in place of `bound`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relative: Option<f64>,
    /// The bits of the mantissa that floats keep, in place of `bound`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bits: Option<u32>,
    /// A formula that predicts the column from others, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub formula: Option<String>,
}

/// The model of a neural container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ModelMeta {
    /// Names of the columns that are latents.
    pub columns: Vec<String>,
    /// Latents in a model row.
    pub latents: usize,
}

/// The JSON in the header.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Meta {
    pub mode: Mode,
    pub layout: Layout,
    pub source: DataSource,
    pub rows: u64,
    pub block_rows: u32,
    pub columns: Vec<ColumnMeta>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelMeta>,
    /// Program and version.
    pub writer: String,
}

/// No block holds more values of one column: a decoder can reserve what a header announces.
const MAX_BLOCK_VALUES: u64 = 1 << 31;

/// Bits of the mantissa of a double float.
pub(super) const MOST_BITS: u32 = 52;

impl ColumnMeta {
    /// The description of `column`.
    pub fn of(column: &Column) -> Self {
        ColumnMeta {
            name: column.name.clone(),
            unit: column.unit.clone(),
            dtype: column.values.dtype().to_owned(),
            shape: column.shape.clone(),
            bound: None,
            relative: None,
            bits: None,
            formula: None,
        }
    }

    /// How far its values may move.
    pub(super) fn tolerance(&self) -> Tolerance {
        match (self.bound, self.relative, self.bits) {
            (Some(bound), ..) if bound > 0.0 => Tolerance::By(bound),
            (_, Some(part), _) => Tolerance::Part(part),
            (_, _, Some(bits)) => Tolerance::Bits(bits),
            _ => Tolerance::Exact,
        }
    }

    /// Values in one row.
    pub fn width(&self) -> usize {
        self.shape.iter().product()
    }
}

impl Meta {
    /// Checks what a decoder relies on.
    pub(super) fn check(&self) -> Result<()> {
        if self.columns.is_empty() {
            return Err(malformed("the header has no columns"));
        }
        if self.block_rows == 0 {
            return Err(malformed("blocks of 0 rows"));
        }
        for (i, c) in self.columns.iter().enumerate() {
            Values::from_le_bytes(&c.dtype, &[])?;
            if c.bits.is_some_and(|b| b > MOST_BITS) {
                return Err(malformed(format!("column `{}` keeps too many bits", c.name)));
            }
            let values = c.shape.iter().try_fold(u64::from(self.block_rows), |n, d| n.checked_mul(*d as u64));
            let width = c.shape.iter().try_fold(1usize, |n, d| n.checked_mul(*d));
            if width.is_none() || values.is_none_or(|n| n > MAX_BLOCK_VALUES) {
                return Err(malformed(format!("a block of column `{}` would hold too many values", c.name)));
            }
            if self.columns[..i].iter().any(|d| d.name == c.name) {
                return Err(malformed(format!("two columns are named `{}`", c.name)));
            }
        }
        match (&self.model, self.mode) {
            (Some(_), Mode::Neural) => self.model_columns().map(drop),
            (None, Mode::Bounded | Mode::Lossless) => Ok(()),
            _ => Err(malformed("mode and model do not fit each other")),
        }
    }

    /// The formulas of columns that are no model's, each with what it is computed from as indices among these columns.
    pub(super) fn formulas(&self) -> Result<Vec<Option<Formula>>> {
        let by_model = self.model_columns()?;
        let others: Vec<&ColumnMeta> =
            self.columns.iter().enumerate().filter(|(i, _)| !by_model.contains(i)).map(|(_, c)| c).collect();
        let one = |c: &ColumnMeta| -> Result<Option<Formula>> {
            let Some(text) = &c.formula else { return Ok(None) };
            let expression: Expression = text.parse().map_err(|e: crate::Error| malformed(e.what()))?;
            let find = |name: &String| others.iter().position(|c| c.name == *name && c.width() == 1);
            let columns = expression.columns().iter().map(find).collect::<Option<Vec<_>>>();
            Ok(columns.map(|columns| Formula { expression, columns }))
        };
        others.iter().map(|c| one(c)).collect()
    }

    /// Indices of the model's columns, in the model's order.
    pub(super) fn model_columns(&self) -> Result<Vec<usize>> {
        let names = self.model.iter().flat_map(|m| &m.columns);
        let mut found: Vec<usize> = Vec::new();
        for name in names {
            match self.columns.iter().position(|c| c.name == *name) {
                Some(i) if !found.contains(&i) => found.push(i),
                _ => return Err(malformed(format!("the model's column `{name}` is missing or repeated"))),
            }
        }
        Ok(found)
    }
}

//! From a row of physical columns to the features of the network, and back.
//!
//! ```text
//! row of columns ──► norm per column ──► [value | zero flag]... = features ──► encoder
//! decoder ──► features ──► flag? exact zero : inverse norm ──► constraint ──► row of columns
//! ```
//!
//! All values come first, in column order, then the zero flags of the columns that have one. The inverse uses
//! [`crate::fixed::portable`], so that every machine reconstructs the same bits.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Code, Error, Result};
use crate::fixed::portable;

/// How the columns of a data set become features.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Transform {
    /// Each row of a vector column is cut into windows of this many elements, the last one padded by its last value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<usize>,
    /// The columns that the model reads, in order.
    pub columns: Vec<ColumnSpec>,
}

/// One column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ColumnSpec {
    /// Name in the data set.
    pub name: String,
    /// Elements in a row (after windowing).
    pub width: usize,
    /// Applied to each element.
    pub norm: Norm,
    /// A second feature tells exact zeros from the rest.
    #[serde(default)]
    pub zero_flag: bool,
    /// What the physics allows; enforced on reconstruction.
    #[serde(default)]
    pub constraint: Constraint,
}

/// `y = (f(x) - offset) / scale`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Norm {
    /// The function before the affine map.
    pub function: NormFunction,
    /// In the units of `f(x)`.
    pub offset: f64,
    /// In the units of `f(x)`, positive.
    pub scale: f64,
}

/// The curve that tames heavy tails.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NormFunction {
    /// `f(x) = x`.
    Identity,
    /// `f(x) = asinh(x / unit)`: linear below `unit`, logarithmic above.
    Asinh {
        /// In the units of the column, positive.
        unit: f64,
    },
    /// `f(x) = sign(x) ln(1 + |x| / unit)`: decades become equal steps, and all numbers have a place.
    Log {
        /// In the units of the column, positive.
        unit: f64,
    },
}

/// Largest `|f|` whose inverse is computed: beyond, values leave float64.
const MAX_EXPONENT: f64 = 700.0;

impl NormFunction {
    /// `f(x)`.
    pub fn forward(self, x: f64) -> f64 {
        match self {
            NormFunction::Identity => x,
            NormFunction::Asinh { unit } => portable::asinh(x / unit),
            NormFunction::Log { unit } => portable::ln(1.0 + x.abs() / unit).copysign(x),
        }
    }

    /// `x` of `f(x) = f`.
    pub fn inverse(self, f: f64) -> f64 {
        let limited = f.clamp(-MAX_EXPONENT, MAX_EXPONENT);
        match self {
            NormFunction::Identity => f,
            NormFunction::Asinh { unit } => portable::sinh(limited) * unit,
            // e^f - 1 without its loss of digits near 0: 2 sinh(f/2) e^(f/2).
            NormFunction::Log { unit } => {
                let half = 0.5 * limited.abs();
                (2.0 * portable::sinh(half) * portable::exp(half) * unit).copysign(f)
            }
        }
    }

    /// `dx / df` at `f`.
    fn slope(self, f: f64) -> f64 {
        // Half the range of the inverse: the root below squares.
        let limited = f.clamp(-0.5 * MAX_EXPONENT, 0.5 * MAX_EXPONENT);
        match self {
            NormFunction::Identity => 1.0,
            NormFunction::Asinh { unit } => {
                let sinh = portable::sinh(limited);
                unit * (1.0 + sinh * sinh).sqrt()
            }
            NormFunction::Log { unit } => unit * portable::exp(limited.abs()),
        }
    }
}

/// A domain that reconstructed values are brought back to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Constraint {
    /// Lower limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// Upper limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// Round to whole numbers.
    #[serde(default)]
    pub integer: bool,
    /// Values repeat with this period (2 pi for an azimuth) and are brought to `[min, min + period)`, without a `min` to
    /// `[-period/2, period/2)`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<f64>,
}

impl Norm {
    /// Physical value → feature.
    pub fn forward(&self, x: f64) -> f64 {
        (self.function.forward(x) - self.offset) / self.scale
    }

    /// Change of the physical value with the feature, at the feature `y`.
    pub fn slope(&self, y: f64) -> f64 {
        self.scale * self.function.slope(y * self.scale + self.offset)
    }

    /// Feature → physical value.
    pub fn inverse(&self, y: f64) -> f64 {
        self.function.inverse(y * self.scale + self.offset)
    }
}

impl Constraint {
    /// The nearest allowed value.
    pub fn apply(&self, x: f64) -> f64 {
        let x = if self.integer { x.round_ties_even() } else { x };
        let x = match self.period {
            Some(p) => {
                let low = self.min.unwrap_or(-0.5 * p);
                let turned = x - p * ((x - low) / p).floor();
                // Rounding may reach the upper end, which is the lower one.
                if turned < low + p { turned } else { low }
            }
            None => x,
        };
        x.max(self.min.unwrap_or(f64::NEG_INFINITY)).min(self.max.unwrap_or(f64::INFINITY))
    }

    /// Whether `x` is an end of the period, within `slack` times it: both ends are one value.
    pub fn at_an_end(&self, x: f64, slack: f64) -> bool {
        self.period.is_some_and(|p| {
            let from_low = (x - self.min.unwrap_or(-0.5 * p)).abs();
            from_low.min((from_low - p).abs()) <= slack * p
        })
    }
}

impl Transform {
    /// Elements in a row of all columns together.
    pub fn n_values(&self) -> usize {
        self.columns.iter().map(|c| c.width).sum()
    }

    /// Length of the feature vector.
    pub fn n_features(&self) -> usize {
        self.n_values() + self.columns.iter().filter(|c| c.zero_flag).map(|c| c.width).sum::<usize>()
    }

    /// The column of each value, in order.
    pub fn value_columns(&self) -> impl Iterator<Item = &ColumnSpec> {
        self.columns.iter().flat_map(|c| std::iter::repeat_n(c, c.width))
    }

    /// One row of values → features.
    ///
    /// # Panics
    /// If `values` is not `n_values` long.
    pub fn features(&self, values: &[f64]) -> Vec<f32> {
        assert_eq!(values.len(), self.n_values(), "row length");
        let pairs = || self.value_columns().zip(values);
        let numbers = pairs().map(|(c, v)| c.norm.forward(*v) as f32);
        let flags = pairs().filter(|(c, _)| c.zero_flag).map(|(_, v)| if *v == 0.0 { 1.0 } else { 0.0 });
        numbers.chain(flags).collect()
    }

    /// Features as the decoder gives them → one row of values.
    ///
    /// # Panics
    /// If `features` is not `n_features` long.
    pub fn values(&self, features: &[f32]) -> Vec<f64> {
        assert_eq!(features.len(), self.n_features(), "feature length");
        let (numbers, mut flags) = features.split_at(self.n_values());
        let mut values = Vec::with_capacity(numbers.len());
        for (column, y) in self.value_columns().zip(numbers) {
            let mut is_zero = false;
            if column.zero_flag {
                is_zero = flags[0] > 0.5;
                flags = &flags[1..];
            }
            values.push(if is_zero { 0.0 } else { column.constraint.apply(column.norm.inverse(f64::from(*y))) });
        }
        values
    }

    /// Checks that every number makes sense.
    ///
    /// # Errors
    /// [`Code::ModelForm`], naming the column.
    pub fn check(&self) -> Result<()> {
        let wrong = |column: &str, what: &str| {
            Err(Error::new(Code::ModelForm, format!("transform of column `{column}`: {what}")))
        };
        if self.columns.is_empty() || self.window == Some(0) {
            return Err(Error::new(Code::ModelForm, "the transform has no columns, or a window of 0"));
        }
        for c in &self.columns {
            let unit = match c.norm.function {
                NormFunction::Identity => 1.0,
                NormFunction::Asinh { unit } | NormFunction::Log { unit } => unit,
            };
            if c.width == 0 {
                return wrong(&c.name, "its width is 0");
            }
            let positive = |v: f64| v.is_finite() && v > 0.0;
            if !positive(c.norm.scale) || !positive(unit) || !c.norm.offset.is_finite() {
                return wrong(&c.name, "scale and unit must be positive and finite, the offset finite");
            }
            if c.constraint.period.is_some_and(|p| !positive(p)) {
                return wrong(&c.name, "the period must be positive");
            }
            let limits = [c.constraint.min.unwrap_or(f64::MIN), c.constraint.max.unwrap_or(f64::MAX)];
            if limits.iter().any(|x| !x.is_finite()) || limits[0] > limits[1] {
                return wrong(&c.name, "the limits must be finite, the lower one not above the upper one");
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(norm: Norm, zero_flag: bool, constraint: Constraint) -> ColumnSpec {
        ColumnSpec { name: "e".into(), width: 1, norm, zero_flag, constraint }
    }

    #[test]
    fn features_and_values_are_inverse_and_zeros_are_exact() {
        let norm = Norm { function: NormFunction::Asinh { unit: 2.0 }, offset: 0.3, scale: 1.7 };
        let t = Transform { window: None, columns: vec![column(norm, true, Constraint::default())] };
        t.check().unwrap();
        for x in [-50.0, 0.5, 1000.0] {
            let back = t.values(&t.features(&[x]))[0];
            assert!((back / x - 1.0).abs() < 1e-5, "{x} {back}");
        }
        assert_eq!(t.values(&t.features(&[0.0])), [0.0]);
    }

    #[test]
    fn the_decoder_keeps_every_column_to_its_domain_whatever_the_network_says() {
        let unit = Norm { function: NormFunction::Log { unit: 0.5 }, offset: 0.0, scale: 3.0 };
        let fraction = Constraint { min: Some(0.0), max: Some(1.0), ..Constraint::default() };
        let count = Constraint { min: Some(0.0), integer: true, ..Constraint::default() };
        let azimuth = Constraint { period: Some(std::f64::consts::TAU), ..Constraint::default() };
        let named = |name: &str, c| ColumnSpec { name: name.into(), ..column(unit, false, c) };
        let t =
            Transform { window: None, columns: vec![named("f", fraction), named("n", count), named("phi", azimuth)] };
        t.check().unwrap();
        for y in [-1e30, -20.0, -1.0, -1e-3, 0.0, 0.4, 7.0, 1e30] {
            let [f, n, phi] = t.values(&[y; 3])[..] else { panic!("three values") };
            assert!((0.0..=1.0).contains(&f), "{y}: {f}");
            assert!(n >= 0.0 && n.fract() == 0.0, "{y}: {n}");
            assert!((-std::f64::consts::PI..std::f64::consts::PI).contains(&phi), "{y}: {phi}");
        }
    }

    #[test]
    fn limits_that_allow_no_number_are_rejected() {
        let unit = Norm { function: NormFunction::Identity, offset: 0.0, scale: 1.0 };
        let c = Constraint { min: Some(2.0), max: Some(1.0), ..Constraint::default() };
        let e = Transform { window: None, columns: vec![column(unit, false, c)] }.check().unwrap_err();
        assert!(e.to_string().contains("the lower one not above the upper one"), "{e}");
    }

    #[test]
    fn constraints_bring_values_back_to_their_domain() {
        let c = Constraint { min: Some(0.0), max: Some(9.0), integer: true, period: None };
        assert_eq!([-3.0, 2.6, 99.0].map(|x| c.apply(x)), [0.0, 3.0, 9.0]);
        let phi = Constraint { period: Some(2.0), ..Constraint::default() };
        assert_eq!(phi.apply(1.5), -0.5);
        assert_eq!([-1.0, 1.0, 3.2 - 2.0].map(|x| phi.apply(x)), [-1.0, -1.0, 3.2 - 4.0]);
        let turn = Constraint { min: Some(0.0), period: Some(360.0), ..Constraint::default() };
        assert_eq!([-1.0, 0.0, 359.0, 360.0, 725.0].map(|x| turn.apply(x)), [359.0, 0.0, 359.0, 0.0, 5.0]);
        assert_eq!(turn.apply(-1e-20), 0.0, "just below the end is the end");
        let whole = Constraint { integer: true, ..turn };
        assert_eq!(whole.apply(359.7), 0.0);
    }
}

//! Choosing the normalisation of each column from the training rows, and the domain that its values keep to.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Column, Dataset};
use crate::error::{Code, Error, Result};
use crate::model::transform::NormFunction;
use crate::model::{ColumnSpec, Constraint, Norm, Transform};

/// Which curve and scale a column gets. All can be inverted; the numbers are saved with the model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NormKind {
    /// `asinh` for heavy tails, else `minmax`.
    #[default]
    Auto,
    /// As it is: for values that were scaled before.
    None,
    /// Range to [-1, 1].
    Minmax,
    /// Mean 0, standard deviation 1.
    Standard,
    /// Median 0, half the central 68 % to 1.
    Robust,
    /// `asinh(x / unit)` with a twentieth of the range as unit, then range to [-1, 1].
    Asinh,
    /// `sign(x) ln(1 + |x| / unit)` with the 5 % quantile of the non-zero |x| as unit, then range to [-1, 1]: for columns
    /// over many decades.
    Log,
}

/// What the physics of a column allows. The decoder keeps reconstructed values to it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Domain {
    /// Any number.
    Free,
    /// 0 or more.
    NonNegative,
    /// Whole numbers.
    Integer,
    /// Whole numbers from 0.
    Count,
    /// From 0 to 1, as a share of an energy.
    Fraction,
    /// An angle in radians: repeats after 2 pi.
    Azimuth,
    /// Repeats after this much.
    Period(f64),
    /// From the first to the second number.
    Between(f64, f64),
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
    /// By column name; for the others what the data show: no negative value means none will come, whole numbers stay whole.
    pub domains: BTreeMap<String, Domain>,
}

/// Fits the normalisation of every column to the rows `train`. Columns that are passed through get none.
///
/// # Errors
/// `D003` if the recipe names a column that is not there or that is passed through, `D004` for a window on more than one
/// column, `D006` for a value outside the domain that the recipe states, `M001` if a column cannot be normalised.
pub fn fit_transform(data: &Dataset, spec: &TransformSpec, train: &[usize]) -> Result<Transform> {
    for name in spec.columns.keys().chain(&spec.zero_flags).chain(spec.domains.keys()) {
        data.column(name)?;
        if data.source.pass_through.contains(name) {
            return Err(Error::new(
                Code::DataSelection,
                format!("column `{name}` is passed through: no model reads it"),
            )
            .hint("take it out of `transform`, or out of `data.select.pass_through`"));
        }
    }
    let columns: Vec<&Column> = data.model_columns().collect();
    if columns.is_empty() {
        return Err(Error::new(Code::DataSelection, "all columns are passed through: none is left for the model")
            .at(data.source.name.clone()));
    }
    if spec.window.is_some() && columns.len() > 1 {
        let names: Vec<&str> = columns.iter().take(20).map(|c| c.name.as_str()).collect();
        return Err(Error::new(Code::DataShape, "a window needs a single column of arrays")
            .cause(format!("the model would read: {}", names.join(", ")))
            .hint("choose one with `data.select.columns`, or name the others in `data.select.pass_through`"));
    }
    let columns = columns.into_iter().map(|c| fit_column(c, spec, train)).collect::<Result<_>>()?;
    let transform = Transform { window: spec.window, columns };
    transform.check()?;
    Ok(transform)
}

/// Sorted finite values, with quantiles.
pub(super) struct Sorted(Vec<f64>);

impl Sorted {
    pub(super) fn new(values: impl Iterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.filter(|x| x.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        Sorted(values)
    }

    /// The value with a share `q` of the values below it; 0 if there are none.
    pub(super) fn at(&self, q: f64) -> f64 {
        self.0.get((self.0.len().saturating_sub(1) as f64 * q) as usize).copied().unwrap_or(0.0)
    }

    /// The tails stick out by a long way beyond the central spread. Two values are no tail, however rare one of them is.
    pub(super) fn heavy(&self) -> bool {
        let (low, high) = (self.at(0.0), self.at(1.0));
        let range = high - low;
        self.0.iter().any(|x| *x > low && *x < high) && range > 12.0 * (self.at(0.95) - self.at(0.05)).max(range * 1e-9)
    }
}

fn fit_column(c: &Column, spec: &TransformSpec, train: &[usize]) -> Result<ColumnSpec> {
    let width = c.width();
    let sorted = Sorted::new(train.iter().flat_map(|r| (0..width).map(move |i| c.values.get_f64(r * width + i))));
    let kind = match spec.columns.get(&c.name).copied().unwrap_or(spec.norm) {
        NormKind::Auto if sorted.heavy() => NormKind::Asinh,
        NormKind::Auto => NormKind::Minmax,
        other => other,
    };
    Ok(ColumnSpec {
        name: c.name.clone(),
        width: spec.window.unwrap_or(width),
        norm: norm(kind, &sorted),
        zero_flag: spec.zero_flags.contains(&c.name),
        constraint: constraint(c, spec.domains.get(&c.name).copied())?,
    })
}

fn norm(kind: NormKind, sorted: &Sorted) -> Norm {
    let at = |q| sorted.at(q);
    let (min, max) = (at(0.0), at(1.0));
    let positive = |x: f64| if x.is_finite() && x > 0.0 { Some(x) } else { None };
    let function = match kind {
        NormKind::Asinh => positive((max - min) / 20.0).map(|unit| NormFunction::Asinh { unit }),
        NormKind::Log if max > min => {
            let sizes = Sorted::new(sorted.0.iter().map(|x| x.abs()).filter(|x| *x > 0.0));
            positive(sizes.at(0.05)).map(|unit| NormFunction::Log { unit })
        }
        _ => None,
    };
    let function = function.unwrap_or(NormFunction::Identity);
    let mean = sorted.0.iter().sum::<f64>() / sorted.0.len().max(1) as f64;
    let (offset, scale) = match kind {
        NormKind::Standard => {
            let squares: f64 = sorted.0.iter().map(|v| (v - mean).powi(2)).sum();
            (mean, (squares / sorted.0.len().max(1) as f64).sqrt())
        }
        NormKind::Robust => (at(0.5), 0.5 * (at(0.84) - at(0.16))),
        NormKind::None => (0.0, 1.0),
        _ => {
            let (low, high) = (function.forward(min), function.forward(max));
            (0.5 * (high + low), 0.5 * (high - low))
        }
    };
    // A column without spread stays at zero. A robust one may have a spread outside the central 68 %: then the range.
    let spread = positive(scale).or(positive(0.5 * (max - min)).filter(|_| kind == NormKind::Robust));
    Norm { function, offset, scale: spread.unwrap_or(1.0) }
}

/// The domain as limits, checked against all values; without one, what the values show.
pub(super) fn constraint(c: &Column, domain: Option<Domain>) -> Result<Constraint> {
    let n = c.values.len();
    let finite = || (0..n).map(|i| c.values.get_f64(i)).filter(|x| x.is_finite());
    let (low, high) = finite().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), x| (l.min(x), h.max(x)));
    let integer = c.values.is_integer();
    let any = Constraint { integer, ..Constraint::default() };
    let Some(domain) = domain else {
        let whole = integer || finite().all(|x| x.fract() == 0.0);
        return Ok(Constraint { min: (low >= 0.0).then_some(0.0), integer: whole, ..any });
    };
    let constraint = match domain {
        Domain::Free => any,
        Domain::NonNegative => Constraint { min: Some(0.0), ..any },
        Domain::Integer => Constraint { integer: true, ..any },
        Domain::Count => Constraint { min: Some(0.0), integer: true, ..any },
        Domain::Fraction => Constraint { min: Some(0.0), max: Some(1.0), ..any },
        Domain::Between(min, max) => Constraint { min: Some(min), max: Some(max), ..any },
        Domain::Azimuth | Domain::Period(_) => {
            let period = if let Domain::Period(p) = domain { p } else { std::f64::consts::TAU };
            // Angles are counted from minus half a turn or from zero: the values show which.
            Constraint { min: (low >= 0.0 && high > 0.5 * period).then_some(0.0), period: Some(period), ..any }
        }
    };
    let wrong = |text: String| Error::new(Code::DataRange, text);
    if constraint.min.zip(constraint.max).is_some_and(|(a, b)| a.is_nan() || b.is_nan() || a > b) {
        return Err(wrong(format!("column `{}`: there is no number in the domain {domain:?}", c.name)));
    }
    if constraint.period.is_some_and(|p| !(p.is_finite() && p > 0.0)) {
        return Err(wrong(format!("column `{}`: a period is a positive number", c.name)));
    }
    // float32 rounds the ends of a domain, pi for example, to a neighbour.
    let slack = if c.values.dtype() == "float32" { f64::from(f32::EPSILON) } else { 0.0 };
    let outside = (0..n).find(|i| {
        let x = c.values.get_f64(*i);
        x.is_finite() && (constraint.apply(x) - x).abs() > slack * x.abs().max(1.0) && !constraint.at_an_end(x, slack)
    });
    if let Some(i) = outside {
        let (row, x) = (i / c.width(), c.values.get_f64(i));
        return Err(wrong(format!("row {row}, column `{}`: {x} is outside the domain {domain:?}", c.name))
            .cause(format!("the values lie from {low} to {high}"))
            .hint("state another domain in `transform.domains`, or correct the data"));
    }
    Ok(constraint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{DataSource, Layout, Values};

    fn data(values: Values) -> Dataset {
        let rows = values.len();
        let column = Column { name: "x".into(), unit: String::new(), shape: vec![], values };
        Dataset::new(vec![column], rows, Layout::Table, DataSource::default()).unwrap()
    }

    fn fit(values: Values, spec: &str) -> Result<ColumnSpec> {
        let data = data(values);
        let all: Vec<usize> = (0..data.rows).collect();
        fit_transform(&data, &toml::from_str(spec).unwrap(), &all).map(|mut t| t.columns.remove(0))
    }

    /// Six decades, both signs, zeros.
    fn wide() -> Vec<f64> {
        let size = |i: i32| 10f64.powf(f64::from(i) / 30.0 - 3.0);
        (0..180).flat_map(|i| [size(i), -0.3 * size(i), 0.0]).collect()
    }

    #[test]
    fn every_norm_can_be_inverted_beyond_the_values_it_was_fitted_to() {
        for kind in ["auto", "minmax", "standard", "robust", "asinh", "log"] {
            let spec = fit(Values::F64(wide()), &format!("norm = \"{kind}\"")).unwrap();
            for x in wide().into_iter().chain([-5000.0, 20_000.0]) {
                let back = spec.norm.inverse(spec.norm.forward(x));
                assert!((back - x).abs() <= 1e-11 * x.abs().max(1.0), "{kind}: {x} {back}");
            }
            // The slope is the derivative of the inverse.
            for y in [-0.7, 0.1, 0.8] {
                let difference = (spec.norm.inverse(y + 1e-6) - spec.norm.inverse(y - 1e-6)) / 2e-6;
                assert!(
                    (spec.norm.slope(y) / difference - 1.0).abs() < 1e-6,
                    "{kind}: {} {difference}",
                    spec.norm.slope(y)
                );
            }
        }
    }

    #[test]
    fn norms_put_the_values_where_they_say() {
        let all = |kind: &str| {
            let spec = fit(Values::F64(wide()), &format!("[columns]\nx = \"{kind}\"")).unwrap();
            Sorted::new(wide().into_iter().map(|x| spec.norm.forward(x)))
        };
        for kind in ["minmax", "asinh", "log"] {
            let y = all(kind);
            assert!((y.at(0.0) + 1.0).abs() < 1e-12 && (y.at(1.0) - 1.0).abs() < 1e-12, "{kind}");
        }
        let y = all("standard").0;
        let mean = y.iter().sum::<f64>() / y.len() as f64;
        let square = y.iter().map(|v| v * v).sum::<f64>() / y.len() as f64;
        assert!(mean.abs() < 1e-12 && (square - 1.0).abs() < 1e-12);
        let y = all("robust");
        assert!(y.at(0.5).abs() < 1e-12 && (y.at(0.84) - y.at(0.16) - 2.0).abs() < 1e-12);
        // The logarithm spreads the decades: half of the positive values lie in the upper part already.
        assert!(all("log").at(0.84) > 0.3 && all("minmax").at(0.84) < -0.3);
    }

    #[test]
    fn heavy_tails_get_asinh_and_columns_without_spread_stay_at_zero() {
        let heavy: Vec<f64> = (0..1000).map(|i| 1.0 / (1.0 - f64::from(i) / 1000.0)).collect();
        let spec = fit(Values::F64(heavy), "").unwrap();
        assert!(matches!(spec.norm.function, NormFunction::Asinh { .. }), "{spec:?}");
        let rare_flag: Vec<f64> = (0..1000).map(|i| f64::from(i % 50 == 0)).collect();
        assert_eq!(fit(Values::F64(rare_flag), "").unwrap().norm.function, NormFunction::Identity);
        for kind in ["auto", "minmax", "standard", "robust", "asinh", "log"] {
            let spec = fit(Values::I32(vec![7; 10]), &format!("norm = \"{kind}\"")).unwrap();
            assert_eq!(spec.norm.forward(7.0), 0.0, "{kind}");
            assert_eq!(spec.norm.inverse(0.0), 7.0, "{kind}");
        }
        // More than 68 % of one value: the robust scale falls back to the range.
        let mut mostly = vec![0.0; 90];
        mostly.extend((0..10).map(f64::from));
        assert_eq!(fit(Values::F64(mostly.clone()), "norm = \"robust\"").unwrap().norm.scale, 4.5);
        let as_it_is = fit(Values::F64(mostly), "norm = \"none\"").unwrap().norm;
        assert_eq!(as_it_is, Norm { function: NormFunction::Identity, offset: 0.0, scale: 1.0 });
    }

    #[test]
    fn domains_become_limits_that_the_decoder_keeps_to() {
        let of = |v: &[f64], domain: &str| fit(Values::F64(v.to_vec()), &format!("[domains]\nx = {domain}"));
        let limits = |min, max, integer, period| Constraint { min, max, integer, period };
        let turn = std::f64::consts::TAU;
        for (values, domain, expected) in [
            (&[1.0, 2.5][..], "\"free\"", limits(None, None, false, None)),
            (&[1.0, 2.5], "\"non-negative\"", limits(Some(0.0), None, false, None)),
            (&[-1.0, 2.0], "\"integer\"", limits(None, None, true, None)),
            (&[1.0, 2.0], "\"count\"", limits(Some(0.0), None, true, None)),
            (&[0.0, 1.0], "\"fraction\"", limits(Some(0.0), Some(1.0), false, None)),
            (&[-3.0, 3.0], "\"azimuth\"", limits(None, None, false, Some(turn))),
            (&[0.1, 6.2], "\"azimuth\"", limits(Some(0.0), None, false, Some(turn))),
            (&[0.0, 359.0], "{ period = 360.0 }", limits(Some(0.0), None, false, Some(360.0))),
            (&[-2.0, 5.0], "{ between = [-2.0, 5.0] }", limits(Some(-2.0), Some(5.0), false, None)),
        ] {
            assert_eq!(of(values, domain).unwrap().constraint, expected, "{domain}");
        }
        // Without a word, what the values show.
        let shown = |v: &[f64]| fit(Values::F64(v.to_vec()), "").unwrap().constraint;
        assert_eq!(shown(&[0.0, 2.5]), limits(Some(0.0), None, false, None));
        assert_eq!(shown(&[-1.0, 2.0]), limits(None, None, true, None));
        let turned = std::f32::consts::PI;
        assert!(fit(Values::F32(vec![-turned, turned]), "[domains]\nx = \"azimuth\"").is_ok());
    }

    #[test]
    fn values_outside_the_stated_domain_are_named() {
        let of = |v: &[f64], domain: &str| {
            fit(Values::F64(v.to_vec()), &format!("[domains]\nx = {domain}")).unwrap_err().what().to_owned()
        };
        assert_eq!(of(&[0.0, 1.5], "\"fraction\""), "row 1, column `x`: 1.5 is outside the domain Fraction");
        assert_eq!(of(&[-0.5, 1.0], "\"non-negative\""), "row 0, column `x`: -0.5 is outside the domain NonNegative");
        assert_eq!(of(&[2.0, 2.5], "\"count\""), "row 1, column `x`: 2.5 is outside the domain Count");
        assert_eq!(of(&[2.0, 7.0], "\"azimuth\""), "row 1, column `x`: 7 is outside the domain Azimuth");
        assert_eq!(of(&[2.0], "{ period = -1.0 }"), "column `x`: a period is a positive number");
        assert!(of(&[2.0], "{ between = [3.0, 1.0] }").contains("there is no number in the domain"));
    }

    #[test]
    fn columns_that_are_passed_through_get_no_norm_and_may_not_be_named() {
        let mut data = data(Values::F64(vec![1.0, 2.0]));
        let mut other = data.columns[0].clone();
        other.name = "y".into();
        data.columns.push(other);
        data.source.pass_through.push("x".into());
        let fit = |d: &Dataset, spec: &str| fit_transform(d, &toml::from_str(spec).unwrap(), &[0, 1]);
        let t = fit(&data, "").unwrap();
        assert_eq!(t.columns.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(), ["y"]);
        let e = fit(&data, "zero_flags = [\"x\"]").unwrap_err();
        assert_eq!(e.what(), "column `x` is passed through: no model reads it");
        data.source.pass_through.push("y".into());
        assert!(fit(&data, "").unwrap_err().what().starts_with("all columns are passed through"));
        data.source.pass_through.clear();
        assert_eq!(fit(&data, "window = 2").unwrap_err().what(), "a window needs a single column of arrays");
    }
}

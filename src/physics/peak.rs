//! A peak before and after.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cut::passing;
use super::fit::{self, Peak, Value};
use super::section::PeakSection;
use super::values::{Formula, Shift, bootstrap};
use crate::data::Dataset;
use crate::error::{Code, Error, Result};
use crate::evaluate::{Binning, Histogram};
use crate::relation::Expression;

/// Two fits of the same rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Peaks {
    /// The original in the range of the fit.
    pub original: Histogram,
    /// The reconstruction in the same bins.
    pub reconstructed: Histogram,
    /// Fit of the original.
    pub before: Option<Peak>,
    /// Fit of the reconstruction.
    pub after: Option<Peak>,
    /// Why there is no fit; absent where both are there.
    pub failed: Option<String>,
    /// FWHM after over FWHM before. The error is that of the ratio, from resampling rows: both fits are of the same rows. It is 0
    /// where the fits could not be resampled.
    pub fwhm_ratio: Option<Value>,
    /// Mean after minus mean before.
    pub mean_shift: Option<f64>,
    /// After minus before, of rows whose original lies in the range.
    pub shift: Shift,
    /// What the spread of these differences adds to the width, if it is independent of the value: `sqrt(1 + (spread / sigma)^2)`.
    /// More precise than the ratio of two fits where rows are few.
    pub expected_ratio: Option<f64>,
}

/// Figures of a `peak`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PeakFigures {
    /// Name of the section.
    pub name: String,
    /// The formula.
    pub value: String,
    /// Its unit.
    pub unit: String,
    /// Rows that were compared.
    pub rows: u64,
    /// Rows that failed a cut.
    pub cut: u64,
    /// Rows whose value, or a value that is cut on, is not finite before or after.
    pub not_finite: u64,
    /// The fits.
    pub peaks: Peaks,
}

/// The fits of pairs of values.
pub fn peaks(pairs: &[(f64, f64)], [low, high]: [f64; 2], bins: usize) -> Peaks {
    let binning = Binning { low, high, bins };
    let original = binning.fill(pairs.iter().map(|p| p.0));
    let reconstructed = binning.fill(pairs.iter().map(|p| p.1));
    let (before, after) = (fit::gaussian(&original), fit::gaussian(&reconstructed));
    let failed = match (&before, &after) {
        (Err(why), _) => Some(format!("before: {why}")),
        (_, Err(why)) => Some(format!("after: {why}")),
        _ => None,
    };
    let (before, after) = (before.ok(), after.ok());
    let inside: Vec<(f64, f64)> = pairs.iter().copied().filter(|p| (low..=high).contains(&p.0)).collect();
    let shift = Shift::of(inside.iter().map(|p| p.1 - p.0).collect());
    let both = before.zip(after);
    let near: Vec<(f64, f64)> =
        pairs.iter().copied().filter(|p| [p.0, p.1].iter().any(|v| (low..=high).contains(v))).collect();
    let fwhm_ratio = both.map(|(before, after)| {
        let error = bootstrap(near.len(), |at| {
            let a = fit::gaussian(&binning.fill(at.iter().map(|i| near[*i].0))).ok()?;
            let b = fit::gaussian(&binning.fill(at.iter().map(|i| near[*i].1))).ok()?;
            Some(b.fwhm.value / a.fwhm.value)
        });
        Value { value: after.fwhm.value / before.fwhm.value, error: error.unwrap_or(0.0) }
    });
    Peaks {
        mean_shift: both.map(|(before, after)| after.mean.value - before.mean.value),
        expected_ratio: before.map(|b| (1.0 + (shift.sigma() / b.sigma.value).powi(2)).sqrt()),
        original,
        reconstructed,
        before,
        after,
        failed,
        fwhm_ratio,
        shift,
    }
}

pub(super) fn figures(
    name: &str,
    section: &PeakSection,
    original: &Dataset,
    reconstructed: &Dataset,
) -> Result<PeakFigures> {
    let formula: Expression = section.value.parse()?;
    let before = Formula(&formula).of(original, original)?;
    let after = Formula(&formula).of(original, reconstructed)?;
    let pass = passing(&section.cuts, original, original)?;
    let (mut pairs, mut cut, mut not_finite) = (Vec::new(), 0, 0);
    for ((x, y), pass) in before.into_iter().zip(after).zip(pass) {
        match pass {
            Some(false) => cut += 1,
            Some(true) if x.is_finite() && y.is_finite() => pairs.push((x, y)),
            _ => not_finite += 1,
        }
    }
    if !pairs.iter().any(|p| (section.range[0]..=section.range[1]).contains(&p.0)) {
        let (low, high) = pairs.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |m, p| (m.0.min(p.0), m.1.max(p.0)));
        let found = if pairs.is_empty() { "no row is left".to_owned() } else { format!("it is {low} to {high}") };
        return Err(Error::new(Code::DataSelection, format!("`{formula}` is nowhere in {:?}", section.range))
            .cause(format!("{found}; {cut} rows were cut, {not_finite} are not finite"))
            .hint("change `range` or `cuts`"));
    }
    Ok(PeakFigures {
        name: name.to_owned(),
        value: section.value.clone(),
        unit: section.unit.clone(),
        rows: pairs.len() as u64,
        cut,
        not_finite,
        peaks: peaks(&pairs, section.range, section.bins),
    })
}

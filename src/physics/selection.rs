//! Events that pass cuts, before and after.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cut::passing;
use super::fit::Value;
use super::section::SelectionSection;
use super::values::bootstrap;
use crate::data::Dataset;
use crate::error::{Code, Error, Result};

/// Figures of a `selection`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SelectionFigures {
    /// Name of the section.
    pub name: String,
    /// The cuts.
    pub cuts: Vec<String>,
    /// Events that were compared.
    pub rows: u64,
    /// Events with a value that is cut on, a label or a weight that is not finite, before or after; left out.
    pub not_finite: u64,
    /// Events that pass before.
    pub passed_before: u64,
    /// Events that pass after.
    pub passed_after: u64,
    /// Events that pass before and not after.
    pub moved_out: u64,
    /// Events that pass after and not before.
    pub moved_in: u64,
    /// Weight of those that pass over the weight of all, before, with the error of so few events.
    pub efficiency_before: Value,
    /// The same after.
    pub efficiency_after: Value,
    /// Signal against background, where there is a label.
    pub significance: Option<Significance>,
}

/// How well the selection tells signal from background. The errors are from resampling events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Significance {
    /// Weight of the signal that passes, before.
    pub signal_before: f64,
    /// After.
    pub signal_after: f64,
    /// Weight of the background that passes, before.
    pub background_before: f64,
    /// After.
    pub background_after: f64,
    /// Efficiency for signal, before.
    pub signal_efficiency_before: f64,
    /// After.
    pub signal_efficiency_after: f64,
    /// Efficiency for background, before.
    pub background_efficiency_before: f64,
    /// After.
    pub background_efficiency_after: f64,
    /// Median significance of a discovery, `sqrt(2 ((s + b) ln(1 + s / b) - s))` (Cowan, Cranmer, Gross, Vitells 2011), before.
    pub asimov_before: f64,
    /// After.
    pub asimov_after: f64,
    /// After over before.
    pub ratio: Value,
    /// `s / sqrt(b)`, before.
    pub simple_before: f64,
    /// After.
    pub simple_after: f64,
    /// Raw bytes over compressed bytes, where known.
    pub compression_ratio: Option<f64>,
    /// The significance after with as many events as fill the bytes that the original events took: `asimov_after` times the root of
    /// the compression ratio, as signal and background grow with it.
    pub equal_storage: Option<f64>,
}

/// Weights of signal and background that pass.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    signal: f64,
    background: f64,
}

impl Sums {
    fn add(&mut self, signal: bool, weight: f64) {
        *(if signal { &mut self.signal } else { &mut self.background }) += weight;
    }

    /// Absent without signal and background, or with negative ones.
    fn asimov(self) -> Option<f64> {
        let (s, b) = (self.signal, self.background);
        (s > 0.0 && b > 0.0).then(|| (2.0 * ((s + b) * (s / b).ln_1p() - s)).max(0.0).sqrt())
    }
}

struct Event {
    before: bool,
    after: bool,
    signal: bool,
    weight: f64,
}

pub(super) fn figures(
    name: &str,
    section: &SelectionSection,
    original: &Dataset,
    reconstructed: &Dataset,
    ratio: Option<f64>,
) -> Result<SelectionFigures> {
    let before = passing(&section.cuts, original, original)?;
    let after = passing(&section.cuts, original, reconstructed)?;
    // Truth and weights are those of the original: the question is what became of the cuts.
    let column = |name: &Option<String>| -> Result<Option<Vec<f64>>> {
        let Some(name) = name else { return Ok(None) };
        let column = original.column(name)?;
        if column.width() != 1 {
            return Err(Error::new(Code::DataShape, format!("column `{name}` has {} numbers a row", column.width()))
                .hint("label and weight are one number an event"));
        }
        Ok(Some(column.values.to_f64()))
    };
    let (labels, weights) = (column(&section.label)?, column(&section.weight)?);
    let mut events = Vec::new();
    let mut not_finite = 0;
    for (i, (before, after)) in before.into_iter().zip(after).enumerate() {
        let label = labels.as_ref().map_or(0.0, |l| l[i]);
        let weight = weights.as_ref().map_or(1.0, |w| w[i]);
        match (before, after) {
            (Some(before), Some(after)) if label.is_finite() && weight.is_finite() => {
                events.push(Event { before, after, signal: label != 0.0, weight });
            }
            _ => not_finite += 1,
        }
    }
    if !events.iter().any(|e| e.before) {
        return Err(Error::new(Code::DataSelection, "no event of the original passes the cuts")
            .cause(format!(
                "{} events, {not_finite} more are not finite; cuts: {}",
                events.len(),
                section.cuts.join(", ")
            ))
            .hint("loosen `cuts`"));
    }
    let count = |which: &dyn Fn(&Event) -> bool| events.iter().filter(|e| which(e)).count() as u64;
    let efficiency = |passes: &dyn Fn(&Event) -> bool| {
        let sum = |power: i32, f: &dyn Fn(&Event) -> bool| {
            events.iter().filter(|e| f(e)).map(|e| e.weight.powi(power)).sum::<f64>()
        };
        let value = sum(1, passes) / sum(1, &|_| true);
        // The binomial error of as many events as the weights are worth.
        let worth = sum(1, &|_| true).powi(2) / sum(2, &|_| true);
        let error = (value * (1.0 - value) / worth).max(0.0).sqrt();
        let finite = |x: f64| if x.is_finite() { x } else { 0.0 };
        Value { value: finite(value), error: finite(error) }
    };
    let significance = section.label.as_deref().map(|label| significance(label, &events, ratio)).transpose()?;
    Ok(SelectionFigures {
        name: name.to_owned(),
        cuts: section.cuts.clone(),
        rows: events.len() as u64,
        not_finite,
        passed_before: count(&|e| e.before),
        passed_after: count(&|e| e.after),
        moved_out: count(&|e| e.before && !e.after),
        moved_in: count(&|e| e.after && !e.before),
        efficiency_before: efficiency(&|e| e.before),
        efficiency_after: efficiency(&|e| e.after),
        significance,
    })
}

fn significance(label: &str, events: &[Event], ratio: Option<f64>) -> Result<Significance> {
    let sums = |passes: &dyn Fn(&Event) -> bool| {
        let mut sums = Sums::default();
        events.iter().filter(|e| passes(e)).for_each(|e| sums.add(e.signal, e.weight));
        sums
    };
    let (all, before, after) = (sums(&|_| true), sums(&|e| e.before), sums(&|e| e.after));
    let none = |what: &str| {
        Error::new(Code::DataSelection, format!("no significance: {what}"))
            .cause(format!("label `{label}`: signal {}, background {} before the cuts", all.signal, all.background))
            .hint("signal is where the label is not 0; leave `label` out for efficiencies alone")
    };
    if all.asimov().is_none() {
        return Err(none("there is only one kind of event"));
    }
    let asimov_before = before.asimov().ok_or_else(|| none("signal and background do not both pass the cuts"))?;
    let asimov_after = after.asimov().ok_or_else(|| none("after, signal and background do not both pass the cuts"))?;
    let passing: Vec<&Event> = events.iter().filter(|e| e.before || e.after).collect();
    let error = bootstrap(passing.len(), |at| {
        let (mut before, mut after) = (Sums::default(), Sums::default());
        for e in at.iter().map(|i| passing[*i]) {
            if e.before {
                before.add(e.signal, e.weight);
            }
            if e.after {
                after.add(e.signal, e.weight);
            }
        }
        Some(after.asimov()? / before.asimov()?)
    });
    Ok(Significance {
        signal_before: before.signal,
        signal_after: after.signal,
        background_before: before.background,
        background_after: after.background,
        signal_efficiency_before: before.signal / all.signal,
        signal_efficiency_after: after.signal / all.signal,
        background_efficiency_before: before.background / all.background,
        background_efficiency_after: after.background / all.background,
        asimov_before,
        asimov_after,
        ratio: Value { value: asimov_after / asimov_before, error: error.unwrap_or(0.0) },
        simple_before: before.signal / before.background.sqrt(),
        simple_after: after.signal / after.background.sqrt(),
        compression_ratio: ratio,
        equal_storage: ratio.map(|r| asimov_after * r.sqrt()),
    })
}

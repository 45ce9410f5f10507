//! Height and time of digitised detector pulses.
//!
//! ```text
//! samples - baseline ─► pole-zero: y = x + sum(x) / decay ─► trapezoid: mean of `rise` samples - mean of `rise` samples before,
//!         │                                                 `flat` apart; read where the gap lies on the edge ─► height
//!         └─► the edge: last crossing of `fraction` x height before the top ─► time
//! ```
//!
//! Pulses are positive. The baseline is the mean of the samples before the pulse. Reading the trapezoid at the edge, not at its
//! largest value, keeps the height linear in the samples: noise does not push it up. Source of the filter: Jordanov and Knoll, NIM A
//! 345 (1994) 337.

use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::fit::{FWHM, Value};
use super::peak::{Peaks, peaks};
use super::section::PulseSection;
use super::values::{Shift, bootstrap, vectors};
use crate::data::{Column, Dataset};
use crate::error::{Code, Error, Result};
use crate::evaluate::quantile;

/// A baseline that spreads so many times more than that of the median pulse has another pulse on it.
const RESTLESS: f64 = 2.0;

/// Figures of a `pulse`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PulseFigures {
    /// Name of the section.
    pub name: String,
    /// The column.
    pub column: String,
    /// Unit of its samples.
    pub unit: String,
    /// Samples of the baseline.
    pub baseline: usize,
    /// Samples of each average of the trapezoid.
    pub rise: usize,
    /// Samples between them.
    pub flat: usize,
    /// Smallest height.
    pub minimum: f64,
    /// Pulses that were compared.
    pub used: u64,
    /// Waveforms without a pulse of that height, or whose edge lies too near to an end.
    pub without: u64,
    /// Waveforms with another pulse on the baseline.
    pub restless: u64,
    /// Waveforms that are not finite, before or after.
    pub not_finite: u64,
    /// Pulses that are not found any more after.
    pub lost: u64,
    /// Height after minus before, in the unit of the samples.
    pub height: Shift,
    /// Time after minus before, in samples.
    pub time: Shift,
    /// Resolution of the height at zero energy: the trapezoid where there is no pulse.
    pub noise: Option<Noise>,
    /// A peak in the spectrum of heights, if a range was given.
    pub peaks: Option<Peaks>,
}

/// FWHM of the trapezoid over the baselines, from the distance of the 16 % and the 84 % quantile.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Noise {
    /// Before, in the unit of the samples.
    pub before: f64,
    /// After.
    pub after: f64,
    /// After over before, with its error from resampling pulses.
    pub ratio: Value,
}

struct Estimator {
    baseline: usize,
    rise: usize,
    flat: usize,
    decay: Option<f64>,
    fraction: f64,
}

/// A waveform of which the baseline is subtracted, with the running sum of what the trapezoid sees.
struct Trace {
    samples: Vec<f64>,
    sums: Vec<f64>,
    spread: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Pulse {
    height: f64,
    time: f64,
}

impl Estimator {
    fn new(section: &PulseSection, samples: usize) -> Result<Self> {
        let baseline = section.baseline.unwrap_or(samples / 4);
        let rise = section.rise.unwrap_or(baseline / 3).max(1);
        let flat = section.flat.unwrap_or(rise / 4);
        let reach = rise.checked_mul(2).and_then(|r| r.checked_add(flat)).filter(|r| *r < samples);
        if baseline < 2 || baseline >= samples || reach.is_none() {
            let what = format!("waveforms of {samples} samples are too short");
            return Err(Error::new(Code::DataShape, what)
                .cause(format!("baseline {baseline}, trapezoid 2 x {rise} + {flat} samples"))
                .hint("shorten `baseline`, `rise` or `flat`"));
        }
        Ok(Estimator { baseline, rise, flat, decay: section.decay, fraction: section.fraction.unwrap_or(0.5) })
    }

    fn trace(&self, waveform: impl Iterator<Item = f64>) -> Trace {
        let mut samples: Vec<f64> = waveform.collect();
        let before = &samples[..self.baseline];
        let level = before.iter().sum::<f64>() / self.baseline as f64;
        let spread = (before.iter().map(|s| (s - level).powi(2)).sum::<f64>() / self.baseline as f64).sqrt();
        samples.iter_mut().for_each(|s| *s -= level);
        let mut sums = Vec::with_capacity(samples.len() + 1);
        sums.push(0.0);
        let (mut seen, mut total) = (0.0, 0.0);
        for s in &samples {
            seen += s;
            total += s + self.decay.map_or(0.0, |d| seen / d);
            sums.push(total);
        }
        Trace { samples, sums, spread }
    }

    /// The trapezoid of which the last sample is `last`.
    fn trapezoid(&self, t: &Trace, last: usize) -> Option<f64> {
        let (end, early) = (last + 1, (last + 1).checked_sub(self.rise + self.flat)?);
        let start = early.checked_sub(self.rise)?;
        let sum = |from: usize, to: usize| Some(t.sums.get(to)? - t.sums.get(from)?);
        Some((sum(end - self.rise, end)? - sum(start, early)?) / self.rise as f64)
    }

    /// The trapezoid over the end of the baseline, if it has room there.
    fn noise(&self, t: &Trace) -> Option<f64> {
        (2 * self.rise + self.flat <= self.baseline).then(|| self.trapezoid(t, self.baseline - 1))?
    }

    /// The highest pulse, if it is `minimum` high and whole.
    fn pulse(&self, t: &Trace, minimum: f64) -> Option<Pulse> {
        let n = t.samples.len();
        let (last, top) = (2 * self.rise + self.flat - 1..n)
            .filter_map(|last| Some((last, self.trapezoid(t, last)?)))
            .max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)))?;
        if top < minimum {
            return None;
        }
        // The late average begins after the edge: from its first sample back to the crossing.
        let level = self.fraction * top;
        let from = last + 1 - self.rise;
        let below = (0..=from).rev().find(|i| t.samples[*i] < level)?;
        let (a, b) = (t.samples[below], *t.samples.get(below + 1)?);
        if b < level {
            return None;
        }
        let time = below as f64 + (level - a) / (b - a);
        // The edge in the middle of the gap.
        let height = self.trapezoid(t, below + self.flat / 2 + self.rise)?;
        Some(Pulse { height, time })
    }
}

/// What is known of a waveform after both were looked at.
enum Seen {
    Used { before: Pulse, after: Pulse },
    Without,
    Lost,
}

pub(super) fn figures(
    name: &str,
    section: &PulseSection,
    original: &Dataset,
    reconstructed: &Dataset,
) -> Result<PulseFigures> {
    let (before, after) = vectors(section.column.as_deref(), original, reconstructed)?;
    let width = before.width();
    let estimator = Estimator::new(section, width)?;
    let trace = |c: &Column, i: usize| estimator.trace((i * width..(i + 1) * width).map(|k| c.values.get_f64(k)));
    let both = (0..original.rows).into_par_iter().map(|i| (trace(before, i), trace(after, i)));
    let finite = |t: &Trace| t.samples.iter().all(|s| s.is_finite());
    let traces: Vec<(Trace, Trace)> = both.filter(|(a, b)| finite(a) && finite(b)).collect();
    let not_finite = (original.rows - traces.len()) as u64;
    let mut spreads: Vec<f64> = traces.iter().map(|t| t.0.spread).collect();
    spreads.sort_by(f64::total_cmp);
    let still = RESTLESS * quantile(&spreads, 0.5);
    let calm: Vec<&(Trace, Trace)> = traces.iter().filter(|t| t.0.spread <= still).collect();
    let restless = (traces.len() - calm.len()) as u64;
    let noise: Vec<(f64, f64)> = calm.iter().filter_map(|(a, b)| estimator.noise(a).zip(estimator.noise(b))).collect();
    let before_noise = spread(noise.iter().map(|n| n.0).collect());
    let minimum = match section.minimum {
        Some(minimum) => minimum,
        None if before_noise > 0.0 => 10.0 * before_noise,
        None => {
            return Err(Error::new(Code::DataShape, "the smallest height of a pulse is not known")
                .cause("the trapezoid does not fit into the baseline, or the baseline has no noise")
                .hint("add `minimum`, or shorten `rise`"));
        }
    };
    let seen = |(a, b): &&(Trace, Trace)| match (estimator.pulse(a, minimum), estimator.pulse(b, 0.0)) {
        (None, _) => Seen::Without,
        (Some(_), None) => Seen::Lost,
        (Some(before), Some(after)) => Seen::Used { before, after },
    };
    let seen: Vec<Seen> = calm.par_iter().map(seen).collect();
    let pulses: Vec<(Pulse, Pulse)> = seen
        .iter()
        .filter_map(|s| if let Seen::Used { before, after } = s { Some((*before, *after)) } else { None })
        .collect();
    let lost = seen.iter().filter(|s| matches!(s, Seen::Lost)).count() as u64;
    if pulses.is_empty() {
        return Err(Error::new(Code::DataSelection, format!("no waveform has a pulse of {minimum:.4} or more"))
            .cause(format!("{} waveforms, {restless} with another pulse on the baseline, {lost} lost", original.rows))
            .hint("lower `minimum`, or give `baseline`, `rise` and `flat` that fit the pulses"));
    }
    let shift = |value: fn(&Pulse) -> f64| Shift::of(pulses.iter().map(|(a, b)| value(b) - value(a)).collect());
    let heights: Vec<(f64, f64)> = pulses.iter().map(|(a, b)| (a.height, b.height)).collect();
    Ok(PulseFigures {
        name: name.to_owned(),
        column: before.name.clone(),
        unit: before.unit.clone(),
        baseline: estimator.baseline,
        rise: estimator.rise,
        flat: estimator.flat,
        minimum,
        used: pulses.len() as u64,
        without: seen.iter().filter(|s| matches!(s, Seen::Without)).count() as u64,
        restless,
        not_finite,
        lost,
        height: shift(|p| p.height),
        time: shift(|p| p.time),
        noise: noises(&noise, before_noise),
        peaks: section.range.map(|range| peaks(&heights, range, section.bins.unwrap_or(50))),
    })
}

/// Half the distance of the 16 % and the 84 % quantile: sigma of a Gaussian, whatever its tails.
fn spread(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    (quantile(&values, 0.8413) - quantile(&values, 0.1587)) / 2.0
}

fn noises(noise: &[(f64, f64)], before: f64) -> Option<Noise> {
    let after = spread(noise.iter().map(|n| n.1).collect());
    if noise.len() < 30 || before <= 0.0 {
        return None;
    }
    let error = bootstrap(noise.len(), |at| {
        let before = spread(at.iter().map(|i| noise[*i].0).collect());
        (before > 0.0).then(|| spread(at.iter().map(|i| noise[*i].1).collect()) / before)
    });
    let ratio = Value { value: after / before, error: error.unwrap_or(0.0) };
    Some(Noise { before: FWHM * before, after: FWHM * after, ratio })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pulse that rises linearly over 20 samples from `start` on and decays with `decay`.
    fn waveform(height: f64, start: f64, decay: f64) -> Vec<f64> {
        let step = |t: f64| if t < 0.0 { 0.0 } else { (-t / decay).exp() };
        // Twenty small steps make the ramp: each decays on its own, as the charge does on its capacitor.
        let sample = |i: usize| (0..20).map(|k| height / 20.0 * step(i as f64 - start - f64::from(k))).sum::<f64>();
        (0..1200).map(|i| 500.0 + sample(i)).collect()
    }

    #[test]
    fn the_trapezoid_of_a_pulse_is_its_amplitude() {
        let section = PulseSection { baseline: Some(400), rise: Some(100), flat: Some(40), ..Default::default() };
        for decay in [None, Some(2000.0), Some(300.0)] {
            let estimator = Estimator::new(&PulseSection { decay, ..section.clone() }, 1200).unwrap();
            let trace = estimator.trace(waveform(730.0, 600.0, decay.unwrap_or(1e12)).into_iter());
            let p = estimator.pulse(&trace, 10.0).unwrap();
            // The discrete correction sees each step once more: a part of 1 / decay.
            let exact = 730.0 * (1.0 + decay.map_or(0.0, |d| 0.6 / d));
            assert!((p.height - exact).abs() < 0.002 * 730.0, "{decay:?}: {p:?}");
            assert!((p.time - 609.0).abs() < 1.5, "{decay:?}: {p:?}");
            assert_eq!(estimator.noise(&trace), Some(0.0));
            assert!(estimator.pulse(&trace, 800.0).is_none());
        }
        // Without the correction the same pulse loses height.
        let estimator = Estimator::new(&section, 1200).unwrap();
        let trace = estimator.trace(waveform(730.0, 600.0, 300.0).into_iter());
        assert!(estimator.pulse(&trace, 10.0).unwrap().height < 640.0);
    }

    #[test]
    fn a_later_pulse_has_a_later_time() {
        let section = PulseSection { baseline: Some(400), rise: Some(100), flat: Some(40), ..Default::default() };
        let estimator = Estimator::new(&section, 1200).unwrap();
        let at = |start: f64| {
            estimator.pulse(&estimator.trace(waveform(730.0, start, 1e12).into_iter()), 10.0).unwrap().time
        };
        assert!((at(617.0) - at(600.0) - 17.0).abs() < 1e-9);
    }

    #[test]
    fn a_waveform_that_is_too_short_is_refused() {
        let section = PulseSection { baseline: Some(400), rise: Some(600), ..Default::default() };
        let error = Estimator::new(&section, 1200).map(drop).unwrap_err().to_string();
        assert!(error.contains("1200 samples are too short") && error.contains("2 x 600 + 150"), "{error}");
    }
}

//! A study, run.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

use super::chain::{Chain, Occupancy, Stage, add};
use super::depth::{depths, survival};
use super::filling::CROSSING_HZ;
use super::results::{Results, StageFigures, Tally};
use super::source::Arrivals;
use super::study::Study;
use crate::error::Result;

/// Losses that depths are told for.
const LOSSES: [f64; 7] = [1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9];

/// Bits of the events.
#[derive(Clone, Debug, PartialEq)]
pub enum Sizes {
    /// Any from one to the other.
    Uniform(u32, u32),
    /// Any of these.
    Sample(Vec<u32>),
}

impl Sizes {
    fn draw(&self, rng: &mut ChaCha8Rng) -> u32 {
        let mut below = |n: u64| ((u128::from(rng.next_u64()) * u128::from(n)) >> 64) as u64;
        match self {
            Sizes::Uniform(low, high) if low == high => *low,
            Sizes::Uniform(low, high) => low + below(u64::from(high - low) + 1) as u32,
            Sizes::Sample(sizes) => sizes[below(sizes.len() as u64) as usize],
        }
    }
}

/// Lets all events of a study pass.
///
/// * `sizes`: of what its payload says
///
/// # Errors
/// Those of [`Study::check`].
pub fn simulate(study: &Study, stages: &[Stage], sizes: &Sizes, mut progress: impl FnMut(u64)) -> Result<Results> {
    study.check()?;
    let (clock, slots) = (study.clock(), study.slots());
    let mut arrivals = Vec::new();
    for channel in 0..study.channels as u64 {
        arrivals.push(Arrivals::new(&study.source, clock, study.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ channel)?);
    }
    let mut rng = ChaCha8Rng::seed_from_u64(!study.seed);
    let mut left = vec![study.events; study.channels];
    let mut chain = Chain::new(study.channels, stages, study.queue(), study.arbiter(), slots);
    let mut latency = Tally::default();
    let mut waiting = vec![Tally::default(); stages.len() + 1];
    let (mut bits_sent, mut slots_used, mut end, mut last_arrival, mut came) = (0u64, 0u64, 0u64, 0u64, 0u64);
    chain.run(
        |channel| {
            left[channel] = left[channel].checked_sub(1)?;
            let at = arrivals[channel].next()?;
            last_arrival = last_arrival.max(at);
            came += 1;
            if came.is_multiple_of(1 << 16) {
                progress(1 << 16);
            }
            Some((at, sizes.draw(&mut rng)))
        },
        |_, p| {
            latency.count(p.end - p.arrival);
            for (times, (enters, begins)) in waiting.iter_mut().zip(&p.steps) {
                times.count(begins - enters);
            }
            bits_sent += u64::from(p.bits);
            slots_used += slots.of(p.bits);
            end = end.max(p.end);
        },
    );
    let events = study.events * study.channels as u64;
    let names = study.stage.iter().map(|s| s.name.clone()).chain(["link".to_owned()]);
    let open = study.stage.iter().map(|s| s.fifo.is_none()).chain([study.link.fifo.is_none()]);
    let mut figures = Vec::new();
    for (k, ((name, open), times)) in names.zip(open).zip(&waiting).enumerate() {
        let all: Vec<&Occupancy> = (0..study.channels).map(|channel| chain.occupancies(channel)[k]).collect();
        let cycles = add(all.iter().map(|o| &o.cycles));
        let total = cycles.iter().sum::<u64>().max(1) as f64;
        let parts: Vec<Vec<u64>> = all.iter().flat_map(|o| o.found.whole().iter().cloned()).collect();
        figures.push(StageFigures {
            name,
            waiting: times.told(&clock),
            mean_events: cycles.iter().enumerate().map(|(n, c)| n as f64 * *c as f64).sum::<f64>() / total,
            most_events: cycles.len().saturating_sub(1),
            lost: all.iter().map(|o| o.lost).sum(),
            survival: survival(&cycles),
            depths: if open { depths(&parts, &LOSSES) } else { Vec::new() },
        });
    }
    let lost: u64 = figures.iter().map(|f| f.lost).sum();
    let sent = (events - lost).max(1) as f64;
    let seconds = last_arrival as f64 * clock.ns() * 1e-9;
    let slots_gone = end as f64 * 2f64.powi(32) / slots.period as f64;
    let mut results = Results {
        name: study.name.clone(),
        events,
        lost,
        seconds,
        rate_mhz: events as f64 / seconds / 1e6,
        link_used: slots_used as f64 / slots_gone,
        mean_bits: bits_sent as f64 / sent,
        latency: latency.told(&clock),
        crossing_ns: 1e9 / CROSSING_HZ,
        stages: figures,
        warnings: Vec::new(),
    };
    results.warnings = warnings(study, &results, &latency);
    Ok(results)
}

fn warnings(study: &Study, results: &Results, latency: &Tally) -> Vec<String> {
    let mut said = Vec::new();
    let budget = &study.budget;
    if let Some(bx) = budget.latency_bx {
        let beyond = latency.beyond((bx * study.clock().per_crossing()).floor() as u64);
        if beyond > budget.late {
            said.push(format!("{beyond:.3e} of the events take longer than {bx} crossings, {:.1e} may", budget.late));
        }
    }
    let lost = results.lost as f64 / results.events as f64;
    if let Some(loss) = budget.loss.filter(|loss| lost > *loss) {
        said.push(format!("{lost:.3e} of the events are lost, {loss:.1e} may be"));
    }
    if results.link_used > 0.98 {
        said.push(format!(
            "the link is saturated: {:.1} % of its slots are used, and what waits for it grows with the number of events",
            100.0 * results.link_used
        ));
    }
    said
}

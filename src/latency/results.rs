//! What a study came to.

use hdrhistogram::Histogram;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::depth::{Depth, depths, survival};
use super::occupancy::{Occupancy, Parts, add};
use super::rtl::RtlCheck;
use super::source::Clock;

/// Format of [`Results`].
pub const SCHEMA: &str = "sluice.latency/1";

/// Losses that depths are told for.
pub const LOSSES: [f64; 7] = [1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9];

/// Points of a curve at most.
const POINTS: usize = 240;

/// Times in nanoseconds. A share that fewer than ten events lie beyond is not told.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Times {
    /// Mean.
    pub mean_ns: f64,
    /// Half of the events take no longer.
    pub p50_ns: f64,
    /// 95 %.
    pub p95_ns: f64,
    /// 99 %.
    pub p99_ns: Option<f64>,
    /// 99.9 %.
    pub p99_9_ns: Option<f64>,
    /// 99.9999 %.
    pub p99_9999_ns: Option<f64>,
    /// The longest.
    pub max_ns: f64,
}

/// Times as they are counted, in cycles; told to a part in a thousand.
#[derive(Clone, Debug)]
pub struct Tally {
    /// Short ones, each for itself: most are.
    short: Vec<u64>,
    long: Histogram<u64>,
}

/// Cycles of a short time.
const SHORT: usize = 1 << 11;

impl Default for Tally {
    fn default() -> Self {
        let long = Histogram::new(3).unwrap_or_else(|e| unreachable!("three digits are few: {e}"));
        Tally { short: vec![0; SHORT], long }
    }
}

impl Tally {
    /// One more.
    #[inline]
    pub fn count(&mut self, cycles: u64) {
        match self.short.get_mut(cycles as usize) {
            Some(count) => *count += 1,
            None => record(&mut self.long, cycles, 1),
        }
    }

    /// All of them.
    pub fn whole(&self) -> Counted {
        let mut all = self.long.clone();
        for (cycles, count) in self.short.iter().enumerate().filter(|(_, count)| **count > 0) {
            record(&mut all, cycles as u64, *count);
        }
        Counted(all)
    }
}

fn record(histogram: &mut Histogram<u64>, cycles: u64, count: u64) {
    histogram.record_n(cycles, count).unwrap_or_else(|e| unreachable!("the histogram grows: {e}"));
}

/// Counted times.
#[derive(Clone, Debug)]
pub struct Counted(Histogram<u64>);

impl Counted {
    /// Events that take longer.
    pub fn beyond(&self, cycles: u64) -> u64 {
        self.0.len() - self.0.count_between(0, cycles)
    }

    /// Events.
    pub fn events(&self) -> u64 {
        self.0.len()
    }

    /// In nanoseconds.
    pub fn told(&self, clock: &Clock) -> Times {
        let ns = |cycles: f64| cycles * clock.ns();
        let at = |share: f64| {
            let enough = self.0.len() as f64 * (1.0 - share) >= 10.0 - 1e-6;
            enough.then(|| ns(self.0.value_at_quantile(share) as f64))
        };
        Times {
            mean_ns: ns(self.0.mean()),
            p50_ns: ns(self.0.value_at_quantile(0.5) as f64),
            p95_ns: ns(self.0.value_at_quantile(0.95) as f64),
            p99_ns: at(0.99),
            p99_9_ns: at(0.999),
            p99_9999_ns: at(0.999_999),
            max_ns: ns(self.0.max() as f64),
        }
    }

    /// Nanoseconds, and the share of events that take longer: down to one event, some hundred points at most.
    pub fn survival(&self, clock: &Clock) -> Vec<[f64; 2]> {
        let all = self.0.len() as f64;
        let mut left = self.0.len();
        let steps = self.0.iter_recorded().map(|step| {
            left -= step.count_at_value();
            [step.value_iterated_to() as f64 * clock.ns(), left as f64 / all]
        });
        // All of them take the shortest time at least.
        let first = [self.0.min() as f64 * clock.ns(), 1.0];
        let points: Vec<[f64; 2]> = [first].into_iter().chain(steps).collect();
        thinned(&points, |p| (p[0], p[1].max(0.5 / all).ln()))
    }
}

/// Points of a curve that are apart where it is drawn; the last always.
fn thinned<T: Copy>(points: &[T], at: impl Fn(&T) -> (f64, f64)) -> Vec<T> {
    let range = |of: fn((f64, f64)) -> f64| {
        let all = || points.iter().map(|p| of(at(p)));
        (all().fold(f64::NEG_INFINITY, f64::max) - all().fold(f64::INFINITY, f64::min)).max(1e-300)
    };
    let (wide, high) = (range(|p| p.0), range(|p| p.1));
    let mut kept: Vec<T> = Vec::new();
    for (k, p) in points.iter().enumerate() {
        let far = kept.last().is_none_or(|last| {
            let (a, b) = (at(last), at(p));
            (a.0 - b.0).abs() / wide + (a.1 - b.1).abs() / high > 2.0 / POINTS as f64
        });
        if far || k + 1 == points.len() {
            kept.push(*p);
        }
    }
    kept
}

/// What a fifo held, of all channels together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FifoFigures {
    /// Places, if it has an end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub places: Option<usize>,
    /// Events in it, in the mean over time.
    pub mean_events: f64,
    /// The most.
    pub most_events: usize,
    /// Events that found no place.
    pub lost: u64,
    /// Share of time with so many events or more in it, from 0 on.
    pub survival: Vec<f64>,
    /// Places for a wanted loss: of a fifo without end only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depths: Vec<Depth>,
    /// Over time: from which nanosecond on, events in the mean and at most, of the channel with the most.
    pub course: Vec<(f64, f64, usize)>,
    /// By crossing of the orbit: its number, events that an event found in the mean and at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub orbit: Vec<(usize, f64, usize)>,
}

/// Numbers of a histogram that are told: of fifos that are fuller the rest is one.
const TOLD: usize = 4096;

impl FifoFigures {
    /// Of the same fifo in all channels.
    pub fn new(places: Option<usize>, all: &[&Occupancy], clock: &Clock) -> Self {
        let cycles = add(all.iter().map(|o| &o.cycles));
        let total = cycles.iter().sum::<u64>().max(1) as f64;
        let parts: Vec<Vec<u64>> = all.iter().flat_map(|o| o.found.whole().iter().cloned()).collect();
        let fullest = all.iter().max_by_key(|o| o.cycles.len());
        let course = fullest.map_or(Vec::new(), |o| {
            let span = o.course.span() as f64 * clock.ns();
            o.course.spans().enumerate().map(|(k, (mean, most))| (k as f64 * span, mean, most)).collect()
        });
        let mut shares = survival(&cycles);
        shares.truncate(TOLD);
        FifoFigures {
            places,
            mean_events: cycles.iter().enumerate().map(|(n, c)| n as f64 * *c as f64).sum::<f64>() / total,
            most_events: cycles.len().saturating_sub(1),
            lost: all.iter().map(|o| o.lost).sum(),
            survival: shares,
            depths: if places.is_none() { depths(&parts, &LOSSES) } else { Vec::new() },
            course,
            orbit: by_crossing(all),
        }
    }
}

fn by_crossing(all: &[&Occupancy]) -> Vec<(usize, f64, usize)> {
    let mut sums: Vec<(u64, u64, usize)> = Vec::new();
    for crossings in all.iter().map(|o| o.orbit.crossings()).filter(|c| !c.is_empty()) {
        sums.resize(crossings.len(), (0, 0, 0));
        for (sum, c) in sums.iter_mut().zip(crossings) {
            *sum = (sum.0 + c.0, sum.1 + c.1, sum.2.max(c.2));
        }
    }
    let there = sums.iter().enumerate().filter(|(_, s)| s.0 > 0);
    there.map(|(k, (came, found, most))| (k, *found as f64 / *came as f64, *most)).collect()
}

/// A stage with the fifo in front of it, of all channels together; the last one is the link.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StageFigures {
    /// As in the study.
    pub name: String,
    /// Mean time in the fifo.
    pub mean_wait_ns: f64,
    /// From the fifo's entrance until the event has left the stage.
    pub latency: Times,
    /// Nanoseconds, and the share of events that take longer.
    pub survival: Vec<[f64; 2]>,
    /// Events a second, in MHz, of a channel, that it takes at most.
    pub most_mhz: f64,
    /// In front of it; a core's frames go to the link without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fifo: Option<FifoFigures>,
}

/// The memory of cores that send frames.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemoryFigures {
    /// Words that it holds.
    pub words: u32,
    /// Bits of a word.
    pub word_bits: u32,
    /// Words that have to be free for an event to be taken.
    pub margin: u32,
    /// The most that an event found.
    pub most: usize,
    /// Share of events that found so many words or more, from 0 on.
    pub survival: Vec<f64>,
    /// Words for a wanted share of events that would have to wait or be lost, the margin among them; none if it was full.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depths: Vec<Depth>,
    /// Events that the cores lost.
    pub lost: u64,
    /// Frames that left.
    pub frames: u64,
    /// Bits of their beats, headers, CRCs and what fills up among them.
    pub beat_bits: u64,
}

impl MemoryFigures {
    /// Words by what events found, in all channels.
    pub(super) fn survival_and_depths(found: &[&Parts], margin: u32) -> (usize, Vec<f64>, Vec<Depth>) {
        let sum = add(found.iter().map(|p| p.sum()).collect::<Vec<_>>().iter());
        let parts: Vec<Vec<u64>> = found.iter().flat_map(|p| p.whole().iter().cloned()).collect();
        let beside = |d: Depth| Depth {
            places: d.places.map(|p| p + u64::from(margin)),
            interval: d.interval.map(|i| i.map(|p| p + u64::from(margin))),
            ..d
        };
        let mut shares = survival(&sum);
        shares.truncate(TOLD);
        (sum.len().saturating_sub(1), shares, depths(&parts, &LOSSES).into_iter().map(beside).collect())
    }
}

/// What the link carried.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkFigures {
    /// Bits a second that it can carry, in Gb/s.
    pub gbps: f64,
    /// Share that was used.
    pub used: f64,
    /// Bits of an event in the mean, as the payload has them.
    pub mean_bits: f64,
    /// Bits of the link that an event took in the mean, with all that goes beside it.
    pub mean_link_bits: f64,
    /// Bits of the link that there are for an event at this rate.
    pub budget_bits: f64,
}

/// What comes first to its end when the rate grows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Knee {
    /// Stage, or `link`.
    pub stage: String,
    /// Events a second of a channel, in MHz, beyond which its fifo never empties.
    pub rate_mhz: f64,
}

/// The same chain at another rate.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScanPoint {
    /// Events a second that came, of a channel, in MHz; of a trigger before its rules.
    pub rate_mhz: f64,
    /// Share of those that were lost, or that the rules of a trigger did not let through.
    pub dead: f64,
    /// Mean latency.
    pub mean_ns: f64,
    /// 99 % of the events take no longer.
    pub p99_ns: f64,
    /// Share of the link that was used.
    pub link_used: f64,
}

/// All of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Results {
    /// [`SCHEMA`].
    pub schema: String,
    /// Of the study.
    pub name: String,
    /// Channels.
    pub channels: usize,
    /// Events that came, of all channels.
    pub events: u64,
    /// Triggers that the rules did not let through; not among the events.
    pub vetoed: u64,
    /// Events that were lost, anywhere.
    pub lost: u64,
    /// Events that took part in no frame that ended before the study did.
    pub unfinished: u64,
    /// Share of triggers, or events, that were vetoed or lost.
    pub dead: f64,
    /// Time in the experiment, in seconds.
    pub seconds: f64,
    /// Events a second that came, of a channel, in MHz.
    pub rate_mhz: f64,
    /// From arrival to the end.
    pub latency: Times,
    /// Nanoseconds, and the share of events that take longer.
    pub survival: Vec<[f64; 2]>,
    /// Nanoseconds of a crossing, to tell them as those.
    pub crossing_ns: f64,
    /// The link.
    pub link: LinkFigures,
    /// What limits the rate.
    pub knee: Knee,
    /// In order; last the link.
    pub stages: Vec<StageFigures>,
    /// Of cores that send frames.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<MemoryFigures>,
    /// The chain at other rates.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scan: Vec<ScanPoint>,
    /// The Verilog beside the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rtl: Option<RtlCheck>,
    /// Share of events that took longer than the budget says, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late: Option<f64>,
    /// What the budget says and was not kept, and what makes no sense.
    pub warnings: Vec<String>,
}

//! What a study came to.

use hdrhistogram::Histogram;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::depth::Depth;
use super::source::Clock;

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
pub struct Tally(Histogram<u64>);

impl Default for Tally {
    fn default() -> Self {
        Tally(Histogram::new(3).unwrap_or_else(|e| unreachable!("three digits are few: {e}")))
    }
}

impl Tally {
    /// One more.
    pub fn count(&mut self, cycles: u64) {
        self.0.saturating_record(cycles);
    }

    /// Share of events that take longer.
    pub fn beyond(&self, cycles: u64) -> f64 {
        1.0 - self.0.count_between(0, cycles) as f64 / self.0.len().max(1) as f64
    }

    /// In nanoseconds.
    pub fn told(&self, clock: &Clock) -> Times {
        let ns = |cycles: f64| cycles * clock.ns();
        let at = |share: f64| {
            let enough = self.0.len() as f64 * (1.0 - share) >= 10.0;
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
}

/// A fifo, and the stage that takes events from it; of all channels together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StageFigures {
    /// As in the study; `link` for the queue of the link.
    pub name: String,
    /// From the fifo's entrance to the stage's begin.
    pub waiting: Times,
    /// Events in the fifo, in the mean over time.
    pub mean_events: f64,
    /// The most.
    pub most_events: usize,
    /// Events that found no place.
    pub lost: u64,
    /// Share of time with so many events or more in it.
    pub survival: Vec<f64>,
    /// Places for a wanted loss: of a fifo without end only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depths: Vec<Depth>,
}

/// All of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Results {
    /// Of the study.
    pub name: String,
    /// Events that came.
    pub events: u64,
    /// Events that were lost, anywhere.
    pub lost: u64,
    /// Time in the experiment, in seconds.
    pub seconds: f64,
    /// Events a second that came, of all channels, in MHz.
    pub rate_mhz: f64,
    /// Share of the link's slots that were used.
    pub link_used: f64,
    /// Bits of an event, in the mean.
    pub mean_bits: f64,
    /// From arrival to the end.
    pub latency: Times,
    /// Nanoseconds of a crossing, to tell them as those.
    pub crossing_ns: f64,
    /// In order; last the queue of the link.
    pub stages: Vec<StageFigures>,
    /// What the budget says and was not kept, and what makes no sense.
    pub warnings: Vec<String>,
}

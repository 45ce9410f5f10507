//! When events come.
//!
//! Everything is drawn in crossings or seconds, and given as cycles of the study's clock: the first one that is not before it.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use serde::{Deserialize, Serialize};

use super::filling::{CROSSING_HZ, Filling, NOMINAL};
use super::pileup::Pileup;
use super::trace::{Trace, check as check_trace};
use crate::error::{Code, Error, Result};

/// Which crossings of the orbit have bunches.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields, expecting = "`source.filling` is a scheme or { file }")]
pub enum Scheme {
    /// Written out, like `3*(72b 8e) 3324e`.
    Text(String),
    /// In a file.
    File {
        /// Its name.
        file: PathBuf,
    },
}

impl Default for Scheme {
    fn default() -> Self {
        Scheme::Text(NOMINAL.to_owned())
    }
}

impl Scheme {
    fn filling(&self) -> Result<Filling> {
        match self {
            Scheme::Text(text) => text.parse(),
            Scheme::File { file } => Filling::load(file),
        }
    }
}

/// Where events of a channel come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Source {
    /// Crossings of the LHC with bunches, each of which has an event with a probability.
    Orbit {
        /// Filling scheme.
        #[serde(default)]
        filling: Scheme,
        /// Of an event in a filled crossing; 1 for the whole detector in every crossing.
        #[serde(default = "one")]
        probability: f64,
        /// How much likelier an event is behind one in the crossing before, over the mean; elsewhere in a train it is less likely by so much that
        /// the mean stays.
        #[serde(default = "one")]
        clustering: f64,
    },
    /// Crossings with bunches and interactions in them, as many for all channels, that leave hits in a channel. Those with hits are events.
    Pileup {
        /// Filling scheme.
        #[serde(default)]
        filling: Scheme,
        /// Interactions in a filled crossing in the mean, with a Poisson distribution.
        interactions: f64,
        /// Hits that an interaction leaves in a channel, in the mean.
        hits: f64,
        /// Hits of a cluster in the mean, with a geometric distribution; clusters are independent.
        #[serde(default = "one")]
        cluster: f64,
    },
    /// Crossings with bunches that a trigger accepts at random, as far as its rules let it; all channels have the same.
    Trigger {
        /// Filling scheme.
        #[serde(default)]
        filling: Scheme,
        /// Mean rate before the rules.
        rate_khz: f64,
        /// `[n, m]`: no more than n accepted in m crossings.
        #[serde(default)]
        rules: Vec<[u32; 2]>,
        /// `[n, m]`: a leaky bucket that holds n accepted, of which one leaves every m crossings.
        #[serde(default)]
        buckets: Vec<[u32; 2]>,
    },
    /// At any time, independent of each other.
    Poisson {
        /// Mean rate.
        rate_mhz: f64,
    },
    /// One after the other at equal distances, like the samples of a converter.
    Periodic {
        /// Rate.
        rate_mhz: f64,
    },
    /// Bursts at any time, each of some events at equal distances.
    Bursts {
        /// Mean rate of bursts.
        rate_mhz: f64,
        /// Events of a burst in the mean, with a geometric distribution.
        length: f64,
        /// From one of its events to the next.
        spacing_ns: f64,
    },
    /// As a file says.
    Trace {
        /// CSV with a column `bx`, `ns` or `cycle`, never back in time; and, if wanted, `channel` and `size`.
        file: PathBuf,
    },
}

fn one() -> f64 {
    1.0
}

fn wrong(what: String, hint: impl Into<String>) -> Error {
    Error::new(Code::Usage, what).hint(hint)
}

fn positive(name: &str, v: f64) -> Result<()> {
    match v.is_finite() && v > 0.0 {
        true => Ok(()),
        false => Err(wrong(format!("`source.{name}` is {v}"), "it has to be more than 0")),
    }
}

impl Source {
    /// Files that it names, to be looked for elsewhere.
    pub fn files(&mut self) -> Option<&mut PathBuf> {
        match self {
            Source::Orbit { filling: Scheme::File { file }, .. }
            | Source::Pileup { filling: Scheme::File { file }, .. }
            | Source::Trigger { filling: Scheme::File { file }, .. }
            | Source::Trace { file } => Some(file),
            _ => None,
        }
    }

    /// Whether events come in crossings of an orbit.
    pub fn has_orbit(&self) -> bool {
        matches!(self, Source::Orbit { .. } | Source::Pileup { .. } | Source::Trigger { .. })
    }

    /// Refuses rates that are none.
    ///
    /// # Errors
    /// [`Code::Usage`]; [`Code::Io`] for a file that cannot be read.
    pub fn check(&self) -> Result<()> {
        match self {
            Source::Orbit { filling, probability, clustering } => {
                filling.filling()?;
                if !(*probability > 0.0 && *probability <= 1.0) {
                    return Err(wrong(
                        format!("`source.probability` is {probability}"),
                        "it has to be more than 0, and 1 at most",
                    ));
                }
                match clustering.is_finite() && *clustering >= 1.0 && clustering * probability <= 1.0 {
                    true => Ok(()),
                    false => Err(wrong(
                        format!("`source.clustering` is {clustering}"),
                        "it has to be 1 or more, and no more than 1 over the probability",
                    )),
                }
            }
            Source::Pileup { filling, interactions, hits, cluster } => {
                filling.filling()?;
                positive("interactions", *interactions)?;
                positive("hits", *hits)?;
                if *interactions > 1000.0 || interactions * hits > 10_000.0 {
                    return Err(wrong(
                        format!("{interactions} interactions with {hits} hits each are more than can be drawn"),
                        "1000 interactions and 10,000 hits in a crossing at most",
                    ));
                }
                at_least_one("cluster", *cluster)
            }
            Source::Trigger { filling, rate_khz, rules, buckets } => {
                let filling = filling.filling()?;
                positive("rate_khz", *rate_khz)?;
                let most = filled_khz(&filling);
                if *rate_khz > most {
                    return Err(Error::new(Code::Usage, format!("`source.rate_khz` is {rate_khz}"))
                        .cause(format!("there are {most:.0} filled crossings in a millisecond")));
                }
                if let Some([n, m]) = rules.iter().find(|[n, m]| *n == 0 || m <= n) {
                    return Err(wrong(
                        format!("no more than {n} accepted in {m} crossings"),
                        "a rule is [n, m] with n of 1 or more, and m larger",
                    ));
                }
                match buckets.iter().find(|[n, m]| *n == 0 || *m == 0) {
                    Some([n, m]) => Err(wrong(
                        format!("a bucket of {n} that loses one in {m} crossings"),
                        "a bucket is [n, m] with both of 1 or more",
                    )),
                    None => Ok(()),
                }
            }
            Source::Poisson { rate_mhz } | Source::Periodic { rate_mhz } => positive("rate_mhz", *rate_mhz),
            Source::Bursts { rate_mhz, length, spacing_ns } => {
                positive("rate_mhz", *rate_mhz)?;
                positive("spacing_ns", *spacing_ns)?;
                at_least_one("length", *length)
            }
            Source::Trace { file } => check_trace(file),
        }
    }

    /// The same with so many times the events; `None` for a trace.
    pub fn scaled(&self, factor: f64) -> Option<Self> {
        let mut source = self.clone();
        match &mut source {
            Source::Orbit { probability, .. } => *probability *= factor,
            Source::Pileup { interactions, .. } => *interactions *= factor,
            Source::Trigger { rate_khz, .. } => *rate_khz *= factor,
            Source::Poisson { rate_mhz } | Source::Periodic { rate_mhz } | Source::Bursts { rate_mhz, .. } => {
                *rate_mhz *= factor
            }
            Source::Trace { .. } => return None,
        }
        Some(source)
    }

    /// By how much it can be [`scaled`](Self::scaled) at most.
    ///
    /// # Errors
    /// [`Code::Io`] for a file that cannot be read.
    pub fn most(&self) -> Result<f64> {
        Ok(match self {
            Source::Orbit { probability, clustering, .. } => 1.0 / (probability * clustering),
            Source::Trigger { filling, rate_khz, .. } => filled_khz(&filling.filling()?) / rate_khz,
            Source::Pileup { interactions, hits, .. } => (1000.0 / interactions).min(10_000.0 / (interactions * hits)),
            _ => f64::INFINITY,
        })
    }
}

fn at_least_one(name: &str, v: f64) -> Result<()> {
    match v >= 1.0 && v.is_finite() {
        true => Ok(()),
        false => Err(wrong(format!("`source.{name}` is {v}"), "1 or more")),
    }
}

/// Crossings with bunches in a millisecond.
fn filled_khz(filling: &Filling) -> f64 {
    CROSSING_HZ / 1e3 * filling.filled().count() as f64 / filling.crossings() as f64
}

/// Cycles of a clock, counted from the first crossing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Clock {
    /// Cycles of a crossing, times 2^32.
    per_crossing: u64,
    hz: f64,
}

impl Clock {
    /// One that is within a part in 10,000 of a multiple of the LHC's crossing is taken to be locked to it.
    pub fn new(mhz: f64) -> Self {
        let ratio = mhz * 1e6 / CROSSING_HZ;
        let locked = (ratio - ratio.round()).abs() < 1e-4 * ratio && ratio.round() >= 1.0;
        let ratio = if locked { ratio.round() } else { ratio };
        Clock { per_crossing: (ratio * 2f64.powi(32)).round() as u64, hz: ratio * CROSSING_HZ }
    }

    /// Cycles of a crossing.
    pub fn per_crossing(&self) -> f64 {
        self.per_crossing as f64 / 2f64.powi(32)
    }

    /// Nanoseconds of a cycle.
    pub fn ns(&self) -> f64 {
        1e9 / self.hz
    }

    /// Of a crossing.
    pub fn crossing(&self, n: u64) -> u64 {
        (u128::from(n) * u128::from(self.per_crossing)).div_ceil(1 << 32) as u64
    }

    /// Of a time.
    pub fn seconds(&self, s: f64) -> u64 {
        (s * self.hz).ceil() as u64
    }
}

/// The crossings of an orbit that have bunches, one after the other.
#[derive(Clone, Debug)]
struct Bunches {
    filled: Vec<u64>,
    crossings: u64,
    next: usize,
    orbit: u64,
}

impl Bunches {
    fn new(filling: &Scheme) -> Result<Self> {
        let filling = filling.filling()?;
        let filled = filling.filled().map(|n| n as u64).collect();
        Ok(Bunches { filled, crossings: filling.crossings() as u64, next: 0, orbit: 0 })
    }

    /// The n-th from here.
    fn advance(&mut self, n: u64) -> u64 {
        let at = self.next as u64 + n - 1;
        let all = self.filled.len() as u64;
        // Mostly within this orbit.
        if at >= all {
            self.orbit += at / all;
        }
        let place = (at % all) as usize;
        let crossing = self.orbit * self.crossings + self.filled[place];
        self.next = place + 1;
        if self.next == self.filled.len() {
            (self.next, self.orbit) = (0, self.orbit + 1);
        }
        crossing
    }

    /// Whether the next has an empty crossing before it.
    fn leads(&self) -> bool {
        self.next == 0 || self.filled[self.next] > self.filled[self.next - 1] + 1
    }
}

/// Events that draw others in.
#[derive(Clone, Debug)]
struct Clusters {
    /// Whether the last crossing had one.
    hot: bool,
    /// Probability behind one that had, and behind one that had none.
    behind: f64,
    elsewhere: f64,
}

/// An event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Cycle.
    pub at: u64,
    /// Hits, or what a trace says; 1 where nothing counts.
    pub size: u32,
}

/// Arrivals, never back in time.
#[derive(Debug)]
pub struct Arrivals {
    clock: Clock,
    rng: ChaCha8Rng,
    kind: Kind,
    /// Triggers that the rules did not let through, so far.
    pub vetoed: u64,
}

#[derive(Debug)]
enum Kind {
    Orbit { bunches: Bunches, gap: Geometric, mean: f64, clusters: Option<Clusters> },
    Pileup { bunches: Bunches, pileup: Pileup },
    Trigger { bunches: Bunches, gap: Geometric, rules: Rules },
    Poisson { seconds: f64, mean: f64 },
    Periodic { n: u64, step: f64 },
    Bursts { seconds: f64, mean: f64, length: Geometric, spacing: f64, left: u64, at: f64, last: u64 },
    Trace(Box<Trace>),
}

/// What a trigger may not do.
#[derive(Debug)]
struct Rules {
    windows: Vec<[u32; 2]>,
    /// The last crossings that were accepted, as many as the largest window asks for.
    accepted: VecDeque<u64>,
    /// Room, leak, and when it would be empty.
    buckets: Vec<(u64, u64, u64)>,
}

impl Rules {
    /// Whether a crossing may be accepted; it then is.
    fn accept(&mut self, crossing: u64) -> bool {
        let full = self.windows.iter().any(|[n, m]| {
            let n = *n as usize;
            self.accepted.len() >= n && self.accepted[self.accepted.len() - n] + u64::from(*m) > crossing
        });
        if full || self.buckets.iter().any(|(room, leak, empty)| *empty > crossing + (room - 1) * leak) {
            return false;
        }
        for (_, leak, empty) in &mut self.buckets {
            *empty = crossing.max(*empty) + *leak;
        }
        self.accepted.push_back(crossing);
        if self.accepted.len() > self.windows.iter().map(|r| r[0] as usize).max().unwrap_or(0) {
            self.accepted.pop_front();
        }
        true
    }
}

impl Arrivals {
    /// Of a channel: every seed draws others.
    ///
    /// # Errors
    /// Those of [`Source::check`], but for what is in a trace.
    pub fn new(source: &Source, clock: Clock, seed: u64, channel: usize) -> Result<Self> {
        // A trace is read to its end to be checked: once, with the study.
        if !matches!(source, Source::Trace { .. }) {
            source.check()?;
        }
        let common = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let own = if matches!(source, Source::Trigger { .. }) { common } else { common ^ channel as u64 };
        let kind = match source {
            Source::Orbit { filling, probability: p, clustering } => {
                // p = p * behind + (1 - p) * elsewhere.
                let behind = p * clustering;
                let clusters = (*clustering > 1.0).then(|| Clusters {
                    hot: false,
                    behind,
                    elsewhere: p * (1.0 - behind) / (1.0 - p),
                });
                Kind::Orbit { bunches: Bunches::new(filling)?, gap: Geometric::new(*p), mean: *p, clusters }
            }
            Source::Pileup { filling, interactions, hits, cluster } => Kind::Pileup {
                bunches: Bunches::new(filling)?,
                pileup: Pileup::new(*interactions, *hits, *cluster, common),
            },
            Source::Trigger { filling, rate_khz, rules, buckets } => {
                let gap = Geometric::new(rate_khz / filled_khz(&filling.filling()?));
                let buckets = buckets.iter().map(|[n, m]| (u64::from(*n), u64::from(*m), 0)).collect();
                let rules = Rules { windows: rules.clone(), accepted: VecDeque::new(), buckets };
                Kind::Trigger { bunches: Bunches::new(filling)?, gap, rules }
            }
            Source::Poisson { rate_mhz } => Kind::Poisson { seconds: 0.0, mean: 1e-6 / rate_mhz },
            Source::Periodic { rate_mhz } => Kind::Periodic { n: 0, step: 1e-6 / rate_mhz },
            Source::Bursts { rate_mhz, length, spacing_ns } => Kind::Bursts {
                seconds: 0.0,
                mean: 1e-6 / rate_mhz,
                length: Geometric::new(1.0 / length),
                spacing: spacing_ns * 1e-9,
                left: 0,
                at: 0.0,
                last: 0,
            },
            Source::Trace { file } => Kind::Trace(Box::new(Trace::open(file, clock, channel)?)),
        };
        Ok(Arrivals { clock, rng: ChaCha8Rng::seed_from_u64(own), kind, vetoed: 0 })
    }
}

/// Between 0 and 1, neither of them.
pub(super) fn uniform(rng: &mut ChaCha8Rng) -> f64 {
    ((rng.next_u64() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
}

/// Trials until the first success, that one included.
#[derive(Clone, Copy, Debug)]
pub(super) struct Geometric {
    /// One over the logarithm of a failure's probability; `None` where there is no failure.
    scale: Option<f64>,
}

impl Geometric {
    /// Of a success's probability.
    pub(super) fn new(p: f64) -> Self {
        Geometric { scale: (p < 1.0).then(|| 1.0 / (-p).ln_1p()) }
    }

    pub(super) fn draw(self, rng: &mut ChaCha8Rng) -> u64 {
        self.scale.map_or(1, |scale| 1 + (uniform(rng).ln() * scale) as u64)
    }
}

impl Iterator for Arrivals {
    type Item = Arrival;

    fn next(&mut self) -> Option<Arrival> {
        let rng = &mut self.rng;
        let at = match &mut self.kind {
            Kind::Orbit { bunches, gap, clusters: None, .. } => self.clock.crossing(bunches.advance(gap.draw(rng))),
            Kind::Orbit { bunches, mean, clusters: Some(c), .. } => loop {
                let p = match (bunches.leads(), c.hot) {
                    // Nothing in front of it to draw it in, or not.
                    (true, _) => *mean,
                    (_, true) => c.behind,
                    (_, false) => c.elsewhere,
                };
                let crossing = bunches.advance(1);
                c.hot = uniform(rng) < p;
                if c.hot {
                    break self.clock.crossing(crossing);
                }
            },
            Kind::Pileup { bunches, pileup } => loop {
                let crossing = bunches.advance(1);
                let size = pileup.hits(crossing, rng);
                if size > 0 {
                    return Some(Arrival { at: self.clock.crossing(crossing), size });
                }
            },
            Kind::Trigger { bunches, gap, rules } => loop {
                let crossing = bunches.advance(gap.draw(rng));
                if rules.accept(crossing) {
                    break self.clock.crossing(crossing);
                }
                self.vetoed += 1;
            },
            Kind::Poisson { seconds, mean } => {
                *seconds -= uniform(rng).ln() * *mean;
                self.clock.seconds(*seconds)
            }
            Kind::Periodic { n, step } => {
                *n += 1;
                self.clock.seconds(*n as f64 * *step)
            }
            Kind::Bursts { seconds, mean, length, spacing, left, at, last } => {
                if *left == 0 {
                    *seconds -= uniform(rng).ln() * *mean;
                    *at = *seconds;
                    *left = length.draw(rng);
                } else {
                    *at += *spacing;
                }
                *left -= 1;
                // A burst that begins before the last one is over comes behind it.
                *last = self.clock.seconds(*at).max(*last);
                *last
            }
            Kind::Trace(trace) => return trace.next(),
        };
        Some(Arrival { at, size: 1 })
    }
}

/// Files are looked for beside the study.
pub(super) fn beside(folder: &Path, file: &mut PathBuf) {
    *file = folder.join(&*file);
}

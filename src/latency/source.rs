//! When events come.
//!
//! Everything is drawn in crossings or seconds, and given as cycles of the study's clock: the first one that is not before it.

use std::collections::VecDeque;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::filling::{CROSSING_HZ, Filling, NOMINAL};
use crate::error::{Code, Error, Result};

/// Where events of a channel come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Source {
    /// Crossings of the LHC with bunches, each of which has an event with a probability.
    Orbit {
        /// Filling scheme.
        #[serde(default = "nominal")]
        filling: String,
        /// Of an event in a filled crossing; 1 for the whole detector in every crossing.
        #[serde(default = "one")]
        probability: f64,
        /// Crossings that an event draws others into: the probability is so many times higher in the crossing behind one with an event, and lower
        /// elsewhere by so much that the mean stays.
        #[serde(default = "one")]
        clustering: f64,
    },
    /// Crossings with bunches that a trigger accepts at random, as far as its rules let it.
    Trigger {
        /// Filling scheme.
        #[serde(default = "nominal")]
        filling: String,
        /// Mean rate before the rules.
        rate_khz: f64,
        /// `[n, m]`: no more than n accepted in m crossings.
        #[serde(default)]
        rules: Vec<[u32; 2]>,
    },
    /// At any time, independent of each other.
    Poisson {
        /// Mean rate.
        rate_mhz: f64,
    },
    /// One after the other at equal distances.
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
}

fn nominal() -> String {
    NOMINAL.to_owned()
}

fn one() -> f64 {
    1.0
}

impl Source {
    /// Refuses rates that are none.
    ///
    /// # Errors
    /// [`Code::Usage`].
    pub fn check(&self) -> Result<()> {
        let rate = |name: &str, v: f64| match v.is_finite() && v > 0.0 {
            true => Ok(()),
            false => Err(Error::new(Code::Usage, format!("`source.{name}` is {v}")).hint("it has to be more than 0")),
        };
        match self {
            Source::Orbit { filling, probability, clustering } => {
                filling.parse::<Filling>()?;
                if !(*probability > 0.0 && *probability <= 1.0) {
                    return Err(Error::new(Code::Usage, format!("`source.probability` is {probability}"))
                        .hint("it has to be more than 0, and 1 at most"));
                }
                if !(clustering.is_finite() && *clustering >= 1.0 && clustering * probability <= 1.0) {
                    return Err(Error::new(Code::Usage, format!("`source.clustering` is {clustering}"))
                        .hint("it has to be 1 or more, and no more than 1 over the probability"));
                }
                Ok(())
            }
            Source::Trigger { filling, rate_khz, rules } => {
                let filling: Filling = filling.parse()?;
                rate("rate_khz", *rate_khz)?;
                let most = CROSSING_HZ / 1e3 * filling.filled().count() as f64 / filling.crossings() as f64;
                if *rate_khz > most {
                    return Err(Error::new(Code::Usage, format!("`source.rate_khz` is {rate_khz}"))
                        .cause(format!("there are {most:.0} filled crossings in a millisecond")));
                }
                match rules.iter().find(|[n, m]| *n == 0 || m <= n) {
                    Some([n, m]) => Err(Error::new(Code::Usage, format!("no more than {n} accepted in {m} crossings"))
                        .hint("a rule is [n, m] with n of 1 or more, and m larger")),
                    None => Ok(()),
                }
            }
            Source::Poisson { rate_mhz } | Source::Periodic { rate_mhz } => rate("rate_mhz", *rate_mhz),
            Source::Bursts { rate_mhz, length, spacing_ns } => {
                rate("rate_mhz", *rate_mhz)?;
                rate("spacing_ns", *spacing_ns)?;
                match *length >= 1.0 && length.is_finite() {
                    true => Ok(()),
                    false => Err(Error::new(Code::Usage, format!("`source.length` is {length}")).hint("1 or more")),
                }
            }
        }
    }
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
    fn crossing(&self, n: u64) -> u64 {
        (u128::from(n) * u128::from(self.per_crossing)).div_ceil(1 << 32) as u64
    }

    fn seconds(&self, s: f64) -> u64 {
        (s * self.hz).ceil() as u64
    }
}

/// Events that draw others in.
struct Clusters {
    /// Whether the last crossing had one.
    hot: bool,
    /// Probability behind one that had, and behind one that had none.
    behind: f64,
    elsewhere: f64,
}

/// Arrivals, cycle by cycle, never back in time.
pub struct Arrivals {
    clock: Clock,
    rng: ChaCha8Rng,
    kind: Kind,
}

enum Kind {
    /// Filled crossings of an orbit, the next one's place, the orbit, and the probability of an event.
    Orbit {
        filled: Vec<u64>,
        crossings: u64,
        next: usize,
        orbit: u64,
        mean: f64,
        clusters: Option<Clusters>,
    },
    /// The same, with the crossings of the last ones that were accepted.
    Trigger {
        filled: Vec<u64>,
        crossings: u64,
        next: usize,
        orbit: u64,
        chance: f64,
        rules: Vec<[u32; 2]>,
        accepted: VecDeque<u64>,
    },
    Poisson {
        seconds: f64,
        mean: f64,
    },
    Periodic {
        n: u64,
        step: f64,
    },
    Bursts {
        seconds: f64,
        mean: f64,
        more: f64,
        spacing: f64,
        left: u64,
        at: f64,
        last: u64,
    },
}

impl Arrivals {
    /// Of a channel: every seed draws others.
    ///
    /// # Errors
    /// Those of [`Source::check`].
    pub fn new(source: &Source, clock: Clock, seed: u64) -> Result<Self> {
        source.check()?;
        let orbit = |filling: &str| -> Result<(Vec<u64>, u64)> {
            let filling: Filling = filling.parse()?;
            Ok((filling.filled().map(|n| n as u64).collect(), filling.crossings() as u64))
        };
        let kind = match source {
            Source::Orbit { filling, probability: p, clustering } => {
                let (filled, crossings) = orbit(filling)?;
                // p = p * behind + (1 - p) * elsewhere.
                let behind = p * clustering;
                let clusters = (*clustering > 1.0).then(|| Clusters {
                    hot: false,
                    behind,
                    elsewhere: p * (1.0 - behind) / (1.0 - p),
                });
                Kind::Orbit { filled, crossings, next: 0, orbit: 0, mean: *p, clusters }
            }
            Source::Trigger { filling, rate_khz, rules } => {
                let (filled, crossings) = orbit(filling)?;
                let chance = rate_khz * 1e3 / (CROSSING_HZ * filled.len() as f64 / crossings as f64);
                let (rules, accepted) = (rules.clone(), VecDeque::new());
                Kind::Trigger { filled, crossings, next: 0, orbit: 0, chance, rules, accepted }
            }
            Source::Poisson { rate_mhz } => Kind::Poisson { seconds: 0.0, mean: 1e-6 / rate_mhz },
            Source::Periodic { rate_mhz } => Kind::Periodic { n: 0, step: 1e-6 / rate_mhz },
            Source::Bursts { rate_mhz, length, spacing_ns } => Kind::Bursts {
                seconds: 0.0,
                mean: 1e-6 / rate_mhz,
                more: 1.0 - 1.0 / length,
                spacing: spacing_ns * 1e-9,
                left: 0,
                at: 0.0,
                last: 0,
            },
        };
        Ok(Arrivals { clock, rng: ChaCha8Rng::seed_from_u64(seed), kind })
    }
}

fn uniform(rng: &mut ChaCha8Rng) -> f64 {
    ((rng.next_u64() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
}

/// Trials until the first success, that one included.
fn geometric(rng: &mut ChaCha8Rng, p: f64) -> u64 {
    if p >= 1.0 { 1 } else { 1 + (uniform(rng).ln() / (-p).ln_1p()) as u64 }
}

/// The n-th filled crossing behind place `next` of an orbit.
fn advance(n: u64, filled: &[u64], crossings: u64, next: &mut usize, orbit: &mut u64) -> u64 {
    let at = *next as u64 + n - 1;
    *orbit += at / filled.len() as u64;
    let place = (at % filled.len() as u64) as usize;
    let crossing = *orbit * crossings + filled[place];
    *next = place + 1;
    if *next == filled.len() {
        (*next, *orbit) = (0, *orbit + 1);
    }
    crossing
}

impl Iterator for Arrivals {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let rng = &mut self.rng;
        let cycle = match &mut self.kind {
            Kind::Orbit { filled, crossings, next, orbit, mean, clusters: None } => {
                self.clock.crossing(advance(geometric(rng, *mean), filled, *crossings, next, orbit))
            }
            Kind::Orbit { filled, crossings, next, orbit, mean, clusters: Some(c) } => loop {
                let first = *next == 0 || filled[*next] > filled[*next - 1] + 1;
                let p = match (first, c.hot) {
                    // Nothing in front of it to draw it in, or not.
                    (true, _) => *mean,
                    (_, true) => c.behind,
                    (_, false) => c.elsewhere,
                };
                let crossing = advance(1, filled, *crossings, next, orbit);
                c.hot = uniform(rng) < p;
                if c.hot {
                    break self.clock.crossing(crossing);
                }
            },
            Kind::Trigger { filled, crossings, next, orbit, chance, rules, accepted } => loop {
                let crossing = advance(geometric(rng, *chance), filled, *crossings, next, orbit);
                let vetoed = rules.iter().any(|[n, m]| {
                    let n = *n as usize;
                    accepted.len() >= n && accepted[accepted.len() - n] + u64::from(*m) > crossing
                });
                if !vetoed {
                    accepted.push_back(crossing);
                    if accepted.len() > rules.iter().map(|r| r[0] as usize).max().unwrap_or(0) {
                        accepted.pop_front();
                    }
                    break self.clock.crossing(crossing);
                }
            },
            Kind::Poisson { seconds, mean } => {
                *seconds -= uniform(rng).ln() * *mean;
                self.clock.seconds(*seconds)
            }
            Kind::Periodic { n, step } => {
                *n += 1;
                self.clock.seconds(*n as f64 * *step)
            }
            Kind::Bursts { seconds, mean, more, spacing, left, at, last } => {
                if *left == 0 {
                    *seconds -= uniform(rng).ln() * *mean;
                    *at = *seconds;
                    *left = geometric(rng, 1.0 - *more);
                } else {
                    *at += *spacing;
                }
                *left -= 1;
                // A burst that begins before the last one is over comes behind it.
                *last = self.clock.seconds(*at).max(*last);
                *last
            }
        };
        Some(cycle)
    }
}

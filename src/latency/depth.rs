//! How deep a fifo has to be for a wanted loss.
//!
//! In a run whose fifo has no end, the share of events that find k or more in it is the share that a fifo of k places would have had no
//! place for: an upper bound of what that fifo loses, since there nobody waits behind those that are lost. As far as the run's events
//! reach it is counted. Beyond, the logarithm of the share is continued as a straight line, as it is for all queues whose
//! arrivals and services have no heavy tails (Asmussen, "Applied Probability and Queues", 2003, chapter XIII); the interval is that of
//! lines fitted to parts of the run drawn with replacement. A share that ends where the line still has many events has no such tail, and
//! nothing is said beyond what was counted.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::occupancy::add;

/// Events that a share is counted from, at least.
const COUNTED: u64 = 100;
/// Samples of parts.
const SAMPLES: usize = 200;

/// What a loss asks for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Depth {
    /// Share of events that may be lost.
    pub loss: f64,
    /// Places; `null` if the run says nothing of it.
    pub places: Option<u64>,
    /// The same, for 2.5 % and 97.5 % of samples of parts of the run.
    pub interval: Option<[u64; 2]>,
    /// Whether it is beyond what was counted.
    pub extrapolated: bool,
}

/// Share of events that found k or more, for every k.
pub fn survival(found: &[u64]) -> Vec<f64> {
    let all = found.iter().sum::<u64>().max(1) as f64;
    let mut left = 0;
    let mut shares: Vec<f64> = found
        .iter()
        .rev()
        .map(|n| {
            left += n;
            left as f64 / all
        })
        .collect();
    shares.reverse();
    shares
}

/// Places for each wanted loss.
///
/// * `parts`: of a run, as [`Parts`](super::occupancy::Parts) has them: events that found so many
pub fn depths(parts: &[Vec<u64>], losses: &[f64]) -> Vec<Depth> {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut draw = |n: usize| ((u128::from(rng.next_u64()) * n as u128) >> 64) as usize;
    let all = places(&add(parts.iter()), losses);
    let samples: Vec<Vec<Option<(u64, bool)>>> = (0..SAMPLES)
        .map(|_| {
            let drawn: Vec<&Vec<u64>> = (0..parts.len()).map(|_| &parts[draw(parts.len())]).collect();
            places(&add(drawn.into_iter()), losses)
        })
        .collect();
    let one = |(k, loss): (usize, &f64)| {
        let mut drawn: Vec<u64> = samples.iter().filter_map(|s| s[k].map(|s| s.0)).collect();
        drawn.sort_unstable();
        let enough = parts.len() >= 8 && drawn.len() >= SAMPLES * 9 / 10;
        let at = |share: f64| drawn[((drawn.len() - 1) as f64 * share).round() as usize];
        Depth {
            loss: *loss,
            places: all[k].map(|p| p.0),
            interval: enough.then(|| [at(0.025), at(0.975)]),
            extrapolated: all[k].is_some_and(|p| p.1),
        }
    };
    losses.iter().enumerate().map(one).collect()
}

/// Places, and whether they are beyond what was counted.
fn places(found: &[u64], losses: &[f64]) -> Vec<Option<(u64, bool)>> {
    let shares = survival(found);
    let events = found.iter().sum::<u64>();
    let counted = |share: f64| share * events as f64 >= COUNTED as f64;
    // The tail: from a tenth of the events, or as far up as it takes to have three points, to the last that counts.
    let last = shares.iter().rposition(|s| counted(*s)).unwrap_or(0);
    let first = shares.iter().position(|s| *s <= 0.1).unwrap_or(last).min(last.saturating_sub(2));
    let line = (last >= first + 2).then(|| fit(&shares, first, last, events)).flatten();
    // A share that ends at once has no tail: where the line has many events and there were none, it says nothing.
    let end = |l: &(f64, f64)| (l.1 + l.0 * shares.len() as f64).exp() * events as f64;
    let line = line.filter(|l| l.0 < 0.0 && end(l) < COUNTED as f64 / 2.0);
    let one = |loss: &f64| {
        if let Some(k) = shares.iter().position(|s| *s <= *loss) {
            if counted(*loss) {
                return Some((k as u64, false));
            }
        } else if counted(*loss) {
            // Nobody found as many.
            return Some((shares.len() as u64, false));
        }
        // That nobody found as many says that fewer do than three in all the events, at 95 %.
        let none = (loss * events as f64 >= 3.0).then_some(shares.len() as u64);
        let Some((slope, at_0)) = line else { return none.map(|n| (n, false)) };
        let places = ((loss.ln() - at_0) / slope).ceil().max(0.0) as u64;
        Some(none.filter(|n| *n < places).map_or((places, true), |n| (n, false)))
    };
    losses.iter().map(one).collect()
}

/// Slope and value at 0 of the logarithm, by least squares with the counts as weights.
fn fit(shares: &[f64], first: usize, last: usize, events: u64) -> Option<(f64, f64)> {
    let (mut w, mut x, mut y, mut xx, mut xy) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for (k, share) in shares.iter().enumerate().take(last + 1).skip(first).filter(|(_, s)| **s > 0.0) {
        let (weight, k, value) = (share * events as f64, k as f64, share.ln());
        (w, x, y) = (w + weight, x + weight * k, y + weight * value);
        (xx, xy) = (xx + weight * k * k, xy + weight * k * value);
    }
    let bottom = w * xx - x * x;
    (bottom > 0.0).then(|| {
        let slope = (w * xy - x * y) / bottom;
        (slope, (y - slope * x) / w)
    })
}

//! The probability of a decision out of what several contexts have seen: their logits, weighted and added.
//!
//! ```text
//! contexts ─► counters ─► logits × trust ─┬─► weights by node ───────┐
//!                                         ├─► weights by context 1 ──┼─► mean ─► correction by node ─► probability
//!                                         └─► weights by what is new ┘
//! ```
//!
//! A weight moves along its logit by the error of its sum (Mahoney's PAQ mixes so). Everything is integer.

use super::counter::{self, NEW, Pace};
use super::logistic::{LARGEST, Logistic};

/// Most contexts.
pub const MOST_CONTEXTS: usize = 15;
/// Inputs of a sum: the logits of contexts, of a hint, and a constant.
const INPUTS: usize = MOST_CONTEXTS + 2;
/// Strengths of a hint.
pub const STRENGTHS: usize = 16;
/// The weight 1.
const ONE: i32 = 1 << 16;
const LARGEST_WEIGHT: i32 = 8 * ONE;
/// An error of 1 times a logit of 1 moves a weight by this, in `2^-18`.
const RATE: i32 = 12;
/// The rate is as much higher at first, half as much after [`SETTLING`] decisions.
const HASTE: u32 = 24;
const SETTLING: u32 = 4096;
/// How many contexts say how much they have seen; four steps each.
const TOLD: usize = 5;
/// Logits between two corrections.
const STEP: i32 = 128;
const CORRECTIONS: usize = 33;

/// Parts of a logit that are believed of a counter that has seen so many decisions, in 256ths.
fn trust(seen: usize) -> i32 {
    match seen {
        0 => 0,
        1 => 150,
        2 => 190,
        3 => 215,
        4 => 225,
        5..8 => 240,
        8..32 => 256,
        _ => 272,
    }
}

/// Sums with weights that learn, of which one is used at a time.
struct Sums {
    weights: Vec<[i32; INPUTS]>,
    used: usize,
    sum: i32,
}

impl Sums {
    fn new(count: usize, contexts: usize) -> Self {
        Sums { weights: vec![[ONE * 3 / (2 * contexts.max(1) as i32); INPUTS]; count], used: 0, sum: 0 }
    }

    #[inline]
    fn add(&mut self, inputs: &[i32], used: usize) -> i32 {
        self.used = used;
        let products = self.weights[used].iter().zip(inputs).map(|(w, x)| x.wrapping_mul(w >> 6));
        self.sum = (products.fold(0i32, i32::wrapping_add) >> 10).clamp(-LARGEST, LARGEST);
        self.sum
    }

    #[inline]
    fn learn(&mut self, inputs: &[i32], bit: bool, rate: i32, logistic: Logistic) {
        let error = (if bit { 65535 } else { 0 } - logistic.squash(self.sum)) * rate;
        for (w, x) in self.weights[self.used].iter_mut().zip(inputs) {
            let step = (i64::from(*x) * i64::from(error) + (1 << 17)) >> 18;
            *w = (*w + step as i32).clamp(-LARGEST_WEIGHT, LARGEST_WEIGHT);
        }
    }
}

/// One context: for each of its states a counter for each node.
struct Table {
    counters: Vec<u32>,
    /// Where the counters of the state begin.
    at: usize,
}

/// Predicts the decisions of one column.
pub struct Mixer {
    logistic: Logistic,
    pace: Pace,
    /// Counters of a state; a whole number of cache lines.
    stride: usize,
    tables: Vec<Table>,
    /// How often a hint of each strength was right.
    hints: [u32; STRENGTHS],
    hint: Option<(usize, bool)>,
    inputs: [i32; INPUTS],
    by_node: Sums,
    by_context: Sums,
    by_news: Sums,
    corrections: Vec<u32>,
    correction: usize,
    decisions: u32,
    rate: i32,
}

impl Mixer {
    /// A mixer for `nodes` decisions.
    ///
    /// * `states`: of each context, how many it has
    pub fn new(nodes: usize, states: &[usize]) -> Self {
        let logistic = Logistic::new();
        let stride = nodes.next_multiple_of(16);
        let table = |n: &usize| Table { counters: vec![NEW; n * stride], at: 0 };
        let curve = (0..CORRECTIONS as i32).map(|i| (logistic.squash((i - 16) * STEP) as u32) << 16);
        Mixer {
            logistic,
            pace: Pace::new(1000),
            stride,
            tables: states.iter().map(table).collect(),
            hints: [NEW; STRENGTHS],
            hint: None,
            inputs: [0; INPUTS],
            by_node: Sums::new(nodes, states.len()),
            by_context: Sums::new(states.get(1).copied().unwrap_or(1), states.len()),
            by_news: Sums::new(1 << (2 * TOLD), states.len()),
            corrections: curve.collect::<Vec<_>>().repeat(nodes),
            correction: 0,
            decisions: 0,
            rate: RATE,
        }
    }

    /// Enters a state of context `k`.
    #[inline]
    pub fn enter(&mut self, k: usize, state: usize) {
        self.tables[k].at = state * self.stride;
    }

    /// The probability that the decision of `node` is true, 16 bits.
    ///
    /// * `hint`: what is expected, and how strongly
    #[inline]
    pub fn predict(&mut self, node: usize, hint: Option<(usize, bool)>) -> u32 {
        let n = self.tables.len();
        let mut news = 0;
        for (k, (table, input)) in self.tables.iter().zip(&mut self.inputs).enumerate() {
            let counter = table.counters[table.at + node];
            let seen = counter::count(counter);
            *input = (self.logistic.stretch(counter::coarse(counter)) * trust(seen)) >> 8;
            if (1..=TOLD).contains(&k) {
                news = news * 4
                    + match seen {
                        0 => 0,
                        1..4 => 1,
                        4..32 => 2,
                        _ => 3,
                    };
            }
        }
        self.hint = hint;
        self.inputs[n] = hint.map_or(0, |(strength, bit)| {
            let logit = self.logistic.stretch(counter::coarse(self.hints[strength]));
            if bit { logit } else { -logit }
        });
        self.inputs[n + 1] = 256;
        let inputs = &self.inputs[..n + 2];
        let state = self.tables.get(1).map_or(0, |t| t.at / self.stride);
        let sum = self.by_node.add(inputs, node) + self.by_context.add(inputs, state) + self.by_news.add(inputs, news);
        let logit = sum / 3;
        let place = (logit.clamp(-2047, 2047) + 2048) as u32;
        let (at, part) = ((place / STEP as u32) as usize, place % STEP as u32);
        let at = node * CORRECTIONS + at;
        let (below, above) = (self.corrections[at] >> 16, self.corrections[at + 1] >> 16);
        let corrected = (below * (STEP as u32 - part) + above * part) / STEP as u32;
        self.correction = at + usize::from(part >= STEP as u32 / 2);
        (self.logistic.squash(logit) as u32 + corrected).div_ceil(2).clamp(24, 65536 - 24)
    }

    /// Learns the decision of the node last predicted.
    #[inline]
    pub fn learn(&mut self, node: usize, bit: bool) {
        let n = self.tables.len();
        if self.decisions.is_multiple_of(256) {
            self.rate = RATE + (HASTE * SETTLING / (SETTLING + self.decisions)) as i32;
        }
        self.decisions = self.decisions.saturating_add(1);
        let correction = &mut self.corrections[self.correction];
        *correction =
            if bit { *correction + ((u32::MAX - *correction) >> 6) } else { *correction - (*correction >> 6) };
        for sums in [&mut self.by_node, &mut self.by_context, &mut self.by_news] {
            sums.learn(&self.inputs[..n + 2], bit, self.rate, self.logistic);
        }
        if let Some((strength, expected)) = self.hint {
            self.pace.learn(&mut self.hints[strength], bit == expected);
        }
        for table in &mut self.tables {
            self.pace.learn(&mut table.counters[table.at + node], bit);
        }
    }
}

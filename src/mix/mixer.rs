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

/// Inputs of a sum: the logits of contexts, of a hint, and a constant. Two vectors of 256 bits: loops over all of them, also
/// over those that are not there and 0, are what compilers turn into vector instructions.
const INPUTS: usize = 16;
/// Behind the contexts.
const HINT: usize = INPUTS - 2;
const CONSTANT: usize = INPUTS - 1;
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
const TRUST: [i32; 33] = {
    let mut parts = [256; 33];
    (parts[0], parts[1], parts[2], parts[3], parts[4]) = (0, 150, 190, 215, 225);
    (parts[5], parts[6], parts[7], parts[32]) = (240, 240, 240, 272);
    parts
};

/// What is told of the decisions that a counter has seen.
const NEWS: [u8; 33] = {
    let mut news = [2; 33];
    (news[0], news[1], news[2], news[3], news[32]) = (0, 1, 1, 1, 3);
    news
};

type Inputs = [i32; INPUTS];

/// The weights of a sum, on cache lines of their own.
#[derive(Clone)]
#[repr(align(64))]
struct Weights(Inputs);

/// Sums with weights that learn, of which one is used at a time.
struct Sums {
    weights: Vec<Weights>,
    used: usize,
    sum: i32,
}

impl Sums {
    fn new(count: usize, contexts: usize) -> Self {
        let weights = Weights([ONE * 3 / (2 * contexts.max(1) as i32); INPUTS]);
        Sums { weights: vec![weights; count], used: 0, sum: 0 }
    }

    #[inline(always)]
    fn add(&mut self, inputs: &Inputs, used: usize) -> i32 {
        self.used = used;
        let weights = &self.weights[used].0;
        let mut sum = 0i32;
        for k in 0..INPUTS {
            sum = sum.wrapping_add(inputs[k].wrapping_mul(weights[k] >> 6));
        }
        self.sum = (sum >> 10).clamp(-LARGEST, LARGEST);
        self.sum
    }

    #[inline(always)]
    fn learn(&mut self, inputs: &Inputs, bit: bool, rate: i32, logistic: Logistic) {
        // At most 2^16 * 36 / 16: times an input below 2^12 it has 31 bits.
        let error = ((if bit { 65535 } else { 0 } - logistic.squash(self.sum)) * rate) >> 4;
        let weights = &mut self.weights[self.used].0;
        for k in 0..INPUTS {
            let step = inputs[k].wrapping_mul(error).wrapping_add(1 << 13) >> 14;
            weights[k] = weights[k].wrapping_add(step).clamp(-LARGEST_WEIGHT, LARGEST_WEIGHT);
        }
    }
}

/// Predicts the decisions of one column.
pub struct Mixer {
    logistic: Logistic,
    pace: Pace,
    /// Counters of a state; a whole number of cache lines.
    stride: usize,
    contexts: usize,
    /// Of all contexts, one after the other: for each of its states a counter for each node.
    counters: Vec<u32>,
    /// Where the counters of a context begin.
    starts: [usize; HINT],
    /// Where the counters of the state begin that a context is in.
    at: [usize; HINT],
    /// The counters of the decision.
    seen: [u32; HINT],
    /// How often a hint of each strength was right.
    hints: [u32; STRENGTHS],
    hint: Option<(usize, bool)>,
    inputs: Inputs,
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
        let mut starts = [0; HINT];
        let mut counters = 0;
        for (start, states) in starts.iter_mut().zip(states) {
            *start = counters;
            counters += states * stride;
        }
        let curve = (0..CORRECTIONS as i32).map(|i| (logistic.squash((i - 16) * STEP) as u32) << 16);
        Mixer {
            logistic,
            pace: Pace::new(1000),
            stride,
            contexts: states.len(),
            counters: vec![NEW; counters],
            starts,
            at: starts,
            seen: [NEW; HINT],
            hints: [NEW; STRENGTHS],
            hint: None,
            inputs: {
                let mut inputs = [0; INPUTS];
                inputs[CONSTANT] = 256;
                inputs
            },
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
    #[inline(always)]
    pub fn enter(&mut self, k: usize, state: usize) {
        self.at[k] = self.starts[k] + state * self.stride;
    }

    /// The probability that the decision of `node` is true, 16 bits.
    ///
    /// * `hint`: what is expected, and how strongly
    #[inline(always)]
    pub fn predict(&mut self, node: usize, hint: Option<(usize, bool)>) -> u32 {
        let n = self.contexts.min(HINT);
        for k in 0..n {
            let counter = self.counters[self.at[k].wrapping_add(node)];
            self.seen[k] = counter;
            let trust = TRUST[counter::count(counter).min(32)];
            self.inputs[k] = self.logistic.stretch(counter::coarse(counter)).wrapping_mul(trust) >> 8;
        }
        let news = self.seen[1..=TOLD]
            .iter()
            .fold(0, |news, counter| (news << 2) | usize::from(NEWS[counter::count(*counter).min(32)]));
        self.hint = hint;
        self.inputs[HINT] = hint.map_or(0, |(strength, bit)| {
            let logit = self.logistic.stretch(counter::coarse(self.hints[strength]));
            if bit { logit } else { -logit }
        });
        let inputs = &self.inputs;
        let state = if n > 1 { (self.at[1] - self.starts[1]) / self.stride } else { 0 };
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
    #[inline(always)]
    pub fn learn(&mut self, node: usize, bit: bool) {
        if self.decisions.is_multiple_of(256) {
            self.rate = RATE + (HASTE * SETTLING / (SETTLING + self.decisions)) as i32;
        }
        self.decisions = self.decisions.saturating_add(1);
        let correction = &mut self.corrections[self.correction];
        *correction =
            if bit { *correction + ((u32::MAX - *correction) >> 6) } else { *correction - (*correction >> 6) };
        for sums in [&mut self.by_node, &mut self.by_context, &mut self.by_news] {
            sums.learn(&self.inputs, bit, self.rate, self.logistic);
        }
        if let Some((strength, expected)) = self.hint {
            self.pace.learn(&mut self.hints[strength], bit == expected);
        }
        for k in 0..self.contexts.min(HINT) {
            let mut counter = self.seen[k];
            self.pace.learn(&mut counter, bit);
            self.counters[self.at[k].wrapping_add(node)] = counter;
        }
    }
}

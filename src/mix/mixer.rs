//! The probability of a decision out of what several contexts have seen: their logits, weighted and added.
//!
//! ```text
//! contexts ─► counters ─► logits × trust ─┬─► weights by node ───────┐
//!                                         ├─► weights by context 1 ──┼─► mean ─► correction by node ─► probability
//!                                         └─► weights by what is new ┘
//! ```
//!
//! A weight moves along its logit by the error of its sum (Mahoney's PAQ mixes so). Everything is integer.

use super::counter::{self, Counter, NEW};
use super::lanes::{BELIEVED, Eight, Lanes, ONE};
use super::logistic::Logistic;

/// Lanes behind those of the contexts: a hint, a constant.
const OTHERS: usize = 2;
/// Strengths of a hint.
pub const STRENGTHS: usize = 16;
/// An error of 1 times a logit of 1 moves a weight by this, in `2^-18`.
const RATE: i32 = 12;
/// The rate is as much higher at first, half as much after [`SETTLING`] decisions.
const HASTE: u32 = 24;
const SETTLING: u32 = 4096;
/// How many contexts say how much they have seen; four steps each.
const TOLD: u32 = 5;
const NEWS: usize = 1 << (2 * TOLD);
/// Logits between two corrections.
const STEP: u32 = 128;
const CORRECTIONS: usize = 33;
/// As many of a node, so that no index within them has to be checked.
const ROOM: usize = 64;

/// Contexts that a mixer of `vectors` vectors has at most.
pub const fn most_contexts(vectors: usize) -> usize {
    8 * vectors - OTHERS
}

/// The weights of a sum, a vector on a cache line of its own.
#[derive(Clone)]
#[repr(align(32))]
struct Weights<const V: usize>([Eight; V]);

/// Predicts the decisions of one column, with `V` vectors of inputs.
pub struct Mixer<L, const V: usize> {
    lanes: L,
    logistic: Logistic,
    /// Counters of a state; a whole number of cache lines.
    stride: usize,
    /// Of all contexts, one after the other: for each of its states a counter for each node.
    counters: Vec<Counter>,
    /// Where the counters of a context begin.
    starts: [[usize; 8]; V],
    /// Where the counters of the state begin that a context is in. Contexts that are not there share the first one's.
    at: [[usize; 8]; V],
    contexts: usize,
    /// All bits of the lanes that are used.
    present: [Eight; V],
    /// The state of the first context.
    state: usize,
    /// The counters of the decision.
    seen: [[Counter; 8]; V],
    /// How often a hint of each strength was right.
    hints: [Counter; STRENGTHS],
    hint: Option<(usize, bool)>,
    inputs: [Eight; V],
    by_node: Vec<Weights<V>>,
    by_context: Vec<Weights<V>>,
    by_news: Box<[Weights<V>; NEWS]>,
    /// Of the first context and of the news, which weights are used; and what they all say.
    used: [usize; 2],
    sums: [i32; 3],
    /// Of each node.
    corrections: Vec<[u32; ROOM]>,
    correction: usize,
    decisions: u32,
    rate: i32,
}

impl<L: Lanes, const V: usize> Mixer<L, V> {
    /// A mixer for `nodes` decisions.
    ///
    /// * `states`: of each context, how many it has; there are at most [`most_contexts`]
    pub fn new(lanes: L, nodes: usize, states: &[usize]) -> Self {
        assert!(states.len() <= most_contexts(V), "{} contexts in {V} vectors", states.len());
        let logistic = Logistic::new();
        let stride = nodes.next_multiple_of(16);
        let (mut starts, mut present) = ([[0; 8]; V], [[0; 8]; V]);
        let mut counters = 0;
        for (k, states) in states.iter().enumerate() {
            (starts[k / 8][k % 8], present[k / 8][k % 8]) = (counters, -1);
            counters += states * stride;
        }
        let weights = |count| vec![Weights([[ONE * 3 / (2 * states.len().max(1) as i32); 8]; V]); count];
        let mut curve = [0; ROOM];
        for (i, corrected) in curve.iter_mut().enumerate().take(CORRECTIONS) {
            *corrected = (logistic.squash((i as i32 - 16) * STEP as i32) as u32) << 16;
        }
        // What is no context is always there.
        (present[V - 1][6], present[V - 1][7]) = (-1, -1);
        Mixer {
            lanes,
            logistic,
            stride,
            counters: vec![NEW; counters.max(stride)],
            starts,
            at: starts,
            contexts: states.len(),
            present,
            state: 0,
            seen: [[NEW; 8]; V],
            hints: [NEW; STRENGTHS],
            hint: None,
            inputs: [[0; 8]; V],
            by_node: weights(nodes),
            by_context: weights(states.first().copied().unwrap_or(1)),
            by_news: weights(NEWS).try_into().unwrap_or_else(|_| unreachable!("as many as asked for")),
            used: [0; 2],
            sums: [0; 3],
            corrections: vec![curve; nodes],
            correction: 0,
            decisions: 0,
            rate: RATE,
        }
    }

    /// Enters a state of context `k`.
    #[inline(always)]
    pub fn enter(&mut self, k: usize, state: usize) {
        self.at[k / 8][k % 8] = self.starts[k / 8][k % 8].wrapping_add(state.wrapping_mul(self.stride));
        if k == 0 {
            self.state = state;
        }
    }

    /// What context `k` has seen of the decision of `node`.
    #[inline(always)]
    pub fn counter(&mut self, k: usize, node: usize) -> &mut Counter {
        &mut self.counters[self.at[k / 8][k % 8].wrapping_add(node)]
    }

    /// The probability that the decision of `node` is true, 16 bits.
    ///
    /// * `hint`: what is expected, and how strongly
    #[inline(always)]
    pub fn predict(&mut self, node: usize, hint: Option<(usize, bool)>) -> u32 {
        self.hint = hint;
        let expected = hint.map_or(0, |(strength, bit)| {
            let logit = self.logistic.stretch(counter::coarse(self.hints[strength]));
            if bit { logit } else { -logit }
        });
        let mut told = 0;
        for v in 0..V {
            let (mut seen, mut logits) = ([BELIEVED; 8], [0, 0, 0, 0, 0, 0, expected, 256]);
            for k in 0..if v + 1 == V { 8 - OTHERS } else { 8 } {
                seen[k] = self.counters[self.at[v][k].wrapping_add(node)];
                logits[k] = self.logistic.stretch(counter::coarse(seen[k]));
            }
            self.seen[v] = seen;
            let (believed, news) = self.lanes.believed(logits, seen, self.present[v]);
            self.inputs[v] = believed;
            if v == 0 {
                let all = (1 << TOLD) - 1;
                told = ((news.low & all) | (news.high & all) << TOLD) as usize;
            }
        }
        self.used = [self.state, told];
        let weights = [&self.by_node[node].0, &self.by_context[self.state].0, &self.by_news[told % NEWS].0];
        self.sums = self.lanes.sums(&self.inputs, weights);
        let logit = (self.sums[0] + self.sums[1] + self.sums[2]) / 3;
        let place = (logit.clamp(-2047, 2047) + 2048) as u32;
        let (at, part) = ((place / STEP) as usize, place % STEP);
        let corrections = &self.corrections[node];
        let (below, above) = (corrections[at % ROOM] >> 16, corrections[(at + 1) % ROOM] >> 16);
        let corrected = (below * (STEP - part) + above * part) / STEP;
        self.correction = at + usize::from(part >= STEP / 2);
        (self.logistic.squash(logit) as u32 + corrected).div_ceil(2).clamp(24, 65536 - 24)
    }

    /// Learns the decision of the node last predicted.
    #[inline(always)]
    pub fn learn(&mut self, node: usize, bit: bool) {
        if self.decisions.is_multiple_of(256) {
            self.rate = RATE + (HASTE * SETTLING / (SETTLING + self.decisions)) as i32;
        }
        self.decisions = self.decisions.saturating_add(1);
        let correction = &mut self.corrections[node][self.correction % ROOM];
        let up = correction.wrapping_add((u32::MAX - *correction) >> 6);
        *correction = if bit { up } else { *correction - (*correction >> 6) };
        // At most 2^16 * 36 / 16: times an input below 2^12 it has 31 bits.
        let target = if bit { 65535 } else { 0 };
        let weights =
            [&mut self.by_node[node].0, &mut self.by_context[self.used[0]].0, &mut self.by_news[self.used[1] % NEWS].0];
        for k in 0..3 {
            let error = ((target - self.logistic.squash(self.sums[k])) * self.rate) >> 4;
            for v in 0..V {
                self.lanes.learn(&mut weights[k][v], &self.inputs[v], error);
            }
        }
        if let Some((strength, expected)) = self.hint {
            counter::learn(&mut self.hints[strength], bit == expected);
        }
        for v in 0..V {
            let learned = self.lanes.count(self.seen[v], bit);
            for k in 0..self.contexts.saturating_sub(8 * v).min(8) {
                self.counters[self.at[v][k].wrapping_add(node)] = learned[k];
            }
        }
    }
}

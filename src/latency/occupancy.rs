//! How full a fifo is: how long, when, and for whom.

use std::collections::VecDeque;

use super::filling::ORBIT;

/// How a fifo was filled, cycle by cycle, and who did not find room.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Occupancy {
    /// Cycles with so many events in it.
    pub cycles: Vec<u64>,
    /// Events that found so many in it, before they were let in: of parts of as many events each, one after the other.
    pub found: Parts,
    /// Events that were lost.
    pub lost: u64,
    /// Events in it over time.
    pub course: Course,
    /// By crossing of the orbit, where that was asked for.
    pub orbit: Option<Orbit>,
    now: u64,
    /// Begins to come, of the events in it.
    leaving: VecDeque<u64>,
}

/// Counts of parts of a run, so that what they say alike and differently is known: events that follow each other are not independent.
#[derive(Clone, Debug, PartialEq)]
pub struct Parts {
    parts: Vec<Vec<u64>>,
    /// Events of a part.
    size: u64,
    /// Of the last one.
    counted: u64,
}

/// Parts at most; then two become one.
const PARTS: usize = 64;

impl Default for Parts {
    fn default() -> Self {
        Parts { parts: vec![Vec::new()], size: 1 << 12, counted: 0 }
    }
}

impl Parts {
    /// One more that found `n`.
    pub fn count(&mut self, n: usize) {
        if self.counted == self.size {
            if self.parts.len() == PARTS {
                let pairs = std::mem::take(&mut self.parts);
                self.parts = pairs.chunks(2).map(|pair| add(pair.iter())).collect();
                self.size *= 2;
            }
            self.parts.push(Vec::new());
            self.counted = 0;
        }
        self.counted += 1;
        if let Some(part) = self.parts.last_mut() {
            if part.len() <= n {
                part.resize(n + 1, 0);
            }
            part[n] += 1;
        }
    }

    /// Parts that are whole, in order; the last one too if it is the only one.
    pub fn whole(&self) -> &[Vec<u64>] {
        match self.parts.len() {
            1 => &self.parts,
            n if self.counted < self.size => &self.parts[..n - 1],
            _ => &self.parts,
        }
    }

    /// All of them.
    pub fn sum(&self) -> Vec<u64> {
        add(self.parts.iter())
    }
}

/// The sum of histograms.
pub(super) fn add<'a>(parts: impl Iterator<Item = &'a Vec<u64>>) -> Vec<u64> {
    parts.fold(Vec::new(), |mut sum, part| {
        if sum.len() < part.len() {
            sum.resize(part.len(), 0);
        }
        sum.iter_mut().zip(part).for_each(|(sum, n)| *sum += n);
        sum
    })
}

/// Events that a fifo without end holds: more are never worked off. Counts beyond it are one.
pub const MOST: usize = 1 << 16;

impl Occupancy {
    /// There are so many in it until a cycle.
    pub fn holds(&mut self, events: usize, until: u64) {
        let at = events.min(MOST);
        if self.cycles.len() <= at {
            self.cycles.resize(at + 1, 0);
        }
        self.cycles[at] += until - self.now;
        self.course.holds(events, self.now, until);
        self.now = until;
    }

    /// When the first place is free of a fifo without end, that has an end for once.
    pub(super) fn overflows(&self) -> u64 {
        self.leaving.len().checked_sub(MOST).map_or(0, |k| self.leaving[k] + 1)
    }

    /// An event comes in a cycle and finds so many.
    pub fn finds(&mut self, at: u64, events: usize) {
        self.found.count(events.min(MOST));
        if let Some(orbit) = &mut self.orbit {
            orbit.finds(at, events);
        }
    }

    /// An event came, and begins at `begin`; `None` if it is lost.
    pub(super) fn arrives(&mut self, at: u64, begin: Option<u64>) {
        // A place is free in the cycle after its event began.
        while self.leaving.front().is_some_and(|begin| *begin < at) {
            let until = (self.leaving[0] + 1).max(self.now);
            self.holds(self.leaving.len(), until);
            self.leaving.pop_front();
        }
        self.holds(self.leaving.len(), at.max(self.now));
        self.finds(at, self.leaving.len());
        match begin {
            Some(begin) => self.leaving.push_back(begin),
            None => self.lost += 1,
        }
    }
}

/// Events in a fifo over time: spans of equal length, with the mean and the most in each.
#[derive(Clone, Debug, PartialEq)]
pub struct Course {
    /// Cycles of a span, as a power of two.
    log2: u32,
    /// Events times cycles, and events at most.
    spans: Vec<(u64, usize)>,
}

/// Spans at most; then two become one.
const SPANS: usize = 512;

impl Default for Course {
    fn default() -> Self {
        Course { log2: 4, spans: Vec::new() }
    }
}

impl Course {
    fn holds(&mut self, events: usize, from: u64, until: u64) {
        let mut from = from;
        while from < until {
            let mut k = (from >> self.log2) as usize;
            while k >= SPANS {
                let spans = std::mem::take(&mut self.spans);
                self.spans = spans
                    .chunks(2)
                    .map(|s| (s.iter().map(|s| s.0).sum(), s.iter().map(|s| s.1).max().unwrap_or(0)))
                    .collect();
                self.log2 += 1;
                k = (from >> self.log2) as usize;
            }
            let end = until.min((k as u64 + 1) << self.log2);
            if self.spans.len() <= k {
                self.spans.resize(k + 1, (0, 0));
            }
            let span = &mut self.spans[k];
            *span = (span.0 + events as u64 * (end - from), span.1.max(events));
            from = end;
        }
    }

    /// Cycles of a span.
    pub fn span(&self) -> u64 {
        1 << self.log2
    }

    /// Events in the mean and at most, span by span; the last one is not whole.
    pub fn spans(&self) -> impl Iterator<Item = (f64, usize)> {
        self.spans.iter().map(|(sum, most)| (*sum as f64 / self.span() as f64, *most))
    }
}

/// What events find, by the crossing of the orbit in which they come.
#[derive(Clone, Debug, PartialEq)]
pub struct Orbit {
    per_cycle: f64,
    /// Events that came, those that they found together, and at most.
    crossings: Vec<(u64, u64, usize)>,
}

impl Orbit {
    /// Of so many cycles a crossing.
    pub fn new(cycles: f64) -> Self {
        Orbit { per_cycle: 1.0 / cycles, crossings: vec![(0, 0, 0); ORBIT] }
    }

    fn finds(&mut self, at: u64, events: usize) {
        // A crossing is in the first cycle that is not before it.
        let crossing = ((at as f64 + 1e-3) * self.per_cycle) as u64;
        let c = &mut self.crossings[(crossing % ORBIT as u64) as usize];
        *c = (c.0 + 1, c.1 + events as u64, c.2.max(events));
    }

    /// Of each crossing: events that came, those that they found together, and at most.
    pub fn crossings(&self) -> &[(u64, u64, usize)] {
        &self.crossings
    }
}

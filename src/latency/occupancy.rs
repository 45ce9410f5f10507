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
    pub orbit: Orbit,
    now: u64,
    /// Begins to come, of the events in it.
    leaving: VecDeque<u64>,
}

/// Counts of parts of a run, so that what they say alike and differently is known: events that follow each other are not independent.
#[derive(Clone, Debug, PartialEq)]
pub struct Parts {
    whole: Vec<Vec<u64>>,
    /// The one that is being counted, and how many events it lacks.
    last: Vec<u64>,
    lacks: u64,
    /// Events of a part.
    size: u64,
}

/// Parts at most; then two become one.
const PARTS: usize = 64;

impl Default for Parts {
    fn default() -> Self {
        let size = 1 << 12;
        Parts { whole: Vec::new(), last: Vec::new(), lacks: size, size }
    }
}

impl Parts {
    /// One more that found `n`.
    #[inline]
    pub fn count(&mut self, n: usize) {
        match self.last.get_mut(n) {
            Some(count) => *count += 1,
            None => {
                self.last.resize(n + 1, 0);
                self.last[n] = 1;
            }
        }
        self.lacks -= 1;
        if self.lacks == 0 {
            self.next();
        }
    }

    fn next(&mut self) {
        self.whole.push(std::mem::take(&mut self.last));
        if self.whole.len() == PARTS {
            self.whole = self.whole.chunks(2).map(|pair| add(pair.iter())).collect();
            self.size *= 2;
        }
        self.lacks = self.size;
    }

    /// Parts that are whole, in order; the one that is not if it is the only one.
    pub fn whole(&self) -> &[Vec<u64>] {
        if self.whole.is_empty() { std::slice::from_ref(&self.last) } else { &self.whole }
    }

    /// All of them.
    pub fn sum(&self) -> Vec<u64> {
        add(self.whole.iter().chain([&self.last]))
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
        if until <= self.now {
            return;
        }
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

    /// An event comes and finds so many.
    ///
    /// * `crossing`: that it came in, of the orbit, if there is one
    pub fn finds(&mut self, crossing: Option<usize>, events: usize) {
        self.found.count(events.min(MOST));
        if let Some(crossing) = crossing {
            self.orbit.finds(crossing, events);
        }
    }

    /// An event came, and begins at `begin`; `None` if it is lost.
    pub(super) fn arrives(&mut self, at: u64, begin: Option<u64>, crossing: Option<usize>) {
        // A place is free in the cycle after its event began.
        while self.leaving.front().is_some_and(|begin| *begin < at) {
            let until = self.leaving[0] + 1;
            self.holds(self.leaving.len(), until);
            self.leaving.pop_front();
        }
        self.holds(self.leaving.len(), at);
        self.finds(crossing, self.leaving.len());
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
    /// The cycle behind the last span.
    end: u64,
}

/// Spans at most; then two become one.
const SPANS: usize = 512;

impl Default for Course {
    fn default() -> Self {
        Course { log2: 4, spans: Vec::new(), end: 0 }
    }
}

impl Course {
    #[inline]
    fn holds(&mut self, events: usize, from: u64, until: u64) {
        match self.spans.last_mut() {
            Some(span) if until <= self.end => *span = (span.0 + events as u64 * (until - from), span.1.max(events)),
            _ => self.goes_on(events, from, until),
        }
    }

    /// Beyond the last span.
    fn goes_on(&mut self, events: usize, from: u64, until: u64) {
        let mut from = from;
        while from < until {
            if from == self.end {
                if self.spans.len() == SPANS {
                    let both =
                        |s: &[(u64, usize)]| (s.iter().map(|s| s.0).sum(), s.iter().map(|s| s.1).max().unwrap_or(0));
                    self.spans = self.spans.chunks(2).map(both).collect();
                    self.log2 += 1;
                }
                self.spans.push((0, 0));
                self.end = (self.spans.len() as u64) << self.log2;
            }
            let end = until.min(self.end);
            if let Some(span) = self.spans.last_mut() {
                *span = (span.0 + events as u64 * (end - from), span.1.max(events));
            }
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

/// What events find, by the crossing of the orbit in which they came.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Orbit {
    crossings: Vec<(u64, u64, usize)>,
}

impl Orbit {
    fn finds(&mut self, crossing: usize, events: usize) {
        if self.crossings.is_empty() {
            self.crossings.resize(ORBIT, (0, 0, 0));
        }
        let c = &mut self.crossings[crossing];
        *c = (c.0 + 1, c.1 + events as u64, c.2.max(events));
    }

    /// Of each crossing, if there are any: events that came, those that they found together, and at most.
    pub fn crossings(&self) -> &[(u64, u64, usize)] {
        &self.crossings
    }
}

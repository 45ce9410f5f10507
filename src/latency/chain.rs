//! Stages in a row and channels into one link, event by event.
//!
//! ```text
//! channel 0: arrivals ─► fifo ─► stage ─► fifo ─► stage ─► queue ─┐
//! channel 1:                                              queue ─┼─► arbiter ─► link
//! ```
//!
//! No cycle is simulated in which nothing happens: when an event begins a stage follows from when it came, from the event before it,
//! and from the place that it needs behind. Times are cycles of one clock.

use std::collections::VecDeque;

/// Where events wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// How many may; `None` for as many as come.
    pub most: Option<usize>,
    /// What no place means: the event is lost, or who brings it waits.
    pub loses: bool,
}

/// A fifo, and what takes events from it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stage {
    /// In front of it.
    pub places: Places,
    /// Cycles from an event's begin to its end.
    pub latency: u64,
    /// Cycles from one event's begin to the next one's, at least.
    pub ii: u64,
    /// Bits of an event that go through in a cycle; `None` if its size does not matter.
    pub bits_per_cycle: Option<u32>,
}

impl Stage {
    /// Cycles that an event keeps it from the next.
    fn busy(&self, bits: u32) -> u64 {
        self.ii.max(self.bits_per_cycle.map_or(1, |per| u64::from(bits.div_ceil(per))))
    }

    /// Cycles until all of an event is through.
    fn time(&self, bits: u32) -> u64 {
        self.latency + self.bits_per_cycle.map_or(0, |per| u64::from(bits.div_ceil(per)).saturating_sub(1))
    }
}

/// How a fifo was filled, cycle by cycle, and who did not find room.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Occupancy {
    /// Cycles with so many events in it.
    pub cycles: Vec<u64>,
    /// Events that found so many in it, before they were let in: of parts of as many events each, one after the other.
    pub found: Parts,
    /// Events that were lost.
    pub lost: u64,
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
    fn count(&mut self, n: usize) {
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

/// Counts beyond it are one.
const MOST: usize = 1 << 20;

impl Occupancy {
    fn spend(&mut self, until: u64) {
        let at = self.leaving.len().min(MOST);
        if self.cycles.len() <= at {
            self.cycles.resize(at + 1, 0);
        }
        self.cycles[at] += until - self.now;
        self.now = until;
    }

    /// An event came, and begins at `begin`; `None` if it is lost.
    fn arrives(&mut self, at: u64, begin: Option<u64>) {
        // A place is free in the cycle after its event began.
        while self.leaving.front().is_some_and(|begin| *begin < at) {
            let until = (self.leaving[0] + 1).max(self.now);
            self.spend(until);
            self.leaving.pop_front();
        }
        self.spend(at.max(self.now));
        self.found.count(self.leaving.len().min(MOST));
        match begin {
            Some(begin) => self.leaving.push_back(begin),
            None => self.lost += 1,
        }
    }
}

/// A fifo at work.
#[derive(Clone, Debug)]
struct Fifo {
    places: Places,
    /// When the last events left it to begin, as many as it holds.
    begins: VecDeque<u64>,
    occupancy: Occupancy,
}

impl Fifo {
    fn new(places: Places) -> Self {
        Fifo { places, begins: VecDeque::new(), occupancy: Occupancy::default() }
    }

    /// The first cycle in which it has a place for the next event.
    fn has_place(&self) -> u64 {
        match self.places.most {
            Some(most) if self.begins.len() >= most => self.begins[self.begins.len() - most] + 1,
            _ => 0,
        }
    }

    /// The first cycle in which who brings an event may: any, where it is lost for want of a place.
    fn takes(&self) -> u64 {
        if self.places.loses { 0 } else { self.has_place() }
    }

    /// An event that enters in a cycle, and leaves in another.
    fn passes(&mut self, enters: u64, begins: u64) {
        self.occupancy.arrives(enters, Some(begins));
        self.begins.push_back(begins);
        if self.begins.len() > self.places.most.unwrap_or(0) {
            self.begins.pop_front();
        }
    }

    /// Whether an event is lost that comes in a cycle; counts it.
    fn loses(&mut self, at: u64) -> bool {
        let lost = self.places.loses && self.has_place() > at;
        if lost {
            self.occupancy.arrives(at, None);
        }
        lost
    }
}

/// When an event did what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Passage {
    /// Its bits.
    pub bits: u32,
    /// When it came.
    pub arrival: u64,
    /// When it entered the fifo of each stage, and when it began there; last those of the link.
    pub steps: Vec<(u64, u64)>,
    /// When all of it had left the link.
    pub end: u64,
}

/// A channel: stages in a row, and a queue for the link.
#[derive(Clone, Debug)]
struct Line {
    stages: Vec<(Stage, Fifo)>,
    /// When each stage can begin with the next event.
    free: Vec<u64>,
    queue: Fifo,
}

impl Line {
    /// An event comes, never before the last one. Its way to the queue, or `None` where it is lost.
    ///
    /// What is before it in the queue has begun.
    fn event(&mut self, arrival: u64, bits: u32, passage: &mut Passage) -> Option<u64> {
        (passage.bits, passage.arrival) = (bits, arrival);
        passage.steps.clear();
        let mut enters = arrival;
        for k in 0..self.stages.len() {
            let behind = self.stages.get(k + 1).map_or(&self.queue, |(_, fifo)| fifo).takes();
            let (stage, fifo) = &mut self.stages[k];
            if fifo.loses(enters) {
                return None;
            }
            // In front of the first stage the source holds it; others have waited for the place.
            enters = enters.max(fifo.has_place());
            let begins = enters.max(self.free[k]).max(behind);
            self.free[k] = begins + stage.busy(bits);
            fifo.passes(enters, begins);
            passage.steps.push((enters, begins));
            enters = begins + stage.time(bits);
        }
        (!self.queue.loses(enters)).then(|| enters.max(self.queue.has_place()))
    }
}

/// Who is next, of those that wait for the link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Arbiter {
    /// The one behind the last.
    #[default]
    RoundRobin,
    /// The first.
    Fixed,
}

/// What carries events away, in slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slots {
    /// Bits of a slot.
    pub bits: u32,
    /// Cycles from one slot to the next, times 2^32.
    pub period: u64,
    /// Bits that every event takes beside its own.
    pub overhead: u32,
    /// Bits of an event at least.
    pub least: u32,
    /// Cycles on the way.
    pub latency: u64,
}

impl Slots {
    /// The first slot that does not begin before a cycle.
    fn at(&self, cycle: u64) -> u64 {
        ((u128::from(cycle) << 32).div_ceil(u128::from(self.period))) as u64
    }

    /// The cycle in which a slot begins: the first whole one.
    fn cycle(&self, slot: u64) -> u64 {
        ((u128::from(slot) * u128::from(self.period)).div_ceil(1 << 32)) as u64
    }

    /// Slots of an event.
    pub fn of(&self, bits: u32) -> u64 {
        u64::from((bits + self.overhead).max(self.least).div_ceil(self.bits).max(1))
    }
}

/// Channels with their stages, into one link.
#[derive(Clone, Debug)]
pub struct Chain {
    lines: Vec<Line>,
    /// Of each channel: the event at the head of the queue, and since when.
    heads: Vec<Option<(u64, Passage)>>,
    arbiter: Arbiter,
    slots: Slots,
    /// The first slot that is free.
    next_slot: u64,
    last: usize,
}

impl Chain {
    /// Nothing in it.
    pub fn new(channels: usize, stages: &[Stage], queue: Places, arbiter: Arbiter, slots: Slots) -> Self {
        let line = Line {
            stages: stages.iter().map(|s| (*s, Fifo::new(s.places))).collect(),
            free: vec![0; stages.len()],
            queue: Fifo::new(queue),
        };
        Chain {
            lines: vec![line; channels],
            heads: vec![None; channels],
            arbiter,
            slots,
            next_slot: 0,
            last: channels.saturating_sub(1),
        }
    }

    /// Lets all events pass.
    ///
    /// * `source`: the next arrival of a channel, never before its last one, and its bits; `None` when no more come
    /// * `seen`: a channel and the way of its next event, in the order in which they begin on the link
    pub fn run(&mut self, mut source: impl FnMut(usize) -> Option<(u64, u32)>, mut seen: impl FnMut(usize, &Passage)) {
        let mut spare = Passage::default();
        for channel in 0..self.lines.len() {
            self.fill(channel, &mut source, &mut spare);
        }
        while let Some(first) = self.heads.iter().flatten().map(|h| h.0).min() {
            let slot = self.next_slot.max(self.slots.at(first));
            let begins = self.slots.cycle(slot);
            let channels = self.lines.len();
            let waits = |k: &usize| self.heads[*k].as_ref().is_some_and(|h| h.0 <= begins);
            let next = match self.arbiter {
                Arbiter::Fixed => (0..channels).find(waits),
                Arbiter::RoundRobin => (self.last + 1..=self.last + channels).map(|k| k % channels).find(waits),
            };
            let Some(channel) = next else { return };
            let Some((enters, mut passage)) = self.heads[channel].take() else { return };
            self.last = channel;
            self.next_slot = slot + self.slots.of(passage.bits);
            self.lines[channel].queue.passes(enters, begins);
            passage.steps.push((enters, begins));
            passage.end = self.slots.cycle(self.next_slot) + self.slots.latency;
            seen(channel, &passage);
            self.fill(channel, &mut source, &mut passage);
        }
    }

    /// The next event of a channel that is not lost becomes the head of its queue.
    fn fill(&mut self, channel: usize, source: &mut impl FnMut(usize) -> Option<(u64, u32)>, passage: &mut Passage) {
        while let Some((arrival, bits)) = source(channel) {
            if let Some(enters) = self.lines[channel].event(arrival, bits, passage) {
                self.heads[channel] = Some((enters, std::mem::take(passage)));
                return;
            }
        }
    }

    /// How the fifos of a channel were filled, stage by stage; last its queue for the link.
    pub fn occupancies(&self, channel: usize) -> Vec<&Occupancy> {
        let line = &self.lines[channel];
        line.stages.iter().map(|(_, fifo)| &fifo.occupancy).chain([&line.queue.occupancy]).collect()
    }
}

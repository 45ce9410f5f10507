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

use super::carrier::{Arbiter, Slots, Stalls};
use super::filling::ORBIT;
use super::occupancy::Occupancy;

/// Where events wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// How many may; `None` for as many as come, up to [`MOST`](super::occupancy::MOST).
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

    /// Cycles that an event of so many bits keeps it from the next, in the mean.
    pub fn mean_busy(&self, bits: f64) -> f64 {
        (self.ii as f64).max(self.bits_per_cycle.map_or(1.0, |per| bits / f64::from(per)))
    }

    /// Cycles until all of an event is through.
    fn time(&self, bits: u32) -> u64 {
        self.latency + self.bits_per_cycle.map_or(0, |per| u64::from(bits.div_ceil(per)).saturating_sub(1))
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
            Some(_) => 0,
            None => self.occupancy.overflows(),
        }
    }

    /// The first cycle in which who brings an event may: any, where it is lost for want of a place.
    fn takes(&self) -> u64 {
        if self.places.loses { 0 } else { self.has_place() }
    }

    /// An event that enters in a cycle, and leaves in another.
    fn passes(&mut self, enters: u64, begins: u64, crossing: Option<usize>) {
        self.occupancy.arrives(enters, Some(begins), crossing);
        self.begins.push_back(begins);
        if self.begins.len() > self.places.most.unwrap_or(0) {
            self.begins.pop_front();
        }
    }

    /// Whether an event is lost that comes in a cycle; counts it.
    fn loses(&mut self, at: u64, crossing: Option<usize>) -> bool {
        let lost = self.places.loses && self.has_place() > at;
        if lost {
            self.occupancy.arrives(at, None, crossing);
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
    /// In which crossing of the orbit, if there is one.
    pub crossing: Option<usize>,
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
    fn event(&mut self, passage: &mut Passage) -> Option<u64> {
        let Passage { bits, arrival, crossing, .. } = *passage;
        passage.steps.clear();
        let mut enters = arrival;
        for k in 0..self.stages.len() {
            let behind = self.stages.get(k + 1).map_or(&self.queue, |(_, fifo)| fifo).takes();
            let (stage, fifo) = &mut self.stages[k];
            if fifo.loses(enters, crossing) {
                return None;
            }
            // In front of the first stage the source holds it; others have waited for the place.
            enters = enters.max(fifo.has_place());
            let begins = enters.max(self.free[k]).max(behind);
            self.free[k] = begins + stage.busy(bits);
            fifo.passes(enters, begins, crossing);
            passage.steps.push((enters, begins));
            enters = begins + stage.time(bits);
        }
        (!self.queue.loses(enters, crossing)).then(|| enters.max(self.queue.has_place()))
    }
}

/// What the channels share.
#[derive(Clone, Debug)]
pub struct Carrier {
    /// Its slots.
    pub slots: Slots,
    /// Who is next.
    pub arbiter: Arbiter,
    /// When it carries nothing.
    pub stalls: Stalls,
}

/// Channels with their stages, into one link.
#[derive(Clone, Debug)]
pub struct Chain {
    lines: Vec<Line>,
    /// Of each channel: the event at the head of the queue, and since when.
    heads: Vec<Option<(u64, Passage)>>,
    carrier: Carrier,
    /// The first slot that is free.
    next_slot: u64,
    last: usize,
    /// Crossings of a cycle, if they matter.
    per_cycle: Option<f64>,
}

impl Chain {
    /// Nothing in it.
    pub fn new(channels: usize, stages: &[Stage], queue: Places, carrier: Carrier) -> Self {
        let line = Line {
            stages: stages.iter().map(|s| (*s, Fifo::new(s.places))).collect(),
            free: vec![0; stages.len()],
            queue: Fifo::new(queue),
        };
        Chain {
            lines: vec![line; channels],
            heads: vec![None; channels],
            carrier,
            next_slot: 0,
            last: channels.saturating_sub(1),
            per_cycle: None,
        }
    }

    /// Counts too how full fifos are in each crossing of an orbit, of so many cycles a crossing.
    #[must_use]
    pub fn by_crossing(mut self, cycles: f64) -> Self {
        self.per_cycle = Some(1.0 / cycles);
        self
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
            let Carrier { slots, arbiter, stalls } = &mut self.carrier;
            let slot = stalls.first(slots, self.next_slot.max(slots.at(first)));
            let begins = slots.cycle(slot);
            let waits = |k: usize| self.heads[k].as_ref().is_some_and(|h| h.0 <= begins);
            let Some(channel) = arbiter.next(self.heads.len(), self.last, waits) else { return };
            let Some((enters, mut passage)) = self.heads[channel].take() else { return };
            self.last = channel;
            self.next_slot = stalls.last(slots, slot, slots.of(passage.bits));
            self.lines[channel].queue.passes(enters, begins, passage.crossing);
            passage.steps.push((enters, begins));
            passage.end = slots.cycle(self.next_slot) + slots.latency;
            seen(channel, &passage);
            self.fill(channel, &mut source, &mut passage);
        }
    }

    /// The next event of a channel that is not lost becomes the head of its queue.
    fn fill(&mut self, channel: usize, source: &mut impl FnMut(usize) -> Option<(u64, u32)>, passage: &mut Passage) {
        while let Some((arrival, bits)) = source(channel) {
            (passage.bits, passage.arrival) = (bits, arrival);
            passage.crossing = self.per_cycle.map(|per| crossing(arrival, per));
            if let Some(enters) = self.lines[channel].event(passage) {
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

/// The crossing of the orbit that a cycle is in.
pub(super) fn crossing(at: u64, per_cycle: f64) -> usize {
    // A crossing is in the first cycle that is not before it.
    ((at as f64 + 1e-3) * per_cycle) as usize % ORBIT
}

//! Cores that send frames, each behind a fifo, into one link: cycle by cycle where anything moves, over any number of events.
//!
//! ```text
//! channel 0: arrivals ─► fifo ─► core ─┐ beats
//! channel 1: arrivals ─► fifo ─► core ─┼─► arbiter ─► link
//! ```
//!
//! The arbiter changes channels between frames only. The link takes a beat as often as it has carried the bits of one.

use std::collections::VecDeque;

use super::carrier::Pace;
use super::chain::{Carrier, Places, crossing};
use super::core::{Core, CoreShape, Offer};
use super::occupancy::{MOST, Occupancy, Parts};

/// An event that left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Departure {
    /// When it came.
    pub arrival: u64,
    /// When the core took it.
    pub taken: u64,
    /// When the last beat of its frame had left: no sooner can it be believed.
    pub left: u64,
    /// Its bits.
    pub bits: u32,
}

/// What became of the events of a channel.
#[derive(Clone, Debug, Default)]
pub struct Framed {
    /// How the fifo in front was filled; `lost` are those that found no place.
    pub occupancy: Occupancy,
    /// Events that the core lost.
    pub lost_inside: u64,
    /// Events in a frame that had not ended when no more came.
    pub unfinished: u64,
    /// Beats that left.
    pub beats: u64,
    /// Frames that left.
    pub frames: u64,
    /// Events by the words that they found in the core's memory.
    pub words: Parts,
}

/// All that moved in a channel, to be played again.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// Of each event that came into the fifo: its number among all that came, the first cycle in which the core could have taken it, and in
    /// which it did.
    pub events: Vec<(u64, u64, u64)>,
    /// Cycles in which the link took what there was.
    pub ready: Vec<bool>,
    /// Cycles in which a beat left, and whether it was the last of its frame.
    pub beats: Vec<(u64, bool)>,
}

/// An event in front of a core.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    number: u64,
    arrival: u64,
    entered: u64,
    offer: Offer,
}

#[derive(Clone, Debug)]
struct Lane {
    core: Core,
    places: Places,
    fifo: VecDeque<Waiting>,
    /// Events in the core: when they came, when they were taken, their bits.
    inside: VecDeque<(u64, u64, u32)>,
    /// The next to come.
    next: Option<(u64, Offer)>,
    came: u64,
    /// Crossings of a cycle, if they matter.
    per_cycle: Option<f64>,
    found: Framed,
    record: Option<Record>,
}

impl Lane {
    /// Nothing moves before the next event comes.
    fn rests(&self) -> bool {
        self.fifo.is_empty() && self.core.is_idle()
    }

    /// What is due enters the fifo.
    fn enter(&mut self, now: u64, source: &mut impl FnMut() -> Option<(u64, Offer)>) {
        while let Some((arrival, offer)) = self.next.filter(|(at, _)| *at <= now) {
            let full = self.fifo.len() >= self.places.most.unwrap_or(MOST);
            if full && !self.places.loses {
                return;
            }
            let crossing = self.per_cycle.map(|per| crossing(arrival, per));
            self.found.occupancy.finds(crossing, self.fifo.len());
            match full {
                true => self.found.occupancy.lost += 1,
                false => self.fifo.push_back(Waiting { number: self.came, arrival, entered: now, offer }),
            }
            self.came += 1;
            self.next = source();
        }
    }

    /// A cycle. Whether the last beat of a frame left, and the beats of the frame so far.
    fn cycle(&mut self, now: u64, ready: bool, latency: u64, mut seen: impl FnMut(Departure)) -> Option<bool> {
        if self.core.now() < now {
            self.found.occupancy.holds(0, now);
            self.core.skip(now - self.core.now());
        }
        self.found.occupancy.holds(self.fifo.len(), now + 1);
        let words = self.core.words();
        let step = self.core.cycle(self.fifo.front().map(|f| f.offer), ready);
        if let Some(record) = &mut self.record {
            record.ready.resize(now as usize, false);
            record.ready.push(ready);
            record.beats.extend(step.beat.map(|last| (now, last)));
        }
        if let Some(event) = self.fifo.front().filter(|_| step.taken) {
            self.found.words.count(words as usize);
            self.inside.push_back((event.arrival, now, event.offer.bits));
            if let Some(record) = &mut self.record {
                record.events.push((event.number, event.entered, now));
            }
            self.fifo.pop_front();
        }
        let last = step.beat?;
        self.found.beats += 1;
        if let Some(frame) = last.then(|| self.core.frame()).flatten() {
            self.found.frames += 1;
            for (arrival, taken, bits) in self.inside.drain(..(frame.events as usize).min(self.inside.len())) {
                seen(Departure { arrival, taken, left: now + 1 + latency, bits });
            }
            let lost = (frame.lost as usize).min(self.inside.len());
            self.inside.drain(..lost);
            self.found.lost_inside += lost as u64;
        }
        Some(last)
    }
}

/// Cores in parallel, and their link.
#[derive(Clone, Debug)]
pub struct Cores {
    lanes: Vec<Lane>,
    carrier: Carrier,
    beat_bits: u32,
    now: u64,
}

impl Cores {
    /// Nothing in them.
    ///
    /// * `places`: of the fifo in front of each
    pub fn new(channels: usize, shape: CoreShape, places: Places, carrier: Carrier) -> Self {
        let lane = Lane {
            core: Core::new(shape),
            places,
            fifo: VecDeque::new(),
            inside: VecDeque::new(),
            next: None,
            came: 0,
            per_cycle: None,
            found: Framed::default(),
            record: None,
        };
        Cores { lanes: vec![lane; channels], carrier, beat_bits: 1 << shape.output_log2, now: 0 }
    }

    /// Counts too how full fifos are in each crossing of an orbit, of so many cycles a crossing.
    #[must_use]
    pub fn by_crossing(mut self, cycles: f64) -> Self {
        self.lanes.iter_mut().for_each(|lane| lane.per_cycle = Some(1.0 / cycles));
        self
    }

    /// Keeps all that moves.
    #[must_use]
    pub fn recorded(mut self) -> Self {
        self.lanes.iter_mut().for_each(|lane| lane.record = Some(Record::default()));
        self
    }

    /// Lets all events pass.
    ///
    /// * `source`: cycle, bits and whether its frame ends with it, of the next event of a channel; never back in time
    /// * `seen`: a channel and its events that leave, in order
    pub fn run(
        &mut self,
        mut source: impl FnMut(usize) -> Option<(u64, Offer)>,
        mut seen: impl FnMut(usize, Departure),
    ) {
        let Carrier { slots, arbiter, stalls } = &mut self.carrier;
        let mut pace = Pace::new(slots, self.beat_bits);
        let lanes = &mut self.lanes;
        for (channel, lane) in lanes.iter_mut().enumerate() {
            lane.next = source(channel);
        }
        // Who sends a frame, how many of its beats have left, and who sent the last.
        let (mut sends, mut beats, mut last) = (None, 0u32, lanes.len() - 1);
        let mut now = 0;
        loop {
            if lanes.iter().all(|lane| lane.rests() && lane.next.is_none_or(|(at, _)| at > now)) {
                let Some(next) = lanes.iter().filter_map(|lane| lane.next.map(|n| n.0)).min() else { break };
                pace.skip(next - now);
                now = next;
            }
            let open = pace.ready() && !stalls.cover(now);
            let goes = match sends {
                _ if !open => None,
                Some(channel) => Some(channel),
                None => arbiter.next(lanes.len(), last, |k| lanes[k].core.is_valid()),
            };
            for (channel, lane) in lanes.iter_mut().enumerate() {
                // A beat that were there earlier, in the Verilog, would be taken.
                let ready = open && goes.is_none_or(|goes| goes == channel);
                lane.enter(now, &mut || source(channel));
                if lane.rests() {
                    continue;
                }
                let Some(ended) = lane.cycle(now, ready, slots.latency, |d| seen(channel, d)) else {
                    continue;
                };
                beats += 1;
                sends = (!ended).then_some(channel);
                if ended {
                    last = channel;
                    let bits = beats * self.beat_bits;
                    pace.owe(slots.taken(bits) - bits, slots);
                    beats = 0;
                }
            }
            now += 1;
        }
        for lane in lanes.iter_mut() {
            lane.found.unfinished = lane.inside.len() as u64;
            lane.found.occupancy.holds(0, now);
        }
        self.now = now;
    }

    /// Cycles until all had passed.
    pub fn cycles(&self) -> u64 {
        self.now
    }

    /// What became of the events of a channel.
    pub fn found(&self, channel: usize) -> &Framed {
        &self.lanes[channel].found
    }

    /// What moved in a channel, where that was asked for.
    pub fn record(&self, channel: usize) -> Option<&Record> {
        self.lanes[channel].record.as_ref()
    }
}

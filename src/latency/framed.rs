//! A core that sends frames, between a fifo and a link: cycle by cycle where anything moves, over any number of events.

use std::collections::VecDeque;

use super::chain::{Occupancy, Places, Slots};
use super::core::{Core, CoreShape, Offer};

/// An event that left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Departure {
    /// When it came.
    pub arrival: u64,
    /// When the core took it.
    pub taken: u64,
    /// When the last beat of its frame was taken: no sooner can it be believed.
    pub left: u64,
}

/// What became of all.
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
    /// Cycles.
    pub cycles: u64,
    /// Words in the core's memory at most.
    pub most_words: u32,
}

/// When the link takes a beat: as often as it has carried the bits of one.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Of a beat, in parts of which it takes `whole`: carried so far, and in a cycle.
    carried: u128,
    step: u128,
    whole: u128,
}

impl Pace {
    /// From the first cycle on.
    pub fn new(slots: &Slots, beat_bits: u32) -> Self {
        let step = u128::from(slots.bits) << 32;
        Pace { carried: 0, step, whole: u128::from(slots.period) * u128::from(beat_bits) }
    }

    /// Whether it takes one in this cycle; the next is that of the next cycle.
    pub fn ready(&mut self) -> bool {
        self.carried += self.step;
        let ready = self.carried >= self.whole;
        if ready {
            self.carried -= self.whole;
            // A link that is faster than the beats takes one in every cycle.
            self.carried = self.carried.min(self.whole);
        }
        ready
    }

    /// Lets cycles pass in which there is no beat.
    fn skip(&mut self, cycles: u64) {
        if self.step < self.whole {
            self.carried = (self.carried + self.step * u128::from(cycles)) % self.whole;
        }
    }
}

/// Lets all events pass.
///
/// * `places`: of the fifo in front of the core
/// * `source`: cycle, bits and whether its frame ends with it; never back in time
/// * `seen`: events that leave, in order
pub fn pass(
    shape: CoreShape,
    places: Places,
    slots: &Slots,
    mut source: impl FnMut() -> Option<(u64, Offer)>,
    mut seen: impl FnMut(Departure),
) -> Framed {
    let mut core = Core::new(shape);
    let mut found = Framed::default();
    let mut pace = Pace::new(slots, 1 << shape.output_log2);
    let mut fifo: VecDeque<(u64, Offer)> = VecDeque::new();
    let mut inside: VecDeque<(u64, u64)> = VecDeque::new();
    let mut next = source();
    // A place is free in the cycle after its event was taken.
    let mut freed = 0;
    loop {
        if fifo.is_empty() && core.is_idle() {
            match next {
                Some((at, _)) if at > core.now() => {
                    pace.skip(at - core.now());
                    core.skip(at - core.now());
                }
                Some(_) => {}
                None => break,
            }
        }
        let now = core.now();
        while let Some((at, offer)) = next.filter(|(at, _)| *at <= now) {
            match places.most {
                Some(most) if fifo.len() + freed >= most => {
                    if !places.loses {
                        break;
                    }
                    found.occupancy.lost += 1;
                }
                _ => fifo.push_back((at, offer)),
            }
            next = source();
        }
        freed = 0;
        let step = core.cycle(fifo.front().map(|f| f.1), pace.ready());
        if step.taken {
            inside.extend(fifo.pop_front().map(|(arrival, _)| (arrival, now)));
            freed = 1;
        }
        found.most_words = found.most_words.max(core.words());
        if let Some(last) = step.beat {
            found.beats += 1;
            if let Some(frame) = last.then(|| core.frame()).flatten() {
                for (arrival, taken) in inside.drain(..(frame.events as usize).min(inside.len())) {
                    seen(Departure { arrival, taken, left: now + slots.latency });
                }
                let lost = (frame.lost as usize).min(inside.len());
                inside.drain(..lost);
                found.lost_inside += lost as u64;
            }
        }
    }
    found.unfinished = inside.len() as u64;
    found.cycles = core.now();
    found
}

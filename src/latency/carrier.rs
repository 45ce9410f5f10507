//! What carries events away, who is next, and when nothing moves.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;

use super::source::uniform;

/// Who is next, of those that wait for the link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Arbiter {
    /// The one behind the last.
    #[default]
    RoundRobin,
    /// The first.
    Fixed,
}

impl Arbiter {
    /// The next of `n`, of those that wait.
    pub fn next(self, n: usize, last: usize, waits: impl Fn(usize) -> bool) -> Option<usize> {
        match self {
            Arbiter::Fixed => (0..n).find(|k| waits(*k)),
            Arbiter::RoundRobin => (last + 1..=last + n).map(|k| k % n).find(|k| waits(*k)),
        }
    }
}

/// What carries events away, in slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slots {
    /// Bits of a slot.
    pub bits: u32,
    /// Cycles from one slot to the next, times 2^32.
    pub period: u64,
    /// Bits that everything sent at once takes beside its own: an event, or a frame of a core.
    pub overhead: u32,
    /// Bits of it at least.
    pub least: u32,
    /// Cycles on the way.
    pub latency: u64,
}

impl Slots {
    /// The first slot that does not begin before a cycle.
    pub fn at(&self, cycle: u64) -> u64 {
        match cycle.checked_shl(32).filter(|c| c >> 32 == cycle) {
            Some(c) => c.div_ceil(self.period),
            None => ((u128::from(cycle) << 32).div_ceil(u128::from(self.period))) as u64,
        }
    }

    /// The cycle in which a slot begins: the first whole one.
    pub fn cycle(&self, slot: u64) -> u64 {
        ((u128::from(slot) * u128::from(self.period)).div_ceil(1 << 32)) as u64
    }

    /// Bits of the link that so many bits take.
    pub fn taken(&self, bits: u32) -> u32 {
        (bits + self.overhead).max(self.least)
    }

    /// Slots of an event.
    pub fn of(&self, bits: u32) -> u64 {
        u64::from(self.taken(bits).div_ceil(self.bits).max(1))
    }

    /// Bits a cycle.
    pub fn bits_per_cycle(&self) -> f64 {
        f64::from(self.bits) * 2f64.powi(32) / self.period as f64
    }
}

/// Times in which a link carries nothing, none of them before the end of the last.
#[derive(Clone, Debug, Default)]
pub struct Stalls {
    /// The one that is, or comes next: its first cycle, and the one behind it.
    next: Option<(u64, u64)>,
    more: More,
}

#[derive(Clone, Debug)]
enum More {
    Listed(std::vec::IntoIter<(u64, u64)>),
    Drawn { rng: ChaCha8Rng, apart: f64, length: f64, fixed: bool, at: f64 },
}

impl Default for More {
    fn default() -> Self {
        More::Listed(Vec::new().into_iter())
    }
}

impl Stalls {
    /// These: first cycles, and those behind the last.
    pub fn listed(stalls: Vec<(u64, u64)>) -> Self {
        Stalls::of(More::Listed(stalls.into_iter()))
    }

    /// At random.
    ///
    /// * `apart`: cycles from the end of one to the next, exponential with this mean
    /// * `length`: cycles of one; always, or exponential with this mean
    pub fn drawn(apart: f64, length: f64, fixed: bool, seed: u64) -> Self {
        Stalls::of(More::Drawn { rng: ChaCha8Rng::seed_from_u64(seed), apart, length, fixed, at: 0.0 })
    }

    fn of(more: More) -> Self {
        let mut stalls = Stalls { next: None, more };
        stalls.advance();
        stalls
    }

    fn advance(&mut self) {
        self.next = match &mut self.more {
            More::Listed(list) => list.next(),
            More::Drawn { rng, apart, length, fixed, at } => {
                let from = *at - uniform(rng).ln() * *apart;
                let long = if *fixed { *length } else { -uniform(rng).ln() * *length };
                *at = from + long;
                Some((from.round() as u64, at.round().max(from.round() + 1.0) as u64))
            }
        };
    }

    /// The first that ends behind a cycle; cycles never go back.
    fn behind(&mut self, cycle: u64) -> Option<(u64, u64)> {
        while self.next.is_some_and(|(_, to)| to <= cycle) {
            self.advance();
        }
        self.next
    }

    /// Whether there is one in a cycle; cycles never go back.
    pub fn cover(&mut self, cycle: u64) -> bool {
        self.behind(cycle).is_some_and(|(from, _)| from <= cycle)
    }

    /// The first slot, from one on, that is not in a stall.
    pub fn first(&mut self, slots: &Slots, slot: u64) -> u64 {
        let mut slot = slot;
        while let Some((_, to)) =
            self.next.and_then(|_| self.behind(slots.cycle(slot))).filter(|s| s.0 <= slots.cycle(slot))
        {
            slot = slots.at(to).max(slot + 1);
        }
        slot
    }

    /// The slot behind the last of `n`, the first of which is `slot`.
    pub fn last(&mut self, slots: &Slots, slot: u64, n: u64) -> u64 {
        let (mut slot, mut left) = (slot, n);
        while let Some((from, to)) = self.next.and_then(|_| self.behind(slots.cycle(slot))) {
            if from >= slots.cycle(slot + left) {
                break;
            }
            left -= slots.at(from).saturating_sub(slot).min(left);
            slot = slots.at(to).max(slot + 1);
        }
        slot + left
    }
}

/// When the link takes a beat of a core: as often as it has carried the bits of one.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// In parts of which a beat takes `whole`: carried so far, and in a cycle. What a frame takes beside its beats is owed.
    carried: i128,
    step: i128,
    whole: i128,
}

impl Pace {
    /// From the first cycle on.
    pub fn new(slots: &Slots, beat_bits: u32) -> Self {
        let step = i128::from(slots.bits) << 32;
        Pace { carried: 0, step, whole: i128::from(slots.period) * i128::from(beat_bits) }
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
    pub fn skip(&mut self, cycles: u64) {
        let carried = self.carried + self.step * i128::from(cycles);
        self.carried = match (carried < 0, self.step < self.whole) {
            (true, _) => carried,
            (_, true) => carried % self.whole,
            (_, false) => carried.min(self.whole),
        };
    }

    /// Bits that go beside those of the beats.
    pub fn owe(&mut self, bits: u32, slots: &Slots) {
        self.carried -= i128::from(bits) * i128::from(slots.period);
    }
}

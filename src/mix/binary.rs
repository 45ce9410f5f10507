//! A range coder for binary decisions whose probability changes with each.
//!
//! The interval `low .. low + range` of 64 bits is cut in the proportion of the probabilities; what decoder and encoder
//! multiply are the same integers. `constriction` divides 64-bit numbers to find a symbol; for two symbols one
//! multiplication and a comparison do, and there are some hundred of them in a row of a table (docs/adr/0011).

/// Bits of a probability.
pub const PROBABILITY_BITS: u32 = 16;

/// Widest choice of [`Decisions::uniform`].
pub const WIDEST: u64 = 1 << 24;

/// What writes decisions, or reads them: a model that is written once serves both.
pub trait Decisions {
    /// A decision that is true with probability `p / 2^16`, `0 < p < 2^16`. A writer writes and returns `bit`; a reader
    /// takes no notice of it and returns what was written.
    fn decide(&mut self, bit: bool, p: u32) -> bool;

    /// One of `width <= `[`WIDEST`] numbers from 0, all as probable.
    fn uniform(&mut self, value: u64, width: u64) -> u64;
}

/// The end of the numbers of 64 bits.
const BELOW: u64 = 1 << 32;

/// Writes decisions.
pub struct Writer {
    low: u64,
    range: u64,
    words: Vec<u32>,
}

impl Default for Writer {
    fn default() -> Self {
        Writer { low: 0, range: u64::MAX, words: Vec::new() }
    }
}

impl Writer {
    /// Takes the part of the interval that begins at `skip` and has `range`.
    #[inline(always)]
    fn narrow(&mut self, skip: u64, range: u64) {
        let (low, carry) = self.low.overflowing_add(skip);
        self.low = low;
        self.range = range;
        if carry {
            self.carry();
        }
        if self.range < BELOW {
            self.words.push((self.low >> 32) as u32);
            self.low <<= 32;
            self.range <<= 32;
        }
    }

    #[cold]
    fn carry(&mut self) {
        for word in self.words.iter_mut().rev() {
            let (next, carry) = word.overflowing_add(1);
            *word = next;
            if !carry {
                return;
            }
        }
    }

    /// The bytes. Zeros at the end are left out: a reader makes them up.
    pub fn finish(mut self) -> Vec<u8> {
        // The interval is wider than 2^32: a number whose low half is 0 lies in it.
        let (end, carry) = self.low.overflowing_add(BELOW - 1);
        if carry {
            self.carry();
        }
        self.words.push((end >> 32) as u32);
        let mut bytes: Vec<u8> = self.words.iter().flat_map(|w| w.to_be_bytes()).collect();
        while bytes.last() == Some(&0) {
            bytes.pop();
        }
        bytes
    }
}

impl Decisions for Writer {
    #[inline(always)]
    fn decide(&mut self, bit: bool, p: u32) -> bool {
        let part = (self.range >> PROBABILITY_BITS) * u64::from(p);
        // Selected, not branched to: what comes is as good as random.
        let (skip, range) = if bit { (0, part) } else { (part, self.range - part) };
        self.narrow(skip, range);
        bit
    }

    #[inline(always)]
    fn uniform(&mut self, value: u64, width: u64) -> u64 {
        let part = self.range / width;
        self.narrow(part * value, part);
        value
    }
}

/// Reads what a [`Writer`] wrote.
pub struct Reader<'a> {
    /// Of the number that was written, what lies above `low`.
    above: u64,
    range: u64,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A reader at the start of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        let mut reader = Reader { above: 0, range: u64::MAX, rest: bytes };
        reader.above = u64::from(reader.word()) << 32;
        reader.above |= u64::from(reader.word());
        reader
    }

    fn word(&mut self) -> u32 {
        if let Some((word, rest)) = self.rest.split_first_chunk::<4>() {
            self.rest = rest;
            return u32::from_be_bytes(*word);
        }
        let mut word = [0; 4];
        word[..self.rest.len()].copy_from_slice(self.rest);
        self.rest = &[];
        u32::from_be_bytes(word)
    }

    #[inline(always)]
    fn narrow(&mut self, skip: u64, range: u64) {
        self.above -= skip;
        self.range = range;
        if self.range < BELOW {
            self.above = (self.above << 32) | u64::from(self.word());
            self.range <<= 32;
        }
    }

    /// Whether all bytes were read. Behind them are zeros.
    pub fn ended(&self) -> bool {
        self.rest.is_empty()
    }
}

impl Decisions for Reader<'_> {
    #[inline(always)]
    fn decide(&mut self, _: bool, p: u32) -> bool {
        let part = (self.range >> PROBABILITY_BITS) * u64::from(p);
        let bit = self.above < part;
        // Selected, not branched to: what comes is as good as random.
        let (skip, range) = if bit { (0, part) } else { (part, self.range - part) };
        self.narrow(skip, range);
        bit
    }

    #[inline(always)]
    fn uniform(&mut self, _: u64, width: u64) -> u64 {
        let part = self.range / width;
        let value = (self.above / part).min(width - 1);
        // A stream that nobody wrote may lie behind the last of them.
        self.above = self.above.min(part * value + (part - 1));
        self.narrow(part * value, part);
        value
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Bit(bool, u32),
        Number(u64, u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        let p = prop_oneof![Just(1), Just(65535), 1..65536u32];
        let width = prop_oneof![Just(1), Just(WIDEST), 1..=WIDEST];
        prop_oneof![
            (any::<bool>(), p).prop_map(|(bit, p)| Step::Bit(bit, p)),
            (any::<u64>(), width).prop_map(|(v, width)| Step::Number(v % width, width)),
        ]
    }

    proptest! {
        #[test]
        fn decisions_come_back(steps in prop::collection::vec(step(), 0..400)) {
            let mut writer = Writer::default();
            for s in &steps {
                match *s {
                    Step::Bit(bit, p) => drop(writer.decide(bit, p)),
                    Step::Number(v, width) => drop(writer.uniform(v, width)),
                }
            }
            let bytes = writer.finish();
            let mut reader = Reader::new(&bytes);
            for s in &steps {
                match *s {
                    Step::Bit(bit, p) => prop_assert_eq!(reader.decide(false, p), bit),
                    Step::Number(v, width) => prop_assert_eq!(reader.uniform(0, width), v),
                }
            }
            prop_assert!(reader.ended());
        }

        #[test]
        fn any_bytes_can_be_read(bytes in prop::collection::vec(any::<u8>(), 0..60), steps in prop::collection::vec(step(), 0..200)) {
            let mut reader = Reader::new(&bytes);
            for s in &steps {
                match *s {
                    Step::Bit(_, p) => drop(reader.decide(false, p)),
                    Step::Number(_, width) => prop_assert!(reader.uniform(0, width) < width),
                }
            }
        }
    }

    #[test]
    fn what_is_certain_is_nearly_free_and_carries_run_through() {
        let mut writer = Writer::default();
        for _ in 0..100_000 {
            writer.decide(false, 1);
        }
        assert!(writer.finish().len() < 8);
    }
}

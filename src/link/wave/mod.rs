//! Waveforms, a sample an event: what is left of a difference after prediction, by a code that follows the noise.
//!
//! ```text
//! sample ─► [grid of the bound] ─► difference ─► minus its prediction ─► zigzag ─► Rice code, or one of 8 tables
//!                                     ▲               │                     ▲
//!                                     └─ signs, late ─┘        running mean ┘
//! ```
//!
//! docs/adr/0009-waveforms.md has the arithmetic and why it is so; hdl/wave_*.v do the same in hardware.

mod learn;
#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::prefix::{PrefixCode, SymbolTable};
use crate::entropy::bytes::{BitReader, BitWriter, malformed};
use crate::error::Result;
use crate::fixed::QFormat;

/// Taps of the predictor.
pub const TAPS: usize = 8;
/// Fractional bits of its weights.
pub const FRACTION: u32 = 8;
/// Bits of a weight, two's complement.
pub const WEIGHT_BITS: u32 = 10;
/// Samples after which an error reaches the weights, beyond the one it must be: time for a pipeline.
pub const DELAY: usize = 5;
/// The mean at the start of a frame.
pub const START: u32 = 8;
/// Zeros of the Rice escape.
pub const UNARY: u32 = 16;
/// Tables, one for each octave of the mean.
pub const TABLES: usize = 8;
/// Symbols of a table but the escape.
pub const SYMBOLS: usize = 63;
/// The longest code of a table.
pub const LONGEST: u32 = 12;
/// Octaves whose tables see all bits of a number; in each one above a further low bit is sent as it is.
pub const DIRECT: u32 = 3;
/// Bits of a sample, at least and at most.
pub const WIDTHS: std::ops::RangeInclusive<u32> = 4..=16;

/// How the samples of a waveform are sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Waveform {
    /// What a sample may differ by from what is sent, in its own unit; 0 to lose nothing.
    #[serde(default)]
    pub bound: u32,
    /// What a sample is predicted from.
    pub predictor: Predictor,
    /// The running mean forgets `2^-shift` of itself with each sample; 2 to 6.
    pub shift: u32,
    /// How what is left is sent.
    pub code: WaveCode,
}

/// What a sample is predicted from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Predictor {
    /// The sample before.
    Previous,
    /// The sample before, and 8 differences by weights that learn (sign-sign LMS).
    #[default]
    Lms8,
}

/// How numbers are sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WaveCode {
    /// Rice codes.
    Rice {
        /// Quarters that are taken from the mean before it gives the low bits, 0 to 3.
        bias: u32,
    },
    /// Learned codes.
    Tables {
        /// Octave of the first table, 0 to 9.
        base: u32,
        /// 8 tables of up to 63 symbols; the others have no codes.
        tables: Vec<PrefixCode>,
    },
}

impl Waveform {
    /// Samples on the grid of the bound, and their bits.
    pub fn grid(&self, format: QFormat) -> Grid {
        Grid::new(format, self.bound)
    }

    /// The most bits of a sample.
    pub fn worst_bits(&self, format: QFormat) -> u32 {
        let width = self.grid(format).width;
        match &self.code {
            WaveCode::Rice { .. } => UNARY + width,
            WaveCode::Tables { base, tables } => {
                let low = |t: usize| (base + t as u32).saturating_sub(DIRECT);
                let longest = |(t, table): (usize, &PrefixCode)| {
                    let direct = table.lengths.iter().max().map_or(0, |l| u32::from(*l) + low(t));
                    direct.max(u32::from(table.escape) + width)
                };
                tables.iter().enumerate().map(longest).max().unwrap_or(0).max(width)
            }
        }
    }

    /// What is wrong with it, if anything is.
    pub fn fault(&self, format: QFormat) -> Option<&'static str> {
        let ranges = WIDTHS.contains(&format.width)
            && format.frac == 0
            && (2..=6).contains(&self.shift)
            && self.bound < 1 << (format.width - 1);
        if !ranges {
            return Some(
                "waveforms have whole samples of 4 to 16 bits, a bound below half of their range, a shift of 2 to 6",
            );
        }
        let sound = match &self.code {
            WaveCode::Rice { bias } => *bias <= 3,
            WaveCode::Tables { base, tables } => {
                let sound = |t: &PrefixCode| t.lengths.len() <= SYMBOLS && t.escape > 0 && t.is_sound(LONGEST);
                *base <= 9 && tables.len() == TABLES && tables.iter().all(sound)
            }
        };
        (!sound).then_some(
            "a bias of more than 3, a base of more than 9, or tables that are not 8 prefix codes of 63 symbols",
        )
    }

    /// Low bits of the Rice code; with tables, which, and the low bits that it does not see.
    fn place(&self, mean: u32) -> (usize, u32) {
        match self.code {
            WaveCode::Rice { bias } => {
                (0, bit_length(mean.saturating_sub(bias << (self.shift - 2)) >> (self.shift + 1)))
            }
            WaveCode::Tables { base, .. } => octave(base, self.shift, mean),
        }
    }
}

/// Table, and how many low bits it does not see.
fn octave(base: u32, shift: u32, mean: u32) -> (usize, u32) {
    let c = bit_length(mean >> shift).clamp(base, base + TABLES as u32 - 1);
    ((c - base) as usize, c.saturating_sub(DIRECT))
}

fn bit_length(value: u32) -> u32 {
    u32::BITS - value.leading_zeros()
}

/// Samples within a bound of each other are one point: `sample - smallest` becomes `(that + bound) / (2 bound + 1)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    format: QFormat,
    bound: u32,
    /// Bits of a point.
    pub width: u32,
}

impl Grid {
    fn new(format: QFormat, bound: u32) -> Self {
        let largest = ((1u32 << format.width) - 1 + bound) / (2 * bound + 1);
        Grid { format, bound, width: bit_length(largest).max(*WIDTHS.start()) }
    }

    /// The point of a sample; of bound 0 its low bits.
    fn point(&self, sample: i64) -> u32 {
        match self.bound {
            0 => sample as u32 & ((1 << self.width) - 1),
            bound => ((sample - self.format.min()) as u32 + bound) / (2 * bound + 1),
        }
    }

    /// The sample in the middle of a point; `None` if there is none.
    fn sample(&self, point: u32) -> Option<i64> {
        if self.bound == 0 {
            return Some(self.format.from_bits(point.into()));
        }
        let middle = self.format.min() + i64::from(point) * i64::from(2 * self.bound + 1);
        (middle - i64::from(self.bound) <= self.format.max()).then_some(middle.min(self.format.max()))
    }
}

/// A waveform ready to be written or read, sample by sample.
pub struct Lane<'a> {
    of: &'a Waveform,
    grid: Grid,
    tables: Vec<SymbolTable>,
    state: State,
    /// The point before; `None` at the start of a frame.
    before: Option<u32>,
}

impl<'a> Lane<'a> {
    /// At the start of a frame.
    pub fn new(of: &'a Waveform, format: QFormat) -> Self {
        let grid = of.grid(format);
        let tables = match &of.code {
            WaveCode::Rice { .. } => Vec::new(),
            WaveCode::Tables { tables, .. } => tables.iter().map(PrefixCode::symbols).collect(),
        };
        Lane { of, grid, tables, state: State::new(of.predictor, of.shift, grid.width), before: None }
    }

    /// Begins a frame.
    pub fn restart(&mut self) {
        self.state = State::new(self.of.predictor, self.of.shift, self.grid.width);
        self.before = None;
    }

    /// Writes a sample; returns its bits.
    pub fn put(&mut self, out: &mut BitWriter, sample: i64) -> u32 {
        let point = self.grid.point(sample);
        let Some(before) = self.before.replace(point) else {
            out.put(point.into(), self.grid.width);
            return self.grid.width;
        };
        let z = self.state.fold(point.wrapping_sub(before) as i32);
        let bits = self.put_number(out, z);
        self.state.step(z);
        bits
    }

    /// Reads a sample.
    ///
    /// # Errors
    /// [`Code::ContainerDamaged`](crate::error::Code::ContainerDamaged) where the bits end, or are no sample.
    pub fn get(&mut self, bits: &mut BitReader) -> Result<i64> {
        let point = match self.before {
            None => bits.get(self.grid.width)? as u32,
            Some(before) => {
                let z = self.number(bits)?;
                before.wrapping_add(self.state.step(z) as u32) & ((1 << self.grid.width) - 1)
            }
        };
        self.before = Some(point);
        self.grid.sample(point).ok_or_else(|| malformed("bits are no sample"))
    }

    fn put_number(&self, out: &mut BitWriter, z: u32) -> u32 {
        let (table, low) = self.of.place(self.state.mean);
        let (h, width) = (z >> low, self.grid.width);
        if let Some(table) = self.tables.get(table) {
            if let Some((code, length)) = table.code(h as usize) {
                out.put(code.into(), length);
                out.put(z.into(), low);
                return length + low;
            }
            let (code, length) = table.escape();
            out.put(code.into(), length);
            out.put(z.into(), width);
            return length + width;
        }
        if h < UNARY {
            out.put(1 << h, h + 1);
            out.put(z.into(), low);
            h + 1 + low
        } else {
            out.put(0, UNARY);
            out.put(z.into(), width);
            UNARY + width
        }
    }

    fn number(&self, bits: &mut BitReader) -> Result<u32> {
        let (table, low) = self.of.place(self.state.mean);
        let high = match self.tables.get(table) {
            Some(table) => table.get(bits)?.map(|h| h as u32),
            None => {
                let mut zeros = 0;
                while zeros < UNARY && bits.get(1)? == 0 {
                    zeros += 1;
                }
                (zeros < UNARY).then_some(zeros)
            }
        };
        let z = match high {
            Some(h) => h << low | bits.get(low)? as u32,
            None => bits.get(self.grid.width)? as u32,
        };
        if z >> self.grid.width != 0 {
            return Err(malformed("a number has more bits than a sample"));
        }
        Ok(z)
    }
}

/// What both ends know before a sample.
#[derive(Clone)]
struct State {
    predictor: Predictor,
    shift: u32,
    width: u32,
    weights: [i32; TAPS],
    /// The last differences, the newest first.
    past: [i32; TAPS],
    /// Signs of an error times those of the differences it was predicted from, the newest first: they wait for their turn.
    waiting: [[i32; TAPS]; DELAY + 1],
    mean: u32,
}

impl State {
    fn new(predictor: Predictor, shift: u32, width: u32) -> Self {
        let (weights, past, waiting) = ([0; TAPS], [0; TAPS], [[0; TAPS]; DELAY + 1]);
        State { predictor, shift, width, weights, past, waiting, mean: START << shift }
    }

    /// A number of `width` bits, two's complement, from its low bits.
    fn wrap(&self, value: i32) -> i32 {
        let rest = 32 - self.width;
        value << rest >> rest
    }

    /// The next difference as predicted.
    fn predicted(&self) -> i32 {
        let sum: i32 = self.weights.iter().zip(&self.past).map(|(w, d)| w * d).sum();
        (sum + (1 << (FRACTION - 1))) >> FRACTION
    }

    /// The number that stands for a difference.
    fn fold(&self, difference: i32) -> u32 {
        let e = self.wrap(difference.wrapping_sub(self.predicted()));
        ((e << 1) ^ (e >> 31)) as u32
    }

    /// Takes a number in; returns the difference that it stands for.
    fn step(&mut self, z: u32) -> i32 {
        let e = (z >> 1) as i32 ^ -((z & 1) as i32);
        let d = self.wrap(e + self.predicted());
        self.mean = self.mean + z - (self.mean >> self.shift);
        if self.predictor == Predictor::Lms8 {
            self.waiting.copy_within(..DELAY, 1);
            self.waiting[0] = self.past.map(|d| d.signum() * e.signum());
            let most = (1 << (WEIGHT_BITS - 1)) - 1;
            for (w, step) in self.weights.iter_mut().zip(&self.waiting[DELAY]) {
                *w = (*w + step).clamp(-most - 1, most);
            }
            self.past.copy_within(..TAPS - 1, 1);
            self.past[0] = d;
        }
        d
    }
}

//! Codes of waveforms, learned from samples.

use super::{DIRECT, LONGEST, Predictor, START, SYMBOLS, State, TABLES, WaveCode, Waveform, octave};
use crate::fixed::QFormat;
use crate::link::prefix::{PrefixCode, limited_lengths};

impl Waveform {
    /// The code that takes the fewest bits.
    ///
    /// * `format`: of the samples
    /// * `frames`: samples between which nothing is remembered
    /// * `tables`: whether numbers are sent by learned tables, rather than by Rice codes
    pub fn learn(format: QFormat, frames: &[&[i64]], predictor: Predictor, tables: bool, bound: u32) -> Self {
        let start = Waveform { bound, predictor, shift: 2, code: WaveCode::Rice { bias: 0 } };
        let grid = start.grid(format);
        let numbers: Vec<Vec<u32>> = frames.iter().map(|frame| numbers(&start, grid, frame)).collect();
        let shifts = if tables { 2..=4 } else { 2..=6 };
        let mut best: Option<(u64, Waveform)> = None;
        for shift in shifts {
            let codes: Vec<WaveCode> = match tables {
                false => (0..=3).map(|bias| WaveCode::Rice { bias }).collect(),
                true => (0..=9).map(|base| tables_of(&numbers, shift, base, grid.width)).collect(),
            };
            for code in codes {
                let wave = Waveform { shift, code, ..start.clone() };
                let bits = bits(&wave, &numbers, grid.width);
                if best.as_ref().is_none_or(|(least, _)| bits < *least) {
                    best = Some((bits, wave));
                }
            }
        }
        best.map_or(start, |(_, wave)| wave)
    }
}

/// The numbers that a frame's samples become, after its first.
fn numbers(wave: &Waveform, grid: super::Grid, frame: &[i64]) -> Vec<u32> {
    let mut state = State::new(wave.predictor, wave.shift, grid.width);
    let points: Vec<u32> = frame.iter().map(|s| grid.point(*s)).collect();
    let number = |pair: &[u32]| {
        let z = state.fold(pair[1].wrapping_sub(pair[0]) as i32);
        state.step(z);
        z
    };
    points.windows(2).map(number).collect()
}

/// Calls `each` with all numbers and the mean before each.
fn with_means(numbers: &[Vec<u32>], shift: u32, mut each: impl FnMut(u32, u32)) {
    for frame in numbers {
        let mut mean = START << shift;
        for z in frame {
            each(*z, mean);
            mean = mean + z - (mean >> shift);
        }
    }
}

/// Bits of all numbers.
fn bits(wave: &Waveform, numbers: &[Vec<u32>], width: u32) -> u64 {
    let mut sum = 0;
    with_means(numbers, wave.shift, |z, mean| {
        let (table, low) = wave.place(mean);
        sum += u64::from(match &wave.code {
            WaveCode::Rice { .. } if z >> low < super::UNARY => (z >> low) + 1 + low,
            WaveCode::Rice { .. } => super::UNARY + width,
            WaveCode::Tables { tables, .. } => match tables[table].lengths.get((z >> low) as usize) {
                Some(length) if *length > 0 => u32::from(*length) + low,
                _ => u32::from(tables[table].escape) + width,
            },
        });
    });
    sum
}

fn tables_of(numbers: &[Vec<u32>], shift: u32, base: u32, width: u32) -> WaveCode {
    let mut counts = [[0u64; SYMBOLS + 1]; TABLES];
    with_means(numbers, shift, |z, mean| {
        let (table, low) = octave(base, shift, mean);
        counts[table][((z >> low) as usize).min(SYMBOLS)] += 1;
    });
    let table = |(t, counts): (usize, &[u64; SYMBOLS + 1])| {
        let c = base + t as u32;
        learn_table(counts, c.min(DIRECT), c.saturating_sub(DIRECT), width)
    };
    WaveCode::Tables { base, tables: counts.iter().enumerate().map(table).collect() }
}

/// The code of one table. Of other data there is always more: what was never seen counts a little, less and less with its
/// size, halved every `2^half` symbols.
fn learn_table(counts: &[u64; SYMBOLS + 1], half: u32, low: u32, width: u32) -> PrefixCode {
    let seen = |h: usize| 64 * counts[h] + if h < SYMBOLS { 64u64 >> (h >> half) } else { 8 };
    let mut kept: Vec<usize> = (0..=SYMBOLS).filter(|h| seen(*h) > 0).collect();
    loop {
        let rest: u64 = (0..=SYMBOLS).filter(|h| !kept.contains(h)).map(seen).sum();
        let weights: Vec<u64> = kept.iter().map(|h| seen(*h) + if *h == SYMBOLS { rest } else { 0 }).collect();
        let found = limited_lengths(&weights, LONGEST);
        let escape = found[kept.len() - 1];
        // Who is cheaper behind the escape has no code.
        let stay = |at: usize| kept[at] == SYMBOLS || u32::from(found[at]) + low <= u32::from(escape) + width;
        let staying: Vec<usize> = (0..kept.len()).filter(|at| stay(*at)).map(|at| kept[at]).collect();
        if staying.len() == kept.len() {
            let mut lengths = vec![0; SYMBOLS];
            kept.iter().zip(&found).filter(|(h, _)| **h < SYMBOLS).for_each(|(h, length)| lengths[*h] = *length);
            lengths.truncate(lengths.iter().rposition(|l| *l > 0).map_or(0, |last| last + 1));
            return PrefixCode { lengths, escape };
        }
        kept = staying;
    }
}

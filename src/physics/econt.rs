//! What the ECON-T ASIC of the CMS HGCAL sends of a wafer's 48 trigger cells, bit by bit: the classical rivals of an autoencoder.
//!
//! ```text
//! threshold sum   BX 5, type 3, rest 8, then      none: nothing | 1 to 7 cells: count 3, places 6 each, charges 7 each
//!                 (all in whole words of 16)      8 or more: map 48, charges 7 each
//! best choice     BX 4, rest 8, then              up to 7 cells: places 6 each, charges 7 each | more: map 48, charges 7 each
//! super cells     BX 4, places of the largest cells, sums
//! ```
//!
//! Charges are floats of 4 exponent and 3 mantissa bits, the rest (the sum of all cells that are not sent) has 5 and 3, sums of
//! super cells have 5 and 4, or 4 and 3. Sources: the unpackers and the ASIC's own vectors in github.com/cmantill/econt_test-vectors
//! (threshold sum; maps, places and sums of its vectors are reproduced by the tests here) and CMS's emulation of the trigger
//! primitives (`TPGFEModuleEmulation`: best choice, super cells). Not public, and assumed: no bit of the charges is dropped
//! (`drop_lsb` 0, the most precise), no words of an eTx are padded, no frame is truncated, and the receiver takes the middle of the
//! interval that a sum's code stands for. All of that is in favour of the ASIC.

use std::fmt;

/// Trigger cells of a wafer.
pub const CELLS: usize = 48;

/// From so many cells on, a map of 48 bits takes the place of a list of places.
const MAP_FROM: usize = 8;

/// An unsigned float of `exponent` and `mantissa` bits; what does not fit is cut off, what is too large saturates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Float {
    exponent: u32,
    mantissa: u32,
}

/// Charges of cells.
pub const CHARGE: Float = Float { exponent: 4, mantissa: 3 };
/// The sum of what is not sent.
pub const REST: Float = Float { exponent: 5, mantissa: 3 };
/// Sums of super cells.
pub const SUM: Float = Float { exponent: 5, mantissa: 4 };

impl Float {
    fn bits(self) -> u32 {
        self.exponent + self.mantissa
    }

    /// The code of `v`: `v` itself below `2^mantissa`, else exponent and the bits after the leading one.
    pub fn code(self, v: u64) -> u64 {
        let top = 1 << self.mantissa;
        if v < top {
            return v;
        }
        let shift = v.ilog2() - self.mantissa;
        let code = (u64::from(shift) + 1) << self.mantissa | ((v >> shift) - top);
        code.min((1 << self.bits()) - 1)
    }

    /// The smallest value of that code, and how many integers share it.
    fn interval(self, code: u64) -> (u64, u64) {
        let (exponent, mantissa) = (code >> self.mantissa, code & ((1 << self.mantissa) - 1));
        match exponent {
            0 => (mantissa, 1),
            e => ((mantissa + (1 << self.mantissa)) << (e - 1), 1 << (e - 1)),
        }
    }

    /// The mean of the integers of that code.
    fn middle(self, code: u64) -> f64 {
        let (low, width) = self.interval(code);
        low as f64 + (width - 1) as f64 / 2.0
    }
}

/// What is done with the cells of a crossing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// Cells of this charge or more are sent, and the sum of the others.
    Threshold(u64),
    /// The so many largest cells are sent, and the sum of the others.
    BestChoice(usize),
    /// Sums over groups of neighbouring cells.
    SuperCells {
        /// Cells of a group.
        group: usize,
        /// Form of the sums.
        sum: Float,
        /// Whether the place of the largest cell is sent.
        place: bool,
        /// Whether the receiver shares a sum out evenly, instead of putting it where the largest cell is.
        even: bool,
    },
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Algorithm::Threshold(t) => write!(f, "threshold sum, charge >= {t}"),
            Algorithm::BestChoice(n) => write!(f, "best choice, {n} cells"),
            Algorithm::SuperCells { group, sum, place, even } => {
                let name = if *place { "STC" } else { "CTC" };
                let how = if *place && *even { ", shared evenly" } else { "" };
                write!(f, "{name}{group}, {}E{}M{how}", sum.exponent, sum.mantissa)
            }
        }
    }
}

/// Bits, the first sent first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame(Vec<bool>);

impl Frame {
    fn push(&mut self, value: u64, bits: u32) {
        self.0.extend((0..bits).rev().map(|i| value >> i & 1 == 1));
    }

    fn pad(&mut self) {
        self.0.resize(self.0.len().next_multiple_of(16), false);
    }

    /// How many.
    pub fn bits(&self) -> usize {
        self.0.len()
    }
}

struct Reader<'a>(std::slice::Iter<'a, bool>);

impl Reader<'_> {
    /// Bits past the end are 0.
    fn take(&mut self, bits: u32) -> u64 {
        (0..bits).fold(0, |v, _| v << 1 | u64::from(self.0.next().is_some_and(|b| *b)))
    }
}

impl Algorithm {
    /// The frame of a crossing.
    ///
    /// * `crossing`: bunch crossing number; its low bits are sent
    pub fn encode(self, cells: &[u64; CELLS], crossing: u64) -> Frame {
        let mut frame = Frame::default();
        match self {
            Algorithm::Threshold(least) => {
                let sent: Vec<usize> = (0..CELLS).filter(|i| cells[*i] >= least).collect();
                let kind = match sent.len() {
                    0 => 0b000,
                    n if n < MAP_FROM => 0b010,
                    _ => 0b100,
                };
                frame.push(crossing & 31, 5);
                frame.push(kind, 3);
                frame.push(REST.code(rest(cells, &sent)), REST.bits());
                if (1..MAP_FROM).contains(&sent.len()) {
                    frame.push(sent.len() as u64, 3);
                }
                places(&mut frame, &sent);
                sent.iter().for_each(|i| frame.push(CHARGE.code(cells[*i]), CHARGE.bits()));
                frame.pad();
            }
            Algorithm::BestChoice(n) => {
                let sent = largest(cells, n);
                frame.push(crossing & 15, 4);
                frame.push(REST.code(rest(cells, &sent)), REST.bits());
                places(&mut frame, &sent);
                sent.iter().for_each(|i| frame.push(CHARGE.code(cells[*i]), CHARGE.bits()));
            }
            Algorithm::SuperCells { group, sum, place, .. } => {
                frame.push(crossing & 15, 4);
                if place {
                    cells.chunks(group).for_each(|c| frame.push(first_largest(c) as u64, group.ilog2()));
                }
                cells.chunks(group).for_each(|c| frame.push(sum.code(c.iter().sum()), sum.bits()));
            }
        }
        frame
    }

    /// What a receiver makes of a frame: the rest is shared out evenly among the cells that were not sent.
    pub fn decode(self, frame: &Frame) -> [f64; CELLS] {
        let mut bits = Reader(frame.0.iter());
        let mut cells = [0.0; CELLS];
        match self {
            Algorithm::Threshold(_) | Algorithm::BestChoice(_) => {
                let by_threshold = matches!(self, Algorithm::Threshold(_));
                bits.take(if by_threshold { 5 } else { 4 });
                let kind = if by_threshold { bits.take(3) } else { 0 };
                let rest = REST.middle(bits.take(REST.bits()));
                let count = match self {
                    Algorithm::BestChoice(n) => n.min(CELLS),
                    _ if kind == 0b010 => bits.take(3) as usize,
                    _ if kind == 0b100 => CELLS,
                    _ => 0,
                };
                let sent: Vec<usize> = if count >= MAP_FROM {
                    (0..CELLS).filter(|_| bits.take(1) == 1).collect()
                } else {
                    (0..count).map(|_| bits.take(6) as usize).collect()
                };
                let share = rest / (CELLS - sent.len()).max(1) as f64;
                cells = [share; CELLS];
                for i in sent {
                    // The charges of the data are numbers of this form: their code loses nothing.
                    let charge = CHARGE.interval(bits.take(CHARGE.bits())).0 as f64;
                    if let Some(cell) = cells.get_mut(i) {
                        *cell = charge;
                    }
                }
            }
            Algorithm::SuperCells { group, sum, place, even } => {
                bits.take(4);
                let groups = CELLS / group;
                let places: Vec<usize> =
                    (0..groups).filter(|_| place).map(|_| bits.take(group.ilog2()) as usize).collect();
                for g in 0..groups {
                    let energy = sum.middle(bits.take(sum.bits()));
                    match places.get(g).filter(|_| !even) {
                        Some(at) => cells[g * group + at] = energy,
                        None => cells[g * group..][..group].fill(energy / group as f64),
                    }
                }
            }
        }
        cells
    }

    /// The algorithms that keep to `bits` a crossing on average over `rows`, with the most that they can send; and the super cells,
    /// whose frames have the length they have.
    pub fn within(rows: &[[u64; CELLS]], bits: f64) -> Vec<Algorithm> {
        let mut all = Vec::new();
        let mut charges: Vec<u64> = rows.iter().flatten().copied().filter(|c| *c > 0).collect();
        charges.sort_unstable();
        charges.dedup();
        let mean = |least: u64| {
            let frame = |cells: &[u64; CELLS]| threshold_bits(cells.iter().filter(|c| **c >= least).count());
            rows.iter().map(frame).sum::<usize>() as f64 / rows.len().max(1) as f64
        };
        // A higher threshold never takes more bits.
        let at = charges.partition_point(|t| mean(*t) > bits);
        all.extend(charges.get(at).map(|t| Algorithm::Threshold(*t)));
        let best = (1..=CELLS).rev().find(|n| best_choice_bits(*n) as f64 <= bits);
        all.extend(best.map(Algorithm::BestChoice));
        for (group, sum) in [(16, SUM), (4, CHARGE), (4, SUM)] {
            all.extend([false, true].map(|even| Algorithm::SuperCells { group, sum, place: true, even }));
        }
        all.push(Algorithm::SuperCells { group: 4, sum: CHARGE, place: false, even: true });
        all
    }
}

/// Bits of a threshold frame that sends `n` cells.
fn threshold_bits(n: usize) -> usize {
    match n {
        0 => 16,
        n if n < MAP_FROM => 16 + (3 + 13 * n).next_multiple_of(16),
        n => 16 + (48 + 7 * n).next_multiple_of(16),
    }
}

fn best_choice_bits(n: usize) -> usize {
    if n < MAP_FROM { 12 + 13 * n } else { 12 + 48 + 7 * n }
}

fn places(frame: &mut Frame, sent: &[usize]) {
    if sent.len() < MAP_FROM {
        sent.iter().for_each(|i| frame.push(*i as u64, 6));
    } else {
        (0..CELLS).for_each(|i| frame.push(u64::from(sent.contains(&i)), 1));
    }
}

fn rest(cells: &[u64; CELLS], sent: &[usize]) -> u64 {
    cells.iter().sum::<u64>() - sent.iter().map(|i| cells[*i]).sum::<u64>()
}

/// The places of the `n` largest, in their order; of equal ones the first.
fn largest(cells: &[u64; CELLS], n: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..CELLS).collect();
    order.sort_by_key(|i| std::cmp::Reverse(cells[*i]));
    order.truncate(n);
    order.sort_unstable();
    order
}

fn first_largest(cells: &[u64]) -> usize {
    let most = cells.iter().max();
    cells.iter().position(|c| Some(c) == most).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Codes of the first crossing of the test vectors.
    const CODES: [u64; CELLS] = [
        10, 23, 23, 22, 16, 13, 6, 2, 13, 29, 34, 2, 28, 5, 13, 5, 30, 26, 25, 22, 40, 6, 4, 27, 34, 41, 27, 42, 5, 29,
        24, 18, 8, 12, 28, 25, 27, 16, 20, 16, 16, 15, 17, 0, 32, 24, 22, 24,
    ];

    /// Its charges as the ASIC sees them, in parts of a unit: the middle of the interval that a code stands for.
    fn charges(parts: u64) -> [u64; CELLS] {
        CODES.map(|c| {
            let (low, width) = CHARGE.interval(c);
            low * parts + width * parts / 2
        })
    }

    #[test]
    fn super_cells_equal_what_the_asic_sent() {
        let stc16 = Algorithm::SuperCells { group: 16, sum: SUM, place: true, even: false };
        // Words `fabc339f 0d400000` of mcDataset/STC_type1_eTx2: BX 15, places 10, 11, 12, sums 103, 124, 106.
        let frame = stc16.encode(&charges(2), 15);
        let mut words = Frame::default();
        words.push(0xfabc_339f, 32);
        words.push(0x0d40_0000, 32);
        assert_eq!(frame.0, words.0[..43]);
    }

    #[test]
    fn a_threshold_frame_equals_what_the_asic_sent() {
        // Words `fc2dfeea fdf7ffef` of mcDataset/TS_Thr47_13eTx: BX 31, type 4, sum 45, the map.
        let frame = Algorithm::Threshold(47).encode(&charges(8), 31);
        let mut words = Frame::default();
        words.push(0xfc2d_feea, 32);
        words.push(0xfdf7_ffef, 32);
        assert_eq!(frame.0[..64], words.0);
        let sent = words.0[16..].iter().filter(|b| **b).count();
        assert_eq!(frame.bits(), 16 + (48 + 7 * sent).next_multiple_of(16));
    }

    /// Charges that the code of a cell holds without loss.
    fn wafer(seed: u64, full: u64) -> [u64; CELLS] {
        let mut state = seed;
        std::array::from_fn(|_| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            if state >> 60 < full { CHARGE.interval(state >> 32 & 127).0 } else { 0 }
        })
    }

    #[test]
    fn frames_decode_to_what_was_sent_and_have_the_bits_of_their_form() {
        for (seed, full) in (0..60).map(|s| (s, s % 17)) {
            let cells = wafer(seed, full);
            let sum: u64 = cells.iter().sum();
            for least in [1, 40, 3000, u64::MAX] {
                let frame = Algorithm::Threshold(least).encode(&cells, seed);
                let n = cells.iter().filter(|c| **c >= least).count();
                assert_eq!(frame.bits(), threshold_bits(n));
                let back = Algorithm::Threshold(least).decode(&frame);
                let rest = sum - cells.iter().filter(|c| **c >= least).sum::<u64>();
                for (c, b) in cells.iter().zip(back).filter(|(c, _)| **c >= least) {
                    assert_eq!(*c as f64, b);
                }
                assert!((back.iter().sum::<f64>() - sum as f64).abs() <= rest as f64 / 16.0);
            }
            for n in [1, 2, 7, 8, 48] {
                let frame = Algorithm::BestChoice(n).encode(&cells, seed);
                assert_eq!(frame.bits(), best_choice_bits(n));
                let back = Algorithm::BestChoice(n).decode(&frame);
                let sent = largest(&cells, n);
                assert!(sent.iter().all(|i| back[*i] == cells[*i] as f64));
                assert!(n < CELLS || back == cells.map(|c| c as f64));
            }
            for (group, form, place, bits) in
                [(16, SUM, true, 43), (4, CHARGE, true, 112), (4, SUM, true, 136), (4, CHARGE, false, 88)]
            {
                let algorithm = Algorithm::SuperCells { group, sum: form, place, even: !place };
                let frame = algorithm.encode(&cells, seed);
                assert_eq!(frame.bits(), bits, "{algorithm}");
                let back = algorithm.decode(&frame);
                for (g, sent) in cells.chunks(group).zip(back.chunks(group)) {
                    let (was, is) = (g.iter().sum::<u64>(), sent.iter().sum::<f64>());
                    assert_eq!(form.code(was), form.code(is.round() as u64));
                    assert!(!place || was == 0 || sent[first_largest(g)] == is);
                }
            }
        }
    }

    #[test]
    fn a_budget_chooses_the_lowest_threshold_that_keeps_to_it() {
        let rows: Vec<[u64; CELLS]> = (0..200).map(|s| wafer(s, 4)).collect();
        let all = Algorithm::within(&rows, 100.0);
        let mean = |a: Algorithm| rows.iter().map(|r| a.encode(r, 0).bits()).sum::<usize>() as f64 / 200.0;
        let Algorithm::Threshold(chosen) = all[0] else { panic!("{all:?}") };
        assert!(mean(all[0]) <= 100.0, "{}", mean(all[0]));
        let below = rows.iter().flatten().copied().filter(|c| *c > 0 && *c < chosen).max().unwrap();
        assert!(mean(Algorithm::Threshold(below)) > 100.0);
        assert_eq!(all[1], Algorithm::BestChoice(6));
        assert!(Algorithm::within(&rows, 1.0).iter().all(|a| matches!(a, Algorithm::SuperCells { .. })));
    }
}

//! Samples that follow each other in time: predicted, and what is left coded by how large it was of late.
//!
//! ```text
//! sample ─► difference d ─┬─► 8 taps, quick ───┐
//!                         └─► 24 taps, slow ───┴─► mean ─► d - mean ─► decisions of a tree
//! ```
//!
//! Both predictors learn by the signs of error and input (sign-sign LMS). Contexts are running means of what was left, short
//! and long, the value before, how much the predictors disagree, and how young the record is.

use super::binary::{Decisions, Reader as DecisionReader, Writer};
use super::symbols::Symbols;
use super::tree::Tree;
use super::with_vectors;
use crate::entropy::bytes::{Reader, malformed};
use crate::error::Result;

/// Samples beyond this are not predicted.
pub const LARGEST: i64 = 1 << 24;

/// Leaves of the tree of what is left.
fn leaves_for(values: usize) -> usize {
    ((values as f64).sqrt() / 3.0).clamp(8.0, 240.0) as usize
}

/// A linear predictor of differences.
struct Taps<const N: usize> {
    weights: [i32; N],
    /// The latest first.
    inputs: [i32; N],
    step: i32,
}

/// Bits of a weight behind the point.
const POINT: u32 = 12;

impl<const N: usize> Taps<N> {
    fn new(step: i32) -> Self {
        Taps { weights: [0; N], inputs: [0; N], step }
    }

    #[inline(always)]
    fn predict(&self) -> i64 {
        let mut sum = 1i64 << (POINT - 1);
        for k in 0..N {
            sum = sum.wrapping_add(i64::from(self.weights[k]).wrapping_mul(i64::from(self.inputs[k])));
        }
        sum >> POINT
    }

    #[inline(always)]
    fn learn(&mut self, error: i64, input: i64) {
        let step = self.step * error.signum() as i32;
        for k in 0..N {
            let moved = self.weights[k].wrapping_add(step.wrapping_mul(self.inputs[k].signum()));
            self.weights[k] = moved.clamp(-(1 << 20), 1 << 20);
        }
        self.inputs.copy_within(..N - 1, 1);
        self.inputs[0] = input as i32;
    }
}

/// The predictors of one lane.
struct Lane {
    quick: Taps<8>,
    slow: Taps<24>,
    before: i64,
    first: bool,
}

impl Lane {
    fn new() -> Self {
        Lane { quick: Taps::new(32), slow: Taps::new(4), before: 0, first: true }
    }

    /// What is expected of the next sample, and by how much the predictors disagree.
    #[inline(always)]
    fn predict(&self) -> [i64; 3] {
        let (a, b) = (self.quick.predict(), self.slow.predict());
        let limit = |x: i64| x.clamp(-4 * LARGEST, 4 * LARGEST);
        [self.before + limit((a + b) >> 1), a, b]
    }

    #[inline(always)]
    fn learn(&mut self, sample: i64, [_, a, b]: [i64; 3]) {
        let difference = sample - self.before;
        // The first sample tells where the record lies, not how it moves.
        if !self.first {
            self.quick.learn(difference - a, difference);
            self.slow.learn(difference - b, difference);
        }
        self.first = false;
        self.before = sample;
    }
}

/// Running means of what was left, in 4096ths: short, middle and long.
struct Means {
    means: [u64; 3],
    age: usize,
    before: i64,
}

/// Steps that a mean is told in: four an octave.
const STEPS: usize = 64;

impl Means {
    fn new() -> Self {
        Means { means: [0; 3], age: 0, before: 0 }
    }

    /// The step of a mean: 0 is below a sixteenth.
    fn step(&self, k: usize) -> usize {
        let x = self.means[k] + 205;
        let octave = x.ilog2();
        let quarter = (x >> (octave - 2)) & 3;
        ((4 * octave as usize + quarter as usize).saturating_sub(30)).min(STEPS - 1)
    }

    #[inline(always)]
    fn learn(&mut self, left: i64) {
        let young = u32::from(self.age < 8);
        let size = left.unsigned_abs().min(60_000) << 12;
        for (mean, shift) in self.means.iter_mut().zip([2, 4 - young, 7 - 3 * young]) {
            *mean = (*mean as i64 + ((size as i64 - *mean as i64) >> shift)) as u64;
        }
        self.age += 1;
        self.before = left;
    }
}

/// A signed number in 9 steps: 0, 1, 2 to 3, 4 to 9, more.
fn nine(x: i64) -> usize {
    let size = match x.unsigned_abs() {
        0 => 0,
        1 => 1,
        2..4 => 2,
        4..10 => 3,
        _ => 4,
    };
    if x < 0 { 4 - size } else { 4 + size }
}

/// States of the contexts.
const STATES: [usize; 6] = [1, STEPS, STEPS * 9, STEPS * STEPS / 4, STEPS * 9, 64 * 16];

/// How samples lie in rows of `width`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    /// A row is a record; the next one begins anew.
    Rows,
    /// Each element of a row follows that of the row before.
    Lanes,
    /// Records that follow each other without a break.
    Through,
}

/// All of them, in the order of their numbers.
pub const COURSES: [Course; 3] = [Course::Rows, Course::Lanes, Course::Through];

impl Course {
    /// Lanes, and after how many samples of each it begins anew.
    fn shape(self, width: usize, count: usize) -> (usize, usize) {
        match self {
            Course::Rows => (1, width),
            Course::Lanes => (width, count),
            Course::Through => (1, count),
        }
    }
}

/// What the predictors leave of samples.
pub fn left(samples: &[i64], width: usize, course: Course) -> Vec<i64> {
    let (lanes, length) = course.shape(width, samples.len());
    let mut all: Vec<Lane> = Vec::new();
    let one = |(i, sample): (usize, &i64)| {
        if (i / lanes).is_multiple_of(length) && i % lanes == 0 {
            all = (0..lanes).map(|_| Lane::new()).collect();
        }
        let lane = &mut all[i % lanes];
        let expected = lane.predict();
        lane.learn(*sample, expected);
        sample - expected[0]
    };
    with_vectors(
        #[inline(always)]
        || samples.iter().enumerate().map(one).collect(),
    )
}

/// The bytes of samples, all within [`LARGEST`].
pub fn encode(samples: &[i64], width: usize, course: Course) -> Vec<u8> {
    let left = left(samples, width, course);
    let tree = Tree::at_most(&left, leaves_for(left.len()));
    let mut out = vec![course as u8];
    tree.write(&mut out);
    let mut writer = Writer::default();
    with_vectors(
        #[inline(always)]
        || run(&mut writer, &tree, width, course, samples.len(), Some(samples)),
    );
    out.extend(writer.finish());
    out
}

/// Reads `count` samples.
///
/// # Errors
/// [`ContainerDamaged`](crate::Code::ContainerDamaged).
pub fn decode(bytes: &[u8], width: usize, count: usize) -> Result<Vec<i64>> {
    let mut reader = Reader::new(bytes);
    let course = usize::from(reader.byte()?);
    let course = *COURSES.get(course).ok_or_else(|| malformed(format!("a series of course {course}")))?;
    let tree = Tree::read(&mut reader)?;
    if width == 0 || tree.leaves.iter().any(|l| l.low < -16 * LARGEST || l.high > 16 * LARGEST) {
        return Err(malformed("samples of a series are too large"));
    }
    let mut decisions = DecisionReader::new(reader.rest());
    let samples = with_vectors(
        #[inline(always)]
        || run(&mut decisions, &tree, width, course, count, None),
    );
    if !decisions.ended() {
        return Err(malformed("decisions of a series are left over"));
    }
    Ok(samples)
}

/// Writes or reads the samples. A reader's predictions stay within bounds, whatever it reads.
#[inline(always)]
fn run(
    coder: &mut impl Decisions,
    tree: &Tree,
    width: usize,
    course: Course,
    count: usize,
    source: Option<&[i64]>,
) -> Vec<i64> {
    let (lanes, length) = course.shape(width, count);
    let mut symbols = Symbols::new(tree, &STATES, count);
    let mut all: Vec<(Lane, Means)> = Vec::new();
    let mut samples = Vec::new();
    for i in 0..count {
        let age = (i / lanes) % length;
        if age == 0 && i % lanes == 0 {
            all = (0..lanes).map(|_| (Lane::new(), Means::new())).collect();
        }
        let (lane, means) = &mut all[i % lanes];
        let expected = lane.predict();
        let (short, middle, long) = (means.step(0), means.step(1), means.step(2));
        let states = [
            0,
            middle,
            short * 9 + nine(means.before),
            (middle / 2) * (STEPS / 2) + long / 2,
            long * 9 + nine(expected[1] - expected[2]),
            age.min(63) * 16 + middle / 4,
        ];
        states.iter().enumerate().for_each(|(k, state)| symbols.mixer.enter(k, *state));
        let left = symbols.code(coder, source.map_or(0, |s| s[i] - expected[0]));
        means.learn(left);
        let sample = (expected[0] + left).clamp(-LARGEST, LARGEST);
        lane.learn(sample, expected);
        samples.push(sample);
    }
    samples
}

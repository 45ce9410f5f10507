//! Samples that follow each other in time: predicted, and what is left coded by how large it was of late.
//!
//! ```text
//! sample ─► difference d ─┬─► 8 taps, quick ───┐
//!                         ├─► 24 taps, slow ───┴─► mean ─► d - mean ─► decisions of a tree
//!                         └─► 16 taps, recursive ─► how it differs from the mean: a context
//! ```
//!
//! The first two learn by the signs of error and input (sign-sign LMS), the third, for which there is time only if all
//! decisions are mixed, by least squares. Contexts are running means of what was left, short and long, the value before, how
//! much the predictors disagree, and how young the record is.

use super::binary::{Decisions, Reader as DecisionReader, Writer};
use super::lanes::{Eight, Lanes, with_lanes};
use super::symbols::Symbols;
use super::tree::Tree;
use super::{ALL, Mixing};
use crate::entropy::bytes::{Reader, malformed};
use crate::error::Result;

/// Samples beyond this are not predicted.
const LARGEST: i64 = 1 << 24;

/// Whether all samples are small enough for a series.
pub fn fits(samples: &[i64]) -> bool {
    samples.iter().all(|v| v.unsigned_abs() <= LARGEST.unsigned_abs())
}

/// Leaves of the tree of what is left.
fn leaves_for(values: usize) -> usize {
    ((values as f64).sqrt() / 3.0).clamp(8.0, 240.0) as usize
}

/// A linear predictor of differences, of eight times `V` taps.
struct Taps<const V: usize> {
    weights: [Eight; V],
    /// The latest first.
    inputs: [Eight; V],
    step: i32,
}

/// Bits of a weight behind the point.
const POINT: u32 = 12;

impl<const V: usize> Taps<V> {
    fn new(step: i32) -> Self {
        Taps { weights: [[0; 8]; V], inputs: [[0; 8]; V], step }
    }

    #[inline(always)]
    fn predict(&self, lanes: impl Lanes) -> i64 {
        lanes.products(&self.weights, &self.inputs).wrapping_add(1 << (POINT - 1)) >> POINT
    }

    #[inline(always)]
    fn learn(&mut self, lanes: impl Lanes, error: i64, input: i64) {
        lanes.nudge(&mut self.weights, &self.inputs, self.step * error.signum() as i32);
        lanes.push(&mut self.inputs, input as i32);
    }
}

/// Most lanes that have a recursive predictor each: it takes 2 KiB.
const MOST_DEEP: usize = 1024;
/// Taps of the recursive predictor.
const TAPS: usize = 16;
/// What it remembers of older samples, a sample.
const MEMORY: f64 = 0.999;

/// A linear predictor of differences that learns by recursive least squares. Sums are taken in one order on every machine.
struct Recursive {
    weights: [f64; TAPS],
    inverse: [[f64; TAPS]; TAPS],
    /// The latest first.
    inputs: [f64; TAPS],
}

impl Recursive {
    fn new() -> Self {
        let mut inverse = [[0.0; TAPS]; TAPS];
        (0..TAPS).for_each(|i| inverse[i][i] = 1.0);
        Recursive { weights: [0.0; TAPS], inverse, inputs: [0.0; TAPS] }
    }

    /// Each tap is added to the one half of those that are left before it: so it is done in vectors.
    #[inline(always)]
    fn predict(&self) -> f64 {
        let mut parts = [0.0; TAPS];
        for k in 0..TAPS {
            parts[k] = self.weights[k] * self.inputs[k];
        }
        let mut half = TAPS / 2;
        while half > 0 {
            for k in 0..half {
                parts[k] += parts[k + half];
            }
            half /= 2;
        }
        parts[0].clamp(-4.0 * LARGEST as f64, 4.0 * LARGEST as f64)
    }

    #[inline(always)]
    fn learn(&mut self, error: f64, input: f64) {
        let mut gain = [0.0; TAPS];
        for j in 0..TAPS {
            for i in 0..TAPS {
                gain[i] += self.inverse[j][i] * self.inputs[j];
            }
        }
        let scale = (0..TAPS).fold(MEMORY, |scale, i| scale + gain[i] * self.inputs[i]);
        // Not for NaN either.
        let sound = scale > 0.0 && scale.is_finite() && error.is_finite() && gain.iter().all(|g| g.abs() < 1e200);
        if sound {
            for i in 0..TAPS {
                self.weights[i] += gain[i] * error / scale;
                let part = gain[i] / scale;
                for j in 0..TAPS {
                    self.inverse[i][j] = (self.inverse[i][j] - part * gain[j]) / MEMORY;
                }
            }
        } else {
            *self = Recursive { inputs: self.inputs, ..Recursive::new() };
        }
        self.inputs.copy_within(..TAPS - 1, 1);
        self.inputs[0] = input;
    }
}

/// What is expected of a sample.
#[derive(Clone, Copy)]
struct Expected {
    sample: i64,
    /// Of the difference, by either predictor.
    quick: i64,
    slow: i64,
    /// What the recursive predictor expects beyond both, if there is one.
    beyond: f64,
    recursive: f64,
}

impl Expected {
    #[inline(always)]
    fn leaves(&self, sample: i64) -> Left {
        let disagreement = nine(self.quick - self.slow) as u8;
        Left { number: sample - self.sample, disagreement, beyond: self.beyond }
    }
}

/// The predictors of one lane.
struct Lane {
    quick: Taps<1>,
    slow: Taps<3>,
    recursive: Option<Box<Recursive>>,
    before: i64,
    first: bool,
}

impl Lane {
    fn new(deep: bool) -> Self {
        let recursive = deep.then(|| Box::new(Recursive::new()));
        Lane { quick: Taps::new(32), slow: Taps::new(4), recursive, before: 0, first: true }
    }

    /// At the start of a record. Only the recursive predictor knows anything of those before.
    fn begin(&mut self) {
        let recursive = self.recursive.take();
        *self = Lane { recursive, ..Lane::new(false) };
        if let Some(recursive) = &mut self.recursive {
            recursive.inputs = [0.0; TAPS];
        }
    }

    #[inline(always)]
    fn predict(&self, lanes: impl Lanes) -> Expected {
        let (quick, slow) = (self.quick.predict(lanes), self.slow.predict(lanes));
        let difference = ((quick + slow) >> 1).clamp(-4 * LARGEST, 4 * LARGEST);
        let recursive = self.recursive.as_ref().map_or(0.0, |r| r.predict());
        let beyond = recursive - difference as f64;
        Expected { sample: self.before + difference, quick, slow, beyond, recursive }
    }

    #[inline(always)]
    fn learn(&mut self, lanes: impl Lanes, sample: i64, expected: Expected) {
        let difference = sample - self.before;
        // The first sample tells where the record lies, not how it moves.
        if !self.first {
            self.quick.learn(lanes, difference - expected.quick, difference);
            self.slow.learn(lanes, difference - expected.slow, difference);
            if let Some(recursive) = &mut self.recursive {
                recursive.learn(difference as f64 - expected.recursive, difference as f64);
            }
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

    /// What is expected beyond, in eighths of the middle mean.
    fn turn(&self, beyond: f64) -> usize {
        let eighths = (beyond * 32_768.0 / (self.means[1] as f64 + 1000.0)).round_ties_even();
        (eighths.clamp(-15.0, 15.0) + 15.0) as usize
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

/// Steps in which a context is told what the recursive predictor expects.
const TURNS: usize = 31;
/// States of the contexts; the last two are of the recursive predictor.
const STATES: [usize; 7] =
    [STEPS, STEPS * 9, STEPS * STEPS / 4, STEPS * 9, 64 * 16, TURNS * STEPS, TURNS * 9 * STEPS / 2];

/// Of them, that which tells decisions that are not mixed; and how many are if few are.
const TELLER: usize = 1;
const MIXED: u8 = 3;

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

/// Which lane each sample belongs to, and its number in the lane's record, in order.
struct Walk {
    abreast: usize,
    length: usize,
    lane: usize,
    age: usize,
}

impl Walk {
    fn new(course: Course, width: usize, count: usize) -> Self {
        let (abreast, length) = course.shape(width, count);
        Walk { abreast, length, lane: 0, age: 0 }
    }

    /// Whether records begin with this sample.
    fn is_first(&self) -> bool {
        self.lane == 0 && self.age == 0
    }

    #[inline(always)]
    fn next(&mut self) {
        self.lane += 1;
        if self.lane == self.abreast {
            (self.lane, self.age) = (0, self.age + 1);
            if self.age == self.length {
                self.age = 0;
            }
        }
    }
}

/// What the predictors leave of a sample, and what contexts are told of them.
struct Left {
    number: i64,
    disagreement: u8,
    beyond: f64,
}

#[inline(always)]
fn predict(lanes: impl Lanes, samples: &[i64], width: usize, course: Course, deep: bool) -> Vec<Left> {
    let mut walk = Walk::new(course, width, samples.len());
    let mut all: Vec<Lane> = (0..walk.abreast.min(samples.len())).map(|_| Lane::new(deep)).collect();
    let mut left = Vec::with_capacity(samples.len());
    for sample in samples {
        if walk.is_first() {
            all.iter_mut().for_each(Lane::begin);
        }
        let lane = &mut all[walk.lane];
        let expected = lane.predict(lanes);
        lane.learn(lanes, *sample, expected);
        left.push(expected.leaves(*sample));
        walk.next();
    }
    left
}

/// What the predictors leave of samples.
pub fn left(samples: &[i64], width: usize, course: Course) -> Vec<i64> {
    let left = with_lanes!(lanes => predict(lanes, samples, width, course, false));
    left.into_iter().map(|left| left.number).collect()
}

/// The bytes of samples, which have to [fit](fits).
pub fn encode(samples: &[i64], width: usize, course: Course, mixing: Mixing) -> Vec<u8> {
    assert!(fits(samples), "a sample beyond {LARGEST}");
    let deep = mixing == Mixing::Full && course.shape(width, samples.len()).0 <= MOST_DEEP;
    let known = with_lanes!(lanes => predict(lanes, samples, width, course, deep));
    let left: Vec<i64> = known.iter().map(|left| left.number).collect();
    let tree = Tree::at_most(&left, leaves_for(left.len()));
    // A tree has fewer nodes than either: the one below all means that there is no recursive predictor.
    let mixed = if mixing == Mixing::Full && !deep { ALL - 1 } else { mixing.nodes(MIXED) };
    let mut out = vec![course as u8, mixed];
    tree.write(&mut out);
    let mut writer = Writer::default();
    code(&mut writer, &tree, (width, course, mixed), samples.len(), Some(&known));
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
    let mixed = reader.byte()?;
    let tree = Tree::read(&mut reader)?;
    if width == 0 || tree.leaves.iter().any(|l| l.low < -16 * LARGEST || l.high > 16 * LARGEST) {
        return Err(malformed("samples of a series are too large"));
    }
    if mixed == ALL && course.shape(width, count).0 > MOST_DEEP {
        return Err(malformed("a series of too many lanes"));
    }
    let mut decisions = DecisionReader::new(reader.rest());
    let samples = code(&mut decisions, &tree, (width, course, mixed), count, None);
    if !decisions.ended() {
        return Err(malformed("decisions of a series are left over"));
    }
    Ok(samples)
}

/// Writes what is known to be left, or reads the samples.
fn code(
    coder: &mut impl Decisions,
    tree: &Tree,
    form: (usize, Course, u8),
    count: usize,
    known: Option<&[Left]>,
) -> Vec<i64> {
    if form.2 == ALL {
        with_lanes!(lanes => run::<_, 2>(lanes, coder, tree, form, count, known))
    } else {
        with_lanes!(lanes => run::<_, 1>(lanes, coder, tree, form, count, known))
    }
}

/// A reader's predictions stay within bounds, whatever it reads. In one vector there is no place for what the recursive
/// predictor tells, and no time for it.
#[inline(always)]
fn run<L: Lanes, const V: usize>(
    lanes: L,
    coder: &mut impl Decisions,
    tree: &Tree,
    (width, course, mixed): (usize, Course, u8),
    count: usize,
    known: Option<&[Left]>,
) -> Vec<i64> {
    let deep = V > 1;
    let states = if deep { &STATES[..] } else { &STATES[..5] };
    let mut walk = Walk::new(course, width, count);
    let mut symbols = Symbols::<_, V>::new(lanes, tree, states, count, (mixed, TELLER));
    let lanes_of = walk.abreast.min(count);
    let mut all: Vec<(Lane, Means)> = (0..lanes_of).map(|_| (Lane::new(deep), Means::new())).collect();
    let mut samples = Vec::new();
    for i in 0..count {
        if walk.is_first() {
            for (lane, means) in &mut all {
                lane.begin();
                *means = Means::new();
            }
        }
        let (lane, means) = &mut all[walk.lane];
        let expected = known.is_none().then(|| lane.predict(lanes));
        let told = expected.map(|expected| expected.leaves(0));
        let told = told.as_ref().or(known.map(|known| &known[i])).expect("what is not known is expected");
        let (short, middle, long) = (means.step(0), means.step(1), means.step(2));
        let before = nine(means.before);
        let mixer = &mut symbols.mixer;
        mixer.enter(0, middle);
        mixer.enter(1, short * 9 + before);
        mixer.enter(2, (middle / 2) * (STEPS / 2) + long / 2);
        mixer.enter(3, long * 9 + usize::from(told.disagreement));
        mixer.enter(4, walk.age.min(63) * 16 + middle / 4);
        if deep {
            let turn = means.turn(told.beyond);
            mixer.enter(5, turn * STEPS + middle);
            mixer.enter(6, (turn * 9 + before) * (STEPS / 2) + short / 2);
        }
        let left = symbols.code(coder, told.number);
        means.learn(left);
        if let Some(expected) = expected {
            let sample = (expected.sample + left).clamp(-LARGEST, LARGEST);
            lane.learn(lanes, sample, expected);
            samples.push(sample);
        }
        walk.next();
    }
    samples
}

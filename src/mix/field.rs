//! Arrays of floats that are smooth along their axes, within a bound: interpolated from coarse to fine.
//!
//! ```text
//! stride 2^n ... 4, 2, 1:  along each axis, points halfway between known ones ──► interpolation + weights that learn
//!                          ──► what is left, in steps ──► decisions of a tree
//! ```
//!
//! A point is predicted by the cubic through its four known neighbours along the axis (`-1 9 9 -1`, linear or beyond the last
//! at an edge); recursive least squares add to it what the neighbours beside them and those just coded tell. Predictions
//! are computed from what a reader has, in a fixed order of additions, multiplications and divisions.

use super::Mixing;
use super::binary::{Decisions, Reader as DecisionReader, Writer};
use super::lanes::{Lanes, with_lanes};
use super::symbols::Symbols;
use super::tree::{Tree, leaves_for};
use super::with_vectors;
use crate::entropy::bytes::{Reader, malformed};
use crate::error::Result;

/// Most axes; of more, the first are taken as one.
pub const MOST_AXES: usize = 4;
/// What the weights are of: the outer two neighbours, and for each other axis the diagonal ones and the one before.
const TERMS: usize = 1 + 2 * (MOST_AXES - 1);
/// What is remembered of older points, a point.
const MEMORY: f64 = 1.0 - 1.0 / 8192.0;
/// Quotients beyond this are no steps.
const LARGEST: f64 = (1u64 << 40) as f64;

/// An array and the axes along which it is interpolated, in order. Along others each slice is for itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    sizes: Vec<usize>,
    order: Vec<u8>,
}

impl Plan {
    /// Plans that may suit an array of `rows` rows of shape `row`.
    pub fn all(rows: usize, row: &[usize]) -> Vec<Plan> {
        let sizes = axes(rows, row);
        let n = sizes.len() as u8;
        let mut orders: Vec<Vec<u8>> = vec![(0..n).rev().collect()];
        if n > 1 {
            orders.extend([(1..n).chain([0]).collect(), (0..n).collect(), (1..n).rev().collect()]);
        }
        orders.dedup();
        orders.into_iter().map(|order| Plan { sizes: sizes.clone(), order }).collect()
    }

    /// The same for another number of rows.
    #[must_use]
    pub fn of_rows(&self, rows: usize, row: &[usize]) -> Plan {
        Plan { sizes: axes(rows, row), order: self.order.clone() }
    }

    /// Where slices begin along the axes that are not interpolated, and how far apart neighbours lie along all.
    fn slices(&self) -> (Vec<usize>, Vec<usize>) {
        let mut strides = vec![1; self.sizes.len()];
        for e in (0..self.sizes.len() - 1).rev() {
            strides[e] = strides[e + 1] * self.sizes[e + 1];
        }
        let mut starts = vec![0];
        for e in (0..self.sizes.len()).filter(|e| !self.order.contains(&(*e as u8))) {
            let strides = &strides;
            starts = starts.iter().flat_map(|s| (0..self.sizes[e]).map(move |i| s + i * strides[e])).collect();
        }
        (starts, strides)
    }
}

/// The lengths of the axes of an array.
fn axes(rows: usize, row: &[usize]) -> Vec<usize> {
    let mut sizes: Vec<usize> = std::iter::once(rows).chain(row.iter().copied().filter(|n| *n != 1)).collect();
    while sizes.len() > MOST_AXES {
        let first = sizes.remove(0);
        sizes[0] *= first;
    }
    sizes
}

/// What a field became.
pub struct Coded {
    /// The plan, the tree, the decisions.
    pub bytes: Vec<u8>,
    /// What a reader computes.
    pub values: Vec<f64>,
    /// Positions of values that are not within `bound`; the reader has something else there.
    pub exact: Vec<usize>,
}

/// How values become whole numbers of steps.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// Between two values.
    pub step: f64,
    /// How far a value may be off, before and after the cast.
    pub bound: f64,
    /// Whether values are cast to single floats.
    pub single: bool,
}

/// What is left of values, in steps; what a reader computes; and where that is too far off.
fn left(values: &[f64], plan: &Plan, scale: Scale) -> (Vec<i64>, Vec<f64>, Vec<usize>) {
    let mut exact = Vec::new();
    let mut numbers = Vec::with_capacity(values.len());
    let take = |point: &Point| {
        let x = values[point.at];
        let k = ((x - point.expected) / scale.step).round_ties_even();
        let wide = point.expected + k * scale.step;
        let cast = if scale.single { f64::from(wide as f32) } else { wide };
        let near = (wide - x).abs() <= scale.bound && (cast - x).abs() <= scale.bound;
        let kept = near && k.abs() < LARGEST && !(x == 0.0 && x.is_sign_negative());
        if !kept {
            exact.push(point.at);
        }
        numbers.push(if kept { k as i64 } else { 0 });
        numbers[numbers.len() - 1]
    };
    let back = with_vectors(
        #[inline(always)]
        || walk(plan, scale.step, take),
    );
    exact.sort_unstable();
    (numbers, back, exact)
}

/// What values would cost by a plan, about, in bits.
pub fn bits(values: &[f64], plan: &Plan, scale: Scale) -> f64 {
    let (numbers, _, exact) = left(values, plan, scale);
    let tree = Tree::of(&numbers, leaves_for(numbers.len()));
    tree.bits(&super::Bins::of(&tree, &numbers)) + 80.0 * exact.len() as f64
}

/// Codes a field.
pub fn encode(values: &[f64], plan: &Plan, scale: Scale, mixing: Mixing) -> Coded {
    let (numbers, back, exact) = left(values, plan, scale);
    let tree = Tree::at_most(&numbers, leaves_for(numbers.len()));
    let mut bytes = vec![plan.order.len() as u8];
    bytes.extend(&plan.order);
    let mixed = mixing.nodes(MIXED);
    bytes.push(mixed);
    tree.write(&mut bytes);
    let mut writer = Writer::default();
    with_lanes!(lanes => run(lanes, &mut writer, &tree, plan, scale.step, mixed, Some(&numbers)));
    bytes.extend(writer.finish());
    Coded { bytes, values: back, exact }
}

/// Reads the values of a field of `rows` rows of shape `row`.
///
/// # Errors
/// [`ContainerDamaged`](crate::Code::ContainerDamaged).
pub fn decode(bytes: &[u8], rows: usize, row: &[usize], step: f64) -> Result<Vec<f64>> {
    let mut reader = Reader::new(bytes);
    let count = usize::from(reader.byte()?);
    let order = reader.take(count)?.to_vec();
    let sizes = axes(rows, row);
    let twice = (0..order.len()).any(|k| order[..k].contains(&order[k]));
    if order.is_empty() || twice || order.iter().any(|e| usize::from(*e) >= sizes.len()) || !step.is_finite() {
        return Err(malformed("a field of impossible axes"));
    }
    let plan = Plan { sizes, order };
    let mixed = reader.byte()?;
    let tree = Tree::read(&mut reader)?;
    let mut decisions = DecisionReader::new(reader.rest());
    let values = with_lanes!(lanes => run(lanes, &mut decisions, &tree, &plan, step, mixed, None));
    if !decisions.ended() {
        return Err(malformed("decisions of a field are left over"));
    }
    Ok(values)
}

/// Writes or reads the numbers of a field; the values that they make.
#[inline(always)]
fn run(
    lanes: impl Lanes,
    coder: &mut impl Decisions,
    tree: &Tree,
    plan: &Plan,
    step: f64,
    mixed: u8,
    numbers: Option<&[i64]>,
) -> Vec<f64> {
    let count = plan.sizes.iter().product();
    let mut symbols = Symbols::<_, 1>::new(lanes, tree, &STATES, count, (mixed, 0));
    let mut i = 0;
    walk(
        plan,
        step,
        #[inline(always)]
        |point| {
            point.states.iter().enumerate().for_each(|(k, state)| symbols.mixer.enter(k, *state));
            let number = symbols.code(coder, numbers.map_or(0, |n| n[i]));
            i += 1;
            number
        },
    )
}

/// Levels that contexts tell apart, times axes.
const PLACES: usize = 4 * MOST_AXES;
/// Steps in which contexts are told a size.
const SIZES: usize = 16;
/// States of the contexts.
const STATES: [usize; 6] = [
    PLACES * SIZES,
    PLACES * SIZES * SIZES,
    PLACES * SIZES * SIZES,
    PLACES * SIZES * SIZES,
    SIZES * 81,
    SIZES * SIZES * SIZES,
];

/// How many nodes are mixed if few are; the others are told by the first of the contexts.
const MIXED: u8 = 7;

/// A point that is about to be coded.
struct Point {
    /// Its place in the array.
    at: usize,
    expected: f64,
    states: [usize; STATES.len()],
}

/// A size in steps as half octaves from a sixteenth up.
fn size(x: f64) -> usize {
    ((((x + 0.0625).to_bits() >> 51) as i64 - 2 * (1023 - 4)).clamp(0, SIZES as i64 - 1)) as usize
}

/// A signed number in 9 steps: 0, 1, 2 to 3, 4 to 9, more.
fn nine(x: f64) -> usize {
    let size = [1.0, 2.0, 4.0, 10.0].iter().filter(|limit| x.abs() >= **limit).count();
    if x < 0.0 { 4 - size } else { 4 + size }
}

/// Weights that learn by recursive least squares.
struct Weights {
    weights: [f64; TERMS],
    inverse: [[f64; TERMS]; TERMS],
    used: usize,
}

impl Weights {
    fn new(used: usize, step: f64) -> Self {
        let mut inverse = [[0.0; TERMS]; TERMS];
        (0..used).for_each(|i| inverse[i][i] = 0.04 / (step * step));
        Weights { weights: [0.0; TERMS], inverse, used }
    }

    #[inline(always)]
    fn sum(&self, terms: &[f64; TERMS]) -> f64 {
        (0..self.used).fold(0.0, |sum, i| sum + self.weights[i] * terms[i])
    }

    #[inline(always)]
    fn learn(&mut self, terms: &[f64; TERMS], error: f64) {
        let n = self.used;
        let mut gain = [0.0; TERMS];
        let mut scale = MEMORY;
        for i in 0..n {
            gain[i] = (0..n).fold(0.0, |sum, j| sum + self.inverse[i][j] * terms[j]);
            scale += gain[i] * terms[i];
        }
        // Not for NaN either.
        let sound = scale > 0.0 && scale.is_finite() && error.is_finite() && gain.iter().all(|g| g.abs() < 1e200);
        if !sound {
            return;
        }
        for i in 0..n {
            self.weights[i] += gain[i] * error / scale;
            for j in 0..n {
                self.inverse[i][j] = (self.inverse[i][j] - gain[i] * gain[j] / scale) / MEMORY;
            }
        }
    }
}

/// Visits every point once; `take` says how many steps it lies from what is expected. Gives all values.
#[inline(always)]
fn walk(plan: &Plan, step: f64, mut take: impl FnMut(&Point) -> i64) -> Vec<f64> {
    let count: usize = plan.sizes.iter().product();
    let mut field = Field { values: vec![0.0; count], left: vec![0.0; count], sizes: vec![0.0; count] };
    let (starts, strides) = plan.slices();
    let longest = plan.order.iter().map(|e| plan.sizes[usize::from(*e)]).max().unwrap_or(1);
    if count == 0 {
        return field.values;
    }
    let levels = usize::BITS - (longest - 1).leading_zeros();
    // What is learned of a level and an axis serves all slices.
    let used = 1 + 2 * (plan.order.len() - 1);
    let mut weights: Vec<Weights> = (0..levels as usize * plan.order.len()).map(|_| Weights::new(used, step)).collect();
    let mut before = 0.0;
    for start in starts {
        let first = Point { at: start, expected: before, states: [0; STATES.len()] };
        field.put(&first, step, take(&first), 0.0);
        before = field.values[start];
        for level in (0..levels).rev() {
            for turn in 0..plan.order.len() {
                let weights = &mut weights[level as usize * plan.order.len() + turn];
                let pass = Pass { plan, strides: &strides, start, level, turn, step };
                pass.run(&mut field, weights, &mut take);
            }
        }
    }
    field.values
}

/// What is known so far.
struct Field {
    values: Vec<f64>,
    /// What was left, in steps.
    left: Vec<f64>,
    /// How large what was left has been here and before.
    sizes: Vec<f64>,
}

impl Field {
    #[inline(always)]
    fn put(&mut self, point: &Point, step: f64, number: i64, around: f64) {
        let number = number as f64;
        let value = point.expected + number * step;
        self.values[point.at] = if value.is_finite() { value } else { 0.0 };
        self.left[point.at] = number;
        self.sizes[point.at] = 0.7 * number.abs() + 0.3 * around;
    }
}

/// The points halfway between known ones along one axis, at one stride.
struct Pass<'a> {
    plan: &'a Plan,
    strides: &'a [usize],
    start: usize,
    level: u32,
    /// Which axis of the order.
    turn: usize,
    step: f64,
}

impl Pass<'_> {
    #[inline(always)]
    fn run(&self, field: &mut Field, weights: &mut Weights, take: &mut impl FnMut(&Point) -> i64) {
        let order = &self.plan.order;
        let stride = 1usize << self.level;
        // Along axes whose turn has been, points are twice as dense.
        let every: Vec<usize> = (0..order.len()).map(|t| if t < self.turn { stride } else { 2 * stride }).collect();
        let size = |t: usize| self.plan.sizes[usize::from(order[t])];
        let own = self.turn;
        if stride >= size(own) {
            return;
        }
        // In the order of the axes, whatever the order of the turns.
        let mut turns: Vec<usize> = (0..order.len()).collect();
        turns.sort_by_key(|t| order[*t]);
        let mut place = vec![0; order.len()];
        place[own] = stride;
        loop {
            self.point(field, weights, take, &place, &every);
            // The next place: like counting, the last axis first.
            let next = turns.iter().rev().find(|t| {
                place[**t] += every[**t];
                if place[**t] < size(**t) {
                    return true;
                }
                place[**t] = if **t == own { stride } else { 0 };
                false
            });
            if next.is_none() {
                return;
            }
        }
    }

    #[inline(always)]
    fn point(
        &self,
        field: &mut Field,
        weights: &mut Weights,
        take: &mut impl FnMut(&Point) -> i64,
        place: &[usize],
        every: &[usize],
    ) {
        let order = &self.plan.order;
        let own = self.turn;
        let apart = |t: usize| self.strides[usize::from(order[t])];
        let size_of = |t: usize| self.plan.sizes[usize::from(order[t])];
        let at = self.start + (0..order.len()).map(|t| place[t] * apart(t)).sum::<usize>();
        let stride = 1usize << self.level;
        let (hop, length, here) = (stride * apart(own), size_of(own), place[own]);
        let values = &field.values;
        let below = values[at - hop];
        let above = (here + stride < length).then(|| values[at + hop]);
        let far_below = (here >= 3 * stride).then(|| values[at - 3 * hop]);
        let far_above = (here + 3 * stride < length).then(|| values[at + 3 * hop]);
        let middle = match (above, far_below) {
            (Some(above), _) => 0.5 * (below + above),
            (None, Some(far)) => 1.5 * below - 0.5 * far,
            (None, None) => below,
        };
        let mut terms = [0.0; TERMS];
        if let (Some(far_below), Some(far_above), Some(_)) = (far_below, far_above, above) {
            terms[0] = 0.5 * (far_below + far_above) - middle;
        }
        let mut near = 0.0;
        let mut neighbours = 0.0;
        let mut signs = [4; 2];
        let others = (0..order.len()).filter(|t| *t != own);
        for (i, t) in others.enumerate() {
            let aside = every[t] * apart(t);
            let (back, on) = (place[t] >= every[t], place[t] + every[t] < size_of(t));
            if let (true, true, Some(_)) = (back, on, above) {
                let corners = values[at - hop - aside]
                    + values[at - hop + aside]
                    + values[at + hop - aside]
                    + values[at + hop + aside];
                terms[1 + 2 * i] = 0.25 * corners - middle;
            }
            if back {
                let before = at - aside;
                if above.is_some() {
                    terms[2 + 2 * i] = values[before] - 0.5 * (values[before - hop] + values[before + hop]);
                }
                near += field.sizes[before];
                neighbours += 1.0;
                if i < 2 {
                    signs[i] = nine(field.left[before]);
                }
            }
        }
        let near = if neighbours > 0.0 { near / neighbours } else { field.sizes[at - hop] };
        let cubic = middle - 0.125 * terms[0];
        let guess = if above.is_some() { cubic + weights.sum(&terms) } else { middle };
        let expected = if guess.is_finite() { guess } else { 0.0 };
        let ends =
            0.5 * (field.sizes[at - hop] + if above.is_some() { field.sizes[at + hop] } else { field.sizes[at - hop] });
        let bend = terms[0].abs() / self.step;
        let slope = above.map_or(0.0, |above| (above - below).abs() / self.step);
        let (near_size, ends_size, bend_size, slope_size) = (size(near), size(ends), size(bend), size(slope));
        let place = (self.level.min(3) as usize) * MOST_AXES + own;
        let all = size((2.0 * near + ends + 0.3 * bend) / 3.0);
        let states = [
            place * SIZES + all,
            (place * SIZES + near_size) * SIZES + ends_size,
            (place * SIZES + near_size) * SIZES + bend_size,
            (place * SIZES + ends_size) * SIZES + slope_size,
            (signs[0] * 9 + signs[1]) * SIZES + all,
            (near_size * SIZES + bend_size) * SIZES + slope_size,
        ];
        let point = Point { at, expected, states };
        let number = take(&point);
        field.put(&point, self.step, number, near);
        if above.is_some() {
            weights.learn(&terms, field.values[at] - expected);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wave(sizes: &[usize]) -> Vec<f64> {
        let count = sizes.iter().product();
        let mut at = vec![0usize; sizes.len()];
        (0..count)
            .map(|_| {
                let x = at.iter().enumerate().map(|(e, i)| ((*i as f64) * 0.21 / (e + 1) as f64).sin()).sum::<f64>();
                for e in (0..sizes.len()).rev() {
                    at[e] += 1;
                    if at[e] < sizes[e] {
                        break;
                    }
                    at[e] = 0;
                }
                x
            })
            .collect()
    }

    #[test]
    fn every_shape_comes_back_as_the_writer_computed_it() {
        let scale = Scale { step: 0.0099, bound: 0.005, single: true };
        let shapes: [&[usize]; 9] =
            [&[1], &[2], &[37], &[5, 1], &[1, 9], &[17, 23], &[3, 40, 33], &[4, 3, 5, 6], &[2, 2, 3, 2, 7]];
        for shape in shapes {
            let mut values = wave(shape);
            let n = values.len();
            values[n / 2] = f64::NAN;
            values[n / 3] = 1e30;
            for plan in Plan::all(shape[0], &shape[1..]) {
                let coded = encode(&values, &plan, scale, Mixing::Lean);
                let back = decode(&coded.bytes, shape[0], &shape[1..], scale.step).unwrap();
                assert_eq!(back, coded.values, "{shape:?} {plan:?}");
                assert!(coded.exact.contains(&(n / 2)));
                let near = |i: usize| (f64::from(back[i] as f32) - values[i]).abs() <= scale.bound;
                assert!((0..n).all(|i| coded.exact.contains(&i) || near(i)));
            }
        }
    }

    #[test]
    fn smooth_fields_cost_little() {
        let shape = [20, 50, 50];
        let values = wave(&shape);
        let scale = Scale { step: 0.02, bound: 0.0100001, single: false };
        let coded = encode(&values, &Plan::all(20, &shape[1..])[1], scale, Mixing::Full);
        assert!(coded.exact.is_empty());
        assert!(coded.bytes.len() * 100 < values.len() * 8, "{} bytes", coded.bytes.len());
    }
}

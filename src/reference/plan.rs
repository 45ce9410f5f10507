//! Which integers each layer of a batch is computed in: the narrowest that its formats and weights prove exact.
//!
//! ```text
//! layer        reads         sums     where
//! pairs        16-bit pairs  32 bits  inputs and coefficients fit 16 bits: two products an instruction
//! words        32 bits       32 bits
//! wide         64 bits       64 bits
//! exact        64 bits       64 bits  rounding or shift needs more: requantized one by one in 128 bits
//! ```
//!
//! A tensor is stored in each of the forms that its readers take. All proofs are of the largest magnitude that a sum can
//! reach, with what rounding adds, over all inputs of the formats; then no order of additions can leave the range.

use std::sync::Arc;

use super::{Elements, Prepared, Row, largest};
use crate::fixed::{Overflow, QFormat, Rounding};

/// How a batch is computed, made once for a network.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// One a layer.
    pub steps: Vec<Step>,
    /// The input, then the output of each layer.
    pub tensors: Vec<Stores>,
    /// Planes of each form, of all tensors.
    pub pairs: usize,
    pub words: usize,
    pub wides: usize,
}

/// Where a tensor is stored: the first plane of each form that is wanted.
#[derive(Clone, Debug)]
pub(super) struct Stores {
    /// Elements.
    pub len: usize,
    /// Two elements a plane, the first in the low half.
    pub pairs: Option<usize>,
    pub words: Option<usize>,
    pub wides: Option<usize>,
    /// Every value fits 32 bits.
    pub narrow: bool,
}

/// How a layer is computed; indices are planes of the form it reads.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Coefficients are pairs, as the planes.
    Pairs(Vec<Sum<i32>>),
    Words(Vec<Sum<i32>>),
    Wide(Vec<Sum<i64>>),
    Exact(Vec<Sum<i64>>),
    /// Plane, raw input of the first entry, table; of words.
    Tables(Vec<(usize, i64, Arc<[i64]>)>),
    MaximaOfWords(Vec<Vec<usize>>),
    MaximaOfWides(Vec<Vec<usize>>),
}

/// One output: `finish(bias + Σ coefficient · plane)`.
#[derive(Clone, Debug)]
pub(super) struct Sum<T> {
    /// (plane, coefficient).
    pub terms: Vec<(usize, T)>,
    pub bias: T,
    pub finish: Finish<T>,
}

/// Activation and requantization of a sum in integers `T`.
///
/// Left shifts are already in coefficients and bias, so is what rounding half up adds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Finish<T> {
    /// Bits dropped, below the width of `T`.
    pub shift: u32,
    /// Half to even: just below half a step, and the last bit kept is added besides.
    pub even: Option<T>,
    /// Rounding keeps the order of numbers and keeps 0, so that relu may come after it: here, as the lower bound.
    pub low: T,
    pub high: T,
    /// Smallest number and mask of the low bits of a format that wraps.
    pub wrap: Option<(T, T)>,
}

/// An integer that sums are computed in.
pub(super) trait Width: Copy + TryFrom<i128> + TryFrom<i64> + Into<i64> {
    const MIN: Self;
    const MAX: Self;
    const BITS: u32;
}

impl Width for i32 {
    const MIN: i32 = i32::MIN;
    const MAX: i32 = i32::MAX;
    const BITS: u32 = i32::BITS;
}

impl Width for i64 {
    const MIN: i64 = i64::MIN;
    const MAX: i64 = i64::MAX;
    const BITS: u32 = i64::BITS;
}

/// The forms that a layer may read.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    Pairs,
    Words,
    Wides,
}

impl Plan {
    /// * `formats`: of all tensors, one after the other, `x` first, as the indices of the layers count
    pub fn new(n_in: usize, layers: &[Prepared], formats: &[QFormat]) -> Plan {
        let starts: Vec<usize> = std::iter::once(0).chain(layers.iter().map(|l| l.start)).collect();
        let lens = std::iter::once(n_in).chain(layers.iter().map(|l| l.elements.len()));
        let mut tensors: Vec<Stores> = starts
            .iter()
            .zip(lens)
            .map(|(start, len)| {
                let narrow = formats[*start..start + len].iter().all(|f| fits(*f, 32));
                Stores { len, pairs: None, words: None, wides: None, narrow }
            })
            .collect();
        let tensor_of = |index: usize| starts.partition_point(|s| *s <= index) - 1;

        // First what each layer is computed in, with indices as they are, and which forms that asks for.
        let mut wanted: Vec<Vec<Form>> = vec![vec![]; tensors.len()];
        let mut steps: Vec<(Step, Form)> = Vec::with_capacity(layers.len());
        for (number, layer) in layers.iter().enumerate() {
            let (step, form) = choose(layer, formats, tensors[number + 1].narrow);
            for index in layer.elements.reads() {
                wanted[tensor_of(index)].push(form);
            }
            steps.push((step, form));
        }
        if let (Some(last), Some(wanted)) = (tensors.last(), wanted.last_mut()) {
            wanted.push(if last.narrow { Form::Words } else { Form::Wides });
        }

        // Then planes for the forms, and the indices in terms of them.
        let (mut pairs, mut words, mut wides) = (0, 0, 0);
        for (tensor, forms) in tensors.iter_mut().zip(&wanted) {
            let take = |form: Form, next: &mut usize, planes: usize| {
                forms.contains(&form).then(|| std::mem::replace(next, *next + planes))
            };
            tensor.pairs = take(Form::Pairs, &mut pairs, tensor.len.div_ceil(2));
            tensor.words = take(Form::Words, &mut words, tensor.len);
            tensor.wides = take(Form::Wides, &mut wides, tensor.len);
        }
        let place = |index: usize, form: Form| {
            let tensor = tensor_of(index);
            let (stores, offset) = (&tensors[tensor], index - starts[tensor]);
            let (first, offset) = match form {
                Form::Pairs => (stores.pairs, offset / 2),
                Form::Words => (stores.words, offset),
                Form::Wides => (stores.wides, offset),
            };
            first.expect("every form that is read was asked for") + offset
        };
        let odd = |index: usize| (index - starts[tensor_of(index)]) % 2 == 1;
        let steps = steps.into_iter().map(|(step, form)| step.placed(|index| place(index, form), odd)).collect();
        Plan { steps, tensors, pairs, words, wides }
    }
}

impl Elements {
    /// All indices that are read.
    fn reads(&self) -> Vec<usize> {
        match self {
            Elements::Rows(rows) => rows.iter().flat_map(|r| r.terms.iter().map(|(i, _)| *i)).collect(),
            Elements::Tables(tables) => tables.iter().map(|(i, ..)| *i).collect(),
            Elements::Maxima(windows) => windows.concat(),
        }
    }
}

impl Step {
    /// The same with planes in place of indices.
    fn placed(self, place: impl Fn(usize) -> usize, odd: impl Fn(usize) -> bool) -> Step {
        fn sums<T>(sums: Vec<Sum<T>>, place: impl Fn(usize) -> usize) -> Vec<Sum<T>> {
            let terms = |s: Vec<(usize, T)>| s.into_iter().map(|(i, c)| (place(i), c)).collect();
            sums.into_iter().map(|s| Sum { terms: terms(s.terms), bias: s.bias, finish: s.finish }).collect()
        }
        let windows = |w: Vec<Vec<usize>>| w.into_iter().map(|w| w.into_iter().map(&place).collect()).collect();
        match self {
            Step::Pairs(all) => {
                let pair = |s: Sum<i32>| Sum { terms: paired(&s.terms, &place, &odd), ..s };
                Step::Pairs(all.into_iter().map(pair).collect())
            }
            Step::Words(all) => Step::Words(sums(all, place)),
            Step::Wide(all) => Step::Wide(sums(all, place)),
            Step::Exact(all) => Step::Exact(sums(all, place)),
            Step::Tables(all) => Step::Tables(all.into_iter().map(|(i, first, t)| (place(i), first, t)).collect()),
            Step::MaximaOfWords(all) => Step::MaximaOfWords(windows(all)),
            Step::MaximaOfWides(all) => Step::MaximaOfWides(windows(all)),
        }
    }
}

/// Terms of one plane share a pair of coefficients; an input that is read twice has two.
fn paired(terms: &[(usize, i32)], place: impl Fn(usize) -> usize, odd: impl Fn(usize) -> bool) -> Vec<(usize, i32)> {
    let mut out: Vec<(usize, i32)> = Vec::with_capacity(terms.len());
    for (index, coefficient) in terms {
        let half = if odd(*index) { coefficient << 16 } else { coefficient & 0xffff };
        let taken = if odd(*index) { !0xffff } else { 0xffff };
        match out.last_mut() {
            Some((plane, pair)) if *plane == place(*index) && *pair & taken == 0 => *pair |= half,
            _ => out.push((place(*index), half)),
        }
    }
    out
}

/// How a layer is computed and which form it reads; `narrow`: its outputs fit 32 bits.
fn choose(layer: &Prepared, formats: &[QFormat], narrow: bool) -> (Step, Form) {
    let reads = |bits: u32| layer.elements.reads().iter().all(|i| fits(formats[*i], bits));
    let rows = match &layer.elements {
        Elements::Rows(rows) => rows,
        // A table has at most 2^16 entries, so that its inputs fit words.
        Elements::Tables(tables) => return (Step::Tables(tables.clone()), Form::Words),
        Elements::Maxima(windows) if reads(32) => return (Step::MaximaOfWords(windows.clone()), Form::Words),
        Elements::Maxima(windows) => return (Step::MaximaOfWides(windows.clone()), Form::Wides),
    };
    if narrow && reads(32) {
        if let Some(sums) = rows.iter().map(|r| sum::<i32>(layer, r, formats)).collect::<Option<Vec<_>>>() {
            let small = |s: &Sum<i32>| s.terms.iter().all(|(_, c)| i16::try_from(*c).is_ok());
            return if reads(16) && sums.iter().all(small) {
                (Step::Pairs(sums), Form::Pairs)
            } else {
                (Step::Words(sums), Form::Words)
            };
        }
    }
    let wide = rows.iter().map(|r| sum::<i64>(layer, r, formats)).collect::<Option<Vec<_>>>();
    let finish = Finish { shift: 0, even: None, low: i64::MIN, high: i64::MAX, wrap: None };
    let exact = |r: &Row| Sum { terms: r.terms.clone(), bias: r.bias, finish };
    (wide.map_or_else(|| Step::Exact(rows.iter().map(exact).collect()), Step::Wide), Form::Wides)
}

/// One row in integers `T`, if no sum that its inputs can make leaves them.
fn sum<T: Width>(layer: &Prepared, row: &Row, formats: &[QFormat]) -> Option<Sum<T>> {
    let dropped = row.frac - row.output.frac;
    let (left, shift) = (dropped.min(0).unsigned_abs(), dropped.max(0).unsigned_abs());
    // Beyond this, the powers below would have no room in 128 bits.
    if left > 62 || (shift > 62 && layer.rounding != Rounding::Truncate) {
        return None;
    }
    let aligned = |raw: i64| i128::from(raw) << left;
    let half = if shift > 0 && layer.rounding != Rounding::Truncate { 1i128 << (shift - 1) } else { 0 };
    let mut reach = aligned(row.bias).abs() + half;
    let mut terms = Vec::with_capacity(row.terms.len());
    for (index, coefficient) in &row.terms {
        reach = reach.checked_add(aligned(*coefficient).abs().checked_mul(largest(formats[*index]))?)?;
        terms.push((*index, T::try_from(aligned(*coefficient)).ok()?));
    }
    if reach > i128::from(T::MAX.into()) {
        return None;
    }
    let (even, added) = match layer.rounding {
        Rounding::HalfEven if half > 0 => (Some(T::try_from(half - 1).ok()?), 0),
        _ => (None, half),
    };
    let (min, max) = (row.output.min(), row.output.max());
    let (low, high) = match layer.overflow {
        Overflow::Wrap => (T::MIN.into(), T::MAX.into()),
        Overflow::Saturate => (min, max),
        Overflow::SaturateSymmetric => (if row.output.signed { -max } else { min }, max),
    };
    let within = |limit: i64| T::try_from(limit.clamp(T::MIN.into(), T::MAX.into())).ok();
    let wrap = match layer.overflow {
        // As wide as `T`, the format keeps all bits.
        Overflow::Wrap if row.output.width >= T::BITS => Some((T::try_from(min).ok()?, T::try_from(-1i64).ok()?)),
        Overflow::Wrap => Some((T::try_from(min).ok()?, T::try_from((1i64 << row.output.width) - 1).ok()?)),
        _ => None,
    };
    Some(Sum {
        terms,
        bias: T::try_from(aligned(row.bias) + added).ok()?,
        finish: Finish {
            // A sum shifted by more bits than it has is its sign.
            shift: shift.min(T::BITS - 1),
            even,
            low: within(if layer.relu { low.max(0) } else { low })?,
            high: within(high)?,
            wrap,
        },
    })
}

/// Whether every number of the format fits a signed integer of so many bits.
fn fits(format: QFormat, bits: u32) -> bool {
    format.width + u32::from(!format.signed) <= bits
}

//! On which grid the values of a column are put: found out by looking at them.
//!
//! The encoder runs the decoder's own arithmetic. A value that a grid does not give back, bit for bit or within the bound,
//! is stored beside it; so are NaN, infinities and -0.0 wherever a grid does not hold them.

use super::grid::{Grid, LARGEST_QUOTIENT, LARGEST_WHOLE, LONGEST_LIST, kept, order_of};
use super::relative::Relative;
use crate::data::Values;
use crate::mix::{Bins, Tree, with_vectors};

/// Integer bounds are cut here, so that a quotient times a step stays inside `i128`.
const LARGEST_INT_BOUND: f64 = (1u64 << 60) as f64;
/// Parts of 1 that floats may be whole numbers of.
const PARTS: [f64; 9] = [1.0, 10.0, 100.0, 1e3, 1e4, 2.0, 4.0, 16.0, 256.0];

/// How far values may move.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Tolerance {
    /// Not at all.
    Exact,
    /// By so much.
    By(f64),
    /// By a part of themselves; integers not at all.
    Part(f64),
    /// Floats keep so many bits of their mantissa.
    Bits(u32),
}

impl Tolerance {
    /// The bound that is the same for all values; 0 if there is none.
    pub(super) fn bound(self) -> f64 {
        if let Tolerance::By(bound) = self { bound } else { 0.0 }
    }
}

/// A column on a grid.
pub(super) struct Placed {
    pub grid: Grid,
    pub ints: Vec<i64>,
    /// Positions of values that the grid does not give back; their integers repeat the one before.
    pub exact: Vec<usize>,
}

/// Puts values on the grid that suits them. Each comes back within its tolerance or is among the exact ones.
pub(super) fn place(values: &Values, tolerance: Tolerance) -> Placed {
    let single = values.dtype() == "float32";
    let relative = match tolerance {
        Tolerance::Part(part) => Relative::within(part, single),
        Tolerance::Bits(bits) => (bits < if single { 23 } else { 47 }).then(|| Relative::bits(bits)),
        Tolerance::Exact | Tolerance::By(_) => None,
    };
    match relative {
        _ if values.is_integer() => integers(values, tolerance.bound()),
        None => floats(values, tolerance.bound()),
        // Few values, or those of a lattice, may be shorter as they are.
        Some(relative) => {
            let placed = on(Grid::Relative(relative), values, 0.0);
            let exact = floats(values, 0.0);
            if bits(&exact, values) < bits(&placed, values) { exact } else { placed }
        }
    }
}

/// What a placed column costs if nothing else is known, about, in bits.
fn bits(placed: &Placed, values: &Values) -> f64 {
    let tree = Tree::of_column(&placed.ints);
    tree.bits(&Bins::of(&tree, &placed.ints)) + (placed.exact.len() * (8 * values.item_size() + 16)) as f64
}

/// In exact integer arithmetic, with an odd step of `2 * floor(bound) + 1`.
fn integers(values: &Values, bound: f64) -> Placed {
    let half = bound.floor().min(LARGEST_INT_BOUND) as i128;
    let step = 2 * half + 1;
    on(Grid::Whole { step: step as u64 }, values, bound)
}

fn floats(values: &Values, bound: f64) -> Placed {
    let single = values.dtype() == "float32";
    let all = values.to_f64();
    let parts = lattice(&all, single);
    let grid = match parts {
        // A step of an odd number of lattice points, or one of twice the bound, whichever is wider.
        Some(parts) if bound * parts < 0.5 => Grid::Parts(parts),
        Some(parts) => {
            // A bound that is a whole number of points is not quite reached by floats.
            let points = 2.0 * (bound * parts * (1.0 - 1e-6)).floor() + 1.0;
            if points >= 2.0 * bound * parts {
                Grid::Step(points / parts)
            } else {
                Grid::Step(shrunk(&all, single, bound))
            }
        }
        None if bound > 0.0 => Grid::Step(shrunk(&all, single, bound)),
        None => match list(values) {
            Some(list) => Grid::List(list),
            None => return by_bits(values, &all),
        },
    };
    let placed = on(grid, values, bound);
    // A bound finer than the floats themselves holds nowhere.
    if bound > 0.0 && placed.exact.len() * 8 > all.len() { on(Grid::Bits, values, 0.0) } else { placed }
}

/// Floats as they are: by their order, or as whole numbers of a power of two, whichever is shorter.
fn by_bits(values: &Values, all: &[f64]) -> Placed {
    let ordered = on(Grid::Bits, values, 0.0);
    let Some(parts) = binary(all) else { return ordered };
    let whole = on(Grid::Parts(parts), values, 0.0);
    if bits(&whole, values) < bits(&ordered, values) { whole } else { ordered }
}

/// Twice the bound, less what the arithmetic of the largest value may add to an error.
fn shrunk(all: &[f64], single: bool, bound: f64) -> f64 {
    let largest = all.iter().filter(|x| x.is_finite()).fold(0.0, |m: f64, x| m.max(x.abs()));
    let rounding = largest * if single { 2f64.powi(-24) } else { 2f64.powi(-52) };
    let rest = bound * (1.0 - 1e-12) - rounding;
    // A tenth of a bit, at most, for fewer exceptions.
    2.0 * if rest > 0.93 * bound { rest } else { bound * (1.0 - 1e-12) }
}

/// Puts values on a grid.
fn on(grid: Grid, values: &Values, bound: f64) -> Placed {
    if let Grid::Step(_) | Grid::Parts(_) = grid {
        return computed(grid, values, bound);
    }
    let mut exact = Vec::new();
    let mut last = 0;
    let ints = (0..values.len())
        .map(|i| {
            match grid.number(values, i, bound) {
                Some(k) => last = k,
                None => exact.push(i),
            }
            last
        })
        .collect();
    Placed { grid, ints, exact }
}

/// Puts floats on a grid that computes: what [`Grid::number`] says, many at once.
fn computed(grid: Grid, values: &Values, bound: f64) -> Placed {
    let all = values.to_f64();
    let single = values.dtype() == "float32";
    let mut ints = match grid {
        Grid::Step(step) => with_vectors(
            #[inline(always)]
            || numbers(&all, |x| x / step, |k| k * step, LARGEST_QUOTIENT, bound, single),
        ),
        Grid::Parts(parts) => with_vectors(
            #[inline(always)]
            || numbers(&all, |x| x * parts, |k| k / parts, LARGEST_WHOLE, bound, single),
        ),
        _ => unreachable!("this grid does not compute"),
    };
    let mut exact = Vec::new();
    let mut last = 0;
    for (i, k) in ints.iter_mut().enumerate() {
        if *k == NO_NUMBER {
            exact.push(i);
            *k = last;
        }
        last = *k;
    }
    Placed { grid, ints, exact }
}

/// What no value has as a number.
const NO_NUMBER: i64 = i64::MIN;

/// The number of each value, or [`NO_NUMBER`].
#[inline(always)]
fn numbers(
    all: &[f64],
    place: impl Fn(f64) -> f64,
    wide: impl Fn(f64) -> f64,
    most: f64,
    bound: f64,
    single: bool,
) -> Vec<i64> {
    let mut ints = vec![0; all.len()];
    for (k, x) in ints.iter_mut().zip(all) {
        let q = place(*x).round_ties_even();
        *k = if q.abs() < most && kept(*x, wide(q), bound, single) { q as i64 } else { NO_NUMBER };
    }
    ints
}

/// The coarsest of [`PARTS`] that all values are whole numbers of, bit for bit.
fn lattice(all: &[f64], single: bool) -> Option<f64> {
    // Where floats are further apart than a lattice they are better counted themselves.
    let most = if single { f64::from(1u32 << 24) } else { LARGEST_QUOTIENT };
    let on = |x: &f64, parts: f64| {
        let k = (x * parts).round_ties_even();
        k.abs() < most && kept(*x, k / parts, 0.0, single)
    };
    let special = |x: &f64| !x.is_finite() || (*x == 0.0 && x.is_sign_negative());
    // Few suffice to refuse most.
    let few = all.len() / 100 + 1;
    PARTS.into_iter().find(|parts| {
        all.iter().step_by(few).all(|x| special(x) || on(x, *parts)) && all.iter().all(|x| special(x) || on(x, *parts))
    })
}

/// The parts, a power of two, that all values are whole numbers of, if that takes fewer bits than they have themselves.
fn binary(all: &[f64]) -> Option<f64> {
    let lowest = |x: &f64| {
        let bits = x.to_bits();
        let exponent = ((bits >> 52) & 2047) as i32;
        let mantissa = (bits & ((1 << 52) - 1)) | (u64::from(exponent > 0) << 52);
        exponent.max(1) - 1075 + mantissa.trailing_zeros() as i32
    };
    let finite = || all.iter().filter(|x| x.is_finite() && **x != 0.0);
    let parts = 2f64.powi(-finite().map(lowest).min()?);
    let large = finite().filter(|x| (*x * parts).abs() >= LARGEST_QUOTIENT).count();
    let fits = finite().all(|x| (x * parts).abs() < 2f64.powi(62));
    // Floats lie closer than the lattice where they are small.
    (parts.is_finite() && fits && large * 16 < all.len()).then_some(parts)
}

/// The values, if there are few of them.
fn list(values: &Values) -> Option<Vec<i64>> {
    let mut seen = rustc_hash::FxHashSet::default();
    for i in 0..values.len() {
        seen.insert(order_of(values, i));
        if seen.len() > LONGEST_LIST || seen.len() > values.len() / 16 + 16 {
            return None;
        }
    }
    let mut list: Vec<i64> = seen.into_iter().collect();
    list.sort_unstable();
    (list.len() * 8 < values.len()).then_some(list)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::bytes::Reader;

    fn round_trip(values: &Values, bound: f64) -> (Placed, Values) {
        let placed = place(values, Tolerance::By(bound));
        let mut bytes = Vec::new();
        placed.grid.write(&mut bytes);
        let mut reader = Reader::new(&bytes);
        let grid = Grid::read(&mut reader, values.dtype()).unwrap();
        reader.end().unwrap();
        assert_eq!(grid, placed.grid);
        let back = grid.values(values.dtype(), &placed.ints).unwrap();
        (placed, back)
    }

    fn exact_but_for(values: &Values, exceptions: usize) -> Placed {
        let (placed, back) = round_trip(values, 0.0);
        let same = |i: &usize| values.pick(&[*i]).to_le_bytes() == back.pick(&[*i]).to_le_bytes();
        assert!((0..values.len()).filter(|i| !placed.exact.contains(i)).all(|i| same(&i)));
        assert_eq!(placed.exact.len(), exceptions);
        placed
    }

    #[test]
    fn the_cast_to_f32_is_held_to_the_bound_too() {
        // Neighbours here are 2 apart: what lies within 1.1 in f64 may be cast to a value 2 away.
        let v: Vec<f32> = (0..1000).map(|i| 16_777_216.5 + 2.0 * i as f32).collect();
        let values = Values::F32(v.clone());
        let (placed, back) = round_trip(&values, 1.1);
        let Values::F32(back) = back else { panic!() };
        let far = |i: &usize| (f64::from(v[*i]) - f64::from(back[*i])).abs() > 1.1;
        assert!((0..v.len()).filter(far).all(|i| placed.exact.contains(&i)));
    }

    #[test]
    fn what_cannot_be_bounded_is_exact() {
        let special = [f64::NAN, -0.0, f64::INFINITY, 1e300, f64::from_bits(0xfff8_0000_dead_beef)];
        let v: Vec<f64> = (0..100).map(|i| 0.37 * f64::from(i)).chain(special).chain([5e-324]).collect();
        let (placed, back) = round_trip(&Values::F64(v.clone()), 0.01);
        assert_eq!(placed.exact, [100, 101, 102, 103, 104]);
        let Values::F64(back) = back else { panic!() };
        assert!((0..100).chain([105]).all(|i| (back[i] - v[i]).abs() <= 0.01));
    }

    #[test]
    fn integers_use_the_whole_bound_and_stay_in_their_type() {
        let v = vec![0u64, 1, 2, u64::MAX, u64::MAX - 5, 1 << 63, 1000];
        let (placed, back) = round_trip(&Values::U64(v.clone()), 3.9);
        let Values::U64(back) = back else { panic!() };
        assert!(v.iter().zip(&back).enumerate().all(|(i, (x, y))| x.abs_diff(*y) <= 3 || placed.exact.contains(&i)));
        assert_eq!(back[..3], [0, 0, 0]);
        assert!(placed.exact.len() <= 1);
        exact_but_for(&Values::U64(v), 0);
        exact_but_for(&Values::I64(vec![i64::MIN, -1, 0, i64::MAX]), 0);
    }

    #[test]
    fn decimals_few_values_and_any_bits_have_their_grids() {
        let decimals = Values::F32((0..5000).map(|i| (f64::from(i * 37 % 4999) / 1000.0) as f32).collect());
        assert_eq!(exact_but_for(&decimals, 0).grid, Grid::Parts(1000.0));
        let counts = Values::F64((0..500).map(|i| f64::from(i % 7)).chain([f64::NAN, -0.0]).collect());
        assert_eq!(exact_but_for(&counts, 2).grid, Grid::Parts(1.0));
        let few = Values::F32((0..5000).map(|i| ((i % 90) as f32).sqrt()).collect());
        assert!(matches!(exact_but_for(&few, 0).grid, Grid::List(list) if list.len() == 90));
        let mut any: Vec<f32> = (0..5000).map(|i| (i as f32 - 900.0).cbrt()).collect();
        any[7] = f32::from_bits(0x7fc1_2345);
        any[8] = -0.0;
        any[9] = f32::NEG_INFINITY;
        let placed = exact_but_for(&Values::F32(any), 0);
        assert_eq!(placed.grid, Grid::Bits);
        assert!(placed.ints[10..].windows(2).all(|w| w[0] < w[1]), "the numbers of floats ascend with them");
    }

    #[test]
    fn a_bound_leaves_a_lattice_alone_that_is_as_coarse() {
        let v = Values::F32((0..500).map(|i| (i % 50) as f32).collect());
        assert_eq!(round_trip(&v, 0.4).0.grid, Grid::Parts(1.0));
        assert_eq!(round_trip(&v, 1.2).0.grid, Grid::Step(3.0));
        assert!(round_trip(&v, 1.2).0.exact.is_empty());
        // Finer than the floats themselves.
        let fine = Values::F32((0..500).map(|i| 1e9 + 1000.0 * (i as f32).sqrt()).collect());
        assert_eq!(round_trip(&fine, 1e-9).0.grid, Grid::Bits);
    }
}

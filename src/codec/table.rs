//! The columns of one block together: what they tell about each other makes them shorter.
//!
//! A column looks only at columns before it, so a reader needs no more than those that it looks at, and those they look
//! at. A writer knows all of them and codes them side by side.

use rayon::prelude::*;
use xxhash_rust::xxh3::xxh3_64;

use super::alone;
use super::column::{self, Coded, Decoded, Known, Learned};
use super::general::{shuffle, zstd};
use super::grid::scattered;
use super::options::Effort;
use super::place::{Placed, Tolerance, place};
use super::predicted::{Prediction, Restored, numbers};
use crate::data::Values;
use crate::entropy::bytes::malformed;
use crate::error::Result;
use crate::mix::Bins;
use crate::relation::Expression;

/// Fewer rows teach nothing.
const FEWEST_ROWS: usize = 200;
/// Bytes by which a general-purpose coder is tried.
const TRIED: usize = 1 << 17;

/// A formula that predicts a column.
pub(super) struct Formula {
    pub expression: Expression,
    /// The columns that it is computed from, in its order.
    pub columns: Vec<usize>,
}

/// A column to write.
pub(super) struct Item<'a> {
    pub values: &'a Values,
    /// Shape of a row.
    pub shape: &'a [usize],
    pub tolerance: Tolerance,
    pub formula: Option<&'a Formula>,
}

impl Item<'_> {
    fn is_learned(&self) -> bool {
        self.shape.iter().product::<usize>() == 1 && self.values.len() >= FEWEST_ROWS
    }
}

/// What a formula makes of a column, and what it leaves.
struct Predicted {
    prediction: Prediction,
    left: Placed,
    learned: Learned,
}

/// A column as it was written.
pub(super) struct Written {
    pub coded: Coded,
    /// XXH3 of the values that a reader will have.
    pub hash: u64,
}

/// Codes the columns of a block, in order.
pub(super) fn encode(items: &[Item], effort: Effort) -> Result<Vec<Written>> {
    if effort == Effort::Fast {
        return items.par_iter().map(quickly).collect();
    }
    let mut placed: Vec<Placed> = items.par_iter().map(|i| place(i.values, i.tolerance)).collect();
    let mut learned: Vec<Option<Learned>> = (items.par_iter().zip(&placed))
        .map(|(item, placed)| item.is_learned().then(|| Learned::of(&placed.ints)))
        .collect();
    let order = order(items.iter().map(|i| i.formula.map_or(&[][..], |f| &f.columns)));
    let needed: Vec<usize> = items.iter().filter_map(|i| i.formula).flat_map(|f| f.columns.clone()).collect();
    let mut restored: Vec<Option<Restored>> = items.iter().map(|_| None).collect();
    let mut predicted: Vec<Option<Predicted>> = items.iter().map(|_| None).collect();
    for k in order.iter().copied().filter(|k| items[*k].is_learned()) {
        let item = &items[k];
        if let Some(formula) = item.formula
            && let Some(columns) = formula.columns.iter().map(|c| restored[*c].as_ref()).collect::<Option<Vec<_>>>()
            && let Some(own) = &learned[k]
        {
            let (grid, dtype) = (&placed[k].grid, item.values.dtype());
            let prediction = Prediction::new(&formula.expression, &columns, grid, dtype);
            let left = prediction.leaves(item.values, grid, item.tolerance.bound());
            let residues = Learned::of(&left.ints);
            // An exception costs about 16 bits more than its value.
            let exact = |placed: &Placed| (placed.exact.len() * (8 * item.values.item_size() + 16)) as f64;
            if residues.bits() + exact(&left) < own.bits() + exact(&placed[k]) {
                let mut back = prediction.restore(&left.ints, grid, dtype)?;
                scattered(&mut back, item.values, &left.exact)?;
                learned[k] = Some(Learned::of(&numbers(&back, grid)));
                restored[k] = Some(Restored::new(&back, grid));
                predicted[k] = Some(Predicted { prediction, left, learned: residues });
                placed[k].ints = Vec::new();
            }
        }
        if needed.contains(&k) && restored[k].is_none() {
            restored[k] = Some(Restored::of(item.values, &placed[k])?);
        }
    }
    drop(restored);
    let mut rank = vec![0; items.len()];
    order.iter().enumerate().for_each(|(at, k)| rank[*k] = at);
    let one = |k: usize| {
        let (item, placed) = (&items[k], &placed[k]);
        let Some(own) = &learned[k] else {
            let coded = alone::alone(item.values, placed, item.shape, item.tolerance, effort)?;
            return written(item, coded, Some(placed));
        };
        let before = learned.iter().zip(&rank).map(|(l, at)| l.as_ref().filter(|_| *at < rank[k]));
        let known: Vec<Option<&Bins>> = before.map(|l| l.map(|l| &l.bins)).collect();
        let coded = match &predicted[k] {
            Some(p) => {
                let coded = column::predicted(item.values, &p.left, &p.prediction, &p.learned, &known, effort)?;
                let mut back = p.prediction.restore(&p.left.ints, &placed.grid, item.values.dtype())?;
                scattered(&mut back, item.values, &p.left.exact)?;
                return Ok(Written { coded, hash: hash(&back) });
            }
            None => column::given(item.values, placed, own, &known, effort)?,
        };
        if item.tolerance == Tolerance::Exact && repeats(item.values, coded.bytes.len())? {
            let general = alone::general(item.values)?;
            if general.bytes.len() < coded.bytes.len() {
                return written(item, general, None);
            }
        }
        written(item, coded, Some(placed))
    };
    (0..items.len()).into_par_iter().map(one).collect()
}

/// A column by what is quick.
fn quickly(item: &Item) -> Result<Written> {
    let (coded, placed) = alone::quick(item.values, item.tolerance)?;
    written(item, coded, placed.as_ref())
}

/// A column with the hash of what a reader will have; as it is, if coding has made it no shorter.
///
/// * `placed`: what of it was coded; nothing if every bit was
fn written(item: &Item, coded: Coded, placed: Option<&Placed>) -> Result<Written> {
    let values = item.values;
    if coded.bytes.len() > values.len() * values.item_size() {
        return Ok(Written { coded: alone::stored(values), hash: hash(values) });
    }
    let hash = match (&coded.restored, placed.filter(|_| item.tolerance != Tolerance::Exact)) {
        (Some(back), _) => hash(back),
        (None, None) => hash(values),
        (None, Some(placed)) => {
            let mut back = placed.grid.values(values.dtype(), &placed.ints)?;
            scattered(&mut back, values, &placed.exact)?;
            hash(&back)
        }
    };
    Ok(Written { coded, hash })
}

/// XXH3 of values as little-endian bytes.
pub(super) fn hash(values: &Values) -> u64 {
    xxh3_64(&values.to_le_bytes())
}

/// Columns in an order in which each comes after those that its formula is computed from. Formulas that need each other are
/// left where they are.
fn order<'a>(formulas: impl Iterator<Item = &'a [usize]>) -> Vec<usize> {
    let formulas: Vec<&[usize]> = formulas.collect();
    let mut order: Vec<usize> = (0..formulas.len()).filter(|k| formulas[*k].is_empty()).collect();
    let mut rest: Vec<usize> = (0..formulas.len()).filter(|k| !formulas[*k].is_empty()).collect();
    while !rest.is_empty() {
        let ready = rest.iter().position(|k| formulas[*k].iter().all(|c| order.contains(c)));
        order.push(rest.remove(ready.unwrap_or(0)));
    }
    order
}

/// Whether repeated strings of bytes would make a column shorter than it became.
fn repeats(values: &Values, bytes: usize) -> Result<bool> {
    let size = values.item_size();
    let few = values.rows(0..values.len().min(TRIED / size), 1);
    let small = zstd(&shuffle(&few.to_le_bytes(), size), 3)?.len();
    Ok(small * values.len() < bytes * few.len())
}

/// A column to read.
pub(super) struct Section<'a> {
    pub bytes: &'a [u8],
    pub dtype: &'a str,
    pub shape: &'a [usize],
    pub formula: Option<&'a Formula>,
    pub tolerance: Tolerance,
}

/// Reads columns of a block of `rows`, side by side as far as they do not wait for each other: those that are wanted, and
/// those that they look at.
///
/// # Errors
/// [`ContainerDamaged`](crate::Code::ContainerDamaged).
pub(super) fn decode(sections: &[Section], rows: usize, wanted: &[bool]) -> Result<Vec<Option<Values>>> {
    let looks_at = |s: &Section| {
        let formula = s.formula.map_or(&[][..], |f| &f.columns);
        column::looks_at(s.bytes, s.dtype, sections.len(), formula)
    };
    let needs: Vec<Vec<usize>> = sections.iter().map(looks_at).collect::<Result<_>>()?;
    let mut needed = wanted.to_vec();
    let mut open: Vec<usize> = (0..sections.len()).filter(|k| needed[*k]).collect();
    while let Some(k) = open.pop() {
        for c in needs[k].iter().filter(|c| **c < sections.len()) {
            if !std::mem::replace(&mut needed[*c], true) {
                open.push(*c);
            }
        }
    }
    let mut decoded: Vec<Option<Decoded>> = sections.iter().map(|_| None).collect();
    while decoded.iter().zip(&needed).any(|(d, needed)| *needed && d.is_none()) {
        let known = |c: &usize| decoded.get(*c).is_some_and(Option::is_some);
        let ready = |k: &usize| needed[*k] && decoded[*k].is_none() && needs[*k].iter().all(known);
        let ready: Vec<usize> = (0..sections.len()).filter(ready).collect();
        if ready.is_empty() {
            return Err(malformed("columns that look at each other"));
        }
        let bins: Vec<Option<&Bins>> = decoded.iter().map(|d| d.as_ref().and_then(|d| d.bins.as_ref())).collect();
        let restored = |c: &usize| decoded.get(*c)?.as_ref()?.restored.as_ref();
        let one = |k: &usize| {
            let s = &sections[*k];
            let formula =
                s.formula.and_then(|f| Some((&f.expression, f.columns.iter().map(restored).collect::<Option<_>>()?)));
            let wanted = needs.iter().any(|n| n.contains(k));
            let known = Known { bins: &bins, shape: s.shape, formula, wanted, tolerance: s.tolerance };
            let width: usize = s.shape.iter().product();
            column::decode(s.bytes, s.dtype, width, rows * width, &known)
        };
        let found: Vec<Decoded> = ready.par_iter().map(one).collect::<Result<_>>()?;
        for (k, found) in ready.into_iter().zip(found) {
            decoded[k] = Some(found);
        }
    }
    Ok(decoded.into_iter().map(|d| d.map(|d| d.values)).collect())
}

//! The columns of one block together: what they tell about each other makes them shorter.
//!
//! A column looks only at columns before it, so a reader needs no more than those that it looks at, and those they look
//! at. A writer knows all of them and codes them side by side.

use rayon::prelude::*;

use super::column::{self, Coded, Learned};
use super::general::{shuffle, zstd};
use super::grid::{Placed, place};
use crate::data::Values;
use crate::entropy::bytes::malformed;
use crate::error::Result;
use crate::mix::Bins;

/// Fewer rows teach nothing.
const FEWEST_ROWS: usize = 200;
/// Bytes by which a general-purpose coder is tried.
const TRIED: usize = 1 << 17;

/// A column to write.
pub(super) struct Item<'a> {
    pub values: &'a Values,
    /// Numbers in a row.
    pub width: usize,
    /// 0 for every bit.
    pub bound: f64,
}

/// Codes the columns of a block, in order.
pub(super) fn encode(items: &[Item]) -> Result<Vec<Coded>> {
    let placed: Vec<Placed> = items.par_iter().map(|i| place(i.values, i.bound)).collect();
    let learned: Vec<Option<Learned>> = (items.par_iter().zip(&placed))
        .map(|(item, placed)| (item.width == 1 && placed.ints.len() >= FEWEST_ROWS).then(|| Learned::of(&placed.ints)))
        .collect();
    let bins: Vec<Option<&Bins>> = learned.iter().map(|l| l.as_ref().map(|l| &l.bins)).collect();
    let one = |k: usize| {
        let (item, placed) = (&items[k], &placed[k]);
        let Some(own) = &learned[k] else { return column::alone(item.values, placed, item.width, item.bound) };
        let coded = column::given(item.values, placed, own, &bins[..k])?;
        if item.bound == 0.0 && repeats(item.values, coded.bytes.len())? {
            let general = column::general(item.values)?;
            if general.bytes.len() < coded.bytes.len() {
                return Ok(general);
            }
        }
        Ok(coded)
    };
    (0..items.len()).into_par_iter().map(one).collect()
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
    pub width: usize,
}

/// Reads the columns of a block of `rows`, side by side as far as they do not wait for each other.
///
/// # Errors
/// [`ContainerDamaged`](crate::Code::ContainerDamaged).
pub(super) fn decode(sections: &[Section], rows: usize) -> Result<Vec<Values>> {
    let needs: Vec<Vec<usize>> = sections.iter().map(|s| column::looks_at(s.bytes, s.dtype)).collect::<Result<_>>()?;
    let mut values: Vec<Option<Values>> = vec![None; sections.len()];
    let mut bins: Vec<Option<Bins>> = vec![None; sections.len()];
    while values.iter().any(Option::is_none) {
        let ready =
            |k: &usize| values[*k].is_none() && needs[*k].iter().all(|c| values.get(*c).is_some_and(Option::is_some));
        let ready: Vec<usize> = (0..sections.len()).filter(ready).collect();
        if ready.is_empty() {
            return Err(malformed("columns that look at each other"));
        }
        let known: Vec<Option<&Bins>> = bins.iter().map(Option::as_ref).collect();
        let decoded: Vec<(Values, Option<Bins>)> = ready
            .par_iter()
            .map(|k| {
                let s = &sections[*k];
                let wanted = needs.iter().any(|n| n.contains(k));
                column::decode(s.bytes, s.dtype, s.width, rows * s.width, &known, wanted)
            })
            .collect::<Result<_>>()?;
        for (k, (found, own)) in ready.into_iter().zip(decoded) {
            values[k] = Some(found);
            bins[k] = own;
        }
    }
    Ok(values.into_iter().flatten().collect())
}

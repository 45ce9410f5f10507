//! One column of one block, in one of several forms. The first byte tells which.

use super::alone::course;
use super::exceptions;
use super::general::{unshuffle, unxz, unzstd};
use super::grid::Grid;
use super::options::Effort;
use super::pcodec;
use super::place::{Placed, Tolerance, place};
use super::predicted::{Prediction, Restored, numbers};
use crate::data::Values;
use crate::entropy::bytes::{Reader, malformed, put_section};
use crate::entropy::{decode_ints, encode_ints};
use crate::error::Result;
use crate::mix::field;
use crate::mix::series;
use crate::mix::{self, Bins, Contexts, Tree, cells};
use crate::relation::Expression;

pub(super) const RAW: u8 = 0;
pub(super) const SHUFFLE_ZSTD: u8 = 1;
pub(super) const SHUFFLE_XZ: u8 = 2;
/// Integers of a grid, column by column.
pub(super) const ARRANGED: u8 = 3;
/// Integers of a grid, given other columns.
const LEARNED: u8 = 4;
/// Differences of them, given other columns.
const LEARNED_DIFFERENCES: u8 = 5;
/// What a formula leaves of them, given other columns.
const LEARNED_RESIDUES: u8 = 6;

/// Integers of a grid as samples that follow each other.
pub(super) const SERIES: u8 = 7;
/// Integers of a grid as elements of arrays.
pub(super) const CELLS: u8 = 8;
/// Integers of a grid by pcodec.
pub(super) const QUICK: u8 = 9;
/// Values by pcodec.
pub(super) const QUICK_VALUES: u8 = 10;
/// Floats that are interpolated along the axes of their array.
pub(super) const FIELD: u8 = 11;

/// What a form is called.
pub(super) fn name(form: u8) -> &'static str {
    match form {
        RAW => "as it is",
        SHUFFLE_ZSTD => "zstd of shuffled bytes",
        SHUFFLE_XZ => "xz of shuffled bytes",
        LEARNED => "learned",
        LEARNED_DIFFERENCES => "learned, row to row",
        LEARNED_RESIDUES => "what its formula leaves, learned",
        SERIES => "series",
        CELLS => "cells",
        QUICK | QUICK_VALUES => "pcodec",
        FIELD => "field",
        _ => "integers",
    }
}

/// The zstd level of payloads.
pub(super) const LEVEL: i32 = 19;

/// The bytes of one column in one block, and what they cost in exactness.
pub(super) struct Coded {
    pub bytes: Vec<u8>,
    /// Values that the grid could not hold and that are stored exactly.
    pub exceptions: usize,
    /// What a reader will have, where neither the values nor their places on the grid say it.
    pub restored: Option<Values>,
    /// How, and why.
    pub form: String,
}

/// What is learned of a column whose rows are single numbers: its own decisions, and what it tells to others.
pub(super) struct Learned {
    tree: Tree,
    pub bins: Bins,
}

impl Learned {
    pub(super) fn of(ints: &[i64]) -> Self {
        let tree = Tree::of_column(ints);
        let bins = Bins::of(&tree, ints);
        Learned { tree, bins }
    }

    /// What the numbers cost if nothing else is known, in bits.
    pub(super) fn bits(&self) -> f64 {
        self.tree.bits(&self.bins)
    }
}

/// Most contexts of a column of so many rows. The first few tell nearly all, and each costs time.
fn most_contexts(rows: usize, effort: Effort) -> usize {
    match (effort, rows) {
        (Effort::Max, 4_000..50_000) => 9,
        (Effort::Max, 50_000..) => 14,
        _ => 6,
    }
}

/// A column given others, or given the row before and others, or as a series: whichever is shortest.
pub(super) fn given(
    values: &Values,
    placed: &Placed,
    own: &Learned,
    known: &[Option<&Bins>],
    effort: Effort,
) -> Result<Coded> {
    let most = most_contexts(values.len(), effort);
    let code = |form, ints: &[i64], own: &Learned| {
        let contexts = Contexts::choose(&own.bins, known, most);
        on_grid(form, placed, &mix::encode(ints, &own.tree, &contexts, known, effort.mixing()), values)
    };
    let mut coded = code(LEARNED, &placed.ints, own)?;
    let bits = |bits: f64| bits / values.len() as f64;
    let (now, alone) = (bits(8.0 * coded.bytes.len() as f64), bits(own.bits()));
    coded.form += &format!("; {now:.2} bits a value, {alone:.2} without contexts");
    let steps = differences(&placed.ints);
    let by_steps = Learned::of(&steps);
    if by_steps.bits() < own.bits() {
        let mut others = vec![coded, code(LEARNED_DIFFERENCES, &steps, &by_steps)?];
        if let Some((course, _)) = course(&placed.ints, 1) {
            others.push(on_grid(SERIES, placed, &series::encode(&placed.ints, 1, course, effort.mixing()), values)?);
        }
        return Ok(others.into_iter().min_by_key(|c| c.bytes.len()).expect("two or three forms"));
    }
    Ok(coded)
}

/// A column that a formula predicts, given others.
///
/// * `left`: what the formula leaves
pub(super) fn predicted(
    values: &Values,
    left: &Placed,
    prediction: &Prediction,
    own: &Learned,
    known: &[Option<&Bins>],
    effort: Effort,
) -> Result<Coded> {
    let known = prediction.beside(known);
    let contexts = Contexts::choose(&own.bins, &known, most_contexts(values.len(), effort));
    let ints = mix::encode(&left.ints, &own.tree, &contexts, &known, effort.mixing());
    on_grid(LEARNED_RESIDUES, left, &ints, values)
}

/// Each number less the one before; the first as it is.
fn differences(ints: &[i64]) -> Vec<i64> {
    let before = std::iter::once(&0).chain(ints);
    ints.iter().zip(before).map(|(v, b)| v.wrapping_sub(*b)).collect()
}

/// The inverse of [`differences`].
fn sums(mut steps: Vec<i64>) -> Vec<i64> {
    let mut sum = 0i64;
    for v in &mut steps {
        sum = sum.wrapping_add(*v);
        *v = sum;
    }
    steps
}

pub(super) fn on_grid(form: u8, placed: &Placed, ints: &[u8], values: &Values) -> Result<Coded> {
    let mut bytes = vec![form];
    placed.grid.write(&mut bytes);
    put_section(&mut bytes, ints);
    exceptions::put(&mut bytes, values, &placed.exact)?;
    let form = format!("{}{}", name(form), placed.grid.name());
    Ok(Coded { bytes, exceptions: placed.exact.len(), restored: None, form })
}

/// The columns that have to be known before this one.
///
/// * `columns`: of the block
/// * `formula`: those that its formula is computed from
///
/// # Errors
/// [`ContainerDamaged`](crate::Code::ContainerDamaged).
pub(super) fn looks_at(bytes: &[u8], dtype: &str, columns: usize, formula: &[usize]) -> Result<Vec<usize>> {
    let mut reader = Reader::new(bytes);
    let form = reader.byte()?;
    if !matches!(form, LEARNED | LEARNED_DIFFERENCES | LEARNED_RESIDUES) {
        return Ok(Vec::new());
    }
    Grid::read(&mut reader, dtype)?;
    let mut all = mix::looks_at(reader.section()?)?;
    if form == LEARNED_RESIDUES {
        // Behind the columns are the contexts of the formula.
        all.retain(|k| *k < columns);
        all.extend(formula);
    }
    Ok(all)
}

/// What a reader knows of a column before it reads it.
pub(super) struct Known<'a> {
    pub bins: &'a [Option<&'a Bins>],
    /// Shape of a row.
    pub shape: &'a [usize],
    /// A formula that predicts it, and the columns that this is computed from.
    pub formula: Option<(&'a Expression, Vec<&'a Restored>)>,
    /// Whether other columns look at it.
    pub wanted: bool,
    pub tolerance: Tolerance,
}

/// A column that was read.
pub(super) struct Decoded {
    pub values: Values,
    /// What it tells to other columns.
    pub bins: Option<Bins>,
    pub restored: Option<Restored>,
}

/// Reads `count` values of rows of `width`.
///
/// # Errors
/// [`ContainerDamaged`](crate::Code::ContainerDamaged).
pub(super) fn decode(bytes: &[u8], dtype: &str, width: usize, count: usize, known: &Known) -> Result<Decoded> {
    let size = Values::from_le_bytes(dtype, &[])?.item_size();
    let capacity = count.checked_mul(size).ok_or_else(|| malformed("a column exceeds the address space"))?;
    let mut reader = Reader::new(bytes);
    let form = reader.byte()?;
    let raw = match form {
        RAW => reader.rest().to_vec(),
        SHUFFLE_ZSTD => unshuffle(&unzstd(reader.rest(), capacity)?, size),
        SHUFFLE_XZ => unshuffle(&unxz(reader.rest(), capacity)?, size),
        QUICK_VALUES => pcodec::decode(reader.rest(), dtype, count)?.to_le_bytes(),
        ARRANGED | LEARNED | LEARNED_DIFFERENCES | LEARNED_RESIDUES | SERIES | CELLS | QUICK | FIELD => {
            let grid = Grid::read(&mut reader, dtype)?;
            let ints = reader.section()?;
            let (mut values, bins) = match form {
                ARRANGED => (grid.values(dtype, &restore_arranged(ints, width, count)?)?, None),
                FIELD => {
                    let Grid::Step(step) = grid else { return Err(malformed("a field without steps")) };
                    let rows = count.checked_div(width).unwrap_or(0);
                    (Values::from_f64(dtype, field::decode(ints, rows, known.shape, step)?.into_iter())?, None)
                }
                QUICK => (grid.values(dtype, &pcodec::decode_ints(ints, count)?)?, None),
                CELLS => (grid.values(dtype, &cells::decode(ints, width, count)?)?, None),
                LEARNED => {
                    let (ints, bins) = mix::decode(ints, count, known.bins)?;
                    (grid.values(dtype, &ints)?, Some(bins))
                }
                LEARNED_DIFFERENCES | SERIES => {
                    let ints = match form {
                        SERIES => series::decode(ints, width, count)?,
                        _ => sums(mix::decode(ints, count, known.bins)?.0),
                    };
                    (grid.values(dtype, &ints)?, (known.wanted && width == 1).then(|| Learned::of(&ints).bins))
                }
                _ => {
                    let (formula, columns) =
                        known.formula.as_ref().ok_or_else(|| malformed("a column without its formula"))?;
                    let prediction = Prediction::new(formula, columns, &grid, dtype);
                    let (ints, _) = mix::decode(ints, count, &prediction.beside(known.bins))?;
                    (prediction.restore(&ints, &grid, dtype)?, None)
                }
            };
            exceptions::apply(&mut reader, &mut values)?;
            reader.end()?;
            let restored = known.wanted.then(|| Restored::new(&values, &grid));
            let bins = match bins {
                None if known.wanted && width == 1 => Some(Learned::of(&numbers(&values, &grid)).bins),
                found => found,
            };
            return Ok(Decoded { values, bins, restored });
        }
        other => return Err(malformed(format!("a column of form {other}"))),
    };
    if raw.len() != capacity {
        return Err(malformed(format!("{} bytes where {capacity} belong", raw.len())));
    }
    let values = Values::from_le_bytes(dtype, &raw)?;
    if !known.wanted || width != 1 {
        return Ok(Decoded { values, bins: None, restored: None });
    }
    // What the writer saw of it before it took another form.
    let placed = place(&values, known.tolerance);
    let restored = Restored::new(&values, &placed.grid);
    Ok(Decoded { bins: Some(Learned::of(&placed.ints).bins), restored: Some(restored), values })
}

/// Integers as one lane, or one lane an element of the row, whichever is smaller. First byte: the number of lanes is
/// 1 (0) or the width (1).
pub(super) fn arrange(ints: &[i64], width: usize) -> Vec<u8> {
    let flat = encode_ints(&[ints]);
    if width > 1 && ints.len() / width >= 32 {
        let lanes: Vec<Vec<i64>> = (0..width).map(|k| ints.iter().skip(k).step_by(width).copied().collect()).collect();
        let lanes = encode_ints(&lanes);
        if lanes.len() < flat.len() {
            return [vec![1], lanes].concat();
        }
    }
    [vec![0], flat].concat()
}

/// The inverse of [`arrange`].
pub(super) fn restore_arranged(bytes: &[u8], width: usize, count: usize) -> Result<Vec<i64>> {
    let mut reader = Reader::new(bytes);
    match reader.byte()? {
        0 => Ok(decode_ints(reader.rest(), 1, count)?.remove(0)),
        1 if width > 0 => {
            let lanes = decode_ints(reader.rest(), width, count / width)?;
            Ok((0..count / width).flat_map(|row| lanes.iter().map(move |lane| lane[row])).collect())
        }
        other => Err(malformed(format!("integers in arrangement {other}"))),
    }
}

//! Families of conditional distributions on one table within one bound, for honest comparison. Every byte that a reader needs
//! counts: grids, exceptions, trees, parameters; every stream is read again and compared.

use std::time::Instant;

use rayon::prelude::*;

use super::column::Learned;
use super::exceptions;
use super::grid::scattered;
use super::place::{Placed, Tolerance, place};
use super::predicted::Prediction;
use crate::circuit::{self, ChowLiu, Conditionals, Hidden, Mixer};
use crate::data::{Column, Dataset};
use crate::error::{Code, Error, Result};

/// Times that a table is written and read.
const RUNS: usize = 3;

/// What a family made of a table.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct FamilySize {
    /// The family.
    pub name: String,
    /// What it chose.
    pub choice: String,
    /// All that a reader needs.
    pub bytes: u64,
    /// The parameters among them.
    pub model_bytes: u64,
    /// Raw bytes over bytes.
    pub ratio: f64,
    /// To learn, on all threads that there are; absent where it was done elsewhere.
    pub learn_seconds: Option<f64>,
    /// To write what was learned and the table: raw bytes a second, in 10^6, on one thread, the quickest of three.
    pub write_mb_s: Option<f64>,
    /// To read them.
    pub read_mb_s: Option<f64>,
}

/// A table as integers, each column on its grid.
pub(super) struct Integers {
    pub placed: Vec<Placed>,
    /// Bytes of grids and exceptions.
    pub beside: u64,
}

/// The half width of the steps of a column.
///
/// * `bound`: as a fraction of its range, of finite values
pub(super) fn half_step(column: &Column, bound: f64) -> f64 {
    let (low, high) = column.values.extent();
    Some(bound * (high - low)).filter(|b| b.is_finite() && *b > 0.0).unwrap_or(0.0)
}

impl Integers {
    /// * `bound`: as a fraction of each column's range
    pub(super) fn of(data: &Dataset, bound: f64) -> Result<Self> {
        if let Some(wide) = data.columns.iter().find(|c| c.width() != 1) {
            return Err(Error::new(Code::DataShape, format!("column `{}` is not one number a row", wide.name))
                .hint("families are compared on tables of single numbers; select columns with --columns"));
        }
        let placed: Vec<Placed> =
            data.columns.iter().map(|c| place(&c.values, Tolerance::By(half_step(c, bound)))).collect();
        let mut beside = Vec::new();
        for (column, placed) in data.columns.iter().zip(&placed) {
            placed.grid.write(&mut beside);
            exceptions::put(&mut beside, &column.values, &placed.exact)?;
        }
        Ok(Integers { placed, beside: beside.len() as u64 })
    }
}

/// The families on a table, each column within `bound` of its range.
///
/// # Errors
/// [`Code::DataShape`] for columns of arrays, [`Code::ContainerDamaged`] if a family does not give back what it took.
pub fn families(data: &Dataset, bound: f64) -> Result<Vec<FamilySize>> {
    let Integers { placed, beside } = Integers::of(data, bound)?;
    let columns: Vec<Vec<i64>> = placed.into_iter().map(|p| p.ints).collect();
    let all: [&dyn Conditionals; 4] =
        [&ChowLiu { edges: false }, &ChowLiu { edges: true }, &Hidden::default(), &Mixer::default()];
    all.into_iter().map(|family| measure(family, &columns, data.raw_bytes(), beside)).collect()
}

/// Learns, writes, reads and compares.
///
/// * `beside`: bytes that belong to the table whatever the family
pub(super) fn measure(family: &dyn Conditionals, columns: &[Vec<i64>], raw: u64, beside: u64) -> Result<FamilySize> {
    let rows = circuit::check(columns)?;
    if rows == 0 {
        return Err(Error::new(Code::DataShape, "no rows").hint("families are compared on tables of at least one row"));
    }
    let start = Instant::now();
    let model = family.learn(columns);
    let learn_seconds = start.elapsed().as_secs_f64();
    let (coded, write) = quickest(|| Ok(model.encode(columns)))?;
    let (back, read) = quickest(|| family.read(&coded, columns.len(), rows))?;
    if back != columns {
        return Err(Error::new(Code::ContainerDamaged, format!("{} reads other values than it wrote", family.name())));
    }
    let (bytes, megabytes) = (coded.len() as u64 + beside, raw as f64 / 1e6);
    Ok(FamilySize {
        name: family.name().to_owned(),
        choice: model.choice(),
        bytes,
        model_bytes: model.model_bytes() as u64,
        ratio: raw as f64 / bytes as f64,
        learn_seconds: Some(learn_seconds),
        write_mb_s: Some(megabytes / write),
        read_mb_s: Some(megabytes / read),
    })
}

/// Does the same on one thread some times: what comes out, and the seconds of the quickest.
fn quickest<R: Send>(work: impl Fn() -> Result<R> + Sync) -> Result<(R, f64)> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    let pool = pool.map_err(|e| Error::new(Code::Io, "a thread cannot start").cause(e.to_string()))?;
    let once = || {
        let start = Instant::now();
        Ok::<_, Error>((pool.install(&work)?, start.elapsed().as_secs_f64()))
    };
    let (result, mut seconds) = once()?;
    for _ in 1..RUNS {
        seconds = seconds.min(once()?.1);
    }
    Ok((result, seconds))
}

/// What remains when columns are known about: latents, and what they leave of each column to the bound, by the mixer. Columns
/// that predictions do not make shorter are coded as they are.
///
/// * `predictions`: `[column][row]`
/// * `latents`: integers that a reader computes the predictions from
/// * `beside`: bytes that it needs for that besides
///
/// # Errors
/// As [`families`].
pub fn residues(
    data: &Dataset,
    bound: f64,
    predictions: Vec<Vec<f64>>,
    latents: Vec<Vec<i64>>,
    beside: u64,
) -> Result<FamilySize> {
    let Integers { placed, .. } = Integers::of(data, bound)?;
    let mut columns = latents;
    // Which columns are predicted.
    let mut own = vec![0u8; placed.len().div_ceil(8)];
    for (k, ((column, placed), values)) in data.columns.iter().zip(placed).zip(predictions).enumerate() {
        let left = left(column, &placed, values, bound)?;
        let is_shorter = bits(column, &left) < bits(column, &placed);
        own[k / 8] |= u8::from(is_shorter) << (k % 8);
        let shorter = if is_shorter { left } else { placed };
        shorter.grid.write(&mut own);
        exceptions::put(&mut own, &column.values, &shorter.exact)?;
        columns.push(shorter.ints);
    }
    measure(&Mixer::default(), &columns, data.raw_bytes(), beside + own.len() as u64)
}

/// Bits of the latents and of what they leave, about: what [`residues`] is told to make least of.
pub fn residue_bits(data: &Dataset, bound: f64, predictions: &[Vec<f64>], latents: &[Vec<i64>]) -> Result<f64> {
    let Integers { placed, .. } = Integers::of(data, bound)?;
    let pairs: Vec<_> = data.columns.iter().zip(placed).zip(predictions).collect();
    let one = |((column, placed), values): &((&Column, Placed), &Vec<f64>)| {
        let left = left(column, placed, (*values).clone(), bound)?;
        Ok(bits(column, &left).min(bits(column, placed)))
    };
    let columns = pairs.par_iter().map(one).collect::<Result<Vec<f64>>>()?;
    let latents: Vec<f64> = latents.par_iter().map(|l| Learned::of(l).bits()).collect();
    Ok(columns.iter().chain(&latents).sum())
}

/// What a prediction leaves of a column; it was put together again and compared.
fn left(column: &Column, placed: &Placed, predictions: Vec<f64>, bound: f64) -> Result<Placed> {
    let half = half_step(column, bound);
    let prediction = Prediction::of(predictions);
    let left = prediction.leaves(&column.values, &placed.grid, half);
    let mut back = prediction.restore(&left.ints, &placed.grid, column.values.dtype())?;
    scattered(&mut back, &column.values, &left.exact)?;
    let far = |i: &usize| (back.get_f64(*i) - column.values.get_f64(*i)).abs() > half;
    if (0..back.len()).any(|i| far(&i)) {
        return Err(Error::new(Code::ContainerDamaged, format!("column `{}` leaves its bound", column.name)));
    }
    Ok(left)
}

/// What a column costs alone, about; an exception 16 bits more than its value.
fn bits(column: &Column, placed: &Placed) -> f64 {
    let exact = placed.exact.len() * (8 * column.values.item_size() + 16);
    Learned::of(&placed.ints).bits() + exact as f64
}

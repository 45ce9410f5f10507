//! Families of conditional distributions on one table within one bound, for honest comparison. Every byte that a reader needs
//! counts: grids, exceptions, trees, parameters; every stream is read again and compared.

use std::time::Instant;

use super::exceptions;
use super::grid::{Placed, place};
use crate::circuit::{ChowLiu, Conditionals, Hidden, Mixer};
use crate::data::Dataset;
use crate::error::{Code, Error, Result};

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
    /// To learn, on all threads that there are.
    pub learn_seconds: f64,
    /// To write, and to read: raw bytes a second, in 10^6, on one thread.
    pub write_mb_s: f64,
    /// To read.
    pub read_mb_s: f64,
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
pub(super) fn half_step(column: &crate::data::Column, bound: f64) -> f64 {
    let finite = (0..column.values.len()).map(|i| column.values.get_f64(i)).filter(|x| x.is_finite());
    let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
    Some(bound * (high - low)).filter(|b| b.is_finite() && *b > 0.0).unwrap_or(0.0)
}

impl Integers {
    /// * `bound`: as a fraction of each column's range
    pub(super) fn of(data: &Dataset, bound: f64) -> Result<Self> {
        if let Some(wide) = data.columns.iter().find(|c| c.width() != 1) {
            return Err(Error::new(Code::DataShape, format!("column `{}` is not one number a row", wide.name))
                .hint("families are compared on tables of single numbers; select columns with --columns"));
        }
        let placed: Vec<Placed> = data.columns.iter().map(|c| place(&c.values, half_step(c, bound))).collect();
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
    let start = Instant::now();
    let model = family.fit(columns)?;
    let learn_seconds = start.elapsed().as_secs_f64();
    let start = Instant::now();
    let coded = one_thread(|| model.encode(columns))?;
    let write = start.elapsed().as_secs_f64();
    let start = Instant::now();
    let back = one_thread(|| family.decode(&coded, columns.first().map_or(0, Vec::len)))??;
    let read = start.elapsed().as_secs_f64();
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
        learn_seconds,
        write_mb_s: megabytes / write,
        read_mb_s: megabytes / read,
    })
}

/// Runs `work` without helpers.
fn one_thread<R: Send>(work: impl FnOnce() -> R + Send) -> Result<R> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    let pool = pool.map_err(|e| Error::new(Code::Io, "a thread cannot start").cause(e.to_string()))?;
    Ok(pool.install(work))
}

//! One column of one block, in one of several forms. The first byte tells which.

use super::encode::Effort;
use super::exceptions;
use super::general::{shuffle, unshuffle, unxz, unzstd, xz, zstd};
use super::grid::{Grid, Placed, Tolerance, place, scattered};
use super::pcodec;
use super::predicted::{Prediction, Restored, numbers};
use crate::data::Values;
use crate::entropy::bytes::{Reader, malformed, put_section};
use crate::entropy::{decode_ints, encode_ints};
use crate::error::Result;
use crate::mix::field::{self, Plan, Scale};
use crate::mix::series::{self, Course};
use crate::mix::{self, Bins, Contexts, Tree, cells};
use crate::relation::Expression;

const RAW: u8 = 0;
const SHUFFLE_ZSTD: u8 = 1;
const SHUFFLE_XZ: u8 = 2;
/// Integers of a grid, column by column.
const ARRANGED: u8 = 3;
/// Integers of a grid, given other columns.
const LEARNED: u8 = 4;
/// Differences of them, given other columns.
const LEARNED_DIFFERENCES: u8 = 5;
/// What a formula leaves of them, given other columns.
const LEARNED_RESIDUES: u8 = 6;

/// Integers of a grid as samples that follow each other.
const SERIES: u8 = 7;
/// Integers of a grid as elements of arrays.
const CELLS: u8 = 8;
/// Integers of a grid by pcodec.
const QUICK: u8 = 9;
/// Values by pcodec.
const QUICK_VALUES: u8 = 10;
/// Floats that are interpolated along the axes of their array.
const FIELD: u8 = 11;

/// The zstd level of payloads.
pub(super) const LEVEL: i32 = 19;

/// The bytes of one column in one block, and what they cost in exactness.
pub(super) struct Coded {
    pub bytes: Vec<u8>,
    /// Values that the grid could not hold and that are stored exactly.
    pub exceptions: usize,
    /// What a reader will have, where neither the values nor their places on the grid say it.
    pub restored: Option<Values>,
}

/// Numbers by which forms are compared before one is used for all.
const TRIED: usize = 1 << 16;
/// Of a field: what is tried has to have all its axes.
const FIELD_TRIED: usize = 1 << 18;

/// A column in the quickest form.
pub(super) fn quick(values: &Values, tolerance: Tolerance) -> Result<(Coded, Option<Placed>)> {
    if tolerance == Tolerance::Exact || (values.is_integer() && tolerance.bound() < 1.0) {
        let bytes = [vec![QUICK_VALUES], pcodec::encode(values)?].concat();
        return Ok((Coded { bytes, exceptions: 0, restored: None }, None));
    }
    let placed = place(values, tolerance);
    let coded = on_grid(QUICK, &placed, &pcodec::encode_ints(&placed.ints)?, values)?;
    Ok((coded, Some(placed)))
}

/// A column as it is.
pub(super) fn stored(values: &Values) -> Coded {
    Coded { bytes: [vec![RAW], values.to_le_bytes()].concat(), exceptions: 0, restored: None }
}

/// A column in the form that needs no other column.
///
/// * `shape`: of a row
pub(super) fn alone(values: &Values, placed: &Placed, shape: &[usize], tolerance: Tolerance) -> Result<Coded> {
    let (width, line): (usize, usize) = (shape.iter().product(), shape.last().copied().unwrap_or(1));
    let rows = values.len() / width.max(1);
    let few = TRIED.div_ceil(width.max(1)).clamp(1, rows.max(1)).min(rows);
    let (some, ints) = (values.rows(0..few, width), &placed.ints[..few * width]);
    let course = course(ints, width);
    let mut sizes = vec![(arrange(ints, width).len(), ARRANGED)];
    if let Some(course) = course {
        sizes.push((series::encode(ints, width, course).len(), SERIES));
    }
    if width > 1 && ints.len() >= 64 {
        sizes.push((cells::encode(ints, width, line).len(), CELLS));
    }
    // General-purpose coders are slow: where a bound has saved much they have no chance.
    if tolerance == Tolerance::Exact || sizes[0].0 * 4 > some.len() * some.item_size() {
        sizes.push((general(&some)?.bytes.len(), RAW));
        sizes.push((1 + pcodec::encode(&some)?.len(), QUICK_VALUES));
    }
    let scale = scale(values, &placed.grid, tolerance.bound());
    let mut plan = None;
    if let Some(scale) = scale {
        let few = FIELD_TRIED.div_ceil(width.max(1)).clamp(1, rows.max(1)).min(rows);
        let some = floats(&values.rows(0..few, width));
        let plans = Plan::all(few, shape).into_iter().map(|plan| (field::bits(&some, &plan, scale), plan));
        plan = plans.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, plan)| plan.of_rows(rows, shape));
        if let Some(plan) = &plan {
            let coded = field::encode(&some, &plan.of_rows(few, shape), scale);
            sizes.push((coded.bytes.len() * TRIED / FIELD_TRIED + 10 * coded.exact.len(), FIELD));
        }
    }
    let (_, form) = sizes.into_iter().min().expect("at least one form");
    if let (FIELD, Some(plan), Some(scale)) = (form, plan, scale) {
        return interpolated(values, &placed.grid, &plan, scale);
    }
    match (form, course) {
        (RAW, _) => general(values),
        (QUICK_VALUES, _) => {
            Ok(Coded { bytes: [vec![QUICK_VALUES], pcodec::encode(values)?].concat(), exceptions: 0, restored: None })
        }
        (SERIES, Some(course)) => on_grid(SERIES, placed, &series::encode(&placed.ints, width, course), values),
        (CELLS, _) => on_grid(CELLS, placed, &cells::encode(&placed.ints, width, line), values),
        _ => on_grid(ARRANGED, placed, &arrange(&placed.ints, width), values),
    }
}

/// How a field's values become steps, if they are floats that may move by a step.
fn scale(values: &Values, grid: &Grid, bound: f64) -> Option<Scale> {
    let Grid::Step(step) = grid else { return None };
    let single = values.dtype() == "float32";
    (values.len() >= 64 && bound > 0.0 && !values.is_integer()).then_some(Scale { step: *step, bound, single })
}

fn floats(values: &Values) -> Vec<f64> {
    (0..values.len()).map(|i| values.get_f64(i)).collect()
}

/// A field, with what a reader computes of it.
fn interpolated(values: &Values, grid: &Grid, plan: &Plan, scale: Scale) -> Result<Coded> {
    let coded = field::encode(&floats(values), plan, scale);
    let mut bytes = vec![FIELD];
    grid.write(&mut bytes);
    put_section(&mut bytes, &coded.bytes);
    exceptions::put(&mut bytes, values, &coded.exact)?;
    let mut restored = Values::from_f64(values.dtype(), coded.values.into_iter())?;
    scattered(&mut restored, values, &coded.exact)?;
    Ok(Coded { bytes, exceptions: coded.exact.len(), restored: Some(restored) })
}

/// How numbers follow each other, if they may be a series: the course in which prediction leaves least.
fn course(ints: &[i64], width: usize) -> Option<Course> {
    if ints.len() < 64 || ints.iter().any(|v| v.unsigned_abs() > series::LARGEST.unsigned_abs()) {
        return None;
    }
    let rows = ints.len() / width;
    let fits = |course: &Course| match course {
        Course::Rows => width >= 16,
        Course::Lanes => rows >= 16,
        Course::Through => width > 1,
    };
    let bits = |course: Course| Learned::of(&series::left(ints, width, course)).bits();
    let all = series::COURSES.into_iter().filter(fits).map(|c| (bits(c), c));
    all.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, course)| course)
}

/// The values bit for bit, as bytes.
pub(super) fn general(values: &Values) -> Result<Coded> {
    let raw = values.to_le_bytes();
    let shuffled = shuffle(&raw, values.item_size());
    let mut forms = vec![(SHUFFLE_ZSTD, zstd(&shuffled, LEVEL)?)];
    if !values.is_integer() {
        forms.push((SHUFFLE_XZ, xz(&shuffled)?));
    }
    forms.push((RAW, raw));
    let (form, body) = forms.into_iter().min_by_key(|(_, b)| b.len()).expect("two forms");
    Ok(Coded { bytes: [vec![form], body].concat(), exceptions: 0, restored: None })
}

/// What is learned of a column whose rows are single numbers: its own decisions, and what it tells to others.
pub(super) struct Learned {
    tree: Tree,
    pub bins: Bins,
}

impl Learned {
    pub(super) fn of(ints: &[i64]) -> Self {
        let tree = Tree::of(ints, mix::leaves_for(ints.len()));
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
        (_, ..4_000) => 6,
        _ => 7,
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
        on_grid(form, placed, &mix::encode(ints, &own.tree, &contexts, known), values)
    };
    let coded = code(LEARNED, &placed.ints, own)?;
    let steps = differences(&placed.ints);
    let by_steps = Learned::of(&steps);
    if by_steps.bits() < own.bits() {
        let mut others = vec![coded, code(LEARNED_DIFFERENCES, &steps, &by_steps)?];
        if let Some(course) = course(&placed.ints, 1) {
            others.push(on_grid(SERIES, placed, &series::encode(&placed.ints, 1, course), values)?);
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
    on_grid(LEARNED_RESIDUES, left, &mix::encode(&left.ints, &own.tree, &contexts, &known), values)
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

fn on_grid(form: u8, placed: &Placed, ints: &[u8], values: &Values) -> Result<Coded> {
    let mut bytes = vec![form];
    placed.grid.write(&mut bytes);
    put_section(&mut bytes, ints);
    exceptions::put(&mut bytes, values, &placed.exact)?;
    Ok(Coded { bytes, exceptions: placed.exact.len(), restored: None })
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
fn arrange(ints: &[i64], width: usize) -> Vec<u8> {
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
fn restore_arranged(bytes: &[u8], width: usize, count: usize) -> Result<Vec<i64>> {
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

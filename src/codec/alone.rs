//! A column that needs no other: forms tried on a part of it, the shortest used for all.

use super::column::{
    ARRANGED, CELLS, Coded, FIELD, Learned, QUICK, QUICK_VALUES, RAW, SERIES, SHUFFLE_XZ, SHUFFLE_ZSTD,
};
use super::column::{LEVEL, arrange, name, on_grid};
use super::exceptions;
use super::general::{shuffle, xz, zstd};
use super::grid::{Grid, scattered};
use super::options::Effort;
use super::pcodec;
use super::place::{Placed, Tolerance, place};
use crate::data::Values;
use crate::entropy::bytes::put_section;
use crate::error::Result;
use crate::mix::field::{self, Plan, Scale};
use crate::mix::series::{self, Course};
use crate::mix::{Mixing, cells};

/// Numbers by which forms are compared before one is used for all.
const TRIED: usize = 1 << 16;
/// Fewest rows of a field that are tried: it may be smooth along them too.
const FIELD_ROWS: usize = 4;

/// A column in the quickest form.
pub(super) fn quick(values: &Values, tolerance: Tolerance) -> Result<(Coded, Option<Placed>)> {
    if tolerance == Tolerance::Exact || (values.is_integer() && tolerance.bound() < 1.0) {
        return Ok((by_pcodec(values)?, None));
    }
    let placed = place(values, tolerance);
    let coded = on_grid(QUICK, &placed, &pcodec::encode_ints(&placed.ints)?, values)?;
    Ok((coded, Some(placed)))
}

/// A column as it is.
pub(super) fn stored(values: &Values) -> Coded {
    Coded {
        bytes: [vec![RAW], values.to_le_bytes()].concat(),
        exceptions: 0,
        restored: None,
        form: format!("{}: nothing makes it shorter", name(RAW)),
    }
}

/// A column in the form that needs no other column.
///
/// * `shape`: of a row
pub(super) fn alone(
    values: &Values,
    placed: &Placed,
    shape: &[usize],
    tolerance: Tolerance,
    effort: Effort,
) -> Result<Coded> {
    let mixing = effort.mixing();
    let (width, line): (usize, usize) = (shape.iter().product(), shape.last().copied().unwrap_or(1));
    let rows = values.len() / width.max(1);
    let few = TRIED.div_ceil(width.max(1)).clamp(1, rows.max(1)).min(rows);
    let (some, ints) = (values.rows(0..few, width), &placed.ints[..few * width]);
    let mut sizes = vec![(arrange(ints, width).len(), ARRANGED)];
    let scale = scale(values, &placed.grid, tolerance.bound());
    let (mut plan, mut smooth) = (None, false);
    if let Some(scale) = scale {
        let few = few.max(FIELD_ROWS).min(rows);
        let some = values.rows(0..few, width).to_f64();
        let plans = Plan::all(few, shape).into_iter().map(|plan| (field::bits(&some, &plan, scale), plan));
        let best = plans.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, plan)| plan).expect("at least one plan");
        let coded = field::encode(&some, &best, scale, mixing);
        let size = (coded.bytes.len() + 10 * coded.exact.len()) * ints.len() / some.len();
        // Then it is neither a series nor cells, and what a series foretells is no cells.
        smooth = effort != Effort::Max && 2 * size < sizes[0].0;
        sizes.push((size, FIELD));
        plan = Some(best.of_rows(rows, shape));
    }
    // All of them have to be small enough, not those alone that are tried.
    let course = if !smooth && series::fits(&placed.ints) { course(ints, width) } else { None };
    let mut foretold = false;
    if let Some((course, left)) = course {
        sizes.push((learned(ints, width, &|ints| series::encode(ints, width, course, mixing)), SERIES));
        foretold = effort != Effort::Max && 4.0 * left < 3.0 * Learned::of(ints).bits();
    }
    if !(smooth || foretold) && width > 1 && ints.len() >= 64 {
        let size = learned(ints, width, &|ints| cells::encode(ints, width, line));
        // They take three times as long as a series: as long as time counts that has to be worth it.
        sizes.push((if effort == Effort::Max { size } else { size + size / 100 }, CELLS));
    }
    // General-purpose coders are slow: they get a quarter, and where a bound has saved much they have no chance.
    if tolerance == Tolerance::Exact || sizes[0].0 * 4 > some.len() * some.item_size() {
        let part = values.rows(0..some.len().min(TRIED).div_ceil(4), 1);
        let general = general(&part)?.bytes;
        sizes.push((general.len() * some.len() / part.len().max(1), general[0]));
        sizes.push((1 + pcodec::encode(&some)?.len(), QUICK_VALUES));
    }
    sizes.sort_unstable();
    let (_, form) = sizes[0];
    let mut coded = match (form, course, plan, scale) {
        (FIELD, _, Some(plan), Some(scale)) => interpolated(values, &placed.grid, &plan, scale, mixing)?,
        (RAW | SHUFFLE_ZSTD | SHUFFLE_XZ, ..) => general(values)?,
        (QUICK_VALUES, ..) => by_pcodec(values)?,
        (SERIES, Some((course, _)), ..) => {
            on_grid(SERIES, placed, &series::encode(&placed.ints, width, course, mixing), values)?
        }
        (CELLS, ..) => on_grid(CELLS, placed, &cells::encode(&placed.ints, width, line), values)?,
        _ => on_grid(ARRANGED, placed, &arrange(&placed.ints, width), values)?,
    };
    if matches!(form, RAW | SHUFFLE_ZSTD | SHUFFLE_XZ | QUICK_VALUES) && tolerance != Tolerance::Exact {
        coded.restored = Some(values.clone());
    }
    let tried: Vec<String> = sizes.iter().map(|(bytes, form)| format!("{} {bytes}", name(*form))).collect();
    coded.form += &format!("; bytes of {} values: {}", ints.len(), tried.join(", "));
    Ok(coded)
}

/// Bytes of numbers in a form that learns as it goes: twice those of the second half, as there is much more to come.
fn learned(ints: &[i64], width: usize, encode: &dyn Fn(&[i64]) -> Vec<u8>) -> usize {
    let half = ints.len() / width / 2 * width;
    let all = encode(ints).len();
    if half == 0 || ints.len() < TRIED { all } else { 2 * (all - encode(&ints[..half]).len().min(all)) }
}

fn by_pcodec(values: &Values) -> Result<Coded> {
    let bytes = [vec![QUICK_VALUES], pcodec::encode(values)?].concat();
    Ok(Coded { bytes, exceptions: 0, restored: None, form: name(QUICK_VALUES).to_owned() })
}

/// How a field's values become steps, if they are floats that may move by a step.
fn scale(values: &Values, grid: &Grid, bound: f64) -> Option<Scale> {
    let Grid::Step(step) = grid else { return None };
    let single = values.dtype() == "float32";
    (values.len() >= 64 && bound > 0.0 && !values.is_integer()).then_some(Scale { step: *step, bound, single })
}

/// A field, with what a reader computes of it.
fn interpolated(values: &Values, grid: &Grid, plan: &Plan, scale: Scale, mixing: Mixing) -> Result<Coded> {
    let coded = field::encode(&values.to_f64(), plan, scale, mixing);
    let mut bytes = vec![FIELD];
    grid.write(&mut bytes);
    put_section(&mut bytes, &coded.bytes);
    exceptions::put(&mut bytes, values, &coded.exact)?;
    let mut restored = Values::from_f64(values.dtype(), coded.values.into_iter())?;
    scattered(&mut restored, values, &coded.exact)?;
    Ok(Coded { bytes, exceptions: coded.exact.len(), restored: Some(restored), form: name(FIELD).to_owned() })
}

/// How numbers follow each other, if they may be a series: the course in which prediction leaves least, and the bits of that.
pub(super) fn course(ints: &[i64], width: usize) -> Option<(Course, f64)> {
    if ints.len() < 64 || !series::fits(ints) {
        return None;
    }
    let rows = ints.len() / width;
    let fits = |course: &Course| match course {
        Course::Rows => width >= 16,
        Course::Lanes => rows >= 16,
        Course::Through => width > 1,
    };
    let bits = |course: Course| Learned::of(&series::left(ints, width, course)).bits();
    let all = series::COURSES.into_iter().filter(fits).map(|c| (c, bits(c)));
    all.min_by(|a, b| a.1.total_cmp(&b.1))
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
    Ok(Coded { bytes: [vec![form], body].concat(), exceptions: 0, restored: None, form: name(form).to_owned() })
}

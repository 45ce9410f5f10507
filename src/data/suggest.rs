//! What to take of a file, and how to treat its columns, where nobody said so: for `init`.

use std::path::Path;

use super::fit::Sorted;
use super::listing::{ItemSummary, inspect};
use super::{Column, Dataset, Domain, Gaps, NanPolicy, NormKind, Selection, extension, read};
use crate::error::{Code, Error, Result};

/// A selection that can be read and trained on, with a word on each choice.
pub struct Suggestion {
    /// What to take.
    pub selection: Selection,
    /// The data, so selected.
    pub data: Dataset,
    /// Why, a line a choice.
    pub notes: Vec<String>,
}

/// Finds a part of the file that makes a data set: all of it if possible, else the largest collection in it.
///
/// # Errors
/// As [`read`], if no part can be read; `D003` if there are no rows.
pub fn suggest(path: &Path, asked: &Selection) -> Result<Suggestion> {
    let mut notes = Vec::new();
    let (mut selection, mut data) = match read(path, asked) {
        Ok(data) => (asked.clone(), data),
        Err(whole) => {
            let parts = inspect(path, asked).unwrap_or_default();
            let Some(selection) = largest(&extension(path), &parts, asked, &mut notes) else { return Err(whole) };
            let data = read(path, &selection).map_err(|_| whole)?;
            (selection, data)
        }
    };
    if data.rows == 0 {
        return Err(Error::new(Code::DataSelection, format!("`{}` has no rows", path.display())));
    }
    // A recipe names the last row.
    selection.rows = selection.rows.map(|(start, _)| (start, start + data.rows));
    pass_through(&mut selection, &mut data, &mut notes);
    let gaps = Gaps::find(&data);
    if !gaps.none() {
        notes.push(gaps.describe(data.rows));
        let few = gaps.rows.len() * 20 <= data.rows;
        selection.nan = if few { NanPolicy::DropRows } else { NanPolicy::Median };
    }
    Ok(Suggestion { selection, data, notes })
}

/// The largest set of columns with one row count.
fn largest(format: &str, parts: &[ItemSummary], asked: &Selection, notes: &mut Vec<String>) -> Option<Selection> {
    let readable: Vec<&ItemSummary> = parts.iter().filter(|p| p.unreadable.is_none()).collect();
    // Columns of one key fit together: one tree and, for jagged branches, one list of lengths.
    let key = |p: &ItemSummary| (p.group.clone(), p.rows, p.lengths);
    let size = |p: &ItemSummary| p.elements.unwrap_or(p.rows) * p.shape.iter().product::<usize>().max(1);
    let total = |p: &ItemSummary| readable.iter().filter(|q| key(q) == key(p)).map(|q| size(q)).sum::<usize>();
    let best = readable.iter().copied().rev().max_by_key(|p| total(p))?;
    let chosen: Vec<String> = readable.iter().filter(|p| key(p) == key(best)).map(|p| p.name.clone()).collect();
    let left: Vec<&str> = parts.iter().map(|p| p.name.as_str()).filter(|n| !chosen.iter().any(|c| c == n)).collect();
    notes.push(format!("the largest part that fits together; left out: {}", super::selection::listed(&left)));
    let mut selection = asked.clone();
    match format {
        "root" => selection.tree = Some(best.group.clone()),
        _ if chosen.len() == 1 => {
            selection.array = Some(chosen[0].clone());
            return Some(selection);
        }
        _ => {}
    }
    selection.columns = Some(chosen);
    Some(selection)
}

/// Names columns that no model should read: those without spread, those without a finite value, and where there is an
/// array beside scalars, all but the largest array.
fn pass_through(selection: &mut Selection, data: &mut Dataset, notes: &mut Vec<String>) {
    let flat = |c: &Column| {
        let v = Sorted::new((0..c.values.len()).map(|i| c.values.get_f64(i)));
        v.at(0.0) == v.at(1.0)
    };
    let mut names: Vec<String> = data.model_columns().filter(|c| flat(c)).map(|c| c.name.clone()).collect();
    if !names.is_empty() {
        notes.push(format!("one value throughout: {}", names.join(", ")));
    }
    let left: Vec<&Column> = data.model_columns().filter(|c| !names.contains(&c.name)).collect();
    // The first of the widest: `max_by_key` alone gives the last.
    if let Some(array) = left.iter().rev().max_by_key(|c| c.width()).filter(|c| c.width() > 1 && left.len() > 1) {
        let others: Vec<String> = left.iter().filter(|c| c.name != array.name).map(|c| c.name.clone()).collect();
        notes.push(format!("the model reads `{}` only: a row of it has {} numbers", array.name, array.width()));
        names.extend(others);
    }
    // A model needs something: where nothing varies, nothing is passed through.
    if names.len() >= data.model_columns().count() {
        return;
    }
    selection.pass_through.extend(names.iter().cloned());
    data.source.pass_through.extend(names);
}

/// Norm, domain and whether exact zeros deserve a flag, for one column.
pub struct ColumnHint {
    /// The norm, never [`NormKind::Auto`].
    pub norm: NormKind,
    /// Absent where the values speak for themselves.
    pub domain: Option<Domain>,
    /// Many exact zeros beside other values.
    pub zero_flag: bool,
    /// What was seen, for a comment.
    pub seen: String,
}

/// Looks at the values of a column.
pub fn column_hint(c: &Column) -> ColumnHint {
    let v = Sorted::new((0..c.values.len()).map(|i| c.values.get_f64(i)));
    let (low, high) = (v.at(0.0), v.at(1.0));
    let zeros =
        (0..c.values.len()).filter(|i| c.values.get_f64(*i) == 0.0).count() as f64 / c.values.len().max(1) as f64;
    let norm = if v.heavy() { NormKind::Asinh } else { NormKind::Minmax };
    // Phi is an angle by its name and by filling a turn.
    let turn = std::f64::consts::TAU;
    let last = c.name.to_lowercase().rsplit(['_', '.', '/']).next().unwrap_or("").to_owned();
    let angle =
        last.ends_with("phi") && high - low > 0.8 * turn && high - low <= turn * (1.0 + 1e-6) && low >= -0.51 * turn;
    let mut seen = format!("{low:.6} to {high:.6}");
    if v.heavy() {
        seen += ", long tail";
    }
    if zeros > 0.01 {
        seen += &format!(", {:.0} % zeros", 100.0 * zeros);
    }
    ColumnHint { norm, domain: angle.then_some(Domain::Azimuth), zero_flag: (0.05..0.999).contains(&zeros), seen }
}

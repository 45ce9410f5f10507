//! What to take of a file, and how to treat its columns, where nobody said so: for `init`.

use std::path::Path;

use super::fit::{Sorted, constraint};
use super::listing::{ItemSummary, inspect};
use super::{Column, Dataset, Domain, Gaps, Layout, NanPolicy, NormKind, Selection, extension, read};
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
    narrow(&data, &mut notes);
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
    // In bytes, of what varies: hundreds of trigger bits are less than a few columns of floats.
    let size = |p: &ItemSummary| {
        let varies = p.values.as_ref().is_some_and(|v| v.min != v.max);
        let bits: usize = p.dtype.trim_start_matches(char::is_alphabetic).parse().unwrap_or(8);
        if varies { p.elements.unwrap_or(p.rows) * p.shape.iter().product::<usize>().max(1) * bits } else { 0 }
    };
    let total = |p: &ItemSummary| readable.iter().filter(|q| key(q) == key(p)).map(|q| size(q)).sum::<usize>();
    let best = readable.iter().copied().rev().max_by_key(|p| total(p))?;
    let chosen: Vec<String> = readable.iter().filter(|p| key(p) == key(best)).map(|p| p.name.clone()).collect();
    let left: Vec<&str> = parts.iter().map(|p| p.name.as_str()).filter(|n| !chosen.iter().any(|c| c == n)).collect();
    notes.push(format!("the largest part that fits together; left out: {}", super::selection::listed(&left)));
    notes.push("for another part: --columns, for example --columns 'Jet_*', --array or --tree".to_owned());
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

/// Samples of few channels, row after row: what repeats lies along the rows, where a model of one row does not see it.
fn narrow(data: &Dataset, notes: &mut Vec<String>) {
    let columns: Vec<&Column> = data.model_columns().collect();
    if let [c] = columns.as_slice()
        && data.layout == Layout::Array
        && c.width() <= 16
        && data.rows >= 1000
    {
        let width = c.width();
        notes.push(format!(
            "a row has only {width} number{}; if rows are samples in time, save stretches of them as rows,",
            if width == 1 { "" } else { "s" }
        ));
        notes.push(format!(
            "in NumPy a[:len(a) // 32 * 32].reshape(-1, {}), and let the model learn their shape",
            32 * width
        ));
    }
}

/// Whether a column of integers never falls and often rises: chance does not do that.
fn is_index(c: &Column) -> bool {
    let v: Vec<f64> = (0..c.values.len()).map(|i| c.values.get_f64(i)).collect();
    let rises = v.windows(2).filter(|w| w[1] > w[0]).count();
    c.values.is_integer() && c.width() == 1 && rises >= 16 && v.windows(2).all(|w| w[1] >= w[0])
}

/// Names columns that no model should read: those without spread, those without a finite value, indices, and where there
/// is an array beside scalars, all but the largest array.
fn pass_through(selection: &mut Selection, data: &mut Dataset, notes: &mut Vec<String>) {
    let flat = |c: &Column| {
        let mut values = (0..c.values.len()).map(|i| c.values.get_f64(i)).filter(|x| x.is_finite());
        values.next().is_none_or(|first| values.all(|x| x == first))
    };
    let mut names: Vec<String> = data.model_columns().filter(|c| flat(c)).map(|c| c.name.clone()).collect();
    if !names.is_empty() {
        notes.push(format!("one value throughout: {}", names.join(", ")));
    }
    let indices: Vec<String> = data.model_columns().filter(|c| is_index(c)).map(|c| c.name.clone()).collect();
    let indices: Vec<String> = indices.into_iter().filter(|n| !names.contains(n)).collect();
    if !indices.is_empty() {
        notes.push(format!("rising from row to row, an index or a time, kept without loss: {}", indices.join(", ")));
        names.extend(indices);
    }
    let left: Vec<&Column> = data.model_columns().filter(|c| !names.contains(&c.name)).collect();
    // The first of the widest: `max_by_key` alone gives the last.
    if let Some(array) = left.iter().rev().max_by_key(|c| c.width()).filter(|c| c.width() > 1 && left.len() > 1) {
        let others: Vec<String> = left.iter().filter(|c| c.name != array.name).map(|c| c.name.clone()).collect();
        notes.push(format!("the model reads `{}` only: a row of it has {} numbers", array.name, array.width()));
        notes.push("the others are kept without loss; `exclude` leaves them out".to_owned());
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
    // Rounded to a few decimals, pi may lie beyond half a turn: `run` would refuse the domain.
    let allowed = angle && constraint(c, Some(Domain::Azimuth)).is_ok();
    if angle && !allowed {
        seen += ", an angle but for values beyond half a turn";
    }
    if zeros > 0.01 {
        seen += &format!(", {:.0} % zeros", 100.0 * zeros);
    }
    ColumnHint { norm, domain: allowed.then_some(Domain::Azimuth), zero_flag: (0.05..0.999).contains(&zeros), seen }
}

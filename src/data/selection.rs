//! What is taken of a file.

use std::ops::Range;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Dataset;
use crate::error::{Code, Error, Result};

/// What is taken of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Selection {
    /// Array inside an archive (NPZ), or the path of a dataset (HDF5).
    pub array: Option<String>,
    /// Tree inside a ROOT file; may be left out where there is one.
    pub tree: Option<String>,
    /// Columns to keep, in this order; all if absent. A `*` in a name stands for any characters: `Jet_*`.
    pub columns: Option<Vec<String>>,
    /// Columns to leave out; a `*` stands for any characters.
    pub exclude: Vec<String>,
    /// Columns that stay in the file but that no model reads.
    pub pass_through: Vec<String>,
    /// First row and the row after the last; an end of `usize::MAX` is that of the file.
    pub rows: Option<(usize, usize)>,
    /// Type of the values of a raw file, for example `u16`; little-endian.
    pub dtype: Option<String>,
    /// Shape of a raw file, for example `[1000, 64]`; the first number may be 0: as many rows as there are.
    pub shape: Option<Vec<usize>>,
    /// What is done with NaN and infinities before training; [`read`](super::read) itself keeps them, and so does a
    /// container.
    pub nan: NanPolicy,
}

/// What is done with values that are NaN or infinite before a model is trained.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NanPolicy {
    /// Stop, and say where the first one is.
    #[default]
    Error,
    /// Leave out the rows that hold one.
    DropRows,
    /// Put 0 in their place.
    Zero,
    /// Put the median of the column's finite values in their place.
    Median,
}

impl Selection {
    /// Whether the column `name` is kept: readers leave out the others before they look at their types.
    pub(super) fn wants(&self, name: &str) -> bool {
        let named = |list: &Vec<String>| list.iter().any(|n| fits(n, name));
        self.columns.as_ref().is_none_or(named) && !named(&self.exclude)
    }

    /// Checks that every column asked for is among `names`; `kind` is their name in the format, as `branch`.
    pub(super) fn check_names(&self, names: &[&str], kind: &str, place: &str) -> Result<()> {
        let asked = self.columns.iter().flatten().chain(&self.exclude);
        for name in asked {
            if !names.iter().any(|n| fits(name, n)) {
                return Err(Error::new(Code::DataSelection, format!("there is no {kind} `{name}`"))
                    .at(place)
                    .hint(format!("there is: {}", listed(names))));
            }
        }
        Ok(())
    }

    /// Order of columns, pass-through marks and row range, on what a reader made of the wanted columns.
    pub(super) fn apply(&self, mut data: Dataset) -> Result<Dataset> {
        if let Some(names) = &self.columns {
            for name in names.iter().filter(|n| !n.contains('*')) {
                data.column(name)?;
            }
            // Columns that a reader adds, as the index of jagged branches, keep their place in front.
            data.columns.sort_by_key(|c| names.iter().position(|n| fits(n, &c.name)).map_or(0, |i| i + 1));
        }
        for name in &self.pass_through {
            data.column(name)?;
            if !data.source.pass_through.contains(name) {
                data.source.pass_through.push(name.clone());
            }
        }
        if let Some(range) = self.range(data.rows)? {
            data = data.slice(range.clone());
            data.source.note(&format!("rows {}..{}", range.start, range.end));
        }
        Dataset::new(data.columns, data.rows, data.layout, data.source)
    }

    /// The rows asked for of a file with `rows` of them.
    pub(super) fn range(&self, rows: usize) -> Result<Option<Range<usize>>> {
        let Some((start, end)) = self.rows else { return Ok(None) };
        let end = if end == usize::MAX { rows } else { end };
        if start >= end || end > rows {
            return Err(Error::new(Code::DataSelection, format!("there are no rows {start} to {end}"))
                .hint(format!("the file has {rows} rows")));
        }
        Ok(Some(start..end))
    }
}

/// Whether `name` is the one asked for, in which a `*` stands for any characters.
pub fn fits(asked: &str, name: &str) -> bool {
    if asked == name {
        return true;
    }
    let mut parts = asked.split('*');
    let (Some(first), Some(last)) = (parts.next(), parts.next_back()) else { return false };
    let Some(mut middle) = name.strip_prefix(first).and_then(|n| n.strip_suffix(last)) else { return false };
    // Taking each part where it comes first leaves the most for the others.
    parts.all(|part| middle.find(part).map(|at| middle = &middle[at + part.len()..]).is_some())
}

/// A list of names for a hint: all, or the first twenty.
pub(super) fn listed(names: &[&str]) -> String {
    let mut text = names.iter().take(20).copied().collect::<Vec<_>>().join(", ");
    if names.len() > 20 {
        text += &format!(" and {} more", names.len() - 20);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_characters() {
        for (asked, name) in
            [("Jet_*", "Jet_pt"), ("*", ""), ("*_pt", "Jet_pt"), ("J*_*t", "Jet_pt"), ("a*a", "aa"), ("x*", "x")]
        {
            assert!(fits(asked, name), "{asked} {name}");
        }
        for (asked, name) in
            [("Jet_*", "nJet"), ("Jet", "Jet_pt"), ("a*a", "a"), ("*b*b*", "abc"), ("", "x"), ("J*x*t", "Jet_pt")]
        {
            assert!(!fits(asked, name), "{asked} {name}");
        }
        // A name that holds a star is found by itself.
        assert!(fits("a*b", "a*b"));
    }
}

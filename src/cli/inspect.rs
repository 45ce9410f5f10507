//! `sluice inspect`: what is in a file.

use std::path::Path;

use super::print;
use crate::codec;
use crate::data::{self, ItemSummary, RowSource, Selection};
use crate::error::Result;
use crate::relation;

/// What `--json` prints.
#[derive(serde::Serialize)]
struct Contents {
    file: String,
    bytes: u64,
    items: Vec<ItemSummary>,
    relations: Relations,
}

/// What was found between columns of single numbers, in the first rows.
#[derive(Default, serde::Serialize)]
struct Relations {
    rows: usize,
    /// Columns and the sums that they are.
    sums: Vec<(String, String)>,
    /// Columns that are zero in the same rows.
    zero_together: Vec<Vec<String>>,
}

/// Rows in which relations are looked for.
const SAMPLE: usize = 8192;

/// Relations in what is selected; none if it is no table.
fn relations(file: &Path, selection: &Selection) -> Relations {
    // What cannot be read as a table was said above.
    let few = |source: Box<dyn RowSource>| source.read(0..source.rows().min(SAMPLE));
    let Ok(data) = data::open(file, selection).and_then(few) else { return Relations::default() };
    let scalars: Vec<(String, Vec<f64>)> =
        data.columns.iter().filter(|c| c.width() == 1).map(|c| (c.name.clone(), c.values.to_f64())).collect();
    let sums = scalars.iter().zip(relation::sums(&scalars)).filter_map(|((n, _), s)| Some((n.clone(), s?.to_string())));
    let zero = relation::zero_together(&scalars);
    let zero_together = zero.into_iter().map(|group| group.into_iter().map(str::to_owned).collect()).collect();
    Relations { rows: data.rows, sums: sums.collect(), zero_together }
}

pub fn inspect(file: &Path, selection: &Selection, json: bool) -> Result<bool> {
    if file.extension().is_some_and(|e| e == "slc") {
        let info = codec::info(file)?;
        return print(json, &info, || serde_json::to_string_pretty(&info).unwrap_or_default());
    }
    let items = data::inspect(file, selection)?;
    let bytes = std::fs::metadata(file).map_or(0, |m| m.len());
    let relations = relations(file, selection);
    let contents = Contents { file: file.display().to_string(), bytes, items, relations };
    print(json, &contents, || text(&contents))
}

fn text(contents: &Contents) -> String {
    let items = &contents.items;
    let s = if items.len() == 1 { "" } else { "s" };
    let mut text = format!("{}: {} bytes, {} array{s} or column{s}\n", contents.file, contents.bytes, items.len());
    let longest = items.iter().map(|i| i.name.len()).max().unwrap_or(4).clamp(4, 40);
    let mut group: Option<(&str, usize)> = None;
    for item in items {
        let here = (item.group.as_str(), item.rows);
        if group != Some(here) {
            let of = if item.group.is_empty() { String::new() } else { format!("`{}`: ", item.group) };
            text += &format!(
                "{of}{} rows\n  {:<longest$} {:<8} {:<11} {:>12} {:>12} {:>12} {:>7}\n",
                item.rows, "name", "type", "shape", "min", "max", "mean", "zeros"
            );
            group = Some(here);
        }
        text += &line(item, longest);
    }
    let found = &contents.relations;
    if !found.sums.is_empty() || !found.zero_together.is_empty() {
        text += &format!("in the first {} rows, which `compress` finds by itself:\n", found.rows);
    }
    for (column, sum) in &found.sums {
        text += &format!("  {column} = {sum}\n");
    }
    for group in &found.zero_together {
        text += &format!("  zero in the same rows: {}\n", group.join(", "));
    }
    text
}

fn line(item: &ItemSummary, longest: usize) -> String {
    let shape = match item.elements {
        Some(n) => format!("{n} in all"),
        None if item.shape.is_empty() => String::new(),
        None => format!("{:?}", item.shape),
    };
    // Records have long types.
    let mut dtype: String = item.dtype.chars().take(32).collect();
    if dtype.len() < item.dtype.len() {
        dtype += "...";
    }
    let mut line = format!("  {:<longest$} {dtype:<8} {shape:<11}", item.name);
    if let Some(v) = &item.values {
        let zeros = 100.0 * v.zeros_fraction;
        line += &format!(" {:>12.6} {:>12.6} {:>12.6} {zeros:>5.1} %", Short(v.min), Short(v.max), Short(v.mean));
        if let Some(row) = v.first_not_finite {
            line += &format!("  {} NaN or infinite, first in row {row}", v.not_finite);
        }
        if !item.unit.is_empty() {
            line += &format!("  {}", item.unit);
        }
    }
    if let Some(reason) = &item.unreadable {
        line += &format!(" cannot be read: {reason}");
    }
    line + "\n"
}

/// A number in as few characters as tell it apart: plain, or with an exponent where that is long.
struct Short(f64);

impl std::fmt::Display for Short {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let plain = (1e-3..1e7).contains(&self.0.abs()) || self.0 == 0.0;
        let text = if plain { format!("{:.4}", self.0) } else { format!("{:.4e}", self.0) };
        f.pad_integral(true, "", text.trim_start_matches("+"))
    }
}

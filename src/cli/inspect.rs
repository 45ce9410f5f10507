//! `sluice inspect`: what is in a file.

use std::path::Path;

use super::print;
use crate::codec;
use crate::data::{self, ItemSummary, Selection};
use crate::error::Result;

/// What `--json` prints.
#[derive(serde::Serialize)]
struct Contents {
    file: String,
    bytes: u64,
    items: Vec<ItemSummary>,
}

pub fn inspect(file: &Path, selection: &Selection, json: bool) -> Result<bool> {
    if file.extension().is_some_and(|e| e == "slc") {
        let info = codec::info(file)?;
        return print(json, &info, || serde_json::to_string_pretty(&info).unwrap_or_default());
    }
    let items = data::inspect(file, selection)?;
    let bytes = std::fs::metadata(file).map_or(0, |m| m.len());
    let contents = Contents { file: file.display().to_string(), bytes, items };
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

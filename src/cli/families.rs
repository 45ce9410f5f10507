//! `sluice compare --families`: families of learned distributions on one table, side by side.

use std::path::Path;

use super::progress::Progress;
use super::{compare, print};
use crate::codec::{self, FamilySize};
use crate::data::{self, Selection};
use crate::error::Result;

/// * `bounds`: the first of them counts, as a fraction of each column's range
pub fn compare(file: &Path, selection: &Selection, bounds: &[f64], json: bool) -> Result<bool> {
    compare::check(bounds)?;
    let bound = bounds.first().copied().unwrap_or(1e-3);
    let data = data::read(file, selection)?;
    let wait = Progress::spinner("compare", "family by family");
    let sizes = codec::families(&data, bound)?;
    drop(wait);
    print(json, &sizes, || {
        let (rows, columns, raw) = (data.rows, data.columns.len(), data.raw_bytes());
        format!("{rows} rows, {columns} columns, {raw} bytes, within {bound} of each range\n\n") + &table(&sizes)
    })
}

/// A family a line.
fn table(sizes: &[FamilySize]) -> String {
    let mut text = format!(
        "{:<20}  {:<22}  {:>10}  {:>10}  {:>7}  {:>8}  {:>10}  {:>9}\n",
        "family", "choice", "bytes", "model", "ratio", "learn s", "write MB/s", "read MB/s"
    );
    for s in sizes {
        text += &format!(
            "{:<20}  {:<22}  {:>10}  {:>10}  {:>7.3}  {:>8.2}  {:>10.2}  {:>9.2}\n",
            s.name, s.choice, s.bytes, s.model_bytes, s.ratio, s.learn_seconds, s.write_mb_s, s.read_mb_s
        );
    }
    text
}

//! `sluice compare --families`: families of learned distributions on one table, side by side.

use std::path::Path;

use super::progress::Progress;
use super::{backend, compare, principal, print};
use crate::codec::{self, CompressOptions, FamilySize, Mode};
use crate::data::{self, Dataset, Selection};
use crate::error::{Error, Result};
use crate::model::QuantizedModel;

/// * `bounds`: the first of them counts, as a fraction of each column's range
pub fn compare(file: &Path, selection: &Selection, bounds: &[f64], model: Option<&Path>, json: bool) -> Result<bool> {
    compare::check(bounds)?;
    let bound = bounds.first().copied().unwrap_or(1e-3);
    let data = data::read(file, selection)?;
    let wait = Progress::spinner("compare", "family by family");
    let mut sizes = codec::families(&data, bound)?;
    sizes.push(principal::residues(&data, bound)?);
    if let Some(model) = model {
        sizes.push(autoencoder(&data, bound, model)?);
    }
    drop(wait);
    print(json, &sizes, || {
        let (rows, columns, raw) = (data.rows, data.columns.len(), data.raw_bytes());
        format!("{rows} rows, {columns} columns, {raw} bytes, within {bound} of each range\n\n") + &table(&sizes)
    })
}

/// The latents of a model in a container with it, and what they leave of each column to the bound.
fn autoencoder(data: &Dataset, bound: f64, model: &Path) -> Result<FamilySize> {
    let neural = backend::Neural::new(QuantizedModel::load(model)?)?;
    let folder = tempfile::tempdir().map_err(|e| Error::io("create", &std::env::temp_dir(), &e))?;
    let container = folder.path().join("neural.slc");
    let written = codec::compress(data, &CompressOptions::new(Mode::Neural), Some(&neural), &container)?;
    let back = codec::decompress(&container, false, &backend::from_bytes)?.data;
    let finite = |x: f64| if x.is_finite() { x } else { 0.0 };
    let values = |c: &data::Column| (0..c.values.len()).map(|i| finite(c.values.get_f64(i))).collect();
    let predictions = data.columns.iter().map(|c| Ok(values(back.column(&c.name)?))).collect::<Result<_>>()?;
    let size = codec::residues(data, bound, predictions, Vec::new(), written.total_bytes)?;
    // Training was another command, and the network is not in the time of the residues.
    Ok(FamilySize {
        name: "autoencoder + residues".to_owned(),
        choice: format!("{} latent bytes", written.payload_bytes),
        model_bytes: written.model_bytes,
        learn_seconds: None,
        write_mb_s: None,
        read_mb_s: None,
        ..size
    })
}

/// A family a line.
fn table(sizes: &[FamilySize]) -> String {
    let mut text = format!(
        "{:<22}  {:<22}  {:>10}  {:>10}  {:>7}  {:>8}  {:>10}  {:>9}\n",
        "family", "choice", "bytes", "model", "ratio", "learn s", "write MB/s", "read MB/s"
    );
    for s in sizes {
        let number = |x: Option<f64>| x.map_or("-".to_owned(), |x| format!("{x:.2}"));
        let (learn, write, read) = (number(s.learn_seconds), number(s.write_mb_s), number(s.read_mb_s));
        text += &format!(
            "{:<22}  {:<22}  {:>10}  {:>10}  {:>7.3}  {learn:>8}  {write:>10}  {read:>9}\n",
            s.name, s.choice, s.bytes, s.model_bytes, s.ratio
        );
    }
    text
}

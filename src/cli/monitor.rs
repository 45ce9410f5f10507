//! `sluice monitor`: learns what a model's data look like, and notices others.

use std::path::Path;

use super::backend::Neural;
use super::progress::say;
use super::stages;
use crate::codec::NeuralBackend;
use crate::data::{self, Dataset, Selection};
use crate::error::{Code, Error, Result};
use crate::model::QuantizedModel;
use crate::model::file::write_json;
use crate::monitor::{self, Block, Seen};

/// What counts as drift, where a monitor is learned.
pub struct Alarm {
    pub false_alarms: f64,
    pub least: f64,
}

/// What `--json` prints of data.
#[derive(serde::Serialize)]
struct Judged {
    /// Rows that the model read.
    rows: usize,
    /// Rows of the data with a value that is not finite; they were left out.
    not_finite: usize,
    /// Of the quantities, in the order of `psi` and `limits`.
    names: Vec<String>,
    /// Blocks of rows.
    blocks: Vec<Block>,
    /// Whether one of them has drifted.
    drifted: bool,
}

/// The rows of which all that the model reads is finite, and how many are not.
pub fn finite(neural: &Neural, dataset: &Dataset) -> (Dataset, usize) {
    let of_model = dataset.called(neural.columns());
    let read: Vec<&data::Column> = dataset.columns.iter().filter(|c| of_model.contains(&c.name)).collect();
    let finite = |row: &usize| {
        read.iter().all(|c| (row * c.width()..(row + 1) * c.width()).all(|i| c.values.get_f64(i).is_finite()))
    };
    let rows: Vec<usize> = (0..dataset.rows).filter(finite).collect();
    let left = if rows.len() == dataset.rows { dataset.clone() } else { stages::pick(dataset, &rows) };
    let not_finite = dataset.rows - left.rows;
    (left, not_finite)
}

/// What the model makes of them.
fn seen(neural: &Neural, dataset: &Dataset) -> Result<(Seen, usize)> {
    let (finite, not_finite) = finite(neural, dataset);
    Ok((neural.seen(&neural.rows(&finite)?)?, not_finite))
}

/// `sluice monitor MODEL DATA --learn`.
pub fn learn(model: &Path, file: &Path, selection: &Selection, alarm: &Alarm, out: &Path, json: bool) -> Result<bool> {
    let dataset = data::read(file, selection)?;
    let quantized = QuantizedModel::load(model)?;
    let (seen, not_finite) = seen(&Neural::new(quantized.clone())?, &dataset)?;
    let learned = monitor::learn(&seen, alarm.false_alarms, alarm.least)?;
    write_json(out, &QuantizedModel { monitor: Some(learned.clone()), ..quantized })?;
    if not_finite > 0 {
        say(format_args!("monitor: {not_finite} rows have values that are not finite, and are left out"));
    }
    super::print(json, &learned, || {
        format!(
            "monitor: {} latents and the error, learned of {} rows -> {}",
            learned.quantities.len() - 1,
            learned.rows,
            out.display()
        )
    })
}

/// `sluice monitor MODEL DATA`; whether no block has drifted.
pub fn judge(model: &Path, file: &Path, selection: &Selection, block: usize, json: bool) -> Result<bool> {
    let dataset = data::read(file, selection)?;
    let quantized = QuantizedModel::load(model)?;
    let Some(monitor) = quantized.monitor.clone() else {
        return Err(Error::new(Code::ModelMismatch, format!("model `{}` has no monitor", quantized.name))
            .at(model.display().to_string())
            .hint("`sluice monitor MODEL DATA --learn --out MODEL` learns one, of rows that it was not trained on"));
    };
    let (seen, not_finite) = seen(&Neural::new(quantized)?, &dataset)?;
    let blocks = monitor::judge(&monitor, &seen, block)?;
    let judged = Judged {
        rows: seen.errors.len(),
        not_finite,
        names: monitor.quantities.iter().map(|q| q.name.clone()).collect(),
        drifted: blocks.iter().any(|b| b.drifted),
        blocks,
    };
    super::print(json, &judged, || table(&judged))?;
    Ok(!judged.drifted)
}

/// Blocks shown to people, at most; the worst ones.
const SHOWN: usize = 20;

fn table(judged: &Judged) -> String {
    let position = |b: &Block| judged.names.iter().position(|n| *n == b.worst).unwrap_or(0);
    let above = |b: &Block| b.psi[position(b)] / b.limits[position(b)];
    let mut order: Vec<&Block> = judged.blocks.iter().collect();
    order.sort_by(|a, b| above(b).total_cmp(&above(a)));
    order.truncate(SHOWN);
    order.sort_by_key(|b| b.first);
    let mut text = format!(
        "{:>20}  {:>7}  {:>8}  {:>8}  {:>11}  {:>9}\n",
        "rows", "worst", "PSI", "limit", "error ratio", "saturated"
    );
    for b in order {
        let (i, rows) = (position(b), format!("{}:{}", b.first, b.end));
        text += &format!(
            "{rows:>20}  {:>7}  {:>8.4}  {:>8.4}  {:>11.3}  {:>8.2}%{}\n",
            b.worst,
            b.psi[i],
            b.limits[i],
            b.error_ratio,
            100.0 * b.saturated,
            if b.drifted { "  drifted" } else { "" }
        );
    }
    let drifted = judged.blocks.iter().filter(|b| b.drifted).count();
    text += &format!("{drifted} of {} blocks drifted", judged.blocks.len());
    if judged.blocks.len() > SHOWN {
        text += &format!("; the {SHOWN} worst are shown");
    }
    if judged.not_finite > 0 {
        text += &format!("; {} rows are not finite and were left out", judged.not_finite);
    }
    text
}

//! `sluice anomaly`: how well the encoder tells events that are unlike the background, and a model that computes the score.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use ndarray::{Array2, Axis};

use super::backend::Neural;
use super::figure::Figure;
use super::monitor;
use super::progress::{Progress, say};
use super::stages;
use crate::anomaly::{Injection, LatentScore, Point, Roc, WorkingPoint, inject};
use crate::codec::NeuralBackend as _;
use crate::data::{self, Dataset, Selection};
use crate::error::{Code, Error, Result};
use crate::fixed::QFormat;
use crate::model::QuantizedModel;
use crate::model::file::write_json;
use crate::monitor::Seen;
use crate::report::plot;

/// Points of a curve.
const POINTS: usize = 100;

/// What is asked for beside the background.
pub struct Asked {
    /// Data file of signal.
    pub signal: Option<PathBuf>,
    /// Column of the background file that is not 0 for signal.
    pub label: Option<String>,
    /// Anomalies to make from background.
    pub inject: Option<Injection>,
    /// Of these.
    pub seed: u64,
    /// Background rates.
    pub rates: Vec<f64>,
    /// Model to write.
    pub score_out: Option<PathBuf>,
    /// Figure to draw.
    pub plot: Option<PathBuf>,
}

/// What `--json` prints.
#[derive(serde::Serialize)]
struct Anomaly {
    /// Rows of background.
    background: usize,
    /// Rows of signal.
    signal: usize,
    /// Rows with a value that is not finite; they were left out.
    not_finite: usize,
    scores: Vec<Figures>,
    /// How the score of the latents is computed; absent where the model computes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    latent_score: Option<LatentFigures>,
}

/// A score.
#[derive(serde::Serialize)]
struct Figures {
    /// `error` or `latents`.
    name: String,
    auc: Option<f64>,
    auc_error: Option<f64>,
    /// `null` for a rate that the background has too few rows for.
    points: Vec<Option<WorkingPoint>>,
    curve: Vec<Point>,
}

#[derive(serde::Serialize)]
struct LatentFigures {
    centres: Vec<i64>,
    exponents: Vec<i32>,
    format: QFormat,
}

pub fn anomaly(path: &Path, background: &Path, selection: &Selection, asked: &Asked, json: bool) -> Result<bool> {
    if let Some(bad) = asked.rates.iter().find(|r| !(**r > 0.0 && **r < 1.0)) {
        return Err(Error::new(Code::Usage, format!("`{bad}` is not a background rate"))
            .cause("it is a share of the background, more than 0 and less than 1"));
    }
    let figure = asked.plot.as_deref().map(Figure::new).transpose()?;
    let model = QuantizedModel::load(path)?;
    if asked.score_out.is_some() && model.score.is_some() {
        return Err(has_score(&model));
    }
    let wait = Progress::spinner("anomaly", "scores");
    let neural = Neural::new(model.clone())?;
    let (ordinary, unusual) = samples(&neural, &model, background, selection, asked)?;
    let not_finite = ordinary.not_finite + unusual.not_finite;
    let (ordinary, unusual) = (neural.seen(&ordinary.values)?, neural.seen(&unusual.values)?);
    let no_rows = |what: &str| Error::new(Code::DataShape, format!("there is no {what}"));
    if ordinary.errors.is_empty() {
        return Err(no_rows("background").at(background.display().to_string()));
    }
    if unusual.errors.is_empty() && figure.is_some() {
        return Err(no_rows("signal, and no curve to draw").hint("give a file of signal, --label or --inject"));
    }
    let learned = match model.score {
        Some(_) => None,
        None => {
            let latents: Vec<Vec<i64>> = ordinary.latents.columns().into_iter().map(|z| z.to_vec()).collect();
            Some(LatentScore::learn(&latents, &ordinary.formats)?)
        }
    };
    let of_latents = |s: &Seen| -> Vec<f64> {
        let of = |score: &LatentScore| s.latents.rows().into_iter().map(|z| score.of(&z.to_vec())).collect();
        let scores = learned.as_ref().map(of).or_else(|| s.score.clone()).unwrap_or_default();
        scores.into_iter().map(|score| score as f64).collect()
    };
    let rocs = [
        ("error", Roc::new(&ordinary.errors, &unusual.errors)),
        ("latents", Roc::new(&of_latents(&ordinary), &of_latents(&unusual))),
    ];
    drop(wait);
    let figures = |(name, roc): &(&str, Roc)| Figures {
        name: (*name).to_owned(),
        auc: roc.auc().map(|a| a.0),
        auc_error: roc.auc().map(|a| a.1),
        points: asked.rates.iter().map(|rate| roc.at(*rate)).collect(),
        curve: roc.curve(POINTS),
    };
    let found = Anomaly {
        background: ordinary.errors.len(),
        signal: unusual.errors.len(),
        not_finite,
        scores: rocs.iter().map(figures).collect(),
        latent_score: learned.as_ref().map(|score| LatentFigures {
            centres: score.centres().to_vec(),
            exponents: score.exponents().to_vec(),
            format: score.format,
        }),
    };
    if let Some((out, score)) = asked.score_out.as_ref().zip(learned.as_ref()) {
        let point = found.scores.last().and_then(|s| s.points.first().copied().flatten());
        write_scored(&model, score, point, background, out)?;
    }
    if let Some((figure, out)) = figure.zip(asked.plot.as_ref()) {
        let curve = |s: &Figures| (s.name.clone(), s.curve.iter().map(|p| (p.background, p.signal)).collect());
        let curves: Vec<(String, Vec<(f64, f64)>)> = found.scores.iter().map(curve).collect();
        let title = format!("Signal and background of {}", model.name);
        figure.write(&plot::roc(&title, &curves))?;
        say(format_args!("anomaly: curves -> {}", out.display()));
    }
    super::print(json, &found, || describe(&found))
}

/// Values that the model reads.
struct Rows {
    /// `[row, value]`
    values: Array2<f64>,
    /// Rows left out.
    not_finite: usize,
}

impl Rows {
    fn new(neural: &Neural, data: &Dataset) -> Result<Self> {
        let (finite, not_finite) = monitor::finite(neural, data);
        Ok(Rows { values: neural.rows(&finite)?, not_finite })
    }
}

/// Background and signal.
fn samples(
    neural: &Neural,
    model: &QuantizedModel,
    background: &Path,
    selection: &Selection,
    asked: &Asked,
) -> Result<(Rows, Rows)> {
    let data = data::read(background, selection)?;
    if let Some(label) = &asked.label {
        let column = data.column(label)?;
        if column.width() != 1 {
            let what = format!("column `{label}` has {} numbers a row, a label has one", column.width());
            return Err(Error::new(Code::DataShape, what));
        }
        let part = |signal: bool| {
            let rows: Vec<usize> = (0..data.rows).filter(|r| (column.values.get_f64(*r) != 0.0) == signal).collect();
            Rows::new(neural, &stages::pick(&data, &rows))
        };
        return Ok((part(false)?, part(true)?));
    }
    let ordinary = Rows::new(neural, &data)?;
    if let (Some(kind), Some(transform)) = (asked.inject, &model.transform) {
        // Every other row: what is compared are different events.
        let half = |first: usize| {
            let at: Vec<usize> = (first..ordinary.values.nrows()).step_by(2).collect();
            ordinary.values.select(Axis(0), &at)
        };
        let made = inject(kind, &half(1), transform, asked.seed);
        return Ok((Rows { values: half(0), ..ordinary }, Rows { values: made, not_finite: 0 }));
    }
    let signal = match &asked.signal {
        Some(path) => data::read(path, selection)?,
        None => data.slice(0..0),
    };
    Ok((ordinary, Rows::new(neural, &signal)?))
}

fn has_score(model: &QuantizedModel) -> Error {
    Error::new(Code::Usage, format!("model `{}` has a score", model.name)).hint("give the model that it was made of")
}

fn write_scored(
    model: &QuantizedModel,
    score: &LatentScore,
    point: Option<WorkingPoint>,
    background: &Path,
    out: &Path,
) -> Result<()> {
    let Some(point) = point else {
        return Err(Error::new(Code::DataShape, "the background is too small for a threshold at the first of --rates")
            .at(background.display().to_string())
            .hint("give more background, or a larger rate first"));
    };
    let scored = score.behind(model, point.threshold as u16, point.background_rate)?;
    write_json(out, &scored)?;
    say(format_args!(
        "anomaly: `{}` with a score of {}, threshold {} ({:.3e} of the background) -> {}",
        scored.name,
        score.format,
        point.threshold,
        point.background_rate,
        out.display()
    ));
    Ok(())
}

fn describe(a: &Anomaly) -> String {
    let mut text = format!("{} rows of background, {} of signal\n\n", a.background, a.signal);
    let shown = |v: Option<f64>, error: Option<f64>| match (v, error) {
        (Some(v), Some(e)) => format!("{v:.4} ± {e:.4}"),
        _ => "-".to_owned(),
    };
    let _ = writeln!(
        text,
        "{:<8}  {:>15}  {:>8}  {:>12}  {:>11}  {:>15}",
        "score", "AUC", "rate", "threshold", "background", "efficiency"
    );
    for s in &a.scores {
        for (i, point) in s.points.iter().enumerate() {
            let (name, auc) = if i == 0 { (&s.name[..], shown(s.auc, s.auc_error)) } else { ("", String::new()) };
            let _ = match point {
                Some(p) => writeln!(
                    text,
                    "{name:<8}  {auc:>15}  {:>8.1e}  {:>12.6}  {:>11.3e}  {:>15}",
                    p.rate,
                    p.threshold,
                    p.background_rate,
                    shown(p.efficiency, p.efficiency_error)
                ),
                None => writeln!(text, "{name:<8}  {auc:>15}  too few rows of background for the rate"),
            };
        }
    }
    if a.not_finite > 0 {
        let _ = writeln!(text, "{} rows are not finite and were left out", a.not_finite);
    }
    text
}

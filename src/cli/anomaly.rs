//! `sluice anomaly`: how well the encoder tells events that are unlike the background, and a model that computes the score.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use ndarray::{Array2, Axis};

use super::monitor::{Seen, Viewer};
use super::progress::{Progress, say};
use super::stages;
use crate::anomaly::{Injection, LatentScore, Point, Roc, WorkingPoint, inject};
use crate::data::{self, Dataset, Selection};
use crate::error::{Code, Error, Result};
use crate::fixed::QFormat;
use crate::model::QuantizedModel;
use crate::model::file::{write_json, write_whole};
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
    let model = QuantizedModel::load(path)?;
    let wait = Progress::spinner("anomaly", "scores");
    let viewer = Viewer::new(&model)?;
    let data = data::read(background, selection)?;
    let (ordinary, unusual) = samples(&viewer, &data, selection, asked)?;
    if ordinary.sample.rows() == 0 {
        return Err(Error::new(Code::DataShape, "there is no background").at(background.display().to_string()));
    }
    let learned = match model.score {
        Some(_) => None,
        None => Some(LatentScore::learn(&ordinary.sample.latents, &model.latent_formats())?),
    };
    let score = |seen: &Seen| -> Vec<f64> {
        let n = model.n_latents();
        let of = |z: &[i64]| learned.as_ref().map_or_else(|| z[n], |score| score.of(z));
        seen.outputs.rows().into_iter().map(|z| of(&z.to_vec()) as f64).collect()
    };
    let mut rocs = Vec::new();
    if let (Some(b), Some(s)) = (&ordinary.sample.errors, &unusual.sample.errors) {
        rocs.push(("error".to_owned(), Roc::new(b, s)));
    }
    rocs.push(("latents".to_owned(), Roc::new(&score(&ordinary), &score(&unusual))));
    drop(wait);
    let figures = |(name, roc): &(String, Roc)| Figures {
        name: name.clone(),
        auc: roc.auc().map(|a| a.0),
        auc_error: roc.auc().map(|a| a.1),
        points: asked.rates.iter().map(|rate| roc.at(*rate)).collect(),
        curve: roc.curve(POINTS),
    };
    let found = Anomaly {
        background: ordinary.sample.rows(),
        signal: unusual.sample.rows(),
        scores: rocs.iter().map(figures).collect(),
        latent_score: learned.as_ref().map(|score| LatentFigures {
            centres: score.centres().to_vec(),
            exponents: score.exponents().to_vec(),
            format: score.format,
        }),
    };
    if let Some(out) = &asked.score_out {
        let point = found.scores.last().and_then(|s| s.points.first().copied().flatten());
        write_scored(&model, learned.as_ref(), point, background, out)?;
    }
    if let Some(out) = &asked.plot {
        let curves: Vec<(String, Vec<(f64, f64)>)> = found
            .scores
            .iter()
            .map(|s| (s.name.clone(), s.curve.iter().map(|p| (p.background, p.signal)).collect()))
            .collect();
        if found.signal == 0 {
            return Err(Error::new(Code::Usage, "without signal there is no curve to draw")
                .hint("give a file of signal, --label or --inject"));
        }
        let title = format!("Signal and background of {}", model.name);
        write_whole(out, plot::svg_file(&plot::roc(&title, &curves)).as_bytes())?;
        say(format_args!("anomaly: curves -> {}", out.display()));
    }
    super::print(json, &found, || describe(&found))
}

/// Background and signal.
fn samples(viewer: &Viewer, data: &Dataset, selection: &Selection, asked: &Asked) -> Result<(Seen, Seen)> {
    if let Some(label) = &asked.label {
        let column = data.column(label)?;
        if column.width() != 1 {
            let what = format!("column `{label}` has {} numbers a row, a label has one", column.width());
            return Err(Error::new(Code::DataShape, what));
        }
        let signal = column.values.to_f64();
        let rows = |wanted: bool| -> Vec<usize> { (0..data.rows).filter(|r| (signal[*r] != 0.0) == wanted).collect() };
        return Ok((viewer.see(&stages::pick(data, &rows(false)))?, viewer.see(&stages::pick(data, &rows(true)))?));
    }
    if let Some(kind) = asked.inject {
        let rows = data::model_rows_with_gaps(data, viewer.transform)?;
        // Every other row: what is compared are different events.
        let half = |first: usize| {
            let at: Vec<usize> = (first..rows.nrows()).step_by(2).collect();
            rows.select(Axis(0), &at)
        };
        let made: Array2<f64> = inject(kind, &half(1), viewer.transform, asked.seed);
        return Ok((viewer.of_rows(&half(0)), viewer.of_rows(&made)));
    }
    let signal = match &asked.signal {
        Some(path) => viewer.see(data::open(path, selection)?.as_ref())?,
        None => viewer.see(&data.slice(0..0))?,
    };
    Ok((viewer.see(data)?, signal))
}

fn write_scored(
    model: &QuantizedModel,
    score: Option<&LatentScore>,
    point: Option<WorkingPoint>,
    background: &Path,
    out: &Path,
) -> Result<()> {
    let Some(score) = score else {
        return Err(Error::new(Code::Usage, format!("model `{}` has a score", model.name))
            .hint("give the model that it was made of"));
    };
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
    text
}

//! `sluice run`: every stage of a recipe, in order. A stage is skipped when its inputs have not changed since it ran.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::backend::{self, Neural};
use super::stages;
use crate::codec::{self, CompressOptions, CompressReport, Mode, NeuralBackend as _, PeerSize};
use crate::data::{self, Dataset};
use crate::error::{Code, Error, Result};
use crate::evaluate;
use crate::hw::Target;
use crate::model::file::{read_json, write_json};
use crate::model::{QuantizedModel, TrainedModel};
use crate::recipe::{Recipe, checksum_of};
use crate::reference;
use crate::report::{self, Report};
use crate::synth::SynthReport;
use crate::train::pca::pca;
use crate::verify::{DesignOptions, VerifyReport};
use crate::verilog::DesignManifest;

/// What each stage was last run with.
struct Ledger {
    path: PathBuf,
    keys: BTreeMap<String, String>,
}

impl Ledger {
    fn open(folder: &Path) -> Self {
        let path = folder.join("stages.json");
        // A damaged ledger only means that stages run again.
        let keys = read_json(&path, Code::Io).unwrap_or_default();
        Ledger { path, keys }
    }

    /// Runs `make` unless `stage` was already run with `key` and `result` is still there.
    fn stage<T: Serialize + DeserializeOwned>(
        &mut self,
        stage: &str,
        key: &impl Serialize,
        result: &Path,
        make: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        let key = checksum_of(&(env!("CARGO_PKG_VERSION"), key));
        if self.keys.get(stage) == Some(&key) {
            if let Ok(value) = read_json(result, Code::Io) {
                eprintln!("{stage}: up to date");
                return Ok(value);
            }
        }
        let value = make()?;
        write_json(result, &value)?;
        self.keys.insert(stage.to_owned(), key);
        write_json(&self.path, &self.keys)?;
        Ok(value)
    }
}

/// `--data` replaces the source of a recipe.
pub fn replace_data(recipe: &mut Recipe, data: Option<PathBuf>) {
    if let Some(path) = data {
        recipe.data.path = Some(path);
        recipe.data.toy = None;
    }
}

pub fn run(path: &Path, data: Option<PathBuf>, out: Option<PathBuf>, json: bool) -> Result<bool> {
    let mut recipe = Recipe::load(path)?;
    replace_data(&mut recipe, data);
    let folder = out.unwrap_or_else(|| Path::new("runs").join(&recipe.name));
    std::fs::create_dir_all(&folder).map_err(|e| Error::io("create", &folder, &e))?;
    let mut ledger = Ledger::open(&folder);

    let (dataset, split) = stages::load_data(&recipe)?;
    let checksum = dataset.checksum();
    eprintln!(
        "data: {} rows, {} columns, {} bytes from {}",
        dataset.rows,
        dataset.columns.len(),
        dataset.raw_bytes(),
        dataset.source.name
    );

    let inputs = (&checksum, &recipe.name, &recipe.split, &recipe.transform, &recipe.train, &recipe.quantize);
    let trained_path = folder.join("model.trained.json");
    let trained: TrainedModel =
        ledger.stage("train", &inputs, &trained_path, || stages::train(&recipe, &dataset, &trained_path))?;
    crate::train::remove_checkpoints(&trained_path);
    let model_path = folder.join("model.quant.json");
    let model: QuantizedModel = ledger.stage("quantize", &trained, &model_path, || stages::quantize(&trained))?;

    let hardware = &recipe.hardware;
    let design = folder.join("design");
    // The manifest's own place is inside the design folder; the copy here says that the stage is done.
    let manifest: DesignManifest = ledger.stage("emit", &(&model, hardware), &folder.join("emit.json"), || {
        stages::emit(&model, hardware.interface, hardware.target, Some(hardware.clock_mhz), None, &design)
    })?;
    let check = &recipe.verify;
    let verified: VerifyReport = ledger.stage("verify", &(&manifest, check), &folder.join("verify.json"), || {
        let options = DesignOptions {
            random: check.random,
            vectors: None,
            stall_percent: check.stall,
            seed: 1,
            icarus: check.icarus,
            ..Default::default()
        };
        stages::verify(&design, options)
    })?;
    eprintln!("verify: {verified}");
    let synth: Vec<SynthReport> = if check.synth {
        let targets = [hardware.target, Target::Ecp5, Target::Xcup, Target::Generic];
        let options = stages::synth_options(&targets, check.seeds, check.route_seconds)?;
        let key = (&manifest, check.seeds, check.route_seconds);
        ledger.stage("synth", &key, &folder.join("synth.json"), || stages::synth(&design, &options))?
    } else {
        Vec::new()
    };

    let neural = Neural::new(model.clone())?;
    let container = folder.join("data.slc");
    let sizes: CompressReport =
        ledger.stage("compress", &(&model, &checksum), &folder.join("compress.json"), || {
            let options = CompressOptions::new(Mode::Neural);
            codec::compress(&dataset, &options, Some(&neural), &container)
        })?;
    let reconstructed = codec::decompress(&container, false, &backend::from_bytes)?.data;
    let peers: Vec<PeerSize> =
        ledger.stage("compare", &checksum, &folder.join("compare.json"), || codec::peers(&dataset))?;

    let figures = figures(&recipe, &trained, &dataset, &reconstructed, &split)?;
    let rows = neural.rows(&dataset.slice(0..dataset.rows.min(20_000)))?;
    let quantization = quantization_report(&trained, &model, &rows)?;
    let report = assemble(
        &recipe,
        &dataset,
        checksum,
        &trained,
        &manifest,
        &verified,
        &synth,
        &sizes,
        peers,
        figures,
        quantization,
    )?;
    report::write(&report, &folder)?;
    eprintln!("report: {}", folder.join("report.html").display());

    let value = serde_json::to_value(&report)
        .map_err(|e| Error::new(Code::Report, "cannot print the report").cause(e.to_string()))?;
    super::print(json, &value, || summary(&value))?;
    Ok(verified.passed())
}

/// The figures of merit that need more than two data sets.
struct Figures {
    columns: Vec<evaluate::ColumnFigures>,
    /// RMS over range of the float model, all rows.
    float: f64,
    /// The same of the fixed-point model on the rows that training never saw; absent if there are none.
    held_out: Option<f64>,
    /// The same of PCA with as many components as latents, fitted on the training rows, in the same features.
    pca: f64,
    correlation_difference: f64,
}

fn figures(
    recipe: &Recipe,
    trained: &TrainedModel,
    data: &Dataset,
    back: &Dataset,
    split: &data::SplitRows,
) -> Result<Figures> {
    let transform = &trained.transform;
    let names: Vec<&str> = transform.columns.iter().map(|c| c.name.as_str()).collect();
    let model_part = |d: &Dataset| Dataset {
        columns: d.columns.iter().filter(|c| names.contains(&c.name.as_str())).cloned().collect(),
        ..d.clone()
    };
    let (data, back) = (model_part(data), model_part(back));
    let columns = evaluate::columns(&data, &back)?;
    let held_out = if split.test.is_empty() {
        None
    } else {
        // The range is that of the whole sample, so that the two figures compare.
        let part = evaluate::columns(&stages::pick(&data, &split.test), &stages::pick(&back, &split.test))?;
        Some(rms_over_ranges(part.iter().zip(&columns).map(|(p, all)| {
            let range = if all.rms_over_range > 0.0 { all.rms / all.rms_over_range } else { 1.0 };
            p.rms / range
        })))
    };

    let rows = data::model_rows(&data, transform)?;
    let features = backend::features(transform, &rows);
    let restored = |decoded: &ndarray::Array2<f32>| -> Result<f64> {
        let mut values = ndarray::Array2::zeros(rows.dim());
        ndarray::Zip::from(values.rows_mut()).and(decoded.rows()).par_for_each(|mut out, x| {
            out.assign(&ndarray::Array1::from(transform.values(&x.to_vec())));
        });
        let templates: Vec<_> = data
            .columns
            .iter()
            .map(|c| (c.name.clone(), c.unit.clone(), c.values.dtype().to_owned(), c.shape.clone()))
            .collect();
        let columns = data::restore_columns(&values, transform, &templates)?;
        let other = Dataset::new(columns, data.rows, data.layout.clone(), data.source.clone())?;
        Ok(evaluate::overall(&evaluate::columns(&data, &other)?).rms_over_range)
    };
    let mut decoded = features.clone();
    ndarray::Zip::from(decoded.rows_mut()).par_for_each(|mut row| {
        let latents = trained.encoder.forward(&row.to_vec());
        row.assign(&ndarray::Array1::from(trained.decoder.forward(&latents)));
    });
    let float = restored(&decoded)?;
    let training = backend::features(transform, &data::model_rows(&stages::pick(&data, &split.train), transform)?);
    let basis = pca(&training, recipe.train.latent);
    let pca = restored(&basis.reconstruct(&basis.project(&features)))?;

    let (before, after) = (evaluate::correlation(&data), evaluate::correlation(&back));
    let correlation_difference =
        before.iter().flatten().zip(after.iter().flatten()).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    Ok(Figures { columns, float, held_out, pca, correlation_difference })
}

fn rms_over_ranges(values: impl Iterator<Item = f64>) -> f64 {
    let squares: Vec<f64> = values.map(|v| v * v).collect();
    (squares.iter().sum::<f64>() / squares.len().max(1) as f64).sqrt()
}

fn quantization_report(
    trained: &TrainedModel,
    model: &QuantizedModel,
    rows: &ndarray::Array2<f64>,
) -> Result<serde_json::Value> {
    let features = backend::features(&trained.transform, rows);
    let report = reference::report(&trained.encoder, &model.encoder, &features)?;
    serde_json::to_value(report)
        .map_err(|e| Error::new(Code::Report, "cannot write the quantization report").cause(e.to_string()))
}

#[allow(clippy::too_many_arguments)] // one argument a stage
fn assemble(
    recipe: &Recipe,
    data: &Dataset,
    checksum: String,
    trained: &TrainedModel,
    manifest: &DesignManifest,
    verified: &VerifyReport,
    synth: &[SynthReport],
    sizes: &CompressReport,
    peers: Vec<PeerSize>,
    figures: Figures,
    quantization: serde_json::Value,
) -> Result<Report> {
    let json = |v: serde_json::Result<serde_json::Value>| {
        v.map_err(|e| Error::new(Code::Report, "cannot write the report").cause(e.to_string()))
    };
    let clock = recipe.hardware.clock_mhz;
    Ok(Report {
        schema: report::SCHEMA.to_owned(),
        name: recipe.name.clone(),
        sluice_version: env!("CARGO_PKG_VERSION").to_owned(),
        data: report::DataSection {
            source: data.source.name.clone(),
            checksum,
            rows: data.rows,
            columns: data.columns.len(),
            raw_bytes: data.raw_bytes(),
        },
        training: Some(report::TrainingSection {
            history: trained.history.clone(),
            latent: recipe.train.latent,
            parameters: trained.encoder.parameters() + trained.decoder.parameters(),
            float_rms_over_range: figures.float,
            held_out_rms_over_range: figures.held_out,
        }),
        pca: Some(report::PcaSection { latent: recipe.train.latent, rms_over_range: figures.pca }),
        quantization: Some(quantization),
        hardware: Some(report::HardwareSection {
            interface: json(serde_json::to_value(manifest.interface))?.as_str().unwrap_or_default().to_owned(),
            target: manifest.target.clone(),
            latency_cycles: manifest.latency_cycles.0,
            latency_ns: manifest.latency_cycles.ns(clock),
            clock_mhz: clock,
            ii: manifest.ii,
            adders: manifest.adders,
            adder_bits: manifest.adder_bits,
            register_bits: manifest.register_bits,
        }),
        verify: Some(json(serde_json::to_value(verified))?),
        synth: synth.iter().map(|s| json(serde_json::to_value(s))).collect::<Result<_>>()?,
        size: report::SizeSection {
            raw_bytes: sizes.raw_bytes,
            payload_bytes: sizes.payload_bytes,
            model_bytes: sizes.model_bytes,
            header_bytes: sizes.header_bytes + sizes.frame_bytes + sizes.index_bytes,
            total_bytes: sizes.total_bytes,
            ratio: sizes.ratio,
            ratio_without_model: sizes.ratio_without_model,
        },
        peers: peers.into_iter().map(|p| report::Peer { name: p.name, bytes: p.bytes, ratio: p.ratio }).collect(),
        overall: evaluate::overall(&figures.columns),
        columns: figures.columns,
        correlation_max_difference: figures.correlation_difference,
    })
}

/// The lines a person wants to see first.
pub fn summary(report: &serde_json::Value) -> String {
    let number = |path: &str| report.pointer(path).and_then(serde_json::Value::as_f64);
    let show = |path: &str| number(path).map_or("-".to_owned(), |v| format!("{v:.4e}"));
    let whole = |path: &str| number(path).map_or("-".to_owned(), |v| format!("{v:.0}"));
    let mut text = format!(
        "rms/range       {}  (float {}, held out {}, PCA {})\n",
        show("/overall/rms_over_range"),
        show("/training/float_rms_over_range"),
        show("/training/held_out_rms_over_range"),
        show("/pca/rms_over_range"),
    );
    text += &format!(
        "size            {} -> {} bytes, ratio {:.3}, model {} bytes included\n",
        whole("/size/raw_bytes"),
        whole("/size/total_bytes"),
        number("/size/ratio").unwrap_or(f64::NAN),
        whole("/size/model_bytes"),
    );
    text += &format!(
        "verify          {} vectors, {} mismatches, latency {} predicted, {} measured\n",
        whole("/verify/samples"),
        whole("/verify/mismatches"),
        whole("/verify/latency_predicted"),
        whole("/verify/latency_measured"),
    );
    for peer in report["peers"].as_array().into_iter().flatten() {
        text += &format!(
            "lossless peer   {:<14} ratio {:.3}\n",
            peer["name"].as_str().unwrap_or("-"),
            peer["ratio"].as_f64().unwrap_or(f64::NAN)
        );
    }
    text
}

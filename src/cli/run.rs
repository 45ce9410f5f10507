//! `sluice run`: every stage of a recipe, in order. A stage is skipped when its inputs have not changed since it ran.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::backend::{self, Neural};
use super::facts::Results;
use super::stages;
use crate::codec::{self, CompressOptions, CompressReport, Mode, PeerSize};
use crate::error::{Code, Error, Result};
use crate::hw::Target;
use crate::model::file::{read_json, write_json};
use crate::model::{QuantizedModel, TrainedModel};
use crate::recipe::{Recipe, checksum_of};
use crate::report;
use crate::synth::SynthReport;
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
        ledger.stage("compare", &checksum, &folder.join("compare.json"), || stages::sizes(&dataset))?;

    let report = Results {
        folder: &folder,
        recipe: &recipe,
        data: &dataset,
        back: &reconstructed,
        split: &split,
        checksum,
        trained: &trained,
        model: &model,
        manifest: &manifest,
        verified,
        synth,
        sizes,
        peers,
    }
    .report()?;
    report::write(&report, &folder)?;
    eprintln!("report: {}", folder.join("report.html").display());

    let value = serde_json::to_value(&report)
        .map_err(|e| Error::new(Code::Report, "cannot print the report").cause(e.to_string()))?;
    super::print(json, &value, || summary(&value))?;
    Ok(report.verify.is_some_and(|v| v.passed()))
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
            "{:<15} {:<18} ratio {:.3}\n",
            if peer["lossless"] == true { "lossless peer" } else { "lossy peer" },
            peer["name"].as_str().unwrap_or("-"),
            peer["ratio"].as_f64().unwrap_or(f64::NAN)
        );
    }
    text
}

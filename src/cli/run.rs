//! `sluice run`: every stage of a recipe, in order. A stage is skipped when its inputs have not changed since it ran.

use std::path::{Path, PathBuf};

use super::backend::{self, Neural};
use super::facts::Results;
use super::ledger::Ledger;
use super::link::{Learn, Sent};
use super::progress::{Progress, say};
use super::samples::Shape;
use super::{compare, container, link, stages};
use crate::codec::{self, CompressOptions, CompressReport, Mode};
use crate::data::{Dataset, SplitRows};
use crate::error::{Code, Error, Result};
use crate::hw::{CompileOptions, Target};
use crate::link::{Link, Samples};
use crate::model::file::write_json;
use crate::model::{QuantizedModel, TrainedModel};
use crate::physics;
use crate::recipe::{Encoder, LinkSection, Recipe};
use crate::report::{self, Report};
use crate::synth::{SynthReport, SynthTarget};
use crate::verify::{DesignOptions, VerifyReport};
use crate::verilog::{CoreOptions, DesignManifest};

/// `--data` replaces the source of a recipe.
pub fn replace_data(recipe: &mut Recipe, data: Option<PathBuf>) {
    if let Some(path) = data {
        recipe.data.path = Some(path);
        recipe.data.toy = None;
    }
}

/// One run: what it starts from, and where it is.
struct Run {
    recipe: Recipe,
    data: Dataset,
    split: SplitRows,
    checksum: String,
    ledger: Ledger,
}

pub fn run(path: &Path, data: Option<PathBuf>, out: Option<PathBuf>, json: bool) -> Result<bool> {
    let mut run = Run::open(path, data, out)?;
    if let Some(section) = run.recipe.link.clone().filter(|l| l.encoder != Encoder::Neural) {
        return run.send(&section, json);
    }
    run.recipe.firmware()?;
    let trained = run.train()?;
    let model = run.quantize(&trained)?;
    let link = run.link(&model)?;
    let manifest = run.emit(&model, link)?;
    let verified = run.verify(&model, &manifest)?;
    let synth = run.synth(&manifest, true)?;
    let sizes = run.compress(&model)?;
    let lossless = run.compare()?;
    let report = run.report(&trained, &model, &manifest, verified, synth, sizes, lossless)?;

    let value = serde_json::to_value(&report)
        .map_err(|e| Error::new(Code::Report, "cannot print the report").cause(e.to_string()))?;
    super::print(json, &value, || summary(&report))?;
    Ok(report.verify.is_some_and(|v| v.passed()))
}

impl Run {
    fn open(path: &Path, data: Option<PathBuf>, out: Option<PathBuf>) -> Result<Self> {
        let mut recipe = Recipe::load(path)?;
        replace_data(&mut recipe, data);
        let folder = out.unwrap_or_else(|| Path::new("runs").join(&recipe.name));
        let (data, split) = stages::load_data(&recipe)?;
        // What cannot be computed is better known now than after the training.
        physics::figures(&recipe.physics, &data, &data, None)?;
        let ledger = Ledger::open(&folder)?;
        let (rows, columns, bytes) = (data.rows, data.columns.len(), data.raw_bytes());
        say(format_args!("data: {rows} rows, {columns} columns, {bytes} bytes from {}", data.source.name));
        Ok(Run { recipe, checksum: data.checksum(), data, split, ledger })
    }

    fn train(&mut self) -> Result<TrainedModel> {
        let r = &self.recipe;
        let columns = (r.data.select.nan, &self.data.source.pass_through);
        let key = (&self.checksum, columns, &r.name, &r.split, &r.transform, &r.train, &r.quantize);
        let path = self.ledger.path("model.trained.json");
        let make = || stages::train(r, &self.data, &path);
        let trained = self.ledger.stage("train", &key, "model.trained.json", |_| true, make)?;
        crate::train::remove_checkpoints(&path);
        Ok(trained)
    }

    fn quantize(&mut self, trained: &TrainedModel) -> Result<QuantizedModel> {
        self.ledger.stage("quantize", trained, "model.quant.json", |_| true, || stages::quantize(trained))
    }

    /// The codes of the link, if the recipe wants one.
    fn link(&mut self, model: &QuantizedModel) -> Result<Option<(Link, CoreOptions)>> {
        let Some(section) = self.recipe.link.clone() else { return Ok(None) };
        let make = || {
            let (link, report) =
                link::learn_from(model, &stages::pick(&self.data, &self.split.train), &section.learn())?;
            say(format_args!("link: {report}, learned from {} training rows", report.events));
            Ok(link)
        };
        let key = (model, &section, &self.checksum, &self.recipe.split);
        let link = self.ledger.stage("link", &key, "link.json", |_| true, make)?;
        Ok(Some((link, section.core())))
    }

    /// A run of a recipe that sends data as they are, without a model: link, firmware, proof, frames, and what others make of them.
    fn send(&mut self, section: &LinkSection, json: bool) -> Result<bool> {
        let wave = &section.waveform;
        let what = match section.encoder {
            Encoder::Waveform if wave.continuous => Learn::Waveforms(Shape::Rows, section.learn_waves()),
            Encoder::Waveform => {
                let shape = Shape::Records { lanes: wave.lanes, per_frame: wave.records.max(1) };
                Learn::Waveforms(shape, section.learn_waves())
            }
            _ => Learn::Rows(section.learn()),
        };
        let make = || {
            let (link, report) = link::learn_of(&what, &self.data, &self.recipe.name, section.sample_bits)?;
            say(format_args!("link: {report}, learned from {} events", report.events));
            Ok(link)
        };
        let link = self.ledger.stage("link", &(section, &self.checksum), "link.json", |_| true, make)?;
        let model = stages::kernel(None, Some(&link))?;
        let manifest = self.emit(&model, Some((link.clone(), section.core())))?;

        let check = &self.recipe.verify;
        let design = self.ledger.path("design");
        let make = || {
            // Whole rows of about as many events as are made.
            let samples = link.samples.as_ref();
            let rows = (check.random / samples.map_or(1, Samples::row_events)).clamp(1, self.data.rows);
            let recorded = samples.map(|samples| stages::sent_rows(samples, &self.data.slice(0..rows))).transpose()?;
            let options = DesignOptions {
                random: check.random,
                rows: recorded,
                stall_percent: check.stall,
                seed: 1,
                icarus: check.icarus,
                ..Default::default()
            };
            stages::verify(&design, options)
        };
        let key = (&manifest, check.random, check.stall, check.icarus, &self.checksum);
        let verified = self.ledger.stage("verify", &key, "verify.json", |_| true, make)?;
        say(format_args!("verify: {verified}"));
        let synth = self.synth(&manifest, false)?;

        let frames = self.ledger.path("data.slf");
        let path = self.ledger.path("link.json");
        let make = || link::send(&self.data, &link, &path, &frames);
        let whole = |r: &Sent| std::fs::metadata(&frames).is_ok_and(|m| m.len() == r.frames.frames_bytes);
        let sent = self.ledger.stage("compress", &(&link, &self.checksum), "compress.json", whole, make)?;
        let lossless = self.compare()?;
        let passed = verified.passed();
        let value = serde_json::json!({
            "recipe": self.recipe, "design": manifest, "verify": verified, "synth": synth, "sent": sent, "lossless": lossless
        });
        write_json(&self.ledger.path("run.json"), &value)?;
        super::print(json, &value, || {
            let ours = report::Peer {
                name: "sluice frames (this run)".to_owned(),
                lossless: link.is_lossless(),
                bytes: sent.frames.total_bytes,
                ratio: sent.frames.ratio,
                rms_over_range: sent.rms_over_range,
                max_over_range: sent.max_over_range,
            };
            let all: Vec<report::Peer> = std::iter::once(ours).chain(lossless.iter().cloned()).collect();
            let frames = verified.frames.as_ref().map_or(String::new(), |f| format!("frames     {f}\n"));
            frames + &compare::peers_table(&all)
        })?;
        Ok(passed)
    }

    fn emit(&mut self, model: &QuantizedModel, link: Option<(Link, CoreOptions)>) -> Result<DesignManifest> {
        let h = &self.recipe.hardware;
        let design = self.ledger.path("design");
        let clock_mhz = Some(h.clock_mhz);
        let options = CompileOptions {
            target: h.target,
            clock_mhz,
            effort: h.effort,
            multipliers: h.max_dsp.unwrap_or(0),
            ..Default::default()
        };
        let make = || stages::emit(model, h.interface, &options, h.reuse(), link.clone(), &design);
        // The manifest's own place is inside the design folder; the copy here says that the stage is done.
        let untouched = |m: &DesignManifest| DesignManifest::load(&design).is_ok_and(|found| found == *m);
        self.ledger.stage("emit", &(model, h, &link), "emit.json", untouched, make)
    }

    fn verify(&mut self, model: &QuantizedModel, manifest: &DesignManifest) -> Result<VerifyReport> {
        let check = &self.recipe.verify;
        let (design, recorded) = (self.ledger.path("design"), self.ledger.path("recorded.vec"));
        let make = || {
            stages::record(model, &self.data, &recorded)?;
            let options = DesignOptions {
                random: check.random,
                vectors: Some(recorded.clone()),
                stall_percent: check.stall,
                seed: 1,
                icarus: check.icarus,
                ..Default::default()
            };
            stages::verify(&design, options)
        };
        let key = (manifest, check.random, check.stall, check.icarus, &self.checksum);
        let report = self.ledger.stage("verify", &key, "verify.json", |_| true, make)?;
        say(format_args!("verify: {report}"));
        Ok(report)
    }

    fn synth(&mut self, manifest: &DesignManifest, kernel: bool) -> Result<Vec<SynthReport>> {
        let check = &self.recipe.verify;
        if !check.synth {
            return Ok(Vec::new());
        }
        let targets = [self.recipe.hardware.target, Target::Ecp5, Target::Xcup, Target::Generic].map(SynthTarget::from);
        let options = stages::synth_options(&targets, check.seeds, check.route_seconds)?;
        let design = self.ledger.path("design");
        let key = (manifest, check.seeds, check.route_seconds);
        let reports =
            self.ledger.stage("synth", &key, "synth.json", |_| true, || stages::synth(&design, &options, kernel))?;
        reports.iter().for_each(|report| say(format_args!("synth: {report}")));
        Ok(reports)
    }

    fn compress(&mut self, model: &QuantizedModel) -> Result<CompressReport> {
        let file = self.ledger.path("data.slc");
        let make = || {
            let neural = Neural::new(model.clone())?;
            container::write(&self.data, &CompressOptions::new(Mode::Neural), Some(&neural), &file)
        };
        let whole = |r: &CompressReport| std::fs::metadata(&file).is_ok_and(|m| m.len() == r.total_bytes);
        let sizes = self.ledger.stage("compress", &(model, &self.checksum), "compress.json", whole, make)?;
        let (raw, total, ratio) = (sizes.raw_bytes, sizes.total_bytes, sizes.ratio);
        say(format_args!("compress: {raw} -> {total} bytes, ratio {ratio:.3}, decoder included"));
        Ok(sizes)
    }

    fn compare(&mut self) -> Result<Vec<report::Peer>> {
        let make = || {
            let _wait = Progress::spinner("compare", "lossless codecs");
            compare::lossless(&self.data)
        };
        self.ledger.stage("compare", &self.checksum, "compare.json", |_| true, make)
    }

    #[allow(clippy::too_many_arguments)]
    fn report(
        &mut self,
        trained: &TrainedModel,
        model: &QuantizedModel,
        manifest: &DesignManifest,
        verified: VerifyReport,
        synth: Vec<SynthReport>,
        sizes: CompressReport,
        lossless: Vec<report::Peer>,
    ) -> Result<Report> {
        let folder = self.ledger.path("");
        let key = (report::SCHEMA, &self.recipe, trained, model, manifest, &verified, &synth, &sizes, &lossless);
        let make = || {
            let _wait = Progress::spinner("report", "figures and plots");
            let back = codec::decompress(&folder.join("data.slc"), false, &backend::from_bytes)?.data;
            let results = Results {
                folder: &folder,
                recipe: &self.recipe,
                data: &self.data,
                back: &back,
                split: &self.split,
                checksum: self.checksum.clone(),
                trained,
                model,
                manifest,
                verified: verified.clone(),
                synth: synth.clone(),
                sizes: sizes.clone(),
                lossless: lossless.clone(),
            };
            let report = results.report()?;
            report::write(&report, &folder)?;
            Ok(report)
        };
        let page = folder.join("report.html");
        let report = self.ledger.stage("report", &key, "report.json", |_| page.is_file(), make)?;
        say(format_args!("report: {}", page.display()));
        Ok(report)
    }
}

/// The lines a person wants to see first.
pub fn summary(r: &Report) -> String {
    let show = |v: Option<f64>| v.map_or("-".to_owned(), |v| format!("{v:.4e}"));
    let t = r.training.as_ref();
    let mut text = format!(
        "rms/range  {}  (float {}, held out {}; PCA {}, held out {})\n",
        show(Some(r.overall.rms_over_range)),
        show(t.map(|t| t.float_rms_over_range)),
        show(t.and_then(|t| t.held_out_rms_over_range)),
        show(r.pca.as_ref().map(|p| p.rms_over_range)),
        show(r.pca.as_ref().and_then(|p| p.held_out_rms_over_range)),
    );
    let s = &r.size;
    text += &format!(
        "size       {} -> {} bytes, ratio {:.3}, {} bytes of decoder included\n",
        s.raw_bytes, s.total_bytes, s.ratio, s.model_bytes
    );
    if let Some(v) = &r.verify {
        let measured = v.latency_measured.map_or("not measurable".to_owned(), |l| l.to_string());
        let (n, bad, predicted) = (v.samples, v.mismatches, v.latency_predicted);
        text +=
            &format!("verify     {n} vectors, {bad} mismatches, latency {predicted} predicted, {measured} measured\n");
    }
    for synth in r.synth.iter().flat_map(|s| &s.targets) {
        text += &format!("synth      {synth}\n");
    }
    let ours = report::Peer {
        name: "sluice neural (this run)".to_owned(),
        lossless: false,
        bytes: s.total_bytes,
        ratio: s.ratio,
        rms_over_range: r.overall.rms_over_range,
        max_over_range: r.overall.max_over_range,
    };
    let all: Vec<report::Peer> = std::iter::once(ours).chain(r.peers.iter().cloned()).collect();
    text + "\n" + &compare::peers_table(&all)
}

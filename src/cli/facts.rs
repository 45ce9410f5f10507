//! From the results of the stages to the facts of a report.

use std::collections::BTreeMap;
use std::path::Path;

use ndarray::Array2;
use sha2::{Digest as _, Sha256};

use super::backend::{self, Neural};
use super::compare;
use super::rival::{self, Rival};
use crate::codec::{CompressReport, NeuralBackend as _};
use crate::data::{self, Dataset, SplitRows};
use crate::error::{Code, Error, Result};
use crate::evaluate::{self, Binning, ColumnFigures};
use crate::fixed::QFormat;
use crate::model::{QuantizedModel, TrainedModel};
use crate::physics;
use crate::recipe::Recipe;
use crate::reference;
use crate::report::{self, Report};
use crate::synth::SynthReport;
use crate::verify::VerifyReport;
use crate::verilog::DesignManifest;

/// Rows that latents and quantization are shown for.
const SHOWN_ROWS: usize = 20_000;

/// What the stages left.
pub struct Results<'a> {
    pub folder: &'a Path,
    pub recipe: &'a Recipe,
    pub data: &'a Dataset,
    pub back: &'a Dataset,
    pub split: &'a SplitRows,
    pub checksum: String,
    pub trained: &'a TrainedModel,
    pub model: &'a QuantizedModel,
    pub manifest: &'a DesignManifest,
    pub verified: VerifyReport,
    pub synth: Vec<SynthReport>,
    pub sizes: CompressReport,
    pub lossless: Vec<report::Peer>,
}

impl Results<'_> {
    /// Everything that the page shows.
    pub fn report(self) -> Result<Report> {
        let (data, back) = (self.model_part(self.data), self.model_part(self.back));
        let columns = evaluate::columns(&data, &back)?;
        let features = backend::features(&self.trained.transform, &data::model_rows(&data, &self.trained.transform)?);
        let rival = rival::pca(self.recipe, &self.trained.transform, self.data, &data, self.split)?;
        let latents = self.latents(&data)?;
        let shown = features.slice(ndarray::s![..features.nrows().min(SHOWN_ROWS), ..]).to_owned();
        let quantization = reference::report(&self.trained.encoder, &self.model.encoder, &shown)?;
        let latency = self.manifest.latency_cycles;
        let tools = self.tools();
        Ok(Report {
            schema: report::SCHEMA.to_owned(),
            name: self.recipe.name.clone(),
            data: report::DataSection {
                source: self.data.source.name.clone(),
                checksum: self.checksum.clone(),
                rows: self.data.rows,
                columns: self.data.columns.len(),
                raw_bytes: self.data.raw_bytes(),
                train_rows: self.split.train.len(),
                validation_rows: self.split.validation.len(),
                test_rows: self.split.test.len(),
            },
            training: Some(self.training(&data, &back, &columns, &features)?),
            quantization: Some(quantization),
            hardware: Some(self.hardware()?),
            joint: evaluate::joints(&data, &back, &columns, 6)?,
            examples: evaluate::examples(&data, &back, 2)?,
            correlation: evaluate::correlation(&data, &back)?,
            overall: evaluate::overall(&columns),
            physics: physics::figures(&self.recipe.physics, self.data, self.back, Some(self.sizes.ratio))?,
            size: size(&self.sizes),
            peers: self.peers(&rival, &columns)?,
            pca: Some(rival.section),
            latents,
            provenance: provenance(self.folder, self.recipe, self.manifest, tools)?,
            synth: report::SynthSection::new(self.synth, &self.manifest.target, latency),
            verify: Some(self.verified),
            columns,
        })
    }

    /// The columns that the model reads; the others pass through without loss.
    fn model_part(&self, d: &Dataset) -> Dataset {
        let names: Vec<&str> = self.trained.transform.columns.iter().map(|c| c.name.as_str()).collect();
        let columns = d.columns.iter().filter(|c| names.contains(&c.name.as_str())).cloned().collect();
        Dataset { columns, ..d.clone() }
    }

    fn training(
        &self,
        data: &Dataset,
        back: &Dataset,
        columns: &[ColumnFigures],
        features: &Array2<f32>,
    ) -> Result<report::TrainingSection> {
        let mut decoded = features.clone();
        ndarray::Zip::from(decoded.rows_mut()).par_for_each(|mut row| {
            let latents = self.trained.encoder.forward(&row.to_vec());
            row.assign(&ndarray::Array1::from(self.trained.decoder.forward(&latents)));
        });
        let float = rival::restored(&self.trained.transform, data, &decoded)?;
        let all: Vec<evaluate::ColumnError> = columns.iter().map(evaluate::ColumnError::from).collect();
        let held_out = rival::held_out(data, back, &all, self.split)?;
        Ok(report::TrainingSection {
            history: self.trained.history.clone(),
            latent: self.recipe.train.latent,
            parameters: self.trained.encoder.parameters() + self.trained.decoder.parameters(),
            float_rms_over_range: evaluate::overall(&float).rms_over_range,
            held_out_rms_over_range: held_out,
        })
    }

    fn hardware(&self) -> Result<report::HardwareSection> {
        let m = self.manifest;
        let interface = serde_json::to_value(m.interface)
            .map_err(|e| Error::new(Code::Report, "cannot write the report").cause(e.to_string()))?;
        let clock = self.recipe.hardware.clock_mhz;
        Ok(report::HardwareSection {
            interface: interface.as_str().unwrap_or_default().to_owned(),
            target: m.target.clone(),
            latency_cycles: m.latency_cycles.0,
            latency_ns: m.latency_cycles.ns(clock),
            clock_mhz: clock,
            ii: m.ii,
            input_bits: u64::from(m.in_width) * m.input_formats.len() as u64,
            output_bits: u64::from(m.out_width) * m.output_formats.len() as u64,
            adders: m.adders,
            adder_bits: m.adder_bits,
            register_bits: m.register_bits,
            memory_bits: m.memory_bits,
            multipliers: m.multipliers,
            lut_estimate: m.lut_estimate,
            layers: m.layers.clone(),
        })
    }

    fn latents(&self, data: &Dataset) -> Result<Vec<report::Latent>> {
        let neural = Neural::new(self.model.clone())?;
        let words = neural.encode(&neural.rows(&data.slice(0..data.rows.min(SHOWN_ROWS)))?)?;
        let formats = neural.latent_formats();
        Ok(words.columns().into_iter().zip(formats).enumerate().map(|(i, (w, f))| latent(i, &w.to_vec(), f)).collect())
    }

    /// The rivals that lose something, then those that do not.
    fn peers(&self, rival: &Rival, columns: &[ColumnFigures]) -> Result<Vec<report::Peer>> {
        let p = &rival.section;
        let linear = p.total_bytes.map(|bytes| report::Peer {
            name: format!("PCA, {} latents", p.latent),
            lossless: false,
            bytes,
            ratio: self.data.raw_bytes() as f64 / bytes as f64,
            rms_over_range: p.fixed_rms_over_range.unwrap_or(p.rms_over_range),
            max_over_range: p.fixed_max_over_range.unwrap_or(0.0),
        });
        let bounded = compare::bounded_as_good(self.data, columns)?;
        Ok(linear.into_iter().chain([bounded]).chain(self.lossless.iter().cloned()).collect())
    }

    fn tools(&self) -> BTreeMap<String, String> {
        let mut tools = BTreeMap::from([("verify".to_owned(), self.verified.simulator.clone())]);
        tools.extend(self.synth.iter().map(|s| (format!("synth {}", s.target), s.tool_version.clone())));
        tools
    }
}

fn latent(index: usize, words: &[i64], format: QFormat) -> report::Latent {
    let mut sorted = words.to_vec();
    sorted.sort_unstable();
    let n = sorted.len().max(1) as f64;
    let entropy_bits = sorted
        .chunk_by(|a, b| a == b)
        .map(|same| {
            let p = same.len() as f64 / n;
            -p * p.log2()
        })
        .sum::<f64>()
        .abs();
    let at_end = |w: &i64| *w == format.max() || (format.signed && *w == format.min());
    let (low, high) = (sorted.first().copied().unwrap_or(0), sorted.last().copied().unwrap_or(0));
    // Bins of whole steps, then the axis in real units.
    let step = format.to_f64(1);
    let mut histogram = Binning::new(low as f64, high as f64, 48, true).fill(sorted.iter().map(|w| *w as f64));
    (histogram.low, histogram.high) = (histogram.low * step, histogram.high * step);
    report::Latent {
        index,
        format: format.to_string(),
        rows: sorted.len(),
        entropy_bits,
        at_limit: sorted.iter().filter(|w| at_end(w)).count() as f64 / n,
        histogram,
    }
}

fn size(sizes: &CompressReport) -> report::SizeSection {
    report::SizeSection {
        raw_bytes: sizes.raw_bytes,
        payload_bytes: sizes.payload_bytes,
        model_bytes: sizes.model_bytes,
        header_bytes: sizes.header_bytes + sizes.frame_bytes + sizes.index_bytes,
        total_bytes: sizes.total_bytes,
        ratio: sizes.ratio,
        ratio_without_model: sizes.ratio_without_model,
    }
}

fn provenance(
    folder: &Path,
    recipe: &Recipe,
    manifest: &DesignManifest,
    tools: BTreeMap<String, String>,
) -> Result<report::ReportProvenance> {
    let mut shown = recipe.clone();
    // The checksum says which data; where they lay on one machine is of no use on another.
    shown.data.path = shown.data.path.and_then(|p| p.file_name().map(Into::into));
    let text = toml::to_string(&shown)
        .map_err(|e| Error::new(Code::Report, "cannot write the recipe into the report").cause(e.to_string()))?;
    let mut files = BTreeMap::new();
    for name in ["model.trained.json", "model.quant.json", "data.slc"] {
        let path = folder.join(name);
        let bytes = std::fs::read(&path).map_err(|e| Error::io("read", &path, &e))?;
        files.insert(name.to_owned(), Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect());
    }
    files.extend(manifest.file_sha256.iter().map(|(name, sha)| (format!("design/{name}"), sha.clone())));
    let mut seeds = BTreeMap::from([
        ("train".to_owned(), recipe.train.seed),
        ("split".to_owned(), recipe.split.seed),
        ("verify".to_owned(), 1),
    ]);
    if recipe.data.toy.is_some() {
        seeds.insert("toy".to_owned(), recipe.data.toy_seed);
    }
    Ok(report::ReportProvenance {
        sluice_version: env!("CARGO_PKG_VERSION").to_owned(),
        recipe_sha256: crate::recipe::checksum_of(&shown),
        recipe: text,
        seeds,
        files,
        tools,
    })
}

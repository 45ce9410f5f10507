//! `report.json`: everything that the page shows, under names that stay.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::evaluate::{ColumnFigures, Correlation, Example, Histogram, Joint, Overall};
use crate::model::trained::Epoch;
use crate::physics;
use crate::reference::QuantReport;
#[cfg(feature = "verilog")]
use crate::{synth::SynthReport, verify::VerifyReport};

/// The value of the `schema` field.
pub const SCHEMA: &str = "sluice.report/2";

/// Everything that the page shows. The page and all plots are made from this alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// The version of this form.
    #[schemars(extend("const" = SCHEMA))]
    pub schema: String,
    /// Name of the recipe.
    pub name: String,
    /// What was compressed.
    pub data: DataSection,
    /// How the network was fitted.
    pub training: Option<TrainingSection>,
    /// The linear rival.
    pub pca: Option<PcaSection>,
    /// Float against fixed, tensor by tensor.
    pub quantization: Option<QuantReport>,
    /// The emitted design.
    pub hardware: Option<HardwareSection>,
    /// The proof in simulation.
    #[cfg(feature = "verilog")]
    pub verify: Option<VerifyReport>,
    /// What the design costs on its target.
    #[cfg(feature = "verilog")]
    pub synth: Option<SynthSection>,
    /// All bytes of the container.
    pub size: SizeSection,
    /// Other codecs on the same data.
    pub peers: Vec<Peer>,
    /// Column by column: original against reconstructed.
    pub columns: Vec<ColumnFigures>,
    /// All columns together.
    pub overall: Overall,
    /// What became of the observables that the recipe asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub physics: Vec<physics::Figures>,
    /// Correlations between columns, before and after.
    pub correlation: Correlation,
    /// Two-dimensional histograms of the columns with the largest error.
    pub joint: Vec<Joint>,
    /// Single rows of vector columns, usual and worst.
    pub examples: Vec<Example>,
    /// What the encoder sends.
    pub latents: Vec<Latent>,
    /// What is needed to make this report again.
    pub provenance: ReportProvenance,
}

/// What was compressed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DataSection {
    /// File name as given, or the toy detector with its seed.
    pub source: String,
    /// SHA-256 of the selected values and their layout, hexadecimal.
    pub checksum: String,
    /// Rows.
    pub rows: usize,
    /// Columns; a vector column counts once.
    pub columns: usize,
    /// Bytes of all values in their own types.
    pub raw_bytes: u64,
    /// Rows that the weights were fitted to.
    pub train_rows: usize,
    /// Rows that chose the moment to stop.
    pub validation_rows: usize,
    /// Rows that nothing was fitted to.
    pub test_rows: usize,
}

/// How the network was fitted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrainingSection {
    /// Loss per epoch.
    pub history: Vec<Epoch>,
    /// Numbers sent per model row.
    pub latent: usize,
    /// Weights and biases of encoder and decoder.
    pub parameters: usize,
    /// RMS over range of the float weights, all rows.
    pub float_rms_over_range: f64,
    /// RMS over range of the integers on rows that nothing was fitted to; absent if there are none.
    pub held_out_rms_over_range: Option<f64>,
}

/// The linear rival: principal components of the same features, fitted to the same rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PcaSection {
    /// Components, as many as latents.
    pub latent: usize,
    /// RMS over range, all rows, float.
    pub rms_over_range: f64,
    /// The same on the rows that the fit never saw; absent if there are none.
    pub held_out_rms_over_range: Option<f64>,
    /// The first figure column by column, in the order of `columns`.
    pub column_rms_over_range: Vec<f64>,
    /// The same as integers of the latents' widths, as the container of that rival gives them back.
    pub fixed_rms_over_range: Option<f64>,
    /// Largest error over range of those integers.
    pub fixed_max_over_range: Option<f64>,
    /// Bytes of the container with principal components in place of the network, its matrices counted.
    pub total_bytes: Option<u64>,
}

/// The emitted design.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HardwareSection {
    /// `kernel` (two flat buses and a clock) or `axis` (AXI4-Stream).
    pub interface: String,
    /// FPGA family that was scheduled for.
    pub target: String,
    /// Predicted cycles from an input to its output.
    pub latency_cycles: u32,
    /// The same in ns, at `clock_mhz`.
    pub latency_ns: f64,
    /// Clock that was scheduled for.
    pub clock_mhz: f64,
    /// Initiation interval: cycles between accepted inputs.
    pub ii: u32,
    /// Bits of one input vector.
    pub input_bits: u64,
    /// Bits of one output vector.
    pub output_bits: u64,
    /// Adders and subtractors.
    pub adders: usize,
    /// Sum of their widths.
    pub adder_bits: u64,
    /// Flip-flops of the pipeline.
    pub register_bits: u64,
    /// Bits of memories of a streamed design: line buffers, and weights of a layer that adds up positions.
    #[serde(default)]
    pub memory_bits: u64,
    /// Multipliers of such a layer.
    #[serde(default)]
    pub multipliers: u64,
    /// Lookup tables, estimated for `target`; `synth` has what was measured.
    #[serde(default)]
    pub lut_estimate: u64,
    /// What each layer is built of; empty for folded designs.
    #[serde(default)]
    pub layers: Vec<crate::hw::LayerCost>,
}

/// What the design costs: the target of the recipe first, then every target that was tried.
#[cfg(feature = "verilog")]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SynthSection {
    /// Technology of the figures here.
    pub target: crate::synth::SynthTarget,
    /// Lookup tables.
    pub lut: u64,
    /// Flip-flops.
    pub ff: u64,
    /// Multiplier blocks.
    pub dsp: u64,
    /// Block memories.
    pub bram: u64,
    /// Highest clock after place and route, in MHz; absent without place and route.
    pub fmax_mhz: Option<f64>,
    /// Why there is no such clock; absent where there is one.
    pub no_fmax: Option<String>,
    /// Latency at that clock, in ns.
    pub latency_ns: Option<f64>,
    /// Program that gave the counts.
    pub tool: String,
    /// Its version line.
    pub tool_version: String,
    /// Every target.
    pub targets: Vec<SynthReport>,
}

/// All bytes of the container; the parts add up to `total_bytes`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SizeSection {
    /// The data in their own types.
    pub raw_bytes: u64,
    /// Entropy-coded latents and pass-through columns.
    pub payload_bytes: u64,
    /// The embedded decoder.
    pub model_bytes: u64,
    /// Header, block frames, checksums and index.
    pub header_bytes: u64,
    /// The file.
    pub total_bytes: u64,
    /// `raw_bytes / total_bytes`.
    pub ratio: f64,
    /// `raw_bytes / (total_bytes - model_bytes)`: when one model serves very many files.
    pub ratio_without_model: f64,
}

/// Another codec on the same data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Peer {
    /// Codec and setting.
    pub name: String,
    /// Whether every bit comes back.
    pub lossless: bool,
    /// Compressed bytes, everything that a decoder needs included.
    pub bytes: u64,
    /// Raw bytes over compressed bytes.
    pub ratio: f64,
    /// RMS error over range, as in `overall`; 0 for a lossless codec.
    pub rms_over_range: f64,
    /// Largest error over range, as in `overall`; 0 for a lossless codec.
    pub max_over_range: f64,
}

/// One number that the encoder sends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Latent {
    /// Position in the output vector.
    pub index: usize,
    /// Its format, for example `fixed<9,4>`.
    pub format: String,
    /// Model rows in the figures.
    pub rows: usize,
    /// Entropy of a value on its own, in bit.
    pub entropy_bits: f64,
    /// Fraction of the values at an end of the format.
    pub at_limit: f64,
    /// Histogram of the real values.
    pub histogram: Histogram,
}

/// What is needed to make a report again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReportProvenance {
    /// Version that made it.
    pub sluice_version: String,
    /// The recipe with all defaults filled in, as TOML.
    pub recipe: String,
    /// SHA-256 of the recipe's meaning, hexadecimal.
    pub recipe_sha256: String,
    /// Seeds, by what they start.
    pub seeds: BTreeMap<String, u64>,
    /// SHA-256 of the files of the run, hexadecimal, by path in the run folder.
    pub files: BTreeMap<String, String>,
    /// Version lines of the programs that took part.
    pub tools: BTreeMap<String, String>,
}

#[cfg(feature = "verilog")]
impl SynthSection {
    /// The figures of `target` in front; of the first target where that one was not tried. Absent for none.
    pub fn new(targets: Vec<SynthReport>, target: &str, latency: crate::units::Cycles) -> Option<Self> {
        let first = targets.iter().find(|t| t.target.to_string() == target).or(targets.first())?;
        Some(SynthSection {
            target: first.target,
            lut: first.lut,
            ff: first.ff,
            dsp: first.dsp,
            bram: first.bram,
            fmax_mhz: first.fmax_mhz,
            no_fmax: first.no_fmax.clone(),
            latency_ns: first.latency_ns(latency),
            tool: first.tool.clone(),
            tool_version: first.tool_version.clone(),
            targets,
        })
    }
}

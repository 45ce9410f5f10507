//! Verilog-2005 of a scheduled graph, and the design folder.
//!
//! One module: a wire per node, a register chain per value that crosses ranks. All values are two's complement of the
//! exact width of their interval; every operand is extended to the width of its sum by replication, so no expression
//! depends on the signedness rules of the language.

mod body;

use std::collections::BTreeMap;
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::error::{Code, Error, Result};
use crate::fixed::QFormat;
use crate::hw::{CompileOptions, StageGraph};
use crate::model::QuantizedModel;
use crate::model::file::{read_json, write_json, write_whole};
use crate::units::Cycles;

/// The ports of a design.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Interface {
    /// Two flat buses and a clock; a new vector every cycle.
    #[default]
    Kernel,
    /// AXI4-Stream, one vector a beat; the whole pipeline waits while the output is not taken.
    Axis,
}

/// The value of the `schema` field.
pub const DESIGN_SCHEMA: &str = "sluice.design/1";

/// `design.json`: what another tool must know to use the Verilog.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DesignManifest {
    /// [`DESIGN_SCHEMA`].
    pub schema: String,
    /// Top module.
    pub top: String,
    /// Verilog files, relative to the folder.
    pub files: Vec<String>,
    /// Clock port.
    pub clock: String,
    /// Input bus; for `axis` the data port.
    pub input_port: String,
    /// Output bus; for `axis` the data port.
    pub output_port: String,
    /// `kernel` or `axis`.
    pub interface: Interface,
    /// Predicted register ranks between input and output.
    pub latency_cycles: Cycles,
    /// Cycles between accepted inputs.
    pub ii: u32,
    /// Clock that was scheduled for; absent if a latency was asked for.
    pub clock_mhz: Option<f64>,
    /// FPGA family.
    pub target: String,
    /// One a network input.
    pub input_formats: Vec<QFormat>,
    /// One a network output.
    pub output_formats: Vec<QFormat>,
    /// Input i occupies bits `[i*in_width +: in_width]`.
    pub in_width: u32,
    /// Output j occupies bits `[j*out_width +: out_width]`.
    pub out_width: u32,
    /// Adders in the graph.
    pub adders: usize,
    /// Sum of their widths.
    pub adder_bits: u64,
    /// Flip-flops of the pipeline.
    pub register_bits: u64,
    /// The model that it computes, relative to the folder.
    pub model: String,
    /// SHA-256 of each Verilog file and of the model, hexadecimal.
    pub file_sha256: BTreeMap<String, String>,
}

/// A design in memory.
#[derive(Clone, Debug, PartialEq)]
pub struct VerilogDesign {
    /// `design.json`.
    pub manifest: DesignManifest,
    /// Name and text of each file, the model included.
    pub files: Vec<(String, String)>,
}

fn sha256(text: &[u8]) -> String {
    Sha256::digest(text).iter().map(|b| format!("{b:02x}")).collect()
}

/// Prints a scheduled graph.
///
/// # Errors
/// [`Code::ModelForm`] if the model cannot be written beside the Verilog.
pub fn emit(
    model: &QuantizedModel,
    graph: &StageGraph,
    interface: Interface,
    options: &CompileOptions,
) -> Result<VerilogDesign> {
    let width = |formats: &[QFormat]| formats.iter().map(|f| f.width).max().unwrap_or(1);
    let (in_width, out_width) = (width(&graph.input_formats), width(&graph.output_formats));
    let text = body::module(&model.name, graph, in_width, out_width, interface);
    let json = serde_json::to_string_pretty(model)
        .map_err(|e| Error::new(Code::ModelForm, "cannot write the model").cause(e.to_string()))?;
    let files = vec![(format!("{}.v", model.name), text), ("model.quant.json".to_owned(), json + "\n")];
    let (adders, adder_bits) = graph.adders();
    let axis = interface == Interface::Axis;
    let target =
        serde_json::to_value(options.target).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default();
    let manifest = DesignManifest {
        schema: DESIGN_SCHEMA.to_owned(),
        top: model.name.clone(),
        files: vec![files[0].0.clone()],
        clock: if axis { "aclk" } else { "clk" }.to_owned(),
        input_port: if axis { "s_axis_tdata" } else { "x" }.to_owned(),
        output_port: if axis { "m_axis_tdata" } else { "y" }.to_owned(),
        interface,
        latency_cycles: graph.latency,
        ii: 1,
        clock_mhz: if options.latency.is_some() { None } else { options.clock_mhz },
        target,
        input_formats: graph.input_formats.clone(),
        output_formats: graph.output_formats.clone(),
        in_width,
        out_width,
        adders,
        adder_bits,
        register_bits: graph.register_bits(),
        model: files[1].0.clone(),
        file_sha256: files.iter().map(|(name, text)| (name.clone(), sha256(text.as_bytes()))).collect(),
    };
    Ok(VerilogDesign { manifest, files })
}

impl VerilogDesign {
    /// Writes the design folder; `design.json` last, so that a folder with one is complete.
    ///
    /// # Errors
    /// `I001`.
    pub fn write(&self, folder: &Path) -> Result<()> {
        for (name, text) in &self.files {
            write_whole(&folder.join(name), text.as_bytes())?;
        }
        write_json(&folder.join("design.json"), &self.manifest)
    }
}

impl DesignManifest {
    /// Reads a design folder's manifest and checks that its files are there and unchanged.
    ///
    /// # Errors
    /// `V001` with the file.
    pub fn load(folder: &Path) -> Result<Self> {
        let path = folder.join("design.json");
        if !path.exists() {
            return Err(Error::new(Code::Design, format!("`{}` is not a design folder", folder.display()))
                .cause("it has no design.json")
                .hint("`sluice emit MODEL --out FOLDER` writes one"));
        }
        let manifest: DesignManifest = read_json(&path, Code::Design)?;
        for (name, expected) in &manifest.file_sha256 {
            let file = folder.join(name);
            let bytes = std::fs::read(&file).map_err(|e| {
                Error::new(Code::Design, format!("`{}` is missing", file.display())).cause(e.to_string())
            })?;
            if sha256(&bytes) != *expected {
                return Err(Error::new(Code::Design, format!("`{}` was changed since it was emitted", file.display()))
                    .hint("emit the design again"));
            }
        }
        Ok(manifest)
    }
}

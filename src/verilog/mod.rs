//! Verilog-2005 of a scheduled graph, and the design folder.
//!
//! ```text
//! kernel: <name>.v           data path: clk, x, y
//! axis:   <name>.v           AXI4-Stream shell ─┬─► <name>_core.v   data path with a clock enable
//!                                               └─► skid_buffer.v   hand-written, hdl/
//! ```
//!
//! One module a file, named like it. Names are stable: element j of layer `h` is `h_j`, its copy k ranks later `h_j_r<k>`,
//! adders are numbered as in the graph.

mod axis;
mod bus;
mod core;
mod lone;
mod print;
mod requantize;
mod tables;

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
    /// Reset port, active low; absent if nothing needs a reset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reset: Option<String>,
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
    /// Where the output of each layer can be seen inside the design.
    pub stages: Vec<StageSignals>,
    /// The model that it computes, relative to the folder.
    pub model: String,
    /// SHA-256 of each Verilog file and of the model, hexadecimal.
    pub file_sha256: BTreeMap<String, String>,
}

/// The signals that hold the output of a layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StageSignals {
    /// The layer.
    pub layer: String,
    /// One an element, by path below the top module; `null` for a constant or an element that no output needs.
    pub signals: Vec<Option<String>>,
}

/// Bits of an element on the flat buses.
#[derive(Clone, Copy)]
struct Lanes {
    input: u32,
    output: u32,
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

/// Reserved words of Verilog-2005 that a model or layer could be named.
const RESERVED: &str = "always and assign automatic begin buf case casex casez cell config deassign default defparam \
    design disable edge else end endcase endconfig endfunction endgenerate endmodule endprimitive endspecify endtable \
    endtask event for force forever fork function generate genvar if ifnone include initial inout input instance \
    integer join large liblist library localparam macromodule medium module nand negedge nmos nor not output parameter \
    pmos posedge primitive pulldown pullup real realtime reg release repeat rnmos rpmos rtran scalared signed small \
    specify specparam strong0 strong1 supply0 supply1 table task time tran tri tri0 tri1 triand trior trireg unsigned \
    use vectored wait wand weak0 weak1 while wire wor xnor xor";

/// Prints a scheduled graph. Same input, same bytes.
///
/// # Errors
/// [`Code::Graph`] if the graph is not scheduled or not well formed; [`Code::ModelForm`] if the model's name cannot name
/// a module, or the model cannot be written beside the Verilog.
pub fn emit(
    model: &QuantizedModel,
    graph: &StageGraph,
    interface: Interface,
    options: &CompileOptions,
) -> Result<VerilogDesign> {
    graph.well_formed()?;
    let top = &model.name;
    if graph.latency.0 == 0 {
        return Err(Error::new(Code::Graph, "the graph has no schedule").hint("use `hw::compile`"));
    }
    if top == axis::SKID || RESERVED.split_whitespace().any(|word| word == top) {
        return Err(Error::new(Code::ModelForm, format!("`{top}` cannot name a Verilog module"))
            .hint("set another `name` in the model"));
    }
    let width = |formats: &[QFormat]| formats.iter().map(|f| f.width).max().unwrap_or(1);
    let lanes = Lanes { input: width(&graph.input_formats), output: width(&graph.output_formats) };
    let json = serde_json::to_string_pretty(model)
        .map_err(|e| Error::new(Code::ModelForm, "cannot write the model").cause(e.to_string()))?
        + "\n";
    let header = header(model, graph, lanes, &sha256(json.as_bytes()));
    let (n_in, n_out) = (graph.input_formats.len() as u32, graph.output_formats.len() as u32);
    let is_axis = interface == Interface::Axis;
    let mut files = match interface {
        Interface::Kernel => {
            vec![(format!("{top}.v"), core::module(graph, top, &header, lanes, false, options.target))]
        }
        Interface::Axis => {
            let (x_bits, y_bits, latency) = (lanes.input * n_in, lanes.output * n_out, graph.latency.0);
            let inner = format!("{top}_core");
            vec![
                (format!("{top}.v"), axis::module(top, &inner, &header, x_bits, y_bits, latency)),
                (format!("{inner}.v"), core::module(graph, &inner, &header, lanes, true, options.target)),
                (format!("{}.v", axis::SKID), axis::SKID_TEXT.to_owned()),
            ]
        }
    };
    let verilog = files.iter().map(|(name, _)| name.clone()).collect();
    files.push(("model.quant.json".to_owned(), json));
    let port = |kernel: &str, axis: &str| if is_axis { axis } else { kernel }.to_owned();
    let manifest = DesignManifest {
        schema: DESIGN_SCHEMA.to_owned(),
        top: top.clone(),
        files: verilog,
        clock: port("clk", "aclk"),
        reset: is_axis.then(|| "aresetn".to_owned()),
        input_port: port("x", "s_axis_tdata"),
        output_port: port("y", "m_axis_tdata"),
        interface,
        latency_cycles: graph.latency,
        ii: 1,
        clock_mhz: if options.latency.is_some() { None } else { options.clock_mhz },
        target: options.target.name().to_owned(),
        input_formats: graph.input_formats.clone(),
        output_formats: graph.output_formats.clone(),
        in_width: lanes.input,
        out_width: lanes.output,
        adders: graph.adders(),
        adder_bits: graph.adder_bits(),
        register_bits: graph.register_bits(),
        stages: core::signals(graph, if is_axis { "core." } else { "" }),
        model: "model.quant.json".to_owned(),
        file_sha256: files.iter().map(|(name, text)| (name.clone(), sha256(text.as_bytes()))).collect(),
    };
    Ok(VerilogDesign { manifest, files })
}

/// The comment at the top of each generated file.
fn header(model: &QuantizedModel, graph: &StageGraph, lanes: Lanes, hash: &str) -> Vec<String> {
    let bus = |name: &str, formats: &[QFormat], width: u32| {
        let same = formats.windows(2).all(|f| f[0] == f[1]);
        let kind = formats.first().filter(|_| same).map_or("formats in design.json".to_owned(), QFormat::to_string);
        format!("{name}: {} lanes of {width} bits, lane i at [{width}*i +: {width}], {kind}", formats.len())
    };
    vec![
        format!("{}: fully pipelined shift-add encoder. Written by sluice: do not edit, emit it again.", model.name),
        format!("model:  {}, sha256 {hash}", model.name),
        bus("input:  x", &graph.input_formats, lanes.input),
        bus("output: y", &graph.output_formats, lanes.output),
        format!("timing: latency {}, a new vector every cycle", graph.latency),
    ]
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
    /// Reads a design folder's manifest and checks that its files are inside it, complete and unchanged.
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
        let wrong = |what: String| {
            Err(Error::new(Code::Design, what).at(path.display().to_string()).hint("emit the design again"))
        };
        if manifest.schema != DESIGN_SCHEMA {
            return wrong(format!("`{}` is not `{DESIGN_SCHEMA}`", manifest.schema));
        }
        for name in manifest.files.iter().chain([&manifest.model]) {
            let inside = Path::new(name).components().all(|c| matches!(c, std::path::Component::Normal(_)));
            if !inside || name.is_empty() {
                return wrong(format!("`{name}` is not a file of the design folder"));
            }
            if !manifest.file_sha256.contains_key(name) {
                return wrong(format!("there is no checksum for `{name}`"));
            }
        }
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

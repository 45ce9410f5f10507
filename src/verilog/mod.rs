//! Verilog-2005 of a scheduled graph, and the design folder.
//!
//! ```text
//! kernel: <name>.v           data path: clk, x, y
//!                            folded: the same with resetn, x_valid, y_valid
//! axis:   <name>.v           AXI4-Stream shell ─┬─► <name>_core.v   data path with a clock enable
//!                                               └─► skid_buffer.v   hand-written, hdl/
//! ```
//!
//! One module a file, named like it. Names are stable: element j of layer `h` is `h_j`, its copy k ranks later `h_j_r<k>`,
//! adders are numbered as in the graph.

mod axis;
mod bus;
mod core;
mod folded;
mod lone;
mod print;
mod requantize;
mod tables;

pub(crate) use core::names;

use std::collections::BTreeMap;
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::error::{Code, Error, Result};
use crate::fixed::QFormat;
use crate::hw::{CompileOptions, Effort, Folded, LayerCost, StageGraph, layer_costs};
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
    /// Input that says in which cycle a vector is on the input bus; absent where one comes in every cycle, and for `axis`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_valid: Option<String>,
    /// Output that says in which cycle a vector is new on the output bus; absent likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_valid: Option<String>,
    /// Reset port, active low; absent if nothing needs a reset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reset: Option<String>,
    /// `kernel` or `axis`.
    pub interface: Interface,
    /// Predicted register ranks between input and output.
    pub latency_cycles: Cycles,
    /// Cycles from one vector to the next, at least: 1, or the reuse of a folded design.
    pub ii: u32,
    /// Clock that was scheduled for; absent if a latency was asked for.
    pub clock_mhz: Option<f64>,
    /// FPGA family.
    pub target: String,
    /// How long shared adders were searched for.
    #[serde(default)]
    pub effort: Effort,
    /// Seed of that search. Emitted again with the same effort and seed, the Verilog is the same.
    #[serde(default)]
    pub seed: u64,
    /// Levels that trees were allowed beyond the least; absent if several were tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slack: Option<u32>,
    /// One a network input.
    pub input_formats: Vec<QFormat>,
    /// One a network output.
    pub output_formats: Vec<QFormat>,
    /// Input i occupies bits `[i*in_width +: in_width]`.
    pub in_width: u32,
    /// Output j occupies bits `[j*out_width +: out_width]`.
    pub out_width: u32,
    /// Adders.
    pub adders: usize,
    /// Sum of their widths.
    pub adder_bits: u64,
    /// Flip-flops of the data path.
    pub register_bits: u64,
    /// Lookup tables, estimated for the family.
    #[serde(default)]
    pub lut_estimate: u64,
    /// What each layer is built of; absent from folded designs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<LayerCost>,
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
    /// The cycle after the vector's in which they hold it, where they hold something else before and after (`ii` > 1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cycle: Option<u32>,
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
    if graph.latency.0 == 0 {
        return Err(Error::new(Code::Graph, "the graph has no schedule").hint("use `hw::compile`"));
    }
    let print = Printer::new(model, graph, interface)?;
    let lines = ["fully pipelined shift-add encoder", "a new vector every cycle"];
    let header = print.header(lines, graph.latency);
    let ((x_bits, y_bits), lanes) = (print.bus_bits(), print.lanes);
    let axis = interface == Interface::Axis;
    let core = |name: &str| core::module(graph, name, &header, lanes, axis, options.target);
    let shell = |name: &str, core: &str| axis::module(name, core, &header, x_bits, y_bits, graph.latency.0);
    let path = if axis { "core." } else { "" };
    let manifest = DesignManifest {
        clock_mhz: if options.latency.is_some() { None } else { options.clock_mhz },
        adders: graph.adders(),
        adder_bits: graph.adder_bits(),
        register_bits: graph.register_bits(),
        lut_estimate: graph.lut_estimate(options.target),
        layers: layer_costs(graph, options.target),
        stages: core::signals(graph, path),
        ..print.manifest(options, graph.latency, 1)
    };
    Ok(print.design(manifest, core, shell))
}

/// Prints a folded graph. Same input, same bytes.
///
/// # Errors
/// Those of [`emit`].
pub fn emit_folded(
    model: &QuantizedModel,
    folded: &Folded,
    interface: Interface,
    options: &CompileOptions,
) -> Result<VerilogDesign> {
    folded.check()?;
    let print = Printer::new(model, &folded.graph, interface)?;
    let every = format!("a new vector every {} cycles at most", folded.reuse);
    let header = print.header(["folded shift-add encoder", &every], folded.latency);
    let ((x_bits, y_bits), lanes) = (print.bus_bits(), print.lanes);
    let axis = interface == Interface::Axis;
    let core = |name: &str| folded::module(folded, name, &header, lanes, axis);
    let shell = |name: &str, core: &str| axis::folded_module(name, core, &header, x_bits, y_bits, folded.reuse);
    let cost = folded.cost(options.target);
    let valid = |port: &str| (!axis).then(|| port.to_owned());
    let manifest = DesignManifest {
        input_valid: valid("x_valid"),
        output_valid: valid("y_valid"),
        reset: Some(if axis { "aresetn" } else { "resetn" }.to_owned()),
        clock_mhz: Some(options.clock_mhz.unwrap_or(100.0)),
        adders: cost.adders,
        adder_bits: cost.adder_bits,
        register_bits: cost.register_bits,
        lut_estimate: cost.lut,
        stages: folded::signals(folded, if axis { "core." } else { "" }),
        ..print.manifest(options, folded.latency, folded.reuse)
    };
    Ok(print.design(manifest, core, shell))
}

/// What designs of both kinds have in common.
struct Printer<'a> {
    model: &'a QuantizedModel,
    graph: &'a StageGraph,
    interface: Interface,
    lanes: Lanes,
    /// The model's text.
    json: String,
}

impl<'a> Printer<'a> {
    fn new(model: &'a QuantizedModel, graph: &'a StageGraph, interface: Interface) -> Result<Self> {
        let top = &model.name;
        if top == axis::SKID || RESERVED.split_whitespace().any(|word| word == top) {
            return Err(Error::new(Code::ModelForm, format!("`{top}` cannot name a Verilog module"))
                .hint("set another `name` in the model"));
        }
        let width = |formats: &[QFormat]| formats.iter().map(|f| f.width).max().unwrap_or(1);
        let lanes = Lanes { input: width(&graph.input_formats), output: width(&graph.output_formats) };
        let json = serde_json::to_string_pretty(model)
            .map_err(|e| Error::new(Code::ModelForm, "cannot write the model").cause(e.to_string()))?
            + "\n";
        Ok(Printer { model, graph, interface, lanes, json })
    }

    /// Bits of the input and of the output bus.
    fn bus_bits(&self) -> (u32, u32) {
        let (n_in, n_out) = (self.graph.input_formats.len() as u32, self.graph.output_formats.len() as u32);
        (self.lanes.input * n_in, self.lanes.output * n_out)
    }

    /// The comment at the top of each generated file.
    fn header(&self, [kind, every]: [&str; 2], latency: Cycles) -> Vec<String> {
        let bus = |name: &str, formats: &[QFormat], width: u32| {
            let same = formats.windows(2).all(|f| f[0] == f[1]);
            let kind = formats.first().filter(|_| same).map_or("formats in design.json".to_owned(), QFormat::to_string);
            format!("{name}: {} lanes of {width} bits, lane i at [{width}*i +: {width}], {kind}", formats.len())
        };
        let name = &self.model.name;
        vec![
            format!("{name}: {kind}. Written by sluice: do not edit, emit it again."),
            format!("model:  {name}, sha256 {}", sha256(self.json.as_bytes())),
            bus("input:  x", &self.graph.input_formats, self.lanes.input),
            bus("output: y", &self.graph.output_formats, self.lanes.output),
            format!("timing: latency {latency}, {every}"),
        ]
    }

    /// What follows from formats, options, interface and time; the rest is for the caller to fill in.
    fn manifest(&self, options: &CompileOptions, latency: Cycles, ii: u32) -> DesignManifest {
        let is_axis = self.interface == Interface::Axis;
        let port = |kernel: &str, axis: &str| if is_axis { axis } else { kernel }.to_owned();
        DesignManifest {
            schema: DESIGN_SCHEMA.to_owned(),
            top: self.model.name.clone(),
            files: Vec::new(),
            clock: port("clk", "aclk"),
            input_valid: None,
            output_valid: None,
            reset: is_axis.then(|| "aresetn".to_owned()),
            input_port: port("x", "s_axis_tdata"),
            output_port: port("y", "m_axis_tdata"),
            interface: self.interface,
            latency_cycles: latency,
            ii,
            clock_mhz: None,
            target: options.target.name().to_owned(),
            effort: options.effort,
            seed: options.seed,
            slack: options.slack,
            input_formats: self.graph.input_formats.clone(),
            output_formats: self.graph.output_formats.clone(),
            in_width: self.lanes.input,
            out_width: self.lanes.output,
            adders: 0,
            adder_bits: 0,
            register_bits: 0,
            lut_estimate: 0,
            layers: Vec::new(),
            stages: Vec::new(),
            model: "model.quant.json".to_owned(),
            file_sha256: BTreeMap::new(),
        }
    }

    /// The design of a data path, by module name, and the shell around one, by its own and the data path's name.
    fn design(
        self,
        mut manifest: DesignManifest,
        core: impl Fn(&str) -> String,
        shell: impl Fn(&str, &str) -> String,
    ) -> VerilogDesign {
        let top = &self.model.name;
        let mut files = match self.interface {
            Interface::Kernel => vec![(format!("{top}.v"), core(top))],
            Interface::Axis => {
                let inner = format!("{top}_core");
                vec![
                    (format!("{top}.v"), shell(top, &inner)),
                    (format!("{inner}.v"), core(&inner)),
                    (format!("{}.v", axis::SKID), axis::SKID_TEXT.to_owned()),
                ]
            }
        };
        manifest.files = files.iter().map(|(name, _)| name.clone()).collect();
        files.push(("model.quant.json".to_owned(), self.json));
        manifest.file_sha256 = files.iter().map(|(name, text)| (name.clone(), sha256(text.as_bytes()))).collect();
        VerilogDesign { manifest, files }
    }
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

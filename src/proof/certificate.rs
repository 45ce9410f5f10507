//! What was proved of a design, in a form that can be proved again.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The value of the `schema` field.
pub const PROOF_SCHEMA: &str = "sluice.proof/1";

/// `proof.json`: the claims, what they are about, and how long each took.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// [`PROOF_SCHEMA`].
    pub schema: String,
    /// Version of sluice.
    pub sluice: String,
    /// Top module of the design.
    pub top: String,
    /// SHA-256 of the model and of each Verilog file, hexadecimal, by name in the design folder.
    pub sha256: BTreeMap<String, String>,
    /// The adder graph against the weights.
    pub graph: GraphProof,
    /// The requantizers against the definition.
    pub requantizers: RequantizerProof,
    /// The Verilog against the plain specification.
    pub verilog: VerilogProof,
}

/// The graph, made again from the model, is the network's for all inputs: every element a linear form, no node wraps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GraphProof {
    /// Nodes.
    pub nodes: usize,
    /// Adders among them.
    pub adders: usize,
    /// Whether this graph, printed again, is the Verilog of the design byte for byte.
    pub printed_the_same: bool,
    /// Time it took.
    pub seconds: f64,
}

/// Requantizers compared with the definition for every value of their accumulator, and tables entry by entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequantizerProof {
    /// Requantizers and tables compared.
    pub compared: usize,
    /// Values compared, over all of them.
    pub values: u64,
    /// Requantizers with too many values for that, shown equal for all of them by an SMT solver.
    #[serde(default)]
    pub by_solver: usize,
    /// The rest, as `layer[output]`: only the operations were compared, not the numbers.
    pub not_compared: Vec<String>,
    /// Why not; absent if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Time it took.
    pub seconds: f64,
    /// Version line of the solver; empty if it was not needed or is not there.
    #[serde(default)]
    pub tool: String,
}

/// The emitted text, read back by Yosys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VerilogProof {
    /// Module compared: the data path. The AXI4-Stream shell around it is not part of the proof.
    pub module: String,
    /// Ranks of every path from input to output, counted in the netlist; of a folded design the promised cycles.
    pub latency: u32,
    /// Places at which the two were compared: operations of the graph and outputs; elements of layers where the design is
    /// not made of the graph's operations.
    pub points: usize,
    /// Multiplications in the specification; 0 if the two were not compared.
    pub products: usize,
    /// Whether every output was shown equal to the specification for all inputs.
    pub proved: bool,
    /// Whether the elements were also shown equal to the products as a whole, without the graph. Only tried for few.
    #[serde(default)]
    pub directly: bool,
    /// The operations of each layer; empty where the design is not made of the graph's operations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<LayerProof>,
    /// Why not; absent if it was.
    pub not_proved: Option<String>,
    /// Time that the tool took.
    pub seconds: f64,
    /// Longest time that it was given.
    pub limit_seconds: u64,
    /// Its version line.
    pub tool: String,
}

/// The operations of a layer: each is, for all operands, what the graph says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LayerProof {
    /// The layer; `x` is the input, `y` the output bus.
    pub layer: String,
    /// Operations, or outputs.
    pub points: usize,
    /// Those shown equal.
    pub proved: usize,
    /// Time that the solver took.
    pub seconds: f64,
}

impl Certificate {
    /// The claims alone, without times and versions: what a second run must find again.
    pub(super) fn claims(&self) -> Certificate {
        let mut c = self.clone();
        (c.graph.seconds, c.requantizers.seconds, c.verilog.seconds) = (0.0, 0.0, 0.0);
        c.sluice.clear();
        c.verilog.layers.iter_mut().for_each(|l| l.seconds = 0.0);
        c.verilog.tool.clear();
        c.requantizers.tool.clear();
        c.requantizers.why = None;
        c.verilog.not_proved = None;
        c.verilog.directly = false;
        c
    }
}

impl fmt::Display for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (g, r, v) = (&self.graph, &self.requantizers, &self.verilog);
        let same = if g.printed_the_same { "prints this Verilog" } else { "prints other Verilog than this" };
        writeln!(f, "graph: {} nodes, {} adders equal the weights; it {same} ({:.1} s)", g.nodes, g.adders, g.seconds)?;
        write!(f, "requantizers and tables: {} equal their definition, {} values", r.compared, r.values)?;
        if r.by_solver > 0 {
            write!(f, "; {} more for all values by a solver [{}]", r.by_solver, r.tool)?;
        }
        if let Some(why) = &r.why {
            write!(f, "; {} NOT compared: {why}", r.not_compared.len())?;
        }
        writeln!(f, " ({:.1} s)", r.seconds)?;
        if v.products == 0 && !v.proved {
            return write!(f, "verilog: `{}` NOT compared: {}", v.module, v.not_proved.as_deref().unwrap_or("?"));
        }
        write!(f, "verilog: `{}`, every path has {} ranks; ", v.module, v.latency)?;
        match &v.not_proved {
            None if v.layers.is_empty() => write!(f, "equal to {} products as a whole", v.products)?,
            None => write!(f, "each of {} operations and outputs is the graph's", v.points)?,
            Some(why) => write!(f, "NOT proved equal to {} products: {why}", v.products)?,
        }
        if v.directly && !v.layers.is_empty() {
            write!(f, ", and equal to {} products as a whole", v.products)?;
        }
        write!(f, " ({:.1} s of {}) [{}]", v.seconds, v.limit_seconds, v.tool)?;
        for l in &v.layers {
            write!(f, "\n  {}: {} of {} points ({:.1} s)", l.layer, l.proved, l.points, l.seconds)?;
        }
        Ok(())
    }
}

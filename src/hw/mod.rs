//! Integer networks as graphs of adders: lowered, proved, scheduled.
//!
//! ```text
//! IntegerNetwork ──► lower: shift-add rows, shared nodes ──► schedule: a rank for each node ──► StageGraph
//! ```
//!
//! Every node holds the exact interval of its values, from which its width follows: nothing can wrap.

mod lower;
mod prove;
mod schedule;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use lower::lower;
pub use prove::prove;

use crate::error::Result;
use crate::fixed::{Overflow, QFormat, Rounding, limit, shift_round};
use crate::model::IntegerNetwork;
use crate::units::Cycles;

/// FPGA family whose delays the scheduler uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// Lattice ECP5.
    #[default]
    Ecp5,
    /// Lattice iCE40.
    Ice40,
    /// AMD UltraScale+.
    Xcup,
    /// AMD 7-series.
    Xc7,
    /// No family in particular.
    Generic,
}

/// What to schedule for. With neither clock nor latency, 100 MHz.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CompileOptions {
    /// FPGA family.
    pub target: Target,
    /// Clock frequency that each rank must meet by the delay model.
    pub clock_mhz: Option<f64>,
    /// Register ranks between input and output instead.
    pub latency: Option<u32>,
}

/// A node's position in the graph; operands come before their users.
pub type NodeId = usize;

/// What a node computes from earlier nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// Element of the network's input.
    Input(usize),
    /// A constant.
    Const(i64),
    /// `(a << shift_a) ± (b << shift_b)`.
    Add {
        /// First operand.
        a: NodeId,
        /// Its shift.
        shift_a: u32,
        /// Second operand.
        b: NodeId,
        /// Its shift.
        shift_b: u32,
        /// Subtracts the second operand.
        subtract: bool,
    },
    /// Activation, then truncation by `shift` bits (negative appends zeros), then overflow to `format`.
    Quantize {
        /// The accumulator.
        a: NodeId,
        /// Bits dropped.
        shift: i32,
        /// Whether negative accumulators become 0 first.
        relu: bool,
        /// The result's format.
        format: QFormat,
        /// What happens beyond it.
        overflow: Overflow,
    },
}

/// One node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// What it computes.
    pub op: Op,
    /// Smallest value it can take.
    pub min: i64,
    /// Largest value it can take.
    pub max: i64,
    /// Register ranks between the input port and this node.
    pub rank: u32,
}

impl Node {
    /// Bits that hold every value in two's complement.
    pub fn width(&self) -> u32 {
        let bits = |v: i64| 65 - (if v < 0 { !v } else { v }).leading_zeros();
        bits(self.min).max(bits(self.max))
    }
}

/// The accumulator of one output of one layer: `±(node << shift)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accumulator {
    /// Index of the layer.
    pub layer: usize,
    /// Output element.
    pub output: usize,
    /// The node.
    pub node: NodeId,
    /// Its shift.
    pub shift: u32,
}

/// A scheduled graph.
#[derive(Clone, Debug, PartialEq)]
pub struct StageGraph {
    /// In topological order.
    pub nodes: Vec<Node>,
    /// The network's outputs.
    pub outputs: Vec<NodeId>,
    /// Formats of the input elements.
    pub input_formats: Vec<QFormat>,
    /// Formats of the output elements.
    pub output_formats: Vec<QFormat>,
    /// Where each layer's accumulators ended up, for the proof.
    pub accumulators: Vec<Accumulator>,
    /// Node of each element of each tensor (input, then one a layer), for the proof.
    pub tensors: Vec<Vec<NodeId>>,
    /// Register ranks between input port and output port.
    pub latency: Cycles,
}

impl StageGraph {
    /// Number of adders and the sum of their widths.
    pub fn adders(&self) -> (usize, u64) {
        let adders = self.nodes.iter().filter(|n| matches!(n.op, Op::Add { .. }));
        (adders.clone().count(), adders.map(|n| u64::from(n.width())).sum())
    }

    /// For each node the last rank at which it is read; outputs are read at the output port.
    pub fn last_use(&self) -> Vec<u32> {
        let mut last: Vec<u32> = self.nodes.iter().map(|n| n.rank).collect();
        for node in &self.nodes {
            let mut read = |operand: NodeId| last[operand] = last[operand].max(node.rank);
            match node.op {
                Op::Add { a, b, .. } => {
                    read(a);
                    read(b);
                }
                Op::Quantize { a, .. } => read(a),
                Op::Input(_) | Op::Const(_) => {}
            }
        }
        for output in &self.outputs {
            last[*output] = self.latency.0;
        }
        last
    }

    /// Flip-flops that the schedule needs.
    pub fn register_bits(&self) -> u64 {
        let last = self.last_use();
        let held = |(n, last): (&Node, &u32)| {
            if matches!(n.op, Op::Const(_)) { 0 } else { u64::from(last - n.rank) * u64::from(n.width()) }
        };
        self.nodes.iter().zip(&last).map(held).sum()
    }
}

/// The outputs for one input vector, node by node.
///
/// # Panics
/// If `x` is not as long as the input.
pub fn eval(graph: &StageGraph, x: &[i64]) -> Vec<i64> {
    assert_eq!(x.len(), graph.input_formats.len(), "input length");
    let mut values: Vec<i64> = Vec::with_capacity(graph.nodes.len());
    for node in &graph.nodes {
        values.push(match node.op {
            Op::Input(i) => x[i],
            Op::Const(v) => v,
            Op::Add { a, shift_a, b, shift_b, subtract } => {
                let (a, b) = (values[a] << shift_a, values[b] << shift_b);
                if subtract { a - b } else { a + b }
            }
            Op::Quantize { a, shift, relu, format, overflow } => {
                let a = if relu { values[a].max(0) } else { values[a] };
                limit(shift_round(a.into(), shift, Rounding::Truncate), format, overflow)
            }
        });
    }
    graph.outputs.iter().map(|o| values[*o]).collect()
}

/// Lowers, proves and schedules a network.
///
/// # Errors
/// [`lower`]'s, [`prove`]'s, and `H002` if no schedule meets the request.
pub fn compile(network: &IntegerNetwork, options: &CompileOptions) -> Result<StageGraph> {
    let mut graph = lower(network)?;
    prove(&graph, network)?;
    schedule::schedule(&mut graph, options)?;
    Ok(graph)
}

#[cfg(test)]
mod tests;

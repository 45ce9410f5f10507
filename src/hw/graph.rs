//! The stage graph: nodes in topological order, each with its operation, interval, layer and rank.

use std::sync::Arc;

use super::demand::{needed, unread};
use super::interval::{derive, width_of};
use crate::error::{Code, Error, Result};
use crate::fixed::{Overflow, QFormat, Rounding};
use crate::units::Cycles;

/// Index of a node; operands always have smaller indices.
pub type NodeId = usize;

/// What a node computes from earlier nodes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// Element of the input vector.
    Input(usize),
    /// A number known when the graph is made.
    Const(i64),
    /// `sum coefficient * node + constant`, by node. No hardware does this: lowering replaces it.
    Sum {
        /// (node, coefficient), coefficients not zero.
        terms: Vec<(NodeId, i64)>,
        /// Added once.
        constant: i64,
    },
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
    /// `a`, then ReLU if asked for, then `shift` bits dropped (negative: zeros appended), rounded, limited to `format`.
    Requantize {
        /// The accumulator.
        a: NodeId,
        /// Every bit of it is inverted first: `~a`, which is `-a - 1`.
        invert: bool,
        /// Bits dropped.
        shift: i32,
        /// Whether negative accumulators become 0 first.
        relu: bool,
        /// How bits are dropped.
        rounding: Rounding,
        /// How the range is met.
        overflow: Overflow,
        /// The result's format.
        format: QFormat,
    },
    /// `values[a - first]`.
    Table {
        /// What is looked up.
        a: NodeId,
        /// The operand of the first entry.
        first: i64,
        /// An entry for each number, at least for every one that the operand can be.
        values: Arc<[i64]>,
    },
    /// The larger of two.
    Max {
        /// First operand.
        a: NodeId,
        /// Second operand.
        b: NodeId,
    },
}

impl Op {
    /// The operands, in order.
    pub fn operands(&self) -> Vec<NodeId> {
        match self {
            Op::Input(_) | Op::Const(_) => vec![],
            Op::Sum { terms, .. } => terms.iter().map(|(n, _)| *n).collect(),
            Op::Add { a, b, .. } | Op::Max { a, b } => vec![*a, *b],
            Op::Requantize { a, .. } | Op::Table { a, .. } => vec![*a],
        }
    }

    /// Replaces every operand.
    pub fn map(&mut self, f: impl Fn(NodeId) -> NodeId) {
        match self {
            Op::Input(_) | Op::Const(_) => {}
            Op::Sum { terms, .. } => terms.iter_mut().for_each(|(n, _)| *n = f(*n)),
            Op::Add { a, b, .. } | Op::Max { a, b } => (*a, *b) = (f(*a), f(*b)),
            Op::Requantize { a, .. } | Op::Table { a, .. } => *a = f(*a),
        }
    }
}

/// One node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// What it computes.
    pub op: Op,
    /// Smallest and largest value it can take.
    pub range: (i64, i64),
    /// The tensor it belongs to: index into [`StageGraph::tensors`].
    pub layer: usize,
    /// Register ranks between the input port and this node. Inputs are at 0.
    pub rank: u32,
    /// Low bits that no output depends on: registers do not hold them.
    pub unread: u32,
    /// Low bits that are built: no output depends on those above. [`Node::ALL`] if they all are.
    pub kept: u32,
}

impl Node {
    /// More than any node has.
    pub const ALL: u32 = 64;

    /// Bits that are built.
    pub fn width(&self) -> u32 {
        self.full_width().min(self.kept)
    }

    /// Bits that hold every value: two's complement if one is negative.
    pub fn full_width(&self) -> u32 {
        width_of(self.range.0.into(), self.range.1.into())
    }

    /// Whether it can take one value only.
    pub fn is_constant(&self) -> bool {
        self.range.0 == self.range.1
    }

    /// Whether the highest bit that is built is a sign.
    pub fn is_signed(&self) -> bool {
        self.range.0 < 0 && self.kept >= self.full_width()
    }
}

/// The input vector or the output of a layer, element by element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor {
    /// The layer's name; `x` for the input.
    pub name: String,
    /// The node of each element; `None` once no output depends on it.
    pub elements: Vec<Option<NodeId>>,
}

/// A pipelined stage: one flat input vector, one flat output vector, a new one every cycle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageGraph {
    /// In topological order.
    pub nodes: Vec<Node>,
    /// Formats of the input elements.
    pub input_formats: Vec<QFormat>,
    /// Formats of the output elements.
    pub output_formats: Vec<QFormat>,
    /// The input, then one a layer. The last one is the output, and complete.
    pub tensors: Vec<Tensor>,
    /// Register ranks between input port and output port; 0 before scheduling.
    pub latency: Cycles,
}

impl StageGraph {
    /// The nodes that give the output elements.
    pub fn outputs(&self) -> Vec<NodeId> {
        self.tensors.last().map(|t| t.elements.iter().flatten().copied().collect()).unwrap_or_default()
    }

    /// Checks order, ranks, intervals, inputs, tensors and outputs.
    ///
    /// # Errors
    /// [`Code::Graph`] with the node.
    pub fn well_formed(&self) -> Result<()> {
        let bad = |id: NodeId, what: &str| Err(Error::new(Code::Graph, format!("node n{id}: {what}")));
        let derived = derive(self)?;
        let (needed, unread) = (needed(self), unread(self));
        let mut inputs = vec![false; self.input_formats.len()];
        for (id, node) in self.nodes.iter().enumerate() {
            if node.op.operands().iter().any(|a| self.nodes[*a].rank > node.rank) {
                return bad(id, "reads a later rank");
            }
            if derived[id].range != node.range {
                return bad(id, "its interval is not that of its operation");
            }
            if node.unread > unread[id] || node.kept < needed[id] {
                return bad(id, "drops a bit that an output depends on");
            }
            if node.layer >= self.tensors.len() {
                return bad(id, "belongs to no layer");
            }
            if let Op::Input(i) = node.op {
                // `derive` has checked that `i` exists.
                if node.rank != 0 || std::mem::replace(&mut inputs[i], true) {
                    return bad(id, "an input that occurs twice or does not come first");
                }
            }
        }
        for id in self.tensors.iter().flat_map(|t| t.elements.iter().flatten()) {
            if *id >= self.nodes.len() {
                return bad(*id, "an element of a tensor that does not exist");
            }
        }
        let outputs = self.outputs();
        if outputs.len() != self.output_formats.len() {
            return Err(Error::new(
                Code::Graph,
                format!("{} outputs where {} are promised", outputs.len(), self.output_formats.len()),
            ));
        }
        for (id, format) in outputs.into_iter().zip(&self.output_formats) {
            let node = &self.nodes[id];
            if !format.contains(node.range.0) || !format.contains(node.range.1) {
                return bad(id, "an output outside its format");
            }
            if self.latency.0 > 0 && node.rank >= self.latency.0 {
                return bad(id, "an output without a register");
            }
        }
        Ok(())
    }
}

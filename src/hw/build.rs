//! From integer network to stage graph: a sum and a requantization for each output of each layer, or a table, or maxima.

use std::collections::HashMap;
use std::sync::Arc;

use super::graph::{Node, NodeId, Op, StageGraph, Tensor};
use super::interval::{Known, of};
use crate::error::Result;
use crate::fixed::{QFormat, Rounding};
use crate::model::network::INPUT;
use crate::model::{Activation, IntegerLayer, IntegerNetwork, Outputs};
use crate::units::Cycles;

/// The graph of a network, before any pass.
///
/// Rounding half up becomes half a step in the constant of the sum and a truncation, which needs no adder of its own.
/// It commutes with ReLU: an accumulator between minus half a step and 0 gives 0 in both orders.
///
/// # Errors
/// Those of [`IntegerNetwork::check`], or [`crate::Code::Graph`] if a number needs more than 63 bits.
pub fn build(network: &IntegerNetwork) -> Result<StageGraph> {
    network.check()?;
    let inputs = network.formats_of(INPUT);
    let mut b = Builder::new(&inputs);
    let ids = (0..network.n_in).map(|i| b.push(Op::Input(i), 0).map(Some)).collect::<Result<_>>()?;
    let mut tensors = vec![Tensor { name: INPUT.to_owned(), elements: ids }];
    for (index, layer) in network.layers.iter().enumerate() {
        let joined = joined(&tensors, layer);
        let mut elements = Vec::with_capacity(layer.n_out());
        let rows = match layer.outputs(&network.joined_formats(layer))? {
            Outputs::Affine(rows) => rows,
            outputs => {
                tensors.push(Tensor { name: layer.name.clone(), elements: b.choices(&outputs, &joined, index + 1)? });
                continue;
            }
        };
        for row in rows {
            let drop = row.frac - row.output.frac;
            let (rounding, half) = rounding_of(layer.rounding, drop);
            let terms = row.terms.iter().filter_map(|(i, c)| joined[*i].map(|n| (n, *c)));
            let a = b.push(Op::Sum { terms: merged(terms), constant: row.bias + half }, index + 1)?;
            let op = Op::Requantize {
                a,
                invert: false,
                shift: drop,
                relu: layer.activation == Activation::Relu,
                rounding,
                overflow: layer.overflow,
                format: row.output,
            };
            elements.push(Some(b.push(op, index + 1)?));
        }
        tensors.push(Tensor { name: layer.name.clone(), elements });
    }
    let nodes = b.nodes;
    Ok(StageGraph {
        nodes,
        input_formats: inputs,
        output_formats: network.output_formats(),
        tensors,
        latency: Cycles(0),
    })
}

/// The elements of a layer's joined input.
fn joined(tensors: &[Tensor], layer: &IntegerLayer) -> Vec<Option<NodeId>> {
    let find = |name: &String| tensors.iter().find(|t| t.name == *name).map(|t| t.elements.clone());
    layer.inputs.iter().filter_map(find).flatten().collect()
}

/// The rounding that is left for hardware, and what is added to the accumulator for the rest of it.
fn rounding_of(rounding: Rounding, drop: i32) -> (Rounding, i64) {
    match rounding {
        _ if drop <= 0 => (Rounding::Truncate, 0),
        Rounding::HalfUp if drop < 62 => (Rounding::Truncate, 1 << (drop - 1)),
        other => (other, 0),
    }
}

/// One term a node, by node: elements may share a node, and a layer may read a tensor twice.
pub(super) fn merged(terms: impl Iterator<Item = (NodeId, i64)>) -> Vec<(NodeId, i64)> {
    let mut all = std::collections::BTreeMap::new();
    terms.for_each(|(n, c)| *all.entry(n).or_insert(0) += c);
    all.into_iter().filter(|(_, c)| *c != 0).collect()
}

/// A graph under construction; equal operations become one node.
pub(super) struct Builder<'a> {
    pub nodes: Vec<Node>,
    known: Vec<Known>,
    ids: HashMap<Op, NodeId>,
    inputs: &'a [QFormat],
}

impl<'a> Builder<'a> {
    pub fn new(inputs: &'a [QFormat]) -> Self {
        Builder { nodes: Vec::new(), known: Vec::new(), ids: HashMap::new(), inputs }
    }

    /// The node that computes `op`, of layer `layer` if it is new.
    pub fn push(&mut self, op: Op, layer: usize) -> Result<NodeId> {
        if let Some(id) = self.ids.get(&op) {
            return Ok(*id);
        }
        let known = of(&op, &self.known, self.inputs)?;
        let id = self.nodes.len();
        self.ids.insert(op.clone(), id);
        self.nodes.push(Node { op, range: known.range, layer, rank: 0, unread: 0, kept: Node::ALL });
        self.known.push(known);
        Ok(id)
    }

    /// The elements of a layer without sums: tables, and maxima as trees of two.
    fn choices(&mut self, outputs: &Outputs, joined: &[Option<NodeId>], layer: usize) -> Result<Vec<Option<NodeId>>> {
        let mut elements = Vec::new();
        match outputs {
            Outputs::Affine(_) => {}
            Outputs::Tables(rows) => {
                let mut tables: HashMap<usize, Arc<[i64]>> = HashMap::new();
                for row in rows {
                    let values = tables.entry(row.table).or_insert_with(|| row.values.into()).clone();
                    let op = joined[row.index].map(|a| Op::Table { a, first: row.first, values });
                    elements.push(op.map(|op| self.push(op, layer)).transpose()?);
                }
            }
            Outputs::Maxima(windows) => {
                for window in windows {
                    let mut level: Vec<NodeId> = window.iter().filter_map(|i| joined[*i]).collect();
                    while level.len() > 1 {
                        let pair = |two: &[NodeId]| match *two {
                            [a, b] => self.push(Op::Max { a: a.min(b), b: a.max(b) }, layer),
                            _ => Ok(two[0]),
                        };
                        level = level.chunks(2).map(pair).collect::<Result<_>>()?;
                    }
                    elements.push(level.first().copied());
                }
            }
        }
        Ok(elements)
    }
}

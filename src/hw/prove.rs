//! The proof, for all inputs at once, that a graph computes a network: linear forms equal rows of weights.
//!
//! The graph claims a node for every element of every tensor. Layer by layer the claim is checked: the node's accumulator,
//! expanded to its linear form over the nodes proved before, must be the row of weights; its requantization must be the
//! layer's. That no node wraps is the other half: [`StageGraph::well_formed`] derives every interval anew.

use super::graph::{NodeId, Op, StageGraph};
use super::interval::{Form, Known, derive, requantized};
use crate::error::{Code, Error, Result};
use crate::fixed::Rounding;
use crate::model::integer::AffineRow;
use crate::model::network::INPUT;
use crate::model::{Activation, IntegerLayer, IntegerNetwork};

/// Compares the graph with the network.
///
/// # Errors
/// [`Code::Graph`], naming layer and output of the first difference, or a node whose interval is wrong.
pub fn prove(graph: &StageGraph, network: &IntegerNetwork) -> Result<()> {
    graph.well_formed()?;
    let known = derive(graph)?;
    let names = std::iter::once(INPUT).chain(network.layers.iter().map(|l| l.name.as_str()));
    let sizes = std::iter::once(network.n_in).chain(network.layers.iter().map(IntegerLayer::n_out));
    if !graph.tensors.iter().map(|t| (t.name.as_str(), t.elements.len())).eq(names.zip(sizes))
        || graph.input_formats != network.formats_of(INPUT)
        || graph.output_formats != network.output_formats()
    {
        return Err(Error::new(Code::Graph, "the graph and the network have other tensors"));
    }
    for (i, element) in graph.tensors[0].elements.iter().enumerate() {
        if element.is_some_and(|id| graph.nodes[id].op != Op::Input(i)) {
            return Err(differs(INPUT, i));
        }
    }
    for (index, layer) in network.layers.iter().enumerate() {
        let joined: Vec<Option<NodeId>> = layer
            .inputs
            .iter()
            .filter_map(|name| graph.tensors.iter().find(|t| t.name == *name))
            .flat_map(|t| t.elements.iter().copied())
            .collect();
        for (output, row) in layer.rows(&network.joined_formats(layer))?.iter().enumerate() {
            // An element that no output needs is not there; that the outputs are all there, `well_formed` knows.
            let Some(id) = graph.tensors[index + 1].elements[output] else { continue };
            let want = form_of(row, &joined, &known).ok_or_else(|| differs(&layer.name, output))?;
            if !computes(graph, &known, id, &want, row, layer) {
                return Err(differs(&layer.name, output));
            }
        }
    }
    Ok(())
}

fn differs(layer: &str, output: usize) -> Error {
    Error::new(Code::Graph, format!("layer `{layer}`, output {output}: the graph does not compute the row of weights"))
        .hint("this is a fault in the compiler, not in the model: please report it with the model")
}

/// The exact accumulator over proved nodes; `None` if it needs an element that was removed.
fn form_of(row: &AffineRow, joined: &[Option<NodeId>], known: &[Known]) -> Option<Form> {
    let mut form = Form { constant: row.bias.into(), ..Form::default() };
    for (i, c) in &row.terms {
        form.add(&known[joined[*i]?].form, (*c).into())?;
    }
    Some(form)
}

/// Whether node `id` is the accumulator `want`, requantized as the layer says.
fn computes(graph: &StageGraph, known: &[Known], id: NodeId, want: &Form, row: &AffineRow, layer: &IntegerLayer) -> bool {
    let relu = layer.activation == Activation::Relu;
    let (drop, overflow, format) = (row.frac - row.output.frac, layer.overflow, row.output);
    let spec = Op::Requantize { a: 0, shift: drop, relu, rounding: layer.rounding, overflow, format };
    match graph.nodes[id].op {
        // A constant is right if the layer can give no other number.
        Op::Const(c) => want.range(|leaf| known[leaf].range).is_some_and(|(low, high)| {
            let narrow = (i64::try_from(low), i64::try_from(high));
            matches!(narrow, (Ok(low), Ok(high)) if requantized((low, high), &spec) == (c, c))
        }),
        Op::Requantize { a, shift, relu: r, rounding, overflow: o, format: f } => {
            if (r, o, f) != (relu, overflow, format) || shift > drop {
                return false;
            }
            // The node may hold the accumulator without its zeros at the end, which are then not dropped either.
            let Some(built) = known[a].form.shifted((drop - shift).unsigned_abs()) else { return false };
            let mut want = want.clone();
            if drop > 0 && layer.rounding == Rounding::HalfUp && rounding == Rounding::Truncate {
                want.constant += 1 << (drop - 1);
            } else if drop > 0 && shift > 0 && rounding != layer.rounding {
                return false;
            }
            built == want
        }
        _ => false,
    }
}

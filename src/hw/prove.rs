//! The algebraic half of the proof: each accumulator, expanded to its linear form, is the row of the weight matrix.

use std::collections::BTreeMap;

use super::lower::{position, rounding_constant};
use super::{NodeId, Op, StageGraph};
use crate::error::{Code, Error, Result};
use crate::model::IntegerNetwork;

/// Coefficient of each source node; `usize::MAX` holds the constant.
type Form = BTreeMap<NodeId, i128>;

/// Compares every accumulator of the graph with the network, for all inputs at once.
///
/// # Errors
/// [`Code::Graph`], naming layer and output of the first difference.
pub fn prove(graph: &StageGraph, network: &IntegerNetwork) -> Result<()> {
    let mut forms: Vec<Form> = Vec::with_capacity(graph.nodes.len());
    for (id, node) in graph.nodes.iter().enumerate() {
        forms.push(match node.op {
            Op::Input(_) | Op::Quantize { .. } => Form::from([(id, 1)]),
            Op::Const(v) => Form::from([(usize::MAX, v.into())]),
            Op::Add { a, shift_a, b, shift_b, subtract } => {
                let mut form: Form = forms[a].iter().map(|(k, c)| (*k, c << shift_a)).collect();
                for (k, c) in &forms[b] {
                    let c = c << shift_b;
                    *form.entry(*k).or_default() += if subtract { -c } else { c };
                }
                form
            }
        });
    }
    for (index, layer) in network.layers.iter().enumerate() {
        let joined: Vec<NodeId> =
            layer.inputs.iter().flat_map(|name| graph.tensors[position(network, name)].clone()).collect();
        let rows = layer.rows(&network.joined_formats(layer))?;
        for at in graph.accumulators.iter().filter(|a| a.layer == index) {
            let row = &rows[at.output];
            let mut expected = Form::new();
            for (input, coefficient) in &row.terms {
                *expected.entry(joined[*input]).or_default() += i128::from(*coefficient);
            }
            let constant = row.bias + rounding_constant(layer, row.frac - row.output.frac)?;
            *expected.entry(usize::MAX).or_default() += i128::from(constant);
            let mut built: Form = forms[at.node].iter().map(|(k, c)| (*k, c << at.shift)).collect();
            // An input that is a constant zero node would appear as a constant: both sides drop zeros.
            expected.retain(|_, c| *c != 0);
            built.retain(|_, c| *c != 0);
            if built != expected {
                return Err(Error::new(
                    Code::Graph,
                    format!(
                        "layer `{}`, output {}: the adders do not compute the row of weights",
                        layer.name, at.output
                    ),
                )
                .hint("this is a fault in the compiler, not in the model: please report it with the model"));
            }
        }
    }
    Ok(())
}

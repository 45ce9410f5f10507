//! The proof, for all inputs at once, that a graph computes a network.
//!
//! Graph and network are both read as symbols, into one table. Between two requantizations everything is a linear form over
//! values known before; a requantized form is a new value, named by the form and its modes, so equal names are equal
//! functions of the input. Every element that the graph claims must have the name that the network gives it. That no node
//! wraps is the other half: [`StageGraph::well_formed`] derives every interval anew.

use std::collections::HashMap;

use super::graph::{Op, StageGraph};
use super::interval::{Form, requantized};
use crate::error::{Code, Error, Result};
use crate::fixed::{QFormat, Rounding};
use crate::model::integer::AffineRow;
use crate::model::network::INPUT;
use crate::model::{Activation, IntegerLayer, IntegerNetwork};

/// Compares the graph with the network.
///
/// # Errors
/// [`Code::Graph`], naming layer and output of the first difference, or a node whose interval is wrong.
pub fn prove(graph: &StageGraph, network: &IntegerNetwork) -> Result<()> {
    graph.well_formed()?;
    let names = std::iter::once(INPUT).chain(network.layers.iter().map(|l| l.name.as_str()));
    let sizes = std::iter::once(network.n_in).chain(network.layers.iter().map(IntegerLayer::n_out));
    if !graph.tensors.iter().map(|t| (t.name.as_str(), t.elements.len())).eq(names.zip(sizes))
        || graph.input_formats != network.formats_of(INPUT)
        || graph.output_formats != network.output_formats()
    {
        return Err(Error::new(Code::Graph, "the graph and the network have other tensors"));
    }
    let mut values = Values::new(&graph.input_formats);
    let wanted = values.of_network(network)?;
    let built = values.of_graph(graph).ok_or_else(too_wide)?;
    for (tensor, wanted) in graph.tensors.iter().zip(&wanted) {
        for (output, (element, wanted)) in tensor.elements.iter().zip(wanted).enumerate() {
            // An element that no output needs is not there; that the outputs are all there, `well_formed` knows.
            if element.is_some_and(|id| built[id] != *wanted) {
                return Err(differs(&tensor.name, output));
            }
        }
    }
    Ok(())
}

fn differs(layer: &str, output: usize) -> Error {
    Error::new(Code::Graph, format!("layer `{layer}`, output {output}: the graph does not compute the row of weights"))
        .hint("this is a fault in the compiler, not in the model: please report it with the model")
}

fn too_wide() -> Error {
    Error::new(Code::Graph, "a number needs more than 127 bits").hint("use narrower weights or inputs")
}

/// What a layer does with the accumulator of a row, read anew: the proof does not lean on [`build`](super::build).
pub(super) fn modes(layer: &IntegerLayer, row: &AffineRow) -> Op {
    Op::Requantize {
        a: 0,
        invert: false,
        shift: row.frac - row.output.frac,
        relu: layer.activation == Activation::Relu,
        rounding: layer.rounding,
        overflow: layer.overflow,
        format: row.output,
    }
}

/// What names a requantized value: the form and the modes, with everything that makes no difference taken out.
type Key = (Vec<(usize, i128)>, i128, Op);

/// The values that occur, by number: first the inputs, then what was requantized.
struct Values {
    ranges: Vec<(i64, i64)>,
    named: HashMap<Key, Form>,
}

impl Values {
    fn new(inputs: &[QFormat]) -> Self {
        Values { ranges: inputs.iter().map(|f| (QFormat::min(*f), QFormat::max(*f))).collect(), named: HashMap::new() }
    }

    /// Every element of every tensor, as the weights say.
    fn of_network(&mut self, network: &IntegerNetwork) -> Result<Vec<Vec<Form>>> {
        let mut tensors = vec![(0..network.n_in).map(Form::leaf).collect::<Vec<_>>()];
        for layer in &network.layers {
            let find = |name: &String| {
                let at = network.layers.iter().position(|l| l.name == *name).map_or(0, |i| i + 1);
                tensors[at].iter().cloned()
            };
            let joined: Vec<Form> = layer.inputs.iter().flat_map(find).collect();
            let mut elements = Vec::with_capacity(layer.n_out());
            for row in layer.rows(&network.joined_formats(layer))? {
                let mut form = Form { constant: row.bias.into(), ..Form::default() };
                row.terms.iter().try_for_each(|(i, c)| form.add(&joined[*i], (*c).into())).ok_or_else(too_wide)?;
                elements.push(self.requantized(form, &modes(layer, &row)).ok_or_else(too_wide)?);
            }
            tensors.push(elements);
        }
        Ok(tensors)
    }

    /// Every node, as the operations say.
    fn of_graph(&mut self, graph: &StageGraph) -> Option<Vec<Form>> {
        let mut forms: Vec<Form> = Vec::with_capacity(graph.nodes.len());
        for node in &graph.nodes {
            forms.push(match &node.op {
                Op::Input(i) => Form::leaf(*i),
                Op::Const(c) => Form { constant: (*c).into(), ..Form::default() },
                Op::Sum { terms, constant } => {
                    let mut form = Form { constant: (*constant).into(), ..Form::default() };
                    terms.iter().try_for_each(|(n, c)| form.add(&forms[*n], (*c).into()))?;
                    form
                }
                Op::Add { a, shift_a, b, shift_b, subtract } => {
                    let mut form = forms[*a].shifted(*shift_a)?;
                    form.add(&forms[*b], if *subtract { -(1 << shift_b) } else { 1 << shift_b })?;
                    form
                }
                modes @ Op::Requantize { a, .. } => self.requantized(forms[*a].clone(), modes)?,
            });
        }
        Some(forms)
    }

    /// The value of a requantized form: a number if there is but one, else a name; `None` beyond 127 bits.
    fn requantized(&mut self, mut form: Form, modes: &Op) -> Option<Form> {
        let Op::Requantize { invert, mut shift, relu, mut rounding, overflow, format, .. } = *modes else {
            return None;
        };
        let (low, high) = form.range(|leaf| self.ranges[leaf])?;
        let range = requantized((i64::try_from(low).ok()?, i64::try_from(high).ok()?), modes);
        if invert {
            let mut inverse = Form { constant: -1, ..Form::default() };
            inverse.add(&form, -1)?;
            form = inverse;
        }
        if range.0 == range.1 {
            return Some(Form { constant: range.0.into(), ..Form::default() });
        }
        // Half up is half a step and a truncation, before as after ReLU.
        if rounding == Rounding::HalfUp && shift > 0 {
            form.constant = form.constant.checked_add(1i128.checked_shl(shift as u32 - 1)?)?;
            rounding = Rounding::Truncate;
        }
        // Zeros at the end of every coefficient need not be dropped, and zeros to append can be there before. Nothing meets
        // the bits of the constant below them, so a truncation drops them by themselves; a tie to even looks at them.
        let lowest = |numbers: &mut dyn Iterator<Item = &i128>| numbers.map(|c| c.trailing_zeros()).min();
        let zeros = match rounding {
            Rounding::Truncate => lowest(&mut form.terms.values()),
            _ => lowest(&mut form.terms.values().chain([&form.constant])),
        };
        let dropped = zeros.unwrap_or(0).min(shift.max(0) as u32);
        form.terms.values_mut().chain([&mut form.constant]).for_each(|c| *c >>= dropped);
        shift -= dropped as i32;
        if shift <= 0 {
            form = form.shifted(shift.unsigned_abs())?;
            (shift, rounding) = (0, Rounding::Truncate);
        }
        let modes = Op::Requantize { a: 0, invert: false, shift, relu, rounding, overflow, format };
        let key = (form.terms.into_iter().collect(), form.constant, modes);
        let next = self.ranges.len();
        let value = self.named.entry(key).or_insert_with(|| Form::leaf(next)).clone();
        if value == Form::leaf(next) {
            self.ranges.push(range);
        }
        Some(value)
    }
}

//! The proof, for all inputs at once, that a graph computes a network.
//!
//! Graph and network are both read as symbols, into one table. Between two requantizations everything is a linear form over
//! values known before; a requantized form is a new value, named by the form and its modes, one that is looked up by the form
//! and the entries that it can reach, a maximum by the set of forms it is the largest of. So equal names are equal functions
//! of the input. Every element that the graph claims must have the name that the network gives it. That no node
//! wraps is the other half: [`StageGraph::well_formed`] derives every interval anew.

use std::collections::{BTreeSet, HashMap};

use super::graph::{Op, StageGraph};
use super::interval::{Form, requantized};
use super::table;
use crate::error::{Code, Error, Result};
use crate::fixed::{QFormat, Rounding};
use crate::model::network::INPUT;
use crate::model::{Activation, AffineRow, IntegerLayer, IntegerNetwork, Outputs};

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
    Error::new(Code::Graph, format!("layer `{layer}`, output {output}: the graph does not compute what the model says"))
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

/// The values that occur, by number: first the inputs, then what was requantized, looked up or chosen.
struct Values {
    ranges: Vec<(i64, i64)>,
    named: HashMap<Key, Form>,
    /// Maxima by what they are the largest of, and back.
    maxima: HashMap<BTreeSet<Form>, Form>,
    sets: HashMap<Form, BTreeSet<Form>>,
}

impl Values {
    fn new(inputs: &[QFormat]) -> Self {
        let ranges = inputs.iter().map(|f| (QFormat::min(*f), QFormat::max(*f))).collect();
        Values { ranges, named: HashMap::new(), maxima: HashMap::new(), sets: HashMap::new() }
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
            let elements: Option<Vec<Form>> = match layer.outputs(&network.joined_formats(layer))? {
                Outputs::Affine(rows) => rows
                    .iter()
                    .map(|row| {
                        let mut form = Form::number(row.bias);
                        row.terms.iter().try_for_each(|(i, c)| form.add(&joined[*i], (*c).into()))?;
                        self.requantized(form, &modes(layer, row))
                    })
                    .collect(),
                Outputs::Tables(rows) => {
                    rows.iter().map(|r| self.looked_up(&joined[r.index], r.first, r.values)).collect()
                }
                Outputs::Maxima(windows) => {
                    windows.iter().map(|w| self.largest(w.iter().map(|i| joined[*i].clone()).collect())).collect()
                }
            };
            tensors.push(elements.ok_or_else(too_wide)?);
        }
        Ok(tensors)
    }

    /// Every node, as the operations say.
    fn of_graph(&mut self, graph: &StageGraph) -> Option<Vec<Form>> {
        let mut forms: Vec<Form> = Vec::with_capacity(graph.nodes.len());
        for node in &graph.nodes {
            forms.push(match &node.op {
                Op::Input(i) => Form::leaf(*i),
                Op::Const(c) => Form::number(*c),
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
                Op::Table { a, first, values } => self.looked_up(&forms[*a], *first, values)?,
                Op::Max { a, b } => self.largest([forms[*a].clone(), forms[*b].clone()].into())?,
            });
        }
        Some(forms)
    }

    /// The value of a requantized form: a number if there is but one, else a name; `None` beyond 127 bits.
    fn requantized(&mut self, mut form: Form, modes: &Op) -> Option<Form> {
        let Op::Requantize { invert, mut shift, relu, mut rounding, overflow, format, .. } = *modes else {
            return None;
        };
        let range = requantized(self.range(&form)?, modes);
        if invert {
            let mut inverse = Form { constant: -1, ..Form::default() };
            inverse.add(&form, -1)?;
            form = inverse;
        }
        if range.0 == range.1 {
            return Some(Form::number(range.0));
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
        Some(self.name((form.terms.into_iter().collect(), form.constant, modes), range))
    }

    /// The value with a name.
    fn name(&mut self, key: Key, range: (i64, i64)) -> Form {
        let next = self.ranges.len();
        let value = self.named.entry(key).or_insert_with(|| Form::leaf(next)).clone();
        if value == Form::leaf(next) {
            self.ranges.push(range);
        }
        value
    }

    /// Smallest and largest value of a form.
    fn range(&self, form: &Form) -> Option<(i64, i64)> {
        let (low, high) = form.range(|leaf| self.ranges[leaf])?;
        Some((i64::try_from(low).ok()?, i64::try_from(high).ok()?))
    }

    /// The entry of a table: a number or the form itself if all that can be read are, else a name.
    fn looked_up(&mut self, form: &Form, first: i64, values: &[i64]) -> Option<Form> {
        let range = self.range(form)?;
        let values = table::reached(first, values, range)?;
        let (low, high) = (*values.iter().min()?, *values.iter().max()?);
        if low == high {
            return Some(Form::number(low));
        }
        let op = Op::Table { a: 0, first: range.0, values: values.into() };
        if table::same_as(&op, |_| range).is_some() {
            return Some(form.clone());
        }
        Some(self.name((form.terms.clone().into_iter().collect(), form.constant, op), (low, high)))
    }

    /// The largest of some forms: a form that is never less than the others, else a name.
    fn largest(&mut self, forms: BTreeSet<Form>) -> Option<Form> {
        // A maximum of maxima is one of all; what is never more than another does not count.
        let all: BTreeSet<Form> =
            forms.into_iter().flat_map(|f| self.sets.get(&f).cloned().unwrap_or_else(|| [f].into())).collect();
        let ranges: Vec<(i64, i64)> = all.iter().map(|f| self.range(f)).collect::<Option<_>>()?;
        let beaten = |i: usize| (0..ranges.len()).any(|k| k != i && ranges[k].0 >= ranges[i].1);
        let left: BTreeSet<Form> =
            all.iter().enumerate().filter(|(i, _)| !beaten(*i)).map(|(_, f)| f.clone()).collect();
        if left.len() <= 1 {
            return left.into_iter().next();
        }
        if let Some(known) = self.maxima.get(&left) {
            return Some(known.clone());
        }
        let value = Form::leaf(self.ranges.len());
        self.ranges.push((ranges.iter().map(|r| r.0).max()?, ranges.iter().map(|r| r.1).max()?));
        self.maxima.insert(left.clone(), value.clone());
        self.sets.insert(value.clone(), left);
        Some(value)
    }
}

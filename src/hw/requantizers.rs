//! Every requantizer of a graph against its definition, number by number.
//!
//! [`prove`](super::prove) takes a requantizer as a name. Here the name is looked behind: the accumulator of the graph is an
//! affine function of that of the network (half a step added, inverted, zeros dropped), and for every value of it the
//! requantizer gives what the network's definition gives. Tables are compared entry by entry.

use super::graph::{NodeId, Op, StageGraph};
use super::interval::{Form, derive, requantized};
use super::prove::modes;
use crate::error::{Code, Error, Result};
use crate::fixed::requantize;
use crate::model::network::INPUT;
use crate::model::{AffineRow, IntegerLayer, IntegerNetwork, Outputs, TableRow};

/// Accumulators with more values than this are not compared one by one.
pub const MOST_VALUES: i128 = 1 << 20;

/// One output of one layer: a requantizer or a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requantizer {
    /// The layer.
    pub layer: String,
    /// The output of it.
    pub output: usize,
    /// Smallest and largest accumulator, or number looked up.
    pub range: (i128, i128),
    /// `None` if every value between them was compared; what is to be compared if they are too many.
    pub wide: Option<WideRequantizer>,
}

/// A requantizer with too many values to compare one by one: for every `t` between the limits the accumulator of the network
/// is `from.0 + from.1 * t`, and that of the graph `to.0 + to.1 * t`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WideRequantizer {
    /// What the network does with its accumulator: an [`Op::Requantize`].
    pub wanted: Op,
    /// What the graph does with its own: an [`Op::Requantize`], or an [`Op::Const`].
    pub built: Op,
    /// Smallest and largest `t`.
    pub t: (i128, i128),
    /// Accumulator of the network at 0, and how much it grows with `t`.
    pub from: (i128, i128),
    /// The same of the graph.
    pub to: (i128, i128),
}

impl WideRequantizer {
    /// What the network gives at `t`, by the definition, and what the graph gives.
    pub fn at(&self, t: i128) -> (i64, i64) {
        let built = match self.built {
            Op::Const(c) => c,
            ref op => op.requantized(self.to.0 + self.to.1 * t),
        };
        (defined(&self.wanted, self.from.0 + self.from.1 * t), built)
    }
}

/// The definition: ReLU, then [`requantize`].
fn defined(wanted: &Op, v: i128) -> i64 {
    let Op::Requantize { relu, shift, rounding, overflow, format, .. } = *wanted else { return 0 };
    requantize(if relu { v.max(0) } else { v }, shift + format.frac, format, rounding, overflow)
}

/// Compares every requantizer whose accumulator has at most [`MOST_VALUES`] values, and says what there is to compare of the
/// others. Elements that no output needs are left out.
///
/// # Errors
/// [`Code::Graph`] with layer, output and accumulator of the first difference.
pub fn requantizers(graph: &StageGraph, network: &IntegerNetwork) -> Result<Vec<Requantizer>> {
    let known = derive(graph)?;
    let bad = |layer: &str, output: usize, what: &str| {
        Error::new(Code::Graph, format!("layer `{layer}`, output {output}: {what}"))
    };
    let form_of = |id: &Option<NodeId>| id.map(|id| known[id].form.clone());
    let mut tensors: Vec<(&str, Vec<Option<Form>>)> =
        vec![(INPUT, graph.tensors.first().map_or(vec![], |t| t.elements.iter().map(form_of).collect()))];
    let mut found = Vec::new();
    for (layer, tensor) in network.layers.iter().zip(graph.tensors.iter().skip(1)) {
        let find = |name: &String| tensors.iter().find(|t| t.0 == *name).map(|t| t.1.clone());
        let joined: Vec<Option<Form>> = layer.inputs.iter().filter_map(find).flatten().collect();
        let mut forms = Vec::with_capacity(layer.n_out());
        let rows = match layer.outputs(&network.joined_formats(layer))? {
            Outputs::Affine(rows) => rows,
            outputs => {
                for output in 0..layer.n_out() {
                    let id = tensor.elements.get(output).copied().flatten();
                    let mut only = None;
                    if let Outputs::Tables(rows) = &outputs {
                        let row = &rows[output];
                        let Some(operand) = &joined[row.index] else {
                            forms.push(None);
                            continue;
                        };
                        let range = operand.range(|leaf| known[leaf].range).unwrap_or_default();
                        let entries = looked_up(graph, id, row, operand, range, |id| &known[id].form);
                        only = entries.map_err(|what| bad(&layer.name, output, &what))?;
                        if id.is_some() {
                            found.push(Requantizer { layer: layer.name.clone(), output, range, wide: None });
                        }
                    }
                    forms.push(form_of(&id).or(only.map(Form::number)));
                }
                tensors.push((&layer.name, forms));
                continue;
            }
        };
        for (output, row) in rows.iter().enumerate() {
            let wide = || bad(&layer.name, output, "a number needs more than 127 bits");
            let mut form = Form { constant: row.bias.into(), ..Form::default() };
            // A value that was taken out and is no number makes no difference to any output: nor does this row.
            let there = row.terms.iter().all(|(i, _)| joined[*i].is_some());
            for (i, c) in row.terms.iter().filter(|_| there) {
                form.add(joined[*i].as_ref().ok_or_else(wide)?, (*c).into()).ok_or_else(wide)?;
            }
            let range = form.range(|leaf| known[leaf].range).ok_or_else(wide)?;
            let wanted = modes(layer, row);
            let Some(id) = tensor.elements.get(output).copied().flatten() else {
                // Taken out because it is a number, or because nothing reads it.
                let only = there.then(|| number(range, layer, row)).flatten();
                forms.push(only.map(|n| Form { constant: n.into(), ..Form::default() }));
                continue;
            };
            forms.push(form_of(&Some(id)));
            if !there {
                return Err(bad(&layer.name, output, "it reads a value that is not in the graph"));
            }
            let built = Built::new(graph, id, &form, |id| &known[id].form)
                .ok_or_else(|| bad(&layer.name, output, "the accumulator is not that of the row"))?;
            let mut wide = None;
            if range.1 - range.0 >= MOST_VALUES {
                wide = Some(built.wide(wanted, range));
            } else if let Some(v) =
                (range.0..=range.1).find(|v| built.at(*v).is_some_and(|b| b != defined(&wanted, *v)))
            {
                return Err(bad(&layer.name, output, &format!("the accumulator {v} is requantized to another number")));
            }
            found.push(Requantizer { layer: layer.name.clone(), output, range, wide });
        }
        tensors.push((&layer.name, forms));
    }
    Ok(found)
}

/// Compares the element `id` with every entry of a table that its operand can reach; the entry if there is but one.
fn looked_up<'k>(
    graph: &StageGraph,
    id: Option<NodeId>,
    row: &TableRow,
    operand: &Form,
    range: (i128, i128),
    form: impl Fn(NodeId) -> &'k Form,
) -> Result<Option<i64>, String> {
    let reached = (range.0..=range.1).map(|x| (x as i64, row.at(x as i64)));
    if let Some(id) = id {
        let built = |x: i64| match &graph.nodes[id].op {
            Op::Const(c) => Some(*c),
            Op::Table { a, first, values } if form(*a) == operand => {
                usize::try_from(x - first).ok().and_then(|i| values.get(i).copied())
            }
            _ => (form(id) == operand).then_some(x),
        };
        if let Some((x, _)) = reached.clone().find(|(x, wanted)| built(*x) != Some(*wanted)) {
            return Err(format!("the entry for {x} is another number"));
        }
    }
    let mut values = reached.map(|(_, y)| y);
    let first = values.next();
    Ok(first.filter(|f| values.all(|v| v == *f)))
}

/// The value of a row that has but one.
fn number(range: (i128, i128), layer: &IntegerLayer, row: &AffineRow) -> Option<i64> {
    let (low, high) = requantized((i64::try_from(range.0).ok()?, i64::try_from(range.1).ok()?), &modes(layer, row));
    (low == high).then_some(low)
}

/// What the graph computes of an accumulator `v` of the network.
enum Built<'a> {
    Number(i64),
    /// Of `(v - from) * factor / divisor + to`.
    Requantized {
        op: &'a Op,
        from: i128,
        factor: i128,
        divisor: i128,
        to: i128,
    },
}

impl<'a> Built<'a> {
    /// The element `id`, of whose row `row` is the accumulator; `None` if its own is not an affine function of that.
    fn new<'k>(graph: &'a StageGraph, id: NodeId, row: &Form, form: impl Fn(NodeId) -> &'k Form) -> Option<Self> {
        let op = &graph.nodes[id].op;
        let a = match op {
            Op::Const(c) => return Some(Built::Number(*c)),
            Op::Requantize { a, .. } => form(*a),
            _ => return None,
        };
        let (leaf, divisor) = row.terms.first_key_value().map_or((0, 1), |(l, c)| (*l, *c));
        let factor = a.terms.get(&leaf).copied().unwrap_or(0);
        let same = a.terms.len() == row.terms.len()
            && row.terms.iter().all(|(l, c)| a.terms.get(l).is_some_and(|own| own * divisor == factor * c));
        same.then_some(Built::Requantized { op, from: row.constant, factor, divisor, to: a.constant })
    }

    /// `None` for a `v` that no input gives.
    fn at(&self, v: i128) -> Option<i64> {
        let (op, scaled, divisor, to) = match self {
            Built::Number(n) => return Some(*n),
            Built::Requantized { op, from, factor, divisor, to } => (op, (v - from) * factor, *divisor, to),
        };
        (scaled % divisor == 0).then(|| op.requantized(scaled / divisor + to))
    }

    /// The same for all accumulators in a range: those that there are lie on a line.
    fn wide(&self, wanted: Op, range: (i128, i128)) -> WideRequantizer {
        let (built, from, (to, factor), divisor) = match self {
            Built::Number(n) => (Op::Const(*n), 0, (0, 0), 1),
            Built::Requantized { op, from, factor, divisor, to } => ((*op).clone(), *from, (*to, *factor), *divisor),
        };
        let common = gcd(divisor, factor);
        let step = divisor / common;
        // Of both signs of the step the same line, rounded towards the inside of the range.
        let (sign, size) = (step.signum(), step.abs());
        let t = (-(from - range.0).div_euclid(size), (range.1 - from).div_euclid(size));
        let t = if sign > 0 { t } else { (-t.1, -t.0) };
        WideRequantizer { wanted, built, t, from: (from, step), to: (to, factor / common) }
    }
}

fn gcd(a: i128, b: i128) -> i128 {
    if b == 0 { a.abs().max(1) } else { gcd(b, a % b) }
}

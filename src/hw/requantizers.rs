//! Every requantizer of a graph against its definition, number by number.
//!
//! [`prove`](super::prove) takes a requantizer as a name. Here the name is looked behind: the accumulator of the graph is an
//! affine function of that of the network (half a step added, inverted, zeros dropped), and for every value of it the
//! requantizer gives what the network's definition gives. Tables are compared entry by entry.

use super::graph::{NodeId, Op, StageGraph};
use super::interval::{Form, derive, requantized};
use super::prove::modes;
use crate::error::{Code, Error, Result};
use crate::fixed::{QFormat, requantize};
use crate::model::network::INPUT;
use crate::model::{AffineRow, IntegerNetwork, Outputs, TableRow};

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
    // The interval of every element by the definition: of those too that the graph does not have.
    let limits = |f: QFormat| (i128::from(f.min()), i128::from(f.max()));
    let mut ranges: Vec<(&str, Vec<Range>)> =
        vec![(INPUT, network.formats_of(INPUT).into_iter().map(limits).collect())];
    let mut found = Vec::new();
    for (layer, tensor) in network.layers.iter().zip(graph.tensors.iter().skip(1)) {
        let find = |name: &String| tensors.iter().find(|t| t.0 == *name).map(|t| t.1.clone());
        let joined: Vec<Option<Form>> = layer.inputs.iter().filter_map(find).flatten().collect();
        let near = |name: &String| ranges.iter().find(|t| t.0 == *name).map(|t| t.1.clone());
        let reach: Vec<Range> = layer.inputs.iter().filter_map(near).flatten().collect();
        let element = |output: usize| tensor.elements.get(output).copied().flatten();
        let (mut forms, mut made) = (Vec::with_capacity(layer.n_out()), Vec::with_capacity(layer.n_out()));
        let rows = match layer.outputs(&network.joined_formats(layer))? {
            Outputs::Affine(rows) => rows,
            Outputs::Tables(rows) => {
                for (output, row) in rows.iter().enumerate() {
                    let id = element(output);
                    let operand = joined[row.index].as_ref();
                    let range = match operand {
                        Some(operand) => operand.range(|leaf| known[leaf].range).unwrap_or_default(),
                        None => reach[row.index],
                    };
                    let entries = entries(row, range);
                    if let Some(operand) = operand {
                        looked_up(graph, id, row, operand, range, |id| &known[id].form)
                            .map_err(|what| bad(&layer.name, output, &what))?;
                    } else if id.is_some_and(|id| !is_number(graph, id, entries)) {
                        return Err(bad(&layer.name, output, ABSENT));
                    }
                    if id.is_some() {
                        found.push(Requantizer { layer: layer.name.clone(), output, range, wide: None });
                    }
                    made.push(entries);
                    forms.push(form_of(&id).or_else(|| only(entries)));
                }
                ranges.push((&layer.name, made));
                tensors.push((&layer.name, forms));
                continue;
            }
            Outputs::Maxima(rows) => {
                for (output, row) in rows.iter().enumerate() {
                    made.push(largest(row, &reach));
                    forms.push(form_of(&element(output)).or_else(|| only(made[output])));
                }
                ranges.push((&layer.name, made));
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
            // What is not in the graph counts with all that it can be.
            let range = match there {
                true => form.range(|leaf| known[leaf].range),
                false => accumulator(row, &reach),
            };
            let range = range.ok_or_else(wide)?;
            let wanted = modes(layer, row);
            made.push(result(range, &wanted).unwrap_or_else(|| limits(row.output)));
            let Some(id) = element(output) else {
                // Taken out because it is a number, or because nothing reads it.
                forms.push(only(made[output]));
                continue;
            };
            forms.push(form_of(&Some(id)));
            if !there {
                if !is_number(graph, id, made[output]) {
                    return Err(bad(&layer.name, output, ABSENT));
                }
                found.push(Requantizer { layer: layer.name.clone(), output, range, wide: None });
                continue;
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
        ranges.push((&layer.name, made));
    }
    Ok(found)
}

/// Smallest and largest value.
type Range = (i128, i128);

/// Of an element that is in the graph as more than a number.
const ABSENT: &str = "it reads a value that is not in the graph";

/// The form of an element that can be but one number.
fn only(range: Range) -> Option<Form> {
    (range.0 == range.1).then(|| Form { constant: range.0, ..Form::default() })
}

/// Whether a node is the one number of a range.
fn is_number(graph: &StageGraph, id: NodeId, range: Range) -> bool {
    range.0 == range.1 && matches!(graph.nodes[id].op, Op::Const(c) if i128::from(c) == range.0)
}

/// The interval of a row's accumulator; `None` beyond 127 bits.
fn accumulator(row: &AffineRow, reach: &[Range]) -> Option<Range> {
    let mut sum = (i128::from(row.bias), i128::from(row.bias));
    for (i, c) in &row.terms {
        let (p, q) = (reach[*i].0.checked_mul((*c).into())?, reach[*i].1.checked_mul((*c).into())?);
        sum = (sum.0.checked_add(p.min(q))?, sum.1.checked_add(p.max(q))?);
    }
    Some(sum)
}

/// The interval of a requantized accumulator; `None` if that has more than 64 bits.
fn result(range: Range, modes: &Op) -> Option<Range> {
    let (low, high) = requantized((i64::try_from(range.0).ok()?, i64::try_from(range.1).ok()?), modes);
    Some((low.into(), high.into()))
}

/// The interval of the entries of a table in a range.
fn entries(row: &TableRow, range: Range) -> Range {
    let values = (range.0..=range.1).map(|x| i128::from(row.at(x as i64)));
    values.map(|y| (y, y)).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))).unwrap_or_default()
}

/// The interval of a largest value.
fn largest(row: &[usize], reach: &[Range]) -> Range {
    row.iter().map(|i| reach[*i]).reduce(|a, b| (a.0.max(b.0), a.1.max(b.1))).unwrap_or_default()
}

/// Compares the element `id` with every entry of a table that its operand can reach.
fn looked_up<'k>(
    graph: &StageGraph,
    id: Option<NodeId>,
    row: &TableRow,
    operand: &Form,
    range: (i128, i128),
    form: impl Fn(NodeId) -> &'k Form,
) -> Result<(), String> {
    let Some(id) = id else { return Ok(()) };
    let built = |x: i64| match &graph.nodes[id].op {
        Op::Const(c) => Some(*c),
        Op::Table { a, first, values } if form(*a) == operand => {
            usize::try_from(x - first).ok().and_then(|i| values.get(i).copied())
        }
        _ => (form(id) == operand).then_some(x),
    };
    let mut reached = (range.0..=range.1).map(|x| (x as i64, row.at(x as i64)));
    match reached.find(|(x, wanted)| built(*x) != Some(*wanted)) {
        Some((x, _)) => Err(format!("the entry for {x} is another number")),
        None => Ok(()),
    }
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

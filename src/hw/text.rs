//! The graph as text, and back: what everyone reads and compares when a pass is at work.
//!
//! ```text
//! stage latency 2
//! input fixed<6,3>
//! n0 = input 0 : [-32, 31] x @0
//! n1 = sum 45*n0 + 12 : [-1428, 1407] h @0
//! n2 = n0<<1 - n0<<0 : [-32, 31] h @0
//! n3 = requantize n1 >>2 relu truncate saturate ufixed<5,2> : [0, 31] h @1
//! tensor x = n0
//! tensor h = n3 -
//! output ufixed<5,2>
//! ```
//!
//! `-` is an element that was removed; `unread 3` after a rank are low bits that no output depends on, `kept 9` the low bits that are built because none depends on those above. When read, `: [low, high]` may be left out: it is derived from the operation.

use std::fmt;

use super::graph::{Node, NodeId, Op, StageGraph, Tensor};
use super::interval::{Known, of};
use crate::error::{Code, Error, Result};
use crate::fixed::{Overflow, QFormat, Rounding};
use crate::units::Cycles;

const ROUNDINGS: [(&str, Rounding); 3] =
    [("truncate", Rounding::Truncate), ("half_up", Rounding::HalfUp), ("half_even", Rounding::HalfEven)];
const OVERFLOWS: [(&str, Overflow); 3] =
    [("wrap", Overflow::Wrap), ("saturate", Overflow::Saturate), ("saturate_symmetric", Overflow::SaturateSymmetric)];

fn word<T: PartialEq>(table: &[(&'static str, T)], value: &T) -> &'static str {
    table.iter().find(|(_, v)| v == value).map_or("", |(w, _)| w)
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Op::Input(i) => write!(f, "input {i}"),
            Op::Const(c) => write!(f, "const {c}"),
            Op::Sum { terms, constant } => {
                write!(f, "sum")?;
                terms.iter().try_for_each(|(n, c)| write!(f, " {c}*n{n}"))?;
                write!(f, " + {constant}")
            }
            Op::Add { a, shift_a, b, shift_b, subtract } => {
                write!(f, "n{a}<<{shift_a} {} n{b}<<{shift_b}", if *subtract { '-' } else { '+' })
            }
            Op::Requantize { a, invert, shift, relu, rounding, overflow, format } => {
                let invert = if *invert { "~" } else { "" };
                let relu = if *relu { " relu" } else { "" };
                let (rounding, overflow) = (word(&ROUNDINGS, rounding), word(&OVERFLOWS, overflow));
                write!(f, "requantize {invert}n{a} >>{shift}{relu} {rounding} {overflow} {format}")
            }
            Op::Table { a, first, values } => {
                write!(f, "table n{a} from {first} of")?;
                values.iter().try_for_each(|v| write!(f, " {v}"))
            }
            Op::Max { a, b } => write!(f, "max n{a} n{b}"),
        }
    }
}

impl fmt::Display for StageGraph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "stage latency {}", self.latency.0)?;
        let list = |formats: &[QFormat]| formats.iter().map(|f| format!(" {f}")).collect::<String>();
        writeln!(f, "input{}", list(&self.input_formats))?;
        for (id, n) in self.nodes.iter().enumerate() {
            let layer = self.tensors.get(n.layer).map_or("?", |t| &t.name);
            write!(f, "n{id} = {} : [{}, {}] {layer} @{}", n.op, n.range.0, n.range.1, n.rank)?;
            if n.unread > 0 {
                write!(f, " unread {}", n.unread)?;
            }
            if n.width() < n.full_width() {
                write!(f, " kept {}", n.kept)?;
            }
            writeln!(f)?;
        }
        for t in &self.tensors {
            write!(f, "tensor {} =", t.name)?;
            for e in &t.elements {
                match e {
                    Some(id) => write!(f, " n{id}")?,
                    None => write!(f, " -")?,
                }
            }
            writeln!(f)?;
        }
        writeln!(f, "output{}", list(&self.output_formats))
    }
}

/// Reads the text of a graph. Lines that begin with `#` are comments.
///
/// # Errors
/// [`Code::Graph`] with the line, or the first thing that [`StageGraph::well_formed`] finds.
pub fn parse(text: &str) -> Result<StageGraph> {
    let mut graph = StageGraph {
        nodes: Vec::new(),
        input_formats: Vec::new(),
        output_formats: Vec::new(),
        tensors: Vec::new(),
        latency: Cycles(0),
    };
    let mut layers: Vec<String> = Vec::new();
    let mut known: Vec<Known> = Vec::new();
    let lines = text.lines().enumerate().filter(|(_, l)| !l.trim().is_empty() && !l.starts_with('#'));
    for (number, line) in lines {
        let wrong = || Error::new(Code::Graph, format!("`{line}` is not a line of a graph"));
        let place = |e: Error| e.at(format!("line {}", number + 1));
        let words: Vec<&str> = line.split_whitespace().collect();
        let before = graph.nodes.len();
        let mut read = || -> Option<()> {
            match words.as_slice() {
                ["stage", "latency", n] => graph.latency = Cycles(n.parse().ok()?),
                ["input", formats @ ..] => {
                    graph.input_formats = formats.iter().map(|w| format(w)).collect::<Option<_>>()?
                }
                ["output", formats @ ..] => {
                    graph.output_formats = formats.iter().map(|w| format(w)).collect::<Option<_>>()?;
                }
                ["tensor", name, "=", elements @ ..] => {
                    let element = |w: &&str| if *w == "-" { Some(None) } else { node(w).map(Some) };
                    let elements = elements.iter().map(element).collect::<Option<_>>()?;
                    graph.tensors.push(Tensor { name: (*name).to_owned(), elements });
                }
                [_, "=", rest @ ..] => {
                    let (rest, kept) = match rest {
                        [rest @ .., "kept", n] => (rest, n.parse().ok().filter(|n| *n > 0)?),
                        rest => (rest, Node::ALL),
                    };
                    let (rest, unread) = match rest {
                        [rest @ .., "unread", n] => (rest, n.parse().ok()?),
                        rest => (rest, 0),
                    };
                    let [rest @ .., layer, rank] = rest else { return None };
                    let op_words = rest.iter().position(|w| *w == ":").map_or(rest, |at| &rest[..at]);
                    let rank = rank.strip_prefix('@')?.parse().ok()?;
                    layers.push((*layer).to_owned());
                    graph.nodes.push(Node { op: op(op_words)?, range: (0, 0), layer: 0, rank, unread, kept });
                }
                _ => return None,
            }
            Some(())
        };
        read().ok_or_else(|| place(wrong()))?;
        if let Some(added) = graph.nodes.get_mut(before) {
            let derived = of(&added.op, &known, &graph.input_formats).map_err(place)?;
            added.range = derived.range;
            known.push(derived);
        }
    }
    for (node, layer) in graph.nodes.iter_mut().zip(&layers) {
        // `well_formed` refuses a layer that is no tensor.
        node.layer = graph.tensors.iter().position(|t| t.name == *layer).unwrap_or(usize::MAX);
    }
    graph.well_formed()?;
    Ok(graph)
}

fn node(word: &str) -> Option<NodeId> {
    word.strip_prefix('n')?.parse().ok()
}

fn format(word: &str) -> Option<QFormat> {
    let (signed, rest) = match word.strip_prefix('u') {
        Some(rest) => (false, rest),
        None => (true, word),
    };
    let (width, integer) = rest.strip_prefix("fixed<")?.strip_suffix('>')?.split_once(',')?;
    let (width, integer): (u32, i32) = (width.parse().ok()?, integer.parse().ok()?);
    QFormat { signed, width, frac: (width as i32).checked_sub(integer)? }.check().ok()
}

fn op(words: &[&str]) -> Option<Op> {
    let shifted = |w: &str| -> Option<(NodeId, u32)> {
        let (n, s) = w.split_once("<<")?;
        Some((node(n)?, s.parse().ok()?))
    };
    Some(match words {
        ["input", i] => Op::Input(i.parse().ok()?),
        ["const", c] => Op::Const(c.parse().ok()?),
        ["sum", terms @ .., "+", constant] => {
            let term = |w: &&str| {
                let (c, n) = w.split_once('*')?;
                Some((node(n)?, c.parse().ok()?))
            };
            Op::Sum { terms: terms.iter().map(term).collect::<Option<_>>()?, constant: constant.parse().ok()? }
        }
        ["requantize", a, shift, rest @ ..] => {
            let (relu, rest) = match rest {
                ["relu", rest @ ..] => (true, rest),
                rest => (false, rest),
            };
            let [rounding, overflow, to] = rest else { return None };
            Op::Requantize {
                a: node(a.strip_prefix('~').unwrap_or(a))?,
                invert: a.starts_with('~'),
                shift: shift.strip_prefix(">>")?.parse().ok()?,
                relu,
                rounding: ROUNDINGS.iter().find(|(w, _)| w == rounding)?.1,
                overflow: OVERFLOWS.iter().find(|(w, _)| w == overflow)?.1,
                format: format(to)?,
            }
        }
        ["table", a, "from", first, "of", values @ ..] => {
            let values = values.iter().map(|v| v.parse().ok()).collect::<Option<Vec<i64>>>()?;
            Op::Table { a: node(a)?, first: first.parse().ok()?, values: values.into() }
        }
        ["max", a, b] => Op::Max { a: node(a)?, b: node(b)? },
        [a, sign @ ("+" | "-"), b] => {
            let ((a, shift_a), (b, shift_b)) = (shifted(a)?, shifted(b)?);
            Op::Add { a, shift_a, b, shift_b, subtract: *sign == "-" }
        }
        _ => return None,
    })
}

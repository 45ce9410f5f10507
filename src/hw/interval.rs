//! Linear forms of nodes, and the exact intervals that follow from them.
//!
//! Between two requantizations everything is linear: `sum coefficient * leaf + constant` over inputs and requantized
//! values. The interval is taken of the whole form, so `5x - x` has that of `4x`, not that of a difference of strangers.

use std::collections::BTreeMap;

use super::graph::{NodeId, Op, StageGraph};
use super::table;
use crate::error::{Code, Error, Result};
use crate::fixed::{Overflow, QFormat, limit, shift_round};

/// Largest shift of an operand: beyond it nothing fits 63 bits.
const MAX_SHIFT: u32 = 62;

/// `sum coefficient * leaf + constant`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Form {
    pub terms: BTreeMap<NodeId, i128>,
    pub constant: i128,
}

impl Form {
    pub fn leaf(id: NodeId) -> Self {
        Form { terms: [(id, 1)].into(), constant: 0 }
    }

    pub fn number(n: i64) -> Self {
        Form { constant: n.into(), ..Form::default() }
    }

    /// Adds `other * factor`; `None` beyond 127 bits.
    pub fn add(&mut self, other: &Form, factor: i128) -> Option<()> {
        for (leaf, c) in &other.terms {
            let sum = self.terms.get(leaf).unwrap_or(&0).checked_add(c.checked_mul(factor)?)?;
            if sum == 0 {
                self.terms.remove(leaf);
            } else {
                self.terms.insert(*leaf, sum);
            }
        }
        self.constant = self.constant.checked_add(other.constant.checked_mul(factor)?)?;
        Some(())
    }

    /// `self * 2^shift`.
    pub fn shifted(&self, shift: u32) -> Option<Form> {
        let mut form = Form::default();
        form.add(self, 1i128.checked_shl(shift)?)?;
        Some(form)
    }

    /// Smallest and largest value, given those of the leaves.
    pub fn range(&self, of: impl Fn(NodeId) -> (i64, i64)) -> Option<(i128, i128)> {
        let (mut low, mut high) = (self.constant, self.constant);
        for (leaf, c) in &self.terms {
            let (l, h) = of(*leaf);
            let (p, q) = (c.checked_mul(l.into())?, c.checked_mul(h.into())?);
            (low, high) = (low.checked_add(p.min(q))?, high.checked_add(p.max(q))?);
        }
        Some((low, high))
    }
}

/// What is known of a node from its operation.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    pub form: Form,
    pub range: (i64, i64),
}

/// Forms and intervals of all nodes, from the operations alone.
pub(super) fn derive(graph: &StageGraph) -> Result<Vec<Known>> {
    let mut known: Vec<Known> = Vec::with_capacity(graph.nodes.len());
    for node in &graph.nodes {
        let next = of(&node.op, &known, &graph.input_formats)?;
        known.push(next);
    }
    Ok(known)
}

/// Form and interval of the node that would come after `known`.
///
/// # Errors
/// [`Code::Graph`] if an operand is missing or the interval needs more than 63 bits.
pub(super) fn of(op: &Op, known: &[Known], inputs: &[QFormat]) -> Result<Known> {
    derive_one(op, known, inputs).ok_or_else(|| {
        Error::new(Code::Graph, format!("node n{} needs more than 63 bits, or a missing operand or entry", known.len()))
            .hint("use narrower weights or inputs")
    })
}

fn derive_one(op: &Op, known: &[Known], inputs: &[QFormat]) -> Option<Known> {
    let id = known.len();
    let leaf = |range| Known { form: Form::leaf(id), range };
    let linear = |form: Form| {
        let (low, high) = form.range(|leaf| known[leaf].range)?;
        Some(Known { form, range: (i64::try_from(low).ok()?, i64::try_from(high).ok()?) })
    };
    match op {
        Op::Input(i) => inputs.get(*i).map(|f| leaf((QFormat::min(*f), QFormat::max(*f)))),
        Op::Const(c) => linear(Form { constant: (*c).into(), ..Form::default() }),
        Op::Sum { terms, constant } => {
            let mut form = Form { constant: (*constant).into(), ..Form::default() };
            for (n, c) in terms {
                form.add(&known.get(*n)?.form, (*c).into())?;
            }
            linear(form)
        }
        Op::Add { a, shift_a, b, shift_b, subtract } => {
            if (*shift_a).max(*shift_b) > MAX_SHIFT {
                return None;
            }
            let mut form = known.get(*a)?.form.shifted(*shift_a)?;
            form.add(&known.get(*b)?.form, if *subtract { -(1 << shift_b) } else { 1 << shift_b })?;
            linear(form)
        }
        Op::Requantize { a, shift, .. } if *shift >= -(MAX_SHIFT as i32) => {
            Some(leaf(requantized(known.get(*a)?.range, op)))
        }
        Op::Requantize { .. } => None,
        Op::Table { a, first, values } => {
            let reached = table::reached(*first, values, known.get(*a)?.range)?;
            Some(leaf((*reached.iter().min()?, *reached.iter().max()?)))
        }
        Op::Max { a, b } => {
            let (a, b) = (known.get(*a)?.range, known.get(*b)?.range);
            Some(leaf((a.0.max(b.0), a.1.max(b.1))))
        }
    }
}

/// The interval of a requantized interval.
pub(super) fn requantized(range: (i64, i64), op: &Op) -> (i64, i64) {
    let Op::Requantize { invert, shift, relu, rounding, overflow, format, .. } = *op else { return range };
    let range = if invert { (!range.1, !range.0) } else { range };
    let one = |v: i64| shift_round(i128::from(if relu { v.max(0) } else { v }), shift, rounding);
    let (low, high) = (one(range.0), one(range.1));
    let inside = low >= i128::from(format.min()) && high <= i128::from(format.max());
    // Wrapping scatters values over the whole format; saturation keeps their order. One value stays one.
    if overflow == Overflow::Wrap && !inside && low != high {
        return (format.min(), format.max());
    }
    (limit(low, format, overflow), limit(high, format, overflow))
}

/// Bits that hold `low..=high`: two's complement if `low` is negative; at least one.
pub(crate) fn width_of(low: i128, high: i128) -> u32 {
    let magnitude = |v: i128| 128 - (if v < 0 { !v } else { v }).leading_zeros();
    (magnitude(low).max(magnitude(high)) + u32::from(low < 0)).max(1)
}

//! The graph on integers.

use super::graph::{Op, StageGraph};
use crate::fixed::{Overflow, QFormat, limit, shift_round};

/// The outputs for one input vector: x `[inputs]`, y `[outputs]`, raw integers.
///
/// # Panics
/// If `x` is not as long as the input, or a table has no entry for a number outside its format.
pub fn eval(graph: &StageGraph, x: &[i64]) -> Vec<i64> {
    let values = values(graph, x);
    graph.outputs().into_iter().map(|o| values[o]).collect()
}

/// Every tensor for one input vector: the input, then one a layer, as the reference's `infer_all` gives them. `None` where
/// an element was removed because no output depends on it.
///
/// # Panics
/// As [`eval`].
pub fn trace(graph: &StageGraph, x: &[i64]) -> Vec<Vec<Option<i64>>> {
    let values = values(graph, x);
    graph.tensors.iter().map(|t| t.elements.iter().map(|e| e.map(|id| values[id])).collect()).collect()
}

impl Op {
    /// What a requantizer makes of an accumulator.
    ///
    /// # Panics
    /// If it is another operation.
    pub(super) fn requantized(&self, accumulator: i128) -> i64 {
        let Op::Requantize { invert, shift, relu, rounding, overflow, format, .. } = *self else {
            panic!("no requantizer: {self:?}")
        };
        let a = if invert { !accumulator } else { accumulator };
        limit(shift_round(if relu { a.max(0) } else { a }, shift, rounding), format, overflow)
    }
}

fn values(graph: &StageGraph, x: &[i64]) -> Vec<i64> {
    assert_eq!(x.len(), graph.input_formats.len(), "input length");
    let mut v: Vec<i64> = Vec::with_capacity(graph.nodes.len());
    for node in &graph.nodes {
        let value = match &node.op {
            Op::Input(i) => x[*i],
            Op::Const(c) => *c,
            // Wider than a node: one term may exceed 64 bits where the sum does not.
            Op::Sum { terms, constant } => {
                terms.iter().fold(i128::from(*constant), |sum, (n, c)| sum + i128::from(v[*n]) * i128::from(*c)) as i64
            }
            Op::Add { a, shift_a, b, shift_b, subtract } => {
                let (a, b) = (i128::from(v[*a]) << shift_a, i128::from(v[*b]) << shift_b);
                (if *subtract { a - b } else { a + b }) as i64
            }
            Op::Requantize { a, .. } => node.op.requantized(v[*a].into()),
            Op::Table { a, first, values } => values[(v[*a] - first) as usize],
            Op::Max { a, b } => v[*a].max(v[*b]),
        };
        // As in hardware: bits that are not built are not there.
        let built = QFormat { signed: node.is_signed(), width: node.width(), frac: 0 };
        v.push(limit(value.into(), built, Overflow::Wrap));
    }
    v
}

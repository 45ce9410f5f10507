//! Nodes that can take one value only, tables and maxima that only hand a value on, entries that are never read.

use super::{CompileOptions, Pass};
use crate::error::Result;
use crate::hw::build::merged;
use crate::hw::graph::{NodeId, Op, StageGraph};
use crate::hw::interval::{derive, of};
use crate::hw::table;

/// Replaces them by that value: rows without weights, neurons that ReLU never lets through, tables that are the identity.
pub struct Constants;

impl Pass for Constants {
    fn name(&self) -> &'static str {
        "constants"
    }

    fn description(&self) -> &'static str {
        "replaces nodes whose interval is a single number by that number, tables without effect by their operand"
    }

    fn run(&self, graph: &mut StageGraph, _: &CompileOptions) -> Result<()> {
        let mut known = derive(graph)?;
        // Where a table or a maximum only hands an operand on: that operand.
        let mut same: Vec<NodeId> = (0..graph.nodes.len()).collect();
        for id in 0..graph.nodes.len() {
            // A constant narrows what comes after it: intervals are derived anew on the way.
            let mut op = graph.nodes[id].op.clone();
            op.map(|a| same[a]);
            if let Op::Sum { terms, constant } = op {
                op = Op::Sum { terms: merged(terms.into_iter()), constant };
            }
            let op = table::trimmed(op, |a| known[a].range);
            same[id] = table::same_as(&op, |a| known[a].range).unwrap_or(id);
            let now = of(&op, &known[..id], &graph.input_formats)?;
            let node = &mut graph.nodes[id];
            node.op = op;
            node.range = now.range;
            known[id] = now;
            if node.range.0 == node.range.1 && !matches!(node.op, Op::Input(_)) {
                node.op = Op::Const(node.range.0);
                known[id] = of(&node.op, &known[..id], &graph.input_formats)?;
            }
        }
        for element in graph.tensors.iter_mut().flat_map(|t| t.elements.iter_mut().flatten()) {
            *element = same[*element];
        }
        // Sums now read constants as if they were values: take them in.
        for id in 0..graph.nodes.len() {
            let Op::Sum { terms, mut constant } = graph.nodes[id].op.clone() else { continue };
            let mut kept = Vec::with_capacity(terms.len());
            for (n, c) in terms {
                match graph.nodes[n].op {
                    // Within 63 bits: the sum's interval is.
                    Op::Const(v) => constant += v * c,
                    _ => kept.push((n, c)),
                }
            }
            graph.nodes[id].op = Op::Sum { terms: kept, constant };
        }
        Ok(())
    }
}

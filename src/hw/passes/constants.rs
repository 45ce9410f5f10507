//! Nodes that can take one value only.

use super::{CompileOptions, Pass};
use crate::error::Result;
use crate::hw::graph::{Op, StageGraph};
use crate::hw::interval::{derive, of};

/// Replaces them by that value: rows without weights, neurons that ReLU never lets through.
pub struct Constants;

impl Pass for Constants {
    fn name(&self) -> &'static str {
        "constants"
    }

    fn description(&self) -> &'static str {
        "replaces nodes whose interval is a single number by that number"
    }

    fn run(&self, graph: &mut StageGraph, _: &CompileOptions) -> Result<()> {
        let mut known = derive(graph)?;
        for id in 0..graph.nodes.len() {
            // A constant narrows what comes after it: intervals are derived anew on the way.
            let now = of(&graph.nodes[id].op, &known[..id], &graph.input_formats)?;
            let node = &mut graph.nodes[id];
            node.range = now.range;
            known[id] = now;
            if node.range.0 == node.range.1 && !matches!(node.op, Op::Input(_)) {
                node.op = Op::Const(node.range.0);
                known[id] = of(&node.op, &known[..id], &graph.input_formats)?;
            }
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

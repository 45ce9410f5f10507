//! Nodes that no output depends on.

use super::{CompileOptions, Pass};
use crate::error::Result;
use crate::hw::graph::{Op, StageGraph};

/// Keeps the inputs and what the outputs need.
pub struct Dead;

impl Pass for Dead {
    fn name(&self) -> &'static str {
        "dead"
    }

    fn description(&self) -> &'static str {
        "removes nodes that no output depends on"
    }

    fn run(&self, graph: &mut StageGraph, _: &CompileOptions) -> Result<()> {
        let mut live: Vec<bool> = graph.nodes.iter().map(|n| matches!(n.op, Op::Input(_))).collect();
        graph.outputs().into_iter().for_each(|o| live[o] = true);
        for id in (0..graph.nodes.len()).rev() {
            if live[id] {
                graph.nodes[id].op.operands().into_iter().for_each(|a| live[a] = true);
            }
        }
        let mut next = 0;
        let place: Vec<Option<usize>> = live
            .iter()
            .map(|l| {
                next += usize::from(*l);
                l.then(|| next - 1)
            })
            .collect();
        let mut keep = live.iter();
        graph.nodes.retain(|_| keep.next().copied().unwrap_or(false));
        // Operands of a live node are live.
        graph.nodes.iter_mut().for_each(|n| n.op.map(|a| place[a].unwrap_or(a)));
        for element in graph.tensors.iter_mut().flat_map(|t| &mut t.elements) {
            *element = element.and_then(|id| place[id]);
        }
        Ok(())
    }
}

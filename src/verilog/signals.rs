//! Where the output of each layer can be seen inside a design, for a simulator that looks there.

use super::core::names;
use super::{Positions, StageSignals};
use crate::hw::stream::{Built, Grid, Streamed};
use crate::hw::{Folded, NodeId, Registers, StageGraph, Tensor};

/// The signal of each element of each layer, for a simulator that looks inside.
pub(super) fn pipelined(graph: &StageGraph, scope: &str) -> Vec<StageSignals> {
    let names = names(graph);
    let layers = graph.tensors.iter().skip(1);
    let name = |id: &Option<NodeId>| id.and_then(|id| names[id].as_ref()).map(|n| format!("{scope}{n}"));
    let stage = |t: &Tensor| {
        let signals = t.elements.iter().map(name).collect();
        StageSignals { layer: t.name.clone(), signals, cycle: None, positions: None }
    };
    layers.map(stage).collect()
}

/// The signal of each element of each layer, and the cycle in which it is that element.
pub(super) fn folded(folded: &Folded, scope: &str) -> Vec<StageSignals> {
    let names = names(&folded.graph);
    let made = |id: NodeId| Some(folded.made_at(id)).filter(|cycle| *cycle > 0);
    let stage = |t: &Tensor| {
        let cycle = t.elements.iter().flatten().filter_map(|id| made(*id)).max();
        let signal = |id: &Option<NodeId>| {
            let id = id.filter(|id| cycle.is_some() && made(*id) == cycle)?;
            names[id].as_ref().map(|name| format!("{scope}{name}"))
        };
        StageSignals { layer: t.name.clone(), signals: t.elements.iter().map(signal).collect(), cycle, positions: None }
    };
    folded.graph.tensors.iter().skip(1).map(stage).collect()
}

/// The signals of each layer, and when they hold it.
pub(super) fn streamed(streamed: &Streamed) -> Vec<StageSignals> {
    let mut all = Vec::new();
    for (k, layer) in streamed.layers.iter().enumerate() {
        let (names, late) = (names(&layer.graph), layer.graph.latency.0);
        let elements = &layer.graph.tensors[1].elements;
        let rank = elements.iter().flatten().map(|id| layer.graph.nodes[*id].rank).max().unwrap_or(0);
        let Grid { rows, columns, row_pitch, column_pitch, start, .. } = layer.output;
        all.push(StageSignals {
            positions: Some(Positions { rows, columns, row_pitch, column_pitch, cycle: start - late + rank }),
            ..of_rank(&layer.graph, 1, rank, &names, &format!("s{}_position.", k + 1))
        });
    }
    let from = streamed.whole();
    match streamed.rest.as_ref().map(|r| &r.built) {
        None => {}
        Some(Built::Folded(folded)) => all.extend(self::folded(folded, "rest.").into_iter().map(|s| {
            let cycle = s.cycle.map(|c| c + from);
            StageSignals { cycle, ..s }
        })),
        Some(Built::Pipelined(graph) | Built::Summed(_, graph)) => {
            let rest = streamed.rest.as_ref().map_or(0, |r| r.built.latency());
            let from = from + rest - graph.latency.0;
            let names = names(graph);
            for (t, tensor) in graph.tensors.iter().enumerate().skip(1) {
                let rank = tensor.elements.iter().flatten().map(|id| graph.nodes[*id].rank).max().unwrap_or(0);
                let stage = of_rank(graph, t, rank, &names, "rest.");
                all.push(StageSignals { cycle: Some(from + rank), ..stage });
            }
        }
    }
    all
}

/// The elements of a tensor at a rank: where they are made, or the register that holds one made before as a whole.
fn of_rank(graph: &StageGraph, tensor: usize, rank: u32, names: &[Option<String>], scope: &str) -> StageSignals {
    let (tensor, registers) = (&graph.tensors[tensor], Registers::new(graph));
    let name = |id: &Option<usize>| {
        let id = (*id)?;
        let (node, name) = (&graph.nodes[id], names[id].as_ref()?);
        if node.rank == rank {
            return Some(format!("{scope}{name}"));
        }
        (registers.held(graph, id, rank) == [(0, node.width())]).then(|| format!("{scope}{name}_r{rank}"))
    };
    StageSignals {
        layer: tensor.name.clone(),
        signals: tensor.elements.iter().map(name).collect(),
        cycle: None,
        positions: None,
    }
}

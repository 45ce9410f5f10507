//! Which adders run in which stage, how wide their digits are, and when each stage starts.

use std::collections::BTreeSet;

use super::offsets::{choices, offsets};
use super::{FoldStage, Folded};
use crate::error::{Code, Error, Result};
use crate::fixed::Rounding;
use crate::hw::graph::{NodeId, Op, StageGraph};
use crate::hw::passes::CompileOptions;
use crate::units::Cycles;

/// Folds a lowered graph.
///
/// # Errors
/// Those of [`fold`](super::fold).
pub(super) fn stages(graph: StageGraph, options: &CompileOptions, reuse: u32) -> Result<Folded> {
    let mut members = members(&graph);
    let most = most_of(&graph, &members);
    if reuse > most {
        return Err(Error::new(Code::Usage, format!("a reuse of {reuse} saves nothing over one of {most}"))
            .cause("a reuse of that many cycles already takes the widest accumulator bit by bit")
            .hint(format!("use 2 to {most}")));
    }
    let mut start = 1;
    for stage in &mut members {
        let width = widest(&graph, stage);
        stage.digit = width.div_ceil(reuse);
        stage.digits = width.div_ceil(stage.digit);
        stage.start = start;
        offsets(&graph, stage, options)?;
        start = stage.end() + 1;
    }
    let folded = Folded { graph, reuse, stages: members, latency: Cycles(start) };
    choices(&folded, options)?;
    Ok(folded)
}

/// The largest reuse that saves anything.
pub(super) fn most_reuse(graph: &StageGraph) -> u32 {
    most_of(graph, &members(graph))
}

fn most_of(graph: &StageGraph, stages: &[FoldStage]) -> u32 {
    stages.iter().map(|s| widest(graph, s)).max().unwrap_or(1).max(2)
}

/// The bits of the widest accumulator of a stage.
fn widest(graph: &StageGraph, stage: &FoldStage) -> u32 {
    stage.results.iter().map(|id| graph.nodes[graph.nodes[*id].op.operands()[0]].width()).max().unwrap_or(1)
}

/// The lowest bit of the accumulator that a requantizer needs.
pub(super) fn low_bit(op: &Op) -> u32 {
    match op {
        Op::Requantize { shift, rounding: Rounding::Truncate, .. } => (*shift).max(0).unsigned_abs(),
        Op::Requantize { shift, rounding: Rounding::HalfUp, .. } => (*shift - 1).max(0).unsigned_abs(),
        _ => 0,
    }
}

/// Stages with what belongs to them, in no time yet: a result belongs to the stage after the last of the values that its
/// accumulator reads, by way of tables and maxima too. An adder that accumulators of two stages read runs in both.
fn members(graph: &StageGraph) -> Vec<FoldStage> {
    let mut depth = vec![0usize; graph.nodes.len()];
    for (id, node) in graph.nodes.iter().enumerate() {
        let before = node.op.operands().into_iter().map(|a| depth[a]).max().unwrap_or(0);
        depth[id] = if node.is_constant() { 0 } else { before + usize::from(matches!(node.op, Op::Requantize { .. })) };
    }
    // What the outputs need, from the end to the start.
    let mut needed = vec![false; graph.nodes.len()];
    graph.outputs().into_iter().for_each(|o| needed[o] = true);
    let mut results: Vec<BTreeSet<NodeId>> = vec![BTreeSet::new(); depth.iter().max().map_or(0, |d| *d)];
    for id in (0..graph.nodes.len()).rev().filter(|id| !graph.nodes[*id].is_constant()) {
        if needed[id] {
            graph.nodes[id].op.operands().into_iter().for_each(|a| needed[a] = true);
            if matches!(graph.nodes[id].op, Op::Requantize { .. }) {
                results[depth[id] - 1].insert(id);
            }
        }
    }
    let stage = |results: BTreeSet<NodeId>| {
        let (mut leaves, mut adders) = (BTreeSet::new(), BTreeSet::new());
        let mut open: Vec<NodeId> = results.iter().flat_map(|id| graph.nodes[*id].op.operands()).collect();
        while let Some(id) = open.pop() {
            let node = &graph.nodes[id];
            match node.op {
                _ if node.is_constant() => {}
                Op::Add { a, b, .. } if adders.insert(id) => open.extend([a, b]),
                Op::Add { .. } => {}
                _ => drop(leaves.insert(id)),
            }
        }
        FoldStage {
            digit: 1,
            digits: 1,
            start: 1,
            depth: 0,
            leaves: leaves.into_iter().collect(),
            adders: adders.into_iter().map(|id| (id, 0)).collect(),
            results: results.into_iter().collect(),
        }
    };
    results.into_iter().map(stage).collect()
}

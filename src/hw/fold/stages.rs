//! Which adders run in which stage, how wide their digits are, which stages have multipliers, and when each stage starts.

use std::collections::BTreeSet;

use super::multipliers::multiplied;
use super::offsets::{choices, late, offsets};
use super::{FoldStage, Folded};
use crate::error::{Code, Error, Result};
use crate::fixed::Rounding;
use crate::hw::delay::Target;
use crate::hw::graph::{NodeId, Op, StageGraph};
use crate::hw::passes::{CompileOptions, DeadBits, Pass as _};
use crate::units::Cycles;

/// Folds a lowered graph.
///
/// # Errors
/// Those of [`fold`](super::fold).
pub(super) fn stages(graph: StageGraph, options: &CompileOptions, reuse: u32) -> Result<Folded> {
    let members = members(&graph);
    let most = most_of(&graph, &members, options);
    if reuse > most {
        return Err(too_many(reuse, most, options.multipliers > 0));
    }
    if options.multipliers == 0 {
        return placed(graph, members, options, reuse);
    }
    if options.target == Target::Ice40 {
        return Err(Error::new(Code::Usage, "iCE40 HX parts have no multipliers").hint("leave --max-dsp out"));
    }
    let with = |chosen: &BTreeSet<usize>| with_multipliers(&graph, &members, chosen, options, reuse);
    let lut = |folded: &Folded| folded.cost(options.target).lut;
    let fits = |folded: &Folded| folded.multipliers() <= u64::from(options.multipliers);
    // One stage after the other, as long as it saves lookup tables; or all of them, where digits do not fit the clock.
    let all: BTreeSet<usize> = (0..members.len()).collect();
    let (mut chosen, mut best) = (BTreeSet::new(), placed(graph.clone(), members.clone(), options, reuse));
    loop {
        let more = all.difference(&chosen).filter_map(|k| {
            let next: BTreeSet<usize> = chosen.iter().chain([k]).copied().collect();
            let folded = with(&next).ok().filter(fits)?;
            Some((lut(&folded), next, folded))
        });
        let Some((least, next, folded)) = more.min_by_key(|m| m.0) else { break };
        if best.as_ref().is_ok_and(|best| lut(best) <= least) {
            break;
        }
        (chosen, best) = (next, Ok(folded));
    }
    // Without multipliers it is digits that have to fill the cycles.
    let digits = most_of(&graph, &members, &CompileOptions { multipliers: 0, ..*options });
    match best {
        Err(e) => with(&all).ok().filter(fits).ok_or(e),
        Ok(best) if best.multipliers() == 0 && reuse > digits => Err(too_many(reuse, digits, false)),
        best => best,
    }
}

fn too_many(reuse: u32, most: u32, multipliers: bool) -> Error {
    let cause = match multipliers {
        false => "a reuse of that many cycles already takes the widest accumulator bit by bit",
        true => "a reuse of that many cycles already takes the values of the largest layer one by one",
    };
    Error::new(Code::Usage, format!("a reuse of {reuse} saves nothing over one of {most}"))
        .cause(cause)
        .hint(format!("use 2 to {most}"))
}

/// Folds a lowered graph so that all stages have multipliers.
///
/// # Errors
/// Those of [`fold_multiplied`](super::fold_multiplied).
pub(super) fn all_multiplied(graph: &StageGraph, options: &CompileOptions, reuse: u32) -> Result<Folded> {
    let members = members(graph);
    with_multipliers(graph, &members, &(0..members.len()).collect(), options, reuse)
}

/// Folds with multipliers for the `chosen` stages.
fn with_multipliers(
    graph: &StageGraph,
    members: &[FoldStage],
    chosen: &BTreeSet<usize>,
    options: &CompileOptions,
    reuse: u32,
) -> Result<Folded> {
    let (mut graph, stages) = multiplied(graph, members, chosen, reuse)?;
    DeadBits.run(&mut graph, options)?;
    placed(graph, stages, options, reuse)
}

/// Sets when everything happens.
fn placed(graph: StageGraph, mut stages: Vec<FoldStage>, options: &CompileOptions, reuse: u32) -> Result<Folded> {
    let mut start = 1;
    for stage in &mut stages {
        stage.start = start;
        if stage.multipliers.is_some() {
            stage.place_multipliers(&graph, options)?;
            late(&graph, stage, options)?;
        } else {
            let width = widest(&graph, stage);
            stage.digit = width.div_ceil(reuse);
            stage.digits = width.div_ceil(stage.digit);
            offsets(&graph, stage, options)?;
        }
        start = stage.end() + 1;
    }
    let folded = Folded { graph, reuse, stages, latency: Cycles(start) };
    choices(&folded, options)?;
    Ok(folded)
}

/// The largest reuse that saves anything.
pub(super) fn most_reuse(graph: &StageGraph, options: &CompileOptions) -> u32 {
    most_of(graph, &members(graph), options)
}

fn most_of(graph: &StageGraph, stages: &[FoldStage], options: &CompileOptions) -> u32 {
    let leaves = |s: &FoldStage| if options.multipliers > 0 { s.leaves.len() as u32 } else { 0 };
    stages.iter().map(|s| widest(graph, s).max(leaves(s))).max().unwrap_or(1).max(2)
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
            multipliers: None,
        }
    };
    results.into_iter().map(stage).collect()
}

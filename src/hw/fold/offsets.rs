//! When each adder has its first digit: as early as the clock allows.
//!
//! An operand of an earlier offset comes from registers, and so does one that is shifted by a digit or more.

use super::{FoldStage, Folded};
use crate::error::{Code, Error, Result};
use crate::hw::delay::Delays;
use crate::hw::graph::{NodeId, Op, StageGraph};
use crate::hw::passes::CompileOptions;

/// Digits of at most so many bits are added by lookup tables alone: no more of them than a carry chain needs with the
/// cells that let a carry in and out.
pub(crate) const WITHOUT_CHAIN: u32 = 2;

const LARGER: &str = "use a larger reuse, which makes digits shorter";

/// Sets the offsets and the depth of a stage.
///
/// # Errors
/// [`Code::Schedule`] if the clock makes no sense or one operation takes longer than its period.
pub(super) fn offsets(graph: &StageGraph, stage: &mut FoldStage, options: &CompileOptions) -> Result<()> {
    let (delays, period) = (options.target.delays(), options.period()?);
    let limit = period - delays.register;
    let mut readers = vec![0usize; graph.nodes.len()];
    for (id, _) in &stage.adders {
        graph.nodes[*id].op.operands().into_iter().for_each(|a| readers[a] += 1);
    }
    // Arrival of the last bit of the digit, in picoseconds after the clock edge, where it is made.
    let mut made = vec![(0u32, 0i32); graph.nodes.len()];
    let digit = stage.digit;
    for (id, place) in &mut stage.adders {
        let operands = FoldStage::operands(graph, *id);
        let operands = || operands.iter().filter(|(a, ..)| !graph.nodes[*a].is_constant());
        let route = operands().map(|(a, ..)| delays.route_to(readers[*a])).max().unwrap_or(delays.route);
        let own = route + add(&delays, digit);
        let earliest = operands().map(|(a, ..)| made[*a].0).max().unwrap_or(0);
        let same = operands().filter(|(a, shift, _)| made[*a].0 == earliest && *shift < digit);
        let before = same.map(|(a, ..)| made[*a].1).max().unwrap_or(0);
        if own > limit {
            return Err(slow(*id, own + delays.register, period, LARGER));
        }
        made[*id] = if before + own <= limit { (earliest, before + own) } else { (earliest + 1, own) };
        *place = made[*id].0;
    }
    let accumulator = |id: &NodeId| graph.nodes[*id].op.operands()[0];
    stage.depth = stage.results.iter().map(|id| made[accumulator(id)].0).max().unwrap_or(0);
    late(graph, stage, options)
}

/// Checks that the clock leaves time for the requantizers of a stage.
///
/// # Errors
/// Those of [`offsets`].
pub(super) fn late(graph: &StageGraph, stage: &FoldStage, options: &CompileOptions) -> Result<()> {
    let (delays, period) = (options.target.delays(), options.period()?);
    let mut takes = stage.results.iter().map(|id| (*id, graph.alone(options.target, *id) + delays.register));
    match takes.find(|(_, takes)| *takes > period) {
        Some((id, takes)) => Err(slow(id, takes, period, LARGER)),
        None => Ok(()),
    }
}

/// Checks that the clock leaves time for tables and maxima, after the requantizers of their cycle.
///
/// # Errors
/// Those of [`offsets`].
pub(super) fn choices(folded: &Folded, options: &CompileOptions) -> Result<()> {
    let (delays, period) = (options.target.delays(), options.period()?);
    let graph = &folded.graph;
    let mut takes: Vec<Option<i32>> = vec![None; graph.nodes.len()];
    for id in folded.choices() {
        let mut before = 0;
        for a in graph.nodes[id].op.operands() {
            let requantizes = matches!(graph.nodes[a].op, Op::Requantize { .. }) && !graph.nodes[a].is_constant();
            if folded.made_at(a) == folded.made_at(id) && (takes[a].is_some() || requantizes) {
                before = takes[a].unwrap_or_else(|| graph.alone(options.target, a)).max(before);
            }
        }
        let all = before + graph.alone(options.target, id);
        if all + delays.register > period {
            let or = "use a reuse of 1, which takes as many cycles as it needs";
            return Err(slow(id, all + delays.register, period, or));
        }
        takes[id] = Some(all);
    }
    Ok(())
}

/// A node takes longer than the period, both in picoseconds.
fn slow(id: NodeId, takes: i32, period: i32, or: &str) -> Error {
    let (takes, period) = (f64::from(takes) * 1e-3, f64::from(period) * 1e-3);
    Error::new(Code::Schedule, format!("node n{id} takes {takes:.2} ns, the period of {period:.2} ns is shorter"))
        .hint(format!("lower the clock, or {or}"))
}

/// Through an adder of a digit.
fn add(d: &Delays, digit: u32) -> i32 {
    match digit as i32 {
        n if digit <= WITHOUT_CHAIN => n * d.lut + (n - 1) * d.route,
        n => d.adder + (n + 1) * d.carry,
    }
}

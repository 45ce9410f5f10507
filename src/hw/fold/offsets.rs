//! When each adder has its first digit: as early as the clock allows.
//!
//! An operand of an earlier offset comes from registers, and so does one that is shifted by a digit or more.

use super::FoldStage;
use crate::error::{Code, Error, Result};
use crate::fixed::{Overflow, Rounding};
use crate::hw::delay::Delays;
use crate::hw::graph::{NodeId, Op, StageGraph};
use crate::hw::passes::CompileOptions;

/// Digits of at most so many bits are added by lookup tables alone: no more of them than a carry chain needs with the
/// cells that let a carry in and out.
pub(crate) const WITHOUT_CHAIN: u32 = 2;

/// Sets the offsets and the depth of a stage.
///
/// # Errors
/// [`Code::Schedule`] if the clock makes no sense or one operation takes longer than its period.
pub(super) fn offsets(graph: &StageGraph, stage: &mut FoldStage, options: &CompileOptions) -> Result<()> {
    let clock = options.clock_mhz.unwrap_or(100.0);
    if !(clock.is_finite() && clock > 0.0) {
        return Err(Error::new(Code::Schedule, format!("a clock of {clock} MHz makes no sense")));
    }
    let delays = options.target.delays();
    let limit = (1e6 / clock).floor().min(1e9) as i32 - delays.register;
    let mut readers = vec![0usize; graph.nodes.len()];
    for (id, _) in &stage.adders {
        graph.nodes[*id].op.operands().into_iter().for_each(|a| readers[a] += 1);
    }
    let slow = |id: NodeId, takes: i32| {
        let (takes, clock) = (f64::from(takes + delays.register) * 1e-3, clock);
        Error::new(Code::Schedule, format!("node n{id} takes {takes:.2} ns, a period of {clock} MHz is shorter"))
            .hint("lower the clock, or use a larger reuse, which makes digits shorter")
    };
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
            return Err(slow(*id, own));
        }
        made[*id] = if before + own <= limit { (earliest, before + own) } else { (earliest + 1, own) };
        *place = made[*id].0;
    }
    let accumulator = |id: &NodeId| graph.nodes[*id].op.operands()[0];
    stage.depth = stage.results.iter().map(|id| made[accumulator(id)].0).max().unwrap_or(0);
    let late = stage.results.iter().map(|id| (*id, requantize(&delays, graph, *id))).find(|(_, takes)| *takes > limit);
    late.map_or(Ok(()), |(id, takes)| Err(slow(id, takes)))
}

/// Through an adder of a digit.
fn add(d: &Delays, digit: u32) -> i32 {
    match digit as i32 {
        n if digit <= WITHOUT_CHAIN => n * d.lut + (n - 1) * d.route,
        n => d.adder + (n + 1) * d.carry,
    }
}

/// From the register of an accumulator through the requantizer and into the register of its result: rounding, the bits
/// that tell an overflow, the choice.
fn requantize(d: &Delays, graph: &StageGraph, id: NodeId) -> i32 {
    let Op::Requantize { a, shift, rounding, overflow, format, .. } = graph.nodes[id].op else { return 0 };
    let width = graph.nodes[a].width() as i32;
    let level = d.lut + d.route;
    let dropped = shift.max(0);
    let round = match rounding {
        _ if dropped == 0 => 0,
        Rounding::Truncate => 0,
        Rounding::HalfUp => d.route + d.adder + (width - dropped) * d.carry,
        Rounding::HalfEven => d.levels(dropped as u32 + 1) * level + d.route + d.adder + (width - dropped) * d.carry,
    };
    let above = (width - dropped - format.width as i32).max(0) as u32 + 1;
    let limit = if overflow == Overflow::Wrap { 0 } else { d.levels(above) * level };
    round + limit + d.route_to(format.width as usize) + d.lut
}

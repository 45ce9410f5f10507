//! A rank for each node: the fewest ranks that a clock needs or the shortest period that a latency allows, then the fewest
//! registers, exactly.
//!
//! ```text
//! delay.rs    picoseconds of each family
//! arrival.rs  when each bit is there            period ─► ranks.rs: as soon as possible ─► fewest ranks
//! bits.rs     who reads each bit, under any name                 │
//! flow.rs     the solver                          registers.rs: constraints and costs ─► fewest registers
//!                                                 pareto.rs: every latency worth having
//! ```

mod arrival;
pub(crate) mod bits;
mod flow;
mod pareto;
mod ranks;
mod registers;
#[cfg(test)]
mod tests;

use super::delay::{Delays, Target};
use super::graph::{NodeId, StageGraph};
use crate::error::{Code, Error, Result};
use crate::units::Cycles;
use arrival::Timing;
pub use pareto::{SchedulePoint, pareto};

/// What a schedule must meet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Goal {
    /// Picoseconds between clock edges; then as few ranks as possible.
    Period(i32),
    /// Ranks; then as short a period as possible.
    Ranks(u32),
}

/// Sets rank and latency of the graph; returns the period in picoseconds that was kept to.
///
/// # Errors
/// [`Code::Schedule`] if the goal cannot be met.
pub(super) fn schedule(graph: &mut StageGraph, delays: Delays, goal: Goal) -> Result<i32> {
    let timing = Timing::new(graph, delays);
    let slowest = ranks::slowest(graph, &timing);
    let (logic, latency) = match goal {
        Goal::Period(period) => {
            let logic = period.saturating_sub(delays.register);
            if slowest > logic {
                let least = f64::from(slowest + delays.register);
                return Err(Error::new(
                    Code::Schedule,
                    format!("no schedule meets {:.0} MHz", 1e6 / f64::from(period)),
                )
                .cause(format!("one operation alone takes {:.2} ns by the delay model", least / 1e3))
                .hint(format!("ask for {:.0} MHz or less", (1e6 / least).floor())));
            }
            (logic, ranks::soonest(graph, &timing, logic).1)
        }
        Goal::Ranks(wanted) => (shortest(graph, &timing, slowest, wanted)?, wanted),
    };
    let ranks = registers::fewest(graph, &timing, logic, latency);
    for (node, rank) in graph.nodes.iter_mut().zip(ranks) {
        node.rank = rank;
    }
    graph.latency = Cycles(latency);
    Ok(logic + delays.register)
}

impl StageGraph {
    /// Picoseconds of logic of one operation between registers.
    pub(super) fn alone(&self, target: Target, id: NodeId) -> i32 {
        let timing = Timing::new(self, target.delays());
        arrival::latest(&timing.arrival(id, |a| ranks::registered(self, a)))
    }

    /// Picoseconds from edge to edge that the schedule needs, by the delay model.
    pub(crate) fn period(&self, target: Target) -> u32 {
        let (delays, mut arrivals) = (target.delays(), Vec::with_capacity(self.nodes.len()));
        let timing = Timing::new(self, delays);
        let mut longest = 0;
        for (id, node) in self.nodes.iter().enumerate() {
            let from = |a: NodeId| match self.nodes[a].rank == node.rank {
                true => Some(&arrivals[a]),
                false => ranks::registered(self, a),
            };
            let arrival = timing.arrival(id, from);
            longest = arrival::latest(&arrival).max(longest);
            arrivals.push(arrival);
        }
        (longest + delays.register).unsigned_abs()
    }
}

/// The shortest time for logic that needs no more ranks than wanted.
fn shortest(graph: &StageGraph, timing: &Timing, slowest: i32, wanted: u32) -> Result<i32> {
    let meets = |logic| ranks::soonest(graph, timing, logic).1 <= wanted;
    let (mut low, mut high) = (slowest, i32::MAX / 8);
    if !meets(high) {
        return Err(Error::new(Code::Schedule, format!("a latency of {} cannot be reached", Cycles(wanted)))
            .hint("the outputs are registered: ask for 1 cycle or more"));
    }
    while low < high {
        let middle = low + (high - low) / 2;
        if meets(middle) { high = middle } else { low = middle + 1 }
    }
    Ok(high)
}

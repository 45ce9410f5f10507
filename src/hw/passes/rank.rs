//! A rank for each node: as soon as possible, cut where the delay model says that the clock period is full.

use super::{CompileOptions, Pass};
use crate::error::{Code, Error, Result};
use crate::hw::graph::{Op, StageGraph};
use crate::units::Cycles;

/// Cuts the graph into pipeline ranks.
pub struct Rank;

impl Pass for Rank {
    fn name(&self) -> &'static str {
        "rank"
    }

    fn description(&self) -> &'static str {
        "gives every node the earliest register rank whose clock period it still fits"
    }

    fn run(&self, graph: &mut StageGraph, options: &CompileOptions) -> Result<()> {
        if let Some(id) = graph.nodes.iter().position(|n| matches!(n.op, Op::Sum { .. })) {
            return Err(Error::new(Code::Graph, format!("node n{id} is a sum, which hardware cannot schedule"))
                .hint("run the passes of `lower` first"));
        }
        let delays = options.target.delays();
        let cost: Vec<f64> = (0..graph.nodes.len()).map(|id| delays.of(graph, id)).collect();
        let slowest = cost.iter().copied().fold(0.0, f64::max);
        let budget = match (options.latency, options.clock_mhz.unwrap_or(100.0)) {
            (Some(wanted), _) => budget_for(graph, &cost, slowest, wanted)?,
            (None, clock) if clock.is_finite() && clock > 0.0 => 1000.0 / clock - delays.register,
            (None, clock) => return Err(Error::new(Code::Schedule, format!("a clock of {clock} MHz makes no sense"))),
        };
        if slowest > budget {
            let most = (1000.0 / (slowest + delays.register)).floor();
            return Err(Error::new(
                Code::Schedule,
                format!("no schedule meets {:.0} MHz", options.clock_mhz.unwrap_or(100.0)),
            )
            .cause(format!(
                "one operation alone takes {:.2} ns on {} by the delay model",
                slowest + delays.register,
                options.target.name()
            ))
            .hint(format!("ask for {most:.0} MHz or less")));
        }
        let ranks = assign(graph, &cost, budget);
        // Ranks that no cut needs are spent at the output, so that the promise is exact.
        graph.latency = Cycles(options.latency.unwrap_or(ranks));
        Ok(())
    }
}

/// The shortest period that needs no more ranks than wanted.
fn budget_for(graph: &mut StageGraph, cost: &[f64], slowest: f64, wanted: u32) -> Result<f64> {
    let (mut low, mut high) = (slowest, cost.iter().sum::<f64>() + slowest);
    let least = assign(graph, cost, high);
    if wanted < least {
        return Err(Error::new(Code::Schedule, format!("a latency of {} cannot be reached", Cycles(wanted)))
            .hint(format!("the outputs are registered: ask for {least} or more")));
    }
    if assign(graph, cost, low) <= wanted {
        return Ok(low);
    }
    for _ in 0..50 {
        let middle = 0.5 * (low + high);
        if assign(graph, cost, middle) <= wanted { high = middle } else { low = middle }
    }
    Ok(high)
}

/// Sets the ranks for stages of `budget` ns of logic; returns how many there are, the output register included.
fn assign(graph: &mut StageGraph, cost: &[f64], budget: f64) -> u32 {
    // Sums of delays are compared with sums of delays: a hair of room keeps rounding from adding a rank.
    let budget = budget + 1e-9;
    let mut arrival = vec![0.0f64; cost.len()];
    let mut deepest = 0;
    for id in 0..cost.len() {
        let operands = graph.nodes[id].op.operands();
        let rank = operands.iter().map(|o| graph.nodes[*o].rank).max().unwrap_or(0);
        // A value of an earlier rank comes from a register; a constant is always there.
        let start = operands.iter().filter(|o| graph.nodes[**o].rank == rank).map(|o| arrival[*o]).fold(0.0, f64::max);
        let full = start > 0.0 && start + cost[id] > budget;
        (graph.nodes[id].rank, arrival[id]) = if full { (rank + 1, cost[id]) } else { (rank, start + cost[id]) };
        deepest = deepest.max(graph.nodes[id].rank);
    }
    deepest + 1
}

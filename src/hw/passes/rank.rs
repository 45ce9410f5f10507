//! A rank for each node: see [`crate::hw`]'s `schedule`.

use super::{CompileOptions, Pass};
use crate::error::{Code, Error, Result};
use crate::hw::graph::{Op, StageGraph};
use crate::hw::schedule::{Goal, schedule};

/// Cuts the graph into pipeline ranks.
pub struct Rank;

impl Pass for Rank {
    fn name(&self) -> &'static str {
        "rank"
    }

    fn description(&self) -> &'static str {
        "gives every node a register rank: as few ranks as the clock allows, then as few registers"
    }

    fn run(&self, graph: &mut StageGraph, options: &CompileOptions) -> Result<()> {
        if let Some(id) = graph.nodes.iter().position(|n| matches!(n.op, Op::Sum { .. })) {
            return Err(Error::new(Code::Graph, format!("node n{id} is a sum, which hardware cannot schedule"))
                .hint("run the passes of `lower` first"));
        }
        let goal = match options.latency {
            Some(0) => {
                return Err(Error::new(Code::Schedule, "a latency of 0 cycles cannot be reached")
                    .hint("the outputs are registered: ask for 1 or more"));
            }
            Some(wanted) => Goal::Ranks(wanted),
            None => Goal::Period(options.period()?),
        };
        schedule(graph, options.target.delays(), goal).map(drop).map_err(|e| e.at(options.target.name()))
    }
}

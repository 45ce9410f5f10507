//! How many cycles a vector takes: as asked for, or as few as a budget of lookup tables allows.

use super::{Folded, fold_graph, stages};
use crate::error::{Code, Error, Result};
use crate::hw::graph::StageGraph;
use crate::hw::passes::{CompileOptions, compile, lowered};
use crate::hw::stream::{Streamed, stream};
use crate::model::IntegerNetwork;

/// Cycles from one vector to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// So many; 1 is fully pipelined.
    Cycles(u32),
    /// As few as the estimate of lookup tables allows.
    MaxLut(u64),
    /// One for each pixel of the image: convolutions built once, for one position.
    Stream,
}

/// A graph that can be printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compiled {
    /// A vector every cycle.
    Pipelined(StageGraph),
    /// A vector every so many cycles.
    Folded(Folded),
    /// A pixel every cycle.
    Streamed(Streamed),
}

/// Lowers, optimizes, proves and schedules, folds or streams a network.
///
/// # Errors
/// Those of [`compile`](crate::hw::compile), [`fold`](super::fold) and [`stream`]; [`Code::Schedule`] if no reuse fits the budget.
pub fn compile_reuse(network: &IntegerNetwork, options: &CompileOptions, reuse: Reuse) -> Result<Compiled> {
    let folded = |graph, cycles| fold_graph(graph, network, options, cycles).map(Compiled::Folded);
    match reuse {
        Reuse::Cycles(1) => compile(network, options).map(Compiled::Pipelined),
        Reuse::Cycles(cycles) => folded(lowered(network, options)?, cycles),
        Reuse::Stream => stream(network, options).map(Compiled::Streamed),
        Reuse::MaxLut(most) => {
            let graph = lowered(network, options)?;
            match choose(&graph, options, most)? {
                1 => compile(network, options).map(Compiled::Pipelined),
                cycles => folded(graph, cycles),
            }
        }
    }
}

/// The least reuse that is estimated at no more than `most` lookup tables.
fn choose(graph: &StageGraph, options: &CompileOptions, most: u64) -> Result<u32> {
    let pipelined = graph.lut_estimate(options.target);
    if pipelined <= most {
        return Ok(1);
    }
    let mut least = (1, pipelined);
    for reuse in 2..=stages::most_reuse(graph, options) {
        // A digit that is too wide for the clock is none for a larger reuse.
        let Ok(folded) = stages::stages(graph.clone(), options, reuse) else { continue };
        // Multipliers are within what the options allow.
        let lut = folded.cost(options.target).lut;
        if lut <= most {
            return Ok(reuse);
        }
        if lut < least.1 {
            least = (reuse, lut);
        }
    }
    Err(Error::new(Code::Schedule, format!("no reuse fits {most} lookup tables"))
        .cause(format!("a reuse of {} needs the fewest, about {}", least.0, least.1))
        .hint("allow more, or quantize to fewer bits"))
}

//! Low bits that no output depends on.

use super::{CompileOptions, Pass};
use crate::error::Result;
use crate::hw::demand::unread;
use crate::hw::graph::StageGraph;

/// Marks them, so that no register holds them.
pub struct DeadBits;

impl Pass for DeadBits {
    fn name(&self) -> &'static str {
        "dead_bits"
    }

    fn description(&self) -> &'static str {
        "marks the low bits that rounding drops later, which no register need hold"
    }

    fn run(&self, graph: &mut StageGraph, _: &CompileOptions) -> Result<()> {
        let unread = unread(graph);
        graph.nodes.iter_mut().zip(unread).for_each(|(n, u)| n.unread = u);
        Ok(())
    }
}

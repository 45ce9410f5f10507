//! Low and high bits that no output depends on.

use super::{CompileOptions, Pass};
use crate::error::Result;
use crate::hw::demand::{needed, unread};
use crate::hw::graph::{Node, StageGraph};

/// Marks them: no register holds the low ones, no adder makes the high ones.
pub struct DeadBits;

impl Pass for DeadBits {
    fn name(&self) -> &'static str {
        "dead_bits"
    }

    fn description(&self) -> &'static str {
        "marks the low bits that rounding drops later and the high ones that wrapping drops, which need not be kept"
    }

    fn run(&self, graph: &mut StageGraph, _: &CompileOptions) -> Result<()> {
        let needed = needed(graph);
        graph.nodes.iter_mut().zip(needed).for_each(|(n, k)| n.kept = if k < n.full_width() { k } else { Node::ALL });
        let unread = unread(graph);
        graph.nodes.iter_mut().zip(unread).for_each(|(n, u)| n.unread = u);
        Ok(())
    }
}

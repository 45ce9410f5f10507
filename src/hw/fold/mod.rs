//! Folded designs: `R` cycles a vector, and every adder a few bits wide.
//!
//! ```text
//! graph (proved) ─► stages ─► offsets ─► Folded ─► eval, Verilog
//!
//! cycle      0      start                    start + depth + digits = end      next stage's start = end + 1
//! x_valid ───┐
//! leaves     └─load─► digit 0, digit 1, ...        results ─load─► digit 0, ...
//! adders              digit 0 `offset` cycles later
//! ```
//!
//! Numbers travel lowest digit first, `digit` bits a cycle. An adder adds the digits that are there and keeps the carry for
//! the next cycle, which is exact modulo `2^(digit * digits)`; a shift is so many bits of delay, with zeros before the
//! first digit. So the graph of the pipelined design, with all its sharing and its proof, is also that of the folded one.
//! docs/adr/0007-folding.md says why it is not an array of multipliers.
//!
//! A stage holds the adders between two requantizations; what it reads (its leaves) and what it gives are whole numbers in
//! registers, so the requantizers are those of the pipelined design. So are tables and maxima: they follow on what they read
//! in the cycle in which it is made.

mod choose;
mod cost;
mod eval;
mod multipliers;
mod offsets;
mod stages;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use super::graph::{NodeId, Op, StageGraph};
use super::passes::{CompileOptions, lowered};
use crate::error::{Code, Error, Result};
use crate::model::IntegerNetwork;
use crate::units::Cycles;
use stages::low_bit;

pub use choose::{Compiled, Reuse, compile_reuse};
pub use cost::FoldedCost;
pub use eval::eval_folded;
#[cfg(feature = "verilog")]
pub(crate) use multipliers::Held;
pub use multipliers::{Multipliers, Row};
#[cfg(feature = "verilog")]
pub(crate) use offsets::WITHOUT_CHAIN;

/// A graph with a place in time for every digit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folded {
    /// Lowered and optimized, without ranks.
    pub graph: StageGraph,
    /// Cycles from one vector to the next, at least.
    pub reuse: u32,
    /// One after the other.
    pub stages: Vec<FoldStage>,
    /// Cycles from a vector to its outputs.
    pub latency: Cycles,
}

/// The sums between two requantizations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoldStage {
    /// Bits of every number that are there in one cycle; without meaning for multipliers.
    pub digit: u32,
    /// Cycles until all bits were there, or all leaves were multiplied: at most the reuse.
    pub digits: u32,
    /// The cycle, counted from that of the vector, in which the first digit of every leaf, or the first leaves are there.
    pub start: u32,
    /// Cycles from there to the first digit of the last accumulator, or until accumulators are about to take the first products.
    pub depth: u32,
    /// What is read, in ascending order: inputs, requantized values, and what tables and maxima make of those.
    pub leaves: Vec<NodeId>,
    /// Adders in topological order, each with the cycle of its first digit after `start`.
    pub adders: Vec<(NodeId, u32)>,
    /// Requantizers at the end of it.
    pub results: Vec<NodeId>,
    /// What makes the sums instead of adders of digits.
    pub multipliers: Option<Multipliers>,
}

impl FoldStage {
    /// The cycle in which all bits of the accumulators are held and the results are taken.
    pub fn end(&self) -> u32 {
        self.start + self.depth + self.digits
    }

    /// Cycles from `start` to the first digit of a node of the stage.
    pub fn offset(&self, id: NodeId) -> u32 {
        self.adders.binary_search_by_key(&id, |(n, _)| *n).map_or(0, |at| self.adders[at].1)
    }

    /// What each adder reads: (operand, shift, whether it is taken away).
    pub(crate) fn operands(graph: &StageGraph, id: NodeId) -> [(NodeId, u32, bool); 2] {
        match graph.nodes[id].op {
            Op::Add { a, shift_a, b, shift_b, subtract } => [(a, shift_a, false), (b, shift_b, subtract)],
            // `stages` enters adders only.
            _ => [(id, 0, false); 2],
        }
    }

    /// For each node and offset at which it is read: the bits of earlier digits that a shift reaches back to.
    pub(crate) fn reaches(&self, graph: &StageGraph) -> BTreeMap<(NodeId, u32), u32> {
        let mut reaches = BTreeMap::new();
        for (id, offset) in &self.adders {
            for (operand, shift, _) in Self::operands(graph, *id) {
                let back = reaches.entry((operand, *offset)).or_insert(0);
                *back = shift.max(*back);
            }
        }
        reaches.retain(|(id, _), _| !graph.nodes[*id].is_constant());
        reaches
    }

    /// For each node that adders read: the registers of a digit that delay it to the last of them, and the bits of earlier
    /// digits, at all offsets.
    pub(crate) fn registers(&self, graph: &StageGraph) -> BTreeMap<NodeId, (u32, u32)> {
        let mut registers = BTreeMap::new();
        for ((id, offset), reach) in self.reaches(graph) {
            let (delays, bits) = registers.entry(id).or_insert((0, 0));
            *delays = (offset - self.offset(id)).max(*delays);
            *bits += reach;
        }
        registers
    }

    /// The offsets at which adders read constants, in ascending order.
    pub(crate) fn constants(&self, graph: &StageGraph) -> BTreeSet<u32> {
        let reads = |id: NodeId| graph.nodes[id].op.operands().into_iter().any(|a| graph.nodes[a].is_constant());
        self.adders.iter().filter(|(id, _)| reads(*id)).map(|(_, offset)| *offset).collect()
    }

    /// Bits of a counter of digits.
    pub(crate) fn counter_bits(&self) -> u32 {
        self.digits.next_power_of_two().trailing_zeros()
    }

    /// For each accumulator of digits: its lowest bit that a result needs.
    pub(crate) fn windows(&self, graph: &StageGraph) -> BTreeMap<NodeId, u32> {
        let mut windows = BTreeMap::new();
        for id in self.results.iter().filter(|_| self.multipliers.is_none()) {
            let op = &graph.nodes[*id].op;
            let accumulator = op.operands()[0];
            // The highest bit stays: it is the sign.
            let low = windows.entry(accumulator).or_insert(graph.nodes[accumulator].width() - 1);
            *low = low_bit(op).min(*low);
        }
        windows
    }
}

impl Folded {
    /// The cycle in which a leaf is there as a whole, before any register holds it: 0 for inputs.
    pub fn made_at(&self, id: NodeId) -> u32 {
        match &self.graph.nodes[id].op {
            op @ (Op::Table { .. } | Op::Max { .. }) => {
                op.operands().into_iter().map(|a| self.made_at(a)).max().unwrap_or(0)
            }
            _ => self.stages.iter().find(|s| s.results.contains(&id)).map_or(0, FoldStage::end),
        }
    }

    /// Tables and maxima, in the order of what they read.
    pub(crate) fn choices(&self) -> impl Iterator<Item = NodeId> {
        let nodes = self.graph.nodes.iter().enumerate();
        nodes.filter(|(_, n)| matches!(n.op, Op::Table { .. } | Op::Max { .. }) && !n.is_constant()).map(|(id, _)| id)
    }

    /// The cycle in which the outputs are taken into their registers.
    pub fn last(&self) -> u32 {
        self.stages.last().map_or(0, FoldStage::end)
    }

    /// Which copy of a leaf is there in cycle `at`: 0 as it is made, then one more for every `reuse` cycles.
    pub fn copy_at(&self, id: NodeId, at: u32) -> u32 {
        (at - self.made_at(id)).div_ceil(self.reuse)
    }

    /// Copies of each leaf that later stages, or the output, need.
    pub fn copies(&self) -> BTreeMap<NodeId, u32> {
        let mut copies = BTreeMap::new();
        let mut need = |id: NodeId, at: u32| {
            let n = copies.entry(id).or_insert(0);
            *n = self.copy_at(id, at).max(*n);
        };
        for stage in &self.stages {
            stage.leaves.iter().for_each(|id| need(*id, stage.start - 1));
        }
        let is_made = |id: &NodeId| !self.graph.nodes[*id].is_constant();
        for id in self.choices() {
            let operands = self.graph.nodes[id].op.operands().into_iter().filter(is_made);
            operands.for_each(|a| need(a, self.made_at(id)));
        }
        self.graph.outputs().into_iter().filter(is_made).for_each(|id| need(id, self.last()));
        copies
    }
}

/// Lowers, optimizes and proves a network's graph, and folds it to `reuse` cycles a vector.
///
/// # Errors
/// Those of [`compile`](super::compile); [`Code::Usage`] for a reuse below 2 or one that saves nothing more,
/// [`Code::Schedule`] if the clock is too fast for a digit or a requantizer.
pub fn fold(network: &IntegerNetwork, options: &CompileOptions, reuse: u32) -> Result<Folded> {
    fold_graph(lowered(network, options)?, network, options, reuse)
}

/// [`fold`] with multipliers for every stage, however many it takes and whether it saves lookup tables or not.
///
/// # Errors
/// Those of [`fold`]; [`Code::Graph`] if a weight needs more than 63 bits.
pub fn fold_multiplied(network: &IntegerNetwork, options: &CompileOptions, reuse: u32) -> Result<Folded> {
    refuse_one(reuse)?;
    let folded = stages::all_multiplied(&lowered(network, options)?, options, reuse)?;
    super::prove(&folded.graph, network)?;
    folded.check()?;
    Ok(folded)
}

/// [`fold`] to as many cycles as save anything, `most` at most.
///
/// # Errors
/// Those of [`fold`].
pub(super) fn fold_most(network: &IntegerNetwork, options: &CompileOptions, most: u32) -> Result<Folded> {
    let graph = lowered(network, options)?;
    let reuse = stages::most_reuse(&graph, options).min(most);
    fold_graph(graph, network, options, reuse)
}

/// [`fold`] of a graph that is lowered already.
///
/// # Errors
/// Those of [`fold`].
pub fn fold_graph(graph: StageGraph, network: &IntegerNetwork, options: &CompileOptions, reuse: u32) -> Result<Folded> {
    refuse_one(reuse)?;
    let folded = stages::stages(graph, options, reuse)?;
    super::prove(&folded.graph, network)?;
    folded.check()?;
    Ok(folded)
}

fn refuse_one(reuse: u32) -> Result<()> {
    if reuse >= 2 {
        return Ok(());
    }
    Err(Error::new(Code::Usage, format!("a reuse of {reuse} cannot be folded"))
        .hint("a reuse of 1 is the pipelined design; 2 or more folds it"))
}

impl Folded {
    /// Checks what makes the digits add up to the graph's numbers: every operand is there when it is read, every
    /// accumulator has all its bits before it is taken, and no register is needed for two vectors at once.
    ///
    /// # Errors
    /// [`Code::Graph`] with stage or node.
    pub fn check(&self) -> Result<()> {
        self.graph.well_formed()?;
        let bad = |what: String| Err(Error::new(Code::Graph, format!("folded graph: {what}")));
        let mut start = 1;
        for (k, stage) in self.stages.iter().enumerate() {
            if stage.start != start || stage.digits > self.reuse || stage.digits == 0 || stage.digit == 0 {
                return bad(format!("stage {k} does not follow the one before it, or takes more than its cycles"));
            }
            start = stage.end() + 1;
            if let Some(multipliers) = &stage.multipliers {
                let sums: Vec<NodeId> = multipliers.rows.iter().filter_map(Row::last).collect();
                let is_sum =
                    |id: &NodeId| matches!(self.graph.nodes[*id].op, Op::Requantize { a, .. } if sums.contains(&a));
                if multipliers.check(&self.graph, stage).is_none() || !stage.results.iter().all(is_sum) {
                    return bad(format!("the multipliers of stage {k} make other sums"));
                }
            }
            let there = |id: NodeId, by: u32| {
                let node = &self.graph.nodes[id];
                let made = match node.op {
                    Op::Add { .. } => {
                        stage.adders.binary_search_by_key(&id, |(n, _)| *n).ok().map(|at| stage.adders[at].1)
                    }
                    _ => stage.leaves.binary_search(&id).ok().map(|_| 0),
                };
                node.is_constant() || made.is_some_and(|offset| offset <= by)
            };
            for (id, offset) in &stage.adders {
                if !matches!(self.graph.nodes[*id].op, Op::Add { .. }) {
                    return bad(format!("n{id} is no adder"));
                }
                if let Some((a, ..)) =
                    FoldStage::operands(&self.graph, *id).iter().find(|(a, ..)| a >= id || !there(*a, *offset))
                {
                    return bad(format!("n{id} of stage {k} reads n{a} before it is there"));
                }
            }
            for id in stage.results.iter().filter(|_| stage.multipliers.is_none()) {
                let Op::Requantize { a, .. } = self.graph.nodes[*id].op else {
                    return bad(format!("n{id} is no requantizer"));
                };
                if !there(a, stage.depth) || self.graph.nodes[a].width() > stage.digit * stage.digits {
                    return bad(format!("n{id} of stage {k} is taken before its accumulator is whole"));
                }
            }
            if let Some(id) = stage.leaves.iter().find(|id| !self.is_leaf(**id) || self.made_at(**id) >= stage.start) {
                return bad(format!("stage {k} reads n{id}, which is not there"));
            }
        }
        let is_there = |a: &NodeId| self.graph.nodes[*a].is_constant() || self.is_leaf(*a);
        if let Some(id) = self.choices().find(|id| !self.graph.nodes[*id].op.operands().iter().all(is_there)) {
            return bad(format!("n{id} reads a number that is never whole"));
        }
        if self.latency.0 != self.last() + 1 {
            return bad(format!("its latency is not {}", self.last() + 1));
        }
        match self.graph.outputs().into_iter().find(|id| !self.graph.nodes[*id].is_constant() && !self.is_leaf(*id)) {
            Some(id) => bad(format!("n{id} is an output that no stage gives")),
            None => Ok(()),
        }
    }

    /// Whether a node is an input, a result of some stage, or made of such.
    fn is_leaf(&self, id: NodeId) -> bool {
        matches!(self.graph.nodes[id].op, Op::Input(_) | Op::Table { .. } | Op::Max { .. })
            || self.stages.iter().any(|s| s.results.contains(&id))
    }
}

//! What a folded design is built of.

use std::fmt;

use super::offsets::WITHOUT_CHAIN;
use super::{FoldStage, Folded};
use crate::hw::delay::Target;

/// Cells of a folded design: flip-flops as printed, lookup tables estimated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FoldedCost {
    /// Adders of a digit, and those that add up products.
    pub adders: usize,
    /// Bits of them.
    pub adder_bits: u64,
    /// Multipliers of a value and a weight.
    pub multipliers: u64,
    /// Flip-flops.
    pub register_bits: u64,
    /// Lookup tables, by the rule of docs/HARDWARE.md.
    pub lut: u64,
}

impl Folded {
    /// Counts adders and registers and estimates lookup tables for a family.
    pub fn cost(&self, target: Target) -> FoldedCost {
        let nodes = &self.graph.nodes;
        let width = |id: usize| u64::from(nodes[id].width());
        let mut cost = FoldedCost::default();
        let small = target.delays().inputs < 6;
        for stage in &self.stages {
            cost.lut += stage.results.iter().map(|id| width(*id) + 3).sum::<u64>();
            if let Some(multipliers) = &stage.multipliers {
                multipliers.add_cost(&mut cost, &self.graph, stage, target);
                continue;
            }
            let digit = u64::from(stage.digit);
            cost.adders += stage.adders.len();
            cost.adder_bits += stage.adders.len() as u64 * digit;
            let each = match stage.digit {
                1 => 2,
                d if d <= WITHOUT_CHAIN => 2 * digit - u64::from(!small),
                _ => digit + 2,
            };
            cost.lut += stage.adders.len() as u64 * each;
            let counters = stage.constants(&self.graph).len() as u64 * u64::from(stage.counter_bits());
            cost.register_bits += stage.adders.len() as u64 + counters;
            // Loading takes a lookup table a bit, and limiting a number about another one and a few for the limits.
            for id in &stage.leaves {
                cost.register_bits += width(*id);
                cost.lut += width(*id);
            }
            for (id, low) in stage.windows(&self.graph) {
                cost.register_bits += u64::from(stage.window_bits(id, low));
            }
            for (_, (delays, reach)) in stage.registers(&self.graph) {
                cost.register_bits += u64::from(delays) * digit + u64::from(reach);
            }
        }
        cost.lut += self.choices().map(|id| self.graph.choice_luts(id, target)).sum::<u64>();
        cost.register_bits += self.copies().into_iter().map(|(id, n)| width(id) * u64::from(n)).sum::<u64>();
        let outputs = self.graph.outputs().into_iter().filter(|id| !nodes[*id].is_constant());
        cost.register_bits += outputs.map(width).sum::<u64>() + u64::from(self.latency.0);
        cost
    }
}

impl FoldStage {
    /// Flip-flops that hold an accumulator from its bit `low` on until it is taken.
    pub(crate) fn window_bits(&self, id: usize, low: u32) -> u32 {
        (self.digits + self.depth - self.offset(id)) * self.digit - low
    }
}

impl fmt::Display for FoldStage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(multipliers) = &self.multipliers {
            let (count, rows) = (multipliers.count(), multipliers.rows.len());
            return write!(
                f,
                "stage from cycle {}: {count} multipliers, {rows} accumulators, {} cycles, {} ranks",
                self.start, self.digits, self.depth
            );
        }
        write!(
            f,
            "stage from cycle {}: {} adders of {} bit{}, {} cycles, {} ranks",
            self.start,
            self.adders.len(),
            self.digit,
            if self.digit == 1 { "" } else { "s" },
            self.digits,
            self.depth
        )
    }
}

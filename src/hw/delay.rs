//! How long operations take on an FPGA family, for the scheduler.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::graph::{Op, StageGraph};
use crate::fixed::{Overflow, Rounding};

/// FPGA family whose delays the scheduler uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// Lattice ECP5.
    #[default]
    Ecp5,
    /// Lattice iCE40.
    Ice40,
    /// AMD UltraScale+.
    Xcup,
    /// AMD 7-series.
    Xc7,
    /// No family in particular.
    Generic,
}

/// Nanoseconds.
pub(super) struct Delays {
    /// One lookup table with the route to it.
    level: f64,
    /// Carry, per bit.
    carry: f64,
    /// Clock to output and set-up.
    pub register: f64,
}

impl Target {
    /// The name in options and manifests.
    pub fn name(self) -> &'static str {
        match self {
            Target::Ecp5 => "ecp5",
            Target::Ice40 => "ice40",
            Target::Xcup => "xcup",
            Target::Xc7 => "xc7",
            Target::Generic => "generic",
        }
    }

    /// ECP5: rounded from what nextpnr reports for speed grade 8. The others are scaled from data sheets and not
    /// calibrated.
    pub(super) fn delays(self) -> Delays {
        let d = |level, carry, register| Delays { level, carry, register };
        match self {
            Target::Ecp5 | Target::Generic => d(1.65, 0.03, 0.7),
            Target::Ice40 => d(2.5, 0.28, 1.2),
            Target::Xcup => d(0.5, 0.01, 0.2),
            Target::Xc7 => d(0.85, 0.02, 0.4),
        }
    }
}

impl Delays {
    /// From the operands of node `id` to its result.
    pub fn of(&self, graph: &StageGraph, id: usize) -> f64 {
        let adder = |width: u32| self.level + self.carry * f64::from(width);
        match graph.nodes[id].op {
            Op::Input(_) | Op::Const(_) | Op::Sum { .. } => 0.0,
            Op::Add { .. } => adder(graph.nodes[id].width()),
            Op::Requantize { a, shift, relu, rounding, overflow, format, .. } => {
                let from = &graph.nodes[a];
                let increment = if rounding == Rounding::Truncate || shift <= 0 { 0.0 } else { adder(from.width()) };
                // Bits above the result are gathered in one level, or two if there are many; the choice is another.
                let above = i64::from(from.width()) - i64::from(shift) - i64::from(format.width);
                let limited = if overflow == Overflow::Wrap || above <= 0 { 0.0 } else { 2.0 * self.level };
                let choice = if limited == 0.0 && relu && from.is_signed() { self.level } else { limited };
                increment + choice
            }
        }
    }
}

//! What an emitted design costs: open synthesis for a target, and place and route where the tool is there.
//!
//! ```text
//! files + ports (Dut) ─► Yosys ─► cells ─► SynthReport (LUT, FF, carry, DSP, BRAM)
//!                           └─► netlist ─► nextpnr-ecp5, one run a seed ─► the same with Fmax
//! ```
//!
//! For ECP5 the design sits in a shift-register harness, because a flat bus has more bits than a package has pins; the
//! harness is subtracted. Numbers compare only within one target and one tool version, so the report names both.

mod harness;
mod nextpnr;
mod yosys;

pub use nextpnr::nextpnr_ecp5;
pub use yosys::yosys;

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units::Cycles;

/// The technology to map to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SynthTarget {
    /// Six-input lookup tables and plain flip-flops, no carry chains: no vendor's cells.
    Generic,
    /// Lattice ECP5: LUT4, CCU2C.
    Ecp5,
    /// AMD UltraScale+: LUT1 to LUT6, CARRY4 or CARRY8, without DSP slices.
    Xcup,
    /// Lattice iCE40: SB_LUT4, SB_CARRY.
    Ice40,
}

impl fmt::Display for SynthTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SynthTarget::Generic => "generic",
            SynthTarget::Ecp5 => "ecp5",
            SynthTarget::Xcup => "xcup",
            SynthTarget::Ice40 => "ice40",
        })
    }
}

/// Resources and, after place and route, speed of a design. The harness is not in the counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SynthReport {
    /// Technology.
    pub target: SynthTarget,
    /// Lookup tables of any size; on ECP5 LUT4, with two for each carry cell.
    pub lut: u64,
    /// Flip-flops.
    pub ff: u64,
    /// Multiplier blocks.
    pub dsp: u64,
    /// Block memories.
    pub bram: u64,
    /// Carry cells, as the target counts them.
    pub carry: u64,
    /// Shift-register cells (SRL), where the target has them; not in `lut`.
    pub shift_registers: u64,
    /// Highest clock frequency after place and route, in MHz: the median over the seeds; `null` without place and route.
    pub fmax_mhz: Option<f64>,
    /// The same for each seed, in the order asked for.
    pub fmax_seeds_mhz: Vec<f64>,
    /// Lookup tables of the harness, already subtracted from `lut`.
    pub harness_lut: u64,
    /// Flip-flops of the harness, already subtracted from `ff`.
    pub harness_ff: u64,
    /// Every kind of cell in the netlist, harness included.
    pub cells: BTreeMap<String, u64>,
    /// Program that gave the counts.
    pub tool: String,
    /// Its version line.
    pub tool_version: String,
    /// What it was asked to do, to repeat it by hand.
    pub script: String,
}

impl SynthReport {
    /// Time from an input to its output at the highest clock, in ns.
    pub fn latency_ns(&self, latency: Cycles) -> Option<f64> {
        self.fmax_mhz.map(|mhz| latency.ns(mhz))
    }
}

impl fmt::Display for SynthReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} LUT, {} FF, {} carry", self.target, self.lut, self.ff, self.carry)?;
        write!(f, ", {} DSP, {} BRAM", self.dsp, self.bram)?;
        if let Some(mhz) = self.fmax_mhz {
            write!(f, ", {mhz:.1} MHz")?;
        }
        write!(f, " ({})", self.tool_version)
    }
}

#[cfg(test)]
mod tests;

//! What an emitted design costs: open synthesis for a target, and place and route where the tool is there.
//!
//! ```text
//! files + ports (Dut) ─► Yosys ─► cells ─► SynthReport (LUT, FF, carry, DSP, BRAM)
//!                           └─► netlist ─► nextpnr-ecp5, one run a seed ─► the same with Fmax
//! ```
//!
//! For ECP5 the design sits in a shift-register harness, because a flat bus has more bits than a package has pins; the
//! harness is subtracted. Numbers compare only within one target and one tool version, so the report names both.
//! Without place and route the report has no frequency and says why; what it has for every family is the longest path of the
//! netlist by the scheduler's delays (`path.rs`), which compares designs and promises no clock.

mod harness;
mod nextpnr;
mod path;
mod rtl;
mod yosys;

pub use rtl::WordCounts;
pub use yosys::yosys;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::dut::Dut;
use crate::error::{Code, Error, Result};
use crate::hw::Target;
use crate::units::Cycles;
use crate::verilog::DesignManifest;

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
    /// AMD 7 series: LUT1 to LUT6, CARRY4, without DSP slices.
    Xc7,
    /// Lattice iCE40: SB_LUT4, SB_CARRY.
    Ice40,
    /// No technology: adders, adder bits and register bits.
    Rtl,
}

impl fmt::Display for SynthTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SynthTarget::Generic => "generic",
            SynthTarget::Ecp5 => "ecp5",
            SynthTarget::Xcup => "xcup",
            SynthTarget::Xc7 => "xc7",
            SynthTarget::Ice40 => "ice40",
            SynthTarget::Rtl => "rtl",
        })
    }
}

impl SynthTarget {
    /// The family whose delays hold for its netlist.
    fn family(self) -> Option<Target> {
        match self {
            SynthTarget::Generic => Some(Target::Generic),
            SynthTarget::Ecp5 => Some(Target::Ecp5),
            SynthTarget::Xcup => Some(Target::Xcup),
            SynthTarget::Xc7 => Some(Target::Xc7),
            SynthTarget::Ice40 => Some(Target::Ice40),
            SynthTarget::Rtl => None,
        }
    }
}

impl From<Target> for SynthTarget {
    fn from(target: Target) -> Self {
        match target {
            Target::Generic => SynthTarget::Generic,
            Target::Ecp5 => SynthTarget::Ecp5,
            Target::Xcup => SynthTarget::Xcup,
            Target::Xc7 => SynthTarget::Xc7,
            Target::Ice40 => SynthTarget::Ice40,
        }
    }
}

/// What to try.
#[derive(Clone, Debug, PartialEq)]
pub struct SynthOptions {
    /// Technologies, each once; the reports come in this order.
    pub targets: Vec<SynthTarget>,
    /// Seeds of place and route, which only ECP5 has here; none: no place and route.
    pub seeds: Vec<u32>,
    /// Longest time that place and route of one seed may take; after it the report says that there is no figure.
    pub route_limit: Duration,
}

/// Resources that a design was expected to need.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Estimate {
    /// Lookup tables, in the count of `lut`.
    pub lut: u64,
    /// Flip-flops.
    pub ff: u64,
}

/// Resources and, after place and route, speed of a design. The harness is not in the counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SynthReport {
    /// Technology.
    pub target: SynthTarget,
    /// Lookup tables of any size in the netlist; on ECP5 LUT4, with two for each carry cell.
    pub lut: u64,
    /// Flip-flops.
    pub ff: u64,
    /// What `sluice emit` expected for this target; absent for other targets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimate: Option<Estimate>,
    /// Multiplier blocks.
    pub dsp: u64,
    /// Block memories.
    pub bram: u64,
    /// Carry cells, as the target counts them.
    pub carry: u64,
    /// Shift-register cells (SRL), where the target has them; not in `lut`.
    pub shift_registers: u64,
    /// Counts of `rtl`, which has no lookup tables; absent elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<WordCounts>,
    /// Longest path between registers of the netlist by the delay model of the family, in ns: not placed. Absent for `rtl`, and
    /// where cells drive each other in a circle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_ns: Option<f64>,
    /// Lookup tables after place and route, which adds cells that feed carry chains: more than `lut`.
    pub lut_routed: Option<u64>,
    /// Highest clock frequency after place and route, in MHz: the median over the seeds; `null` without place and route.
    pub fmax_mhz: Option<f64>,
    /// Why there is no `fmax_mhz`; `null` where there is one.
    pub no_fmax: Option<String>,
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
    /// Notes what was expected, if the design was made for this target.
    pub fn expected(&mut self, design: &DesignManifest) {
        let estimate = Estimate { lut: design.lut_estimate, ff: design.register_bits };
        self.estimate = (design.lut_estimate > 0 && design.target == self.target.to_string()).then_some(estimate);
    }

    /// Time from an input to its output at the highest clock, in ns.
    pub fn latency_ns(&self, latency: Cycles) -> Option<f64> {
        self.fmax_mhz.map(|mhz| latency.ns(mhz))
    }
}

impl fmt::Display for SynthReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(w) = self.words {
            write!(f, "rtl: {} adders, {} adder bits, {} register bits", w.adders, w.adder_bits, w.register_bits)?;
            return write!(f, ", mapped to {} $alu, {} $macc [{}]", w.alu, w.macc, self.tool_version);
        }
        write!(f, "{}: {} LUT, {} FF", self.target, self.lut, self.ff)?;
        if let Some(e) = self.estimate {
            write!(f, " (expected {} and {})", e.lut, e.ff)?;
        }
        write!(f, ", {} carry", self.carry)?;
        write!(f, ", {} DSP, {} BRAM", self.dsp, self.bram)?;
        if let Some(ns) = self.path_ns {
            write!(f, ", longest path {ns:.2} ns by the delay model")?;
        }
        match (self.fmax_mhz, &self.no_fmax) {
            (Some(mhz), _) => {
                write!(f, ", Fmax {mhz:.1} MHz")?;
                if self.fmax_seeds_mhz.len() > 1 {
                    let seeds: Vec<String> = self.fmax_seeds_mhz.iter().map(|mhz| format!("{mhz:.1}")).collect();
                    write!(f, " (median of {})", seeds.join(", "))?;
                }
            }
            (None, Some(why)) => write!(f, ", no Fmax: {why}")?,
            (None, None) => {}
        }
        write!(f, " [{}]", self.tool_version)
    }
}

/// Synthesizes for every target, and places and routes for ECP5 where that was asked for and the tool is there.
///
/// * `progress`: called with a few words after every step; [`steps`] says how many there are at most
///
/// # Errors
/// [`Code::Usage`] without a target, [`Code::MissingTool`] without Yosys, [`Code::ToolFailed`] if a tool fails. A tool for
/// place and route that is absent, or too slow for `route_limit`, is no error: the report says it.
pub fn synthesize(dut: &Dut, options: &SynthOptions, progress: &(dyn Fn(&str) + Sync)) -> Result<Vec<SynthReport>> {
    if options.targets.is_empty() {
        return Err(Error::new(Code::Usage, "synthesis needs at least one target"));
    }
    let one = |target: &SynthTarget| match target {
        SynthTarget::Ecp5 if !options.seeds.is_empty() => nextpnr::placed(dut, options, progress),
        _ => {
            let mut report = yosys(dut, *target)?;
            report.no_fmax = Some(match target {
                SynthTarget::Ecp5 => "place and route was not asked for".to_owned(),
                _ => format!("no open place and route for {target} here"),
            });
            progress(&format!("{target} mapped"));
            Ok(report)
        }
    };
    options.targets.par_iter().map(one).collect()
}

/// Steps of [`synthesize`].
pub fn steps(options: &SynthOptions) -> usize {
    let routed = if options.targets.contains(&SynthTarget::Ecp5) { options.seeds.len() } else { 0 };
    options.targets.len() + routed
}

#[cfg(test)]
mod tests;

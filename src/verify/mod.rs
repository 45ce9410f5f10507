//! An emitted design against the reference integers, bit for bit and cycle for cycle.
//!
//! ```text
//! files + ports (Dut) ──┬─► Verilator + sim/harness.cpp ─► SimRun ─┐
//! inputs [sample, input]┤                                          ├─► compare ─► VerifyReport
//!                       └─► Icarus + generated testbench ──────────┘
//! ```
//!
//! The simulators see only the text of the design: nothing of the generator takes part in its own check.

mod compare;
mod design;
mod frames;
mod icarus;
mod stimuli;
mod verilator;

pub use compare::{Mismatch, SecondOpinion, StageDifference, VerifyReport, compare, count_mismatches};
pub use design::{DEFAULT_VECTORS, DesignOptions, RecordedRows, first_difference, verify_design};
pub use frames::{FramesReport, Marks, Sender, plain_marks, varied_marks};
pub use icarus::{IcarusOptions, IcarusRun, Probe, icarus};
pub use stimuli::stimuli;
pub use verilator::{Moves, SimRun, moves, simulate};

use ndarray::{Array2, s};

use crate::dut::Dut;
use crate::error::{Code, Error, Result};
use crate::units::Cycles;

/// How to verify.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VerifyOptions {
    /// How often each side of a stream is stalled, in percent; 0 for a kernel.
    pub stall_percent: u32,
    /// Seed of the stalls.
    pub seed: u64,
    /// How many of the vectors, from the first, Icarus runs too.
    pub icarus: usize,
}

/// Runs `inputs` through the design and compares every output with `expected`.
///
/// * `inputs`: `[sample, input]`, raw integers
/// * `expected`: `[sample, output]`, raw integers of the reference for the same rows
///
/// # Errors
/// Those of [`simulate`] and [`icarus`], and [`Code::DataShape`] if `expected` has another shape. A wrong output is not
/// an error: it is in the report.
pub fn verify(dut: &Dut, inputs: &Array2<i64>, expected: &Array2<i64>, options: VerifyOptions) -> Result<VerifyReport> {
    let shape = [inputs.nrows(), dut.output_formats.len()];
    if expected.shape() != shape {
        return Err(Error::new(
            Code::DataShape,
            format!("expected outputs are {:?}, the design gives {shape:?}", expected.shape()),
        ));
    }
    let run = simulate(dut, inputs, options.stall_percent, options.seed)?;
    let latency = Cycles(dut.latency);
    let mismatches = count_mismatches(expected, &run.outputs);
    let second = |n: usize| {
        let part = inputs.slice(s![..n.min(inputs.nrows()), ..]).to_owned();
        let stalls = IcarusOptions { stall_percent: options.stall_percent, seed: options.seed, ..Default::default() };
        icarus(dut, &part, &stalls)
    };
    let icarus = match (options.icarus > 0).then(|| second(options.icarus)) {
        None => None,
        Some(Ok(run)) => {
            let samples = run.outputs.nrows();
            let part = expected.slice(s![..samples, ..]).to_owned();
            Some(SecondOpinion { samples, mismatches: count_mismatches(&part, &run.outputs) })
        }
        // The design is known to be wrong: its first mismatch says more than that Icarus saw an X.
        Some(Err(e)) if mismatches > 0 && e.code() == Code::ToolFailed => None,
        Some(Err(e)) => return Err(e),
    };
    Ok(VerifyReport {
        samples: inputs.nrows(),
        mismatches,
        first_mismatch: compare(expected, &run.outputs, &dut.output_formats, (!dut.axis).then_some((latency, dut.ii))),
        latency_predicted: latency,
        latency_measured: run.latency_measured,
        ii: run.ii_measured,
        ii_predicted: dut.ii,
        stall_percent: options.stall_percent,
        simulator: run.tool_version,
        icarus,
        frames: None,
    })
}

#[cfg(test)]
mod tests;

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
mod icarus;
mod stimuli;
mod tool;
mod verilator;
mod wrap;

pub use compare::{Mismatch, SecondOpinion, VerifyReport, compare, count_mismatches};
pub use icarus::icarus;
pub use stimuli::stimuli;
pub use tool::{Tool, default_limit, tool};
pub use verilator::{SimRun, simulate};
pub use wrap::{Dut, Reset};

use ndarray::Array2;

use crate::error::{Code, Error, Result};
use crate::units::Cycles;

/// How to verify.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VerifyOptions {
    /// How often each side of a stream is stalled, in percent; 0 for a kernel.
    pub stall_percent: u32,
    /// Seed of the stalls and of the latency probes.
    pub seed: u64,
    /// Whether Icarus runs the vectors too. Ask for it only where [`tool`] finds `iverilog`.
    pub icarus: bool,
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
    let icarus = match options.icarus.then(|| icarus(dut, inputs)) {
        None => None,
        Some(Ok(outputs)) => {
            Some(SecondOpinion { samples: outputs.nrows(), mismatches: count_mismatches(expected, &outputs) })
        }
        // The design is known to be wrong: its first mismatch says more than that Icarus saw an X.
        Some(Err(e)) if mismatches > 0 && e.code() == Code::ToolFailed => None,
        Some(Err(e)) => return Err(e),
    };
    Ok(VerifyReport {
        samples: inputs.nrows(),
        mismatches,
        first_mismatch: compare(expected, &run.outputs, &dut.output_formats, (!dut.axis).then_some(latency)),
        latency_predicted: latency,
        latency_measured: run.latency_measured,
        ii: run.ii_measured,
        stall_percent: options.stall_percent,
        simulator: run.tool_version,
        icarus,
    })
}

#[cfg(test)]
mod tests;

//! Expected against simulated integers, and the report about it.

use std::fmt;

use ndarray::Array2;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::FramesReport;
use crate::fixed::QFormat;
use crate::units::Cycles;

/// The first layer whose output inside the design is not that of the reference, for one input vector held still.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StageDifference {
    /// The layer.
    pub layer: String,
    /// Element of its output, from 0.
    pub element: usize,
    /// Path of the signal below the top module.
    pub signal: String,
    /// Raw integer of the reference.
    pub expected: i64,
    /// Bits of the signal, highest first.
    pub got: String,
}

impl fmt::Display for StageDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The low bits of the number, as many as the signal has.
        let bits = self.got.len().clamp(1, 64);
        let expected = (self.expected as u64) & (u64::MAX >> (64 - bits));
        write!(
            f,
            "`{}`, element {}: expected {} ({expected:0bits$b}), `{}` is {}",
            self.layer, self.element, self.expected, self.signal, self.got
        )
    }
}

/// The first place where a simulated output is not the expected one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mismatch {
    /// Row of the input vectors, from 0.
    pub sample: usize,
    /// Output of that row, from 0.
    pub output: usize,
    /// Clock cycle since the first input at which the output was sampled; `null` for a stream with stalls.
    pub cycle: Option<u64>,
    /// Format of the output.
    pub format: QFormat,
    /// Raw integer of the reference.
    pub expected: i64,
    /// Raw integer of the simulator.
    pub got: i64,
    /// The first layer that is wrong inside the design, or why none can be named.
    #[serde(default)]
    pub stage: Option<String>,
    /// Command that runs the vectors again and writes a waveform.
    #[serde(default)]
    pub replay: Option<String>,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mismatch: sample {}, output {}", self.sample, self.output)?;
        if let Some(cycle) = self.cycle {
            write!(f, ", cycle {cycle}")?;
        }
        // As many decimals as the format's step needs, but not more than a reader wants.
        let digits = self.format.frac.clamp(0, 9) as usize;
        write!(
            f,
            ": expected {} ({:.digits$} in {}), got {} ({:.digits$})",
            self.expected,
            self.format.to_f64(self.expected),
            self.format,
            self.got,
            self.format.to_f64(self.got),
        )?;
        if let Some(stage) = &self.stage {
            write!(f, "\n  first stage that differs: {stage}")?;
        }
        if let Some(replay) = &self.replay {
            write!(f, "\n  replay: {replay}")?;
        }
        Ok(())
    }
}

/// The first difference between `expected` and `got`, in sample order.
///
/// * `expected`, `got`: `[sample, output]`, raw integers, of one shape
/// * `formats`: one format per output
/// * `cycles`: cycles from input to output and from one vector to the next; `None` where cycles are not counted
pub fn compare(
    expected: &Array2<i64>,
    got: &Array2<i64>,
    formats: &[QFormat],
    cycles: Option<(Cycles, u32)>,
) -> Option<Mismatch> {
    let ((sample, output), &expected_raw) = expected.indexed_iter().find(|&(at, e)| got.get(at) != Some(e))?;
    Some(Mismatch {
        sample,
        output,
        cycle: cycles.map(|(latency, ii)| sample as u64 * u64::from(ii) + u64::from(latency.0)),
        format: formats.get(output).copied().unwrap_or(QFormat::signed(QFormat::MAX_WIDTH, 0)),
        expected: expected_raw,
        got: got.get((sample, output)).copied().unwrap_or_default(),
        stage: None,
        replay: None,
    })
}

/// How many samples differ in at least one output.
pub fn count_mismatches(expected: &Array2<i64>, got: &Array2<i64>) -> usize {
    let rows = expected.nrows().max(got.nrows());
    (0..rows).filter(|&r| r >= expected.nrows() || r >= got.nrows() || expected.row(r) != got.row(r)).count()
}

/// What the second simulator found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecondOpinion {
    /// Vectors run.
    pub samples: usize,
    /// Vectors with a wrong output.
    pub mismatches: usize,
}

/// An emitted design against the integers it should give.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifyReport {
    /// Vectors run.
    pub samples: usize,
    /// Vectors with a wrong output.
    pub mismatches: usize,
    /// The first wrong output.
    pub first_mismatch: Option<Mismatch>,
    /// Latency that the scheduler promised, in clock cycles.
    pub latency_predicted: Cycles,
    /// Latency seen from outside, in clock cycles; `null` if no input moved any output, which does not pass.
    pub latency_measured: Option<Cycles>,
    /// Cycles from one accepted input to the next, without stalls.
    pub ii: u32,
    /// The same as the design promises it.
    #[serde(default = "one")]
    pub ii_predicted: u32,
    /// How often each side of the stream was stalled, in percent.
    pub stall_percent: u32,
    /// Simulator and its version.
    pub simulator: String,
    /// The same vectors in Icarus Verilog; `null` if it was not run, or gave no defined outputs for a wrong design.
    pub icarus: Option<SecondOpinion>,
    /// The frames that the core around it sends; absent without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frames: Option<FramesReport>,
}

/// The II of a pipelined design, the only kind that older reports are about.
fn one() -> u32 {
    1
}

impl VerifyReport {
    /// Whether every output was right and came when it was promised, in every simulator that was run.
    pub fn passed(&self) -> bool {
        self.mismatches == 0
            && self.first_mismatch.is_none()
            && self.latency_measured == Some(self.latency_predicted)
            && self.ii == self.ii_predicted
            && self.icarus.as_ref().is_none_or(|i| i.mismatches == 0)
            && self.frames.as_ref().is_none_or(FramesReport::passed)
    }
}

impl fmt::Display for VerifyReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(mismatch) = &self.first_mismatch {
            writeln!(f, "{mismatch}")?;
        }
        if self.latency_measured.is_none() {
            writeln!(
                f,
                "no latency: the outputs are the same for all {} vectors, so nothing was proved",
                self.samples
            )?;
        }
        let measured = self.latency_measured.map_or("not measurable".to_owned(), |l| l.to_string());
        write!(
            f,
            "{} samples, {} with a mismatch; latency {measured} (predicted {}), II {}, stalls {} %; {}",
            self.samples, self.mismatches, self.latency_predicted, self.ii, self.stall_percent, self.simulator
        )?;
        if let Some(i) = &self.icarus {
            write!(f, "; Icarus: {} samples, {} with a mismatch", i.samples, i.mismatches)?;
        }
        if let Some(frames) = &self.frames {
            write!(f, "\n{frames}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::arr2;

    #[test]
    fn the_first_difference_is_printed_in_numbers_of_its_format() {
        let expected = arr2(&[[1, 2], [3, -12], [0, 0]]);
        let got = arr2(&[[1, 2], [3, -11], [9, 9]]);
        let formats = [QFormat::signed(6, 3), QFormat::signed(6, 3)];
        let m = compare(&expected, &got, &formats, Some((Cycles(12), 1))).unwrap();
        assert_eq!(
            m.to_string(),
            "mismatch: sample 1, output 1, cycle 13: expected -12 (-1.500 in fixed<6,3>), got -11 (-1.375)"
        );
        assert_eq!(count_mismatches(&expected, &got), 2);
        assert_eq!(compare(&expected, &expected, &formats, None), None);
    }

    #[test]
    fn missing_rows_are_mismatches() {
        let (long, short) = (arr2(&[[1], [2]]), arr2(&[[1]]));
        assert_eq!(count_mismatches(&long, &short), 1);
        assert_eq!(compare(&long, &short, &[QFormat::signed(4, 0)], None).unwrap().sample, 1);
    }
}

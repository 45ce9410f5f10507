//! Hand-written designs, right and wrong: the checker must tell them apart.

use std::path::Path;

use super::*;
use crate::dut::Reset;
use crate::fixed::QFormat;
use crate::tool::tool;

/// y0 = a + b, y1 = a - b, in three register ranks.
const KERNEL: &str = "module tiny(input clk, input [7:0] x, output [9:0] y);
  wire signed [3:0] a = x[3:0];
  wire signed [3:0] b = x[7:4];
  reg signed [3:0] a1, b1;
  reg signed [4:0] s2, d2;
  reg [9:0] q3;
  always @(posedge clk) begin
    a1 <= a; b1 <= b;
    s2 <= a1 + b1; d2 <= a1 - b1;
    q3 <= {d2, s2};
  end
  assign y = q3;
endmodule
";

/// y = x + 1 behind one register with a full handshake.
const STREAM: &str = "module flow(input clk, input rst_n, input [7:0] s_tdata, input s_tvalid, output s_tready,
  output reg [7:0] m_tdata, output reg m_tvalid, input m_tready);
  assign s_tready = !m_tvalid || m_tready;
  always @(posedge clk)
    if (!rst_n) m_tvalid <= 1'b0;
    else if (s_tready) begin
      m_tvalid <= s_tvalid;
      m_tdata <= s_tdata + 8'd1;
    end
endmodule
";

fn tiny(folder: &Path, text: &str, latency: u32) -> Dut {
    std::fs::write(folder.join("tiny.v"), text).unwrap();
    Dut {
        folder: folder.to_owned(),
        files: vec!["tiny.v".into()],
        top: "tiny".into(),
        clock: "clk".into(),
        reset: None,
        input_port: "x".into(),
        output_port: "y".into(),
        axis: false,
        ties: vec![],
        in_width: 4,
        out_width: 5,
        input_formats: vec![QFormat::signed(4, 2); 2],
        output_formats: vec![QFormat::signed(5, 2); 2],
        frames: None,
        dsp: false,
        latency,
        ii: 1,
        pixels: None,
        valid: None,
        cache: Some(folder.join("cache")),
    }
}

fn flow(folder: &Path, text: &str) -> Dut {
    std::fs::write(folder.join("flow.v"), text).unwrap();
    Dut {
        files: vec!["flow.v".into()],
        top: "flow".into(),
        reset: Some(Reset { port: "rst_n".into(), active_low: true }),
        input_port: "s".into(),
        output_port: "m_tdata".into(),
        axis: true,
        in_width: 8,
        out_width: 8,
        input_formats: vec![QFormat::unsigned(8, 0)],
        output_formats: vec![QFormat::unsigned(8, 0)],
        frames: None,
        dsp: false,
        latency: 1,
        ..tiny(folder, KERNEL, 3)
    }
}

/// Whether the simulators are here; says so if not.
fn tools() -> bool {
    for name in ["verilator", "iverilog"] {
        if tool(name, "").is_err() {
            eprintln!("skipped: {name} not found");
            return false;
        }
    }
    true
}

fn sum_and_difference(x: &Array2<i64>) -> Array2<i64> {
    Array2::from_shape_fn((x.nrows(), 2), |(r, c)| if c == 0 { x[[r, 0]] + x[[r, 1]] } else { x[[r, 0]] - x[[r, 1]] })
}

#[test]
fn a_right_kernel_passes_and_each_wrong_one_is_caught() {
    if !tools() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let dut = tiny(folder.path(), KERNEL, 3);
    let inputs = stimuli(&dut.input_formats, 100, 1);
    let expected = sum_and_difference(&inputs);
    let options = VerifyOptions { icarus: 100, ..Default::default() };
    let report = verify(&dut, &inputs, &expected, options).unwrap();
    assert!(report.passed(), "{report}");
    assert_eq!((report.latency_measured, report.ii), (Some(Cycles(3)), 1));
    assert_eq!(report.icarus, Some(SecondOpinion { samples: 100, mismatches: 0 }));

    // The same object with another promise: outputs are neighbours' and the pulses contradict. One cycle too long:
    let late = verify(&Dut { latency: 4, ..dut.clone() }, &inputs, &expected, options).unwrap();
    assert!(!late.passed() && late.mismatches > 50 && late.icarus.as_ref().unwrap().mismatches > 50, "{late}");
    assert_eq!(late.latency_measured, Some(Cycles(3)));
    // One too short: Icarus still sees the X of the start.
    let early = Dut { latency: 2, ..dut.clone() };
    assert!(!verify(&early, &inputs, &expected, options).unwrap().passed());
    let e = icarus(&early, &inputs, &IcarusOptions::default()).unwrap_err();
    assert!(e.to_string().contains("`tiny` is undefined at sample 0"), "{e}");

    // One operator changed: a + b for a - b, which differs wherever b is not 0.
    let wrong = tiny(folder.path(), &KERNEL.replace("d2 <= a1 - b1", "d2 <= a1 + b1"), 3);
    let report = verify(&wrong, &inputs, &expected, options).unwrap();
    let first = (0..100).find(|&r| inputs[[r, 1]] != 0).unwrap();
    let mismatch = report.first_mismatch.clone().unwrap();
    assert_eq!((mismatch.sample, mismatch.output, mismatch.cycle), (first, 1, Some(first as u64 + 3)));
    assert_eq!(report.mismatches, report.icarus.as_ref().unwrap().mismatches);
    assert!(!report.passed());

    // One path a rank too short: the pulse shows for two cycles.
    let skew = tiny(folder.path(), &KERNEL.replace("assign y = q3", "assign y = {q3[9:5], s2}"), 3);
    let run = simulate(&skew, &inputs, 0, 0).unwrap();
    assert_eq!((run.latency_measured, run.ii_measured), (Some(Cycles(2)), 2));
}

#[test]
fn output_is_unchanged_by_random_backpressure_and_a_lossy_stream_is_caught() {
    if !tools() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let dut = flow(folder.path(), STREAM);
    let inputs = stimuli(&dut.input_formats, 300, 2);
    let expected = inputs.mapv(|v| (v + 1) & 255);
    for stall_percent in [0, 50] {
        let options = VerifyOptions { stall_percent, seed: 5, icarus: 300 };
        let report = verify(&dut, &inputs, &expected, options).unwrap();
        assert!(report.passed() && report.ii == 1 && report.latency_measured == Some(Cycles(1)), "{report}");
    }
    // Always ready: fine without stalls, loses beats with them.
    let lossy = flow(folder.path(), &STREAM.replace("= !m_tvalid || m_tready", "= 1'b1"));
    assert!(verify(&lossy, &inputs, &expected, VerifyOptions::default()).unwrap().passed());
    let e = simulate(&lossy, &inputs, 50, 5).unwrap_err();
    assert!(e.to_string().contains("output beats for 300 input beats") && e.to_string().contains("seed 5"), "{e}");
}

#[test]
fn a_design_that_does_not_compile_shows_the_tools_words() {
    if !tools() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let dut = tiny(folder.path(), &KERNEL.replace("reg [9:0] q3;", ""), 3);
    let inputs = stimuli(&dut.input_formats, 5, 1);
    for e in [simulate(&dut, &inputs, 0, 0).unwrap_err(), icarus(&dut, &inputs, &IcarusOptions::default()).unwrap_err()]
    {
        assert_eq!(e.code(), Code::ToolFailed);
        assert!(e.to_string().contains("q3"), "{e}");
    }
    // Nothing half-made stays in the cache.
    let kept = std::fs::read_dir(folder.path().join("cache")).unwrap();
    assert_eq!(kept.flatten().filter(|e| e.path().extension().is_some_and(|e| e == "so")).count(), 0);
}

#[test]
fn a_number_outside_its_format_and_a_stalled_kernel_are_rejected() {
    let folder = tempfile::tempdir().unwrap();
    let dut = tiny(folder.path(), KERNEL, 3);
    let e = dut.pack(ndarray::arr2(&[[1, 2], [3, 8]]).view()).unwrap_err();
    assert_eq!(e.to_string(), "error[Q002]: 8 is not a number of fixed<4,2>\n  where: vector 1, input 1");
    let e = simulate(&dut, &ndarray::arr2(&[[1, 2]]), 10, 0).unwrap_err();
    assert!(e.to_string().contains("a kernel has no ready signal"), "{e}");
}

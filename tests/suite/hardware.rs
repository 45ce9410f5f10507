//! Emitted designs against the reference, in every mode, and wrong ones that must be caught.

use std::path::Path;
use std::process::Command;

use ndarray::Array2;
use sluice::dut::Dut;
use sluice::fixed::{Overflow, QFormat, Rounding};
use sluice::hw::{self, CompileOptions};
use sluice::model::{Activation, Granular, IntegerLayer, IntegerNetwork, IntegerOp, QuantizedModel};
use sluice::reference::Engine;
use sluice::synth;
use sluice::verify::{VerifyOptions, stimuli, verify};
use sluice::verilog::{self, Interface};

use super::golden::{options, tables, tiny};
use super::has;

/// A layer that reads `inputs`.
pub fn layer(name: &str, inputs: &[&str], weights: Vec<Vec<i64>>, bias: i64, outputs: Vec<QFormat>) -> IntegerLayer {
    IntegerLayer {
        name: name.into(),
        inputs: inputs.iter().map(|i| (*i).to_owned()).collect(),
        op: IntegerOp::Dense,
        bias: vec![bias; weights.len()],
        weights,
        weight_format: Granular::PerTensor(QFormat::signed(6, 2)),
        bias_format: Granular::PerTensor(QFormat::signed(8, 4)),
        activation: Activation::None,
        output_format: Granular::PerChannel(outputs),
        rounding: Rounding::Truncate,
        overflow: Overflow::Wrap,
    }
}

pub fn model(name: &str, n_in: usize, input: QFormat, layers: Vec<IntegerLayer>) -> QuantizedModel {
    let encoder = IntegerNetwork { n_in, input: Granular::PerTensor(input), layers };
    let model = QuantizedModel::of(name, encoder);
    model.check().unwrap();
    model
}

/// Every rounding with every overflow, with and without ReLU, to formats with fewer, as many and more fraction bits than
/// the accumulator, each with a range too small; a last layer hands all of them to the output unchanged.
pub fn every_mode() -> QuantizedModel {
    let mut layers = Vec::new();
    for rounding in [Rounding::Truncate, Rounding::HalfUp, Rounding::HalfEven] {
        for overflow in [Overflow::Wrap, Overflow::Saturate, Overflow::SaturateSymmetric] {
            for activation in [Activation::None, Activation::Relu] {
                let formats = vec![
                    QFormat::signed(4, 0),
                    QFormat::unsigned(4, 0),
                    QFormat::signed(3, 3),
                    QFormat::unsigned(5, 4),
                    QFormat::signed(6, 5),
                    QFormat::signed(1, 1),
                    QFormat::signed(12, 1),
                ];
                let weights =
                    vec![vec![7, -5], vec![-9, 13], vec![3, 2], vec![-1, 6], vec![2, -3], vec![5, 5], vec![-31, 17]];
                let made = layer(&format!("l{}", layers.len()), &["x"], weights, 3, formats);
                layers.push(IntegerLayer { rounding, overflow, activation, ..made });
            }
        }
    }
    let names: Vec<String> = layers.iter().map(|l| l.name.clone()).collect();
    let n = layers.iter().map(IntegerLayer::n_out).sum();
    let unit = |i: usize| (0..n).map(|j| i64::from(i == j)).collect();
    let inputs: Vec<&str> = names.iter().map(String::as_str).collect();
    // No number is lost: the finest input has 5 fraction bits, the widest 11 whole ones.
    let mut last = layer("all", &inputs, (0..n).map(unit).collect(), 0, vec![QFormat::signed(20, 5); n]);
    last.weight_format = Granular::PerTensor(QFormat::signed(2, 0));
    layers.push(last);
    model("every_mode", 2, QFormat::signed(6, 2), layers)
}

/// Two layers wide enough for shared adders.
fn wide() -> QuantizedModel {
    let mut state = 1u64;
    let mut weight = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) % 63) as i64 - 31
    };
    let mut matrix = |rows: usize, columns: usize| -> Vec<Vec<i64>> {
        (0..rows).map(|_| (0..columns).map(|_| weight()).collect()).collect()
    };
    let (first, second) = (matrix(12, 8), matrix(5, 12));
    let hidden = IntegerLayer {
        activation: Activation::Relu,
        overflow: Overflow::Saturate,
        ..layer("hidden", &["x"], first, -7, vec![QFormat::unsigned(8, 3); 12])
    };
    let latent = IntegerLayer {
        rounding: Rounding::HalfUp,
        overflow: Overflow::Saturate,
        ..layer("latent", &["hidden"], second, 11, vec![QFormat::signed(9, 2); 5])
    };
    model("wide", 8, QFormat::signed(9, 5), vec![hidden, latent])
}

/// Compiled simulations of all tests share Verilator's compiled library.
fn cache() -> std::path::PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("simulations")
}

/// Emits into `folder`.
fn emitted(model: &QuantizedModel, folder: &Path, interface: Interface, options: &CompileOptions) -> Dut {
    let graph = hw::compile(&model.encoder, options).unwrap();
    let design = verilog::emit(model, &graph, interface, options).unwrap();
    design.write(folder).unwrap();
    Dut::emitted(folder, &design.manifest, Some(cache()))
}

fn expected(model: &QuantizedModel, inputs: &Array2<i64>) -> Array2<i64> {
    Engine::new(&model.encoder).unwrap().infer_batch(inputs)
}

/// Every input of a network with few input bits.
pub fn all_inputs(formats: &[QFormat]) -> Array2<i64> {
    let bits: u32 = formats.iter().map(|f| f.width).sum();
    let mut rows = Array2::zeros((1 << bits, formats.len()));
    for (r, mut row) in rows.rows_mut().into_iter().enumerate() {
        let mut rest = r as u64;
        for (value, format) in row.iter_mut().zip(formats) {
            *value = format.from_bits(rest & ((1 << format.width) - 1));
            rest >>= format.width;
        }
    }
    rows
}

#[test]
fn every_mode_gives_the_integers_of_the_reference_for_every_input_in_both_simulators() {
    if !has("verilator") || !has("iverilog") {
        return;
    }
    let (model, folder) = (every_mode(), tempfile::tempdir().unwrap());
    let dut = emitted(&model, folder.path(), Interface::Kernel, &CompileOptions::default());
    let inputs = all_inputs(&dut.input_formats);
    assert_eq!(inputs.nrows(), 4096);
    let graph = hw::compile(&model.encoder, &CompileOptions::default()).unwrap();
    let wanted = expected(&model, &inputs);
    for (x, y) in inputs.rows().into_iter().zip(wanted.rows()) {
        assert_eq!(hw::eval(&graph, &x.to_vec()), y.to_vec(), "{x}");
    }
    let run = VerifyOptions { icarus: 4096, ..Default::default() };
    let report = verify(&dut, &inputs, &wanted, run).unwrap();
    assert!(report.passed() && report.samples == 4096, "{report}");
    assert_eq!(report.icarus.unwrap().samples, 4096);
}

#[test]
fn tables_and_pooling_give_the_integers_of_the_reference_for_every_input_in_both_simulators() {
    if !has("verilator") || !has("iverilog") {
        return;
    }
    let (model, folder) = (tables(), tempfile::tempdir().unwrap());
    let dut = emitted(&model, folder.path(), Interface::Kernel, &options());
    let inputs = all_inputs(&dut.input_formats);
    assert_eq!(inputs.nrows(), 65536);
    let wanted = expected(&model, &inputs);
    let graph = hw::compile(&model.encoder, &options()).unwrap();
    for (x, y) in inputs.rows().into_iter().zip(wanted.rows()) {
        assert_eq!(hw::eval(&graph, &x.to_vec()), y.to_vec(), "{x}");
    }
    let report = verify(&dut, &inputs, &wanted, VerifyOptions { icarus: 4096, ..Default::default() }).unwrap();
    assert!(report.passed() && report.samples == 65536, "{report}");
    // Elements with one table call one function.
    let text = std::fs::read_to_string(folder.path().join("tables.v")).unwrap();
    let found = (text.matches("endfunction").count(), text.matches("= table0(").count());
    assert_eq!(found, (3, 4), "{text}");
    // One entry changed: seen, at the layer of the table.
    let entry = text.lines().find(|l| l.contains(": table0 = ")).unwrap();
    let (label, value) = entry.split_once(" = ").unwrap();
    let other = if value == "5'h1;" { "5'h2;" } else { "5'h1;" };
    std::fs::write(folder.path().join("tables.v"), text.replacen(entry, &format!("{label} = {other}"), 1)).unwrap();
    assert!(caught(&dut, &inputs, &wanted, 0));
}

#[test]
fn sums_of_one_rank_are_not_merged_into_carry_save_trees() {
    if !has("yosys") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    // One rank: every sum meets the next one without a register between.
    let one_rank = CompileOptions { latency: Some(1), ..Default::default() };
    let dut = emitted(&wide(), folder.path(), Interface::Kernel, &one_rank);
    let count = || synth::yosys(&dut, synth::SynthTarget::Rtl).unwrap().words.unwrap();
    let built = count();
    assert_eq!(built.macc, 0, "{built:?}");
    // The same without the bit that is read twice.
    let path = folder.path().join("wide.v");
    let text = std::fs::read_to_string(&path).unwrap();
    let plain: Vec<String> = text
        .lines()
        .map(|line| match line.split_once("_s = {") {
            Some((_, rest)) => {
                let from = rest.split_once('[').unwrap().0;
                format!("    assign {from}_s = {from};")
            }
            None => line.to_owned(),
        })
        .collect();
    assert_ne!(text.lines().collect::<Vec<_>>(), plain);
    std::fs::write(&path, plain.join("\n")).unwrap();
    let merged = count();
    assert!(merged.macc > 0 && merged.adder_bits == built.adder_bits, "{merged:?}");
}

#[test]
fn a_stream_keeps_every_beat_in_order_under_random_backpressure() {
    if !has("verilator") || !has("iverilog") {
        return;
    }
    let (model, folder) = (wide(), tempfile::tempdir().unwrap());
    let dut = emitted(&model, folder.path(), Interface::Axis, &options());
    let inputs = stimuli(&dut.input_formats, 5000, 3);
    let wanted = expected(&model, &inputs);
    for stall_percent in [0, 30, 70] {
        let report = verify(&dut, &inputs, &wanted, VerifyOptions { stall_percent, seed: 9, icarus: 500 }).unwrap();
        assert!(report.passed(), "{stall_percent} %: {report}");
        assert_eq!((report.ii, report.samples), (1, 5000));
    }
    // The skid buffer without its memory: a beat that meets a stall is lost or doubled.
    let path = folder.path().join("skid_buffer.v");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("full <= resetn & stalled", "full <= 1'b0")).unwrap();
    assert!(!caught(&dut, &inputs, &wanted, 0), "without stalls nothing is held");
    assert!(caught(&dut, &inputs, &wanted, 30));
}

/// Emits a folded design into `folder`.
fn emitted_folded(model: &QuantizedModel, folder: &Path, interface: Interface, reuse: u32) -> Dut {
    let options = CompileOptions::default();
    let folded = hw::fold(&model.encoder, &options, reuse).unwrap();
    let design = verilog::emit_folded(model, &folded, interface, &options).unwrap();
    design.write(folder).unwrap();
    Dut::emitted(folder, &design.manifest, Some(cache()))
}

#[test]
fn a_folded_stream_takes_a_vector_every_reuse_cycles_and_keeps_every_beat_under_backpressure() {
    if !has("verilator") || !has("iverilog") {
        return;
    }
    let (model, folder) = (wide(), tempfile::tempdir().unwrap());
    let dut = emitted_folded(&model, folder.path(), Interface::Axis, 6);
    let inputs = stimuli(&dut.input_formats, 2000, 3);
    let wanted = expected(&model, &inputs);
    for stall_percent in [0, 30, 70] {
        let report = verify(&dut, &inputs, &wanted, VerifyOptions { stall_percent, seed: 9, icarus: 200 }).unwrap();
        assert!(report.passed(), "{stall_percent} %: {report}");
        assert_eq!((report.ii, report.samples), (6, 2000));
    }
    // A shell that takes vectors too early, and one that does not wait for its output.
    let path = folder.path().join("wide.v");
    let good = std::fs::read_to_string(&path).unwrap();
    for (from, to) in
        [("assign idle = ~(|left);", "assign idle = ~left[0];"), ("m_axis_tready | ~m_axis_tvalid", "1'b1")]
    {
        assert!(good.contains(from));
        std::fs::write(&path, good.replace(from, to)).unwrap();
        assert!(caught(&dut, &inputs, &wanted, 30), "{to}");
    }
}

#[test]
fn every_mode_gives_the_integers_of_the_reference_when_it_is_folded() {
    if !has("verilator") || !has("iverilog") {
        return;
    }
    let (model, folder) = (every_mode(), tempfile::tempdir().unwrap());
    let dut = emitted_folded(&model, folder.path(), Interface::Kernel, 4);
    let inputs = all_inputs(&dut.input_formats);
    let run = VerifyOptions { icarus: 1000, ..Default::default() };
    let report = verify(&dut, &inputs, &expected(&model, &inputs), run).unwrap();
    assert!(report.passed() && report.ii == 4, "{report}");
}

/// Whether verification refuses a design, by an error or in its report.
fn caught(dut: &Dut, inputs: &Array2<i64>, wanted: &Array2<i64>, stall_percent: u32) -> bool {
    verify(dut, inputs, wanted, VerifyOptions { stall_percent, seed: 1, icarus: 0 }).map_or(true, |r| !r.passed())
}

#[test]
fn mutated_designs_are_all_caught() {
    if !has("verilator") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let dut = emitted(&tiny(), folder.path(), Interface::Kernel, &options());
    let inputs = all_inputs(&dut.input_formats);
    let wanted = expected(&tiny(), &inputs);
    assert!(!caught(&dut, &inputs, &wanted, 0));
    let path = folder.path().join("tiny.v");
    let good = std::fs::read_to_string(&path).unwrap();
    // (what, text to find, what replaces its first occurrence)
    let mutants = [
        ("a sum becomes a difference", " + ", " - "),
        ("a difference becomes a sum", " - ", " + "),
        ("a saturation level is off by one", "? 4'hf", "? 4'he"),
        ("a tie goes to odd", "& (n13[2] | ", "& (~n13[2] | "),
        ("a sign is lost", "{{2{n26_r3[4]}}, n26_r3, ", "{2'b0, n26_r3, "),
        ("an operand comes a rank too early", "{2'b0, hidden_0_r2}", "{2'b0, hidden_0}"),
        ("an input is taken from its neighbour's bits", "x[7:4]", "x[6:3]"),
        ("two outputs change places", "latent_1_r4,\n      latent_0_r4", "latent_0_r4,\n      latent_1_r4"),
        ("a register takes the other clock edge", "posedge", "negedge"),
    ];
    let mut survivors = Vec::new();
    for (what, from, to) in mutants {
        assert!(good.contains(from), "`{from}` is not in the design:\n{good}");
        std::fs::write(&path, good.replacen(from, to, 1)).unwrap();
        if !caught(&dut, &inputs, &wanted, 0) {
            survivors.push(what);
        }
    }
    assert!(survivors.is_empty(), "{survivors:?} in\n{good}");
}

#[test]
fn a_design_whose_outputs_never_move_does_not_pass() {
    if !has("verilator") {
        return;
    }
    // Every output is negative before ReLU: 0 is right for all inputs, and proves nothing.
    let still = IntegerLayer {
        activation: Activation::Relu,
        ..layer("y", &["x"], vec![vec![1, 1]], -120, vec![QFormat::unsigned(3, 0)])
    };
    let model = model("still", 2, QFormat::signed(3, 2), vec![still]);
    let folder = tempfile::tempdir().unwrap();
    let dut = emitted(&model, folder.path(), Interface::Kernel, &CompileOptions::default());
    let inputs = all_inputs(&dut.input_formats);
    let report = verify(&dut, &inputs, &expected(&model, &inputs), VerifyOptions::default()).unwrap();
    assert_eq!((report.mismatches, report.latency_measured), (0, None));
    assert!(!report.passed() && report.to_string().contains("nothing was proved"), "{report}");
}

/// Runs a tool in `folder` and returns its status and all it said.
fn said(folder: &Path, tool: &str, args: &[String]) -> (bool, String) {
    let out = Command::new(tool).args(args).current_dir(folder).output().unwrap();
    (out.status.success(), String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned())
}

#[test]
fn designs_are_lint_clean_and_read_by_yosys_and_icarus() {
    if !has("verilator") || !has("iverilog") || !has("yosys") {
        return;
    }
    for model in [tiny(), every_mode(), wide(), tables()] {
        for interface in [Interface::Kernel, Interface::Axis] {
            let folder = tempfile::tempdir().unwrap();
            // Half even with symmetric saturation is one operation of 8 ns.
            let clock = CompileOptions { clock_mhz: Some(100.0), ..Default::default() };
            let pipelined = emitted(&model, folder.path(), interface, &clock);
            clean(&pipelined);
            for reuse in [2, 5] {
                let folder = tempfile::tempdir().unwrap();
                clean(&emitted_folded(&model, folder.path(), interface, reuse));
                let folded = hw::fold_multiplied(&model.encoder, &clock, reuse).unwrap();
                let design = verilog::emit_folded(&model, &folded, interface, &clock).unwrap();
                let folder = tempfile::tempdir().unwrap();
                design.write(folder.path()).unwrap();
                clean(&Dut::emitted(folder.path(), &design.manifest, None));
            }
        }
    }
}

/// Asserts that no tool says anything about a design.
pub fn clean(dut: &Dut) {
    let (folder, top) = (dut.folder.as_path(), &dut.top);
    let args = |first: &[&str]| -> Vec<String> {
        first.iter().map(|s| (*s).to_owned()).chain(dut.files.iter().cloned()).collect()
    };
    for file in &dut.files {
        let text = std::fs::read_to_string(folder.join(file)).unwrap();
        assert!(!text.contains("lint_off"), "{file} hides warnings");
    }
    let lint = ["--lint-only", "-Wall", "--top-module", top];
    let (clean, text) = said(folder, "verilator", &args(&lint));
    assert!(clean && !text.contains('%'), "{top}, axis {}: {text}", dut.axis);
    let (clean, text) = said(folder, "iverilog", &args(&["-g2005", "-Wall", "-t", "null"]));
    // That a file sets no time scale is its right.
    assert!(clean && !text.contains("error"), "{top}, axis {}: {text}", dut.axis);
    let script = format!("read_verilog {}; hierarchy -check -top {top}; proc; check -assert", dut.files.join(" "));
    let (clean, text) = said(folder, "yosys", &["-q".into(), "-p".into(), script]);
    assert!(clean && !text.contains("Warning"), "{top}, axis {}: {text}", dut.axis);
}

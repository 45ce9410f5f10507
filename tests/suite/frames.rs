//! Frames: the core beside the software, byte for byte, and as files.

use std::path::Path;
use std::process::Command;

use ndarray::Array2;
use sluice::dut::Dut;
use sluice::fixed::QFormat;
use sluice::hw::{CompileOptions, Compiled, Effort, Reuse, compile_reuse};
use sluice::link::{LearnOptions, Link, NumberCode, Predictor, WaveOptions};
use sluice::model::QuantizedModel;
use sluice::reference::Engine;
use sluice::verify::{FramesReport, Marks, Sender, VerifyOptions, plain_marks, varied_marks};
use sluice::verilog::{self, CoreOptions, Interface};

use super::{Folder, has, stderr};

/// Gives what it gets: so that any event can be sent.
pub fn identity(formats: &[QFormat]) -> QuantizedModel {
    QuantizedModel::pass_through("pass", formats).unwrap()
}

pub fn formats() -> Vec<QFormat> {
    vec![
        QFormat::signed(5, 2),
        QFormat::unsigned(7, 2),
        QFormat::signed(12, 2),
        QFormat::unsigned(1, 2),
        QFormat::signed(9, 2),
    ]
}

/// Zeros and small numbers mostly, all numbers sometimes.
pub fn events(n: usize, formats: &[QFormat], seed: u64) -> Array2<i64> {
    let mut state = seed;
    let mut draw = move |bits: u32| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> (64 - bits)) as i64
    };
    let mut rows = Array2::zeros((n, formats.len()));
    for mut row in rows.rows_mut() {
        let all = draw(4) == 0;
        for (v, f) in row.iter_mut().zip(formats) {
            let any = QFormat::min(*f) + draw(f.width);
            *v = if all { any } else { any >> (f.width - f.width.min(2)) };
        }
    }
    rows
}

pub fn learned(formats: &[QFormat], events: &Array2<i64>, options: &LearnOptions) -> Link {
    let events: Vec<Vec<i64>> = events.rows().into_iter().map(|row| row.to_vec()).collect();
    Link::learn(formats, events.iter().map(Vec::as_slice), options).unwrap()
}

/// Emits the core of a link and its kernel.
pub fn emitted(model: &QuantizedModel, link: &Link, bits: u32, reuse: u32, folder: &Path) -> Dut {
    emitted_with(model, link, &CoreOptions { bits, ..Default::default() }, reuse, folder)
}

pub fn emitted_with(model: &QuantizedModel, link: &Link, core: &CoreOptions, reuse: u32, folder: &Path) -> Dut {
    let options = CompileOptions { effort: Effort::Fast, ..Default::default() };
    let kernel = match compile_reuse(&model.encoder, &options, Reuse::Cycles(reuse)).unwrap() {
        Compiled::Pipelined(graph) => verilog::emit(model, &graph, Interface::Kernel, &options),
        Compiled::Folded(folded) => verilog::emit_folded(model, &folded, Interface::Kernel, &options),
        Compiled::Streamed(_) => panic!("nobody asked for a stream"),
    };
    let design = verilog::with_link(kernel.unwrap(), link, core).unwrap();
    design.write(folder).unwrap();
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("simulations");
    Dut::framed(folder, &design.manifest, Some(cache)).unwrap()
}

fn run(dut: &Dut, link: &Link, model: &QuantizedModel, inputs: &Array2<i64>, stall: u32) -> FramesReport {
    run_with(dut, link, model, inputs, &varied_marks(inputs.nrows()), stall)
}

fn run_with(
    dut: &Dut,
    link: &Link,
    model: &QuantizedModel,
    inputs: &Array2<i64>,
    marks: &Marks,
    stall: u32,
) -> FramesReport {
    let engine = Engine::new(&model.encoder).unwrap();
    let options = VerifyOptions { stall_percent: stall, seed: 1, icarus: 200 };
    let (report, _) = Sender { dut, link, engine: &engine }.verify(inputs, marks, options).unwrap();
    assert!(report.passed(), "{report}");
    report
}

#[test]
fn a_core_sends_the_bytes_of_the_software_for_every_code_width_and_stall() {
    if !has("verilator") || !has("iverilog") {
        return;
    }
    let formats = formats();
    let model = identity(&formats);
    let sent = events(4000, &formats, 5);
    let sample = events(2000, &formats, 6);
    let options = |prefix, zero, frame_events| LearnOptions {
        prefix,
        zero_suppression: Some(zero),
        frame_events,
        longest: 9,
        ..Default::default()
    };
    let cases = [
        (32, options(false, false, 3), 12),
        (64, options(true, true, 1), 12),
        (64, options(true, false, 5000), 9),
        (128, options(true, true, 16), 9),
        (256, options(true, false, 2), 11),
        (256, options(false, true, 64), 9),
    ];
    for (bits, options, frame_limit_log2) in cases {
        let link = Link { frame_limit_log2, ..learned(&formats, &sample, &options) };
        link.check().unwrap();
        let escapes = |n: &sluice::link::Number| matches!(&n.code, NumberCode::Prefix(code) if code.escape > 0);
        assert_eq!(link.numbers.iter().any(escapes), options.prefix, "wide numbers have escapes");
        let folder = tempfile::tempdir().unwrap();
        let dut = emitted(&model, &link, bits, 1, folder.path());
        run(&dut, &link, &model, &sent, 0);
        // A wide link keeps up, but with frames of an event or two.
        if bits == 256 && options.frame_events > 2 {
            let free = run_with(&dut, &link, &model, &sent, &plain_marks(sent.nrows(), None), 0);
            assert_eq!(free.input_cycles as usize, sent.nrows() - 1, "{free}");
        }
        for stall in [50, 90] {
            run(&dut, &link, &model, &sent, stall);
        }
    }
}

#[test]
fn a_folded_kernel_sends_frames_at_its_own_pace() {
    if !has("verilator") || !has("iverilog") {
        return;
    }
    let formats = formats();
    let model = identity(&formats);
    let link = learned(&formats, &events(1000, &formats, 6), &LearnOptions { frame_events: 4, ..Default::default() });
    let folder = tempfile::tempdir().unwrap();
    let dut = emitted(&model, &link, 64, 5, folder.path());
    let sent = events(2000, &formats, 7);
    let free = run(&dut, &link, &model, &sent, 0);
    assert_eq!(free.input_cycles as usize, 5 * (sent.nrows() - 1));
    run(&dut, &link, &model, &sent, 60);
}

/// Everything that a core can have beside codes and frames, each with and without stalls.
#[test]
fn cores_with_registers_clocks_beats_losses_and_frames_of_fixed_size_send_the_bytes_of_the_software() {
    if !has("verilator") || !has("iverilog") {
        return;
    }
    let formats = formats();
    let model = identity(&formats);
    let sent = events(4000, &formats, 5);
    let sample = events(2000, &formats, 6);
    let of = |options: LearnOptions| learned(&formats, &sample, &options);
    let core = CoreOptions::default();
    let fixed = LearnOptions { fixed_bits: Some(96), ..Default::default() };
    let threshold = LearnOptions { threshold: 5, ..Default::default() };
    let all = CoreOptions { registers: true, output_clock: true, drop: true, ..core };
    let cases = [
        (LearnOptions::default(), CoreOptions { registers: true, ..core }, 1),
        (LearnOptions::default(), CoreOptions { output_clock: true, bits: 128, ..core }, 1),
        (LearnOptions::default(), CoreOptions { input_bits: Some(16), ..core }, 1),
        (LearnOptions::default(), CoreOptions { input_bits: Some(40), registers: true, ..core }, 4),
        (threshold, CoreOptions { bits: 256, ..core }, 1),
        (threshold, CoreOptions { registers: true, ..core }, 1),
        (fixed, core, 1),
        (fixed, CoreOptions { registers: true, output_clock: true, ..core }, 3),
        (LearnOptions::default(), CoreOptions { drop: true, bits: 32, ..core }, 1),
        (LearnOptions { frame_events: 3, ..Default::default() }, CoreOptions { bits: 32, ..all }, 2),
        (fixed, all, 1),
    ];
    let mut lost = 0;
    for (options, core, reuse) in cases {
        let folder = tempfile::tempdir().unwrap();
        let link = of(options);
        let dut = emitted_with(&model, &link, &core, reuse, folder.path());
        let files: Vec<&str> = dut.files.iter().map(String::as_str).filter(|f| f.ends_with(".v")).collect();
        let lint = ["--lint-only", "-Wall", "--top-module", &dut.top];
        let out = Command::new("verilator").args(lint).args(&files).current_dir(folder.path()).output().unwrap();
        assert!(out.status.success(), "{core:?}: {}", stderr(&out));
        for stall in [0, 60, 95] {
            let report = run(&dut, &link, &model, &sent, stall);
            assert!(core.drop || report.lost == 0);
            lost += report.lost;
            if core.drop {
                // Nothing ever waits.
                assert!(stall > 0 || report.input_cycles as usize <= sent.nrows() * dut.ii as usize + 500, "{report}");
            }
        }
    }
    assert!(lost > 5000, "{lost}");
}

/// Lanes of a waveform link: bits, sign, bound, predictor, and whether it has tables.
type LaneKind = (u32, bool, u32, Predictor, bool);

fn format_of((bits, signed, ..): &LaneKind) -> QFormat {
    if *signed { QFormat::signed(*bits, 0) } else { QFormat::unsigned(*bits, 0) }
}

/// A pulse now and then on noise, and as `seed` has it any sample at all.
fn pulses(n: usize, kinds: &[LaneKind], seed: u64) -> Array2<i64> {
    let formats: Vec<QFormat> = kinds.iter().map(format_of).collect();
    let any = events(n, &formats, seed);
    Array2::from_shape_fn((n, kinds.len()), |(i, k)| {
        let (format, noise) = (formats[k], any[[i, k]] & 3);
        let pulse = (format.max() / 2) >> ((i + 31 * k) % 97 / 4).min(20);
        if i % 500 > 460 { any[[i, k]] } else { (format.min() + format.max() / 3 + pulse + noise).min(format.max()) }
    })
}

/// Each lane learned as its kind says.
fn learned_waves(kinds: &[LaneKind]) -> Link {
    let sample = pulses(3000, kinds, 6);
    let lane = |(k, kind): (usize, &LaneKind)| {
        let (_, _, bound, predictor, tables) = *kind;
        let options = WaveOptions { predictor, tables, bound, frame_events: 400 };
        let records = vec![sample.column(k).to_vec()];
        Link::learn_waveforms(&[(format_of(kind), records)], &options).unwrap()
    };
    let mut links = kinds.iter().enumerate().map(lane);
    let mut link = links.next().unwrap();
    link.numbers.extend(links.flat_map(|l| l.numbers));
    let bits = link.worst_event_bits() * u64::from(link.frame_events);
    link.frame_limit_log2 = bits.next_power_of_two().trailing_zeros();
    link.check().unwrap();
    link
}

#[test]
fn waveforms_are_coded_as_in_software_whatever_their_width_lanes_bound_and_stalls() {
    if !has("verilator") || !has("iverilog") {
        return;
    }
    use Predictor::{Lms8, Previous};
    let cases: [(u32, &[LaneKind]); 6] = [
        (32, &[(14, false, 0, Previous, false)]),
        (64, &[(16, false, 0, Lms8, true)]),
        (32, &[(4, true, 0, Lms8, false)]),
        (64, &[(12, true, 5, Lms8, true)]),
        // Lanes that take different times; one of three is left over in the tree.
        (128, &[(10, false, 0, Previous, false), (12, true, 1, Lms8, true), (16, false, 0, Previous, true)]),
        (256, &[(13, false, 0, Lms8, false), (16, true, 400, Lms8, false)]),
    ];
    for (bits, kinds) in cases {
        let link = learned_waves(kinds);
        let model = identity(&kinds.iter().map(format_of).collect::<Vec<_>>());
        let folder = tempfile::tempdir().unwrap();
        let dut = emitted(&model, &link, bits, 1, folder.path());
        let sent = pulses(4000, kinds, 5);
        let free = run(&dut, &link, &model, &sent, 0);
        assert!(free.input_cycles as usize >= sent.nrows() - 1);
        for stall in [50, 90] {
            run(&dut, &link, &model, &sent, stall);
        }
    }
}

#[test]
fn cores_are_lint_clean_and_read_by_yosys_and_icarus() {
    if !has("verilator") || !has("iverilog") || !has("yosys") {
        return;
    }
    let formats = formats();
    let sample = events(1000, &formats, 6);
    let links = [
        (32, 1, learned(&formats, &sample, &LearnOptions { zero_suppression: Some(true), ..Default::default() })),
        (256, 4, learned(&formats, &sample, &LearnOptions { prefix: false, ..Default::default() })),
        (64, 1, learned_waves(&[(12, false, 0, Predictor::Lms8, true), (9, true, 3, Predictor::Previous, false)])),
    ];
    for (bits, reuse, link) in links {
        let formats: Vec<QFormat> = link.numbers.iter().map(|n| n.format).collect();
        let folder = tempfile::tempdir().unwrap();
        let dut = emitted(&identity(&formats), &link, bits, reuse, folder.path());
        let files: Vec<&str> = dut.files.iter().map(String::as_str).collect();
        let tool = |name: &str, args: &[&str]| {
            let out = Command::new(name).args(args).args(&files).current_dir(folder.path()).output().unwrap();
            let said = format!("{}{}", String::from_utf8_lossy(&out.stdout), stderr(&out));
            assert!(out.status.success() && !said.to_lowercase().contains("warning"), "{name}: {said}");
        };
        tool("verilator", &["--lint-only", "-Wall", "--top-module", &dut.top]);
        tool("iverilog", &["-g2005", "-Wall", "-Wno-timescale", "-o", "out", "-s", &dut.top]);
        let script = format!("read_verilog {}; prep -flatten -top {}; check -assert", files.join(" "), dut.top);
        let out = Command::new("yosys").args(["-q", "-p", &script]).current_dir(folder.path()).output().unwrap();
        assert!(out.status.success(), "{}", stderr(&out));
    }
}

/// A recipe that trains in a second.
const RECIPE: &str = r#"name = "cells"
[data]
toy = "trigger-cells"
toy_rows = 600
[train]
latent = 6
hidden = []
decoder_hidden = [8]
epochs = 1
qat_epochs = 0
[quantize]
latent_bits = 6
"#;

#[test]
fn firmware_and_compress_write_the_same_file_and_decompress_reads_it() {
    if !has("verilator") || !has("iverilog") {
        return;
    }
    let folder = Folder::new();
    folder.write("r.toml", RECIPE);
    folder.works(&["toy", "trigger-cells", "x.npz", "--rows", "600", "--seed", "1"]);
    folder.works(&["train", "r.toml", "--out", "t.json"]);
    folder.works(&["quantize", "t.json", "--out", "q.json"]);
    folder.works(&["link", "x.npz", "--model", "q.json", "--frame-events", "10"]);
    folder.works(&["emit", "q.json", "--link", "link.json", "--link-bits", "32", "--out", "d", "--effort", "fast"]);
    folder.works(&["compress", "x.npz", "a.slf", "--mode", "neural", "--model", "q.json", "--link", "link.json"]);
    let out = folder.works(&["verify", "d", "--data", "x.npz", "--stall", "20", "--frames-out", "b.slf"]);
    assert!(String::from_utf8_lossy(&out.stdout).contains("every byte as in software"));
    let (software, firmware) = (folder.bytes("a.slf"), folder.bytes("b.slf"));
    assert!(software == firmware, "{} and {} bytes", software.len(), firmware.len());
    // The same numbers as from a container, by way of the same decoder.
    folder.works(&["compress", "x.npz", "c.slc", "--mode", "neural", "--model", "q.json"]);
    folder.works(&["decompress", "c.slc", "c.npz"]);
    folder.works(&["decompress", "b.slf", "b.npz", "--model", "q.json", "--link", "link.json"]);
    let numbers = |name: &str| {
        let values = &folder.rows(name).columns[0].values;
        (0..values.len()).map(|i| values.get_f64(i)).collect::<Vec<_>>()
    };
    assert!(numbers("b.npz") == numbers("c.npz"));
    // A sender that was reset counts from 0 again.
    folder.write("twice.slf", [&firmware[..], &firmware].concat());
    folder.works(&["decompress", "twice.slf", "twice.npz", "--model", "q.json", "--link", "link.json"]);
    assert_eq!(folder.rows("twice.npz").rows, 1200);
    // A byte that is wrong costs its frame, and is named.
    let mut wrong = firmware;
    let frame = wrong.len() / 2;
    wrong[frame] ^= 4;
    folder.write("w.slf", wrong);
    let link = ["--model", "q.json", "--link", "link.json"];
    folder.refused(
        &[&["decompress", "w.slf", "w.npz"][..], &link].concat(),
        "error[C001]: the frames are damaged at byte ",
    );
    assert!(!folder.at("w.npz").exists());
    let out = folder.works(&[&["decompress", "w.slf", "w.npz", "--recover"][..], &link].concat());
    assert!(stderr(&out).contains("their frames did not come"), "{}", stderr(&out));
    assert_eq!(folder.rows("w.npz").rows, 590);
    // What cannot be, with one error that says so.
    folder.write("noise.slf", [7; 100]);
    folder.refused(
        &[&["decompress", "noise.slf", "n.npz", "--recover"][..], &link].concat(),
        "error[C001]: the frames are damaged at byte 0: no header begins here",
    );
    assert!(!folder.at("n.npz").exists());
    let emit = ["emit", "q.json", "--link", "link.json", "--effort", "fast", "--out", "e"];
    folder.refused(&[&emit[..], &["--link-bits", "48"]].concat(), "error[U001]: a link of 48 bits");
    folder.refused(&["link", "x.npz", "--model", "q.json", "--longest", "0"], "error[U001]: codes have 1 to 15 bits");
    folder.refused(
        &["compress", "x.npz", "e.slf", "--mode", "bounded", "--bound", "abs:1", "--link", "link.json"],
        "error[U001]: the link says how much frames may lose",
    );
    folder.refused(
        &["compress", "x.npz", "e.slf", "--link", "link.json"],
        "error[U001]: the link sends what a model gives",
    );
    let text = std::fs::read_to_string(folder.at("link.json")).unwrap();
    let mut other: Link = serde_json::from_str(&text).unwrap();
    other.numbers.pop();
    folder.write("link.json", serde_json::to_string(&other).unwrap());
    folder.refused(&emit, "error[D004]: the link has other numbers than the encoder gives");
    folder.refused(
        &["compress", "x.npz", "e.slf", "--mode", "neural", "--model", "q.json", "--link", "link.json"],
        "error[M003]: the link has other numbers than the encoder gives",
    );
    folder.write("link.json", text.replacen("\"frame_limit_log2\": 12", "\"frame_limit_log2\": 40", 1));
    folder.refused(&emit, "error[M001]: `frame_limit_log2` 40 is outside 9 to 18");
    folder
        .refused(&["verify", "d", "--data", "x.npz", "--frames-out", "f.slf", "--random", "5"], "cannot be used with");
    assert!(!folder.at("e").exists() && !folder.at("e.slf").exists());
}

#[test]
fn columns_are_sent_without_a_model_and_come_back_with_names_types_and_shapes() {
    if !has("verilator") || !has("iverilog") {
        return;
    }
    let folder = Folder::new();
    folder.works(&["toy", "pulses", "p.npz", "--rows", "40", "--seed", "3"]);
    folder.works(&["toy", "trigger-cells", "t.npz", "--rows", "300", "--seed", "3"]);
    let lines: String = (0..200).map(|i| format!("{},{}\n", 40 + i % 7, i * i % 90 - 45)).collect();
    folder.write("c.csv", format!("a,b\n{lines}"));
    let waves = ["--waveform", "--predictor", "previous", "--frame-events", "100"];
    let rows: [(&str, &[&str]); 5] = [
        ("p.npz", &["--waveform"]),
        ("p.npz", &["--waveform", "--records", "3", "--rice"]),
        ("p.npz", &waves),
        ("t.npz", &["--zero-suppression", "true"]),
        ("c.csv", &["--waveform", "--continuous", "--rice", "--frame-events", "9"]),
    ];
    for (k, (file, options)) in rows.iter().enumerate() {
        let (design, sent, back) = (format!("d{k}"), format!("a{k}.slf"), format!("b{k}.npz"));
        folder.works(&[&["link", file][..], options].concat());
        folder.works(&["emit", "--link", "link.json", "--link-bits", "64", "--out", &design]);
        folder.works(&["compress", file, &sent, "--link", "link.json"]);
        folder.works(&["verify", &design, "--data", file, "--frames-out", "v.slf"]);
        assert!(folder.bytes(&sent) == folder.bytes("v.slf"), "{options:?}");
        folder.works(&["decompress", &sent, &back, "--link", "link.json"]);
        assert_eq!(folder.rows(&back).columns, folder.rows(file).columns, "{options:?}");
    }
    // A bound is kept, and the record of a frame that is lost is left out whole.
    folder.works(&["link", "p.npz", "--waveform", "--bound", "4", "--out", "r.json"]);
    folder.works(&["compress", "p.npz", "r.slf", "--link", "r.json"]);
    folder.works(&["link", "p.npz", "--waveform", "--bound", "4", "--frame-events", "100"]);
    folder.works(&["compress", "p.npz", "l.slf", "--link", "link.json"]);
    folder.works(&["decompress", "l.slf", "l.npz", "--link", "link.json"]);
    let (sent, back) = (folder.rows("p.npz"), folder.rows("l.npz"));
    let (sent, back) = (&sent.columns[0].values, &back.columns[0].values);
    let differences: Vec<f64> = (0..sent.len()).map(|i| (sent.get_f64(i) - back.get_f64(i)).abs()).collect();
    let most = differences.iter().copied().fold(0.0, f64::max);
    assert!(sent.len() == back.len() && most > 0.0 && most <= 4.0, "{most}");
    let mut wrong = folder.bytes("l.slf");
    let middle = wrong.len() / 2;
    wrong[middle] ^= 1;
    folder.write("w.slf", wrong);
    let out = folder.works(&["decompress", "w.slf", "w.npz", "--link", "link.json", "--recover"]);
    assert!(stderr(&out).contains("their frames did not come"), "{}", stderr(&out));
    assert_eq!(folder.rows("w.npz").rows, 39);
    // The same from a recipe, and a second run that has nothing to do.
    let recipe = "name = \"p\"\n[data]\npath = \"p.npz\"\n[link]\nencoder = \"waveform\"\nbits = 32\n\
                  waveform = { bound = 4 }\n[verify]\nrandom = 500\nsynth = false\n";
    folder.write("r.toml", recipe);
    let out = folder.works(&["run", "r.toml", "--out", "run"]);
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(said.contains("every byte as in software") && said.contains("sluice frames (this run)"), "{said}");
    assert!(folder.bytes("run/data.slf") == folder.bytes("r.slf"));
    let again = folder.works(&["run", "r.toml", "--out", "run"]);
    assert_eq!(out.stdout, again.stdout);
    // What cannot be.
    folder.refused(&["link", "t.npz", "--waveform", "--sample-bits", "3"], "error[U001]: column `");
    folder.refused(&["compress", "t.npz", "e.slf", "--link", "link.json"], "has shape [48], the link [512]");
    folder.refused(&["decompress", "l.slf", "e.npz", "--link", "link.json", "--model", "q.json"], "without a model");
    folder.refused(&["emit", "q.json", "--link", "link.json", "--out", "e"], "without a model");
    folder.refused(&["emit", "--out", "e"], "required");
    folder.works(&["toy", "jets", "j.npz", "--rows", "20"]);
    folder.refused(&["link", "j.npz"], "only whole numbers are sent as they are");
}

//! Random encoders of images, streamed: reference, evaluator, Verilator and Icarus agree; what is wrong is caught.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use ndarray::{Array2, Axis, concatenate, s};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sluice::Code;
use sluice::dut::{Dut, Reset};
use sluice::fixed::QFormat;
use sluice::hw::stream::{Built, Streamed};
use sluice::hw::{self, CompileOptions, Effort};
use sluice::model::network::Conv2d;
use sluice::model::{Granular, IntegerLayer, IntegerNetwork, IntegerOp, QuantizedModel};
use sluice::reference::Engine;
use sluice::verify::{VerifyOptions, stimuli, verify};
use sluice::verilog::{self, DesignManifest, Interface, VerilogDesign};

use super::hardware::clean;
use super::networks::{LOOKED_UP, format, layer, lookup, pooling};
use super::{has, sluice, stderr};

/// Networks drawn, and the fewest with one II that make a simulation.
const DRAWN: usize = 90;
const GROUP: usize = 5;
const VECTORS: usize = 120;

/// Encoder `n`: the first of a few draws whose output moves.
fn network(n: usize) -> IntegerNetwork {
    let moves = |network: &IntegerNetwork| {
        let engine = Engine::new(network).unwrap_or_else(|e| panic!("encoder {n}: {e}"));
        let y = engine.infer_batch(&stimuli(&network.formats_of("x"), VECTORS, n as u64));
        y.rows().into_iter().any(|row| row != y.row(0))
    };
    let draws = (0..6).map(|attempt| drawn(n, attempt));
    draws.clone().find(moves).unwrap_or_else(|| drawn(n, 0))
}

/// One or two convolutions with pooling and lookups between them, then nothing or a dense layer.
fn drawn(n: usize, attempt: usize) -> IntegerNetwork {
    let mut rng = ChaCha8Rng::seed_from_u64((7000 + n + 1000 * attempt) as u64);
    let rng = &mut rng;
    // A few sizes of images, so that networks have a simulation in common.
    let [h, w] = [[4, 5], [5, 4], [3, 3], [1, 6], [6, 6]][n % 5];
    let mut shape = [h, w, rng.random_range(1..=3)];
    let n_in = shape.iter().product();
    let pixel: Vec<QFormat> = (0..shape[2]).map(|_| format(rng, 9, 1)).collect();
    let formats: Vec<QFormat> = (0..n_in).map(|i| pixel[i % shape[2]]).collect();
    let mut layers: Vec<IntegerLayer> = Vec::new();
    let looks_up = |from: &[QFormat]| from.iter().all(|f| f.width <= LOOKED_UP);
    if looks_up(&formats) && rng.random_bool(0.3) {
        layers.push(lookup(rng, "t".to_owned(), "x".to_owned(), &formats, shape[2]));
    }
    for k in 0..rng.random_range(1..=2) {
        let before = layers.last().map_or_else(|| "x".to_owned(), |l| l.name.clone());
        let pad: [usize; 4] = std::array::from_fn(|_| if rng.random_bool(0.5) { 0 } else { rng.random_range(0..=2) });
        let kernel = [0, 1].map(|d| rng.random_range(1..=(shape[d] + pad[d] + pad[d + 2]).min(3)));
        let stride = std::array::from_fn(|_| rng.random_range(1..=2));
        let geometry = Conv2d { in_shape: shape, kernel, stride, pad, filters: rng.random_range(1..=3) };
        let (taps, [h, w]) = (geometry.taps(), geometry.out_size());
        shape = [h, w, geometry.filters];
        layers.push(layer(rng, format!("c{k}"), vec![before], IntegerOp::Conv2d { geometry }, taps, n * 7 + k * 5));
        if rng.random_bool(0.5) {
            let (made, pool) = pooling(rng, format!("p{k}"), &layers[layers.len() - 1], shape, n + k);
            let [h, w] = pool.out_size();
            shape = [h, w, shape[2]];
            layers.push(made);
        }
        let before = &layers[layers.len() - 1];
        let from: Vec<QFormat> = (0..before.n_out()).map(|i| before.output_at(i)).collect();
        if looks_up(&from) && rng.random_bool(0.4) {
            let made = lookup(rng, format!("t{k}"), before.name.clone(), &from, before.channels());
            layers.push(made);
        }
    }
    if rng.random_bool(0.6) {
        let before = &layers[layers.len() - 1];
        let (name, length) = (before.name.clone(), before.n_out());
        layers.push(layer(rng, "d".to_owned(), vec![name], IntegerOp::Dense, length, n * 5));
    }
    IntegerNetwork { n_in, input: Granular::PerChannel(formats), layers }
}

fn model(name: String, encoder: IntegerNetwork) -> QuantizedModel {
    let model = QuantizedModel::of(&name, encoder);
    model.check().unwrap_or_else(|e| panic!("{}: {e}", model.name));
    model
}

fn options() -> CompileOptions {
    // Half even with symmetric saturation is one operation of 8 ns.
    CompileOptions { effort: Effort::Fast, clock_mhz: Some(90.0), ..Default::default() }
}

/// What comes out, each in its cycle: back to back, then with gaps, wrong pixels between them.
fn outputs(streamed: &Streamed, x: &Array2<i64>) -> Vec<Vec<i64>> {
    let channels = streamed.input.channels as usize;
    let formats = &streamed.input_formats;
    let idle = |c: usize| (0..channels).map(|i| if c % 2 == 0 { formats[i].min() } else { formats[i].max() }).collect();
    let (mut drive, mut due): (Vec<(Vec<i64>, bool)>, Vec<usize>) = (Vec::new(), Vec::new());
    for (i, row) in x.rows().into_iter().enumerate() {
        let (start, row) = (drive.len(), row.to_vec());
        let gap = if i < 10 { 0 } else { i % 7 };
        drive.extend((0..streamed.ii as usize + gap).map(|c| (idle(c), false)));
        drive[start].1 = true;
        for (p, pixel) in row.chunks(channels).enumerate() {
            let at = streamed.input.at(p as u32 / streamed.input.columns, p as u32 % streamed.input.columns);
            drive[start + at as usize].0 = pixel.to_vec();
        }
        due.push(start + streamed.latency.0 as usize);
    }
    drive.extend((0..=streamed.latency.0 as usize).map(|c| (idle(c), false)));
    let outputs = hw::eval_streamed(streamed, &drive);
    let at: Vec<usize> = (0..outputs.len()).filter(|c| outputs[*c].is_some()).collect();
    assert_eq!(at, due, "outputs in wrong cycles");
    outputs.into_iter().flatten().collect()
}

/// A top module over streamed designs of one II, with whole vectors in and out: pixels are taken off a vector as design.json says,
/// and outputs wait for the slowest.
fn together(parts: &[VerilogDesign], folder: &Path, cache: &Path) -> Dut {
    let widest = |f: fn(&DesignManifest) -> u32| parts.iter().map(|p| f(&p.manifest)).max().unwrap();
    let (in_width, out_width) = (widest(|m| m.in_width), widest(|m| m.out_width));
    let latency = parts.iter().map(|p| p.manifest.latency_cycles.0).max().unwrap();
    let (mut body, mut files) = (String::new(), BTreeSet::new());
    let (mut first, mut next) = (0, 0);
    for (k, part) in parts.iter().enumerate() {
        let (m, pixels) = (&part.manifest, part.manifest.pixels.unwrap());
        let n = m.input_formats.len() as u32;
        let element = |i: u32| format!("x[{} +: {}]", (first + i) * in_width, m.in_width);
        let list: Vec<String> = (0..n).rev().map(element).collect();
        let (bits, out) = (m.in_width * pixels.channels, m.out_width * m.output_formats.len() as u32);
        let wait = latency - m.latency_cycles.0;
        let _ = writeln!(
            body,
            "  wire [{v}:0] whole{k} = {{{list}}};
  reg [{v}:0] held{k}; reg [31:0] since{k};
  wire [31:0] row{k} = since{k} / {pitch}, column{k} = since{k} % {pitch};
  wire [{p}:0] pixel{k} = x_valid ? whole{k}[{p}:0] : row{k} < {rows} && column{k} < {columns}
    ? held{k}[(row{k} * {columns} + column{k}) * {bits} +: {bits}] : ~whole{k}[{p}:0];
  always @(posedge clk) begin since{k} <= x_valid ? 1 : since{k} + 1; if (x_valid) held{k} <= whole{k}; end
  wire [{o}:0] y{k}; wire v{k};
  {top} part{k} (.clk(clk), .resetn(resetn), .x(pixel{k}), .x_valid(x_valid), .y(y{k}), .y_valid(v{k}));
  wire [{o}:0] z{k}; wire w{k};",
            v = n * m.in_width - 1,
            list = list.join(", "),
            pitch = pixels.row_pitch,
            p = bits - 1,
            rows = pixels.rows,
            columns = pixels.columns,
            o = out - 1,
            top = m.top,
        );
        match wait {
            0 => drop(writeln!(body, "  assign z{k} = y{k}; assign w{k} = v{k};")),
            wait => drop(writeln!(
                body,
                "  reg [{out}:0] line{k} [0:{last}]; reg [31:0] at{k}; integer i{k};
  always @(posedge clk) begin
    at{k} <= ~resetn || at{k} == {last} ? 0 : at{k} + 1;
    line{k}[at{k}] <= {{v{k} & resetn, y{k}}};
    if (~resetn) for (i{k} = 0; i{k} <= {last}; i{k} = i{k} + 1) line{k}[i{k}] <= 0;
  end
  assign {{w{k}, z{k}}} = line{k}[at{k}];",
                last = wait - 1
            )),
        }
        let _ = writeln!(body, "  assign valid[{k}] = w{k};");
        for (j, format) in m.output_formats.iter().enumerate() {
            let (low, high) = (j as u32 * m.out_width, (j as u32 + 1) * m.out_width - 1);
            let sign = if format.signed { format!("z{k}[{high}]") } else { "1'b0".to_owned() };
            let extend = match out_width - m.out_width {
                0 => String::new(),
                n => format!("{{{n}{{{sign}}}}}, "),
            };
            let _ = writeln!(body, "  assign y[{} +: {out_width}] = {{{extend}z{k}[{high}:{low}]}};", next * out_width);
            next += 1;
        }
        first += n;
        for (name, text) in part.files.iter().filter(|(name, _)| name.ends_with(".v")) {
            std::fs::write(folder.join(name), text).unwrap();
            files.insert(name.clone());
        }
    }
    let top = format!(
        "module several(input clk, input resetn, input [{}:0] x, input x_valid, output [{}:0] y, output y_valid);
  wire [{}:0] valid;
  assign y_valid = &valid ? 1'b1 : (|valid) ? 1'bx : 1'b0;
{body}endmodule\n",
        first * in_width - 1,
        next * out_width - 1,
        parts.len() - 1
    );
    std::fs::write(folder.join("several.v"), top).unwrap();
    let formats =
        |of: fn(&DesignManifest) -> &Vec<QFormat>| parts.iter().flat_map(|p| of(&p.manifest).clone()).collect();
    Dut {
        folder: folder.to_owned(),
        files: files.into_iter().chain(["several.v".to_owned()]).collect(),
        top: "several".into(),
        clock: "clk".into(),
        reset: Some(Reset { port: "resetn".into(), active_low: true }),
        input_port: "x".into(),
        output_port: "y".into(),
        pixels: None,
        axis: false,
        ties: Vec::new(),
        in_width,
        out_width,
        input_formats: formats(|m| &m.input_formats),
        output_formats: formats(|m| &m.output_formats),
        frames: None,
        dsp: false,
        latency,
        ii: parts[0].manifest.ii,
        valid: Some(("x_valid".into(), "y_valid".into())),
        cache: Some(cache.to_owned()),
    }
}

#[test]
fn random_encoders_of_images_agree_when_they_are_streamed() {
    if !has("verilator") || !has("iverilog") {
        return;
    }
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("simulations");
    let mut groups: BTreeMap<u32, Vec<(VerilogDesign, Array2<i64>, Array2<i64>)>> = BTreeMap::new();
    let (mut modes, mut kinds) = (BTreeSet::new(), BTreeMap::new());
    let (mut kernels, mut strides, mut pads) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let (mut moving, mut masked, mut spread, mut folded, mut summed) = (0, 0, 0, 0, 0);
    for n in 0..DRAWN {
        let model = model(format!("image_{n}"), network(n));
        let streamed = hw::stream(&model.encoder, &options()).unwrap_or_else(|e| panic!("encoder {n}: {e}"));
        let x = stimuli(&model.encoder.formats_of("x"), VECTORS, n as u64);
        let y = Engine::new(&model.encoder).unwrap().infer_batch(&x);
        let few = x.slice(s![..40, ..]).to_owned();
        let wanted: Vec<Vec<i64>> = y.rows().into_iter().take(40).map(|row| row.to_vec()).collect();
        assert_eq!(outputs(&streamed, &few), wanted, "encoder {n}");
        moving += usize::from(y.rows().into_iter().any(|row| row != y.row(0)));
        masked += usize::from(streamed.layers.iter().any(|l| l.masked));
        spread += usize::from(streamed.input.row_pitch > streamed.input.columns);
        folded += usize::from(streamed.rest.as_ref().is_some_and(|r| matches!(r.built, Built::Folded(_))));
        summed += usize::from(streamed.rest.as_ref().is_some_and(|r| matches!(r.built, Built::Summed(..))));
        for l in &model.encoder.layers {
            let kind = match &l.op {
                IntegerOp::Dense => "dense",
                IntegerOp::Lookup { .. } => "lookup",
                IntegerOp::MaxPool2d { .. } => "max",
                IntegerOp::AvgPool2d { .. } => "average",
                IntegerOp::Conv2d { geometry } => {
                    kernels.extend(geometry.kernel);
                    strides.extend(geometry.stride);
                    pads.extend(geometry.pad);
                    modes.insert(format!("{:?} {:?} {:?}", l.rounding, l.overflow, l.activation));
                    "conv"
                }
            };
            *kinds.entry(kind).or_insert(0) += 1;
        }
        let design = verilog::emit_streamed(&model, &streamed, Interface::Kernel, &options()).unwrap();
        groups.entry(design.manifest.ii).or_default().push((design, x, y));
    }
    // What was drawn is what is claimed.
    assert_eq!((kernels.len(), strides.len(), pads.len(), modes.len()), (3, 2, 3, 18), "{modes:?}");
    assert!(kinds.len() == 5 && kinds.values().all(|n| *n > 10), "{kinds:?}");
    assert!(moving * 10 > DRAWN * 8 && masked > 20 && spread > 10, "{moving} {masked} {spread}");
    assert!(folded > 0 && summed > 10, "{folded} {summed}");
    let mut simulated = 0;
    for (ii, group) in groups.into_iter().filter(|(_, group)| group.len() >= GROUP) {
        simulated += group.len();
        let join = |of: fn(&(VerilogDesign, Array2<i64>, Array2<i64>)) -> &Array2<i64>| {
            concatenate(Axis(1), &group.iter().map(|g| of(g).view()).collect::<Vec<_>>()).unwrap()
        };
        let (x, y) = (join(|g| &g.1), join(|g| &g.2));
        let parts: Vec<VerilogDesign> = group.iter().map(|g| g.0.clone()).collect();
        let folder = tempfile::tempdir().unwrap();
        let dut = together(&parts, folder.path(), &cache);
        let report = verify(&dut, &x, &y, VerifyOptions { icarus: 40, ..Default::default() }).unwrap();
        assert!(report.passed() && report.ii == ii, "II {ii}: {report}");
    }
    assert!(simulated >= 40, "{simulated} networks simulated");
}

/// Two convolutions with padding and a stride, and a dense layer: a timer, a line in a memory, masks, sums.
fn image() -> QuantizedModel {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let input = QFormat::unsigned(6, 4);
    let mut conv = |name: &str, from: &str, geometry: Conv2d, mode| {
        let taps = geometry.taps();
        let made = layer(&mut rng, name.into(), vec![from.into()], IntegerOp::Conv2d { geometry }, taps, mode);
        IntegerLayer { output_format: Granular::PerTensor(QFormat::signed(8, 0)), ..made }
    };
    let first = Conv2d { in_shape: [9, 9, 1], kernel: [3, 3], stride: [1, 1], pad: [1; 4], filters: 2 };
    let second = Conv2d { in_shape: [9, 9, 2], kernel: [3, 3], stride: [2, 2], pad: [1, 0, 1, 0], filters: 2 };
    let length = second.n_out();
    let layers = vec![conv("a", "x", first, 0), conv("b", "a", second, 10)];
    let mut dense = || layer(&mut rng, "d".into(), vec!["b".into()], IntegerOp::Dense, length, 4);
    let dense = std::iter::repeat_with(&mut dense).find(|l| l.n_out() == 2).unwrap();
    let dense = IntegerLayer { output_format: Granular::PerTensor(QFormat::signed(10, -1)), ..dense };
    let layers = layers.into_iter().chain([dense]).collect();
    model("image".into(), IntegerNetwork { n_in: 81, input: Granular::PerTensor(input), layers })
}

fn emitted(model: &QuantizedModel, folder: &Path) -> (Dut, DesignManifest) {
    let streamed = hw::stream(&model.encoder, &options()).unwrap();
    let design = verilog::emit_streamed(model, &streamed, Interface::Kernel, &options()).unwrap();
    design.write(folder).unwrap();
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("simulations");
    (Dut::emitted(folder, &design.manifest, Some(cache)), design.manifest)
}

#[test]
fn a_streamed_design_is_clean_and_every_change_of_its_lines_and_counters_is_caught() {
    if !has("verilator") || !has("iverilog") || !has("yosys") {
        return;
    }
    let (model, folder) = (image(), tempfile::tempdir().unwrap());
    let (dut, manifest) = emitted(&model, folder.path());
    assert_eq!((manifest.ii, manifest.pixels.unwrap().row_pitch, dut.port_bits()), (81, 9, 6));
    clean(&dut);
    let x = stimuli(&dut.input_formats, 400, 3);
    let y = Engine::new(&model.encoder).unwrap().infer_batch(&x);
    let run = VerifyOptions { icarus: 50, ..Default::default() };
    let report = verify(&dut, &x, &y, run).unwrap();
    assert!(report.passed() && report.latency_measured == Some(manifest.latency_cycles), "{report}");
    let caught = || verify(&dut, &x, &y, VerifyOptions::default()).map_or(true, |r| !r.passed());
    let path = folder.path().join("image.v");
    let good = std::fs::read_to_string(&path).unwrap();
    let changes = [
        (".LAST(4'd8)", ".LAST(4'd7)"),
        (".LEFT(4'd8)", ".LEFT(4'd9)"),
        ("s1_row >= 4'd1", "s1_row >= 4'd2"),
        ("s1_column <= 4'd7", "s1_column <= 4'd8"),
        (".LAST_IN_ROW(5'd17)", ".LAST_IN_ROW(5'd16)"),
        ("if (sum_valid) sum_0", "if (1'b1) sum_0"),
        ("(sum_first ? ", "(sum_last ? "),
        ("5'h1: weights <= ", "5'h1: weights <= 1 ^ "),
        ("s2_c2 <= ", "s2_c2 <= ~"),
    ];
    for (from, to) in changes {
        assert!(good.contains(from), "`{from}` is not in\n{good}");
        std::fs::write(&path, good.replace(from, to)).unwrap();
        assert!(caught(), "{to}");
    }
    std::fs::write(&path, good).unwrap();
    let parts = [
        ("stream_delay.v", "q <= held[next]", "q <= held[at]"),
        ("stream_walk.v", "(whole_wait & ~last_column)", "whole_wait"),
        ("stream_timer.v", "(less == NONE)", "(less != NONE)"),
    ];
    for (file, from, to) in parts {
        let path = folder.path().join(file);
        let good = std::fs::read_to_string(&path).unwrap();
        assert!(good.contains(from), "{good}");
        std::fs::write(&path, good.replace(from, to)).unwrap();
        assert!(caught(), "{to}");
        std::fs::write(&path, good).unwrap();
    }
    assert!(!caught());
}

#[test]
fn the_verbs_stream_an_encoder_prove_it_and_name_the_first_layer_that_differs() {
    if !has("verilator") || !has("iverilog") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    std::fs::write(at.join("m.json"), serde_json::to_string(&image()).unwrap()).unwrap();
    let run = |args: &[&str]| sluice(at, args);
    let out = run(&["emit", "m.json", "--out", "d", "--stream", "--clock-mhz", "90", "--effort", "fast"]);
    assert!(out.status.success() && stderr(&out).contains("bits of memories, "), "{}", stderr(&out));
    let schema =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/design.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    let manifest = std::fs::read_to_string(at.join("d/design.json")).unwrap();
    validator.validate(&serde_json::from_str(&manifest).unwrap()).unwrap_or_else(|e| panic!("{e}"));
    let out = run(&["verify", "d", "--random", "200", "--icarus", "20"]);
    assert!(out.status.success(), "{}", stderr(&out));
    let out = run(&["prove", "d"]);
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(
        out.status.success() && said.contains("equal the weights; it prints this Verilog"),
        "{said}{}",
        stderr(&out)
    );
    assert!(said.contains("NOT compared: a streamed design keeps pixels from cycle to cycle"), "{said}");
    // A wrong bias in the second layer: found there, at its place in the image.
    let (path, json) = (at.join("d/image_at_b.v"), at.join("d/design.json"));
    let good = std::fs::read_to_string(&path).unwrap();
    let line = good.lines().find(|l| l.contains("assign b_1 = ")).unwrap();
    let wrong = good.replace(line, &line.replace("assign b_1 = ", "assign b_1 = 1 ^ "));
    let hash = |text: &str| {
        use sha2::Digest as _;
        sha2::Sha256::digest(text.as_bytes()).iter().map(|b| format!("{b:02x}")).collect::<String>()
    };
    std::fs::write(&json, manifest.replace(&hash(&good), &hash(&wrong))).unwrap();
    std::fs::write(&path, &wrong).unwrap();
    let out = run(&["verify", "d", "--random", "200", "--icarus", "0"]);
    let said = format!("{}{}", String::from_utf8_lossy(&out.stdout), stderr(&out));
    assert!(!out.status.success() && said.contains("first stage that differs: `b`, element 1"), "{said}");
    let out = run(&["emit", "m.json", "--out", "e", "--stream", "--interface", "axis"]);
    assert!(stderr(&out).contains("a streamed design has no AXI4-Stream ports"), "{}", stderr(&out));
    assert!(!at.join("e").exists());
    let out = run(&["emit", "m.json", "--out", "e", "--stream", "--reuse", "4"]);
    assert!(stderr(&out).contains("cannot be used with"), "{}", stderr(&out));
}

#[test]
fn an_encoder_without_an_image_is_not_streamed() {
    let encoder = super::golden::tiny().encoder;
    let error = hw::stream(&encoder, &options()).unwrap_err();
    assert_eq!(error.code(), Code::Unsupported);
    assert!(error.to_string().contains("its first layer, `hidden`, moves no window over an image"), "{error}");
}

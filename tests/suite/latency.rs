//! The model of a core beside its Verilog: every event in, every beat out, in the same cycle.

use std::process::Output;

use ndarray::Array2;
use sha2::{Digest as _, Sha256};
use sluice::latency::core::{CoreShape, Offer, moves};
use sluice::link::{FrameWriter, LearnOptions, Link};
use sluice::model::QuantizedModel;
use sluice::model::network::INPUT;
use sluice::reference::Engine;
use sluice::verify::{self, Marks, varied_marks};
use sluice::verilog::{CoreOptions, DesignManifest};

use super::frames::{emitted_with, events, formats, identity, learned};
use super::{Folder, has, sluice, stderr};

fn offers(link: &Link, model: &QuantizedModel, inputs: &Array2<i64>, marks: &Marks) -> Vec<Offer> {
    let engine = Engine::new(&model.encoder).unwrap();
    let mut writer = FrameWriter::new(link);
    let one = |(row, (crossing, last)): (ndarray::ArrayView1<i64>, &(u16, bool))| {
        writer.event(&engine.infer(&row.to_vec()), *crossing, *last).unwrap();
        Offer { bits: writer.event_bits(), last: *last }
    };
    inputs.rows().into_iter().zip(marks).map(one).collect()
}

/// Cycles in which events are due: `mean` apart, in bursts now and then.
fn due(n: usize, mean: u64, seed: u64) -> Vec<u64> {
    let mut state = seed;
    let mut draw = move |n: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % n
    };
    let mut now = 0;
    let step = |_| {
        now += match draw(8) {
            0..5 => draw(2 * mean + 1),
            5 | 6 => 0,
            _ => draw(20 * mean + 1),
        };
        now
    };
    (0..n).map(step).collect()
}

fn check(model: &QuantizedModel, link: &Link, core: &CoreOptions, reuse: u32, mark: impl Fn(usize) -> Marks) {
    let folder = tempfile::tempdir().unwrap();
    let dut = emitted_with(model, link, core, reuse, folder.path());
    let manifest = DesignManifest::load(folder.path()).unwrap();
    let shape = CoreShape::new(&manifest, manifest.link.as_ref().unwrap(), link);
    let n = 3000;
    let inputs = events(n, &model.encoder.formats_of(INPUT), 5);
    let marks = mark(n);
    let offers = offers(link, model, &inputs, &marks);
    let mut bus = dut.pack(inputs.view()).unwrap();
    dut.mark(&mut bus, &marks);
    let patterns = [
        vec![true],
        vec![false, true, true],
        [vec![false; 150], vec![true; 50]].concat(),
        vec![false, false, false, true],
    ];
    for (k, ready) in patterns.iter().enumerate() {
        for mean in [1, 6, 40] {
            let due = due(n, mean, 7 * k as u64 + mean);
            let rtl = verify::moves(&dut, &bus, &due, ready).unwrap();
            let model = moves(shape, &offers, &due, ready);
            let differs = rtl.taken.iter().zip(&model.taken).position(|(a, b)| a != b);
            assert_eq!(
                differs.map(|i| (i, rtl.taken[i], model.taken[i])),
                None,
                "{shape:?} {k} {mean}: an event is taken"
            );
            let differs = rtl.left.iter().zip(&model.left).position(|(a, b)| a != b);
            assert_eq!(differs.map(|i| (i, rtl.left[i], model.left[i])), None, "{shape:?} {k} {mean}: a beat leaves");
            assert_eq!(
                (rtl.taken.len(), rtl.left.len()),
                (model.taken.len(), model.left.len()),
                "{shape:?} {k} {mean}"
            );
        }
    }
}

#[test]
fn the_model_of_a_core_moves_every_event_and_beat_in_the_cycle_of_its_verilog() {
    if !has("verilator") {
        return;
    }
    let formats = formats();
    let model = identity(&formats);
    let sample = events(2000, &formats, 6);
    let options = |frame_events| LearnOptions { prefix: true, frame_events, longest: 9, ..Default::default() };
    let plain = CoreOptions::default();
    let cases = [
        (CoreOptions { bits: 32, ..plain }, options(3), 12, 1),
        (CoreOptions { bits: 64, ..plain }, options(1), 12, 1),
        (CoreOptions { bits: 128, lut_ram: true, ..plain }, options(16), 9, 1),
        (CoreOptions { bits: 256, ..plain }, options(2), 11, 1),
        (CoreOptions { bits: 64, drop: true, ..plain }, options(5), 10, 1),
        (CoreOptions { bits: 64, input_bits: Some(16), ..plain }, options(16), 10, 1),
        (CoreOptions { bits: 32, ..plain }, options(16), 10, 4),
        (CoreOptions { bits: 64, registers: true, drop: true, lut_ram: true, ..plain }, options(64), 9, 2),
    ];
    for (core, learn, frame_limit_log2, reuse) in cases {
        let link = Link { frame_limit_log2, ..learned(&formats, &sample, &learn) };
        check(&model, &link, &core, reuse, varied_marks);
    }
    for drop in [false, true] {
        let fixed = LearnOptions { fixed_bits: Some(96), ..options(1) };
        check(&model, &learned(&formats, &sample, &fixed), &CoreOptions { drop, ..plain }, 1, varied_marks);
    }
}

const STUDY: &str = r#"
name = "cells"
clock_mhz = 240.474
channels = 2
events = 30000
source = { kind = "poisson", rate_mhz = 30.0 }
payload = { data = "cells.npy" }
stage = [{ name = "core", design = "cells", fifo = 32 }]
link = { kind = "LINK" }
"#;

/// A core of 48 trigger cells and a study of it.
fn cells(link: &str) -> Folder {
    let f = Folder::new();
    let model = format!("{}/models/trigger_cells/model.quant.json", env!("CARGO_MANIFEST_DIR"));
    f.works(&["toy", "trigger-cells", "cells.npy", "--rows", "2000", "--seed", "11"]);
    f.works(&["link", "cells.npy", "--model", &model, "--frame-events", "4", "--out", "link.json"]);
    f.works(&["emit", &model, "--link", "link.json", "--clock-mhz", "240", "--effort", "fast", "--out", "cells"]);
    f.write("study.toml", STUDY.replace("LINK", link));
    f
}

fn json(out: &Output) -> serde_json::Value {
    serde_json::from_slice(&out.stdout).unwrap_or_else(|e| panic!("{e}: {}", stderr(out)))
}

#[test]
fn a_study_of_cores_is_that_of_their_verilog_and_says_where_another_differs() {
    if !has("verilator") {
        return;
    }
    for (link, full) in [("lpgbt_10g_fec5", false), ("lpgbt_5g_fec5", true)] {
        let f = cells(link);
        let run = || sluice(f.path(), &["--json", "latency", "study.toml", "--rtl", "20000", "--out", "out"]);
        let out = run();
        let results = json(&out);
        assert_eq!(results["rtl"]["difference"], serde_json::Value::Null, "{}", results["rtl"]);
        assert!(results["rtl"]["events"].as_u64().unwrap() > 20_000);
        // The link is too slow in one, and that is said.
        let warnings = results["warnings"].as_array().unwrap();
        assert_eq!((out.status.code(), warnings.is_empty()), (Some(i32::from(full)), !full), "{warnings:?}");
        assert_eq!(
            full,
            warnings.iter().any(|w| w.as_str().unwrap().contains("the link is slower than the mean rate"))
        );
        assert_eq!(full, results["lost"].as_u64().unwrap() > 0);
        let schema = sluice::report::schema::Document::Latency.schema();
        let kept: serde_json::Value = serde_json::from_slice(&f.bytes("out/results.json")).unwrap();
        jsonschema::validate(&schema, &kept).unwrap();
        for file in ["report.html", "latency.csv", "survival.csv", "fifos.csv", "occupancy.csv", "scan.csv"] {
            assert!(f.bytes(&format!("out/{file}")).len() > 40, "{file}");
        }
        // A memory that is faster by a cycle; and, where the link is full, one that lets fewer beats begin.
        let top = f.at("cells/trigger_cells_link.v");
        let text = std::fs::read_to_string(&top).unwrap();
        let fault = if full { ("6'd20", "6'd6") } else { (".LUT_RAM(0)) frames", ".LUT_RAM(1)) frames") };
        assert_eq!(text.matches(fault.0).count(), 1);
        let changed = text.replace(fault.0, fault.1);
        std::fs::write(&top, &changed).unwrap();
        f.refused(&["latency", "study.toml"], "was changed since it was emitted");
        let sum = |text: &str| Sha256::digest(text).iter().map(|b| format!("{b:02x}")).collect::<String>();
        let manifest = String::from_utf8(f.bytes("cells/design.json")).unwrap();
        assert!(manifest.contains(&sum(&text)));
        f.write("cells/design.json", manifest.replace(&sum(&text), &sum(&changed)));
        let out = run();
        let difference = json(&out)["rtl"]["difference"].as_str().unwrap_or_default().to_owned();
        assert!(out.status.code() == Some(1) && difference.contains("the model and in cycle"), "{difference}");
        let said = String::from_utf8(sluice(f.path(), &["latency", "study.toml", "--rtl", "20000"]).stdout).unwrap();
        assert!(said.contains(&format!("NOT THE MODEL: {difference}")), "{said}");
    }
}

#[test]
fn a_study_of_samples_of_a_waveform_is_that_of_its_verilog() {
    if !has("verilator") {
        return;
    }
    let f = Folder::new();
    f.works(&["toy", "pulses", "pulses.npy", "--rows", "60"]);
    f.works(&["link", "pulses.npy", "--waveform", "--out", "waves.json"]);
    f.works(&["emit", "--link", "waves.json", "--link-bits", "32", "--registers", "--out", "waves"]);
    let study = |full: &str| {
        STUDY
            .replace("{ kind = \"poisson\", rate_mhz = 30.0 }", "{ kind = \"periodic\", rate_mhz = 150.0 }")
            .replace("cells.npy", "pulses.npy")
            .replace("design = \"cells\", fifo = 32", &format!("design = \"waves\", fifo = 32{full}"))
            .replace("{ kind = \"LINK\" }", "{ slot_bits = 32, slot_ns = 40.0 }")
    };
    f.write("study.toml", study(", full = \"wait\""));
    let out = sluice(f.path(), &["--json", "latency", "study.toml", "--rtl", "30000"]);
    let rtl = &json(&out)["rtl"];
    assert_eq!((rtl["events"].as_u64(), &rtl["difference"]), (Some(60_000), &serde_json::Value::Null), "{rtl}");
    f.write("study.toml", study(""));
    f.refused(&["latency", "study.toml"], "a sample of a waveform cannot be lost alone");
}

#[test]
fn bad_studies_get_one_clear_error_each() {
    let f = cells("lpgbt_10g_fec5");
    let study = STUDY.replace("LINK", "lpgbt_10g_fec5");
    for (from, to, what) in [
        ("rate_mhz = 30.0", "rate_mhz = -30.0", "`source.rate_mhz` is -30"),
        ("design = \"cells\"", "design = \"nowhere\"", "nowhere"),
        ("data = \"cells.npy\"", "data = \"nowhere.npy\"", "nowhere.npy"),
        ("data = \"cells.npy\"", "data = \"cells.npy\", link = \"link.json\"", "the design has its own"),
        ("data = \"cells.npy\"", "data = \"cells.npy\", select = { rows = [3000, 4000] }", "no rows 3000 to 4000"),
        ("design = \"cells\", fifo = 32", "latency = 3", "the payload has data and no link"),
        ("fifo = 32 }]", "fifo = 32 }, { name = \"more\" }]", "not the only stage"),
        ("\"lpgbt_10g_fec5\" }", "\"lpgbt_10g_fec5\", fifo = 3 }", "its link no fifo"),
        ("events = 30000", "events = 1", "no event came through to its end"),
        ("name = \"cells\"", "name = \"cells\"\nspeed = 3", "unknown field `speed`"),
        ("name = \"cells\"", "name = ", "the study does not make sense"),
    ] {
        assert!(study.contains(from), "{from}");
        f.write("bad.toml", study.replacen(from, to, 1));
        f.refused(&["latency", "bad.toml", "--out", "out"], what);
        assert!(!f.at("out/results.json").exists());
    }
    f.refused(&["latency", "nowhere.toml"], "nowhere.toml");
    let kernel = "stage = [{ name = \"core\", ii = 2 }]\npayload = { bits = 30 }";
    let lines = study.lines().filter(|l| !["stage", "payload", "channels"].iter().any(|key| l.starts_with(key)));
    f.write("bad.toml", format!("{kernel}\n{}", lines.collect::<Vec<_>>().join("\n")));
    f.refused(&["latency", "bad.toml", "--rtl"], "the study has no design that sends frames");
    f.works(&["latency", "bad.toml"]);
}

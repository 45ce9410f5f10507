//! Anomalies: scores of the software, and the same score in firmware.

use serde_json::Value;
use sluice::anomaly::LatentScore;
use sluice::link::{LearnOptions, Link};
use sluice::model::{QuantizedModel, Score};
use sluice::reference::Engine;
use sluice::verify::{FramesReport, Sender, VerifyOptions, varied_marks};
use sluice::verilog::CoreOptions;

use super::frames::{emitted_with, events, formats, identity, learned};
use super::{Folder, has};

fn trigger_cells() -> String {
    format!("{}/models/trigger_cells/model.quant.json", env!("CARGO_MANIFEST_DIR"))
}

/// A kernel that gives what it gets and its score, and a link that was learned of it.
fn scored(options: &LearnOptions) -> (QuantizedModel, Link) {
    let sample = events(2000, &formats(), 6);
    let latents: Vec<Vec<i64>> = sample.columns().into_iter().map(|z| z.to_vec()).collect();
    let score = LatentScore::learn(&latents, &formats()).unwrap();
    let mut values: Vec<i64> = sample.rows().into_iter().map(|row| score.of(&row.to_vec())).collect();
    values.sort_unstable();
    // About a tenth of them are above.
    let model = score.behind(&identity(&formats()), values[1800] as u16, 0.1).unwrap();
    let given = Engine::new(&model.encoder).unwrap().infer_batch(&sample);
    let link = learned(&model.encoder.output_formats(), &given, options);
    (model, link)
}

#[test]
fn a_core_tells_the_score_of_every_event_and_a_wrong_one_is_found() {
    if !has("verilator") || !has("iverilog") {
        return;
    }
    let prefix = LearnOptions { prefix: true, frame_events: 16, ..Default::default() };
    let (model, link) = scored(&prefix);
    let sent = events(3000, &formats(), 5);
    let engine = Engine::new(&model.encoder).unwrap();
    let above =
        |row: ndarray::ArrayView1<i64>| engine.infer(&row.to_vec())[5] > i64::from(model.score.unwrap().threshold);
    let kept = sent.rows().into_iter().filter(|row| above(row.view())).count();
    assert!((100..600).contains(&kept), "{kept}");
    let cores = [
        (CoreOptions::default(), 1),
        (CoreOptions { registers: true, drop: true, ..Default::default() }, 1),
        (CoreOptions { registers: true, input_bits: Some(16), ..Default::default() }, 1),
        (CoreOptions::default(), 4),
    ];
    for (core, reuse) in cores {
        let folder = tempfile::tempdir().unwrap();
        let dut = emitted_with(&model, &link, &core, reuse, folder.path());
        let run = |stall_percent| -> FramesReport {
            let options = VerifyOptions { stall_percent, seed: 1, icarus: 200 };
            let sender = Sender { dut: &dut, link: &link, engine: &engine };
            sender.verify(&sent, &varied_marks(sent.nrows()), options).unwrap().0
        };
        for stall in [0, 60] {
            let report = run(stall);
            assert!(report.passed() && report.scores == 3000, "{core:?} {reuse}: {report}");
            // Those whose frames are lost have a score too.
            assert_eq!(report.lost > 0, core.drop, "{core:?} {reuse}: {report}");
        }
        let top = folder.path().join("pass_link.v");
        let text = std::fs::read_to_string(&top).unwrap();
        let faults = [
            ("above_now <= ", " > ", " >= "),
            ("valid_now <= ", "resetn & ", "resetn & ~(|number[6:0]) & "),
            ("score_now <= ", "y[", "~y["),
        ];
        for (line, from, to) in faults.into_iter().take(if reuse == 1 { 3 } else { 1 }) {
            let (head, tail) = text.split_once(line).unwrap();
            std::fs::write(&top, format!("{head}{line}{}", tail.replacen(from, to, 1))).unwrap();
            let difference = run(0).difference.unwrap_or_default();
            assert!(difference.starts_with("score of event"), "{line} {from}: {difference:?}");
        }
    }
    // One threshold for two purposes is refused.
    let (model, link) = scored(&LearnOptions { zero_suppression: Some(true), ..prefix });
    let refused = std::panic::catch_unwind(|| {
        let folder = tempfile::tempdir().unwrap();
        emitted_with(&model, &link, &CoreOptions { registers: true, ..Default::default() }, 1, folder.path())
    });
    assert!(refused.is_err());
}

#[test]
fn anomalies_score_higher_and_the_model_with_a_score_compresses_as_before() {
    let f = Folder::new();
    f.works(&["toy", "trigger-cells", "cells.npz", "--rows", "4000", "--seed", "21"]);
    f.works(&["toy", "trigger-cells", "few.npz", "--rows", "300", "--seed", "22"]);
    let found = |words: &[&str]| -> Value {
        let out = f.works(&[&["--json", "anomaly"], words].concat());
        serde_json::from_slice(&out.stdout).unwrap()
    };
    let plain = trigger_cells();
    for kind in ["hot", "shuffle", "noise"] {
        let all = found(&[&plain, "cells.npz", "--inject", kind, "--rates", "0.05"]);
        assert_eq!((&all["background"], &all["signal"]), (&2000.into(), &2000.into()));
        for score in all["scores"].as_array().unwrap() {
            let (auc, error) = (score["auc"].as_f64().unwrap(), score["auc_error"].as_f64().unwrap());
            assert!(error > 0.0 && error < 0.02, "{score}");
            // What is shuffled has lost its shower: some is visible in latents, more in the error.
            assert!(auc > 0.5 + 3.0 * error, "{kind} {}: {auc} +- {error}", score["name"]);
        }
    }
    // The same events against themselves tell nothing.
    let same = found(&[&plain, "cells.npz", "cells.npz"]);
    assert!((same["scores"][0]["auc"].as_f64().unwrap() - 0.5).abs() < 1e-12, "{same}");

    let rates = ["--rates", "0.02", "--score-out", "scored.json", "--plot", "roc.svg"];
    let first = found(&[&[plain.as_str(), "cells.npz", "--inject", "noise"][..], &rates].concat());
    let model = QuantizedModel::load(&f.at("scored.json")).unwrap();
    let point = &first["scores"][1]["points"][0];
    let Score { threshold, background_rate } = model.score.unwrap();
    assert_eq!(f64::from(threshold), point["threshold"].as_f64().unwrap());
    assert!(background_rate <= 0.02 && background_rate > 0.01, "{background_rate}");
    assert!(String::from_utf8(f.bytes("roc.svg")).unwrap().contains("background kept"));
    // The model's own score is the one that was learned.
    let again = found(&["scored.json", "cells.npz", "--inject", "noise", "--rates", "0.02"]);
    assert_eq!(again["scores"], first["scores"]);

    // Container, frames and firmware.
    for (name, model) in [("a", plain.as_str()), ("b", "scored.json")] {
        f.works(&["compress", "few.npz", &format!("{name}.slc"), "--mode", "neural", "--model", model]);
        f.works(&["decompress", &format!("{name}.slc"), &format!("{name}.npz")]);
    }
    assert_eq!(f.rows("a.npz").columns, f.rows("b.npz").columns);
    f.works(&["link", "cells.npz", "--model", "scored.json", "--out", "link.json"]);
    let both = ["--model", "scored.json", "--link", "link.json"];
    f.works(&[&["compress", "few.npz", "few.slf"][..], &both].concat());
    f.works(&[&["decompress", "few.slf", "frames.npz"][..], &both].concat());
    let (back, wanted) = (f.rows("frames.npz"), f.rows("a.npz"));
    let numbers = |d: &sluice::data::Dataset| d.columns[0].values.to_f64();
    assert_eq!(numbers(&back), numbers(&wanted));
    if has("verilator") && has("iverilog") {
        let emit = ["emit", "scored.json", "--link", "link.json", "--registers", "--effort", "fast", "--out", "design"];
        f.works(&emit);
        let out = f.works(&["verify", "design", "--data", "few.npz", "--random", "500", "--stall", "30"]);
        let text = String::from_utf8(out.stdout).unwrap();
        assert!(text.contains("800 scores compared"), "{text}");
    }
}

#[test]
fn the_commands_of_the_page_work() {
    let f = Folder::new();
    std::fs::copy(trigger_cells(), f.at("model.quant.json")).unwrap();
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/ANOMALY.md")).unwrap();
    for block in page.split("```sh\n").skip(1) {
        for line in block.split("```").next().unwrap().lines() {
            let words: Vec<&str> = line.split('#').next().unwrap().split_whitespace().collect();
            assert_eq!(words[0], "sluice");
            if words[1] != "verify" || (has("verilator") && has("iverilog")) {
                f.works(&words[1..]);
            }
        }
    }
    assert!(f.at("roc.svg").exists());
}

#[test]
fn what_cannot_be_scored_is_refused() {
    let f = Folder::new();
    let model = trigger_cells();
    f.works(&["toy", "trigger-cells", "cells.npz", "--rows", "300"]);
    let refused = |words: &[&str], what: &str| f.refused(&[&["anomaly", &model, "cells.npz"], words].concat(), what);
    refused(&["--inject", "warm"], "one of hot, shuffle, noise");
    refused(&["--rates", "1.5"], "`1.5` is not a background rate");
    refused(&["--label", "nothing"], "error[D003]");
    refused(&["--label", "code"], "a label has one");
    refused(&["--plot", "a.svg"], "no signal");
    refused(&["--inject", "hot", "--label", "x"], "cannot be used with");
    refused(&["--rates", "1e-4", "--score-out", "s.json"], "too small for a threshold");
    assert!(!f.at("s.json").exists() && !f.at("a.svg").exists());
    f.works(&["anomaly", &model, "cells.npz", "--score-out", "s.json"]);
    f.refused(&["anomaly", "s.json", "cells.npz", "--score-out", "t.json"], "has a score");
    let mut broken: Value = serde_json::from_slice(&f.bytes("s.json")).unwrap();
    broken["score"]["threshold"] = 65535.into();
    f.write("broken.json", broken.to_string());
    f.refused(&["anomaly", "broken.json", "cells.npz"], "error[M001]: the model's score does not make sense");
}

//! Drift: a model that learned what its data look like notices others.

use super::{Folder, sluice, stderr};
use serde_json::Value;
use sluice::data::{self, Values};

fn model() -> String {
    format!("{}/models/trigger_cells/model.quant.json", env!("CARGO_MANIFEST_DIR"))
}

/// Cells of a toy with all charges times `factor`, as floats; `bad` rows have a value that is no number.
fn cells(folder: &Folder, name: &str, seed: &str, factor: f64, bad: usize) {
    folder.works(&["toy", "trigger-cells", "raw.npz", "--rows", "3000", "--seed", seed]);
    let mut data = folder.rows("raw.npz");
    let values = &mut data.columns[0].values;
    let number = |i: usize| if i % 48 == 5 && i / 48 < bad { f64::NAN } else { (values.get_f64(i) * factor).round() };
    *values = Values::F32((0..values.len()).map(|i| number(i) as f32).collect());
    data::write(&folder.at(name), &data).unwrap();
}

#[test]
fn data_like_those_that_were_learned_pass_and_others_do_not() {
    let f = Folder::new();
    for (name, seed, factor, bad) in
        [("known.npz", "11", 1.0, 0), ("same.npz", "12", 1.0, 7), ("louder.npz", "13", 1.3, 0)]
    {
        cells(&f, name, seed, factor, bad);
    }
    f.works(&["monitor", &model(), "known.npz", "--learn", "--out", "m.json"]);
    let judged = |data: &str| {
        let out = sluice(f.path(), &["monitor", "m.json", data, "--json"]);
        let value: Value = serde_json::from_slice(&out.stdout).unwrap_or_else(|e| panic!("{e}: {}", stderr(&out)));
        (out.status.code(), value)
    };
    let (status, same) = judged("same.npz");
    assert_eq!((status, &same["drifted"], &same["not_finite"]), (Some(0), &false.into(), &7.into()), "{same}");
    assert_eq!((same["rows"].as_u64(), same["blocks"].as_array().unwrap().len()), (Some(2993), 2));
    let (status, louder) = judged("louder.npz");
    assert_eq!((status, &louder["drifted"]), (Some(1), &true.into()), "{louder}");
    let ratio = |v: &Value| v["blocks"][0]["error_ratio"].as_f64().unwrap();
    assert!(ratio(&louder) > 1.2 && (ratio(&same) - 1.0).abs() < 0.2, "{} {}", ratio(&louder), ratio(&same));
    let text = String::from_utf8(sluice(f.path(), &["monitor", "m.json", "louder.npz"]).stdout).unwrap();
    assert!(text.contains("3 of 3 blocks drifted") && text.contains("error ratio"), "{text}");

    // The model is the same otherwise: what it compresses comes back as it did.
    f.works(&["compress", "raw.npz", "a.slc", "--mode", "neural", "--model", "m.json"]);
    f.works(&["compress", "raw.npz", "b.slc", "--mode", "neural", "--model", &model()]);
    for name in ["a", "b"] {
        f.works(&["decompress", &format!("{name}.slc"), &format!("{name}.npz")]);
    }
    assert_eq!(f.rows("a.npz").columns, f.rows("b.npz").columns);
}

#[test]
fn the_commands_of_the_page_work() {
    let f = Folder::new();
    std::fs::copy(model(), f.at("model.quant.json")).unwrap();
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/MONITOR.md")).unwrap();
    let block = page.split("```sh\n").nth(1).unwrap().split("```").next().unwrap();
    let mut last = String::new();
    for line in block.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(words[0], "sluice");
        last = String::from_utf8(f.works(&words[1..]).stdout).unwrap();
    }
    assert!(last.contains("0 of 3 blocks drifted"), "{last}");
}

#[test]
fn what_cannot_be_monitored_is_refused() {
    let f = Folder::new();
    cells(&f, "known.npz", "11", 1.0, 0);
    f.refused(&["monitor", &model(), "known.npz"], "has no monitor");
    f.refused(&["monitor", &model(), "known.npz", "--learn"], "--out");
    f.refused(&["monitor", &model(), "known.npz", "--rows", "0:50", "--learn", "--out", "m.json"], "too few");
    let learn = ["monitor", &model(), "known.npz", "--learn", "--out", "m.json"];
    f.refused(&[&learn[..], &["--false-alarms", "2"]].concat(), "error[M001]: the monitor's");
    f.refused(&["monitor", &model(), "none.npz", "--learn", "--out", "m.json"], "error[I001]");
    assert!(!f.at("m.json").exists());
    f.works(&learn);
    f.refused(&["monitor", "m.json", "known.npz", "--block", "20"], "error[D003]: 20 rows are too few");
    f.works(&["toy", "jets", "jets.npz", "--rows", "300"]);
    f.refused(&["monitor", "m.json", "jets.npz"], "error[D003]");
    let mut model: Value = serde_json::from_slice(&f.bytes("m.json")).unwrap();
    model["monitor"]["quantities"].as_array_mut().unwrap().pop();
    f.write("short.json", model.to_string());
    f.refused(&["monitor", "short.json", "known.npz"], "error[M002]: the monitor has 16 quantities");
}

//! From a file to a recipe to a model: `init`, the policy for NaN, columns that no model reads.

use std::path::Path;

use sluice::data::{self, Column, DataSource, Dataset, Layout, Selection, Values};

use super::{sluice, stderr};

fn must_work(folder: &Path, args: &[&str]) -> String {
    let out = sluice(folder, args);
    assert!(out.status.success(), "sluice {}: {}", args.join(" "), stderr(&out));
    String::from_utf8_lossy(&out.stdout).into_owned() + &stderr(&out)
}

fn read(path: &Path) -> Dataset {
    data::read(path, &Selection::default()).unwrap()
}

/// Bit for bit, NaN included.
fn assert_same_column(a: &Dataset, b: &Dataset, name: &str) {
    let (x, y) = (a.column(name).unwrap(), b.column(name).unwrap());
    assert_eq!((x.values.dtype(), &x.shape), (y.values.dtype(), &y.shape), "{name}");
    assert!(x.values.to_le_bytes() == y.values.to_le_bytes(), "column `{name}` changed");
}

#[test]
fn what_init_prints_trains_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    // A table, a table in a tree, an array, waveforms, images, and waveforms with numbers beside them.
    for (toy, file, rows) in [
        ("jets", "table.csv", "300"),
        ("jets", "tree.root", "300"),
        ("trigger-cells", "Cells 1.npy", "300"),
        ("pulses", "waves.npy", "20"),
        ("flow", "flow.h5", "100"),
    ] {
        must_work(folder.path(), &["toy", toy, file, "--rows", rows]);
    }
    let waves = read(&folder.path().join("waves.npy"));
    let energy = Column {
        name: "energy".into(),
        unit: String::new(),
        shape: vec![],
        values: Values::F64((0..20).map(f64::from).collect()),
    };
    let columns = vec![energy, waves.columns[0].clone()];
    let mixed = Dataset::new(columns, 20, Layout::Table, DataSource::default()).unwrap();
    data::write(&folder.path().join("mixed.npz"), &mixed).unwrap();

    for (file, latent, expected) in [
        ("table.csv", 15, "\"phi\" = \"azimuth\""),
        ("tree.root", 15, "\"pt\" = \"asinh\" # 3.0"),
        ("Cells 1.npy", 16, "name = \"cells_1\""),
        ("waves.npy", 8, "window = 64"),
        ("flow.h5", 64, "numbers sent: an eighth of the input"),
        ("mixed.npz", 8, "pass_through = [\"energy\"]"),
    ] {
        let text = must_work(folder.path(), &["init", file]);
        assert!(text.contains(expected), "{file}: `{expected}` is not in\n{text}");
        assert!(text.contains(&format!("\nlatent = {latent} ")), "{file}: {text}");
        // As printed but for the time that it takes.
        let quick = text.replace("epochs = 40", "epochs = 1").replace("epochs = 10", "epochs = 1");
        assert_ne!(text, quick);
        std::fs::write(folder.path().join("r.toml"), quick).unwrap();
        must_work(folder.path(), &["train", "r.toml", "--out", "m.json"]);
        assert!(folder.path().join("m.json").exists());
        std::fs::remove_file(folder.path().join("m.json")).unwrap();
    }
}

const RECIPE: &str = r#"
name = "gaps"
[data]
path = "jets.root"
select = { pass_through = ["id"] }
[split]
validation = 0.0
test = 0.0
[train]
latent = 2
hidden = [4]
decoder_hidden = [8]
epochs = 2
qat_epochs = 1
batch = 32
"#;

/// A tree of jagged branches, empty entries included, with NaN and infinities in two of them.
fn jagged() -> Dataset {
    let lengths: Vec<u32> = (0..120).map(|i| i % 4).collect();
    let index: Vec<u32> = (0u32..).zip(&lengths).flat_map(|(e, n)| std::iter::repeat_n(e, *n as usize)).collect();
    let rows = index.len();
    let wave = |f: f32, i: usize| (i as f32 * f).sin() * 20.0;
    let mut pt: Vec<f32> = (0..rows).map(|i| 30.0 + wave(0.3, i)).collect();
    let mut eta: Vec<f32> = (0..rows).map(|i| wave(0.11, i) / 8.0).collect();
    (pt[7], pt[9], eta[7]) = (f32::from_bits(0x7fc0_1234), f32::NEG_INFINITY, f32::INFINITY);
    let mass =
        pt.iter().zip(&eta).map(|(p, e)| if p.is_finite() { 0.1 * p + e.clamp(-3.0, 3.0) } else { 1.0 }).collect();
    let column = |name: &str, values| Column { name: name.into(), unit: String::new(), shape: vec![], values };
    let columns = vec![
        column("entry_index", Values::U32(index)),
        column("pt", Values::F32(pt)),
        column("eta", Values::F32(eta)),
        column("mass", Values::F32(mass)),
        column("id", Values::I64((0..rows as i64).map(|i| i64::MAX - i * i).collect())),
    ];
    let layout = Layout::Tree { name: "Events".into(), entries: Some(120) };
    Dataset::new(columns, rows, layout, DataSource::default()).unwrap()
}

#[test]
fn nan_rows_train_as_the_recipe_says_and_come_back_from_the_container_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    data::write(&at("jets.root"), &jagged()).unwrap();
    let original = read(&at("jets.root"));
    assert_same_column(&jagged(), &original, "pt");

    std::fs::write(at("r.toml"), RECIPE).unwrap();
    let out = sluice(folder.path(), &["train", "r.toml"]);
    let text = stderr(&out);
    assert_eq!(out.status.code(), Some(2), "{text}");
    assert!(text.starts_with("error[D005]: row 7, column `pt` is NaN or infinite"), "{text}");
    assert!(text.contains("3 values in 2 of 180 rows are NaN or infinite (pt: 2, eta: 1)"), "{text}");

    let mut models = Vec::new();
    for (policy, rows) in [("drop-rows", 178), ("zero", 180), ("median", 180)] {
        let recipe = RECIPE.replace("[\"id\"]", &format!("[\"id\"], nan = \"{policy}\""));
        std::fs::write(at("r.toml"), recipe).unwrap();
        let said = must_work(folder.path(), &["train", "r.toml", "--out", "m.json"]);
        // A model for the file says so.
        assert!(said.contains(&format!("split: all {rows} rows train; no figure will be of rows")), "{said}");
        must_work(folder.path(), &["quantize", "m.json", "--out", "q.json"]);
        let model: serde_json::Value = serde_json::from_slice(&std::fs::read(at("q.json")).unwrap()).unwrap();
        let names = model["transform"]["columns"].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap());
        assert_eq!(names.collect::<Vec<_>>(), ["pt", "eta", "mass"], "entry_index and id are not the model's");
        models.push(std::fs::read(at("q.json")).unwrap());

        must_work(folder.path(), &["compress", "jets.root", "a.slc", "--mode", "neural", "--model", "q.json"]);
        must_work(folder.path(), &["decompress", "a.slc", "back.root"]);
        let back = read(&at("back.root"));
        assert_eq!(back.layout, original.layout, "the same entries, empty ones too");
        for name in ["entry_index", "id"] {
            assert_same_column(&original, &back, name);
        }
        for name in ["pt", "eta", "mass"] {
            let (x, y) = (&original.column(name).unwrap().values, &back.column(name).unwrap().values);
            for i in 0..x.len() {
                let same = x.get_f64(i).is_finite() && y.get_f64(i).is_finite();
                assert!(same || x.rows(i..i + 1, 1).to_le_bytes() == y.rows(i..i + 1, 1).to_le_bytes(), "{name} {i}");
            }
        }
    }
    assert!(models[0] != models[1] && models[1] != models[2], "the policy makes a difference");
}

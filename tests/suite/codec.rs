//! The codec as a user meets it: bounds by column, parts of a container, rows added, damage told.

use serde_json::Value;
use sluice::data::{self, Dataset, Selection};

use super::{Folder, sluice, stderr};

fn read(folder: &Folder, name: &str) -> Dataset {
    data::read(&folder.at(name), &Selection::default()).unwrap()
}

fn json(folder: &Folder, args: &[&str]) -> Value {
    let out = sluice(folder.path(), &[args, &["--json"]].concat());
    assert!(out.status.success(), "{args:?}: {}", stderr(&out));
    serde_json::from_slice(&out.stdout).unwrap()
}

fn bytes(data: &Dataset, name: &str) -> Vec<u8> {
    data.column(name).unwrap().values.to_le_bytes()
}

#[test]
fn a_recipe_says_what_may_change_of_which_column() {
    let folder = Folder::new();
    json(&folder, &["toy", "jets", "a.npz", "--rows", "600"]);
    let all = read(&folder, "a.npz");
    let names: Vec<&str> = all.columns.iter().map(|c| &c.name[..]).collect();
    let (exact, dropped, near) = (names[0], names[1], names[2]);
    let recipe = format!(
        "[bounds]\n\"*\" = \"range:1e-3\"\n{exact} = \"exact\"\n{dropped} = \"drop\"\n[relations]\n{} = \"{near} + 1\"\n",
        names[3]
    );
    std::fs::write(folder.at("r.toml"), recipe).unwrap();
    let report =
        json(&folder, &["compress", "a.npz", "a.slc", "--recipe", "r.toml", "--bound-of", &format!("{near}=rel:1e-4")]);
    assert_eq!(report["columns"].as_array().unwrap().len(), names.len() - 1);
    json(&folder, &["decompress", "a.slc", "b.npz"]);
    let back = read(&folder, "b.npz");
    assert!(back.column(dropped).is_err());
    assert_eq!(bytes(&all, exact), bytes(&back, exact));
    for name in &names[2..] {
        let (a, b) = (&all.column(name).unwrap().values, &back.column(name).unwrap().values);
        let (low, high) = a.extent();
        for i in 0..a.len() {
            let (x, y) = (a.get_f64(i), b.get_f64(i));
            let most = if *name == near { 1e-4 * x.abs() } else { 1e-3 * (high - low) };
            assert!((x - y).abs() <= most, "{name}: {x} became {y}");
        }
    }
    let told = sluice(folder.path(), &["compress", "a.npz", "c.slc"]);
    assert!(stderr(&told).contains("no bound and no model"), "{}", stderr(&told));
    assert!(stderr(&told).contains(&format!("compress: {exact}: ratio")), "{}", stderr(&told));
}

#[test]
fn a_container_is_read_in_parts_added_to_and_checked() {
    let folder = Folder::new();
    json(&folder, &["toy", "jets", "a.npz", "--rows", "500"]);
    json(&folder, &["compress", "a.npz", "a.slc", "--block-rows", "200"]);
    let all = read(&folder, "a.npz");
    let name = all.columns[2].name.clone();
    json(&folder, &["decompress", "a.slc", "part.npz", "--columns", &name, "--rows", "150:420"]);
    let part = read(&folder, "part.npz");
    assert_eq!((part.rows, part.columns.len()), (270, 1));
    assert_eq!(bytes(&part, &name), bytes(&all.slice(150..420), &name));

    let report = json(&folder, &["compress", "a.npz", "a.slc", "--append", "--effort", "fast"]);
    assert_eq!((report["rows"].as_u64(), report["blocks"].as_u64()), (Some(1000), Some(6)));
    json(&folder, &["decompress", "a.slc", "twice.npz"]);
    let twice = read(&folder, "twice.npz");
    assert_eq!(bytes(&twice.slice(500..1000), &name), bytes(&all, &name));
    let sound = json(&folder, &["check", "a.slc"]);
    assert_eq!((sound["sound"].as_bool(), sound["rows"].as_u64()), (Some(true), Some(1000)));

    let mut bad = std::fs::read(folder.at("a.slc")).unwrap();
    let frame = bad.windows(4).rposition(|w| w == b"SLCB").unwrap();
    bad[frame + 60] ^= 4;
    std::fs::write(folder.at("a.slc"), &bad).unwrap();
    let out = sluice(folder.path(), &["check", "a.slc"]);
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    assert_eq!(out.status.code(), Some(1), "{text}");
    assert!(text.contains("rows 900 to 1000 are lost") && text.contains("damaged"), "{text}");
}

#[test]
fn a_model_and_a_link_of_one_array_serve_an_array_of_another_name() {
    let f = Folder::new();
    f.works(&["toy", "trigger-cells", "one.npy", "--rows", "300", "--seed", "1"]);
    f.works(&["toy", "trigger-cells", "two.npy", "--rows", "200", "--seed", "2"]);
    f.write(
        "r.toml",
        "name = \"m\"\n[data]\npath = \"one.npy\"\n[train]\nlatent = 4\nhidden = []\nepochs = 1\nqat_epochs = 0\n",
    );
    f.works(&["train", "r.toml", "--out", "t.json"]);
    f.works(&["quantize", "t.json", "--out", "q.json"]);
    f.works(&["link", "one.npy", "--model", "q.json", "--out", "l.json"]);
    f.works(&["link", "one.npy", "--out", "cells.json"]);
    for (out, options, bound) in [
        ("n.slc", &["--mode", "neural", "--model", "q.json"][..], f64::INFINITY),
        ("b.slc", &["--model", "q.json", "--residual", "abs:1"], 1.0),
        ("n.slf", &["--model", "q.json", "--link", "l.json"], f64::INFINITY),
        ("s.slf", &["--link", "cells.json"], 0.0),
    ] {
        f.works(&[&["compress", "two.npy", out], options].concat());
        let link = if out.ends_with("slf") { options } else { &[] };
        f.works(&[&["decompress", out, "back.npy"], link].concat());
        let report = json(&f, &["evaluate", "two.npy", "back.npy"]);
        let error = report["columns"][0]["max_abs"].as_f64().unwrap();
        assert!(error <= bound && (error > 0.0) == (bound > 0.0), "{out}: {error}");
    }
    // Where there is a choice, the name counts.
    f.works(&["toy", "jets", "jets.npz", "--rows", "50"]);
    f.refused(&["compress", "jets.npz", "x.slc", "--mode", "neural", "--model", "q.json"], "there is no column `one`");
}

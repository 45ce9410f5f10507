//! The whole job on a small toy: every stage, then the promises that hold across stages.

use std::path::Path;

use super::{has, sluice, stderr};

const RECIPE: &str = r#"
name = "tiny"
[data]
toy = "trigger-cells"
toy_rows = 600
toy_seed = 3
[train]
latent = 4
hidden = [4]
decoder_hidden = [8]
linear_path = true
epochs = 3
qat_epochs = 2
batch = 64
learning_rate = 0.002
seed = 5
[quantize]
input_bits = 7
weight_bits = 4
activation_bits = 6
latent_bits = 6
[verify]
random = 2000
icarus = 100
synth = false
"#;

fn run(folder: &Path) -> serde_json::Value {
    std::fs::write(folder.join("recipe.toml"), RECIPE).unwrap();
    let out = sluice(folder, &["run", "recipe.toml", "--out", "run", "--json"]);
    assert!(out.status.success(), "{}", stderr(&out));
    serde_json::from_slice(&out.stdout).unwrap()
}

#[test]
fn a_recipe_becomes_verified_firmware_and_a_compressed_file_twice_the_same() {
    if !has("verilator") || !has("iverilog") {
        return;
    }
    let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let report = run(a.path());
    assert_eq!(report["verify"]["samples"], 2600, "2000 made vectors and the 600 rows of the data");
    assert_eq!(report["verify"]["mismatches"], 0);
    assert_eq!(report["verify"]["latency_predicted"], report["verify"]["latency_measured"]);
    let size = |key: &str| report["size"][key].as_u64().unwrap();
    let file = std::fs::metadata(a.path().join("run/data.slc")).unwrap().len();
    assert_eq!(size("total_bytes"), file, "every byte of the container is counted");
    assert_eq!(size("payload_bytes") + size("model_bytes") + size("header_bytes"), file);

    run(b.path());
    for name in ["model.trained.json", "model.quant.json", "data.slc", "design/tiny.v"] {
        let read = |d: &Path| std::fs::read(d.join("run").join(name)).unwrap();
        assert!(read(a.path()) == read(b.path()), "{name} differs between two runs of one recipe");
    }

    // A second run has nothing left to do.
    let again = sluice(a.path(), &["run", "recipe.toml", "--out", "run"]);
    assert!(stderr(&again).contains("train: up to date") && stderr(&again).contains("verify: up to date"));

    // One operator changed in the Verilog must turn the check red.
    let design = a.path().join("run/design/tiny.v");
    let text = std::fs::read_to_string(&design).unwrap();
    std::fs::write(&design, text.replacen(" + ", " - ", 1)).unwrap();
    let out = sluice(a.path(), &["verify", "run/design", "--random", "500", "--icarus", "0"]);
    assert_eq!(out.status.code(), Some(2), "a changed file is noticed by its hash: {}", stderr(&out));
}

#[test]
fn lossless_npy_comes_back_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let at = |n: &str| folder.path().join(n);
    for (verb, args) in [
        ("toy", vec!["trigger-cells", "a.npy", "--rows", "500"]),
        ("compress", vec!["a.npy", "a.slc"]),
        ("decompress", vec!["a.slc", "b.npy"]),
    ] {
        let out = sluice(folder.path(), &[&[verb], args.as_slice()].concat());
        assert!(out.status.success(), "{verb}: {}", stderr(&out));
    }
    assert_eq!(std::fs::read(at("a.npy")).unwrap(), std::fs::read(at("b.npy")).unwrap());
    assert!(std::fs::metadata(at("a.slc")).unwrap().len() < std::fs::metadata(at("a.npy")).unwrap().len());
}

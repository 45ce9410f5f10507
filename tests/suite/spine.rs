//! The whole job on a small toy: every stage, then the promises that hold across stages.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

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

fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sluice"));
    command.args(args).current_dir(folder);
    command
}

/// Runs a recipe with so many threads; the report.
fn run(folder: &Path, threads: usize) -> serde_json::Value {
    std::fs::write(folder.join("recipe.toml"), RECIPE).unwrap();
    let mut command = command(folder, &["run", "recipe.toml", "--out", "run", "--json"]);
    let out = command.env("RAYON_NUM_THREADS", threads.to_string()).output().unwrap();
    assert!(out.status.success(), "{}", stderr(&out));
    serde_json::from_slice(&out.stdout).unwrap()
}

fn must(out: &Output) {
    assert!(out.status.success(), "{}", stderr(out));
}

/// The stages that said that they were up to date.
fn skipped(out: &Output) -> Vec<String> {
    must(out);
    stderr(out).lines().filter_map(|l| l.strip_suffix(": up to date")).map(str::to_owned).collect()
}

/// The first Verilog file of a design that holds `text`.
fn verilog_with(design: &Path, text: &str) -> PathBuf {
    let holds = |path: &PathBuf| {
        path.extension().is_some_and(|e| e == "v") && std::fs::read_to_string(path).unwrap().contains(text)
    };
    let mut files: Vec<PathBuf> = std::fs::read_dir(design).unwrap().map(|e| e.unwrap().path()).filter(holds).collect();
    files.sort();
    files.into_iter().next().unwrap_or_else(|| panic!("no Verilog with `{text}` in {}", design.display()))
}

#[test]
fn a_recipe_becomes_verified_firmware_and_a_compressed_file_twice_the_same() {
    if !has("verilator") || !has("iverilog") {
        return;
    }
    let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let report = run(a.path(), 1);
    assert!(report["verify"]["samples"].as_u64().unwrap() >= 2000);
    assert_eq!(report["verify"]["mismatches"], 0);
    assert_eq!(report["verify"]["latency_predicted"], report["verify"]["latency_measured"]);
    let size = |key: &str| report["size"][key].as_u64().unwrap();
    let file = std::fs::metadata(a.path().join("run/data.slc")).unwrap().len();
    assert_eq!(size("total_bytes"), file, "every byte of the container is counted");
    assert_eq!(size("payload_bytes") + size("model_bytes") + size("header_bytes"), file);

    // Another folder, another number of threads: the same bytes.
    run(b.path(), 3);
    let read = |d: &Path, name: &str| std::fs::read(d.join("run").join(name)).unwrap();
    let design: serde_json::Value = serde_json::from_slice(&read(a.path(), "design/design.json")).unwrap();
    let verilog: Vec<String> =
        design["files"].as_array().unwrap().iter().map(|f| format!("design/{}", f.as_str().unwrap())).collect();
    let others = ["model.trained.json", "model.quant.json", "data.slc", "design/design.json"].map(str::to_owned);
    for name in verilog.iter().chain(&others) {
        assert!(read(a.path(), name) == read(b.path(), name), "{name} differs between two runs of one recipe");
    }

    a_stage_runs_again_only_where_its_input_or_product_changed(a.path());
    one_operator_changed_turns_the_check_red(&b.path().join("run/design"));
}

fn a_stage_runs_again_only_where_its_input_or_product_changed(folder: &Path) {
    let again = || skipped(&sluice(folder, &["run", "recipe.toml", "--out", "run"]));
    let all = ["train", "quantize", "emit", "verify", "compress", "compare", "report"];
    assert_eq!(again(), all);

    std::fs::remove_file(folder.join("run/data.slc")).unwrap();
    assert_eq!(again(), ["train", "quantize", "emit", "verify", "compare", "report"], "a lost container is made again");

    let verilog = verilog_with(&folder.join("run/design"), " + ");
    let text = std::fs::read_to_string(&verilog).unwrap();
    std::fs::write(&verilog, text.replacen(" + ", " - ", 1)).unwrap();
    assert_eq!(
        again(),
        ["train", "quantize", "verify", "compress", "compare", "report"],
        "an edited design is made again"
    );
    assert!(std::fs::read_to_string(&verilog).unwrap() == text);

    std::fs::write(folder.join("recipe.toml"), RECIPE.replace("random = 2000", "random = 1000")).unwrap();
    assert_eq!(again(), ["train", "quantize", "emit", "compress", "compare"], "fewer vectors: only verification");

    std::fs::write(folder.join("run/stages.json"), "{\"half").unwrap();
    assert_eq!(again(), [""; 0], "without a ledger everything runs again");
}

fn one_operator_changed_turns_the_check_red(design: &Path) {
    let verilog = verilog_with(design, " + ");
    let verify = || sluice(design, &["verify", ".", "--random", "500", "--icarus", "0"]);
    must(&verify());
    let text = std::fs::read_to_string(&verilog).unwrap();
    let changed = text.replacen(" + ", " - ", 1);
    std::fs::write(&verilog, &changed).unwrap();
    let out = verify();
    assert_eq!(out.status.code(), Some(2), "a changed file is noticed by its hash: {}", stderr(&out));

    // With the hash changed too, only the simulation can tell.
    let hash = |text: &str| Sha256::digest(text).iter().map(|b| format!("{b:02x}")).collect::<String>();
    let manifest = std::fs::read_to_string(design.join("design.json")).unwrap();
    assert!(manifest.contains(&hash(&text)));
    std::fs::write(design.join("design.json"), manifest.replace(&hash(&text), &hash(&changed))).unwrap();
    let out = verify();
    assert_eq!(out.status.code(), Some(1), "{}", stderr(&out));
    assert!(String::from_utf8_lossy(&out.stdout).contains("mismatch"));
}

/// Starts a command and ends it, without a chance to clean up, as soon as `begun` holds.
fn kill_when(mut command: Command, begun: impl Fn() -> bool) {
    let mut child = command.stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    let start = Instant::now();
    while !begun() {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it could be killed");
        assert!(start.elapsed() < Duration::from_secs(120), "it never began");
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_killed_training_goes_on_and_ends_with_the_same_bytes() {
    let recipe = RECIPE.replace("epochs = 3", "epochs = 60").replace("qat_epochs = 2", "qat_epochs = 20");
    let recipe = recipe.replace("seed = 5", "seed = 5\ncheckpoint_every = 1");
    let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for folder in [a.path(), b.path()] {
        std::fs::write(folder.join("recipe.toml"), &recipe).unwrap();
    }
    let args = ["train", "recipe.toml", "--out", "m.json"];
    must(&sluice(a.path(), &args));

    let others = || -> Vec<String> {
        let names = std::fs::read_dir(b.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
        names.filter(|n| n.starts_with("m.json") && n != "m.json").collect()
    };
    kill_when(command(b.path(), &args), || !others().is_empty());
    assert!(!b.path().join("m.json").exists(), "a model before the end of training");
    must(&sluice(b.path(), &args));
    assert!(others().is_empty(), "checkpoints are left: {:?}", others());
    let read = |d: &Path| std::fs::read(d.join("m.json")).unwrap();
    assert!(read(a.path()) == read(b.path()), "the resumed model differs");
}

#[test]
fn a_killed_compression_leaves_no_half_container() {
    let folder = tempfile::tempdir().unwrap();
    must(&sluice(folder.path(), &["toy", "trigger-cells", "a.npy", "--rows", "60000"]));
    let entries = || std::fs::read_dir(folder.path()).unwrap().count();
    let args = ["compress", "a.npy", "a.slc", "--block-rows", "500"];
    kill_when(command(folder.path(), &args), || entries() > 1);
    assert!(!folder.path().join("a.slc").exists());
    must(&sluice(folder.path(), &args));
    must(&sluice(folder.path(), &["decompress", "a.slc", "b.npy"]));
    let read = |n: &str| std::fs::read(folder.path().join(n)).unwrap();
    assert!(read("a.npy") == read("b.npy"));
}

#[test]
fn npy_comes_back_with_its_dtype_and_shape_in_every_mode() {
    let folder = tempfile::tempdir().unwrap();
    let at = |n: &str| std::fs::read(folder.path().join(n)).unwrap();
    let go = |args: &str| must(&sluice(folder.path(), &args.split(' ').collect::<Vec<_>>()));
    for (detector, rows) in [("trigger-cells", "500"), ("pulses", "40"), ("flow", "20")] {
        go(&format!("toy {detector} a.npy --rows {rows}"));
        let header = at("a.npy")[..128].to_vec();
        for mode in ["lossless", "bounded --bound range:1e-2"] {
            go(&format!("compress a.npy a.slc --mode {mode}"));
            go("decompress a.slc b.npy");
            assert!(at("b.npy")[..128] == header && at("b.npy").len() == at("a.npy").len(), "{detector}, {mode}");
            assert!(at("a.slc").len() < at("a.npy").len(), "{detector}, {mode}: the file grew");
            if mode == "lossless" {
                assert!(at("a.npy") == at("b.npy"), "{detector}");
            } else {
                let out = sluice(folder.path(), &["evaluate", "a.npy", "b.npy", "--json"]);
                let figures: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
                for column in figures["columns"].as_array().unwrap() {
                    assert!(column["max_over_range"].as_f64().unwrap() <= 1e-2, "{detector}: {column}");
                }
            }
        }
    }

    let recipe = RECIPE.replace("toy = \"trigger-cells\"\ntoy_rows = 600\ntoy_seed = 3", "path = \"c.npy\"");
    std::fs::write(folder.path().join("recipe.toml"), recipe).unwrap();
    go("toy trigger-cells c.npy --rows 600");
    go("train recipe.toml --out m.json");
    go("quantize m.json --out q.json");
    go("compress c.npy c.slc --mode neural --model q.json");
    go("decompress c.slc d.npy");
    assert!(at("d.npy")[..128] == at("c.npy")[..128] && at("d.npy").len() == at("c.npy").len());
}

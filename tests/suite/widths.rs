//! Bit widths that are trained, from a recipe to verified firmware.

use super::{sluice, stderr};

const RECIPE: &str = r#"
name = "narrow"
[data]
toy = "trigger-cells"
toy_rows = 2000
toy_seed = 3
[train]
latent = 6
hidden = [8]
decoder_hidden = [16]
linear_path = false
latent_activation = "relu"
epochs = 10
qat_epochs = 5
batch = 64
learning_rate = 0.003
widths = WIDTHS
seed = 5
[quantize]
input_bits = 7
weight_bits = 7
activation_bits = 8
latent_bits = 8
activations = "per_channel"
[verify]
random = 3000
icarus = 100
synth = false
"#;

/// Lookup tables of the design, by the compiler, and bits of its latents.
fn run(widths: &str) -> (u64, u64, serde_json::Value) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("recipe.toml"), RECIPE.replace("WIDTHS", widths)).unwrap();
    let out = sluice(folder.path(), &["run", "recipe.toml", "--out", "run", "--json"]);
    assert!(out.status.success(), "{}", stderr(&out));
    let read = |name: &str| -> serde_json::Value {
        serde_json::from_slice(&std::fs::read(folder.path().join("run").join(name)).unwrap()).unwrap()
    };
    let design = read("design/design.json");
    let lut = design["lut_estimate"].as_u64().unwrap();
    let latents = design["output_formats"].as_array().unwrap().iter().map(|f| f["width"].as_u64().unwrap()).sum();
    (lut, latents, serde_json::from_slice(&out.stdout).unwrap())
}

#[test]
fn a_budget_of_lookup_tables_and_latent_bits_is_met_by_verified_firmware() {
    let (free_lut, free_latents, _) = run("{ epochs = 0 }");
    let (lut, latents, report) = run("{ epochs = 60, budget = { lut = 400, latent_bits = 30 } }");
    assert!(free_lut > 1200 && free_latents > 40, "{free_lut} {free_latents}");
    assert!(lut <= 400 && lut > 150, "{lut}");
    assert!(latents <= 30 && latents > 15, "{latents}");
    assert_eq!(report["verify"]["mismatches"], 0);
}

#[test]
fn a_search_keeps_its_trials_and_finds_what_nothing_beats() {
    let folder = tempfile::tempdir().unwrap();
    let recipe =
        RECIPE.replace("WIDTHS", "{ epochs = 6 }") + "[search]\nhidden = [[], [8]]\nadder_price = [1e-5, 1e-3]\n";
    std::fs::write(folder.path().join("recipe.toml"), recipe).unwrap();
    let search = || {
        let out = sluice(folder.path(), &["search", "recipe.toml", "--out", "found"]);
        assert!(out.status.success(), "{}", stderr(&out));
        assert!(String::from_utf8_lossy(&out.stdout).contains("RMS/range"));
        std::fs::read(folder.path().join("found/search.json")).unwrap()
    };
    let first = search();
    let found: serde_json::Value = serde_json::from_slice(&first).unwrap();
    let trials = found["trials"].as_array().unwrap();
    assert_eq!(trials.len(), 4);
    let merits = |t: &serde_json::Value| {
        ["rms_over_range", "entropy_bits", "lut", "latency_ns"].map(|name| t[name].as_f64().unwrap())
    };
    for trial in trials {
        let beaten = trials.iter().any(|other| {
            let (a, b) = (merits(other), merits(trial));
            a.iter().zip(&b).all(|(a, b)| a <= b) && a != b
        });
        assert_eq!(found["front"].as_array().unwrap().contains(&trial["key"]), !beaten, "{trial}");
        assert!(trial["rms_over_range"].as_f64().unwrap() > 0.0 && trial["lut"].as_u64().unwrap() > 0, "{trial}");
    }
    // Beside them what needs no training: the codec comes to about the errors of the front.
    let rivals = found["rivals"].as_array().unwrap();
    let named =
        |name: &str| rivals.iter().filter(|r| r["name"].as_str().unwrap().starts_with(name)).collect::<Vec<_>>();
    let (components, codec) = (named("PCA"), named("bounded codec"));
    assert!(components.len() == 1 && !codec.is_empty(), "{rivals:?}");
    let error = |r: &serde_json::Value| r["rms_over_range"].as_f64().unwrap();
    let front = trials.iter().filter(|t| found["front"].as_array().unwrap().contains(&t["key"])).map(error);
    let (least, most) = front.fold((f64::MAX, 0.0f64), |(low, high), e| (low.min(e), high.max(e)));
    assert!(codec.iter().all(|r| (0.5 * least..=1.1 * most).contains(&error(r))), "{least} {most} {rivals:?}");
    assert!(rivals.iter().all(|r| r["bits"].as_f64().unwrap() > 0.0), "{rivals:?}");
    // A trial that is lost is made again, to the same figures; the others are not.
    let names = || -> Vec<_> {
        let mut all: Vec<_> =
            std::fs::read_dir(folder.path().join("found/trials")).unwrap().map(|e| e.unwrap().path()).collect();
        all.sort();
        all
    };
    let before = names();
    assert_eq!(before.len(), 8, "{before:?}");
    let changed = |path: &std::path::PathBuf| std::fs::metadata(path).unwrap().modified().unwrap();
    let (lost, kept) = (before[0].clone(), before[2].clone());
    let was = changed(&kept);
    std::fs::remove_file(&lost).unwrap();
    assert!(search() == first, "the trial that was made again differs");
    assert_eq!((names(), changed(&kept)), (before, was));
}

//! The report of a run and the published schemas.

use std::path::Path;

use sluice::report::schema::Document;

use super::{has, sluice, stderr};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// `UPDATE=1 cargo test --release schemas` writes them anew.
#[test]
fn published_schemas_are_those_of_the_types() {
    for document in Document::ALL {
        let path = root().join(document.path());
        let made = serde_json::to_string_pretty(&document.schema()).unwrap() + "\n";
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&path, &made).unwrap();
        }
        let kept = std::fs::read_to_string(&path).unwrap();
        assert!(kept == made, "{} is out of date: UPDATE=1 cargo test --release schemas", document.path());
    }
}

#[test]
fn published_schemas_describe_every_field() {
    fn undescribed(place: &str, value: &serde_json::Value, missing: &mut Vec<String>) {
        if let Some(properties) = value.get("properties").and_then(|p| p.as_object()) {
            // A variant says itself what it means; its tag, or its only field, need not say it again.
            let variant = place.ends_with("oneOf") && value.get("description").is_some() && properties.len() == 1;
            for (name, field) in properties {
                let tag = variant || field.get("const").is_some();
                if field.get("description").is_none() && !tag {
                    missing.push(format!("{place}.{name}"));
                }
            }
        }
        match value {
            serde_json::Value::Object(map) => {
                map.iter().for_each(|(k, v)| undescribed(&format!("{place}/{k}"), v, missing))
            }
            serde_json::Value::Array(items) => items.iter().for_each(|v| undescribed(place, v, missing)),
            _ => {}
        }
    }
    for document in Document::ALL {
        let mut missing = Vec::new();
        undescribed(document.name(), &document.schema(), &mut missing);
        assert!(missing.is_empty(), "{missing:#?}");
    }
}

const RECIPE: &str = r#"
name = "few_jets"
[data]
toy = "jets"
toy_rows = 500
toy_seed = 2
[train]
latent = 3
hidden = [2]
decoder_hidden = [8]
linear_path = true
epochs = 2
qat_epochs = 1
batch = 64
[quantize]
weight_bits = 4
[hardware]
clock_mhz = 20.0
[verify]
random = 300
icarus = 0
synth = false
[[physics]]
kind = "peak"
name = "momentum"
value = "ln(pt)"
range = [0, 6]
bins = 30
[[physics]]
kind = "selection"
cuts = ["pt > 5", "abs(eta) < 2.4"]
"#;

/// What the issue promises to every script, and must stay where it is.
const NAMES: [&str; 16] = [
    "/verify/samples",
    "/verify/mismatches",
    "/verify/latency_predicted",
    "/verify/latency_measured",
    "/size/raw_bytes",
    "/size/payload_bytes",
    "/size/model_bytes",
    "/size/total_bytes",
    "/size/ratio",
    "/columns/0/rms_over_range",
    "/columns/23/rms_over_range",
    "/hardware/latency_cycles",
    "/pca/rms_over_range",
    "/peers/0/ratio",
    "/physics/0/peak/peaks/before/fwhm/value",
    "/physics/1/selection/efficiency_after/value",
];

fn errors(document: Document, file: &Path) -> Vec<String> {
    let validator = jsonschema::validator_for(&document.schema()).unwrap();
    let value: serde_json::Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    validator.iter_errors(&value).map(|e| format!("{e} at {}", e.instance_path())).collect()
}

#[test]
fn a_run_leaves_a_report_that_its_schema_describes_and_a_page_that_stands_alone() {
    if !has("verilator") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    std::fs::write(folder.path().join("recipe.toml"), RECIPE).unwrap();
    let go = || sluice(folder.path(), &["run", "recipe.toml", "--out", "run"]);
    let first = go();
    assert!(first.status.success(), "{}", stderr(&first));

    assert_eq!(errors(Document::Report, &run.join("report.json")), [""; 0]);
    assert_eq!(errors(Document::QuantizedModel, &run.join("model.quant.json")), [""; 0]);
    assert_eq!(errors(Document::TrainedModel, &run.join("model.trained.json")), [""; 0]);
    let text = std::fs::read_to_string(run.join("report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    for name in NAMES {
        assert!(report.pointer(name).is_some_and(serde_json::Value::is_number), "{name} is not in report.json");
    }
    // The schema is no rubber stamp: a report without a field is not valid.
    let mut broken = report.clone();
    broken["size"].as_object_mut().unwrap().remove("model_bytes");
    assert!(!jsonschema::is_valid(&Document::Report.schema(), &broken));

    let page = std::fs::read_to_string(run.join("report.html")).unwrap();
    assert!(
        !page.contains("<script") && !page.contains("<img") && !page.contains("url("),
        "the page refers to something"
    );
    assert_eq!(page.matches("http").count(), page.matches("xmlns=\"http://www.w3.org/2000/svg\"").count());
    assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
    assert!(page.matches("<svg").count() > 3 * 24, "a distribution, residual and response for each of 24 columns");
    assert!(!page.contains("NaN"), "a figure without a number");
    assert!(
        page.contains("Peak of momentum before and after") && page.contains("selection: pt &gt; 5"),
        "no observables"
    );

    let again = go();
    let said = stderr(&again);
    assert_eq!(said.matches("up to date").count(), 7, "{said}");
    assert_eq!(text, std::fs::read_to_string(run.join("report.json")).unwrap());
    assert_eq!(first.stdout, again.stdout);

    std::fs::remove_file(run.join("report.html")).unwrap();
    let png = sluice(folder.path(), &["report", "run", "--png", "figures"]);
    assert!(png.status.success(), "{}", stderr(&png));
    assert_eq!(
        page,
        std::fs::read_to_string(run.join("report.html")).unwrap(),
        "the page is made of report.json alone"
    );
    for name in [
        "overview",
        "ratios",
        "errors",
        "distributions",
        "residuals",
        "response",
        "correlation",
        "loss",
        "latents",
        "peaks",
    ] {
        let picture = std::fs::read(folder.path().join(format!("figures/{name}.png"))).unwrap();
        assert!(picture.starts_with(b"\x89PNG") && picture.len() > 4000, "{name}.png has {} bytes", picture.len());
    }
}

#[test]
fn evaluate_and_compare_measure_what_the_bounded_mode_promises() {
    let folder = tempfile::tempdir().unwrap();
    for args in [
        &["toy", "jets", "a.npz", "--rows", "400"][..],
        &["compress", "a.npz", "a.slc", "--mode", "bounded", "--bound", "range:1e-3"],
        &["decompress", "a.slc", "b.npz"],
    ] {
        let out = sluice(folder.path(), args);
        assert!(out.status.success(), "{args:?}: {}", stderr(&out));
    }
    let json = |args: &[&str]| -> serde_json::Value {
        let out = sluice(folder.path(), args);
        assert!(out.status.success(), "{args:?}: {}", stderr(&out));
        serde_json::from_slice(&out.stdout).unwrap()
    };
    let evaluated = json(&["evaluate", "a.npz", "b.npz", "--json"]);
    let worst = evaluated["overall"]["max_over_range"].as_f64().unwrap();
    assert!(worst > 0.5e-3 && worst <= 1.0e-3 * (1.0 + 1e-6), "{worst}");

    let peers = json(&["compare", "a.npz", "--bound", "1e-3", "--json"]);
    let peers = peers.as_array().unwrap();
    let names: Vec<&str> = peers.iter().map(|p| p["name"].as_str().unwrap()).collect();
    for name in ["gzip -9", "xz -9", "zstd -19", "pcodec", "quantiser + pcodec", "sluice --effort max"] {
        assert!(names.contains(&name), "{name} is not in {names:?}");
    }
    let ours = peers.iter().find(|p| p["name"] == "sluice" && p["bound"] == 1e-3).unwrap();
    assert_eq!(ours["max_over_range"].as_f64().unwrap(), worst, "both measure the same file");
    let size = std::fs::metadata(folder.path().join("a.slc")).unwrap().len();
    assert_eq!(ours["bytes"].as_u64().unwrap(), size);
    for bound in [serde_json::Value::Null, 1e-3.into()] {
        let here = || peers.iter().filter(|p| p["bound"] == bound);
        let least = here().map(|p| p["bytes"].as_u64().unwrap()).min().unwrap();
        assert!(here().all(|p| p["best"].as_bool().unwrap() == (p["bytes"].as_u64().unwrap() == least)));
    }
    let out = sluice(folder.path(), &["compare", "a.npz", "--bound", "1e-2,1e-3", "--plot", "rd.svg"]);
    assert!(out.status.success(), "{}", stderr(&out));
    let drawn = std::fs::read_to_string(folder.path().join("rd.svg")).unwrap();
    assert!(drawn.contains("largest error over the range") && drawn.contains("quantiser + pcodec"));
}

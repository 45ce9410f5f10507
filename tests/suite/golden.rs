//! Files that show a change of the graph or of the printed Verilog as a diff. `UPDATE=1 cargo test --release golden` writes
//! them anew.

use std::path::{Path, PathBuf};

use sluice::hw::{self, CompileOptions, passes};
use sluice::model::QuantizedModel;
use sluice::verilog::{self, Interface};

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn tiny() -> QuantizedModel {
    QuantizedModel::load(&root().join("tests/golden/tiny.quant.json")).unwrap()
}

/// Lookups, a maximum and an average around a dense layer; 16 bits of input.
pub fn tables() -> QuantizedModel {
    QuantizedModel::load(&root().join("tests/golden/tables.quant.json")).unwrap()
}

/// The schedule of the golden files: short ranks and deeper trees, so that there are several.
pub fn options() -> CompileOptions {
    CompileOptions { clock_mhz: Some(150.0), slack: Some(1), ..Default::default() }
}

fn is_kept(path: &Path, made: &str) {
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, made).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        kept == made,
        "{} is not what is made now:\n{made}\n(UPDATE=1 cargo test --release golden)",
        path.display()
    );
}

#[test]
fn golden_graphs_are_those_after_each_pass() {
    let mut steps = Vec::new();
    hw::compile_watched(&tiny().encoder, &options(), |step, graph| steps.push((step, graph.to_string()))).unwrap();
    let path = |i: usize, step: &str| root().join(format!("tests/golden/passes/{i}_{step}.txt"));
    for (i, (step, text)) in steps.iter().enumerate() {
        is_kept(&path(i, step), text);
    }
    // Each pass alone: the text before it in, the text after it out.
    let passes: Vec<_> = passes::pipelines().into_iter().flat_map(|p| p.passes).collect();
    assert_eq!(passes.len() + 1, steps.len());
    for (i, pass) in passes.iter().enumerate() {
        let before = std::fs::read_to_string(path(i, steps[i].0)).unwrap();
        let mut graph = hw::parse(&before).unwrap();
        pass.run(&mut graph, &options()).unwrap();
        let after = std::fs::read_to_string(path(i + 1, pass.name())).unwrap();
        assert_eq!(graph.to_string(), after, "pass `{}`", pass.name());
    }
}

/// The folder of the golden design.
pub fn design(interface: Interface) -> PathBuf {
    root().join(if interface == Interface::Axis { "hdl/golden/tiny_axis" } else { "hdl/golden/tiny" })
}

#[test]
fn golden_designs_are_what_is_emitted() {
    let graph = hw::compile(&tiny().encoder, &options()).unwrap();
    for interface in [Interface::Kernel, Interface::Axis] {
        let made = verilog::emit(&tiny(), &graph, interface, &options()).unwrap();
        for (name, text) in &made.files {
            is_kept(&design(interface).join(name), text);
        }
        let manifest = serde_json::to_string_pretty(&made.manifest).unwrap() + "\n";
        is_kept(&design(interface).join("design.json"), &manifest);
    }
}

/// The folder of the golden folded design, of 5 cycles a vector.
pub fn folded_design() -> PathBuf {
    root().join("hdl/golden/tiny_folded")
}

#[test]
fn the_golden_folded_design_is_what_is_emitted_and_follows_the_schema() {
    let folded = hw::fold(&tiny().encoder, &options(), 5).unwrap();
    let made = verilog::emit_folded(&tiny(), &folded, Interface::Kernel, &options()).unwrap();
    for (name, text) in &made.files {
        is_kept(&folded_design().join(name), text);
    }
    let manifest = serde_json::to_string_pretty(&made.manifest).unwrap() + "\n";
    is_kept(&folded_design().join("design.json"), &manifest);
    let schema = std::fs::read_to_string(root().join("docs/design.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    validator.validate(&manifest).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!((&manifest["ii"], &manifest["input_valid"]), (&5.into(), &"x_valid".into()));
}

#[test]
fn a_design_manifest_has_the_keys_that_other_tools_need_and_follows_its_schema() {
    let schema = std::fs::read_to_string(root().join("docs/design.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    for interface in [Interface::Kernel, Interface::Axis] {
        let text = std::fs::read_to_string(design(interface).join("design.json")).unwrap();
        let manifest: serde_json::Value = serde_json::from_str(&text).unwrap();
        validator.validate(&manifest).unwrap_or_else(|e| panic!("{e}"));
        for key in ["top", "files", "clock", "input_port", "output_port", "interface", "latency_cycles", "ii"] {
            let mut without = manifest.clone();
            assert!(without.as_object_mut().unwrap().remove(key).is_some(), "{key}");
            assert!(!validator.is_valid(&without), "`{key}` must be required");
        }
        assert_eq!((&manifest["ii"], &manifest["latency_cycles"]), (&1.into(), &manifest["latency_cycles"]));
        assert!(manifest["latency_cycles"].is_u64());
    }
}

/// Containers that another machine wrote: the hashes in them say whether this one computes alike.
#[test]
fn golden_containers_are_read_as_they_were_written() {
    let folder = super::Folder::new();
    let golden = root().join("tests/golden/containers");
    let kinds: [(&str, &[&str], &[&str]); 6] = [
        ("table", &["toy", "jets", "a.npz", "--rows", "400"], &["--bound", "range:1e-3", "--effort", "max"]),
        ("lossless_table", &["toy", "jets", "a.npz", "--rows", "400"], &[]),
        ("pulses", &["toy", "pulses", "a.npy", "--rows", "4"], &[]),
        ("pulses_max", &["toy", "pulses", "a.npy", "--rows", "4"], &["--effort", "max"]),
        ("cells", &["toy", "trigger-cells", "a.npy", "--rows", "60"], &[]),
        ("field", &["toy", "flow", "a.npy", "--rows", "6"], &["--bound", "range:1e-2"]),
    ];
    for (name, toy, options) in kinds {
        let kept = golden.join(format!("{name}.slc"));
        if std::env::var_os("UPDATE").is_some() {
            std::fs::create_dir_all(&golden).unwrap();
            folder.works(toy);
            folder.works(&[&["compress", toy[2], kept.to_str().unwrap()], options].concat());
        }
        folder.works(&["check", kept.to_str().unwrap()]);
    }
}

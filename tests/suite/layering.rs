//! Imports point down: a module may use only modules of lower floors.

use std::path::Path;

/// From the ground up; modules of one entry do not use each other.
const FLOORS: &[&[&str]] = &[
    &["error", "units"],
    &["fixed", "tool"],
    &["model"],
    &["data"],
    &["train", "quantize"],
    &["reference"],
    &["hw", "entropy", "relation"],
    &["link", "mix"],
    &["circuit"],
    &["verilog"],
    &["dut", "package"],
    &["verify", "synth", "proof", "codec", "evaluate", "monitor"],
    &["physics", "anomaly", "latency"],
    &["report"],
    &["recipe"],
    &["cli"],
];

fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|f| f.contains(&module))
}

fn check(path: &Path, module: &str, violations: &mut Vec<String>) {
    if path.is_dir() {
        for entry in std::fs::read_dir(path).unwrap() {
            check(&entry.unwrap().path(), module, violations);
        }
        return;
    }
    let text = std::fs::read_to_string(path).unwrap();
    for line in text.lines() {
        let Some(rest) = line.trim().strip_prefix("use crate::") else { continue };
        // `use crate::{a, b}` and `use crate::a::...`
        let used: Vec<&str> = match rest.strip_prefix('{') {
            Some(list) => list.split(',').map(|s| s.trim().split("::").next().unwrap_or("")).collect(),
            None => vec![rest.split([':', ';', ' ']).next().unwrap_or("")],
        };
        for other in used {
            let other = other.trim_matches(|c: char| !c.is_ascii_lowercase());
            if let (Some(mine), Some(theirs)) = (floor(module), floor(other)) {
                if other != module && theirs >= mine && mine > 0 {
                    violations.push(format!("{}: `{module}` uses `{other}`", path.display()));
                }
            }
        }
    }
}

#[test]
fn imports_point_down() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut violations = Vec::new();
    let mut unknown = Vec::new();
    for entry in std::fs::read_dir(&src).unwrap() {
        let path = entry.unwrap().path();
        let module = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if module == "lib" || module == "main" {
            continue;
        }
        if floor(&module).is_none() {
            unknown.push(module.clone());
        }
        check(&path, &module, &mut violations);
    }
    assert!(unknown.is_empty(), "modules without a floor: {unknown:?}");
    assert!(violations.is_empty(), "{violations:#?}");
}

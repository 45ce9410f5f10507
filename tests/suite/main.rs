//! The tests that cross modules, in one binary (one link).

mod bad_input;
mod data;
mod design;
mod docs;
mod frames;
mod golden;
mod hardware;
mod init;
mod layering;
mod mutants;
mod networks;
mod package;
mod primitives;
mod proof;
mod recipes;
mod report;
mod resume;
mod select;
mod several;
mod spine;
mod streamed;

use std::path::Path;
use std::process::{Command, Output};

/// Runs the built `sluice` in `folder`.
fn sluice(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sluice"))
        .args(args)
        .current_dir(folder)
        .output()
        .expect("the built command starts")
}

fn stderr(out: &Output) -> String {
    String::from_utf8_lossy(&out.stderr).into_owned()
}

/// Whether Verilator is there; in CI its absence is a failure, elsewhere the test says that it was skipped.
fn has(tool: &str) -> bool {
    let found = Command::new(tool).arg("--version").output().is_ok();
    assert!(found || std::env::var_os("CI").is_none(), "{tool} is missing in CI");
    if !found {
        eprintln!("skipped: {tool} not found");
    }
    found
}

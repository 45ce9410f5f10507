//! The tests that cross modules, in one binary (one link).

mod anomaly;
mod bad_input;
mod codec;
mod data;
mod design;
mod docs;
mod families;
mod frames;
mod golden;
mod hardware;
mod init;
mod latency;
mod layering;
mod monitor;
mod mutants;
mod networks;
mod package;
mod physics;
mod primitives;
mod proof;
mod recipes;
mod report;
mod resume;
mod select;
mod several;
mod spine;
mod streamed;
mod transformer;
mod widths;
mod zoo;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use sluice::data::Dataset;

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

/// A folder for a test, and `sluice` in it.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Folder(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn at(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Runs a command that has to work.
    fn works(&self, args: &[&str]) -> Output {
        let out = sluice(self.path(), args);
        assert!(out.status.success(), "{args:?}: {}", stderr(&out));
        out
    }

    /// Runs a command that has to be refused with `what` in its error.
    fn refused(&self, args: &[&str], what: &str) {
        let out = sluice(self.path(), args);
        assert!(out.status.code() == Some(2) && stderr(&out).contains(what), "{args:?}: {}", stderr(&out));
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.at(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.at(name), bytes).unwrap();
    }

    /// The rows of a data file.
    fn rows(&self, name: &str) -> Dataset {
        let file = sluice::data::open(&self.at(name), &Default::default()).unwrap();
        file.read(0..file.rows()).unwrap()
    }
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

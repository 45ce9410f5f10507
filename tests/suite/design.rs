//! `sluice verify` on a wrong design, or without its tools.

use std::path::Path;
use std::process::Command;

use sha2::{Digest as _, Sha256};

use super::{has, sluice, stderr};

/// Copies the golden kernel to `to`.
pub fn copy_golden(to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(super::golden::design(sluice::verilog::Interface::Kernel)).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// A copy of the golden kernel with one change, whose checksum is made right again.
fn wrong_design(to: &Path, from: &str, into: &str) {
    copy_golden(to);
    let sum = |text: &str| Sha256::digest(text).iter().map(|b| format!("{b:02x}")).collect::<String>();
    let (verilog, manifest) = (to.join("tiny.v"), to.join("design.json"));
    let good = std::fs::read_to_string(&verilog).unwrap();
    assert!(good.contains(from), "`{from}` is not in the design");
    let bad = good.replacen(from, into, 1);
    std::fs::write(&verilog, &bad).unwrap();
    let text = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(&manifest, text.replace(&sum(&good), &sum(&bad))).unwrap();
}

#[test]
fn a_mismatch_names_sample_stage_and_a_command_that_replays_it_with_a_waveform() {
    if !has("verilator") || !has("iverilog") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    // The first sum belongs to hidden neurons.
    wrong_design(&folder.path().join("d"), " + ", " - ");
    let out = sluice(folder.path(), &["verify", "d", "--random", "300", "--seed", "4"]);
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    assert_eq!(out.status.code(), Some(1), "{text}{}", stderr(&out));
    let line = |start: &str| {
        let found = text.lines().find_map(|l| l.trim().strip_prefix(start));
        found.unwrap_or_else(|| panic!("`{start}` is not in {text}")).to_owned()
    };
    let first = line("mismatch: ");
    for part in ["sample ", "output ", "cycle ", "expected ", " in fixed<5,3>), got "] {
        assert!(first.contains(part), "`{part}` is not in {first}");
    }
    assert!(line("first stage that differs: ").starts_with("`hidden`, element "), "{text}");

    let replay = line("replay: ");
    let args: Vec<&str> = replay.split_whitespace().skip(1).collect();
    assert!(replay.starts_with("sluice verify d ") && args.contains(&"--replay"), "{replay}");
    let again = sluice(folder.path(), &args);
    let said = String::from_utf8_lossy(&again.stdout).into_owned();
    assert_eq!(again.status.code(), Some(1), "{said}{}", stderr(&again));
    assert!(said.contains(&format!("mismatch: {first}")), "{said}\nis another mismatch than\n{text}");
    let wave = std::fs::read_to_string(folder.path().join("mismatch.vcd")).unwrap();
    assert!(wave.contains("$enddefinitions") && wave.contains("hidden_0"), "a waveform of the whole design");
    let mut fst = args.clone();
    fst.pop();
    fst.push("mismatch.fst");
    assert_eq!(sluice(folder.path(), &fst).status.code(), Some(1));
    assert!(std::fs::metadata(folder.path().join("mismatch.fst")).unwrap().len() > 0);
}

#[test]
fn verilog_that_no_tool_can_read_shows_the_tools_words() {
    if !has("verilator") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    wrong_design(&folder.path().join("d"), "assign n3 =", "asign n3 =");
    let out = sluice(folder.path(), &["verify", "d", "--random", "50"]);
    let text = stderr(&out);
    assert_eq!(out.status.code(), Some(2), "{text}");
    assert!(text.starts_with("error[X002]: verilator failed: exit status: 1\n"), "{text}");
    assert!(text.contains("tiny.v:") && text.contains("syntax error"), "{text}");
}

#[test]
fn a_missing_tool_and_one_that_takes_too_long_are_named() {
    let folder = tempfile::tempdir().unwrap();
    copy_golden(&folder.path().join("d"));
    let run = |name: &str, value: &Path| {
        let out = Command::new(env!("CARGO_BIN_EXE_sluice"))
            .args(["verify", "d", "--random", "50"])
            .current_dir(folder.path())
            .env("SLUICE_CACHE", folder.path().join("cache"))
            .env(name, value)
            .output()
            .unwrap();
        assert_eq!(out.status.code(), Some(2), "{}", stderr(&out));
        stderr(&out)
    };
    assert_eq!(
        run("PATH", folder.path()),
        "error[X001]: verilator not found\n  hint:  apt install verilator g++ make\n"
    );
    if has("verilator") {
        let text = run("SLUICE_TOOL_TIMEOUT", Path::new("0"));
        assert!(text.starts_with("error[X003]: verilator did not end within 0 s and was stopped\n"), "{text}");
        assert!(text.contains("hint:  set SLUICE_TOOL_TIMEOUT to more seconds"), "{text}");
    }
}

#[test]
fn a_tool_that_is_broken_or_never_says_its_version_is_named() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    copy_golden(&folder.path().join("d"));
    let fake = folder.path().join("tools/verilator");
    std::fs::create_dir(folder.path().join("tools")).unwrap();
    let verify = |mode: u32, script: &str| {
        std::fs::write(&fake, script).unwrap();
        std::fs::set_permissions(&fake, std::fs::Permissions::from_mode(mode)).unwrap();
        let out = Command::new(env!("CARGO_BIN_EXE_sluice"))
            .args(["verify", "d", "--random", "50"])
            .current_dir(folder.path())
            .env("SLUICE_CACHE", folder.path().join("cache"))
            .env("SLUICE_TOOLS", folder.path().join("tools"))
            .output()
            .unwrap();
        assert_eq!(out.status.code(), Some(2), "{}", stderr(&out));
        stderr(&out)
    };
    let text = verify(0o755, "#!/bin/sh\nsleep 300\n");
    assert!(text.starts_with("error[X003]: verilator did not say its version within 10 s and was stopped\n"), "{text}");
    assert!(text.contains("tools/verilator --version`"), "{text}");
    let text = verify(0o755, "#!/no/such/interpreter\n");
    assert!(text.starts_with("error[X001]: verilator is there but does not run\n"), "{text}");
    let text = verify(0o644, "#!/bin/sh\n");
    assert!(text.starts_with("error[X001]: verilator is there but does not run\n"), "{text}");
}

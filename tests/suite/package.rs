//! What is handed over with a design works: its bench in cocotb, and its core file in FuseSoC.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::{Folder, has, stderr};

/// A program of the Python environment that scripts/setup makes; in CI its absence is a failure.
fn python(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("venv/bin").join(name);
    assert!(path.exists() || std::env::var_os("CI").is_none(), "{} is missing in CI", path.display());
    if !path.exists() {
        eprintln!("skipped: {} not found, `scripts/setup` installs it", path.display());
    }
    path.exists().then_some(path)
}

fn run(command: &Path, args: &[&str], folder: &Path) -> Output {
    let bin = command.parent().unwrap().display().to_string();
    let path = format!("{bin}:{}", std::env::var("PATH").unwrap_or_default());
    Command::new(command).args(args).current_dir(folder).env("PATH", path).output().unwrap()
}

#[test]
fn the_cocotb_bench_of_a_design_passes_and_finds_a_wrong_byte_and_a_wrong_operator() {
    let (Some(python), Some(_), Some(fusesoc)) = (python("python3"), python("cocotb-config"), python("fusesoc")) else {
        return;
    };
    if !has("iverilog") || !has("verilator") {
        return;
    }
    let folder = Folder::new();
    let rows: String = (0..300).map(|i| format!("{},{}\n", i * i % 61, if i % 3 == 0 { i % 29 } else { 0 })).collect();
    folder.write("x.csv", format!("a,b\n{rows}"));
    folder.works(&["link", "x.csv", "--zero-suppression", "true", "--frame-events", "9"]);
    let bench = |design: &str| {
        let out = run(&python, &["run_cocotb.py"], &folder.at(design).join("tb"));
        (out.status.success(), String::from_utf8_lossy(&out.stdout).into_owned() + &stderr(&out))
    };
    // Everything at once; with losses; a frame an event; waveforms.
    let core = ["emit", "--link", "link.json", "--link-bits", "32"];
    folder.works(&[&core[..], &["--registers", "--output-clock", "--link-input-bits", "8", "--out", "all"]].concat());
    folder.works(&[&core[..], &["--registers", "--drop", "--out", "lossy"]].concat());
    folder.works(&["link", "x.csv", "--frame-bits", "96", "--out", "fixed.json"]);
    folder.works(&["emit", "--link", "fixed.json", "--out", "fixed"]);
    folder.works(&["link", "x.csv", "--waveform", "--continuous", "--frame-events", "40", "--out", "waves.json"]);
    folder.works(&["emit", "--link", "waves.json", "--out", "waves"]);
    for design in ["all", "lossy", "fixed", "waves"] {
        let (passed, said) = bench(design);
        assert!(passed && said.contains(" 0 failed"), "{design}: {said}");
    }
    // FuseSoC takes it, and Verilator has nothing to say.
    let out = run(&fusesoc, &["--cores-root", "all", "run", "--target=lint", "sluice:design:x_link"], folder.path());
    assert!(out.status.success(), "{}{}", String::from_utf8_lossy(&out.stdout), stderr(&out));
    assert!(!stderr(&out).contains("%Warning"), "{}", stderr(&out));
    // The bench can fail.
    let expected = folder.at("fixed/tb/expected.hex");
    let text = std::fs::read_to_string(&expected).unwrap();
    let last = text.trim_end().len() - 1;
    let digit = if text.as_bytes()[last] == b'0' { "1" } else { "0" };
    std::fs::write(&expected, format!("{}{digit}\n", &text[..last])).unwrap();
    let (passed, said) = bench("fixed");
    assert!(!passed && said.contains("expected"), "{said}");
    let packer = folder.at("waves/link_pack.v");
    let text = std::fs::read_to_string(&packer).unwrap();
    let changed = text.replacen("filled + ", "filled - ", 1);
    assert_ne!(text, changed);
    std::fs::write(&packer, changed).unwrap();
    assert!(!bench("waves").0);
}

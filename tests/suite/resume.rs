//! A training that is killed goes on where it was, and ends with the same bytes.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::{sluice, stderr};

const RECIPE: &str = r#"
name = "long"
[data]
toy = "trigger-cells"
toy_rows = 1500
toy_seed = 3
[train]
latent = 4
hidden = [8]
decoder_hidden = [8]
epochs = 40
qat_epochs = 5
batch = 16
checkpoint_every = 1
"#;

#[test]
fn a_killed_process_resumes_to_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("r.toml"), RECIPE).unwrap();
    let args = |out: &'static str| ["train", "r.toml", "--out", out];
    let whole = sluice(folder.path(), &args("whole.json"));
    assert!(whole.status.success(), "{}", stderr(&whole));

    let mut child = Command::new(env!("CARGO_BIN_EXE_sluice"))
        .args(args("killed.json"))
        .current_dir(folder.path())
        .stderr(Stdio::null())
        .spawn()
        .expect("the built command starts");
    let checkpoint = folder.path().join("killed.json.float.checkpoint");
    let start = Instant::now();
    while !checkpoint.exists() {
        assert!(start.elapsed() < Duration::from_secs(120), "no checkpoint appeared");
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().expect("the process can be killed");
    child.wait().expect("the process can be waited for");
    assert!(!folder.path().join("killed.json").exists(), "it ended before it could be killed");

    let resumed = sluice(folder.path(), &args("killed.json"));
    assert!(resumed.status.success(), "{}", stderr(&resumed));
    let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    assert!(read("whole.json") == read("killed.json"), "the resumed model differs");
    assert!(!checkpoint.exists(), "the checkpoint of a finished training stays behind");
}

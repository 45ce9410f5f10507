//! The documents say what the program does: their JSON is loaded, their commands are run.

use std::path::Path;
use std::process::Command;

use super::{has, sluice, stderr};

/// The fenced blocks of a page in order, with their kinds.
fn fences(page: &str) -> Vec<(String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(page);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let inside = text.split("```").skip(1).step_by(2);
    inside.filter_map(|block| block.split_once('\n')).map(|(kind, block)| (kind.to_owned(), block.to_owned())).collect()
}

/// The fenced blocks of a kind in a page, in order.
fn blocks(page: &str, kind: &str) -> Vec<String> {
    let found: Vec<String> = fences(page).into_iter().filter(|f| f.0 == kind).map(|f| f.1).collect();
    assert!(!found.is_empty(), "{page} has no {kind} block");
    found
}

fn must_work(folder: &Path, args: &[&str]) {
    let out = sluice(folder, args);
    assert!(out.status.success(), "sluice {}: {}", args.join(" "), stderr(&out));
}

#[test]
fn the_models_in_the_model_page_become_verified_firmware() {
    let folder = tempfile::tempdir().unwrap();
    let models = blocks("docs/MODEL.md", "json");
    let [own, functions, neutral] = models.as_slice() else { panic!("{} models", models.len()) };
    std::fs::write(folder.path().join("functions.json"), functions).unwrap();
    std::fs::write(folder.path().join("own.json"), own).unwrap();
    std::fs::write(folder.path().join("neutral.json"), neutral).unwrap();
    must_work(folder.path(), &["import", "neutral.json", "--out", "chain.json"]);
    must_work(folder.path(), &["import", "functions.json", "--out", "pulse.json"]);
    for model in ["own", "chain", "pulse"] {
        must_work(folder.path(), &["emit", &format!("{model}.json"), "--out", model]);
        if has("verilator") && has("iverilog") {
            must_work(folder.path(), &["verify", model, "--random", "3000"]);
        }
    }

    // The error that the page quotes.
    let wrong = own.replacen("[3, -5]", "[3, -9]", 1);
    std::fs::write(folder.path().join("wrong.json"), wrong).unwrap();
    let said = stderr(&sluice(folder.path(), &["emit", "wrong.json", "--out", "wrong"]));
    let quoted = &blocks("docs/MODEL.md", "text")[0];
    assert_eq!(said.lines().next(), quoted.lines().next());
}

#[test]
fn the_commands_of_the_guide_work_in_the_order_given() {
    if !has("verilator") || !has("iverilog") || !has("yosys") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    // The page says so.
    std::os::unix::fs::symlink(Path::new(env!("CARGO_MANIFEST_DIR")).join("models"), folder.path().join("models"))
        .unwrap();
    let bin = Path::new(env!("CARGO_BIN_EXE_sluice")).parent().unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
    let mut printed = None;
    for (kind, block) in fences("docs/GUIDE.md") {
        match kind.as_str() {
            "sh" => {
                let out = Command::new("bash")
                    .args(["-euo", "pipefail", "-c", &block])
                    .current_dir(folder.path())
                    .env("PATH", &path)
                    .output()
                    .expect("bash starts");
                assert!(out.status.success(), "{block}\n{}", stderr(&out));
                printed = Some(String::from_utf8(out.stdout).unwrap());
            }
            // What the command before it prints.
            "text" => assert_eq!(printed.take().as_deref().map(str::trim_end), Some(block.trim_end())),
            _ => {}
        }
    }
}

#[test]
fn the_studies_of_the_latency_page_run() {
    let folder = tempfile::tempdir().unwrap();
    let [study, trains, sweep] = &blocks("docs/LATENCY.md", "toml")[..] else { panic!("three blocks") };
    let path = folder.path().join("study.toml");
    std::fs::write(&path, study).unwrap();
    let [command] = &blocks("docs/LATENCY.md", "sh")[..] else { panic!("one command") };
    let args: Vec<&str> = command.split_whitespace().skip(1).collect();
    must_work(folder.path(), &args);
    assert!(folder.path().join("study/report.html").exists() && folder.path().join("study/latency.png").exists());
    std::fs::write(folder.path().join("trains.toml"), trains.replace("events = 4000000", "events = 400000")).unwrap();
    must_work(folder.path(), &["latency", "trains.toml"]);
    let fewer = study.replace("events = 1000000", "events = 20000");
    std::fs::write(&path, format!("{fewer}\n{sweep}")).unwrap();
    let out = sluice(folder.path(), &["--json", "latency", "study.toml", "--out", "sweep"]);
    let found: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(found["sweep"]["points"].as_array().unwrap().len(), 36);
    assert!(folder.path().join("sweep/sweep.csv").exists());
}

/// A recipe of little training, which blocks of the page complete.
const SHORT: &str = r#"
name = "page"
[data]
toy = "trigger-cells"
toy_rows = 300
[train]
latent = 8
hidden = [8]
epochs = 1
qat_epochs = 1
batch = 64
"#;

#[test]
fn what_the_training_page_says_is_trained() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for block in blocks("docs/TRAINING.md", "toml") {
        let mut recipe: toml::Table = toml::from_str(SHORT).unwrap();
        let mut said: toml::Table = toml::from_str(&block.replace("epochs = 20,", "epochs = 2,")).unwrap();
        if let Some(mut search) = said.remove("search") {
            search.as_table_mut().unwrap().insert("trials".into(), 2.into());
            recipe["train"]
                .as_table_mut()
                .unwrap()
                .extend(toml::from_str::<toml::Table>("widths = { epochs = 2 }").unwrap());
            recipe.insert("search".into(), search);
            std::fs::write(path("s.toml"), toml::to_string(&recipe).unwrap()).unwrap();
            must_work(folder.path(), &["search", "s.toml", "--out", "found"]);
            assert!(path("found/search.svg").exists() && path("found/search.json").exists());
            continue;
        }
        recipe["train"].as_table_mut().unwrap().extend(said);
        std::fs::write(path("r.toml"), toml::to_string(&recipe).unwrap()).unwrap();
        must_work(folder.path(), &["train", "r.toml", "--out", "t.json"]);
        must_work(folder.path(), &["quantize", "t.json", "--out", "q.json"]);
        // What the page says of each family: it becomes firmware, or this is refused.
        if block.starts_with("transformer") {
            let out = sluice(folder.path(), &["emit", "q.json", "--out", "none"]);
            assert!(stderr(&out).starts_with("error[U003]"), "{}", stderr(&out));
            continue;
        }
        must_work(folder.path(), &["emit", "q.json", "--out", "design", "--effort", "fast"]);
    }
}

//! What to take of a file: the same options for every verb that reads one.

use std::path::Path;

use super::{sluice, stderr};

const VERBS: [&str; 5] = ["inspect", "init", "compress", "evaluate", "compare"];
const OPTIONS: [&str; 7] = ["--array", "--tree", "--columns", "--exclude", "--rows", "--dtype", "--shape"];

fn stdout(folder: &Path, args: &[&str]) -> String {
    let out = sluice(folder, args);
    assert!(out.status.success(), "{args:?}: {}", stderr(&out));
    String::from_utf8_lossy(&out.stdout).into_owned()
}

fn json(folder: &Path, args: &[&str]) -> serde_json::Value {
    serde_json::from_str(&stdout(folder, &[args, &["--json"]].concat())).unwrap()
}

/// Names in a list of things with names.
fn names(list: &serde_json::Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|i| i["name"].as_str().unwrap()).collect()
}

/// A table of four columns and twelve rows, and the same numbers raw.
fn files(folder: &Path) {
    let rows = (0..12).map(|r| format!("{r},{},{},{}\n", r * r, 100 - r, r % 3));
    std::fs::write(folder.join("a.csv"), format!("a,b,c,d\n{}", rows.collect::<String>())).unwrap();
    let raw: Vec<u8> = (0..48i16).flat_map(|i| (i * 7).to_le_bytes()).collect();
    std::fs::write(folder.join("a.bin"), raw).unwrap();
}

#[test]
fn every_verb_that_reads_data_has_the_same_options_in_the_same_words() {
    let folder = tempfile::tempdir().unwrap();
    let lines = |verb: &str| {
        let help = stdout(folder.path(), &[verb, "-h"]);
        let words: Vec<&str> = help.split_whitespace().collect();
        // Up to the next option: where its lines break depends on the others.
        let of = |option: &str| {
            let at = words.iter().position(|w| *w == option).unwrap_or_else(|| panic!("{verb} {option}"));
            let more = words[at + 1..].iter().take_while(|w| !w.starts_with('-'));
            more.copied().collect::<Vec<_>>().join(" ")
        };
        OPTIONS.map(of)
    };
    for verb in VERBS {
        assert_eq!(lines(verb), lines("inspect"), "{verb}");
    }
}

#[test]
fn compare_and_inspect_take_what_was_selected() {
    let folder = tempfile::tempdir().unwrap();
    files(folder.path());
    let text = stdout(folder.path(), &["compare", "a.csv", "--columns", "b,a", "--rows", "2:9"]);
    assert!(text.starts_with("7 rows, 2 columns, 112 bytes"), "{text}");
    let text = stdout(folder.path(), &["compare", "a.bin", "--dtype", "i16", "--shape", "0,4", "--rows", ":5"]);
    assert!(text.starts_with("5 rows, 1 columns, 40 bytes"), "{text}");

    let all = json(folder.path(), &["inspect", "a.csv", "--columns", "d,*", "--exclude", "*c"]);
    assert_eq!(names(&all["items"]), ["d", "a", "b"]);
    // Formats of which `inspect` lists everything are narrowed down in the same way.
    stdout(folder.path(), &["compress", "a.csv", "a.slc"]);
    for kind in ["csv", "npz", "h5", "parquet", "root"] {
        let file = format!("b.{kind}");
        stdout(folder.path(), &["decompress", "a.slc", &file]);
        let all = json(folder.path(), &["inspect", &file, "--exclude", "c", "--rows", "10:"]);
        assert_eq!(names(&all["items"]), ["a", "b", "d"], "{kind}");
        assert_eq!((&all["items"][1]["rows"], &all["items"][1]["values"]["min"]), (&2.into(), &100.0.into()), "{kind}");
        for (args, word) in [
            (["--columns", "a,e"], "there is no"),
            (["--rows", "3:99"], "there are no rows 3 to 99"),
            (["--rows", "3"], "it is START:END, for example 0:1000"),
        ] {
            let out = sluice(folder.path(), &[&["inspect", &file], &args[..]].concat());
            assert_eq!(out.status.code(), Some(2), "{kind} {args:?}");
            assert!(stderr(&out).contains(word), "{kind} {args:?}: {}", stderr(&out));
        }
    }
}

#[test]
fn a_container_of_a_selection_is_evaluated_with_the_same_selection() {
    let folder = tempfile::tempdir().unwrap();
    files(folder.path());
    let select = ["--exclude", "c", "--rows", "3:10"];
    stdout(folder.path(), &[&["compress", "a.csv", "a.slc"], &select[..]].concat());
    stdout(folder.path(), &["decompress", "a.slc", "back.csv"]);
    // The reconstruction has neither the column `c` nor the rows outside; a copy of the whole file has both.
    std::fs::copy(folder.path().join("a.csv"), folder.path().join("copy.csv")).unwrap();
    for other in ["back.csv", "copy.csv"] {
        let found = json(folder.path(), &[&["evaluate", "a.csv", other], &select[..]].concat());
        assert_eq!(names(&found["columns"]), ["a", "b", "d"], "{other}");
        assert_eq!(found["overall"]["max_over_range"], 0.0, "{other}");
    }
    // Other rows of the copy would not be equal.
    let out = sluice(folder.path(), &["evaluate", "copy.csv", "back.csv", "--exclude", "c", "--rows", "2:9"]);
    assert!(!String::from_utf8_lossy(&out.stdout).contains("max/range 0.0000e0"), "{}", stderr(&out));

    let raw = ["--dtype", "i16", "--shape", "12,4", "--rows", "4:8"];
    stdout(folder.path(), &[&["compress", "a.bin", "raw.slc"], &raw[..]].concat());
    stdout(folder.path(), &["decompress", "raw.slc", "back.bin"]);
    let part = std::fs::read(folder.path().join("a.bin")).unwrap()[32..64].to_vec();
    assert_eq!(std::fs::read(folder.path().join("back.bin")).unwrap(), part);
    let found = json(folder.path(), &[&["evaluate", "a.bin", "back.bin"], &raw[..]].concat());
    assert_eq!(found["overall"]["max_over_range"], 0.0);
}

#[test]
fn a_recipe_for_some_rows_names_them() {
    let folder = tempfile::tempdir().unwrap();
    files(folder.path());
    let text = stdout(folder.path(), &["init", "a.csv", "--rows", "4:"]);
    assert!(text.contains("select = { rows = [4, 12] }"), "{text}");
    assert!(text.starts_with("# 8 rows"), "{text}");
}

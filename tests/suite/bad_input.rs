//! Bad files, recipes, models and options: each ends with status 2 and one clear error.

use super::{sluice, stderr};

/// (file to write: name and content; arguments; what the error must say)
type Case = (&'static str, &'static [u8], &'static [&'static str], &'static str);

const CASES: &[Case] = &[
    ("a.npy", b"no numpy here", &["inspect", "a.npy"], "error[D001]"),
    ("a.npy", b"\x93NUMPY\x01\x00\x76\x00{'descr'", &["inspect", "a.npy"], "error[D001]"),
    ("a.npz", b"PK\x03\x04 cut", &["inspect", "a.npz"], "error[D001]"),
    ("a.csv", b"x,y\n1,2\n3,four\n", &["inspect", "a.csv"], "line 3"),
    ("a.csv", b"x,y\n1,2\n3\n", &["inspect", "a.csv"], "error[D001]"),
    ("a.dat", b"1 2 3", &["inspect", "a.dat"], "error["),
    ("a.slc", b"not a container", &["inspect", "a.slc"], "error[C00"),
    ("a.slc", b"", &["decompress", "a.slc", "b.npy"], "error[C00"),
    ("r.toml", b"name = 3", &["run", "r.toml"], "error[R001]"),
    ("r.toml", b"name = \"Big Name\"\n[data]\n", &["run", "r.toml"], "cannot name a model"),
    ("r.toml", b"name = \"a\"\n[data]\n", &["run", "r.toml"], "the recipe names no data"),
    ("r.toml", b"name = \"a\"\n[data]\ntoy = \"unicorns\"\n", &["run", "r.toml"], "unicorns"),
    (
        "r.toml",
        b"name = \"a\"\n[data]\ntoy = \"jets\"\n[hardware]\nclock_mhz = -5.0\n",
        &["run", "r.toml"],
        "makes no sense",
    ),
    ("r.toml", b"name = \"a\"\n[data]\ntoy = \"jets\"\n[verify]\nstall = 99\n", &["run", "r.toml"], "stall"),
    ("m.json", b"{}", &["quantize", "m.json"], "error[M001]"),
    ("m.json", b"{\"schema\":\"x\"}", &["emit", "m.json", "--out", "d"], "error[M001]"),
    ("m.json", b"[", &["import", "m.json"], "error[M001]"),
    ("x", b"", &["inspect", "missing.npy"], "error[I001]"),
    ("x", b"", &["verify", "no_design"], "error["),
    ("a.csv", b"x\n1\n2\n", &["compress", "a.csv", "a.slc", "--mode", "bounded"], "go together"),
    ("a.csv", b"x\n1\n2\n", &["compress", "a.csv", "a.slc", "--bound", "abs:1"], "go together"),
    ("a.csv", b"x\n1\n2\n", &["compress", "a.csv", "a.slc", "--mode", "neural"], "go together"),
    ("a.csv", b"x\n1\n2\n", &["compress", "a.csv", "a.slc", "--mode", "bounded", "--bound", "abs:-1"], "positive"),
    ("a.csv", b"x\n1\n2\n", &["compress", "a.csv", "a.slc", "--mode", "bounded", "--bound", "some"], "is not a bound"),
    ("x", b"", &["toy", "jets", "a.xyz"], "error["),
];

#[test]
fn bad_input_ends_with_status_2_and_one_clear_error() {
    for (name, content, args, expected) in CASES {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(name), content).unwrap();
        let out = sluice(folder.path(), args);
        let text = stderr(&out);
        assert_eq!(out.status.code(), Some(2), "{args:?}: {text}");
        assert!(text.contains(expected), "{args:?}: `{expected}` is not in: {text}");
        assert!(!text.contains("panicked"), "{args:?}: {text}");
        // Nothing was left under a final name.
        assert!(!folder.path().join("a.slc").exists() || *name == "a.slc", "{args:?} left a file");
    }
}

/// A one-dimensional or two-dimensional array of bytes, as NumPy writes it.
fn npy(shape: &str, n: usize) -> Vec<u8> {
    let header = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}");
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((header.len() as u16 + 1).to_le_bytes());
    file.extend(header.as_bytes());
    file.push(b'\n');
    file.extend((0..n).map(|i| i as u8));
    file
}

#[test]
fn figures_of_what_does_not_fit_together_are_refused_in_these_words() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for (name, text) in
        [("a.csv", "x,y\n1,2\n3,4\n"), ("short.csv", "x,y\n1,2\n"), ("other.csv", "x,z\n1,2\n3,4\n"), ("file", "")]
    {
        std::fs::write(at(name), text).unwrap();
    }
    std::fs::write(at("wide.npy"), npy("(2, 3)", 6)).unwrap();
    std::fs::write(at("narrow.npy"), npy("(2,)", 2)).unwrap();
    for (name, text) in [
        ("none", ""),
        ("cut", "{\"schema\": "),
        ("old", "{\"schema\": \"sluice.report/1\"}"),
        ("part", "{\"schema\": \"sluice.report/2\"}"),
    ] {
        std::fs::create_dir(at(name)).unwrap();
        if !text.is_empty() {
            std::fs::write(at(name).join("report.json"), text).unwrap();
        }
    }
    let cases: &[(&[&str], &str)] = &[
        (
            &["report", "none"],
            "error[P001]: `none` holds no report\n  cause: there is no report.json\n  hint:  give the folder that `sluice run` \
             wrote; it makes the report last\n",
        ),
        (
            &["report", "cut"],
            "error[P001]: `cut/report.json` is not what it should be\n  cause: EOF while parsing a value at line 1 column 11\n",
        ),
        (
            &["report", "old"],
            "error[P001]: the `schema` of the report is `sluice.report/1`, not `sluice.report/2`\n  where: old/report.json\n  \
             hint:  `sluice run` writes it anew\n",
        ),
        (
            &["report", "part"],
            "error[P001]: the report does not hold what its schema says\n  where: part/report.json\n  cause: missing field \
             `name`\n",
        ),
        (
            &["evaluate", "a.csv", "short.csv"],
            "error[D004]: the original has 2 rows, the reconstruction 1\n  where: short.csv\n",
        ),
        (&["evaluate", "a.csv", "other.csv"], "error[D003]: there is no column `y`\n  where: other.csv\n"),
        (
            &["evaluate", "wide.npy", "narrow.npy"],
            "error[D004]: column `wide` has rows of shape [3], its reconstruction []\n  where: narrow.npy\n",
        ),
        (
            &["compare", "a.csv", "--bound", "1e-3,0"],
            "error[U001]: `0` is not a bound\n  cause: a bound is a positive number, as a fraction of a column's range\n",
        ),
        (
            &["evaluate", "a.csv", "a.csv", "--threshold", "-1"],
            "error[U001]: `-1` is not a threshold\n  cause: it is a magnitude in the unit of the column, 0 or more\n",
        ),
    ];
    for (args, expected) in cases {
        let out = sluice(folder.path(), args);
        assert_eq!(out.status.code(), Some(2), "{args:?}: {}", stderr(&out));
        assert_eq!(stderr(&out), *expected, "{args:?}");
        assert!(out.stdout.is_empty(), "{args:?}");
    }
    assert!(!at("none/report.html").exists() && !at("part/report.html").exists());
}

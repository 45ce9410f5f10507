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

//! Runs without a report, and data sets that cannot be compared.

use super::super::{sluice, stderr};

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
        (
            &["evaluate", "a.csv", "other.csv"],
            "error[D003]: there is no column `y`\n  where: other.csv\n  hint:  the columns are: x, z\n",
        ),
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

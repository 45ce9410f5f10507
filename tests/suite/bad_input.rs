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
    // Readers: damaged, cut, of a type that is not known.
    ("a.npy", CUT_NPY, &["inspect", "a.npy"], "`a.npy` is cut, damaged or not a NumPy array"),
    ("a.npy", CUT_NPY, &["compress", "a.npy", "a.slc"], "error[D001]: `a.npy` is cut"),
    ("a.npy", FORTRAN_NPY, &["inspect", "a.npy"], "error[D002]: `a.npy` is in Fortran order"),
    ("a.npy", COMPLEX_NPY, &["inspect", "a.npy"], "error[D002]: `a.npy` holds values of type `<c8`"),
    ("a.npy", RECORD_NPY, &["init", "a.npy"], "error[D002]: `a.npy` holds records, not numbers"),
    ("a.npy", SCALAR_NPY, &["inspect", "a.npy"], "error[D004]: `a` is a single number, not an array"),
    ("a.npz", EMPTY_ZIP, &["init", "a.npz"], "error[D003]: there is no column of numbers"),
    ("a.npz", EMPTY_ZIP, &["inspect", "a.npz", "--array", "x"], "error[D003]: `a.npz` has no array `x`"),
    ("a.csv", b"", &["inspect", "a.csv"], "error[D003]: there is no column of numbers"),
    ("a.csv", b"x,y\n", &["init", "a.csv"], "error[D003]: `a.csv` has no rows"),
    ("a.csv", b"x,x\n1,2\n", &["inspect", "a.csv"], "error[D003]: two columns are named `x`"),
    ("a.csv", b"x,y\n1,\n", &["inspect", "a.csv"], "line 2, column `y`: `` is not a number"),
    ("a.csv", b"x,y\n1,2\n", &["inspect", "a.csv", "--columns", "x,z"], "error[D003]: there is no column `z`"),
    ("a.csv", b"x,y\n1,2\n", &["compress", "a.csv", "a.slc", "--exclude", "z"], "error[D003]: there is no column `z`"),
    ("a.root", b"root", &["inspect", "a.root"], "error[D001]: `a.root` is cut, damaged or not a ROOT file"),
    ("a.root", CUT_ROOT, &["init", "a.root"], "error[D001]: `a.root` is cut, damaged or not a ROOT file"),
    ("a.h5", b"\x89HDF\r\n\x1a\n", &["inspect", "a.h5"], "error[D001]: `a.h5` is cut, damaged or not an HDF5 file"),
    ("a.h5", b"PK\x03\x04", &["compress", "a.h5", "a.slc"], "error[D001]: `a.h5` is cut, damaged or not an HDF5 file"),
    ("a.parquet", b"PAR1", &["inspect", "a.parquet"], "error[D001]: `a.parquet` is cut, damaged or not a Parquet file"),
    ("a.parquet", b"PAR1\xff\xff\0\0PAR1", &["compress", "a.parquet", "a.slc"], "error[D001]: `a.parquet` is cut"),
    ("a.bin", b"12345", &["inspect", "a.bin"], "error[U001]: `a.bin` does not say what numbers it holds"),
    ("a.bin", b"12345", &["inspect", "a.bin", "--dtype", "u16"], "error[D004]: 5 bytes are not whole uint16 values"),
    ("a.bin", b"1234", &["init", "a.bin", "--dtype", "u17"], "error[D002]: values of type `u17` are not supported"),
    (
        "a.bin",
        b"123456",
        &["compress", "a.bin", "a.slc", "--dtype", "i16", "--shape", "0,2"],
        "does not have the shape [0, 2]",
    ),
    // What a recipe says about data.
    (
        "r.toml",
        b"name = \"a\"\n[data]\ntoy = \"jets\"\nselect = { nan = \"skip\" }\n",
        &["train", "r.toml"],
        "unknown variant `skip`, expected one of `error`, `drop-rows`, `zero`, `median`",
    ),
    (
        "r.toml",
        b"name = \"a\"\n[data]\ntoy = \"jets\"\ntoy_rows = 0\n",
        &["train", "r.toml"],
        "error[U001]: a toy detector makes at least 1 row",
    ),
    (
        "r.toml",
        b"name = \"a\"\n[data]\ntoy = \"jets\"\ntoy_rows = 50\nselect = { columns = [\"pt\", \"px\"] }\n",
        &["train", "r.toml"],
        "error[D003]: there is no column `px`",
    ),
    (
        "r.toml",
        b"name = \"a\"\n[data]\ntoy = \"jets\"\ntoy_rows = 50\nselect = { pass_through = [\"px\"] }\n",
        &["train", "r.toml"],
        "error[D003]: there is no column `px`",
    ),
    (
        "r.toml",
        b"name = \"a\"\n[data]\ntoy = \"jets\"\ntoy_rows = 50\nselect = { rows = [40, 60] }\n",
        &["train", "r.toml"],
        "error[D003]: there are no rows 40 to 60",
    ),
    (
        "r.toml",
        b"name = \"a\"\n[data]\ntoy = \"jets\"\ntoy_rows = 50\n[split]\nvalidation = 0.5\ntest = 0.5\n",
        &["train", "r.toml"],
        "error[R001]: the shares of validation and test leave nothing to train on",
    ),
    (
        "r.toml",
        b"name = \"a\"\n[data]\ntoy = \"jets\"\ntoy_rows = 50\n[transform.domains]\npt = \"purple\"\n",
        &["train", "r.toml"],
        "unknown variant `purple`, expected one of `free`, `non-negative`",
    ),
    (
        "r.toml",
        b"name = \"a\"\n[data]\ntoy = \"jets\"\ntoy_rows = 50\n[transform.domains]\neta = \"non-negative\"\n",
        &["train", "r.toml"],
        "is outside the domain NonNegative",
    ),
    (
        "r.toml",
        b"name = \"a\"\n[data]\ntoy = \"jets\"\ntoy_rows = 50\n[transform.columns]\npx = \"log\"\n",
        &["train", "r.toml"],
        "error[D003]: there is no column `px`",
    ),
    (
        "r.toml",
        b"name = \"a\"\n[data]\ntoy = \"jets\"\ntoy_rows = 50\n[transform]\nwindow = 8\n",
        &["train", "r.toml"],
        "error[D004]: a window needs a single column of arrays",
    ),
    ("x", b"", &["toy", "unicorns", "a.npy"], "there is: trigger-cells, jets, pulses, flow"),
    (
        "x",
        b"",
        &["toy", "jets", "a.npy", "--rows", "5"],
        "error[D004]: an .npy file holds one array, the data have 24 columns",
    ),
    (
        "x",
        b"",
        &["toy", "pulses", "a.csv", "--rows", "5"],
        "error[D004]: column `waveform` holds an array per row, CSV cannot",
    ),
];

/// Four floats announced, one there.
const CUT_NPY: &[u8] = b"\x93NUMPY\x01\x00\x3a\x00{'descr': '<f4', 'fortran_order': False, 'shape': (4,), }\n\0\0\0\0";
const FORTRAN_NPY: &[u8] =
    b"\x93NUMPY\x01\x00\x3b\x00{'descr': '<f4', 'fortran_order': True, 'shape': (2, 2), }\n0123456789abcdef";
const COMPLEX_NPY: &[u8] =
    b"\x93NUMPY\x01\x00\x3a\x00{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }\n01234567";
const RECORD_NPY: &[u8] =
    b"\x93NUMPY\x01\x00\x43\x00{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }\n0123";
const SCALAR_NPY: &[u8] = b"\x93NUMPY\x01\x00\x38\x00{'descr': '<f4', 'fortran_order': False, 'shape': (), }\n0123";
const EMPTY_ZIP: &[u8] = b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
/// A header whose directory lies beyond the end.
const CUT_ROOT: &[u8] = b"root\0\0\xf7\x70\0\0\0\x64\0\0\x40\0\0\0\x30\0\0\0\0\x40\0\0\0\x01\0\0\0\x40\x04\0\0\0\x65\0\0\x30\0\0\0\x04\0\0\0\0\0\0\0\0";

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

/// (what is done to a copy of the golden design `d`: file, text to find, what replaces it; arguments; all that is said)
type DesignCase = (&'static str, &'static str, &'static str, &'static [&'static str], &'static str);

/// Replaces nothing.
const NO: &str = "";
/// A whole file is removed, not a part of it.
const ALL: &str = "*";

const DESIGN_CASES: &[DesignCase] = &[
    (
        NO,
        NO,
        NO,
        &["verify", "nowhere"],
        "error[V001]: `nowhere` is not a design folder\n  cause: it has no design.json\n  \
         hint:  `sluice emit MODEL --out FOLDER` writes one\n",
    ),
    (
        "d/design.json",
        ALL,
        NO,
        &["verify", "d"],
        "error[V001]: `d` is not a design folder\n  cause: it has no design.json\n  \
         hint:  `sluice emit MODEL --out FOLDER` writes one\n",
    ),
    (
        "d/design.json",
        "  \"top\": \"tiny\",\n",
        NO,
        &["verify", "d"],
        "error[V001]: `d/design.json` is not what it should be\n  cause: missing field `top` at line 71 column 1\n",
    ),
    (
        "d/design.json",
        "sluice.design/1",
        "sluice.design/9",
        &["verify", "d"],
        "error[V001]: `sluice.design/9` is not `sluice.design/1`\n  where: d/design.json\n  hint:  emit the design again\n",
    ),
    (
        "d/tiny.v",
        ALL,
        NO,
        &["verify", "d"],
        "error[V001]: `d/tiny.v` is missing\n  cause: No such file or directory (os error 2)\n",
    ),
    (
        "d/tiny.v",
        " + ",
        " - ",
        &["verify", "d"],
        "error[V001]: `d/tiny.v` was changed since it was emitted\n  hint:  emit the design again\n",
    ),
    (
        "d/design.json",
        "    \"tiny.v\"\n",
        "    \"../tiny.v\"\n",
        &["verify", "d"],
        "error[V001]: `../tiny.v` is not a file of the design folder\n  where: d/design.json\n  \
         hint:  emit the design again\n",
    ),
    (
        "d/design.json",
        "    \"tiny.v\"\n",
        "    \"more.v\"\n",
        &["verify", "d"],
        "error[V001]: there is no checksum for `more.v`\n  where: d/design.json\n  hint:  emit the design again\n",
    ),
    (
        "d/design.json",
        "\"width\": 4",
        "\"width\": 3",
        &["verify", "d"],
        "error[V001]: design.json has other formats than the model beside it\n  where: d\n  \
         hint:  emit the design again\n",
    ),
    (
        "d/design.json",
        "\"in_width\": 4",
        "\"in_width\": 2",
        &["verify", "d"],
        "error[V001]: design `tiny`: bus elements of 2 bits do not hold its formats\n  where: d\n",
    ),
    (
        "d/design.json",
        "\"top\": \"tiny\"",
        "\"top\": \"tiny(x);\"",
        &["verify", "d"],
        "error[V001]: design `tiny(x);`: a module or port name is not a plain Verilog identifier\n  where: d\n",
    ),
    (
        NO,
        NO,
        NO,
        &["verify", "d", "--stall", "200"],
        "error[U001]: a stall of 200 % leaves no time to send\n  hint:  use 0 to 95\n",
    ),
    (
        NO,
        NO,
        NO,
        &["verify", "d", "--stall", "10"],
        "error[U001]: cannot stall `tiny` 10 % of the time\n  cause: a kernel has no ready signal\n  \
         hint:  lower the stall rate, or emit the design with the axis interface\n",
    ),
    (NO, NO, NO, &["verify", "d", "--random", "0"], "error[U001]: a design cannot be verified with 0 vectors\n"),
    (
        NO,
        NO,
        NO,
        &["verify", "d", "--random", "10", "--replay", "10"],
        "error[U001]: there is no vector 10 to replay\n  cause: the run has 10 vectors, counted from 0\n  \
         hint:  use the --random, --vectors and --seed of the run that found it\n",
    ),
    (
        "v.vec",
        NO,
        "1 2 2\n1 2 | 3 4\n",
        &["verify", "d", "--vectors", "v.vec"],
        "error[V002]: `v.vec` does not fit the design\n  cause: vectors of 2 -> 2 values, design of 3 -> 2\n",
    ),
    (
        "v.vec",
        NO,
        "1 3 2\n1 2 99 | 3 4\n",
        &["verify", "d", "--vectors", "v.vec"],
        "error[V002]: `v.vec` does not fit the design\n  cause: vector 0: input word 2: 99 does not fit ufixed<4,1>\n",
    ),
    (
        "v.vec",
        NO,
        "1 3 2\n1 2 3  3 4\n",
        &["verify", "d", "--vectors", "v.vec"],
        "error[V002]: there is no `|` between inputs and outputs\n  where: v.vec, line 2\n  \
         hint:  line 1 is `N n_in n_out`, then N lines of `inputs | outputs`, all integers\n",
    ),
    (
        NO,
        NO,
        NO,
        &["emit", "d/model.quant.json", "--out", "o", "--clock-mhz", "5000"],
        "error[H002]: no schedule meets 5000 MHz\n  \
         cause: one operation alone takes 5.92 ns on ecp5 by the delay model\n  hint:  ask for 168 MHz or less\n",
    ),
    (
        NO,
        NO,
        NO,
        &["emit", "d/model.quant.json", "--out", "o", "--latency", "0"],
        "error[H002]: a latency of 0 cycles cannot be reached\n  \
         hint:  the outputs are registered: ask for 1 or more\n",
    ),
    (
        NO,
        NO,
        NO,
        &["passes", "d/model.quant.json", "--after", "luck"],
        "error[U001]: there is no pass `luck`\n  \
         hint:  one of build, constants, pairs, shift_add, dead, dead_bits, rank\n",
    ),
];

#[test]
fn bad_designs_end_with_status_2_and_exactly_this_text() {
    for (file, from, to, args, expected) in DESIGN_CASES {
        let folder = tempfile::tempdir().unwrap();
        super::design::copy_golden(&folder.path().join("d"));
        let path = folder.path().join(file);
        match (*file, *from) {
            (NO, _) => {}
            (_, ALL) => std::fs::remove_file(&path).unwrap(),
            (_, NO) => std::fs::write(&path, to).unwrap(),
            (_, from) => {
                let text = std::fs::read_to_string(&path).unwrap();
                assert!(text.contains(from), "`{from}` is not in {file}");
                std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
            }
        }
        let out = sluice(folder.path(), args);
        assert_eq!(stderr(&out), *expected, "{file} {from} {args:?}");
        assert_eq!(out.status.code(), Some(2), "{args:?}");
        assert!(out.stdout.is_empty() && !folder.path().join("o").exists(), "{args:?} left something");
    }
}

//! Bad data files, and recipes that say impossible things about data.

use super::super::{sluice, stderr};

/// (file to write: name and content; arguments; what the error must say)
type Case = (&'static str, &'static [u8], &'static [&'static str], &'static str);

const CASES: &[Case] = &[
    // Readers: damaged, cut, of a type that is not known.
    ("a.npy", CUT_NPY, &["inspect", "a.npy"], "`a.npy` is cut, damaged or not a NumPy array"),
    ("a.npy", CUT_NPY, &["compress", "a.npy", "a.slc"], "error[D001]: `a.npy` is cut"),
    ("a.npy", CUT_FORTRAN_NPY, &["inspect", "a.npy"], "error[D001]: `a.npy` is cut, damaged or not a NumPy array"),
    ("a.npy", CUT_FORTRAN_NPY, &["compress", "a.npy", "a.slc"], "error[D001]: `a.npy` is cut"),
    ("a.npy", BIG_ENDIAN_NPY, &["inspect", "a.npy"], "error[D002]: `a.npy` holds values of type `>f4`"),
    ("a.npy", COMPLEX_NPY, &["inspect", "a.npy"], "error[D002]: `a.npy` holds values of type `<c8`"),
    ("a.npy", RECORD_NPY, &["init", "a.npy"], "error[D002]: `a.npy` holds records, not numbers"),
    ("a.npy", NESTED_NPY, &["inspect", "a.npy"], "a header of brackets within brackets"),
    ("a.npy", LONG_NPY, &["inspect", "a.npy"], "a header of 268435456 bytes, at most 65536 are read"),
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
        b"name = \"a\"\n[data]\ntoy = \"jets\"\ntoy_rows = 50\n[train]\nwidths = { budget = { lut = 100 } }\n",
        &["train", "r.toml"],
        "error[R001]: `widths.budget` has no epochs to be met in",
    ),
    (
        "r.toml",
        b"name = \"a\"\n[data]\ntoy = \"jets\"\ntoy_rows = 50\n[train]\nwidths = { epochs = 3, adder_price = -1.0 }\n",
        &["train", "r.toml"],
        "error[R001]: `widths.adder_price` is -1",
    ),
    (
        "r.toml",
        b"name = \"a\"\n[data]\ntoy = \"jets\"\ntoy_rows = 50\n",
        &["search", "r.toml"],
        "error[R001]: the recipe has no search",
    ),
    (
        "r.toml",
        b"name = \"a\"\n[data]\ntoy = \"jets\"\ntoy_rows = 50\n[search]\nadder_price = [1e-4]\n",
        &["search", "r.toml"],
        "error[R001]: `search` lists prices or budgets, and widths are not trained",
    ),
    (
        "r.toml",
        b"name = \"a\"\n[data]\ntoy = \"jets\"\n[train]\nwidths = { epochs = 3 }\n[quantize]\noverflow = \"wrap\"\n",
        &["train", "r.toml"],
        "error[R001]: trained widths lose low bits and saturate, `quantize` asks for another manner",
    ),
    (
        "r.toml",
        b"name = \"a\"\n[data]\ntoy = \"jets\"\ntoy_rows = 50\n[train]\nlatent_activation = \"relu\"\n",
        &["train", "r.toml"],
        "error[R001]: `latent_activation` is `relu` and there is a linear path",
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
const CUT_FORTRAN_NPY: &[u8] =
    b"\x93NUMPY\x01\x00\x3b\x00{'descr': '<f4', 'fortran_order': True, 'shape': (2, 2), }\n0123456789ab";
const BIG_ENDIAN_NPY: &[u8] =
    b"\x93NUMPY\x01\x00\x3a\x00{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }\n0123";
const COMPLEX_NPY: &[u8] =
    b"\x93NUMPY\x01\x00\x3a\x00{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }\n01234567";
const RECORD_NPY: &[u8] =
    b"\x93NUMPY\x01\x00\x43\x00{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }\n0123";
/// npyz would parse this for longer than anyone waits.
const NESTED_NPY: &[u8] = b"\x93NUMPY\x01\x00\x37\x00{'descr': ((((((((((((((((((((((((((((((((((((((((((((\n";
const LONG_NPY: &[u8] = b"\x93NUMPY\x02\x00\x00\x00\x00\x10{'descr': '<f4'";
const SCALAR_NPY: &[u8] = b"\x93NUMPY\x01\x00\x38\x00{'descr': '<f4', 'fortran_order': False, 'shape': (), }\n0123";
const EMPTY_ZIP: &[u8] = b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
/// A header whose directory lies beyond the end.
const CUT_ROOT: &[u8] = b"root\0\0\xf7\x70\0\0\0\x64\0\0\x40\0\0\0\x30\0\0\0\0\x40\0\0\0\x01\0\0\0\x40\x04\0\0\0\x65\0\0\x30\0\0\0\x04\0\0\0\0\0\0\0\0";

#[test]
fn bad_data_ends_with_status_2_and_one_clear_error() {
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

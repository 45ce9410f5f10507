//! Every file format on real files, where they are at hand, and on files written here.

use std::path::{Path, PathBuf};

use sluice::data::{self, Column, DataSource, Dataset, Layout, Selection, Values};

/// A file of the shared data, or none with a word on it.
fn shared(name: &str) -> Option<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let places = match std::env::var_os("SLUICE_SHARED_DATA") {
        Some(folder) => vec![PathBuf::from(folder)],
        None => vec![here.join("../shared/data"), here.join("../../shared/data")],
    };
    let found = places.iter().map(|p| p.join(name)).find(|p| p.exists());
    if found.is_none() {
        eprintln!("skipped: {name} of the shared data is absent");
    }
    found
}

fn read(path: &Path) -> Dataset {
    data::read(path, &Selection::default()).unwrap()
}

fn select(text: &str) -> Selection {
    toml::from_str(text).unwrap()
}

/// Names, and every value as a float.
fn assert_same_numbers(a: &Dataset, b: &Dataset) {
    assert_eq!(a.rows, b.rows);
    let names = |d: &Dataset| d.columns.iter().map(|c| c.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(a), names(b));
    for (x, y) in a.columns.iter().zip(&b.columns) {
        let differs = (0..x.values.len()).find(|i| x.values.get_f64(*i) != y.values.get_f64(*i));
        assert_eq!(differs, None, "column `{}`", x.name);
    }
}

/// A table with every dtype, extreme values included.
fn every_dtype() -> Dataset {
    let columns = [
        Values::U8(vec![0, 1, u8::MAX]),
        Values::I8(vec![i8::MIN, 0, i8::MAX]),
        Values::U16(vec![0, 1, u16::MAX]),
        Values::I16(vec![i16::MIN, 0, i16::MAX]),
        Values::U32(vec![0, 1, u32::MAX]),
        Values::I32(vec![i32::MIN, 0, i32::MAX]),
        Values::U64(vec![0, (1 << 53) + 1, u64::MAX]),
        Values::I64(vec![i64::MIN, (1 << 53) + 1, i64::MAX]),
        Values::F32(vec![-0.0, f32::MIN_POSITIVE, f32::MAX]),
        Values::F64(vec![-0.0, f64::MIN_POSITIVE, f64::MAX]),
    ];
    let columns = columns
        .into_iter()
        .map(|values| Column { name: format!("c_{}", values.dtype()), unit: String::new(), shape: vec![], values })
        .collect();
    Dataset::new(columns, 3, Layout::Table, DataSource::default()).unwrap()
}

fn assert_same_columns(a: &Dataset, b: &Dataset) {
    assert_eq!(a.rows, b.rows);
    assert_eq!(a.columns.len(), b.columns.len());
    for (x, y) in a.columns.iter().zip(&b.columns) {
        assert_eq!((&x.name, &x.shape, x.values.dtype()), (&y.name, &y.shape, y.values.dtype()));
        assert!(x.values.to_le_bytes() == y.values.to_le_bytes(), "column `{}`", x.name);
    }
}

#[test]
fn the_lhcb_tree_holds_the_values_and_the_column_order_of_its_npz() {
    let (Some(root), Some(npz)) = (shared("lhcb_b2hhh/candidates.root"), shared("lhcb_b2hhh/candidates.npz")) else {
        return;
    };
    let (root, npz) = (read(&root), read(&npz));
    assert_eq!((root.rows, root.columns.len()), (3200, 26));
    assert!(root.columns.iter().all(|c| c.values.dtype() == "float64"));
    assert_same_numbers(&root, &npz);
}

#[test]
fn the_jets_tree_holds_the_values_of_its_npz_with_integers_as_integers() {
    let (Some(root), Some(npz)) = (shared("cms_like_jets/jets.root"), shared("cms_like_jets/jets.npz")) else {
        return;
    };
    let (root, npz) = (read(&root), read(&npz));
    assert_same_numbers(&root, &npz);
    assert_eq!(root.column("pt").unwrap().values.dtype(), "float32");
    assert_eq!(root.column("mMuonMultiplicity").unwrap().values.dtype(), "int32");
    assert_eq!(root.layout, Layout::Tree { name: "Events".into(), entries: None });
}

#[test]
fn every_compression_is_read_or_named() {
    let Some(reference) = shared("cms_like_jets/root_small/jets_2k_none.root") else { return };
    let of = |kind: &str| reference.with_file_name(format!("jets_2k_{kind}.root"));
    let plain = read(&reference);
    assert_eq!(plain.rows, 2000);
    for kind in ["zlib", "lz4", "lzma"] {
        assert_same_columns(&plain, &read(&of(kind)));
    }
    for (kind, word) in [("zstd", "compressed with zstd"), ("rntuple", "RNTuple")] {
        let e = data::read(&of(kind), &Selection::default()).unwrap_err();
        assert_eq!(e.code(), sluice::Code::DataType);
        assert!(e.to_string().contains(word) && e.to_string().contains("hint:"), "{e}");
    }
}

#[test]
fn jagged_branches_are_flattened_with_an_index_and_written_back() {
    let name = "cms_opendata_jets/nanoaod_ttbar_200ev_original.root";
    let (Some(root), Some(npz)) = (shared(name), shared("cms_opendata_jets/jets_ttbar.npz")) else { return };
    let flat = read(&npz);
    let e = data::read(&root, &Selection::default()).unwrap_err();
    assert!(e.to_string().contains("flat and jagged") && e.to_string().contains("jagged: CorrT1METJet"), "{e}");

    let choice = select("tree = \"Events\"\ncolumns = [\"Jet_pt\", \"Jet_eta\", \"Jet_nConstituents\"]");
    let jets = data::read(&root, &choice).unwrap();
    assert_eq!(jets.rows, 537);
    assert_eq!(jets.layout, Layout::Tree { name: "Events".into(), entries: Some(200) });
    assert_eq!(jets.source.pass_through, ["entry_index"]);
    let matrix_names: Vec<&str> = flat.columns.iter().map(|c| c.name.as_str()).collect();
    for name in ["Jet_pt", "Jet_eta", "Jet_nConstituents"] {
        let (a, b) = (jets.column(name).unwrap(), flat.column(name).unwrap_or_else(|_| panic!("{matrix_names:?}")));
        assert!((0..537).all(|i| a.values.get_f64(i) == b.values.get_f64(i)), "{name}");
    }

    // Out as vectors and in again: the same elements in the same entries.
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("jets.root");
    data::write(&out, &jets).unwrap();
    let back = read(&out);
    assert_eq!(back.layout, jets.layout);
    assert_same_columns(&jets, &back);
    // A branch of one entry each beside them is repeated.
    let mixed = data::read(&root, &select("tree = \"Events\"\ncolumns = [\"event\", \"Jet_pt\"]")).unwrap();
    assert_eq!((mixed.rows, mixed.columns[1].name.as_str()), (537, "event"));
    let e = data::read(&root, &select("tree = \"Events\"\ncolumns = [\"Muon_pt\", \"Jet_pt\"]")).unwrap_err();
    assert!(e.to_string().contains("different lengths"), "{e}");
}

#[test]
fn a_written_tree_is_read_back_in_every_dtype() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("all.root");
    let table = every_dtype();
    data::write(&path, &table).unwrap();
    assert_same_columns(&table, &read(&path));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no partial file is left");
}

#[test]
fn a_file_that_is_no_root_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.root");
    for (content, word) in
        [(&b"abc"[..], "does not begin with `root`"), (&[b"root".as_slice(), &[0; 200]].concat(), "")]
    {
        std::fs::write(&path, content).unwrap();
        let e = data::read(&path, &Selection::default()).unwrap_err();
        assert!(e.to_string().contains(word), "{e}");
    }
}

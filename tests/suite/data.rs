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

/// Arrays of rank 1 and 3 of one row count.
fn arrays() -> Dataset {
    let column = |name: &str, shape: &[usize], values| Column {
        name: name.into(),
        unit: "ADC".into(),
        shape: shape.to_vec(),
        values,
    };
    let columns = vec![
        column("event", &[], Values::I64((0..5).map(|i| i64::MAX - i).collect())),
        column("image", &[3, 4], Values::U16((0..60).map(|i| i * 1000).collect())),
        column("wave", &[7], Values::F32((0..35).map(|i| (i as f32).sqrt()).collect())),
    ];
    Dataset::new(columns, 5, Layout::Table, DataSource::default()).unwrap()
}

#[test]
fn tables_and_arrays_come_back_with_dtype_shape_and_unit() {
    let folder = tempfile::tempdir().unwrap();
    for extension in ["npz", "h5", "parquet"] {
        for (name, data) in [("table", every_dtype()), ("arrays", arrays())] {
            let path = folder.path().join(format!("{name}.{extension}"));
            data::write(&path, &data).unwrap();
            let back = read(&path);
            // Groups and columns of HDF5 come in the order of their names.
            let by_name = |d: &Dataset| {
                let mut d = d.clone();
                d.columns.sort_by(|a, b| a.name.cmp(&b.name));
                d
            };
            assert_same_columns(&by_name(&data), &by_name(&back));
            if extension != "npz" {
                assert_eq!(by_name(&data).columns[0].unit, by_name(&back).columns[0].unit);
            }
        }
    }
}

#[test]
fn parquet_jets_equal_the_first_rows_of_the_npz() {
    let (Some(parquet), Some(npz)) = (shared("cms_like_jets/jets_30k.parquet"), shared("cms_like_jets/jets.npz"))
    else {
        return;
    };
    let parquet = read(&parquet);
    assert_eq!(parquet.rows, 30_000);
    assert_same_numbers(&parquet, &data::read(&npz, &select("rows = [0, 30000]")).unwrap());
    let Some(higgs) = shared("atlas_higgs_tau/events.parquet") else { return };
    let columns = data::read(&higgs, &select("columns = [\"PRI_met\", \"DER_mass_vis\"]")).unwrap();
    let names: Vec<&str> = columns.columns.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["PRI_met", "DER_mass_vis"]);
}

#[test]
fn hdf5_originals_are_read_by_path() {
    if let (Some(h5), Some(npz)) = (shared("next_tpc/tl208_5evts_original.h5"), shared("next_tpc/tl208_zs.npz")) {
        let e = data::read(&h5, &Selection::default()).unwrap_err();
        assert!(e.to_string().contains("different numbers of rows") && e.to_string().contains("RD/sipmrwf"), "{e}");
        for (path, array) in [("/RD/sipmrwf", "sipm"), ("RD/pmtrwf", "pmt")] {
            let a = data::read(&h5, &Selection { array: Some(path.into()), ..Selection::default() }).unwrap();
            let b = data::read(&npz, &Selection { array: Some(array.into()), ..Selection::default() }).unwrap();
            assert_eq!(a.columns[0].shape, b.columns[0].shape);
            assert!(a.columns[0].values == b.columns[0].values, "{path}");
        }
    }
    if let Some(lh5) = shared("legend_waveforms/hpge_cal_original.h5") {
        let e = data::read(&lh5, &Selection { array: Some("nothing".into()), ..Selection::default() }).unwrap_err();
        assert!(e.to_string().contains("waveform/values"), "{e}");
        let path = "geds/raw/waveform/values";
        let data = data::read(&lh5, &Selection { array: Some(path.into()), ..Selection::default() }).unwrap();
        assert_eq!((data.rows, data.columns[0].shape.as_slice()), (100, &[5592usize][..]));
        assert!(data.columns[0].values.is_integer());
    }
}

#[test]
fn raw_integers_need_a_type_and_fit_their_shape() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.raw");
    let values = Values::U16((0..24).map(|i| i * 2000).collect());
    std::fs::write(&path, values.to_le_bytes()).unwrap();
    let data = data::read(&path, &select("dtype = \"u16\"\nshape = [0, 2, 4]")).unwrap();
    assert_eq!((data.rows, data.columns[0].shape.as_slice()), (3, &[2usize, 4][..]));
    assert_eq!(data.columns[0].values, values);
    let out = folder.path().join("b.dat");
    data::write(&out, &data).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), std::fs::read(&out).unwrap());
    for (selection, word) in [
        ("", "--dtype"),
        ("dtype = \"u17\"", "u17"),
        ("dtype = \"u16\"\nshape = [5, 5]", "5 rows of 5 are not"),
        ("dtype = \"u16\"\nshape = [0, 5]", "are not that many"),
        ("dtype = \"u16\"\nshape = [2, 0]", "only the first"),
        ("dtype = \"u16\"\nshape = []", "at least one number"),
    ] {
        let e = data::read(&path, &select(selection)).unwrap_err();
        assert!(e.to_string().contains(word), "{selection}: {e}");
    }
}

#[test]
fn parts_of_a_file_are_those_of_the_whole_and_parts_make_the_same_file() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    // More than one row group of 16 MiB.
    let pulses = data::toy("pulses", 20_000, 4).unwrap();
    let raw = select("dtype = \"uint16\"\nshape = [0, 512]");
    for (name, selection) in [("a.npy", Selection::default()), ("a.parquet", Selection::default()), ("a.bin", raw)] {
        data::write(&at(name), &pulses).unwrap();
        let source = data::open(&at(name), &selection).unwrap();
        assert_eq!((source.rows(), source.head().columns[0].shape.as_slice()), (20_000, &[512usize][..]), "{name}");
        for range in [0..1, 16_000..17_000, 19_999..20_000, 500..500, 0..20_000] {
            let part = source.read(range.clone()).unwrap();
            assert_eq!(part.rows, range.len());
            assert!(part.columns[0].values == pulses.columns[0].values.rows(range.clone(), 512), "{name} {range:?}");
        }
        let other = at("b").with_extension(name.rsplit('.').next().unwrap());
        let mut sink = data::create(&other, &source.head()).unwrap();
        for start in (0..20_000).step_by(3000) {
            sink.push(&source.read(start..(start + 3000).min(20_000)).unwrap()).unwrap();
        }
        assert!(!other.exists(), "{name}: nothing stands there before the end");
        sink.finish().unwrap();
        assert!(data::read(&other, &selection).unwrap().columns[0].values == pulses.columns[0].values, "{name}");
    }
}

#[test]
fn toys_are_written_to_every_format_that_can_hold_them() {
    let folder = tempfile::tempdir().unwrap();
    for (toy, extensions) in [
        ("jets", &["csv", "npz", "root", "h5", "parquet"][..]),
        ("pulses", &["npy", "npz", "h5", "parquet", "root"]),
        ("flow", &["npy", "npz", "h5", "parquet"]),
        ("trigger-cells", &["npy", "npz", "h5", "parquet"]),
    ] {
        let made = data::toy(toy, 40, 9).unwrap();
        for extension in extensions {
            let path = folder.path().join(format!("{toy}.{extension}"));
            data::write(&path, &made).unwrap();
            let back = read(&path);
            for c in &made.columns {
                // An array alone is named by its file; a tree flattens arrays to a row an element.
                let other = back.column(&c.name).unwrap_or(&back.columns[0]);
                // CSV writes as many digits as tell a float32 apart and is read as float64.
                let numbers = |c: &Column| (0..c.values.len()).map(|i| c.values.get_f64(i) as f32).collect::<Vec<_>>();
                assert!(numbers(other) == numbers(c), "{toy}.{extension}, {}", c.name);
            }
        }
    }
}

#[test]
fn arrays_of_one_length_in_an_archive_are_columns_and_others_are_chosen_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.npz");
    data::write(&path, &arrays()).unwrap();
    let names = |d: &Dataset| d.columns.iter().map(|c| c.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&read(&path)), ["event", "image", "wave"]);
    assert_eq!(names(&data::read(&path, &select("columns = [\"wave\", \"event\"]")).unwrap()), ["wave", "event"]);
    assert_eq!(names(&data::read(&path, &select("exclude = [\"event\"]")).unwrap()), ["image", "wave"]);
    assert_eq!(names(&data::read(&path, &select("array = \"image\"")).unwrap()), ["image"]);
    let e = data::read(&path, &select("exclude = [\"evnt\"]")).unwrap_err();
    assert!(e.to_string().contains("there is no array `evnt`") && e.to_string().contains("event, image, wave"), "{e}");

    let Some(pulses) = shared("caen_pulses/pulses.npz") else { return };
    let e = data::read(&pulses, &Selection::default()).unwrap_err();
    assert!(e.to_string().contains("differ in length") && e.to_string().contains("sipm_406: 205"), "{e}");
    let both = data::read(&pulses, &select("columns = [\"bgo_sipm_a_6006\", \"bgo_sipm_b_6006\"]")).unwrap();
    assert_eq!((both.rows, both.columns.len()), (29, 2));
}

#[test]
fn inspect_tells_range_zeros_and_gaps_and_what_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("a.csv"), "x,n\n0,1\nnan,2\n-2.5,3\ninf,4\n").unwrap();
    let items = data::inspect(&at("a.csv"), &Selection::default()).unwrap();
    let x = items[0].values.as_ref().unwrap();
    assert_eq!((x.min, x.max, x.mean, x.zeros_fraction), (-2.5, 0.0, -1.25, 0.25));
    assert_eq!((x.not_finite, x.first_not_finite), (2, Some(1)));
    assert_eq!((items[1].dtype.as_str(), items[1].rows), ("int64", 4));

    // The same as JSON, from the command.
    let out = super::sluice(folder.path(), &["inspect", "a.csv", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(json["items"][0]["values"]["not_finite"], 2);
    assert_eq!(json["items"][1]["name"], "n");

    if let Some(h5) = shared("next_tpc/tl208_5evts_original.h5") {
        let items = data::inspect(&h5, &Selection::default()).unwrap();
        let of = |name: &str| items.iter().find(|i| i.name == name).unwrap();
        assert_eq!(of("RD/sipmrwf").shape, [1792, 800]);
        let reason = of("MC/hits").unreadable.as_ref().unwrap();
        assert!(reason.starts_with("dataset `MC/hits` of type `compound{hit_position"), "{reason}");
    }
    if let Some(root) = shared("cms_opendata_jets/nanoaod_ttbar_200ev_original.root") {
        let items = data::inspect(&root, &select("tree = \"Events\"")).unwrap();
        let pt = items.iter().find(|i| i.name == "Jet_pt").unwrap();
        assert_eq!((pt.group.as_str(), pt.rows, pt.elements), ("Events", 200, Some(537)));
        assert!((pt.values.as_ref().unwrap().max - 330.25).abs() < 1e-9);
    }
    if let Some(jets) = shared("cms_like_jets/jets.npz") {
        let items = data::inspect(&jets, &Selection::default()).unwrap();
        assert_eq!((items.len(), items[0].name.as_str(), items[0].group.as_str()), (24, "pt", "data"));
    }
}

/// An NPY file of `(rows, a, b)` numbers that say their own place in C order, written with the first index fastest.
fn fortran_npy(rows: u16, a: u16, b: u16) -> Vec<u8> {
    let text = format!("{{'descr': '<u2', 'fortran_order': True, 'shape': ({rows}, {a}, {b}), }}");
    let length = (10 + text.len() + 1).next_multiple_of(64) - 11;
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(((length + 1) as u16).to_le_bytes());
    bytes.extend(format!("{text:<length$}\n").as_bytes());
    for j in 0..b {
        for i in 0..a {
            bytes.extend((0..rows).flat_map(|r| ((r * a + i) * b + j).to_le_bytes()));
        }
    }
    bytes
}

#[test]
fn arrays_in_fortran_order_are_read_by_their_indices_whole_in_parts_and_through_a_container() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("a.npy"), fortran_npy(100, 3, 5)).unwrap();
    let expected = Values::U16((0..1500).collect());
    let whole = read(&at("a.npy"));
    assert_eq!((whole.rows, whole.columns[0].shape.as_slice()), (100, &[3usize, 5][..]));
    assert_eq!(whole.columns[0].values, expected);
    let source = data::open(&at("a.npy"), &Selection::default()).unwrap();
    for range in [0..1, 42..99, 7..7, 0..100] {
        let part = source.read(range.clone()).unwrap();
        assert!(part.columns[0].values == expected.rows(range.clone(), 15), "{range:?}");
    }
    // In an archive too, where the member is what a `.npy` file would be.
    let mut zip = npyz::zip::ZipWriter::new(std::fs::File::create(at("a.npz")).unwrap());
    zip.start_file("x.npy", npyz::zip::write::FileOptions::default()).unwrap();
    std::io::Write::write_all(&mut zip, &fortran_npy(100, 3, 5)).unwrap();
    zip.finish().unwrap();
    assert_eq!(read(&at("a.npz")).columns[0].values, expected);
    // Out of a container: dtype, shape and values, in C order.
    for (input, rows) in [("a.npy", "7"), ("a.npz", "100")] {
        let out = format!("back.{}", input.rsplit('.').next().unwrap());
        for args in [vec!["compress", input, "a.slc", "--block-rows", rows], vec!["decompress", "a.slc", &out]] {
            let done = super::sluice(folder.path(), &args);
            assert!(done.status.success(), "{}", super::stderr(&done));
        }
        let back = read(&at(&out));
        assert_eq!((back.rows, back.columns[0].shape.as_slice()), (100, &[3usize, 5][..]), "{input}");
        assert!(back.columns[0].values == expected, "{input}");
        let bytes = std::fs::read(at(&out)).unwrap();
        let c_order = bytes.windows(22).any(|w| w == b"'fortran_order': False");
        assert!(c_order || input == "a.npz", "{input}");
    }
}

#[test]
fn a_table_without_a_line_of_names_gets_some() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("a.csv");
    let of = |text: &str| {
        std::fs::write(&at, text).unwrap();
        let data = read(&at);
        let names: Vec<String> = data.columns.iter().map(|c| c.name.clone()).collect();
        (data.rows, names.join(" "), data.columns[0].values.clone())
    };
    // Numbers that repeat are no names, and the first line is a row like the others.
    assert_eq!(of("50,50,-1.5\n51,52,0\n"), (2, "c0 c1 c2".into(), Values::I64(vec![50, 51])));
    assert_eq!(of("3.5\n4\n"), (2, "c0".into(), Values::F64(vec![3.5, 4.0])));
    // Counted names are names.
    assert_eq!(of("0,1,2\n5,6,7\n"), (1, "0 1 2".into(), Values::I64(vec![5])));
    assert_eq!(of("1,2\n5,6\n"), (1, "1 2".into(), Values::I64(vec![5])));
    assert_eq!(of("x,2\n5,6\n"), (1, "x 2".into(), Values::I64(vec![5])));
    std::fs::write(&at, "a;b\n1;2\n").unwrap();
    let e = data::read(&at, &Selection::default()).unwrap_err();
    assert!(e.to_string().contains("line 2") && e.to_string().contains("separated by commas"), "{e}");
    let Some(pulses) = shared("caen_pulses/sipm_406_first50.csv") else { return };
    let pulses = read(&pulses);
    assert_eq!((pulses.rows, pulses.columns.len()), (50, 406));
}

#[test]
fn datasets_in_groups_come_back_in_their_groups() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.h5");
    let mut data = arrays();
    for (c, name) in data.columns.iter_mut().zip(["raw/image/values", "raw/event", "top"]) {
        c.name = name.to_owned();
    }
    data::write(&path, &data).unwrap();
    let items = data::inspect(&path, &Selection::default()).unwrap();
    let mut names: Vec<&str> = items.iter().map(|i| i.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["raw/event", "raw/image/values", "top"]);
    let back = read(&path);
    for c in &data.columns {
        assert_eq!(back.column(&c.name).unwrap(), c);
    }
    // Through a container, from the file of a digitiser.
    let Some(lh5) = shared("legend_waveforms/hpge_cal_original.h5") else { return };
    let lh5 = lh5.to_str().unwrap();
    for args in [
        vec!["compress", lh5, "a.slc", "--array", "geds/raw/waveform"],
        vec!["decompress", "a.slc", "back.h5"],
        vec!["evaluate", lh5, "back.h5", "--array", "geds/raw/waveform"],
    ] {
        let done = super::sluice(folder.path(), &args);
        assert!(done.status.success(), "{args:?}: {}", super::stderr(&done));
    }
    let choice = select("array = \"geds/raw/waveform/values\"");
    let (a, b) =
        (data::read(Path::new(lh5), &choice).unwrap(), data::read(&folder.path().join("back.h5"), &choice).unwrap());
    assert_eq!(a.columns, b.columns);
}

#[test]
fn a_jagged_tree_comes_out_of_every_mode_of_a_container_with_its_entries() {
    let folder = tempfile::tempdir().unwrap();
    // Entries of 3, 0, 1, 2, 0 elements, many times over.
    let lengths: Vec<u32> = (0..200).map(|e| [3, 0, 1, 2, 0][e % 5]).collect();
    let index: Vec<u32> = (0u32..).zip(&lengths).flat_map(|(e, n)| std::iter::repeat_n(e, *n as usize)).collect();
    let rows = index.len();
    let column = |name: &str, values| Column { name: name.into(), unit: String::new(), shape: vec![], values };
    let columns = vec![
        column("entry_index", Values::U32(index.clone())),
        column("Jet_pt", Values::F32((0..rows).map(|i| 20.0 + (i as f32 * 0.7).sin()).collect())),
        column("Jet_n", Values::I32((0..rows as i32).map(|i| i * i % 17).collect())),
    ];
    let layout = Layout::Tree { name: "Events".into(), entries: Some(200) };
    let tree = Dataset::new(columns, rows, layout, DataSource::default()).unwrap();
    data::write(&folder.path().join("in.root"), &tree).unwrap();

    for mode in [
        &["--mode", "lossless"][..],
        &["--mode", "bounded", "--bound", "abs:2"],
        &["--mode", "bounded", "--bound", "range:0.2"],
    ] {
        // Small blocks: entries are cut in the middle.
        let compress = [&["compress", "in.root", "a.slc", "--columns", "Jet_*", "--block-rows", "7"], mode].concat();
        for args in [compress, vec!["decompress", "a.slc", "out.root"], vec!["decompress", "a.slc", "out.npz"]] {
            let done = super::sluice(folder.path(), &args);
            assert!(done.status.success(), "{args:?}: {}", super::stderr(&done));
        }
        let items = data::inspect(&folder.path().join("out.root"), &Selection::default()).unwrap();
        let jagged: Vec<_> = items.iter().map(|i| (i.name.as_str(), i.rows, i.elements)).collect();
        assert_eq!(jagged, [("Jet_pt", 200, Some(rows)), ("Jet_n", 200, Some(rows))], "{mode:?}");
        let back = read(&folder.path().join("out.root"));
        assert_eq!(back.layout, tree.layout);
        assert_eq!(back.columns[0].values, tree.columns[0].values, "{mode:?}: which entry an element belongs to");
        // Formats without entries keep the index as a column.
        assert_eq!(read(&folder.path().join("out.npz")).columns[0].values, tree.columns[0].values, "{mode:?}");
        if mode[1] == "lossless" {
            assert_same_columns(&tree, &back);
        } else {
            assert_ne!(tree.columns[1], back.columns[1], "{mode:?}");
        }
    }
}

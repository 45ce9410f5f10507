//! Whole containers: every mode and type, and every kind of damage.

use std::path::{Path, PathBuf};

use ndarray::Array2;

use super::*;
use crate::data::{Column, DataSource, Dataset, Layout, Values};
use crate::error::{Code, Error, Result};
use crate::fixed::QFormat;

/// A backend that rounds `e` to whole numbers: latents are the values.
struct Rounder;

impl NeuralBackend for Rounder {
    fn columns(&self) -> Vec<String> {
        vec!["e".into()]
    }
    fn rows(&self, data: &Dataset) -> Result<Array2<f64>> {
        let c = data.column("e")?;
        Ok(Array2::from_shape_fn((data.rows, c.width()), |(r, k)| c.values.get_f64(r * c.width() + k)))
    }
    fn restore(&self, rows: &Array2<f64>, columns: &[ColumnMeta]) -> Result<Vec<Column>> {
        let c = &columns[0];
        let values = Values::from_f64(&c.dtype, rows.iter().copied())?;
        Ok(vec![Column { name: c.name.clone(), unit: c.unit.clone(), shape: c.shape.clone(), values }])
    }
    fn encode(&self, rows: &Array2<f64>) -> Result<Array2<i64>> {
        Ok(rows.mapv(|x| self.latent_formats()[0].from_f64(x)))
    }
    fn decode(&self, latents: &Array2<i64>) -> Result<Array2<f64>> {
        Ok(latents.mapv(|v| v as f64))
    }
    fn latent_formats(&self) -> Vec<QFormat> {
        vec![QFormat::signed(12, 0); 2]
    }
    fn model_bytes(&self) -> Vec<u8> {
        b"rounder".to_vec()
    }
}

fn rounder(bytes: &[u8]) -> Result<Box<dyn NeuralBackend>> {
    if bytes == b"rounder" { Ok(Box::new(Rounder)) } else { Err(Error::new(Code::ModelMismatch, "not the rounder")) }
}

/// All types, arrays and scalars, with everything awkward a float can be. 333 rows.
fn data() -> Dataset {
    let rows = 333;
    let x = |i: usize| ((i * 7919) % 1009) as f64 * 0.37 - 150.0;
    let mut columns = Vec::new();
    for dtype in ["uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"] {
        let values = Values::from_f64(dtype, (0..rows).map(|i| x(i) * 1e7)).unwrap();
        columns.push(Column { name: dtype.into(), unit: String::new(), shape: vec![], values });
    }
    let mut e: Vec<f32> = (0..rows * 2).map(|i| x(i) as f32).collect();
    e[5] = f32::NAN;
    e[77] = f32::INFINITY;
    e[400] = -0.0;
    columns.push(Column { name: "e".into(), unit: "GeV".into(), shape: vec![2], values: Values::F32(e) });
    let mut t: Vec<f64> = (0..rows).map(|i| x(i) * x(i + 1)).collect();
    t[0] = f64::from_bits(0x7ff8_0000_0000_1234);
    t[9] = f64::NEG_INFINITY;
    t[332] = -0.0;
    columns.push(Column { name: "t".into(), unit: "ns".into(), shape: vec![], values: Values::F64(t) });
    let source = DataSource { name: "made here".into(), selection: "all".into(), ..DataSource::default() };
    Dataset::new(columns, rows, Layout::Table, source).unwrap()
}

fn options(mode: Mode) -> CompressOptions {
    let bound = (mode == Mode::Bounded).then_some(Bound::Range(1e-3));
    CompressOptions { bound, block_rows: Some(100), ..CompressOptions::new(mode) }
}

fn write(mode: Mode) -> (tempfile::TempDir, PathBuf, CompressReport) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.slc");
    let neural: Option<&dyn NeuralBackend> = (mode == Mode::Neural).then_some(&Rounder);
    let report = compress(&data(), &options(mode), neural, &path).unwrap();
    (folder, path, report)
}

fn bits(c: &Column) -> Vec<u8> {
    c.values.to_le_bytes()
}

#[test]
fn lossless_gives_every_bit_of_every_type() {
    let (_folder, path, report) = write(Mode::Lossless);
    let back = decompress(&path, false, &rounder).unwrap();
    let data = data();
    assert!(back.lost.is_empty());
    for (a, b) in data.columns.iter().zip(&back.data.columns) {
        assert_eq!((&a.name, &a.unit, &a.shape, bits(a)), (&b.name, &b.unit, &b.shape, bits(b)));
    }
    assert_eq!((data.layout, data.source), (back.data.layout, back.data.source));
    let parts =
        report.payload_bytes + report.model_bytes + report.header_bytes + report.frame_bytes + report.index_bytes;
    assert_eq!(parts, report.total_bytes);
    assert_eq!(report.total_bytes, std::fs::metadata(&path).unwrap().len());
    let info = info(&path).unwrap();
    assert_eq!((info.blocks, info.rows, info.raw_bytes), (4, 333, report.raw_bytes));
}

#[test]
fn bounded_keeps_the_bound_that_the_header_promises() {
    let (_folder, path, _) = write(Mode::Bounded);
    let back = decompress(&path, false, &rounder).unwrap().data;
    let info = info(&path).unwrap();
    for ((a, b), meta) in data().columns.iter().zip(&back.columns).zip(&info.columns) {
        let bound = meta.bound.unwrap();
        let mut moved = 0.0f64;
        for i in 0..a.values.len() {
            let (x, y) = (a.values.get_f64(i), b.values.get_f64(i));
            if x.is_finite() && !(x == 0.0 && x.is_sign_negative()) {
                moved = moved.max((x - y).abs());
            } else {
                assert_eq!(x.to_bits(), y.to_bits());
            }
        }
        assert!(moved <= bound, "{}: {moved} > {bound}", a.name);
        // The narrow types of these data hold little but their two limits, which cost no error.
        assert!(moved > 0.0 || !["int32", "e", "t"].contains(&a.name.as_str()), "`{}` did not use its bound", a.name);
    }
}

#[test]
fn neural_codes_its_columns_and_passes_the_others_through() {
    let (_folder, path, report) = write(Mode::Neural);
    let back = decompress(&path, false, &rounder).unwrap().data;
    for (a, b) in data().columns.iter().zip(&back.columns) {
        if a.name != "e" {
            assert_eq!(bits(a), bits(b), "{}", a.name);
            continue;
        }
        for i in 0..a.values.len() {
            let (x, y) = (a.values.get_f64(i), b.values.get_f64(i));
            assert!(if x.is_finite() { x.round_ties_even() == y } else { x.to_bits() == y.to_bits() }, "{x} {y}");
        }
    }
    assert_eq!((report.model_bytes, report.columns[0].name.as_str(), report.columns[0].exceptions), (7, "latents", 2));
}

fn read_changed(path: &Path, bytes: &[u8], recover: bool) -> Result<Decompressed> {
    std::fs::write(path, bytes).unwrap();
    decompress(path, recover, &rounder)
}

#[test]
fn every_cut_and_every_changed_byte_is_noticed() {
    for mode in [Mode::Lossless, Mode::Bounded, Mode::Neural] {
        let (_folder, path, _) = write(mode);
        let good = std::fs::read(&path).unwrap();
        for cut in (0..good.len()).step_by(97).chain([good.len() - 1]) {
            let e = read_changed(&path, &good[..cut], false).unwrap_err();
            assert!(e.code() == Code::ContainerDamaged && e.what().contains("at byte"), "{cut}: {e}");
            let _ = read_changed(&path, &good[..cut], true);
        }
        for at in (0..good.len()).step_by(101) {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            let e = read_changed(&path, &bad, false).unwrap_err();
            assert!(e.code() == Code::ContainerDamaged && e.what().contains("at byte"), "{at}: {e}");
        }
    }
}

#[test]
fn recovery_loses_the_damaged_rows_and_no_others() {
    let (_folder, path, _) = write(Mode::Lossless);
    let good = std::fs::read(&path).unwrap();
    let starts: Vec<usize> = (0..good.len() - 4).filter(|i| good[*i..].starts_with(b"SLCB")).collect();
    let mut bad = good.clone();
    bad[starts[1] + 40] ^= 1;
    let with_index = read_changed(&path, &bad, true).unwrap();
    // The end is gone too: blocks are found by their frames, the last one is cut.
    let without = read_changed(&path, &bad[..starts[3] + 50], true).unwrap();
    assert_eq!(with_index.lost.iter().map(|l| l.rows.clone()).collect::<Vec<_>>(), [100..200]);
    assert_eq!(without.lost.iter().map(|l| l.rows.clone()).collect::<Vec<_>>(), [100..200, 300..333]);
    let data = data();
    for (a, b) in data.columns.iter().zip(&with_index.data.columns) {
        let (head, tail) = (a.values.rows(0..100, a.width()), a.values.rows(200..333, a.width()));
        assert_eq!([head.to_le_bytes(), tail.to_le_bytes()].concat(), bits(b));
    }
    assert_eq!((with_index.data.rows, without.data.rows), (233, 200));
}

#[test]
fn a_failed_write_leaves_no_file_and_no_data_give_an_empty_container() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.slc");
    let e = compress(&data(), &CompressOptions::new(Mode::Bounded), None, &path).unwrap_err();
    assert_eq!((e.code(), path.exists()), (Code::Bound, false));
    let empty = data().slice(0..0);
    compress(&empty, &options(Mode::Lossless), None, &path).unwrap();
    assert_eq!(decompress(&path, false, &rounder).unwrap().data, empty);
}

#[test]
fn the_bytes_do_not_depend_on_the_number_of_threads() {
    let bytes = |threads: usize| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.slc");
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| compress(&data(), &options(Mode::Bounded), None, &path)).unwrap();
        std::fs::read(path).unwrap()
    };
    assert_eq!(bytes(1), bytes(3));
}

#[test]
fn what_a_part_does_not_tell_of_the_whole_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.slc");
    // A smooth record, longer than what forms are tried on; behind that are values which no series may have.
    let rows = 1200;
    let wave = |k: i64| if k < 70_000 { 1000 + (k % 90 - 45).abs() + (k * 7919) % 5 } else { 1 << 28 | (k % 7) };
    let whole: Vec<i32> = (0..rows * 64).map(|k| wave(k) as i32).collect();
    let floats: Vec<f32> = whole.iter().map(|v| *v as f32 * 0.25).collect();
    for values in [Values::I32(whole), Values::F32(floats)] {
        let column = Column { name: "w".into(), unit: String::new(), shape: vec![64], values };
        let source = DataSource { name: "test".into(), ..DataSource::default() };
        let data = Dataset::new(vec![column], rows as usize, Layout::Array, source).unwrap();
        for effort in [Effort::Default, Effort::Max] {
            let options = CompressOptions { effort, ..CompressOptions::new(Mode::Lossless) };
            compress(&data, &options, None, &path).unwrap();
            let back = decompress(&path, false, &rounder).unwrap().data;
            assert_eq!(bits(&back.columns[0]), bits(&data.columns[0]));
        }
    }
}

#[test]
fn peers_compress_the_same_bytes() {
    let peers = peers(&data()).unwrap();
    assert_eq!(peers.len(), 6);
    assert!(peers.iter().all(|p| p.ratio > 1.0 && p.decode_seconds > 0.0), "{peers:?}");
    for (size, back) in quantized(&data(), 1e-2).unwrap() {
        for (a, b) in data().columns.iter().zip(&back.columns) {
            let (low, high) = a.values.extent();
            let moved = |i: usize| (a.values.get_f64(i) - b.values.get_f64(i)).abs();
            assert!((0..a.values.len()).all(|i| !(moved(i) > 1e-2 * (high - low))), "{} {}", size.name, a.name);
        }
    }
}

#[test]
fn a_bound_on_what_a_model_leaves_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.slc");
    let options = CompressOptions { bound: Some(Bound::Abs(0.02)), ..options(Mode::Neural) };
    compress(&data(), &options, Some(&Rounder), &path).unwrap();
    let back = decompress(&path, false, &rounder).unwrap().data;
    for (a, b) in data().columns.iter().zip(&back.columns) {
        if a.name != "e" {
            assert_eq!(bits(a), bits(b), "{}", a.name);
            continue;
        }
        let mut moved = 0.0f64;
        for i in 0..a.values.len() {
            let (x, y) = (a.values.get_f64(i), b.values.get_f64(i));
            let special = !x.is_finite() || (x == 0.0 && x.is_sign_negative());
            assert!(if special { x.to_bits() == y.to_bits() } else { (x - y).abs() <= 0.02 }, "{x} {y}");
            moved = moved.max(if special { 0.0 } else { (x - y).abs() });
        }
        assert!(moved > 0.01);
    }
    let refused = CompressOptions { bound: Some(Bound::Relative(0.1)), ..options };
    assert_eq!(compress(&data(), &refused, Some(&Rounder), &path).unwrap_err().code(), Code::Usage);
}

//! What holds for any data: every type and shape, every mode, bound and effort, any number of threads.

use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::data::{Column, DataSource, Dataset, Layout, Values};
use crate::{Code, Error, Result};

fn no_model(_: &[u8]) -> Result<Box<dyn NeuralBackend>> {
    Err(Error::new(Code::ModelMismatch, "there is no model"))
}

const DTYPES: [&str; 10] =
    ["uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float32", "float64"];
const SHAPES: [&[usize]; 5] = [&[], &[], &[3], &[20], &[4, 5]];

/// How the values of a column come about.
#[derive(Clone, Debug)]
struct Kind {
    dtype: &'static str,
    shape: &'static [usize],
    /// 0 noise, 1 a walk, 2 few values, 3 decimals, 4 constant, 5 any bits, 6 smooth
    course: u8,
    scale: f64,
    special: bool,
}

fn kind() -> impl Strategy<Value = Kind> {
    let scale = prop_oneof![Just(1.0), Just(1e-3), Just(1e4), Just(1e30), Just(3e-310)];
    (prop::sample::select(&DTYPES[..]), prop::sample::select(&SHAPES[..]), 0..7u8, scale, any::<bool>())
        .prop_map(|(dtype, shape, course, scale, special)| Kind { dtype, shape, course, scale, special })
}

fn column(k: usize, kind: &Kind, rows: usize, seed: u64) -> Column {
    let mut state = seed ^ (k as u64 * 77 + 1);
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state ^ (state >> 29)
    };
    let n = rows * kind.shape.iter().product::<usize>();
    if kind.course == 5 {
        let size = Values::from_le_bytes(kind.dtype, &[]).unwrap().item_size();
        let bytes: Vec<u8> = (0..n * size).map(|_| (random() >> 30) as u8).collect();
        let values = Values::from_le_bytes(kind.dtype, &bytes).unwrap();
        return Column { name: format!("c{k}"), unit: String::new(), shape: kind.shape.to_vec(), values };
    }
    let mut walk = 0.0;
    let mut one = |i: usize| {
        let noise = (random() >> 40) as f64 / f64::from(1 << 24);
        walk += noise - 0.5;
        let special = [f64::NAN, -0.0, f64::INFINITY, f64::NEG_INFINITY, 5e-324];
        if kind.special && random() % 41 == 0 {
            return special[(random() % 5) as usize];
        }
        kind.scale
            * match kind.course {
                0 => 200.0 * (noise - 0.3),
                1 => walk,
                2 => (noise * 5.0).floor() * 7.5,
                3 => (noise * 1e4).round() / 100.0,
                4 => 42.0,
                _ => 50.0 * (i as f64 * 0.03).sin(),
            }
    };
    let values = Values::from_f64(kind.dtype, (0..n).map(&mut one).collect::<Vec<_>>().into_iter()).unwrap();
    Column { name: format!("c{k}"), unit: "ns".into(), shape: kind.shape.to_vec(), values }
}

fn dataset(kinds: &[Kind], rows: usize, seed: u64) -> Dataset {
    let columns = kinds.iter().enumerate().map(|(k, kind)| column(k, kind, rows, seed)).collect();
    Dataset::new(columns, rows, Layout::Table, DataSource::default()).unwrap()
}

fn bound() -> impl Strategy<Value = Option<Bound>> {
    prop_oneof![
        Just(None),
        Just(Some(Bound::Abs(0.7))),
        Just(Some(Bound::Abs(2.5))),
        Just(Some(Bound::Range(1e-3))),
        Just(Some(Bound::Relative(1e-2))),
        Just(Some(Bound::Relative(1e-7))),
        Just(Some(Bound::Bits(5))),
    ]
}

/// The bytes of a container and the data in it, by so many threads.
fn with_threads(threads: usize, data: &Dataset, options: &CompressOptions, path: &Path) -> (Vec<u8>, Dataset) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| {
        compress(data, options, None, path).unwrap();
        (std::fs::read(path).unwrap(), decompress(path, false, &no_model).unwrap().data)
    })
}

fn same(a: &Dataset, b: &Dataset) -> bool {
    a.rows == b.rows
        && a.columns.len() == b.columns.len()
        && a.columns
            .iter()
            .zip(&b.columns)
            .all(|(a, b)| (&a.name, &a.shape, a.values.to_le_bytes()) == (&b.name, &b.shape, b.values.to_le_bytes()))
}

/// Integers, exactly.
fn wide(values: &Values, i: usize) -> i128 {
    let size = values.item_size();
    let raw = values.pick(&[i]).to_le_bytes();
    let unsigned = raw.iter().rev().fold(0i128, |x, byte| (x << 8) | i128::from(*byte));
    let signed = values.dtype().starts_with("int") && raw[size - 1] >= 0x80;
    if signed { unsigned - (1 << (8 * size)) } else { unsigned }
}

/// Whether value `i` of `b` is what may become of that of `a`.
fn kept(a: &Values, b: &Values, i: usize, bound: Bound, range: f64) -> bool {
    let (x, y) = (a.get_f64(i), b.get_f64(i));
    let most = match bound {
        Bound::Abs(b) => b,
        Bound::Range(f) => f * range,
        Bound::Relative(_) | Bound::Bits(_) if a.is_integer() => 0.0,
        Bound::Relative(p) => p * x.abs(),
        Bound::Bits(b) => x.abs() * 2f64.powi(-1 - b.cast_signed()),
    };
    if a.is_integer() {
        return (wide(a, i) - wide(b, i)).unsigned_abs() as f64 <= most;
    }
    let special = !x.is_finite() || (x == 0.0 && x.is_sign_negative());
    x.to_bits() == y.to_bits() || (!special && most > 0.0 && (x - y).abs() <= most)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]
    #[test]
    fn containers_keep_their_promise(
        kinds in prop::collection::vec(kind(), 1..6),
        rows in prop_oneof![0..3usize, 3..60usize, 200..500usize],
        block in prop_oneof![Just(None), Just(Some(1usize)), Just(Some(77)), Just(Some(250))],
        bound in bound(),
        effort in prop::sample::select(&[Effort::Fast, Effort::Default, Effort::Max][..]),
        seed in any::<u64>(),
    ) {
        let data = dataset(&kinds, rows, seed);
        // Blocks of one row are slow, and few of them say as much.
        let block = if rows > 60 { block.map(|b| b.max(77)) } else { block };
        let mode = if bound.is_some() { Mode::Bounded } else { Mode::Lossless };
        let options = CompressOptions { bound, effort, block_rows: block, ..CompressOptions::new(mode) };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.slc");
        let (bytes, back) = with_threads(1, &data, &options, &path);
        let (again, twice) = with_threads(3, &data, &options, &path);
        prop_assert!(bytes == again, "the bytes depend on the number of threads");
        prop_assert!(same(&back, &twice));
        for (a, b) in data.columns.iter().zip(&back.columns) {
            let (low, high) = a.values.extent();
            let range = if high >= low { high - low } else { 0.0 };
            let Some(bound) = bound else {
                prop_assert_eq!(a.values.to_le_bytes(), b.values.to_le_bytes());
                continue;
            };
            for i in 0..a.values.len() {
                let (x, y) = (a.values.get_f64(i), b.values.get_f64(i));
                prop_assert!(kept(&a.values, &b.values, i, bound, range), "{} {i}: {x} became {y}", a.name);
            }
        }
        // Never larger than the values but for what surrounds them: a form and a length of each column.
        let info = info(&path).unwrap();
        let most = data.raw_bytes() + (info.blocks * (8 + 12 * data.columns.len())) as u64;
        prop_assert!(info.payload_bytes <= most, "{} bytes of {}", info.payload_bytes, data.raw_bytes());
        // A part is a part of the whole.
        let (from, to) = (rows / 3, rows - rows / 4);
        let mut decoder = Decoder::open(&path, false, &no_model).unwrap();
        decoder.only_rows(from as u64..to as u64);
        decoder.only_columns(|name| name == "c0").unwrap();
        let mut part = decoder.head().unwrap();
        prop_assert!(decoder.each(&mut |b| part.append(&b)).unwrap().is_empty());
        let whole = back.slice(from..to);
        prop_assert_eq!(part.rows, whole.rows);
        prop_assert_eq!(part.columns[0].values.to_le_bytes(), whole.columns[0].values.to_le_bytes());
        // More rows come behind, kept as those before.
        if bound.is_none() {
            append(&data, effort, None, &path).unwrap();
            let mut both = back.clone();
            both.append(&back).unwrap();
            prop_assert!(same(&both, &decompress(&path, false, &no_model).unwrap().data));
        }
    }
}

#[test]
fn appending_needs_the_same_columns_and_a_sound_container() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.slc");
    let of = |dtype| {
        let kind = Kind { dtype, shape: &[], course: 0, scale: 1.0, special: false };
        dataset(&[kind], 300, 1)
    };
    let options = CompressOptions { bound: Some(Bound::Range(1e-2)), ..CompressOptions::new(Mode::Bounded) };
    compress(&of("float32"), &options, None, &path).unwrap();
    let before = std::fs::read(&path).unwrap();
    assert_eq!(append(&of("float64"), Effort::Default, None, &path).unwrap_err().code(), Code::DataType);
    assert_eq!(std::fs::read(&path).unwrap(), before);
    let report = append(&of("float32"), Effort::Fast, None, &path).unwrap();
    assert_eq!((report.rows, report.blocks), (600, 2));
    let bound = info(&path).unwrap().columns[0].bound.unwrap();
    let back = decompress(&path, false, &no_model).unwrap().data;
    let original = of("float32");
    let near =
        |i: usize| (back.columns[0].values.get_f64(i) - original.columns[0].values.get_f64(i % 300)).abs() <= bound;
    assert!((0..600).all(near));
    std::fs::write(&path, &before[..before.len() - 9]).unwrap();
    assert_eq!(append(&of("float32"), Effort::Fast, None, &path).unwrap_err().code(), Code::ContainerDamaged);
}

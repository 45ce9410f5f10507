//! Sound containers of every form, small.

use std::ops::Range;
use std::path::Path;

use sluice::codec::{Bound, CompressOptions, Effort, Mode, NeuralBackend, compress, decompress};
use sluice::data::{Column, DataSource, Dataset, Layout, Values};

use crate::memory;

/// A container and what a reader has of it.
pub struct Sample {
    pub name: &'static str,
    pub bytes: Vec<u8>,
    pub data: Dataset,
    pub blocks: Vec<Block>,
}

/// Where a block lies, frame and payload, and which rows it holds.
pub struct Block {
    pub bytes: Range<usize>,
    pub rows: Range<u64>,
}

impl Sample {
    /// Bytes of the data.
    pub fn raw(&self) -> usize {
        self.data.raw_bytes() as usize
    }
}

/// None of the containers has a model.
pub fn no_model(_: &[u8]) -> sluice::Result<Box<dyn NeuralBackend>> {
    Err(sluice::Error::new(sluice::Code::ModelMismatch, "there is no model"))
}

const ROWS: usize = 660;

fn column(name: &str, shape: &[usize], values: Values) -> Column {
    Column { name: name.into(), unit: "GeV".into(), shape: shape.into(), values }
}

fn dataset(columns: Vec<Column>, rows: usize) -> Dataset {
    Dataset::new(columns, rows, Layout::Table, DataSource::default()).expect("its columns have so many rows")
}

/// Numbers that look random and are the same everywhere.
fn noise(n: usize, seed: u64) -> Vec<f64> {
    let mut random = sluice::evaluate::Chance::new(seed);
    (0..n).map(|_| random.below(1 << 20) as f64 / f64::from(1 << 20)).collect()
}

fn table() -> Dataset {
    let (a, b) = (noise(ROWS, 1), noise(ROWS, 2));
    let of = |f: &dyn Fn(usize) -> f64| (0..ROWS).map(f).collect::<Vec<f64>>();
    let mut pt = of(&|i| 20.0 / (1.001 - a[i]));
    (pt[3], pt[7], pt[400]) = (f64::NAN, -0.0, f64::INFINITY);
    let eta = of(&|i| 3.0 * (b[i] - 0.5) * (1.0 + a[i]));
    let count = of(&|i| (a[i] * b[i] * 20.0).floor());
    let sum = of(&|i| count[i] + (b[i] * 5.0).floor());
    let time = of(&|i| 1e6 + (0..=i % 97).map(|k| a[k]).sum::<f64>());
    let single = |v: &[f64]| Values::F32(v.iter().map(|x| *x as f32).collect());
    dataset(
        vec![
            column("pt", &[], single(&pt)),
            column("eta", &[], single(&eta)),
            column("n", &[], Values::I16(count.iter().map(|x| *x as i16).collect())),
            column("sum", &[], Values::I32(sum.iter().map(|x| *x as i32).collect())),
            column("rest", &[], Values::I32(sum.iter().zip(&count).map(|(s, n)| (s - n) as i32).collect())),
            column("time", &[], Values::F64(time)),
            column("flag", &[], Values::U8(a.iter().map(|x| u8::from(*x > 0.9)).collect())),
        ],
        ROWS,
    )
}

fn arrays() -> Dataset {
    let rows = 60;
    let (a, b) = (noise(rows * 64, 3), noise(rows * 48, 4));
    let wave = |i: usize| 1000.0 + 300.0 * (-((i % 64) as f64) / 20.0).exp() + 3.0 * a[i];
    let smooth = |i: usize| ((i / 100) as f64 * 0.2).sin() + ((i / 10 % 10) as f64 * 0.3).cos() + (i % 10) as f64 * 0.1;
    dataset(
        vec![
            column("wave", &[64], Values::U16((0..rows * 64).map(|i| wave(i) as u16).collect())),
            column("cells", &[6, 8], Values::U8((0..rows * 48).map(|i| (b[i] * b[i] * b[i] * 9.0) as u8).collect())),
            column("field", &[10, 10], Values::F32((0..rows * 100).map(|i| smooth(i) as f32).collect())),
        ],
        rows,
    )
}

/// Random bytes, which nothing makes shorter.
fn incompressible() -> Dataset {
    let bits = |x: f64| (x * f64::from(1 << 20)) as u64;
    let word = |(a, b): (f64, f64)| (bits(a) << 44) ^ (bits(b) << 22) ^ bits(a * b);
    let values = noise(300, 5).into_iter().zip(noise(300, 6)).map(word).collect();
    dataset(vec![column("x", &[], Values::U64(values))], 300)
}

/// Writes the containers, and measures from then on how much memory is used.
pub fn make(folder: &Path) -> Vec<Sample> {
    let relations = vec![("time".to_owned(), "pt + hypot(eta, 3)".to_owned())];
    let of = |mode: Mode, bound: Option<Bound>| CompressOptions {
        bound,
        block_rows: Some(250),
        ..CompressOptions::new(mode)
    };
    let range = |x: f64| of(Mode::Bounded, Some(Bound::Range(x)));
    let all = [
        ("lossless table", table(), CompressOptions { relations, ..of(Mode::Lossless, None) }),
        ("bounded table", table(), range(1e-3)),
        ("relative table", table(), of(Mode::Bounded, Some(Bound::Relative(1e-3)))),
        ("table by pcodec", table(), CompressOptions { effort: Effort::Fast, ..range(1e-2) }),
        ("lossless table by pcodec", table(), CompressOptions { effort: Effort::Fast, ..of(Mode::Lossless, None) }),
        ("lossless arrays", arrays(), CompressOptions { block_rows: Some(20), ..of(Mode::Lossless, None) }),
        ("bounded arrays", arrays(), CompressOptions { block_rows: Some(20), ..range(1e-3) }),
        ("stored", incompressible(), CompressOptions { block_rows: Some(100), ..of(Mode::Lossless, None) }),
    ];
    let mut forms = String::new();
    let samples =
        all.into_iter().map(|(name, data, options)| sample(folder, name, &data, &options, &mut forms)).collect();
    for form in ["learned", "formula", "series", "cells", "field", "pcodec", "shuffled", "as it is"] {
        assert!(forms.contains(form), "no container has a column of form `{form}`:\n{forms}");
    }
    memory::reset();
    samples
}

fn sample(folder: &Path, name: &'static str, data: &Dataset, options: &CompressOptions, forms: &mut String) -> Sample {
    let path = folder.join("whole.slc");
    let report = compress(data, options, None, &path).expect("it compresses");
    report.columns.iter().for_each(|c| *forms += &format!("{name}: {}: {}\n", c.name, c.form));
    let bytes = std::fs::read(&path).expect("it was written");
    let data = decompress(&path, false, &no_model).expect("it is sound").data;
    // The index lies where the trailer says; docs/FORMAT.md.
    let u64_at = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
    let u32_at = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
    let index = u64_at(bytes.len() - 24) as usize;
    let block = |k: usize| {
        let at = index + 8 + 24 * k;
        let (offset, first) = (u64_at(at) as usize, u64_at(at + 8));
        Block { bytes: offset..offset + 32 + u32_at(at + 20) as usize, rows: first..first + u64::from(u32_at(at + 16)) }
    };
    let blocks: Vec<Block> = (0..u32_at(index + 4) as usize).map(block).collect();
    assert!(blocks.len() >= 3, "{name} has {} blocks", blocks.len());
    Sample { name, data, blocks, bytes }
}

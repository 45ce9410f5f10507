//! The codec: entropy coding of latents (values/s) and lossless containers of trigger cells (raw bytes/s).

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sluice::codec::{CompressOptions, Mode, compress};
use sluice::data::toy;
use sluice::entropy::{decode_ints, encode_ints};

const LANES: usize = 16;
const ROWS: usize = 8192;

/// Integers with peaked distributions of different widths, as latents have them.
fn latents() -> Vec<Vec<i64>> {
    let mut state = 1u64;
    let mut uniform = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64 / (1u64 << 24) as f64 - 0.5
    };
    let mut one = |lane: usize| {
        let sum: f64 = (0..4).map(|_| uniform()).sum();
        (sum * (4.0 + 8.0 * lane as f64)).round() as i64
    };
    (0..LANES).map(|lane| (0..ROWS).map(|_| one(lane)).collect()).collect()
}

fn entropy(c: &mut Criterion) {
    let lanes = latents();
    let bytes = encode_ints(&lanes);
    assert_eq!(decode_ints(&bytes, LANES, ROWS).expect("our own bytes"), lanes);
    let mut group = c.benchmark_group("entropy");
    group.throughput(Throughput::Elements((LANES * ROWS) as u64));
    group.bench_function("encode", |b| b.iter(|| encode_ints(&lanes)));
    group.bench_function("decode", |b| b.iter(|| decode_ints(&bytes, LANES, ROWS).expect("our own bytes")));
    group.finish();
}

fn container(c: &mut Criterion) {
    let data = toy("trigger-cells", 20_000, 1).expect("the toy detector works");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("a.slc");
    let mut group = c.benchmark_group("container");
    group.sample_size(10).throughput(Throughput::Bytes(data.raw_bytes()));
    group.bench_function("lossless", |b| {
        b.iter(|| compress(&data, &CompressOptions::new(Mode::Lossless), None, &path).expect("it compresses"));
    });
    group.finish();
}

criterion_group!(benches, entropy, container);
criterion_main!(benches);

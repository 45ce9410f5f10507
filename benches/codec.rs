//! The codec: entropy coding of latents (values/s), and containers written and read at each effort (raw bytes/s).

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sluice::codec::{Bound, CompressOptions, Effort, Mode, compress, decompress};
use sluice::data::toy;
use sluice::entropy::{decode_ints, encode_ints};
use sluice::{Code, Error};

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
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("a.slc");
    let mut group = c.benchmark_group("container");
    for (detector, rows, bound) in
        [("trigger-cells", 20_000, None), ("pulses", 4_000, None), ("jets", 50_000, Some(Bound::Range(1e-3)))]
    {
        let data = toy(detector, rows, 1).expect("the toy detector works");
        group.sample_size(10).throughput(Throughput::Bytes(data.raw_bytes()));
        for effort in [Effort::Fast, Effort::Default, Effort::Max] {
            let mode = if bound.is_some() { Mode::Bounded } else { Mode::Lossless };
            let options = CompressOptions { effort, bound, ..CompressOptions::new(mode) };
            group.bench_function(format!("{detector}, {effort:?}, write"), |b| {
                b.iter(|| compress(&data, &options, None, &path).expect("it compresses"));
            });
            group.bench_function(format!("{detector}, {effort:?}, read"), |b| {
                b.iter(|| {
                    decompress(&path, false, &|_| Err(Error::new(Code::Unsupported, "no model")))
                        .expect("our own container")
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, entropy, container);
criterion_main!(benches);

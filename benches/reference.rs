//! Batch inference of the integer reference on all threads, rows/s: what a CPU does in place of the firmware, from input words and
//! from features. Beside other tools, and on one thread: `scripts/bench_cpu`.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ndarray::Array2;
use sluice::quantize::{QuantizeOptions, apply, calibrate, input_words};
use sluice::reference::Engine;
use sluice::train::{Session, TrainOptions, Weights, train};

const ROWS: usize = 20_000;

fn inference(c: &mut Criterion) {
    let data = Array2::from_shape_fn((ROWS, 24), |(i, j)| ((i * 31 + j * 17) as f32 * 0.37).sin());
    let mut group = c.benchmark_group("reference");
    group.sample_size(10).throughput(Throughput::Elements(ROWS as u64));
    for hidden in [vec![], vec![64]] {
        let name = if hidden.is_empty() { "24-15" } else { "24-64-15" };
        let options = TrainOptions { latent: 15, hidden, epochs: 0, qat_epochs: 0, ..TrainOptions::default() };
        let trained =
            train(&data, None, &Weights::even(24), &options, &mut Session::new(&mut |_| {})).expect("it trains");
        let plan = calibrate(&trained.encoder, &data, 0, None, &QuantizeOptions::default()).expect("it calibrates");
        let encoder = apply(&trained.encoder, &plan).expect("it quantizes");
        let words = input_words(&encoder, &data);
        let engine = Engine::new(&encoder).expect("the encoder is sound");
        group.bench_function(format!("{name}, words"), |b| b.iter(|| engine.infer_batch(&words)));
        group.bench_function(format!("{name}, features"), |b| b.iter(|| engine.infer_features(&data)));
    }
    group.finish();
}

criterion_group!(benches, inference);
criterion_main!(benches);

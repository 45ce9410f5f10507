//! Training throughput: 24 -> 64 -> 14 -> 64 -> 24 with relu, batches of 512, Adam. `scripts/bench_training` runs the
//! same network in PyTorch beside it.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ndarray::Array2;
use sluice::model::Activation;
use sluice::train::{Schedule, ScheduleKind, Session, TrainOptions, Weights, train};

const ROWS: usize = 51_200;

fn training(c: &mut Criterion) {
    let data = Array2::from_shape_fn((ROWS, 24), |(i, j)| ((i * 31 + j * 17) as f32 * 0.37).sin());
    let options = TrainOptions {
        latent: 14,
        hidden: vec![64],
        decoder_hidden: vec![64],
        decoder_activation: Activation::Relu,
        linear_path: false,
        epochs: 1,
        qat_epochs: 0,
        batch: 512,
        learning_rate: 1e-3,
        schedule: Schedule { kind: ScheduleKind::Constant, ..Schedule::default() },
        ..TrainOptions::default()
    };
    let mut group = c.benchmark_group("training");
    group.sample_size(10).throughput(Throughput::Elements(ROWS as u64));
    group.bench_function("epoch", |b| {
        b.iter(|| train(&data, None, &Weights::even(24), &options, &mut Session::new(&mut |_| {})).expect("it trains"));
    });
    group.finish();
}

criterion_group!(benches, training);
criterion_main!(benches);

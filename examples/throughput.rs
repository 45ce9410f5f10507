//! Times an encoder's batches on the CPU: `throughput MODEL FEATURES OUTPUTS [BATCH] [SECONDS]`.
//!
//! * `MODEL`: a `model.quant.json`, or an encoder in the neutral form
//! * `FEATURES`: `f32`, little-endian, row after row
//! * `OUTPUTS`: written, `i64`, little-endian: the raw integers of the last layer
//!
//! Prints one line of JSON: rows, nanoseconds a row from features and from input words, best batch, and of the fastest repetition.

use std::path::Path;
use std::time::Instant;

use ndarray::{Array2, Axis};
use sluice::model::{QuantizedModel, neutral};
use sluice::quantize::input_words;
use sluice::reference::Engine;

/// Nanoseconds a row of the fastest repetition.
fn time<X: Clone>(x: &Array2<X>, batch: usize, seconds: f64, infer: impl Fn(&Array2<X>) -> Array2<i64>) -> f64 {
    let batches: Vec<Array2<X>> = x.axis_chunks_iter(Axis(0), batch).map(|b| b.to_owned()).collect();
    let begin = Instant::now();
    let mut best = f64::INFINITY;
    while begin.elapsed().as_secs_f64() < seconds {
        let start = Instant::now();
        for x in &batches {
            std::hint::black_box(infer(std::hint::black_box(x)));
        }
        best = best.min(start.elapsed().as_secs_f64());
    }
    best * 1e9 / x.nrows() as f64
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, features, outputs, rest @ ..] = arguments.as_slice() else {
        return Err("throughput MODEL FEATURES OUTPUTS [BATCH] [SECONDS]".into());
    };
    let model = Path::new(model);
    let encoder = match QuantizedModel::load(model) {
        Ok(model) => model.encoder,
        Err(_) => neutral::import(&std::fs::read_to_string(model)?, model)?.encoder,
    };
    let engine = Engine::new(&encoder)?;
    let values: Vec<f32> =
        std::fs::read(features)?.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    let x = Array2::from_shape_vec((values.len() / engine.n_in(), engine.n_in()), values)?;
    let batch = rest.first().map_or(Ok(x.nrows()), |b| b.parse())?;
    let seconds = rest.get(1).map_or(Ok(1.0), |s| s.parse())?;

    let bytes = engine.infer_features(&x).iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
    std::fs::write(outputs, bytes)?;
    let words = input_words(&encoder, &x);
    let from_features = time(&x, batch, seconds / 2.0, |x| engine.infer_features(x));
    let from_words = time(&words, batch, seconds / 2.0, |x| engine.infer_batch(x));
    println!(
        r#"{{"rows": {}, "batch": {batch}, "features_ns": {from_features:.3}, "words_ns": {from_words:.3}}}"#,
        x.nrows()
    );
    Ok(())
}

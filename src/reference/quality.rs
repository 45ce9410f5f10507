//! What quantization costs: float against fixed point, layer by layer.

use ndarray::Array2;
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Engine;
use crate::error::{Code, Error, Result};
use crate::fixed::QFormat;
use crate::model::{Granular, IntegerNetwork, Network};
use crate::quantize::input_words;

/// Float against fixed point on the same data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuantReport {
    /// Rows compared.
    pub rows: usize,
    /// The input `x` first, then the layers in order.
    pub layers: Vec<LayerReport>,
}

/// One tensor, float against fixed point.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LayerReport {
    /// Name of the tensor.
    pub name: String,
    /// Formats of the weights, for example `fixed<8,2>`, distinct ones in order of size; empty for the input.
    pub weight_formats: Vec<String>,
    /// Formats of the tensor's elements.
    pub output_formats: Vec<String>,
    /// Weights that are not zero.
    pub nonzero_weights: usize,
    /// All weights.
    pub weights: usize,
    /// Signal power over error power, in decibel; absent if either is zero.
    pub sqnr_db: Option<f64>,
    /// Root mean square of the float values.
    pub rms: f64,
    /// Root mean square of fixed minus float.
    pub rms_error: f64,
    /// Largest |fixed - float|.
    pub max_error: f64,
    /// Fraction of the elements that lie at an end of their format, zero of unsigned formats not counted.
    pub at_limit: f64,
}

#[derive(Clone, Copy, Default)]
struct Sums {
    signal: f64,
    error: f64,
    max_error: f64,
    at_limit: usize,
}

/// Rows summed together before the sums are: fixed, so that the result does not depend on the number of threads.
const BLOCK: usize = 256;

/// Compares a float encoder with its integer form on `features`, `[rows, n_in]`.
///
/// # Errors
/// [`Code::ModelShape`] if the two networks or the data do not fit each other, and those of [`Engine::new`].
pub fn report(encoder: &Network, integer: &IntegerNetwork, features: &Array2<f32>) -> Result<QuantReport> {
    let engine = Engine::new(integer)?;
    encoder.check()?;
    let float_shape: Vec<_> = encoder.layers.iter().map(|l| (&l.name, l.op.n_out())).collect();
    let fixed_shape: Vec<_> = integer.layers.iter().map(|l| (&l.name, l.n_out())).collect();
    if encoder.n_in != integer.n_in || float_shape != fixed_shape {
        return Err(Error::new(Code::ModelShape, "the float encoder and the integer encoder have different layers"));
    }
    if features.ncols() != encoder.n_in || features.nrows() == 0 {
        return Err(Error::new(
            Code::ModelShape,
            format!("features of shape {:?} for an encoder of {} inputs", features.shape(), encoder.n_in),
        ));
    }
    let names: Vec<&str> = std::iter::once("x").chain(integer.layers.iter().map(|l| l.name.as_str())).collect();
    let formats: Vec<Vec<QFormat>> = names.iter().map(|n| integer.formats_of(n)).collect();
    let words = input_words(integer, features);
    let blocks: Vec<usize> = (0..features.nrows()).step_by(BLOCK).collect();
    let sums: Vec<Vec<Sums>> = blocks
        .into_par_iter()
        .map(|start| {
            let mut sums = vec![Sums::default(); names.len()];
            for row in start..(start + BLOCK).min(features.nrows()) {
                let float = encoder.forward_all(&features.row(row).to_vec());
                let fixed = engine.infer_all(&words.row(row).to_vec());
                for (t, sum) in sums.iter_mut().enumerate() {
                    sum.add(&float[t], &fixed[t], &formats[t]);
                }
            }
            sums
        })
        .collect();
    let mut totals = vec![Sums::default(); names.len()];
    for block in sums {
        totals.iter_mut().zip(block).for_each(|(total, sum)| total.merge(sum));
    }
    let layers = names.iter().enumerate().map(|(t, name)| {
        let count = (features.nrows() * formats[t].len()) as f64;
        let layer = t.checked_sub(1).map(|l| &integer.layers[l]);
        let weights = || layer.iter().flat_map(|l| l.weights.iter().flatten());
        let Sums { signal, error, max_error, at_limit } = totals[t];
        LayerReport {
            name: (*name).to_owned(),
            weight_formats: layer.map_or_else(Vec::new, |l| distinct(&l.weight_format)),
            output_formats: distinct(layer.map_or(&integer.input, |l| &l.output_format)),
            nonzero_weights: weights().filter(|w| **w != 0).count(),
            weights: weights().count(),
            sqnr_db: (signal > 0.0 && error > 0.0).then(|| 10.0 * (signal / error).log10()),
            rms: (signal / count).sqrt(),
            rms_error: (error / count).sqrt(),
            max_error,
            at_limit: at_limit as f64 / count,
        }
    });
    Ok(QuantReport { rows: features.nrows(), layers: layers.collect() })
}

fn distinct(formats: &Granular<QFormat>) -> Vec<String> {
    let mut all = formats.values();
    all.sort_unstable();
    all.dedup();
    all.iter().map(QFormat::to_string).collect()
}

impl Sums {
    fn add(&mut self, float: &[f32], fixed: &[i64], formats: &[QFormat]) {
        for ((a, b), format) in float.iter().zip(fixed).zip(formats) {
            let format = *format;
            let (a, b_real) = (f64::from(*a), format.to_f64(*b));
            self.signal += a * a;
            self.error += (b_real - a) * (b_real - a);
            self.max_error = self.max_error.max((b_real - a).abs());
            self.at_limit += usize::from(format.is_end(*b));
        }
    }

    fn merge(&mut self, other: Sums) {
        self.signal += other.signal;
        self.error += other.error;
        self.max_error = self.max_error.max(other.max_error);
        self.at_limit += other.at_limit;
    }
}

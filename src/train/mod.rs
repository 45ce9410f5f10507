//! Fitting autoencoders: features in, two [`Network`]s out.
//!
//! ```text
//! features ──► principal components ──► float training ──► Trained ──► (calibration elsewhere) ──► QuantPlan
//!                                                             └──► fine_tune against the plan ◄────────┘
//! ```
//!
//! burn does the tensor work and its types stay inside this module. On one machine equal data, options and seed give
//! bit-identical networks; across machines the order of sums in matrix products may differ.

mod fake;
mod fit;
mod graph;
mod initial;
mod options;
pub mod pca;

use burn::tensor::{Device, Tensor, TensorData};
use ndarray::Array2;

pub use options::{ConvOptions, TrainOptions};
pub use pca::{Pca, pca};

use crate::error::{Code, Error, Result};
use crate::model::trained::Epoch;
use crate::model::{Network, QuantPlan};
use fake::FakeNetwork;
use fit::{Autoencoder, Schedule};
use graph::Graph;

/// The quantization-aware phase starts with this share of the learning rate: it refines, it does not start over.
const FINE_TUNE_RATE: f64 = 0.25;

/// What training gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Trained {
    /// Features → latents.
    pub encoder: Network,
    /// Latents → features.
    pub decoder: Network,
    /// All epochs so far.
    pub history: Vec<Epoch>,
}

/// Fits an autoencoder to `train` (`[rows, n_features]`).
///
/// With `validation` rows the epoch of the lowest validation loss is kept, the start included: with a linear path the
/// result is never worse there than the principal components it starts from. `weights` are the loss weights of the
/// features; the loss is `sum_j w_j (x_j - y_j)^2 / sum_j w_j`, averaged over rows. `progress` sees every epoch.
///
/// # Errors
/// [`Code::Recipe`] for options that make no network, [`Code::DataShape`], [`Code::NotFinite`] and
/// [`Code::DataSelection`] for data that do not fit, [`Code::Training`] if the loss diverges.
///
/// # Example
/// ```
/// use ndarray::Array2;
/// use sluice::train::{TrainOptions, train};
/// // Three features on a line through space: one latent holds them.
/// let data = Array2::from_shape_fn((64, 3), |(i, j)| i as f32 / 32.0 * (j as f32 + 1.0));
/// let options = TrainOptions { latent: 1, hidden: vec![], decoder_hidden: vec![], epochs: 1, ..Default::default() };
/// let trained = train(&data, Some(&data), &[1.0; 3], &options, &mut |_| {})?;
/// let back = trained.decoder.forward(&trained.encoder.forward(&[0.5, 1.0, 1.5]));
/// assert!((back[2] - 1.5).abs() < 0.01);
/// # Ok::<(), sluice::Error>(())
/// ```
pub fn train(
    train: &Array2<f32>,
    validation: Option<&Array2<f32>>,
    weights: &[f32],
    options: &TrainOptions,
    progress: &mut dyn FnMut(&Epoch),
) -> Result<Trained> {
    check_data(train, validation, weights, train.ncols())?;
    options.check(train.ncols())?;
    let (encoder, decoder) = initial::networks(train, weights, options);
    let start = Trained { encoder, decoder, history: vec![] };
    run(start, None, train, validation, weights, options, progress)
}

/// Continues training with a fake-quantized encoder: input, weights, biases and outputs of every layer lie on the
/// grids of `plan`, rounded and limited as the integer encoder does it, while gradients pass straight through.
///
/// The returned encoder holds the float weights behind the rounding; quantizing it with the same plan gives what was
/// trained. Runs `options.qat_epochs` epochs at a quarter of the learning rate.
///
/// # Errors
/// As [`train`]; [`Code::ModelShape`] if the plan does not fit the encoder.
pub fn fine_tune(
    trained: &Trained,
    plan: &QuantPlan,
    train: &Array2<f32>,
    validation: Option<&Array2<f32>>,
    weights: &[f32],
    options: &TrainOptions,
    progress: &mut dyn FnMut(&Epoch),
) -> Result<Trained> {
    trained.encoder.check()?;
    trained.decoder.check()?;
    check_data(train, validation, weights, trained.encoder.n_in)?;
    options.check(train.ncols())?;
    run(trained.clone(), Some(plan), train, validation, weights, options, progress)
}

fn run(
    start: Trained,
    plan: Option<&QuantPlan>,
    train: &Array2<f32>,
    validation: Option<&Array2<f32>>,
    weights: &[f32],
    options: &TrainOptions,
    progress: &mut dyn FnMut(&Epoch),
) -> Result<Trained> {
    let device = Device::flex();
    let Trained { encoder, decoder, mut history } = start;
    let mut parameters = graph::parameters(&encoder, &device);
    let encoder_tensors = parameters.len();
    parameters.extend(graph::parameters(&decoder, &device));
    let sum: f32 = weights.iter().sum();
    let shares: Vec<f32> = weights.iter().map(|w| w / sum).collect();
    let autoencoder = Autoencoder {
        encoder: Graph::new(&encoder, &device),
        decoder: Graph::new(&decoder, &device),
        encoder_tensors,
        fake: plan.map(|p| FakeNetwork::new(p, &encoder, &device)).transpose()?,
        weights: Tensor::from_data(TensorData::new(shares, [1, weights.len()]), &device),
    };
    let aware = plan.is_some();
    let schedule = Schedule {
        phase: if aware { "quantization_aware" } else { "float" },
        epochs: if aware { options.qat_epochs } else { options.epochs },
        first_epoch: history.last().map_or(1, |e| e.epoch + 1),
        batch: options.batch,
        learning_rate: options.learning_rate * if aware { FINE_TUNE_RATE } else { 1.0 },
        patience: options.patience,
    };
    let mut rng = initial::generator(options.seed, if aware { 2 } else { 1 });
    let rows = fit::tensor(train, &device);
    let validation = validation.map(|v| fit::tensor(v, &device));
    let fitted =
        autoencoder.fit(parameters, &rows, validation.as_ref(), &schedule, &mut rng, &mut history, progress)?;
    let (for_encoder, for_decoder) = fitted.split_at(encoder_tensors);
    let encoder = graph::with_parameters(&encoder, for_encoder);
    let decoder = graph::with_parameters(&decoder, for_decoder);
    Ok(Trained { encoder, decoder, history })
}

fn check_data(train: &Array2<f32>, validation: Option<&Array2<f32>>, weights: &[f32], n: usize) -> Result<()> {
    for (what, rows) in [("training", Some(train)), ("validation", validation)] {
        let Some(rows) = rows else { continue };
        if rows.nrows() == 0 || n == 0 {
            return Err(Error::new(Code::DataSelection, format!("the {what} part has no rows or no features"))
                .hint("select more rows, or change the split"));
        }
        if rows.ncols() != n {
            return Err(Error::new(
                Code::DataShape,
                format!("the {what} rows have {} features, {n} are needed", rows.ncols()),
            ));
        }
        if let Some(((row, column), value)) = rows.indexed_iter().find(|(_, v)| !v.is_finite()) {
            return Err(Error::new(Code::NotFinite, format!("a feature of the {what} part is {value}"))
                .at(format!("row {row}, feature {column}"))
                .hint("remove such rows, or choose a normalisation that keeps them finite"));
        }
    }
    if weights.len() != n {
        return Err(Error::new(Code::DataShape, format!("{} loss weights for {n} features", weights.len())));
    }
    let sum: f32 = weights.iter().sum();
    if !(sum.is_finite() && sum > 0.0) || weights.iter().any(|w| *w < 0.0) {
        return Err(Error::new(Code::Recipe, "loss weights must be finite, not negative and not all zero"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;

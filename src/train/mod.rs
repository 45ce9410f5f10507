//! Fitting autoencoders: features in, two [`Network`]s out.
//!
//! ```text
//! features ──► principal components ──► float training ──► Trained ──► (calibration elsewhere) ──► QuantPlan
//!                                                             └──► fine_tune against the plan ◄────────┘
//! ```
//!
//! burn does the tensor work and its types stay inside this module. On one machine equal data, options and seed give
//! bit-identical networks; across machines the order of sums in matrix products may differ.

mod adam;
mod checkpoint;
mod fake;
mod fit;
mod graph;
mod initial;
pub mod latents;
mod options;
pub mod pca;
mod refit;

use std::path::Path;

use burn::tensor::Device;
use ndarray::Array2;

pub use options::{ConvOptions, LossWeights, Schedule, ScheduleKind, TrainOptions};
pub use pca::{Pca, pca};

use crate::error::{Code, Error, Result};
use crate::model::trained::Epoch;
use crate::model::{Network, QuantPlan};
use checkpoint::Checkpoint;
use fake::FakeNetwork;
use fit::{Autoencoder, Plan};
use graph::Graph;

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

/// Where a training tells how far it is, and where it remembers it.
pub struct Session<'a> {
    /// Sees every epoch, those of a resumed checkpoint too.
    pub progress: &'a mut dyn FnMut(&Epoch),
    /// The model file that will be written (checkpoints lie beside it), and a key that names data and options:
    /// a checkpoint with another key is not resumed. Without it no checkpoints are written.
    pub checkpoint: Option<(&'a Path, &'a str)>,
}

impl<'a> Session<'a> {
    /// Without checkpoints.
    pub fn new(progress: &'a mut dyn FnMut(&Epoch)) -> Self {
        Session { progress, checkpoint: None }
    }
}

/// Deletes the checkpoints of a finished training of the model file `model`.
pub fn remove_checkpoints(model: &Path) {
    for phase in [FLOAT, AWARE] {
        // What is not there need not be removed.
        let _ = std::fs::remove_file(checkpoint::path_of(model, phase));
    }
}

/// The phases, as they stand in the history.
const FLOAT: &str = "float";
const AWARE: &str = "quantization_aware";

/// Fits an autoencoder to `train` (`[rows, n_features]`).
///
/// With `validation` rows the epoch of the lowest validation loss is kept, the start included: with a linear path the
/// result is never worse there than the principal components it starts from. Latents come out uncorrelated, with mean
/// zero and variance one. `weights` are the loss weights of the
/// features; the loss is `sum_j w_j (x_j - y_j)^2 / sum_j w_j`, averaged over rows. `session` sees every epoch; with a
/// checkpoint a killed training goes on where it was, and ends with the same bits as one that was not killed.
///
/// # Errors
/// [`Code::Recipe`] for options that make no network, [`Code::DataShape`], [`Code::NotFinite`] and
/// [`Code::DataSelection`] for data that do not fit, [`Code::Training`] if the loss diverges.
///
/// # Example
/// ```
/// use ndarray::Array2;
/// use sluice::train::{Session, TrainOptions, train};
/// // Three features on a line through space: one latent holds them.
/// let data = Array2::from_shape_fn((64, 3), |(i, j)| i as f32 / 32.0 * (j as f32 + 1.0));
/// let options = TrainOptions { latent: 1, hidden: vec![], decoder_hidden: vec![], epochs: 1, ..Default::default() };
/// let trained = train(&data, Some(&data), &[1.0; 3], &options, &mut Session::new(&mut |_| {}))?;
/// let back = trained.decoder.forward(&trained.encoder.forward(&[0.5, 1.0, 1.5]));
/// assert!((back[2] - 1.5).abs() < 0.01);
/// # Ok::<(), sluice::Error>(())
/// ```
pub fn train(
    train: &Array2<f32>,
    validation: Option<&Array2<f32>>,
    weights: &[f32],
    options: &TrainOptions,
    session: &mut Session<'_>,
) -> Result<Trained> {
    check_data(train, validation, weights, train.ncols())?;
    options.check(train.ncols())?;
    let (encoder, decoder) = initial::networks(train, weights, options);
    let start = Trained { encoder, decoder, history: vec![] };
    let mut trained = run(start, None, train, validation, weights, options, session)?;
    latents::straighten(&mut trained.encoder, &mut trained.decoder, train, weights);
    Ok(trained)
}

/// Continues training with a fake-quantized encoder: input, weights, biases and outputs of every layer lie on the
/// grids of `plan`, rounded and limited as the integer encoder does it, while gradients pass straight through.
///
/// The returned encoder holds the float weights behind the rounding; quantizing it with the same plan gives what was
/// trained. Runs `options.qat_epochs` epochs; before and after them, the decoder's linear path is fitted to the rounded
/// latents by least squares.
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
    session: &mut Session<'_>,
) -> Result<Trained> {
    trained.encoder.check()?;
    trained.decoder.check()?;
    check_data(train, validation, weights, trained.encoder.n_in)?;
    options.check(train.ncols())?;
    run(trained.clone(), Some(plan), train, validation, weights, options, session)
}

fn run(
    start: Trained,
    plan: Option<&QuantPlan>,
    train: &Array2<f32>,
    validation: Option<&Array2<f32>>,
    weights: &[f32],
    options: &TrainOptions,
    session: &mut Session<'_>,
) -> Result<Trained> {
    let device = Device::flex();
    let Trained { encoder, decoder, mut history } = start;
    let mut tensors = graph::parameters(&encoder, &device);
    let encoder_tensors = tensors.len();
    tensors.extend(graph::parameters(&decoder, &device));
    let sum: f32 = weights.iter().sum();
    let autoencoder = Autoencoder {
        encoder: Graph::new(&encoder, &device),
        decoder: Graph::new(&decoder, &device),
        encoder_tensors,
        shapes: tensors.iter().map(burn::Tensor::dims).collect(),
        fake: plan.map(|p| FakeNetwork::new(p, &encoder, &device)).transpose()?,
        weights: weights.iter().map(|w| w / sum).collect(),
        device: device.clone(),
    };
    let aware = plan.is_some();
    let phase = if aware { AWARE } else { FLOAT };
    let key = session.checkpoint.map(|(_, key)| format!("{key} {phase} {plan:?}")).unwrap_or_default();
    let plan = Plan {
        phase,
        epochs: if aware { options.qat_epochs } else { options.epochs },
        first_epoch: history.last().map_or(1, |e| e.epoch + 1),
        batch: options.batch,
        learning_rate: options.learning_rate * if aware { options.qat_rate } else { 1.0 },
        schedule: options.schedule,
        weight_decay: options.weight_decay,
        noise: options.noise,
        patience: options.patience,
        seed: options.seed,
        stream: if aware { 2 } else { 1 },
        checkpoint: session.checkpoint.map(|(model, _)| Checkpoint {
            path: checkpoint::path_of(model, phase),
            key: &key,
            every: options.checkpoint_every,
        }),
    };
    let mut parameters: Vec<Vec<f32>> = tensors.into_iter().map(fit::read).collect();
    let validation = validation.map(|v| fit::tensor(v, &device));
    // Rounding shifts and mixes the latents; what a linear map can undo need not be learned in small steps.
    let refits = aware && plan.epochs > 0;
    if refits {
        parameters = autoencoder.refit(&parameters, train);
    }
    let mut fitted = autoencoder.fit(parameters, train, validation.as_ref(), &plan, &mut history, session.progress)?;
    if refits {
        let better = autoencoder.refit(&fitted, train);
        let worse = |v| autoencoder.evaluate(&better, v) > autoencoder.evaluate(&fitted, v);
        if !validation.as_ref().is_some_and(worse) {
            fitted = better;
        }
    }
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

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
mod attention;
mod checkpoint;
mod fake;
mod fit;
mod graph;
mod initial;
pub mod latents;
mod loss;
mod options;
pub mod pca;
mod prices;
mod prior;
mod rate;
mod refit;
mod widths;

use std::borrow::Cow;
use std::path::Path;

use burn::tensor::Device;
use ndarray::Array2;

pub use loss::Weights;
pub use options::{
    ConvOptions, ImageLoss, LossWeights, Schedule, ScheduleKind, SetOptions, TrainOptions, TransformerOptions,
};
pub use pca::{Pca, pca};

use crate::error::{Code, Error, Result};
use crate::model::trained::Epoch;
use crate::model::transformer::{Transformer, inputs};
use crate::model::{Network, QuantPlan};
use attention::Attention;
use checkpoint::Checkpoint;
use fake::FakeNetwork;
use fit::{Autoencoder, Plan};
use graph::Graph;
use loss::Criterion;
pub use prices::{Budget, Hardware, WidthOptions};
use widths::LearnedWidths;

/// What training gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Trained {
    /// Before the encoder, which then reads what it gives; for software only.
    pub transformer: Option<Transformer>,
    /// Features → latents.
    pub encoder: Network,
    /// Latents → features.
    pub decoder: Network,
    /// All epochs so far.
    pub history: Vec<Epoch>,
}

impl Trained {
    /// What the encoder reads of rows of features, `[rows, n_in]`.
    pub fn inputs<'a>(&self, features: &'a Array2<f32>) -> Cow<'a, Array2<f32>> {
        inputs(self.transformer.as_ref(), features)
    }

    /// The reconstruction of one row of features.
    pub fn forward(&self, x: &[f32]) -> Vec<f32> {
        let seen = self.transformer.as_ref().map_or_else(|| x.to_vec(), |t| t.forward(x));
        self.decoder.forward(&self.encoder.forward(&seen))
    }
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
    for phase in [FLOAT, WIDTHS, AWARE] {
        // What is not there need not be removed.
        let _ = std::fs::remove_file(checkpoint::path_of(model, phase));
    }
}

/// The stream of random numbers that a transformer starts with; phases have the first ones.
const FRONT: u64 = 7;

/// The phases, as they stand in the history.
const FLOAT: &str = "float";
const WIDTHS: &str = "widths";
const AWARE: &str = "quantization_aware";

/// Fits an autoencoder to `train` (`[rows, n_features]`).
///
/// With `validation` rows the epoch of the lowest validation loss is kept, the start included: with a linear path the
/// result is never worse there than the principal components it starts from, unless latents have a price. Latents come out uncorrelated, with mean
/// zero and variance one. `weights` say what an error in each
/// feature costs: `sum_j w_j (x_j - y_j)^2 / sum_j w_j`, averaged over rows, if `options` ask for nothing else. `session` sees every epoch; with a
/// checkpoint a killed training goes on where it was, and ends with the same bits as one that was not killed.
///
/// # Errors
/// [`Code::Recipe`] for options that make no network, [`Code::DataShape`], [`Code::NotFinite`] and
/// [`Code::DataSelection`] for data that do not fit, [`Code::Training`] if the loss diverges.
///
/// # Example
/// ```
/// use ndarray::Array2;
/// use sluice::train::{Session, TrainOptions, Weights, train};
/// // Three features on a line through space: one latent holds them.
/// let data = Array2::from_shape_fn((64, 3), |(i, j)| i as f32 / 32.0 * (j as f32 + 1.0));
/// let options = TrainOptions { latent: 1, hidden: vec![], decoder_hidden: vec![], epochs: 1, ..Default::default() };
/// let trained = train(&data, Some(&data), &Weights::even(3), &options, &mut Session::new(&mut |_| {}))?;
/// let back = trained.decoder.forward(&trained.encoder.forward(&[0.5, 1.0, 1.5]));
/// assert!((back[2] - 1.5).abs() < 0.01);
/// # Ok::<(), sluice::Error>(())
/// ```
pub fn train(
    train: &Array2<f32>,
    validation: Option<&Array2<f32>>,
    weights: &Weights,
    options: &TrainOptions,
    session: &mut Session<'_>,
) -> Result<Trained> {
    check_data(train, validation, weights, train.ncols())?;
    options.check(train.ncols())?;
    let (encoder, decoder) = initial::networks(train, &weights.features, options);
    let front = |o| attention::initial(o, train.ncols(), &mut initial::generator(options.seed, FRONT));
    let start = Trained { transformer: options.transformer.as_ref().map(front), encoder, decoder, history: vec![] };
    let (mut trained, _) = run(start, Phase::Float, train, validation, weights, options, session)?;
    let seen = inputs(trained.transformer.as_ref(), train);
    latents::straighten(&mut trained.encoder, &mut trained.decoder, &seen, &weights.features);
    Ok(trained)
}

/// What the compiler makes of an encoder in the formats of a plan.
pub type Measure<'a> = dyn Fn(&Network, &QuantPlan) -> Result<Hardware> + 'a;

/// Continues training with bit widths as parameters: how many bits each weight, activation and latent is worth at the
/// prices of `options.widths`, or within its budget. Starts at the formats of `plan` and gives those found; numbers that
/// became 0 are pruned. Runs `options.widths.epochs` epochs.
///
/// * `measure`: needed if there is a budget
///
/// # Errors
/// As [`fine_tune`], and those of `measure`.
pub fn learn_widths(
    trained: &Trained,
    plan: &QuantPlan,
    train: &Array2<f32>,
    weights: &Weights,
    options: &TrainOptions,
    measure: Option<&Measure<'_>>,
    session: &mut Session<'_>,
) -> Result<(Trained, QuantPlan)> {
    trained.encoder.check()?;
    trained.decoder.check()?;
    check_data(train, None, weights, trained.decoder.n_out())?;
    options.check(train.ncols())?;
    let phase = Phase::Widths(plan, measure);
    let (trained, found) = run(trained.clone(), phase, train, None, weights, options, session)?;
    Ok((trained, found.expect("widths were trained")))
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
    weights: &Weights,
    options: &TrainOptions,
    session: &mut Session<'_>,
) -> Result<Trained> {
    trained.encoder.check()?;
    trained.decoder.check()?;
    check_data(train, validation, weights, trained.decoder.n_out())?;
    options.check(train.ncols())?;
    let phase = Phase::Aware(plan);
    Ok(run(trained.clone(), phase, train, validation, weights, options, session)?.0)
}

/// What is trained, beside the weights.
enum Phase<'a> {
    Float,
    /// Widths too, from those given on.
    Widths(&'a QuantPlan, Option<&'a Measure<'a>>),
    /// Formats are given.
    Aware(&'a QuantPlan),
}

fn run(
    start: Trained,
    phase: Phase<'_>,
    train: &Array2<f32>,
    validation: Option<&Array2<f32>>,
    weights: &Weights,
    options: &TrainOptions,
    session: &mut Session<'_>,
) -> Result<(Trained, Option<QuantPlan>)> {
    let device = Device::flex();
    let Trained { transformer, encoder, decoder, mut history } = start;
    let mut tensors = graph::parameters(&encoder, &device);
    let encoder_tensors = tensors.len();
    tensors.extend(graph::parameters(&decoder, &device));
    let decoder_tensors = tensors.len() - encoder_tensors;
    // After the first phase a transformer stays what it is: the encoder behind it meets its formats alone.
    let moving = transformer.as_ref().filter(|_| matches!(phase, Phase::Float));
    tensors.extend(moving.iter().flat_map(|t| attention::parameters(t, &device)));
    let network_tensors = tensors.len();
    let mut shapes: Vec<[usize; 2]> = tensors.iter().map(burn::Tensor::dims).collect();
    let mut parameters: Vec<Vec<f32>> = tensors.into_iter().map(fit::read).collect();
    let criterion = Criterion::new(weights, options);
    let mut latents = fit::LatentPrices { sliced_wasserstein: options.sliced_wasserstein, ..Default::default() };
    let mut variational = false;
    let (mut fake, mut learned, mut measure) = (None, None, None);
    let (name, epochs, rate, stream, from) = match phase {
        Phase::Float => {
            if options.variational > 0.0 {
                for (values, shape) in prior::head(train.ncols(), decoder.n_in) {
                    parameters.push(values);
                    shapes.push(shape);
                }
                (variational, latents.variational) = (true, options.variational);
            }
            (FLOAT, options.epochs, 1.0, 1, None)
        }
        Phase::Widths(plan, by) => {
            let (formats, own) = LearnedWidths::new(plan, &encoder);
            for (values, shape) in own {
                parameters.push(values);
                shapes.push(shape);
            }
            (learned, measure, latents.rate) = (Some(formats), by, options.rate_price);
            (WIDTHS, options.widths.epochs, 1.0, 3, Some(plan))
        }
        Phase::Aware(plan) => {
            (fake, latents.rate) = (Some(FakeNetwork::new(plan, &encoder, &device)?), options.rate_price);
            (AWARE, options.qat_epochs, options.qat_rate, 2, Some(plan))
        }
    };
    let still = transformer.as_ref().filter(|_| moving.is_none());
    let (seen, seen_too) = (inputs(still, train), validation.map(|v| inputs(still, v)));
    let rows = fit::Rows { inputs: &seen, targets: train };
    let autoencoder = Autoencoder {
        transformer: moving.map(Attention::new),
        encoder: Graph::new(&encoder, &device),
        decoder: Graph::new(&decoder, &device),
        encoder_tensors,
        decoder_tensors,
        shapes,
        fake,
        learned,
        frozen: initial::frozen(options),
        variational,
        criterion,
        device: device.clone(),
    };
    let found = |for_encoder: &mut [Vec<f32>], formats: &[Vec<f32>]| {
        let learned = autoencoder.learned.as_ref().expect("widths are trained");
        let plan = learned.plan(for_encoder, formats);
        (graph::with_parameters(&encoder, for_encoder), plan)
    };
    let by = measure.map(|measure| -> Box<fit::Measure<'_>> {
        Box::new(|parameters: &[Vec<f32>]| {
            let mut own = parameters[..encoder_tensors].to_vec();
            let (network, plan) = found(&mut own, &parameters[encoder_tensors + decoder_tensors..]);
            let latents = plan.layers.last().map_or(vec![], |l| l.output.values());
            Ok((measure(&network, &plan)?, latents.iter().map(|f| f.width).sum()))
        })
    });
    let key = session.checkpoint.map(|(_, key)| format!("{key} {name} {from:?}")).unwrap_or_default();
    let plan = Plan {
        phase: name,
        epochs,
        first_epoch: history.last().map_or(1, |e| e.epoch + 1),
        batch: options.batch,
        learning_rate: options.learning_rate * rate,
        schedule: options.schedule,
        weight_decay: options.weight_decay,
        noise: options.noise,
        // While prices rise, the loss may too.
        patience: if autoencoder.learned.is_some() || latents.any() { 0 } else { options.patience },
        widths: &options.widths,
        latents,
        unit: if autoencoder.learned.is_some() || latents.any() {
            pca_loss(train, &autoencoder.criterion.weights, encoder.n_out())
        } else {
            0.0
        },
        measure: by.as_deref(),
        seed: options.seed,
        stream,
        checkpoint: session.checkpoint.map(|(model, _)| Checkpoint {
            path: checkpoint::path_of(model, name),
            key: &key,
            every: options.checkpoint_every,
        }),
    };
    let pair = validation.zip(seen_too.as_deref());
    let validation = pair.map(|(targets, inputs)| fit::Rows { inputs, targets }.held(&device));
    // Rounding shifts and mixes the latents; what a linear map can undo need not be learned in small steps.
    let refits = from.is_some() && plan.epochs > 0 && autoencoder.criterion.is_squares();
    if refits {
        parameters = autoencoder.refit(&parameters, rows);
    }
    let mut fitted = autoencoder.fit(parameters, rows, validation.as_ref(), &plan, &mut history, session.progress)?;
    if refits {
        let better = autoencoder.refit(&fitted, rows);
        let worse = |v| autoencoder.evaluate(&better, v) > autoencoder.evaluate(&fitted, v);
        if !validation.as_ref().is_some_and(worse) {
            fitted = better;
        }
    }
    let formats = fitted.split_off(network_tensors);
    let own = fitted.split_off(encoder_tensors + decoder_tensors);
    let transformer = match moving {
        Some(moving) => Some(attention::with_parameters(moving, &own)),
        None => transformer,
    };
    let (for_encoder, for_decoder) = fitted.split_at_mut(encoder_tensors);
    let decoder = graph::with_parameters(&decoder, for_decoder);
    let (encoder, plan) = match autoencoder.learned {
        Some(_) => {
            let (encoder, plan) = found(for_encoder, &formats);
            (encoder, Some(plan))
        }
        None => (graph::with_parameters(&encoder, for_encoder), None),
    };
    Ok((Trained { transformer, encoder, decoder, history }, plan))
}

/// The loss of principal components: what prices of bits are shares of. It knows the data and the number of latents, and
/// stays what it is while training goes on.
fn pca_loss(train: &Array2<f32>, weights: &[f32], latents: usize) -> f64 {
    let scale: Vec<f64> = weights.iter().map(|w| f64::from(*w).sqrt()).collect();
    let p = pca::scaled(train, &scale, latents);
    // Where components lose nothing, a millionth of all there is.
    (p.total_variance - p.variance.iter().sum::<f64>()).max(1e-6 * p.total_variance)
}

fn check_data(train: &Array2<f32>, validation: Option<&Array2<f32>>, weights: &Weights, n: usize) -> Result<()> {
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
    let weights = &weights.features;
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

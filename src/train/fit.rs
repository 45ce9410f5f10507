//! The training loop: Adam on a weighted mean squared error, with the best epoch kept.

use burn::tensor::{Device, Int, Tensor, TensorData, s};
use ndarray::Array2;
use rand_chacha::ChaCha8Rng;

use super::fake::FakeNetwork;
use super::graph::Graph;
use super::initial::shuffled;
use crate::error::{Code, Error, Result};
use crate::model::trained::Epoch;

/// What is fitted: encoder and decoder end to end. Parameters are the encoder's, then the decoder's.
pub(super) struct Autoencoder {
    pub(super) encoder: Graph,
    pub(super) decoder: Graph,
    /// Tensors that belong to the encoder.
    pub(super) encoder_tensors: usize,
    /// Formats for the encoder, in the quantization-aware phase.
    pub(super) fake: Option<FakeNetwork>,
    /// Loss weight of each feature over their sum, `[1, n_features]`.
    pub(super) weights: Tensor<2>,
}

/// How long and how fast.
pub(super) struct Schedule {
    pub(super) phase: &'static str,
    pub(super) epochs: usize,
    pub(super) first_epoch: usize,
    pub(super) batch: usize,
    pub(super) learning_rate: f64,
    pub(super) patience: usize,
}

impl Autoencoder {
    /// Weighted squared error, summed over features, averaged over rows: a scalar.
    fn loss(&self, parameters: &[Tensor<2>], x: Tensor<2>) -> Tensor<1> {
        let (encoder, decoder) = parameters.split_at(self.encoder_tensors);
        let latents = self.encoder.forward(encoder, x.clone(), self.fake.as_ref());
        let difference = self.decoder.forward(decoder, latents, None) - x;
        let rows = difference.dims()[0] as f64;
        (difference.clone() * difference * self.weights.clone()).sum() / rows
    }

    /// The loss over all rows, without gradients.
    pub(super) fn evaluate(&self, parameters: &[Tensor<2>], rows: &Tensor<2>) -> f64 {
        const CHUNK: usize = 4096;
        let n = rows.dims()[0];
        let mut sum = 0.0;
        for start in (0..n).step_by(CHUNK) {
            let end = (start + CHUNK).min(n);
            let part = self.loss(parameters, rows.clone().slice(s![start..end, ..]));
            sum += part.into_scalar::<f64>() * (end - start) as f64;
        }
        sum / n as f64
    }

    /// Runs the schedule from `parameters` and returns the best ones: of the lowest validation loss, the start
    /// included; without validation rows those of the last epoch.
    ///
    /// # Errors
    /// [`Code::Training`] if the loss is not a number.
    #[allow(clippy::too_many_arguments)] // two data sets, the state and where it is reported
    pub(super) fn fit(
        &self,
        mut parameters: Vec<Tensor<2>>,
        rows: &Tensor<2>,
        validation: Option<&Tensor<2>>,
        schedule: &Schedule,
        rng: &mut ChaCha8Rng,
        history: &mut Vec<Epoch>,
        progress: &mut dyn FnMut(&Epoch),
    ) -> Result<Vec<Tensor<2>>> {
        let n = rows.dims()[0];
        let device = rows.device();
        let total_steps = (schedule.epochs * n.div_ceil(schedule.batch)).max(1) as f64;
        let mut adam = Adam::new(&parameters);
        let mut best = validation.map(|v| (self.evaluate(&parameters, v), parameters.clone()));
        let mut epochs_since_best = 0;
        for epoch in 0..schedule.epochs {
            let order = shuffled(n, rng);
            let (mut sum, mut learning_rate) = (0.0, 0.0);
            for chosen in order.chunks(schedule.batch) {
                let index = TensorData::new(chosen.to_vec(), [chosen.len()]);
                let x = rows.clone().select(0, Tensor::<1, Int>::from_data(index, &device));
                let tracked: Vec<Tensor<2>> = parameters.into_iter().map(|p| p.autodiff().require_grad()).collect();
                let loss = self.loss(&tracked, x);
                let value = loss.clone().inner().into_scalar::<f64>();
                if !value.is_finite() {
                    return Err(diverged(schedule, epoch, value));
                }
                sum += value * chosen.len() as f64;
                let mut gradients = loss.backward();
                let pairs = tracked.into_iter().map(|p| {
                    let gradient = p.grad_remove(&mut gradients);
                    (p.inner(), gradient)
                });
                let progress = adam.steps as f64 / total_steps;
                learning_rate = schedule.learning_rate * 0.5 * (1.0 + (std::f64::consts::PI * progress).cos());
                parameters = adam.step(pairs.collect(), learning_rate);
            }
            let validation_loss = validation.map(|v| self.evaluate(&parameters, v));
            let record = Epoch {
                epoch: schedule.first_epoch + epoch,
                phase: schedule.phase.to_owned(),
                train_loss: sum / n as f64,
                validation_loss,
                learning_rate,
            };
            progress(&record);
            history.push(record);
            if let (Some(loss), Some(best)) = (validation_loss, &mut best) {
                if !loss.is_finite() {
                    return Err(diverged(schedule, epoch, loss));
                }
                epochs_since_best += 1;
                if loss < best.0 {
                    *best = (loss, parameters.clone());
                    epochs_since_best = 0;
                }
                if schedule.patience > 0 && epochs_since_best >= schedule.patience {
                    break;
                }
            }
        }
        Ok(best.map_or(parameters, |(_, p)| p))
    }
}

fn diverged(schedule: &Schedule, epoch: usize, loss: f64) -> Error {
    Error::new(Code::Training, format!("the loss became {loss} in epoch {}", schedule.first_epoch + epoch))
        .cause(format!("Adam with a learning rate of {} did not converge", schedule.learning_rate))
        .hint("lower the learning rate, or check the data for outliers that the normalisation leaves large")
}

/// Adam with the usual constants (Kingma and Ba, arXiv:1412.6980).
struct Adam {
    first: Vec<Tensor<2>>,
    second: Vec<Tensor<2>>,
    steps: i32,
}

impl Adam {
    const BETA: (f64, f64) = (0.9, 0.999);

    fn new(parameters: &[Tensor<2>]) -> Self {
        let zeros = || parameters.iter().map(Tensor::zeros_like).collect();
        Adam { first: zeros(), second: zeros(), steps: 0 }
    }

    /// One step along the gradients; a parameter that the loss does not reach has none and stays.
    fn step(&mut self, pairs: Vec<(Tensor<2>, Option<Tensor<2>>)>, learning_rate: f64) -> Vec<Tensor<2>> {
        self.steps += 1;
        let (b1, b2) = Self::BETA;
        let rate = learning_rate / (1.0 - b1.powi(self.steps));
        let unbias = 1.0 / (1.0 - b2.powi(self.steps));
        let mut updated = Vec::with_capacity(pairs.len());
        for (i, (parameter, gradient)) in pairs.into_iter().enumerate() {
            let Some(g) = gradient else {
                updated.push(parameter);
                continue;
            };
            let (m, v) = (&mut self.first[i], &mut self.second[i]);
            *m = m.clone() * b1 + g.clone() * (1.0 - b1);
            *v = v.clone() * b2 + g.clone() * g * (1.0 - b2);
            updated.push(parameter - m.clone() * rate / ((v.clone() * unbias).sqrt() + 1e-8));
        }
        updated
    }
}

/// Rows as a tensor on `device`.
pub(super) fn tensor(rows: &Array2<f32>, device: &Device) -> Tensor<2> {
    let data = TensorData::new(rows.iter().copied().collect::<Vec<f32>>(), [rows.nrows(), rows.ncols()]);
    Tensor::from_data(data, device)
}

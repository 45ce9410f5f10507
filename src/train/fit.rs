//! The training loop: Adam on a weighted mean squared error, with the best epoch kept.
//!
//! burn differentiates; everything that is one pass over a buffer (gathering a batch, the loss and its gradient, Adam)
//! runs on plain slices: at these sizes a tensor operation costs more to start than to do.

use burn::tensor::{Device, Tensor, TensorData, s};
use ndarray::Array2;

use super::adam::Adam;
use super::checkpoint::{Checkpoint, State};
use super::fake::FakeNetwork;
use super::graph::{Graph, Grids};
use super::initial::{generator, shuffled};
use super::options::Schedule;
use super::prices::{self, Course, Hardware, Prices, WidthOptions};
use super::widths::{self, LearnedWidths};
use crate::error::{Code, Error, Result};
use crate::model::trained::Epoch;

/// What is fitted: encoder and decoder end to end. Parameters are the encoder's, then the decoder's, then those of
/// formats.
pub(super) struct Autoencoder {
    pub(super) encoder: Graph,
    pub(super) decoder: Graph,
    /// Tensors that belong to the encoder.
    pub(super) encoder_tensors: usize,
    /// Tensors that belong to the decoder.
    pub(super) decoder_tensors: usize,
    /// `[rows, columns]` of every tensor.
    pub(super) shapes: Vec<[usize; 2]>,
    /// Formats for the encoder, in the quantization-aware phase.
    pub(super) fake: Option<FakeNetwork>,
    /// Formats that are trained.
    pub(super) learned: Option<LearnedWidths>,
    /// Loss weight of each feature over their sum.
    pub(super) weights: Vec<f32>,
    pub(super) device: Device,
}

/// What hardware the parameters of an encoder and its formats become.
pub(super) type Measure<'a> = dyn Fn(&[Vec<f32>]) -> Result<(Hardware, u32)> + 'a;

/// How long and how fast, and where the time of day is kept.
pub(super) struct Plan<'a> {
    pub(super) phase: &'static str,
    pub(super) epochs: usize,
    pub(super) first_epoch: usize,
    pub(super) batch: usize,
    pub(super) learning_rate: f64,
    pub(super) schedule: Schedule,
    pub(super) weight_decay: f64,
    pub(super) noise: f64,
    pub(super) patience: usize,
    /// What bits cost, where widths are trained.
    pub(super) widths: &'a WidthOptions,
    /// What a price of 1 is, as loss.
    pub(super) unit: f64,
    /// What the compiler makes of an encoder and its formats.
    pub(super) measure: Option<&'a Measure<'a>>,
    pub(super) seed: u64,
    /// Phases do not share random numbers.
    pub(super) stream: u64,
    pub(super) checkpoint: Option<Checkpoint<'a>>,
}

/// Rows that pass through the network at once where no gradient is wanted.
pub(super) const CHUNK: usize = 4096;

impl Autoencoder {
    pub(super) fn tensors(&self, parameters: &[Vec<f32>]) -> Vec<Tensor<2>> {
        let pairs = parameters.iter().zip(&self.shapes);
        pairs.map(|(p, shape)| Tensor::from_data(TensorData::new(p.clone(), *shape), &self.device)).collect()
    }

    fn forward(&self, parameters: &[Tensor<2>], x: Tensor<2>) -> Tensor<2> {
        self.forward_all(parameters, x).1
    }

    /// Latents and reconstruction.
    pub(super) fn forward_all(&self, parameters: &[Tensor<2>], x: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        let (encoder, rest) = parameters.split_at(self.encoder_tensors);
        let (decoder, formats) = rest.split_at(self.decoder_tensors);
        let grids = match (&self.fake, &self.learned) {
            (Some(fake), _) => Grids::Fixed(fake),
            (_, Some(learned)) => Grids::Learned(learned, formats),
            _ => Grids::None,
        };
        let z = self.encoder.forward(encoder, x, grids);
        (z.clone(), self.decoder.forward(decoder, z, Grids::None))
    }

    /// Weighted squared error of `y` against `x`, summed over features and rows.
    fn loss(&self, y: &[f32], x: &[f32]) -> f64 {
        let n = self.weights.len();
        let row = |(y, x): (&[f32], &[f32])| {
            let terms = y.iter().zip(x).zip(&self.weights);
            f64::from(terms.map(|((y, x), w)| (y - x) * (y - x) * w).sum::<f32>())
        };
        y.chunks_exact(n).zip(x.chunks_exact(n)).map(row).sum()
    }

    /// The mean loss over all rows, without gradients.
    pub(super) fn evaluate(&self, parameters: &[Vec<f32>], rows: &Tensor<2>) -> f64 {
        let n = rows.dims()[0];
        let parameters = self.tensors(parameters);
        let mut sum = 0.0;
        for start in (0..n).step_by(CHUNK) {
            let part = rows.clone().slice(s![start..(start + CHUNK).min(n), ..]);
            sum += self.loss(&read(self.forward(&parameters, part.clone())), &read(part));
        }
        sum / n as f64
    }

    /// Loss of a batch (sum over its rows) and the gradient of its mean with respect to each parameter.
    fn gradients(&self, parameters: &[Vec<f32>], x: Vec<f32>, target: &[f32]) -> (f64, Vec<Option<Vec<f32>>>) {
        let n = self.weights.len();
        let rows = x.len() / n;
        let tracked: Vec<Tensor<2>> =
            self.tensors(parameters).into_iter().map(|p| p.autodiff().require_grad()).collect();
        let y = self.forward(&tracked, Tensor::from_data(TensorData::new(x, [rows, n]), &self.device));
        let mut slope = read(y.clone().inner());
        let loss = self.loss(&slope, target);
        let scale = 2.0 / rows as f32;
        for (slope, target) in slope.chunks_exact_mut(n).zip(target.chunks_exact(n)) {
            for ((s, t), w) in slope.iter_mut().zip(target).zip(&self.weights) {
                *s = (*s - t) * w * scale;
            }
        }
        // The gradient of this sum is the loss's: its slope at `y` is the constant factor.
        let slope = Tensor::<2>::from_data(TensorData::new(slope, [rows, n]), &self.device);
        let mut all = (y * slope).sum().backward();
        let gradients = tracked.iter().map(|p| p.grad_remove(&mut all).map(read));
        (loss, gradients.collect())
    }

    /// Adds what bits cost to the gradients of weights and formats.
    ///
    /// * `settled`: formats stay as they are
    /// * `unit`: what a price of 1 is, as loss
    fn charge(
        &self,
        learned: &LearnedWidths,
        parameters: &[Vec<f32>],
        gradients: &mut [Option<Vec<f32>>],
        prices: Prices,
        settled: bool,
        unit: f64,
    ) {
        let at = self.encoder_tensors + self.decoder_tensors;
        let (of_weights, of_formats) = gradients.split_at_mut(at);
        let prices = Prices { adder_bit: prices.adder_bit * unit, latent_bit: prices.latent_bit * unit };
        let mut own: Vec<Vec<f32>> = (of_formats.iter_mut().zip(&parameters[at..]))
            .map(|(g, p)| g.take().unwrap_or_else(|| vec![0.0; p.len()]))
            .collect();
        learned.charge(&parameters[..self.encoder_tensors], &parameters[at..], prices, of_weights, &mut own);
        if !settled {
            of_formats.iter_mut().zip(own).for_each(|(g, own)| *g = Some(own));
        }
    }

    /// Runs `plan` from `parameters` and returns the best ones: of the lowest validation loss, the start included;
    /// without validation rows those of the last epoch.
    ///
    /// # Errors
    /// [`Code::Training`] if the loss is not a number; those of writing a checkpoint.
    pub(super) fn fit(
        &self,
        parameters: Vec<Vec<f32>>,
        rows: &Array2<f32>,
        validation: Option<&Tensor<2>>,
        plan: &Plan<'_>,
        history: &mut Vec<Epoch>,
        progress: &mut dyn FnMut(&Epoch),
    ) -> Result<Vec<Vec<f32>>> {
        let n = rows.nrows();
        let steps_per_epoch = n.div_ceil(plan.batch);
        let saved = plan.checkpoint.as_ref().and_then(Checkpoint::load);
        let mut state = match saved {
            Some(state) => {
                state.history.iter().for_each(&mut *progress);
                state
            }
            None => {
                // While prices rise, what was before was better and dearer: the last epoch counts.
                let validation = validation.filter(|_| self.learned.is_none());
                let best = validation.map(|v| (self.evaluate(&parameters, v), parameters.clone()));
                let course = Course::new(plan.widths);
                State { adam: Adam::new(&parameters), best, parameters, course, ..State::default() }
            }
        };
        while state.epoch < plan.epochs && !state.stopped {
            let epoch = state.epoch;
            // A generator for each epoch: a resumed training needs no other memory of the draws.
            let mut rng = generator(plan.seed, (plan.stream << 32) + epoch as u64);
            let order = shuffled(n, &mut rng);
            let (mut sum, mut learning_rate) = (0.0, 0.0);
            if state.course.looks(plan.widths, epoch)
                && let Some(measure) = plan.measure
            {
                let (hardware, latent_bits) = measure(&state.parameters)?;
                let excess = plan.widths.budget.excess(hardware, f64::from(latent_bits));
                state.course.follow(epoch as f64 / plan.epochs as f64, excess);
            }
            for (step, chosen) in order.chunks(plan.batch).enumerate() {
                let mut target = Vec::with_capacity(chosen.len() * rows.ncols());
                for row in chosen {
                    target.extend(rows.row(*row as usize));
                }
                let mut x = target.clone();
                if plan.noise > 0.0 {
                    super::initial::add_noise(&mut x, plan.noise as f32, &mut rng);
                }
                let (loss, mut gradients) = self.gradients(&state.parameters, x, &target);
                if !loss.is_finite() {
                    return Err(diverged(plan, epoch, loss));
                }
                sum += loss;
                let at = epoch as f64 + step as f64 / steps_per_epoch as f64;
                if let Some(learned) = &self.learned {
                    let done = at / plan.epochs as f64;
                    let (prices, settled) = (state.course.at(plan.widths, done), prices::settled(done));
                    self.charge(learned, &state.parameters, &mut gradients, prices, settled, plan.unit);
                }
                learning_rate = plan.learning_rate * plan.schedule.factor(at, plan.epochs as f64);
                state.adam.step(&mut state.parameters, &gradients, learning_rate, plan.weight_decay);
                widths::limit(&mut state.parameters[self.encoder_tensors + self.decoder_tensors..]);
            }
            state.epoch += 1;
            let validation_loss = validation.map(|v| self.evaluate(&state.parameters, v));
            let record = Epoch {
                epoch: plan.first_epoch + epoch,
                phase: plan.phase.to_owned(),
                train_loss: sum / n as f64,
                validation_loss,
                learning_rate,
            };
            progress(&record);
            state.history.push(record);
            if let (Some(loss), Some(best)) = (validation_loss, &mut state.best) {
                if !loss.is_finite() {
                    return Err(diverged(plan, epoch, loss));
                }
                state.since_best += 1;
                if loss < best.0 {
                    *best = (loss, state.parameters.clone());
                    state.since_best = 0;
                }
                state.stopped = plan.patience > 0 && state.since_best >= plan.patience;
            }
            if let Some(checkpoint) = &plan.checkpoint {
                let last = state.epoch == plan.epochs || state.stopped;
                if last || (checkpoint.every > 0 && state.epoch % checkpoint.every == 0) {
                    checkpoint.save(&state)?;
                }
            }
        }
        history.append(&mut state.history);
        Ok(state.best.map_or(state.parameters, |(_, p)| p))
    }
}

fn diverged(plan: &Plan<'_>, epoch: usize, loss: f64) -> Error {
    Error::new(Code::Training, format!("the loss became {loss} in epoch {}", plan.first_epoch + epoch))
        .cause(format!("Adam with a learning rate of {} did not converge", plan.learning_rate))
        .hint("lower the learning rate, or check the data for outliers that the normalisation leaves large")
}

/// The numbers of a tensor, row-major.
pub(super) fn read(tensor: Tensor<2>) -> Vec<f32> {
    tensor.into_data().try_to_vec().expect("tensors here are f32")
}

/// Rows as a tensor on `device`.
pub(super) fn tensor(rows: &Array2<f32>, device: &Device) -> Tensor<2> {
    let data = TensorData::new(rows.iter().copied().collect::<Vec<f32>>(), [rows.nrows(), rows.ncols()]);
    Tensor::from_data(data, device)
}

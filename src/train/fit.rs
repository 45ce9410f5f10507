//! The training loop: Adam on the loss of the reconstruction and what latents cost beside, with the best epoch kept.
//!
//! burn differentiates; everything that is one pass over a buffer (gathering a batch, the loss and its gradient, Adam)
//! runs on plain slices: at these sizes a tensor operation costs more to start than to do.

use burn::tensor::{Device, Tensor, TensorData, s};
use ndarray::Array2;
use rand_chacha::ChaCha8Rng;

use super::adam::Adam;
use super::attention::Attention;
use super::checkpoint::{Checkpoint, State};
use super::fake::FakeNetwork;
use super::graph::{Graph, Grids};
use super::initial::{generator, shuffled};
use super::loss::Criterion;
use super::options::Schedule;
use super::prices::{self, Course, Hardware, Prices, WidthOptions};
use super::prior;
use super::rate::{self, Rate};
use super::widths::{self, LearnedWidths};
use crate::error::{Code, Error, Result};
use crate::model::trained::Epoch;

/// What is fitted: encoder and decoder end to end. Parameters are the encoder's, then the decoder's, then a transformer's,
/// then those of formats, or of the variances of latents.
pub(super) struct Autoencoder {
    /// Before the encoder, where it is trained too.
    pub(super) transformer: Option<Attention>,
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
    /// A layer of the encoder that is not trained.
    pub(super) frozen: Option<usize>,
    /// Whether latents are drawn around what the encoder gives.
    pub(super) variational: bool,
    pub(super) criterion: Criterion,
    pub(super) device: Device,
}

/// Rows of features, and what the network reads of them: the same, but behind a transformer that is not trained any more.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    /// `[rows, inputs]`.
    pub(super) inputs: &'a Array2<f32>,
    /// `[rows, features]`.
    pub(super) targets: &'a Array2<f32>,
}

/// The same as tensors.
pub(super) struct Held {
    inputs: Tensor<2>,
    targets: Tensor<2>,
}

impl Rows<'_> {
    pub(super) fn held(self, device: &Device) -> Held {
        let targets = tensor(self.targets, device);
        let same = std::ptr::eq(self.inputs, self.targets);
        Held { inputs: if same { targets.clone() } else { tensor(self.inputs, device) }, targets }
    }
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
    pub(super) latents: LatentPrices,
    /// What a price of 1 is, as loss.
    pub(super) unit: f64,
    /// What the compiler makes of an encoder and its formats.
    pub(super) measure: Option<&'a Measure<'a>>,
    pub(super) seed: u64,
    /// Phases do not share random numbers.
    pub(super) stream: u64,
    pub(super) checkpoint: Option<Checkpoint<'a>>,
}

/// What latents cost beside the reconstruction.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct LatentPrices {
    /// A bit of information.
    pub(super) rate: f64,
    /// Distance from normal numbers.
    pub(super) sliced_wasserstein: f64,
    /// A nat of divergence from them.
    pub(super) variational: f64,
}

impl LatentPrices {
    /// Whether there are any.
    pub(super) fn any(&self) -> bool {
        *self != LatentPrices::default()
    }
}

/// What latents cost in one step, as loss.
struct LatentTerms<'a> {
    rate: Option<(&'a Rate, f64)>,
    sliced_wasserstein: f64,
    variational: f64,
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
        let z = self.encode(parameters, x);
        (z.clone(), self.decode(parameters, z))
    }

    fn encode(&self, parameters: &[Tensor<2>], x: Tensor<2>) -> Tensor<2> {
        let (encoder, rest) = parameters.split_at(self.encoder_tensors);
        let x = match &self.transformer {
            Some(transformer) => transformer.forward(&rest[self.decoder_tensors..][..transformer.count()], x),
            None => x,
        };
        let grids = match (&self.fake, &self.learned) {
            (Some(fake), _) => Grids::Fixed(fake),
            (_, Some(learned)) => Grids::Learned(learned, &rest[self.decoder_tensors..]),
            _ => Grids::None,
        };
        self.encoder.forward(encoder, x, grids)
    }

    fn decode(&self, parameters: &[Tensor<2>], z: Tensor<2>) -> Tensor<2> {
        self.decoder.forward(&parameters[self.encoder_tensors..][..self.decoder_tensors], z, Grids::None)
    }

    /// Where the parameters begin that are no network's.
    fn own(&self) -> usize {
        self.encoder_tensors + self.decoder_tensors + self.transformer.as_ref().map_or(0, Attention::count)
    }

    /// The steps of the latents, where they have any.
    fn latent_steps(&self, parameters: &[Vec<f32>]) -> Option<Vec<f32>> {
        match (&self.fake, &self.learned) {
            (Some(fake), _) => fake.layers.last().map(|l| l.output.steps()),
            (_, Some(learned)) => {
                let fracs = &parameters[self.own() + learned.latent_fracs()];
                Some((0..self.decoder.n_in).map(|i| (-fracs[i % fracs.len()].round()).exp2()).collect())
            }
            _ => None,
        }
    }

    /// How long codes of the latents of rows (those `chosen`) would be.
    ///
    /// * `inputs`: `[rows, inputs]`
    fn rate(&self, parameters: &[Vec<f32>], inputs: &Array2<f32>, chosen: &[i64]) -> Option<Rate> {
        let steps = self.latent_steps(parameters)?;
        let x: Vec<f32> = chosen.iter().flat_map(|r| inputs.row(*r as usize).to_vec()).collect();
        let x = Tensor::from_data(TensorData::new(x, [chosen.len(), inputs.ncols()]), &self.device);
        Some(Rate::of(&read(self.encode(&self.tensors(parameters), x)), &steps))
    }

    /// The mean loss over all rows, without gradients.
    pub(super) fn evaluate(&self, parameters: &[Vec<f32>], rows: &Held) -> f64 {
        let n = rows.targets.dims()[0];
        let parameters = self.tensors(parameters);
        let mut sum = 0.0;
        for start in (0..n).step_by(CHUNK) {
            let part = |of: &Tensor<2>| of.clone().slice(s![start..(start + CHUNK).min(n), ..]);
            let found = self.forward(&parameters, part(&rows.inputs));
            sum += self.criterion.loss(&read(found), &read(part(&rows.targets)));
        }
        sum / n as f64
    }

    /// Loss of the reconstruction of a batch (sum over its rows) and the gradient of the mean of all there is to pay with
    /// respect to each parameter.
    fn gradients(
        &self,
        parameters: &[Vec<f32>],
        x: Vec<f32>,
        target: &[f32],
        terms: &LatentTerms<'_>,
        rng: &mut ChaCha8Rng,
    ) -> (f64, Vec<Option<Vec<f32>>>) {
        let rows = target.len() / self.criterion.weights.len();
        let columns = x.len() / rows;
        let tracked: Vec<Tensor<2>> =
            self.tensors(parameters).into_iter().map(|p| p.autodiff().require_grad()).collect();
        let x = Tensor::from_data(TensorData::new(x, [rows, columns]), &self.device);
        let z = self.encode(&tracked, x.clone());
        let (sent, divergence) = match self.variational {
            true => {
                let (sent, divergence) = prior::drawn(z.clone(), x, &tracked[self.own()..], rng);
                (sent, Some(divergence * (terms.variational / rows as f64)))
            }
            false => (z.clone(), None),
        };
        let y = self.decode(&tracked, sent);
        let mut slopes = read(y.clone().inner());
        let loss = self.criterion.slopes(&mut slopes, target);
        slopes.iter_mut().for_each(|s| *s /= rows as f32);
        let constant = |values: Vec<f32>| {
            let columns = values.len() / rows;
            Tensor::<2>::from_data(TensorData::new(values, [rows, columns]), &self.device)
        };
        // The gradient of this sum is the loss's: its slopes at `y` and at `z` are the constant factors.
        let mut sum = (y * constant(slopes)).sum();
        let mut by_frac = Vec::new();
        if terms.rate.is_some() || terms.sliced_wasserstein > 0.0 {
            let values = read(z.clone().inner());
            let latents = values.len() / rows;
            let mut slopes = vec![0.0; values.len()];
            if let Some((rate, price)) = terms.rate {
                by_frac = vec![0.0; latents];
                rate.charge(&values, (price / rows as f64) as f32, &mut slopes, &mut by_frac);
            }
            if terms.sliced_wasserstein > 0.0 {
                prior::sliced_wasserstein(&values, latents, terms.sliced_wasserstein as f32, rng, &mut slopes);
            }
            sum = sum + (z * constant(slopes)).sum();
        }
        if let Some(divergence) = divergence {
            sum = sum + divergence;
        }
        let mut all = sum.backward();
        let mut gradients: Vec<_> = tracked.iter().map(|p| p.grad_remove(&mut all).map(read)).collect();
        if let Some(layer) = self.frozen {
            gradients[2 * layer..][..2].fill(None);
        }
        if let Some(learned) = self.learned.as_ref().filter(|_| !by_frac.is_empty()) {
            let at = self.own() + learned.latent_fracs();
            let fracs = gradients[at].get_or_insert_with(|| vec![0.0; parameters[at].len()]);
            let channels = fracs.len();
            by_frac.iter().enumerate().for_each(|(i, g)| fracs[i % channels] += g);
        }
        (loss, gradients)
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
        let at = self.own();
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
        rows: Rows<'_>,
        validation: Option<&Held>,
        plan: &Plan<'_>,
        history: &mut Vec<Epoch>,
        progress: &mut dyn FnMut(&Epoch),
    ) -> Result<Vec<Vec<f32>>> {
        let n = rows.targets.nrows();
        let steps_per_epoch = n.div_ceil(plan.batch);
        let saved = plan.checkpoint.as_ref().and_then(Checkpoint::load);
        let mut state = match saved {
            Some(state) => {
                state.history.iter().for_each(&mut *progress);
                state
            }
            None => {
                // Where latents or adders cost too, what reconstructs best is too dear: the last epoch counts.
                let validation = validation.filter(|_| self.learned.is_none() && !plan.latents.any());
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
            let done = |step: usize| (epoch as f64 + step as f64 / steps_per_epoch as f64) / plan.epochs as f64;
            let rate = match plan.latents.rate > 0.0 {
                true => self.rate(&state.parameters, rows.inputs, &order[..n.min(rate::ROWS)]),
                false => None,
            };
            let (mut sum, mut learning_rate) = (0.0, 0.0);
            if state.course.looks(plan.widths, epoch)
                && let Some(measure) = plan.measure
            {
                let (hardware, latent_bits) = measure(&state.parameters)?;
                let excess = plan.widths.budget.excess(hardware, f64::from(latent_bits));
                state.course.follow(epoch as f64 / plan.epochs as f64, excess);
            }
            for (step, chosen) in order.chunks(plan.batch).enumerate() {
                let gathered = |of: &Array2<f32>| {
                    let mut all = Vec::with_capacity(chosen.len() * of.ncols());
                    chosen.iter().for_each(|row| all.extend(of.row(*row as usize)));
                    all
                };
                let (target, mut x) = (gathered(rows.targets), gathered(rows.inputs));
                if plan.noise > 0.0 {
                    super::initial::add_noise(&mut x, plan.noise as f32, &mut rng);
                }
                let ramp = if self.learned.is_some() { prices::ramp(done(step)) } else { 1.0 };
                let terms = LatentTerms {
                    rate: rate.as_ref().map(|rate| (rate, plan.latents.rate * ramp * plan.unit)),
                    sliced_wasserstein: plan.latents.sliced_wasserstein * plan.unit,
                    variational: plan.latents.variational * plan.unit,
                };
                let (loss, mut gradients) = self.gradients(&state.parameters, x, &target, &terms, &mut rng);
                if !loss.is_finite() {
                    return Err(diverged(plan, epoch, loss));
                }
                sum += loss;
                if let Some(learned) = &self.learned {
                    let done = done(step);
                    let (prices, settled) = (state.course.at(plan.widths, done), prices::settled(done));
                    self.charge(learned, &state.parameters, &mut gradients, prices, settled, plan.unit);
                }
                let factor = plan.schedule.factor(done(step) * plan.epochs as f64, plan.epochs as f64);
                learning_rate = plan.learning_rate * factor;
                let weights = (learning_rate, plan.weight_decay);
                // No decay: formats of 0 bits are no simpler than those that the price asks for.
                let formats = widths::learning_rate(plan.learning_rate, steps_per_epoch * plan.epochs);
                let formats = (formats * factor, 0.0);
                let learned = self.learned.as_ref().map_or(usize::MAX, |_| self.own());
                state.adam.step(&mut state.parameters, &gradients, |t| if t < learned { weights } else { formats });
                if self.learned.is_some() {
                    widths::limit(&mut state.parameters[self.own()..]);
                }
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

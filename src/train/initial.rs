//! The networks before the first step.
//!
//! With a linear path the encoder starts as `z = D^-1 P^T S (x - mean)` and the decoder as `x = S^-1 P D z + mean`:
//! principal components of the features, each scaled by the root of its loss weight (`S`), latents at unit standard
//! deviation (`D`). The non-linear part starts with last weights of zero, so the first loss is that of the components.

use ndarray::Array2;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::options::{SetOptions, TrainOptions};
use super::pca;
use crate::model::network::INPUT;
use crate::model::{Activation, Layer, Network, Op};

/// The generator of one purpose; purposes do not share numbers.
pub(super) fn generator(seed: u64, stream: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream);
    rng
}

/// Encoder and decoder for `options`, which were checked against `data`.
pub(super) fn networks(data: &Array2<f32>, weights: &[f32], options: &TrainOptions) -> (Network, Network) {
    let n = data.ncols();
    let mut rng = generator(options.seed, 0);
    let n_in = n + options.transformer.as_ref().map_or(0, |t| t.tokens * t.width);
    let start = options.linear_path.then(|| LinearStart::new(data, weights, options.latent));

    let mut encoder = Network { n_in, layers: vec![] };
    if let Some(conv) = &options.conv {
        let geometry = conv.geometry();
        let weights = random(&mut rng, geometry.filters, geometry.taps(), 6.0);
        let bias = vec![0.0; geometry.filters];
        let op = Op::Conv2d { geometry, weights, bias };
        encoder.layers.push(Layer {
            name: "conv1".into(),
            inputs: vec![INPUT.into()],
            op,
            activation: Activation::Relu,
        });
    }
    if let Some(set) = &options.set {
        members(&mut encoder, set, &mut rng);
    }
    hidden(&mut encoder, &options.hidden, Activation::Relu, &mut rng);
    let linear = start.as_ref().map(|s| (&s.encoder, &s.encoder_bias));
    last(&mut encoder, "latent", options.latent, linear, &mut rng);
    if let Some(layer) = encoder.layers.last_mut() {
        layer.activation = options.latent_activation;
    }

    let mut decoder = Network { n_in: options.latent, layers: vec![] };
    hidden(&mut decoder, &options.decoder_hidden, options.decoder_activation, &mut rng);
    let linear = start.as_ref().map(|s| (&s.decoder, &s.decoder_bias));
    last(&mut decoder, "output", n, linear, &mut rng);
    (encoder, decoder)
}

/// The linear parts: `[latent][n]` and `[n][latent]`.
struct LinearStart {
    encoder: Vec<Vec<f32>>,
    encoder_bias: Vec<f32>,
    decoder: Vec<Vec<f32>>,
    decoder_bias: Vec<f32>,
}

impl LinearStart {
    fn new(data: &Array2<f32>, weights: &[f32], latent: usize) -> Self {
        let scale: Vec<f64> = weights.iter().map(|w| f64::from(*w).sqrt()).collect();
        let p = pca::scaled(data, &scale, latent);
        // A direction without variance has no unit to be scaled to.
        let floor = 1e-12 * p.total_variance;
        let sigma: Vec<f64> = p.variance.iter().map(|v| if *v > floor { v.sqrt() } else { 1.0 }).collect();
        let encoder: Vec<Vec<f64>> = p
            .components
            .iter()
            .zip(&sigma)
            .map(|(c, sigma)| c.iter().zip(&scale).map(|(c, s)| c * s / sigma).collect())
            .collect();
        let encoder_bias = encoder.iter().map(|r| -r.iter().zip(&p.mean).map(|(w, m)| w * m).sum::<f64>() as f32);
        let decoder = (0..scale.len()).map(|j| {
            // A feature without weight is not fitted: it stays at its mean.
            let inverse = if scale[j] > 0.0 { 1.0 / scale[j] } else { 0.0 };
            p.components.iter().zip(&sigma).map(|(c, sigma)| (c[j] * sigma * inverse) as f32).collect()
        });
        LinearStart {
            encoder_bias: encoder_bias.collect(),
            decoder: decoder.collect(),
            decoder_bias: p.mean.iter().map(|m| *m as f32).collect(),
            encoder: encoder.iter().map(|r| r.iter().map(|w| *w as f32).collect()).collect(),
        }
    }
}

/// Appends the layers of each member of a set, and their sum.
fn members(network: &mut Network, set: &SetOptions, rng: &mut ChaCha8Rng) {
    for (i, size) in set.layers.iter().enumerate() {
        let geometry = set.geometry(i, network.n_in);
        let weights = random(rng, *size, geometry.taps(), 6.0);
        let op = Op::Conv2d { geometry, weights, bias: vec![0.0; *size] };
        let inputs = vec![last_name(network)];
        network.layers.push(Layer { name: format!("member{}", i + 1), inputs, op, activation: Activation::Relu });
    }
    let size = set.layers.last().copied().unwrap_or(0);
    // Members come one after the other, each with all its channels.
    let row = |r: usize| (0..set.members * size).map(|c| if c % size == r { 1.0 } else { 0.0 }).collect();
    let op = Op::Dense { weights: (0..size).map(row).collect(), bias: vec![0.0; size] };
    let inputs = vec![last_name(network)];
    network.layers.push(Layer { name: "sum".into(), inputs, op, activation: Activation::None });
}

/// Layers of the encoder that stay what they are: the sum over a set.
pub(super) fn frozen(options: &TrainOptions) -> Option<usize> {
    options.set.as_ref().map(|set| set.layers.len())
}

/// Appends dense layers `hidden1`, `hidden2`, ...
fn hidden(network: &mut Network, sizes: &[usize], activation: Activation, rng: &mut ChaCha8Rng) {
    for (i, size) in sizes.iter().enumerate() {
        let op = Op::Dense { weights: random(rng, *size, network.n_out(), 6.0), bias: vec![0.0; *size] };
        let inputs = vec![last_name(network)];
        network.layers.push(Layer { name: format!("hidden{}", i + 1), inputs, op, activation });
    }
}

/// Appends the last layer; a linear part reads the network's input in front of the last hidden layer.
fn last(
    network: &mut Network,
    name: &str,
    size: usize,
    linear: Option<(&Vec<Vec<f32>>, &Vec<f32>)>,
    rng: &mut ChaCha8Rng,
) {
    let before = last_name(network);
    let mut inputs = vec![before];
    let mut weights = random(rng, size, network.n_out(), 3.0);
    let mut bias = vec![0.0; size];
    if let Some((matrix, offset)) = linear {
        // Behind the features stands what a transformer gives, which begins without weight.
        let beside = vec![0.0; network.n_in.saturating_sub(matrix[0].len())];
        let matrix = matrix.iter().map(|row| [&row[..], &beside].concat());
        if network.layers.is_empty() {
            weights = matrix.collect();
        } else {
            inputs.insert(0, INPUT.into());
            for (row, linear) in weights.iter_mut().zip(matrix) {
                row.iter_mut().for_each(|w| *w = 0.0);
                row.splice(0..0, linear);
            }
        }
        bias.clone_from(offset);
    }
    let op = Op::Dense { weights, bias };
    network.layers.push(Layer { name: name.into(), inputs, op, activation: Activation::None });
}

fn last_name(network: &Network) -> String {
    network.layers.last().map_or(INPUT, |l| &l.name).to_owned()
}

/// `[rows][columns]`, uniform with variance `power / (3 columns)`: 6 keeps the size of signals through `relu`.
pub(super) fn random(rng: &mut ChaCha8Rng, rows: usize, columns: usize, power: f32) -> Vec<Vec<f32>> {
    let bound = (power / columns as f32).sqrt();
    let mut one = || ((rng.next_u32() >> 8) as f32 / (1u32 << 23) as f32 - 1.0) * bound;
    (0..rows).map(|_| (0..columns).map(|_| one()).collect()).collect()
}

/// Numbers 0 to n - 1 in random order.
pub(super) fn shuffled(n: usize, rng: &mut ChaCha8Rng) -> Vec<i64> {
    let mut order: Vec<i64> = (0..n as i64).collect();
    // Fisher-Yates, written out so that the order does not change with a library's version.
    for i in (1..n).rev() {
        let j = (u128::from(rng.next_u64()) * (i as u128 + 1)) >> 64;
        order.swap(i, j as usize);
    }
    order
}

/// Adds Gaussian noise of standard deviation `sigma` (Box and Muller's pairs).
pub(super) fn add_noise(values: &mut [f32], sigma: f32, rng: &mut ChaCha8Rng) {
    let mut uniform = || ((rng.next_u32() >> 8) as f32 + 0.5) / (1u32 << 24) as f32;
    for pair in values.chunks_mut(2) {
        let (radius, angle) = ((-2.0 * uniform().ln()).sqrt() * sigma, std::f32::consts::TAU * uniform());
        let parts = [radius * angle.cos(), radius * angle.sin()];
        pair.iter_mut().zip(parts).for_each(|(v, p)| *v += p);
    }
}

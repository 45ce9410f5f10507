//! What latents should look like: independent standard normal numbers.

use burn::tensor::{Tensor, TensorData};
use rand_chacha::ChaCha8Rng;

use super::initial::add_noise;

/// Directions in which latents are compared with normal numbers, a step.
const DIRECTIONS: usize = 8;

/// A variance for each latent and row, linear in the features: `log variance = x H + b`. Latents are drawn while training
/// (Kingma & Welling, arXiv:1312.6114); the mean is what the encoder gives, and all that is kept.
pub(super) const LOG_VARIANCE_START: f32 = -4.0;

/// Draws latents around their means `z`; with the divergence from a standard normal, summed over rows, in nats.
///
/// * `head`: `H` and `b`
pub(super) fn drawn(z: Tensor<2>, x: Tensor<2>, head: &[Tensor<2>], rng: &mut ChaCha8Rng) -> (Tensor<2>, Tensor<1>) {
    let shape = z.dims();
    let mut noise = vec![0.0; shape[0] * shape[1]];
    add_noise(&mut noise, 1.0, rng);
    let noise = Tensor::<2>::from_data(TensorData::new(noise, shape), &z.device());
    let log_variance = (x.matmul(head[0].clone()) + head[1].clone()).clamp(-12.0, 6.0);
    let sent = z.clone() + (log_variance.clone() * 0.5).exp() * noise;
    let divergence = (z.clone() * z + log_variance.clone().exp() - log_variance - 1.0).sum() * 0.5;
    (sent, divergence)
}

/// The squared Wasserstein distance of a batch of latents (`[rows, n]`) from as many normal ones, along some directions
/// (Kolouri et al., arXiv:1804.01947), as a mean over rows and directions; `price` times its slopes are added to `slopes`.
pub(super) fn sliced_wasserstein(z: &[f32], n: usize, price: f32, rng: &mut ChaCha8Rng, slopes: &mut [f32]) -> f64 {
    let rows = z.len() / n;
    let scale = 1.0 / (rows * DIRECTIONS) as f32;
    let mut sum = 0.0;
    for _ in 0..DIRECTIONS {
        let (mut direction, mut normal) = (vec![0.0f32; n], vec![0.0f32; rows]);
        add_noise(&mut direction, 1.0, rng);
        add_noise(&mut normal, 1.0, rng);
        let size = direction.iter().map(|d| d * d).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
        direction.iter_mut().for_each(|d| *d /= size);
        let along: Vec<f32> = z.chunks_exact(n).map(|z| z.iter().zip(&direction).map(|(z, d)| z * d).sum()).collect();
        let mut order: Vec<usize> = (0..rows).collect();
        order.sort_by(|a, b| along[*a].total_cmp(&along[*b]));
        normal.sort_by(f32::total_cmp);
        for (row, normal) in order.into_iter().zip(normal) {
            let far = along[row] - normal;
            sum += scale * far * far;
            for (slope, d) in slopes[row * n..][..n].iter_mut().zip(&direction) {
                *slope += 2.0 * price * scale * far * d;
            }
        }
    }
    f64::from(sum)
}

/// The parameters of the variances, and their shapes.
pub(super) fn head(n_features: usize, latents: usize) -> [(Vec<f32>, [usize; 2]); 2] {
    [(vec![0.0; n_features * latents], [n_features, latents]), (vec![LOG_VARIANCE_START; latents], [1, latents])]
}

#[cfg(test)]
mod tests {
    use super::super::initial::generator;
    use super::*;

    #[test]
    fn normal_latents_are_nearer_to_normal_ones_than_others_and_slopes_lead_there() {
        let mut rng = generator(1, 0);
        let mut normal = vec![0.0; 4000];
        add_noise(&mut normal, 1.0, &mut rng);
        let distance = |z: &[f32]| sliced_wasserstein(z, 2, 1.0, &mut generator(2, 0), &mut vec![0.0; z.len()]);
        let wide: Vec<f32> = normal.iter().map(|v| 3.0 * v).collect();
        assert!(distance(&normal) < 0.02, "{}", distance(&normal));
        assert!((distance(&wide) - 4.0).abs() < 0.3, "{}", distance(&wide));
        let mut slopes = vec![0.0; wide.len()];
        sliced_wasserstein(&wide, 2, 1.0, &mut generator(2, 0), &mut slopes);
        let nearer: Vec<f32> = wide.iter().zip(&slopes).map(|(z, s)| z - 500.0 * s).collect();
        assert!(distance(&nearer) < 0.6 * distance(&wide), "{}", distance(&nearer));
    }
}

//! The decoder's linear path by least squares, for the latents as the fixed-point encoder gives them.

use nalgebra::DMatrix;
use ndarray::Axis;

use super::fit::{Autoencoder, CHUNK, Rows, read, tensor};

/// Ridge over the mean squared latent: directions that never move stay where they are.
const RIDGE: f64 = 1e-9;

impl Autoencoder {
    /// `parameters` with the last layer's bias, and its weights on the latents where it reads them, moved to the least
    /// squared error over `rows`; everything else is kept. The loss weights play no part: each feature has its own.
    pub(super) fn refit(&self, parameters: &[Vec<f32>], rows: Rows<'_>) -> Vec<Vec<f32>> {
        let (n, latents) = (self.criterion.weights.len(), self.latents());
        let linear = if self.decoder.has_linear_path() { latents } else { 0 };
        let tensors = self.tensors(parameters);
        // Normal equations of the residuals on the latents and a constant.
        let mut square = DMatrix::<f64>::zeros(linear + 1, linear + 1);
        let mut right = DMatrix::<f64>::zeros(linear + 1, n);
        let [inputs, targets] = [rows.inputs, rows.targets].map(|of| of.axis_chunks_iter(Axis(0), CHUNK));
        for (inputs, part) in inputs.zip(targets) {
            let x: Vec<f32> = part.iter().copied().collect();
            let (z, y) = self.forward_all(&tensors, tensor(&inputs.to_owned(), &self.device));
            let (z, y) = (read(z), read(y));
            let columns = |from: &[f32], width: usize, take: usize| {
                DMatrix::from_fn(part.nrows(), take, |r, c| f64::from(from[r * width + c]))
            };
            let z = columns(&z, latents, linear).insert_column(linear, 1.0);
            let residual = columns(&x, n, n) - columns(&y, n, n);
            square += z.tr_mul(&z);
            right += z.tr_mul(&residual);
        }
        for i in 0..linear {
            square[(i, i)] += RIDGE * rows.targets.nrows() as f64;
        }
        let mut fitted = parameters.to_vec();
        let Some(change) = square.cholesky().map(|c| c.solve(&right)) else {
            // Not positive definite to rounding: the latents repeat each other, and what was trained is kept.
            return fitted;
        };
        let last = self.encoder_tensors + self.decoder_tensors - 2;
        for output in 0..n {
            for latent in 0..linear {
                fitted[last][latent * n + output] += change[(latent, output)] as f32;
            }
            fitted[last + 1][output] += change[(linear, output)] as f32;
        }
        fitted
    }

    fn latents(&self) -> usize {
        self.shapes[self.encoder_tensors - 1][1]
    }
}

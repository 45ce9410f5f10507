//! The basis in which the latents are sent.
//!
//! A network may mix and stretch its latents as it likes: an invertible map behind the encoder and its inverse before the
//! decoder change nothing. Rounding sees the difference. Here they become uncorrelated, so that none spends bits on what
//! another says already, and errors of two latents do not add up; for a linear network these are the principal components.
//! Each has variance one, which training likes; what an error in each costs, [`gains`] says, and calibration gives each the
//! step that it deserves.

use nalgebra::{DMatrix, DVector, SymmetricEigen};
use ndarray::Array2;

use super::Trained;
use super::pca::oriented;
use crate::model::network::INPUT;
use crate::model::{Activation, Network, Op};

/// Rows on which gain and covariance are measured, at most.
const ROWS: usize = 2048;
/// Rows on which the decoder is differentiated, at most.
const GAIN_ROWS: usize = 256;
/// Directions that the decoder hardly reads are not blown up: the least gain, as a share of the largest.
const LEAST_GAIN: f64 = 1e-6;

/// Rewrites the last layer of `encoder` and the layers of `decoder` that read it; their composition stays what it is, up to
/// rounding. Latents end up with mean zero and variance one, the one that carries most first. An encoder whose last layer is a convolution or
/// has an activation is left alone.
///
/// * `features`: `[rows, n_features]`
/// * `weights`: loss weight of each feature
pub(super) fn straighten(encoder: &mut Network, decoder: &mut Network, features: &Array2<f32>, weights: &[f32]) {
    let linear = |n: &Network| {
        n.layers.last().is_some_and(|l| l.activation == Activation::None && matches!(l.op, Op::Dense { .. }))
    };
    let readers_are_dense =
        decoder.layers.iter().all(|l| matches!(l.op, Op::Dense { .. }) || !l.inputs.iter().any(|i| i == INPUT));
    if !linear(encoder) || !readers_are_dense {
        return;
    }
    let every = |n: usize| features.nrows().div_ceil(n).max(1);
    let latents: Vec<Vec<f32>> =
        features.outer_iter().step_by(every(ROWS)).map(|row| encoder.forward(&row.to_vec())).collect();
    let (mean, covariance) = moments(&latents);
    let k = mean.len();
    let few: Vec<&Vec<f32>> = latents.iter().step_by(latents.len().div_ceil(GAIN_ROWS).max(1)).collect();
    let spread: Vec<f64> = (0..k).map(|i| covariance[(i, i)].sqrt()).collect();
    let gain = SymmetricEigen::new(gain(decoder, &few, &spread, weights));
    let largest = gain.eigenvalues.max();
    // A constant decoder, or constant latents: there is nothing to choose.
    if !(largest.is_finite() && largest > 0.0 && covariance.trace() > 0.0) {
        return;
    }
    let root = gain.eigenvalues.map(|g| g.max(LEAST_GAIN * largest).sqrt());
    let v = &gain.eigenvectors;
    let unit = v * DMatrix::from_diagonal(&root) * v.transpose();
    let back = v * DMatrix::from_diagonal(&root.map(|r| 1.0 / r)) * v.transpose();

    let eigen = SymmetricEigen::new(&unit * &covariance * &unit);
    let mut order: Vec<usize> = (0..k).collect();
    order.sort_by(|a, b| eigen.eigenvalues[*b].total_cmp(&eigen.eigenvalues[*a]));
    let axes: Vec<DVector<f64>> = order
        .iter()
        .map(|c| DVector::from_vec(oriented(eigen.eigenvectors.column(*c).iter().copied().collect())))
        .collect();
    let axes = DMatrix::from_columns(&axes);
    let deviation = DVector::from_vec(order.iter().map(|c| eigen.eigenvalues[*c].max(0.0).sqrt()).collect());
    let least = LEAST_GAIN.sqrt() * deviation.max();
    let deviation = deviation.map(|d| d.max(least));
    let to = DMatrix::from_diagonal(&deviation.map(|d| 1.0 / d)) * axes.transpose() * unit;
    rewrite(encoder, decoder, &to, &(back * axes * DMatrix::from_diagonal(&deviation)), &mean);
}

/// What an error in each latent costs: root mean square change of the features, weighted as in the loss, over that of the
/// latent.
///
/// * `features`: `[rows, n_features]`
/// * `weights`: loss weight of each feature
pub fn gains(trained: &Trained, features: &Array2<f32>, weights: &[f32]) -> Vec<f64> {
    let every = features.nrows().div_ceil(GAIN_ROWS).max(1);
    let few = features.slice(ndarray::s![..;every, ..]).to_owned();
    let latents: Vec<Vec<f32>> =
        trained.inputs(&few).outer_iter().map(|row| trained.encoder.forward(&row.to_vec())).collect();
    let (_, covariance) = moments(&latents);
    let spread: Vec<f64> = covariance.diagonal().iter().map(|v| v.sqrt()).collect();
    let all: Vec<&Vec<f32>> = latents.iter().collect();
    gain(&trained.decoder, &all, &spread, weights).diagonal().iter().map(|g| g.sqrt()).collect()
}

fn moments(latents: &[Vec<f32>]) -> (DVector<f64>, DMatrix<f64>) {
    let k = latents.first().map_or(0, Vec::len);
    let n = latents.len().max(1) as f64;
    let rows = || latents.iter().map(|z| DVector::from_iterator(k, z.iter().map(|v| f64::from(*v))));
    let mean = rows().fold(DVector::zeros(k), |sum, z| sum + z) / n;
    let covariance = rows().fold(DMatrix::zeros(k, k), |sum, z| {
        let d = z - &mean;
        sum + &d * d.transpose()
    }) / n;
    (mean, covariance)
}

/// Mean of `J^T W J` over rows: what small errors of the latents cost, `J` by central differences.
fn gain(decoder: &Network, latents: &[&Vec<f32>], spread: &[f64], weights: &[f32]) -> DMatrix<f64> {
    let k = spread.len();
    let mut sum = DMatrix::zeros(k, k);
    for z in latents {
        let column = |i: usize| {
            let step = (1e-2 * spread[i]).max(1e-6) as f32;
            let at = |s: f32| {
                let mut moved = (*z).clone();
                moved[i] += s;
                decoder.forward(&moved)
            };
            let difference = at(step).into_iter().zip(at(-step)).map(|(a, b)| f64::from(a - b) / f64::from(2.0 * step));
            DVector::from_vec(difference.zip(weights).map(|(d, w)| d * f64::from(*w).sqrt()).collect())
        };
        let jacobian = DMatrix::from_columns(&(0..k).map(column).collect::<Vec<_>>());
        sum += jacobian.transpose() * jacobian;
    }
    sum / latents.len().max(1) as f64
}

/// `z' = to (z - mean)`, `z = mean + from z'`.
fn rewrite(encoder: &mut Network, decoder: &mut Network, to: &DMatrix<f64>, from: &DMatrix<f64>, mean: &DVector<f64>) {
    let k = mean.len();
    if let Some(Op::Dense { weights, bias }) = encoder.layers.last_mut().map(|l| &mut l.op) {
        let n = weights.first().map_or(0, Vec::len);
        let old = DMatrix::from_fn(k, n, |i, j| f64::from(weights[i][j]));
        let new = to * old;
        let offset = to * (DVector::from_fn(k, |i, _| f64::from(bias[i])) - mean);
        *weights = (0..k).map(|i| new.row(i).iter().map(|w| *w as f32).collect()).collect();
        *bias = offset.iter().map(|b| *b as f32).collect();
    }
    let sizes: Vec<(String, usize)> = std::iter::once((INPUT.to_owned(), k))
        .chain(decoder.layers.iter().map(|l| (l.name.clone(), l.op.n_out())))
        .collect();
    for layer in &mut decoder.layers {
        let Op::Dense { weights, bias } = &mut layer.op else { continue };
        let mut at = 0;
        for input in &layer.inputs {
            let n = sizes.iter().find(|(name, _)| name == input).map_or(0, |(_, n)| *n);
            if input == INPUT {
                for (row, bias) in weights.iter_mut().zip(bias.iter_mut()) {
                    let old = DVector::from_fn(k, |i, _| f64::from(row[at + i]));
                    *bias = (f64::from(*bias) + old.dot(mean)) as f32;
                    let new = from.transpose() * old;
                    row[at..at + k].iter_mut().zip(new.iter()).for_each(|(w, n)| *w = *n as f32);
                }
            }
            at += n;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::{Session, TrainOptions, train};

    #[test]
    fn latents_become_uncorrelated_with_unit_gain_and_the_reconstruction_stays() {
        let data = Array2::from_shape_fn((600, 4), |(i, j)| {
            let (a, b) = ((i as f32 * 0.7).sin(), (i as f32 * 1.3).cos());
            [a, 2.0 * a - b, b * b, a * b][j]
        });
        let weights = [1.0, 0.5, 2.0, 1.0];
        let options = TrainOptions {
            latent: 2,
            hidden: vec![6],
            decoder_hidden: vec![8],
            linear_path: true,
            epochs: 3,
            ..Default::default()
        };
        let trained = train(&data, None, &weights.to_vec().into(), &options, &mut Session::new(&mut |_| {})).unwrap();
        let (mut encoder, mut decoder) = (trained.encoder.clone(), trained.decoder.clone());
        // A bad basis: stretched, mixed, off zero.
        let mix = DMatrix::from_row_slice(2, 2, &[8.0, 3.0, 0.1, 0.4]);
        let inverse = mix.clone().try_inverse().unwrap();
        rewrite(&mut encoder, &mut decoder, &mix, &inverse, &DVector::from_vec(vec![2.0, -1.0]));
        let through = |e: &Network, d: &Network, row: &[f32]| d.forward(&e.forward(row));
        let before: Vec<_> = data.outer_iter().map(|r| through(&encoder, &decoder, &r.to_vec())).collect();
        straighten(&mut encoder, &mut decoder, &data, &weights);
        for (row, before) in data.outer_iter().zip(before) {
            let after = through(&encoder, &decoder, &row.to_vec());
            assert!(after.iter().zip(before).all(|(a, b)| (a - b).abs() < 1e-4), "{after:?}");
        }
        let latents: Vec<_> = data.outer_iter().map(|r| encoder.forward(&r.to_vec())).collect();
        let (mean, covariance) = moments(&latents);
        assert!(mean.iter().all(|m| m.abs() < 1e-4), "{mean}");
        assert!((covariance - DMatrix::identity(2, 2)).abs().max() < 1e-3);
        let all: Vec<&Vec<f32>> = latents.iter().collect();
        let gain = gain(&decoder, &all, &[1.0, 1.0], &weights);
        // Measured on other rows than those that chose the basis.
        assert!(gain[(0, 0)] > gain[(1, 1)] && gain[(0, 1)].abs() < 0.1 * gain[(1, 1)], "{gain}");
        let trained = Trained { transformer: None, encoder, decoder, history: vec![] };
        let roots = gains(&trained, &data, &weights);
        assert!(
            (roots[0].powi(2) / gain[(0, 0)] - 1.0).abs() < 0.1 && (roots[1].powi(2) / gain[(1, 1)] - 1.0).abs() < 0.1
        );
    }
}

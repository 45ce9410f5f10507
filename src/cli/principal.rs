//! Principal components within a bound: latents that are kept, and what they leave of each column.

use std::time::Instant;

use ndarray::Array2;
use rayon::prelude::*;

use crate::codec::{self, FamilySize};
use crate::data::{Column, Dataset};
use crate::error::Result;
use crate::train::pca::{self, Pca};

/// Rows by which the number of latents is chosen.
const SAMPLE: usize = 16_384;
/// Steps of a latent that are tried, in steps of a column.
const STEPS: [f64; 3] = [1.0, 4.0, 16.0];

/// Columns over their ranges, as numbers that a model can take.
struct Scaled {
    offset: Vec<f64>,
    range: Vec<f64>,
    /// `[row, column]`
    rows: Array2<f32>,
}

fn scaled(data: &Dataset) -> Scaled {
    let ends = |c: &Column| {
        let finite = (0..c.values.len()).map(|i| c.values.get_f64(i)).filter(|x| x.is_finite());
        let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), x| (l.min(x), h.max(x)));
        if high - low > 0.0 && (high - low).is_finite() { (low, high - low) } else { (0.0, 1.0) }
    };
    let (offset, range): (Vec<f64>, Vec<f64>) = data.columns.iter().map(ends).unzip();
    let rows = Array2::from_shape_fn((data.rows, data.columns.len()), |(i, k)| {
        let x = (data.columns[k].values.get_f64(i) - offset[k]) / range[k];
        if x.is_finite() { x as f32 } else { 0.0 }
    });
    Scaled { offset, range, rows }
}

/// Integers of the first `latents` components, and what they say of the columns, as the columns are: `+` and `*` of numbers
/// that were rounded to `f32`.
fn kept(scaled: &Scaled, basis: &Pca, latents: usize, step: f64) -> (Vec<Vec<i64>>, Vec<Vec<f64>>) {
    let short = |v: &Vec<f64>| v.iter().map(|x| f64::from(*x as f32)).collect::<Vec<f64>>();
    let components: Vec<Vec<f64>> = basis.components[..latents].iter().map(short).collect();
    let mean = short(&basis.mean);
    let dot = |row: ndarray::ArrayView1<f32>, c: &Vec<f64>| -> f64 {
        row.iter().zip(&mean).zip(c).map(|((x, m), c)| (f64::from(*x) - m) * c).sum()
    };
    let latent = |c: &Vec<f64>| scaled.rows.outer_iter().map(|row| (dot(row, c) / step).round() as i64).collect();
    let ints: Vec<Vec<i64>> = components.par_iter().map(latent).collect();
    let column = |k: usize| {
        let one = |i: usize| {
            let x = components.iter().zip(&ints).fold(mean[k], |x, (c, z)| x + z[i] as f64 * step * c[k]);
            scaled.offset[k] + x * scaled.range[k]
        };
        (0..scaled.rows.nrows()).map(one).collect()
    };
    let predictions = (0..mean.len()).into_par_iter().map(column).collect();
    (ints, predictions)
}

/// Every `n`-th row, so that few are left.
fn few(data: &Dataset) -> Result<Dataset> {
    let at: Vec<usize> = (0..data.rows).step_by(data.rows.div_ceil(SAMPLE).max(1)).collect();
    let columns = data.columns.iter().map(|c| Column { values: c.values.pick(&at), ..c.clone() }).collect();
    Dataset::new(columns, at.len(), data.layout.clone(), data.source.clone())
}

/// The table by as many components, in such steps, as make it shortest; latents and residues by the mixer.
pub fn residues(data: &Dataset, bound: f64) -> Result<FamilySize> {
    let start = Instant::now();
    let all = scaled(data);
    let basis = pca::pca(&all.rows, data.columns.len());
    let sample = few(data)?;
    let rows = scaled(&sample).rows;
    let some = Scaled { offset: all.offset.clone(), range: all.range.clone(), rows };
    let mut best = (f64::INFINITY, 1, 1.0);
    for latents in 1..=basis.components.len().min(32) {
        for steps in STEPS {
            let (ints, predictions) = kept(&some, &basis, latents, 2.0 * bound * steps);
            let bits = codec::residue_bits(&sample, bound, &predictions, &ints)?;
            if bits < best.0 {
                best = (bits, latents, steps);
            }
        }
    }
    let (_, latents, steps) = best;
    let (ints, predictions) = kept(&all, &basis, latents.min(basis.components.len()), 2.0 * bound * steps);
    let learn = start.elapsed().as_secs_f64();
    // Means and components as `f32`, offsets and ranges as `f64`, their numbers.
    let model = (20 * data.columns.len() + 4 * latents * data.columns.len() + 10) as u64;
    let size = codec::residues(data, bound, predictions, ints, model)?;
    Ok(FamilySize {
        name: "PCA + residues".to_owned(),
        choice: format!("{latents} latents, step {steps}"),
        model_bytes: model,
        learn_seconds: Some(learn + size.learn_seconds.unwrap_or(0.0)),
        ..size
    })
}

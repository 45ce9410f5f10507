//! The linear rival: principal components through the same fixed point, the same entropy coder and the same container.

use ndarray::{Array1, Array2};

use super::backend::{self, Neural};
use super::stages;
use crate::codec::{self, CompressOptions, Mode};
use crate::data::{self, Dataset, SplitRows};
use crate::error::{Error, Result};
use crate::evaluate::{self, ColumnError};
use crate::model::network::{Activation, Layer, Network, Op};
use crate::model::quantized::QUANTIZED_SCHEMA;
use crate::model::{QuantizedModel, Transform};
use crate::quantize::{self, QuantizeOptions};
use crate::recipe::Recipe;
use crate::report::PcaSection;
use crate::train::pca::{self, Pca};

/// How well, and how small.
pub struct Rival {
    pub section: PcaSection,
}

/// Fits to the training rows, measures on all rows.
///
/// * `all`: every column; `part`: the columns of the model
/// * `features`: of all rows
pub fn pca(
    recipe: &Recipe,
    transform: &Transform,
    all: &Dataset,
    part: &Dataset,
    features: &Array2<f32>,
    split: &SplitRows,
) -> Result<Rival> {
    let rows = data::model_rows(&stages::pick(part, &split.train), transform)?;
    let training = backend::features(transform, &rows);
    let basis = pca::pca(&training, recipe.train.latent);
    let float = restored(transform, part, &basis.reconstruct(&basis.project(features)))?;

    // The network's weights are trained to be short; the rival's are rounded afterwards, so it gets 16 bits.
    let options = QuantizeOptions { weight_bits: 16, ..recipe.quantize.clone() };
    let encoder = linear("latent", &basis.components, &projected(&basis));
    let flags = transform.n_features() - transform.n_values();
    let plan = quantize::calibrate(&encoder, &training, flags, &options)?;
    let transposed: Vec<Vec<f64>> =
        (0..basis.mean.len()).map(|i| basis.components.iter().map(|c| c[i]).collect()).collect();
    let model = QuantizedModel {
        schema: QUANTIZED_SCHEMA.to_owned(),
        name: "pca".to_owned(),
        transform: Some(transform.clone()),
        encoder: quantize::apply(&encoder, &plan)?,
        decoder: Some(linear("out", &transposed, &basis.mean)),
        provenance: None,
    };
    let neural = Neural::new(model)?;
    let folder = tempfile::tempdir().map_err(|e| Error::io("create", &std::env::temp_dir(), &e))?;
    let container = folder.path().join("pca.slc");
    let sizes = codec::compress(all, &CompressOptions::new(Mode::Neural), Some(&neural), &container)?;
    let back = codec::decompress(&container, false, &backend::from_bytes)?.data;
    let fixed = evaluate::overall(&evaluate::errors(part, &back)?);
    Ok(Rival {
        section: PcaSection {
            latent: basis.components.len(),
            rms_over_range: evaluate::overall(&float).rms_over_range,
            column_rms_over_range: float.iter().map(|c| c.rms_over_range).collect(),
            fixed_rms_over_range: Some(fixed.rms_over_range),
            fixed_max_over_range: Some(fixed.max_over_range),
            total_bytes: Some(sizes.total_bytes),
        },
    })
}

/// The figures of features that a decoder gave, back in the columns of `data`.
pub fn restored(transform: &Transform, data: &Dataset, decoded: &Array2<f32>) -> Result<Vec<ColumnError>> {
    let mut values = Array2::zeros((decoded.nrows(), transform.n_values()));
    ndarray::Zip::from(values.rows_mut()).and(decoded.rows()).par_for_each(|mut out, x| {
        out.assign(&Array1::from(transform.values(&x.to_vec())));
    });
    let templates: Vec<_> = data
        .columns
        .iter()
        .map(|c| (c.name.clone(), c.unit.clone(), c.values.dtype().to_owned(), c.shape.clone()))
        .collect();
    let columns = data::restore_columns(&values, transform, &templates)?;
    evaluate::errors(data, &Dataset::new(columns, data.rows, data.layout.clone(), data.source.clone())?)
}

/// `-components * mean`: what makes `components * (x - mean)` of `components * x`.
fn projected(basis: &Pca) -> Vec<f64> {
    basis.components.iter().map(|c| -c.iter().zip(&basis.mean).map(|(c, m)| c * m).sum::<f64>()).collect()
}

fn linear(name: &str, weights: &[Vec<f64>], bias: &[f64]) -> Network {
    let op = Op::Dense {
        weights: weights.iter().map(|row| row.iter().map(|w| *w as f32).collect()).collect(),
        bias: bias.iter().map(|b| *b as f32).collect(),
    };
    let layer = Layer { name: name.to_owned(), inputs: vec!["x".to_owned()], op, activation: Activation::None };
    Network { n_in: weights.first().map_or(0, Vec::len), layers: vec![layer] }
}

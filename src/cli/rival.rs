//! The linear rival: principal components through the same fixed point, the same entropy coder and the same container.

use ndarray::{Array1, Array2};

use super::backend::{self, Neural};
use super::stages;
use crate::codec::{self, CompressOptions, Mode};
use crate::data::{self, Dataset, SplitRows};
use crate::error::{Error, Result};
use crate::evaluate::{self, ColumnError};
use crate::model::network::{Activation, Layer, Network, Op};
use crate::model::transform::NormFunction;
use crate::model::{Norm, QuantizedModel, Transform};
use crate::quantize::{self, QuantizeOptions};
use crate::recipe::Recipe;
use crate::report::PcaSection;
use crate::train::pca::{self, Pca};

/// How well, and how small.
pub struct Rival {
    pub section: PcaSection,
}

/// Fits to the training rows, measures on all rows: in the features of the network, and in columns over their range,
/// where the components are the best linear map for the figure of merit. The better one is the rival.
///
/// * `all`: every column; `part`: the columns of the model
pub fn pca(recipe: &Recipe, transform: &Transform, all: &Dataset, part: &Dataset, split: &SplitRows) -> Result<Rival> {
    let (Components { basis, float, held_out, .. }, model) = quantized(recipe, transform, part, split)?;
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
            held_out_rms_over_range: held_out,
            fixed_rms_over_range: Some(fixed.rms_over_range),
            fixed_max_over_range: Some(fixed.max_over_range),
            total_bytes: Some(sizes.total_bytes),
        },
    })
}

/// The better components, and a model of them.
pub fn quantized(
    recipe: &Recipe,
    transform: &Transform,
    part: &Dataset,
    split: &SplitRows,
) -> Result<(Components, QuantizedModel)> {
    let own = Components::fit(transform.clone(), recipe.train.latent, part, split)?;
    let plain = Components::fit(over_range(transform, part)?, recipe.train.latent, part, split)?;
    let overall = |c: &Components| evaluate::overall(&c.float).rms_over_range;
    let components = if overall(&plain) < overall(&own) { plain } else { own };
    let (transform, basis) = (&components.transform, &components.basis);

    // The network's weights are trained to be short; the rival's are rounded afterwards, so it gets 16 bits.
    let options = QuantizeOptions { weight_bits: 16, ..recipe.quantize.clone() };
    let encoder = linear("latent", &basis.components, &projected(basis));
    let flags = transform.n_features() - transform.n_values();
    let plan = quantize::calibrate(&encoder, &components.training, flags, None, &options)?;
    let transposed: Vec<Vec<f64>> =
        (0..basis.mean.len()).map(|i| basis.components.iter().map(|c| c[i]).collect()).collect();
    let model = QuantizedModel {
        transform: Some(transform.clone()),
        decoder: Some(linear("out", &transposed, &basis.mean)),
        ..QuantizedModel::of("pca", quantize::apply(&encoder, &plan)?)
    };
    Ok((components, model))
}

/// Principal components of the training rows in one kind of features.
pub struct Components {
    transform: Transform,
    /// Features of the training rows.
    training: Array2<f32>,
    basis: Pca,
    float: Vec<ColumnError>,
    held_out: Option<f64>,
}

impl Components {
    fn fit(transform: Transform, latent: usize, part: &Dataset, split: &SplitRows) -> Result<Self> {
        let rows = data::model_rows(&stages::pick(part, &split.train), &transform)?;
        let training = backend::features(&transform, &rows);
        let basis = pca::pca(&training, latent);
        let features = backend::features(&transform, &data::model_rows(part, &transform)?);
        let back = back(&transform, part, &basis.reconstruct(&basis.project(&features)))?;
        let float = evaluate::errors(part, &back)?;
        let held_out = held_out(part, &back, &float, split)?;
        Ok(Components { transform, training, basis, float, held_out })
    }
}

/// The same columns, each over its range, without flags.
fn over_range(transform: &Transform, data: &Dataset) -> Result<Transform> {
    let mut plain = transform.clone();
    for spec in &mut plain.columns {
        let column = data.column(&spec.name)?;
        let ends = |(low, high): (f64, f64), i| (column.values.get_f64(i).min(low), column.values.get_f64(i).max(high));
        let (low, high) = (0..column.values.len()).fold((f64::INFINITY, f64::NEG_INFINITY), ends);
        let scale = if high > low { high - low } else { 1.0 };
        spec.norm = Norm { function: NormFunction::Identity, offset: low, scale };
        spec.zero_flag = false;
    }
    Ok(plain)
}

/// RMS over range of the rows that nothing was fitted to; absent if there are none. The range is that of the whole
/// sample, so that the figure compares with the one of all rows.
///
/// * `all`: errors of all rows
pub fn held_out(data: &Dataset, back: &Dataset, all: &[ColumnError], split: &SplitRows) -> Result<Option<f64>> {
    if split.test.is_empty() {
        return Ok(None);
    }
    let figures = evaluate::errors(&stages::pick(data, &split.test), &stages::pick(back, &split.test))?;
    let range = |all: &ColumnError| if all.rms_over_range > 0.0 { all.rms / all.rms_over_range } else { 1.0 };
    let squares = figures.iter().zip(all).map(|(part, all)| (part.rms / range(all)).powi(2));
    Ok(Some((squares.sum::<f64>() / all.len().max(1) as f64).sqrt()))
}

/// The figures of features that a decoder gave, back in the columns of `data`.
pub fn restored(transform: &Transform, data: &Dataset, decoded: &Array2<f32>) -> Result<Vec<ColumnError>> {
    evaluate::errors(data, &back(transform, data, decoded)?)
}

/// Features that a decoder gave, back in the columns of `data`.
fn back(transform: &Transform, data: &Dataset, decoded: &Array2<f32>) -> Result<Dataset> {
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
    Dataset::new(columns, data.rows, data.layout.clone(), data.source.clone())
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

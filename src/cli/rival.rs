//! The linear rival: principal components through the same fixed point, the same entropy coder and the same container.

use ndarray::{Array1, Array2};

use super::backend::{self, Neural};
use super::stages;
use crate::codec::{self, CompressOptions, Mode};
use crate::data::{self, Dataset, SplitRows};
use crate::error::{Error, Result};
use crate::evaluate::{self, ColumnFigures};
use crate::model::network::{Activation, Layer, Network, Op};
use crate::model::quantized::QUANTIZED_SCHEMA;
use crate::model::transform::NormFunction;
use crate::model::{ColumnSpec, Norm, QuantizedModel, Transform};
use crate::quantize::{self, QuantizeOptions};
use crate::recipe::Recipe;
use crate::report::PcaSection;
use crate::train::pca::{self, Pca};

/// How well, and how small.
pub struct Rival {
    pub section: PcaSection,
}

/// Fits to the training rows, measures on all rows. Every column counts by its range, without curves: that is the fit
/// whose error over range is least, and the one that others mean by PCA.
///
/// * `all`: every column; `part`: the columns of the model; `figures`: of the network, for the ranges
pub fn pca(
    recipe: &Recipe,
    transform: &Transform,
    all: &Dataset,
    part: &Dataset,
    figures: &[ColumnFigures],
    split: &SplitRows,
) -> Result<Rival> {
    let rows = data::model_rows(&stages::pick(part, &split.train), transform)?;
    let transform = &by_range(transform, &rows);
    let training = backend::features(transform, &rows);
    let basis = pca::pca(&training, recipe.train.latent);
    let features = backend::features(transform, &data::model_rows(part, transform)?);
    let float_back = restored(transform, part, &basis.reconstruct(&basis.project(&features)))?;
    let float = evaluate::errors(part, &float_back)?;

    // The network's weights are trained to be short; the rival's are rounded afterwards, so it gets 16 bits.
    let options = QuantizeOptions { weight_bits: 16, ..recipe.quantize.clone() };
    let encoder = linear("latent", &basis.components, &projected(&basis));
    let plan = quantize::calibrate(&encoder, &training, 0, &options)?;
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
            held_out_rms_over_range: held_out(part, &float_back, figures, split)?,
            column_rms_over_range: float.iter().map(|c| c.rms_over_range).collect(),
            fixed_rms_over_range: Some(fixed.rms_over_range),
            fixed_max_over_range: Some(fixed.max_over_range),
            total_bytes: Some(sizes.total_bytes),
        },
    })
}

/// The same columns, each from its smallest to its largest training value to [-1, 1].
///
/// * `rows`: `[rows, n_values]`
fn by_range(transform: &Transform, rows: &Array2<f64>) -> Transform {
    let mut start = 0;
    let columns = transform.columns.iter().map(|c| {
        let values = rows.slice(ndarray::s![.., start..start + c.width]);
        start += c.width;
        let (low, high) = values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(*v), h.max(*v)));
        let scale = if high > low { 0.5 * (high - low) } else { 1.0 };
        let norm = Norm { function: NormFunction::Identity, offset: 0.5 * (low + high), scale };
        ColumnSpec { norm, zero_flag: false, ..c.clone() }
    });
    Transform { columns: columns.collect(), ..transform.clone() }
}

/// RMS over range on the rows that training never saw; absent if there are none. The range is that of the whole sample,
/// so that it compares with the figure of all rows.
pub fn held_out(data: &Dataset, back: &Dataset, columns: &[ColumnFigures], split: &SplitRows) -> Result<Option<f64>> {
    if split.test.is_empty() {
        return Ok(None);
    }
    let part = |d: &Dataset| stages::pick(d, &split.test);
    let errors = evaluate::errors(&part(data), &part(back))?;
    let range = |c: &ColumnFigures| if c.maximum > c.minimum { c.maximum - c.minimum } else { 1.0 };
    let squares = errors.iter().zip(columns).map(|(part, all)| (part.rms / range(all)).powi(2));
    Ok(Some((squares.sum::<f64>() / columns.len().max(1) as f64).sqrt()))
}

/// Features that a decoder gave, back in the columns of `data`.
pub fn restored(transform: &Transform, data: &Dataset, decoded: &Array2<f32>) -> Result<Dataset> {
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

//! Weights, biases and features to the integers of their formats.

use ndarray::Array2;

use crate::error::{Code, Error, Result};
use crate::fixed::QFormat;
use crate::model::{Granular, IntegerLayer, IntegerNetwork, IntegerOp, Network, Op, QuantPlan};

/// Rounds an encoder to the formats of a plan: half to even, saturated. The result is checked.
///
/// # Errors
/// [`Code::ModelShape`] if the plan does not fit the encoder, [`Code::Format`] for impossible formats, and those of
/// [`IntegerNetwork::check`].
pub fn apply(encoder: &Network, plan: &QuantPlan) -> Result<IntegerNetwork> {
    encoder.check()?;
    if plan.layers.len() != encoder.layers.len() {
        return Err(Error::new(
            Code::ModelShape,
            format!("the plan has {} layers, the encoder {}", plan.layers.len(), encoder.layers.len()),
        ));
    }
    let mut layers = Vec::with_capacity(plan.layers.len());
    for (layer, formats) in encoder.layers.iter().zip(&plan.layers) {
        let (weights, bias) = layer.op.weights();
        let columns = weights.first().map_or(0, Vec::len);
        for (what, format, columns) in
            [("weights", &formats.weight, columns), ("bias", &formats.bias, 0), ("output", &formats.output, 0)]
        {
            check_shape(format, weights.len(), columns)
                .map_err(|e| e.at(format!("{what} of layer `{}`", layer.name)))?;
        }
        let row = |(r, row): (usize, &Vec<f32>)| {
            row.iter().enumerate().map(|(c, w)| formats.weight.at(r, c).from_f64(f64::from(*w))).collect()
        };
        layers.push(IntegerLayer {
            name: layer.name.clone(),
            inputs: layer.inputs.clone(),
            op: match &layer.op {
                Op::Dense { .. } => IntegerOp::Dense,
                Op::Conv2d { geometry, .. } => IntegerOp::Conv2d { geometry: geometry.clone() },
            },
            weights: weights.iter().enumerate().map(row).collect(),
            weight_format: formats.weight.clone(),
            bias: bias.iter().enumerate().map(|(r, b)| formats.bias.channel(r).from_f64(f64::from(*b))).collect(),
            bias_format: formats.bias.clone(),
            activation: layer.activation,
            output_format: formats.output.clone(),
            rounding: formats.rounding,
            overflow: formats.overflow,
        });
    }
    let network = IntegerNetwork { n_in: encoder.n_in, input: plan.input.clone(), layers };
    network.check()?;
    Ok(network)
}

/// The formats must cover the weights before the first one is rounded. `columns` is 0 for vectors.
fn check_shape(formats: &Granular<QFormat>, rows: usize, columns: usize) -> Result<()> {
    let fits = match formats {
        Granular::PerTensor(_) => true,
        Granular::PerChannel(v) => v.len() == rows,
        Granular::PerWeight(v) => columns > 0 && v.len() == rows && v.iter().all(|r| r.len() == columns),
    };
    if !fits {
        return Err(Error::new(Code::ModelShape, "the formats of the plan do not fit the encoder"));
    }
    formats.values().into_iter().try_for_each(|f| f.check().map(drop))
}

/// Features to input words: half to even, saturated.
///
/// * `features`: `[rows, n_in]`
/// * returns: `[rows, n_in]`, within the input formats
///
/// # Panics
/// If the features are not `n_in` wide.
pub fn input_words(encoder: &IntegerNetwork, features: &Array2<f32>) -> Array2<i64> {
    assert_eq!(features.ncols(), encoder.n_in, "features");
    let formats: Vec<QFormat> = (0..encoder.n_in).map(|i| encoder.input.channel(i)).collect();
    Array2::from_shape_fn(features.raw_dim(), |(row, i)| formats[i].from_f64(f64::from(features[[row, i]])))
}

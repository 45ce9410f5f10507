//! A layer as the model file has it: each kind with the keys that it has.
//!
//! In memory an [`IntegerLayer`] has the fields of all kinds, so that passes and tools read them in one way; what a kind
//! does not have is empty there and absent here.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::integer::{Granular, IntegerLayer, IntegerOp};
use super::network::{Activation, Conv2d};
use super::pool::Pool2d;
use crate::fixed::{Overflow, QFormat, Rounding};

/// One layer: inputs concatenated, then what its type says.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "IntegerLayer")]
pub(super) struct LayerForm {
    /// Unique, `[a-z][a-z0-9_]*`, not `x`; also the name of the output tensor.
    name: String,
    /// Earlier tensors, concatenated in this order.
    inputs: Vec<String>,
    /// What is computed of them.
    #[serde(flatten)]
    kind: Kind,
}

#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Kind {
    /// x: `[n_in]`, weights: `[n_out][n_in]`, y: `[n_out]`.
    Dense {
        #[serde(flatten)]
        affine: Affine,
    },
    /// x: `[height, width, channels]`, y: `[out_h, out_w, filters]`, both flattened row-major.
    Conv2d {
        #[serde(flatten)]
        geometry: Conv2d,
        #[serde(flatten)]
        affine: Affine,
    },
    /// x: `[n]`, y: `[n]`, `y[i] = tables[i % tables.len()][x[i] - smallest x]`.
    Lookup {
        /// Elements.
        n: usize,
        /// Raw integers of the output, one table for all elements or one a channel; an entry for each raw input, the
        /// smallest first.
        tables: Vec<Vec<i64>>,
        /// Formats of the output elements, one or one a table.
        output_format: Granular<QFormat>,
    },
    /// The largest value of each window; y: `[out_h, out_w, channels]`. Padding is ignored.
    MaxPool2d {
        #[serde(flatten)]
        geometry: Pool2d,
        /// That of the input, one or one a channel.
        output_format: Granular<QFormat>,
    },
    /// The sum of each window times `weight`, then requantized; y: `[out_h, out_w, channels]`. Padding counts as zeros.
    AvgPool2d {
        #[serde(flatten)]
        geometry: Pool2d,
        /// Raw integer, near one over the values of a window; may be left out if their number is a power of two.
        #[serde(default)]
        weight: Option<i64>,
        /// Its format.
        #[serde(default)]
        weight_format: Option<QFormat>,
        /// Formats of the output elements, one or one a channel.
        output_format: Granular<QFormat>,
        /// How the sum loses its low bits.
        rounding: Rounding,
        /// How the sum loses its high bits.
        overflow: Overflow,
    },
}

/// Exact accumulator, activation, requantization.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
struct Affine {
    /// Raw integers: dense `[n_out][n_in]`, convolution `[filters][kernel_h * kernel_w * channels]`.
    weights: Vec<Vec<i64>>,
    /// Formats of the weights.
    weight_format: Granular<QFormat>,
    /// Raw integers, one an output or filter.
    bias: Vec<i64>,
    /// Formats of the biases (not per weight).
    bias_format: Granular<QFormat>,
    /// `none` or `relu`, applied to the exact accumulator.
    activation: Activation,
    /// Formats of the output elements (dense: per output; convolution: per filter).
    output_format: Granular<QFormat>,
    /// How the accumulator loses its low bits.
    rounding: Rounding,
    /// How the accumulator loses its high bits.
    overflow: Overflow,
}

impl From<LayerForm> for IntegerLayer {
    fn from(LayerForm { name, inputs, kind }: LayerForm) -> IntegerLayer {
        let affine = |op: IntegerOp, a: Affine| IntegerLayer {
            name: name.clone(),
            inputs: inputs.clone(),
            op,
            weights: a.weights,
            weight_format: a.weight_format,
            bias: a.bias,
            bias_format: a.bias_format,
            activation: a.activation,
            output_format: a.output_format,
            rounding: a.rounding,
            overflow: a.overflow,
        };
        match kind {
            Kind::Dense { affine: a } => affine(IntegerOp::Dense, a),
            Kind::Conv2d { geometry, affine: a } => affine(IntegerOp::Conv2d { geometry }, a),
            Kind::Lookup { n, tables, output_format } => IntegerLayer::lookup(name, inputs, n, tables, output_format),
            Kind::MaxPool2d { geometry, output_format } => {
                IntegerLayer::max_pool2d(name, inputs, geometry, output_format)
            }
            Kind::AvgPool2d { geometry, weight, weight_format, output_format, rounding, overflow } => {
                let mut layer =
                    IntegerLayer::avg_pool2d(name, inputs, geometry, None, output_format, rounding, overflow);
                // Half of a weight is none: `check` says so.
                if weight.is_some() || weight_format.is_some() {
                    layer.weights = weight.map(|w| vec![vec![w]]).unwrap_or_default();
                    layer.weight_format = weight_format.map_or(Granular::PerChannel(vec![]), Granular::PerTensor);
                }
                layer
            }
        }
    }
}

impl From<IntegerLayer> for LayerForm {
    fn from(layer: IntegerLayer) -> LayerForm {
        let IntegerLayer { name, inputs, op, weights, weight_format, output_format, rounding, overflow, .. } = layer;
        let affine = |weights, weight_format, output_format| Affine {
            weights,
            weight_format,
            bias: layer.bias,
            bias_format: layer.bias_format,
            activation: layer.activation,
            output_format,
            rounding,
            overflow,
        };
        let kind = match op {
            IntegerOp::Dense => Kind::Dense { affine: affine(weights, weight_format, output_format) },
            IntegerOp::Conv2d { geometry } => {
                Kind::Conv2d { geometry, affine: affine(weights, weight_format, output_format) }
            }
            IntegerOp::Lookup { n, tables } => Kind::Lookup { n, tables, output_format },
            IntegerOp::MaxPool2d { geometry } => Kind::MaxPool2d { geometry, output_format },
            IntegerOp::AvgPool2d { geometry } => Kind::AvgPool2d {
                geometry,
                weight: weights.first().and_then(|w| w.first().copied()),
                weight_format: weight_format.values().first().copied(),
                output_format,
                rounding,
                overflow,
            },
        };
        LayerForm { name, inputs, kind }
    }
}

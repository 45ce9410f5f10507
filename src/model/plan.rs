//! The formats chosen for an encoder before its weights are rounded: what calibration gives and
//! quantization-aware training trains against.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::integer::Granular;
use crate::fixed::{Overflow, QFormat, Rounding};

/// Formats for the input words and for each encoder layer, in layer order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuantPlan {
    /// Formats of the input words.
    pub input: Granular<QFormat>,
    /// One entry a layer of the encoder.
    pub layers: Vec<LayerPlan>,
}

/// Formats of one layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LayerPlan {
    /// Weights: rounded half to even, saturated.
    pub weight: Granular<QFormat>,
    /// Biases: rounded half to even, saturated.
    pub bias: Granular<QFormat>,
    /// Output elements.
    pub output: Granular<QFormat>,
    /// From accumulator to output.
    pub rounding: Rounding,
    /// From accumulator to output.
    pub overflow: Overflow,
}

//! What can be chosen about quantization; the `[quantize]` table of a recipe.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Code, Error, Result};
use crate::fixed::{Overflow, Rounding};

/// How many numbers share a format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Granularity {
    /// All of a tensor.
    PerTensor,
    /// Activations: each element (of a convolution: each filter). Weights: each output row or filter.
    PerChannel,
    /// Weights only: each weight.
    PerWeight,
}

/// How the latents share out their precision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LatentSteps {
    /// An error of one step costs about the same in each: the widest latent has `latent_bits`, the others what they need.
    #[default]
    EqualError,
    /// Each latent has `latent_bits`, and the finest step at which its range fits.
    EqualWidth,
}

/// Widths and manners of quantization.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct QuantizeOptions {
    /// Bits of an input word (zero flags have one).
    pub input_bits: u32,
    /// Bits of a weight.
    pub weight_bits: u32,
    /// Bits of a hidden activation.
    pub activation_bits: u32,
    /// Bits of a latent (of the widest one): the output of the last layer.
    pub latent_bits: u32,
    /// Which latents get how much of it.
    pub latent_steps: LatentSteps,
    /// Which weights share a format.
    pub weights: Granularity,
    /// Which inputs, activations and latents share a format.
    pub activations: Granularity,
    /// How much wider than what training saw the ranges of inputs, activations and latents are, at least 1: rows beyond
    /// them saturate.
    pub headroom: f64,
    /// How accumulators lose their low bits.
    pub rounding: Rounding,
    /// How accumulators lose their high bits. With `wrap`, formats get one more integer bit than the data need.
    pub overflow: Overflow,
}

impl Default for QuantizeOptions {
    fn default() -> Self {
        QuantizeOptions {
            input_bits: 12,
            weight_bits: 8,
            activation_bits: 10,
            latent_bits: 12,
            latent_steps: LatentSteps::EqualError,
            weights: Granularity::PerChannel,
            activations: Granularity::PerTensor,
            headroom: 1.0,
            rounding: Rounding::Truncate,
            overflow: Overflow::Saturate,
        }
    }
}

impl QuantizeOptions {
    /// Widest word that can be asked for.
    pub const MAX_BITS: u32 = 24;

    /// The options, or why they make no sense.
    ///
    /// # Errors
    /// [`Code::Recipe`], naming the option.
    pub fn check(&self) -> Result<()> {
        let widths = [
            ("input_bits", self.input_bits),
            ("weight_bits", self.weight_bits),
            ("activation_bits", self.activation_bits),
            ("latent_bits", self.latent_bits),
        ];
        for (name, bits) in widths {
            if !(2..=Self::MAX_BITS).contains(&bits) {
                return Err(Error::new(Code::Recipe, format!("`{name}` is {bits}"))
                    .hint(format!("use 2 to {} bits", Self::MAX_BITS)));
            }
        }
        if !(1.0..=65536.0).contains(&self.headroom) {
            return Err(Error::new(Code::Recipe, format!("`headroom` is {}", self.headroom))
                .hint("use 1 (what was seen) to 65536, for example 2 for one more bit"));
        }
        if self.activations == Granularity::PerWeight {
            return Err(Error::new(Code::Recipe, "`activations` cannot be `per_weight`")
                .hint("use `per_tensor` or `per_channel`"));
        }
        Ok(())
    }
}

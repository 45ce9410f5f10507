//! The trained autoencoder, in floating point.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::network::Network;
use super::plan::QuantPlan;
use super::transform::Transform;
use super::transformer::Transformer;
use crate::error::{Code, Error, Result};

/// The value of the `schema` field of a trained model.
pub const TRAINED_SCHEMA: &str = "sluice.trained/1";

/// Weights of encoder and decoder, with everything needed to know what they belong to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrainedModel {
    /// The version of this form.
    #[schemars(extend("const" = TRAINED_SCHEMA))]
    pub schema: String,
    /// `[a-z][a-z0-9_]*`; names the Verilog top later.
    pub name: String,
    /// From columns to network inputs and back.
    pub transform: Transform,
    /// Before the encoder, for software only: the encoder then reads what it gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transformer: Option<Transformer>,
    /// Features → latents.
    pub encoder: Network,
    /// Latents → features.
    pub decoder: Network,
    /// The formats the weights were fine-tuned for, if quantization-aware training ran.
    pub plan: Option<QuantPlan>,
    /// What it was trained on.
    pub provenance: Provenance,
    /// Loss per epoch.
    pub history: Vec<Epoch>,
}

/// What a model was trained on, and how.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// Where the data came from, as the recipe named it.
    pub data_source: String,
    /// SHA-256 of the selected values and their layout, hexadecimal.
    pub data_checksum: String,
    /// Seed of split, initial weights and batch order.
    pub seed: u64,
    /// Rows in the training part.
    pub train_rows: usize,
    /// SHA-256 of the recipe, hexadecimal.
    pub recipe_checksum: String,
}

/// One epoch of training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Epoch {
    /// From 1, counted through both phases.
    pub epoch: usize,
    /// `float` or `quantization_aware`.
    pub phase: String,
    /// Mean training loss.
    pub train_loss: f64,
    /// Loss on the validation part; absent if there is none.
    pub validation_loss: Option<f64>,
    /// Learning rate at the end of the epoch.
    pub learning_rate: f64,
}

impl TrainedModel {
    /// Checks that transform, encoder and decoder fit each other.
    ///
    /// # Errors
    /// `M001` or `M002`.
    pub fn check(&self) -> Result<()> {
        if self.schema != TRAINED_SCHEMA {
            return Err(Error::new(Code::ModelForm, format!("`schema` is `{}`, not `{TRAINED_SCHEMA}`", self.schema)));
        }
        self.transform.check()?;
        self.encoder.check().map_err(|e| e.at("encoder"))?;
        self.decoder.check().map_err(|e| e.at("decoder"))?;
        let n_in = super::quantized::features(self.transformer.as_ref(), self.encoder.n_in)?;
        super::quantized::check_fit(&self.transform, n_in, self.encoder.n_out(), Some(&self.decoder))?;
        match &self.plan {
            Some(plan) if plan.layers.len() != self.encoder.layers.len() => Err(Error::new(
                Code::ModelShape,
                format!("the plan has {} layers, the encoder {}", plan.layers.len(), self.encoder.layers.len()),
            )),
            _ => Ok(()),
        }
    }
}

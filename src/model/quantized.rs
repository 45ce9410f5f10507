//! The quantized model: integers for the encoder, floats for the decoder. docs/MODEL.md documents the JSON.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::integer::{Granular, IntegerLayer, IntegerNetwork, IntegerOp};
use super::monitor::Monitor;
use super::network::{Activation, INPUT, Network};
use super::score::Score;
use super::trained::Provenance;
use super::transform::Transform;
use super::transformer::Transformer;
use crate::error::{Code, Error, Result};
use crate::fixed::{Overflow, QFormat, Rounding};

/// The value of the `schema` field of a quantized model.
pub const QUANTIZED_SCHEMA: &str = "sluice.quantized/1";

/// An encoder of integers, with what the codec needs around it.
///
/// `encoder` alone is enough to emit and verify hardware (an imported model has no more). Compressing data needs
/// `transform` and `decoder` too.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuantizedModel {
    /// The version of this form.
    #[schemars(extend("const" = QUANTIZED_SCHEMA))]
    pub schema: String,
    /// `[a-z][a-z0-9_]*`; names the Verilog top.
    pub name: String,
    /// From columns to network inputs and back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transform: Option<Transform>,
    /// Before the encoder, in floating point and for software only: the encoder then reads what it gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transformer: Option<Transformer>,
    /// What the hardware computes.
    pub encoder: IntegerNetwork,
    /// Latents (as real numbers, raw integer times step) → features.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decoder: Option<Network>,
    /// What it was trained on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provenance: Option<Provenance>,
    /// How latents and errors were distributed, to notice other data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monitor: Option<Monitor>,
    /// The last output is no latent, but how unlike its background an event is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<Score>,
}

impl QuantizedModel {
    /// An encoder and nothing else, unchecked.
    pub fn of(name: &str, encoder: IntegerNetwork) -> Self {
        QuantizedModel {
            schema: QUANTIZED_SCHEMA.to_owned(),
            name: name.to_owned(),
            transform: None,
            transformer: None,
            encoder,
            decoder: None,
            provenance: None,
            monitor: None,
            score: None,
        }
    }

    /// A model that gives its inputs: for data that are sent as they are.
    ///
    /// # Errors
    /// Those of [`check`](Self::check).
    pub fn pass_through(name: &str, formats: &[QFormat]) -> Result<Self> {
        let n = formats.len();
        let copy = IntegerLayer {
            name: "copy".to_owned(),
            inputs: vec![INPUT.to_owned()],
            op: IntegerOp::Dense,
            weights: (0..n).map(|i| (0..n).map(|j| i64::from(i == j)).collect()).collect(),
            weight_format: Granular::PerTensor(QFormat::signed(2, 0)),
            bias: vec![0; n],
            bias_format: Granular::PerTensor(QFormat::signed(2, 0)),
            activation: Activation::None,
            output_format: Granular::PerChannel(formats.to_vec()),
            rounding: Rounding::Truncate,
            overflow: Overflow::Wrap,
        };
        let network = IntegerNetwork { n_in: n, input: Granular::PerChannel(formats.to_vec()), layers: vec![copy] };
        let model = QuantizedModel::of(name, network);
        model.check()?;
        Ok(model)
    }

    /// Refuses a model that has no firmware.
    ///
    /// # Errors
    /// `U003` for a transformer.
    pub fn firmware(&self) -> Result<()> {
        if self.transformer.is_none() {
            return Ok(());
        }
        Err(Error::new(Code::Unsupported, format!("model `{}` begins with a transformer, which has no firmware", self.name))
            .hint("it compresses on the CPU: `sluice compress --mode neural --model`; for firmware train a dense, convolutional or set encoder"))
    }

    /// Outputs of the encoder that the decoder reads: all, but for a score.
    pub fn n_latents(&self) -> usize {
        self.encoder.n_out().saturating_sub(usize::from(self.score.is_some()))
    }

    /// Formats of these.
    pub fn latent_formats(&self) -> Vec<QFormat> {
        let mut formats = self.encoder.output_formats();
        formats.truncate(self.n_latents());
        formats
    }

    /// Checks everything that can be wrong with it.
    ///
    /// # Errors
    /// `M001`, `M002`, `Q001`, `Q002` or `Q003`.
    pub fn check(&self) -> Result<()> {
        if self.schema != QUANTIZED_SCHEMA {
            return Err(Error::new(
                Code::ModelForm,
                format!("`schema` is `{}`, not `{QUANTIZED_SCHEMA}`", self.schema),
            )
            .hint("`sluice import` reads the neutral encoder form"));
        }
        check_name(&self.name)?;
        self.encoder.check().map_err(|e| e.at("encoder"))?;
        if let Some(score) = &self.score {
            score.check(&self.encoder.output_formats())?;
        }
        if let Some(decoder) = &self.decoder {
            decoder.check().map_err(|e| e.at("decoder"))?;
        }
        let n_in = features(self.transformer.as_ref(), self.encoder.n_in)?;
        if let Some(monitor) = &self.monitor {
            monitor.check(self.n_latents())?;
        }
        if let Some(transform) = &self.transform {
            transform.check()?;
            check_fit(transform, n_in, self.n_latents(), self.decoder.as_ref())?;
        }
        Ok(())
    }
}

/// Features of a model whose encoder takes `n_in` numbers.
pub(super) fn features(transformer: Option<&Transformer>, n_in: usize) -> Result<usize> {
    let Some(transformer) = transformer else { return Ok(n_in) };
    transformer.check()?;
    if transformer.n_out() != n_in {
        let what = format!("the transformer gives {} numbers, the encoder takes {n_in}", transformer.n_out());
        return Err(Error::new(Code::ModelShape, what));
    }
    Ok(transformer.n_in())
}

/// A model's name becomes a Verilog module and a file name.
pub(crate) fn check_name(name: &str) -> Result<()> {
    let mut chars = name.chars();
    let good = chars.next().is_some_and(|c| c.is_ascii_lowercase())
        && chars.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if good {
        return Ok(());
    }
    Err(Error::new(Code::ModelForm, format!("`{name}` cannot name a model"))
        .hint("use a-z, 0-9 and _, beginning with a letter"))
}

pub(super) fn check_fit(transform: &Transform, n_in: usize, n_latent: usize, decoder: Option<&Network>) -> Result<()> {
    let features = transform.n_features();
    if features != n_in {
        return Err(Error::new(
            Code::ModelShape,
            format!("the transform gives {features} features, the encoder takes {n_in}"),
        ));
    }
    match decoder {
        Some(d) if d.n_in != n_latent => Err(Error::new(
            Code::ModelShape,
            format!("the encoder gives {n_latent} latents, the decoder takes {}", d.n_in),
        )),
        Some(d) if d.n_out() != features => Err(Error::new(
            Code::ModelShape,
            format!("the decoder gives {} features, the transform has {features}", d.n_out()),
        )),
        _ => Ok(()),
    }
}

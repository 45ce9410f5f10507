//! What a recipe says about training.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Code, Error, Result};
use crate::model::Conv2d;

/// Shape of the autoencoder and how it is fitted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TrainOptions {
    /// Numbers the encoder gives for one row.
    pub latent: usize,
    /// Sizes of the encoder's hidden layers (`relu`).
    pub hidden: Vec<usize>,
    /// Sizes of the decoder's hidden layers (`smooth`).
    pub decoder_hidden: Vec<usize>,
    /// The last layer of encoder and decoder also reads the network's input; both start as principal components.
    pub linear_path: bool,
    /// A convolution as first layer of the encoder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conv: Option<ConvOptions>,
    /// Passes over the training rows in floating point.
    pub epochs: usize,
    /// Passes with fake-quantized encoder.
    pub qat_epochs: usize,
    /// Rows a step.
    pub batch: usize,
    /// Adam's step size at the start; falls to 0 along half a cosine.
    pub learning_rate: f64,
    /// Stop after this many epochs without a better validation loss; 0 never stops.
    pub patience: usize,
    /// Seed of initial weights and batch order.
    pub seed: u64,
}

/// A convolution with `relu`, stride 1 and zero padding that keeps the image's size.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConvOptions {
    /// `[height, width, channels]`: how the features form an image, row-major.
    pub in_shape: [usize; 3],
    /// Output channels.
    pub filters: usize,
    /// `[height, width]`.
    pub kernel: [usize; 2],
}

impl Default for TrainOptions {
    fn default() -> Self {
        TrainOptions {
            latent: 8,
            hidden: vec![32],
            decoder_hidden: vec![64, 64],
            linear_path: true,
            conv: None,
            epochs: 30,
            qat_epochs: 10,
            batch: 512,
            learning_rate: 2e-3,
            patience: 0,
            seed: 1,
        }
    }
}

impl ConvOptions {
    /// The layer's geometry. An even kernel is padded by one more at the bottom and right.
    pub fn geometry(&self) -> Conv2d {
        let [h, w] = self.kernel.map(|k| k.saturating_sub(1));
        Conv2d {
            in_shape: self.in_shape,
            kernel: self.kernel,
            stride: [1, 1],
            pad: [h / 2, w / 2, h - h / 2, w - w / 2],
            filters: self.filters,
        }
    }
}

impl TrainOptions {
    /// Checks that the options describe a network on `n_features` features.
    ///
    /// # Errors
    /// [`Code::Recipe`] or [`Code::ModelShape`], naming the option.
    pub fn check(&self, n_features: usize) -> Result<()> {
        let wrong = |what: String, hint: &str| Err(Error::new(Code::Recipe, what).hint(hint));
        if self.latent == 0 || self.latent > n_features {
            return wrong(
                format!("`latent` is {}, the rows have {n_features} features", self.latent),
                "use at least 1 and at most the number of features",
            );
        }
        if self.hidden.iter().chain(&self.decoder_hidden).any(|n| *n == 0) {
            return wrong("a hidden layer has size 0".into(), "leave the layer out instead");
        }
        if self.batch == 0 {
            return wrong("`batch` is 0".into(), "512 is a good start");
        }
        if !(self.learning_rate.is_finite() && self.learning_rate > 0.0) {
            return wrong(format!("`learning_rate` is {}", self.learning_rate), "0.002 is a good start");
        }
        if let Some(conv) = &self.conv {
            let geometry = conv.geometry();
            geometry.check("conv1")?;
            if geometry.n_in() != n_features {
                return wrong(
                    format!("an image of {:?} has {} values, the rows {n_features}", conv.in_shape, geometry.n_in()),
                    "`conv.in_shape` is [height, width, channels]; zero flags count as features",
                );
            }
        }
        Ok(())
    }
}

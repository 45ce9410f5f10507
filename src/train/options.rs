//! What a recipe says about training.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::prices::WidthOptions;
use crate::error::{Code, Error, Result};
use crate::model::{Activation, Conv2d};

/// Shape of the autoencoder and how it is fitted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TrainOptions {
    /// Numbers the encoder gives for one row.
    pub latent: usize,
    /// Sizes of the encoder's hidden layers (`relu`).
    pub hidden: Vec<usize>,
    /// Sizes of the decoder's hidden layers.
    pub decoder_hidden: Vec<usize>,
    /// The last layer of encoder and decoder also reads the network's input; both start as principal components.
    pub linear_path: bool,
    /// A convolution as first layer of the encoder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conv: Option<ConvOptions>,
    /// A set of like things as input: particles, hits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set: Option<SetOptions>,
    /// Attention between particles or hits, in front of the encoder's layers: for software only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transformer: Option<TransformerOptions>,
    /// Passes over the training rows in floating point.
    pub epochs: usize,
    /// Passes with fake-quantized encoder.
    pub qat_epochs: usize,
    /// Training of bit widths, between both.
    #[serde(skip_serializing_if = "WidthOptions::is_default")]
    pub widths: WidthOptions,
    /// Rows a step.
    pub batch: usize,
    /// Adam's step size, before the schedule.
    pub learning_rate: f64,
    /// The same at the start of the phase with fake-quantized encoder, as a share of `learning_rate`.
    pub qat_rate: f64,
    /// What a bit of information in the latents may cost, as a share of the loss of principal components with as many: the
    /// entropy that each latent has for itself, which codes of the link spend. Asked while widths are trained and in the
    /// phase with fake-quantized encoder; 0 leaves it out.
    #[serde(skip_serializing_if = "is_zero")]
    pub rate_price: f64,
    /// How the step size changes with time, in both phases.
    pub schedule: Schedule,
    /// What an error in each feature costs.
    pub loss: LossWeights,
    /// With `range`: the least weight of a value, as a share of the largest. With `relative`: values below this share of
    /// their column's root mean square count as that large.
    pub weight_floor: f64,
    /// Errors of a feature beyond this cost in proportion to their size, not to its square; 0 is never.
    #[serde(skip_serializing_if = "is_zero")]
    pub huber: f64,
    /// What it costs to move charge in an image, beside the error of each element.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_loss: Option<ImageLoss>,
    /// How much the latents' distance from independent standard normal numbers costs, as a share of the loss of principal
    /// components; 0 is nothing.
    #[serde(skip_serializing_if = "is_zero")]
    pub sliced_wasserstein: f64,
    /// A variational autoencoder: what a nat of the latents' divergence from a standard normal costs, as a share of the loss
    /// of principal components; 0 is no such thing.
    #[serde(skip_serializing_if = "is_zero")]
    pub variational: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// Standard deviation of Gaussian noise on the features that the encoder reads while training.
    pub noise: f64,
    /// Non-linear function of the latents: `none` or `relu`.
    #[serde(skip_serializing_if = "Activation::is_none")]
    pub latent_activation: Activation,
    /// Non-linear function of the decoder's hidden layers: `smooth` or `relu`.
    pub decoder_activation: Activation,
    /// Epochs between two checkpoints; 0 writes one at the end of each phase only.
    pub checkpoint_every: usize,
    /// Stop after this many epochs without a better validation loss; 0 never stops.
    pub patience: usize,
    /// Seed of initial weights and batch order.
    pub seed: u64,
}

/// A convolution with `relu` and zero padding that keeps the image's size, but for the stride.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConvOptions {
    /// `[height, width, channels]`: how the features form an image, row-major.
    pub in_shape: [usize; 3],
    /// Output channels.
    pub filters: usize,
    /// `[height, width]`; of a waveform `[1, samples]`.
    pub kernel: [usize; 2],
    /// `[vertical, horizontal]` steps from one place to the next.
    #[serde(default = "every_place", skip_serializing_if = "is_every_place")]
    pub stride: [usize; 2],
}

fn every_place() -> [usize; 2] {
    [1, 1]
}

fn is_every_place(stride: &[usize; 2]) -> bool {
    *stride == every_place()
}

/// The same layers for each member of a set, and the sum over all (Zaheer et al., Deep Sets, arXiv:1703.06114): what comes out
/// does not depend on the order of members, and fewer of them are padded by a constant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetOptions {
    /// Members of the set, those that are padding too.
    pub members: usize,
    /// Sizes of the layers that each member passes through (`relu`).
    pub layers: Vec<usize>,
    /// Whether the features are those of all members one column after the other, not member after member.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_column: bool,
}

impl SetOptions {
    /// The geometry of layer `layer`, each member a place of an image of one row.
    ///
    /// * `n_features`: of the whole set
    pub(super) fn geometry(&self, layer: usize, n_features: usize) -> Conv2d {
        let own = n_features / self.members.max(1);
        let (in_shape, kernel) = match layer {
            0 if self.by_column => ([own, self.members, 1], [own, 1]),
            0 => ([1, self.members, own], [1, 1]),
            _ => ([1, self.members, self.layers[layer - 1]], [1, 1]),
        };
        Conv2d { in_shape, kernel, stride: [1, 1], pad: [0; 4], filters: self.layers[layer] }
    }
}

/// Self-attention over the parts of a row; the encoder's layers read the features and the vectors of all parts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TransformerOptions {
    /// Parts of a row: particles, hits, cells.
    pub tokens: usize,
    /// Length of the vector that each becomes.
    #[serde(default = "transformer_width")]
    pub width: usize,
    /// Parts of that vector that attend by themselves.
    #[serde(default = "transformer_heads")]
    pub heads: usize,
    /// Rounds of attention.
    #[serde(default = "transformer_blocks")]
    pub blocks: usize,
    /// Whether the features are those of all tokens one column after the other, not token after token.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_column: bool,
}

fn transformer_width() -> usize {
    16
}

fn transformer_heads() -> usize {
    4
}

fn transformer_blocks() -> usize {
    2
}

impl TransformerOptions {
    /// Checks it against rows of `n_features`, and what stands beside it.
    fn check(&self, options: &TrainOptions, n_features: usize) -> Result<()> {
        let wrong = |what: String, hint: &str| Err(Error::new(Code::Recipe, what).hint(hint));
        if options.conv.is_some() || options.set.is_some() {
            return wrong(
                "`transformer` stands beside a convolution or a set, which would read its vectors".into(),
                "leave `conv` and `set` out",
            );
        }
        if options.widths.epochs > 0 {
            return wrong(
                "`transformer` stands beside `widths`, whose bits are those of firmware".into(),
                "leave `widths` out: a transformer has no firmware",
            );
        }
        if self.tokens == 0 || !n_features.is_multiple_of(self.tokens) {
            return wrong(
                format!("{n_features} features are not those of {} tokens each", self.tokens),
                "`transformer.tokens` divides the number of features; zero flags count as features",
            );
        }
        if self.width == 0 || self.heads == 0 || !self.width.is_multiple_of(self.heads) {
            return wrong(
                format!("vectors of {} numbers are not {} heads", self.width, self.heads),
                "`transformer.heads` divides `transformer.width`",
            );
        }
        let own = self.width.saturating_mul(self.width).saturating_mul(8).saturating_mul(self.blocks.max(1));
        let read = self.tokens.saturating_mul(self.width);
        let next = options.hidden.first().copied().unwrap_or(0).saturating_add(options.latent);
        let weights = own.saturating_add(read.saturating_mul(next));
        if weights > TrainOptions::MAX_WEIGHTS {
            return wrong(format!("the transformer would have some {weights} weights"), "use a smaller `width`");
        }
        Ok(())
    }
}

/// A distance between images: the first features are one, row-major.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImageLoss {
    /// Of the distance beside the error element by element.
    pub weight: f64,
    /// `[height, width, channels]`.
    pub shape: [usize; 3],
}

/// What an error costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LossWeights {
    /// The same in every column if it is the same share of the column's range: the figure of merit of the report.
    #[default]
    Range,
    /// The same in every feature, however the normalisation stretched it.
    Feature,
    /// The same if it is the same share of the value.
    Relative,
}

/// The step size over time, as a factor on `learning_rate`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Schedule {
    /// The curve after the warm-up.
    pub kind: ScheduleKind,
    /// Epochs (or a part of one) in which the factor rises from 0 to 1.
    pub warmup: f64,
    /// With `step`: epochs between two steps.
    pub step_epochs: usize,
    /// With `step`: what each step multiplies by.
    pub step_factor: f64,
}

/// The curve of a [`Schedule`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleKind {
    /// Half a cosine from 1 to 0.
    #[default]
    Cosine,
    /// Falls by `step_factor` every `step_epochs`.
    Step,
    /// 1 throughout.
    Constant,
}

impl Default for Schedule {
    fn default() -> Self {
        Schedule { kind: ScheduleKind::Cosine, warmup: 0.0, step_epochs: 10, step_factor: 0.5 }
    }
}

impl Schedule {
    /// The factor at `epoch` (with the part that is done) of `epochs`.
    pub fn factor(&self, epoch: f64, epochs: f64) -> f64 {
        if epoch < self.warmup {
            return epoch / self.warmup;
        }
        match self.kind {
            ScheduleKind::Constant => 1.0,
            ScheduleKind::Step => self.step_factor.powf((epoch / self.step_epochs.max(1) as f64).floor()),
            ScheduleKind::Cosine => {
                let done = (epoch - self.warmup) / (epochs - self.warmup).max(f64::MIN_POSITIVE);
                0.5 * (1.0 + (std::f64::consts::PI * done).cos())
            }
        }
    }
}

fn is_zero(v: &f64) -> bool {
    *v == 0.0
}

impl Default for TrainOptions {
    fn default() -> Self {
        TrainOptions {
            latent: 8,
            hidden: vec![32],
            decoder_hidden: vec![64, 64],
            linear_path: true,
            conv: None,
            set: None,
            transformer: None,
            epochs: 30,
            widths: WidthOptions::default(),
            qat_epochs: 10,
            batch: 512,
            learning_rate: 2e-3,
            qat_rate: 0.25,
            rate_price: 0.0,
            schedule: Schedule::default(),
            loss: LossWeights::default(),
            weight_floor: 0.2,
            huber: 0.0,
            image_loss: None,
            sliced_wasserstein: 0.0,
            variational: 0.0,
            weight_decay: 0.0,
            noise: 0.0,
            latent_activation: Activation::None,
            decoder_activation: Activation::Smooth,
            checkpoint_every: 5,
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
            stride: self.stride,
            pad: [h / 2, w / 2, h - h / 2, w - w / 2],
            filters: self.filters,
        }
    }
}

impl TrainOptions {
    /// Weights that training can hold in the memory of an ordinary machine, with the optimiser's state.
    pub const MAX_WEIGHTS: usize = 100_000_000;

    /// Checks that the options describe a network on `n_features` features.
    ///
    /// # Errors
    /// [`Code::Recipe`] or [`Code::ModelShape`], naming the option.
    pub fn check(&self, n_features: usize) -> Result<()> {
        let wrong = |what: String, hint: &str| Err(Error::new(Code::Recipe, what).hint(hint));
        if let Some(transformer) = &self.transformer {
            transformer.check(self, n_features)?;
        }
        if self.latent == 0 || self.latent > n_features {
            return wrong(
                format!("`latent` is {}, the rows have {n_features} features", self.latent),
                "use at least 1 and at most the number of features",
            );
        }
        if self.hidden.iter().chain(&self.decoder_hidden).any(|n| *n == 0) {
            return wrong("a hidden layer has size 0".into(), "leave the layer out instead");
        }
        let weights =
            |sizes: &[usize]| sizes.windows(2).fold(0usize, |n, w| n.saturating_add(w[0].saturating_mul(w[1])));
        let encoder = [&[n_features], self.hidden.as_slice(), &[self.latent]].concat();
        let decoder = [&[self.latent], self.decoder_hidden.as_slice(), &[n_features]].concat();
        let needed = weights(&encoder).saturating_add(weights(&decoder));
        if needed > Self::MAX_WEIGHTS {
            return wrong(
                format!("the network would have {needed} weights, at most {} fit", Self::MAX_WEIGHTS),
                "use smaller `hidden` and `decoder_hidden` layers",
            );
        }
        if self.batch == 0 {
            return wrong("`batch` is 0".into(), "512 is a good start");
        }
        if !(self.learning_rate.is_finite() && self.learning_rate > 0.0) {
            return wrong(format!("`learning_rate` is {}", self.learning_rate), "0.002 is a good start");
        }
        let fractions = [("weight_floor", self.weight_floor), ("qat_rate", self.qat_rate)];
        if let Some((name, value)) = fractions.iter().find(|(_, v)| !(0.0..=1.0).contains(v)) {
            return wrong(format!("`{name}` is {value}"), "use a share from 0 to 1");
        }
        let positive = [
            ("weight_decay", self.weight_decay),
            ("noise", self.noise),
            ("huber", self.huber),
            ("rate_price", self.rate_price),
            ("sliced_wasserstein", self.sliced_wasserstein),
            ("variational", self.variational),
            ("image_loss.weight", self.image_loss.as_ref().map_or(0.0, |l| l.weight)),
            ("schedule.warmup", self.schedule.warmup),
            ("schedule.step_factor", self.schedule.step_factor),
        ];
        if let Some((name, value)) = positive.iter().find(|(_, v)| !(v.is_finite() && *v >= 0.0)) {
            return wrong(format!("`{name}` is {value}"), "use 0 or a positive number");
        }
        if self.schedule.kind == ScheduleKind::Step && self.schedule.step_epochs == 0 {
            return wrong("`schedule.step_epochs` is 0".into(), "say after how many epochs the step size falls");
        }
        if self.decoder_activation == Activation::None {
            return wrong("`decoder_activation` is `none`".into(), "use `smooth` or `relu`");
        }
        if self.latent_activation == Activation::Smooth {
            return wrong("`latent_activation` is `smooth`".into(), "firmware has `none` and `relu`");
        }
        if self.latent_activation == Activation::Relu && self.linear_path {
            return wrong(
                "`latent_activation` is `relu` and there is a linear path".into(),
                "set `linear_path = false`: principal components are negative as often as not",
            );
        }
        if let Some(ImageLoss { shape, .. }) = &self.image_loss {
            let elements = shape.iter().fold(1usize, |n, s| n.saturating_mul(*s));
            if elements == 0 || elements > n_features {
                return wrong(
                    format!(
                        "`image_loss.shape` {shape:?} has {elements} elements, the rows have {n_features} features"
                    ),
                    "[height, width, channels] of the image that the first features form",
                );
            }
        }
        if self.rate_price > 0.0 && self.widths.epochs + self.qat_epochs == 0 {
            return wrong(
                "`rate_price` is asked for in phases that have no epochs".into(),
                "set `widths.epochs` or `qat_epochs`",
            );
        }
        self.widths.check()?;
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
        if let Some(set) = &self.set {
            if self.conv.is_some() || self.linear_path {
                return wrong(
                    "`set` stands beside a convolution or a linear path, which know the order of its members".into(),
                    "leave `conv` out and set `linear_path = false`",
                );
            }
            if set.members == 0 || !n_features.is_multiple_of(set.members) {
                return wrong(
                    format!("{n_features} features are not those of {} members each", set.members),
                    "`set.members` divides the number of features; zero flags count as features",
                );
            }
            if set.layers.is_empty() || set.layers.contains(&0) {
                return wrong("`set.layers` has no layer, or one of size 0".into(), "use for example [16, 8]");
            }
            let largest = set.layers.iter().max().copied().unwrap_or(0).max(n_features / set.members);
            if largest.saturating_mul(largest).saturating_mul(set.members) > Self::MAX_WEIGHTS {
                return wrong(format!("`set.layers` has a layer of {largest}"), "use smaller layers");
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_starts_at_its_warm_up_and_ends_at_its_curve() {
        let cosine = Schedule { warmup: 2.0, ..Schedule::default() };
        assert_eq!([0.0, 1.0, 2.0].map(|e| cosine.factor(e, 10.0)), [0.0, 0.5, 1.0]);
        assert!((cosine.factor(6.0, 10.0) - 0.5).abs() < 1e-12 && cosine.factor(10.0, 10.0) < 1e-12);
        let step = Schedule { kind: ScheduleKind::Step, step_epochs: 3, step_factor: 0.1, ..Schedule::default() };
        assert_eq!([2.9, 3.0, 6.5].map(|e| step.factor(e, 10.0)), [1.0, 0.1, 0.1 * 0.1]);
    }
}

//! What bits may cost while their number is trained, and how prices follow a budget.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Code, Error, Result};

/// Training of bit widths: the table `[train.widths]` of a recipe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WidthOptions {
    /// Passes over the training rows with widths as parameters; 0 keeps those that calibration chose.
    pub epochs: usize,
    /// What a bit of an adder may cost, as a share of the loss of principal components with as many latents: at 1e-5 the
    /// encoder is precise and large, at 1e-3 small and coarse.
    pub adder_price: f64,
    /// What a bit of a latent may cost, likewise.
    pub latent_price: f64,
    /// What the encoder may take; prices follow from it.
    #[serde(skip_serializing_if = "Budget::is_empty")]
    pub budget: Budget,
}

/// What an encoder may take at most, by the compiler's estimates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Budget {
    /// Lookup tables of `hardware.target`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lut: Option<u64>,
    /// From the first input to the last output, at `hardware.clock_mhz`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_ns: Option<f64>,
    /// Sum of the widths of all latents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latent_bits: Option<u64>,
}

/// What the compiler makes of an encoder.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hardware {
    /// Lookup tables.
    pub lut: f64,
    /// From input to output.
    pub latency_ns: f64,
}

/// What bits cost now, as shares of the loss of principal components.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Prices {
    pub(super) adder_bit: f64,
    pub(super) latent_bit: f64,
}

/// Prices are low until this share of the epochs, then rise (by themselves, or as far as a budget takes) until the second.
/// From the third on widths stay as they are, so that weights find their place on them.
const RISING: f64 = 0.2;
const RISEN: f64 = 0.5;
const SETTLED: f64 = 0.8;
const LOW_PRICE: f64 = 1.0 / 30.0;
/// How often a budget is looked at in a training.
const LOOKS: usize = 50;
/// A budget is aimed at with so much to spare, as fine-tuning and the last look differ.
const AIM: f64 = 0.94;
/// How strongly a price follows changes of what is too much, and what is too much; both are logarithms.
const BY_CHANGE: f64 = 2.0;
const BY_EXCESS: f64 = 1.0;
/// By how much it changes at once.
const MOST_CHANGE: f64 = 1.0;

impl Default for WidthOptions {
    fn default() -> Self {
        WidthOptions { epochs: 0, adder_price: 1e-4, latent_price: 3e-3, budget: Budget::default() }
    }
}

impl WidthOptions {
    /// Whether it is left out of a recipe that is written.
    pub(super) fn is_default(&self) -> bool {
        *self == WidthOptions::default()
    }

    /// # Errors
    /// [`Code::Recipe`], naming the option.
    pub(super) fn check(&self) -> Result<()> {
        for (name, value) in [("adder_price", self.adder_price), ("latent_price", self.latent_price)] {
            if !(0.0..=1.0).contains(&value) {
                return Err(Error::new(Code::Recipe, format!("`widths.{name}` is {value}"))
                    .hint("use a share of the loss of principal components, for example 1e-4"));
            }
        }
        let Budget { lut, latency_ns, latent_bits } = self.budget;
        let sound = lut != Some(0) && latent_bits != Some(0) && latency_ns.is_none_or(|ns| ns.is_finite() && ns > 0.0);
        if !sound {
            return Err(Error::new(Code::Recipe, "`widths.budget` leaves nothing")
                .hint("use positive numbers, for example { lut = 3000, latency_ns = 50 }"));
        }
        if self.epochs == 0 && !self.budget.is_empty() {
            return Err(Error::new(Code::Recipe, "`widths.budget` has no epochs to be met in")
                .hint("set `widths.epochs`, for example to 100"));
        }
        if self.budget.prices_adders() && self.adder_price == 0.0 || latent_bits.is_some() && self.latent_price == 0.0 {
            return Err(Error::new(Code::Recipe, "`widths.budget` limits what has a price of 0")
                .hint("leave the price out: it is only where the search begins"));
        }
        Ok(())
    }

    /// Epochs between two looks at the budget.
    fn look(&self) -> usize {
        (self.epochs / LOOKS).max(1)
    }
}

impl Budget {
    /// Whether nothing is limited.
    pub fn is_empty(&self) -> bool {
        *self == Budget::default()
    }

    fn prices_adders(&self) -> bool {
        self.lut.is_some() || self.latency_ns.is_some()
    }

    /// How many times too much an encoder takes of adders, and of latents; nothing where there is no limit.
    pub(super) fn excess(&self, hardware: Hardware, latent_bits: f64) -> [Option<f64>; 2] {
        let lut = self.lut.map(|most| hardware.lut / most as f64);
        let latency = self.latency_ns.map(|most| hardware.latency_ns / most);
        [lut.into_iter().chain(latency).reduce(f64::max), self.latent_bits.map(|most| latent_bits / most as f64)]
    }
}

/// Prices in the course of a training. Stored as bits: what a training goes on with is what it stopped with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Bits", into = "Bits")]
pub(super) struct Course {
    prices: Prices,
    /// How much too much it was at the first look, of adders and of latents, as logarithms.
    first: Option<[f64; 2]>,
    /// And at the last one, beyond what it should have been.
    error: Option<[f64; 2]>,
}

/// Of the two prices, `first` and `error`.
type Bits = ([u64; 2], Option<[u64; 2]>, Option<[u64; 2]>);

impl From<Bits> for Course {
    fn from((prices, first, error): Bits) -> Self {
        let [adder_bit, latent_bit] = prices.map(f64::from_bits);
        let floats = |bits: [u64; 2]| bits.map(f64::from_bits);
        Course { prices: Prices { adder_bit, latent_bit }, first: first.map(floats), error: error.map(floats) }
    }
}

impl From<Course> for Bits {
    fn from(course: Course) -> Self {
        let Prices { adder_bit, latent_bit } = course.prices;
        let bits = |floats: [f64; 2]| floats.map(f64::to_bits);
        (bits([adder_bit, latent_bit]), course.first.map(bits), course.error.map(bits))
    }
}

impl Course {
    pub(super) fn new(options: &WidthOptions) -> Self {
        Course {
            prices: Prices { adder_bit: options.adder_price, latent_bit: options.latent_price },
            ..Course::default()
        }
    }

    /// Prices when the share `done` of a training is done.
    pub(super) fn at(&self, options: &WidthOptions, done: f64) -> Prices {
        let ramp = |limited: bool| if limited { LOW_PRICE } else { ramp(done) };
        Prices {
            adder_bit: self.prices.adder_bit * ramp(options.budget.prices_adders()),
            latent_bit: self.prices.latent_bit * ramp(options.budget.latent_bits.is_some()),
        }
    }

    /// Whether the budget is looked at before epoch `epoch` (from 0).
    pub(super) fn looks(&self, options: &WidthOptions, epoch: usize) -> bool {
        let done = epoch as f64 / options.epochs as f64;
        !options.budget.is_empty() && epoch.is_multiple_of(options.look()) && done >= RISING && !settled(done)
    }

    /// Follows the budget: what is too much shall shrink evenly, from what it was at first to nothing when prices have risen.
    pub(super) fn follow(&mut self, done: f64, excess: [Option<f64>; 2]) {
        let too_much = excess.map(|e| e.map_or(0.0, |e| (e / AIM).max(1e-6).ln()));
        let first = *self.first.get_or_insert(too_much);
        let left = ((RISEN - done) / (RISEN - RISING)).clamp(0.0, 1.0);
        let error = [0, 1].map(|k| too_much[k] - first[k] * left);
        let before = self.error.replace(error).unwrap_or(error);
        for (k, price) in [&mut self.prices.adder_bit, &mut self.prices.latent_bit].into_iter().enumerate() {
            if excess[k].is_some() {
                let change = BY_CHANGE * (error[k] - before[k]) + BY_EXCESS * error[k];
                // A price of 0 could never come back.
                *price = (*price * change.clamp(-MOST_CHANGE, MOST_CHANGE).exp()).clamp(1e-9, 1e3);
            }
        }
    }
}

/// How far prices have risen when the share `done` of a training is done.
pub(super) fn ramp(done: f64) -> f64 {
    LOW_PRICE.powf(((RISEN - done) / (RISEN - RISING)).clamp(0.0, 1.0))
}

/// Whether widths stay as they are when the share `done` of a training is done.
pub(super) fn settled(done: f64) -> bool {
    done >= SETTLED
}

//! Formats from data: for every tensor the finest power-of-two step at which the observed extremes still fit.

use ndarray::Array2;
use rayon::prelude::*;

use super::options::{Granularity, LatentSteps, QuantizeOptions};
use crate::error::{Code, Error, Result};
use crate::fixed::{Overflow, QFormat};
use crate::model::plan::LayerPlan;
use crate::model::{Activation, Granular, Layer, Network, QuantPlan};

/// Finest and coarsest step that calibration chooses, as fraction bits: beyond it numbers are as good as zero, and two
/// such formats would need an absurd accumulator.
const MAX_FRAC: i32 = 24;

/// Bits that a bias can still grow by, for training after calibration.
const BIAS_HEADROOM: u32 = 3;

/// Narrowest and widest bias. A bias costs constants, not adders: no reason to be mean.
const BIAS_BITS: (u32, u32) = (16, 32);

/// Smallest and largest value seen; zero is always seen.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Range {
    min: f64,
    max: f64,
}

impl Range {
    fn with(self, value: f64) -> Range {
        Range { min: self.min.min(value), max: self.max.max(value) }
    }

    fn union(self, other: Range) -> Range {
        self.with(other.min).with(other.max)
    }

    fn of(values: impl IntoIterator<Item = f32>) -> Range {
        values.into_iter().fold(Range::default(), |range, v| range.with(f64::from(v)))
    }

    fn grown(self, factor: f64) -> Range {
        Range { min: self.min * factor, max: self.max * factor }
    }

    /// The narrowest format with `frac` fraction bits that holds the range after rounding to nearest; at most `most` bits,
    /// with a coarser step if need be.
    fn narrowest(self, frac: i32, most: u32, signed: bool) -> QFormat {
        (2..most).map(|w| self.format(w, signed)).find(|f| f.frac >= frac).map_or_else(
            || QFormat { frac: frac.min(self.format(most, signed).frac), ..self.format(most, signed) },
            |f| QFormat { frac, ..f },
        )
    }

    /// The format of `width` bits with the finest step that holds the range after rounding to nearest.
    fn format(self, width: u32, signed: bool) -> QFormat {
        let at = |frac| QFormat { signed, width, frac };
        if self == Range::default() {
            // Nothing was seen: numbers below one.
            return at(width as i32 - i32::from(signed));
        }
        let fits = |&f: &QFormat| {
            let (low, high) = ((self.min / f.step()).round_ties_even(), (self.max / f.step()).round_ties_even());
            low >= f.min() as f64 && high <= f.max() as f64
        };
        (-MAX_FRAC..=MAX_FRAC).rev().map(at).find(fits).unwrap_or(at(-MAX_FRAC))
    }
}

/// Chooses formats for an encoder from data.
///
/// Inputs and outputs are signed where negative values occur; a layer with ReLU is unsigned, weights are signed.
///
/// * `features`: `[rows, n_in]`, the more typical the better
/// * `zero_flags`: how many of the last inputs are flags of 0 or 1; they get `ufixed<1,1>`
/// * `gains`: what an error in each latent costs, for [`LatentSteps::EqualError`]; without it all cost the same
///
/// # Errors
/// [`Code::Recipe`] for impossible options, [`Code::DataShape`] or [`Code::NotFinite`] for features that do not fit,
/// [`Code::Unsupported`] for an activation without an integer form.
pub fn calibrate(
    encoder: &Network,
    features: &Array2<f32>,
    zero_flags: usize,
    gains: Option<&[f64]>,
    options: &QuantizeOptions,
) -> Result<QuantPlan> {
    options.check()?;
    encoder.check()?;
    check_features(encoder, features, zero_flags)?;
    let ranges = observe(encoder, features);

    let headroom = if options.overflow == Overflow::Wrap { 2.0 * options.headroom } else { options.headroom };
    let mut formats = Vec::with_capacity(encoder.layers.len() + 1);
    let n_values = encoder.n_in - zero_flags;
    let mut input = shared(&ranges[0][..n_values], options.activations, options.input_bits, options.headroom, None);
    if zero_flags > 0 {
        let values = (0..n_values).map(|i| input.channel(i));
        let flags = std::iter::repeat_n(QFormat::unsigned(1, 0), zero_flags);
        input = Granular::PerChannel(values.chain(flags).collect());
    }
    formats.push((0..encoder.n_in).map(|i| input.channel(i)).collect::<Vec<_>>());

    let mut layers = Vec::with_capacity(encoder.layers.len());
    for (i, layer) in encoder.layers.iter().enumerate() {
        let last = i + 1 == encoder.layers.len();
        let bits = if last { options.latent_bits } else { options.activation_bits };
        let signed = match layer.activation {
            Activation::Relu => Some(false),
            Activation::None => None,
            Activation::Smooth => {
                return Err(Error::new(
                    Code::Unsupported,
                    format!("layer `{}`: `smooth` has no integer form", layer.name),
                )
                .hint("use `relu` or `none` in an encoder"));
            }
        };
        let rows = layer.op.weights().0.len();
        let seen = by_row(&ranges[i + 1], rows);
        let output = if last && options.latent_steps == LatentSteps::EqualError {
            let ones = vec![1.0; rows];
            let gains = gains.filter(|g| g.len() == rows).unwrap_or(&ones);
            Granular::PerChannel(equal_error(&seen, gains, bits, headroom, signed))
        } else {
            shared(&seen, if last { Granularity::PerChannel } else { options.activations }, bits, headroom, signed)
        };
        let weight = weight_formats(layer, options);
        let input_frac = layer
            .inputs
            .iter()
            .flat_map(|name| &formats[encoder.tensor_index(name)])
            .map(|f| f.frac)
            .max()
            .unwrap_or(0);
        let bias = bias_formats(layer, &weight, input_frac);
        formats.push((0..layer.op.n_out()).map(|o| output.channel(o % rows)).collect());
        layers.push(LayerPlan { weight, bias, output, rounding: options.rounding, overflow: options.overflow });
    }
    Ok(QuantPlan { input, layers })
}

fn check_features(encoder: &Network, features: &Array2<f32>, zero_flags: usize) -> Result<()> {
    if encoder.layers.is_empty() {
        return Err(Error::new(Code::ModelShape, "the encoder has no layers"));
    }
    if features.ncols() != encoder.n_in || features.nrows() == 0 || zero_flags > encoder.n_in {
        return Err(Error::new(
            Code::DataShape,
            format!(
                "{} rows of {} features with {zero_flags} zero flags cannot calibrate an encoder of {} inputs",
                features.nrows(),
                features.ncols(),
                encoder.n_in
            ),
        ));
    }
    match features.indexed_iter().find(|(_, v)| !v.is_finite()) {
        Some(((row, column), v)) => Err(Error::new(Code::NotFinite, format!("feature {column} of row {row} is {v}"))),
        None => Ok(()),
    }
}

/// Ranges of the elements of all tensors, `x` first. Minimum and maximum do not depend on the order of rows.
fn observe(encoder: &Network, features: &Array2<f32>) -> Vec<Vec<Range>> {
    let lengths = std::iter::once(encoder.n_in).chain(encoder.layers.iter().map(|l| l.op.n_out()));
    let nothing: Vec<Vec<Range>> = lengths.map(|n| vec![Range::default(); n]).collect();
    (0..features.nrows())
        .into_par_iter()
        .with_min_len(64)
        .fold(
            || nothing.clone(),
            |mut ranges, row| {
                let tensors = encoder.forward_all(&features.row(row).to_vec());
                for (range, v) in ranges.iter_mut().flatten().zip(tensors.into_iter().flatten()) {
                    *range = range.with(f64::from(v));
                }
                ranges
            },
        )
        .reduce(
            || nothing.clone(),
            |mut a, b| {
                a.iter_mut().flatten().zip(b.into_iter().flatten()).for_each(|(x, y)| *x = x.union(y));
                a
            },
        )
}

/// Elements of one filter share a format, wherever in the image they are.
fn by_row(elements: &[Range], rows: usize) -> Vec<Range> {
    let row = |r| elements.iter().skip(r).step_by(rows).fold(Range::default(), |all, e| all.union(*e));
    (0..rows).map(row).collect()
}

/// Formats of a vector for `headroom` times what was seen; `signed` is `None` where the data decide.
fn shared(
    ranges: &[Range],
    granularity: Granularity,
    width: u32,
    headroom: f64,
    signed: Option<bool>,
) -> Granular<QFormat> {
    let format = |range: Range| range.grown(headroom).format(width, signed.unwrap_or(range.min < 0.0));
    if granularity == Granularity::PerTensor {
        return Granular::PerTensor(format(ranges.iter().fold(Range::default(), |all, r| all.union(*r))));
    }
    Granular::PerChannel(ranges.iter().map(|r| format(*r)).collect())
}

/// Formats of latents, each with the power of two as step that comes closest to the same cost.
fn equal_error(ranges: &[Range], gains: &[f64], width: u32, headroom: f64, signed: Option<bool>) -> Vec<QFormat> {
    let ranges: Vec<Range> = ranges.iter().map(|r| r.grown(headroom)).collect();
    let signed = |r: &Range| signed.unwrap_or(r.min < 0.0);
    // The latent with the longest way to go, counted in cost, sets the step.
    let costs = ranges.iter().zip(gains).map(|(r, g)| r.format(width, signed(r)).step() * g);
    let cost = costs.fold(0.0f64, f64::max);
    let format = |(r, g): (&Range, &f64)| {
        let frac = if *g > 0.0 && cost > 0.0 { (g / cost).log2().round() } else { f64::from(-MAX_FRAC) };
        r.narrowest(frac.clamp(f64::from(-MAX_FRAC), f64::from(MAX_FRAC)) as i32, width, signed(r))
    };
    ranges.iter().zip(gains).map(format).collect()
}

fn weight_formats(layer: &Layer, options: &QuantizeOptions) -> Granular<QFormat> {
    let (weights, _) = layer.op.weights();
    let bits = options.weight_bits;
    let row_format = |row: &Vec<f32>| Range::of(row.iter().copied()).format(bits, true);
    match options.weights {
        Granularity::PerTensor => Granular::PerTensor(Range::of(weights.iter().flatten().copied()).format(bits, true)),
        Granularity::PerChannel => Granular::PerChannel(weights.iter().map(row_format).collect()),
        Granularity::PerWeight => {
            let formats = |row: &Vec<f32>| {
                // The smallest weights of a row are not worth more bits than its largest one has.
                let coarse = row_format(row);
                let own = |w: &f32| match *w {
                    0.0 => coarse,
                    w => {
                        let frac = Range::of([w]).format(bits, true).frac;
                        QFormat { frac: frac.min(coarse.frac + bits as i32), ..coarse }
                    }
                };
                row.iter().map(own).collect()
            };
            Granular::PerWeight(weights.iter().map(formats).collect())
        }
    }
}

/// Biases at the accumulator's own step where 32 bits hold them, coarser where not; never finer, which would widen the
/// accumulator.
fn bias_formats(layer: &Layer, weight: &Granular<QFormat>, input_frac: i32) -> Granular<QFormat> {
    let (weights, bias) = layer.op.weights();
    let format = |range: Range, weight_frac: i32| {
        let widest = range.format(BIAS_BITS.1 - BIAS_HEADROOM, true);
        let frac = widest.frac.min(input_frac + weight_frac);
        // The narrowest width from the least one up that holds the range and its headroom at this step.
        let fits = |width: &u32| range.format(width - BIAS_HEADROOM, true).frac >= frac;
        let width = (BIAS_BITS.0..=BIAS_BITS.1).find(fits).unwrap_or(BIAS_BITS.1);
        QFormat::signed(width, frac)
    };
    match weight {
        Granular::PerTensor(w) => Granular::PerTensor(format(Range::of(bias.iter().copied()), w.frac)),
        _ => Granular::PerChannel(
            (0..weights.len())
                .map(|row| {
                    let columns = 0..weights[row].len();
                    let finest = columns.map(|c| weight.at(row, c).frac).max().unwrap_or(0);
                    format(Range::of([bias[row]]), finest)
                })
                .collect(),
        ),
    }
}

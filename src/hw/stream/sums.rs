//! A dense layer that adds up positions as they come, each times the weights of its place out of a memory.
//!
//! ```text
//! position ─► values ─┐
//! row, column ─► weights ─► products ─► trees over the channels ─► accumulators ─► bias, activation, requantizer (graph)
//! ```
//!
//! A bank would hold the whole image for it, and its adders all weights. Here every product of a channel and an output is one
//! multiplier, used once for each position. The memory holds weights in digits -1, 0, 1 and 2 of base 4, two bits each: a digit
//! chooses among 0, the value, its double and its complement, one lookup table of four inputs a bit. A complement is one less
//! than the negative; what is missing is the same for every input, so accumulators begin with it.
//!
//! Sums are exact: an accumulator has the bits of the interval of its whole sum, and in between two's complement may wrap. What
//! follows the accumulators is a network of its own, whose first layer has the unit matrix as weights.

use crate::error::Result;
use crate::fixed::QFormat;
use crate::hw::delay::{Delays, Target};
use crate::hw::interval::width_of;
use crate::hw::passes::CompileOptions;
use crate::model::network::INPUT;
use crate::model::{Granular, IntegerLayer, IntegerNetwork, IntegerOp, Outputs};

/// Multipliers, trees and accumulators of a dense layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sums {
    /// Formats of the values of a position.
    pub channels: Vec<QFormat>,
    /// `[position][output][channel]`, at the binary point of the output's accumulator.
    pub weights: Vec<Vec<Vec<i64>>>,
    /// Formats of the accumulators.
    pub accumulators: Vec<QFormat>,
    /// The multipliers of each output; weights that are 0 at every position have none.
    pub products: Vec<Vec<Product>>,
}

/// One multiplier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    /// The channel.
    pub channel: usize,
    /// What each digit of the weight, the lowest first, makes of the value: smallest and largest.
    pub digits: Vec<(i128, i128)>,
}

/// Digits -1, 0, 1 and 2 of base 4, the lowest first.
pub(crate) fn digits(mut weight: i64) -> Vec<i64> {
    let mut digits = Vec::new();
    while weight != 0 {
        let digit = if weight.rem_euclid(4) == 3 { -1 } else { weight.rem_euclid(4) };
        digits.push(digit);
        weight = (weight - digit) / 4;
    }
    digits
}

/// Bits of a range.
pub(crate) fn bits_of((low, high): (i128, i128)) -> u32 {
    width_of(low, high)
}

impl Sums {
    /// Of a layer that reads `formats`, `channels` of them a position; `None` if it is not dense or its numbers are too wide.
    pub(super) fn new(layer: &IntegerLayer, formats: &[QFormat], channels: usize) -> Result<Option<Self>> {
        if layer.op != IntegerOp::Dense {
            return Ok(None);
        }
        let Outputs::Affine(rows) = layer.outputs(formats)? else { return Ok(None) };
        let mut weights = vec![vec![vec![0; channels]; rows.len()]; formats.len() / channels];
        let mut accumulators = Vec::with_capacity(rows.len());
        for (o, row) in rows.iter().enumerate() {
            let (mut low, mut high) = (0i128, 0i128);
            for (i, c) in &row.terms {
                weights[i / channels][o][i % channels] = *c;
                let corners = corners((*c, *c), formats[*i]);
                (low, high) = (low + corners.0, high + corners.1);
            }
            // Signed, whatever the sum: one bit more at most.
            let format = QFormat::signed(width_of(low.min(-1), high), row.frac);
            match format.check() {
                Ok(format) => accumulators.push(format),
                Err(_) => return Ok(None),
            }
        }
        let channels = formats[..channels].to_vec();
        let products = products(&channels, &weights);
        Ok(Some(Sums { channels, weights, accumulators, products }))
    }

    /// The network of accumulators that is left of one whose first layer adds up.
    pub(super) fn network(&self, network: &IntegerNetwork) -> IntegerNetwork {
        let mut layers = network.layers.clone();
        layers[0] = self.finish(&layers[0]);
        IntegerNetwork { n_in: self.accumulators.len(), input: Granular::PerChannel(self.accumulators.clone()), layers }
    }

    /// What the layer does with its accumulators.
    fn finish(&self, layer: &IntegerLayer) -> IntegerLayer {
        let n = self.accumulators.len();
        IntegerLayer {
            inputs: vec![INPUT.to_owned()],
            weights: (0..n).map(|o| (0..n).map(|i| i64::from(i == o)).collect()).collect(),
            weight_format: Granular::PerTensor(QFormat::unsigned(1, 0)),
            ..layer.clone()
        }
    }

    /// What an accumulator begins with: one for each complement, at the place of its digit.
    pub fn begin(&self, output: usize) -> i128 {
        let weights = self.weights.iter().flat_map(|p| p[output].iter());
        let complements = |w: &i64| {
            let places = digits(*w).into_iter().enumerate().filter(|(_, d)| *d == -1);
            places.map(|(k, _)| 1i128 << (2 * k)).sum::<i128>()
        };
        weights.map(complements).sum()
    }

    /// Additions one after the other in the widest tree, each with a register.
    pub fn levels(&self) -> u32 {
        let most = self.products.iter().map(Vec::len).max().unwrap_or(1);
        most.next_power_of_two().trailing_zeros()
    }

    /// Cycles from a position to the accumulators that have it: values and weights, products, levels, accumulators.
    pub fn depth(&self) -> u32 {
        3 + self.levels()
    }

    /// The ranges of a tree, level by level, the products first: two become one until there is one.
    pub(crate) fn tree(&self, products: &[Product]) -> Vec<Vec<(i128, i128)>> {
        let mut levels = vec![products.iter().map(Product::range).collect::<Vec<_>>()];
        for k in 0..self.levels() as usize {
            let sum = |pair: &[(i128, i128)]| pair.iter().fold((0, 0), |s, r| (s.0 + r.0, s.1 + r.1));
            levels.push(levels[k].chunks(2).map(sum).collect());
        }
        levels
    }

    /// Bits of a word of weights.
    pub fn word(&self) -> u32 {
        self.products.iter().flatten().map(Product::weight_bits).sum()
    }

    /// Flip-flops and lookup tables, without those of the counters.
    pub(super) fn cost(&self, lane: u32, target: Target) -> (u64, u64) {
        let products = &self.products;
        let word = u64::from(self.word());
        let mut ff = word + u64::from(lane) * self.channels.len() as u64;
        // Weights of few positions are looked up.
        let entries = 1 << target.delays().inputs;
        let mut lut =
            if self.weights.len() <= 4 * entries { word * self.weights.len().div_ceil(entries) as u64 } else { 0 };
        for row in products {
            lut += row
                .iter()
                .flat_map(|p| p.digits.iter().copied().chain(p.partial().into_iter().skip(1)))
                .map(|r| u64::from(bits_of(r)))
                .sum::<u64>();
            for (k, level) in self.tree(row).iter().enumerate() {
                let bits: u64 = level.iter().map(|r| u64::from(bits_of(*r))).sum();
                ff += bits;
                lut += if k > 0 { bits } else { 0 };
            }
        }
        let accumulators: u64 = self.accumulators.iter().map(|f| u64::from(f.width)).sum();
        (ff + accumulators, lut + accumulators)
    }

    /// Whether each of its steps fits the clock, by the delay model.
    pub(super) fn fits(&self, options: &CompileOptions) -> Result<bool> {
        let (d, period) = (options.target.delays(), options.period()?);
        let products = &self.products;
        let slowest = products.iter().flatten().map(|p| multiplier(&d, p));
        let widest = self.accumulators.iter().map(|f| f.width).max().unwrap_or(1) as i32;
        let add = d.route + d.adder + (widest + 1) * d.carry;
        Ok(slowest.max().unwrap_or(0).max(add) + d.register <= period)
    }
}

impl Product {
    /// Bits of a weight.
    pub fn weight_bits(&self) -> u32 {
        2 * self.digits.len() as u32
    }

    /// Smallest and largest sum of the first digits: one, two, and so on.
    pub(crate) fn partial(&self) -> Vec<(i128, i128)> {
        let mut sum = (0, 0);
        let places = self.digits.iter().enumerate();
        places
            .map(|(k, (low, high))| {
                sum = (sum.0 + (low << (2 * k)), sum.1 + (high << (2 * k)));
                sum
            })
            .collect()
    }

    /// Smallest and largest product, without what the accumulator begins with.
    pub fn range(&self) -> (i128, i128) {
        self.partial().last().copied().unwrap_or((0, 0))
    }
}

/// The multipliers of each output for values of the formats `channels` and weights `[position][output][channel]`.
fn products(channels: &[QFormat], weights: &[Vec<Vec<i64>>]) -> Vec<Vec<Product>> {
    let of = |o: usize, c: usize| {
        let (low, high) = (i128::from(channels[c].min()), i128::from(channels[c].max()));
        let mut made: Vec<(i128, i128)> = Vec::new();
        for (k, digit) in weights.iter().flat_map(|p| digits(p[o][c]).into_iter().enumerate()) {
            let (least, most) = match digit {
                0 => (0, 0),
                -1 => (!high, !low),
                d => (low * i128::from(d), high * i128::from(d)),
            };
            made.resize(made.len().max(k + 1), (0, 0));
            made[k] = (made[k].0.min(least), made[k].1.max(most));
        }
        Product { channel: c, digits: made }
    };
    let row = |o: usize| (0..channels.len()).map(|c| of(o, c)).filter(|p| !p.digits.is_empty()).collect();
    (0..weights.first().map_or(0, Vec::len)).map(row).collect()
}

/// Smallest and largest product of a weight in a range and a number of a format.
fn corners(weight: (i64, i64), format: QFormat) -> (i128, i128) {
    let all = [weight.0, weight.1].map(i128::from);
    let all =
        all.into_iter().flat_map(|w| [w * i128::from(QFormat::min(format)), w * i128::from(QFormat::max(format))]);
    all.fold((i128::MAX, i128::MIN), |(low, high), p| (low.min(p), high.max(p)))
}

/// Through a multiplier: the choice of each digit, then an adder for each digit but one.
fn multiplier(d: &Delays, product: &Product) -> i32 {
    let adders = product.digits.len() as i32 - 1;
    d.route + d.lut + adders * (d.route + d.adder) + (bits_of(product.range()) as i32 + 2 * adders) * d.carry
}

//! A dense layer that adds up positions as they come, each times the weights of its place out of a memory.
//!
//! ```text
//! position ─► values ─┐
//! row, column ─► weights ─► products ─► trees over the channels ─► accumulators ─► bias, activation, requantizer (graph)
//! ```
//!
//! A bank would hold the whole image for it, and its adders all weights. Here every product of a position and an output is one
//! multiplier, used once for each position. Sums are exact: an accumulator has the bits of the interval of its whole sum, and in
//! between two's complement may wrap. What follows the accumulators is a network of its own, whose first layer has the
//! unit matrix as weights.

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
}

/// One multiplier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Product {
    /// The channel.
    pub channel: usize,
    /// Smallest and largest weight.
    pub weight: (i64, i64),
    /// Smallest and largest product.
    pub range: (i128, i128),
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
        Ok(Some(Sums { channels: formats[..channels].to_vec(), weights, accumulators }))
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

    /// The multipliers of each output; weights that are 0 at every position have none.
    pub fn products(&self) -> Vec<Vec<Product>> {
        let of = |o: usize, c: usize| {
            let all = self.weights.iter().map(|p| p[o][c]);
            let weight = all.fold((0, 0), |(low, high), w| (w.min(low), w.max(high)));
            Product { channel: c, weight, range: corners(weight, self.channels[c]) }
        };
        let channels = 0..self.channels.len();
        let row = |o: usize| channels.clone().map(|c| of(o, c)).filter(|p| p.weight != (0, 0)).collect();
        (0..self.accumulators.len()).map(row).collect()
    }

    /// Additions one after the other in the widest tree, each with a register.
    pub fn levels(&self) -> u32 {
        let most = self.products().iter().map(Vec::len).max().unwrap_or(1);
        most.next_power_of_two().trailing_zeros()
    }

    /// Cycles from a position to the accumulators that have it: values and weights, products, levels, accumulators.
    pub fn depth(&self) -> u32 {
        3 + self.levels()
    }

    /// The ranges of a tree, level by level, the products first: two become one until there is one.
    pub(crate) fn tree(&self, products: &[Product]) -> Vec<Vec<(i128, i128)>> {
        let mut levels = vec![products.iter().map(|p| p.range).collect::<Vec<_>>()];
        for k in 0..self.levels() as usize {
            let sum = |pair: &[(i128, i128)]| pair.iter().fold((0, 0), |s, r| (s.0 + r.0, s.1 + r.1));
            levels.push(levels[k].chunks(2).map(sum).collect());
        }
        levels
    }

    /// Bits of a word of weights.
    pub fn word(&self) -> u32 {
        self.products().iter().flatten().map(Product::weight_bits).sum()
    }

    /// Flip-flops and lookup tables, without those of the counters.
    pub(super) fn cost(&self, lane: u32, target: Target) -> (u64, u64) {
        let products = self.products();
        let word = u64::from(self.word());
        let mut ff = word + u64::from(lane) * self.channels.len() as u64;
        // Weights of few positions are looked up.
        let entries = 1 << target.delays().inputs;
        let mut lut =
            if self.weights.len() <= 4 * entries { word * self.weights.len().div_ceil(entries) as u64 } else { 0 };
        for row in &products {
            lut += row.iter().map(|p| u64::from(p.weight_bits() * self.channels[p.channel].width) * 6 / 5).sum::<u64>();
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
        let products = self.products();
        let slowest =
            products.iter().flatten().map(|p| multiplier(&d, p.weight_bits(), self.channels[p.channel].width));
        let widest = self.accumulators.iter().map(|f| f.width).max().unwrap_or(1) as i32;
        let add = d.route + d.adder + (widest + 1) * d.carry;
        Ok(slowest.max().unwrap_or(0).max(add) + d.register <= period)
    }
}

impl Product {
    /// Bits of a weight.
    pub fn weight_bits(&self) -> u32 {
        width_of(self.weight.0.into(), self.weight.1.into())
    }
}

/// Smallest and largest product of a weight in a range and a number of a format.
fn corners(weight: (i64, i64), format: QFormat) -> (i128, i128) {
    let all = [weight.0, weight.1].map(i128::from);
    let all =
        all.into_iter().flat_map(|w| [w * i128::from(QFormat::min(format)), w * i128::from(QFormat::max(format))]);
    all.fold((i128::MAX, i128::MIN), |(low, high), p| (low.min(p), high.max(p)))
}

/// Through a multiplier of lookup tables: rows of products added three to two, then a carry chain.
fn multiplier(d: &Delays, a: u32, b: u32) -> i32 {
    let (mut rows, mut levels) = (a.min(b), 1);
    while rows > 2 {
        rows -= rows / 3;
        levels += 1;
    }
    levels * (d.route + d.lut) + d.route + d.adder + (a + b + 1) as i32 * d.carry
}

//! Bit widths that are trained with the weights: how many bits each weight, each activation and each latent gets.
//!
//! A format has real parameters: fraction bits, and for activations integer bits. Forward they are rounded; the gradient of
//! a rounded number with respect to its fraction bits is that of its rounding error, which halves with each (Sun et al.,
//! HGQ, arXiv:2405.00645), and a number that saturates tells how much one more integer bit would be worth. Against that
//! stands a price: what the compiler will build of it, in bits of adders, and the bits of the latents. A weight that has
//! become smaller than half a step is pruned.

use burn::tensor::{Device, Tensor, TensorData};

use super::fit::read;
use super::prices::Prices;
use crate::fixed::{Overflow, QFormat, Rounding};
use crate::model::plan::LayerPlan;
use crate::model::{Activation, Granular, Network, Op, QuantPlan};

/// Where a tensor's fraction bits are among the parameters of formats (the integer bits come after them), `x` first; those
/// of a layer's weights stand before its output's.
fn at_tensor(tensor: usize) -> usize {
    3 * tensor
}

/// Where the fraction bits of a layer's weights are.
fn at_weights(layer: usize) -> usize {
    at_tensor(layer + 1) - 1
}

/// Fraction and integer bits stay within these.
const MOST_BITS: f32 = 20.0;

/// Bits that a format can move in a training whose rate does not fall; half of that with a cosine. Where weights are trained
/// by small steps, formats would else stay where they began; larger steps than the weights' only shake them.
const REACH: f64 = 4.0;

/// Step size of formats, before the schedule, where weights have theirs and a training has so many steps. At most 0.003: a
/// short training would tear the formats off their weights.
pub(super) fn learning_rate(weights: f64, steps: usize) -> f64 {
    weights.max((REACH / steps as f64).min(3e-3))
}

/// How much harder a price pulls a weight towards 0 than the digits saved are worth. Weights settle where many are 0 and
/// few are large: with 3 in place of 1, an encoder of trigger cells took a fifth fewer adder bits at equal error.
const PULL: f32 = 3.0;

/// What is known of a layer, beside its parameters.
struct Layer {
    /// For each column of the weights, which tensor it reads (0 is the input), and which of its channels.
    columns: Vec<(usize, usize)>,
    /// Rows of the weights, which are channels of the output.
    rows: usize,
    /// How often each weight is built: once, or for each place of a convolution.
    places: usize,
    signed: bool,
}

/// The formats of an encoder as parameters.
pub(super) struct LearnedWidths {
    layers: Vec<Layer>,
    n_in: usize,
    /// Whether the inputs' channels are signed. Those of an image that a convolution reads are fewer than its elements.
    input: Vec<bool>,
}

impl LearnedWidths {
    /// Starts at the formats of `plan`; gives the parameters and their shapes too.
    pub(super) fn new(plan: &QuantPlan, network: &Network) -> (Self, Vec<(Vec<f32>, [usize; 2])>) {
        let n_in = network.n_in;
        let channels = input_channels(network);
        let whole = |f: QFormat| f.width as f32 - f.frac as f32 - f32::from(u8::from(f.signed));
        let input: Vec<QFormat> = (0..channels)
            .map(|c| {
                let same = (c..n_in).step_by(channels).map(|i| plan.input.channel(i));
                // The widest range, the finest step.
                same.reduce(|a, b| {
                    let (frac, top) = (a.frac.max(b.frac), whole(a).max(whole(b)));
                    let signed = a.signed || b.signed;
                    QFormat { signed, frac, width: (top as i32 + frac + i32::from(signed)).max(1) as u32 }
                })
                .expect("each channel has an element")
            })
            .collect();
        let mut parameters = vec![
            (input.iter().map(|f| f.frac as f32).collect::<Vec<_>>(), [1, channels]),
            (input.iter().map(|f| whole(*f)).collect(), [1, channels]),
        ];
        let mut layers = Vec::new();
        for (layer, formats) in network.layers.iter().zip(&plan.layers) {
            let (weights, _) = layer.op.weights();
            let (rows, taps) = (weights.len(), weights.first().map_or(0, Vec::len));
            let elements: Vec<(usize, usize)> = (layer.inputs.iter())
                .flat_map(|name| {
                    let t = network.tensor_index(name);
                    let (n, channels) = match t {
                        0 => (n_in, channels),
                        t => (network.layers[t - 1].op.n_out(), network.layers[t - 1].op.weights().0.len()),
                    };
                    (0..n).map(move |e| (t, e % channels))
                })
                .collect();
            let (columns, places) = match &layer.op {
                Op::Dense { .. } => (elements, 1),
                Op::Conv2d { geometry, .. } => {
                    let depth = geometry.in_shape[2];
                    ((0..taps).map(|c| elements[c % depth]).collect(), geometry.patches().len())
                }
            };
            // Weights start as fine as their row's.
            let fracs = (0..taps).flat_map(|c| (0..rows).map(move |r| formats.weight.at(r, c).frac as f32)).collect();
            let outputs: Vec<QFormat> = (0..rows).map(|r| formats.output.channel(r)).collect();
            parameters.push((fracs, [taps, rows]));
            parameters.push((outputs.iter().map(|f| f.frac as f32).collect(), [1, rows]));
            parameters.push((outputs.iter().map(|f| whole(*f)).collect(), [1, rows]));
            let signed = layer.activation != Activation::Relu;
            layers.push(Layer { columns, rows, places, signed });
        }
        let input = input.into_iter().map(|f| f.signed).collect();
        (LearnedWidths { layers, n_in, input }, parameters)
    }

    /// The input on its grid.
    pub(super) fn input(&self, formats: &[Tensor<2>], x: Tensor<2>) -> Tensor<2> {
        let channels = self.input.len();
        on_grid(formats, 0, self.n_in / channels, x, &|i| self.input[i % channels])
    }

    /// The weights of a layer on their grids.
    pub(super) fn weight(&self, formats: &[Tensor<2>], layer: usize, w: Tensor<2>) -> Tensor<2> {
        rounded(w, &formats[at_weights(layer)])
    }

    /// The outputs of a layer on their grids.
    pub(super) fn output(&self, formats: &[Tensor<2>], layer: usize, y: Tensor<2>) -> Tensor<2> {
        let Layer { rows, signed, .. } = self.layers[layer];
        let positions = y.dims()[1] / rows;
        on_grid(formats, layer + 1, positions, y, &|_| signed)
    }

    /// Which of the formats' parameters are the fraction bits of the latents, one a channel.
    pub(super) fn latent_fracs(&self) -> usize {
        at_tensor(self.layers.len())
    }

    /// Bits of each channel of each tensor, `x` first, as real numbers.
    fn widths(&self, formats: &[Vec<f32>]) -> Vec<Vec<f32>> {
        let width = |tensor: usize, channel: usize, signed: bool| {
            let (frac, whole) = (formats[at_tensor(tensor)][channel], formats[at_tensor(tensor) + 1][channel]);
            (frac + whole + f32::from(u8::from(signed))).max(0.0)
        };
        let input = self.input.iter().enumerate().map(|(c, signed)| width(0, c, *signed)).collect();
        let outputs =
            self.layers.iter().enumerate().map(|(i, l)| (0..l.rows).map(|r| width(i + 1, r, l.signed)).collect());
        std::iter::once(input).chain(outputs).collect()
    }

    /// Adds to the gradients of weights and formats what they cost: each signed digit of a weight an adder, a little wider
    /// than the number that it multiplies; each bit of a latent itself.
    ///
    /// * `weights`: of the encoder, weights and biases alternating
    pub(super) fn charge(
        &self,
        weights: &[Vec<f32>],
        formats: &[Vec<f32>],
        prices: Prices,
        of_weights: &mut [Option<Vec<f32>>],
        of_formats: &mut [Vec<f32>],
    ) {
        let widths = self.widths(formats);
        let last = self.layers.len();
        let mut by_width: Vec<Vec<f32>> = widths.iter().map(|w| vec![0.0; w.len()]).collect();
        by_width[last].fill(prices.latent_bit as f32);
        for (i, layer) in self.layers.iter().enumerate() {
            // What is not trained keeps its formats.
            if of_weights[2 * i].is_none() {
                continue;
            }
            let fracs = &formats[at_weights(i)];
            let price = prices.adder_bit as f32 * layer.places as f32;
            for (c, (tensor, channel)) in layer.columns.iter().enumerate() {
                let width = widths[*tensor][*channel];
                for r in 0..layer.rows {
                    let at = c * layer.rows + r;
                    let (w, step) = (weights[2 * i][at], (-fracs[at].round()).exp2());
                    let size = (w / step).abs();
                    if size <= 0.5 || width == 0.0 {
                        continue;
                    }
                    let bits = (w.abs().log2() + fracs[at] + 1.0).max(0.0);
                    let (digits, slope) = digits(bits);
                    of_formats[at_weights(i)][at] += price * slope * (width + 2.0);
                    by_width[*tensor][*channel] += price * digits;
                    if let Some(gradient) = &mut of_weights[2 * i] {
                        gradient[at] += PULL * price * slope * (width + 2.0) / (std::f32::consts::LN_2 * w);
                    }
                }
            }
        }
        for (tensor, slopes) in by_width.iter().enumerate() {
            for (channel, slope) in slopes.iter().enumerate().filter(|(c, _)| widths[tensor][*c] > 0.0) {
                of_formats[at_tensor(tensor)][channel] += slope;
                of_formats[at_tensor(tensor) + 1][channel] += slope;
            }
        }
    }

    /// The formats as they are now, rounded. Weights of what is never anything but 0, and those too small to count, become 0.
    pub(super) fn plan(&self, weights: &mut [Vec<f32>], formats: &[Vec<f32>]) -> QuantPlan {
        let round = |v: f32| v.round() as i32;
        // A format, and whether it holds nothing but 0.
        let channel = |tensor: usize, channel: usize, signed: bool| {
            let (frac, whole) =
                (round(formats[at_tensor(tensor)][channel]), round(formats[at_tensor(tensor) + 1][channel]));
            let width = whole + frac + i32::from(signed);
            (QFormat { signed, width: width.max(1) as u32, frac }, width <= 0)
        };
        let input = self.input.iter().enumerate().map(|(c, signed)| channel(0, c, *signed));
        let mut tensors: Vec<Vec<(QFormat, bool)>> = vec![input.collect()];
        let mut layers = Vec::new();
        for (i, layer) in self.layers.iter().enumerate() {
            let out: Vec<(QFormat, bool)> = (0..layer.rows).map(|r| channel(i + 1, r, layer.signed)).collect();
            for (r, _) in out.iter().enumerate().filter(|(_, (_, dead))| *dead) {
                weights[2 * i].iter_mut().skip(r).step_by(layer.rows).for_each(|w| *w = 0.0);
                weights[2 * i + 1][r] = 0.0;
            }
            let fracs = &formats[at_weights(i)];
            let mut own = vec![vec![QFormat::signed(2, 0); layer.columns.len()]; layer.rows];
            let mut finest = i32::MIN;
            for (c, (tensor, channel)) in layer.columns.iter().enumerate() {
                let (input, dead) = tensors[*tensor][*channel];
                for r in 0..layer.rows {
                    let at = c * layer.rows + r;
                    let frac = round(fracs[at]);
                    let number = (weights[2 * i][at] * (frac as f32).exp2()).round_ties_even();
                    if dead || number == 0.0 {
                        weights[2 * i][at] = 0.0;
                        continue;
                    }
                    let size = number.abs() as u32;
                    // Trailing zeros are no bits.
                    let zeros = size.trailing_zeros();
                    own[r][c] = QFormat::signed((size >> zeros).ilog2() + 2, frac - zeros as i32);
                    finest = finest.max(own[r][c].frac + input.frac);
                }
            }
            let output = Granular::PerChannel(out.iter().map(|o| o.0).collect());
            tensors.push(out);
            layers.push(LayerPlan {
                weight: Granular::PerWeight(own),
                bias: Granular::PerChannel(weights[2 * i + 1].iter().map(|b| bias(*b, finest)).collect()),
                output,
                rounding: Rounding::Truncate,
                overflow: Overflow::Saturate,
            });
        }
        let input = tensors.swap_remove(0);
        let input = Granular::PerChannel((0..self.n_in).map(|i| input[i % input.len()].0).collect());
        QuantPlan { input, layers }
    }
}

/// The format of a bias in an accumulator of so many fraction bits, with room to move.
fn bias(value: f32, finest: i32) -> QFormat {
    let frac = finest.clamp(0, 24);
    let width = (f64::from(value.abs()) * f64::from(frac).exp2() + 1.0).log2().ceil() as u32 + 4;
    QFormat::signed(width.clamp(8, 40), frac)
}

/// Signed digits that a number of so many bits takes on average, and how that grows: 1 for one bit, 3/2 for two, 7/4 for
/// three, then a third of a digit a bit.
fn digits(bits: f32) -> (f32, f32) {
    match bits {
        ..1.0 => (bits, 1.0),
        1.0..2.0 => (0.5 + 0.5 * bits, 0.5),
        2.0..3.0 => (1.0 + 0.25 * bits, 0.25),
        _ => (0.75 + bits / 3.0, 1.0 / 3.0),
    }
}

/// Moves parameters of formats back into what is possible.
pub(super) fn limit(formats: &mut [Vec<f32>]) {
    formats.iter_mut().flatten().for_each(|b| *b = b.clamp(-MOST_BITS, MOST_BITS));
}

/// Rounded to nearest, without limits: weights.
pub(super) fn rounded(w: Tensor<2>, frac: &Tensor<2>) -> Tensor<2> {
    let tracked = w.is_autodiff();
    let (values, bits) = (plain(&w), read(plain(frac)));
    let (shape, device) = (values.dims(), values.device());
    let values = read(values);
    let mut on_grid = values.clone();
    for (v, f) in on_grid.iter_mut().zip(&bits) {
        let scale = f.round().exp2();
        *v = (*v * scale).round_ties_even() / scale;
    }
    if !tracked {
        return constant(on_grid, shape, &device);
    }
    // Their rounding error halves with each bit.
    let slope: Vec<f32> = values.iter().zip(&on_grid).map(|(v, q)| std::f32::consts::LN_2 * (v - q)).collect();
    let rest = on_grid.iter().zip(&values).zip(slope.iter().zip(&bits)).map(|((q, v), (s, f))| q - v - s * f).collect();
    w + frac.clone() * constant(slope, shape, &device) + constant(rest, shape, &device)
}

/// A tensor on its grid. Input words are rounded where data enter, all others lose their low bits.
///
/// * `places`: of an image, of which each has all channels
fn on_grid(
    formats: &[Tensor<2>],
    tensor: usize,
    places: usize,
    y: Tensor<2>,
    signed: &dyn Fn(usize) -> bool,
) -> Tensor<2> {
    let [frac, whole] = [0, 1].map(|k| spread(&formats[at_tensor(tensor) + k], places));
    limited(y, &frac, &whole, signed, tensor > 0)
}

/// Rounded down (or to nearest) and saturated: inputs and activations.
pub(super) fn limited(
    y: Tensor<2>,
    frac: &Tensor<2>,
    whole: &Tensor<2>,
    signed: &dyn Fn(usize) -> bool,
    down: bool,
) -> Tensor<2> {
    let tracked = y.is_autodiff() || frac.is_autodiff();
    let values_of = plain(&y);
    let (shape, device) = (values_of.dims(), values_of.device());
    let (bits, whole_bits) = (read(plain(frac)), read(plain(whole)));
    let n = shape[1];
    let grids: Vec<[f32; 4]> = (0..n)
        .map(|i| {
            let (scale, top) = (bits[i].round().exp2(), whole_bits[i].round().exp2());
            let high = (top * scale - 1.0).max(0.0).floor();
            let low = if signed(i) { -(top * scale).floor() } else { 0.0 };
            [scale, 1.0 / scale, low, high]
        })
        .collect();
    let values = read(values_of);
    let mut on_grid = values.clone();
    if !tracked {
        for row in on_grid.chunks_exact_mut(n) {
            for (v, [scale, step, low, high]) in row.iter_mut().zip(&grids) {
                let u = *v * scale;
                *v = (if down { u.floor() } else { u.round_ties_even() }).clamp(*low, *high) * step;
            }
        }
        return constant(on_grid, shape, &device);
    }
    let count = values.len();
    let (mut inside, mut by_frac, mut by_whole) = (vec![0.0f32; count], vec![0.0f32; count], vec![0.0f32; count]);
    let mut rest = vec![0.0f32; count];
    let ln2 = std::f32::consts::LN_2;
    for (row, values) in values.chunks_exact(n).enumerate() {
        let at = row * n;
        for (i, [scale, step, low, high]) in grids.iter().enumerate() {
            let (v, k) = (values[i], at + i);
            let u = v * scale;
            let r = if down { u.floor() } else { u.round_ties_even() };
            let q = r.clamp(*low, *high) * step;
            let (mut m, mut f, mut w) = (0.0, 0.0, 0.0);
            if r >= *low && r <= *high {
                // Rounding down is wrong by half a step on average, which the bias takes up.
                m = 1.0;
                f = ln2 * (v - q - if down { 0.5 * step } else { 0.0 });
            } else {
                w = ln2 * (if r > *high { high + 1.0 } else { *low }) * step;
            }
            (inside[k], by_frac[k], by_whole[k]) = (m, f, w);
            rest[k] = q - v * m - f * bits[i] - w * whole_bits[i];
        }
    }
    let constant = |v: Vec<f32>| constant(v, shape, &device);
    frac.clone() * constant(by_frac) + whole.clone() * constant(by_whole) + y * constant(inside) + constant(rest)
}

/// A row of channels for each place of an image.
fn spread(channels: &Tensor<2>, places: usize) -> Tensor<2> {
    if places == 1 { channels.clone() } else { channels.clone().repeat_dim(1, places) }
}

/// Channels of the input that have formats of their own: where a convolution reads it, its image's.
fn input_channels(network: &Network) -> usize {
    let depth = network.layers.iter().find_map(|l| match &l.op {
        Op::Conv2d { geometry, .. } if network.tensor_index(&l.inputs[0]) == 0 => Some(geometry.in_shape[2]),
        _ => None,
    });
    depth.filter(|d| network.n_in.is_multiple_of(*d)).unwrap_or(network.n_in)
}

fn plain(t: &Tensor<2>) -> Tensor<2> {
    if t.is_autodiff() { t.clone().inner() } else { t.clone() }
}

fn constant(values: Vec<f32>, shape: [usize; 2], device: &Device) -> Tensor<2> {
    Tensor::from_data(TensorData::new(values, shape), device)
}

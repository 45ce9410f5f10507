//! A [`Network`] as burn tensors: the same layers, on a batch of rows at once.

use burn::tensor::{Device, Int, Tensor, TensorData};

use super::fake::FakeNetwork;
use super::widths::LearnedWidths;
use crate::model::{Activation, Network, Op};

/// What the numbers of an encoder are moved to.
#[derive(Clone, Copy)]
pub(super) enum Grids<'a> {
    /// Floating point.
    None,
    /// Formats that are given.
    Fixed(&'a FakeNetwork),
    /// Formats that are parameters.
    Learned(&'a LearnedWidths, &'a [Tensor<2>]),
}

/// The structure of a network; its weights travel separately, two tensors a layer.
pub(super) struct Graph {
    pub(super) n_in: usize,
    layers: Vec<Node>,
}

struct Node {
    /// 0 is the network's input, `i + 1` the output of layer `i`.
    inputs: Vec<usize>,
    patches: Option<Patches>,
    activation: Activation,
}

/// A convolution as one matrix product: the input elements under the kernel at every position, `[positions * taps]`.
/// Index `n_in` is a column of zeros, for the padding.
struct Patches {
    index: Tensor<1, Int>,
    positions: usize,
    taps: usize,
}

impl Graph {
    pub(super) fn new(network: &Network, device: &Device) -> Self {
        let layers = network.layers.iter().map(|layer| Node {
            inputs: layer.inputs.iter().map(|name| network.tensor_index(name)).collect(),
            patches: match &layer.op {
                Op::Dense { .. } => None,
                Op::Conv2d { geometry, .. } => {
                    let (taps, all) = (geometry.taps(), geometry.patches());
                    let mut index = vec![geometry.n_in() as i64; all.len() * taps];
                    for (position, patch) in all.iter().enumerate() {
                        patch.iter().for_each(|(i, tap)| index[position * taps + tap] = *i as i64);
                    }
                    let data = TensorData::new(index, [all.len() * taps]);
                    Some(Patches { index: Tensor::from_data(data, device), positions: all.len(), taps })
                }
            },
            activation: layer.activation,
        });
        Graph { n_in: network.n_in, layers: layers.collect() }
    }

    /// Whether the last layer's first columns are the network's input: a linear path.
    pub(super) fn has_linear_path(&self) -> bool {
        self.layers.last().is_some_and(|node| node.inputs[0] == 0)
    }

    /// `[batch, n_in]` → `[batch, n_out]`. `parameters` are those of [`parameters`], tracked or not.
    pub(super) fn forward(&self, parameters: &[Tensor<2>], x: Tensor<2>, grids: Grids<'_>) -> Tensor<2> {
        let x = match grids {
            Grids::None => x,
            Grids::Fixed(fake) => fake.input.apply(x),
            Grids::Learned(learned, formats) => learned.input(formats, x),
        };
        let mut tensors = vec![x];
        for (i, node) in self.layers.iter().enumerate() {
            let (mut w, mut b) = (parameters[2 * i].clone(), parameters[2 * i + 1].clone());
            match grids {
                Grids::None => {}
                Grids::Fixed(fake) => {
                    w = fake.layers[i].weight.apply(w);
                    b = fake.layers[i].bias.apply(b);
                }
                Grids::Learned(learned, formats) => w = learned.weight(formats, i, w),
            }
            let mut joined: Vec<Tensor<2>> = node.inputs.iter().map(|t| tensors[*t].clone()).collect();
            let x = if joined.len() == 1 { joined.remove(0) } else { Tensor::cat(joined, 1) };
            let y = node.activation(match &node.patches {
                None => x.matmul(w) + b,
                Some(patches) => patches.convolve(x, w, b),
            });
            tensors.push(match grids {
                Grids::None => y,
                Grids::Fixed(fake) => fake.layers[i].output.apply(y),
                Grids::Learned(learned, formats) => learned.output(formats, i, y),
            });
        }
        tensors.swap_remove(self.layers.len())
    }
}

impl Node {
    fn activation(&self, y: Tensor<2>) -> Tensor<2> {
        match self.activation {
            Activation::None => y,
            Activation::Relu => burn::tensor::activation::relu(y),
            Activation::Smooth => smooth(y),
        }
    }
}

/// [`Activation::Smooth`] in one pass. burn sees `f'(y) y + (f(y) - f'(y) y)` with both brackets constant: the value
/// is `f(y)` and the gradient `f'(y)`, for two operations in place of six.
fn smooth(y: Tensor<2>) -> Tensor<2> {
    let (shape, device) = (y.dims(), y.device());
    let mut slope = super::fit::read(y.clone().inner());
    let mut rest = vec![0.0; slope.len()];
    for (s, r) in slope.iter_mut().zip(&mut rest) {
        let y = *s;
        let square = 1.0 + y * y;
        let ratio = y / square.sqrt();
        *s = 0.5 * (1.0 + ratio + ratio / square);
        *r = 0.5 * y * (1.0 + ratio) - *s * y;
    }
    let constant = |v: Vec<f32>| Tensor::<2>::from_data(TensorData::new(v, shape), &device);
    y * constant(slope) + constant(rest)
}

impl Patches {
    fn convolve(&self, x: Tensor<2>, w: Tensor<2>, b: Tensor<2>) -> Tensor<2> {
        let batch = x.dims()[0];
        let filters = w.dims()[1];
        let zeros = Tensor::zeros([batch, 1], &x.device());
        let under = Tensor::cat(vec![x, zeros], 1).select(1, self.index.clone());
        let y = under.reshape([batch * self.positions, self.taps]).matmul(w) + b;
        y.reshape([batch, self.positions * filters])
    }
}

/// The weights as `[columns, rows]` and the bias as `[1, rows]` of each layer, in order.
pub(super) fn parameters(network: &Network, device: &Device) -> Vec<Tensor<2>> {
    let mut all = Vec::with_capacity(2 * network.layers.len());
    for layer in &network.layers {
        let (weights, bias) = layer.op.weights();
        let columns = weights.first().map_or(0, Vec::len);
        let transposed: Vec<f32> = (0..columns).flat_map(|c| weights.iter().map(move |row| row[c])).collect();
        all.push(Tensor::from_data(TensorData::new(transposed, [columns, weights.len()]), device));
        all.push(Tensor::from_data(TensorData::new(bias.to_vec(), [1, bias.len()]), device));
    }
    all
}

/// `network` with its weights replaced by `parameters`, the inverse of [`parameters`].
pub(super) fn with_parameters(network: &Network, parameters: &[Vec<f32>]) -> Network {
    let mut network = network.clone();
    for (layer, pair) in network.layers.iter_mut().zip(parameters.chunks(2)) {
        let (flat, new_bias) = (&pair[0], &pair[1]);
        match &mut layer.op {
            Op::Dense { weights, bias } | Op::Conv2d { weights, bias, .. } => {
                let rows = weights.len();
                for (r, row) in weights.iter_mut().enumerate() {
                    row.iter_mut().enumerate().for_each(|(c, w)| *w = flat[c * rows + r]);
                }
                bias.clone_from(new_bias);
            }
        }
    }
    network
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::{ConvOptions, TrainOptions, initial};
    use ndarray::Array2;

    #[test]
    fn burn_and_the_plain_network_compute_the_same() {
        let data = Array2::from_shape_fn((40, 12), |(i, j)| ((i * 7 + j * 3) as f32 * 0.37).sin() + j as f32 * 0.1);
        let conv = Some(ConvOptions { in_shape: [3, 2, 2], filters: 3, kernel: [3, 2], stride: [1, 2] });
        let options =
            TrainOptions { latent: 4, hidden: vec![6], decoder_hidden: vec![7, 5], conv, ..TrainOptions::default() };
        let device = Device::flex();
        for linear_path in [true, false] {
            let options = TrainOptions { linear_path, ..options.clone() };
            let (mut encoder, decoder) = initial::networks(&data, &[1.0; 12], &options);
            encoder.check().unwrap();
            decoder.check().unwrap();
            if let Op::Conv2d { bias, .. } = &mut encoder.layers[0].op {
                bias.copy_from_slice(&[0.1, -0.2, 0.3]);
            }
            let mut x =
                Tensor::<2>::from_data(TensorData::new(data.iter().copied().collect::<Vec<f32>>(), [40, 12]), &device);
            let mut expected: Vec<Vec<f32>> = data.outer_iter().map(|r| r.to_vec()).collect();
            for network in [&encoder, &decoder] {
                let p = parameters(network, &device);
                let flat: Vec<Vec<f32>> = p.iter().map(|t| super::super::fit::read(t.clone())).collect();
                assert_eq!(&with_parameters(network, &flat), network);
                x = Graph::new(network, &device).forward(&p, x, Grids::None);
                expected = expected.iter().map(|r| network.forward(r)).collect();
                let got: Vec<f32> = x.to_data().try_to_vec().unwrap();
                for (g, e) in got.iter().zip(expected.iter().flatten()) {
                    assert!((g - e).abs() < 1e-4, "{g} {e}");
                }
            }
        }
    }
}

//! Float networks: a list of layers in topological order, each reading earlier tensors by name.
//!
//! A layer with several inputs reads them concatenated. That one rule gives skip paths: the linear path of an encoder
//! reads `["x", "hidden1"]` in its last layer, which is `A x + B h` in one matrix.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Code, Error, Result};

/// The name under which the network's input is read.
pub const INPUT: &str = "x";

/// A feed-forward network on flat vectors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// Length of the input vector `x`.
    pub n_in: usize,
    /// In topological order; the last one gives the output.
    pub layers: Vec<Layer>,
}

/// One layer: inputs concatenated, an affine operation, an activation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Layer {
    /// Unique, `[a-z][a-z0-9_]*`, not `x`; also the name of the output tensor.
    pub name: String,
    /// Earlier tensors, concatenated in this order.
    pub inputs: Vec<String>,
    /// What is computed before the activation.
    #[serde(flatten)]
    pub op: Op,
    /// Applied to each element.
    pub activation: Activation,
}

/// The affine part of a layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Op {
    /// `y[o] = sum_i weights[o][i] x[i] + bias[o]`; x: `[n_in]`, weights: `[n_out, n_in]`, y: `[n_out]`.
    Dense {
        /// `[n_out][n_in]`.
        weights: Vec<Vec<f32>>,
        /// `[n_out]`.
        bias: Vec<f32>,
    },
    /// 2-D convolution, see [`Conv2d`]; y: `[out_h, out_w, filters]` flattened row-major.
    Conv2d {
        /// Shapes and strides.
        #[serde(flatten)]
        geometry: Conv2d,
        /// `[filters][kernel_h * kernel_w * channels]`, taps row-major.
        weights: Vec<Vec<f32>>,
        /// `[filters]`.
        bias: Vec<f32>,
    },
}

/// Geometry of a 2-D convolution over x of `[height, width, channels]`, flattened row-major, zero padded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Conv2d {
    /// `[height, width, channels]`.
    pub in_shape: [usize; 3],
    /// `[height, width]`.
    pub kernel: [usize; 2],
    /// `[down, right]`.
    pub stride: [usize; 2],
    /// `[top, left, bottom, right]`.
    pub pad: [usize; 4],
    /// Output channels.
    pub filters: usize,
}

/// Non-linear functions. All use only `+ - * /` and `sqrt`, so every machine computes the same bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// The identity.
    #[default]
    None,
    /// `max(x, 0)`: the one an encoder in hardware uses.
    Relu,
    /// `x (1 + x / sqrt(1 + x^2)) / 2`, an algebraic relative of SiLU. Decoders only.
    Smooth,
}

impl Activation {
    /// Whether it is the identity.
    pub fn is_none(&self) -> bool {
        *self == Activation::None
    }

    /// The function on one number.
    pub fn apply(self, x: f32) -> f32 {
        match self {
            Activation::None => x,
            Activation::Relu => x.max(0.0),
            Activation::Smooth => 0.5 * x * (1.0 + x / (1.0 + x * x).sqrt()),
        }
    }
}

impl Conv2d {
    /// `[out_height, out_width]`.
    pub fn out_size(&self) -> [usize; 2] {
        let [h, w, _] = self.in_shape;
        let [top, left, bottom, right] = self.pad;
        [
            (h + top + bottom).saturating_sub(self.kernel[0]) / self.stride[0] + 1,
            (w + left + right).saturating_sub(self.kernel[1]) / self.stride[1] + 1,
        ]
    }

    /// Length of the flattened input.
    pub fn n_in(&self) -> usize {
        self.in_shape.iter().product()
    }

    /// Length of the flattened output.
    pub fn n_out(&self) -> usize {
        self.out_size().iter().product::<usize>() * self.filters
    }

    /// Taps of one filter: `kernel_h * kernel_w * channels`.
    pub fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1] * self.in_shape[2]
    }

    /// For each output position, row-major, the pairs (input index, tap index) that lie inside the image.
    pub fn patches(&self) -> Vec<Vec<(usize, usize)>> {
        let ([h, w, channels], [out_h, out_w]) = (self.in_shape, self.out_size());
        let mut positions = Vec::with_capacity(out_h * out_w);
        for oy in 0..out_h {
            for ox in 0..out_w {
                let mut taps = Vec::new();
                for ky in 0..self.kernel[0] {
                    for kx in 0..self.kernel[1] {
                        let y = (oy * self.stride[0] + ky).checked_sub(self.pad[0]).filter(|y| *y < h);
                        let x = (ox * self.stride[1] + kx).checked_sub(self.pad[1]).filter(|x| *x < w);
                        if let (Some(y), Some(x)) = (y, x) {
                            for c in 0..channels {
                                taps.push(((y * w + x) * channels + c, (ky * self.kernel[1] + kx) * channels + c));
                            }
                        }
                    }
                }
                positions.push(taps);
            }
        }
        positions
    }

    /// The geometry, or why it is none.
    ///
    /// # Errors
    /// [`Code::ModelShape`] if a dimension is zero or the kernel is larger than the padded image.
    pub fn check(&self, layer: &str) -> Result<()> {
        let [h, w, _] = self.in_shape;
        let [top, left, bottom, right] = self.pad;
        let sizes = [&self.in_shape[..], &self.kernel, &self.stride, &[self.filters]].concat();
        if sizes.contains(&0) {
            return Err(Error::new(Code::ModelShape, format!("layer `{layer}`: a size of the convolution is 0")));
        }
        if self.kernel[0] > h + top + bottom || self.kernel[1] > w + left + right {
            return Err(Error::new(
                Code::ModelShape,
                format!("layer `{layer}`: kernel {:?} is larger than the padded image", self.kernel),
            ));
        }
        Ok(())
    }
}

impl Op {
    /// Length of the input this operation needs.
    pub fn n_in(&self) -> usize {
        match self {
            Op::Dense { weights, .. } => weights.first().map_or(0, Vec::len),
            Op::Conv2d { geometry, .. } => geometry.n_in(),
        }
    }

    /// Length of the output.
    pub fn n_out(&self) -> usize {
        match self {
            Op::Dense { weights, .. } => weights.len(),
            Op::Conv2d { geometry, .. } => geometry.n_out(),
        }
    }

    /// `dense` or `conv2d`, as in the file.
    pub fn kind(&self) -> &'static str {
        match self {
            Op::Dense { .. } => "dense",
            Op::Conv2d { .. } => "conv2d",
        }
    }

    /// Weights as rows (one row an output or filter) and the bias.
    pub fn weights(&self) -> (&[Vec<f32>], &[f32]) {
        match self {
            Op::Dense { weights, bias } | Op::Conv2d { weights, bias, .. } => (weights, bias),
        }
    }
}

impl Network {
    /// Length of the output vector.
    pub fn n_out(&self) -> usize {
        self.layers.last().map_or(self.n_in, |l| l.op.n_out())
    }

    /// Number of weights and biases.
    pub fn parameters(&self) -> usize {
        self.layers
            .iter()
            .map(|l| {
                let (w, b) = l.op.weights();
                w.iter().map(Vec::len).sum::<usize>() + b.len()
            })
            .sum()
    }

    /// Checks names, order, shapes and that every weight is finite.
    ///
    /// # Errors
    /// [`Code::ModelShape`] or [`Code::ModelForm`], naming the layer.
    pub fn check(&self) -> Result<()> {
        let mut wiring = Wiring::new(self.n_in)?;
        for layer in &self.layers {
            if let Op::Conv2d { geometry, .. } = &layer.op {
                geometry.check(&layer.name)?;
            }
            wiring.add(&layer.name, &layer.inputs, layer.op.n_in(), layer.op.n_out())?;
            let (weights, bias) = layer.op.weights();
            let (rows, columns) = match &layer.op {
                Op::Dense { .. } => (layer.op.n_out(), layer.op.n_in()),
                Op::Conv2d { geometry, .. } => (geometry.filters, geometry.taps()),
            };
            check_matrix(&layer.name, weights, bias.len(), rows, columns)?;
            if weights.iter().flatten().chain(bias).any(|w| !w.is_finite()) {
                return Err(Error::new(
                    Code::ModelForm,
                    format!("layer `{}` has a weight that is not finite", layer.name),
                ));
            }
        }
        Ok(())
    }

    /// The output for one input. Sums run in index order, so the bits are the same on every machine.
    ///
    /// # Panics
    /// If `x` is not `n_in` long or the network was not [checked](Self::check).
    pub fn forward(&self, x: &[f32]) -> Vec<f32> {
        self.forward_all(x).pop().expect("the input is always there")
    }

    /// The input and the output of every layer, in order.
    ///
    /// # Panics
    /// As [`forward`](Self::forward).
    pub fn forward_all(&self, x: &[f32]) -> Vec<Vec<f32>> {
        assert_eq!(x.len(), self.n_in, "input length");
        let mut tensors = vec![x.to_vec()];
        for layer in &self.layers {
            let joined: Vec<f32> =
                layer.inputs.iter().flat_map(|name| tensors[self.tensor_index(name)].iter().copied()).collect();
            let dot = |row: &[f32], bias: f32| row.iter().zip(&joined).fold(bias, |sum, (w, x)| sum + w * x);
            let y = match &layer.op {
                Op::Dense { weights, bias } => weights.iter().zip(bias).map(|(row, b)| dot(row, *b)).collect(),
                Op::Conv2d { geometry, weights, bias } => {
                    let mut y = Vec::with_capacity(geometry.n_out());
                    for taps in geometry.patches() {
                        for (row, b) in weights.iter().zip(bias) {
                            y.push(taps.iter().fold(*b, |sum, (i, t)| sum + row[*t] * joined[*i]));
                        }
                    }
                    y
                }
            };
            tensors.push(Vec::into_iter(y).map(|v: f32| layer.activation.apply(v)).collect());
        }
        tensors
    }

    /// Position of a tensor in [`forward_all`](Self::forward_all): 0 is the input, then one a layer.
    ///
    /// # Panics
    /// If the name is unknown: [`check`](Self::check) first.
    pub fn tensor_index(&self, name: &str) -> usize {
        if name == INPUT { 0 } else { 1 + self.layers.iter().position(|l| l.name == name).expect("a checked network") }
    }
}

pub(super) fn check_matrix<T>(
    layer: &str,
    weights: &[Vec<T>],
    n_bias: usize,
    rows: usize,
    columns: usize,
) -> Result<()> {
    if weights.len() != rows || n_bias != rows {
        return Err(Error::new(
            Code::ModelShape,
            format!(
                "layer `{layer}` needs {rows} rows of weights and as many biases, has {} and {n_bias}",
                weights.len()
            ),
        ));
    }
    match weights.iter().position(|row| row.len() != columns) {
        Some(o) => Err(Error::new(
            Code::ModelShape,
            format!("layer `{layer}`, row {o}: {} weights where {columns} are needed", weights[o].len()),
        )),
        None => Ok(()),
    }
}

/// Follows a list of layers and checks that each reads what exists and fits.
pub(super) struct Wiring {
    tensors: Vec<(String, usize)>,
}

impl Wiring {
    pub(super) fn new(n_in: usize) -> Result<Self> {
        if n_in == 0 {
            return Err(Error::new(Code::ModelShape, "the input of the network has length 0"));
        }
        Ok(Wiring { tensors: vec![(INPUT.to_owned(), n_in)] })
    }

    pub(super) fn add(&mut self, name: &str, inputs: &[String], n_in: usize, n_out: usize) -> Result<()> {
        let mut chars = name.chars();
        let well_named = chars.next().is_some_and(|c| c.is_ascii_lowercase())
            && chars.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        if !well_named {
            return Err(Error::new(Code::ModelForm, format!("`{name}` cannot name a layer"))
                .hint("use a-z, 0-9 and _, beginning with a letter: the name becomes a Verilog module"));
        }
        if self.tensors.iter().any(|(n, _)| n == name) {
            return Err(Error::new(Code::ModelForm, format!("two tensors are named `{name}`"))
                .hint("`x` is the input of the network; every layer needs its own name"));
        }
        if inputs.is_empty() {
            return Err(Error::new(Code::ModelForm, format!("layer `{name}` has no inputs")));
        }
        let mut joined = 0;
        for input in inputs {
            let Some((_, n)) = self.tensors.iter().find(|(n, _)| n == input) else {
                return Err(Error::new(
                    Code::ModelForm,
                    format!("layer `{name}` reads `{input}`, which no earlier layer gives"),
                )
                .hint("layers stand in the order in which they are computed; `x` is the input"));
            };
            joined += n;
        }
        if joined != n_in {
            return Err(Error::new(
                Code::ModelShape,
                format!("layer `{name}` takes {n_in} values, its inputs {inputs:?} give {joined}"),
            ));
        }
        if n_out == 0 {
            return Err(Error::new(Code::ModelShape, format!("layer `{name}` has no outputs")));
        }
        self.tensors.push((name.to_owned(), n_out));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dense(name: &str, inputs: &[&str], weights: Vec<Vec<f32>>, activation: Activation) -> Layer {
        let bias = vec![0.5; weights.len()];
        let inputs = inputs.iter().map(|s| (*s).to_owned()).collect();
        Layer { name: name.into(), inputs, op: Op::Dense { weights, bias }, activation }
    }

    #[test]
    fn a_skip_path_reads_the_input_and_the_hidden_layer() {
        let net = Network {
            n_in: 2,
            layers: vec![
                dense("h", &["x"], vec![vec![1.0, -1.0]], Activation::Relu),
                dense("z", &["x", "h"], vec![vec![1.0, 2.0, 10.0]], Activation::None),
            ],
        };
        net.check().unwrap();
        assert_eq!(net.forward(&[3.0, 1.0]), [3.0 + 2.0 + 10.0 * 2.5 + 0.5]);
        assert_eq!(net.forward(&[1.0, 3.0]), [1.0 + 6.0 + 0.5]);
    }

    #[test]
    fn a_convolution_pads_with_zeros() {
        let geometry = Conv2d { in_shape: [2, 2, 1], kernel: [3, 3], stride: [1, 1], pad: [1, 1, 1, 1], filters: 1 };
        let op = Op::Conv2d { geometry, weights: vec![vec![1.0; 9]], bias: vec![0.0] };
        let net = Network {
            n_in: 4,
            layers: vec![Layer { name: "c".into(), inputs: vec!["x".into()], op, activation: Activation::None }],
        };
        net.check().unwrap();
        assert_eq!(net.forward(&[1.0, 2.0, 3.0, 4.0]), [10.0; 4]);
    }

    #[test]
    fn a_layer_that_reads_an_unknown_tensor_is_rejected() {
        let net = Network { n_in: 2, layers: vec![dense("h", &["y"], vec![vec![1.0, 1.0]], Activation::None)] };
        assert_eq!(net.check().unwrap_err().what(), "layer `h` reads `y`, which no earlier layer gives");
    }
}

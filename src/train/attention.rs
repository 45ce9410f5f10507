//! A [`Transformer`] as burn tensors: its start, and the same passes on a batch of rows at once.

use burn::tensor::{Device, Tensor, TensorData, activation};
use rand_chacha::ChaCha8Rng;

use super::initial::random;
use super::options::TransformerOptions;
use crate::model::Transformer;
use crate::model::transformer::{Block, EPSILON, Linear};

/// Variance of the first places, beside vectors of variance 1 or so.
const PLACE: f32 = 0.1;

/// Before the first step.
///
/// * `n_features`: of a row, those of all tokens
pub(super) fn initial(options: &TransformerOptions, n_features: usize, rng: &mut ChaCha8Rng) -> Transformer {
    let width = options.width;
    let mut linear = |n_in: usize, n_out: usize, power: f32| Linear {
        weights: random(rng, n_out, n_in, power),
        bias: vec![0.0; n_out],
    };
    let embed = linear(n_features / options.tokens, width, 3.0);
    let blocks = (0..options.blocks).map(|_| Block {
        attend: linear(width, 3 * width, 3.0),
        // Blocks begin as little more than what they are given: deep stacks then train from the first step on.
        mix: linear(width, width, 0.3),
        hidden: linear(width, 2 * width, 6.0),
        output: linear(2 * width, width, 0.3),
    });
    let blocks = blocks.collect();
    let place = random(rng, options.tokens, width, 3.0 * PLACE * width as f32);
    Transformer { tokens: options.tokens, by_column: options.by_column, heads: options.heads, embed, place, blocks }
}

/// Its sizes; the numbers travel separately, in the order of [`parameters`].
pub(super) struct Attention {
    tokens: usize,
    depth: usize,
    by_column: bool,
    heads: usize,
    width: usize,
    blocks: usize,
}

impl Attention {
    pub(super) fn new(t: &Transformer) -> Self {
        let (depth, width, blocks) = (t.embed.n_in(), t.width(), t.blocks.len());
        Attention { tokens: t.tokens, depth, by_column: t.by_column, heads: t.heads, width, blocks }
    }

    /// Tensors of [`parameters`].
    pub(super) fn count(&self) -> usize {
        3 + 8 * self.blocks
    }

    /// `[batch, tokens * depth]` → `[batch, tokens * (depth + width)]`.
    pub(super) fn forward(&self, parameters: &[Tensor<2>], x: Tensor<2>) -> Tensor<2> {
        let (batch, n, width) = (x.dims()[0], self.tokens, self.width);
        let linear = |i: usize, x: Tensor<2>| x.matmul(parameters[i].clone()) + parameters[i + 1].clone();
        let features = x.clone();
        let x = match self.by_column {
            true => x.reshape([batch, self.depth, n]).swap_dims(1, 2),
            false => x.reshape([batch, n, self.depth]),
        };
        let place = parameters[2].clone().reshape([1, n, width]);
        let embedded = linear(0, x.reshape([batch * n, self.depth])).reshape([batch, n, width]);
        let mut tokens = (embedded + place).reshape([batch * n, width]);
        let own = width / self.heads;
        for block in 0..self.blocks {
            let at = 3 + 8 * block;
            let all = linear(at, norm(tokens.clone())).reshape([batch, n, 3, width]);
            let part = |which: usize| -> Tensor<4> {
                let part = all.clone().slice([0..batch, 0..n, which..which + 1, 0..width]);
                part.reshape([batch, n, self.heads, own]).swap_dims(1, 2)
            };
            let scores = part(0).matmul(part(1).swap_dims(2, 3)) / (own as f64).sqrt();
            let found = activation::softmax(scores, 3).matmul(part(2));
            let found = found.swap_dims(1, 2).reshape([batch * n, width]);
            tokens = linear(at + 2, found) + tokens;
            let hidden = activation::relu(linear(at + 4, norm(tokens.clone())));
            tokens = linear(at + 6, hidden) + tokens;
        }
        Tensor::cat(vec![features, norm(tokens).reshape([batch, n * width])], 1)
    }
}

/// Mean 0 and variance 1 of each row.
fn norm(x: Tensor<2>) -> Tensor<2> {
    let x = x.clone() - x.mean_dim(1);
    let variance = (x.clone() * x.clone()).mean_dim(1);
    x / (variance + EPSILON).sqrt()
}

/// Embedding, its bias, places; then matrix and bias of each part of each block. Matrices are `[inputs, outputs]`.
pub(super) fn parameters(t: &Transformer, device: &Device) -> Vec<Tensor<2>> {
    let tensor = |values: Vec<f32>, shape: [usize; 2]| Tensor::from_data(TensorData::new(values, shape), device);
    let mut all = Vec::new();
    for (i, linear) in t.linears().enumerate() {
        let (n_in, n_out) = (linear.n_in(), linear.bias.len());
        let transposed = (0..n_in).flat_map(|c| linear.weights.iter().map(move |row| row[c])).collect();
        all.push(tensor(transposed, [n_in, n_out]));
        all.push(tensor(linear.bias.clone(), [1, n_out]));
        if i == 0 {
            all.push(tensor(t.place.concat(), [t.tokens, t.width()]));
        }
    }
    all
}

/// `t` with its numbers replaced, the inverse of [`parameters`].
pub(super) fn with_parameters(t: &Transformer, parameters: &[Vec<f32>]) -> Transformer {
    let mut t = t.clone();
    let width = t.width();
    t.place = parameters[2].chunks(width).map(<[f32]>::to_vec).collect();
    for (i, linear) in t.linears_mut().enumerate() {
        // Places stand behind the first pair.
        let at = if i == 0 { 0 } else { 2 * i + 1 };
        let n_out = linear.bias.len();
        for (r, row) in linear.weights.iter_mut().enumerate() {
            row.iter_mut().enumerate().for_each(|(c, w)| *w = parameters[at][c * n_out + r]);
        }
        linear.bias.clone_from(&parameters[at + 1]);
    }
    t
}

#[cfg(test)]
mod tests {
    use super::super::fit::read;
    use super::super::initial::generator;
    use super::*;

    #[test]
    fn burn_and_the_plain_transformer_compute_the_same() {
        let device = Device::flex();
        for by_column in [false, true] {
            let options = TransformerOptions { tokens: 5, width: 12, heads: 3, blocks: 2, by_column };
            let t = initial(&options, 15, &mut generator(4, 0));
            t.check().unwrap();
            let p = parameters(&t, &device);
            let flat: Vec<Vec<f32>> = p.iter().map(|t| read(t.clone())).collect();
            assert_eq!((with_parameters(&t, &flat), p.len()), (t.clone(), Attention::new(&t).count()));
            let x: Vec<f32> = (0..7 * 15).map(|i| (i as f32 * 0.37).sin()).collect();
            let rows = Tensor::from_data(TensorData::new(x.clone(), [7, 15]), &device);
            let found = read(Attention::new(&t).forward(&p, rows));
            let expected: Vec<f32> = x.chunks(15).flat_map(|row| t.forward(row)).collect();
            assert!(found.iter().zip(&expected).all(|(f, e)| (f - e).abs() < 1e-4), "{found:?} {expected:?}");
            assert!(found.iter().any(|f| f.abs() > 0.1));
        }
    }
}

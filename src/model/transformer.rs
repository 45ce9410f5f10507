//! A transformer in front of an encoder: tokens that look at each other, in floating point. It has no firmware.
//!
//! ```text
//! features ┬─► tokens ─► embed + place ─► ┌ x + attention(norm(x)) ─► x + hidden(norm(x)) ┐ ─► norm ─┬─► what the encoder reads
//!          │                              └───────────────── each block ─────────────────┘          │
//!          └────────────────────────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! Vaswani et al., arXiv:1706.03762, with the norm before each part (Xiong et al., arXiv:2002.04745) and without gains: the matrix
//! behind a norm has them.

use std::borrow::Cow;

use ndarray::Array2;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Code, Error, Result};

/// Added to the variance of a norm.
pub const EPSILON: f32 = 1e-5;

/// Multi-head self-attention over the tokens of a row. It gives the features, and behind them the vectors of all tokens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Transformer {
    /// Tokens of a row: particles, hits, cells.
    pub tokens: usize,
    /// Whether the features are those of all tokens one column after the other, not token after token.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_column: bool,
    /// Parts of a token that attend by themselves.
    pub heads: usize,
    /// Features of a token → its vector.
    pub embed: Linear,
    /// Added to the vector of each token; `tokens` rows.
    pub place: Vec<Vec<f32>>,
    /// One after the other.
    pub blocks: Vec<Block>,
}

/// One round of attention.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Block {
    /// A token's query, key and value, each as long as its vector.
    pub attend: Linear,
    /// What the heads found → what is added to the vector.
    pub mix: Linear,
    /// The hidden layer of each token for itself (`relu`).
    pub hidden: Linear,
    /// Back to what is added to the vector.
    pub output: Linear,
}

/// `y = W x + b`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Linear {
    /// A row for each output.
    pub weights: Vec<Vec<f32>>,
    /// One number for each output.
    pub bias: Vec<f32>,
}

impl Linear {
    /// Numbers that it takes.
    pub fn n_in(&self) -> usize {
        self.weights.first().map_or(0, Vec::len)
    }

    fn forward(&self, x: &[f32]) -> Vec<f32> {
        let row = |(w, b): (&Vec<f32>, &f32)| w.iter().zip(x).fold(*b, |sum, (w, x)| sum + w * x);
        self.weights.iter().zip(&self.bias).map(row).collect()
    }

    fn check(&self, name: &str, n_in: usize, n_out: usize) -> Result<()> {
        let fits =
            self.bias.len() == n_out && self.weights.len() == n_out && self.weights.iter().all(|w| w.len() == n_in);
        if !fits {
            return Err(Error::new(
                Code::ModelShape,
                format!("transformer: `{name}` is not {n_out} rows of {n_in} weights"),
            ));
        }
        finite(name, self.weights.iter().flatten().chain(&self.bias))
    }
}

fn finite<'a>(name: &str, mut numbers: impl Iterator<Item = &'a f32>) -> Result<()> {
    match numbers.find(|w| !w.is_finite()) {
        Some(bad) => Err(Error::new(Code::ModelForm, format!("transformer: `{name}` has the number {bad}"))),
        None => Ok(()),
    }
}

impl Transformer {
    /// Features of a row.
    pub fn n_in(&self) -> usize {
        self.tokens.saturating_mul(self.embed.n_in())
    }

    /// Numbers that it gives for a row.
    pub fn n_out(&self) -> usize {
        self.n_in().saturating_add(self.tokens.saturating_mul(self.width()))
    }

    /// Length of a token's vector.
    pub fn width(&self) -> usize {
        self.embed.bias.len()
    }

    /// All matrices, in the order of a pass.
    pub fn linears(&self) -> impl Iterator<Item = &Linear> {
        let blocks = self.blocks.iter().flat_map(|b| [&b.attend, &b.mix, &b.hidden, &b.output]);
        std::iter::once(&self.embed).chain(blocks)
    }

    /// The same, to be changed.
    pub fn linears_mut(&mut self) -> impl Iterator<Item = &mut Linear> {
        let blocks = self.blocks.iter_mut().flat_map(|b| [&mut b.attend, &mut b.mix, &mut b.hidden, &mut b.output]);
        std::iter::once(&mut self.embed).chain(blocks)
    }

    /// Numbers that are trained.
    pub fn parameters(&self) -> usize {
        let linears = self.linears().map(|l| l.bias.len() * (l.n_in() + 1)).sum::<usize>();
        linears + self.tokens * self.width()
    }

    /// Checks that all sizes fit each other.
    ///
    /// # Errors
    /// `M001` for a number that is not finite, `M002` for sizes.
    pub fn check(&self) -> Result<()> {
        let width = self.width();
        if self.tokens == 0 || width == 0 || self.embed.n_in() == 0 {
            return Err(Error::new(Code::ModelShape, "transformer: a size is 0"));
        }
        if self.heads == 0 || !width.is_multiple_of(self.heads) {
            let what = format!("transformer: vectors of {width} numbers are not {} heads", self.heads);
            return Err(Error::new(Code::ModelShape, what));
        }
        self.embed.check("embed", self.embed.n_in(), width)?;
        if self.place.len() != self.tokens || self.place.iter().any(|p| p.len() != width) {
            let what = format!("transformer: `place` is not {} rows of {width} numbers", self.tokens);
            return Err(Error::new(Code::ModelShape, what));
        }
        finite("place", self.place.iter().flatten())?;
        for block in &self.blocks {
            block.attend.check("attend", width, 3 * width)?;
            block.mix.check("mix", width, width)?;
            block.hidden.check("hidden", width, block.hidden.bias.len())?;
            block.output.check("output", block.hidden.bias.len(), width)?;
        }
        Ok(())
    }

    /// What it gives for the features of a row.
    ///
    /// # Panics
    /// If `x` is not `n_in` long or it was not [checked](Self::check).
    pub fn forward(&self, x: &[f32]) -> Vec<f32> {
        assert_eq!(x.len(), self.n_in(), "one row of features");
        let depth = self.embed.n_in();
        let of_token = |t: usize| -> Vec<f32> {
            let at = |i: usize| if self.by_column { i * self.tokens + t } else { t * depth + i };
            (0..depth).map(|i| x[at(i)]).collect()
        };
        let placed = |t: usize| add(self.embed.forward(&of_token(t)), &self.place[t]);
        let mut tokens: Vec<Vec<f32>> = (0..self.tokens).map(placed).collect();
        for block in &self.blocks {
            let all: Vec<Vec<f32>> = tokens.iter().map(|t| block.attend.forward(&norm(t))).collect();
            for (token, query) in tokens.iter_mut().zip(&all) {
                let found: Vec<f32> = (0..self.heads).flat_map(|h| self.attention(h, query, &all)).collect();
                *token = add(block.mix.forward(&found), token);
            }
            for token in &mut tokens {
                let hidden: Vec<f32> = block.hidden.forward(&norm(token)).into_iter().map(|v| v.max(0.0)).collect();
                *token = add(block.output.forward(&hidden), token);
            }
        }
        x.iter().copied().chain(tokens.iter().flat_map(|t| norm(t))).collect()
    }

    /// The values of all tokens, weighted by how their keys fit the query of one.
    fn attention(&self, head: usize, query: &[f32], all: &[Vec<f32>]) -> Vec<f32> {
        let (width, own) = (self.width(), self.width() / self.heads);
        let part = |of: &[f32], which: usize| of[which * width + head * own..][..own].to_vec();
        let query = part(query, 0);
        let dot = |key: Vec<f32>| query.iter().zip(&key).fold(0.0, |sum, (q, k)| sum + q * k);
        let scores: Vec<f32> = all.iter().map(|t| dot(part(t, 1)) / (own as f32).sqrt()).collect();
        let most = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let weights: Vec<f32> = scores.iter().map(|s| (s - most).exp()).collect();
        let sum: f32 = weights.iter().sum();
        let mut found = vec![0.0; own];
        for (token, weight) in all.iter().zip(&weights) {
            found.iter_mut().zip(part(token, 2)).for_each(|(f, v)| *f += v * weight / sum);
        }
        found
    }
}

/// What an encoder behind `transformer` reads of rows of features; the rows themselves if there is none.
pub fn inputs<'a>(transformer: Option<&Transformer>, features: &'a Array2<f32>) -> Cow<'a, Array2<f32>> {
    let Some(transformer) = transformer else { return Cow::Borrowed(features) };
    let mut out = Array2::zeros((features.nrows(), transformer.n_out()));
    ndarray::Zip::from(out.rows_mut()).and(features.rows()).par_for_each(|mut out, row| {
        out.assign(&ndarray::Array1::from(transformer.forward(&row.to_vec())));
    });
    Cow::Owned(out)
}

fn add(mut a: Vec<f32>, b: &[f32]) -> Vec<f32> {
    a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
    a
}

/// Mean 0 and variance 1.
fn norm(x: &[f32]) -> Vec<f32> {
    let n = x.len() as f32;
    let mean = x.iter().sum::<f32>() / n;
    let variance = x.iter().map(|v| (v - mean) * (v - mean)).sum::<f32>() / n;
    let scale = 1.0 / (variance + EPSILON).sqrt();
    x.iter().map(|v| (v - mean) * scale).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn linear(n_in: usize, n_out: usize, seed: f32) -> Linear {
        let number = |i: usize| ((i as f32 + seed) * 1.7).sin() * 0.5;
        Linear {
            weights: (0..n_out).map(|r| (0..n_in).map(|c| number(r * n_in + c)).collect()).collect(),
            bias: (0..n_out).map(|r| number(r + 100)).collect(),
        }
    }

    fn small(place: f32, by_column: bool) -> Transformer {
        let block = Block {
            attend: linear(4, 12, 0.3),
            mix: linear(4, 4, 0.7),
            hidden: linear(4, 6, 1.1),
            output: linear(6, 4, 1.9),
        };
        let place = (0..3).map(|t| vec![place * t as f32; 4]).collect();
        Transformer { tokens: 3, by_column, heads: 2, embed: linear(2, 4, 2.0), place, blocks: vec![block] }
    }

    #[test]
    fn without_places_tokens_in_another_order_become_the_same_vectors_in_that_order() {
        let rows = [[0.1f32, 0.9, -0.4, 0.3, 0.8, -0.2], [0.8, -0.2, 0.1, 0.9, -0.4, 0.3]];
        let [a, b] = rows.map(|r| small(0.0, false).forward(&r));
        assert_eq!((&a[..6], a.len()), (&rows[0][..], 6 + 3 * 4));
        let turned = [&a[14..], &a[6..14]].concat();
        let near = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5);
        assert!(near(&turned, &b[6..]), "{a:?} {b:?}");
        let mut placed = small(0.0, false);
        placed.place[0][1] = 1.0;
        let [c, d] = rows.map(|r| placed.forward(&r));
        assert!(!near(&[&c[14..], &c[6..14]].concat(), &d[6..]), "{c:?} {d:?}");
        let columns = [0.1, -0.4, 0.8, 0.9, 0.3, -0.2];
        assert_eq!(small(0.0, true).forward(&columns)[6..], a[6..]);
    }

    #[test]
    fn sizes_that_do_not_fit_are_refused() {
        let good = small(0.0, false);
        good.check().unwrap();
        assert_eq!((good.n_in(), good.width(), good.parameters()), (6, 4, 4 * 3 + 12 * 5 + 4 * 5 + 6 * 5 + 4 * 7 + 12));
        let broken: [fn(&mut Transformer); 6] = [
            |t| t.heads = 3,
            |t| t.tokens = 2,
            |t| t.place[1].truncate(3),
            |t| t.blocks[0].hidden.weights[2].push(0.0),
            |t| t.blocks[0].attend.bias.truncate(4),
            |t| t.embed.weights[0][0] = f32::NAN,
        ];
        for breaks in broken {
            let mut t = good.clone();
            breaks(&mut t);
            assert!(t.check().is_err(), "{t:?}");
        }
    }
}

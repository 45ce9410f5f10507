//! The score that firmware computes: how far the latents lie from where they usually are.

use crate::error::{Code, Error, Result};
use crate::fixed::{Overflow, QFormat, Rounding, requantize};
use crate::model::network::INPUT;
use crate::model::{Activation, Granular, IntegerLayer, IntegerOp, QuantizedModel, Score};

/// Raw score of an ordinary event, at least: so many steps are a resolution of better than a percent.
const USUAL: f64 = 128.0;
/// Largest difference of two exponents: a latent that hardly ever moves would need a wide sum.
const LARGEST_SPAN: i32 = 12;

/// `score = sum 2^exponent |z - centre|` over the latents, in integers: saturated, low bits dropped.
///
/// The centre is the median, and `2^exponent` the power of two nearest to one over the mean distance from it, of which half a step of the
/// latent is the least. So every latent counts about as much, and a product is a shift.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LatentScore {
    latents: Vec<QFormat>,
    /// Raw integers, one a latent.
    centres: Vec<i64>,
    exponents: Vec<i32>,
    /// Of the score: unsigned, at most 16 bits.
    pub format: QFormat,
}

impl LatentScore {
    /// Learns centres and weights of background.
    ///
    /// * `latents`: raw integers, `[latent][row]`
    ///
    /// # Errors
    /// [`Code::DataShape`] without latents or rows.
    pub fn learn(latents: &[Vec<i64>], formats: &[QFormat]) -> Result<Self> {
        let rows = latents.first().map_or(0, Vec::len);
        if rows == 0 || latents.len() != formats.len() {
            return Err(Error::new(Code::DataShape, "there is no background to learn a score from"));
        }
        let centres: Vec<i64> = latents.iter().map(|z| median(z)).collect();
        let exponent = |((z, centre), format): ((&Vec<i64>, &i64), &QFormat)| {
            let distance = z.iter().map(|v| v.abs_diff(*centre) as f64).sum::<f64>() / rows as f64;
            -(distance.max(0.5) * format.step()).log2().round() as i32
        };
        let mut exponents: Vec<i32> = latents.iter().zip(&centres).zip(formats).map(exponent).collect();
        let least = exponents.iter().copied().min().unwrap_or(0);
        exponents.iter_mut().for_each(|e| *e = (*e).min(least + LARGEST_SPAN));
        let mut score = LatentScore {
            latents: formats.to_vec(),
            centres,
            exponents,
            // Wide enough to see what an ordinary event has.
            format: QFormat::unsigned(Score::MAX_WIDTH, 0),
        };
        let sums: Vec<i64> = (0..rows).map(|r| score.sum(|i| latents[i][r])).collect();
        let usual = median(&sums).max(1) as f64 * f64::exp2(-f64::from(score.frac()));
        let frac = ((USUAL / usual).log2().ceil() as i32).min(score.frac());
        let largest = score.sum(|i| {
            let format = score.latents[i];
            if format.max() - score.centres[i] > score.centres[i] - format.min() { format.max() } else { format.min() }
        });
        let bits = i64::BITS - (largest >> (score.frac() - frac).max(0)).leading_zeros();
        score.format = QFormat::unsigned(bits.clamp(1, Score::MAX_WIDTH), frac);
        Ok(score)
    }

    /// Raw medians of the latents.
    pub fn centres(&self) -> &[i64] {
        &self.centres
    }

    /// A distance counts two to the power of this.
    pub fn exponents(&self) -> &[i32] {
        &self.exponents
    }

    /// Fraction bits of the sum.
    fn frac(&self) -> i32 {
        self.latents.iter().zip(&self.exponents).map(|(f, e)| f.frac - e).max().unwrap_or(0)
    }

    /// The exact sum of an event.
    fn sum(&self, z: impl Fn(usize) -> i64) -> i64 {
        let frac = self.frac();
        let term =
            |i: usize| (z(i).abs_diff(self.centres[i]) as i64) << (frac - (self.latents[i].frac - self.exponents[i]));
        (0..self.latents.len()).map(term).sum()
    }

    /// The score of an event, a raw integer of `format`.
    ///
    /// * `latents`: raw integers; more than the score is of are not looked at
    pub fn of(&self, latents: &[i64]) -> i64 {
        let sum = self.sum(|i| latents[i]);
        requantize(i128::from(sum), self.frac(), self.format, Rounding::Truncate, Overflow::Saturate)
    }

    /// The model with two layers more, which give the latents as they were and the score behind them.
    ///
    /// # Errors
    /// [`Code::Usage`] for a model that has a score, those of [`QuantizedModel::check`].
    pub fn behind(&self, model: &QuantizedModel, threshold: u16, background_rate: f64) -> Result<QuantizedModel> {
        if model.score.is_some() {
            return Err(Error::new(Code::Usage, format!("model `{}` has a score", model.name))
                .hint("give the model that it was made of"));
        }
        let mut scored = model.clone();
        let layers = &mut scored.encoder.layers;
        let last = layers.last().map_or(INPUT, |l| &l.name).to_owned();
        let distances = free(layers, "score_distances");
        let joined = free(layers, "latents_and_score");
        let n = self.latents.len();
        let row = |length: usize, ones: &dyn Fn(usize) -> i64| (0..length).map(ones).collect::<Vec<i64>>();
        // max(z - c, 0), then max(c - z, 0): one of them is the distance, the other is 0.
        let sides = [1, -1];
        let twice = |of: &dyn Fn(usize, i64) -> i64| -> Vec<i64> {
            sides.iter().flat_map(|side| (0..n).map(|i| of(i, *side)).collect::<Vec<_>>()).collect()
        };
        let formats = |of: &dyn Fn(QFormat) -> QFormat| {
            Granular::PerChannel(sides.iter().flat_map(|_| self.latents.iter().map(|f| of(*f))).collect())
        };
        layers.push(IntegerLayer {
            name: distances.clone(),
            inputs: vec![last.clone()],
            op: IntegerOp::Dense,
            weights: sides
                .iter()
                .flat_map(|side| (0..n).map(|o| row(n, &|i| if i == o { *side } else { 0 })).collect::<Vec<_>>())
                .collect(),
            weight_format: Granular::PerTensor(QFormat::signed(2, 0)),
            bias: twice(&|i, side| -side * self.centres[i]),
            bias_format: formats(&|f| QFormat::signed(f.width + 1, f.frac)),
            activation: Activation::Relu,
            output_format: formats(&|f| QFormat::unsigned(f.width, f.frac)),
            rounding: Rounding::Truncate,
            overflow: Overflow::Saturate,
        });
        let mut weights: Vec<Vec<i64>> = (0..n).map(|o| row(3 * n, &|i| i64::from(i == o))).collect();
        weights.push(row(3 * n, &|i| i64::from(i >= n)));
        let one = QFormat::unsigned(1, 0);
        let mut weight_format = vec![vec![one; 3 * n]; n];
        weight_format
            .push((0..3 * n).map(|i| if i < n { one } else { QFormat::unsigned(1, -self.exponents[i % n]) }).collect());
        layers.push(IntegerLayer {
            name: joined,
            inputs: vec![last, distances],
            op: IntegerOp::Dense,
            weights,
            weight_format: Granular::PerWeight(weight_format),
            bias: vec![0; n + 1],
            bias_format: Granular::PerTensor(one),
            activation: Activation::None,
            output_format: Granular::PerChannel(self.latents.iter().copied().chain([self.format]).collect()),
            rounding: Rounding::Truncate,
            overflow: Overflow::Saturate,
        });
        scored.score = Some(Score { threshold, background_rate });
        scored.check()?;
        Ok(scored)
    }
}

/// The lower one of the two in the middle.
fn median(values: &[i64]) -> i64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted[(sorted.len() - 1) / 2]
}

/// A name that no layer has.
fn free(layers: &[IntegerLayer], name: &str) -> String {
    let taken = |name: &str| layers.iter().any(|l| l.name == name);
    let numbered = (2..).map(|n| format!("{name}{n}"));
    std::iter::once(name.to_owned()).chain(numbered).find(|n| !taken(n)).unwrap_or_default()
}

//! What an error of the reconstruction costs, and the slope of that.
//!
//! ```text
//! sum_j w_j rho(y_j - x_j) / sum_j w_j  +  weight * (distance of the images)
//! ```
//!
//! `rho` is the square, or Huber's function of it, and `w_j` may depend on the size of the value (relative errors). All of
//! it is one pass over a batch.

use super::options::{ImageLoss, LossWeights, TrainOptions};
use crate::model::{Norm, Transform};
use ndarray::Array2;

/// Weight of the feature of a zero flag beside a value's of 1.
const FLAG_WEIGHT: f32 = 0.25;

/// What an error in each feature costs.
#[derive(Clone, Debug, PartialEq)]
pub struct Weights {
    /// One a feature, on average over the rows.
    pub features: Vec<f32>,
    /// Features, from the first on, in which small values cost more than large ones.
    relative: Vec<Relative>,
}

/// An error counts as a share of its value.
#[derive(Clone, Debug, PartialEq)]
struct Relative {
    norm: Norm,
    /// Smaller values count as this one.
    floor: f64,
    /// Mean of `(slope / value)^2`.
    mean: f64,
}

impl Relative {
    /// `(slope / value)^2` for a feature of `y`.
    fn square(norm: &Norm, floor: f64, y: f32) -> f64 {
        let y = f64::from(y);
        (norm.slope(y) / norm.inverse(y).abs().max(floor)).powi(2)
    }

    /// How much more than on average an error costs at `y`.
    fn factor(&self, y: f32) -> f32 {
        (Relative::square(&self.norm, self.floor, y) / self.mean) as f32
    }
}

impl Weights {
    /// The same for each of `n` features.
    pub fn even(n: usize) -> Self {
        vec![1.0; n].into()
    }

    /// The weights that `options` ask for; values' weights are at most 1.
    ///
    /// With `range` an error of one feature is turned into an error of the column: `dx / range = slope dy`, with the
    /// root mean square of the slope of the inverse normalisation over the training rows. The floor keeps columns
    /// whose tail sets the range (and whose bulk is then nearly free to be wrong) from being given up altogether. With
    /// `relative` it is turned into a share of the value, of at least the floor times the column's root mean square.
    ///
    /// * `features`: the training rows, `[rows, n_features]`
    pub fn of(options: &TrainOptions, transform: &Transform, features: &Array2<f32>) -> Self {
        let n = transform.n_values();
        let mut squares = Vec::with_capacity(n);
        let mut relative = Vec::new();
        for spec in &transform.columns {
            let norm = spec.norm;
            let elements = squares.len()..squares.len() + spec.width;
            let part = features.slice(ndarray::s![.., elements]);
            let mean = |column: ndarray::ArrayView1<f32>, f: &dyn Fn(f32) -> f64| {
                column.iter().map(|y| f(*y)).sum::<f64>() / column.len() as f64
            };
            match options.loss {
                LossWeights::Feature => squares.extend(vec![1.0; spec.width]),
                LossWeights::Range => {
                    // The elements of a vector column share one range, as in the figure of merit.
                    let ends = |(low, high): (f32, f32), y: &f32| (low.min(*y), high.max(*y));
                    let (low, high) = part.iter().fold((f32::INFINITY, f32::NEG_INFINITY), ends);
                    let range = norm.inverse(f64::from(high)) - norm.inverse(f64::from(low));
                    squares.extend(part.columns().into_iter().map(|column| {
                        let square = mean(column, &|y| norm.slope(f64::from(y)).powi(2));
                        // A constant column has no range: its error costs nothing that is known.
                        if range > 0.0 { square / (range * range) } else { 0.0 }
                    }));
                }
                LossWeights::Relative => {
                    let all: f64 = part.iter().map(|y| norm.inverse(f64::from(*y)).powi(2)).sum();
                    let floor = options.weight_floor * (all / part.len() as f64).sqrt();
                    for column in part.columns() {
                        let square = mean(column, &|y| Relative::square(&norm, floor, y));
                        let known = floor > 0.0 && square.is_finite() && square > 0.0;
                        squares.push(if known { square } else { 0.0 });
                        relative.push(Relative { norm, floor, mean: if known { square } else { 1.0 } });
                    }
                }
            }
        }
        let largest = squares.iter().fold(0.0, |a: f64, b| a.max(*b));
        let floor = if options.loss == LossWeights::Range { options.weight_floor } else { 0.0 };
        let weight = |s: &f64| if largest > 0.0 { (s / largest).max(floor) as f32 } else { 1.0 };
        let mut weights: Vec<f32> = squares.iter().map(weight).collect();
        weights.resize(transform.n_features(), FLAG_WEIGHT);
        Weights { features: weights, relative }
    }
}

impl From<Vec<f32>> for Weights {
    fn from(features: Vec<f32>) -> Self {
        Weights { features, relative: Vec::new() }
    }
}

/// The loss of a batch.
pub(super) struct Criterion {
    /// Of each feature, over their sum.
    pub(super) weights: Vec<f32>,
    relative: Vec<Relative>,
    huber: f32,
    image: Option<Pyramid>,
}

impl Criterion {
    pub(super) fn new(weights: &Weights, options: &TrainOptions) -> Self {
        let sum: f32 = weights.features.iter().sum();
        Criterion {
            weights: weights.features.iter().map(|w| w / sum).collect(),
            relative: weights.relative.clone(),
            huber: if options.huber > 0.0 { options.huber as f32 } else { f32::INFINITY },
            image: options.image_loss.as_ref().map(Pyramid::new),
        }
    }

    /// Whether least squares, feature by feature, minimise it.
    pub(super) fn is_squares(&self) -> bool {
        self.huber == f32::INFINITY && self.image.is_none() && self.relative.is_empty()
    }

    /// The loss of reconstructions `y` of `x`, summed over rows.
    pub(super) fn loss(&self, y: &[f32], x: &[f32]) -> f64 {
        let n = self.weights.len();
        y.chunks_exact(n).zip(x.chunks_exact(n)).map(|(y, x)| self.row(x, &mut y.to_vec())).sum()
    }

    /// The same, with reconstructions replaced by the slopes of the loss.
    pub(super) fn slopes(&self, y: &mut [f32], x: &[f32]) -> f64 {
        let n = self.weights.len();
        y.chunks_exact_mut(n).zip(x.chunks_exact(n)).map(|(y, x)| self.row(x, y)).sum()
    }

    fn row(&self, x: &[f32], y: &mut [f32]) -> f64 {
        for (y, x) in y.iter_mut().zip(x) {
            *y -= x;
        }
        let (image, far) = match &self.image {
            Some(pyramid) => pyramid.distance(&y[..pyramid.elements()]),
            None => (Vec::new(), 0.0),
        };
        let mut sum = 0.0;
        for (i, (e, w)) in y.iter_mut().zip(&self.weights).enumerate() {
            let w = self.relative.get(i).map_or(*w, |r| w * r.factor(x[i]));
            let slope = e.clamp(-self.huber, self.huber);
            // The square inside, two straight lines outside.
            sum += w * slope * (2.0 * *e - slope);
            *e = 2.0 * w * slope;
        }
        y.iter_mut().zip(&image).for_each(|(slope, i)| *slope += i);
        f64::from(sum) + far
    }
}

/// Means of an image's blocks of 2, 4, 8 and so on to a side, and what their errors cost.
///
/// The squared error of blocks, times the square of their side: a multi-scale form of the negative Sobolev norm, to which the
/// Wasserstein distance of order 2 is equal for small differences (Peyre, ESAIM: COCV 24 (2018) 1489). To move charge far
/// costs more than to move it to a neighbour, which a pixel by pixel error does not see.
struct Pyramid {
    shape: [usize; 3],
    weight: f32,
}

impl Pyramid {
    fn new(options: &ImageLoss) -> Self {
        Pyramid { shape: options.shape, weight: options.weight as f32 }
    }

    fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// The slope of the distance of each element, and the distance, for an image of errors.
    fn distance(&self, errors: &[f32]) -> (Vec<f32>, f64) {
        let [height, width, channels] = self.shape;
        let mut slopes = vec![0.0; errors.len()];
        let mut sum = 0.0;
        let mut side = 2;
        while side < 2 * height.max(width) {
            let (rows, columns) = (height.div_ceil(side), width.div_ceil(side));
            let mut blocks = vec![0.0f32; rows * columns * channels];
            let block = |i: usize| {
                let (pixel, channel) = (i / channels, i % channels);
                ((pixel / width / side) * columns + pixel % width / side) * channels + channel
            };
            errors.iter().enumerate().for_each(|(i, e)| blocks[block(i)] += e);
            // Mean over the block squared, times its pixels over all pixels, times its side squared.
            let pixels = side.min(height) * side.min(width);
            let scale = self.weight * (side * side) as f32 / (pixels * height * width * channels) as f32;
            sum += f64::from(scale * blocks.iter().map(|b| b * b).sum::<f32>());
            slopes.iter_mut().enumerate().for_each(|(i, s)| *s += 2.0 * scale * blocks[block(i)]);
            side *= 2;
        }
        (slopes, sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::transform::NormFunction;
    use crate::model::{ColumnSpec, Constraint};
    use ndarray::array;

    fn column(width: usize, function: NormFunction) -> ColumnSpec {
        let norm = Norm { function, offset: 0.0, scale: 2.0 };
        ColumnSpec { name: "a".into(), width, norm, zero_flag: false, constraint: Constraint::default() }
    }

    fn weights(loss: LossWeights, floor: f64, transform: &Transform, features: &Array2<f32>) -> Weights {
        Weights::of(&TrainOptions { loss, weight_floor: floor, ..TrainOptions::default() }, transform, features)
    }

    #[test]
    fn elements_of_a_vector_column_cost_the_same_whatever_their_own_range() {
        let vector = Transform { window: None, columns: vec![column(2, NormFunction::Identity)] };
        let features = array![[0.0, 0.0], [0.1, 1.0]];
        assert_eq!(weights(LossWeights::Range, 0.0, &vector, &features), Weights::even(2));
        let scalars = vec![column(1, NormFunction::Identity), column(1, NormFunction::Identity)];
        let table = Transform { window: None, columns: scalars };
        // A tenth of the range: the same error is ten times the share, a hundred times the square.
        let found = weights(LossWeights::Range, 0.0, &table, &features).features;
        assert!(found[0] == 1.0 && (found[1] - 0.01).abs() < 1e-6, "{found:?}");
        assert_eq!(weights(LossWeights::Range, 0.2, &table, &features).features, [1.0, 0.2]);
        assert_eq!(weights(LossWeights::Feature, 0.0, &table, &features), Weights::even(2));
    }

    /// Compares slopes with differences of the loss.
    fn check_slopes(criterion: &Criterion, y: &[f32], x: &[f32]) {
        let mut slopes = y.to_vec();
        let loss = criterion.slopes(&mut slopes, x);
        assert!((loss - criterion.loss(y, x)).abs() < 1e-9 * loss.abs().max(1.0));
        for (i, slope) in slopes.iter().enumerate() {
            let at = |d: f32| {
                let mut moved = y.to_vec();
                moved[i] += d;
                criterion.loss(&moved, x)
            };
            let expected = (at(1e-2) - at(-1e-2)) / 2e-2;
            assert!((f64::from(*slope) - expected).abs() < 2e-3 * expected.abs().max(0.1), "{i}: {slope} {expected}");
        }
    }

    #[test]
    fn slopes_are_those_of_the_loss() {
        let (y, x) = ([0.3, -1.0, 2.0, 0.5, 4.0, 0.0, 1.0, 1.0], [0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 2.0, 0.5]);
        let image_loss = Some(ImageLoss { weight: 0.7, shape: [2, 2, 1] });
        let weights: Weights = vec![1.0, 0.5, 2.0, 0.0].into();
        for (huber, image_loss) in [(0.0, None), (0.8, None), (0.0, image_loss.clone()), (0.8, image_loss)] {
            let options = TrainOptions { huber, image_loss, ..TrainOptions::default() };
            check_slopes(&Criterion::new(&weights, &options), &y, &x);
        }
        let transform = Transform { window: None, columns: vec![column(4, NormFunction::Log { unit: 0.5 })] };
        let options = TrainOptions { loss: LossWeights::Relative, ..TrainOptions::default() };
        let features = Array2::from_shape_vec((2, 4), x.to_vec()).unwrap();
        check_slopes(&Criterion::new(&Weights::of(&options, &transform, &features), &options), &y, &x);
    }

    #[test]
    fn a_relative_error_costs_the_same_at_every_size() {
        let transform = Transform { window: None, columns: vec![column(1, NormFunction::Identity)] };
        let options = TrainOptions { loss: LossWeights::Relative, weight_floor: 0.01, ..TrainOptions::default() };
        // Values are twice the features.
        let features = array![[1.0], [10.0], [100.0]];
        let criterion = Criterion::new(&Weights::of(&options, &transform, &features), &options);
        let losses: Vec<f64> = [1.0, 10.0, 100.0].iter().map(|x| criterion.loss(&[1.1 * x], &[*x])).collect();
        assert!(losses.iter().all(|l| (l / losses[0] - 1.0).abs() < 1e-4), "{losses:?}");
    }

    #[test]
    fn charge_that_moved_far_costs_more_than_charge_that_moved_little() {
        let options =
            TrainOptions { image_loss: Some(ImageLoss { weight: 1.0, shape: [1, 8, 1] }), ..TrainOptions::default() };
        let criterion = Criterion::new(&Weights::even(8), &options);
        let moved = |to: usize| {
            let (mut x, mut y) = ([0.0; 8], [0.0; 8]);
            (x[0], y[to]) = (1.0, 1.0);
            criterion.loss(&y, &x)
        };
        assert!(moved(1) < moved(2) && moved(2) < moved(4), "{} {} {}", moved(1), moved(2), moved(4));
    }
}

//! Fake quantization: numbers are moved to the grid of their format, gradients pass straight through.

use burn::tensor::{Device, Tensor, TensorData};

use crate::error::{Code, Error, Result};
use crate::fixed::{Overflow, QFormat, Rounding};
use crate::model::plan::LayerPlan;
use crate::model::{Granular, Network, QuantPlan};

/// Formats of a matrix (`[rows or 1, columns or 1]`, expanded to the tensor they are applied to).
pub(super) struct Fake {
    step: Tensor<2>,
    inverse_step: Tensor<2>,
    low: Tensor<2>,
    high: Tensor<2>,
    rounding: Rounding,
    overflow: Overflow,
    /// Whether the gradient is zero where the number was saturated. Right for activations, whose value cannot
    /// follow the gradient there; weights must be free to come back.
    clip_gradient: bool,
}

impl Fake {
    fn new(
        formats: &[QFormat],
        shape: [usize; 2],
        rounding: Rounding,
        overflow: Overflow,
        clip_gradient: bool,
        device: &Device,
    ) -> Self {
        let tensor = |f: &dyn Fn(&QFormat) -> f64| {
            let values: Vec<f32> = formats.iter().map(|q| f(q) as f32).collect();
            Tensor::<2>::from_data(TensorData::new(values, shape), device)
        };
        Fake {
            step: tensor(&|q| q.step()),
            inverse_step: tensor(&|q| 1.0 / q.step()),
            low: tensor(&|&q| match overflow {
                Overflow::SaturateSymmetric if q.signed => -(q.max() as f64),
                _ => q.min() as f64,
            }),
            high: tensor(&|&q| q.max() as f64),
            rounding,
            overflow,
            clip_gradient,
        }
    }

    /// The step of each element.
    pub(super) fn steps(&self) -> Vec<f32> {
        super::fit::read(self.step.clone())
    }

    /// The nearest numbers of the formats, by `rounding` and `overflow`.
    pub(super) fn apply(&self, y: Tensor<2>) -> Tensor<2> {
        let tracked = y.is_autodiff();
        let plain = y.clone().inner();
        let dims = plain.dims();
        let u = plain.clone() * self.inverse_step.clone();
        let rounded = match self.rounding {
            Rounding::Truncate => u.floor(),
            Rounding::HalfEven => u.round(),
            Rounding::HalfUp => {
                // Not floor(u + 1/2): that sum rounds in f32.
                let floor = u.clone().floor();
                let up = (u - floor.clone()).greater_equal_elem(0.5).float();
                floor + up
            }
        };
        let limited = if self.overflow == Overflow::Wrap {
            let span = self.high.clone() - self.low.clone() + 1.0;
            let turns = ((rounded.clone() - self.low.clone()) / span.clone()).floor();
            rounded.clone() - turns * span
        } else {
            rounded.clone().max_pair(self.low.clone().expand(dims)).min_pair(self.high.clone().expand(dims))
        };
        let on_grid = limited.clone() * self.step.clone();
        if !tracked {
            return on_grid;
        }
        if self.clip_gradient && self.overflow != Overflow::Wrap {
            let inside = limited.equal(rounded).float();
            let rest = on_grid - plain * inside.clone();
            return y * inside + rest;
        }
        y + (on_grid - plain)
    }
}

/// The formats of one layer, as tensors.
pub(super) struct FakeLayer {
    /// For weights as `[columns, rows]`.
    pub(super) weight: Fake,
    /// For biases as `[1, rows]`.
    pub(super) bias: Fake,
    /// For outputs as `[batch, n_out]`.
    pub(super) output: Fake,
}

/// The formats of a network, as tensors.
pub(super) struct FakeNetwork {
    /// For inputs as `[batch, n_in]`.
    pub(super) input: Fake,
    /// One a layer.
    pub(super) layers: Vec<FakeLayer>,
}

impl FakeNetwork {
    /// # Errors
    /// [`Code::ModelShape`] or [`Code::Format`] if the plan does not fit the network.
    pub(super) fn new(plan: &QuantPlan, network: &Network, device: &Device) -> Result<Self> {
        if plan.layers.len() != network.layers.len() {
            return Err(Error::new(
                Code::ModelShape,
                format!("the plan has {} layers, the encoder {}", plan.layers.len(), network.layers.len()),
            ));
        }
        let input = vector(&plan.input, network.n_in, network.n_in, "the input")?;
        // Input words are rounded half to even and saturated where data enter.
        let (even, saturate) = (Rounding::HalfEven, Overflow::Saturate);
        let input = Fake::new(&input, [1, network.n_in], even, saturate, true, device);
        let layers = network.layers.iter().zip(&plan.layers).map(|(layer, plan)| {
            let (weights, _) = layer.op.weights();
            let (rows, columns) = (weights.len(), weights.first().map_or(0, Vec::len));
            let LayerPlan { weight, bias, output, rounding, overflow } = plan;
            let (weight, shape) = matrix(weight, rows, columns, &layer.name)?;
            let bias = vector(bias, rows, rows, &layer.name)?;
            let output = vector(output, rows, layer.op.n_out(), &layer.name)?;
            Ok(FakeLayer {
                weight: Fake::new(&weight, shape, even, saturate, false, device),
                bias: Fake::new(&bias, [1, bias.len()], even, saturate, false, device),
                output: Fake::new(&output, [1, output.len()], *rounding, *overflow, true, device),
            })
        });
        Ok(FakeNetwork { input, layers: layers.collect::<Result<_>>()? })
    }
}

fn misfit(what: &str) -> Error {
    Error::new(Code::ModelShape, format!("the formats planned for `{what}` do not fit its shape"))
}

fn checked(formats: Vec<QFormat>, what: &str) -> Result<Vec<QFormat>> {
    formats.into_iter().map(|f| f.check().map_err(|e| e.at(what))).collect()
}

/// `n` formats, element `i` in channel `i % rows`.
fn vector(formats: &Granular<QFormat>, rows: usize, n: usize, what: &str) -> Result<Vec<QFormat>> {
    match formats {
        Granular::PerChannel(v) if v.len() != rows => Err(misfit(what)),
        Granular::PerWeight(_) => Err(misfit(what)),
        _ => checked((0..n).map(|i| formats.channel(i % rows)).collect(), what),
    }
}

/// Formats and shape for the transposed weights `[columns, rows]`.
fn matrix(formats: &Granular<QFormat>, rows: usize, columns: usize, what: &str) -> Result<(Vec<QFormat>, [usize; 2])> {
    match formats {
        Granular::PerTensor(f) => Ok((checked(vec![*f], what)?, [1, 1])),
        Granular::PerChannel(v) if v.len() == rows => Ok((checked(v.clone(), what)?, [1, rows])),
        Granular::PerWeight(v) if v.len() == rows && v.iter().all(|r| r.len() == columns) => {
            let transposed = (0..columns).flat_map(|c| v.iter().map(move |row| row[c])).collect();
            Ok((checked(transposed, what)?, [columns, rows]))
        }
        _ => Err(misfit(what)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixed::requantize;

    const ROUNDINGS: [Rounding; 3] = [Rounding::Truncate, Rounding::HalfUp, Rounding::HalfEven];
    const OVERFLOWS: [Overflow; 3] = [Overflow::Wrap, Overflow::Saturate, Overflow::SaturateSymmetric];

    #[test]
    fn fake_quantization_equals_requantize_in_every_mode() {
        let device = Device::flex();
        let formats = [QFormat::signed(5, 2), QFormat::unsigned(4, 1), QFormat::signed(4, -1)];
        // Steps of 1/16 over twice the range: every tie and both overflows occur in each column.
        let raws: Vec<i64> = (-700..700).collect();
        let values: Vec<f32> = raws.iter().flat_map(|r| [*r as f32 / 16.0; 3]).collect();
        for rounding in ROUNDINGS {
            for overflow in OVERFLOWS {
                let fake = Fake::new(&formats, [1, 3], rounding, overflow, true, &device);
                let y = Tensor::<2>::from_data(TensorData::new(values.clone(), [raws.len(), 3]), &device);
                for y in [y.clone(), y.autodiff().require_grad()] {
                    let got: Vec<f32> = fake.apply(y).inner().into_data().try_to_vec().unwrap();
                    for (i, got) in got.iter().enumerate() {
                        let (raw, format) = (raws[i / 3], formats[i % 3]);
                        let expected = format.to_f64(requantize(raw.into(), 4, format, rounding, overflow));
                        assert_eq!(f64::from(*got), expected, "{rounding:?} {overflow:?} {format} of {raw}/16");
                    }
                }
            }
        }
    }

    #[test]
    fn gradients_pass_straight_through_but_not_where_an_activation_saturates() {
        let device = Device::flex();
        let y = Tensor::<2>::from_data([[0.3f32, 1.6, 50.0]], &device).autodiff().require_grad();
        for (clip, expected) in [(true, [2.0f32, 2.0, 0.0]), (false, [2.0, 2.0, 2.0])] {
            let format = [QFormat::signed(4, 0)];
            let fake = Fake::new(&format, [1, 1], Rounding::HalfEven, Overflow::Saturate, clip, &device);
            let grads = (fake.apply(y.clone()) * 2.0).sum().backward();
            let gradient: Vec<f32> = y.grad(&grads).unwrap().into_data().try_to_vec().unwrap();
            assert_eq!(gradient, expected);
        }
    }
}

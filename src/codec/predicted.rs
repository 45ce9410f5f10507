//! A column that a formula predicts from columns that are already known: only what the formula leaves is coded.
//!
//! Within a bound a value is `prediction + r * step`, so that `r` is 0 wherever the prediction keeps the bound. Without
//! one, `r` counts grid points from the one nearest to the prediction. How far the prediction may be off, as the columns it
//! is computed from are rounded, is a context; so is where between two grid points it lies.

use super::grid::{Grid, kept, order_of, scattered};
use super::place::Placed;
use crate::data::Values;
use crate::entropy::bytes::malformed;
use crate::error::Result;
use crate::mix::Bins;
use crate::relation::Expression;

/// What a reader has of a column.
#[derive(Clone, Debug)]
pub(super) struct Restored {
    values: Vec<f64>,
    rounding: Rounding,
}

/// How far a restored value may be from the one before it was rounded.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Rounding {
    By(f64),
    /// In parts of the value.
    Relative(f64),
}

impl Restored {
    pub(super) fn new(values: &Values, grid: &Grid) -> Self {
        let own = if values.dtype() == "float32" { 2f64.powi(-25) } else { 2f64.powi(-54) };
        let rounding = match grid {
            Grid::Step(step) => Rounding::By(step / 2.0),
            // A power of two says nothing about how the value came about.
            Grid::Parts(parts) if *parts > 1.0 && *parts <= 1e4 => Rounding::By(0.5 / parts),
            Grid::Parts(_) => Rounding::By(0.0),
            Grid::Whole { step } => Rounding::By((step / 2) as f64),
            Grid::List(_) | Grid::Bits => Rounding::Relative(own),
            Grid::Relative(relative) => Rounding::Relative(relative.spacing() / 2.0),
        };
        Restored { values: values.to_f64(), rounding }
    }

    /// What a reader will have of a placed column.
    pub(super) fn of(values: &Values, placed: &Placed) -> Result<Self> {
        let mut back = placed.grid.values(values.dtype(), &placed.ints)?;
        scattered(&mut back, values, &placed.exact)?;
        Ok(Restored::new(&back, &placed.grid))
    }
}

/// A formula's values for the rows of a block.
pub(super) struct Prediction {
    values: Vec<f64>,
    /// Its uncertainty and its place between grid points, as contexts.
    bins: [Bins; 2],
}

impl Prediction {
    /// * `columns`: those of the formula, in its order
    pub(super) fn new(formula: &Expression, columns: &[&Restored], grid: &Grid, dtype: &str) -> Self {
        let single = dtype == "float32";
        let slices: Vec<&[f64]> = columns.iter().map(|c| &c.values[..]).collect();
        let mut values = formula.evaluate(&slices);
        let mut off = vec![0.0; values.len()];
        for (k, column) in columns.iter().enumerate() {
            let moved: Vec<f64> = match column.rounding {
                Rounding::By(0.0) => continue,
                Rounding::By(half) => column.values.iter().map(|x| x + half).collect(),
                Rounding::Relative(part) => column.values.iter().map(|x| x + x * part).collect(),
            };
            let mut slices = slices.clone();
            slices[k] = &moved;
            for (off, (a, b)) in off.iter_mut().zip(formula.evaluate(&slices).iter().zip(&values)) {
                *off += (a - b).abs();
            }
        }
        for x in &mut values {
            *x = if x.is_finite() { *x } else { 0.0 };
        }
        let unit = |x: f64| match grid {
            Grid::Step(step) => *step,
            Grid::Parts(parts) => parts.recip(),
            Grid::Whole { step } => *step as f64,
            Grid::Relative(relative) => x.abs() * relative.spacing(),
            Grid::List(_) | Grid::Bits => x.abs() * if single { 2f64.powi(-23) } else { 2f64.powi(-52) },
        };
        let uncertain = values.iter().zip(&off).map(|(x, off)| half_octave(off / unit(*x))).collect();
        let place = |x: &f64| match grid {
            Grid::Parts(_) | Grid::Whole { .. } => {
                let steps = x / unit(*x);
                ((steps - steps.floor()) * 8.0).clamp(0.0, 7.0) as u8
            }
            Grid::Step(_) | Grid::List(_) | Grid::Bits | Grid::Relative(_) => 0,
        };
        let places = values.iter().map(place).collect();
        Prediction { bins: [Bins::labelled(uncertain), Bins::labelled(places)], values }
    }

    /// Predictions that come from elsewhere, of which nothing else is known.
    pub(super) fn of(values: Vec<f64>) -> Self {
        Prediction { values, bins: [Bins::labelled(Vec::new()), Bins::labelled(Vec::new())] }
    }

    /// What is known of the columns, and behind them what is known of the prediction.
    pub(super) fn beside<'a>(&'a self, known: &[Option<&'a Bins>]) -> Vec<Option<&'a Bins>> {
        known.iter().copied().chain(self.bins.iter().map(Some)).collect()
    }

    /// What the formula leaves of a column; what its reader would get wrong is among the exact ones.
    pub(super) fn leaves(&self, values: &Values, grid: &Grid, bound: f64) -> Placed {
        let dtype = values.dtype();
        let mut exact = Vec::new();
        let mut last = 0;
        let mut ints = Vec::with_capacity(values.len());
        for (i, prediction) in self.values.iter().enumerate() {
            let found = match grid {
                Grid::Step(step) => {
                    let x = values.get_f64(i);
                    let r = ((x - prediction) / step).round_ties_even();
                    let kept = kept(x, prediction + r * step, bound, dtype == "float32");
                    (r.abs() < 2f64.powi(53) && kept).then_some(r as i64)
                }
                _ => grid.number(values, i, bound).map(|k| k.wrapping_sub(grid.nearest(*prediction, dtype))),
            };
            match found {
                Some(r) => last = r,
                None => exact.push(i),
            }
            ints.push(last);
        }
        Placed { grid: grid.clone(), ints, exact }
    }

    /// The inverse of [`leaves`](Self::leaves), but for the exact ones.
    ///
    /// # Errors
    /// [`ContainerDamaged`](crate::Code::ContainerDamaged) if a value is not of the type.
    pub(super) fn restore(&self, ints: &[i64], grid: &Grid, dtype: &str) -> Result<Values> {
        if ints.len() != self.values.len() {
            return Err(malformed("a formula without rows"));
        }
        let both = ints.iter().zip(&self.values);
        match grid {
            Grid::Step(step) => Values::from_f64(dtype, both.map(|(r, x)| x + *r as f64 * step)),
            _ => {
                let ints: Vec<i64> = both.map(|(r, x)| r.wrapping_add(grid.nearest(*x, dtype))).collect();
                grid.values(dtype, &ints)
            }
        }
    }
}

/// The values as the numbers of their grid: what others look at.
pub(super) fn numbers(values: &Values, grid: &Grid) -> Vec<i64> {
    let dtype = values.dtype();
    (0..values.len())
        .map(|i| if matches!(grid, Grid::Bits) { order_of(values, i) } else { grid.nearest(values.get_f64(i), dtype) })
        .collect()
}

/// `2 log2 x + 16`, cut to 0 ..= 40.
fn half_octave(x: f64) -> u8 {
    if x.is_nan() {
        return 40;
    }
    // Exponent and the first bit of the mantissa.
    ((x.to_bits() >> 51) as i64 - 2 * 1023 + 16).clamp(0, 40) as u8
}

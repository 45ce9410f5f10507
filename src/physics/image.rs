//! Calorimeter images: energy, position and width of what the cells hold.

use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::econt::{Algorithm, CELLS};
use super::section::ImageSection;
use super::values::{Shift, vectors};
use crate::data::{Column, Dataset};
use crate::error::{Code, Error, Result};

/// Figures of an `image`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImageFigures {
    /// Name of the section.
    pub name: String,
    /// The column.
    pub column: String,
    /// Unit of its cells.
    pub unit: String,
    /// Images.
    pub rows: u64,
    /// Images of a sum below the smallest one asked for, or not above 0; left out of all figures but those of the cells.
    pub faint: u64,
    /// Images with a cell that is not finite, before or after; left out.
    pub not_finite: u64,
    /// Mean sum of an image before.
    pub mean_sum: f64,
    /// The reconstruction.
    pub reconstructed: ImageErrors,
    /// What the algorithms of ECON-T make of the same images.
    pub baselines: Vec<Baseline>,
}

/// An algorithm of ECON-T on the same images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// Which, with its parameter.
    pub algorithm: String,
    /// Mean bits of an image, everything counted.
    pub bits: f64,
    /// Most bits of an image.
    pub most_bits: u64,
    /// Whether the mean keeps to what was asked for.
    pub within: bool,
    /// Its errors.
    pub errors: ImageErrors,
}

/// After minus before. Positions and widths are in pitches of the cells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImageErrors {
    /// Of the sum, over the sum before.
    pub energy: Shift,
    /// Of the energy-weighted mean of the column.
    pub x: Shift,
    /// Of the energy-weighted mean of the row.
    pub y: Shift,
    /// Of the width: the root of the energy-weighted mean squared distance from the centre.
    pub width: Shift,
    /// Root mean square over all cells of all images, in their unit.
    pub cell_rms: f64,
    /// The same over the mean sum of an image.
    pub cell_rms_over_sum: f64,
}

/// Moments of an image.
#[derive(Clone, Copy, Debug)]
struct Moments {
    sum: f64,
    x: f64,
    y: f64,
    width: f64,
}

impl Moments {
    /// Absent for a sum that is not positive. Negative cells (noise, or a decoder's) count in the sum alone: weights of a mean are
    /// not negative.
    fn of(cells: impl Iterator<Item = f64> + Clone, places: &[Option<(f64, f64)>]) -> Option<Moments> {
        let sum: f64 = cells.clone().sum();
        let placed = || cells.clone().zip(places).filter_map(|(c, p)| p.map(|p| (c.max(0.0), p)));
        let weight: f64 = placed().map(|(c, _)| c).sum();
        if !(sum > 0.0 && weight > 0.0) {
            return None;
        }
        let mean = |f: &dyn Fn((f64, f64)) -> f64| placed().map(|(c, p)| c * f(p)).sum::<f64>() / weight;
        let (x, y) = (mean(&|p| p.0), mean(&|p| p.1));
        let width = mean(&|p| (p.0 - x).powi(2) + (p.1 - y).powi(2)).max(0.0).sqrt();
        Some(Moments { sum, x, y, width })
    }
}

/// Column and row of every cell.
fn places(section: &ImageSection, column: &Column) -> Result<Vec<Option<(f64, f64)>>> {
    let cells = column.width();
    let wrong = |what: String, hint: &str| Err(Error::new(Code::DataShape, what).hint(hint));
    if let Some(rows) = &section.arrangement {
        let mut places = vec![None; cells];
        for (y, row) in rows.iter().enumerate() {
            for (x, cell) in row.iter().enumerate().filter(|(_, c)| **c >= 0) {
                let Some(place) = places.get_mut(*cell as usize) else {
                    let what = format!("the arrangement has a cell {cell}, column `{}` has {cells}", column.name);
                    return wrong(what, "cells are numbered from 0; `-1` is an empty place");
                };
                if place.replace((x as f64, y as f64)).is_some() {
                    return wrong(format!("the arrangement has cell {cell} twice"), "each cell has one place");
                }
            }
        }
        if places.iter().all(Option::is_none) {
            return wrong("the arrangement has no cell".to_owned(), "lists of cell numbers, row by row");
        }
        return Ok(places);
    }
    let shape = match (section.shape, column.shape.as_slice()) {
        (Some(shape), _) => shape,
        (None, [rows, columns]) => [*rows, *columns],
        (None, shape) => {
            return wrong(
                format!("column `{}` has rows of shape {shape:?}, which is no image", column.name),
                "add `shape = [rows, columns]` or `arrangement`",
            );
        }
    };
    if shape[0].checked_mul(shape[1]) != Some(cells) {
        return wrong(
            format!("an image of {} x {} cells in a column `{}` of {cells}", shape[0], shape[1], column.name),
            "`shape = [rows, columns]` with as many cells as the column has",
        );
    }
    Ok((0..cells).map(|i| Some(((i % shape[1]) as f64, (i / shape[1]) as f64))).collect())
}

/// The images of one data set, in the order of the rows that are compared.
struct Images<'a> {
    before: &'a [Vec<f64>],
    places: &'a [Option<(f64, f64)>],
    /// Absent for images that are too faint.
    moments: &'a [Option<Moments>],
    mean_sum: f64,
}

impl Images<'_> {
    /// An image that came back empty has its energy's error, and stands at the centre of the cells without a width.
    fn errors(&self, after: &[Vec<f64>]) -> ImageErrors {
        let placed: Vec<(f64, f64)> = self.places.iter().flatten().copied().collect();
        let n = placed.len().max(1) as f64;
        let centre = (placed.iter().map(|p| p.0).sum::<f64>() / n, placed.iter().map(|p| p.1).sum::<f64>() / n);
        let (mut energy, mut x, mut y, mut width) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (image, before) in after.iter().zip(self.moments) {
            let Some(b) = before else { continue };
            let sum: f64 = image.iter().sum();
            let a = Moments::of(image.iter().copied(), self.places).unwrap_or(Moments {
                sum,
                x: centre.0,
                y: centre.1,
                width: 0.0,
            });
            energy.push((a.sum - b.sum) / b.sum);
            x.push(a.x - b.x);
            y.push(a.y - b.y);
            width.push(a.width - b.width);
        }
        let squares = |(a, b): (&Vec<f64>, &Vec<f64>)| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
        let cells = self.before.iter().map(Vec::len).sum::<usize>().max(1) as f64;
        let cell_rms = (after.iter().zip(self.before).map(squares).sum::<f64>() / cells).sqrt();
        let (energy, x, y, width) = (Shift::of(energy), Shift::of(x), Shift::of(y), Shift::of(width));
        ImageErrors { energy, x, y, width, cell_rms, cell_rms_over_sum: cell_rms / self.mean_sum }
    }

    /// The algorithms of ECON-T.
    fn baselines(&self, bits: f64) -> Result<Vec<Baseline>> {
        let whole = |image: &Vec<f64>| -> Option<[u64; CELLS]> {
            let cells: Option<Vec<u64>> =
                image.iter().map(|c| (*c >= 0.0 && c.fract() == 0.0 && *c < 1e12).then_some(*c as u64)).collect();
            cells?.try_into().ok()
        };
        let rows: Option<Vec<[u64; CELLS]>> = self.before.par_iter().map(whole).collect();
        let rows = rows.ok_or_else(|| {
            Error::new(Code::DataShape, format!("ECON-T reads {CELLS} charges, whole numbers from 0"))
                .cause("the column has another width, or cells that are negative or have fractions")
                .hint("leave `econt_bits` out")
        })?;
        let judged = |algorithm: Algorithm| {
            let sent = |(i, row): (usize, &[u64; CELLS])| {
                let frame = algorithm.encode(row, i as u64);
                (frame.bits() as u64, algorithm.decode(&frame).to_vec())
            };
            let (lengths, back): (Vec<u64>, Vec<Vec<f64>>) =
                rows.par_iter().enumerate().map(|(i, row)| sent((i, row))).unzip();
            let mean = lengths.iter().sum::<u64>() as f64 / lengths.len().max(1) as f64;
            Baseline {
                algorithm: algorithm.to_string(),
                bits: mean,
                most_bits: lengths.into_iter().max().unwrap_or(0),
                within: mean <= bits,
                errors: self.errors(&back),
            }
        };
        Ok(Algorithm::within(&rows, bits).into_iter().map(judged).collect())
    }
}

pub(super) fn figures(
    name: &str,
    section: &ImageSection,
    original: &Dataset,
    reconstructed: &Dataset,
) -> Result<ImageFigures> {
    let (before, after) = vectors(section.column.as_deref(), original, reconstructed)?;
    let places = places(section, before)?;
    let width = before.width();
    let row =
        |c: &Column, i: usize| -> Vec<f64> { (i * width..(i + 1) * width).map(|k| c.values.get_f64(k)).collect() };
    let pairs = (0..original.rows).map(|i| (row(before, i), row(after, i)));
    let (images, back): (Vec<Vec<f64>>, Vec<Vec<f64>>) =
        pairs.filter(|(a, b)| a.iter().chain(b).all(|c| c.is_finite())).unzip();
    let moments: Vec<Option<Moments>> = images
        .par_iter()
        .map(|i| Moments::of(i.iter().copied(), &places).filter(|m| m.sum >= section.minimum))
        .collect();
    let bright = moments.iter().flatten().count();
    if bright == 0 {
        return Err(Error::new(Code::DataSelection, "no image is bright enough")
            .cause(format!("{} images, smallest sum {}", images.len(), section.minimum))
            .hint("lower `minimum`"));
    }
    let mean_sum = moments.iter().flatten().map(|m| m.sum).sum::<f64>() / bright as f64;
    let all = Images { before: &images, places: &places, moments: &moments, mean_sum };
    Ok(ImageFigures {
        name: name.to_owned(),
        column: before.name.clone(),
        unit: before.unit.clone(),
        rows: images.len() as u64,
        faint: (images.len() - bright) as u64,
        not_finite: (original.rows - images.len()) as u64,
        mean_sum,
        reconstructed: all.errors(&back),
        baselines: section.econt_bits.map(|bits| all.baselines(bits)).transpose()?.unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_equal_the_values_worked_out_by_hand() {
        // Cells of 3 and 1 side by side: the centre lies a quarter of the way.
        let places: Vec<_> = (0..6).map(|i| Some((f64::from(i % 3), f64::from(i / 3)))).collect();
        let m = Moments::of([0.0, 3.0, 1.0, 0.0, 0.0, 0.0].into_iter(), &places).unwrap();
        assert_eq!((m.sum, m.x, m.y), (4.0, 1.25, 0.0));
        assert!((m.width - (0.75f64 * 0.0625 + 0.25 * 0.5625).sqrt()).abs() < 1e-15);
        assert!(Moments::of([0.0; 6].into_iter(), &places).is_none());
        // A negative cell lowers the sum and has no weight.
        let m = Moments::of([-1.0, 3.0, 0.0, 0.0, 0.0, 0.0].into_iter(), &places).unwrap();
        assert_eq!((m.sum, m.x), (2.0, 1.0));
    }
}

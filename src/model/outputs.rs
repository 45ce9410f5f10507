//! What a layer computes, element by element: rows of sums, tables, maxima. `reference`, `hw` and `proof` start here.

use super::integer::{IntegerLayer, IntegerOp};
use crate::error::{Code, Error, Result};
use crate::fixed::QFormat;

/// The output elements of a layer, in order, over its joined input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outputs<'a> {
    /// Sums that are then activated and requantized: dense, convolution, average.
    Affine(Vec<AffineRow>),
    /// Values read from tables.
    Tables(Vec<TableRow<'a>>),
    /// Largest values: the indices into the joined input, at least one each.
    Maxima(Vec<Vec<usize>>),
}

/// One row of a layer with every convolution unrolled: `acc = sum coefficient * x[index] + bias`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AffineRow {
    /// (index into the joined input, integer coefficient), non-zero only, by index.
    pub terms: Vec<(usize, i64)>,
    /// The bias in units of the accumulator.
    pub bias: i64,
    /// Fraction bits of the accumulator.
    pub frac: i32,
    /// Format of the output element.
    pub output: QFormat,
}

/// One element of a lookup: `y = values[x[index] - first]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableRow<'a> {
    /// Index into the joined input.
    pub index: usize,
    /// Number of the table: elements with the same one share it.
    pub table: usize,
    /// The raw input of the first entry.
    pub first: i64,
    /// An entry for each raw input.
    pub values: &'a [i64],
    /// Format of the output element.
    pub output: QFormat,
}

impl TableRow<'_> {
    /// The entry for `x`.
    ///
    /// # Panics
    /// If `x` is no number of the input's format.
    pub fn at(&self, x: i64) -> i64 {
        self.values[(x - self.first) as usize]
    }
}

/// One product of a sum before alignment.
struct Product {
    index: usize,
    weight: i64,
    frac: i32,
}

impl IntegerLayer {
    /// What the layer computes; `inputs` are the formats of the joined input. The one place where binary points are
    /// aligned and tables are dealt to elements.
    ///
    /// # Errors
    /// [`Code::FormatTooWide`] if an accumulator, at its worst input, does not fit 63 bits.
    pub fn outputs(&self, inputs: &[QFormat]) -> Result<Outputs<'_>> {
        Ok(match &self.op {
            IntegerOp::Lookup { n, tables } => {
                let row = |index: usize| {
                    let (table, output) = (index % tables.len(), self.output_at(index));
                    TableRow { index, table, first: inputs[index].min(), values: &tables[table], output }
                };
                Outputs::Tables((0..*n).map(row).collect())
            }
            IntegerOp::MaxPool2d { geometry } => Outputs::Maxima(geometry.windows()),
            IntegerOp::Dense | IntegerOp::Conv2d { .. } | IntegerOp::AvgPool2d { .. } => {
                Outputs::Affine(self.rows(inputs)?)
            }
        })
    }

    /// The layer as affine rows over integers, aligned to one binary point a row.
    ///
    /// # Errors
    /// [`Code::FormatTooWide`] as [`outputs`](Self::outputs), [`Code::Unsupported`] for a layer that is not affine.
    pub fn rows(&self, inputs: &[QFormat]) -> Result<Vec<AffineRow>> {
        let positions = match &self.op {
            IntegerOp::Dense => vec![(0..self.n_in()).map(|i| (i, i)).collect::<Vec<_>>()],
            IntegerOp::Conv2d { geometry } => geometry.patches(),
            IntegerOp::AvgPool2d { geometry } => return self.averages(&geometry.windows(), inputs),
            IntegerOp::Lookup { .. } | IntegerOp::MaxPool2d { .. } => {
                return Err(Error::new(Code::Unsupported, format!("layer `{}` is no sum of products", self.name)));
            }
        };
        let mut rows = Vec::with_capacity(self.n_out());
        for taps in &positions {
            for row in 0..self.weights.len() {
                let product = |&(index, t): &(usize, usize)| Product {
                    index,
                    weight: self.weights[row][t],
                    frac: inputs[index].frac + self.weight_format.at(row, t).frac,
                };
                let products: Vec<Product> = taps.iter().map(product).filter(|p| p.weight != 0).collect();
                rows.push(self.row(row, &products, (self.bias[row], self.bias_format.channel(row).frac), inputs)?);
            }
        }
        Ok(rows)
    }

    /// Sums of windows, every value times the one weight.
    fn averages(&self, windows: &[Vec<usize>], inputs: &[QFormat]) -> Result<Vec<AffineRow>> {
        let (weight, frac) = (self.weights[0][0], self.weight_format.at(0, 0).frac);
        let row = |(i, window): (usize, &Vec<usize>)| {
            let product = |&index: &usize| Product { index, weight, frac: inputs[index].frac + frac };
            let products: Vec<Product> = window.iter().map(product).filter(|p| p.weight != 0).collect();
            self.row(self.row_of(i), &products, (0, 0), inputs)
        };
        windows.iter().enumerate().map(row).collect()
    }

    /// One row of products, none of weight 0, and a bias with its fraction bits.
    fn row(&self, row: usize, products: &[Product], bias: (i64, i32), inputs: &[QFormat]) -> Result<AffineRow> {
        let output = self.output_format.channel(row);
        let frac = products.iter().map(|p| p.frac).chain((bias.0 != 0).then_some(bias.1)).max();
        // A row without weights and bias is the constant zero, whatever its binary point.
        let frac = frac.unwrap_or(output.frac);
        let too_wide = || {
            Error::new(
                Code::FormatTooWide,
                format!("accumulator of `{}`, output row {row}, needs more than 63 bits", self.name),
            )
            .cause(format!("{} products and the bias, aligned to {frac} fraction bits", products.len()))
            .hint("use narrower weights or inputs, or formats whose binary points lie closer together")
        };
        let align = |raw: i64, shift: i32| {
            (shift < 64).then(|| i128::from(raw) << shift).and_then(|v| i64::try_from(v).ok()).ok_or_else(too_wide)
        };
        let mut terms = Vec::new();
        let bias = align(bias.0, if bias.0 == 0 { 0 } else { frac - bias.1 })?;
        let mut reach = i128::from(bias).abs();
        for p in products {
            let coefficient = align(p.weight, frac - p.frac)?;
            let format = inputs[p.index];
            let largest = i128::from(format.max()).max(-i128::from(format.min()));
            reach = reach.saturating_add(i128::from(coefficient).abs().saturating_mul(largest));
            terms.push((p.index, coefficient));
        }
        if reach > i128::from(i64::MAX) {
            return Err(too_wide());
        }
        Ok(AffineRow { terms, bias, frac, output })
    }
}

//! Integer networks: the encoder after quantization, and exactly what the hardware computes.
//!
//! Per layer: exact accumulator, then activation, then [`requantize`](crate::fixed::requantize). The products of one
//! row may have different binary points (formats per channel or per weight); they are aligned to the finest one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::network::{Activation, Conv2d, Wiring, check_matrix};
use crate::error::{Code, Error, Result};
use crate::fixed::{Overflow, QFormat, Rounding};

/// One value for a whole tensor, one per channel, or one per weight.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Granular<T> {
    /// The same for the tensor.
    PerTensor(T),
    /// Activations: one an element of the vector. Weights: one an output row (a filter of a convolution).
    PerChannel(Vec<T>),
    /// Weights only: one a weight, `[rows][columns]`.
    PerWeight(Vec<Vec<T>>),
}

impl<T: Copy> Granular<T> {
    /// The value for column `column` of row `row`.
    pub fn at(&self, row: usize, column: usize) -> T {
        match self {
            Granular::PerTensor(t) => *t,
            Granular::PerChannel(rows) => rows[row],
            Granular::PerWeight(all) => all[row][column],
        }
    }

    /// The value for element `channel` of a vector.
    pub fn channel(&self, channel: usize) -> T {
        self.at(channel, 0)
    }

    /// All values, in order.
    pub fn values(&self) -> Vec<T> {
        match self {
            Granular::PerTensor(t) => vec![*t],
            Granular::PerChannel(rows) => rows.clone(),
            Granular::PerWeight(all) => all.concat(),
        }
    }

    fn fits(&self, rows: usize, columns: usize) -> bool {
        match self {
            Granular::PerTensor(_) => true,
            Granular::PerChannel(v) => v.len() == rows,
            Granular::PerWeight(v) => v.len() == rows && v.iter().all(|r| r.len() == columns),
        }
    }
}

/// A feed-forward network of integers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IntegerNetwork {
    /// Length of the input vector `x`.
    pub n_in: usize,
    /// Formats of the input words.
    pub input: Granular<QFormat>,
    /// In topological order; the last one gives the output.
    pub layers: Vec<IntegerLayer>,
}

/// One layer: inputs concatenated, exact affine operation, activation, requantization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IntegerLayer {
    /// Unique, `[a-z][a-z0-9_]*`, not `x`; also the name of the output tensor.
    pub name: String,
    /// Earlier tensors, concatenated in this order.
    pub inputs: Vec<String>,
    /// Dense or convolution.
    #[serde(flatten)]
    pub op: IntegerOp,
    /// Raw integers: dense `[n_out][n_in]`, convolution `[filters][kernel_h * kernel_w * channels]`.
    pub weights: Vec<Vec<i64>>,
    /// Formats of the weights.
    pub weight_format: Granular<QFormat>,
    /// Raw integers, one an output or filter.
    pub bias: Vec<i64>,
    /// Formats of the biases (not per weight).
    pub bias_format: Granular<QFormat>,
    /// `none` or `relu`, applied to the exact accumulator.
    pub activation: Activation,
    /// Formats of the output elements (dense: per output; convolution: per filter).
    pub output_format: Granular<QFormat>,
    /// How the accumulator loses its low bits.
    pub rounding: Rounding,
    /// How the accumulator loses its high bits.
    pub overflow: Overflow,
}

/// The shape of a layer's affine operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum IntegerOp {
    /// x: `[n_in]`, weights: `[n_out][n_in]`, y: `[n_out]`.
    Dense,
    /// x: `[height, width, channels]`, y: `[out_h, out_w, filters]`, both flattened row-major.
    Conv2d {
        /// Shapes and strides.
        #[serde(flatten)]
        geometry: Conv2d,
    },
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

impl IntegerLayer {
    /// Length of the joined input.
    pub fn n_in(&self) -> usize {
        match &self.op {
            IntegerOp::Dense => self.weights.first().map_or(0, Vec::len),
            IntegerOp::Conv2d { geometry } => geometry.n_in(),
        }
    }

    /// Length of the output.
    pub fn n_out(&self) -> usize {
        match &self.op {
            IntegerOp::Dense => self.weights.len(),
            IntegerOp::Conv2d { geometry } => geometry.n_out(),
        }
    }

    /// Output element `i`'s row of weights (its filter, for a convolution).
    pub fn row_of(&self, i: usize) -> usize {
        i % self.weights.len()
    }

    /// Format of output element `i`.
    pub fn output_at(&self, i: usize) -> QFormat {
        self.output_format.channel(self.row_of(i))
    }

    /// The layer as affine rows over integers, aligned to one binary point a row. `inputs` are the formats of the
    /// joined input. This is the one place where alignment is worked out; `reference` and `hw` both start here.
    ///
    /// # Errors
    /// [`Code::FormatTooWide`] if an accumulator, at its worst input, does not fit 63 bits.
    pub fn rows(&self, inputs: &[QFormat]) -> Result<Vec<AffineRow>> {
        let row_count = self.weights.len();
        let positions = match &self.op {
            IntegerOp::Dense => vec![(0..self.n_in()).map(|i| (i, i)).collect::<Vec<_>>()],
            IntegerOp::Conv2d { geometry } => geometry.patches(),
        };
        let mut rows = Vec::with_capacity(self.n_out());
        for taps in &positions {
            for row in 0..row_count {
                rows.push(self.row(row, taps, inputs)?);
            }
        }
        Ok(rows)
    }

    fn row(&self, row: usize, taps: &[(usize, usize)], inputs: &[QFormat]) -> Result<AffineRow> {
        let bias_frac = self.bias_format.channel(row).frac;
        let product_frac = |&(i, t): &(usize, usize)| inputs[i].frac + self.weight_format.at(row, t).frac;
        let used = || taps.iter().filter(|(_, t)| self.weights[row][*t] != 0);
        let frac = used().map(product_frac).chain((self.bias[row] != 0).then_some(bias_frac)).max();
        let output = self.output_format.channel(row);
        // A row without weights and bias is the constant zero, whatever its binary point.
        let frac = frac.unwrap_or(output.frac);
        let too_wide = || {
            Error::new(
                Code::FormatTooWide,
                format!("accumulator of `{}`, output row {row}, needs more than 63 bits", self.name),
            )
            .cause(format!("{} products and the bias, aligned to {frac} fraction bits", used().count()))
            .hint("use narrower weights or inputs, or formats whose binary points lie closer together")
        };
        let align = |raw: i64, shift: i32| {
            (shift < 64).then(|| i128::from(raw) << shift).and_then(|v| i64::try_from(v).ok()).ok_or_else(too_wide)
        };
        let mut terms = Vec::new();
        let bias = align(self.bias[row], if self.bias[row] == 0 { 0 } else { frac - bias_frac })?;
        let mut reach = i128::from(bias).abs();
        for tap in used() {
            let coefficient = align(self.weights[row][tap.1], frac - product_frac(tap))?;
            let format = inputs[tap.0];
            let largest = i128::from(format.max()).max(-i128::from(format.min()));
            reach = reach.saturating_add(i128::from(coefficient).abs().saturating_mul(largest));
            terms.push((tap.0, coefficient));
        }
        if reach > i128::from(i64::MAX) {
            return Err(too_wide());
        }
        Ok(AffineRow { terms, bias, frac, output })
    }
}

impl IntegerNetwork {
    /// Length of the output vector.
    pub fn n_out(&self) -> usize {
        self.layers.last().map_or(self.n_in, IntegerLayer::n_out)
    }

    /// Formats of a tensor's elements: `x` or a layer's output.
    ///
    /// # Panics
    /// If no tensor has that name: [`check`](Self::check) first.
    pub fn formats_of(&self, tensor: &str) -> Vec<QFormat> {
        if tensor == super::network::INPUT {
            return (0..self.n_in).map(|i| self.input.channel(i)).collect();
        }
        let layer = self.layers.iter().find(|l| l.name == tensor).expect("a checked network");
        (0..layer.n_out()).map(|i| layer.output_at(i)).collect()
    }

    /// Formats of the joined input of a layer.
    pub fn joined_formats(&self, layer: &IntegerLayer) -> Vec<QFormat> {
        layer.inputs.iter().flat_map(|t| self.formats_of(t)).collect()
    }

    /// Formats of the network's output.
    pub fn output_formats(&self) -> Vec<QFormat> {
        self.formats_of(self.layers.last().map_or(super::network::INPUT, |l| &l.name))
    }

    /// Checks names, shapes, formats, that every integer fits its format and every accumulator 63 bits.
    ///
    /// # Errors
    /// `M001`, `M002`, `Q001`, `Q002` or `Q003`, naming layer and place.
    pub fn check(&self) -> Result<()> {
        let mut wiring = Wiring::new(self.n_in)?;
        check_formats("the input", &self.input, self.n_in, 0)?;
        if self.layers.is_empty() {
            return Err(Error::new(Code::ModelShape, "the network has no layers"));
        }
        for layer in &self.layers {
            let name = &layer.name;
            let (rows, columns) = match &layer.op {
                IntegerOp::Dense => (layer.weights.len(), layer.n_in()),
                IntegerOp::Conv2d { geometry } => {
                    geometry.check(name)?;
                    (geometry.filters, geometry.taps())
                }
            };
            wiring.add(name, &layer.inputs, layer.n_in(), layer.n_out())?;
            check_matrix(name, &layer.weights, layer.bias.len(), rows, columns)?;
            check_formats(&format!("the weights of `{name}`"), &layer.weight_format, rows, columns)?;
            check_formats(&format!("the bias of `{name}`"), &layer.bias_format, rows, 0)?;
            check_formats(&format!("the output of `{name}`"), &layer.output_format, rows, 0)?;
            if layer.activation == Activation::Smooth {
                return Err(Error::new(Code::Unsupported, format!("layer `{name}`: `smooth` has no integer form"))
                    .hint("use `relu` or `none` in an encoder"));
            }
            for (row, weights) in layer.weights.iter().enumerate() {
                for (column, w) in weights.iter().enumerate() {
                    in_format(name, &format!("weight [{row}][{column}]"), *w, layer.weight_format.at(row, column))?;
                }
                in_format(name, &format!("bias [{row}]"), layer.bias[row], layer.bias_format.channel(row))?;
            }
            layer.rows(&self.joined_formats(layer))?;
        }
        Ok(())
    }
}

fn in_format(layer: &str, place: &str, raw: i64, format: QFormat) -> Result<()> {
    if format.contains(raw) {
        return Ok(());
    }
    Err(Error::new(Code::FormatRange, format!("layer `{layer}`, {place}: {raw} does not fit {format}")).hint(format!(
        "raw integers of {format} lie in {} to {}",
        format.min(),
        format.max()
    )))
}

fn check_formats(what: &str, formats: &Granular<QFormat>, rows: usize, columns: usize) -> Result<()> {
    // `columns == 0` marks a vector, which has no per-weight form.
    if !formats.fits(rows, columns) || (columns == 0 && matches!(formats, Granular::PerWeight(_))) {
        return Err(Error::new(Code::ModelShape, format!("the formats of {what} do not fit its shape"))
            .hint(format!("give one `per_tensor`, or {rows} `per_channel`")));
    }
    formats.values().into_iter().try_for_each(|f| f.check().map(drop).map_err(|e| e.at(what)))
}

//! Integer networks: the encoder after quantization, and exactly what the hardware computes.
//!
//! Layers of weights and averages: exact accumulator, then activation, then [`requantize`](crate::fixed::requantize). The
//! products of one row may have different binary points (formats per channel or per weight); they are aligned to the finest
//! one. Lookups read each element from a table; maxima hand on the largest of a window.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use super::outputs::AffineRow;

use super::layer_check::check_size;
use super::layer_form::LayerForm;
use super::network::{Activation, Conv2d, Wiring, check_matrix};
use super::pool::Pool2d;
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

/// One layer: inputs concatenated, then what [`IntegerOp`] says.
///
/// What a kind does not have is empty here (`weights`, `bias`, formats of them) or at its default, and absent in the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(from = "LayerForm", into = "LayerForm")]
#[schemars(description = "One layer: inputs concatenated, then what its type says.")]
pub struct IntegerLayer {
    /// Unique, `[a-z][a-z0-9_]*`, not `x`; also the name of the output tensor.
    pub name: String,
    /// Earlier tensors, concatenated in this order.
    pub inputs: Vec<String>,
    /// What is computed of them.
    pub op: IntegerOp,
    /// Raw integers: dense `[n_out][n_in]`, convolution `[filters][kernel_h * kernel_w * channels]`, average `[1][1]`.
    pub weights: Vec<Vec<i64>>,
    /// Formats of the weights.
    pub weight_format: Granular<QFormat>,
    /// Raw integers, one an output or filter.
    pub bias: Vec<i64>,
    /// Formats of the biases (not per weight).
    pub bias_format: Granular<QFormat>,
    /// `none` or `relu`, applied to the exact accumulator.
    pub activation: Activation,
    /// Formats of the output elements (dense: per output; images: per channel; lookup: per table).
    pub output_format: Granular<QFormat>,
    /// How the accumulator loses its low bits.
    pub rounding: Rounding,
    /// How the accumulator loses its high bits.
    pub overflow: Overflow,
}

/// What a layer computes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IntegerOp {
    /// x: `[n_in]`, weights: `[n_out][n_in]`, y: `[n_out]`.
    Dense,
    /// x: `[height, width, channels]`, y: `[out_h, out_w, filters]`, both flattened row-major.
    Conv2d {
        /// Shapes and strides.
        geometry: Conv2d,
    },
    /// Element-wise: x: `[n]`, y: `[n]`, `y[i] = tables[i % tables.len()][x[i] - smallest x]`.
    Lookup {
        /// Elements.
        n: usize,
        /// Raw integers: one table for all elements, or one a channel (channels last).
        tables: Vec<Vec<i64>>,
    },
    /// The largest of each window, in the format of the input; y: `[out_h, out_w, channels]`.
    MaxPool2d {
        /// Windows.
        geometry: Pool2d,
    },
    /// The sum of each window times one weight, requantized; y: `[out_h, out_w, channels]`.
    AvgPool2d {
        /// Windows.
        geometry: Pool2d,
    },
}

impl IntegerLayer {
    /// A lookup of `n` elements: one table for all, or one a channel.
    pub fn lookup(
        name: String,
        inputs: Vec<String>,
        n: usize,
        tables: Vec<Vec<i64>>,
        output_format: Granular<QFormat>,
    ) -> Self {
        IntegerLayer::bare(name, inputs, IntegerOp::Lookup { n, tables }, output_format)
    }

    /// Maxima of windows, in the format of the input.
    pub fn max_pool2d(name: String, inputs: Vec<String>, geometry: Pool2d, format: Granular<QFormat>) -> Self {
        IntegerLayer::bare(name, inputs, IntegerOp::MaxPool2d { geometry }, format)
    }

    /// Averages of windows. The weight, with its format, is near one over the values of a window; it may be left to this
    /// function where their number is a power of two.
    pub fn avg_pool2d(
        name: String,
        inputs: Vec<String>,
        geometry: Pool2d,
        weight: Option<(i64, QFormat)>,
        output_format: Granular<QFormat>,
        rounding: Rounding,
        overflow: Overflow,
    ) -> Self {
        let size = geometry.kernel[0].saturating_mul(geometry.kernel[1]);
        let known = size.is_power_of_two().then(|| (1, QFormat::unsigned(1, size.trailing_zeros() as i32)));
        let op = IntegerOp::AvgPool2d { geometry };
        let mut layer = IntegerLayer { rounding, overflow, ..IntegerLayer::bare(name, inputs, op, output_format) };
        if let Some((weight, format)) = weight.or(known) {
            layer.weights = vec![vec![weight]];
            layer.weight_format = Granular::PerTensor(format);
        }
        layer
    }

    /// A layer without weights.
    fn bare(name: String, inputs: Vec<String>, op: IntegerOp, output_format: Granular<QFormat>) -> IntegerLayer {
        IntegerLayer {
            name,
            inputs,
            op,
            weights: vec![],
            weight_format: Granular::PerChannel(vec![]),
            bias: vec![],
            bias_format: Granular::PerChannel(vec![]),
            activation: Activation::None,
            output_format,
            rounding: Rounding::Truncate,
            overflow: Overflow::Saturate,
        }
    }

    /// Length of the joined input.
    pub fn n_in(&self) -> usize {
        match &self.op {
            IntegerOp::Dense => self.weights.first().map_or(0, Vec::len),
            IntegerOp::Conv2d { geometry } => geometry.n_in(),
            IntegerOp::Lookup { n, .. } => *n,
            IntegerOp::MaxPool2d { geometry } | IntegerOp::AvgPool2d { geometry } => geometry.n_in(),
        }
    }

    /// Length of the output.
    pub fn n_out(&self) -> usize {
        match &self.op {
            IntegerOp::Dense => self.weights.len(),
            IntegerOp::Conv2d { geometry } => geometry.n_out(),
            IntegerOp::Lookup { n, .. } => *n,
            IntegerOp::MaxPool2d { geometry } | IntegerOp::AvgPool2d { geometry } => geometry.n_out(),
        }
    }

    /// Formats that the output can have: outputs, filters, channels or tables.
    pub fn channels(&self) -> usize {
        match &self.op {
            IntegerOp::Dense | IntegerOp::Conv2d { .. } => self.weights.len(),
            IntegerOp::Lookup { tables, .. } => tables.len(),
            IntegerOp::MaxPool2d { geometry } | IntegerOp::AvgPool2d { geometry } => geometry.channels(),
        }
    }

    /// Output element `i`'s channel: its row of weights or its filter, for a layer of weights.
    pub fn row_of(&self, i: usize) -> usize {
        i % self.channels()
    }

    /// Format of output element `i`.
    pub fn output_at(&self, i: usize) -> QFormat {
        self.output_format.channel(self.row_of(i))
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
    /// `M001`, `M002`, `U003`, `Q001`, `Q002` or `Q003`, naming layer and place.
    pub fn check(&self) -> Result<()> {
        let mut wiring = Wiring::new(self.n_in)?;
        check_formats("the input", &self.input, self.n_in, 0)?;
        if self.layers.is_empty() {
            return Err(Error::new(Code::ModelShape, "the network has no layers"));
        }
        for layer in &self.layers {
            match &layer.op {
                IntegerOp::Conv2d { geometry } => geometry.check(&layer.name)?,
                IntegerOp::MaxPool2d { geometry } | IntegerOp::AvgPool2d { geometry } => geometry.check(&layer.name)?,
                IntegerOp::Lookup { n, .. } => check_size(&layer.name, *n)?,
                IntegerOp::Dense => {}
            }
            wiring.add(&layer.name, &layer.inputs, layer.n_in(), layer.n_out())?;
            let inputs = self.joined_formats(layer);
            match &layer.op {
                IntegerOp::Dense => layer.check_weights(layer.weights.len(), layer.n_in())?,
                IntegerOp::Conv2d { geometry } => layer.check_weights(geometry.filters, geometry.taps())?,
                IntegerOp::Lookup { tables, .. } => layer.check_tables(tables, &inputs)?,
                IntegerOp::MaxPool2d { .. } => layer.check_maxima(&inputs)?,
                IntegerOp::AvgPool2d { geometry } => layer.check_average(geometry)?,
            }
            layer.outputs(&inputs)?;
        }
        Ok(())
    }
}

impl IntegerLayer {
    /// Checks weights, biases and formats of `rows` outputs or filters.
    fn check_weights(&self, rows: usize, columns: usize) -> Result<()> {
        let name = &self.name;
        check_matrix(name, &self.weights, self.bias.len(), rows, columns)?;
        check_formats(&format!("the weights of `{name}`"), &self.weight_format, rows, columns)?;
        check_formats(&format!("the bias of `{name}`"), &self.bias_format, rows, 0)?;
        self.check_output(rows)?;
        if self.activation == Activation::Smooth {
            return Err(Error::new(Code::Unsupported, format!("layer `{name}`: `smooth` has no integer form"))
                .hint("use `relu` or `none` in an encoder"));
        }
        for (row, weights) in self.weights.iter().enumerate() {
            for (column, w) in weights.iter().enumerate() {
                in_format(name, &format!("weight [{row}][{column}]"), *w, self.weight_format.at(row, column))?;
            }
            in_format(name, &format!("bias [{row}]"), self.bias[row], self.bias_format.channel(row))?;
        }
        Ok(())
    }

    /// Checks the formats of the output, one or one a channel.
    pub(super) fn check_output(&self, channels: usize) -> Result<()> {
        check_formats(&format!("the output of `{}`", self.name), &self.output_format, channels, 0)
    }
}

pub(super) fn in_format(layer: &str, place: &str, raw: i64, format: QFormat) -> Result<()> {
    if format.contains(raw) {
        return Ok(());
    }
    Err(Error::new(Code::FormatRange, format!("layer `{layer}`, {place}: {raw} does not fit {format}")).hint(format!(
        "raw integers of {format} lie in {} to {}",
        format.min(),
        format.max()
    )))
}

pub(super) fn check_formats(what: &str, formats: &Granular<QFormat>, rows: usize, columns: usize) -> Result<()> {
    // `columns == 0` marks a vector, which has no per-weight form.
    if !formats.fits(rows, columns) || (columns == 0 && matches!(formats, Granular::PerWeight(_))) {
        return Err(Error::new(Code::ModelShape, format!("the formats of {what} do not fit its shape"))
            .hint(format!("give one `per_tensor`, or {rows} `per_channel`")));
    }
    formats.values().into_iter().try_for_each(|f| f.check().map(drop).map_err(|e| e.at(what)))
}

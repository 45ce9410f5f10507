//! What can be wrong with the layers that have no matrix of weights.

use super::integer::{Granular, IntegerLayer, check_formats, in_format};
use super::network::Activation;
use super::pool::Pool2d;
use crate::error::{Code, Error, Result};
use crate::fixed::QFormat;

/// Widest input of a lookup: beyond it the table is larger than the network.
pub const WIDEST_LOOKUP: u32 = 16;

/// Most elements of a layer without a matrix of weights: beyond it a file is damaged rather than large.
pub const MOST_ELEMENTS: usize = 1 << 20;

/// Refuses more elements than hardware has room for.
pub(super) fn check_size(layer: &str, elements: usize) -> Result<()> {
    if elements <= MOST_ELEMENTS {
        return Ok(());
    }
    Err(Error::new(Code::Unsupported, format!("layer `{layer}` has {elements} elements"))
        .hint(format!("{MOST_ELEMENTS} is the most")))
}

impl IntegerLayer {
    /// Checks the tables of a lookup whose joined input has these formats.
    pub(super) fn check_tables(&self, tables: &[Vec<i64>], inputs: &[QFormat]) -> Result<()> {
        let shape = |what: String| Error::new(Code::ModelShape, format!("layer `{}`: {what}", self.name));
        self.check_bare(0)?;
        if tables.is_empty() || inputs.len() % tables.len() != 0 {
            return Err(shape(format!("{} tables for {} elements", tables.len(), inputs.len()))
                .hint("give one table for all elements, or one a channel"));
        }
        self.check_output(tables.len())?;
        for (t, table) in tables.iter().enumerate() {
            let format = inputs[t];
            if format.width > WIDEST_LOOKUP {
                return Err(Error::new(
                    Code::Unsupported,
                    format!("layer `{}` looks up inputs of {} bits", self.name, format.width),
                )
                .hint(format!("{WIDEST_LOOKUP} is the most: requantize to fewer in the layer before")));
            }
            let other = |i: &usize| inputs[*i] != format;
            if let Some(i) = (t..inputs.len()).step_by(tables.len()).find(other) {
                return Err(shape(format!("elements {t} and {i} are {format} and {}, with one table", inputs[i]))
                    .hint("elements that share a table need one format: give one a channel"));
            }
            if table.len() != 1 << format.width {
                return Err(shape(format!(
                    "table {t} has {} entries, {format} has {}",
                    table.len(),
                    1u64 << format.width
                ))
                .hint(format!("one for each raw input, {} to {}", format.min(), format.max())));
            }
            for (k, value) in table.iter().enumerate() {
                in_format(&self.name, &format!("table {t}, entry {k}"), *value, self.output_format.channel(t))?;
            }
        }
        Ok(())
    }

    /// Checks that a maximum has the format of what it is the largest of.
    pub(super) fn check_maxima(&self, inputs: &[QFormat]) -> Result<()> {
        self.check_bare(0)?;
        self.check_output(self.channels())?;
        match (0..inputs.len()).find(|i| inputs[*i] != self.output_at(*i)) {
            Some(i) => Err(Error::new(
                Code::ModelShape,
                format!("layer `{}`: input {i} is {}, its channel {}", self.name, inputs[i], self.output_at(i)),
            )
            .hint("`output_format` of a maximum is the format of its input")),
            None => Ok(()),
        }
    }

    /// Checks the weight and the formats of an average.
    pub(super) fn check_average(&self, geometry: &Pool2d) -> Result<()> {
        self.check_bare(1)?;
        self.check_output(self.channels())?;
        let format = match (&self.weights[..], &self.weight_format) {
            ([row], Granular::PerTensor(format)) if row.len() == 1 => *format,
            _ => {
                let (size, frac) = (geometry.size(), 15 + geometry.size().ilog2() as i32);
                let near = ((1i128 << frac) + size as i128 / 2) / size as i128;
                return Err(Error::new(
                    Code::ModelForm,
                    format!("layer `{}` averages {size} values and has no `weight` with a `weight_format`", self.name),
                )
                .hint(format!("{near} in {} is near 1/{size}", QFormat::unsigned(16, frac))));
            }
        };
        check_formats(&format!("the weight of `{}`", self.name), &self.weight_format, 1, 1)?;
        in_format(&self.name, "the weight", self.weights[0][0], format)
    }

    /// Checks that there is nothing that the kind of the layer does not have; at most `weights` rows.
    fn check_bare(&self, weights: usize) -> Result<()> {
        if self.weights.len() > weights || !self.bias.is_empty() || self.activation != Activation::None {
            return Err(Error::new(
                Code::ModelForm,
                format!("layer `{}` has weights, biases or an activation, its kind has none", self.name),
            ));
        }
        Ok(())
    }
}

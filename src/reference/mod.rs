//! The oracle of integers: what an [`IntegerNetwork`] computes, bit for bit.
//!
//! Hardware, simulation and codec are all compared with this. One vector at a time ([`Engine::infer`]) is written to
//! be read; batches ([`Engine::infer_batch`]) run the same sums in blocks and threads, in the narrowest integers that are
//! proved to hold them.

mod batch;
mod input;
mod kernel;
mod plan;
pub mod quality;
mod store;
#[cfg(target_arch = "x86_64")]
mod vnni;

pub use quality::{LayerReport, QuantReport, report};

use std::collections::HashMap;
use std::sync::Arc;

use crate::error::{Code, Error, Result};
use crate::fixed::{Overflow, QFormat, Rounding, requantize};
use crate::model::network::INPUT;
use crate::model::{Activation, AffineRow, IntegerNetwork, Outputs, TableRow};

/// An integer network made ready: convolutions unrolled, binary points aligned, names resolved.
///
/// All tensors lie one after the other in one vector, `x` first; terms index into it.
#[derive(Clone, Debug)]
pub struct Engine {
    /// Formats of the input words.
    input: Vec<QFormat>,
    layers: Vec<Prepared>,
    /// Length of all tensors together.
    len: usize,
    /// How batches are computed.
    plan: plan::Plan,
}

#[derive(Clone, Debug)]
struct Prepared {
    /// Where the output begins in the vector of all tensors.
    start: usize,
    relu: bool,
    rounding: Rounding,
    overflow: Overflow,
    elements: Elements,
}

/// The output elements of a layer; indices are into the vector of all tensors.
#[derive(Clone, Debug)]
enum Elements {
    Rows(Vec<Row>),
    /// Index, raw input of the first entry, table.
    Tables(Vec<(usize, i64, Arc<[i64]>)>),
    Maxima(Vec<Vec<usize>>),
}

impl Elements {
    fn len(&self) -> usize {
        match self {
            Elements::Rows(rows) => rows.len(),
            Elements::Tables(tables) => tables.len(),
            Elements::Maxima(windows) => windows.len(),
        }
    }
}

#[derive(Clone, Debug)]
struct Row {
    /// (index into the vector of all tensors, coefficient).
    terms: Vec<(usize, i64)>,
    bias: i64,
    frac: i32,
    output: QFormat,
}

impl Prepared {
    /// Activation on the exact accumulator, then requantization.
    fn finish(&self, row: &Row, acc: i64) -> i64 {
        let acc = if self.relu { acc.max(0) } else { acc };
        requantize(i128::from(acc), row.frac, row.output, self.rounding, self.overflow)
    }

    /// The same for output element `o` of a layer of sums.
    fn finish_row(&self, o: usize, acc: i64) -> i64 {
        match &self.elements {
            Elements::Rows(rows) => self.finish(&rows[o], acc),
            Elements::Tables(_) | Elements::Maxima(_) => acc,
        }
    }
}

impl Engine {
    /// Checks the network and makes it ready.
    ///
    /// # Errors
    /// Those of [`IntegerNetwork::check`].
    pub fn new(network: &IntegerNetwork) -> Result<Engine> {
        network.check()?;
        let input = network.formats_of(INPUT);
        let mut formats = input.clone();
        let mut starts = vec![(INPUT, 0, network.n_in)];
        let mut layers = Vec::with_capacity(network.layers.len());
        for layer in &network.layers {
            let places: Vec<usize> = layer
                .inputs
                .iter()
                .filter_map(|name| starts.iter().find(|(n, ..)| n == name))
                .flat_map(|(_, start, n)| *start..start + n)
                .collect();
            let joined: Vec<QFormat> = places.iter().map(|p| formats[*p]).collect();
            let elements = match layer.outputs(&joined)? {
                Outputs::Affine(rows) => {
                    let made = |row: AffineRow| {
                        let terms = row.terms.into_iter().map(|(i, c)| (places[i], c)).collect();
                        Row { terms, bias: row.bias, frac: row.frac, output: row.output }
                    };
                    Elements::Rows(rows.into_iter().map(made).collect())
                }
                Outputs::Tables(rows) => {
                    // Elements with one table hold it once.
                    let mut tables: HashMap<usize, Arc<[i64]>> = HashMap::new();
                    let mut shared = |r: &TableRow| tables.entry(r.table).or_insert_with(|| r.values.into()).clone();
                    Elements::Tables(rows.iter().map(|r| (places[r.index], r.first, shared(r))).collect())
                }
                Outputs::Maxima(windows) => {
                    let place = |w: Vec<usize>| w.into_iter().map(|i| places[i]).collect();
                    Elements::Maxima(windows.into_iter().map(place).collect())
                }
            };
            let start = formats.len();
            starts.push((&layer.name, start, elements.len()));
            formats.extend((0..elements.len()).map(|i| layer.output_at(i)));
            layers.push(Prepared {
                start,
                relu: layer.activation == Activation::Relu,
                rounding: layer.rounding,
                overflow: layer.overflow,
                elements,
            });
        }
        let plan = plan::Plan::new(network.n_in, &layers, &formats);
        Ok(Engine { input, layers, len: formats.len(), plan })
    }

    /// Length of the input.
    pub fn n_in(&self) -> usize {
        self.input.len()
    }

    /// Length of the output.
    pub fn n_out(&self) -> usize {
        self.layers.last().map_or(self.n_in(), |l| l.elements.len())
    }

    /// The output for one input of `n_in` raw integers.
    ///
    /// # Panics
    /// If `x` is not `n_in` long; with debug assertions, if a word lies outside its format. Data from outside go
    /// through [`try_infer`](Self::try_infer).
    pub fn infer(&self, x: &[i64]) -> Vec<i64> {
        let mut all = self.evaluate(x, |_, _| {});
        all.split_off(self.len - self.n_out())
    }

    /// As [`infer`](Self::infer), with the input checked.
    ///
    /// # Errors
    /// [`Code::DataShape`] for a wrong length, [`Code::FormatRange`] for a word outside its format.
    pub fn try_infer(&self, x: &[i64]) -> Result<Vec<i64>> {
        self.check_input(x)?;
        Ok(self.infer(x))
    }

    /// The input and the output of every layer, in order.
    ///
    /// # Panics
    /// As [`infer`](Self::infer).
    pub fn infer_all(&self, x: &[i64]) -> Vec<Vec<i64>> {
        let all = self.evaluate(x, |_, _| {});
        let layers = self.layers.iter().map(|l| all[l.start..l.start + l.elements.len()].to_vec());
        std::iter::once(x.to_vec()).chain(layers).collect()
    }

    /// The exact accumulators of every layer, before activation. Row `i` is in units of `2^-frac` of its
    /// [`AffineRow`](crate::model::AffineRow); where there are no sums, the output.
    ///
    /// # Panics
    /// As [`infer`](Self::infer).
    pub fn accumulators(&self, x: &[i64]) -> Vec<Vec<i64>> {
        let mut all = vec![Vec::new(); self.layers.len()];
        self.evaluate(x, |layer, acc| all[layer].push(acc));
        all
    }

    /// Checks the length and every word of an input.
    ///
    /// # Errors
    /// As [`try_infer`](Self::try_infer).
    pub fn check_input(&self, x: &[i64]) -> Result<()> {
        if x.len() != self.n_in() {
            return Err(Error::new(
                Code::DataShape,
                format!("an input of {} words, the network takes {}", x.len(), self.n_in()),
            ));
        }
        match x.iter().zip(&self.input).position(|(v, f)| !f.contains(*v)) {
            Some(i) => {
                Err(Error::new(Code::FormatRange, format!("input word {i}: {} does not fit {}", x[i], self.input[i]))
                    .hint(format!("raw integers of it lie in {} to {}", self.input[i].min(), self.input[i].max())))
            }
            None => Ok(()),
        }
    }

    /// All tensors, one after the other; `see` gets each layer's number and accumulators in order.
    fn evaluate(&self, x: &[i64], mut see: impl FnMut(usize, i64)) -> Vec<i64> {
        assert_eq!(x.len(), self.n_in(), "input length");
        assert!(self.check_input(x).is_ok(), "{:?}", self.check_input(x));
        let mut all = Vec::with_capacity(self.len);
        all.extend_from_slice(x);
        for (number, layer) in self.layers.iter().enumerate() {
            match &layer.elements {
                Elements::Rows(rows) => {
                    for row in rows {
                        let acc = row.terms.iter().fold(row.bias, |sum, (i, c)| sum + c * all[*i]);
                        see(number, acc);
                        all.push(layer.finish(row, acc));
                    }
                }
                Elements::Tables(tables) => {
                    for (i, first, table) in tables {
                        all.push(table[(all[*i] - first) as usize]);
                        see(number, all[all.len() - 1]);
                    }
                }
                Elements::Maxima(windows) => {
                    for window in windows {
                        let largest = window.iter().map(|i| all[*i]).max();
                        all.extend(largest);
                        see(number, all[all.len() - 1]);
                    }
                }
            }
        }
        all
    }
}

/// The largest magnitude of a format.
fn largest(format: QFormat) -> i128 {
    i128::from(format.max()).max(-i128::from(format.min()))
}

#[cfg(test)]
mod tests;

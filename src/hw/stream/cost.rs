//! What a streamed design is built of.

use super::{Built, MEMORY_CYCLES, Streamed};
use crate::hw::cost::{LayerCost, layer_costs};
use crate::hw::delay::Target;

/// Cells of a streamed design: flip-flops and memories as printed, lookup tables estimated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamedCost {
    /// One a layer that streams, with what feeds its window, and one a layer of the rest, the first of which has the bank;
    /// only one for all of a rest that is folded.
    pub layers: Vec<LayerCost>,
    /// Bits of memories: delays, and weights of a layer that adds up.
    pub memory_bits: u64,
    /// Multipliers of such a layer; `adders` and `adder_bits` are without them.
    pub multipliers: u64,
}

impl StreamedCost {
    /// The sum over the layers.
    pub fn sum(&self, of: impl Fn(&LayerCost) -> u64) -> u64 {
        self.layers.iter().map(of).sum()
    }
}

/// A delay: flip-flops, bits of memory, lookup tables.
#[derive(Clone, Copy, Default)]
struct Parts {
    ff: u64,
    memory: u64,
    lut: u64,
}

impl Parts {
    fn add(&mut self, other: Parts) {
        self.ff += other.ff;
        self.memory += other.memory;
        self.lut += other.lut;
    }
}

/// Bits that count to `most`.
pub(crate) fn bits(most: u32) -> u32 {
    (32 - most.leading_zeros()).max(1)
}

/// A delay of `width` bits, `lines` of them one after the other.
fn delay(width: u64, cycles: u32, lines: u64) -> Parts {
    match cycles {
        _ if lines == 0 => Parts::default(),
        c if c < MEMORY_CYCLES => Parts { ff: width * lines * u64::from(c), memory: 0, lut: 0 },
        c => {
            let counter = u64::from(bits(c - 1));
            Parts { ff: width * lines + counter, memory: width * lines * u64::from(c), lut: 2 * counter }
        }
    }
}

/// A pulse so many cycles later, as [`Streamed`] prints it: registers, or a timer for each II.
fn token(cycles: u32, ii: u32) -> Parts {
    let parts = timers(cycles, ii).into_iter().map(|c| match c < MEMORY_CYCLES {
        true => Parts { ff: c.into(), ..Parts::default() },
        false => {
            let counter = u64::from(bits(c - 1));
            Parts { ff: counter + 1, memory: 0, lut: 2 * counter }
        }
    });
    parts.fold(Parts::default(), |mut sum, p| {
        sum.add(p);
        sum
    })
}

/// The steps in which a pulse is delayed: none longer than the distance of two pulses.
pub(crate) fn timers(cycles: u32, ii: u32) -> Vec<u32> {
    let mut steps = vec![ii; (cycles / ii) as usize];
    steps.extend(Some(cycles % ii).filter(|c| *c > 0));
    steps
}

impl Streamed {
    /// Counts what is printed and estimates lookup tables for a family.
    pub fn cost(&self, target: Target) -> StreamedCost {
        let mut all = StreamedCost::default();
        for (k, layer) in self.layers.iter().enumerate() {
            let (input, window) = (self.before(k), &layer.window);
            let own = layer_costs(&layer.graph, target);
            let mut cost = own.last().cloned().unwrap_or_default();
            let ports: u64 = own[..own.len() - 1].iter().map(|c| c.register_bits).sum();
            let width = u64::from(input.channels) * u64::from(self.lane(k));
            let [height, across] = window.kernel.map(u64::from);
            let mut parts = delay(width, layer.hold, u64::from(layer.hold > 0));
            parts.add(delay(width, input.row_pitch, height - 1));
            parts.add(delay(width * height, input.column_pitch, across - 1));
            let [to_walk, to_next] = self.tokens(k);
            if layer.masked {
                let taps = width * height * across;
                parts.add(Parts { ff: taps, memory: 0, lut: taps });
                parts.add(token(to_walk, self.ii));
                parts.add(walk(&layer.output));
            }
            parts.add(token(to_next, self.ii));
            cost.register_bits += parts.ff + ports;
            cost.lut += parts.lut;
            all.memory_bits += parts.memory;
            all.layers.push(cost);
        }
        let last = self.before(self.layers.len());
        let bank = u64::from(last.positions() - 1) * u64::from(last.channels) * u64::from(self.lane(self.layers.len()));
        let mut end = walk(last);
        let first = all.layers.len();
        let built = self.rest.as_ref().map(|r| &r.built);
        if !matches!(built, Some(Built::Summed(..))) {
            end.ff += bank;
        }
        match built {
            None => {}
            Some(Built::Summed(sums, graph)) => {
                let (ff, lut) = sums.cost(self.lane(self.layers.len()), target);
                end.add(Parts { ff, memory: 0, lut });
                let mut costs = layer_costs(graph, target);
                end.ff += costs.remove(0).register_bits;
                for cycles in [sums.depth() - 1, sums.depth(), sums.depth(), graph.latency.0] {
                    end.add(token(cycles, self.ii));
                }
                all.multipliers = sums.products.iter().map(|row| row.len() as u64).sum();
                all.memory_bits += u64::from(sums.word()) * sums.weights.len() as u64;
                all.layers.extend(costs);
            }
            Some(Built::Pipelined(graph)) => {
                let mut costs = layer_costs(graph, target);
                end.ff += costs.remove(0).register_bits + u64::from(graph.latency.0);
                all.layers.extend(costs);
            }
            Some(Built::Folded(folded)) => {
                let cost = folded.cost(target);
                all.layers.push(LayerCost {
                    name: folded.graph.tensors.iter().skip(1).map(|t| t.name.as_str()).collect::<Vec<_>>().join(" "),
                    adders: cost.adders,
                    adder_bits: cost.adder_bits,
                    register_bits: cost.register_bits,
                    lut: cost.lut,
                    ..LayerCost::default()
                });
            }
        }
        let at = first.min(all.layers.len() - 1);
        all.layers[at].register_bits += end.ff;
        all.layers[at].lut += end.lut;
        all
    }

    /// Bits of a value on stream `k`: the input, then what each layer gives.
    pub fn lane(&self, k: usize) -> u32 {
        let graph = match self.layers.get(k) {
            Some(layer) => return layer.graph.input_formats.iter().map(|f| f.width).max().unwrap_or(1),
            None => &self.layers[k - 1].graph,
        };
        graph.output_formats.iter().map(|f| f.width).max().unwrap_or(1)
    }
}

/// The counters that follow the positions of a grid.
fn walk(grid: &super::Grid) -> Parts {
    let state = bits(grid.rows - 1) + bits(grid.columns - 1) + bits(grid.row_pitch - 1) + bits(grid.column_pitch - 1);
    Parts { ff: u64::from(state) + 2, memory: 0, lut: 2 * u64::from(state) + 4 }
}

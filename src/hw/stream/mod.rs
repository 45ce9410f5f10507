//! Streamed designs: a pixel a cycle, and every convolution or pooling built once, for one position.
//!
//! ```text
//! x, a pixel a cycle ─► lines, columns ─► window ─► adders of one position ─► pixels ─► next layer ... ─► bank ─► rest ─► y
//!                       (exact delays)    (padding)     (StageGraph, proved)                    whole tensor   (StageGraph
//!                                                                                                               or Folded)
//! ```
//!
//! Every stream has a grid: the cycle of each position is fixed, counted from the first pixel of its vector. So a tap of a
//! window is the stream of a fixed number of cycles ago, whatever came before or after the vector, and only those that lie in
//! the padding need a look at where the window is. docs/adr/0008-streaming.md says why.
//!
//! The layers that stream are those at the beginning that move windows over an image, with lookups between them; the rest
//! reads the output of the last of them as a whole, once a vector.

mod check;
mod cost;
mod cut;
mod eval;
mod grid;
mod sums;
#[cfg(test)]
mod tests;
mod window;

use super::fold::{self, Folded};
use super::graph::StageGraph;
use super::passes::{CompileOptions, compile};
use super::share::Effort;
use crate::error::{Code, Error, Result};
use crate::fixed::QFormat;
use crate::model::IntegerNetwork;
use crate::model::network::INPUT;
use crate::units::Cycles;

pub use cost::StreamedCost;
#[cfg(feature = "verilog")]
pub(crate) use cost::{bits, timers};
pub use eval::eval_streamed;
pub use grid::Grid;
pub use sums::{Product, Sums};
#[cfg(feature = "verilog")]
pub(crate) use sums::{bits_of, digits};
pub use window::{MEMORY_CYCLES, Window};

/// An encoder that takes a pixel a cycle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Streamed {
    /// When each pixel comes.
    pub input: Grid,
    /// Cycles from the first pixel of a vector to that of the next, at least.
    pub ii: u32,
    /// Layers that stream, at least one.
    pub layers: Vec<StreamLayer>,
    /// What comes after them; `None` if nothing does.
    pub rest: Option<Rest>,
    /// Cycles from the first pixel of a vector to its outputs.
    pub latency: Cycles,
    /// Formats of the elements of the input.
    pub input_formats: Vec<QFormat>,
    /// Formats of the elements of the output.
    pub output_formats: Vec<QFormat>,
}

/// A layer of windows, or of lookups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamLayer {
    /// What it computes of one window: taps `[kernel_h, kernel_w, channels]` to channels.
    pub network: IntegerNetwork,
    /// The same, scheduled.
    pub graph: StageGraph,
    /// The window.
    pub window: Window,
    /// Whether some window lies partly in the padding; it is then held in registers that see the fill there.
    pub masked: bool,
    /// Cycles from the first position that it reads to its first window.
    pub lead: u32,
    /// Cycles that the stream waits before the first line.
    pub hold: u32,
    /// What it gives.
    pub output: Grid,
}

/// Layers that read a whole tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rest {
    /// What they compute: of the tensor, or of the accumulators if the first of them adds up positions.
    pub network: IntegerNetwork,
    /// The same in hardware.
    pub built: Built,
}

/// Hardware of the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Built {
    /// Whole numbers, pipelined.
    Pipelined(StageGraph),
    /// A few bits a cycle.
    Folded(Folded),
    /// The first layer adds up positions as they come, what it does then and the other layers are pipelined.
    Summed(Sums, StageGraph),
}

impl Built {
    /// The graph that is proved.
    pub fn graph(&self) -> &StageGraph {
        match self {
            Built::Pipelined(graph) | Built::Summed(_, graph) => graph,
            Built::Folded(folded) => &folded.graph,
        }
    }

    /// Cycles from the last position of its input to its output.
    pub fn latency(&self) -> u32 {
        match self {
            Built::Pipelined(graph) => graph.latency.0,
            Built::Summed(sums, graph) => sums.depth() + graph.latency.0,
            Built::Folded(folded) => folded.latency.0,
        }
    }
}

impl Streamed {
    /// The grid that layer `k` reads.
    pub fn before(&self, k: usize) -> &Grid {
        k.checked_sub(1).map_or(&self.input, |k| &self.layers[k].output)
    }

    /// The cycle in which the last position of the last stream is there, and with it the whole tensor.
    pub fn whole(&self) -> u32 {
        let last = self.before(self.layers.len());
        last.start + last.span()
    }

    /// Cycles from the token of what layer `k` reads to that of its windows and that of its output. A token is high one cycle
    /// before the first position, but that of the input (`x_valid`) with it.
    pub(crate) fn tokens(&self, k: usize) -> [u32; 2] {
        let (layer, early) = (&self.layers[k], u32::from(k == 0));
        let next = layer.lead + u32::from(layer.masked) + layer.graph.latency.0;
        [layer.lead.saturating_sub(early), next - early]
    }

    /// Every graph with the network that it computes, in the order of the layers.
    pub fn parts(&self) -> Vec<(&StageGraph, &IntegerNetwork)> {
        let rest = self.rest.iter().map(|r| (r.built.graph(), &r.network));
        self.layers.iter().map(|l| (&l.graph, &l.network)).chain(rest).collect()
    }
}

/// Cuts an encoder, compiles and proves each layer that streams for one position, and the rest.
///
/// # Errors
/// [`Code::Unsupported`] for encoders that do not begin with windows over an image of `x`, [`Code::Usage`] if a latency or
/// multipliers are asked for, and those of [`compile`].
pub fn stream(network: &IntegerNetwork, options: &CompileOptions) -> Result<Streamed> {
    if options.latency.is_some() {
        return Err(Error::new(Code::Usage, "a streamed design cannot be scheduled for a latency")
            .hint("its latency is that of its image and its clock: ask for a clock"));
    }
    if options.multipliers > 0 {
        return Err(Error::new(Code::Usage, "a streamed design takes no budget of multipliers")
            .hint("it has them where sums over its image need them"));
    }
    network.check()?;
    let cut = cut::cut(network)?;
    let windows: Vec<(&Window, u32)> = cut.front.iter().map(|f| (&f.window, f.channels)).collect();
    let plan = grid::plan(cut.shape, &windows)?;
    let mut layers: Vec<StreamLayer> = Vec::new();
    for (front, [rows, columns, channels]) in cut.front.into_iter().zip(plan.sizes) {
        let input = layers.last().map_or(&plan.input, |l| &l.output);
        let graph = compile(&front.position, options)?;
        let window = front.window;
        let masked = window.masked(input, rows, columns);
        let lead = window.lead(input, masked);
        let output = Grid {
            rows,
            columns,
            channels,
            row_pitch: input.row_pitch * window.stride[0],
            column_pitch: input.column_pitch * window.stride[1],
            start: input.start + lead + u32::from(masked) + graph.latency.0,
        };
        let hold = window.hold(input, lead);
        layers.push(StreamLayer { network: front.position, graph, window, masked, lead, hold, output });
    }
    let last = layers.last().map_or(plan.input, |l| l.output);
    let rest = cut.rest.map(|network| rest(network, options, plan.ii, &last)).transpose()?;
    let mut streamed = Streamed {
        input: plan.input,
        ii: plan.ii,
        layers,
        rest,
        latency: Cycles(0),
        input_formats: network.formats_of(INPUT),
        output_formats: network.output_formats(),
    };
    streamed.latency = Cycles(streamed.whole() + streamed.rest.as_ref().map_or(0, |r| r.built.latency()));
    streamed.check(network)?;
    Ok(streamed)
}

/// The rest in as few lookup tables and flip-flops as its cycles allow.
fn rest(network: IntegerNetwork, options: &CompileOptions, ii: u32, last: &Grid) -> Result<Rest> {
    let formats = network.formats_of(INPUT);
    let lane = formats.iter().map(|f| f.width).max().unwrap_or(1);
    let bank = u64::from(last.positions() - 1) * u64::from(last.channels * lane);
    let summed = summed(&network, options, last.channels as usize)?;
    let summed_cost = summed.as_ref().map(|(_, sums)| {
        let (ff, lut) = sums.cost(lane, options.target);
        ff + lut
    });
    // Below the bank alone nothing else need be tried, and to compare it a quick search is enough.
    let quick = CompileOptions { effort: Effort::Fast, ..*options };
    let try_bank = summed_cost.is_none_or(|cost| cost > bank);
    let best = try_bank.then(|| banked(&network, &quick, ii)).transpose()?;
    if let Some((finish, sums)) = summed {
        let graph = compile(&finish, options)?;
        let own = graph.lut_estimate(options.target) + graph.register_bits() + summed_cost.unwrap_or(0);
        if best.as_ref().is_none_or(|(cost, _)| own < bank + cost) {
            return Ok(Rest { network: finish, built: Built::Summed(sums, graph) });
        }
    }
    let built = match best {
        Some((_, built)) if options.effort == Effort::Fast => built,
        Some((_, Built::Folded(quick))) => match fold::fold_most(&network, options, ii) {
            // Other adders, whose digits may be too wide for the clock.
            Err(e) if e.code() == Code::Schedule => Built::Folded(quick),
            folded => Built::Folded(folded?),
        },
        _ => Built::Pipelined(compile(&network, options)?),
    };
    Ok(Rest { network, built })
}

/// The rest behind a bank, with its lookup tables and flip-flops: pipelined, or folded if that has fewer.
fn banked(network: &IntegerNetwork, options: &CompileOptions, ii: u32) -> Result<(u64, Built)> {
    let pipelined = compile(network, options)?;
    let cost = pipelined.lut_estimate(options.target) + pipelined.register_bits();
    let plain = (cost, Built::Pipelined(pipelined));
    if ii < 2 {
        return Ok(plain);
    }
    match fold::fold_most(network, options, ii) {
        Ok(folded) => {
            let own = folded.cost(options.target);
            let cost = own.lut + own.register_bits;
            Ok(if cost < plain.0 { (cost, Built::Folded(folded)) } else { plain })
        }
        // A digit may be too wide for the clock, or a table behind a requantizer too slow.
        Err(e) if e.code() == Code::Schedule => Ok(plain),
        Err(e) => Err(e),
    }
}

/// The sums of the first layer, and the network after them, if that layer is dense and the only one that reads the tensor.
fn summed(
    network: &IntegerNetwork,
    options: &CompileOptions,
    channels: usize,
) -> Result<Option<(IntegerNetwork, Sums)>> {
    let first = &network.layers[0];
    let reads = |l: &crate::model::IntegerLayer| l.inputs.iter().filter(|n| *n == INPUT).count();
    if first.inputs != [INPUT] || network.layers.iter().map(reads).sum::<usize>() != 1 {
        return Ok(None);
    }
    let Some(sums) = Sums::new(first, &network.formats_of(INPUT), channels)? else { return Ok(None) };
    let finish = sums.network(network);
    Ok((sums.fits(options)? && finish.check().is_ok()).then_some((finish, sums)))
}

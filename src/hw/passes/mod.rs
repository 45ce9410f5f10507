//! The passes, in the order in which they run: `lower` leaves only what hardware has, `optimize` removes what it need not
//! have, `schedule` says when each value is there.
//!
//! A pass changes the graph and keeps what it computes: [`eval`](super::eval) and [`prove`](super::prove) hold before and
//! after each one.

mod constants;
mod dead;
mod dead_bits;
mod rank;
mod share;

use rayon::prelude::*;

pub(super) use dead_bits::DeadBits;

use super::delay::Target;
use super::graph::StageGraph;
use crate::error::{Code, Error, Result};
use crate::hw::share::Effort;
use crate::model::IntegerNetwork;

/// What to schedule for. With neither clock nor latency, 100 MHz.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CompileOptions {
    /// FPGA family, for the delay model.
    pub target: Target,
    /// Clock frequency that each rank must meet by the delay model.
    pub clock_mhz: Option<f64>,
    /// Register ranks between input and output instead.
    pub latency: Option<u32>,
    /// How long to search for adders to share.
    pub effort: Effort,
    /// Of that search.
    pub seed: u64,
    /// Levels that the trees of a layer may be deeper than they must; without it, [`SLACKS`] are tried.
    pub slack: Option<u32>,
    /// Multipliers that a folded design may have: the stages that save most lookup tables by them get them.
    pub multipliers: u32,
}

impl CompileOptions {
    /// Picoseconds between clock edges, with 100 MHz if no clock is asked for.
    ///
    /// # Errors
    /// [`Code::Schedule`] if the clock makes no sense.
    pub(super) fn period(&self) -> Result<i32> {
        match self.clock_mhz.unwrap_or(100.0) {
            clock if clock.is_finite() && clock > 0.0 => Ok((1e6 / clock).floor().min(1e9) as i32),
            clock => Err(Error::new(Code::Schedule, format!("a clock of {clock} MHz makes no sense"))),
        }
    }
}

/// As shallow as can be is quick; one level more leaves room to share.
pub const SLACKS: [u32; 2] = [0, 1];

/// A change of the graph that keeps what it computes.
pub trait Pass {
    /// Short name, unique.
    fn name(&self) -> &'static str;
    /// One line for `sluice passes`.
    fn description(&self) -> &'static str;
    /// Changes the graph.
    ///
    /// # Errors
    /// [`crate::Code::Graph`] if a number needs more than 63 bits, [`crate::Code::Schedule`] if a request cannot be met.
    fn run(&self, graph: &mut StageGraph, options: &CompileOptions) -> Result<()>;
}

/// A named list of passes.
pub struct Pipeline {
    /// Its name.
    pub name: &'static str,
    /// Its passes, in order.
    pub passes: Vec<Box<dyn Pass>>,
}

/// Name of the pipeline that places registers.
const SCHEDULE: &str = "schedule";

/// All pipelines, in order.
///
/// Constants go before adders are made, so that nothing is shared with a row that turns out to be constant;
/// what nobody reads goes last, because every other pass may leave some behind.
pub fn pipelines() -> Vec<Pipeline> {
    vec![
        Pipeline { name: "lower", passes: vec![Box::new(constants::Constants), Box::new(share::Share)] },
        Pipeline { name: "optimize", passes: vec![Box::new(dead::Dead), Box::new(dead_bits::DeadBits)] },
        Pipeline { name: SCHEDULE, passes: vec![Box::new(rank::Rank)] },
    ]
}

/// Builds a network's graph, runs every pass on it, and proves the result.
///
/// # Errors
/// Those of [`build`](super::build), [`Pass::run`] and [`prove`](super::prove).
pub fn compile(network: &IntegerNetwork, options: &CompileOptions) -> Result<StageGraph> {
    compile_watched(network, options, |_, _| {})
}

/// [`compile`], showing the graph after `build` and after every pass, by the pass's name.
///
/// # Errors
/// Those of [`compile`].
pub fn compile_watched(
    network: &IntegerNetwork,
    options: &CompileOptions,
    mut watch: impl FnMut(&'static str, &StageGraph),
) -> Result<StageGraph> {
    let steps = variants(options, |options| {
        let mut steps: Vec<(&'static str, StageGraph)> = Vec::new();
        passed(network, options, |_| true, &mut |name, graph| steps.push((name, graph.clone())))?;
        Ok(steps)
    })?;
    let cost = |steps: &Vec<(_, StageGraph)>| steps.last().map_or(0, |s| cost(&s.1, options));
    let mut steps = steps.into_iter().min_by_key(cost).unwrap_or_default();
    steps.iter().for_each(|(name, graph)| watch(name, graph));
    let graph = steps.pop().map(|s| s.1).ok_or_else(|| Error::new(Code::Graph, "there are no passes"))?;
    super::prove(&graph, network)?;
    Ok(graph)
}

/// The graph of a network without a schedule: what folding starts from. As many levels as save adders, since a folded design
/// is made for its size.
///
/// # Errors
/// Those of [`compile`], but for the schedule's.
pub(super) fn lowered(network: &IntegerNetwork, options: &CompileOptions) -> Result<StageGraph> {
    let slack = options.slack.or(SLACKS.last().copied());
    passed(network, &CompileOptions { slack, ..*options }, |pipeline| pipeline != SCHEDULE, &mut |_, _| {})
}

/// What comes of each slack that the options allow.
///
/// # Errors
/// The first of them.
pub(super) fn variants<T: Send>(
    options: &CompileOptions,
    make: impl Fn(&CompileOptions) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let slacks = options.slack.map_or(SLACKS.to_vec(), |slack| vec![slack]);
    let make = |slack| make(&CompileOptions { slack: Some(slack), ..*options });
    let made: Vec<Result<T>> = slacks.into_par_iter().map(make).collect();
    // A clock may be out of reach for one of them only.
    let some = made.iter().any(Result::is_ok);
    made.into_iter().filter(|m| !some || m.as_ref().err().is_none_or(|e| e.code() != Code::Schedule)).collect()
}

/// (LUT + FF) times the latency in picoseconds, by the delay model: what a schedule is judged by.
fn cost(graph: &StageGraph, options: &CompileOptions) -> u64 {
    let period = match options.latency {
        Some(_) => graph.period(options.target),
        // Nobody gains by a design that could be faster than its clock.
        None => 1,
    };
    (graph.lut_estimate(options.target) + graph.register_bits()) * u64::from(graph.latency.0) * u64::from(period)
}

/// The graph after the passes of the pipelines that are `wanted`.
fn passed(
    network: &IntegerNetwork,
    options: &CompileOptions,
    wanted: impl Fn(&str) -> bool,
    watch: &mut impl FnMut(&'static str, &StageGraph),
) -> Result<StageGraph> {
    let mut graph = super::build(network)?;
    watch("build", &graph);
    for pass in pipelines().into_iter().filter(|p| wanted(p.name)).flat_map(|p| p.passes) {
        pass.run(&mut graph, options)?;
        graph.well_formed().map_err(|e| e.at(format!("after pass `{}`", pass.name())))?;
        watch(pass.name(), &graph);
    }
    Ok(graph)
}

//! Every latency that is worth having, with its clock and its size.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::arrival::Timing;
use super::{Goal, ranks, schedule};
use crate::error::Result;
use crate::hw::graph::StageGraph;
use crate::hw::passes::{CompileOptions, lowered, variants};
use crate::hw::{Target, prove};
use crate::model::IntegerNetwork;

/// Periods beyond the shortest of a number of ranks that are tried as well, in percent.
const SLOWER: [i32; 3] = [3, 6, 12];

/// One schedule. Its clock is that of the delay model, not placed: tools give other clocks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SchedulePoint {
    /// Register ranks between input and output.
    pub ranks: u32,
    /// Clock that it was made for.
    pub clock_mhz: f64,
    /// Ranks times period.
    pub latency_ns: f64,
    /// Lookup tables, estimated.
    pub lut: u64,
    /// Flip-flops.
    pub ff: u64,
    /// (LUT + FF) times latency in ns.
    pub cost: f64,
    /// Whether no other point costs less.
    pub best: bool,
}

/// From one rank, as slow as it is, to the fastest clock; no point is worse than another one in everything.
///
/// # Errors
/// Those of [`compile`](crate::hw::compile).
pub fn pareto(network: &IntegerNetwork, options: &CompileOptions) -> Result<Vec<SchedulePoint>> {
    let all = variants(options, |options| {
        let graph = lowered(network, options)?;
        prove(&graph, network)?;
        points(&graph, options.target)
    })?;
    Ok(worthwhile(all.concat()))
}

/// The points that no other one is better than in clock, ranks and size at once, by ranks and clock.
fn worthwhile(mut points: Vec<SchedulePoint>) -> Vec<SchedulePoint> {
    let size = |p: &SchedulePoint| p.lut + p.ff;
    points.sort_by(|a, b| a.ranks.cmp(&b.ranks).then(b.clock_mhz.total_cmp(&a.clock_mhz)).then(size(a).cmp(&size(b))));
    let mut kept: Vec<SchedulePoint> = Vec::new();
    for point in points {
        let better = |k: &SchedulePoint| k.clock_mhz >= point.clock_mhz && size(k) <= size(&point);
        if !kept.iter().any(better) {
            kept.push(point);
        }
    }
    kept.sort_by(|a, b| a.ranks.cmp(&b.ranks).then(a.clock_mhz.total_cmp(&b.clock_mhz)));
    let least = kept.iter().map(|p| p.cost).fold(f64::INFINITY, f64::min);
    kept.iter_mut().for_each(|p| p.best = p.cost == least);
    kept
}

/// The schedules of a graph that has none, each with a faster clock than the one before.
pub(super) fn points(graph: &StageGraph, target: Target) -> Result<Vec<SchedulePoint>> {
    let delays = target.delays();
    let fastest = ranks::slowest(graph, &Timing::new(graph, delays)) + delays.register;
    let lut = graph.lut_estimate(target);
    let mut points: Vec<SchedulePoint> = Vec::new();
    let mut last = i32::MAX;
    for ranks in 1.. {
        let mut made = graph.clone();
        let shortest = schedule(&mut made, delays, Goal::Ranks(ranks))?;
        if shortest < last {
            let point = |made: &StageGraph, period: i32| {
                let (ff, latency_ns) = (made.register_bits(), f64::from(period) * f64::from(ranks) / 1e3);
                let (clock_mhz, cost) = (1e6 / f64::from(period), (lut + ff) as f64 * latency_ns);
                SchedulePoint { ranks, clock_mhz, latency_ns, lut, ff, cost, best: false }
            };
            let mut these = vec![point(&made, shortest)];
            // The last picoseconds of a period can cost many registers.
            for percent in SLOWER {
                let period = shortest + shortest / 100 * percent;
                if period < last {
                    let mut slower = graph.clone();
                    schedule(&mut slower, delays, Goal::Period(period))?;
                    let next = point(&slower, period);
                    if these.last().is_some_and(|p| next.ff < p.ff) {
                        these.push(next);
                    }
                }
            }
            points.extend(these.into_iter().rev());
            last = shortest;
        }
        // One operation a rank is the end of it.
        if shortest <= fastest || ranks as usize > graph.nodes.len() {
            break;
        }
    }
    Ok(points)
}

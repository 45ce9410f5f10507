//! A rank for each node: as soon as possible, cut where the delay model says that the clock period is full.

use super::{CompileOptions, Node, Op, StageGraph, Target};
use crate::error::{Code, Error, Result};
use crate::fixed::Overflow;
use crate::units::Cycles;

/// Nanoseconds of a lookup table, of a local route, of carry per bit, and of clock-to-out with set-up.
struct Delays {
    lut: f64,
    route: f64,
    carry: f64,
    register: f64,
}

/// Rounded figures: ECP5 as nextpnr reports them for speed grade 8; the others scaled from data sheets, not calibrated.
fn delays(target: Target) -> Delays {
    let d = |lut, route, carry, register| Delays { lut, route, carry, register };
    match target {
        Target::Ecp5 | Target::Generic => d(0.65, 1.0, 0.03, 0.7),
        Target::Ice40 => d(1.2, 1.3, 0.28, 1.2),
        Target::Xcup => d(0.15, 0.35, 0.01, 0.2),
        Target::Xc7 => d(0.25, 0.6, 0.02, 0.4),
    }
}

fn delay(node: &Node, d: &Delays) -> f64 {
    let level = d.lut + d.route;
    match node.op {
        Op::Input(_) | Op::Const(_) => 0.0,
        Op::Add { .. } => level + d.carry * f64::from(node.width()),
        Op::Quantize { relu, overflow, .. } => {
            // One level for the mux after ReLU, one comparison for the limit.
            f64::from(u8::from(relu)) * level + if overflow == Overflow::Wrap { 0.0 } else { 2.0 * level }
        }
    }
}

fn ranks(graph: &mut StageGraph, period: f64, d: &Delays) {
    let budget = period - d.register;
    let mut arrival = vec![0.0f64; graph.nodes.len()];
    let mut deepest = 0;
    for id in 0..graph.nodes.len() {
        let operands = match graph.nodes[id].op {
            Op::Add { a, b, .. } => vec![a, b],
            Op::Quantize { a, .. } => vec![a],
            _ => vec![],
        };
        let rank = operands.iter().map(|o| graph.nodes[*o].rank).max().unwrap_or(0);
        // A value of an earlier rank comes from a register; a constant is always there.
        let start = operands.iter().filter(|o| graph.nodes[**o].rank == rank).map(|o| arrival[*o]).fold(0.0, f64::max);
        let own = delay(&graph.nodes[id], d);
        let (rank, end) = if start > 0.0 && start + own > budget { (rank + 1, own) } else { (rank, start + own) };
        graph.nodes[id].rank = rank;
        arrival[id] = end;
        deepest = deepest.max(rank);
    }
    // The outputs are registered.
    graph.latency = Cycles(deepest + 1);
}

pub fn schedule(graph: &mut StageGraph, options: &CompileOptions) -> Result<()> {
    let d = delays(options.target);
    if let Some(wanted) = options.latency {
        // The shortest period that needs no more ranks than wanted.
        let (mut low, mut high) = (0.1, 1000.0);
        ranks(graph, high, &d);
        if wanted < graph.latency.0 {
            return Err(Error::new(Code::Schedule, format!("a latency of {wanted} cannot be reached"))
                .hint(format!("the outputs are registered: ask for {} or more", graph.latency)));
        }
        for _ in 0..60 {
            let period = 0.5 * (low + high);
            ranks(graph, period, &d);
            if graph.latency.0 <= wanted { high = period } else { low = period }
        }
        ranks(graph, high, &d);
        // Ranks that no cut needs are spent at the output, so that the promise is exact.
        graph.latency = Cycles(wanted);
        return Ok(());
    }
    let clock = options.clock_mhz.unwrap_or(100.0);
    if !(clock.is_finite() && clock > 0.0) {
        return Err(Error::new(Code::Schedule, format!("a clock of {clock} MHz makes no sense")));
    }
    let period = 1000.0 / clock;
    let slowest = graph.nodes.iter().map(|n| delay(n, &d)).fold(0.0, f64::max) + d.register;
    if slowest > period {
        return Err(Error::new(Code::Schedule, format!("no schedule meets {clock} MHz"))
            .cause(format!("one operation alone takes {slowest:.2} ns by the delay model"))
            .hint(format!("ask for {:.0} MHz or less", (1000.0 / slowest).floor())));
    }
    ranks(graph, period, &d);
    Ok(())
}

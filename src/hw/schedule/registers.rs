//! The fewest registers for a period and a latency: difference constraints with a linear cost.
//!
//! A run of bits with the same readers costs its width times (rank of its last reader - rank at which it is made). Its
//! last reader is a variable of its own, no earlier than any reader.

use std::collections::{BTreeMap, BTreeSet};

use super::arrival::{Bits, Timing, latest};
use super::bits::{origins, readers};
use super::flow::{Arc, minimise};
use super::ranks::{registered, soonest};
use crate::hw::graph::{NodeId, Op, StageGraph};

/// The variable of the input port; inputs and constants are made there.
const PORT: usize = 0;

/// A rank for each node, with `logic` picoseconds between registers and outputs stored up to rank `latency`.
pub(super) fn fewest(graph: &StageGraph, timing: &Timing, logic: i32, latency: u32) -> Vec<u32> {
    let (start, _) = soonest(graph, timing, logic);
    let latency = i64::from(latency);
    // The last variable of those below is the output port.
    let variable = |id: NodeId| match graph.nodes.get(id).map(|n| &n.op) {
        Some(Op::Input(_) | Op::Const(_)) => PORT,
        _ => id + 1,
    };
    let output = graph.nodes.len() + 1;
    let mut r: Vec<i64> = vec![0];
    r.extend(start.iter().map(|s| i64::from(*s)));
    r.push(latency);
    let mut arcs: BTreeSet<Arc> = BTreeSet::new();
    let mut add = |from, to, least| {
        if from != to {
            arcs.insert(Arc { from, to, least });
        }
    };
    add(PORT, output, latency);
    add(output, PORT, -latency);
    for (id, node) in graph.nodes.iter().enumerate() {
        add(PORT, variable(id), 0);
        add(variable(id), output, 1);
        node.op.operands().into_iter().for_each(|a| add(variable(a), variable(id), 0));
    }
    for (from, to) in apart(graph, timing, logic) {
        add(variable(from), variable(to), 1);
    }
    let mut weights = vec![0; r.len()];
    let origins = origins(graph);
    for (id, bits) in readers(graph, &origins).into_iter().enumerate() {
        let mut segments: BTreeMap<Vec<NodeId>, i64> = BTreeMap::new();
        for by in bits.into_iter().filter(|by| !by.is_empty()) {
            *segments.entry(by).or_default() += 1;
        }
        for (by, width) in segments {
            let last = match by[..] {
                [only] => variable(only),
                // The output port is read last of all.
                [.., port] if variable(port) == output => output,
                _ => {
                    r.push(by.iter().map(|b| r[variable(*b)]).max().unwrap_or(0));
                    weights.push(0);
                    let last = r.len() - 1;
                    arcs.extend(by.iter().map(|b| Arc { from: variable(*b), to: last, least: 0 }));
                    last
                }
            };
            weights[last] += width;
            weights[variable(id)] -= width;
        }
    }
    let arcs: Vec<Arc> = arcs.into_iter().collect();
    let best = minimise(&weights, &arcs, r);
    let rank = |id: NodeId| (best[variable(id)] - best[PORT]).unsigned_abs() as u32;
    (0..graph.nodes.len()).map(rank).collect()
}

/// Pairs of nodes that no period lets share a rank: the way from the operands of the first to the second is too long.
/// Pairs that follow from others are left out.
fn apart(graph: &StageGraph, timing: &Timing, logic: i32) -> Vec<(NodeId, NodeId)> {
    let n = graph.nodes.len();
    let mut users: Vec<Vec<NodeId>> = vec![Vec::new(); n];
    for (id, node) in graph.nodes.iter().enumerate() {
        for a in node.op.operands() {
            if users[a].last() != Some(&id) {
                users[a].push(id);
            }
        }
    }
    let mut far: Vec<Vec<NodeId>> = vec![Vec::new(); n];
    let mut arrivals: Vec<Option<Bits>> = vec![None; n];
    for from in (0..n).rev() {
        if matches!(graph.nodes[from].op, Op::Input(_) | Op::Const(_)) {
            continue;
        }
        arrivals[from] = Some(timing.arrival(from, |a| registered(graph, a)));
        let mut reached = vec![from];
        let mut waiting: BTreeSet<NodeId> = users[from].iter().copied().collect();
        while let Some(id) = waiting.pop_first() {
            let bits = timing.arrival(id, |a| arrivals[a].as_ref());
            if latest(&bits) > logic {
                far[from].push(id);
            } else if latest(&bits) > 0 {
                arrivals[id] = Some(bits);
                reached.push(id);
                waiting.extend(&users[id]);
            }
        }
        reached.into_iter().for_each(|id| arrivals[id] = None);
    }
    let kept = |from: NodeId, to: &NodeId| {
        // A user of `from` is no earlier than `from`.
        !users[from].iter().any(|u| far[*u].binary_search(to).is_ok())
    };
    let pairs = far.iter().enumerate().flat_map(|(from, far)| far.iter().map(move |to| (from, *to)));
    pairs.filter(|(from, to)| kept(*from, to)).collect()
}

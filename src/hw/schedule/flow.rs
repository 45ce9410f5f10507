//! Difference constraints with a linear cost, solved exactly.
//!
//! ```text
//! minimise  sum weight[v] * r[v]     subject to  r[to] - r[from] >= least   for every arc
//! ```
//!
//! The dual is a flow without capacities: `v` takes in `weight[v]` more than it gives, and an arc pays `-least`. With
//! `r` as potentials an arc's reduced cost is its slack. The primal-dual method starts from any feasible `r`: shortest paths
//! by slack move the potentials, then as much as possible flows over arcs without slack (Dinic's blocking flows). Slacks are
//! small integers (ranks), so there are only a few dozen rounds.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// `r[to] - r[from] >= least`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Arc {
    pub from: usize,
    pub to: usize,
    pub least: i64,
}

/// Arcs by the node that they leave; arc `2k` is constraint `k`, arc `2k + 1` the way back over its flow.
struct Network<'a> {
    arcs: &'a [Arc],
    leaving: Vec<Vec<usize>>,
    flow: Vec<i64>,
    r: Vec<i64>,
    /// What a node still has to give (negative: to take).
    excess: Vec<i64>,
}

impl Network<'_> {
    fn head(&self, e: usize) -> usize {
        if e % 2 == 0 { self.arcs[e / 2].to } else { self.arcs[e / 2].from }
    }

    fn tail(&self, e: usize) -> usize {
        self.head(e ^ 1)
    }

    /// How much more can go over it.
    fn room(&self, e: usize) -> i64 {
        if e % 2 == 0 { i64::MAX } else { self.flow[e / 2] }
    }

    fn cost(&self, e: usize) -> i64 {
        let a = self.arcs[e / 2];
        let slack = self.r[a.to] - self.r[a.from] - a.least;
        if e % 2 == 0 { slack } else { -slack }
    }

    /// Moves the potentials so that a way without cost opens; false if nothing is left to send.
    fn open(&mut self) -> bool {
        let mut distance = vec![i64::MAX; self.r.len()];
        let mut heap = BinaryHeap::new();
        for v in 0..self.r.len() {
            if self.excess[v] > 0 {
                distance[v] = 0;
                heap.push(Reverse((0, v)));
            }
        }
        let mut nearest = None;
        while let Some(Reverse((d, v))) = heap.pop() {
            if d > distance[v] {
                continue;
            }
            if self.excess[v] < 0 {
                nearest = Some(d);
                break;
            }
            for &e in &self.leaving[v] {
                let (to, there) = (self.head(e), d + self.cost(e));
                if self.room(e) > 0 && there < distance[to] {
                    distance[to] = there;
                    heap.push(Reverse((there, to)));
                }
            }
        }
        let Some(nearest) = nearest else { return false };
        self.r.iter_mut().zip(distance).for_each(|(r, d)| *r -= d.min(nearest));
        true
    }

    /// Steps from a node that gives, over arcs without cost; `None` if no node that takes is reached.
    fn levels(&self) -> Option<Vec<usize>> {
        let mut level = vec![usize::MAX; self.r.len()];
        let mut queue: Vec<usize> = (0..self.r.len()).filter(|v| self.excess[*v] > 0).collect();
        queue.iter().for_each(|v| level[*v] = 0);
        let (mut at, mut reached) = (0, false);
        while at < queue.len() {
            let v = queue[at];
            at += 1;
            reached |= self.excess[v] < 0;
            for &e in &self.leaving[v] {
                let to = self.head(e);
                if level[to] == usize::MAX && self.room(e) > 0 && self.cost(e) == 0 {
                    level[to] = level[v] + 1;
                    queue.push(to);
                }
            }
        }
        reached.then_some(level)
    }

    /// Sends what it can along paths of rising level.
    fn block(&mut self, mut level: Vec<usize>) {
        let mut next = vec![0; self.r.len()];
        let mut path: Vec<usize> = Vec::new();
        for source in 0..self.r.len() {
            let mut v = source;
            while self.excess[source] > 0 {
                if self.excess[v] < 0 {
                    let room = path.iter().map(|e| self.room(*e)).fold(self.excess[source], i64::min);
                    let sent = room.min(-self.excess[v]);
                    self.excess[source] -= sent;
                    self.excess[v] += sent;
                    for e in path.drain(..) {
                        self.flow[e / 2] += if e % 2 == 0 { sent } else { -sent };
                    }
                    v = source;
                    continue;
                }
                let step = self.leaving[v][next[v]..].iter().position(|e| {
                    let rising = level[self.head(*e)] == level[v].saturating_add(1);
                    rising && self.room(*e) > 0 && self.cost(*e) == 0
                });
                if let Some(skip) = step {
                    next[v] += skip;
                    let e = self.leaving[v][next[v]];
                    path.push(e);
                    v = self.head(e);
                } else {
                    level[v] = usize::MAX;
                    let Some(e) = path.pop() else { break };
                    v = self.tail(e);
                    next[v] += 1;
                }
            }
        }
    }
}

/// The best `r`, starting from one that meets every constraint.
///
/// Weights must add up to 0 and the cost be bounded from below; both hold where every cost is a width times a length.
pub(super) fn minimise(weights: &[i64], arcs: &[Arc], start: Vec<i64>) -> Vec<i64> {
    assert_eq!(weights.iter().sum::<i64>(), 0);
    assert!(arcs.iter().all(|a| start[a.to] - start[a.from] >= a.least));
    let mut leaving = vec![Vec::new(); weights.len()];
    for (k, a) in arcs.iter().enumerate() {
        leaving[a.from].push(2 * k);
        leaving[a.to].push(2 * k + 1);
    }
    let excess = weights.iter().map(|w| -w).collect();
    let mut network = Network { arcs, leaving, flow: vec![0; arcs.len()], r: start, excess };
    while network.open() {
        while let Some(level) = network.levels() {
            network.block(level);
        }
    }
    network.r
}

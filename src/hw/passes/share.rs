//! Sums to adders, shared between the sums of a layer.

use std::collections::HashMap;

use rayon::prelude::*;

use super::{CompileOptions, Pass, SLACKS};
use crate::error::{Code, Error, Result};
use crate::fixed::Rounding;
use crate::hw::build::Builder;
use crate::hw::graph::{NodeId, Op, StageGraph};
use crate::hw::share::{Goal, Leaf, Operand, Problem, Solution, Wish, grow, load, operands, solve, work};

/// Replaces all sums by two-operand adders.
pub struct Share;

/// The widest sum that the search can hold.
const WIDEST: u32 = 58;

/// Where a value is: `±(node << shift)`, or, if `inverted`, `~(node << shift)`.
#[derive(Clone, Copy, Debug)]
struct Place {
    node: NodeId,
    shift: u32,
    negative: bool,
}

/// The sums of a layer that can be made together, and what was found for them.
struct Group {
    /// Old nodes: the sums, and what they read.
    sums: Vec<NodeId>,
    leaves: Vec<NodeId>,
    problem: Problem,
    solution: Solution,
}

impl Pass for Share {
    fn name(&self) -> &'static str {
        "share"
    }

    fn description(&self) -> &'static str {
        "turns the sums of a layer into adders, sharing what several of them need"
    }

    fn run(&self, graph: &mut StageGraph, options: &CompileOptions) -> Result<()> {
        if let Some(id) = graph.nodes.iter().position(|n| matches!(n.op, Op::Sum { .. }) && n.width() > WIDEST) {
            return Err(Error::new(Code::Graph, format!("the sum n{id} needs {} bits", graph.nodes[id].width()))
                .hint(format!("{WIDEST} is the most: use narrower weights or inputs")));
        }
        let mut groups = groups(graph, options.slack.unwrap_or(SLACKS[0]));
        let all = groups.iter().map(|g| work(&g.problem)).sum();
        groups.par_iter_mut().enumerate().for_each(|(n, g)| {
            let budget = options.effort.budget(&g.problem, all, options.seed.wrapping_add(n as u64));
            g.solution = solve(&g.problem, budget);
        });
        let mut b = Builder::new(&graph.input_formats);
        let first: HashMap<NodeId, &Group> = groups.iter().map(|g| (g.sums[0], g)).collect();
        let mut places: Vec<Option<Place>> = vec![None; graph.nodes.len()];
        for (id, node) in graph.nodes.iter().enumerate() {
            if let Some(group) = first.get(&id) {
                group.build(&mut b, node.layer, &mut places, graph)?;
            }
            if matches!(node.op, Op::Sum { .. }) {
                continue;
            }
            let mut op = node.op.clone();
            if let Op::Requantize { a, shift, invert, .. } = &mut op {
                let at = places[*a].ok_or_else(lost)?;
                *shift -= at.shift as i32;
                *invert = at.negative;
            }
            op.map(|a| places[a].map_or(a, |p| p.node));
            places[id] = Some(Place { node: b.push(op, node.layer)?, shift: 0, negative: false });
        }
        for element in graph.tensors.iter_mut().flat_map(|t| &mut t.elements) {
            *element = element.and_then(|id| places[id]).map(|p| p.node);
        }
        graph.nodes = b.nodes;
        Ok(())
    }
}

fn lost() -> Error {
    Error::new(Code::Graph, "a node is read before it is made")
}

/// The sums of the graph, layer by layer: together are those that need no other sum of their layer.
fn groups(graph: &StageGraph, slack: u32) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut taken = vec![false; graph.nodes.len()];
    for first in 0..graph.nodes.len() {
        if taken[first] || !matches!(graph.nodes[first].op, Op::Sum { .. }) {
            continue;
        }
        let mut group =
            Group { sums: Vec::new(), leaves: Vec::new(), problem: Problem::default(), solution: Solution::default() };
        let mut leaf_of: HashMap<NodeId, usize> = HashMap::new();
        for (id, node) in graph.nodes.iter().enumerate().skip(first) {
            let Op::Sum { terms, constant } = &node.op else { continue };
            if taken[id] || node.layer != graph.nodes[first].layer || terms.iter().any(|(n, _)| *n >= first) {
                continue;
            }
            taken[id] = true;
            let mut leaf = |n: NodeId| {
                *leaf_of.entry(n).or_insert_with(|| {
                    let (low, high) = graph.nodes[n].range;
                    group.leaves.push(n);
                    group.problem.leaves.push(Leaf { low, high });
                    group.leaves.len() - 1
                })
            };
            let terms = terms.iter().map(|(n, c)| (leaf(*n), *c)).collect();
            group.sums.push(id);
            group.problem.rows.push(Goal { terms, constant: *constant });
        }
        group.problem.slack = slack;
        if !group.sums.is_empty() {
            groups.push(group);
        }
    }
    groups
}

impl Group {
    fn build(&self, b: &mut Builder, layer: usize, places: &mut [Option<Place>], graph: &StageGraph) -> Result<()> {
        let mut t = Trees { b, layer, depth: HashMap::new() };
        let leaves = self.leaves.iter().map(|l| places[*l].ok_or_else(lost));
        let mut values: Vec<Place> = leaves.collect::<Result<_>>()?;
        for terms in &self.solution.nodes {
            let made = t.tree(&values, terms, 0, None)?;
            values.push(made);
        }
        let limit = self.problem.depth_limit();
        for ((sum, terms), row) in self.sums.iter().zip(&self.solution.rows).zip(&self.problem.rows) {
            let readers = || graph.nodes.iter().filter(|n| n.op.operands().contains(sum));
            // Of an inverted sum only what a truncation keeps is right below its lowest bit.
            let may_invert = |shift: u32| {
                readers().all(|n| match n.op {
                    Op::Requantize { shift: drop, rounding: Rounding::Truncate, .. } => drop >= shift as i32,
                    _ => false,
                })
            };
            let plain = t.tree(&values, terms, row.constant, Some(limit))?;
            places[*sum] = Some(match plain.negative {
                false => plain,
                true => {
                    // -x is ~(x - 1), so one more in the sum leaves the inverse of what is wanted.
                    let more = t.tree(&values, terms, row.constant + 1, Some(limit))?;
                    if more.negative && may_invert(more.shift) { more } else { t.negated(plain)? }
                }
            });
        }
        Ok(())
    }
}

struct Trees<'a, 'b> {
    b: &'a mut Builder<'b>,
    layer: usize,
    depth: HashMap<NodeId, u32>,
}

impl Trees<'_, '_> {
    fn push(&mut self, op: Op) -> Result<NodeId> {
        let below = op.operands().iter().map(|o| self.depth.get(o).copied().unwrap_or(0)).max();
        let id = self.b.push(op, self.layer)?;
        self.depth.entry(id).or_insert(below.map_or(0, |d| d + 1));
        Ok(id)
    }

    /// `sum coefficient * value + constant`.
    fn tree(&mut self, values: &[Place], terms: &[(usize, i64)], constant: i64, limit: Option<u32>) -> Result<Place> {
        let mut list: Vec<Operand> = Vec::new();
        let mut nodes: Vec<NodeId> = Vec::new();
        for (value, c) in terms {
            let at = values[*value];
            let (low, high) = self.b.nodes[at.node].range;
            let depth = self.depth.get(&at.node).copied().unwrap_or(0);
            for mut o in operands(low, high, depth, *c) {
                (o.shift, o.negative, o.tag) = (o.shift + at.shift, o.negative != at.negative, nodes.len() as u32);
                nodes.push(at.node);
                list.push(o);
            }
        }
        if constant != 0 {
            let shift = constant.trailing_zeros();
            let k = constant.abs() >> shift;
            let tag = nodes.len() as u32;
            nodes.push(self.push(Op::Const(k))?);
            list.push(Operand { low: k, high: k, shift, negative: constant < 0, depth: 0, tag });
        }
        let Some(only) = list.first().copied() else {
            return Ok(Place { node: self.push(Op::Const(0))?, shift: 0, negative: false });
        };
        let positive = limit.is_some();
        let limit = limit.unwrap_or(load(&list).next_power_of_two().trailing_zeros());
        let mut steps = Vec::new();
        grow(&mut list, Wish { range: None, limit, positive }, |s| steps.push(*s));
        let mut last = only;
        for step in steps {
            let (x, y) = (step.first, step.second);
            // What has the other sign than the sum is taken away from it.
            let (x, y) = if x.negative != step.sum.negative { (y, x) } else { (x, y) };
            let base = x.shift.min(y.shift);
            let op = Op::Add {
                a: nodes[x.tag as usize],
                shift_a: x.shift - base,
                b: nodes[y.tag as usize],
                shift_b: y.shift - base,
                subtract: x.negative != y.negative,
            };
            // Steps are numbered on from the last operand.
            nodes.push(self.push(op)?);
            last = step.sum;
        }
        Ok(Place { node: nodes[last.tag as usize], shift: last.shift, negative: last.negative })
    }

    /// A node that holds the negative of one that is stored negative.
    fn negated(&mut self, p: Place) -> Result<Place> {
        let (a, b) = match self.b.nodes[p.node].op {
            // One subtraction the other way round.
            Op::Add { a, shift_a, b, shift_b, subtract: true } => ((b, shift_b), (a, shift_a)),
            _ => ((self.push(Op::Const(0))?, 0), (p.node, 0)),
        };
        let op = Op::Add { a: a.0, shift_a: a.1, b: b.0, shift_b: b.1, subtract: true };
        Ok(Place { node: self.push(op)?, shift: p.shift, negative: false })
    }
}

//! Stages whose sums are made by multipliers, with weights out of a memory.
//!
//! ```text
//! leaves ─load─► registers that shift, `lanes` leaves a cycle ─► values ─┐
//!                                              counter ─► weights ───────┴─► products ─► trees over the lanes ─► accumulators
//! ```
//!
//! Every number that is made in some cycle is a node of the graph: a product is a sum of one term, then come the sums of the
//! tree and those of the accumulator, cycle by cycle. So the graph says what the hardware does, and is proved like any other.

use std::collections::{BTreeMap, BTreeSet};

use super::{FoldStage, Folded, FoldedCost};
use crate::error::{Code, Error, Result};
use crate::hw::delay::Target;
use crate::hw::graph::{Node, NodeId, Op, StageGraph};
use crate::hw::interval::{Known, derive, of, width_of};
use crate::hw::passes::CompileOptions;

/// The arrays of a stage. Leaf `i` of it is there in cycle `i / lanes`, in lane `i % lanes`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Multipliers {
    /// Leaves that are read in one cycle.
    pub lanes: usize,
    /// One for each accumulator.
    pub rows: Vec<Row>,
}

/// What makes one accumulator: a multiplier for each lane that has a weight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// `[cycle][lane]`.
    pub weights: Vec<Vec<i64>>,
    /// What the accumulator begins with.
    pub begin: i64,
    /// `[cycle][level][place]`: the products, then sums of pairs until there is one; nothing where all weights are 0.
    pub trees: Vec<Vec<Vec<Option<NodeId>>>>,
    /// The accumulator after each cycle.
    pub sums: Vec<NodeId>,
}

/// Bits of a register or a port of a multiplier, and whether the highest is a sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub width: u32,
    pub signed: bool,
}

impl Multipliers {
    /// Levels of the trees, each with a register.
    pub fn levels(&self) -> u32 {
        self.lanes.next_power_of_two().trailing_zeros()
    }

    /// Cycles from a value to the accumulators that have it, but one: values and weights, products, levels.
    pub(crate) fn depth(&self) -> u32 {
        2 + self.levels()
    }

    /// How many multipliers there are.
    pub fn count(&self) -> u64 {
        let lanes = |row: &Row| (0..self.lanes).filter(|l| row.weight_bits(*l) > 0).count() as u64;
        self.rows.iter().map(lanes).sum()
    }

    /// Bits of a word of weights.
    pub(crate) fn word(&self) -> u32 {
        self.rows.iter().flat_map(|row| (0..self.lanes).map(|l| row.weight_bits(l))).sum()
    }

    /// The registers that a lane shifts through.
    pub(crate) fn lane(&self, graph: &StageGraph, leaves: &[NodeId], lane: usize) -> Held {
        held(graph, leaves.iter().skip(lane).step_by(self.lanes).copied()).unwrap_or(Held { width: 1, signed: false })
    }

    /// Whether products and sums fit the clock, by the delay model.
    ///
    /// # Errors
    /// [`Code::Schedule`] if not.
    fn fits(&self, graph: &StageGraph, options: &CompileOptions) -> Result<()> {
        let (d, period) = (options.target.delays(), options.period()?);
        let widest = self.rows.iter().map(|row| row.accumulator(graph).width).max().unwrap_or(1);
        let takes = (d.route + d.multiplier).max(d.route + d.adder + (widest as i32 + 1) * d.carry) + d.register;
        if takes <= period {
            return Ok(());
        }
        let (takes, period) = (f64::from(takes) * 1e-3, f64::from(period) * 1e-3);
        Err(Error::new(
            Code::Schedule,
            format!("a multiplier or its sum takes {takes:.2} ns, more than {period:.2} ns"),
        )
        .hint("lower the clock, or leave --max-dsp out"))
    }

    /// Adds what the stage is built of, but for its results.
    pub(super) fn add_cost(&self, cost: &mut FoldedCost, graph: &StageGraph, stage: &FoldStage, target: Target) {
        let lanes: Vec<Held> = (0..self.lanes).map(|l| self.lane(graph, &stage.leaves, l)).collect();
        let shift: u64 = (0..stage.leaves.len()).map(|i| u64::from(lanes[i % self.lanes].width)).sum();
        let values: u64 = lanes.iter().map(|l| u64::from(l.width)).sum();
        let (word, counter) = (u64::from(self.word()), u64::from(stage.counter_bits()));
        cost.multipliers += self.count();
        cost.register_bits += shift + values + counter;
        cost.lut += shift + 2 * counter;
        if counter > 0 {
            // A bit of the word is a function of the counter.
            cost.register_bits += word;
            cost.lut += word * u64::from(stage.digits).div_ceil(1 << target.delays().inputs);
        }
        let mut adder = |bits: u64| {
            cost.adders += 1;
            cost.adder_bits += bits;
            cost.lut += bits + 2;
        };
        for row in &self.rows {
            for level in 0..=self.levels() as usize {
                for place in 0..row.trees[0][level].len() {
                    let Some(held) = row.tree(graph, level, place) else { continue };
                    cost.register_bits += u64::from(held.width);
                    let pair = |i: usize| level > 0 && row.tree(graph, level - 1, 2 * place + i).is_some();
                    if pair(0) && pair(1) {
                        adder(held.width.into());
                    }
                }
            }
            let width = u64::from(row.accumulator(graph).width);
            cost.register_bits += width;
            adder(width);
        }
    }

    /// What makes the arrays the sums of the graph: every weight has its product, every product its place in a tree, every tree
    /// its cycle. `None` if not.
    pub(super) fn check(&self, graph: &StageGraph, stage: &FoldStage) -> Option<()> {
        let right = |holds: bool| holds.then_some(());
        let node = |id: NodeId| graph.nodes.get(id);
        right(self.lanes > 0 && !stage.leaves.is_empty() && stage.depth == self.depth())?;
        right(stage.leaves.len().div_ceil(self.lanes) == stage.digits as usize)?;
        for row in &self.rows {
            right(row.weights.len() == stage.digits as usize && row.trees.len() == row.weights.len())?;
            right(row.sums.len() == row.weights.len())?;
            let mut before = None;
            for (t, (tree, weights)) in row.trees.iter().zip(&row.weights).enumerate() {
                right(tree.len() == self.levels() as usize + 1 && tree[0].len() == self.lanes)?;
                right(weights.len() == self.lanes)?;
                for (lane, (weight, product)) in weights.iter().zip(&tree[0]).enumerate() {
                    let leaf = stage.leaves.get(t * self.lanes + lane);
                    match (weight, product, leaf) {
                        (0, None, _) => {}
                        (w, Some(p), Some(leaf)) => {
                            right(node(*p)?.op == Op::Sum { terms: vec![(*leaf, *w)], constant: 0 })?;
                        }
                        _ => return None,
                    }
                }
                for level in 1..tree.len() {
                    right(tree[level].len() == tree[level - 1].len().div_ceil(2))?;
                    for (sum, pair) in tree[level].iter().zip(tree[level - 1].chunks(2)) {
                        match (pair[0], pair.get(1).copied().flatten()) {
                            (Some(a), Some(b)) => right(node((*sum)?)?.op == plus(a, b))?,
                            (a, b) => right(*sum == a.or(b))?,
                        }
                    }
                }
                let (sum, last) = (row.sums[t], *tree.last()?.first()?);
                match (before, last) {
                    (Some(before), None) => right(sum == before)?,
                    (Some(before), Some(last)) => right(node(sum)?.op == plus(before, last))?,
                    (None, None) => right(node(sum)?.op == Op::Const(row.begin))?,
                    (None, Some(last)) => {
                        let Op::Add { a, .. } = node(sum)?.op else { return None };
                        right(node(sum)?.op == plus(a, last) && node(a)?.op == Op::Const(row.begin))?;
                    }
                }
                before = Some(sum);
            }
        }
        Some(())
    }
}

impl Row {
    /// The accumulator when it has everything.
    pub(crate) fn last(&self) -> Option<NodeId> {
        self.sums.last().copied()
    }

    /// Bits of the weights of a lane, two's complement; 0 if there are none.
    pub(crate) fn weight_bits(&self, lane: usize) -> u32 {
        let of = self.weights.iter().map(|w| i128::from(w[lane]));
        let (low, high) = of.fold((0, 0), |(low, high), w| (w.min(low), w.max(high)));
        if (low, high) == (0, 0) { 0 } else { width_of(low.min(-1), high) }
    }

    /// The register of a place in the tree, the product at level 0; `None` if it is always 0.
    pub(crate) fn tree(&self, graph: &StageGraph, level: usize, place: usize) -> Option<Held> {
        held(graph, self.trees.iter().filter_map(|tree| *tree.get(level)?.get(place)?))
    }

    /// The register of the accumulator.
    pub(crate) fn accumulator(&self, graph: &StageGraph) -> Held {
        held(graph, self.sums.iter().copied()).unwrap_or(Held { width: 1, signed: false })
    }
}

fn plus(a: NodeId, b: NodeId) -> Op {
    Op::Add { a, shift_a: 0, b, shift_b: 0, subtract: false }
}

/// A register that holds some nodes one after the other, and 0 between them.
fn held(graph: &StageGraph, ids: impl Iterator<Item = NodeId>) -> Option<Held> {
    let mut some = None;
    for node in ids.map(|id| &graph.nodes[id]) {
        let (low, high, kept) = some.unwrap_or((0, 0, Node::ALL));
        some = Some((node.range.0.min(low), node.range.1.max(high), node.kept.min(kept)));
    }
    some.map(|(low, high, kept)| {
        let full = width_of(low.into(), high.into());
        Held { width: full.min(kept), signed: low < 0 && kept >= full }
    })
}

/// The weights of a stage, before there are nodes for them: those of each accumulator, by its node.
struct Plan {
    lanes: usize,
    rows: BTreeMap<NodeId, (Vec<Vec<i64>>, i64)>,
}

/// `None` if a weight is too wide.
fn plan(graph: &StageGraph, known: &[Known], stage: &FoldStage, reuse: u32) -> Option<Plan> {
    let lanes = stage.leaves.len().div_ceil(reuse as usize).max(1);
    let mut rows = BTreeMap::new();
    for id in &stage.results {
        let a = graph.nodes[*id].op.operands()[0];
        let form = &known[a].form;
        let mut begin = form.constant;
        let mut weights = vec![vec![0; lanes]; stage.leaves.len().div_ceil(lanes)];
        for (leaf, c) in &form.terms {
            match stage.leaves.binary_search(leaf) {
                Ok(i) => weights[i / lanes][i % lanes] = i64::try_from(*c).ok()?,
                // A number that is always the same is no leaf.
                Err(_) => begin += c * i128::from(graph.nodes[*leaf].range.0),
            }
        }
        rows.insert(a, (weights, i64::try_from(begin).ok()?));
    }
    Some(Plan { lanes, rows })
}

/// The graph with multipliers for the sums of some stages, and its stages; those have nothing but members.
///
/// # Errors
/// [`Code::Graph`] if a number needs more than 63 bits.
pub(super) fn multiplied(
    graph: &StageGraph,
    stages: &[FoldStage],
    chosen: &BTreeSet<usize>,
    reuse: u32,
) -> Result<(StageGraph, Vec<FoldStage>)> {
    let known = derive(graph)?;
    let wide = || Error::new(Code::Graph, "a weight needs more than 63 bits").hint("use narrower weights");
    let mut plans = BTreeMap::new();
    for k in chosen {
        plans.insert(*k, plan(graph, &known, &stages[*k], reuse).ok_or_else(wide)?);
    }
    let stage_of = |id: NodeId| plans.keys().copied().find(|k| stages[*k].results.binary_search(&id).is_ok());
    // A result of multipliers reads the leaves of its stage, no adders.
    let mut needed: Vec<bool> = graph.nodes.iter().map(|n| matches!(n.op, Op::Input(_))).collect();
    let mut open = graph.outputs();
    while let Some(id) = open.pop() {
        if !std::mem::replace(&mut needed[id], true) {
            open.extend(stage_of(id).map_or_else(|| graph.nodes[id].op.operands(), |k| stages[k].leaves.clone()));
        }
    }
    let mut made = Maker { known: Vec::new(), nodes: Vec::new(), inputs: graph.input_formats.clone() };
    let mut place: Vec<Option<NodeId>> = vec![None; graph.nodes.len()];
    let mut rows: BTreeMap<(usize, NodeId), Row> = BTreeMap::new();
    for (id, node) in graph.nodes.iter().enumerate().filter(|(id, _)| needed[*id]) {
        let mut op = node.op.clone();
        if let Some(k) = stage_of(id) {
            let a = op.operands()[0];
            let Some((weights, begin)) = plans[&k].rows.get(&a) else { continue };
            let leaves: Vec<NodeId> = stages[k].leaves.iter().filter_map(|leaf| place[*leaf]).collect();
            if !rows.contains_key(&(k, a)) {
                rows.insert((k, a), made.row(weights, *begin, &leaves, node.layer)?);
            }
            let last = rows[&(k, a)].last().unwrap_or(0);
            op.map(|_| last);
        } else {
            op.map(|a| place[a].unwrap_or(a));
        }
        place[id] = Some(made.push(op, node.layer)?);
    }
    let moved = |ids: &[NodeId]| ids.iter().filter_map(|id| place[*id]).collect::<Vec<_>>();
    let stages = stages.iter().enumerate().map(|(k, stage)| FoldStage {
        leaves: moved(&stage.leaves),
        results: moved(&stage.results),
        adders: match plans.contains_key(&k) {
            true => Vec::new(),
            false => stage.adders.iter().filter_map(|(id, at)| Some((place[*id]?, *at))).collect(),
        },
        multipliers: plans.get(&k).map(|plan| {
            let of = rows.iter().filter(|((stage, _), _)| *stage == k);
            Multipliers { lanes: plan.lanes, rows: of.map(|(_, row)| row.clone()).collect() }
        }),
        ..stage.clone()
    });
    let stages = stages.collect();
    let mut graph = StageGraph { nodes: made.nodes, ..graph.clone() };
    for element in graph.tensors.iter_mut().flat_map(|t| &mut t.elements) {
        *element = element.and_then(|id| place[id]);
    }
    Ok((graph, stages))
}

/// The nodes of the new graph.
struct Maker {
    known: Vec<Known>,
    nodes: Vec<Node>,
    inputs: Vec<crate::fixed::QFormat>,
}

impl Maker {
    fn push(&mut self, op: Op, layer: usize) -> Result<NodeId> {
        let known = of(&op, &self.known, &self.inputs)?;
        self.nodes.push(Node { op, range: known.range, layer, rank: 0, unread: 0, kept: Node::ALL });
        self.known.push(known);
        Ok(self.nodes.len() - 1)
    }

    fn row(&mut self, weights: &[Vec<i64>], begin: i64, leaves: &[NodeId], layer: usize) -> Result<Row> {
        let mut sum = self.push(Op::Const(begin), layer)?;
        let (mut trees, mut sums) = (Vec::new(), Vec::new());
        let lanes = weights.first().map_or(1, Vec::len);
        for (leaves, weights) in leaves.chunks(lanes).zip(weights) {
            let mut products = vec![None; lanes];
            for ((product, leaf), weight) in products.iter_mut().zip(leaves).zip(weights) {
                if *weight != 0 {
                    *product = Some(self.push(Op::Sum { terms: vec![(*leaf, *weight)], constant: 0 }, layer)?);
                }
            }
            let mut tree = vec![products];
            while let Some(level) = tree.last().filter(|level| level.len() > 1) {
                let mut next = Vec::new();
                for pair in level.chunks(2) {
                    next.push(match (pair[0], pair.get(1).copied().flatten()) {
                        (Some(a), Some(b)) => Some(self.push(plus(a, b), layer)?),
                        (a, b) => a.or(b),
                    });
                }
                tree.push(next);
            }
            if let Some(last) = tree.last().and_then(|level| level[0]) {
                sum = self.push(plus(sum, last), layer)?;
            }
            trees.push(tree);
            sums.push(sum);
        }
        Ok(Row { weights: weights.to_vec(), begin, trees, sums })
    }
}

impl Folded {
    /// Multipliers of all stages.
    pub fn multipliers(&self) -> u64 {
        self.stages.iter().filter_map(|s| s.multipliers.as_ref()).map(Multipliers::count).sum()
    }
}

impl FoldStage {
    /// Sets depth and cycles of a stage of multipliers.
    ///
    /// # Errors
    /// [`Code::Schedule`] if they do not fit the clock.
    pub(super) fn place_multipliers(&mut self, graph: &StageGraph, options: &CompileOptions) -> Result<()> {
        let Some(multipliers) = &self.multipliers else { return Ok(()) };
        multipliers.fits(graph, options)?;
        self.digits = self.leaves.len().div_ceil(multipliers.lanes) as u32;
        self.depth = multipliers.depth();
        Ok(())
    }
}

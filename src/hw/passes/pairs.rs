//! Adders that several sums of a layer can share.
//!
//! The coefficients of all sums of a layer are written in signed digits. Two digits of one sum, say `a<<3` and `-(b<<5)`,
//! are a pair `a - (b<<2)`, whatever the common shift and sign. The pair that saves most adder bits is made once and
//! replaces its digits wherever they occur; then the next best, until none occurs twice.
//!
//! A shared adder makes trees deeper where it joins digits of different depths. Each sum keeps to a limit: the depth of
//! the deepest tree of the layer without sharing, plus [`SLACK`].

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};

use super::shift_add::signed_digits;
use super::{CompileOptions, Pass};
use crate::error::Result;
use crate::hw::build::Builder;
use crate::hw::graph::{NodeId, Op, StageGraph};
use crate::hw::interval::width_of;

/// Levels that sharing may add to the deepest tree of a layer.
const SLACK: u32 = 1;

/// Gives pairs of digits that occur in several sums an adder of their own.
pub struct Pairs;

type Terms = Vec<(NodeId, i64)>;

impl Pass for Pairs {
    fn name(&self) -> &'static str {
        "pairs"
    }

    fn description(&self) -> &'static str {
        "shares pairs of signed digits between the sums of a layer, the most adder bits saved first"
    }

    fn run(&self, graph: &mut StageGraph, _: &CompileOptions) -> Result<()> {
        let mut b = Builder::new(&graph.input_formats);
        let mut place: Vec<NodeId> = Vec::with_capacity(graph.nodes.len());
        let mut shared: HashMap<NodeId, Terms> = HashMap::new();
        for (id, node) in graph.nodes.iter().enumerate() {
            if matches!(node.op, Op::Sum { .. }) && !shared.contains_key(&id) {
                // All sums of the layer that could stand here: new adders come right before the first of them.
                let (mut ids, mut rows) = (Vec::new(), Vec::new());
                for (other, n) in graph.nodes.iter().enumerate().skip(id).filter(|(_, n)| n.layer == node.layer) {
                    if let Op::Sum { terms, constant } = &n.op
                        && terms.iter().all(|(t, _)| *t < id)
                    {
                        ids.push(other);
                        let terms: Terms = terms.iter().map(|(t, c)| (place[*t], *c)).collect();
                        rows.push((terms, *constant != 0));
                    }
                }
                let made = Rows::new(&b, &rows).share(&mut b, node.layer)?;
                shared.extend(ids.into_iter().zip(made));
            }
            let mut op = node.op.clone();
            op.map(|a| place[a]);
            if let (Op::Sum { terms, .. }, Some(made)) = (&mut op, shared.remove(&id)) {
                *terms = made;
            }
            place.push(b.push(op, node.layer)?);
        }
        for element in graph.tensors.iter_mut().flat_map(|t| &mut t.elements) {
            *element = element.map(|id| place[id]);
        }
        graph.nodes = b.nodes;
        Ok(())
    }
}

/// `a ± (b << by)`, up to a common shift and sign; `a < b`, or `a == b` and `by > 0`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Pair {
    a: NodeId,
    b: NodeId,
    by: i32,
    negative: bool,
}

/// A signed digit: node, shift, and whether it is negative.
type Digit = ((NodeId, u32), bool);

fn pair(d: Digit, e: Digit) -> Pair {
    let (((a, s), g), ((b, t), h)) = if d.0 < e.0 { (d, e) } else { (e, d) };
    Pair { a, b, by: t as i32 - s as i32, negative: g != h }
}

/// The sums of one layer as digits, and how often each pair occurs.
struct Rows {
    digits: Vec<BTreeMap<(NodeId, u32), bool>>,
    /// `sum 2^depth` over the terms of a row: a tree of depth d holds at most `2^d`.
    load: Vec<u64>,
    limit: u64,
    depth: HashMap<NodeId, u32>,
    range: HashMap<NodeId, (i64, i64)>,
    count: HashMap<Pair, u32>,
    /// (adder bits saved, pair); entries may be out of date.
    best: BinaryHeap<(u64, Reverse<Pair>)>,
}

impl Rows {
    fn new(b: &Builder, rows: &[(Terms, bool)]) -> Rows {
        let mut r = Rows {
            digits: vec![BTreeMap::new(); rows.len()],
            load: rows.iter().map(|(_, constant)| u64::from(*constant)).collect(),
            limit: 0,
            depth: HashMap::new(),
            range: HashMap::new(),
            count: HashMap::new(),
            best: BinaryHeap::new(),
        };
        for (row, (terms, _)) in rows.iter().enumerate() {
            for (node, c) in terms {
                // Leaves of one layer arrive together, or nearly.
                r.depth.insert(*node, 0);
                r.range.insert(*node, b.nodes[*node].range);
                signed_digits(*c).into_iter().for_each(|(shift, negative)| r.add(row, ((*node, shift), negative)));
            }
        }
        r.limit = r.load.iter().max().map_or(1, |l| l.next_power_of_two()) << SLACK;
        r
    }

    fn add(&mut self, row: usize, digit: Digit) {
        for (at, negative) in &self.digits[row] {
            let p = pair(digit, (*at, *negative));
            let count = self.count.entry(p).or_insert(0);
            *count += 1;
            if *count > 1 {
                let bits = saved(&self.range, p, *count);
                self.best.push((bits, Reverse(p)));
            }
        }
        self.digits[row].insert(digit.0, digit.1);
        self.load[row] += 1 << self.depth[&digit.0.0];
    }

    fn remove(&mut self, row: usize, digit: Digit) {
        self.digits[row].remove(&digit.0);
        self.load[row] -= 1 << self.depth[&digit.0.0];
        for (at, negative) in &self.digits[row] {
            if let Some(count) = self.count.get_mut(&pair(digit, (*at, *negative))) {
                *count -= 1;
            }
        }
    }

    fn share(mut self, b: &mut Builder, layer: usize) -> Result<Vec<Terms>> {
        while let Some((bits, Reverse(p))) = self.best.pop() {
            let now = self.count.get(&p).copied().unwrap_or(0);
            if now < 2 {
                continue;
            }
            let now = saved(&self.range, p, now);
            if now < bits {
                self.best.push((now, Reverse(p)));
                continue;
            }
            let places = self.occurrences(p);
            if places.len() < 2 {
                continue;
            }
            let (shift_a, shift_b) = ((-p.by).max(0) as u32, p.by.max(0) as u32);
            let node = b.push(Op::Add { a: p.a, shift_a, b: p.b, shift_b, subtract: p.negative }, layer)?;
            self.depth.insert(node, 1 + self.depth[&p.a].max(self.depth[&p.b]));
            self.range.insert(node, b.nodes[node].range);
            for (row, first, second) in places {
                self.remove(row, first);
                self.remove(row, second);
                self.add(row, ((node, first.0.1 - shift_a), first.1));
            }
        }
        let coefficient = |shift: u32, negative| if negative { -(1i64 << shift) } else { 1i64 << shift };
        let terms = |row: &BTreeMap<(NodeId, u32), bool>| {
            let mut all: BTreeMap<NodeId, i64> = BTreeMap::new();
            row.iter().for_each(|((n, s), g)| *all.entry(*n).or_insert(0) += coefficient(*s, *g));
            all.into_iter().collect()
        };
        Ok(self.digits.iter().map(terms).collect())
    }

    /// Where the pair occurs, no digit twice, and where a tree has room for its depth.
    fn occurrences(&self, p: Pair) -> Vec<(usize, Digit, Digit)> {
        let mut found = Vec::new();
        let (a, b) = (self.depth[&p.a], self.depth[&p.b]);
        let more = (2u64 << a.max(b)) - (1 << a) - (1 << b);
        for (row, digits) in self.digits.iter().enumerate() {
            let mut load = self.load[row];
            let mut used: Vec<(NodeId, u32)> = Vec::new();
            for (at, negative) in digits.range((p.a, 0)..=(p.a, u32::MAX)) {
                let Some(shift) = at.1.checked_add_signed(p.by) else { continue };
                let other = (p.b, shift);
                let fits = digits.get(&other) == Some(&(*negative != p.negative));
                if !fits || used.contains(at) || used.contains(&other) || load + more > self.limit {
                    continue;
                }
                load += more;
                used.extend([*at, other]);
                found.push((row, (*at, *negative), (other, *negative != p.negative)));
            }
        }
        found
    }
}

/// Adder bits that `count` occurrences save.
fn saved(range: &HashMap<NodeId, (i64, i64)>, p: Pair, count: u32) -> u64 {
    let wide = |n: NodeId, shift: i32| {
        let (low, high) = range[&n];
        (i128::from(low) << shift.max(0), i128::from(high) << shift.max(0))
    };
    let ((al, ah), (bl, bh)) = (wide(p.a, -p.by), wide(p.b, p.by));
    let (low, high) = if p.negative { (al - bh, ah - bl) } else { (al + bl, ah + bh) };
    u64::from(count - 1) * u64::from(width_of(low, high))
}

//! The sums of one layer while they are rewritten: outputs and shared values, each a sum of coefficients times values.
//!
//! Values are leaves (what the layer reads) or nodes (sums made on the way); every output and every node has a row. How
//! often each pair of digits occurs in all rows is kept up to date with every change, and every change can be taken back.

use super::counts::Counts;
use super::digits::{removable, weight};
use super::memo::Memo;
use super::pair::{Pair, pairs_within};
use super::tree::{Cost, Operand, Wish};
use super::{Leaf, Problem, Solution};

/// Index of a value: leaves first, then nodes.
pub(super) type ValueId = u32;
/// Index of a row: outputs first, then one for each node.
pub(super) type RowId = u32;

/// A value: its interval, how deep it is, who reads it.
#[derive(Clone, Debug)]
pub(super) struct Value {
    pub low: i64,
    pub high: i64,
    pub depth: u32,
    pub readers: Vec<RowId>,
    /// Coefficients over the leaves.
    pub form: Vec<i64>,
}

/// A sum.
#[derive(Clone, Debug, Default)]
pub(super) struct Row {
    /// (value, coefficient), by value.
    pub terms: Vec<(ValueId, i64)>,
    pub constant: i64,
    pub cost: Cost,
    /// Interval of the whole sum.
    pub range: (i64, i64),
    dirty: bool,
}

impl Row {
    pub fn coefficient(&self, value: ValueId) -> i64 {
        self.terms.binary_search_by_key(&value, |t| t.0).map_or(0, |at| self.terms[at].1)
    }

    pub fn digits(&self) -> u32 {
        self.terms.iter().map(|t| weight(t.1)).sum()
    }
}

enum Change {
    Coefficient(RowId, ValueId, i64),
    /// A node that was made, and the interval that its place had before.
    Made(ValueId, (i64, i64, Vec<i64>)),
    Freed(ValueId),
    Cost(RowId, Cost),
}

/// See the module.
pub(super) struct State {
    pub leaves: usize,
    pub outputs: usize,
    pub values: Vec<Value>,
    pub rows: Vec<Row>,
    /// Nodes in use, in no particular order, and where each stands in that list.
    pub live: Vec<ValueId>,
    place: Vec<u32>,
    free: Vec<ValueId>,
    pub counts: Counts,
    /// Pairs that came to occur at least twice since this was last emptied.
    pub fresh: Vec<Pair>,
    /// Rows whose cost is to be found anew.
    dirty: Vec<RowId>,
    journal: Vec<Change>,
    undoing: bool,
    /// Depth that no output may exceed.
    pub limit: u32,
    /// Adder bits of all rows that are not dirty.
    pub bits: u64,
    operands: Vec<Operand>,
    memo: Memo,
}

impl State {
    /// The problem as it is given, or as far as `solution` has solved it.
    pub fn new(problem: &Problem, solution: Option<&Solution>) -> State {
        let n = problem.leaves.len();
        let leaf = |(i, l): (usize, &Leaf)| {
            let mut form = vec![0; n];
            form[i] = 1;
            Value { low: l.low, high: l.high, depth: 0, readers: Vec::new(), form }
        };
        let mut s = State {
            leaves: n,
            outputs: problem.rows.len(),
            values: problem.leaves.iter().enumerate().map(leaf).collect(),
            rows: vec![Row::default(); problem.rows.len()],
            live: Vec::new(),
            place: Vec::new(),
            free: Vec::new(),
            counts: Counts::new(problem.reach()),
            fresh: Vec::new(),
            dirty: Vec::new(),
            journal: Vec::new(),
            undoing: false,
            limit: problem.depth_limit(),
            bits: 0,
            operands: Vec::new(),
            memo: Memo::default(),
        };
        for (r, row) in problem.rows.iter().enumerate() {
            let mut form = vec![0; n];
            row.terms.iter().for_each(|(leaf, c)| form[*leaf] = *c);
            let (low, high) = s.range(&form);
            let r = &mut s.rows[r];
            (r.constant, r.range) = (row.constant, (low + row.constant, high + row.constant));
        }
        for terms in solution.iter().flat_map(|s| &s.nodes) {
            let mut form = vec![0; n];
            for (v, c) in terms {
                s.values[*v].form.iter().zip(&mut form).for_each(|(f, to)| *to += c * f);
            }
            let node = s.make(form, 0);
            let row = s.row_of(node);
            terms.iter().for_each(|(v, c)| s.set(row, *v as ValueId, *c));
            s.values[node as usize].depth = s.depth_floor(row);
            s.touch(row);
        }
        let given: Vec<_> = problem.rows.iter().map(|r| r.terms.clone()).collect();
        for (r, terms) in solution.map_or(&given, |s| &s.rows).iter().enumerate() {
            terms.iter().for_each(|(v, c)| s.set(r as RowId, *v as ValueId, *c));
            s.touch(r as RowId);
        }
        s.settle();
        s.keep();
        s
    }

    /// The exact interval of a form.
    fn range(&self, form: &[i64]) -> (i64, i64) {
        let (mut low, mut high) = (0, 0);
        for (c, leaf) in form.iter().zip(&self.values[..self.leaves]) {
            let (p, q) = (c.wrapping_mul(leaf.low), c.wrapping_mul(leaf.high));
            low += p.min(q);
            high += p.max(q);
        }
        (low, high)
    }

    /// The row of a node.
    pub fn row_of(&self, node: ValueId) -> RowId {
        (node as usize - self.leaves + self.outputs) as RowId
    }

    /// The node of a row, if it is not an output's.
    pub fn node_of(&self, row: RowId) -> Option<ValueId> {
        (row as usize).checked_sub(self.outputs).map(|n| (n + self.leaves) as ValueId)
    }

    /// `sum 2^depth` over the digits of a row.
    pub fn load(&self, row: RowId) -> u64 {
        let row = &self.rows[row as usize];
        let digits = row.terms.iter().map(|(v, c)| u64::from(weight(*c)) << self.values[*v as usize].depth.min(40));
        digits.sum::<u64>() + u64::from(row.constant != 0)
    }

    /// Depth of the shallowest tree of a row.
    pub fn depth_floor(&self, row: RowId) -> u32 {
        self.load(row).max(1).next_power_of_two().trailing_zeros()
    }

    /// Sets a coefficient.
    pub fn set(&mut self, row: RowId, value: ValueId, to: i64) {
        let r = &mut self.rows[row as usize];
        let at = r.terms.binary_search_by_key(&value, |t| t.0);
        let from = at.map_or(0, |at| r.terms[at].1);
        if from == to {
            return;
        }
        if let Ok(at) = at {
            r.terms.remove(at);
        }
        if from != 0 && !self.undoing {
            self.count(row, value, from, false);
        }
        if to != 0 {
            if !self.undoing {
                self.count(row, value, to, true);
            }
            let r = &mut self.rows[row as usize];
            let at = r.terms.partition_point(|t| t.0 < value);
            r.terms.insert(at, (value, to));
        }
        let readers = &mut self.values[value as usize].readers;
        if from == 0 {
            readers.push(row);
        } else if to == 0
            && let Some(at) = readers.iter().position(|r| *r == row)
        {
            readers.swap_remove(at);
        }
        if !self.undoing {
            self.journal.push(Change::Coefficient(row, value, from));
            self.touch(row);
        }
    }

    /// Counts the pairs of a coefficient with those of its row (it is not in it), up or down.
    fn count(&mut self, row: RowId, value: ValueId, c: i64, up: bool) {
        let own = removable(c);
        let State { rows, counts, fresh, .. } = self;
        for (other, d) in &rows[row as usize].terms {
            let theirs = removable(*d);
            let block = counts.between(value, *other);
            for p in own.iter(c < 0) {
                for q in theirs.iter(*d < 0) {
                    if counts.count(block, p, q, up) > 1 && up {
                        fresh.push(Pair::new(value, p, *other, q));
                    }
                }
            }
        }
        if weight(c) > 1 {
            let block = counts.between(value, value);
            pairs_within(c, |p, q| {
                if counts.count(block, p, q, up) > 1 && up {
                    fresh.push(Pair::new(value, p, value, q));
                }
            });
        }
    }

    /// Forgets pairs that do not occur any more.
    pub fn sweep(&mut self) {
        self.counts.sweep();
    }

    /// Marks a row whose cost changes.
    pub fn touch(&mut self, row: RowId) {
        let r = &mut self.rows[row as usize];
        if !r.dirty {
            r.dirty = true;
            self.dirty.push(row);
            self.journal.push(Change::Cost(row, r.cost));
            self.bits -= u64::from(r.cost.bits);
        }
    }

    /// A new node, as yet without terms.
    pub fn make(&mut self, form: Vec<i64>, depth: u32) -> ValueId {
        let (low, high) = self.range(&form);
        let value = Value { low, high, depth, readers: Vec::new(), form };
        let mut before = (0, 0, Vec::new());
        let id = match self.free.pop() {
            Some(id) => {
                let old = std::mem::replace(&mut self.values[id as usize], value);
                before = (old.low, old.high, old.form);
                id
            }
            None => {
                self.values.push(value);
                self.rows.push(Row::default());
                self.place.push(0);
                self.values.len() as ValueId - 1
            }
        };
        self.enlist(id);
        self.journal.push(Change::Made(id, before));
        let row = self.row_of(id);
        self.rows[row as usize].range = (low, high);
        id
    }

    /// Gives back a node that nobody reads; its row is empty.
    pub fn release(&mut self, node: ValueId) {
        self.delist(node);
        self.free.push(node);
        self.journal.push(Change::Freed(node));
    }

    /// Whether a node is in use.
    pub fn is_live(&self, node: ValueId) -> bool {
        self.live.get(self.place[node as usize - self.leaves] as usize) == Some(&node)
    }

    fn enlist(&mut self, node: ValueId) {
        self.place[node as usize - self.leaves] = self.live.len() as u32;
        self.live.push(node);
    }

    fn delist(&mut self, node: ValueId) {
        let at = self.place[node as usize - self.leaves] as usize;
        self.live.swap_remove(at);
        if let Some(moved) = self.live.get(at) {
            self.place[*moved as usize - self.leaves] = at as u32;
        }
    }

    /// Nodes that changes since the last [`State::keep`] may have left without use.
    pub fn disturbed(&self) -> Vec<ValueId> {
        let mut nodes: Vec<ValueId> = Vec::new();
        for change in &self.journal {
            if let Change::Coefficient(row, value, _) = change {
                nodes.extend((*value as usize >= self.leaves).then_some(*value));
                nodes.extend(self.node_of(*row));
            }
        }
        nodes.sort_unstable();
        nodes.dedup();
        nodes
    }

    /// The operands of a row's tree, the constant last.
    pub fn operands(&self, row: RowId, to: &mut Vec<Operand>) {
        to.clear();
        let row = &self.rows[row as usize];
        for (v, c) in &row.terms {
            let value = &self.values[*v as usize];
            to.extend(super::operands(value.low, value.high, value.depth, *c));
        }
        if row.constant != 0 {
            let (shift, k) = (row.constant.trailing_zeros(), row.constant.unsigned_abs());
            let k = (k >> shift) as i64;
            to.push(Operand { low: k, high: k, shift, negative: row.constant < 0, depth: 0, tag: 0 });
        }
    }

    /// Finds the cost of every dirty row, and of what depends on a depth that changes.
    pub fn settle(&mut self) {
        let mut operands = std::mem::take(&mut self.operands);
        // Shallow ones first: a row is seldom looked at twice.
        while !self.dirty.is_empty() {
            let mut batch = std::mem::take(&mut self.dirty);
            batch.sort_unstable_by_key(|r| (self.node_of(*r).map_or(u32::MAX, |n| self.values[n as usize].depth), *r));
            for row in batch {
                let node = self.node_of(row);
                self.operands(row, &mut operands);
                let limit = if node.is_some() { self.depth_floor(row) } else { self.limit };
                let wish = Wish { range: Some(self.rows[row as usize].range), limit, positive: node.is_none() };
                let cost = self.memo.cost(&mut operands, wish);
                let r = &mut self.rows[row as usize];
                r.cost = cost;
                r.dirty = false;
                self.bits += u64::from(cost.bits);
                if let Some(node) = node
                    && self.values[node as usize].depth != cost.depth
                {
                    self.values[node as usize].depth = cost.depth;
                    let readers = std::mem::take(&mut self.values[node as usize].readers);
                    readers.iter().for_each(|r| self.touch(*r));
                    self.values[node as usize].readers = readers;
                }
            }
        }
        self.operands = operands;
    }

    /// Whether every output keeps to the depth limit.
    pub fn fits(&self) -> bool {
        let outputs = &self.rows[..self.outputs];
        outputs.iter().all(|r| r.cost.depth <= self.limit)
    }

    /// Keeps all changes.
    pub fn keep(&mut self) {
        self.counts.keep();
        self.journal.clear();
    }

    /// Takes back all changes since the last [`State::keep`].
    pub fn undo(&mut self) {
        self.undoing = true;
        self.counts.undo();
        while let Some(change) = self.journal.pop() {
            match change {
                Change::Coefficient(row, value, from) => self.set(row, value, from),
                Change::Made(node, (low, high, form)) => {
                    self.delist(node);
                    let value = &mut self.values[node as usize];
                    (value.low, value.high, value.form) = (low, high, form);
                    self.free.push(node);
                }
                Change::Freed(node) => {
                    self.free.pop();
                    self.enlist(node);
                }
                Change::Cost(row, cost) => {
                    let r = &mut self.rows[row as usize];
                    self.bits = self.bits + u64::from(cost.bits) - u64::from(if r.dirty { 0 } else { r.cost.bits });
                    r.cost = cost;
                    r.dirty = false;
                    if let Some(node) = self.node_of(row) {
                        let value = &mut self.values[node as usize];
                        value.depth = cost.depth;
                        self.rows[row as usize].range = (value.low, value.high);
                    }
                }
            }
        }
        self.dirty.clear();
        self.fresh.clear();
        self.undoing = false;
    }
}

//! A folded graph cycle by cycle: digits, carries and registers as the hardware has them, none of it by way of the numbers
//! that they stand for.

use super::{FoldStage, Folded, Multipliers};
use crate::hw::graph::{NodeId, Op};

/// What comes out in each cycle: `None` where `y_valid` is low.
///
/// * `drive`: the vector of each cycle, `None` where `x_valid` is low; vectors lie at least `reuse` cycles apart
/// * returns: as many cycles as `drive` has
///
/// # Panics
/// If a vector is not as long as the input.
pub fn eval_folded(folded: &Folded, drive: &[Option<Vec<i64>>]) -> Vec<Option<Vec<i64>>> {
    let mut run = Run::new(folded);
    drive.iter().map(|x| run.cycle(x.as_deref())).collect()
}

/// The digits that a node of a stage had, by cycle.
type Trace = Vec<u64>;

struct Run<'a> {
    folded: &'a Folded,
    /// Whether a vector came, by cycle.
    valid: Vec<bool>,
    /// By stage, then node: the digits so far, and the carry.
    digits: Vec<Vec<Trace>>,
    carry: Vec<Vec<bool>>,
    /// By stage, then node: the register that shifts a leaf out.
    shift: Vec<Vec<i64>>,
    /// By stage: its multipliers.
    arrays: Vec<Option<Array<'a>>>,
    /// By node: its copies, the latest first.
    copies: Vec<Vec<i64>>,
    outputs: Vec<i64>,
}

impl<'a> Run<'a> {
    fn new(folded: &'a Folded) -> Self {
        let n = folded.graph.nodes.len();
        let stages = folded.stages.len();
        let mut copies = vec![Vec::new(); n];
        folded.copies().into_iter().for_each(|(id, count)| copies[id] = vec![0; count as usize]);
        Run {
            folded,
            valid: Vec::new(),
            digits: vec![vec![Trace::new(); n]; stages],
            carry: vec![vec![false; n]; stages],
            shift: vec![vec![0; n]; stages],
            arrays: folded.stages.iter().map(|s| s.multipliers.as_ref().map(Array::new)).collect(),
            copies,
            outputs: vec![0; folded.graph.outputs().len()],
        }
    }

    /// Whether a vector came `ago` cycles before the present one.
    fn token(&self, ago: u32) -> bool {
        let now = self.valid.len() - 1;
        now.checked_sub(ago as usize).is_some_and(|at| self.valid[at])
    }

    fn cycle(&mut self, x: Option<&[i64]>) -> Option<Vec<i64>> {
        self.valid.push(x.is_some());
        let graph = &self.folded.graph;
        if let Some(x) = x {
            assert_eq!(x.len(), graph.input_formats.len(), "input length");
        }
        let out = self.token(self.folded.latency.0).then(|| self.outputs.clone());
        // Everything that is read in this cycle, before any register changes.
        let mut made: Vec<Option<i64>> = vec![None; graph.nodes.len()];
        for (id, node) in graph.nodes.iter().enumerate() {
            made[id] = match (&node.op, x) {
                _ if node.is_constant() => Some(node.range.0),
                (Op::Input(i), Some(x)) => Some(x[*i]),
                _ => None,
            };
        }
        for (k, stage) in self.folded.stages.iter().enumerate() {
            for id in &stage.results {
                made[*id] = Some(self.result(k, stage, *id));
            }
        }
        for id in self.folded.choices() {
            let at = self.folded.made_at(id);
            let value = |a: NodeId| match (graph.nodes[a].is_constant(), self.folded.copy_at(a, at)) {
                (false, n) if n > 0 => Some(self.copies[a][n as usize - 1]),
                _ => made[a],
            };
            made[id] = match &graph.nodes[id].op {
                // Between vectors there may be anything, also what no entry is for.
                Op::Table { a, first, values } => {
                    value(*a).and_then(|a| usize::try_from(a - first).ok()).and_then(|at| values.get(at).copied())
                }
                Op::Max { a, b } => value(*a).zip(value(*b)).map(|(a, b)| a.max(b)),
                _ => None,
            };
        }
        let now = |run: &Self, id: NodeId, at: u32| match run.folded.copy_at(id, at) {
            0 => made[id].unwrap_or(0),
            n => run.copies[id][n as usize - 1],
        };
        for (k, stage) in self.folded.stages.iter().enumerate() {
            self.digits_of(k, stage);
        }
        // The clock edge.
        if self.token(self.folded.last()) {
            let outputs = graph.outputs();
            let value = |id: &NodeId| match graph.nodes[*id].is_constant() {
                true => graph.nodes[*id].range.0,
                false => now(self, *id, self.folded.last()),
            };
            self.outputs = outputs.iter().map(value).collect();
        }
        for (k, stage) in self.folded.stages.iter().enumerate() {
            let load = self.token(stage.start - 1);
            let lanes = self.arrays[k].as_ref().map(|a| a.multipliers.lanes);
            if let Some(lanes) = lanes {
                let values: Vec<i64> = stage.leaves.iter().take(lanes).map(|id| self.shift[k][*id]).collect();
                let first = self.token(stage.start + stage.depth);
                self.arrays[k].iter_mut().for_each(|a| a.edge(&values, load, first));
            }
            for (i, id) in stage.leaves.iter().enumerate() {
                let next = match lanes {
                    None => self.shift[k][*id] >> stage.digit,
                    Some(lanes) => stage.leaves.get(i + lanes).map_or(0, |next| self.shift[k][*next]),
                };
                self.shift[k][*id] = if load { now(self, *id, stage.start - 1) } else { next };
            }
        }
        for (id, value) in made.iter().enumerate() {
            let at = if self.copies[id].is_empty() { continue } else { self.folded.made_at(id) };
            for n in (0..self.copies[id].len()).rev() {
                if self.token(at + n as u32 * self.folded.reuse) {
                    self.copies[id][n] = if n == 0 { value.unwrap_or(0) } else { self.copies[id][n - 1] };
                }
            }
        }
        out
    }

    /// The digits of this cycle, and the carries for the next.
    fn digits_of(&mut self, k: usize, stage: &FoldStage) {
        let mask = u64::MAX >> (64 - stage.digit);
        for id in &stage.leaves {
            let digit = self.shift[k][*id] as u64 & mask;
            self.digits[k][*id].push(digit);
        }
        for (id, offset) in &stage.adders {
            let [a, b] = FoldStage::operands(&self.folded.graph, *id);
            let (a, b) = (self.operand(k, stage, a, *offset), self.operand(k, stage, b, *offset));
            let sum = a + b + u64::from(self.carry[k][*id]);
            self.digits[k][*id].push(sum & mask);
            let subtracts = matches!(self.folded.graph.nodes[*id].op, Op::Add { subtract: true, .. });
            let next_is_first = self.token(stage.start + offset - 1);
            self.carry[k][*id] = if next_is_first { subtracts } else { sum >> stage.digit != 0 };
        }
    }

    /// The digit of an operand as an adder at `offset` sees it now.
    fn operand(&self, k: usize, stage: &FoldStage, (id, shift, inverted): (NodeId, u32, bool), offset: u32) -> u64 {
        let now = self.valid.len() - 1;
        // Cycles since the first digit at this offset; long ago, it makes no difference how long.
        let since = (0..stage.digits).find(|t| self.token(stage.start + offset + t)).unwrap_or(stage.digits) as i64;
        let late = (offset - stage.offset(id)) as usize;
        let mut digit = 0;
        for j in 0..stage.digit {
            let at = since * i64::from(stage.digit) + i64::from(j) - i64::from(shift);
            let node = &self.folded.graph.nodes[id];
            let bit = match node.is_constant() {
                _ if at < 0 => 0,
                true => (node.range.0 >> at.min(63)) as u64 & 1,
                false => {
                    // The digit in which the bit came, so many cycles back.
                    let back = since as usize - (at / i64::from(stage.digit)) as usize;
                    let trace = &self.digits[k][id];
                    (now.checked_sub(back + late).and_then(|c| trace.get(c)).unwrap_or(&0))
                        >> (at % i64::from(stage.digit))
                        & 1
                }
            };
            digit |= bit << j;
        }
        if inverted { !digit & (u64::MAX >> (64 - stage.digit)) } else { digit }
    }

    /// The digits of an accumulator that the last cycles brought.
    fn held(&self, k: usize, stage: &FoldStage, id: NodeId) -> i128 {
        let now = self.valid.len() - 1;
        let first = (stage.digits + stage.depth - stage.offset(id)) as usize;
        let digit = |t: u32| {
            let at = (now + t as usize).checked_sub(first).and_then(|c| self.digits[k][id].get(c));
            i128::from(*at.unwrap_or(&0)) << (t * stage.digit)
        };
        (0..stage.digits).map(digit).fold(0, |sum, digit| sum | digit)
    }

    /// What the requantizer gives of the accumulator that is there now.
    fn result(&self, k: usize, stage: &FoldStage, id: NodeId) -> i64 {
        let op = &self.folded.graph.nodes[id].op;
        let a = op.operands()[0];
        let node = &self.folded.graph.nodes[a];
        let sum = match &self.arrays[k] {
            Some(array) => array.accumulator(a),
            None => self.held(k, stage, a),
        };
        // As many bits as the accumulator has; the highest is its sign where it has one.
        let spare = 128 - node.width();
        let acc = if node.is_signed() { sum << spare >> spare } else { ((sum as u128) << spare >> spare) as i128 };
        op.requantized(acc)
    }
}

/// The registers of multipliers.
struct Array<'a> {
    multipliers: &'a Multipliers,
    /// Cycles since the leaves were loaded, and the one whose weights are there.
    count: usize,
    word: usize,
    values: Vec<i64>,
    /// `[row][level][place]`.
    trees: Vec<Vec<Vec<i128>>>,
    accumulators: Vec<i128>,
}

impl<'a> Array<'a> {
    fn new(multipliers: &'a Multipliers) -> Self {
        let tree = |lanes: usize| {
            let sizes = std::iter::successors(Some(lanes), |n| (*n > 1).then(|| n.div_ceil(2)));
            sizes.map(|n| vec![0; n]).collect::<Vec<_>>()
        };
        let rows = multipliers.rows.len();
        Array {
            multipliers,
            count: 0,
            word: 0,
            values: vec![0; multipliers.lanes],
            trees: vec![tree(multipliers.lanes); rows],
            accumulators: vec![0; rows],
        }
    }

    /// The clock edge: `values` are those of the lanes, loaded at this edge anew if `load`; with `first`, the first products
    /// have come through the trees.
    fn edge(&mut self, values: &[i64], load: bool, first: bool) {
        for ((row, tree), accumulator) in self.multipliers.rows.iter().zip(&mut self.trees).zip(&mut self.accumulators)
        {
            let last = tree[tree.len() - 1][0];
            // Between vectors it counts on, as far as its bits go.
            *accumulator = if first { row.begin.into() } else { *accumulator }.wrapping_add(last);
            for level in (1..tree.len()).rev() {
                tree[level] = tree[level - 1].chunks(2).map(|pair| pair.iter().sum()).collect();
            }
            let weights = row.weights.get(self.word);
            let weight = |lane: usize| weights.map_or(0, |w| i128::from(w[lane]));
            tree[0] = self.values.iter().enumerate().map(|(lane, x)| weight(lane) * i128::from(*x)).collect();
        }
        self.values.iter_mut().zip(values).for_each(|(held, x)| *held = *x);
        self.word = self.count;
        self.count = if load { 0 } else { self.count + 1 };
    }

    /// What an accumulator holds.
    fn accumulator(&self, id: NodeId) -> i128 {
        let at = self.multipliers.rows.iter().position(|row| row.last() == Some(id));
        at.map_or(0, |at| self.accumulators[at])
    }
}

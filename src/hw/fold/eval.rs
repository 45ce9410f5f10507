//! A folded graph cycle by cycle: digits, carries and registers as the hardware has them, none of it by way of the numbers
//! that they stand for.

use super::{FoldStage, Folded};
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
            for id in &stage.leaves {
                self.shift[k][*id] =
                    if load { now(self, *id, stage.start - 1) } else { self.shift[k][*id] >> stage.digit };
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

    /// What the requantizer gives of the digits that the last cycles brought.
    fn result(&self, k: usize, stage: &FoldStage, id: NodeId) -> i64 {
        let op = &self.folded.graph.nodes[id].op;
        let a = op.operands()[0];
        let now = self.valid.len() - 1;
        let first = (stage.digits + stage.depth - stage.offset(a)) as usize;
        let node = &self.folded.graph.nodes[a];
        let mut sum: i128 = 0;
        for t in 0..stage.digits {
            let digit = (now + t as usize).checked_sub(first).and_then(|c| self.digits[k][a].get(c)).unwrap_or(&0);
            sum |= i128::from(*digit) << (t * stage.digit);
        }
        // As many bits as the accumulator has; the highest is its sign where it has one.
        let spare = 128 - node.width();
        let acc = if node.is_signed() { sum << spare >> spare } else { ((sum as u128) << spare >> spare) as i128 };
        op.requantized(acc)
    }
}

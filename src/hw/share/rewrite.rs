//! The steps of the search: pairs become nodes, nodes go back into the rows that read them.

use super::digits::weight;
use super::pair::Pair;
use super::state::{RowId, State, ValueId};
use super::tree::{Operand, join};

impl State {
    /// A new node that is just this pair.
    pub fn make_pair(&mut self, pair: Pair, depth: u32) -> ValueId {
        let by = if pair.negative() { -(1i64 << pair.by()) } else { 1i64 << pair.by() };
        let (low, high) = (&self.values[pair.low() as usize].form, &self.values[pair.high() as usize].form);
        let form = low.iter().zip(high).map(|(l, h)| l + by * h).collect();
        let node = self.make(form, depth);
        let row = self.row_of(node);
        self.set(row, pair.low(), 1);
        let high = self.rows[row as usize].coefficient(pair.high()) + by;
        self.set(row, pair.high(), high);
        node
    }

    /// Replaces a node by its terms wherever it is read, and gives it back.
    pub fn inline(&mut self, node: ValueId) {
        let own = self.row_of(node);
        let terms = self.rows[own as usize].terms.clone();
        for reader in self.values[node as usize].readers.clone() {
            let factor = self.rows[reader as usize].coefficient(node);
            self.set(reader, node, 0);
            for (value, c) in &terms {
                let sum = self.rows[reader as usize].coefficient(*value) + factor * c;
                self.set(reader, *value, sum);
            }
        }
        terms.iter().for_each(|(value, _)| self.set(own, *value, 0));
        self.release(node);
    }

    /// Inlines nodes that are read by one digit or none, or are another value shifted, among `nodes` and what they lead to.
    pub fn tidy(&mut self, nodes: &mut Vec<ValueId>) {
        while let Some(node) = nodes.pop() {
            if !self.is_live(node) {
                continue;
            }
            let row = &self.rows[self.row_of(node) as usize];
            let value = &self.values[node as usize];
            let read = |r: &RowId| weight(self.rows[*r as usize].coefficient(node));
            let once = value.readers.len() < 2 && value.readers.iter().map(read).sum::<u32>() < 2;
            if once || row.digits() < 2 {
                let leaves = self.leaves;
                nodes.extend(row.terms.iter().map(|t| t.0).filter(|v| *v as usize >= leaves));
                nodes.extend(value.readers.iter().filter_map(|r| self.node_of(*r)));
                self.inline(node);
            }
        }
    }

    /// A pair as the node that it would be: its interval, depth and adder bits.
    pub fn preview(&self, pair: Pair) -> (Operand, u32) {
        let operand = |v: ValueId, shift, negative| {
            let value = &self.values[v as usize];
            Operand { low: value.low, high: value.high, shift, negative, depth: value.depth, tag: 0 }
        };
        let (low, high) = (operand(pair.low(), 0, false), operand(pair.high(), pair.by(), pair.negative()));
        let (bits, sum) = join(&low, &high);
        (sum, bits)
    }
}

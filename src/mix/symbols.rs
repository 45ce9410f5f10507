//! Integers as decisions of a tree and, below its leaves, of halves.

use super::binary::{Decisions, WIDEST};
use super::counter::{self, NEW, Pace};
use super::mixer::Mixer;
use super::tree::{Leaf, Next, Tree};

/// Decisions inside a leaf that are learned, of so many values. What is left is as good as random.
fn learned_inside(values: usize) -> u32 {
    match values {
        ..1_000 => 0,
        1_000..20_000 => 1,
        20_000..100_000 => 2,
        _ => 3,
    }
}
/// Codes values of one tree, one after the other.
pub(super) struct Symbols<'a> {
    tree: &'a Tree,
    pub mixer: Mixer,
    inner: Vec<u32>,
    /// Decisions inside a leaf that are learned.
    inside: u32,
    pace: Pace,
    /// The leaf of the value before.
    pub last: usize,
}

impl<'a> Symbols<'a> {
    /// * `states`: of each context, how many it has
    /// * `values`: how many will come
    pub(super) fn new(tree: &'a Tree, states: &[usize], values: usize) -> Self {
        let inside = learned_inside(values);
        Symbols {
            tree,
            mixer: Mixer::new(tree.nodes.len(), states),
            inner: vec![NEW; tree.leaves.len() << inside],
            inside,
            pace: Pace::new(1000),
            last: 0,
        }
    }

    /// Codes a value; the mixer has entered the states of its contexts.
    #[inline]
    pub(super) fn code(&mut self, coder: &mut impl Decisions, value: i64) -> i64 {
        let mut next = if self.tree.nodes.is_empty() { Next::Leaf(0) } else { Next::Node(0) };
        let leaf = loop {
            let n = match next {
                Next::Leaf(leaf) => break usize::from(leaf),
                Next::Node(n) => usize::from(n),
            };
            let node = self.tree.nodes[n];
            let p = self.mixer.predict(n);
            let bit = coder.decide(value >= node.split, p);
            self.mixer.learn(n, bit);
            next = if bit { node.above } else { node.below };
        };
        self.last = leaf;
        self.inside(coder, leaf, value)
    }

    /// Codes where in its leaf a value lies: by halves, the first of them learned.
    #[inline]
    fn inside(&mut self, coder: &mut impl Decisions, leaf: usize, value: i64) -> i64 {
        let Leaf { low, high, .. } = self.tree.leaves[leaf];
        let offset = value.wrapping_sub(low).cast_unsigned();
        // The offset lies in `from ..= to`.
        let (mut from, mut to) = (0, high.wrapping_sub(low).cast_unsigned());
        let mut path = 1;
        while from < to && path < 1 << self.inside {
            let middle = from + (to - from).div_ceil(2);
            let counter = &mut self.inner[(leaf << self.inside) + path];
            let bit = coder.decide(offset >= middle, counter::fine(*counter));
            self.pace.learn(counter, bit);
            path = 2 * path + usize::from(bit);
            if bit { from = middle } else { to = middle - 1 }
        }
        while to - from >= WIDEST {
            let middle = from + (to - from).div_ceil(2);
            if coder.decide(offset >= middle, 1 << 15) { from = middle } else { to = middle - 1 }
        }
        let rest = coder.uniform(offset.wrapping_sub(from), to - from + 1);
        low.wrapping_add_unsigned(from + rest)
    }
}

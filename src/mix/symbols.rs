//! Integers as decisions of a tree and, below its leaves, of halves.

use super::binary::{Decisions, WIDEST};
use super::counter::{self, Counter, NEW};
use super::lanes::Lanes;
use super::mixer::Mixer;
use super::tree::{Leaf, Tree};

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
pub(super) struct Symbols<'a, L, const V: usize> {
    tree: &'a Tree,
    /// Nodes before this one are mixed, and what the others are told by.
    mixed: usize,
    teller: usize,
    pub mixer: Mixer<L, V>,
    inside: Inside,
    /// The leaf of the value before.
    pub last: usize,
}

impl<'a, L: Lanes, const V: usize> Symbols<'a, L, V> {
    /// * `states`: of each context, how many it has
    /// * `values`: how many will come
    /// * `mixed`: how many nodes are mixed
    /// * `teller`: the context of all others
    pub(super) fn new(lanes: L, tree: &'a Tree, states: &[usize], values: usize, (mixed, teller): (u8, usize)) -> Self {
        let mixer = Mixer::new(lanes, tree.nodes.len(), states);
        Symbols { tree, mixed: usize::from(mixed), teller, mixer, inside: Inside::new(tree, values), last: 0 }
    }

    /// Codes a value; the mixer has entered the states of its contexts.
    #[inline(always)]
    pub(super) fn code(&mut self, coder: &mut impl Decisions, value: i64) -> i64 {
        self.code_expecting(coder, value, None)
    }

    /// Codes a value of which the leaf is expected, and how strongly.
    #[inline(always)]
    pub(super) fn code_expecting(
        &mut self,
        coder: &mut impl Decisions,
        value: i64,
        mut expected: Option<(usize, usize)>,
    ) -> i64 {
        let (tree, mixed, teller, mixer) = (self.tree, self.mixed, self.teller, &mut self.mixer);
        let leaf = tree.descend(
            #[inline(always)]
            |n, node| {
                if n >= mixed {
                    let counter = mixer.counter(teller, n);
                    let bit = coder.decide(value >= node.split, counter::fine(*counter));
                    counter::learn(counter, bit);
                    return bit;
                }
                let hint = expected.map(|(leaf, strength)| (strength, tree.leaves[leaf].low >= node.split));
                let p = mixer.predict(n, hint);
                let bit = coder.decide(value >= node.split, p);
                // Whoever is off the way to the leaf knows nothing any more.
                expected = expected.filter(|_| hint.is_some_and(|(_, on)| on == bit));
                mixer.learn(n, bit);
                bit
            },
        );
        self.last = leaf;
        self.inside.code(coder, self.tree.leaves[leaf], leaf, value)
    }
}

/// Codes where in their leaves the values of one tree lie.
pub(crate) struct Inside {
    inner: Vec<Counter>,
    /// Decisions inside a leaf that are learned.
    learned: u32,
    /// Whether values of wide leaves are odd.
    odd: Counter,
}

impl Inside {
    /// * `values`: how many will come
    pub(crate) fn new(tree: &Tree, values: usize) -> Self {
        let learned = learned_inside(values);
        Inside { inner: vec![NEW; tree.leaves.len() << learned], learned, odd: NEW }
    }

    /// Codes where in its leaf a value lies: by halves, the first of them learned.
    ///
    /// * `number`: of the leaf in its tree
    #[inline(always)]
    pub(crate) fn code(&mut self, coder: &mut impl Decisions, leaf: Leaf, number: usize, value: i64) -> i64 {
        let Leaf { low, high, .. } = leaf;
        let offset = value.wrapping_sub(low).cast_unsigned();
        // The offset lies in `from ..= to`.
        let (mut from, mut to) = (0, high.wrapping_sub(low).cast_unsigned());
        let mut path = 1;
        while from < to && path < 1 << self.learned {
            let middle = from + (to - from).div_ceil(2);
            let counter = &mut self.inner[(number << self.learned) + path];
            let bit = coder.decide(offset >= middle, counter::fine(*counter));
            counter::learn(counter, bit);
            path = 2 * path + usize::from(bit);
            if bit { from = middle } else { to = middle - 1 }
        }
        let (span, rest) = (to - from, offset.wrapping_sub(from));
        let rest = if span < WIDEST { coder.uniform(rest, span + 1) } else { self.wide(coder, low, from, span, rest) };
        low.wrapping_add_unsigned(from.wrapping_add(rest))
    }

    /// Codes a number of `0 ..= span` by its upper 16 bits, whether its value is odd, and the bits between. Floats that were
    /// rounded once more than they show are nearly all even.
    fn wide(&mut self, coder: &mut impl Decisions, low: i64, from: u64, span: u64, rest: u64) -> u64 {
        let shift = u64::BITS - span.leading_zeros() - 16;
        let high = coder.uniform(rest >> shift, (span >> shift) + 1);
        let start = low.wrapping_add_unsigned(from).cast_unsigned();
        let odd = coder.decide(start.wrapping_add(rest) & 1 > 0, counter::fine(self.odd));
        counter::learn(&mut self.odd, odd);
        let mut between = 0;
        for at in (1..shift).step_by(16) {
            let bits = (shift - at).min(16);
            between |= coder.uniform((rest >> at) & ((1 << bits) - 1), 1 << bits) << at;
        }
        (high << shift) | between | ((start & 1) ^ u64::from(odd))
    }
}

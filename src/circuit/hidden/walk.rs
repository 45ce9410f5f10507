//! Codes rows by the exact conditionals of a circuit.
//!
//! Columns are coded in preorder, so that all that is known of a latent reaches it through its parent: the belief in the
//! parent's states, through the transition. When all below a column is coded, what it told goes up to its parent. That is two
//! messages an edge, whatever the depth.

use super::Tables;
use super::states::{Matrix, Weights, normalise, scale, sum, through, times, transposed};
use super::states_tree;
use crate::circuit::parts::Parts;
use crate::mix::binary::{Decisions, PROBABILITY_BITS};
use crate::mix::{Inside, Tree, with_vectors};

/// Rows by which the cost of a model is told.
const SAMPLE: usize = 16_384;
/// Weights that sum to less are made larger.
const FEW: f32 = 1e-12;

/// What a column's circuit computes with.
struct Column<const K: usize> {
    parent: Option<usize>,
    /// `[from, to]`; of a root the first row.
    down: Box<Matrix<K>>,
    /// `[to, from]`.
    up: Box<Matrix<K>>,
    /// Of each node of the tree: how probable each state makes its decision.
    decisions: Vec<Weights<K>>,
    /// Of each leaf: how probable each state makes it, over their sum.
    leaves: Vec<Weights<K>>,
}

/// A hidden Chow-Liu tree, and what is known of a row.
pub(super) struct Circuit<const K: usize> {
    order: Vec<usize>,
    columns: Vec<Column<K>>,
    /// Of each column's latent, given all that is coded.
    beliefs: Vec<Weights<K>>,
    /// What the values at and below each column told.
    told: Vec<Weights<K>>,
    /// Columns whose last value below them is not coded yet.
    open: Vec<usize>,
}

impl<const K: usize> Column<K> {
    fn new(tree: &Tree, tables: &Tables, c: usize) -> Self {
        let (emission, transition) = (&tables.emissions[c], &tables.transitions[c]);
        let latent = states_tree(tables.states[c]);
        let mut down = Box::new([[0.0; K]; K]);
        for state in 0..transition.states {
            let row = transition.leaves(&latent, state);
            down[state].iter_mut().zip(row).for_each(|(to, p)| *to = p as f32);
        }
        let mut decisions = vec![[0.0; K]; tree.nodes.len()];
        let mut leaves = vec![[0.0; K]; tree.leaves.len()];
        for state in 0..tables.states[c] {
            let of_node = emission.state(state);
            decisions.iter_mut().zip(of_node).for_each(|(d, p)| d[state] = p as f32 / (1 << PROBABILITY_BITS) as f32);
        }
        let of_state: Vec<Vec<f64>> = (0..tables.states[c]).map(|s| emission.leaves(tree, s)).collect();
        for (leaf, weights) in leaves.iter_mut().enumerate() {
            let total: f64 = of_state.iter().map(|s| s[leaf]).sum();
            weights.iter_mut().zip(&of_state).for_each(|(w, s)| *w = (s[leaf] / total) as f32);
        }
        Column { parent: tables.forest.parents[c], up: transposed(&down), down, decisions, leaves }
    }
}

impl<const K: usize> Circuit<K> {
    pub(super) fn new(trees: &[Tree], tables: &Tables) -> Self {
        let columns = trees.iter().enumerate().map(|(c, tree)| Column::new(tree, tables, c)).collect();
        let nothing = vec![[0.0; K]; trees.len()];
        Circuit {
            order: tables.forest.order.clone(),
            columns,
            beliefs: nothing.clone(),
            told: nothing,
            open: Vec::new(),
        }
    }

    /// Writes or reads rows.
    pub(super) fn code(
        &mut self,
        coder: &mut impl Decisions,
        trees: &[Tree],
        rows: usize,
        source: Option<&[Vec<i64>]>,
    ) -> Vec<Vec<i64>> {
        let mut inside: Vec<Inside> = trees.iter().map(|t| Inside::new(t, rows)).collect();
        let mut values: Vec<Vec<i64>> = vec![Vec::new(); trees.len()];
        with_vectors(
            #[inline(always)]
            || {
                for row in 0..rows {
                    self.open.clear();
                    for at in 0..self.order.len() {
                        let c = self.order[at];
                        let value = source.map_or(0, |s| s[c][row]);
                        let leaf = self.leaf(coder, &trees[c], c, value);
                        values[c].push(inside[c].code(coder, trees[c].leaves[leaf], leaf, value));
                    }
                }
            },
        );
        values
    }

    /// Codes the leaf of a value of column `c`, whose turn it is.
    #[inline(always)]
    fn leaf(&mut self, coder: &mut impl Decisions, tree: &Tree, c: usize, value: i64) -> usize {
        let prior = self.prior(c);
        let mut weights = prior;
        let mut total = sum(&weights);
        let leaf = tree.descend(
            #[inline(always)]
            |n, node| {
                let mut above = weights;
                times(&mut above, &self.columns[c].decisions[n]);
                let yes = sum(&above);
                // `as` makes 0 of what is not a number.
                let p = ((yes / total * 65536.0) as u32).clamp(1, 65535);
                let bit = coder.decide(value >= node.split, p);
                if bit {
                    (weights, total) = (above, yes);
                } else {
                    for (w, a) in weights.iter_mut().zip(&above) {
                        *w -= a;
                    }
                    total = sum(&weights);
                }
                if total < FEW {
                    scale(&mut weights, 1.0 / FEW);
                    total = sum(&weights);
                }
                bit
            },
        );
        let told = self.columns[c].leaves[leaf];
        let mut belief = prior;
        times(&mut belief, &told);
        normalise(&mut belief);
        (self.told[c], self.beliefs[c]) = (told, belief);
        self.open.push(c);
        leaf
    }

    /// What is known of the latent of column `c` by all columns before it.
    #[inline(always)]
    fn prior(&mut self, c: usize) -> Weights<K> {
        let Some(parent) = self.columns[c].parent else {
            self.open.clear();
            return self.columns[c].down[0];
        };
        while let Some(below) = self.open.pop_if(|top| *top != parent) {
            let Some(above) = self.columns[below].parent else { continue };
            let mut message = through(&self.told[below], &self.columns[below].up);
            normalise(&mut message);
            for weights in [&mut self.told[above], &mut self.beliefs[above]] {
                times(weights, &message);
                normalise(weights);
            }
        }
        through(&self.beliefs[parent], &self.columns[c].down)
    }
}

/// Counts bits instead of writing them.
#[derive(Default)]
struct Measure {
    bits: f64,
}

impl Decisions for Measure {
    fn decide(&mut self, bit: bool, p: u32) -> bool {
        let p = if bit { p } else { (1 << PROBABILITY_BITS) - p };
        self.bits += f64::from(PROBABILITY_BITS) - f64::from(p).log2();
        bit
    }

    fn uniform(&mut self, value: u64, _: u64) -> u64 {
        value
    }
}

/// Bits of the leaves of all rows, by those of some rows.
pub(super) fn cost<const K: usize>(parts: &Parts, tables: &Tables) -> f64 {
    let mut circuit = Circuit::<K>::new(&parts.trees, tables);
    let mut measure = Measure::default();
    let rows: Vec<usize> = (0..parts.rows()).step_by(parts.rows().div_ceil(SAMPLE)).collect();
    with_vectors(
        #[inline(always)]
        || {
            for row in &rows {
                circuit.open.clear();
                for at in 0..circuit.order.len() {
                    let c = circuit.order[at];
                    let leaf = parts.trees[c].leaves[usize::from(parts.leaves[c][*row])];
                    circuit.leaf(&mut measure, &parts.trees[c], c, leaf.low);
                }
            }
        },
    );
    measure.bits * parts.rows() as f64 / rows.len() as f64
}

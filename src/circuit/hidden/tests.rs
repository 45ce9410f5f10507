//! What tests look at inside.

use super::expect::Parameters;
use super::learn::{all, maximise};
use super::start::start;
use super::walk::Circuit;
use super::*;
use crate::mix::binary::Decisions;

/// Likelihoods of the rows, in nats, before each of some steps over all of them without smoothing.
pub(in crate::circuit) fn steps(columns: &[Vec<i64>], steps: usize) -> Vec<f64> {
    let parts = Parts::of(columns);
    let forest = Forest::of(&parts);
    let rows: Vec<usize> = (0..parts.rows()).collect();
    let (states, mut parameters): (_, Parameters<8>) = start(&parts, &forest, 8, 1);
    let mut step = || {
        let counts = all(&parameters, &forest, &parts, &rows);
        parameters = maximise(&counts, &forest, &states, 0.0);
        counts.likelihood
    };
    (0..steps).map(|_| step()).collect()
}

/// Follows the decisions of a row and multiplies their probabilities.
struct Product(f64);

impl Decisions for Product {
    fn decide(&mut self, bit: bool, p: u32) -> bool {
        let p = f64::from(p) / 65536.0;
        self.0 *= if bit { p } else { 1.0 - p };
        bit
    }

    fn uniform(&mut self, value: u64, _: u64) -> u64 {
        value
    }
}

/// A model whose rows can be given probabilities.
pub(in crate::circuit) struct Exact {
    parts: Parts,
    tables: Tables,
}

impl Exact {
    pub(in crate::circuit) fn fit(columns: &[Vec<i64>], states: usize) -> Self {
        let parts = Parts::of(columns);
        let tables = tables::<8>(&parts, &Forest::of(&parts), states, 1);
        Exact { parts, tables }
    }

    /// Leaves of each column.
    pub(in crate::circuit) fn leaves(&self) -> Vec<usize> {
        self.parts.trees.iter().map(|t| t.leaves.len()).collect()
    }

    /// By the conditionals of the coder.
    pub(in crate::circuit) fn probability(&self, row: &[usize]) -> f64 {
        let trees = &self.parts.trees;
        let source: Vec<Vec<i64>> = trees.iter().zip(row).map(|(t, leaf)| vec![t.leaves[*leaf].low]).collect();
        let mut product = Product(1.0);
        Circuit::<8>::new(trees, &self.tables).code(&mut product, trees, 1, Some(&source));
        product.0
    }

    /// By the sum over all states of all latents.
    pub(in crate::circuit) fn marginal(&self, row: &[usize]) -> f64 {
        let (tables, n) = (&self.tables, row.len());
        let emissions: Vec<Vec<Vec<f64>>> = (0..n)
            .map(|c| (0..tables.states[c]).map(|s| tables.emissions[c].leaves(&self.parts.trees[c], s)).collect())
            .collect();
        let transitions: Vec<Vec<Vec<f64>>> = (0..n)
            .map(|c| {
                let (t, tree) = (&tables.transitions[c], states_tree(tables.states[c]));
                (0..t.states).map(|s| t.leaves(&tree, s)).collect()
            })
            .collect();
        let all: usize = tables.states.iter().product();
        let one = |mut number: usize| {
            let mut z = vec![0; n];
            for c in 0..n {
                z[c] = number % tables.states[c];
                number /= tables.states[c];
            }
            let of = |c: usize| {
                let above = tables.forest.parents[c].map_or(0, |p| z[p]);
                transitions[c][above][z[c]] * emissions[c][z[c]][row[c]]
            };
            (0..n).map(of).product::<f64>()
        };
        (0..all).map(one).sum()
    }
}

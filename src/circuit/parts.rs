//! What both trees store of the columns: which leaves their values fall into.

use rayon::prelude::*;

use crate::mix::{Tree, leaves_for};

/// Columns as leaves of trees.
pub(super) struct Parts {
    pub trees: Vec<Tree>,
    /// `[column][row]`: the leaf.
    pub leaves: Vec<Vec<u8>>,
}

impl Parts {
    /// * `columns`: of equal length, at least one value each
    pub(super) fn of(columns: &[Vec<i64>]) -> Self {
        let both = |values: &Vec<i64>| {
            let tree = Tree::of(values, leaves_for(values.len()));
            let leaves = values.iter().map(|v| tree.leaf(*v) as u8).collect();
            (tree, leaves)
        };
        let (trees, leaves) = columns.par_iter().map(both).unzip();
        Parts { trees, leaves }
    }

    pub(super) fn rows(&self) -> usize {
        self.leaves.first().map_or(0, Vec::len)
    }
}

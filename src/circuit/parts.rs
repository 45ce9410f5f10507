//! What both trees store of the columns: which leaves their values fall into.

use rayon::prelude::*;

use super::MOST_COLUMNS;
use crate::entropy::bytes::{Reader, malformed, put_varint};
use crate::error::{Code, Error, Result};
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

/// The number of rows of a table that can be coded.
pub(super) fn checked(columns: &[Vec<i64>]) -> Result<usize> {
    let rows = columns.first().map_or(0, Vec::len);
    if columns.len() > MOST_COLUMNS {
        return Err(Error::new(Code::Unsupported, format!("{} columns", columns.len()))
            .hint(format!("a model has at most {MOST_COLUMNS}")));
    }
    if columns.iter().any(|c| c.len() != rows) {
        return Err(Error::new(Code::Unsupported, "columns of different length").hint("give every row all columns"));
    }
    Ok(rows)
}

/// Appends the number of columns, and their trees unless there are no rows.
pub(super) fn write_trees(out: &mut Vec<u8>, trees: &[Tree], columns: usize) {
    put_varint(out, columns as u64);
    trees.iter().for_each(|t| t.write(out));
}

/// The number of columns.
///
/// # Errors
/// [`ContainerDamaged`](crate::Code::ContainerDamaged) if there are too many.
pub(super) fn read_count(reader: &mut Reader) -> Result<usize> {
    let columns = reader.count()?;
    if columns > MOST_COLUMNS { Err(malformed(format!("a model of {columns} columns"))) } else { Ok(columns) }
}

/// A table without rows, of which only the number of columns is stored.
pub(super) fn empty(columns: usize) -> Vec<Vec<i64>> {
    vec![Vec::new(); columns]
}

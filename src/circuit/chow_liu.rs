//! The Chow-Liu tree: each column given one other, by stored tables.

use rayon::prelude::*;

use super::parts::Parts;
use super::structure::{Forest, merged};
use super::table::{self, Beside, Table};
use super::{Conditionals, Model};
use crate::entropy::bytes::{Reader, malformed, put_section};
use crate::error::Result;
use crate::mix::binary::{Decisions, Reader as DecisionReader, Writer};
use crate::mix::{Bins, Inside, Tree};

/// Bins of the other column that are tried; the table that makes most of its cost is taken.
const BINS: [usize; 6] = [4, 8, 16, 32, 64, 255];
/// Most levels of all tables together: what a file may make a reader reserve.
const MOST_LEVELS: usize = 1 << 24;

/// Tables of each column given its parent in the tree that tells most (Chow and Liu 1968).
#[derive(Clone, Copy, Debug)]
pub struct ChowLiu {
    /// Without edges each column is coded by its own frequencies.
    pub edges: bool,
}

/// A column's table, and the bins of its parent that are its states.
struct Given {
    table: Table,
    bins: usize,
}

struct Tables {
    parts: Parts,
    forest: Forest,
    /// Of each column.
    given: Vec<Given>,
}

impl Conditionals for ChowLiu {
    fn name(&self) -> &'static str {
        if self.edges { "Chow-Liu" } else { "independent" }
    }

    fn learn(&self, columns: &[Vec<i64>]) -> Box<dyn Model> {
        let parts = Parts::of(columns);
        let forest = if self.edges { Forest::of(&parts) } else { Forest::apart(columns.len()) };
        let most = MOST_LEVELS / columns.len();
        let one = |k: usize| best(&parts, k, forest.parents[k], most);
        let given = (0..columns.len()).into_par_iter().map(one).collect();
        Box::new(Tables { parts, forest, given })
    }

    fn read(&self, bytes: &[u8], columns: usize, rows: usize) -> Result<Vec<Vec<i64>>> {
        let mut reader = Reader::new(bytes);
        let trees: Vec<Tree> = (0..columns).map(|_| Tree::read(&mut reader)).collect::<Result<_>>()?;
        let mut model = Reader::new(reader.section()?);
        let forest = Forest::read(&mut model, columns)?;
        let bins: Vec<usize> = (0..columns).map(|_| Ok(usize::from(model.byte()?).max(1))).collect::<Result<_>>()?;
        let shapes: Vec<(usize, &Tree, Beside)> =
            (0..columns).map(|k| (states(&trees, forest.parents[k], bins[k]), &trees[k], Beside::Before)).collect();
        if shapes.iter().map(|(states, tree, _)| (states + 1) * tree.leaves.len()).sum::<usize>() > MOST_LEVELS {
            return Err(malformed("tables of too many states"));
        }
        let tables = table::read(&mut model, &shapes)?;
        model.end()?;
        let given: Vec<Given> = tables.into_iter().zip(bins).map(|(table, bins)| Given { table, bins }).collect();
        let mut decisions = DecisionReader::new(reader.rest());
        let mut leaves: Vec<Vec<u8>> = vec![Vec::new(); columns];
        let mut values: Vec<Vec<i64>> = vec![Vec::new(); columns];
        for k in forest.order.iter().copied() {
            let parent = forest.parents[k].map(|p| merged(&trees[p], &leaves[p], given[k].bins).0);
            (values[k], leaves[k]) = code(&mut decisions, &trees[k], &given[k].table, parent.as_deref(), rows, None);
        }
        if decisions.ended() { Ok(values) } else { Err(malformed("decisions of a table are left over")) }
    }
}

/// How many states a column's table has.
fn states(trees: &[Tree], parent: Option<usize>, bins: usize) -> usize {
    parent.map_or(1, |p| Bins::new(&trees[p], Vec::new()).coarse(bins).count)
}

/// The table of column `k` in as many states as pay.
///
/// * `most`: levels that it may have
fn best(parts: &Parts, k: usize, parent: Option<usize>, most: usize) -> Given {
    let (tree, leaves) = (&parts.trees[k], &parts.leaves[k]);
    let fit = |parent: Option<&(Vec<u8>, usize)>| {
        let mut counts = vec![vec![0.0; tree.leaves.len()]; parent.map_or(1, |p| p.1)];
        for (row, leaf) in leaves.iter().enumerate() {
            counts[parent.map_or(0, |p| usize::from(p.0[row]))][usize::from(*leaf)] += 1.0;
        }
        Table::fit(tree, &counts, Beside::Before)
    };
    let Some(p) = parent else { return Given { table: fit(None).0, bins: 1 } };
    let few = |bins: &usize| *bins == BINS[0] || (bins + 1) * tree.leaves.len() <= most;
    let tried = BINS.into_iter().filter(few).map(|bins| {
        let (table, bits) = fit(Some(&merged(&parts.trees[p], &parts.leaves[p], bins)));
        (bits, Given { table, bins })
    });
    tried.min_by(|a, b| a.0.total_cmp(&b.0)).expect("some numbers of bins are tried").1
}

impl Tables {
    fn model(&self) -> Vec<u8> {
        let mut model = Vec::new();
        self.forest.write(&mut model);
        model.extend(self.given.iter().map(|g| g.bins as u8));
        model.extend(table::write(&self.given.iter().map(|g| &g.table).zip(&self.parts.trees).collect::<Vec<_>>()));
        model
    }
}

impl Model for Tables {
    fn choice(&self) -> String {
        format!("{} edges", self.forest.parents.iter().flatten().count())
    }

    fn model_bytes(&self) -> usize {
        self.model().len()
    }

    fn encode(&self, columns: &[Vec<i64>]) -> Vec<u8> {
        let (mut out, parts) = (Vec::new(), &self.parts);
        parts.trees.iter().for_each(|t| t.write(&mut out));
        put_section(&mut out, &self.model());
        let mut writer = Writer::default();
        for k in self.forest.order.iter().copied() {
            let given = &self.given[k];
            let parent = self.forest.parents[k].map(|p| merged(&parts.trees[p], &parts.leaves[p], given.bins).0);
            let rows = columns[k].len();
            code(&mut writer, &parts.trees[k], &given.table, parent.as_deref(), rows, Some(&columns[k]));
        }
        out.extend(writer.finish());
        out
    }
}

/// Writes or reads a column, given the state of each row.
fn code(
    coder: &mut impl Decisions,
    tree: &Tree,
    table: &Table,
    states: Option<&[u8]>,
    rows: usize,
    source: Option<&[i64]>,
) -> (Vec<i64>, Vec<u8>) {
    let probabilities: Vec<Vec<u32>> = (0..table.states).map(|s| table.state(s).collect()).collect();
    let mut inside = Inside::new(tree, rows);
    let (mut values, mut leaves) = (Vec::new(), Vec::new());
    for row in 0..rows {
        let value = source.map_or(0, |s| s[row]);
        let of_node = &probabilities[states.map_or(0, |s| usize::from(s[row]))];
        let leaf = tree.descend(|n, node| coder.decide(value >= node.split, of_node[n]));
        leaves.push(leaf as u8);
        values.push(inside.code(coder, tree.leaves[leaf], leaf, value));
    }
    (values, leaves)
}

//! Which columns are joined: the forest over columns whose edges tell most (Chow and Liu 1968), less what telling costs.

use rayon::prelude::*;

use super::parts::Parts;
use crate::entropy::bytes::{Reader, malformed, put_varint};
use crate::error::Result;
use crate::mix::{Bins, Tree};

/// Bins of a column when pairs are compared.
const BINS: usize = 32;

/// A forest over columns, its roots first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Forest {
    /// Columns, each behind its parent and in one piece with what is below it (preorder).
    pub order: Vec<usize>,
    /// The parent of each column; none of a root.
    pub parents: Vec<Option<usize>>,
}

impl Forest {
    /// Columns that nothing joins.
    pub(super) fn apart(columns: usize) -> Self {
        Forest { order: (0..columns).collect(), parents: vec![None; columns] }
    }

    /// The forest of largest weight, where only what tells more than it costs is an edge.
    pub(super) fn of(parts: &Parts) -> Self {
        let n = parts.trees.len();
        let coarse: Vec<(Vec<u8>, usize)> =
            parts.trees.par_iter().zip(&parts.leaves).map(|(t, l)| merged(t, l, BINS)).collect();
        let pairs: Vec<(usize, usize)> = (0..n).flat_map(|a| (0..a).map(move |b| (a, b))).collect();
        let weigh = |&(a, b): &(usize, usize)| (gain(&coarse[a], &coarse[b]), a, b);
        let mut edges: Vec<(f64, usize, usize)> = pairs.par_iter().map(weigh).filter(|e| e.0 > 0.0).collect();
        edges.sort_by(|x, y| y.0.total_cmp(&x.0));
        let mut group: Vec<usize> = (0..n).collect();
        let mut joined: Vec<Vec<usize>> = vec![Vec::new(); n];
        for (_, a, b) in edges {
            let (ga, gb) = (group[a], group[b]);
            if ga != gb {
                group.iter_mut().filter(|g| **g == ga).for_each(|g| *g = gb);
                joined[a].push(b);
                joined[b].push(a);
            }
        }
        Forest::rooted(&joined)
    }

    /// Directs edges away from the columns that have most of them.
    fn rooted(joined: &[Vec<usize>]) -> Self {
        let n = joined.len();
        let mut roots: Vec<usize> = (0..n).collect();
        roots.sort_by_key(|c| std::cmp::Reverse(joined[*c].len()));
        let mut seen = vec![false; n];
        let mut parents = vec![None; n];
        let mut order = Vec::with_capacity(n);
        for root in roots {
            let mut open = vec![root];
            while let Some(c) = open.pop() {
                if std::mem::replace(&mut seen[c], true) {
                    continue;
                }
                order.push(c);
                for next in joined[c].iter().filter(|next| !seen[**next]) {
                    parents[*next] = Some(c);
                    open.push(*next);
                }
            }
        }
        Forest { order, parents }
    }

    /// Appends, in order, each column and the place of its parent in the order.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let mut place = vec![0; self.order.len()];
        for (at, c) in self.order.iter().enumerate() {
            place[*c] = at;
            put_varint(out, *c as u64);
            put_varint(out, self.parents[*c].map_or(0, |p| (at - place[p]) as u64));
        }
    }

    /// Reads a forest over so many columns.
    ///
    /// # Errors
    /// [`ContainerDamaged`](crate::Code::ContainerDamaged) if it is none, or not in preorder.
    pub(super) fn read(reader: &mut Reader, columns: usize) -> Result<Self> {
        let wrong = || malformed("columns that are not joined as a forest");
        let mut parents = vec![None; columns];
        let mut seen = vec![false; columns];
        let mut order: Vec<usize> = Vec::with_capacity(columns);
        // Columns above the one before, and itself.
        let mut way: Vec<usize> = Vec::new();
        for at in 0..columns {
            let (c, back) = (reader.count()?, reader.count()?);
            if c >= columns || std::mem::replace(&mut seen[c], true) || back > at {
                return Err(wrong());
            }
            if back == 0 {
                way.clear();
            } else {
                let parent = order[at - back];
                let depth = way.iter().position(|w| *w == parent).ok_or_else(wrong)?;
                way.truncate(depth + 1);
                parents[c] = Some(parent);
            }
            way.push(c);
            order.push(c);
        }
        Ok(Forest { order, parents })
    }
}

/// The leaves of a column merged to at most so many bins of about equal weight; how many there are.
pub(super) fn merged(tree: &Tree, leaves: &[u8], most: usize) -> (Vec<u8>, usize) {
    let coarse = Bins::new(tree, Vec::new()).coarse(most);
    (leaves.iter().map(|leaf| coarse.of_bin[usize::from(*leaf)]).collect(), coarse.count)
}

/// Bits that two columns tell of each other in all rows, less half a logarithm of the rows for each parameter (Rissanen).
fn gain(a: &(Vec<u8>, usize), b: &(Vec<u8>, usize)) -> f64 {
    let ((a, na), (b, nb)) = (a, b);
    let rows = a.len() as f64;
    let mut seen = vec![0u32; na * nb];
    a.iter().zip(b).for_each(|(x, y)| seen[usize::from(*x) * nb + usize::from(*y)] += 1);
    let term = |n: u32| if n > 0 { f64::from(n) * f64::from(n).log2() } else { 0.0 };
    let cells: f64 = seen.iter().map(|n| term(*n)).sum();
    let of_a: f64 = seen.chunks(*nb).map(|c| term(c.iter().sum())).sum();
    let of_b: f64 = (0..*nb).map(|y| term(seen.iter().skip(y).step_by(*nb).sum())).sum();
    let bits = cells - of_a - of_b + rows * rows.log2();
    // Cells that are never seen cost next to nothing.
    let used = seen.iter().filter(|n| **n > 0).count() as f64;
    bits - (used - (na + nb - 1) as f64).max(0.0) / 2.0 * (1.0 + rows / (na * nb) as f64).log2()
}

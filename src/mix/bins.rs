//! What of a column other columns may look at: in which of at most 255 bins of about equal weight each row lies.

use super::tree::Tree;

/// The bins of a column's rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bins {
    of_row: Vec<u8>,
    weights: Vec<u32>,
}

/// Bins merged to fewer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coarse {
    /// Bin → coarser bin.
    pub of_bin: Vec<u8>,
    /// Coarser bins.
    pub count: usize,
}

impl Bins {
    /// The leaves of a tree as bins of the values it was made of.
    pub fn of(tree: &Tree, values: &[i64]) -> Self {
        Bins::new(tree, values.iter().map(|v| tree.leaf(*v) as u8).collect())
    }

    /// The leaves of a tree as bins.
    pub fn new(tree: &Tree, of_row: Vec<u8>) -> Self {
        Bins { of_row, weights: tree.leaves.iter().map(|l| l.weight).collect() }
    }

    /// Any labels of rows as bins.
    pub fn labelled(of_row: Vec<u8>) -> Self {
        let mut weights = vec![0; of_row.iter().max().map_or(0, |m| usize::from(*m) + 1)];
        of_row.iter().for_each(|label| weights[usize::from(*label)] += 1);
        Bins { of_row, weights }
    }

    /// The bin of each row.
    pub fn rows(&self) -> &[u8] {
        &self.of_row
    }

    /// At most `most` bins of about equal weight, neighbours merged.
    pub fn coarse(&self, most: usize) -> Coarse {
        if self.weights.len() <= most {
            return Coarse { of_bin: (0..self.weights.len() as u8).collect(), count: self.weights.len().max(1) };
        }
        let total: u64 = self.weights.iter().map(|w| u64::from(*w)).sum();
        let (mut sum, mut last, mut bin) = (0u64, None, 0u8);
        let of_bin = (self.weights.iter())
            .map(|w| {
                let middle = sum + u64::from(*w) / 2;
                sum += u64::from(*w);
                let goal = middle * most as u64 / total;
                bin += u8::from(last.is_some_and(|l| l != goal));
                last = Some(goal);
                bin
            })
            .collect();
        Coarse { of_bin, count: usize::from(bin) + 1 }
    }
}

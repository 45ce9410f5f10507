//! Training, validation and test rows.

use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Code, Error, Result};

/// How rows are divided; what remains after validation and test trains.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SplitOptions {
    /// Share of the rows that choose the best epoch.
    pub validation: f64,
    /// Share of the rows that training never sees.
    pub test: f64,
    /// Seed of the shuffle.
    pub seed: u64,
    /// Contiguous blocks in order of time instead of a shuffle.
    pub blocks: bool,
}

impl Default for SplitOptions {
    fn default() -> Self {
        SplitOptions { validation: 0.05, test: 0.25, seed: 1, blocks: false }
    }
}

/// Row numbers of each part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SplitRows {
    /// Rows that weights are fitted to.
    pub train: Vec<usize>,
    /// Rows that choose the best epoch.
    pub validation: Vec<usize>,
    /// Rows that nothing was fitted to.
    pub test: Vec<usize>,
}

/// Divides `rows` rows.
///
/// # Errors
/// `R001` for impossible shares, `D003` if no row is left to train on.
pub fn split(rows: usize, how: &SplitOptions) -> Result<SplitRows> {
    let share = |s: f64| (0.0..1.0).contains(&s);
    if !share(how.validation) || !share(how.test) || how.validation + how.test >= 1.0 {
        return Err(Error::new(Code::Recipe, "the shares of validation and test leave nothing to train on")
            .hint("use shares from 0 to 1 with a sum below 1"));
    }
    let count = |s: f64| (rows as f64 * s).floor() as usize;
    let (validation, test) = (count(how.validation), count(how.test));
    if rows <= validation + test {
        return Err(Error::new(Code::DataSelection, format!("{rows} rows are too few to train on")));
    }
    let mut order: Vec<usize> = (0..rows).collect();
    if !how.blocks {
        order.shuffle(&mut ChaCha8Rng::seed_from_u64(how.seed));
    }
    let test = order.split_off(rows - test);
    let validation = order.split_off(order.len() - validation);
    Ok(SplitRows { train: order, validation, test })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_in_exactly_one_part() {
        let s = split(1000, &SplitOptions::default()).unwrap();
        assert_eq!((s.train.len(), s.validation.len(), s.test.len()), (700, 50, 250));
        let mut all = [s.train, s.validation, s.test].concat();
        all.sort_unstable();
        assert_eq!(all, (0..1000).collect::<Vec<_>>());
    }
}

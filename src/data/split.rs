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

impl SplitRows {
    /// In a few words, for people.
    pub fn describe(&self, how: &SplitOptions) -> String {
        if self.validation.is_empty() && self.test.is_empty() {
            return format!(
                "all {} rows train; no figure will be of rows that training has not seen",
                self.train.len()
            );
        }
        let order = if how.blocks { "in order of time".to_owned() } else { format!("shuffled with seed {}", how.seed) };
        let (train, validation, test) = (self.train.len(), self.validation.len(), self.test.len());
        format!("{train} rows train, {validation} choose the best epoch, {test} are held out, {order}")
    }
}

/// Divides `rows` rows. With `validation = 0` and `test = 0` all of them train: the model is one for this file.
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
    fn blocks_keep_the_order_of_time_and_test_on_the_latest_rows() {
        let how = SplitOptions { validation: 0.1, test: 0.2, blocks: true, ..SplitOptions::default() };
        let s = split(50, &how).unwrap();
        assert_eq!(s.train, (0..35).collect::<Vec<_>>());
        assert_eq!(s.validation, (35..40).collect::<Vec<_>>());
        assert_eq!(s.test, (40..50).collect::<Vec<_>>());
        assert_eq!(s.describe(&how), "35 rows train, 5 choose the best epoch, 10 are held out, in order of time");
    }

    #[test]
    fn a_seed_gives_one_division_and_another_seed_another() {
        let of = |seed| split(100, &SplitOptions { seed, ..SplitOptions::default() }).unwrap();
        assert_eq!(of(3), of(3));
        assert_ne!(of(3).test, of(4).test);
    }

    #[test]
    fn all_rows_train_where_nothing_is_held_out_and_impossible_shares_are_errors() {
        let all = SplitOptions { validation: 0.0, test: 0.0, ..SplitOptions::default() };
        let s = split(10, &all).unwrap();
        assert_eq!((s.train.len(), s.validation.len(), s.test.len()), (10, 0, 0));
        assert!(s.describe(&all).starts_with("all 10 rows train; no figure"));
        for (validation, test) in [(0.5, 0.5), (-0.1, 0.2), (1.0, 0.0), (f64::NAN, 0.1)] {
            let e = split(10, &SplitOptions { validation, test, ..SplitOptions::default() }).unwrap_err();
            assert_eq!(e.code(), Code::Recipe, "{validation} {test}");
        }
        assert_eq!(split(0, &all).unwrap_err().what(), "0 rows are too few to train on");
    }

    #[test]
    fn every_row_is_in_exactly_one_part() {
        let s = split(1000, &SplitOptions::default()).unwrap();
        assert_eq!((s.train.len(), s.validation.len(), s.test.len()), (700, 50, 250));
        let mut all = [s.train, s.validation, s.test].concat();
        all.sort_unstable();
        assert_eq!(all, (0..1000).collect::<Vec<_>>());
    }
}

//! How much to search, by name.

use clap::ValueEnum;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::digits::weight;
use super::{Budget, Problem};

/// How long to search for adders to share. Counted in trials, so the result does not depend on the machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Effort {
    /// Greedily, once: a second or so.
    Fast,
    /// A search of seconds for small networks, minutes for large ones.
    #[default]
    Default,
    /// As long as it gains.
    Max,
}

impl Effort {
    /// The search for a problem of a network whose [`work`] is `all`.
    pub(in crate::hw) fn budget(self, problem: &Problem, all: u64, seed: u64) -> Budget {
        let digits: u64 = lengths(problem).sum();
        let (restarts, chains, short, long) = match self {
            Effort::Fast => (0, 0, 0, 0),
            // One long chain finds as much as several short ones of twice its trials, and much more where trials are few.
            Effort::Default => {
                let affordable = (TRIALS * all).min(LARGE).min(LARGE * ENOUGH / all.max(1));
                (0, 0, 0, digits * affordable / all.max(1))
            }
            Effort::Max => (15, 8, 30 * digits, 600 * digits),
        };
        Budget { restarts, chains, short, long, seed }
    }
}

/// Trials of the default effort for each digit, where they are cheap.
const TRIALS: u64 = 110;
/// Digits gone through by the default effort, about 8 microseconds each: two minutes.
const LARGE: u64 = 16_000_000;
/// Work of a network above which that becomes less again: the greedy itself takes its time, and a trial gains little.
const ENOUGH: u64 = 650_000;

/// What one trial for each digit takes: it goes through all digits of the row.
pub(in crate::hw) fn work(problem: &Problem) -> u64 {
    lengths(problem).map(|n| n * n).sum()
}

/// Digits of each row.
fn lengths(problem: &Problem) -> impl Iterator<Item = u64> {
    problem.rows.iter().map(|r| r.terms.iter().map(|t| u64::from(weight(t.1))).sum())
}

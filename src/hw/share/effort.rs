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
    /// The search for a problem.
    pub(in crate::hw) fn budget(self, problem: &Problem, seed: u64) -> Budget {
        let digits: u64 = problem.rows.iter().flat_map(|r| &r.terms).map(|t| u64::from(weight(t.1))).sum();
        // Large problems fall for longer, but nobody waits for that without being asked.
        let (restarts, chains, short, long) = match self {
            Effort::Fast => (0, 0, 0, 0),
            Effort::Default => {
                // A trial takes longer the larger the problem.
                let large = 40_000_000 / digits.max(1);
                (
                    3.min(large / 2_000),
                    4,
                    (12 * digits).min(15_000).min(large),
                    (60 * digits).min(60_000).min(4 * large),
                )
            }
            Effort::Max => (15, 8, 30 * digits, 600 * digits),
        };
        Budget { restarts, chains, short, long, seed }
    }
}

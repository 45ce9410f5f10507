//! Quantities that must not be mixed up, as types.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A number of clock cycles: a latency (first input to its output) or an initiation interval.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(transparent)]
pub struct Cycles(pub u32);

impl Cycles {
    /// The same time in nanoseconds at a clock of `clock_mhz`.
    pub fn ns(self, clock_mhz: f64) -> f64 {
        f64::from(self.0) * 1000.0 / clock_mhz
    }
}

impl fmt::Display for Cycles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cycle{}", self.0, if self.0 == 1 { "" } else { "s" })
    }
}

/// A number of bits on a bus, in a register bank or in a stream.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(transparent)]
pub struct Bits(pub u64);

impl fmt::Display for Bits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bit{}", self.0, if self.0 == 1 { "" } else { "s" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cycles_become_nanoseconds_at_the_named_clock() {
        assert_eq!(Cycles(8).ns(320.0), 25.0);
    }

    #[test]
    fn one_cycle_is_not_plural() {
        assert_eq!(Cycles(1).to_string(), "1 cycle");
        assert_eq!(Bits(2).to_string(), "2 bits");
    }
}

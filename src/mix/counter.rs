//! What was seen in one place: the probability of a decision, 22 bits, and how often it was made, 10 bits, in one word.
//!
//! The first decisions move it by a half, a third, a quarter, ..., later ones by one part in the limit.

use std::sync::LazyLock;

/// A counter that has seen nothing. Its probability is a half: the top bit is stored upside down, so that memory that the
/// system hands out cleared is full of them.
pub const NEW: u32 = 0;
const HALF: u32 = 1 << 31;
const COUNT: u32 = 1023;

/// `2^16 / (n + 1.6)`.
static SHARE: LazyLock<Vec<u32>> = LazyLock::new(|| (0..=COUNT).map(|n| 10 * (1 << 16) / (10 * n + 16)).collect());

/// How counters move.
#[derive(Clone, Copy)]
pub struct Pace {
    share: &'static [u32],
    limit: u32,
}

impl Pace {
    /// Counters that count no further than to `limit < 1024`.
    pub fn new(limit: u32) -> Self {
        Pace { share: &SHARE, limit }
    }

    /// Learns a decision.
    #[inline]
    pub fn learn(&self, counter: &mut u32, bit: bool) {
        let count = *counter & COUNT;
        let p = i64::from((*counter ^ HALF) >> 10);
        let goal = if bit { (1 << 22) - 1 } else { 0 };
        let p = p + (((goal - p) * i64::from(self.share[count as usize])) >> 16);
        *counter = (((p as u32) << 10) ^ HALF) | if count < self.limit { count + 1 } else { count };
    }
}

/// The probability, 12 bits.
#[inline]
pub fn coarse(counter: u32) -> u32 {
    (counter ^ HALF) >> 20
}

/// The probability, 16 bits, not 0 or 1.
#[inline]
pub fn fine(counter: u32) -> u32 {
    ((counter ^ HALF) >> 16).clamp(64, 65536 - 64)
}

/// Decisions seen.
#[inline]
pub fn count(counter: u32) -> usize {
    (counter & COUNT) as usize
}

//! Two digits of a row: what may become a node.

use super::digits::{Digit, removable, weight};
use super::state::ValueId;

/// `low ± (high << by)`: two digits of a row, up to a common shift and sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Pair(u64);

impl Pair {
    pub fn new(a: ValueId, p: Digit, b: ValueId, q: Digit) -> Pair {
        let swap = (q.shift, b) < (p.shift, a);
        let (low, high, by) = if swap { (b, a, p.shift - q.shift) } else { (a, b, q.shift - p.shift) };
        let negative = p.negative != q.negative;
        Pair(u64::from(low) << 36 | u64::from(high) << 8 | u64::from(by) << 1 | u64::from(negative))
    }

    pub fn low(self) -> ValueId {
        (self.0 >> 36) as u32
    }

    pub fn high(self) -> ValueId {
        (self.0 >> 8) as u32 & 0xfff_ffff
    }

    pub fn by(self) -> u32 {
        (self.0 >> 1) as u32 & 0x7f
    }

    pub fn negative(self) -> bool {
        self.0 & 1 == 1
    }

    pub fn key(self) -> u64 {
        self.0
    }
}

/// All pairs of digits that some fewest-digit form of one coefficient has.
pub(super) fn pairs_within(c: i64, mut each: impl FnMut(Digit, Digit)) {
    let all = weight(c);
    if all < 2 {
        return;
    }
    let own = removable(c);
    let digits: Vec<Digit> = own.iter(c < 0).collect();
    for (i, p) in digits.iter().enumerate() {
        for q in &digits[i + 1..] {
            if p.shift != q.shift && weight(c - p.value() - q.value()) + 2 == all {
                each(*p, *q);
            }
        }
    }
}

//! The logistic function and its inverse in integers: where predictions are added.
//!
//! A probability is a number of 16 bits, its logit `ln(p / (1 - p))` has 8 bits behind the point.

use std::sync::LazyLock;

use crate::fixed::portable;

/// Logits lie within this: odds of 60,000 to 1.
pub const LARGEST: i32 = 2815;

static SQUASH: LazyLock<Vec<u16>> = LazyLock::new(|| {
    let one = |x: i32| 65536.0 / (1.0 + portable::exp(f64::from(-x) / 256.0));
    (-LARGEST..=LARGEST).map(|x| (one(x) as u16).max(1)).collect()
});

static STRETCH: LazyLock<Vec<i16>> = LazyLock::new(|| {
    let one = |i: i32| {
        let p = (f64::from(i) + 0.5) / 4096.0;
        (portable::ln(p / (1.0 - p)) * 256.0).round_ties_even() as i16
    };
    (0..4096).map(one).collect()
});

/// Both functions, ready to be used.
#[derive(Clone, Copy)]
pub struct Logistic {
    squash: &'static [u16],
    stretch: &'static [i16],
}

impl Logistic {
    /// The tables.
    pub fn new() -> Self {
        Logistic { squash: &SQUASH, stretch: &STRETCH }
    }

    /// The probability of a logit, never 0.
    #[inline]
    pub fn squash(&self, x: i32) -> i32 {
        i32::from(self.squash[(x.clamp(-LARGEST, LARGEST) + LARGEST) as usize])
    }

    /// The logit of a probability of 12 bits.
    #[inline]
    pub fn stretch(&self, p: u32) -> i32 {
        i32::from(self.stretch[(p & 4095) as usize])
    }
}

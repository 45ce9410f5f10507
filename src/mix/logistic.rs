//! The logistic function and its inverse in integers: where predictions are added.
//!
//! A probability is a number of 16 bits, its logit `ln(p / (1 - p))` has 8 bits behind the point.

use std::sync::LazyLock;

use crate::fixed::portable;

/// Logits lie within this: odds of 60,000 to 1.
pub const LARGEST: i32 = 2815;

/// All logits that three sums within [`LARGEST`] can make, and more: a power of two, so that no index has to be checked.
const SQUASHED: usize = 8192;
const STRETCHED: usize = 4096;

static SQUASH: LazyLock<Box<[u16; SQUASHED]>> = LazyLock::new(|| {
    let one = |x: i32| 65536.0 / (1.0 + portable::exp(f64::from(-x) / 256.0));
    Box::new(std::array::from_fn(|k| {
        let x = (k as i32 - SQUASHED as i32 / 2).clamp(-LARGEST, LARGEST);
        (one(x) as u16).max(1)
    }))
});

static STRETCH: LazyLock<Box<[i16; STRETCHED]>> = LazyLock::new(|| {
    let one = |i: i32| {
        let p = (f64::from(i) + 0.5) / 4096.0;
        (portable::ln(p / (1.0 - p)) * 256.0).round_ties_even() as i16
    };
    Box::new(std::array::from_fn(|i| one(i as i32)))
});

/// Both functions, ready to be used.
#[derive(Clone, Copy)]
pub struct Logistic {
    squash: &'static [u16; SQUASHED],
    stretch: &'static [i16; STRETCHED],
}

impl Logistic {
    /// The tables.
    pub fn new() -> Self {
        Logistic { squash: &SQUASH, stretch: &STRETCH }
    }

    /// The probability of a logit within [`LARGEST`], never 0.
    #[inline(always)]
    pub fn squash(&self, x: i32) -> i32 {
        let at = x.wrapping_add(SQUASHED as i32 / 2) as usize;
        i32::from(self.squash[at & (SQUASHED - 1)])
    }

    /// The logit of a probability of 12 bits.
    #[inline(always)]
    pub fn stretch(&self, p: u32) -> i32 {
        i32::from(self.stretch[(p & 4095) as usize])
    }
}

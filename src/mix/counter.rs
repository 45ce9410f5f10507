//! What was seen in one place: the probability of a decision, 22 bits, and how often it was made, 10 bits, in one word.
//!
//! The first decisions move it by a half, a third, a quarter, ..., later ones by one part in the limit.

/// A counter that has seen nothing. Its probability is a half: the top bit is stored upside down, so that memory that the
/// system hands out cleared is full of them.
pub const NEW: u32 = 0;
const HALF: u32 = 1 << 31;
const COUNT: u32 = 1023;

/// `2^15 / (n + 1.6)`.
static SHARE: [i32; COUNT as usize + 1] = {
    let mut shares = [0; COUNT as usize + 1];
    let mut n = 0;
    while n < shares.len() {
        shares[n] = 10 * (1 << 15) / (10 * n as i32 + 16);
        n += 1;
    }
    shares
};

/// How counters move.
#[derive(Clone, Copy)]
pub struct Pace {
    limit: u32,
}

impl Pace {
    /// Counters that count no further than to `limit < 1024`.
    pub fn new(limit: u32) -> Self {
        Pace { limit }
    }

    /// Learns a decision.
    #[inline(always)]
    pub fn learn(&self, counter: &mut u32, bit: bool) {
        let count = *counter & COUNT;
        let p = ((*counter ^ HALF) >> 10).cast_signed();
        let goal = if bit { (1 << 22) - 1 } else { 0 };
        // 16 bits of the distance times 15 of the share.
        let p = p.wrapping_add((((goal - p) >> 6).wrapping_mul(SHARE[count as usize])) >> 9);
        *counter = (((p as u32) << 10) ^ HALF) | if count < self.limit { count + 1 } else { count };
    }
}

/// The probability, 12 bits.
#[inline(always)]
pub fn coarse(counter: u32) -> u32 {
    (counter ^ HALF) >> 20
}

/// The probability, 16 bits, not 0 or 1.
#[inline(always)]
pub fn fine(counter: u32) -> u32 {
    ((counter ^ HALF) >> 16).clamp(64, 65536 - 64)
}

/// Decisions seen.
#[inline(always)]
pub fn count(counter: u32) -> usize {
    (counter & COUNT) as usize
}

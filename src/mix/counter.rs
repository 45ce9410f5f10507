//! What was seen in one place: the probability of a decision, 22 bits, and how often it was made, 10 bits, in one word.
//!
//! The first decisions move it by a half, a third, a quarter, ..., later ones by one part in the limit.

/// A probability and a count.
pub type Counter = u32;

/// A counter that has seen nothing. Its probability is a half: the top bit is stored upside down, so that memory that the
/// system hands out cleared is full of them.
pub const NEW: Counter = 0;
pub const HALF: u32 = 1 << 31;
pub const COUNT: u32 = 1023;
/// Counters count no further.
pub const LIMIT: u32 = 1000;
/// Ten times `2^15`.
pub const WHOLE: u32 = 10 << 15;

/// `2^15 / (n + 1.6)`.
static SHARE: [i32; COUNT as usize + 1] = {
    let mut shares = [0; COUNT as usize + 1];
    let mut n = 0;
    while n < shares.len() {
        shares[n] = (WHOLE / (10 * n as u32 + 16)) as i32;
        n += 1;
    }
    shares
};

/// Where a decision moves a probability to.
#[inline(always)]
pub fn goal(bit: bool) -> i32 {
    if bit { (1 << 22) - 1 } else { 0 }
}

/// Learns a decision.
#[inline(always)]
pub fn learn(counter: &mut Counter, bit: bool) {
    let count = *counter & COUNT;
    let p = ((*counter ^ HALF) >> 10).cast_signed();
    // 16 bits of the distance times 15 of the share.
    let p = p.wrapping_add(((goal(bit).wrapping_sub(p) >> 6).wrapping_mul(SHARE[count as usize])) >> 9);
    *counter = (((p as u32) << 10) ^ HALF) | (count + 1).min(LIMIT);
}

/// The probability, 12 bits.
#[inline(always)]
pub fn coarse(counter: Counter) -> u32 {
    (counter ^ HALF) >> 20
}

/// The probability, 16 bits, not 0 or 1.
#[inline(always)]
pub fn fine(counter: Counter) -> u32 {
    ((counter ^ HALF) >> 16).clamp(64, 65536 - 64)
}

/// Decisions seen.
#[inline(always)]
pub fn count(counter: Counter) -> u32 {
    counter & COUNT
}

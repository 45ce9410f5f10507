//! Signed binary digits: how few a coefficient needs, and which of them a fewest-digit form can begin with.

use std::sync::OnceLock;

/// Most digits that [`removable`] gives; longer coefficients have more forms than are looked at.
const MOST: usize = 31;

/// Digits that can be taken away, `±(shift + 1)` each.
#[derive(Clone, Copy)]
pub(super) struct Digits {
    count: u8,
    digits: [i8; MOST],
}

/// A signed digit: `±2^shift`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Digit {
    pub shift: u32,
    pub negative: bool,
}

impl Digit {
    /// Its value.
    pub fn value(self) -> i64 {
        if self.negative { -(1 << self.shift) } else { 1 << self.shift }
    }
}

impl Digits {
    /// The digits; those of `-c` if `flip`.
    pub fn iter(&self, flip: bool) -> impl Iterator<Item = Digit> + '_ {
        let digits = &self.digits[..usize::from(self.count)];
        digits.iter().map(move |d| Digit { shift: u32::from(d.unsigned_abs()) - 1, negative: (*d < 0) != flip })
    }
}

/// The fewest non-zero signed binary digits of `c`.
pub(super) fn weight(c: i64) -> u32 {
    let c = c.unsigned_abs();
    (c ^ c.wrapping_mul(3)).count_ones()
}

/// All digits that some fewest-digit form of `|c|` has: taking one away leaves one digit less.
pub(super) fn removable(c: i64) -> Digits {
    const TABLE: usize = 4096;
    static KNOWN: OnceLock<Vec<Digits>> = OnceLock::new();
    let known = KNOWN.get_or_init(|| (0..TABLE as i64).map(search).collect());
    let c = c.unsigned_abs() as i64;
    known.get(c as usize).copied().unwrap_or_else(|| search(c))
}

fn search(c: i64) -> Digits {
    let mut found = Digits { count: 0, digits: [0; MOST] };
    let all = weight(c);
    for shift in 0..=(64 - c.leading_zeros()).min(61) {
        for negative in [false, true] {
            let digit = Digit { shift, negative };
            if usize::from(found.count) < MOST && weight(c - digit.value()) + 1 == all {
                found.digits[usize::from(found.count)] = if negative { -(shift as i8) - 1 } else { shift as i8 + 1 };
                found.count += 1;
            }
        }
    }
    found
}

/// One fewest-digit form: canonical signed digits, lowest first, no two neighbours non-zero.
pub(super) fn canonical(c: i64) -> impl Iterator<Item = Digit> {
    let (mut rest, mut shift) = (i128::from(c), 0);
    std::iter::from_fn(move || {
        if rest == 0 {
            return None;
        }
        let zeros = rest.trailing_zeros();
        rest >>= zeros;
        shift += zeros;
        let negative = rest & 3 == 3;
        rest += if negative { 1 } else { -1 };
        Some(Digit { shift, negative })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_digit_taken_away_leaves_one_less() {
        for c in -5000..5000i64 {
            assert_eq!(canonical(c).map(Digit::value).sum::<i64>(), c);
            assert_eq!(canonical(c).count() as u32, weight(c));
            for digit in removable(c).iter(c < 0) {
                assert_eq!(weight(c - digit.value()) + 1, weight(c), "{c} {digit:?}");
            }
            assert!(canonical(c).all(|d| removable(c).iter(c < 0).any(|r| r == d)), "{c}");
        }
    }

    #[test]
    fn all_forms_of_eleven() {
        // 8+2+1, 8+4-1, 16-4-1.
        let mut digits: Vec<i64> = removable(11).iter(false).map(Digit::value).collect();
        digits.sort_unstable();
        assert_eq!(digits, [-4, -1, 1, 2, 4, 8, 16]);
    }
}

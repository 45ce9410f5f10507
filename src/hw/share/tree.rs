//! One sum as a tree of adders: which two operands to add next.

/// An operand of a tree: `±(value << shift)`.
#[derive(Clone, Copy, Debug)]
pub(in crate::hw) struct Operand {
    /// Smallest and largest value, before shift and sign.
    pub low: i64,
    pub high: i64,
    pub shift: u32,
    pub negative: bool,
    /// Adders on the longest path to it.
    pub depth: u32,
    /// What it is, for whoever builds the tree; new operands count on from the last one given.
    pub tag: u32,
}

/// What one level of depth may cost, in adder bits.
const LEVEL: u32 = 2;

/// A step of a tree: the operands at these places of the list, what comes of them, and its bits.
#[derive(Clone, Copy)]
pub(in crate::hw) struct Step {
    pub first: Operand,
    pub second: Operand,
    pub sum: Operand,
}

/// What a tree costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::hw) struct Cost {
    /// Full adders.
    pub bits: u32,
    /// Adders on the longest path.
    pub depth: u32,
}

/// `sum 2^depth`: a tree of depth `d` holds at most `2^d`.
pub(in crate::hw) fn load(operands: &[Operand]) -> u64 {
    operands.iter().map(|o| 1u64 << o.depth.min(40)).fold(0, u64::saturating_add)
}

/// Full adders of the sum of two operands, and the sum.
///
/// Below the higher of the two lowest bits there is nothing to add, and the sum is stored with the sign that keeps the
/// operand with the lower one positive, so that those bits pass through as they are.
pub(super) fn join(x: &Operand, y: &Operand) -> (u32, Operand) {
    let (x, y) = if y.shift < x.shift { (y, x) } else { (x, y) };
    let up = y.shift - x.shift;
    let (yl, yh) = (y.low << up, y.high << up);
    let (xl, xh) = (x.low, x.high);
    let same = x.negative == y.negative;
    let (low, high) = if same { (xl + yl, xh + yh) } else { (xl - yh, xh - yl) };
    let concatenation = same && xl >= 0 && up > 0 && width(xl, xh) <= up;
    let bits = if concatenation { 0 } else { width(low, high).saturating_sub(up) };
    let depth = x.depth.max(y.depth) + u32::from(!concatenation);
    (bits, Operand { low, high, shift: x.shift, negative: x.negative, depth, tag: 0 })
}

/// Bits that hold `low..=high`: two's complement if `low` is negative.
fn width(low: i64, high: i64) -> u32 {
    let magnitude = |v: i64| 64 - (v ^ (v >> 63)).leading_zeros();
    magnitude(low).max(magnitude(high)) + u32::from(low < 0)
}

/// Adds the operands up, the cheapest pair first that still lets the tree end within `2^limit`; `each` sees every step.
///
/// The list is used up; what is left in it is the sum, of which `range` is the exact
/// interval if it is known.
pub(in crate::hw) fn grow(
    operands: &mut Vec<Operand>,
    range: Option<(i64, i64)>,
    limit: u32,
    mut each: impl FnMut(&Step),
) -> Cost {
    let mut cost = Cost::default();
    let room = 1u64 << limit.min(40);
    let mut full = load(operands);
    let mut tag = operands.iter().map(|o| o.tag + 1).max().unwrap_or(0);
    while operands.len() > 1 {
        let mut best: Option<(u32, usize, usize, u32, Operand)> = None;
        for i in 0..operands.len() {
            for j in i + 1..operands.len() {
                let (x, y) = (&operands[i], &operands[j]);
                let (bits, sum) = join(x, y);
                let level = |o: &Operand| 1u64 << o.depth.min(40);
                let fits = full + level(&sum) <= room + level(x) + level(y);
                // Where nothing fits any more, the shallowest pair does least harm.
                let price = if fits { bits + LEVEL * sum.depth } else { 10_000 + 100 * sum.depth + bits };
                if best.as_ref().is_none_or(|b| price < b.0) {
                    best = Some((price, i, j, bits, sum));
                }
            }
        }
        let Some((_, i, j, mut bits, mut sum)) = best else { break };
        if let (2, Some(range)) = (operands.len(), range) {
            let (low, high) = if sum.negative { (-range.1, -range.0) } else { range };
            (sum.low, sum.high) = (low >> sum.shift, high >> sum.shift);
            let up = operands[0].shift.abs_diff(operands[1].shift);
            bits = bits.min(width(sum.low, sum.high).saturating_sub(up));
        }
        let (second, first) = (operands.swap_remove(j), operands[i]);
        sum.tag = tag;
        tag += 1;
        operands[i] = sum;
        full = load(operands);
        cost.bits += bits;
        each(&Step { first, second, sum });
    }
    cost.depth = operands.first().map_or(0, |o| o.depth);
    cost
}

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

/// Operands up to which the best of all trees is found.
const FEW: usize = 7;

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

/// Adds the operands up: the cheapest pairs first that still let the tree end within `2^limit`, and, once there are few, by
/// the best of all trees. `each` sees every step.
///
/// The list is used up; what is left in it is the sum, of which `range` is the exact interval if it is known.
pub(in crate::hw) fn grow(
    operands: &mut Vec<Operand>,
    range: Option<(i64, i64)>,
    limit: u32,
    mut each: impl FnMut(&Step),
) -> Cost {
    let mut bits = 0;
    let mut tag = operands.iter().map(|o| o.tag + 1).max().unwrap_or(0);
    let mut add = |operands: &mut Vec<Operand>, i: usize, j: usize, mut sum: Operand| {
        let (second, first) = (operands.swap_remove(j), operands[i]);
        sum.tag = tag;
        tag += 1;
        operands[i] = sum;
        each(&Step { first, second, sum });
        sum
    };
    while operands.len() > FEW {
        let Some((i, j, price, sum)) = cheapest(operands, limit) else { break };
        bits += price;
        add(operands, i, j, sum);
    }
    if operands.len() > 2
        && let Some(best) = Best::of(operands, range, limit)
    {
        bits += best.build(operands, &mut add);
        return Cost { bits, depth: operands.first().map_or(0, |o| o.depth) };
    }
    while operands.len() > 1 {
        let Some((i, j, mut price, mut sum)) = cheapest(operands, limit) else { break };
        if let (2, Some(range)) = (operands.len(), range) {
            (price, sum) = finish(&operands[0], &operands[1], price, sum, range);
        }
        bits += price;
        add(operands, i, j, sum);
    }
    Cost { bits, depth: operands.first().map_or(0, |o| o.depth) }
}

/// The last sum of a tree, of which the exact interval is known.
fn finish(x: &Operand, y: &Operand, price: u32, mut sum: Operand, range: (i64, i64)) -> (u32, Operand) {
    let (low, high) = if sum.negative { (-range.1, -range.0) } else { range };
    (sum.low, sum.high) = (low >> sum.shift, high >> sum.shift);
    (price.min(width(sum.low, sum.high).saturating_sub(x.shift.abs_diff(y.shift))), sum)
}

/// The pair that costs least among those that leave the tree shallow enough: places, bits, sum.
fn cheapest(operands: &[Operand], limit: u32) -> Option<(usize, usize, u32, Operand)> {
    let room = 1u64 << limit.min(40);
    let full = load(operands);
    let level = |o: &Operand| 1u64 << o.depth.min(40);
    let mut best: Option<(u32, (usize, usize, u32, Operand))> = None;
    for i in 0..operands.len() {
        for j in i + 1..operands.len() {
            let (x, y) = (&operands[i], &operands[j]);
            let (bits, sum) = join(x, y);
            let fits = full + level(&sum) <= room + level(x) + level(y);
            // Where nothing fits any more, the shallowest pair does least harm.
            let price = if fits { bits } else { 10_000 + 100 * sum.depth + bits };
            if best.as_ref().is_none_or(|b| price < b.0) {
                best = Some((price, (i, j, bits, sum)));
            }
        }
    }
    best.map(|b| b.1)
}

/// The best tree of a set of operands.
#[derive(Clone, Copy, Default)]
struct Part {
    cost: u32,
    /// Interval of the sum with its true sign and place.
    low: i64,
    high: i64,
    /// As it is stored.
    shift: u32,
    negative: bool,
    width: u32,
    depth: u32,
    /// The operands of the second half, by place.
    second: u8,
}

impl Part {
    fn new(o: &Operand) -> Part {
        let (low, high) = (o.low << o.shift, o.high << o.shift);
        let (low, high) = if o.negative { (-high, -low) } else { (low, high) };
        let width = width(o.low, o.high);
        Part { cost: 0, low, high, shift: o.shift, negative: o.negative, width, depth: o.depth, second: 0 }
    }

    /// Whether the stored value is never below zero.
    fn is_natural(&self) -> bool {
        if self.negative { self.high <= 0 } else { self.low >= 0 }
    }

    fn operand(&self) -> Operand {
        let (low, high) = if self.negative { (-self.high, -self.low) } else { (self.low, self.high) };
        let (low, high) = (low >> self.shift, high >> self.shift);
        Operand { low, high, shift: self.shift, negative: self.negative, depth: self.depth, tag: 0 }
    }
}

/// The best tree of every subset of a few operands, by the bits of the subset's places.
struct Best(Vec<Part>);

impl Best {
    /// `None` if the best tree is too deep.
    fn of(operands: &[Operand], range: Option<(i64, i64)>, limit: u32) -> Option<Best> {
        let full = (1usize << operands.len()) - 1;
        let mut parts = vec![Part::default(); full + 1];
        operands.iter().enumerate().for_each(|(i, o)| parts[1 << i] = Part::new(o));
        for set in (1..=full).filter(|s| !s.is_power_of_two()) {
            let top = 1 << (usize::BITS - 1 - set.leading_zeros());
            let rest = set & !top;
            let (one, other) = (&parts[top], &parts[rest]);
            let (low, high) = match range {
                Some(range) if set == full => range,
                _ => (one.low + other.low, one.high + other.high),
            };
            let shift = one.shift.min(other.shift);
            let widths = [width(low >> shift, high >> shift), width(-high >> shift, -low >> shift)];
            let mut best = Part { cost: u32::MAX, low, high, shift, ..Part::default() };
            // Every way to part the set in two, each once: the highest place is in the first part.
            let mut second = rest;
            while second != 0 {
                let (x, y) = (&parts[set & !second], &parts[second]);
                let (x, y) = if y.shift < x.shift { (y, x) } else { (x, y) };
                let up = y.shift - x.shift;
                let all = widths[usize::from(x.negative)];
                // What ends below the other begins is put beside it, not added.
                let beside = up >= x.width && x.negative == y.negative && x.is_natural();
                let bits = if beside { 0 } else { all.saturating_sub(up) };
                let cost = x.cost + y.cost + bits;
                if cost < best.cost {
                    best.cost = cost;
                    best.negative = x.negative;
                    best.width = all;
                    best.depth = x.depth.max(y.depth) + u32::from(!beside);
                    best.second = second as u8;
                }
                second = (second - 1) & rest;
            }
            parts[set] = best;
        }
        (parts[full].depth <= limit).then_some(Best(parts))
    }

    /// Makes the tree of all operands; gives its bits.
    fn build(
        &self,
        operands: &mut Vec<Operand>,
        add: &mut impl FnMut(&mut Vec<Operand>, usize, usize, Operand) -> Operand,
    ) -> u32 {
        let full = self.0.len() - 1;
        let leaves = std::mem::take(operands);
        let root = self.make(full, &leaves, add);
        operands.push(root);
        self.0[full].cost
    }

    fn make(
        &self,
        set: usize,
        leaves: &[Operand],
        add: &mut impl FnMut(&mut Vec<Operand>, usize, usize, Operand) -> Operand,
    ) -> Operand {
        if set.is_power_of_two() {
            return leaves[set.trailing_zeros() as usize];
        }
        let second = usize::from(self.0[set].second);
        let mut pair = vec![self.make(set & !second, leaves, add), self.make(second, leaves, add)];
        add(&mut pair, 0, 1, self.0[set].operand())
    }
}

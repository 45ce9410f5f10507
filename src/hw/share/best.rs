//! The best of all trees of a few operands.

use super::tree::{Operand, width};

/// Operands up to which all trees are looked at.
pub(super) const FEW: usize = 6;

/// A step of the tree: the operands as sets of places, which is taken away, and the sum.
pub(super) struct Join {
    pub first: u8,
    pub second: u8,
    pub sum: Operand,
}

/// The cheapest tree of a set of operands with one sign of what is stored.
#[derive(Clone, Copy)]
struct Way {
    cost: u32,
    width: u32,
    depth: u32,
    /// The operand that keeps its sign, then the other, with the sign each is stored with.
    halves: [(u8, u8); 2],
}

/// A set of operands.
#[derive(Clone, Copy)]
struct Part {
    /// Interval of the sum with its true sign and place.
    low: i64,
    high: i64,
    /// Lowest bit of the sum.
    shift: u32,
    /// Stored as it is, and stored negative.
    ways: [Way; 2],
}

const NEVER: u32 = u32::MAX / 4;
const NO_WAY: Way = Way { cost: NEVER, width: 0, depth: 0, halves: [(0, 0); 2] };

/// See the module: every subset of the operands, by the bits of its places.
pub(super) struct Best(Vec<Part>);

impl Best {
    /// The trees of the operands, of which `range` is the exact interval if it is known.
    pub fn of(operands: &[Operand], range: Option<(i64, i64)>) -> Best {
        let full = (1usize << operands.len()) - 1;
        let mut parts = vec![Part { low: 0, high: 0, shift: 0, ways: [NO_WAY; 2] }; full + 1];
        for (i, o) in operands.iter().enumerate() {
            let (low, high) = (o.low << o.shift, o.high << o.shift);
            let (low, high) = if o.negative { (-high, -low) } else { (low, high) };
            let mut part = Part { low, high, shift: o.shift, ways: [NO_WAY; 2] };
            part.ways[usize::from(o.negative)] = Way { cost: 0, width: width(o.low, o.high), depth: o.depth, ..NO_WAY };
            parts[1 << i] = part;
        }
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
            let mut part = Part { low, high, shift, ways: [NO_WAY; 2] };
            // Every way to part the set in two, each once: the highest place is in the first half.
            let mut second = rest;
            while second != 0 {
                part.split(&parts, (set & !second) as u8, second as u8, widths);
                second = (second - 1) & rest;
            }
            parts[set] = part;
        }
        Best(parts)
    }

    /// Cost and depth of the best tree; with the sum stored as it is, if that is asked for.
    pub fn cost(&self, positive: bool) -> (u32, u32) {
        let root = self.root(positive);
        (root.0.cost, root.0.depth)
    }

    fn root(&self, positive: bool) -> (Way, u8) {
        let [plain, negative] = self.0[self.0.len() - 1].ways;
        if plain.cost >= NEVER || !positive && negative.cost < plain.cost { (negative, 1) } else { (plain, 0) }
    }

    /// The steps of the best tree, operands first.
    pub fn steps(&self, positive: bool) -> Vec<Join> {
        let mut steps = Vec::new();
        self.visit(self.0.len() - 1, self.root(positive).1, &mut steps);
        steps
    }

    fn visit(&self, set: usize, sign: u8, to: &mut Vec<Join>) {
        if set.is_power_of_two() {
            return;
        }
        let part = &self.0[set];
        let way = part.ways[usize::from(sign)];
        way.halves.iter().for_each(|(half, sign)| self.visit(usize::from(*half), *sign, to));
        let (low, high) = if sign == 1 { (-part.high, -part.low) } else { (part.low, part.high) };
        let (low, high) = (low >> part.shift, high >> part.shift);
        let sum = Operand { low, high, shift: part.shift, negative: sign == 1, depth: way.depth, tag: 0 };
        to.push(Join { first: way.halves[0].0, second: way.halves[1].0, sum });
    }
}

impl Part {
    /// Tries one way to part the set, `widths` wide by sign.
    fn split(&mut self, parts: &[Part], a: u8, b: u8, widths: [u32; 2]) {
        let (a, b) = if parts[usize::from(b)].shift < parts[usize::from(a)].shift { (b, a) } else { (a, b) };
        let (x, y) = (&parts[usize::from(a)], &parts[usize::from(b)]);
        let up = y.shift - x.shift;
        for s in 0..2u8 {
            let wx = &x.ways[usize::from(s)];
            for t in 0..2u8 {
                let wy = &y.ways[usize::from(t)];
                let under = wx.cost + wy.cost;
                if under >= NEVER {
                    continue;
                }
                // What ends below the other begins is put beside it, not added.
                let natural = if s == 1 { x.high <= 0 } else { x.low >= 0 };
                let beside = s == t && natural && up >= wx.width && up > 0;
                let depth = wx.depth.max(wy.depth) + u32::from(!beside);
                let mut offer = |sign: u8, bits: u32, halves| {
                    let way = &mut self.ways[usize::from(sign)];
                    if under + bits < way.cost {
                        *way = Way { cost: under + bits, width: widths[usize::from(sign)], depth, halves };
                    }
                };
                let all = widths[usize::from(s)];
                offer(s, if beside { 0 } else { all.saturating_sub(up) }, [(a, s), (b, t)]);
                if s != t {
                    // Taken away from the higher one, the lower one does not pass through.
                    offer(t, widths[usize::from(t)], [(b, t), (a, s)]);
                }
            }
        }
    }
}

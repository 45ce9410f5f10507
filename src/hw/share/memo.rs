//! Trees met before: most trials leave most rows as some earlier trial left them.

use rustc_hash::FxHashMap;

use super::greedy::mix;
use super::tree::{Cost, Operand, Wish, grow};

/// Trees that are remembered.
const ROOM: usize = 1 << 16;

/// What trees cost, by what they add.
#[derive(Default)]
pub(super) struct Memo(FxHashMap<[u64; 2], Cost>);

impl Memo {
    /// The cost of the tree that [`grow`] makes; the operands are used up.
    pub fn cost(&mut self, operands: &mut Vec<Operand>, wish: Wish) -> Cost {
        // Two operands make one tree: quicker than to look it up.
        if operands.len() < 3 {
            return grow(operands, wish, |_| {});
        }
        let key = [key(operands, wish, 0x9e37_79b9_7f4a_7c15), key(operands, wish, 0xc2b2_ae3d_27d4_eb4f)];
        if let Some(cost) = self.0.get(&key) {
            return *cost;
        }
        if self.0.len() >= ROOM {
            self.0.clear();
        }
        let cost = grow(operands, wish, |_| {});
        self.0.insert(key, cost);
        cost
    }
}

/// Two of these are equal for other trees once in 2^128.
fn key(operands: &[Operand], wish: Wish, seed: u64) -> u64 {
    let (low, high) = wish.range.unwrap_or_default();
    let start = seed ^ u64::from(wish.limit) << 1 ^ u64::from(wish.positive);
    let own = |h: u64, o: &Operand| {
        let place = u64::from(o.shift) << 32 | u64::from(o.depth) << 1 | u64::from(o.negative);
        mix(mix(mix(h ^ o.low as u64) ^ o.high as u64) ^ place)
    };
    operands.iter().fold(mix(mix(start ^ low as u64) ^ high as u64), own)
}

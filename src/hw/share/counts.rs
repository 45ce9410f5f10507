//! How often each pair of digits occurs in all rows.
//!
//! Pairs of the same two values stand together, by distance and sign: two coefficients that meet are looked up once, not once
//! for each of their digits.

use rustc_hash::FxHashMap;

use super::digits::Digit;
use super::pair::Pair;
use super::state::ValueId;

/// See the module.
pub(super) struct Counts {
    /// Where the counts of two values begin; the first value is not the greater one.
    blocks: FxHashMap<(ValueId, ValueId), u32>,
    counts: Vec<u32>,
    /// Largest distance of two digits that is counted; further ones become no node.
    reach: i32,
    /// Places that went up (or down: lowest bit) since [`Counts::keep`].
    log: Vec<u32>,
}

/// The counts of two values.
#[derive(Clone, Copy)]
pub(super) struct Block {
    at: usize,
    swapped: bool,
    same: bool,
}

impl Counts {
    /// Of no pair, for digits that are at most `reach` places apart.
    pub fn new(reach: u32) -> Counts {
        Counts { blocks: FxHashMap::default(), counts: Vec::new(), reach: reach as i32, log: Vec::new() }
    }

    fn size(&self) -> usize {
        4 * self.reach as usize + 2
    }

    /// The counts of two values.
    pub fn between(&mut self, a: ValueId, b: ValueId) -> Block {
        let next = self.counts.len() as u32;
        let at = *self.blocks.entry((a.min(b), a.max(b))).or_insert(next) as usize;
        if at == self.counts.len() {
            self.counts.resize(at + self.size(), 0);
        }
        Block { at, swapped: a > b, same: a == b }
    }

    /// Counts digit `p` of the block's first value with digit `q` of its second, up or down; the new count.
    pub fn count(&mut self, block: Block, p: Digit, q: Digit, up: bool) -> u32 {
        let distance = q.shift as i32 - p.shift as i32;
        let distance = match block {
            Block { same: true, .. } => distance.abs(),
            Block { swapped: true, .. } => -distance,
            _ => distance,
        };
        if distance.abs() > self.reach {
            return 0;
        }
        let at = block.at + place(distance, self.reach, p.negative != q.negative);
        self.log.push((at as u32) << 1 | u32::from(up));
        let n = &mut self.counts[at];
        *n = if up { *n + 1 } else { *n - 1 };
        *n
    }

    /// Keeps all counts.
    pub fn keep(&mut self) {
        self.log.clear();
    }

    /// Takes back all counts since the last [`Counts::keep`].
    pub fn undo(&mut self) {
        for entry in self.log.drain(..) {
            let n = &mut self.counts[entry as usize >> 1];
            // Counts may pass below zero on the way back, not at its end.
            *n = if entry & 1 == 1 { n.wrapping_sub(1) } else { n.wrapping_add(1) };
        }
    }

    /// How often a pair occurs.
    pub fn get(&self, pair: Pair) -> u32 {
        let (low, high, by) = (pair.low(), pair.high(), pair.by() as i32);
        if by > self.reach {
            return 0;
        }
        let distance = if low > high { -by } else { by };
        let at = self.blocks.get(&(low.min(high), low.max(high)));
        at.map_or(0, |at| self.counts[*at as usize + place(distance, self.reach, pair.negative())])
    }

    /// Forgets values that have no pair any more.
    pub fn sweep(&mut self) {
        let size = self.size();
        let mut kept = Counts::new(self.reach as u32);
        for (values, at) in &self.blocks {
            let block = &self.counts[*at as usize..*at as usize + size];
            if block.iter().any(|n| *n > 0) {
                kept.blocks.insert(*values, kept.counts.len() as u32);
                kept.counts.extend_from_slice(block);
            }
        }
        *self = kept;
    }

    /// All pairs that occur, in no order.
    #[cfg(test)]
    pub fn all(&self) -> Vec<((ValueId, ValueId), usize, u32)> {
        let block = |(values, at): (&(ValueId, ValueId), &u32)| {
            let counts = &self.counts[*at as usize..*at as usize + self.size()];
            let occurring = counts.iter().enumerate().filter(|c| *c.1 > 0);
            occurring.map(|(i, n)| (*values, i, *n)).collect::<Vec<_>>()
        };
        self.blocks.iter().flat_map(block).collect()
    }
}

fn place(distance: i32, reach: i32, negative: bool) -> usize {
    ((distance + reach) as usize) << 1 | usize::from(negative)
}

//! Named buses, the slices taken of them, and which of their bits nobody took.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::hw::width_of;

/// The bits read of every bus of a module.
#[derive(Default)]
pub(super) struct Reads(RefCell<BTreeMap<String, Vec<bool>>>);

impl Reads {
    /// Enters a bus, so that its unread bits are known.
    pub fn declare(&self, name: &str, width: u32) {
        self.0.borrow_mut().entry(name.to_owned()).or_insert_with(|| vec![false; width as usize]);
    }

    pub fn mark(&self, name: &str, low: u32, width: u32) {
        if let Some(bits) = self.0.borrow_mut().get_mut(name) {
            bits.iter_mut().skip(low as usize).take(width as usize).for_each(|b| *b = true);
        }
    }

    /// Slices that cover every bit that was never read, by name.
    pub fn unread(&self) -> Vec<String> {
        let mut slices = Vec::new();
        for (name, bits) in &*self.0.borrow() {
            let mut low = 0;
            while let Some(from) = bits[low..].iter().position(|b| !b).map(|p| p + low) {
                let end = bits[from..].iter().position(|b| *b).map_or(bits.len(), |p| p + from);
                slices.push(part(name, bits.len() as u32, from as u32, (end - from) as u32));
                low = end;
            }
        }
        slices
    }
}

/// Text of `width` bits from `low` of a bus that has `full`.
fn part(name: &str, full: u32, low: u32, width: u32) -> String {
    match width {
        w if w == full => name.to_owned(),
        1 => format!("{name}[{low}]"),
        w => format!("{name}[{}:{low}]", low + w - 1),
    }
}

/// Consecutive bits of a number: those of a named bus, or known ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// The lowest bit of the number that it holds.
    pub at: u32,
    /// How many.
    pub count: u32,
    /// Name and width of the bus and its bit at `at`; the value of known bits.
    pub source: Source,
}

/// Where a piece comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Wire { name: String, full: u32, bit: u32 },
    Known(u64),
}

impl Piece {
    /// Whether `next` is the bit after it.
    pub fn goes_on(&self, next: &Source) -> bool {
        match (&self.source, next) {
            (Source::Known(_), Source::Known(_)) => true,
            (Source::Wire { name, bit, .. }, Source::Wire { name: other, bit: next, .. }) => {
                name == other && bit + self.count == *next
            }
            _ => false,
        }
    }

    /// Takes that bit in.
    pub fn extend(&mut self, next: &Source) {
        if let (Source::Known(all), Source::Known(bit)) = (&mut self.source, next) {
            *all |= bit << self.count;
        }
        self.count += 1;
    }
}

/// A number on the bits of some buses, or a constant.
#[derive(Clone)]
pub(super) enum Bus<'a> {
    /// Bit `i` of the number is bit `low + i` of the pieces, which ascend; bits that no piece holds count as 0.
    Wires {
        pieces: Vec<Piece>,
        low: u32,
        width: u32,
        signed: bool,
        reads: &'a Reads,
    },
    Number(i128),
}

impl<'a> Bus<'a> {
    /// A whole bus.
    pub fn new(name: String, width: u32, signed: bool, reads: &'a Reads) -> Self {
        let whole = Piece { at: 0, count: width, source: Source::Wire { name, full: width, bit: 0 } };
        Bus::of(vec![whole], width, signed, reads)
    }

    /// A number of `width` bits in pieces.
    pub fn of(pieces: Vec<Piece>, width: u32, signed: bool, reads: &'a Reads) -> Self {
        Bus::Wires { pieces, low: 0, width, signed, reads }
    }

    pub fn width(&self) -> u32 {
        match self {
            Bus::Wires { width, .. } => *width,
            Bus::Number(n) => width_of(*n, *n),
        }
    }

    pub fn signed(&self) -> bool {
        matches!(self, Bus::Wires { signed: true, .. } | Bus::Number(i128::MIN..0))
    }

    /// The number without its `drop` low bits, rounded down.
    pub fn high(&self, drop: u32) -> Self {
        match self {
            Bus::Number(n) => Bus::Number(n >> drop.min(127)),
            Bus::Wires { width, signed: false, .. } if drop >= *width => Bus::Number(0),
            Bus::Wires { pieces, low, width, signed, reads } => {
                let drop = drop.min(width - 1);
                let (pieces, low, width) = (pieces.clone(), low + drop, width - drop);
                Bus::Wires { pieces, low, width, signed: *signed, reads }
            }
        }
    }

    /// Bit `i`, beyond the top extended by sign or zero.
    pub fn bit(&self, i: u32) -> String {
        self.slice(i, 1)
    }

    /// The sign: 1 if the number is negative.
    pub fn sign(&self) -> String {
        if self.signed() { self.slice(self.width().saturating_sub(1), 1) } else { "1'b0".into() }
    }

    /// Bits `from..from + count`, beyond the top extended.
    pub fn slice(&self, from: u32, count: u32) -> String {
        concat(self.parts(from, count))
    }

    /// `self << shift` in `count` bits.
    pub fn shifted(&self, shift: u32, count: u32) -> String {
        if let Bus::Number(n) = self {
            return number(n << shift.min(64), count);
        }
        let zeros = shift.min(count);
        let mut parts = self.parts(0, count - zeros);
        if zeros > 0 {
            parts.push(format!("{zeros}'b0"));
        }
        concat(parts)
    }

    fn parts(&self, from: u32, count: u32) -> Vec<String> {
        let Bus::Wires { low, width, signed, .. } = self else {
            let Bus::Number(n) = self else { return vec![] };
            return if count == 0 { vec![] } else { vec![number(n >> from.min(127), count)] };
        };
        let inside = (from + count).min(*width).saturating_sub(from);
        let mut parts = Vec::new();
        match count - inside {
            0 => {}
            n if !signed => parts.push(format!("{n}'b0")),
            n => {
                let sign = concat(self.pieces(low + width - 1, 1));
                parts.push(if n == 1 { sign } else { format!("{{{n}{{{sign}}}}}") });
            }
        }
        if inside > 0 {
            parts.extend(self.pieces(low + from, inside));
        }
        parts
    }

    /// Bits `from..from + count` of the pieces, the highest first.
    fn pieces(&self, from: u32, count: u32) -> Vec<String> {
        let Bus::Wires { pieces, reads, .. } = self else { return vec![] };
        let mut parts = Vec::new();
        let mut end = from + count;
        for piece in pieces.iter().rev() {
            let (first, last) = (piece.at.max(from), (piece.at + piece.count).min(end));
            if first >= last {
                continue;
            }
            if last < end {
                parts.push(format!("{}'b0", end - last));
            }
            parts.push(match &piece.source {
                Source::Wire { name, full, bit } => {
                    let bit = bit + first - piece.at;
                    reads.mark(name, bit, last - first);
                    part(name, *full, bit, last - first)
                }
                Source::Known(value) => number((value >> (first - piece.at)).into(), last - first),
            });
            end = first;
        }
        if end > from {
            parts.push(format!("{}'b0", end - from));
        }
        parts
    }
}

fn concat(parts: Vec<String>) -> String {
    if parts.len() == 1 { parts.concat() } else { format!("{{{}}}", parts.join(", ")) }
}

/// A literal of `width` bits, two's complement.
pub(super) fn number(value: i128, width: u32) -> String {
    format!("{width}'h{:x}", value as u128 & (u128::MAX >> (128 - width.clamp(1, 128))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_extend_by_sign_and_unread_bits_are_listed() {
        let reads = Reads::default();
        for (name, width) in [("s", 6), ("u", 6), ("one", 1), ("idle", 3)] {
            reads.declare(name, width);
        }
        let s = Bus::new("s".into(), 6, true, &reads);
        let u = Bus::new("u".into(), 6, false, &reads);
        let one = Bus::new("one".into(), 1, true, &reads);
        assert_eq!(s.slice(3, 5), "{{2{s[5]}}, s[5:3]}");
        assert_eq!(s.high(2).slice(1, 4), "{s[5], s[5:3]}");
        assert_eq!(u.shifted(2, 9), "{1'b0, u, 2'b0}");
        assert_eq!((one.shifted(0, 1), one.slice(0, 3)), ("one".into(), "{{2{one}}, one}".into()));
        assert_eq!(Bus::Number(-3).shifted(1, 8), "8'hfa");
        assert_eq!(u.high(6).slice(0, 2), "2'h0");
        assert_eq!(reads.unread(), ["idle", "s[2:0]"]);
        // Six bits stored of a number of nine.
        let wire =
            |name: &str, at, count, bit| Piece { at, count, source: Source::Wire { name: name.into(), full: 6, bit } };
        let stored = Bus::of(vec![wire("s", 3, 6, 0)], 9, true, &reads);
        assert_eq!(stored.shifted(1, 12), "{{2{s[5]}}, s, 3'b0, 1'b0}");
        assert_eq!((stored.high(5).slice(0, 4), stored.slice(0, 2)), ("s[5:2]".into(), "2'b0".into()));
        // Two bits of one bus below a known one, a gap and the top of another.
        let known = Piece { at: 2, count: 1, source: Source::Known(1) };
        let mixed = Bus::of(vec![wire("u", 0, 2, 1), known, wire("s", 4, 3, 3)], 7, true, &reads);
        assert_eq!(mixed.slice(0, 9), "{{2{s[5]}}, s[5:3], 1'b0, 1'h1, u[2:1]}");
        assert_eq!((mixed.high(1).slice(0, 3), mixed.sign()), ("{1'b0, 1'h1, u[2]}".into(), "s[5]".into()));
    }
}

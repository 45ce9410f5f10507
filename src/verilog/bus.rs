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

/// A number on some bits of a named bus, or a constant.
#[derive(Clone)]
pub(super) enum Bus<'a> {
    /// Bit `i` of the number is bit `low + i` of the bus; bits that are not there were never stored and count as 0.
    Wires {
        name: String,
        full: u32,
        low: i64,
        width: u32,
        signed: bool,
        reads: &'a Reads,
    },
    Number(i128),
}

impl<'a> Bus<'a> {
    /// A whole bus.
    pub fn new(name: String, width: u32, signed: bool, reads: &'a Reads) -> Self {
        Bus::Wires { name, full: width, low: 0, width, signed, reads }
    }

    /// A bus that holds a number of `width` bits without its `unread` low ones.
    pub fn without_low(name: String, width: u32, unread: u32, signed: bool, reads: &'a Reads) -> Self {
        Bus::Wires { name, full: width - unread, low: -i64::from(unread), width, signed, reads }
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
            Bus::Wires { name, full, low, width, signed, reads } => {
                let drop = drop.min(width - 1);
                let (name, low, width) = (name.clone(), low + i64::from(drop), width - drop);
                Bus::Wires { name, full: *full, low, width, signed: *signed, reads }
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
        let Bus::Wires { name, full, low, width, signed, reads } = self else {
            let Bus::Number(n) = self else { return vec![] };
            return if count == 0 { vec![] } else { vec![number(n >> from.min(127), count)] };
        };
        let inside = (from + count).min(*width).saturating_sub(from);
        let beyond = count - inside;
        let mut parts = Vec::new();
        match beyond {
            0 => {}
            n if !signed => parts.push(format!("{n}'b0")),
            n => {
                let top = (low + i64::from(*width) - 1).max(0) as u32;
                reads.mark(name, top, 1);
                let sign = part(name, *full, top, 1);
                parts.push(if n == 1 { sign } else { format!("{{{n}{{{sign}}}}}") });
            }
        }
        let at = low + i64::from(from);
        let absent = (-at).clamp(0, inside.into()) as u32;
        if inside > absent {
            let at = at.max(0) as u32;
            reads.mark(name, at, inside - absent);
            parts.push(part(name, *full, at, inside - absent));
        }
        if absent > 0 {
            parts.push(format!("{absent}'b0"));
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
        let stored = Bus::without_low("s".into(), 9, 3, true, &reads);
        assert_eq!(stored.shifted(1, 12), "{{2{s[5]}}, s, 3'b0, 1'b0}");
        assert_eq!((stored.high(5).slice(0, 4), stored.slice(0, 2)), ("s[5:2]".into(), "2'b0".into()));
    }
}

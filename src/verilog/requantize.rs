//! ReLU, rounding and overflow as text. No comparators: the bits above the range say whether it is left.

use std::fmt::Write as _;

use super::bus::{Bus, Reads, number};
use super::print::{Kind, Module};
use crate::fixed::{Overflow, QFormat, Rounding, shift_round};
use crate::hw::{Op, width_of};

/// Text of the value, in `width` bits, of a requantizer called `name`; declares the wires that it needs.
///
/// * `acc`, `range`: the accumulator and its smallest and largest value
pub(super) fn requantizer<'a>(
    m: &mut Module,
    reads: &'a Reads,
    name: &str,
    op: &Op,
    (mut acc, mut range): (Bus<'a>, (i64, i64)),
    width: u32,
) -> String {
    let Op::Requantize { invert, shift, relu, rounding, overflow, format, .. } = *op else { return number(0, width) };
    let modes = Modes { shift, relu, rounding, overflow, format };
    let mut wire = |suffix: &str, bits: u32, signed: bool, text: &str| {
        let name = format!("{name}{suffix}");
        m.declare(&name, Kind::Wire, bits);
        reads.declare(&name, bits);
        let _ = writeln!(m.body, "assign {name} = {text};");
        Bus::new(name, bits, signed, reads)
    };
    if invert {
        range = (!range.1, !range.0);
        let bits = width_of(range.0.into(), range.1.into());
        acc = wire("_i", bits, range.0 < 0, &format!("~{}", acc.slice(0, bits)));
    }
    let q = match modes.rounded(&acc, range) {
        Rounded::View(bus) => bus,
        Rounded::Sum(text, width, signed) => wire("_q", width, signed, &text),
    };
    modes.limited(&q, modes.rounded_range(range), width)
}

/// The modes of one requantization.
#[derive(Clone, Copy)]
struct Modes {
    shift: i32,
    relu: bool,
    rounding: Rounding,
    overflow: Overflow,
    format: QFormat,
}

/// The rounded accumulator: a view of its bits, or a sum that needs a wire of its own.
enum Rounded<'a> {
    View(Bus<'a>),
    /// Text, width, signed.
    Sum(String, u32, bool),
}

impl Modes {
    /// Smallest and largest rounded value.
    fn rounded_range(&self, range: (i64, i64)) -> (i128, i128) {
        let round = |v: i64| shift_round(v.into(), self.shift, self.rounding);
        (round(range.0), round(range.1))
    }

    /// The accumulator `a`, shifted and rounded exactly, before ReLU.
    fn rounded<'a>(&self, a: &Bus<'a>, range: (i64, i64)) -> Rounded<'a> {
        let (low, high) = self.rounded_range(range);
        let width = width_of(low, high);
        if self.shift <= 0 {
            let zeros = self.shift.unsigned_abs();
            return if zeros == 0 {
                Rounded::View(a.clone())
            } else {
                Rounded::Sum(a.shifted(zeros, width), width, low < 0)
            };
        }
        let s = self.shift.unsigned_abs();
        // A bit that is asked for counts as read: only what the mode needs.
        let up = match self.rounding {
            Rounding::Truncate => return Rounded::View(a.high(s)),
            Rounding::HalfUp => a.bit(s - 1),
            Rounding::HalfEven if s == 1 => format!("({} & {})", a.bit(0), a.bit(1)),
            Rounding::HalfEven => format!("({} & ({} | (|{})))", a.bit(s - 1), a.bit(s), a.slice(0, s - 1)),
        };
        let up = if width == 1 { up } else { format!("{{{}'b0, {up}}}", width - 1) };
        Rounded::Sum(format!("{} + {up}", a.slice(s, width)), width, low < 0)
    }

    /// ReLU and overflow of the rounded value `q`, which lies in `range`, in `width` bits.
    fn limited(&self, q: &Bus, range: (i128, i128), width: u32) -> String {
        let (min, max) = (i128::from(self.format.min()), i128::from(self.format.max()));
        let negative = range.0 < 0;
        let zero = number(0, width);
        let mut text = q.slice(0, width);
        if self.overflow == Overflow::Wrap {
            return if self.relu && negative { format!("{} ? {zero} : {text}", q.sign()) } else { text };
        }
        // Bits that hold the magnitude in the format, and in `q`.
        let kept = self.format.width - u32::from(self.format.signed);
        let above = (q.width() - u32::from(q.signed())).saturating_sub(kept);
        let clamp = self.relu || !self.format.signed;
        if range.1 > max {
            let sign = if negative && !clamp { format!("~{} & ", q.sign()) } else { String::new() };
            text = format!("({sign}(|{})) ? {} : {text}", q.slice(kept, above), number(max, width));
        }
        if !negative {
            return text;
        }
        if clamp {
            return format!("{} ? {zero} : ({text})", q.sign());
        }
        let low = if self.overflow == Overflow::SaturateSymmetric { -max } else { min };
        if range.0 >= low {
            return text;
        }
        let mut below = Vec::new();
        if above > 0 {
            below.push(format!("~(&{})", q.slice(kept, above)));
        }
        if low != min {
            // Symmetric: the most negative number, all kept bits 0, is too low as well.
            below.push(if kept == 0 { "1'b1".into() } else { format!("~(|{})", q.slice(0, kept)) });
        }
        format!("({} & ({})) ? {} : ({text})", q.sign(), below.join(" | "), number(low, width))
    }
}

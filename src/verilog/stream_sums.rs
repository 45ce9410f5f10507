//! The dense layer of a streamed design that adds up positions as they come.

use std::fmt::Write as _;

use super::bus::number;
use super::print::Kind;
use super::streamed::Top;
use crate::fixed::QFormat;
use crate::hw::stream::{Product, Sums, bits_of, digits};

/// The text of a word of weights at a position: the products of all outputs, the first lowest.
fn word(sums: &Sums, position: usize) -> String {
    // Bit by bit: words are wider than any number here.
    let mut bits: Vec<bool> = Vec::new();
    for (o, row) in sums.products.iter().enumerate() {
        for p in row {
            let digits = digits(sums.weights[position][o][p.channel]);
            for k in 0..p.digits.len() {
                let code = digits.get(k).map_or(0, |d| d & 3);
                bits.extend([code & 1 == 1, code >> 1 == 1]);
            }
        }
    }
    let digit = |four: &[bool]| four.iter().rev().fold(0, |d, b| 2 * d + u32::from(*b));
    let digits: String = bits.chunks(4).rev().map(|four| char::from_digit(digit(four), 16).unwrap_or('0')).collect();
    format!("{}'h{digits}", bits.len())
}

/// The text of the product of a weight and a value; declares what it needs.
///
/// * `weights`: bits of the word, and the first of the weight
/// * `values`: bits of the position, the first of the value, and its format
fn product(top: &mut Top, p: &Product, weights: (u32, u32), values: (u32, u32, QFormat), name: &str) -> String {
    let ((all, first), (bits, low, x)) = (weights, values);
    let partial = p.partial();
    let mut before = String::new();
    for (k, range) in p.digits.iter().enumerate() {
        let (term, width, up) = (format!("{name}_d{k}"), bits_of(*range), 2 * k as u32);
        if *range == (0, 0) {
            // No position has this digit.
            if k == 0 {
                top.assign(&term, width, "1'b0");
                before = term;
            }
            continue;
        }
        let digit = top.part(("weights", all), first + up, (2, false), 2);
        let value = top.part(("values", bits), low, (x.width, x.signed), width);
        // A term without room for it never is the double.
        let double = match width > x.width {
            true => {
                let value = top.part(("values", bits), low, (x.width, x.signed), width - 1);
                format!("{digit} == 2'd2 ? {{{value}, 1'b0}} : ")
            }
            false => String::new(),
        };
        let text = format!("{digit} == 2'd0 ? {width}'b0 : {digit} == 2'd1 ? {value} : {double}~{value}");
        top.assign(&term, width, &text);
        if k == 0 {
            before = term;
            continue;
        }
        let (next, to) = (format!("{name}_p{k}"), bits_of(partial[k]));
        let (held, signed) = (bits_of(partial[k - 1]), partial[k - 1].0 < 0);
        let high = match held > up {
            true => top.part((&before, held), up, (held - up, signed), to - up),
            false if signed => {
                let sign = top.part((&before, held), held - 1, (1, false), 1);
                format!("{{{}{{{sign}}}}}", to - up)
            }
            false => format!("{}'b0", to - up),
        };
        let upper = top.part((&term, width), 0, (width, range.0 < 0), to - up);
        let rest = top.part((&before, held), 0, (up.min(held), signed), up);
        top.assign(&next, to, &format!("{{{high} + {upper}, {rest}}}"));
        before = next;
    }
    before
}

/// Memory, multipliers, trees and accumulators; returns the accumulators as lanes of `lane` bits and the token of the cycle in
/// which they are whole.
///
/// * `last`: the stream, its lanes of `from` bits
/// * `token`: high one cycle before its first position
pub(super) fn sums(top: &mut Top, sums: &Sums, (last, from): (&str, u32), token: &str, lane: u32) -> (String, String) {
    let (depth, levels) = (sums.depth(), sums.levels() as usize);
    let products = &sums.products;
    let (row_bits, column_bits) = top.place_bits();
    let address = row_bits + column_bits;
    let (all, grid_columns) = (sums.word(), top.last_columns());
    top.note("Weights of the position, its values, and their products");
    let values = from * sums.channels.len() as u32;
    top.register("values", values, last);
    top.reads.declare("values", values);
    for name in ["end_valid", "end_last"] {
        top.reads.mark(name, 0, 1);
    }
    if all > 0 {
        top.reads.mark("end_row", 0, row_bits);
        top.reads.mark("end_column", 0, column_bits);
        top.m.declare("weights", Kind::Reg, all);
        top.reads.declare("weights", all);
        let _ = writeln!(top.m.body, "always @(posedge clk) case ({{end_row, end_column}})");
        for position in 0..sums.weights.len() {
            let at = (position as u32 / grid_columns) << column_bits | position as u32 % grid_columns;
            let _ = writeln!(top.m.body, "  {}: weights <= {};", number(at.into(), address), word(sums, position));
        }
        let _ = writeln!(top.m.body, "  default: weights <= {all}'h0;\nendcase");
    }
    let (mut at, mut whole) = (0, Vec::new());
    for (o, row) in products.iter().enumerate() {
        let mut names: Vec<(String, (i128, i128))> = Vec::new();
        for p in row {
            let name = format!("m{o}_{}", p.channel);
            let text = product(top, p, (all, at), (values, from * p.channel as u32, sums.channels[p.channel]), &name);
            at += p.weight_bits();
            top.register(&name, bits_of(p.range()), &text);
            names.push((name, p.range()));
        }
        for (k, level) in sums.tree(row).iter().enumerate().skip(1) {
            let mut next = Vec::new();
            for (j, (pair, range)) in names.chunks(2).zip(level).enumerate() {
                let width = bits_of(*range);
                let terms: Vec<String> = pair
                    .iter()
                    .map(|(name, r)| top.part((name, bits_of(*r)), 0, (bits_of(*r), r.0 < 0), width))
                    .collect();
                let name = format!("t{o}_{k}_{j}");
                top.register(&name, width, &terms.join(" + "));
                next.push((name, *range));
            }
            names = next;
        }
        let (name, width) = (format!("sum_{o}"), sums.accumulators[o].width);
        let term = match names.first() {
            Some((name, r)) => top.part((name, bits_of(*r)), 0, (bits_of(*r), r.0 < 0), width),
            None => format!("{width}'b0"),
        };
        top.m.declare(&name, Kind::Reg, width);
        let begin = number(sums.begin(o), width);
        let _ = writeln!(top.clocked, "  if (sum_valid) {name} <= (sum_first ? {begin} : {name}) + {term};");
        whole.push(top.part((&name, width), 0, (width, true), lane));
    }
    debug_assert_eq!(levels as u32 + 3, depth);
    top.token("sum_valid", "end_valid", depth - 1);
    top.token("sum_first", token, depth);
    top.token("sum_last", "end_last", depth);
    whole.reverse();
    let whole = if whole.len() == 1 { whole.concat() } else { format!("{{{}}}", whole.join(", ")) };
    (whole, "sum_last".to_owned())
}

//! The dense layer of a streamed design that adds up positions as they come.

use std::fmt::Write as _;

use super::bus::number;
use super::print::Kind;
use super::streamed::Top;
use crate::hw::stream::{Sums, bits_of};

/// The text of a word of weights at a position: the products of all outputs, the first lowest.
fn word(sums: &Sums, position: usize) -> String {
    // Bit by bit: words are wider than any number here.
    let mut bits: Vec<bool> = Vec::new();
    for (o, row) in sums.products().iter().enumerate() {
        for p in row {
            let weight = sums.weights[position][o][p.channel];
            bits.extend((0..p.weight_bits()).map(|i| weight >> i & 1 == 1));
        }
    }
    let digit = |four: &[bool]| four.iter().rev().fold(0, |d, b| 2 * d + u32::from(*b));
    let digits: String = bits.chunks(4).rev().map(|four| char::from_digit(digit(four), 16).unwrap_or('0')).collect();
    format!("{}'h{digits}", bits.len())
}

/// Memory, multipliers, trees and accumulators; returns the accumulators as lanes of `lane` bits and the token of the cycle in
/// which they are whole.
///
/// * `last`: the stream, its lanes of `from` bits
/// * `token`: high one cycle before its first position
pub(super) fn sums(top: &mut Top, sums: &Sums, (last, from): (&str, u32), token: &str, lane: u32) -> (String, String) {
    let (depth, levels) = (sums.depth(), sums.levels() as usize);
    let products = sums.products();
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
            let width = bits_of(p.range);
            let x = sums.channels[p.channel];
            let weight = top.part(("weights", all), at, (p.weight_bits(), p.weight.0 < 0), width);
            let value = top.part(("values", values), from * p.channel as u32, (x.width, x.signed), width);
            at += p.weight_bits();
            let name = format!("m{o}_{}", p.channel);
            top.register(&name, width, &format!("$signed({weight}) * $signed({value})"));
            names.push((name, p.range));
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
        let _ = writeln!(top.clocked, "  if (sum_valid) {name} <= (sum_first ? {width}'b0 : {name}) + {};", term);
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

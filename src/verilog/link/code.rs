//! The codes of an event, joined to one chunk.
//!
//! ```text
//! y ─► a table for each number ─► code, or escape and number ─► pairs ─► pairs of pairs ─► chunk, bits
//!      1 cycle                    1 cycle                       1 cycle a level
//! ```
//!
//! A chunk has its first bit lowest and zeros above its last. Where the first of a pair always has as many bits, joining takes no
//! logic.

use std::fmt::Write as _;

use super::wave;
use crate::link::{Link, Number, NumberCode, PrefixCode, Waveform};
use crate::verilog::bus::number;
use crate::verilog::print::{Kind, Module};

/// Bits of a number up to `most`.
pub(super) fn count_bits(most: u32) -> u32 {
    32 - most.leading_zeros()
}

/// Cycles from the numbers to the chunk.
pub(super) fn latency(link: &Link) -> u32 {
    let items = link.numbers.len() + usize::from(link.zero_suppression);
    front(link) + items.next_power_of_two().trailing_zeros()
}

/// Cycles from the numbers to their codes.
fn front(link: &Link) -> u32 {
    let cycles = |n: &Number| if let NumberCode::Waveform(wave) = &n.code { wave::latency(wave) } else { TABLE_CYCLES };
    link.numbers.iter().map(cycles).max().unwrap_or(TABLE_CYCLES)
}

/// Cycles from a number to its code out of a table.
const TABLE_CYCLES: u32 = 2;

/// A part of the chunk.
struct Item {
    /// Register with its bits, zeros above them.
    chunk: String,
    /// Most bits.
    width: u32,
    /// Register that counts them; `None` if they are always `width`.
    bits: Option<String>,
}

/// The module: `clk`, `y`, `chunk`, `bits`; of waveforms `resetn`, `valid` and `first` too.
pub(super) fn module(name: &str, link: &Link, lane: u32, header: &[String]) -> String {
    let worst = link.worst_event_bits() as u32;
    let mut m = Module::default();
    m.declare("clk", Kind::Input, 1);
    if link.has_waveforms() {
        ["resetn", "valid", "first"].iter().for_each(|port| m.declare(port, Kind::Input, 1));
    }
    m.declare("y", Kind::Input, lane * link.numbers.len() as u32);
    m.declare("chunk", Kind::Output, worst);
    m.declare("bits", Kind::Output, count_bits(worst));
    let mut print = Print { m, clocked: String::new(), link };
    let mut items: Vec<Item> = Vec::new();
    if link.zero_suppression {
        items.push(print.bitmap(lane));
    }
    items.extend(link.numbers.iter().enumerate().map(|(i, number)| print.number(i, lane * i as u32, number)));
    let mut level = 0;
    while items.len() > 1 {
        level += 1;
        let mut next = Vec::new();
        let mut rest = items.into_iter();
        while let Some(first) = rest.next() {
            next.push(print.join(level, next.len(), first, rest.next()));
        }
        items = next;
    }
    let last = items.remove(0);
    let bits = last.bits.unwrap_or_else(|| number(worst.into(), count_bits(worst)));
    // Bits of a lane above its number are its sign.
    let above: Vec<String> = link
        .numbers
        .iter()
        .enumerate()
        .filter(|(_, n)| n.format.width < lane)
        .map(|(i, n)| format!("y[{}:{}]", (i as u32 + 1) * lane - 1, i as u32 * lane + n.format.width))
        .collect();
    let Print { mut m, clocked, .. } = print;
    if !above.is_empty() {
        m.declare("unused", Kind::Wire, 1);
        let _ = writeln!(m.body, "assign unused = &{{1'b0, {}}};", above.join(", "));
    }
    let _ = write!(
        m.body,
        "assign chunk = {};\nassign bits = {bits};\nalways @(posedge clk) begin\n{clocked}end\n",
        last.chunk
    );
    m.text(name, header)
}

struct Print<'a> {
    m: Module,
    clocked: String,
    link: &'a Link,
}

impl Print<'_> {
    fn register(&mut self, name: &str, width: u32, next: &str) {
        self.m.declare(name, Kind::Reg, width);
        let _ = writeln!(self.clocked, "  {name} <= {next};");
    }

    fn wire(&mut self, name: &str, width: u32, text: &str) {
        self.m.declare(name, Kind::Wire, width);
        let _ = writeln!(self.m.body, "assign {name} = {text};");
    }

    /// A bit for each number that says whether it is not 0.
    fn bitmap(&mut self, lane: u32) -> Item {
        let n = self.link.numbers.len();
        let some = |i: usize| {
            let low = i as u32 * lane;
            format!("|y[{}:{low}]", low + self.link.numbers[i].format.width - 1)
        };
        let bits: Vec<String> = (0..n).rev().map(some).collect();
        self.register("map_some", n as u32, &format!("{{{}}}", bits.join(", ")));
        self.register("map_chunk", n as u32, "map_some");
        Item { chunk: "map_chunk".into(), width: n as u32, bits: None }
    }

    fn number(&mut self, i: usize, low: u32, number: &Number) -> Item {
        let width = number.format.width;
        let raw = match width {
            1 => format!("y[{low}]"),
            _ => format!("y[{}:{low}]", low + width - 1),
        };
        let some = self.link.zero_suppression.then(|| format!("map_some[{i}]"));
        match &number.code {
            NumberCode::Fixed => self.fixed(i, width, &raw, some),
            NumberCode::Prefix(code) => self.prefix(i, &raw, number, code, some),
            NumberCode::Waveform(wave) => self.waveform(i, &raw, number, wave),
        }
    }

    fn fixed(&mut self, i: usize, width: u32, raw: &str, some: Option<String>) -> Item {
        self.register(&format!("n{i}_raw"), width, raw);
        // What is 0 is zeros already.
        self.register(&format!("n{i}_chunk"), width, &format!("n{i}_raw"));
        let bits = some.map(|some| {
            let wide = count_bits(width);
            let text = format!("{some} ? {} : {wide}'d0", number(width.into(), wide));
            self.register(&format!("n{i}_bits"), wide, &text);
            format!("n{i}_bits")
        });
        Item { chunk: format!("n{i}_chunk"), width, bits }
    }

    fn prefix(&mut self, i: usize, raw: &str, of: &Number, code: &PrefixCode, some: Option<String>) -> Item {
        let format = of.format;
        let (codes, n) = (code.codes(), code.lengths.len());
        let longest = code.lengths.iter().copied().max().unwrap_or(0).max(1);
        let most = (0..n).map(|at| code.bits(at, format)).max().unwrap_or(1);
        let longest = u32::from(longest);
        let entry = format!("n{i}_entry");
        self.register(&format!("n{i}_raw"), format.width, raw);
        // Length and code; length 0 is the escape.
        self.m.declare(&entry, Kind::Reg, 4 + longest);
        let _ = writeln!(self.clocked, "  case ({raw})");
        let value = |at: usize| format.min() + at as i64;
        let text = |at: usize| {
            let (length, code) = (code.lengths[at], if code.lengths[at] > 0 { codes[at] } else { 0 });
            format!("{{{}, {}}}", number(length.into(), 4), number(code.into(), longest))
        };
        // The last one by `default`: a list of all would leave the rest without a value.
        for at in 0..n - 1 {
            let _ = writeln!(self.clocked, "    {}: {entry} <= {};", number(format.to_bits(value(at)).into(), format.width), text(at));
        }
        let _ = writeln!(self.clocked, "    default: {entry} <= {};", text(n - 1));
        self.clocked += "  endcase\n";
        let wide = count_bits(most);
        let length = format!("{entry}[{}:{longest}]", longest + 3);
        let (mut chunk, mut bits) = (pad(&format!("{entry}[{}:0]", longest - 1), longest, most), pad(&length, 4, wide));
        if wide < 4 {
            bits = format!("{entry}[{}:{longest}]", longest + wide - 1);
        }
        if code.escape > 0 {
            let escape = u32::from(code.escape);
            let escaped = format!("n{i}_escaped");
            self.wire(&escaped, 1, &format!("~(|{length})"));
            let whole = format!("{{n{i}_raw, {}}}", number(codes[n].into(), escape));
            chunk = format!("{escaped} ? {} : {chunk}", pad(&whole, escape + format.width, most));
            bits = format!("{escaped} ? {} : {bits}", number((escape + format.width).into(), wide));
        } else {
            self.wire(&format!("n{i}_unused"), 1, &format!("&{{1'b0, n{i}_raw}}"));
        }
        if let Some(some) = &some {
            chunk = format!("{some} ? ({chunk}) : {most}'d0");
            bits = format!("{some} ? ({bits}) : {wide}'d0");
        }
        self.register(&format!("n{i}_chunk"), most, &chunk);
        self.register(&format!("n{i}_bits"), wide, &bits);
        Item { chunk: format!("n{i}_chunk"), width: most, bits: Some(format!("n{i}_bits")) }
    }

    fn waveform(&mut self, i: usize, raw: &str, of: &Number, wave: &Waveform) -> Item {
        let lane = format!("n{i}");
        let most = wave.worst_bits(of.format);
        let (text, all, quantized) = wave::instance(&lane, raw, wave, of.format);
        if quantized {
            self.m.declare(&format!("{lane}_q"), Kind::Wire, of.format.width);
            self.m.declare(&format!("{lane}_valid"), Kind::Wire, 1);
            self.m.declare(&format!("{lane}_first"), Kind::Wire, 1);
        }
        let (chunk, bits) = (format!("{lane}_all"), format!("{lane}_count"));
        self.m.declare(&chunk, Kind::Wire, all);
        self.m.declare(&bits, Kind::Wire, 6);
        self.m.declare(&format!("{lane}_coded"), Kind::Wire, 1);
        self.m.body += &text;
        let mut unused = vec![format!("{lane}_coded"), chunk.clone(), bits.clone()];
        unused.extend(quantized.then(|| format!("{lane}_q")));
        self.wire(&format!("{lane}_unused"), 1, &format!("&{{1'b0, {}}}", unused.join(", ")));
        let wide = count_bits(most);
        let low = |name: &str, to: u32, of: u32| if to == of { name.to_owned() } else { format!("{name}[{}:0]", to - 1) };
        let mut item = (low(&chunk, most, all), low(&bits, wide, 6));
        // The others may take longer.
        for k in wave::latency(wave)..front(self.link) {
            let next = (format!("{lane}_chunk{k}"), format!("{lane}_bits{k}"));
            self.register(&next.0, most, &item.0);
            self.register(&next.1, wide, &item.1);
            item = next;
        }
        Item { chunk: item.0, width: most, bits: Some(item.1) }
    }

    /// Two parts, or one that waits for the others of its level.
    fn join(&mut self, level: u32, k: usize, first: Item, second: Option<Item>) -> Item {
        let (chunk, bits) = (format!("m{level}_{k}_chunk"), format!("m{level}_{k}_bits"));
        let Some(second) = second else {
            self.register(&chunk, first.width, &first.chunk);
            let bits = first.bits.map(|of| {
                self.register(&bits, count_bits(first.width), &of);
                bits
            });
            return Item { chunk, width: first.width, bits };
        };
        let width = first.width + second.width;
        match &first.bits {
            None => self.register(&chunk, width, &format!("{{{}, {}}}", second.chunk, first.chunk)),
            Some(by) => {
                let low = pad(&first.chunk, first.width, width);
                let high = pad(&second.chunk, second.width, width);
                self.register(&chunk, width, &format!("{low} | ({high} << {by})"));
            }
        }
        let wide = count_bits(width);
        let count = |item: &Item| match &item.bits {
            Some(name) => pad(name, count_bits(item.width), wide),
            None => number(item.width.into(), wide),
        };
        let bits = match (&first.bits, &second.bits) {
            (None, None) => None,
            _ => {
                let text = format!("{} + {}", count(&first), count(&second));
                self.register(&bits, wide, &text);
                Some(bits)
            }
        };
        Item { chunk, width, bits }
    }
}

/// `text` of `width` bits with zeros above to `to`.
fn pad(text: &str, width: u32, to: u32) -> String {
    if width >= to { text.to_owned() } else { format!("{{{}'d0, {text}}}", to - width) }
}

//! The codes of an event, joined to one chunk.
//!
//! ```text
//! y ─► a table for each number ─► [code, or escape and number] ─► pairs ─► pairs of pairs ─► chunk, bits
//!      1 cycle                    1 cycle if any has an escape    1 cycle for every three bits of the widest shift of a level
//! ```
//!
//! A chunk has its first bit lowest and zeros above its last. What is counted is how many bits a part has above the fewest that it
//! can have: so counts and shifts are as narrow as they can be, and where the first of a pair always has as many bits joining
//! takes no logic.

use std::fmt::Write as _;

use super::wave;
use crate::fixed::QFormat;
use crate::link::{Link, Number, NumberCode, PrefixCode, Waveform};
use crate::verilog::bus::number;
use crate::verilog::print::{Kind, Module};

/// Bits of a shift that fit in a cycle.
const SHIFT_BITS: u32 = 3;

/// Widest number whose table is logic, 16 LUT4 a bit at most. A wider one fills block RAM, which is slower.
const WIDEST_LOGIC: u32 = 8;

/// Widest number with one table; a wider one in logic has one for each value of its highest bit. A table of 256 words would
/// become block RAM, nearly empty.
const WIDEST_CASE: u32 = 7;

/// Bits of a number up to `most`.
pub(super) fn count_bits(most: u32) -> u32 {
    32 - most.leading_zeros()
}

/// Cycles from the numbers to the chunk.
pub(super) fn latency(link: &Link) -> u32 {
    front(link) + level_ranks(link).iter().sum::<u32>()
}

/// Cycles from the numbers to their codes.
fn front(link: &Link) -> u32 {
    let wave = |n: &Number| if let NumberCode::Waveform(wave) = &n.code { Some(wave::latency(wave)) } else { None };
    link.numbers.iter().filter_map(wave).max().unwrap_or(1 + u32::from(has_second_rank(link)))
}

/// Whether something is done with a number's table entry before it is joined.
fn has_second_rank(link: &Link) -> bool {
    let escapes = |n: &Number| matches!(&n.code, NumberCode::Prefix(code) if code.escape > 0);
    link.zero_suppression || link.numbers.iter().any(|n| escapes(n) || is_block(n))
}

/// Whether the table of a number is a memory.
fn is_block(number: &Number) -> bool {
    matches!(number.code, NumberCode::Prefix(_)) && number.format.width > WIDEST_LOGIC
}

/// Fewest and most bits of a part.
#[derive(Clone, Copy)]
struct Span {
    least: u32,
    most: u32,
}

impl Span {
    fn of(number: &Number, zero_suppression: bool) -> Self {
        let bits = |code: &PrefixCode, at| code.bits(at, number.format);
        let (least, most) = match &number.code {
            NumberCode::Fixed => (number.format.width, number.format.width),
            NumberCode::Prefix(code) => {
                let all = || (0..code.lengths.len()).map(|at| bits(code, at));
                (all().min().unwrap_or(1), all().max().unwrap_or(1))
            }
            NumberCode::Waveform(wave) => (0, wave.worst_bits(number.format)),
        };
        Span { least: if zero_suppression { 0 } else { least }, most }
    }

    fn join(self, other: Span) -> Self {
        Span { least: self.least + other.least, most: self.most + other.most }
    }

    /// Bits of the count of what it has above the fewest.
    fn extra_bits(self) -> u32 {
        count_bits(self.most - self.least)
    }
}

/// Cycles of each level of the tree: as many as its widest shift needs.
fn level_ranks(link: &Link) -> Vec<u32> {
    let bitmap = link.zero_suppression.then(|| link.numbers.len() as u32).map(|n| Span { least: n, most: n });
    let numbers = link.numbers.iter().map(|n| Span::of(n, link.zero_suppression));
    let mut spans: Vec<Span> = bitmap.into_iter().chain(numbers).collect();
    let mut ranks = Vec::new();
    while spans.len() > 1 {
        let widest = spans.chunks_exact(2).map(|pair| pair[0].extra_bits()).max().unwrap_or(0);
        ranks.push(widest.div_ceil(SHIFT_BITS).max(1));
        spans = spans.chunks(2).map(|pair| pair.iter().copied().reduce(Span::join).unwrap_or(pair[0])).collect();
    }
    ranks
}

/// A part of the chunk.
struct Item {
    /// Register with its bits, zeros above them; as wide as it can have.
    chunk: String,
    span: Span,
    /// Register that counts its bits above the fewest; `None` if they are always as many.
    extra: Option<String>,
}

/// The module: `clk`, `y`, `chunk`, `bits`; of waveforms `resetn`, `valid` and `first` too, and `threshold` if zeros are
/// suppressed and the threshold is `adjustable`.
pub(super) fn module(name: &str, link: &Link, lane: u32, adjustable: bool, header: &[String]) -> String {
    let worst = link.worst_event_bits() as u32;
    let mut m = Module::default();
    m.declare("clk", Kind::Input, 1);
    if link.has_waveforms() {
        ["resetn", "valid", "first"].iter().for_each(|port| m.declare(port, Kind::Input, 1));
    }
    if adjustable && link.zero_suppression {
        m.declare("threshold", Kind::Input, 16);
    }
    m.declare("y", Kind::Input, lane * link.numbers.len() as u32);
    m.declare("chunk", Kind::Output, worst);
    m.declare("bits", Kind::Output, count_bits(worst));
    let second_rank = has_second_rank(link);
    let mut print = Print { m, clocked: String::new(), link, adjustable, second_rank };
    let mut items: Vec<Item> = Vec::new();
    if link.zero_suppression {
        items.push(print.bitmap(lane));
    }
    items.extend(link.numbers.iter().enumerate().map(|(i, number)| print.number(i, lane * i as u32, number)));
    let levels = level_ranks(link);
    for (level, ranks) in levels.iter().copied().enumerate() {
        let mut next = Vec::new();
        let mut rest = items.into_iter();
        while let Some(first) = rest.next() {
            let name = format!("m{}_{}", level + 1, next.len());
            next.push(match rest.next() {
                Some(second) => print.join(&name, ranks, first, second, level + 1 == levels.len()),
                None => print.wait(&name, ranks, first),
            });
        }
        items = next;
    }
    let last = items.remove(0);
    let bits = match last.extra {
        Some(bits) if !levels.is_empty() => bits,
        extra => all_bits(extra, last.span),
    };
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
    adjustable: bool,
    second_rank: bool,
}

impl Print<'_> {
    fn register(&mut self, name: &str, width: u32, next: &str) -> String {
        self.m.declare(name, Kind::Reg, width);
        let _ = writeln!(self.clocked, "  {name} <= {next};");
        name.to_owned()
    }

    fn wire(&mut self, name: &str, width: u32, text: &str) -> String {
        self.m.declare(name, Kind::Wire, width);
        let _ = writeln!(self.m.body, "assign {name} = {text};");
        name.to_owned()
    }

    /// A bit for each number that says whether it is sent.
    fn bitmap(&mut self, lane: u32) -> Item {
        let n = self.link.numbers.len();
        let bits: Vec<String> = (0..n).rev().map(|i| self.some(i, i as u32 * lane)).collect();
        self.register("map_some", n as u32, &format!("{{{}}}", bits.join(", ")));
        let chunk = self.register("map_chunk", n as u32, "map_some");
        Item { chunk, span: Span { least: n as u32, most: n as u32 }, extra: None }
    }

    /// Whether a number is not 0, and not below the threshold.
    fn some(&mut self, i: usize, low: u32) -> String {
        let format = self.link.numbers[i].format;
        let raw = of_bus(low, format.width);
        let some = format!("|{raw}");
        if !self.has_threshold() {
            return some;
        }
        let text = match format.signed {
            true => format!("{} ? {}'d0 - {raw} : {raw}", of_bus(low + format.width - 1, 1), format.width),
            false => raw,
        };
        // It needs no more bits: that of -128 has 8.
        let size = self.wire(&format!("n{i}_size"), format.width, &text);
        let wide = format.width.max(16);
        let threshold = match self.adjustable {
            true => pad("threshold", 16, wide),
            false => number(self.link.threshold.into(), wide),
        };
        format!("({some}) & ({} >= {threshold})", pad(&size, format.width, wide))
    }

    fn has_threshold(&self) -> bool {
        self.adjustable || self.link.threshold > 1
    }

    fn number(&mut self, i: usize, low: u32, number: &Number) -> Item {
        let raw = of_bus(low, number.format.width);
        let some = self
            .link
            .zero_suppression
            .then(|| slice("map_some", self.link.numbers.len() as u32, i as u32, i as u32 + 1));
        match &number.code {
            NumberCode::Fixed => self.fixed(i, number, &raw, some),
            NumberCode::Prefix(code) => self.prefix(i, low, number, code, some),
            NumberCode::Waveform(wave) => self.waveform(i, &raw, number, wave),
        }
    }

    fn fixed(&mut self, i: usize, of: &Number, raw: &str, some: Option<String>) -> Item {
        let span = Span::of(of, some.is_some());
        let width = of.format.width;
        let mut chunk = self.register(&format!("n{i}_raw"), width, raw);
        if self.second_rank {
            // What is 0 is zeros already, but not what is below the threshold.
            let text = match &some {
                Some(some) if self.has_threshold() => format!("{chunk} & {{{width}{{{some}}}}}"),
                _ => chunk,
            };
            chunk = self.register(&format!("n{i}_chunk"), width, &text);
        }
        let extra = some.map(|some| {
            let wide = span.extra_bits();
            let text = format!("{some} ? {} : {wide}'d0", number(width.into(), wide));
            self.register(&format!("n{i}_extra"), wide, &text)
        });
        Item { chunk, span, extra }
    }

    fn prefix(&mut self, i: usize, low: u32, of: &Number, code: &PrefixCode, some: Option<String>) -> Item {
        let format = of.format;
        let width = format.width;
        let span = Span::of(of, some.is_some());
        let (codes, escape) = (code.codes(), u32::from(code.escape));
        let longest = u32::from(code.lengths.iter().copied().max().unwrap_or(0)).max(escape).max(1);
        let wide = span.extra_bits();
        // [escaped,] bits above the fewest, code.
        let entry = |at: usize| {
            let code_at = if code.lengths[at] > 0 { at } else { code.lengths.len() };
            let mut parts = vec![number(codes[code_at].into(), longest)];
            if wide > 0 {
                parts.insert(0, number((code.bits(at, format) - span.least).into(), wide));
            }
            if escape > 0 {
                parts.insert(0, number(i128::from(code.lengths[at] == 0), 1));
            }
            format!("{{{}}}", parts.join(", "))
        };
        let all = longest + wide + u32::from(escape > 0);
        let name = format!("n{i}_entry");
        self.table(&name, all, low, format, entry);
        let part = |high: u32, low: u32| match (all, high - low) {
            (1, _) => name.clone(),
            (_, 1) => format!("{name}[{low}]"),
            _ => format!("{name}[{}:{low}]", high - 1),
        };
        let mut chunk = pad(&part(longest, 0), longest, span.most);
        let mut extra = (wide > 0).then(|| part(longest + wide, longest));
        if escape > 0 {
            let raw = self.register(&format!("n{i}_raw"), width, &of_bus(low, width));
            let behind = format!("{{{raw} & {{{width}{{{}}}}}, {escape}'d0}}", part(all, all - 1));
            chunk += &format!(" | {}", pad(&behind, width + escape, span.most));
        }
        if let Some(some) = &some {
            chunk = format!("({chunk}) & {{{}{{{some}}}}}", span.most);
            extra = extra.map(|extra| format!("{extra} & {{{wide}{{{some}}}}}"));
        }
        if self.second_rank {
            chunk = self.register(&format!("n{i}_chunk"), span.most, &chunk);
            extra = extra.map(|extra| self.register(&format!("n{i}_extra"), wide, &extra));
        } else {
            chunk = self.wire(&format!("n{i}_chunk"), span.most, &chunk);
            extra = extra.map(|extra| self.wire(&format!("n{i}_extra"), wide, &extra));
        }
        Item { chunk, span, extra }
    }

    fn waveform(&mut self, i: usize, raw: &str, of: &Number, wave: &Waveform) -> Item {
        let lane = format!("n{i}");
        let span = Span::of(of, false);
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
        // Others may take longer.
        let (wide, ranks) = (span.extra_bits(), front(self.link) - wave::latency(wave));
        let chunk = self.wire(&format!("{lane}_chunk"), span.most, &slice(&chunk, all, 0, span.most));
        let extra = self.wire(&format!("{lane}_extra"), wide, &slice(&bits, 6, 0, wide));
        let (chunk, extra) = (
            self.delayed(&format!("{lane}_chunk"), ranks, span.most, chunk),
            self.delayed(&format!("{lane}_extra"), ranks, wide, extra),
        );
        Item { chunk, span, extra: Some(extra) }
    }

    /// A register with the entry of the number in `y`.
    fn table(&mut self, name: &str, width: u32, low: u32, format: QFormat, entry: impl Fn(usize) -> String) {
        self.m.declare(name, Kind::Reg, width);
        // In the order of their bits.
        let entries: Vec<String> =
            (0..1u64 << format.width).map(|bits| entry((format.from_bits(bits) - format.min()) as usize)).collect();
        let index = |width: u32| of_bus(low, width);
        if format.width > WIDEST_LOGIC {
            let range = if width > 1 { format!("[{}:0] ", width - 1) } else { String::new() };
            let _ = writeln!(self.m.body, "reg {range}{name}s[0:{}];\ninitial begin", entries.len() - 1);
            for (at, text) in entries.iter().enumerate() {
                let _ = writeln!(self.m.body, "  {name}s[{at}] = {text};");
            }
            self.m.body += "end\n";
            let _ = writeln!(self.clocked, "  {name} <= {name}s[{}];", index(format.width));
            return;
        }
        let bits = format.width.min(WIDEST_CASE);
        for (half, entries) in entries.chunks(1 << bits).enumerate() {
            if format.width > bits {
                let top = low + format.width - 1;
                self.clocked += &if half == 0 { format!("  if (~y[{top}])\n") } else { "  else\n".to_owned() };
            }
            let _ = writeln!(self.clocked, "  case ({})", index(bits));
            // The last one by `default`: a list of all would leave the rest without a value.
            let (last, others) = entries.split_last().expect("a table has entries");
            for (at, text) in others.iter().enumerate() {
                let _ = writeln!(self.clocked, "    {}: {name} <= {text};", number(at as i128, bits));
            }
            let _ = writeln!(self.clocked, "    default: {name} <= {last};\n  endcase");
        }
    }

    /// The second behind the first: shifted by the bits that the first has, a few bits of the distance a rank, the low ones first.
    /// `is_last`: what is counted is all bits.
    fn join(&mut self, name: &str, ranks: u32, first: Item, second: Item, is_last: bool) -> Item {
        let span = first.span.join(second.span);
        let (wide, by_bits) = (span.extra_bits(), first.span.extra_bits());
        let extra = match (&first.extra, &second.extra) {
            (Some(a), Some(b)) => {
                Some(format!("{} + {}", pad(a, by_bits, wide), pad(b, second.span.extra_bits(), wide)))
            }
            (a, b) => a.clone().or(b.clone()),
        };
        let extra = extra.map(|text| {
            (1..=ranks).fold(text, |text, rank| match is_last && rank == ranks {
                true => self.register(&format!("{name}_bits"), count_bits(span.most), &all_bits(Some(text), span)),
                false => self.register(&format!("{name}_extra{rank}"), wide, &text),
            })
        });
        let Some(by) = first.extra else {
            let both = format!("{{{}, {}}}", second.chunk, first.chunk);
            return Item { chunk: self.delayed(name, ranks, span.most, both), span, extra };
        };
        let a_rank = by_bits.div_ceil(ranks);
        let (mut low, mut high, mut by) = (first.chunk, second.chunk, by);
        let (mut left, mut done) = (by_bits, 0);
        for rank in 1..=ranks {
            let now = if rank == ranks { left } else { a_rank.min(left) };
            let from = second.span.most + ((1 << done) - 1).min(first.span.most - first.span.least);
            let taken = slice(&by, left, 0, now);
            let distance = if done > 0 { format!("{{{taken}, {done}'d0}}") } else { taken };
            done += now;
            let to = second.span.most + ((1 << done) - 1).min(first.span.most - first.span.least);
            let shifted = match now {
                0 => high.clone(),
                _ => format!("{} << {distance}", pad(&high, from, to)),
            };
            if rank == ranks {
                let high = self.wire(&format!("{name}_high"), to, &shifted);
                let behind = if first.span.least > 0 { format!("{{{high}, {}'d0}}", first.span.least) } else { high };
                low = format!("{} | {behind}", pad(&low, first.span.most, span.most));
            } else {
                high = self.register(&format!("{name}_high{rank}"), to, &shifted);
                low = self.register(&format!("{name}_low{rank}"), first.span.most, &low);
                if left > now {
                    by = self.register(&format!("{name}_by{rank}"), left - now, &slice(&by, left, now, left));
                }
                left -= now;
            }
        }
        let chunk = self.register(&format!("{name}_chunk"), span.most, &low);
        Item { chunk, span, extra }
    }

    /// One part that waits for the others of its level.
    fn wait(&mut self, name: &str, ranks: u32, of: Item) -> Item {
        let extra = of.extra.map(|extra| self.delayed(&format!("{name}_extra"), ranks, of.span.extra_bits(), extra));
        Item { chunk: self.delayed(name, ranks, of.span.most, of.chunk), span: of.span, extra }
    }

    /// `text` after as many registers.
    fn delayed(&mut self, name: &str, ranks: u32, width: u32, text: String) -> String {
        (1..=ranks).fold(text, |text, rank| self.register(&format!("{name}_at{rank}"), width, &text))
    }
}

/// All bits of a part, from those above the fewest.
fn all_bits(extra: Option<String>, span: Span) -> String {
    let wide = count_bits(span.most);
    let least = number(span.least.into(), wide);
    extra.map_or(least.clone(), |extra| format!("{} + {least}", pad(&extra, span.extra_bits(), wide)))
}

/// Bits of the kernel's outputs.
fn of_bus(low: u32, width: u32) -> String {
    if width > 1 { format!("y[{}:{low}]", low + width - 1) } else { format!("y[{low}]") }
}

/// `text` of `width` bits with zeros above to `to`.
pub(super) fn pad(text: &str, width: u32, to: u32) -> String {
    if width >= to { text.to_owned() } else { format!("{{{}'d0, {text}}}", to - width) }
}

/// Bits `low` to `high` - 1 of a signal of `width` bits.
fn slice(name: &str, width: u32, low: u32, high: u32) -> String {
    match (high - low, low, width) {
        (all, _, width) if all == width => name.to_owned(),
        (1, low, _) => format!("{name}[{low}]"),
        _ => format!("{name}[{}:{low}]", high - 1),
    }
}

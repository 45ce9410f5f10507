//! From folded graph to the module of the data path.
//!
//! ```text
//! x, leaf_h<n> ─load─► leaf_s<k> ─digit─► adders ─digit─► acc_s<k>_w ─► requantizer ─► leaf ─► next stage, y
//!                      shifts out         carry _c        shifts in
//! ```
//!
//! `at[i]` is `x_valid` of `i + 1` cycles ago: every register that must do something at a certain cycle of a vector waits for
//! its bit, so vectors may come at any distance of at least the reuse. Nothing but `at` has a reset.

mod multipliers;

use std::fmt::Write as _;

use super::Lanes;
pub(crate) use multipliers::multiplier_registers;

use super::bus::{Bus, Piece, Reads, Source, number};
use super::core::{gather_unread, names};
use super::print::{Kind, Module};
use super::requantize::requantizer;
use super::tables::{Tables, maximum};
use crate::fixed::Rounding;
use crate::hw::{FoldStage, Folded, NodeId, Op, WITHOUT_CHAIN};

/// The module's text: ports `clk`, `resetn`, `ce` if asked for, `x`, `x_valid`, `y`, `y_valid`.
pub(super) fn module(folded: &Folded, name: &str, header: &[String], lanes: Lanes, enable: bool) -> String {
    let reads = Reads::default();
    let mut core =
        Core { folded, names: names(&folded.graph), reads: &reads, m: Module::default(), clocked: String::new() };
    let graph = &folded.graph;
    let x_bits = lanes.input * graph.input_formats.len() as u32;
    let y_bits = lanes.output * graph.output_formats.len() as u32;
    for port in ["clk", "resetn"].into_iter().chain(enable.then_some("ce")) {
        core.m.declare(port, Kind::Input, 1);
    }
    core.declare("x", Kind::Input, x_bits);
    core.m.declare("x_valid", Kind::Input, 1);
    core.m.declare("y", Kind::Output, y_bits);
    core.m.declare("y_valid", Kind::Output, 1);
    core.m.declare("at", Kind::Reg, folded.latency.0);
    core.enter_names();
    let tables = Tables::new(graph);
    core.m.body += &tables.text;
    core.inputs(lanes);
    for k in 0..folded.stages.len() {
        core.stage(k);
    }
    core.choices(&tables);
    core.copies();
    let outputs = core.outputs(lanes);
    let gate = if enable { "if (ce) " } else { "" };
    if !core.clocked.is_empty() {
        let _ = writeln!(core.m.body, "\nalways @(posedge clk) {gate}begin\n{}end", core.clocked);
    }
    let last = folded.latency.0;
    let next = if last == 1 { "x_valid".to_owned() } else { format!("{{at[{}:0], x_valid}}", last - 2) };
    let _ = writeln!(
        core.m.body,
        "always @(posedge clk) begin\n  if (~resetn) at <= {last}'b0;\n  else {gate}at <= {next};\nend"
    );
    let _ = writeln!(
        core.m.body,
        "\nassign y_valid = {};\nassign y = {{\n  {}\n}};",
        core.token(last),
        outputs.join(",\n  ")
    );
    gather_unread(&mut core.m, &reads);
    core.m.text(name, header)
}

struct Core<'a> {
    folded: &'a Folded,
    names: Vec<Option<String>>,
    reads: &'a Reads,
    m: Module,
    /// Statements of the clocked block.
    clocked: String,
}

impl<'a> Core<'a> {
    fn declare(&mut self, name: &str, kind: Kind, width: u32) {
        self.m.declare(name, kind, width);
        self.reads.declare(name, width);
    }

    fn assign(&mut self, name: &str, width: u32, text: &str) {
        self.declare(name, Kind::Wire, width);
        let _ = writeln!(self.m.body, "assign {name} = {text};");
    }

    fn register(&mut self, name: &str, width: u32, text: &str) {
        self.declare(name, Kind::Reg, width);
        let _ = writeln!(self.clocked, "  {name} <= {text};");
    }

    fn bus(&self, name: &str, width: u32, signed: bool) -> Bus<'a> {
        Bus::new(name.to_owned(), width, signed, self.reads)
    }

    /// Names that are read before they are declared.
    fn enter_names(&self) {
        let graph = &self.folded.graph;
        for (k, stage) in self.folded.stages.iter().enumerate() {
            let enter = |id: NodeId, suffix: String, width: u32| {
                self.reads.declare(&format!("{}{suffix}", self.in_stage(id, k)), width);
            };
            for (i, id) in stage.leaves.iter().enumerate() {
                let lane = stage.multipliers.as_ref().map(|m| m.lane(graph, &stage.leaves, i % m.lanes).width);
                enter(*id, String::new(), lane.unwrap_or(graph.nodes[*id].width()));
            }
            stage.adders.iter().for_each(|(id, _)| enter(*id, String::new(), stage.digit));
            for ((id, offset), reach) in stage.reaches(graph) {
                let late = offset - stage.offset(id);
                (1..=late).for_each(|n| enter(id, format!("_r{n}"), stage.digit));
                let late = if late > 0 { format!("_r{late}") } else { String::new() };
                if reach > 0 {
                    enter(id, format!("{late}_z"), reach);
                }
            }
            for (id, low) in stage.windows(graph) {
                enter(id, "_w".to_owned(), stage.window_bits(id, low));
            }
        }
        self.folded.choices().for_each(|id| self.reads.declare(self.name(id), graph.nodes[id].width()));
        for (id, count) in self.folded.copies() {
            let width = graph.nodes[id].width();
            (1..=count).for_each(|n| self.reads.declare(&format!("{}_h{n}", self.name(id)), width));
        }
    }

    /// High in the cycle `cycle` of a vector.
    fn token(&self, cycle: u32) -> String {
        match cycle {
            0 => "x_valid".to_owned(),
            1 if self.folded.latency.0 == 1 => "at".to_owned(),
            n => format!("at[{}]", n - 1),
        }
    }

    fn name(&self, id: NodeId) -> &str {
        self.names[id].as_deref().unwrap_or("const")
    }

    /// A node's digit in stage `k`, or the register that it is shifted out of.
    fn in_stage(&self, id: NodeId, k: usize) -> String {
        format!("{}_s{k}", self.name(id))
    }

    fn inputs(&mut self, lanes: Lanes) {
        self.m.body += "\n// Inputs\n";
        let x = self.bus("x", lanes.input * self.folded.graph.input_formats.len() as u32, false);
        let copies = self.folded.copies();
        for (id, node) in self.folded.graph.nodes.iter().enumerate() {
            let Op::Input(i) = node.op else { continue };
            if copies.contains_key(&id) {
                let name = self.name(id).to_owned();
                self.assign(&name, node.width(), &x.slice(lanes.input * i as u32, node.width()));
            }
        }
    }

    /// A leaf as a whole in cycle `at`.
    fn whole(&self, id: NodeId, at: u32) -> Bus<'a> {
        let node = &self.folded.graph.nodes[id];
        if node.is_constant() {
            return Bus::Number(node.range.0.into());
        }
        let name = match self.folded.copy_at(id, at) {
            0 => self.name(id).to_owned(),
            n => format!("{}_h{n}", self.name(id)),
        };
        self.bus(&name, node.width(), node.is_signed())
    }

    /// Tables and maxima, each in the cycle in which the last of its operands is made.
    fn choices(&mut self, tables: &Tables) {
        for id in self.folded.choices() {
            let (graph, at) = (&self.folded.graph, self.folded.made_at(id));
            let (name, width) = (self.name(id).to_owned(), graph.nodes[id].width());
            let of = |a: NodeId| (self.whole(a, at), graph.nodes[a].range);
            let text = match graph.nodes[id].op {
                Op::Table { a, .. } => format!("{}({})", tables.of(id), of(a).0.slice(0, graph.nodes[a].width())),
                Op::Max { a, b } => {
                    let operands = [of(a), of(b)];
                    maximum(&mut self.m, self.reads, &name, operands, width)
                }
                _ => continue,
            };
            self.assign(&name, width, &text);
        }
    }

    fn copies(&mut self) {
        for (id, count) in self.folded.copies() {
            let (made, node) = (self.folded.made_at(id), &self.folded.graph.nodes[id]);
            for n in 0..count {
                let when = made + n * self.folded.reuse;
                let from = self.whole(id, when).slice(0, node.width());
                let name = format!("{}_h{}", self.name(id), n + 1);
                let text = format!("{} ? {from} : {name}", self.token(when));
                // That it keeps itself is no reading.
                self.register(&name, node.width(), &text);
            }
        }
    }

    fn outputs(&mut self, lanes: Lanes) -> Vec<String> {
        let last = self.folded.last();
        let mut list = Vec::new();
        for (j, id) in self.folded.graph.outputs().into_iter().enumerate() {
            let node = &self.folded.graph.nodes[id];
            if node.is_constant() {
                list.push(number(node.range.0.into(), lanes.output));
                continue;
            }
            let name = format!("y_{j}_r");
            let text = format!("{} ? {} : {name}", self.token(last), self.whole(id, last).slice(0, node.width()));
            self.register(&name, node.width(), &text);
            list.push(self.bus(&name, node.width(), node.is_signed()).shifted(0, lanes.output));
        }
        list.reverse();
        list
    }

    fn stage(&mut self, k: usize) {
        let stage = &self.folded.stages[k];
        let (graph, digit) = (&self.folded.graph, stage.digit);
        if let Some(multipliers) = &stage.multipliers {
            return self.multipliers(k, multipliers);
        }
        let _ = writeln!(
            self.m.body,
            "\n// Stage {k}: {} cycles of {digit} bit{}, the first {} after the vector",
            stage.digits,
            if digit == 1 { "" } else { "s" },
            stage.start
        );
        for id in &stage.leaves {
            let (name, width) = (self.in_stage(*id, k), graph.nodes[*id].width());
            let load = self.whole(*id, stage.start - 1).slice(0, width);
            let shifted = self.bus(&name, width, graph.nodes[*id].is_signed()).slice(digit, width);
            self.register(&name, width, &format!("{} ? {load} : {shifted}", self.token(stage.start - 1)));
        }
        self.delays(k);
        for (id, offset) in &stage.adders {
            self.adder(k, *id, *offset);
        }
        self.results(k);
    }

    /// The digit of a node at an offset, as a bus; what it is called there.
    fn digit(&self, k: usize, id: NodeId, offset: u32) -> (Bus<'a>, String) {
        let (stage, node) = (&self.folded.stages[k], &self.folded.graph.nodes[id]);
        let late = offset - stage.offset(id);
        let name = self.in_stage(id, k);
        if late > 0 {
            let name = format!("{name}_r{late}");
            return (self.bus(&name, stage.digit, false), name);
        }
        match node.op {
            // The register of a leaf is as wide as the leaf.
            Op::Add { .. } => (self.bus(&name, stage.digit, false), name),
            _ => {
                let whole = self.bus(&name, node.width(), node.is_signed());
                (whole, name)
            }
        }
    }

    /// Registers that delay digits, and that hold the earlier ones for shifts.
    fn delays(&mut self, k: usize) {
        let stage = &self.folded.stages[k];
        for (id, (late, _)) in stage.registers(&self.folded.graph) {
            for n in 1..=late {
                let (from, _) = self.digit(k, id, stage.offset(id) + n - 1);
                let text = from.slice(0, stage.digit);
                self.register(&format!("{}_r{n}", self.in_stage(id, k)), stage.digit, &text);
            }
        }
        for ((id, offset), reach) in stage.reaches(&self.folded.graph) {
            if reach > 0 {
                let name = format!("{}_z", self.digit(k, id, offset).1);
                let text = self.digits_back(k, id, offset, reach).slice(stage.digit, reach);
                let first = self.token(stage.start + offset - 1);
                self.register(&name, reach, &format!("{first} ? {reach}'b0 : {text}"));
            }
        }
        // Constants are read digit by digit with a counter for each offset.
        for offset in stage.constants(&self.folded.graph) {
            if let Some((name, bits)) = counter(k, stage, offset) {
                let first = self.token(stage.start + offset - 1);
                let text = format!("{first} ? {bits}'b0 : {name} + {}", number(1, bits));
                self.register(&name, bits, &text);
                self.reads.mark(&name, 0, bits);
            }
        }
    }

    /// The digit of a node at an offset above the `reach` bits that came before it.
    fn digits_back(&self, k: usize, id: NodeId, offset: u32, reach: u32) -> Bus<'a> {
        let digit = self.folded.stages[k].digit;
        let (now, name) = self.digit(k, id, offset);
        if reach == 0 {
            return now;
        }
        let full = match &now {
            Bus::Wires { width, .. } => *width,
            Bus::Number(_) => digit,
        };
        let wire = |name: String, full| Source::Wire { name, full, bit: 0 };
        let before = Piece { at: 0, count: reach, source: wire(format!("{name}_z"), reach) };
        let held = full.min(digit);
        let mut pieces = vec![before, Piece { at: reach, count: held, source: wire(name, full) }];
        let mut signed = false;
        if full < digit {
            // A leaf of fewer bits than a digit: the rest is its sign, or zero.
            signed = now.signed();
            pieces.truncate(2);
        }
        Bus::of(pieces, reach + held, signed, self.reads)
    }

    /// The bits that an adder reads of an operand, lowest first.
    fn operand(
        &mut self,
        k: usize,
        reader: NodeId,
        (id, shift, inverted): (NodeId, u32, bool),
        offset: u32,
    ) -> Vec<String> {
        let stage = &self.folded.stages[k];
        let node = &self.folded.graph.nodes[id];
        let bit = |text: String| if inverted { format!("~{text}") } else { text };
        if !node.is_constant() {
            let reach = stage.reaches(&self.folded.graph).get(&(id, offset)).copied().unwrap_or(0);
            let digits = self.digits_back(k, id, offset, reach);
            return (0..stage.digit).map(|j| bit(digits.bit(reach - shift + j))).collect();
        }
        let value = i128::from(node.range.0) << shift;
        let value = if inverted { !value } else { value };
        let mut bits = Vec::new();
        for j in 0..stage.digit {
            let of = |t: u32| value >> (t * stage.digit + j).min(127) & 1;
            let Some((counter, width)) = counter(k, stage, offset) else {
                bits.push(format!("1'b{}", of(0)));
                continue;
            };
            let table = (0..1u32 << width).rev().map(|t| if of(t) == 1 { '1' } else { '0' }).collect::<String>();
            let name = format!("{}_k{j}", self.in_stage(reader, k));
            self.assign(&name, 1 << width, &format!("{}'b{table}", 1 << width));
            self.reads.mark(&name, 0, 1 << width);
            bits.push(format!("{name}[{counter}]"));
        }
        bits
    }

    /// The sum of two digits and the carry of the digits before.
    fn adder(&mut self, k: usize, id: NodeId, offset: u32) {
        let stage = &self.folded.stages[k];
        let (name, digit) = (self.in_stage(id, k), stage.digit);
        let [a, mut b] = FoldStage::operands(&self.folded.graph, id);
        let (subtracts, chain) = (b.2, digit > WITHOUT_CHAIN);
        // A chain subtracts by itself, which a `~` before it would cost a lookup table a bit; its register holds the borrow.
        b.2 &= !chain;
        let (a, b) = (self.operand(k, id, a, offset), self.operand(k, id, b, offset));
        let carry = format!("{name}_c");
        let out = if !chain {
            // Full adders one by one.
            let (mut sum, mut c) = (Vec::new(), carry.clone());
            for j in 0..digit as usize {
                let (a, b) = (&a[j], &b[j]);
                sum.push(format!("{a} ^ {b} ^ {c}"));
                let out = format!("({a} & {b}) | ({c} & ({a} | {b}))");
                if j + 1 == digit as usize {
                    c = out;
                } else {
                    c = format!("{name}_c{}", j + 1);
                    self.assign(&c, 1, &out);
                    self.reads.mark(&c, 0, 1);
                }
            }
            sum.reverse();
            let text = if digit == 1 { sum.concat() } else { format!("{{{}}}", sum.join(", ")) };
            self.assign(&name, digit, &text);
            c
        } else {
            let total = format!("{name}_t");
            let list = |bits: &[String]| bits.iter().rev().cloned().collect::<Vec<_>>().join(", ");
            // The lowest bit lets the carry or the borrow in.
            let (sign, low) = if subtracts { ('-', "1'b0") } else { ('+', "1'b1") };
            let text = format!("{{1'b0, {}, {low}}} {sign} {{1'b0, {}, {carry}}}", list(&a), list(&b));
            self.assign(&total, digit + 2, &text);
            let total = self.bus(&total, digit + 2, false);
            self.assign(&name, digit, &total.slice(1, digit));
            total.bit(digit + 1)
        };
        self.reads.mark(&carry, 0, 1);
        let first = self.token(stage.start + offset - 1);
        self.declare(&carry, Kind::Reg, 1);
        self.reads.mark(&carry, 0, 1);
        let _ = writeln!(self.clocked, "  {carry} <= {first} ? 1'b{} : {out};", u8::from(subtracts && !chain));
    }

    /// Accumulators as a whole, and the requantizers.
    fn results(&mut self, k: usize) {
        let stage = &self.folded.stages[k];
        let graph = &self.folded.graph;
        let windows = stage.windows(graph);
        for (id, low) in &windows {
            let bits = stage.window_bits(*id, *low);
            let name = format!("{}_w", self.in_stage(*id, k));
            let (digit, _) = self.digit(k, *id, stage.offset(*id));
            let text = if bits <= stage.digit {
                digit.slice(stage.digit - bits, bits)
            } else {
                let kept = self.bus(&name, bits, false).slice(stage.digit, bits - stage.digit);
                format!("{{{}, {kept}}}", digit.slice(0, stage.digit))
            };
            self.register(&name, bits, &text);
        }
        for id in &stage.results {
            let Op::Requantize { a, .. } = graph.nodes[*id].op else { continue };
            let low = windows[&a];
            let name = format!("{}_w", self.in_stage(a, k));
            self.result(*id, Source::Wire { name, full: stage.window_bits(a, low), bit: 0 }, low);
        }
    }

    /// A requantizer of an accumulator that a register holds from bit `low` on.
    fn result(&mut self, id: NodeId, held: Source, low: u32) {
        let graph = &self.folded.graph;
        let node = &graph.nodes[id];
        let mut op = node.op.clone();
        let Op::Requantize { a, shift, rounding, .. } = &mut op else { return };
        let accumulator = &graph.nodes[*a];
        let mut range = accumulator.range;
        // The bits below those held are those that every reader drops.
        let count = accumulator.width().saturating_sub(low).max(1);
        let pieces = vec![Piece { at: low, count, source: held }];
        let mut bus = Bus::of(pieces, low + count, accumulator.is_signed(), self.reads);
        if *rounding == Rounding::Truncate && *shift > 0 {
            bus = bus.high(shift.unsigned_abs());
            range = (range.0 >> *shift, range.1 >> *shift);
            *shift = 0;
        }
        let name = self.name(id).to_owned();
        let text = requantizer(&mut self.m, self.reads, &name, &op, (bus, range), node.width());
        self.assign(&name, node.width(), &text);
    }
}

/// The counter of digits at an offset and its bits; none for a single digit.
fn counter(k: usize, stage: &FoldStage, offset: u32) -> Option<(String, u32)> {
    let bits = stage.counter_bits();
    // No element of a layer has a name that ends so.
    (bits > 0).then(|| (format!("t{k}_at{offset}"), bits))
}

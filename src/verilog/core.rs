//! From scheduled graph to the module of the data path.
//!
//! A wire for each node, a register for each rank that a bit crosses, rank after rank. A bit that passes through an adder
//! has one register, that of the node that makes it. Every operand is extended to the width of its result by explicit
//! replication, so nothing depends on the signedness rules of the language.

use std::fmt::Write as _;

use super::Lanes;
use super::bus::{Bus, Piece, Reads, Source, number};
use super::lone::{handed_on, lone};
use super::print::{Kind, Module};
use super::requantize::requantizer;
use super::tables::{Tables, maximum};
use crate::hw::{NodeId, Op, Origin, Registers, StageGraph, Target, split};

/// Name of the wire of each node: the element of a tensor that it is, or its number. Constants have none.
pub(crate) fn names(graph: &StageGraph) -> Vec<Option<String>> {
    let mut names: Vec<Option<String>> = vec![None; graph.nodes.len()];
    for t in &graph.tensors {
        for (j, id) in t.elements.iter().enumerate() {
            if let Some(id) = id {
                names[*id].get_or_insert_with(|| format!("{}_{j}", t.name));
            }
        }
    }
    for (id, name) in names.iter_mut().enumerate() {
        match graph.nodes[id].op {
            Op::Const(_) => *name = None,
            _ => drop(name.get_or_insert_with(|| format!("n{id}"))),
        }
    }
    names
}

struct Core<'a> {
    graph: &'a StageGraph,
    names: Vec<Option<String>>,
    registers: Registers,
    reads: &'a Reads,
    lone: Vec<bool>,
    tables: Tables,
}

impl<'a> Core<'a> {
    fn name(&self, id: NodeId, rank: u32) -> String {
        let name = self.names[id].as_deref().unwrap_or("const");
        if rank == self.graph.nodes[id].rank { name.to_owned() } else { format!("{name}_r{rank}") }
    }

    /// The registers of a node at `rank`: name, the lowest bit that it holds, and width.
    fn held(&self, id: NodeId, rank: u32) -> Vec<(String, u32, u32)> {
        let runs = self.registers.held(self.graph, id, rank);
        let name = self.name(id, rank);
        let named = |(low, count): &(u32, u32)| match runs.len() {
            1 => (name.clone(), *low, *count),
            _ => (format!("{name}_b{low}"), *low, *count),
        };
        runs.iter().map(named).collect()
    }

    /// The value of a node as it is seen at `rank`.
    fn at(&self, id: NodeId, rank: u32) -> Bus<'a> {
        let node = &self.graph.nodes[id];
        match node.op {
            Op::Const(c) => Bus::Number(c.into()),
            _ if rank == node.rank => Bus::new(self.name(id, rank), node.width(), node.is_signed(), self.reads),
            _ => Bus::of(self.stored(id, rank), node.width(), node.is_signed(), self.reads),
        }
    }

    /// The bits of a node where registers hold them at a later rank; bits that nobody needs are missing.
    fn stored(&self, id: NodeId, rank: u32) -> Vec<Piece> {
        let mut pieces: Vec<Piece> = Vec::new();
        for (at, origin) in (0u32..).zip(&self.registers.origins[id]) {
            let source = match *origin {
                Origin::Known(value) => Source::Known(value.into()),
                Origin::Made(maker, bit) if self.graph.nodes[maker].rank == rank => {
                    Source::Wire { name: self.name(maker, rank), full: self.graph.nodes[maker].width(), bit }
                }
                Origin::Made(maker, bit) => {
                    let mut held = self.held(maker, rank).into_iter();
                    let Some((name, low, full)) = held.find(|(_, low, n)| (*low..low + n).contains(&bit)) else {
                        continue;
                    };
                    Source::Wire { name, full, bit: bit - low }
                }
            };
            match (pieces.last_mut(), &source) {
                (Some(last), source) if last.at + last.count == at && last.goes_on(source) => last.extend(source),
                _ => pieces.push(Piece { at, count: 1, source }),
            }
        }
        pieces
    }

    /// The bits that a node makes where they are at `rank`: its own wire or its own registers.
    fn made(&self, id: NodeId, rank: u32) -> Bus<'a> {
        let node = &self.graph.nodes[id];
        if rank == node.rank {
            return self.at(id, rank);
        }
        let piece = |(name, at, count)| Piece { at, count, source: Source::Wire { name, full: count, bit: 0 } };
        let pieces = self.held(id, rank).into_iter().map(piece).collect();
        Bus::of(pieces, node.width(), node.is_signed(), self.reads)
    }

    /// An operand of a sum at `rank`, in `bits` bits, its chain beginning at bit `from` of it.
    fn operand(&self, m: &mut Module, id: NodeId, rank: u32, bits: u32, from: u32) -> Bus<'a> {
        let (bus, node) = (self.at(id, rank), &self.graph.nodes[id]);
        // Extending a sign reads it twice.
        let extended = node.is_signed() && bits > node.width();
        if !self.lone[id] || extended || from != split(self.graph, id).map_or(0, |s| s.up) {
            return bus;
        }
        let (name, from) = (format!("{}_s", self.name(id, rank)), self.name(id, rank));
        self.reads.mark(&from, 0, node.width());
        self.declare(m, &name, Kind::Wire, node.width());
        let _ = writeln!(m.body, "assign {name} = {};", handed_on(&from, node.width()));
        Bus::new(name, node.width(), node.is_signed(), self.reads)
    }

    fn declare(&self, m: &mut Module, name: &str, kind: Kind, width: u32) {
        m.declare(name, kind, width);
        if kind != Kind::Output {
            self.reads.declare(name, width);
        }
    }

    /// Text of a node's value; declares the wire of a rounded sum.
    fn value(&self, m: &mut Module, id: NodeId, x: &Bus, lanes: Lanes) -> String {
        let node = &self.graph.nodes[id];
        let width = node.width();
        match node.op {
            Op::Input(i) => x.slice(lanes.input * i as u32, width),
            Op::Add { a, shift_a, b, shift_b, subtract } => {
                let bits = |shift: u32| width.saturating_sub(shift);
                let sign = if subtract { '-' } else { '+' };
                let Some(split) = split(self.graph, id) else {
                    let a = self.operand(m, a, node.rank, bits(shift_a), 0);
                    let b = self.operand(m, b, node.rank, bits(shift_b), 0);
                    return format!("{} {sign} {}", a.shifted(shift_a, width), b.shifted(shift_b, width));
                };
                let up = split.up;
                let low = self.operand(m, split.low, node.rank, width, up);
                let high = self.operand(m, split.high, node.rank, bits(up), 0);
                let rest = low.slice(0, up.min(width));
                let Some(top) = width.checked_sub(up).filter(|t| *t > 0) else { return rest };
                if split.joined {
                    return format!("{{{}, {rest}}}", high.slice(0, top));
                }
                format!("{{{} {sign} {}, {rest}}}", low.high(up).slice(0, top), high.slice(0, top))
            }
            Op::Requantize { .. } if node.range.0 == node.range.1 => number(node.range.0.into(), width),
            ref op @ Op::Requantize { a, .. } => {
                let accumulator = (self.at(a, node.rank), self.graph.nodes[a].range);
                requantizer(m, self.reads, &self.name(id, node.rank), op, accumulator, width)
            }
            Op::Table { .. } | Op::Max { .. } if node.range.0 == node.range.1 => number(node.range.0.into(), width),
            Op::Table { a, .. } => {
                format!("{}({})", self.tables.of(id), self.at(a, node.rank).slice(0, self.graph.nodes[a].width()))
            }
            Op::Max { a, b } => {
                let of = |a: NodeId| (self.at(a, node.rank), self.graph.nodes[a].range);
                maximum(m, self.reads, &self.name(id, node.rank), [of(a), of(b)], width)
            }
            Op::Const(_) | Op::Sum { .. } => number(0, width),
        }
    }
}

/// The module's text: ports `clk`, `ce` if asked for, `x` and `y`.
pub(super) fn module(
    graph: &StageGraph,
    name: &str,
    header: &[String],
    lanes: Lanes,
    enable: bool,
    target: Target,
) -> String {
    let reads = Reads::default();
    let (lone, tables) = (lone(graph, target), Tables::new(graph));
    let core = Core { graph, names: names(graph), registers: Registers::new(graph), reads: &reads, lone, tables };
    let mut m = Module::default();
    let x_bits = lanes.input * graph.input_formats.len() as u32;
    let y_bits = lanes.output * graph.output_formats.len() as u32;
    core.declare(&mut m, "clk", Kind::Input, 1);
    if enable {
        core.declare(&mut m, "ce", Kind::Input, 1);
    }
    core.declare(&mut m, "x", Kind::Input, x_bits);
    core.declare(&mut m, "y", Kind::Output, y_bits);
    let x = Bus::new("x".into(), x_bits, false, &reads);
    m.body += &core.tables.text;
    for rank in 0..=graph.latency.0 {
        let _ = writeln!(m.body, "\n// Rank {rank}");
        for (id, node) in graph.nodes.iter().enumerate().filter(|(_, n)| n.rank == rank) {
            let Some(name) = &core.names[id] else { continue };
            let value = core.value(&mut m, id, &x, lanes);
            core.declare(&mut m, name, Kind::Wire, node.width());
            let _ = writeln!(m.body, "assign {name} = {value};");
        }
        let mut clocked = String::new();
        for (id, node) in graph.nodes.iter().enumerate() {
            if core.names[id].is_none() || node.rank > rank {
                continue;
            }
            for (next, low, count) in core.held(id, rank + 1) {
                core.declare(&mut m, &next, Kind::Reg, count);
                let _ = writeln!(clocked, "  {next} <= {};", core.made(id, rank).slice(low, count));
            }
        }
        if !clocked.is_empty() {
            let gate = if enable { "if (ce) " } else { "" };
            let _ = writeln!(m.body, "always @(posedge clk) {gate}begin\n{clocked}end");
            reads.mark("clk", 0, 1);
            reads.mark("ce", 0, 1);
        }
    }
    let outputs = graph.outputs();
    let lane = |id: &NodeId| core.at(*id, graph.latency.0).shifted(0, lanes.output);
    let list: Vec<String> = outputs.iter().rev().map(lane).collect();
    let _ = writeln!(m.body, "\nassign y = {{\n  {}\n}};", list.join(",\n  "));
    gather_unread(&mut m, &reads);
    m.text(name, header)
}

/// Gathers what nothing reads, named one by one, so that lint reports any other bit that is lost.
pub(super) fn gather_unread(m: &mut Module, reads: &Reads) {
    let unread = reads.unread();
    if !unread.is_empty() {
        let _ = writeln!(m.body, "\n// Bits that rounding drops, and inputs that no weight reads");
        m.declare("unused_bits", Kind::Wire, 1);
        let _ = writeln!(m.body, "assign unused_bits = &{{\n  1'b0,\n  {}\n}};", unread.join(",\n  "));
    }
}

//! Stages whose sums are made by multipliers.
//!
//! ```text
//! mac<k>_step ─► mac<k>_weights ─┐
//! leaf_s<k> ─► mac<k>_v<lane> ───┴─► mac<k>_p<row>x<lane> ─► mac<k>_t<row>x<level>x<place> ─► mac<k>_a<row> ─► requantizer
//! ```
//!
//! A register before the multiplier and one behind it, so that both fit into a DSP slice. No element of a layer is called so.

use std::fmt::Write as _;

use super::Core;
use crate::hw::{FoldStage, Held, Multipliers, NodeId, Row};
use crate::verilog::bus::{Source, number};
use crate::verilog::print::Kind;

/// The register that holds a node in some cycle of its vector: name, cycle, node.
pub(crate) fn multiplier_registers(
    stage: &FoldStage,
    k: usize,
    multipliers: &Multipliers,
) -> Vec<(String, u32, NodeId)> {
    let mut names = Vec::new();
    for (r, row) in multipliers.rows.iter().enumerate() {
        for (t, (tree, sum)) in row.trees.iter().zip(&row.sums).enumerate() {
            let first = stage.start + 2 + t as u32;
            for (level, places) in tree.iter().enumerate() {
                let places = places.iter().enumerate().filter_map(|(place, id)| Some((place, (*id)?)));
                names.extend(places.map(|(place, id)| (tree_name(k, r, level, place), first + level as u32, id)));
            }
            names.push((format!("mac{k}_a{r}"), first + tree.len() as u32, *sum));
        }
    }
    names
}

fn tree_name(k: usize, row: usize, level: usize, place: usize) -> String {
    match level {
        0 => format!("mac{k}_p{row}x{place}"),
        _ => format!("mac{k}_t{row}x{level}x{place}"),
    }
}

impl Core<'_> {
    /// A register that a name says what it holds.
    fn held(&self, name: &str, held: Held, to: u32) -> String {
        self.bus(name, held.width, held.signed).slice(0, to)
    }

    pub(super) fn multipliers(&mut self, k: usize, multipliers: &Multipliers) {
        let stage = &self.folded.stages[k];
        let (graph, lanes) = (&self.folded.graph, multipliers.lanes);
        let _ = writeln!(
            self.m.body,
            "\n// Stage {k}: {} multipliers, {} cycles, the first {} after the vector",
            multipliers.count(),
            stage.digits,
            stage.start
        );
        for (i, id) in stage.leaves.iter().enumerate() {
            let (name, lane) = (self.in_stage(*id, k), multipliers.lane(graph, &stage.leaves, i % lanes));
            let load = self.whole(*id, stage.start - 1).slice(0, lane.width);
            let next = match stage.leaves.get(i + lanes) {
                Some(next) => self.held(&self.in_stage(*next, k), lane, lane.width),
                // That it keeps itself is no reading.
                None => name.clone(),
            };
            self.register(&name, lane.width, &format!("{} ? {load} : {next}", self.token(stage.start - 1)));
        }
        for (l, id) in stage.leaves.iter().enumerate().take(lanes) {
            let lane = multipliers.lane(graph, &stage.leaves, l);
            let head = self.held(&self.in_stage(*id, k), lane, lane.width);
            self.register(&format!("mac{k}_v{l}"), lane.width, &head);
        }
        self.weights(k, stage, multipliers);
        let mut low = 0;
        for (r, row) in multipliers.rows.iter().enumerate() {
            for l in 0..lanes {
                let Some(product) = row.tree(graph, 0, l) else { continue };
                let bits = row.weight_bits(l);
                let lane = multipliers.lane(graph, &stage.leaves, l);
                let value = self.factor(&format!("mac{k}_v{l}"), (lane, lane.width), 0, product.width);
                let weight = Held { width: bits, signed: true };
                let weight = self.factor(&format!("mac{k}_weights"), (weight, multipliers.word()), low, product.width);
                self.register(&tree_name(k, r, 0, l), product.width, &format!("{value} * {weight}"));
                low += bits;
            }
            self.sums(k, stage, (r, row));
        }
        let sums: Vec<Option<NodeId>> = multipliers.rows.iter().map(Row::last).collect();
        for id in &stage.results {
            let Some(r) = sums.iter().position(|sum| *sum == Some(graph.nodes[*id].op.operands()[0])) else { continue };
            let full = multipliers.rows[r].accumulator(graph).width;
            self.result(*id, Source::Wire { name: format!("mac{k}_a{r}"), full, bit: 0 }, 0);
        }
    }

    /// A factor of a product of `to` bits: a signed number of no more, the bits from `low` on of a bus that has `full`.
    fn factor(&self, name: &str, (held, full): (Held, u32), low: u32, to: u32) -> String {
        let bits = |count: u32| self.bus(name, full, false).slice(low, count);
        match held.width {
            // What lies above the product does not matter.
            width if width >= to => format!("$signed({})", bits(to)),
            width if held.signed => format!("$signed({})", bits(width)),
            width => format!("$signed({{1'b0, {}}})", bits(width)),
        }
    }

    /// The memory: a word for each cycle, the weights of the first row lowest.
    fn weights(&mut self, k: usize, stage: &FoldStage, multipliers: &Multipliers) {
        let (name, word) = (format!("mac{k}_weights"), multipliers.word());
        if word == 0 {
            return;
        }
        let step = format!("mac{k}_step");
        let bits = stage.counter_bits();
        let text = |t: usize| {
            let mut parts = Vec::new();
            for row in &multipliers.rows {
                let of = (0..multipliers.lanes).map(|l| (row.weights[t][l], row.weight_bits(l)));
                parts.extend(of.filter(|(_, bits)| *bits > 0).map(|(w, bits)| number(w.into(), bits)));
            }
            parts.reverse();
            format!("{{{}}}", parts.join(", "))
        };
        if bits == 0 {
            self.assign(&name, word, &text(0));
            return;
        }
        let first = self.token(stage.start - 1);
        self.register(&step, bits, &format!("{first} ? {bits}'b0 : {step} + {}", number(1, bits)));
        self.reads.mark(&step, 0, bits);
        self.declare(&name, Kind::Reg, word);
        let _ = writeln!(self.clocked, "  case ({step})");
        for t in 0..stage.digits {
            // Between vectors it does not matter, and a list of all numbers would leave the rest without a value.
            let label = if t + 1 == stage.digits { "default".to_owned() } else { number(t.into(), bits) };
            let _ = writeln!(self.clocked, "    {label}: {name} <= {};", text(t as usize));
        }
        self.clocked += "  endcase\n";
    }

    /// The tree and the accumulator of a row.
    fn sums(&mut self, k: usize, stage: &FoldStage, (r, row): (usize, &Row)) {
        let graph = &self.folded.graph;
        let levels = row.trees[0].len();
        for level in 1..levels {
            for place in 0..row.trees[0][level].len() {
                let Some(held) = row.tree(graph, level, place) else { continue };
                let below = (2 * place..2 * place + 2).filter_map(|place| {
                    let name = tree_name(k, r, level - 1, place);
                    Some(self.held(&name, row.tree(graph, level - 1, place)?, held.width))
                });
                let text = below.collect::<Vec<_>>().join(" + ");
                self.register(&tree_name(k, r, level, place), held.width, &text);
            }
        }
        let (name, held) = (format!("mac{k}_a{r}"), row.accumulator(graph));
        let begin = number(row.begin.into(), held.width);
        let first = self.token(stage.start + stage.depth);
        let sum = match row.tree(graph, levels - 1, 0) {
            Some(last) => {
                let last = self.held(&tree_name(k, r, levels - 1, 0), last, held.width);
                format!("({first} ? {begin} : {name}) + {last}")
            }
            None => format!("{first} ? {begin} : {name}"),
        };
        self.register(&name, held.width, &sum);
    }
}

//! What is chosen by whole numbers. Tables are functions of a module: one text for each distinct table, however many elements
//! it serves. A maximum is a comparison and a choice.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::bus::{Bus, Reads, number};
use super::print::{Kind, Module};
use crate::hw::{NodeId, Op, StageGraph, width_of};

/// What a function is: operand of the first entry, entries, bits in and out.
type Key = (i64, Vec<i64>, u32, u32);

/// The functions of a module, and which of them each node calls.
#[derive(Default)]
pub(super) struct Tables {
    /// By node.
    names: HashMap<NodeId, String>,
    /// Declarations.
    pub text: String,
}

impl Tables {
    /// Of a graph; numbered in the order of its nodes.
    pub fn new(graph: &StageGraph) -> Self {
        let mut tables = Tables::default();
        let mut known: HashMap<Key, String> = HashMap::new();
        for (id, node) in graph.nodes.iter().enumerate() {
            let Op::Table { a, first, values } = &node.op else { continue };
            // What the operand's bits can show.
            let (bits, signed) = (graph.nodes[*a].width(), graph.nodes[*a].is_signed());
            let least = if signed { -1 << (bits - 1) } else { 0 };
            let from = least.max(*first);
            let count = (least + (1 << bits) - from).min(first + values.len() as i64 - from);
            let entries = values.iter().skip((from - first) as usize).take(count as usize);
            let key: Key = (from, entries.copied().collect(), bits, node.width());
            // No element has a name that ends so: theirs have a `_` before the number.
            let next = format!("table{}", known.len());
            let name = known.entry(key).or_insert_with_key(|key| {
                write(&mut tables.text, &next, key);
                next
            });
            tables.names.insert(id, name.clone());
        }
        tables
    }

    /// The function that node `id` calls.
    pub fn of(&self, id: NodeId) -> &str {
        self.names.get(&id).map_or("", String::as_str)
    }
}

/// Text of the larger of two numbers, each with its interval; declares the comparison `<name>_m`.
pub(super) fn maximum(
    m: &mut Module,
    reads: &Reads,
    name: &str,
    [(a, in_a), (b, in_b)]: [(Bus, (i64, i64)); 2],
    width: u32,
) -> String {
    // As wide as both need in one notation; with the sign turned, two's complement compares like unsigned.
    let bits = width_of(in_a.0.min(in_b.0).into(), in_a.1.max(in_b.1).into());
    let signed = in_a.0.min(in_b.0) < 0;
    let ordered = |bus: &Bus| match signed {
        true if bits == 1 => format!("~{}", bus.sign()),
        true => format!("{{~{}, {}}}", bus.sign(), bus.slice(0, bits - 1)),
        false => bus.slice(0, bits),
    };
    let (name, more) = (format!("{name}_m"), (ordered(&a), ordered(&b)));
    m.declare(&name, Kind::Wire, 1);
    reads.declare(&name, 1);
    let _ = writeln!(m.body, "assign {name} = {} > {};", more.0, more.1);
    reads.mark(&name, 0, 1);
    format!("{name} ? {} : {}", a.slice(0, width), b.slice(0, width))
}

/// One function. Entries with the most frequent value are the default.
fn write(text: &mut String, name: &str, (first, values, bits, width): &Key) {
    // An entry that never occurs may have more bits than all that do: it is cut.
    let short = |v: i64| number(v.into(), *width);
    let mut counts: HashMap<i64, usize> = HashMap::new();
    values.iter().for_each(|v| *counts.entry(*v).or_default() += 1);
    let default = values.iter().copied().max_by_key(|v| (counts[v], *v)).unwrap_or_default();
    let last = first + values.len() as i64 - 1;
    let _ = write!(
        text,
        "\n// {name}: an entry for each number from {first} to {last}\n\
         function automatic [{}:0] {name};\n  input [{}:0] a;\n  case (a)\n",
        width - 1,
        bits - 1
    );
    for (x, v) in (*first..).zip(values).filter(|(_, v)| **v != default) {
        let _ = writeln!(text, "    {}: {name} = {};", number(x.into(), *bits), short(*v));
    }
    let _ = write!(text, "    default: {name} = {};\n  endcase\nendfunction\n", short(default));
}

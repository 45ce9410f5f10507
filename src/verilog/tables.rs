//! Tables as functions of a module: one text for each distinct table, however many elements it serves.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::bus::number;
use crate::hw::{NodeId, Op, StageGraph};

/// What a function is: operand of the first entry, entries, bits in and out.
type Key<'a> = (i64, &'a [i64], u32, u32);

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
            let from = &graph.nodes[*a];
            let (low, high) = ((from.range.0 - first) as usize, (from.range.1 - first) as usize);
            let key: Key = (from.range.0, &values[low..=high], from.width(), node.width());
            // No element has a name that ends so: theirs have a `_` before the number.
            let next = format!("table{}", known.len());
            let name = known.entry(key).or_insert_with(|| {
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

/// One function. Entries with the most frequent value are the default, which also covers what cannot occur.
fn write(text: &mut String, name: &str, (first, values, bits, width): Key) {
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
    for (x, v) in (first..).zip(values).filter(|(_, v)| **v != default) {
        let _ = writeln!(text, "    {}: {name} = {};", number(x.into(), bits), number((*v).into(), width));
    }
    let _ = write!(text, "    default: {name} = {};\n  endcase\nendfunction\n", number(default.into(), width));
}

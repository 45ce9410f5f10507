//! The data path of a design cut at every node of the graph: what reads a node reads an input instead, and what makes it is an
//! output. Each operation can then be looked at alone.
//!
//! Done to the netlist that Yosys writes as JSON, registers already taken as wires. A bit that two nodes share, such as a low
//! bit that passes through an adder, is one net and so one input, and belongs to the first of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Value, json};

use crate::hw::{NodeId, Op, StageGraph};

/// A bit of a node: known, or bit `i` of the inputs `f`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bit {
    Known(bool),
    Free(usize),
}

/// A module with ports `f` (the input vector, then a bit for each net of a node), `g` (what makes the latter) and `y`.
#[derive(Debug)]
pub(super) struct Cut {
    /// The netlist of module [`Cut::MODULE`], for Yosys.
    pub json: Value,
    /// Bits of the input vector.
    pub x_bits: usize,
    /// The node that each further bit of `f` belongs to; bit `k` of `g` makes bit `x_bits + k` of `f`.
    pub owners: Vec<NodeId>,
    /// The bits of each node; constants have none.
    pub nodes: BTreeMap<NodeId, Vec<Bit>>,
    /// Nodes made of bits of later ones, from which equality would not follow node by node.
    pub late: BTreeSet<NodeId>,
}

impl Cut {
    pub const MODULE: &str = "sluice_cut";

    /// `None` if the design does not have the nodes of the graph under their names.
    pub fn new(netlist: &Value, module: &str, graph: &StageGraph, names: &[Option<String>]) -> Option<Cut> {
        let mut m = netlist.pointer(&format!("/modules/{module}"))?.clone();
        let bits = |v: &Value| v.get("bits").and_then(Value::as_array).cloned();
        let x = bits(m.pointer("/ports/x")?)?;
        let mut free: HashMap<u64, usize> = HashMap::new();
        for b in &x {
            let next = free.len();
            // A bit of the input is never shared nor known.
            free.insert(b.as_u64()?, next).is_none().then_some(())?;
        }
        let (mut owners, mut owned, mut nodes) = (Vec::new(), Vec::new(), BTreeMap::new());
        for (id, node) in graph.nodes.iter().enumerate().filter(|(_, n)| !matches!(n.op, Op::Const(_))) {
            let list = bits(m.pointer("/netnames")?.get(names[id].as_ref()?)?)?;
            if list.len() != node.width() as usize {
                return None;
            }
            let of = |b: &Value| match (b.as_u64(), b.as_str()) {
                (Some(net), _) => Some(Bit::Free(*free.entry(net).or_insert_with(|| {
                    owners.push(id);
                    owned.push(net);
                    x.len() + owners.len() - 1
                }))),
                (_, Some("0")) => Some(Bit::Known(false)),
                (_, Some("1")) => Some(Bit::Known(true)),
                _ => None,
            };
            nodes.insert(id, list.iter().map(of).collect::<Option<Vec<Bit>>>()?);
        }
        // Numbers of nets that are not taken.
        let taken = most(&m);
        let input = |net: u64| free.get(&net).filter(|i| **i >= x.len()).map(|i| taken + 1 + *i as u64);
        let renamed = |v: &mut Value| {
            for b in v.as_array_mut().into_iter().flatten() {
                if let Some(new) = b.as_u64().and_then(input) {
                    *b = new.into();
                }
            }
        };
        for cell in m.get_mut("cells")?.as_object_mut()?.values_mut() {
            let directions = cell.get("port_directions")?.clone();
            for (port, wires) in cell.get_mut("connections")?.as_object_mut()? {
                if directions.get(port).and_then(Value::as_str) == Some("input") {
                    renamed(wires);
                }
            }
        }
        let mut y = json!(bits(m.pointer("/ports/y")?)?);
        renamed(&mut y);
        let f: Vec<Value> = x.iter().cloned().chain(owned.iter().filter_map(|n| Some(input(*n)?.into()))).collect();
        let late = late(&m, &f, &owned, &owners)?;
        m["ports"] = json!({
            "f": { "direction": "input", "bits": f },
            "g": { "direction": "output", "bits": owned },
            "y": { "direction": "output", "bits": y },
        });
        m["netnames"] = json!({});
        m["attributes"] = json!({});
        let json = json!({ "creator": "sluice", "modules": { Cut::MODULE: m } });
        Some(Cut { json, x_bits: x.len(), owners, nodes, late })
    }
}

/// Largest number of a net.
fn most(module: &Value) -> u64 {
    let ports = module.get("ports").and_then(Value::as_object).into_iter().flatten().filter_map(|p| p.1.get("bits"));
    let cells = module.get("cells").and_then(Value::as_object).into_iter().flatten();
    let wires = cells.filter_map(|c| c.1.get("connections")?.as_object()).flatten().map(|c| c.1);
    let names = module.get("netnames").and_then(Value::as_object).into_iter().flatten().filter_map(|n| n.1.get("bits"));
    let all = ports.chain(wires).chain(names).filter_map(Value::as_array).flatten();
    all.filter_map(Value::as_u64).max().unwrap_or(0)
}

/// The nodes a bit of which depends on bits of the same node or of later ones, or is in a loop.
fn late(module: &Value, f: &[Value], owned: &[u64], owners: &[NodeId]) -> Option<BTreeSet<NodeId>> {
    let x_bits = f.len() - owners.len();
    // Of each net the last node that it depends on, plus one.
    let mut last: HashMap<u64, NodeId> = HashMap::new();
    for (i, net) in f.iter().enumerate() {
        last.insert(net.as_u64()?, i.checked_sub(x_bits).map_or(0, |k| owners[k] + 1));
    }
    let cells: Vec<(Vec<u64>, Vec<u64>)> = module
        .get("cells")?
        .as_object()?
        .values()
        .map(|cell| {
            let (mut inn, mut out) = (Vec::new(), Vec::new());
            for (port, wires) in cell.get("connections")?.as_object()? {
                let list = wires.as_array()?.iter().filter_map(Value::as_u64);
                match cell.get("port_directions")?.get(port)?.as_str()? {
                    "output" => out.extend(list),
                    _ => inn.extend(list),
                }
            }
            Some((inn, out))
        })
        .collect::<Option<_>>()?;
    let mut readers: HashMap<u64, Vec<usize>> = HashMap::new();
    let mut open: Vec<usize> = cells.iter().map(|c| c.0.len()).collect();
    for (i, (inn, _)) in cells.iter().enumerate() {
        inn.iter().for_each(|b| readers.entry(*b).or_default().push(i));
    }
    let mut ready: Vec<usize> = (0..cells.len()).filter(|i| open[*i] == 0).collect();
    let mut known: Vec<u64> = last.keys().copied().collect();
    loop {
        while let Some(b) = known.pop() {
            for i in readers.get(&b).into_iter().flatten() {
                open[*i] -= 1;
                if open[*i] == 0 {
                    ready.push(*i);
                }
            }
        }
        let Some(i) = ready.pop() else { break };
        let depends = cells[i].0.iter().filter_map(|b| last.get(b)).max().copied().unwrap_or(0);
        for b in &cells[i].1 {
            last.insert(*b, depends);
            known.push(*b);
        }
    }
    // A net that was not reached is in a loop, or nothing drives it.
    let early = |(net, owner): &(&u64, &NodeId)| last.get(net).is_some_and(|l| l <= *owner);
    Some(owned.iter().zip(owners).filter(|bit| !early(bit)).map(|(_, owner)| *owner).collect())
}

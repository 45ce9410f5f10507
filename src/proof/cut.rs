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
    /// Beyond the width of the node: what makes it is bit `k` of the outputs `g`, what reads it reads the sign instead.
    Beyond(usize),
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
    /// Bits of `g`.
    pub made: usize,
    /// The bits of each node, lowest first, and those beyond its width that the design makes too; constants have none.
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
        // Nets beyond the width of a node: what they are replaced by, and whose they are.
        let mut beyond: BTreeMap<u64, (Bit, NodeId)> = BTreeMap::new();
        for (id, node) in graph.nodes.iter().enumerate().filter(|(_, n)| !matches!(n.op, Op::Const(_))) {
            let list = bits(m.pointer("/netnames")?.get(names[id].as_ref()?)?)?;
            let (list, more) = list.split_at_checked(node.width() as usize)?;
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
            let bits = list.iter().map(of).collect::<Option<Vec<Bit>>>()?;
            let sign = if node.is_signed() { *bits.last()? } else { Bit::Known(false) };
            for net in more {
                // One that is shared with a bit within some width is compared as that.
                match net.as_u64() {
                    Some(net) if !free.contains_key(&net) => drop(beyond.entry(net).or_insert((sign, id))),
                    _ => {}
                }
            }
            nodes.insert(id, (bits, more.to_vec()));
        }
        let first = owners.len();
        let place: HashMap<u64, usize> = beyond.keys().enumerate().map(|(k, net)| (*net, first + k)).collect();
        let nodes: BTreeMap<NodeId, Vec<Bit>> = nodes
            .into_iter()
            .map(|(id, (mut bits, more))| {
                for b in more {
                    bits.push(match (b.as_u64(), b.as_str()) {
                        (Some(net), _) => match place.get(&net) {
                            Some(k) if beyond[&net].1 == id => Bit::Beyond(*k),
                            Some(_) => return None,
                            None => Bit::Free(*free.get(&net)?),
                        },
                        (_, Some("0")) => Bit::Known(false),
                        (_, Some("1")) => Bit::Known(true),
                        _ => return None,
                    });
                }
                Some((id, bits))
            })
            .collect::<Option<_>>()?;
        // Numbers of nets that are not taken.
        let taken = most(&m);
        let input = |i: usize| if i < x.len() { x[i].clone() } else { json!(taken + 1 + i as u64) };
        let read = |net: u64| match beyond.get(&net) {
            Some((Bit::Known(value), _)) => Some(if *value { "1" } else { "0" }.into()),
            Some((Bit::Free(i), _)) => Some(input(*i)),
            Some((Bit::Beyond(_), _)) => None,
            None => free.get(&net).map(|i| input(*i)),
        };
        let renamed = |v: &mut Value| {
            for b in v.as_array_mut().into_iter().flatten() {
                if let Some(new) = b.as_u64().and_then(read) {
                    *b = new;
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
        let f: Vec<Value> = (0..x.len() + owners.len()).map(input).collect();
        // What is made, and whose it is.
        let (mut made, mut makers) = (owned, owners.clone());
        made.extend(beyond.keys());
        makers.extend(beyond.values().map(|(_, id)| *id));
        let late = late(&m, &f, &owners, (&made, &makers))?;
        m["ports"] = json!({
            "f": { "direction": "input", "bits": f },
            "g": { "direction": "output", "bits": made },
            "y": { "direction": "output", "bits": y },
        });
        m["netnames"] = json!({});
        m["attributes"] = json!({});
        let json = json!({ "creator": "sluice", "modules": { Cut::MODULE: m } });
        Some(Cut { json, x_bits: x.len(), owners, made: made.len(), nodes, late })
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
fn late(
    module: &Value,
    f: &[Value],
    owners: &[NodeId],
    (made, makers): (&[u64], &[NodeId]),
) -> Option<BTreeSet<NodeId>> {
    let x_bits = f.len() - owners.len();
    // Of each net the last node that it depends on, plus one.
    let mut last: HashMap<u64, NodeId> = HashMap::new();
    for port in module.get("ports")?.as_object()?.values().filter(|p| p["direction"] == "input") {
        last.extend(port.get("bits")?.as_array()?.iter().filter_map(Value::as_u64).map(|net| (net, 0)));
    }
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
    let early = |(net, maker): &(&u64, &NodeId)| last.get(net).is_some_and(|l| l <= *maker);
    Some(made.iter().zip(makers).filter(|bit| !early(bit)).map(|(_, maker)| *maker).collect())
}

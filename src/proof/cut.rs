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
    /// Beyond the full width of the node: what makes it is bit `k` of the outputs `g`, what reads it reads the sign instead.
    Beyond(usize),
}

/// A module with ports `f` (the input vector, then a bit for each net of a node), `g` (what makes the latter) and `y`.
#[derive(Debug)]
pub(super) struct Cut {
    /// The netlist of module [`Cut::MODULE`], for Yosys.
    pub json: Value,
    /// Bits of `f`.
    pub bits: usize,
    /// Bits of the input vector.
    pub x_bits: usize,
    /// The node that each further bit of `f` belongs to; bit `k` of `g` makes bit `x_bits + k` of `f`.
    pub owners: Vec<NodeId>,
    /// Bits of `g`.
    pub made: usize,
    /// The bits of each node, lowest first, and those beyond its full width that the design makes too; constants have none.
    pub nodes: BTreeMap<NodeId, Vec<Bit>>,
    /// Nodes made of bits of later ones, from which equality would not follow node by node.
    pub late: BTreeSet<NodeId>,
    /// Nodes whose own wire nothing reads: their bits are read where they come from, or not at all.
    pub absent: BTreeSet<NodeId>,
}

impl Cut {
    pub const MODULE: &str = "sluice_cut";

    /// # Errors
    /// Why the design is not made of the nodes of the graph.
    pub fn new(netlist: &Value, module: &str, graph: &StageGraph, names: &[Option<String>]) -> Result<Cut, String> {
        let list = |id: NodeId| {
            let name = names[id].as_deref().unwrap_or_default();
            let bits = netlist.pointer(&format!("/modules/{module}/netnames"))?.get(name)?.get("bits")?;
            bits.as_array().filter(|b| b.len() >= graph.nodes[id].width() as usize).cloned()
        };
        let mut lists = BTreeMap::new();
        for (id, _) in graph.nodes.iter().enumerate().filter(|(_, n)| !matches!(n.op, Op::Const(_))) {
            let name = || names[id].as_deref().unwrap_or("?");
            if netlist.pointer(&format!("/modules/{module}/netnames")).is_none_or(|n| n.get(name()).is_none()) {
                // Nothing reads it under this name.
                lists.insert(id, vec![]);
                continue;
            }
            let bits =
                list(id).ok_or_else(|| format!("there is no `{}` of {} bits", name(), graph.nodes[id].width()))?;
            if bits.iter().any(|b| b.as_u64().is_none() && b != "0" && b != "1") {
                return Err(format!("`{}` has bits that nothing drives", name()));
            }
            lists.insert(id, bits);
        }
        let form = || "its netlist is not in the form expected".to_owned();
        Self::of(netlist, module, graph, &lists).ok_or_else(form)
    }

    fn of(netlist: &Value, module: &str, graph: &StageGraph, lists: &BTreeMap<NodeId, Vec<Value>>) -> Option<Cut> {
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
        // Nets beyond the full width of a node: what they are replaced by, and whose they are.
        let mut beyond: BTreeMap<u64, (Bit, NodeId)> = BTreeMap::new();
        for (&id, list) in lists.iter().filter(|(_, list)| !list.is_empty()) {
            let node = &graph.nodes[id];
            // Of a node whose high bits nothing needs, some of these may be there: they are bits like the others, not signs.
            let (list, more) = list.split_at(list.len().min(node.full_width() as usize));
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
            let sign = if node.range.0 < 0 { *bits.last()? } else { Bit::Known(false) };
            for net in more {
                // One that is shared with a bit of some node is compared as that.
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
                            // Shared with an earlier node: its sign.
                            Some(_) => beyond[&net].0,
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
        let absent = lists.iter().filter(|(_, list)| list.is_empty()).map(|(id, _)| *id).collect();
        let bits_of_f = x.len() + owners.len();
        let late = late(&m, lists)?;
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
        let f: Vec<Value> = (0..bits_of_f).map(input).collect();
        let mut made = owned;
        made.extend(beyond.keys());
        m["ports"] = json!({
            "f": { "direction": "input", "bits": f },
            "g": { "direction": "output", "bits": made },
            "y": { "direction": "output", "bits": y },
        });
        m["netnames"] = json!({});
        m["attributes"] = json!({});
        let json = json!({ "creator": "sluice", "modules": { Cut::MODULE: m } });
        Some(Cut { json, bits: bits_of_f, x_bits: x.len(), owners, made: made.len(), nodes, late, absent })
    }
}

/// The nodes a bit of which depends on the same bit or higher ones of the same node, on later nodes, or is in a loop: from these
/// equality would not follow bit by bit and node by node.
fn late(module: &Value, lists: &BTreeMap<NodeId, Vec<Value>>) -> Option<BTreeSet<NodeId>> {
    // The place of each net that is cut: node and bit, plus one.
    let mut places: HashMap<u64, (usize, usize)> = HashMap::new();
    for port in module.get("ports")?.as_object()?.values().filter(|p| p["direction"] == "input") {
        places.extend(port.get("bits")?.as_array()?.iter().filter_map(Value::as_u64).map(|net| (net, (0, 0))));
    }
    for (id, list) in lists {
        for (bit, net) in list.iter().enumerate().filter_map(|(i, b)| Some((i, b.as_u64()?))) {
            places.entry(net).or_insert((id + 1, bit + 1));
        }
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
    // The cells that read a net that is not cut, so that each is looked at when its last input is known.
    let mut readers: HashMap<u64, Vec<usize>> = HashMap::new();
    let mut open = vec![0usize; cells.len()];
    for (i, (inn, _)) in cells.iter().enumerate() {
        for b in inn.iter().filter(|b| !places.contains_key(b)) {
            readers.entry(*b).or_default().push(i);
            open[i] += 1;
        }
    }
    // The last place that what makes a net depends on.
    let mut depends: HashMap<u64, (usize, usize)> = HashMap::new();
    let mut ready: Vec<usize> = (0..cells.len()).filter(|i| open[*i] == 0).collect();
    while let Some(i) = ready.pop() {
        let (inn, out) = &cells[i];
        let last = inn.iter().filter_map(|b| places.get(b).or_else(|| depends.get(b))).max().copied().unwrap_or((0, 0));
        for b in out {
            depends.insert(*b, last);
            for r in readers.get(b).into_iter().flatten() {
                open[*r] -= 1;
                if open[*r] == 0 {
                    ready.push(*r);
                }
            }
        }
    }
    // A net that was not reached is in a loop, or nothing drives it.
    let early = |(net, place): &(&u64, &(usize, usize))| depends.get(net).is_some_and(|d| d < place);
    let cut = places.iter().filter(|(_, place)| **place != (0, 0));
    Some(cut.filter(|bit| !early(bit)).map(|(_, place)| place.0 - 1).collect())
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

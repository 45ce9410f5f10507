//! A folded data path over the cycles of one vector, as a function without registers.
//!
//! ```text
//! cycle   0                    1                                latency
//! x ──► [logic] ─registers─► [logic] ─registers─► ...  ─► [logic] ──► y
//! ```
//!
//! Everything that the vector does not determine is free: what registers hold when it comes, what is on the bus after it, and
//! whether other vectors are in flight, before or after it, at any distance that the design allows. Of the registers only `at`
//! is known from the beginning, to be the last values of `x_valid`; that it always is, is claimed of every cycle, and to be checked.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::{Value, json};

use crate::hw::{Folded, Op};
use crate::verilog::multiplier_registers;

/// A net of the netlist in a cycle.
type At = (u64, i64);

/// A cycle in which the design is in reset, and one in which `ce` is low.
const RESET: i64 = -1;
const WAITING: i64 = -2;

/// The netlist of a folded design over the cycles of one vector.
pub(super) struct Unrolled {
    /// A module of the same name, with ports `x`, `y` and `free`; its wires are the nodes of the graph.
    pub json: Value,
    /// Registers that follow the vector, by name and cycle: what they hold, and what they must hold.
    pub claims: Vec<(String, Vec<Value>, Vec<Value>)>,
}

struct Unroller<'a> {
    /// What makes each net, and as which bit of its output.
    drivers: HashMap<u64, (&'a str, usize)>,
    cells: &'a serde_json::Map<String, Value>,
    /// What each register reads, by the net that it holds.
    held: HashMap<u64, &'a Value>,
    /// Inputs, by net: the port and the bit of it.
    inputs: HashMap<u64, (&'a str, usize)>,
    /// `at`, by net.
    tokens: HashMap<u64, usize>,
    reuse: i64,
    /// New numbers of nets.
    numbers: HashMap<At, u64>,
    known: HashMap<At, Value>,
    /// `x_valid` of a cycle, and other nets that can be anything.
    valid: BTreeMap<i64, u64>,
    free: Vec<u64>,
    next: u64,
    open: Vec<At>,
}

impl Unroller<'_> {
    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn any(&mut self, at: At) -> Value {
        if let Some(n) = self.numbers.get(&at) {
            return (*n).into();
        }
        let n = self.number();
        self.numbers.insert(at, n);
        self.free.push(n);
        n.into()
    }

    /// Whether a vector comes in a cycle: one in cycle 0, none near it, anything beyond.
    fn valid(&mut self, cycle: i64) -> Value {
        match cycle {
            0 => "1".into(),
            c if c.abs() < self.reuse => "0".into(),
            c => {
                if let Some(n) = self.valid.get(&c) {
                    return (*n).into();
                }
                let n = self.number();
                self.valid.insert(c, n);
                self.free.push(n);
                n.into()
            }
        }
    }

    /// A bit in a cycle.
    fn bit(&mut self, bit: &Value, cycle: i64) -> Value {
        let Some(net) = bit.as_u64() else { return bit.clone() };
        if let Some(known) = self.known.get(&(net, cycle)) {
            return known.clone();
        }
        let value = self.followed(net, cycle);
        self.known.insert((net, cycle), value.clone());
        value
    }

    /// A net in a cycle: back through registers, and through choices that are made already.
    fn followed(&mut self, mut net: u64, mut cycle: i64) -> Value {
        loop {
            if let Some(from) = self.held.get(&net).copied() {
                match cycle {
                    0 => {
                        return match self.tokens.get(&net) {
                            Some(i) => self.valid(-1 - *i as i64),
                            None => self.any((net, 0)),
                        };
                    }
                    c if c < 0 => return self.any((net, c)),
                    c => match from.as_u64() {
                        Some(from) => (net, cycle) = (from, c - 1),
                        None => return from.clone(),
                    },
                }
                continue;
            }
            if let Some((port, _)) = self.inputs.get(&net).copied() {
                return match port {
                    "x_valid" if cycle >= 0 => self.valid(cycle),
                    "resetn" => if cycle == RESET { "0" } else { "1" }.into(),
                    "ce" if cycle != RESET => if cycle == WAITING { "0" } else { "1" }.into(),
                    _ => self.any((net, cycle)),
                };
            }
            let Some((cell, k)) = self.drivers.get(&net).copied() else { return self.any((net, cycle)) };
            match self.chosen(cell, k, cycle).map(|bit| (bit.as_u64(), bit)) {
                Some((Some(from), _)) => net = from,
                Some((None, known)) => return known,
                None => {
                    self.open.push((net, cycle));
                    return self.made((net, cycle));
                }
            }
        }
    }

    /// What bit `k` of a cell's output is in a cycle, where that is known or was chosen: a number, or one of its inputs.
    fn chosen(&mut self, cell: &str, k: usize, cycle: i64) -> Option<Value> {
        let cells = self.cells;
        let wires = |port: &str| list(cells[cell].get("connections").and_then(|c| c.get(port)));
        let (kind, a) = (cells[cell].get("type").and_then(Value::as_str)?, wires("A")?);
        let bit = |value: bool| Some(if value { "1" } else { "0" }.into());
        let signed =
            cells[cell].pointer("/parameters/A_SIGNED").and_then(Value::as_str).is_some_and(|s| s.ends_with('1'));
        match (kind, wires("B"), wires("S")) {
            ("$mux" | "$pmux", Some(b), Some(select)) => {
                let ones = known(&self.bits(select, cycle))?;
                match (ones, ones.count_ones()) {
                    (_, 0) => a.get(k).cloned(),
                    (ones, 1) => b.get(ones.trailing_zeros() as usize * a.len() + k).cloned(),
                    _ => None,
                }
            }
            ("$add", Some(b), _) if !signed => {
                let sum = known(&self.bits(a, cycle))? + known(&self.bits(b, cycle))?;
                bit(sum.checked_shr(k as u32)? & 1 == 1)
            }
            ("$eq", Some(b), _) if !signed => {
                bit(k == 0 && known(&self.bits(a, cycle))? == known(&self.bits(b, cycle))?)
            }
            ("$logic_not", ..) => bit(k == 0 && known(&self.bits(a, cycle))? == 0),
            ("$not", ..) if a.len() == 1 => bit(k == 0 && known(&self.bits(a, cycle))? == 0),
            _ => None,
        }
    }

    /// The number of a net that a cell makes.
    fn made(&mut self, at: At) -> Value {
        if let Some(n) = self.numbers.get(&at) {
            return (*n).into();
        }
        let n = self.number();
        self.numbers.insert(at, n);
        n.into()
    }

    fn bits(&mut self, bits: &[Value], cycle: i64) -> Vec<Value> {
        bits.iter().map(|b| self.bit(b, cycle)).collect()
    }
}

/// A number whose bits are all known; counters and choices have few.
fn known(bits: &[Value]) -> Option<u64> {
    let bit = |(i, b): (usize, &Value)| match b.as_str() {
        Some("1") => Some(1 << i),
        Some("0") => Some(0),
        _ => None,
    };
    (bits.len() < 63).then(|| bits.iter().enumerate().map(bit).sum())?
}

fn list(value: Option<&Value>) -> Option<&[Value]> {
    value?.as_array().map(Vec::as_slice)
}

impl Unrolled {
    /// `None` if the design does not have the nodes of the graph where they are expected, or other registers.
    pub fn new(
        netlist: &Value,
        module: &str,
        folded: &Folded,
        names: &[Option<String>],
        lane: u32,
    ) -> Option<Unrolled> {
        let m = netlist.pointer(&format!("/modules/{module}"))?;
        let wires = m.get("netnames")?;
        let wire = |name: &str| list(wires.get(name)?.get("bits"));
        let ports = m.get("ports")?.as_object()?;
        let cells = m.get("cells")?.as_object()?;
        let mut u = Unroller {
            drivers: HashMap::new(),
            cells,
            held: HashMap::new(),
            inputs: HashMap::new(),
            tokens: HashMap::new(),
            reuse: folded.reuse.into(),
            numbers: HashMap::new(),
            known: HashMap::new(),
            valid: BTreeMap::new(),
            free: Vec::new(),
            next: 1,
            open: Vec::new(),
        };
        for (name, port) in ports {
            if port.get("direction")?.as_str()? == "input" {
                for (i, b) in list(port.get("bits"))?.iter().enumerate() {
                    u.inputs.insert(b.as_u64()?, (name, i));
                }
            }
        }
        let clock = ports.get("clk")?.get("bits")?;
        for (name, cell) in cells {
            let wired = |port: &str| list(cell.get("connections")?.get(port));
            let kind = cell.get("type")?.as_str()?;
            if kind == "$dff" {
                let edge = cell.pointer("/parameters/CLK_POLARITY")?.as_str()?;
                if cell.pointer("/connections/CLK")? != clock || !edge.ends_with('1') {
                    return None;
                }
                for (q, d) in wired("Q")?.iter().zip(wired("D")?) {
                    u.held.insert(q.as_u64()?, d);
                }
                continue;
            }
            if kind.contains("dff") || kind.contains("latch") || kind.contains("mem") {
                return None;
            }
            for (port, bits) in cell.get("connections")?.as_object()? {
                if cell.get("port_directions")?.get(port)?.as_str()? == "output" {
                    for (k, b) in bits.as_array()?.iter().enumerate() {
                        u.drivers.insert(b.as_u64()?, (name, k));
                    }
                }
            }
        }
        let at = wire("at")?;
        for (i, b) in at.iter().enumerate() {
            u.tokens.insert(b.as_u64()?, i);
        }
        let latency = i64::from(folded.latency.0);
        let mut named: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        let x = u.bits(list(ports.get("x")?.get("bits"))?, 0);
        let graph = &folded.graph;
        for (id, node) in graph.nodes.iter().enumerate() {
            if let Op::Input(i) = node.op {
                let low = lane as usize * i;
                named.insert(names[id].clone()?, x.get(low..low + node.width() as usize)?.to_vec());
            }
        }
        for (k, stage) in folded.stages.iter().enumerate() {
            for (id, offset) in &stage.adders {
                let name = names[*id].as_ref()?;
                let digit = wire(&format!("{name}_s{k}"))?;
                let cycles = (0..i64::from(stage.digits)).map(|t| i64::from(stage.start + offset) + t);
                let word = cycles.flat_map(|t| u.bits(digit, t)).collect();
                // The sum of an earlier stage is not made again for a later one.
                if named.insert(name.clone(), word).is_some() {
                    return None;
                }
            }
            for (register, cycle, id) in stage.multipliers.iter().flat_map(|m| multiplier_registers(stage, k, m)) {
                if let Some(name) = names[id].as_ref().filter(|name| !named.contains_key(*name)) {
                    let word = u.bits(wire(&register)?, i64::from(cycle));
                    named.insert(name.clone(), word);
                }
            }
            for id in stage.results.iter().filter(|id| !graph.nodes[**id].is_constant()) {
                let name = names[*id].as_ref()?;
                let word = u.bits(wire(name)?, i64::from(stage.end()));
                named.insert(name.clone(), word);
            }
        }
        for id in folded.choices() {
            let name = names[id].as_ref()?;
            let word = u.bits(wire(name)?, i64::from(folded.made_at(id)));
            named.insert(name.clone(), word);
        }
        let y = u.bits(list(ports.get("y")?.get("bits"))?, latency);
        // `at` is `x_valid` of the cycles before, always, and nothing after reset; the last bit says that `y` is there.
        let mut claims = Vec::new();
        let mut claim = |name: String, seen: Vec<Value>, wanted: Vec<Value>| claims.push((name, seen, wanted));
        for t in 1..=latency {
            let wanted = (0..at.len() as i64).map(|i| u.valid(t - 1 - i)).collect();
            claim(format!("at_{t}"), u.bits(at, t), wanted);
            let seen = u.bits(list(ports.get("y_valid")?.get("bits"))?, t);
            claim(format!("y_valid_{t}"), seen, vec![u.valid(t - latency)]);
        }
        let after: Vec<Value> =
            at.iter().map(|b| u.held.get(&b.as_u64()?).map(|d| (*d).clone())).collect::<Option<_>>()?;
        claim("at_reset".to_owned(), u.bits(&after, RESET), vec!["0".into(); at.len()]);
        // A cycle in which `ce` is low changes no register: it is as if it were not there.
        if ports.contains_key("ce") {
            let names = wires.as_object()?.iter().flat_map(|(name, w)| {
                let bits = list(w.get("bits")).into_iter().flatten();
                bits.filter_map(Value::as_u64).map(move |net| (net, name))
            });
            let names: HashMap<u64, &String> = names.collect();
            let mut held: Vec<(u64, &Value)> = u.held.iter().map(|(q, d)| (*q, *d)).collect();
            held.sort_unstable_by_key(|(q, _)| *q);
            for (q, d) in held {
                let name = names.get(&q).map_or("a register", |n| n.as_str());
                claim(format!("{name}_waits"), vec![u.bit(d, WAITING)], vec![u.any((q, WAITING))]);
            }
        }
        let mut made = serde_json::Map::new();
        while let Some((net, cycle)) = u.open.pop() {
            let (cell, _) = u.drivers[&net];
            let name = format!("{cell}@{cycle}");
            if made.contains_key(&name) {
                continue;
            }
            let mut copy = u.cells[cell].clone();
            made.insert(name.clone(), Value::Null);
            for (port, bits) in copy.get_mut("connections")?.as_object_mut()? {
                let output = u.cells[cell].get("port_directions")?.get(port)?.as_str()? == "output";
                let new = bits.as_array()?.iter().map(|b| match b.as_u64() {
                    // What is made is not looked for behind registers.
                    Some(net) if output => u.made((net, cycle)),
                    _ => u.bit(b, cycle),
                });
                *bits = new.collect();
            }
            made.insert(name, copy);
        }
        let nets = |bits: Vec<Value>| json!({ "hide_name": 0, "bits": bits, "attributes": {} });
        let named: serde_json::Map<String, Value> = named.into_iter().map(|(name, bits)| (name, nets(bits))).collect();
        let ours: HashSet<u64> = x.iter().filter_map(Value::as_u64).collect();
        let free: Vec<Value> = u.free.iter().filter(|n| !ours.contains(n)).map(|n| json!(n)).collect();
        let ports = json!({
            "x": { "direction": "input", "bits": x },
            "free": { "direction": "input", "bits": free },
            "y": { "direction": "output", "bits": y },
        });
        let module_json = json!({ "attributes": {}, "ports": ports, "cells": made, "netnames": named });
        Some(Unrolled { json: json!({ "creator": "sluice", "modules": { module: module_json } }), claims })
    }
}

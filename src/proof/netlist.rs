//! The registers of an emitted data path, read from the netlist that Yosys makes of its text.
//!
//! A pipeline without feedback in which every operation reads bits of one rank only, all clocked by the same edge, gives at its
//! output the function that it has without registers, that many cycles later. So timing is settled by counting ranks, and
//! what remains is a combinational function.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use crate::error::{Code, Error, Result};

/// Widths of the named signals of a module.
pub(super) fn widths(json: &Value, top: &str) -> BTreeMap<String, u32> {
    let names = json.pointer(&format!("/modules/{top}/netnames")).and_then(Value::as_object);
    let width = |net: &Value| net.get("bits")?.as_array().map(|b| b.len() as u32);
    names.into_iter().flatten().filter_map(|(name, net)| Some((name.clone(), width(net)?))).collect()
}

/// Whether every bit that the module reads has a value in every simulator and on every device: the solver takes one that has none,
/// an `x` or a place beyond the end of a vector, for 0.
///
/// # Errors
/// [`Code::Design`] with the place of the first that has none.
pub(super) fn defined(json: &Value, top: &str) -> Result<()> {
    let module = json.pointer(&format!("/modules/{top}"));
    let all = |key: &str| module.and_then(|m| m.get(key)).and_then(Value::as_object).into_iter().flatten();
    let open = |bits: &Value| bits.as_array().into_iter().flatten().any(|b| b == "x" || b == "z");
    let bad = |place: &str| {
        let what = format!("module `{top}`: `{place}` reads a bit that has no value");
        Error::new(Code::Design, what).cause("an `x`, or a place beyond the end of a vector")
    };
    for (name, cell) in all("cells") {
        let place = || cell.pointer("/attributes/src").and_then(Value::as_str).unwrap_or(name);
        let wires = cell.get("connections").and_then(Value::as_object).into_iter().flatten();
        let is_input = |port: &str| cell.pointer(&format!("/port_directions/{port}")).is_none_or(|d| d != "output");
        if wires.into_iter().any(|(port, bits)| is_input(port) && open(bits)) {
            return Err(bad(place()));
        }
        // An element that a number picks: every number picks one.
        let bits =
            |port: &str| cell.pointer(&format!("/connections/{port}")).and_then(Value::as_array).map_or(0, Vec::len);
        if cell["type"] == "$shiftx" && bits("B") < 32 && bits("A") < 1 << bits("B") {
            return Err(bad(place()));
        }
    }
    match all("ports").find(|(_, port)| port["direction"] == "output" && port.get("bits").is_some_and(open)) {
        Some((name, _)) => Err(bad(name)),
        None => Ok(()),
    }
}

struct Cell<'a> {
    name: &'a str,
    kind: &'a str,
    inputs: Vec<(&'a str, Vec<u64>)>,
    outputs: Vec<u64>,
    value: &'a Value,
}

/// Ranks between `x` and `y` of module `top`; none if `y` is the same whatever `x` is.
///
/// # Errors
/// [`Code::Design`] with the place if there is feedback, another clock or edge, another kind of register, an operation that
/// reads two ranks, or an output of another rank than the others.
pub(super) fn latency(json: &Value, top: &str, enable: bool) -> Result<Option<u32>> {
    let bad = |what: String| Error::new(Code::Design, format!("module `{top}`: {what}"));
    let module = json.pointer(&format!("/modules/{top}")).ok_or_else(|| bad("it is not in the netlist".to_owned()))?;
    let port = |name: &str| module.pointer(&format!("/ports/{name}/bits")).map(bits).unwrap_or_default();
    let clock = port("clk");
    let mut ranks: HashMap<u64, u32> = port("x").into_iter().map(|b| (b, 0)).collect();
    let mut cells = Vec::new();
    for (name, value) in module.get("cells").and_then(Value::as_object).into_iter().flatten() {
        let directions = value.get("port_directions").and_then(Value::as_object);
        let is_output = |p: &str| directions.and_then(|d| d.get(p)?.as_str()) == Some("output");
        let wires = value.get("connections").and_then(Value::as_object).into_iter().flatten();
        let (out, inn): (Vec<_>, Vec<_>) = wires.map(|(p, b)| (p.as_str(), bits(b))).partition(|(p, _)| is_output(p));
        let kind = value.get("type").and_then(Value::as_str).unwrap_or("");
        let outputs = out.into_iter().flat_map(|o| o.1).collect();
        cells.push(Cell { name, kind, inputs: inn, outputs, value });
    }
    // The cells that read a bit, so that each is looked at when its last input is known.
    let mut readers: HashMap<u64, Vec<usize>> = HashMap::new();
    let mut open = vec![0usize; cells.len()];
    for (i, cell) in cells.iter().enumerate() {
        for b in cell.inputs.iter().filter(|(p, _)| data(cell.kind, p)).flat_map(|p| &p.1) {
            readers.entry(*b).or_default().push(i);
            open[i] += 1;
        }
    }
    let mut ready: Vec<usize> = (0..cells.len()).filter(|i| open[*i] == 0).collect();
    let mut known: Vec<u64> = ranks.keys().copied().collect();
    let mut done = 0;
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
        let cell = &cells[i];
        done += 1;
        let reads = || cell.inputs.iter().filter(|(p, _)| data(cell.kind, p)).flat_map(|p| &p.1);
        let mut seen = reads().filter_map(|b| ranks.get(b).copied());
        let first = seen.next();
        if let Some(other) = seen.find(|r| Some(*r) != first) {
            return Err(bad(format!("`{}` reads ranks {} and {other}", place(cell), first.unwrap_or(0))));
        }
        let rank = if cell.kind.contains("dff") || cell.kind.contains("latch") {
            register(cell, &clock, &port("ce"), enable)
                .map_err(|what| bad(format!("register `{}`: {what}", place(cell))))?;
            first.map(|r| r + 1)
        } else {
            first
        };
        for b in &cell.outputs {
            if let Some(rank) = rank {
                ranks.insert(*b, rank);
            }
            known.push(*b);
        }
    }
    if done < cells.len() {
        let stuck = (0..cells.len()).find(|i| open[*i] > 0).map_or("", |i| place(&cells[i]));
        return Err(bad(format!("`{stuck}` is in a loop, or reads a signal that nothing drives")));
    }
    let mut outputs = port("y").into_iter().filter_map(|b| ranks.get(&b).copied());
    let latency = outputs.next();
    match outputs.find(|r| Some(*r) != latency) {
        Some(other) => Err(bad(format!("outputs come after {} and after {other} ranks", latency.unwrap_or(0)))),
        None => Ok(latency),
    }
}

/// Whether a port carries data, not clock or enable.
fn data(kind: &str, port: &str) -> bool {
    !(kind.contains("dff") && (port == "CLK" || port == "EN"))
}

/// Where a cell comes from in the source, if Yosys says so.
fn place<'a>(cell: &Cell<'a>) -> &'a str {
    cell.value.pointer("/attributes/src").and_then(Value::as_str).unwrap_or(cell.name)
}

/// Checks clock, edge and enable of a register.
fn register(cell: &Cell, clock: &[u64], ce: &[u64], enable: bool) -> std::result::Result<(), String> {
    let wired = |port: &str| cell.inputs.iter().find(|p| p.0 == port).map(|p| p.1.as_slice()).unwrap_or_default();
    let high = |name: &str| {
        let text = cell.value.pointer(&format!("/parameters/{name}")).and_then(Value::as_str).unwrap_or("1");
        text.ends_with('1')
    };
    let wanted = if enable { "$dffe" } else { "$dff" };
    if cell.kind != wanted {
        return Err(format!("it is a {}, not a {wanted}", cell.kind));
    }
    if wired("CLK") != clock || !high("CLK_POLARITY") {
        return Err("it has another clock or the other edge".to_owned());
    }
    if enable && (wired("EN") != ce || !high("EN_POLARITY")) {
        return Err("it has another enable".to_owned());
    }
    Ok(())
}

/// The wires of a list of bits; constants are left out.
fn bits(list: &Value) -> Vec<u64> {
    list.as_array().into_iter().flatten().filter_map(Value::as_u64).collect()
}

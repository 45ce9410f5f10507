//! The longest path of a mapped netlist by the delays of its family: what can be said about speed without place and route.
//!
//! The same table as the scheduler's (`hw/delay.rs`), on cells instead of operations, so it holds for Verilog of any origin.
//! A carry chain is one reader of a net with all its cells and the lookup tables beside it, which lie side by side; those
//! tables, and a register next to what it stores, are reached without a route. Enables and resets are left out; memories and
//! multipliers begin and end paths.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::error::{Code, Result};
use crate::hw::{Delays, Target};
use crate::model::file::read_json;

#[derive(Deserialize)]
struct Netlist {
    modules: BTreeMap<String, Module>,
}

#[derive(Deserialize)]
struct Module {
    ports: BTreeMap<String, Port>,
    cells: BTreeMap<String, Cell>,
}

#[derive(Deserialize)]
struct Port {
    direction: String,
    bits: Bits,
}

#[derive(Deserialize)]
struct Cell {
    #[serde(rename = "type")]
    kind: String,
    port_directions: BTreeMap<String, String>,
    connections: BTreeMap<String, Bits>,
}

/// The bits of a pin: nets by their number, nothing for constants.
#[derive(Deserialize)]
#[serde(from = "Vec<serde_json::Value>")]
struct Bits(Vec<Option<usize>>);

impl From<Vec<serde_json::Value>> for Bits {
    fn from(bits: Vec<serde_json::Value>) -> Bits {
        Bits(bits.iter().map(|b| b.as_u64().and_then(|n| usize::try_from(n).ok())).collect())
    }
}

impl Bits {
    /// Place and net.
    fn nets(&self) -> impl Iterator<Item = (usize, usize)> {
        self.0.iter().enumerate().filter_map(|(i, net)| Some((i, (*net)?)))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Lookup table.
    Table,
    /// Multiplexer beside lookup tables.
    Mux,
    Carry,
    /// Inverters that other cells take in.
    Wire,
    /// Registers, memories, multipliers: a path ends there and another begins.
    State,
}

impl Kind {
    fn of(cell: &str) -> Kind {
        match cell {
            "MUXF7" | "MUXF8" | "MUXF9" | "PFUMX" | "L6MUX21" => Kind::Mux,
            "CARRY4" | "CARRY8" | "CCU2C" | "SB_CARRY" => Kind::Carry,
            "INV" => Kind::Wire,
            "$lut" | "SB_LUT4" | "$_NOT_" => Kind::Table,
            _ if cell.starts_with("LUT") => Kind::Table,
            _ => Kind::State,
        }
    }
}

/// Whether a pin takes the carry of an iCE40 adder beside it.
fn sums(cell: &Cell, pin: &str) -> bool {
    cell.kind == "SB_LUT4" && pin == "I3"
}

fn distinct(mut list: Vec<usize>) -> usize {
    list.sort_unstable();
    list.dedup();
    list.len()
}

/// Of what is always there.
const NEVER: i32 = i32::MIN / 4;

impl Cell {
    fn nets(&self, pin: &str) -> impl Iterator<Item = (usize, usize)> {
        self.connections.get(pin).into_iter().flat_map(Bits::nets)
    }

    /// Pins of one direction, each bit: pin, place in it, net.
    fn pins<'a>(&'a self, direction: &'a str) -> impl Iterator<Item = (&'a str, usize, usize)> {
        let pins = self.port_directions.iter().filter(move |(_, d)| *d == direction);
        pins.flat_map(|(pin, _)| self.nets(pin).map(move |(i, net)| (pin.as_str(), i, net)))
    }
}

/// Picoseconds of the longest path in a netlist that Yosys has written, register included; none if cells drive each other in a
/// circle.
///
/// * `from_ports`: paths begin at input ports too; without, only those of a harness would
///
/// # Errors
/// [`Code::ToolFailed`] if the netlist is not in the form expected.
pub(super) fn longest(
    netlist: &Path,
    (top, clock): (&str, &str),
    from_ports: bool,
    target: Target,
) -> Result<Option<u32>> {
    let mut all: Netlist = read_json(netlist, Code::ToolFailed)?;
    Ok(all.modules.remove(top).and_then(|module| Walk::new(&module, clock, from_ports, target.delays()).longest()))
}

struct Walk<'a> {
    module: &'a Module,
    cells: Vec<(&'a Cell, Kind)>,
    clock: Option<usize>,
    delays: Delays,
    /// By net: the cell that drives it, its readers, arrival, and arrival inside a carry chain.
    driver: Vec<Option<usize>>,
    readers: Vec<usize>,
    at: Vec<i32>,
    chain: Vec<i32>,
}

impl<'a> Walk<'a> {
    fn new(module: &'a Module, clock: &str, from_ports: bool, delays: Delays) -> Self {
        let cells: Vec<(&Cell, Kind)> = module.cells.values().map(|c| (c, Kind::of(&c.kind))).collect();
        let pins = |direction: &'static str| cells.iter().flat_map(move |(c, _)| c.pins(direction));
        let ports = module.ports.values().flat_map(|p| p.bits.nets()).map(|p| p.1);
        let nets = pins("input").chain(pins("output")).map(|p| p.2).chain(ports).max().unwrap_or(0) + 1;
        let mut walk = Walk {
            clock: module.ports.get(clock).and_then(|p| p.bits.nets().next()).map(|p| p.1),
            module,
            delays,
            driver: vec![None; nets],
            readers: vec![0; nets],
            at: vec![0; nets],
            chain: vec![NEVER; nets],
            cells,
        };
        for (id, (cell, _)) in walk.cells.iter().enumerate() {
            cell.pins("output").for_each(|(_, _, net)| walk.driver[net] = Some(id));
        }
        let places = walk.places();
        let mut seen = vec![Vec::new(); nets];
        for (id, (cell, _)) in walk.cells.iter().enumerate() {
            cell.pins("input").for_each(|(_, _, net)| seen[net].push(places[id]));
        }
        walk.readers = seen.into_iter().map(distinct).collect();
        let ports = module.ports.values().filter(|p| p.direction == "input" && !from_ports);
        ports.flat_map(|p| p.bits.nets()).for_each(|(_, net)| walk.at[net] = NEVER);
        walk
    }

    /// For each cell the first of those that lie beside it: a carry chain with the tables in front of it or behind.
    fn places(&self) -> Vec<usize> {
        let carries = |pin: &str| matches!(pin, "CI" | "CIN");
        let chain = |net: usize| self.driver[net].filter(|id| self.cells[*id].1 == Kind::Carry);
        let first = |mut id: usize| {
            // No chain is longer than all cells.
            for _ in 0..self.cells.len() {
                let mut below = self.cells[id].0.pins("input").filter(|p| carries(p.0)).filter_map(|p| chain(p.2));
                let Some(next) = below.next() else { break };
                id = next;
            }
            id
        };
        let mut places: Vec<usize> = (0..self.cells.len()).collect();
        for (id, (cell, kind)) in self.cells.iter().enumerate() {
            match kind {
                Kind::Carry => {
                    places[id] = first(id);
                    let in_front = cell.pins("input").filter(|p| p.0 == "S").filter_map(|p| self.driver[p.2]);
                    let tables = in_front.filter(|t| self.cells[*t].1 == Kind::Table).collect::<Vec<_>>();
                    tables.into_iter().for_each(|table| places[table] = places[id]);
                }
                Kind::Table => {
                    let below = cell.pins("input").filter(|p| sums(cell, p.0)).find_map(|p| chain(p.2));
                    places[id] = below.map_or(places[id], first);
                }
                _ => {}
            }
        }
        places
    }

    fn driven_by(&self, net: usize) -> Option<Kind> {
        self.driver[net].map(|id| self.cells[id].1)
    }

    fn longest(mut self) -> Option<u32> {
        // Cells in the order of their signals.
        let is_logic = |kind: Kind| kind != Kind::State;
        let mut waits: Vec<usize> = vec![0; self.cells.len()];
        let mut readers: Vec<Vec<usize>> = vec![Vec::new(); self.cells.len()];
        for (id, (cell, _)) in self.cells.iter().enumerate().filter(|(_, c)| is_logic(c.1)) {
            for (_, _, net) in cell.pins("input") {
                if let Some(from) = self.driver[net].filter(|f| is_logic(self.cells[*f].1)) {
                    waits[id] += 1;
                    readers[from].push(id);
                }
            }
        }
        let mut ready: Vec<usize> =
            (0..self.cells.len()).filter(|i| is_logic(self.cells[*i].1) && waits[*i] == 0).collect();
        let mut left = self.cells.iter().filter(|c| is_logic(c.1)).count();
        while let Some(id) = ready.pop() {
            self.pass(id);
            left -= 1;
            for reader in &readers[id] {
                waits[*reader] -= 1;
                if waits[*reader] == 0 {
                    ready.push(*reader);
                }
            }
        }
        let ends = self.cells.iter().filter(|c| c.1 == Kind::State).flat_map(|(cell, _)| {
            // Data of a register come from beside it; what goes to other cells has a way.
            let register = ["FD", "SRL", "TRELLIS_FF", "SB_DFF", "$_"].iter().any(|kind| cell.kind.starts_with(kind));
            cell.pins("input").filter_map(move |(pin, _, net)| match (register, pin) {
                (true, "D" | "DI") => Some((net, false)),
                (true, _) => None,
                (false, _) => Some((net, true)),
            })
        });
        let ends = ends.filter(|(net, _)| Some(*net) != self.clock);
        let longest = ends.map(|(net, far)| if far { self.reached(net) } else { self.at[net] });
        let outputs = self.module.ports.values().filter(|p| p.direction == "output").flat_map(|p| p.bits.nets());
        let outputs = outputs.map(|(_, net)| self.at[net]);
        let longest = longest.chain(outputs).max().unwrap_or(0);
        (left == 0).then(|| (longest.max(0) + self.delays.register).unsigned_abs())
    }

    /// Arrival at the cells that read a net.
    fn reached(&self, net: usize) -> i32 {
        self.at[net] + self.delays.route_to(self.readers[net])
    }

    /// Arrivals of what a cell drives.
    fn pass(&mut self, id: usize) {
        let (cell, kind) = self.cells[id];
        if kind == Kind::Carry {
            return self.carry(cell);
        }
        let d = self.delays;
        let arrival = cell.pins("input").map(|(pin, _, net)| match kind {
            Kind::Wire => self.at[net],
            Kind::Mux if pin != "S" && pin != "C0" && pin != "SD" => self.at[net] + d.lut,
            _ if sums(cell, pin) && self.chain[net] > NEVER => self.chain[net] + d.adder,
            _ => self.reached(net) + d.lut,
        });
        let arrival = arrival.max().unwrap_or(NEVER).max(NEVER);
        cell.pins("output").for_each(|(_, _, net)| self.at[net] = arrival);
    }

    /// A piece of a carry chain: bit after bit, data in, sum and carry out.
    fn carry(&mut self, cell: &Cell) {
        let d = self.delays;
        let bits = match cell.kind.as_str() {
            "CARRY4" => 4,
            "CARRY8" => 8,
            "CCU2C" => 2,
            _ => 1,
        };
        let mut carry = NEVER;
        let mut enters = [NEVER; 8];
        for (pin, i, net) in cell.pins("input") {
            let chained = self.driven_by(net) == Some(Kind::Carry) && self.chain[net] > NEVER;
            match pin {
                "CI" | "CIN" if chained => carry = carry.max(self.chain[net]),
                // The lookup table in front of a chain is part of it.
                "S" if self.driven_by(net) == Some(Kind::Table) => enters[i] = enters[i].max(self.at[net] - d.lut),
                "CI" | "CIN" | "CYINIT" => carry = carry.max(self.reached(net)),
                // A1, B1, ... belong to the second bit, and of DI and S each has its own.
                _ => {
                    let bit = if pin.ends_with('1') && bits == 2 { 1 } else { i };
                    enters[bit] = enters[bit].max(self.reached(net));
                }
            }
        }
        let outputs: Vec<(&str, usize, usize)> = cell.pins("output").collect();
        for (bit, enter) in enters.iter().enumerate().take(bits) {
            carry = (carry + d.carry).max(*enter).max(NEVER);
            for (pin, i, net) in &outputs {
                let of = match *pin {
                    "S1" | "COUT" => 1,
                    "S0" => 0,
                    _ => *i,
                };
                if of == bit {
                    self.at[*net] = (carry + d.adder).max(NEVER);
                    if pin.starts_with("CO") {
                        self.chain[*net] = carry;
                    }
                }
            }
        }
    }
}

//! How long operations take on an FPGA family, for the scheduler.
//!
//! | family  | LUT | adder | carry/bit | route | fan-out | register | source |
//! |---------|-----|-------|-----------|-------|---------|----------|--------|
//! | ECP5    | 180 |  640  |  30       |  950  |  300    |  500     | nextpnr 0.11, speed grade 8: routed paths |
//! | iCE40   | 360 |  820  | 150       |  750  |  100    |  600     | nextpnr 0.11, HX8K: nine small designs, three seeds each |
//! | xcup    | 100 |  250  |  15       |  350  |  100    |  150     | data sheet DS923, -2; route not calibrated |
//! | xc7     | 120 |  500  |  30       |  550  |  150    |  500     | data sheet DS182, -2; route not calibrated |
//! | generic | 500 |  500  |  30       | 1000  |    0    |  400     | one model for all, to compare designs |
//!
//! All in picoseconds. `adder` is operand into the carry chain and carry out to the sum; `fan-out` is added to `route` for
//! each doubling of the readers beyond two. On iCE40 what an adder subtracts passes an inverter first, a lookup table and a
//! route: the carry chain reads the same pins as the lookup table behind it. The others invert in front of their chain.
//!
//! Into the multiplier of a DSP slice, through it and out: 4000 for ECP5 and generic, which is that of four multipliers placed
//! near their registers (3.07 ns through, two short routes); with more of them the routes grow, see docs/HARDWARE.md. 3000 for
//! xc7 and 2500 for xcup are assumed; iCE40 HX parts have none.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// FPGA family whose delays the scheduler uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// Lattice ECP5.
    #[default]
    Ecp5,
    /// Lattice iCE40.
    Ice40,
    /// AMD UltraScale+.
    Xcup,
    /// AMD 7-series.
    Xc7,
    /// No family in particular.
    Generic,
}

/// Picoseconds, as integers: sums of them compare exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Delays {
    /// Through a lookup table.
    pub lut: i32,
    /// Into a carry chain and out of it.
    pub adder: i32,
    /// Along it, per bit.
    pub carry: i32,
    /// To the next cell.
    pub route: i32,
    /// More of that for each doubling of the readers beyond two.
    pub fan: i32,
    /// Clock to output and set-up.
    pub register: i32,
    /// What the subtracted operand of an adder takes more.
    pub inverter: i32,
    /// Through a multiplier of a DSP slice.
    pub multiplier: i32,
    /// Inputs of a lookup table.
    pub inputs: u32,
}

impl Target {
    /// The name in options and manifests.
    pub fn name(self) -> &'static str {
        match self {
            Target::Ecp5 => "ecp5",
            Target::Ice40 => "ice40",
            Target::Xcup => "xcup",
            Target::Xc7 => "xc7",
            Target::Generic => "generic",
        }
    }

    pub(crate) fn delays(self) -> Delays {
        let d = |inputs, multiplier, [lut, adder, carry, route, fan, register]: [i32; 6]| Delays {
            lut,
            adder,
            carry,
            route,
            fan,
            register,
            inverter: 0,
            multiplier,
            inputs,
        };
        match self {
            Target::Ecp5 => d(4, 4000, [180, 640, 30, 950, 300, 500]),
            // The HX parts have none.
            Target::Ice40 => Delays { inverter: 360 + 750, ..d(4, 0, [360, 820, 150, 750, 100, 600]) },
            Target::Xcup => d(6, 2500, [100, 250, 15, 350, 100, 150]),
            Target::Xc7 => d(6, 3000, [120, 500, 30, 550, 150, 500]),
            Target::Generic => d(4, 4000, [500, 500, 30, 1000, 0, 400]),
        }
    }
}

impl Delays {
    /// From a cell to each of `readers` cells.
    pub fn route_to(&self, readers: usize) -> i32 {
        let readers = readers.max(2) as i64;
        let doublings = readers.ilog2();
        // Between two powers of two along a straight line: the same on every machine.
        let between = i64::from(self.fan) * (readers - (1 << doublings)) / (1 << doublings);
        self.route + self.fan * (doublings as i32 - 1) + between as i32
    }

    /// Levels of lookup tables before the last one, which takes a bit, its sign and what is known of `bits` others: what
    /// synthesis makes of a saturation. Each table before it also sees the sign.
    pub fn gather_levels(&self, bits: u32) -> i32 {
        let (mut reach, mut levels) = (self.inputs - 2, 0);
        while reach < bits {
            reach *= self.inputs - 1;
            levels += 1;
        }
        levels
    }

    /// Levels of lookup tables that make one bit of `bits`.
    pub fn levels(&self, bits: u32) -> i32 {
        let (mut reach, mut levels) = (1, 0);
        while reach < bits {
            reach *= self.inputs;
            levels += 1;
        }
        levels
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_grow_with_the_readers_and_gathering_with_the_bits() {
        let d = Target::Ecp5.delays();
        let routes: Vec<i32> = [0, 1, 2, 3, 4, 6, 8].iter().map(|n| d.route_to(*n)).collect();
        assert_eq!(routes, [950, 950, 950, 1100, 1250, 1400, 1550]);
        assert_eq!([1, 2, 4, 5, 16, 17].map(|n| d.levels(n)), [0, 1, 1, 2, 2, 3]);
        assert_eq!([0, 2, 3, 6, 7, 18].map(|n| d.gather_levels(n)), [0, 0, 1, 1, 2, 2]);
    }
}

//! Clock constraints for Vivado (XDC), Quartus (SDC), and nextpnr and Diamond (LPF).
//!
//! They are those of the core alone. In a larger design its clock is constrained where it comes from; what has to be kept then
//! are the paths between two clocks, if it has two.

use super::{Package, period_ns};

/// The output clock, port and MHz, if the core has one.
fn output_clock(package: &Package) -> Option<(&'static str, f64)> {
    package.output_clock_mhz().map(|mhz| ("m_axis_aclk", mhz))
}

/// XDC.
pub(super) fn xdc(package: &Package) -> String {
    let (top, clock, mhz) = (package.top(), package.clock(), package.clock_mhz());
    let period = period_ns(mhz);
    let mut text = format!(
        "# {top}: Vivado. {mhz} MHz is the clock that the design was scheduled for.
create_clock -name {clock} -period {period} [get_ports {clock}]
"
    );
    if let Some((output, output_mhz)) = output_clock(package) {
        let output_period = period_ns(output_mhz);
        text += &format!(
            "create_clock -name {output} -period {output_period} [get_ports {output}]

# link_cross: between the clocks run Gray pointers, whose bits have to arrive within a period of the clock that they come
# from, and memory words, which are there long before they are read. Nothing else may cross.
set_max_delay -datapath_only -from [get_clocks {clock}] -to [get_clocks {output}] {period}
set_max_delay -datapath_only -from [get_clocks {output}] -to [get_clocks {clock}] {output_period}
"
        );
    }
    text += &format!(
        "
# If the ports are pins or registers of a neighbour, say what is outside, for example:
# set_input_delay  -clock {clock} 1.000 [filter [all_inputs] {{NAME != {clock}}}]
# set_output_delay -clock {clock} 1.000 [all_outputs]
"
    );
    text
}

/// SDC.
pub(super) fn sdc(package: &Package) -> String {
    let (top, clock, mhz) = (package.top(), package.clock(), package.clock_mhz());
    let period = period_ns(mhz);
    let mut text = format!(
        "# {top}: Quartus and others that read SDC. {mhz} MHz is the clock that the design was scheduled for.
create_clock -name {clock} -period {period} [get_ports {clock}]
"
    );
    if let Some((output, output_mhz)) = output_clock(package) {
        let output_period = period_ns(output_mhz);
        text += &format!(
            "create_clock -name {output} -period {output_period} [get_ports {output}]

# link_cross: the bits of a Gray pointer have to arrive within a period of the clock that they come from; memory words are there
# long before they are read. The bound is on the data alone: holding and the skew of unrelated clocks mean nothing here.
set_max_delay -from [get_clocks {clock}] -to [get_clocks {output}] {period}
set_min_delay -from [get_clocks {clock}] -to [get_clocks {output}] -100
set_max_delay -from [get_clocks {output}] -to [get_clocks {clock}] {output_period}
set_min_delay -from [get_clocks {output}] -to [get_clocks {clock}] -100
"
        );
    }
    text += &format!(
        "derive_clock_uncertainty

# set_input_delay  -clock {clock} 1.000 [all_inputs]
# set_output_delay -clock {clock} 1.000 [all_outputs]
"
    );
    text
}

/// LPF.
pub(super) fn lpf(package: &Package) -> String {
    let mut text = format!("# {}: nextpnr and Diamond.\n", package.top());
    text += &format!("FREQUENCY PORT \"{}\" {:.3} MHZ;\n", package.clock(), package.clock_mhz());
    if let Some((output, mhz)) = output_clock(package) {
        text += &format!(
            "FREQUENCY PORT \"{output}\" {mhz:.3} MHZ;
# link_cross: nextpnr leaves paths between clocks alone. Diamond is told so; the bits of a Gray pointer still have to arrive
# within a period of the clock that they come from.
BLOCK INTERCLOCKDOMAIN PATHS;
"
        );
    }
    text
}

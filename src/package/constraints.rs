//! Clock constraints for Vivado (XDC), Quartus (SDC), and nextpnr and Diamond (LPF).
//!
//! They are those of the core alone. In a larger design its clock is constrained where it comes from; what has to be kept then
//! are the paths between two clocks, if it has two.

use super::{Package, period_ns};

/// XDC.
pub(super) fn xdc(package: &Package) -> String {
    let (top, clock, mhz) = (package.top(), package.clock(), package.clock_mhz());
    let period = period_ns(mhz);
    let mut text = format!(
        "# {top}: Vivado. {mhz} MHz is the clock that the design was scheduled for.
create_clock -name {clock} -period {period} [get_ports {clock}]
"
    );
    if package.has_output_clock() {
        text += &format!(
            "create_clock -name m_axis_aclk -period {period} [get_ports m_axis_aclk]

# link_cross: between the clocks run Gray pointers, whose bits have to arrive within a period of the clock that they come
# from, and memory words, which are there long before they are read. Nothing else may cross.
set_max_delay -datapath_only -from [get_clocks {clock}] -to [get_clocks m_axis_aclk] {period}
set_max_delay -datapath_only -from [get_clocks m_axis_aclk] -to [get_clocks {clock}] {period}
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
    if package.has_output_clock() {
        text += &format!(
            "create_clock -name m_axis_aclk -period {period} [get_ports m_axis_aclk]

# link_cross: the bits of a Gray pointer have to arrive within a period of the clock that they come from; memory words are there
# long before they are read. The bound is on the data alone: holding and the skew of unrelated clocks mean nothing here.
set_max_delay -from [get_clocks {clock}] -to [get_clocks m_axis_aclk] {period}
set_min_delay -from [get_clocks {clock}] -to [get_clocks m_axis_aclk] -100
set_max_delay -from [get_clocks m_axis_aclk] -to [get_clocks {clock}] {period}
set_min_delay -from [get_clocks m_axis_aclk] -to [get_clocks {clock}] -100
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
    let (clock, mhz) = (package.clock(), package.clock_mhz());
    let mut text = format!("# {}: nextpnr and Diamond.\nFREQUENCY PORT \"{clock}\" {mhz:.3} MHZ;\n", package.top());
    if package.has_output_clock() {
        text += &format!(
            "FREQUENCY PORT \"m_axis_aclk\" {mhz:.3} MHZ;
# link_cross: nextpnr leaves paths between clocks alone. Diamond is told so; the bits of a Gray pointer still have to arrive
# within a period of the clock that they come from.
BLOCK INTERCLOCKDOMAIN PATHS;
"
        );
    }
    text
}

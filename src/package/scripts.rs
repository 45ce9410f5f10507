//! Scripts that build the core alone: Vivado, and Yosys with nextpnr.

use super::{Package, fill};

/// A part of the family that the design was made for, of the sizes that detectors use.
pub(super) fn vivado_part(target: &str) -> &'static str {
    if target == "xc7" { "xc7a200tfbg676-2" } else { "xcku5p-ffvb676-2-e" }
}

/// Whether some of the multipliers are to go into DSP slices.
pub(super) fn multipliers(package: &Package) -> bool {
    package.manifest.dsp() > 0
}

/// Text of `vivado.tcl`.
pub(super) fn vivado(package: &Package) -> String {
    filled(package, include_str!("templates/vivado.tcl"))
}

/// Text of `yosys_nextpnr.sh`.
pub(super) fn yosys_nextpnr(package: &Package) -> String {
    filled(package, include_str!("templates/yosys_nextpnr.sh"))
}

fn filled(package: &Package, template: &str) -> String {
    let sources: Vec<&str> = package.sources().collect();
    let values = [
        ("top", package.top()),
        ("vivado_part", vivado_part(&package.manifest.target)),
        ("sources", &sources.join(" ")),
        ("nodsp", if multipliers(package) { "" } else { "-nodsp " }),
        ("clock_mhz", &package.clock_mhz().to_string()),
    ];
    fill(template, &values)
}

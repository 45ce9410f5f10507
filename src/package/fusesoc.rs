//! The core file of FuseSoC (CAPI2): targets lint, sim, vivado, yosys.

use super::scripts::{multipliers, vivado_part};
use super::{Package, fill};

/// Text of `<top>.core`.
pub(super) fn text(package: &Package) -> String {
    let m = package.manifest;
    let sources: Vec<String> = package.sources().map(|name| format!("      - {name}")).collect();
    let (inputs, outputs) = (m.input_formats.len(), m.output_formats.len());
    let description = match package.framed {
        Some((core, _)) => format!("{inputs} numbers to {outputs}, coded and framed over {} bits", core.output_bits),
        None => format!("{inputs} numbers to {outputs}"),
    };
    let values = [
        ("top", package.top()),
        ("version", env!("CARGO_PKG_VERSION")),
        ("description", &description),
        ("core_sources", &sources.join("\n")),
        ("vivado_part", vivado_part(&m.target)),
        ("yosys_options", if multipliers(package) { "" } else { "-nodsp" }),
    ];
    fill(include_str!("templates/design.core"), &values)
}

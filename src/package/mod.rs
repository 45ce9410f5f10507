//! What is handed over with an emitted design: a test bench with its vectors, constraints, build files and a data sheet.
//!
//! ```text
//! DesignManifest ─┐
//! Link ───────────┼─► DATASHEET.md, <top>.core, constraints/, scripts/, template/, registers/
//! Vectors ────────┴─► tb/: bench, runner, stimuli.hex, expected.hex
//! ```
//!
//! The files go into the design folder, beside the Verilog: FuseSoC does not look above the folder of its core file. What is
//! written depends on the arguments alone.

mod bench;
mod constraints;
mod datasheet;
mod fusesoc;
mod instance;
mod ports;
pub mod registers;
mod scripts;
#[cfg(test)]
mod tests;

use crate::error::{Code, Error, Result};
use crate::link::Link;
use crate::model::Vectors;
use crate::verilog::{DesignManifest, Identity, Interface, LinkCore};

pub use bench::MOST_VECTORS;

/// Names and texts of the files, by path below the design folder.
///
/// * `link`: the link of a design that has one
/// * `vectors`: inputs and the outputs of the reference; the first [`MOST_VECTORS`] are taken
///
/// # Errors
/// [`Code::Design`] if design and link do not belong together, [`Code::Vectors`] if there are none or they have another shape,
/// [`Code::FormatRange`] for an output outside its format.
pub fn files(manifest: &DesignManifest, link: Option<&Link>, vectors: &Vectors) -> Result<Vec<(String, String)>> {
    let framed = match (&manifest.link, link) {
        (Some(core), Some(link)) if core.id == link.id() => Some((core, link)),
        (None, None) => None,
        _ => {
            return Err(Error::new(Code::Design, format!("design `{}` has another link", manifest.top))
                .hint("pass the link that it was emitted with"));
        }
    };
    let package = Package { manifest, framed };
    let top = package.top();
    let mut files = bench::files(&package, vectors)?;
    files.extend([
        ("DATASHEET.md".to_owned(), datasheet::text(&package)),
        (format!("{top}.core"), fusesoc::text(&package)),
        (format!("constraints/{top}.xdc"), constraints::xdc(&package)),
        (format!("constraints/{top}.sdc"), constraints::sdc(&package)),
        (format!("constraints/{top}.lpf"), constraints::lpf(&package)),
        ("scripts/vivado.tcl".to_owned(), scripts::vivado(&package)),
        ("scripts/yosys_nextpnr.sh".to_owned(), scripts::yosys_nextpnr(&package)),
        (format!("template/{top}_inst.v"), instance::text(&package)),
    ]);
    if package.has_registers() {
        let identity = package.identity();
        files.extend([
            ("registers/REGISTERS.md".to_owned(), registers::markdown(top, &identity)),
            (format!("registers/{top}_registers.h"), registers::c_header(top, &identity)),
            (format!("registers/{top}_registers.xml"), registers::ip_xact(top, &identity)),
        ]);
    }
    Ok(files)
}

/// A design with what its files are made of.
struct Package<'a> {
    manifest: &'a DesignManifest,
    framed: Option<(&'a LinkCore, &'a Link)>,
}

impl Package<'_> {
    /// The outermost module.
    fn top(&self) -> &str {
        self.framed.map_or(&self.manifest.top, |(core, _)| &core.top)
    }

    fn is_stream(&self) -> bool {
        self.framed.is_some() || self.manifest.interface == Interface::Axis
    }

    /// Clock port of the top module.
    fn clock(&self) -> &str {
        if self.is_stream() { "aclk" } else { &self.manifest.clock }
    }

    /// Reset port of the top module.
    fn reset(&self) -> Option<&str> {
        if self.is_stream() { Some("aresetn") } else { self.manifest.reset.as_deref() }
    }

    /// What the first registers read.
    fn identity(&self) -> Identity {
        Identity::new(self.manifest, self.framed.map_or(0, |(core, _)| core.id))
    }

    /// Whether software can reach it.
    fn has_registers(&self) -> bool {
        self.framed.is_some_and(|(core, _)| core.options.registers)
    }

    /// Whether the output has a clock of its own; it is taken to be as fast as the other.
    fn has_output_clock(&self) -> bool {
        self.framed.is_some_and(|(core, _)| core.options.output_clock)
    }

    /// Cycles from one vector to the next, at least.
    fn ii(&self) -> u32 {
        self.framed.map_or(self.manifest.ii, |(core, _)| core.ii)
    }

    /// The clock to constrain to: that of the schedule, else what the delay model allows.
    fn clock_mhz(&self) -> f64 {
        let m = self.manifest;
        m.clock_mhz.unwrap_or_else(|| m.path_ns.filter(|ns| *ns > 0.0).map_or(100.0, |ns| (1e3 / ns).floor()))
    }

    /// Bits of a whole input vector, of the input port and of an output vector.
    fn bus_bits(&self) -> [u32; 3] {
        let m = self.manifest;
        let vector = m.in_width * m.input_formats.len() as u32;
        let beat = self.framed.and_then(|(core, _)| core.options.input_bits).unwrap_or(vector);
        let port = m.pixels.map_or(beat, |p| m.in_width * p.channels);
        [vector, port, m.out_width * m.output_formats.len() as u32]
    }

    /// The Verilog files, one after the other.
    fn sources(&self) -> impl Iterator<Item = &str> {
        self.manifest.files.iter().map(String::as_str).filter(|name| name.ends_with(".v"))
    }
}

/// A period in ns, to the picosecond.
fn period_ns(mhz: f64) -> String {
    format!("{:.3}", 1e3 / mhz)
}

/// A template with its `@name@` replaced. Braces belong to the languages of the templates.
fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let put = |text: String, (name, value): &(&str, &str)| text.replace(&format!("@{name}@"), value);
    values.iter().fold(template.to_owned(), put)
}

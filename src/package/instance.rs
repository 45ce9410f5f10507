//! An instance to copy: a wire for every port, and what it is for.

use std::fmt::Write as _;

use super::Package;
use super::ports::ports;

/// Text of `<top>_inst.v`.
pub(super) fn text(package: &Package) -> String {
    let (top, ports) = (package.top(), ports(package));
    let mut text = format!("// {top}: an instance to copy into a module; more in DATASHEET.md\n\n");
    for p in &ports {
        let range = if p.bits > 1 { format!("[{}:0]", p.bits - 1) } else { String::new() };
        let _ = writeln!(text, "wire {range:>9} {};", p.name);
    }
    let _ = write!(text, "\n{top} {top}_i (\n");
    let widest = ports.iter().map(|p| p.name.len()).max().unwrap_or(0);
    for (i, p) in ports.iter().enumerate() {
        let comma = if i + 1 < ports.len() { "," } else { "" };
        let connection = format!(".{}({}){comma}", p.name, p.name);
        let direction = if p.output { "out" } else { "in " };
        let _ = writeln!(text, "    {connection:<0$} // {direction} {1}", 2 * widest + 4, p.meaning);
    }
    text + ");\n"
}

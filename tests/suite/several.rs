//! Several designs in one simulation, because a simulation takes seconds to compile and no time to run.

use std::fmt::Write as _;
use std::path::Path;

use sluice::dut::{Dut, Reset};
use sluice::fixed::QFormat;
use sluice::verilog::DesignManifest;

/// One design of the top module: a kernel.
pub struct Part<'a> {
    /// Name of its module, and of its file without `.v`.
    pub module: String,
    pub text: String,
    pub manifest: &'a DesignManifest,
    /// The element of the joined input that is its first one.
    pub first_input: usize,
}

/// Writes a top module over `parts`, all of one II; its outputs are theirs, in order. Pipelined parts have one latency; folded
/// ones are made to wait for the slowest, and a part that is out of step makes `y_valid` undefined.
pub fn together(parts: &[Part], input_formats: Vec<QFormat>, folder: &Path, cache: &Path) -> Dut {
    let widest = |f: fn(&DesignManifest) -> u32| parts.iter().map(|p| f(p.manifest)).max().unwrap();
    let (in_width, out_width) = (widest(|m| m.in_width), widest(|m| m.out_width));
    let output_formats: Vec<QFormat> = parts.iter().flat_map(|p| p.manifest.output_formats.clone()).collect();
    let latency = parts.iter().map(|p| p.manifest.latency_cycles).max().unwrap();
    let ii = parts[0].manifest.ii;
    let folded = ii > 1;
    let mut body = String::new();
    let mut files = vec!["several.v".to_owned()];
    let mut next = 0;
    for (k, part) in parts.iter().enumerate() {
        let m = part.manifest;
        assert!(m.ii == ii && (folded || m.latency_cycles == latency));
        let element = |i: usize| {
            let low = (part.first_input + i) as u32 * in_width;
            format!("x[{}:{low}]", low + m.in_width - 1)
        };
        let list: Vec<String> = (0..m.input_formats.len()).rev().map(element).collect();
        let bits = m.out_width * m.output_formats.len() as u32;
        let _ = writeln!(
            body,
            "  wire [{}:0] y{k};{}",
            bits - 1,
            if folded { format!(" wire v{k};") } else { String::new() }
        );
        let wait = if folded { latency.0 - m.latency_cycles.0 } else { 0 };
        let at = |n: u32| if n == 0 { String::new() } else { format!("_d{n}") };
        let y = format!("y{k}{}", at(wait));
        let more = match folded {
            true => format!(", .resetn(resetn), .x_valid(x_valid), .y_valid(v{k})"),
            false => String::new(),
        };
        let _ = writeln!(body, "  {} part{k} (.clk(clk), .x({{{}}}), .y(y{k}){more});", part.module, list.join(", "));
        if folded {
            for n in 1..=wait {
                let (now, before) = (at(n), at(n - 1));
                let _ = writeln!(body, "  reg [{}:0] y{k}{now}; reg v{k}{now};", bits - 1);
                let _ = writeln!(
                    body,
                    "  always @(posedge clk) begin y{k}{now} <= y{k}{before}; v{k}{now} <= resetn & v{k}{before}; end"
                );
            }
            let _ = writeln!(body, "  assign valid[{k}] = v{k}{};", at(wait));
        }
        for (j, format) in m.output_formats.iter().enumerate() {
            let (low, high) = (j as u32 * m.out_width, (j as u32 + 1) * m.out_width - 1);
            let sign = if format.signed { format!("{y}[{high}]") } else { "1'b0".to_owned() };
            let extend = match out_width - m.out_width {
                0 => String::new(),
                n => format!("{{{n}{{{sign}}}}}, "),
            };
            let to = next * out_width;
            let _ = writeln!(body, "  assign y[{}:{to}] = {{{extend}{y}[{high}:{low}]}};", to + out_width - 1);
            next += 1;
        }
        files.push(format!("{}.v", part.module));
        std::fs::write(folder.join(files.last().unwrap()), &part.text).unwrap();
    }
    let (p, q) = (in_width * input_formats.len() as u32, out_width * next);
    let (ports, last) = (", input resetn, input x_valid, output y_valid", parts.len() - 1);
    if folded {
        body.insert_str(0, &format!("  wire [{last}:0] valid;\n"));
        let _ = writeln!(body, "  assign y_valid = &valid ? 1'b1 : (|valid) ? 1'bx : 1'b0;");
    }
    let ports = if folded { ports } else { "" };
    let ends = (p - 1, q - 1);
    let top = format!(
        "module several(input clk, input [{}:0] x, output [{}:0] y{ports});\n{body}endmodule\n",
        ends.0, ends.1
    );
    std::fs::write(folder.join("several.v"), top).unwrap();
    Dut {
        folder: folder.to_owned(),
        files,
        top: "several".into(),
        clock: "clk".into(),
        reset: folded.then(|| Reset { port: "resetn".into(), active_low: true }),
        input_port: "x".into(),
        output_port: "y".into(),
        axis: false,
        ties: Vec::new(),
        in_width,
        out_width,
        input_formats,
        output_formats,
        frames: None,
        dsp: false,
        latency: latency.0,
        ii,
        pixels: None,
        valid: folded.then(|| ("x_valid".into(), "y_valid".into())),
        cache: Some(cache.to_owned()),
    }
}

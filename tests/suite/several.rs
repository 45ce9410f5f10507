//! Several designs in one simulation, because a simulation takes seconds to compile and no time to run.

use std::fmt::Write as _;
use std::path::Path;

use sluice::dut::Dut;
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

/// Writes a top module over `parts`, all of one latency; its outputs are theirs, in order.
pub fn together(parts: &[Part], input_formats: Vec<QFormat>, folder: &Path, cache: &Path) -> Dut {
    let widest = |f: fn(&DesignManifest) -> u32| parts.iter().map(|p| f(p.manifest)).max().unwrap();
    let (in_width, out_width) = (widest(|m| m.in_width), widest(|m| m.out_width));
    let output_formats: Vec<QFormat> = parts.iter().flat_map(|p| p.manifest.output_formats.clone()).collect();
    let latency = parts[0].manifest.latency_cycles;
    let mut body = String::new();
    let mut files = vec!["several.v".to_owned()];
    let mut next = 0;
    for (k, part) in parts.iter().enumerate() {
        let m = part.manifest;
        assert_eq!((m.latency_cycles, m.ii), (latency, 1));
        let element = |i: usize| {
            let low = (part.first_input + i) as u32 * in_width;
            format!("x[{}:{low}]", low + m.in_width - 1)
        };
        let list: Vec<String> = (0..m.input_formats.len()).rev().map(element).collect();
        let bits = m.out_width * m.output_formats.len() as u32;
        let _ = writeln!(body, "  wire [{}:0] y{k};", bits - 1);
        let _ = writeln!(body, "  {} part{k} (.clk(clk), .x({{{}}}), .y(y{k}));", part.module, list.join(", "));
        for (j, format) in m.output_formats.iter().enumerate() {
            let (low, high) = (j as u32 * m.out_width, (j as u32 + 1) * m.out_width - 1);
            let sign = if format.signed { format!("y{k}[{high}]") } else { "1'b0".to_owned() };
            let extend = match out_width - m.out_width {
                0 => String::new(),
                n => format!("{{{n}{{{sign}}}}}, "),
            };
            let to = next * out_width;
            let _ = writeln!(body, "  assign y[{}:{to}] = {{{extend}y{k}[{high}:{low}]}};", to + out_width - 1);
            next += 1;
        }
        files.push(format!("{}.v", part.module));
        std::fs::write(folder.join(files.last().unwrap()), &part.text).unwrap();
    }
    let (p, q) = (in_width * input_formats.len() as u32, out_width * next);
    let top = format!("module several(input clk, input [{}:0] x, output [{}:0] y);\n{body}endmodule\n", p - 1, q - 1);
    std::fs::write(folder.join("several.v"), top).unwrap();
    Dut {
        folder: folder.to_owned(),
        files,
        top: "several".into(),
        clock: "clk".into(),
        reset: None,
        input_port: "x".into(),
        output_port: "y".into(),
        axis: false,
        ties: Vec::new(),
        in_width,
        out_width,
        input_formats,
        output_formats,
        latency: latency.0,
        ii: 1,
        valid: None,
        cache: Some(cache.to_owned()),
    }
}

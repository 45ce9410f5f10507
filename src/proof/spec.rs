//! The network once more, as plain behavioural Verilog: a multiplication a weight, the definition of rounding and overflow,
//! tables entry by entry.
//!
//! Written from the model alone. It shares with the emitted design the names of the elements, at which the two are compared,
//! and nothing of how they are computed.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::error::Result;
use crate::fixed::{Overflow, QFormat, Rounding};
use crate::model::network::INPUT;
use crate::model::{Activation, AffineRow, IntegerLayer, IntegerNetwork, Outputs, TableRow};
use crate::verilog::DesignManifest;

/// Name of the module.
pub(super) const TOP: &str = "sluice_spec";

/// The module, with the ports of the emitted data path.
///
/// * `points`: width of each signal of the design that holds an element; there the two are compared
/// * `prefix`: scope of the signals in the design, left away here
pub(super) fn text(
    network: &IntegerNetwork,
    manifest: &DesignManifest,
    points: &BTreeMap<String, u32>,
    enable: bool,
) -> Result<String> {
    let (wi, wo) = (manifest.in_width, manifest.out_width);
    let outputs = network.output_formats();
    let ce = if enable { ", input ce" } else { "" };
    let mut v = format!(
        "module {TOP}(input clk{ce}, input [{}:0] x, output [{}:0] y);\n",
        wi * network.n_in as u32 - 1,
        wo * outputs.len() as u32 - 1
    );
    // For each tensor a signed expression and the format of each element.
    let inputs = network.formats_of(INPUT);
    for (i, f) in inputs.iter().enumerate() {
        let _ = writeln!(
            v,
            "  wire signed [{}:0] spec_x_{i} = {};",
            f.width,
            signed(*f, &format!("x[{}:{}]", wi * i as u32 + f.width - 1, wi * i as u32))
        );
    }
    let mut tensors = vec![(INPUT.to_owned(), elements("spec_x", inputs.len()))];
    let mut taken = std::collections::BTreeSet::new();
    for (index, layer) in network.layers.iter().enumerate() {
        let formats = network.joined_formats(layer);
        let find = |name: &String| tensors.iter().find(|t| t.0 == *name).map(|t| t.1.clone());
        let joined: Vec<String> = layer.inputs.iter().filter_map(find).flatten().collect();
        let mut own = Vec::with_capacity(layer.n_out());
        let outputs = layer.outputs(&formats)?;
        for j in 0..layer.n_out() {
            let name = format!("spec_{}_{j}", layer.name);
            match &outputs {
                Outputs::Affine(rows) => element(&mut v, &name, layer, &rows[j], &joined, &formats),
                Outputs::Tables(rows) => {
                    let TableRow { index, first, values, output, .. } = rows[j];
                    looked_up(&mut v, &name, &joined[index], (first, values), output.width + 1);
                }
                Outputs::Maxima(windows) => {
                    let window = windows[j].iter().map(|i| joined[*i].clone()).collect();
                    largest(&mut v, &name, layer.output_at(j), window);
                }
            }
            let format = layer.output_at(j);
            let signal = manifest.stages.get(index).and_then(|s| s.signals.get(j)?.as_deref()).map(local);
            let width = format.width;
            match signal.and_then(|s| points.get(s).map(|w| (s, *w))) {
                // The same bits under the name that the design has for them: from here on both read the design's.
                Some((signal, bits)) if bits <= width && taken.insert(signal.to_owned()) => {
                    let _ = writeln!(v, "  wire [{}:0] {signal} = {name}[{}:0];", bits - 1, bits - 1);
                    if bits == width {
                        let _ = writeln!(v, "  wire signed [{width}:0] {name}_cut = {};", signed(format, signal));
                        own.push(format!("{name}_cut"));
                        continue;
                    }
                }
                _ => {}
            }
            own.push(name);
        }
        tensors.push((layer.name.clone(), own));
    }
    let last = tensors.pop().map(|t| t.1).unwrap_or_default();
    for (j, name) in last.iter().enumerate() {
        let low = wo * j as u32;
        let _ = writeln!(v, "  assign y[{}:{low}] = {name};", low + wo - 1);
    }
    Ok(v + "endmodule\n")
}

/// A signal's name without its scope.
pub(super) fn local(signal: &str) -> &str {
    signal.rsplit('.').next().unwrap_or(signal)
}

fn elements(prefix: &str, n: usize) -> Vec<String> {
    (0..n).map(|i| format!("{prefix}_{i}")).collect()
}

/// Bits as a signed number with one bit more.
fn signed(format: QFormat, bits: &str) -> String {
    if format.signed { format!("$signed({bits})") } else { format!("$signed({{1'b0, {bits}}})") }
}

/// One output: `name`, signed, one bit wider than its format.
fn element(v: &mut String, name: &str, layer: &IntegerLayer, row: &AffineRow, joined: &[String], formats: &[QFormat]) {
    let reach = row.terms.iter().map(|(i, c)| i128::from(*c).abs() << formats[*i].width).sum::<i128>();
    let shift = row.frac - row.output.frac;
    let appended = (-shift).max(0).unsigned_abs();
    let reach = (reach + i128::from(row.bias).abs()) << appended;
    // Room for the sum, half a step, the limits and the sign.
    let width = (128 - reach.leading_zeros()).max(row.output.width) + 3;
    let number = |n: i128| literal(n, width);
    let terms: Vec<String> =
        row.terms.iter().map(|(i, c)| format!("{} * {}", joined[*i], number((*c).into()))).collect();
    let sum = terms.into_iter().chain([number(row.bias.into())]).collect::<Vec<_>>().join(" + ");
    let _ = writeln!(v, "  wire signed [{}:0] {name}_sum = {sum};", width - 1);
    let modes = Modes {
        relu: layer.activation == Activation::Relu,
        shift,
        rounding: layer.rounding,
        overflow: layer.overflow,
        format: row.output,
    };
    requantized(v, name, &format!("{name}_sum"), width, modes);
}

/// What is done to an accumulator.
#[derive(Clone, Copy)]
pub(super) struct Modes {
    pub relu: bool,
    pub shift: i32,
    pub rounding: Rounding,
    pub overflow: Overflow,
    pub format: QFormat,
}

/// `name`, signed, one bit wider than the format, of the accumulator `a`, which is signed and has `width` bits: room for half
/// a step, the limits and the zeros that are appended.
pub(super) fn requantized(v: &mut String, name: &str, a: &str, width: u32, modes: Modes) {
    let Modes { relu, shift, rounding, overflow, format } = modes;
    let number = |n: i128| literal(n, width);
    let mut wire = |suffix: &str, text: &str| {
        let _ = writeln!(v, "  wire signed [{}:0] {name}{suffix} = {text};", width - 1);
        format!("{name}{suffix}")
    };
    let mut a = a.to_owned();
    if relu {
        a = wire("_relu", &format!("({a} < {}) ? {} : {a}", number(0), number(0)));
    }
    if shift > 0 {
        let half = 1i128 << (shift - 1);
        let up = match rounding {
            Rounding::Truncate => a.clone(),
            Rounding::HalfUp => format!("{a} + {}", number(half)),
            Rounding::HalfEven => format!("{a} + {} + $signed({{1'b0, {a}[{shift}]}})", number(half - 1)),
        };
        let up = wire("_up", &up);
        a = wire("_round", &format!("{up} >>> {shift}"));
    } else if shift < 0 {
        a = wire("_round", &format!("{a} <<< {}", -shift));
    }
    let (low, high) = match overflow {
        Overflow::Wrap => {
            let bits = signed(format, &format!("{a}[{}:0]", format.width - 1));
            let _ = writeln!(v, "  wire signed [{}:0] {name} = {bits};", format.width);
            return;
        }
        Overflow::SaturateSymmetric if format.signed => (-format.max(), format.max()),
        Overflow::SaturateSymmetric | Overflow::Saturate => (format.min(), format.max()),
    };
    let (low, high) = (number(low.into()), number(high.into()));
    let _ = writeln!(
        v,
        "  wire signed [{}:0] {name} = ({a} < {low}) ? {low} : ({a} > {high}) ? {high} : {a};",
        format.width
    );
}

/// A signed number of `width` bits.
pub(super) fn literal(n: i128, width: u32) -> String {
    if n < 0 { format!("-{width}'sd{}", n.unsigned_abs()) } else { format!("{width}'sd{n}") }
}

/// One element of a lookup: a choice among all entries by the operand, which is signed; `name` has `width` bits.
pub(super) fn looked_up(v: &mut String, name: &str, operand: &str, (first, values): (i64, &[i64]), width: u32) {
    let most = values.len() as u128 + u128::from(first.unsigned_abs());
    let bits = u128::BITS - most.leading_zeros() + 1;
    let number = |n: i64, bits: u32| literal(n.into(), bits);
    let _ = writeln!(v, "  reg signed [{}:0] {name};\n  always @* case ({operand})", width - 1);
    for (x, y) in (first..).zip(values) {
        let _ = writeln!(v, "    {}: {name} = {};", number(x, bits), number(*y, width));
    }
    let _ = writeln!(v, "    default: {name} = {};\n  endcase", number(0, width));
}

/// One maximum of numbers that are signed and one bit wider than their format.
pub(super) fn largest(v: &mut String, name: &str, format: QFormat, mut left: Vec<String>) {
    let mut wires = 0;
    let mut wire = |text: &str| {
        wires += 1;
        let _ = writeln!(v, "  wire signed [{}:0] {name}_{wires} = {text};", format.width);
        format!("{name}_{wires}")
    };
    // By pairs: a solver takes longer for a chain against the tree of the design.
    while left.len() > 1 {
        let larger = |two: &[String]| match two {
            [a, b] => wire(&format!("({a} > {b}) ? {a} : {b}")),
            _ => two.concat(),
        };
        left = left.chunks(2).map(larger).collect();
    }
    let _ = writeln!(v, "  wire signed [{}:0] {name} = {};", format.width, left.concat());
}

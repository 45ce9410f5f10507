//! The emitted Verilog equal to the specification, in Yosys.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use super::certificate::VerilogProof;
use super::operations::{FAULT, PROC, Read, by_steps, foreign, other};
use super::{netlist, spec};
use crate::error::{Code, Error, Result};
use crate::hw::StageGraph;
use crate::model::IntegerNetwork;
use crate::verilog::DesignManifest;

/// Registers as wires: what a pipeline computes, without when.
const WIRES: &str = "module \\$dff (CLK, D, Q); parameter WIDTH = 1; parameter CLK_POLARITY = 1;
  input CLK; input [WIDTH-1:0] D; output [WIDTH-1:0] Q; assign Q = D; endmodule
module \\$dffe (CLK, EN, D, Q); parameter WIDTH = 1; parameter CLK_POLARITY = 1; parameter EN_POLARITY = 1;
  input CLK; input EN; input [WIDTH-1:0] D; output [WIDTH-1:0] Q; assign Q = D; endmodule
";

/// Compares the data path of the design with the graph, operation by operation, and with the specification.
///
/// # Errors
/// [`Code::Design`] with layer and output if they differ, or with the place of a register that is out of step.
pub(super) fn equal(
    folder: &Path,
    manifest: &DesignManifest,
    (graph, network): (&StageGraph, &IntegerNetwork),
    limit: Duration,
) -> Result<VerilogProof> {
    let read = Read::new(folder, manifest, limit)?;
    let enable = read.enable();
    read.write("wires.v", WIRES.as_bytes())?;
    let script = format!(
        "{}{}; write_json named.json; design -save whole; opt_clean -purge; write_json clean.json; \
         design -load whole; techmap -map wires.v; write_json wires.json",
        read.commands,
        gate(enable)
    );
    read.yosys.run_within(read.work.path(), &["-p", &script], limit)?;
    let module = &read.module;
    let clean = read.json("clean.json")?;
    // Numbers have no rank.
    let latency = netlist::latency(&clean, module, enable)?.unwrap_or(manifest.latency_cycles.0);
    netlist::defined(&clean, module)?;
    if latency != manifest.latency_cycles.0 {
        return Err(Error::new(
            Code::Design,
            format!("module `{module}` has {latency} ranks, design.json promises {}", manifest.latency_cycles),
        ));
    }
    let mut proof = VerilogProof { latency, ..read.nothing(network)? };
    let mut unequal = None;
    let mut why = None;
    match by_steps(&read, graph)? {
        Ok((layers, first)) => {
            proof.points = layers.iter().map(|l| l.points).sum();
            proof.proved = layers.iter().all(|l| l.proved == l.points);
            (proof.layers, unequal) = (layers, first);
        }
        Err(other) => why = Some(other),
    }
    // As a whole where that is quick, or where the design is made of other operations than the graph.
    let some = match (proof.proved, &unequal) {
        (true, _) if proof.products > MOST_PRODUCTS => Duration::ZERO,
        (true, _) | (_, Some(_)) => limit / 60,
        (false, None) => limit,
    };
    let result = if some.is_zero() { None } else { Some(whole(&read, network, read.left().min(some))) };
    match result.transpose() {
        Ok(None) => {}
        Ok(Some(points)) => {
            proof.directly = true;
            if !proof.proved {
                (proof.points, proof.proved, proof.layers) = (points, true, Vec::new());
            }
        }
        Err(e) if e.code() == Code::ToolTimeout => {
            let refused = match (unequal, why) {
                (Some(point), _) => Some(other(manifest, graph, &point)),
                (None, why) => why.map(|why| foreign(module, &why)),
            };
            if let Some(refused) = refused {
                let cause = format!("that it computes the same all the same was not shown within {} s", some.as_secs());
                return Err(refused.cause(cause));
            }
            if !proof.proved {
                proof.not_proved = Some(format!("the solver did not end within {} s", limit.as_secs()));
            }
        }
        Err(e) => return Err(e),
    }
    proof.seconds = read.start.elapsed().as_secs_f64();
    Ok(proof)
}

/// Most products that are compared as a whole beside the operations: beyond that the solver hardly ever ends.
const MOST_PRODUCTS: usize = 200;

/// Registers with an enable, of a data path that has one.
fn gate(enable: bool) -> &'static str {
    if enable { "; opt_dff -nosdff" } else { "" }
}

/// The whole data path against the specification: the number of elements at which they were compared.
///
/// # Errors
/// [`Code::Design`] with layer and output if they differ; [`Code::ToolTimeout`].
fn whole(read: &Read, network: &IntegerNetwork, limit: Duration) -> Result<usize> {
    let start = Instant::now();
    let (manifest, enable) = (read.manifest, read.enable());
    let widths = netlist::widths(&read.json("named.json")?, &read.module);
    let signals = manifest.stages.iter().flat_map(|s| s.signals.iter().flatten()).map(|s| spec::local(s).to_owned());
    let points = signals.filter_map(|s| Some((s.clone(), *widths.get(&s)?))).collect();
    let run = |text: &str| -> Result<Vec<String>> {
        read.write("spec.v", text.as_bytes())?;
        unproven(read, limit.saturating_sub(start.elapsed()))
    };
    let open = run(&spec::text(network, manifest, &points, enable)?)?;
    if open.is_empty() {
        return Ok(points.len());
    }
    // A layer may rely on what the layer before it cannot give: then only the whole is equal.
    match run(&spec::text(network, manifest, &BTreeMap::new(), enable)?)?.is_empty() {
        true => Ok(0),
        false => Err(differs(manifest, network, &open)),
    }
}

/// Names, with the bit, of what was not shown equal.
fn unproven(read: &Read, limit: Duration) -> Result<Vec<String>> {
    let Read { yosys, work, commands, module, .. } = read;
    let gate = gate(read.enable());
    let script = format!(
        "{commands}{gate}; techmap -map wires.v; read_verilog -sv spec.v; {PROC} {top}; opt_clean {top}; equiv_make {top} {module} miter; \
         hierarchy -top miter; equiv_simple; equiv_status",
        top = spec::TOP
    );
    let log = yosys.run_within(work.path(), &["-p", &script], limit)?;
    if log.contains("Equivalence successfully proven!") {
        return Ok(vec![]);
    }
    let open: Vec<String> = log
        .lines()
        .filter_map(|l| l.split_once("Unproven $equiv")?.1.split_once('\\'))
        .map(|(_, n)| n.to_owned())
        .collect();
    if open.is_empty() {
        return Err(Error::new(Code::ToolFailed, "the verdict of Yosys is not in the form expected")
            .note("tool", yosys.version.clone()));
    }
    Ok(open)
}

/// The first layer, and its first output, that a name on the list belongs to.
fn differs(manifest: &DesignManifest, network: &IntegerNetwork, open: &[String]) -> Error {
    let of = |name: &String| {
        let (signal, rest) = name.split_once("_gold").unwrap_or((name, ""));
        for (layer, stage) in manifest.stages.iter().enumerate() {
            if let Some(j) = stage.signals.iter().position(|s| s.as_deref().is_some_and(|s| spec::local(s) == signal)) {
                return (layer, j);
            }
        }
        // ` [8] \y_gate [8]`: the first number.
        let bit: String = rest.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
        let bit: u32 = bit.parse().unwrap_or(0);
        (network.layers.len() - 1, (bit / manifest.out_width) as usize)
    };
    let (layer, output) = open.iter().map(of).min().unwrap_or((0, 0));
    let name = &network.layers[layer].name;
    Error::new(
        Code::Design,
        format!("layer `{name}`, output {output}: the Verilog does not compute what the model says"),
    )
    .cause(format!("not equal to the specification: {}", open.iter().take(4).cloned().collect::<Vec<_>>().join(", ")))
    .hint(FAULT)
}

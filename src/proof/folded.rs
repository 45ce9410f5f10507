//! The emitted Verilog of a folded design equal to the graph: over the cycles of one vector, operation by operation.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::certificate::VerilogProof;
use super::operations::{FAULT, Read, by_steps, other};
use super::unroll::{CLAIMED, Unrolled};
use crate::error::{Code, Error, Result};
use crate::hw::Folded;
use crate::model::IntegerNetwork;
use crate::verilog::{DesignManifest, names};

/// Compares the data path of a folded design with the graph, for one vector among others.
///
/// # Errors
/// [`Code::Design`] with layer and output, or the register, that is not what it should be.
pub(super) fn equal(
    folder: &Path,
    manifest: &DesignManifest,
    (folded, network): (&Folded, &IntegerNetwork),
    limit: Duration,
) -> Result<VerilogProof> {
    let read = Read::new(folder, manifest, limit)?;
    let mut proof = read.nothing(network)?;
    read.yosys.run_within(read.work.path(), &["-p", &format!("{}; write_json folded.json", read.commands)], limit)?;
    let (graph, names) = (&folded.graph, names(&folded.graph));
    let open = |what: &str| Some(format!("{what}; `sluice verify` compares it"));
    let netlist = read.json("folded.json")?;
    match Unrolled::new(&netlist, &read.module, folded, &names, manifest.in_width) {
        None => proof.not_proved = open("the design is not made of the operations of the graph"),
        Some(unrolled) => {
            read.write("unrolled.json", unrolled.json.to_string().as_bytes())?;
            let script = "read_json unrolled.json; opt_expr; opt_clean; write_json wires.json";
            read.yosys.run_within(read.work.path(), &["-p", script], read.left())?;
            seen(&read.json("wires.json")?, &read.module, &unrolled.claims)?;
            match by_steps(&read, graph)? {
                None => proof.not_proved = open("the design is not made of the operations of the graph"),
                Some((_, Some(point))) => return Err(other(manifest, graph, &point, limit)),
                Some((layers, None)) => {
                    proof.points = layers.iter().map(|l| l.points).sum();
                    proof.proved = layers.iter().all(|l| l.proved == l.points);
                    proof.layers = layers;
                    if !proof.proved {
                        proof.not_proved = Some(format!("the solver did not end within {} s", limit.as_secs()));
                    }
                }
            }
        }
    }
    proof.seconds = read.start.elapsed().as_secs_f64();
    Ok(proof)
}

/// Whether the registers that follow a vector through the design are what they should be, in every cycle.
fn seen(netlist: &Value, module: &str, claims: &[String]) -> Result<()> {
    let wires = netlist.pointer(&format!("/modules/{module}/netnames"));
    let bits = |name: &str| wires.and_then(|w| w.get(name)?.get("bits")).and_then(Value::as_array);
    for name in claims {
        let wanted = bits(&format!("{CLAIMED}{name}"));
        if wanted.is_none() || bits(name) != wanted {
            let what = match name.rsplit_once('_') {
                Some((port, "reset")) => format!("`{port}` is not cleared by the reset"),
                Some((port, cycle)) => format!("`{port}` is not what it should be {cycle} cycles after a vector"),
                None => format!("`{name}` is not what it should be"),
            };
            return Err(Error::new(Code::Design, format!("module `{module}`: {what}")).hint(FAULT));
        }
    }
    Ok(())
}

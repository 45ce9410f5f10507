//! The emitted Verilog of a folded design equal to the graph: over the cycles of one vector, operation by operation.

use std::path::Path;
use std::time::Duration;

use super::certificate::VerilogProof;
use super::netlist;
use super::operations::{FAULT, Read, by_steps, foreign, other};
use super::unroll::Unrolled;
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
    let made = read.json("folded.json")?;
    netlist::defined(&made, &read.module)?;
    let Some(unrolled) = Unrolled::new(&made, &read.module, folded, &names, manifest.in_width) else {
        return Err(foreign(&read.module, "it has other registers or other digits than the graph"));
    };
    seen(&read.module, &unrolled)?;
    read.write("wires.json", unrolled.json.to_string().as_bytes())?;
    match by_steps(&read, graph)? {
        Err(why) => return Err(foreign(&read.module, &why)),
        Ok((_, Some(point))) => return Err(other(manifest, graph, &point)),
        Ok((layers, None)) => {
            proof.points = layers.iter().map(|l| l.points).sum();
            proof.proved = layers.iter().all(|l| l.proved == l.points);
            proof.layers = layers;
            if !proof.proved {
                proof.not_proved = Some(format!("the solver did not end within {} s", limit.as_secs()));
            }
        }
    }
    proof.seconds = read.start.elapsed().as_secs_f64();
    Ok(proof)
}

/// Whether the registers that follow a vector through the design are what they should be, in every cycle.
fn seen(module: &str, unrolled: &Unrolled) -> Result<()> {
    let Some((name, ..)) = unrolled.claims.iter().find(|(_, seen, wanted)| seen != wanted) else { return Ok(()) };
    let what = match name.rsplit_once('_') {
        Some((port, "reset")) => format!("`{port}` is not cleared by the reset"),
        Some((register, "waits")) => format!("`{register}` does not wait while `ce` is low"),
        Some((port, cycle)) => format!("`{port}` is not what it should be {cycle} cycles after a vector"),
        None => format!("`{name}` is not what it should be"),
    };
    Err(Error::new(Code::Design, format!("module `{module}`: {what}")).hint(FAULT))
}

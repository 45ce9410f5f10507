//! A design folder proved, for all inputs, to compute its model.
//!
//! ```text
//! model ─► graph ─► linear forms, intervals          equal the weights         (hw::prove)
//!            └────► requantizers                     equal the definition      (hw::requantizers, value by value; wide.rs, z3)
//! Verilog ─► netlist ─► ranks                        one latency on every path (netlist.rs); folded: cycles (unroll.rs)
//!               └─────► cut at every node (cut.rs)   each operation that of the graph (steps.rs; equivalence in Yosys)
//! ```
//!
//! Few products are compared with a plain specification of the whole as well (spec.rs). The solvers have a time limit, and the
//! certificate says what was shown within it. Nothing is claimed that was not shown.

mod certificate;
mod cut;
mod equal;
mod folded;
mod log;
mod netlist;
mod operations;
mod smt;
mod spec;
mod steps;
mod unroll;
mod wide;

pub use certificate::{Certificate, GraphProof, LayerProof, PROOF_SCHEMA, RequantizerProof, VerilogProof};

use std::path::Path;
use std::time::{Duration, Instant};

use crate::error::{Code, Error, Result};
use crate::hw::{self, CompileOptions, Compiled, Reuse};
use crate::model::file::read_json;
use crate::model::{IntegerNetwork, QuantizedModel};
use crate::verilog::{self, DesignManifest};

/// Proves a design folder.
///
/// * `limit`: longest time for the equivalence of the Verilog
///
/// # Errors
/// [`Code::Graph`] or [`Code::Design`] with layer and output of the first difference; those of [`DesignManifest::load`];
/// [`Code::MissingTool`] without Yosys. That the limit was too short is no error: the certificate says it.
pub fn prove(folder: &Path, limit: Duration) -> Result<Certificate> {
    let manifest = DesignManifest::load(folder)?;
    let model = QuantizedModel::load(&folder.join(&manifest.model))?;
    let start = Instant::now();
    let target = serde_json::from_value(manifest.target.clone().into())
        .map_err(|e| Error::new(Code::Design, format!("`{}` is no target", manifest.target)).cause(e.to_string()))?;
    let latency = manifest.clock_mhz.is_none().then_some(manifest.latency_cycles.0);
    let DesignManifest { clock_mhz, effort, seed, slack, .. } = manifest;
    let options = CompileOptions { target, clock_mhz, latency, effort, seed, slack };
    // `compile_reuse` proves what it returns; said once more here, where the claim is made.
    let compiled = hw::compile_reuse(&model.encoder, &options, Reuse::Cycles(manifest.ii))?;
    let (graph, printed) = match &compiled {
        Compiled::Pipelined(graph) => (graph, verilog::emit(&model, graph, manifest.interface, &options)?),
        Compiled::Folded(folded) => {
            folded.check()?;
            (&folded.graph, verilog::emit_folded(&model, folded, manifest.interface, &options)?)
        }
    };
    hw::prove(graph, &model.encoder)?;
    let printed = printed.manifest.file_sha256;
    let graph_proof = GraphProof {
        nodes: graph.nodes.len(),
        adders: graph.adders(),
        printed_the_same: manifest.files.iter().all(|f| printed.get(f) == manifest.file_sha256.get(f)),
        seconds: start.elapsed().as_secs_f64(),
    };
    let verilog = match &compiled {
        Compiled::Pipelined(_) => equal::equal(folder, &manifest, (graph, &model.encoder), limit)?,
        Compiled::Folded(f) => folded::equal(folder, &manifest, (f, &model.encoder), limit)?,
    };
    Ok(Certificate {
        schema: PROOF_SCHEMA.to_owned(),
        sluice: env!("CARGO_PKG_VERSION").to_owned(),
        top: manifest.top.clone(),
        sha256: manifest.file_sha256.clone(),
        graph: graph_proof,
        requantizers: requantizers(graph, &model.encoder, limit)?,
        verilog,
    })
}

fn requantizers(graph: &hw::StageGraph, network: &IntegerNetwork, limit: Duration) -> Result<RequantizerProof> {
    let start = Instant::now();
    let list = hw::requantizers(graph, network)?;
    let compared = || list.iter().filter(|r| r.wide.is_none());
    let wide = wide::wide(&list, limit)?;
    Ok(RequantizerProof {
        compared: compared().count(),
        values: compared().map(|r| (r.range.1 - r.range.0 + 1) as u64).sum(),
        by_solver: wide.proved,
        not_compared: wide.open,
        why: wide.why,
        seconds: start.elapsed().as_secs_f64(),
        tool: wide.tool,
    })
}

/// Proves again what a certificate claims.
///
/// # Errors
/// Those of [`prove`]; [`Code::Design`] if a claim of the certificate is not found again.
pub fn check(path: &Path, folder: &Path) -> Result<Certificate> {
    let old: Certificate = read_json(path, Code::Design)?;
    let refuse =
        |what: String| Error::new(Code::Design, what).at(path.display().to_string()).hint("prove the design anew");
    if old.schema != PROOF_SCHEMA {
        return Err(refuse(format!("`{}` is not `{PROOF_SCHEMA}`", old.schema)));
    }
    let manifest = DesignManifest::load(folder)?;
    if let Some((name, _)) = old.sha256.iter().find(|(n, hash)| manifest.file_sha256.get(*n) != Some(hash)) {
        return Err(refuse(format!("`{name}` is not the file that the certificate is about")));
    }
    let new = prove(folder, Duration::from_secs(old.verilog.limit_seconds))?;
    if old.verilog.proved && !new.verilog.proved || old.verilog.directly && !new.verilog.directly {
        let why = new.verilog.not_proved.clone().unwrap_or_default();
        return Err(refuse("the equality of the Verilog was not shown again".to_owned()).cause(why));
    }
    if old.claims() != new.claims() && !(new.verilog.proved && !old.verilog.proved) {
        return Err(refuse("the certificate claims something else than was proved now".to_owned()));
    }
    Ok(new)
}

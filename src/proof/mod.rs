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
    // As many multipliers as it has give the stages that have them.
    let multipliers = u32::try_from(manifest.dsp()).unwrap_or(u32::MAX);
    let options = CompileOptions { target, clock_mhz, latency, effort, seed, slack, multipliers };
    // `compile_reuse` proves what it returns; said once more here, where the claim is made.
    let reuse = if manifest.pixels.is_some() { Reuse::Stream } else { Reuse::Cycles(manifest.ii) };
    let compiled = hw::compile_reuse(&model.encoder, &options, reuse)?;
    // Each graph with what it computes: one, or one for each layer that streams and one for the rest.
    let (parts, printed) = match &compiled {
        Compiled::Pipelined(graph) => {
            (vec![(graph, &model.encoder)], verilog::emit(&model, graph, manifest.interface, &options)?)
        }
        Compiled::Folded(folded) => {
            folded.check()?;
            (vec![(&folded.graph, &model.encoder)], verilog::emit_folded(&model, folded, manifest.interface, &options)?)
        }
        Compiled::Streamed(streamed) => {
            streamed.check(&model.encoder)?;
            (streamed.parts(), verilog::emit_streamed(&model, streamed, manifest.interface, &options)?)
        }
    };
    for (graph, network) in &parts {
        hw::prove(graph, network)?;
    }
    described(&manifest, &printed.manifest)?;
    let printed = printed.manifest.file_sha256;
    let graph_proof = GraphProof {
        nodes: parts.iter().map(|(graph, _)| graph.nodes.len()).sum(),
        adders: parts.iter().map(|(graph, _)| graph.adders()).sum(),
        printed_the_same: manifest.files.iter().all(|f| printed.get(f) == manifest.file_sha256.get(f)),
        seconds: start.elapsed().as_secs_f64(),
    };
    let verilog = match &compiled {
        Compiled::Pipelined(graph) => equal::equal(folder, &manifest, (graph, &model.encoder), limit)?,
        Compiled::Folded(f) => folded::equal(folder, &manifest, (f, &model.encoder), limit)?,
        Compiled::Streamed(_) => not_compared(&manifest, "a streamed design keeps pixels from cycle to cycle", limit),
    };
    Ok(Certificate {
        schema: PROOF_SCHEMA.to_owned(),
        sluice: env!("CARGO_PKG_VERSION").to_owned(),
        top: manifest.top.clone(),
        sha256: manifest.file_sha256.clone(),
        graph: graph_proof,
        requantizers: requantizers(&parts, limit)?,
        verilog,
    })
}

/// Whether design.json says of ports, numbers and cycles what is true of the design of its model: who drives the Verilog goes by that.
///
/// # Errors
/// [`Code::Design`] with the key.
fn described(said: &DesignManifest, own: &DesignManifest) -> Result<()> {
    // The ranks of a pipeline are counted in its netlist.
    let latency = |m: &DesignManifest| (own.ii > 1).then_some(m.latency_cycles);
    let wrong = [
        ("top", said.top != own.top),
        ("clock", said.clock != own.clock),
        ("reset", said.reset != own.reset),
        ("input_port", said.input_port != own.input_port),
        ("output_port", said.output_port != own.output_port),
        ("input_valid", said.input_valid != own.input_valid),
        ("output_valid", said.output_valid != own.output_valid),
        ("pixels", said.pixels != own.pixels),
        ("latency_cycles", latency(said) != latency(own)),
        ("ii", said.ii != own.ii),
        ("input_formats", said.input_formats != own.input_formats),
        ("output_formats", said.output_formats != own.output_formats),
        ("in_width", said.in_width != own.in_width),
        ("out_width", said.out_width != own.out_width),
    ];
    match wrong.iter().find(|(_, wrong)| *wrong) {
        Some((key, _)) => {
            Err(Error::new(Code::Design, format!("design.json: `{key}` is not that of the model's design"))
                .hint(operations::FAULT))
        }
        None => Ok(()),
    }
}

/// The Verilog of a design that keeps something from cycle to cycle is no function of one input: it is not compared here.
fn not_compared(manifest: &DesignManifest, why: &str, limit: Duration) -> VerilogProof {
    VerilogProof {
        module: manifest.top.clone(),
        latency: manifest.latency_cycles.0,
        points: 0,
        products: 0,
        proved: false,
        directly: false,
        layers: Vec::new(),
        not_proved: Some(format!("{why}; `sluice verify` compares it")),
        seconds: 0.0,
        limit_seconds: limit.as_secs(),
        tool: String::new(),
    }
}

fn requantizers(parts: &[(&hw::StageGraph, &IntegerNetwork)], limit: Duration) -> Result<RequantizerProof> {
    let start = Instant::now();
    let all: Result<Vec<_>> = parts.iter().map(|(graph, network)| hw::requantizers(graph, network)).collect();
    let list: Vec<_> = all?.into_iter().flatten().collect();
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

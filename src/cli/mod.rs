//! The command line: one verb a stage, each reading and writing the files between the stages.
//!
//! `args` says what can be asked for; here is which stages do it.

mod anomaly;
mod args;
mod backend;
mod bounds;
mod compare;
mod container;
mod facts;
mod families;
mod figure;
mod init;
mod inspect;
mod latency;
mod ledger;
mod link;
mod monitor;
mod principal;
mod progress;
mod rival;
mod run;
mod samples;
mod scoreboard;
mod search;
mod select;
mod stages;

use std::path::Path;

use clap::CommandFactory as _;

use crate::codec::{CompressOptions, CompressReport, Effort, Mode};
use args::{EffortArg, ModeArg, Verb};
use bounds::Bounds;
use link::Learn;
use monitor::Alarm;
use progress::say;

use crate::data;
use crate::error::{Code, Error, Result};
use crate::hw::{self, CompileOptions, Reuse};
use crate::link::{LearnOptions, Link, WaveOptions};
use crate::model::file::write_json;
use crate::model::{QuantizedModel, TrainedModel, neutral};
use crate::recipe::{self, Recipe};
use crate::report::schema::Document;
use crate::verify::DesignOptions;
use crate::verilog::CoreOptions;
use samples::Shape;

pub use args::Cli;

impl Cli {
    /// Does what was asked. `false` means a mismatch was found.
    ///
    /// # Errors
    /// Any error of the library.
    pub fn run(self) -> Result<bool> {
        let json = self.json;
        match self.verb {
            Verb::Run { recipe, data, out } => run::run(&recipe, data, out, json),
            Verb::Inspect { file, select } => inspect::inspect(&file, &select.into(), json),
            Verb::Init { file, select } => init::init(&file, &select.into()),
            Verb::Toy { detector, out, rows, seed } => {
                data::write(&out, &data::toy(&detector, rows, seed)?)?;
                say(format_args!("toy: {rows} rows of `{detector}`, seed {seed} -> {}", out.display()));
                done(json, &serde_json::json!({ "detector": detector, "rows": rows, "seed": seed, "out": out }))
            }
            Verb::Train { recipe, data, out } => {
                let mut recipe = Recipe::load(&recipe)?;
                run::replace_data(&mut recipe, data);
                let (dataset, _) = stages::load_data(&recipe)?;
                let model = stages::train(&recipe, &dataset, &out)?;
                write_json(&out, &model)?;
                crate::train::remove_checkpoints(&out);
                say(format_args!("train: wrote {}", out.display()));
                let (provenance, history) = (&model.provenance, &model.history);
                done(json, &serde_json::json!({ "out": out, "provenance": provenance, "history": history }))
            }
            Verb::Search { recipe, data, out } => {
                let mut recipe = Recipe::load(&recipe)?;
                run::replace_data(&mut recipe, data);
                let out = out.unwrap_or_else(|| search::default_folder(&recipe));
                let found = search::search(&recipe, &out)?;
                print(json, &found, || search::describe(&found))
            }
            Verb::Quantize { model, out } => {
                let model = stages::quantize(&TrainedModel::load(&model)?)?;
                wrote_model(json, "quantize", &model, &out)
            }
            Verb::Import { encoder, out } => {
                let text = std::fs::read_to_string(&encoder).map_err(|e| Error::io("read", &encoder, &e))?;
                wrote_model(json, "import", &neutral::import(&text, &encoder)?, &out)
            }
            Verb::Link {
                data,
                model,
                waveform,
                continuous,
                lanes,
                records,
                predictor,
                rice,
                bound,
                sample_bits,
                out,
                fixed,
                longest,
                zero_suppression,
                threshold,
                frame_events,
                frame_bits,
                select,
            } => {
                let waves = WaveOptions { predictor, tables: !rice, bound, ..Default::default() };
                let waves = WaveOptions { frame_events: frame_events.unwrap_or(waves.frame_events), ..waves };
                let options = LearnOptions {
                    prefix: !fixed,
                    longest,
                    zero_suppression,
                    threshold,
                    frame_events: frame_events.unwrap_or(LearnOptions::default().frame_events),
                    fixed_bits: frame_bits,
                };
                let what = match model {
                    Some(model) => Learn::Model(model, options),
                    None if continuous => Learn::Waveforms(Shape::Rows, waves),
                    None if waveform => Learn::Waveforms(Shape::Records { lanes, per_frame: records }, waves),
                    None => Learn::Rows(options),
                };
                done(json, &link::learn(&what, &data, &select.into(), sample_bits, &out)?)
            }
            Verb::Emit { model: Some(model), out, target, effort, seed, pareto: true, .. } => {
                let options = CompileOptions { target, effort, seed, ..Default::default() };
                let points = stages::pareto(&stages::for_firmware(&model)?, &options, &out)?;
                print(json, &points, || stages::describe_points(&points))
            }
            Verb::Emit {
                model,
                out,
                interface,
                clock_mhz,
                latency,
                target,
                effort,
                seed,
                reuse,
                max_lut,
                max_dsp,
                stream,
                link,
                link_bits,
                link_input_bits,
                drop,
                registers,
                output_clock,
                lut_ram,
                ..
            } => {
                let reuse = if stream { Reuse::Stream } else { stages::reuse(&reuse, max_lut)? };
                let multipliers = stages::multipliers(max_dsp, reuse)?;
                let (bits, input_bits) = (link_bits, link_input_bits);
                let core = CoreOptions { bits, input_bits, drop, registers, output_clock, lut_ram };
                let link = link.map(|path| Ok::<_, Error>((Link::load(&path)?, core))).transpose()?;
                let model = stages::kernel(model.as_deref(), link.as_ref().map(|(link, _)| link))?;
                let clock_mhz = if latency.is_none() { clock_mhz.or(Some(100.0)) } else { None };
                let options = CompileOptions { target, clock_mhz, latency, effort, seed, slack: None, multipliers };
                let manifest = stages::emit(&model, interface, &options, reuse, link, &out)?;
                done(json, &manifest)
            }
            Verb::Verify { design, random, vectors, data, frames_out, replay, wave, stall, seed, icarus, select } => {
                let rows = data.map(|path| stages::rows(&design, path, &select.into())).transpose()?;
                let random = match (random, vectors.is_some() || rows.is_some()) {
                    (Some(random), _) => random,
                    (None, true) => 0,
                    (None, false) => stages::default_vectors(&design),
                };
                let options = DesignOptions {
                    random,
                    vectors,
                    rows,
                    frames_out,
                    replay,
                    wave,
                    stall_percent: stall,
                    seed,
                    icarus,
                    ..Default::default()
                };
                let report = stages::verify(&design, options)?;
                print(json, &report, || report.to_string())?;
                Ok(report.passed())
            }
            Verb::Prove { design, out, check, seconds } => {
                let certificate = stages::prove(design, out, check, seconds)?;
                print(json, &certificate, || certificate.to_string())
            }
            Verb::Synth { design, target, seeds, no_route, kernel, route_seconds } => {
                let options = stages::synth_options(&target, if no_route { 0 } else { seeds }, route_seconds)?;
                let reports = stages::synth(&design, &options, kernel)?;
                print(json, &reports, || reports.iter().map(|r| format!("{r}\n")).collect())
            }
            Verb::Compress {
                input,
                output,
                mode: None | Some(ModeArg::Neural),
                bound: None,
                bound_of,
                model,
                link: Some(link),
                select,
                ..
            } if bound_of.is_empty() => {
                let report = link::compress(&input, &select.into(), &output, model.as_deref(), &link)?;
                print(json, &report, || {
                    format!("{} -> {} bytes, ratio {:.3}", report.raw_bytes, report.total_bytes, report.ratio)
                })
            }
            Verb::Compress { link: Some(_), .. } => {
                Err(Error::new(Code::Usage, "the link says how much frames may lose")
                    .hint("leave --mode and --bound out; `sluice link --waveform --bound` makes a link with a bound"))
            }
            Verb::Compress {
                input,
                output,
                mode,
                bound,
                bound_of,
                residual,
                append,
                effort,
                model,
                recipe,
                block_rows,
                select,
                link: None,
            } => {
                let sections = recipe.as_deref().map(recipe::codec_sections).transpose()?.unwrap_or_default();
                let recipe: Vec<(String, String)> = sections.bounds.into_iter().collect();
                let bounds = Bounds::new(bound.as_deref(), &bound_of, &recipe)?;
                let asked = mode.is_some();
                let mode = match mode {
                    Some(ModeArg::Neural) => Mode::Neural,
                    Some(ModeArg::Bounded) => Mode::Bounded,
                    Some(ModeArg::Lossless) => Mode::Lossless,
                    None if model.is_some() => Mode::Neural,
                    None if bounds.any() => Mode::Bounded,
                    None => Mode::Lossless,
                };
                let effort = match effort {
                    EffortArg::Fast => Effort::Fast,
                    EffortArg::Default => Effort::Default,
                    EffortArg::Max => Effort::Max,
                };
                let relations = sections.relations.into_iter().collect();
                let residual = residual.as_deref().map(str::parse).transpose()?;
                let options =
                    CompressOptions { bound: residual, relations, block_rows, effort, ..CompressOptions::new(mode) };
                if append {
                    let report = container::append(&input, &select.into(), &output, model.as_deref(), effort)?;
                    return print(json, &report, || sizes(&report));
                }
                let report =
                    container::compress(&input, select.into(), &output, model.as_deref(), &bounds, options, asked)?;
                print(json, &report, || sizes(&report))
            }
            Verb::Decompress { input, output, recover, link: Some(link), model, .. } => {
                done(json, &link::decompress(&input, &output, model.as_deref(), &link, recover)?)
            }
            Verb::Decompress { input, output, recover, columns, rows, .. } => {
                let part = container::Part { columns, rows };
                done(json, &container::decompress(&input, &output, recover, &part)?)
            }
            Verb::Check { file } => container::check(&file, json),
            Verb::Evaluate { original, reconstructed, physics: Some(physics), ratio, select, .. } => {
                compare::physics(&original, &reconstructed, &select.into(), &physics, ratio, json)
            }
            Verb::Evaluate { original, reconstructed, threshold, select, .. } => {
                compare::evaluate(&original, &reconstructed, &select.into(), threshold, json)
            }
            Verb::Monitor { model, data, out: Some(out), false_alarms, least, select, .. } => {
                monitor::learn(&model, &data, &select.into(), &Alarm { false_alarms, least }, &out, json)
            }
            Verb::Monitor { model, data, block, select, .. } => {
                monitor::judge(&model, &data, &select.into(), block, json)
            }
            Verb::Anomaly { model, background, signal, label, inject, seed, rates, score_out, plot, select } => {
                let inject = inject.as_deref().map(str::parse).transpose()?;
                let asked = anomaly::Asked { signal, label, inject, seed, rates, score_out, plot };
                anomaly::anomaly(&model, &background, &select.into(), &asked, json)
            }
            Verb::Compare { file, bound, families: true, model, select, .. } => {
                families::compare(&file, &select.into(), &bound, model.as_deref(), json)
            }
            Verb::Compare { file, bound, plot, select, .. } => {
                scoreboard::compare(&file, &select.into(), &bound, plot.as_deref(), json)
            }
            Verb::Report { run, png } => {
                let report = crate::report::read(&run)?;
                if let Some(folder) = png {
                    let paths = crate::report::write_pngs(&report, &folder)?;
                    say(format_args!("report: {} figures -> {}", paths.len(), folder.display()));
                }
                crate::report::write_page(&report, &run)?;
                say(format_args!("report: {}", run.join("report.html").display()));
                print(json, &report, || run::summary(&report))
            }
            Verb::Latency { study, out, rtl, png } => {
                latency::latency(&study, &latency::Options { out: out.as_deref(), rtl, png: png.as_deref() }, json)
            }
            Verb::Passes { model: None, .. } => passes(json),
            Verb::Passes { model: Some(model), after, clock_mhz } => {
                let graphs = stages::graphs(&stages::for_firmware(&model)?, clock_mhz, after.as_deref())?;
                print(json, &graphs, || graphs.iter().map(|(step, g)| format!("# after {step}\n{g}\n")).collect())
            }
            Verb::Schema { document } => {
                let schema = Document::ALL.iter().find(|d| d.name() == document).map(|d| d.schema());
                print(true, &schema, String::new)
            }
            Verb::Completions { shell } => {
                clap_complete::generate(shell, &mut Cli::command(), "sluice", &mut std::io::stdout());
                Ok(true)
            }
        }
    }
}

/// Results go to stdout: JSON for machines, a few lines for people.
fn sizes(report: &CompressReport) -> String {
    format!("{} -> {} bytes, ratio {:.3}", report.raw_bytes, report.total_bytes, report.ratio)
}

fn print<T: serde::Serialize>(json: bool, value: &T, text: impl FnOnce() -> String) -> Result<bool> {
    let text = if json {
        serde_json::to_string_pretty(value)
            .map_err(|e| Error::new(Code::Io, "cannot print the result").cause(e.to_string()))?
    } else {
        text()
    };
    use std::io::Write as _;
    // A reader that closed the pipe has what it wanted.
    let _ = writeln!(std::io::stdout(), "{}", text.trim_end());
    Ok(true)
}

/// For verbs whose result is a file, described on stderr: stdout has something for machines only.
fn done<T: serde::Serialize>(json: bool, value: &T) -> Result<bool> {
    if json { print(true, value, String::new) } else { Ok(true) }
}

fn wrote_model(json: bool, verb: &str, model: &QuantizedModel, out: &Path) -> Result<bool> {
    write_json(out, model)?;
    let (inputs, outputs) = (model.encoder.n_in, model.encoder.n_out());
    say(format_args!("{verb}: `{}`, {inputs} inputs, {outputs} outputs -> {}", model.name, out.display()));
    done(json, &serde_json::json!({ "out": out, "name": model.name, "inputs": inputs, "outputs": outputs }))
}

fn passes(json: bool) -> Result<bool> {
    let pipelines = hw::passes::pipelines();
    let list: Vec<_> = pipelines
        .iter()
        .flat_map(|l| l.passes.iter().map(|p| serde_json::json!([l.name, p.name(), p.description()])))
        .collect();
    print(json, &list, || {
        let mut text = String::new();
        for pipeline in &pipelines {
            text += &format!("{}:\n", pipeline.name);
            for pass in &pipeline.passes {
                text += &format!("  {:<12} {}\n", pass.name(), pass.description());
            }
        }
        text
    })
}

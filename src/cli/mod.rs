//! The command line: one verb a stage, each reading and writing the files between the stages.

mod backend;
mod compare;
mod container;
mod facts;
mod init;
mod inspect;
mod ledger;
mod link;
mod progress;
mod rival;
mod run;
mod samples;
mod select;
mod stages;

use std::path::{Path, PathBuf};

use clap::{CommandFactory as _, Parser, Subcommand, ValueEnum};

use crate::codec::{CompressOptions, Mode};
use container::parse_bound;
use link::Learn;
use progress::say;

use crate::data;
use crate::error::{Code, Error, Result};
use crate::hw::{self, CompileOptions, Effort, Reuse, Target};
use crate::link::{LearnOptions, Link, Predictor, WaveOptions};
use crate::model::file::write_json;
use crate::model::{QuantizedModel, TrainedModel, neutral};
use crate::recipe::Recipe;
use crate::report::schema::Document;
use crate::synth::SynthTarget;
use crate::verify::DesignOptions;
use crate::verilog::{CoreOptions, Interface};
use samples::Shape;
use select::SelectArgs;

/// FPGA streaming compression: train, quantize, emit, verify, compress.
#[derive(Parser)]
#[command(version, after_help = "Exit status: 0 fine, 1 a mismatch was found, 2 bad input or a missing tool")]
pub struct Cli {
    #[command(subcommand)]
    verb: Verb,
    /// Print the result as JSON on stdout; progress goes to stderr
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum ModeArg {
    Neural,
    Bounded,
    Lossless,
}

#[derive(Subcommand)]
enum Verb {
    /// Do every stage of a recipe, from data to report; stages that are up to date are skipped
    Run {
        /// A recipe (TOML)
        recipe: PathBuf,
        /// Data file, instead of the recipe's
        #[arg(long)]
        data: Option<PathBuf>,
        /// Run folder [default: runs/<name>]
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Say what is in a data file or a container
    Inspect {
        /// Data file or container (.slc)
        file: PathBuf,
        #[command(flatten)]
        select: SelectArgs,
    },
    /// Print a commented recipe for a data file
    Init {
        /// Data file
        file: PathBuf,
        #[command(flatten)]
        select: SelectArgs,
    },
    /// Write a toy detector's data to a file
    Toy {
        /// trigger-cells, jets, pulses or flow
        detector: String,
        /// File to write
        out: PathBuf,
        /// Rows to make
        #[arg(long, default_value_t = 20_000)]
        rows: usize,
        /// Seed
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Train the autoencoder of a recipe
    Train {
        /// A recipe (TOML)
        recipe: PathBuf,
        /// Data file, instead of the recipe's
        #[arg(long)]
        data: Option<PathBuf>,
        /// Model to write
        #[arg(long, default_value = "model.trained.json")]
        out: PathBuf,
    },
    /// Turn a trained model into integers
    Quantize {
        /// Model written by `sluice train`
        model: PathBuf,
        /// Model to write
        #[arg(long, default_value = "model.quant.json")]
        out: PathBuf,
    },
    /// Read an encoder in the neutral integer form and write it as a quantized model
    Import {
        /// Encoder (JSON)
        encoder: PathBuf,
        /// Model to write
        #[arg(long, default_value = "model.quant.json")]
        out: PathBuf,
    },
    /// Learn from data how events are coded and framed for the link
    ///
    /// An event is what the encoder of --model gives for a row; without a model the numbers of a row as they are, or with
    /// --waveform one sample of each column.
    Link {
        /// Data file
        data: PathBuf,
        /// Quantized model
        #[arg(long)]
        model: Option<PathBuf>,
        /// Send columns of waveforms, sample by sample
        #[arg(long, conflicts_with_all = ["model", "fixed", "longest", "zero_suppression", "frame_bits"])]
        waveform: bool,
        /// Rows follow each other in time, and each of their numbers is a lane; else the last axis of a column is time
        #[arg(long, requires = "waveform")]
        continuous: bool,
        /// Send the channels of a row side by side, instead of one after the other
        #[arg(long, requires = "waveform", conflicts_with = "continuous")]
        lanes: bool,
        /// Records of a frame: prediction starts anew with each frame, and each frame costs 20 bytes
        #[arg(long, requires = "waveform", conflicts_with = "continuous", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
        records: u32,
        /// What a sample is predicted from: previous (the sample before) or lms8 (and eight taps that learn)
        #[arg(long, requires = "waveform", default_value = "lms8", value_parser = from_json::<Predictor>)]
        predictor: Predictor,
        /// Send what is left by Rice codes, instead of by learned tables
        #[arg(long, requires = "waveform")]
        rice: bool,
        /// What a sample may differ by from what is sent, in its own unit
        #[arg(long, requires = "waveform", default_value_t = 0)]
        bound: u32,
        /// Bits of a number, instead of as many as the data need
        #[arg(long, conflicts_with = "model")]
        sample_bits: Option<u32>,
        /// Link to write
        #[arg(long, default_value = "link.json")]
        out: PathBuf,
        /// Send every number as it is, instead of by a prefix code
        #[arg(long)]
        fixed: bool,
        /// The longest code, in bits
        #[arg(long, default_value_t = LearnOptions::default().longest)]
        longest: u32,
        /// Send only what is not 0, behind a bit for each number [default: if that takes fewer bits]
        #[arg(long)]
        zero_suppression: Option<bool>,
        /// Send as 0 what is smaller than this, and suppress zeros
        #[arg(long, default_value_t = 0, conflicts_with = "waveform")]
        threshold: u32,
        /// Events of a frame, at most [default: 64, of waveforms 8192]
        #[arg(long, conflicts_with = "frame_bits")]
        frame_events: Option<u16>,
        /// Frames of so many bits instead, one an event: a multiple of 32 from 96 to 256
        #[arg(long)]
        frame_bits: Option<u32>,
        #[command(flatten)]
        select: SelectArgs,
    },
    /// Write a quantized model's encoder as Verilog, or the core of a link alone
    Emit {
        /// Model written by `sluice quantize` or `sluice import`; none for a link that sends data as they are
        #[arg(required_unless_present = "link")]
        model: Option<PathBuf>,
        /// Design folder to write
        #[arg(long)]
        out: PathBuf,
        /// Ports: `kernel` is two flat buses and a clock, `axis` is AXI4-Stream
        #[arg(long, default_value = "kernel", value_parser = from_json::<Interface>)]
        interface: Interface,
        /// Clock to schedule for, in MHz [default: 100, or none with --latency]
        #[arg(long, conflicts_with = "latency")]
        clock_mhz: Option<f64>,
        /// Latency to schedule for, in clock cycles
        #[arg(long)]
        latency: Option<u32>,
        /// FPGA family: ecp5, ice40, xcup, xc7 or generic
        #[arg(long, default_value = "ecp5", value_parser = from_json::<Target>)]
        target: Target,
        /// How long to search for adders to share: the result depends on it, not on the machine
        #[arg(long, default_value = "default")]
        effort: Effort,
        /// Seed of that search
        #[arg(long, default_value_t = 0)]
        seed: u64,
        /// Cycles from one vector to the next: 1 is fully pipelined, with more of them adders are fewer bits wide; `auto`
        /// takes the fewest that fit --max-lut
        #[arg(long, default_value = "1", value_name = "CYCLES", conflicts_with_all = ["latency", "pareto"])]
        reuse: String,
        /// Lookup tables that `--reuse auto` may use, by its estimate
        #[arg(long)]
        max_lut: Option<u64>,
        /// Multipliers (DSP slices) that a folded design may use: the layers that save most lookup tables by them get them
        #[arg(long, conflicts_with_all = ["latency", "pareto"])]
        max_dsp: Option<u32>,
        /// Take the pixels of an image one a cycle, and build each convolution once behind line buffers
        #[arg(long, conflicts_with_all = ["latency", "pareto", "reuse", "max_lut", "max_dsp"])]
        stream: bool,
        /// Codes and frames, written by `sluice link`: adds a core that sends the outputs as frames over AXI4-Stream
        #[arg(long, conflicts_with_all = ["pareto", "stream"])]
        link: Option<PathBuf>,
        /// Bits of an output beat of that core: 32, 64, 128 or 256
        #[arg(long, default_value_t = 64, requires = "link")]
        link_bits: u32,
        /// Bits of an input beat of that core, if a vector is to come in several
        #[arg(long, requires = "link")]
        link_input_bits: Option<u32>,
        /// Lose events that find no room in that core, and count them, instead of stalling its input
        #[arg(long, requires = "link")]
        drop: bool,
        /// Give that core registers behind AXI4-Lite: identity, soft reset, counters
        #[arg(long, requires = "link")]
        registers: bool,
        /// Give the output of that core a clock of its own
        #[arg(long, requires = "link")]
        output_clock: bool,
        /// Write no design, but every latency worth having: a table, pareto.json and pareto.svg
        #[arg(long, conflicts_with_all = ["latency", "clock_mhz"])]
        pareto: bool,
    },
    /// Run an emitted design in Verilator and compare it with the reference, bit for bit and cycle for cycle
    Verify {
        /// Folder written by `sluice emit`
        design: PathBuf,
        /// Vectors to make, extremes first, then random ones [default: 100000, fewer for a streamed design, or 0 with
        /// --vectors or --data]
        #[arg(long)]
        random: Option<usize>,
        /// Recorded vectors with the outputs they must give: `N n_in n_out`, then N lines of `inputs | outputs`
        #[arg(long)]
        vectors: Option<PathBuf>,
        /// Rows of a data file as vectors, as the encoder sees them
        #[arg(long, conflicts_with = "vectors")]
        data: Option<PathBuf>,
        /// Write the frames that the core sends in simulation: the bytes of `sluice compress --link`
        #[arg(long, value_name = "FILE", requires = "data", conflicts_with_all = ["random", "replay"])]
        frames_out: Option<PathBuf>,
        /// Run only this vector, counted from 0, with those that share the pipeline with it
        #[arg(long)]
        replay: Option<usize>,
        /// Waveform to write, in Icarus, of the replayed or the first 1000 vectors: .fst in that format, else VCD
        #[arg(long)]
        wave: Option<PathBuf>,
        /// Hold tvalid and tready low this often, in percent, at random (`axis` only)
        #[arg(long, default_value_t = 0)]
        stall: u32,
        /// Seed of stimuli and stalls
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Vectors that Icarus runs as a second opinion; 0 turns it off
        #[arg(long, default_value_t = 500)]
        icarus: usize,
        #[command(flatten)]
        select: SelectArgs,
    },
    /// Prove, for all inputs, that an emitted design computes its model; write a certificate
    Prove {
        /// Folder written by `sluice emit` [default with --check: that of the certificate]
        #[arg(required_unless_present = "check")]
        design: Option<PathBuf>,
        /// Certificate to write [default: proof.json in the design folder]
        #[arg(long)]
        out: Option<PathBuf>,
        /// Prove again what this certificate claims, and write none
        #[arg(long, value_name = "CERT", conflicts_with = "out")]
        check: Option<PathBuf>,
        /// Give up the comparison of the Verilog with the plain specification after this many seconds
        #[arg(long, default_value_t = 600)]
        seconds: u64,
    },
    /// Count the cells of an emitted design in Yosys, and place and route it for ECP5
    Synth {
        /// Folder written by `sluice emit`
        design: PathBuf,
        /// Targets, separated by commas: rtl (adder and register bits), generic, ecp5, ice40, xcup or xc7
        #[arg(long, value_delimiter = ',', default_value = "rtl,generic,ecp5,xcup", value_parser = from_json::<SynthTarget>)]
        target: Vec<SynthTarget>,
        /// Seeds of place and route (ecp5 only); Fmax is their median
        #[arg(long, default_value_t = 3)]
        seeds: u32,
        /// Only count cells
        #[arg(long, conflicts_with = "seeds")]
        no_route: bool,
        /// Of a design with a link, count the kernel alone
        #[arg(long)]
        kernel: bool,
        /// Give up place and route of a seed after this many seconds
        #[arg(long, default_value_t = 3600)]
        route_seconds: u64,
    },
    /// Compress a data file
    Compress {
        /// Data file
        input: PathBuf,
        /// Container to write (.slc)
        output: PathBuf,
        /// neural sends the encoder's latents, bounded keeps every value within --bound, lossless every bit
        /// What is kept [default: lossless; with --link as it says]
        #[arg(long, value_enum)]
        mode: Option<ModeArg>,
        /// Bound of `bounded`: abs:0.1, or range:1e-3 of each column's range
        #[arg(long)]
        bound: Option<String>,
        /// Quantized model of `neural`
        #[arg(long)]
        model: Option<PathBuf>,
        /// Write frames (.slf) instead of a container: the bytes that the firmware of this link sends
        #[arg(long, value_name = "LINK", conflicts_with = "block_rows")]
        link: Option<PathBuf>,
        /// Rows in a block [default: as many as make about 2 MiB, at most 8192]
        #[arg(long)]
        block_rows: Option<usize>,
        #[command(flatten)]
        select: SelectArgs,
    },
    /// Reconstruct the data of a container
    Decompress {
        /// Container (.slc), or with --link frames as they came over the link
        input: PathBuf,
        /// Data file to write
        output: PathBuf,
        /// Leave out damaged blocks or frames instead of stopping at them
        #[arg(long)]
        recover: bool,
        /// Link of the frames
        #[arg(long)]
        link: Option<PathBuf>,
        /// Quantized model of the frames
        #[arg(long, requires = "link")]
        model: Option<PathBuf>,
    },
    /// Compare reconstructed data with the original, column by column
    ///
    /// What is taken of the original is taken of the reconstruction too, as far as it still has more.
    Evaluate {
        /// Original data file
        original: PathBuf,
        /// Reconstructed data file
        reconstructed: PathBuf,
        /// Response skips originals of a smaller magnitude [default: a tenth of the median magnitude, column by column]
        #[arg(long, allow_hyphen_values = true)]
        threshold: Option<f64>,
        #[command(flatten)]
        select: SelectArgs,
    },
    /// Print what general compressors and sluice's own lossless and bounded modes make of a data file
    Compare {
        /// Data file
        file: PathBuf,
        /// Bounds of the bounded mode, as fractions of each column's range
        #[arg(long, value_delimiter = ',', default_values_t = [1e-3, 1e-2])]
        bound: Vec<f64>,
        #[command(flatten)]
        select: SelectArgs,
    },
    /// Print the figures of a run and write its page anew
    Report {
        /// Run folder
        run: PathBuf,
        /// Write every figure into this folder too, as PNG
        #[arg(long, value_name = "DIR")]
        png: Option<PathBuf>,
    },
    /// Print the hardware passes in the order in which they run, or a model's graph after each of them
    Passes {
        /// Model written by `sluice quantize` or `sluice import`
        model: Option<PathBuf>,
        /// Only the graph after this pass, or after `build`
        #[arg(long, requires = "model")]
        after: Option<String>,
        /// Clock to schedule for
        #[arg(long, default_value_t = 100.0)]
        clock_mhz: f64,
    },
    /// Print the JSON Schema of a file format: report, quantized, trained or design
    Schema {
        /// File format
        #[arg(value_parser = ["report", "quantized", "trained", "design"])]
        document: String,
    },
    /// Print shell completions
    Completions {
        /// Shell
        shell: clap_complete::Shell,
    },
}

fn from_json<T: serde::de::DeserializeOwned>(text: &str) -> std::result::Result<T, String> {
    serde_json::from_value(serde_json::Value::String(text.to_owned())).map_err(|e| e.to_string())
}

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
                let points = stages::pareto(&QuantizedModel::load(&model)?, &options, &out)?;
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
                ..
            } => {
                let reuse = if stream { Reuse::Stream } else { stages::reuse(&reuse, max_lut)? };
                let multipliers = stages::multipliers(max_dsp, reuse)?;
                let core = CoreOptions { bits: link_bits, input_bits: link_input_bits, drop, registers, output_clock };
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
                model,
                link: Some(link),
                select,
                ..
            } => {
                let report = link::compress(&input, &select.into(), &output, model.as_deref(), &link)?;
                print(json, &report, || {
                    format!("{} -> {} bytes, ratio {:.3}", report.raw_bytes, report.total_bytes, report.ratio)
                })
            }
            Verb::Compress { link: Some(_), .. } => {
                Err(Error::new(Code::Usage, "the link says how much frames may lose")
                    .hint("leave --mode and --bound out; `sluice link --waveform --bound` makes a link with a bound"))
            }
            Verb::Compress { input, output, mode, bound, model, block_rows, select, link: None } => {
                let mode = match mode.unwrap_or(ModeArg::Lossless) {
                    ModeArg::Neural => Mode::Neural,
                    ModeArg::Bounded => Mode::Bounded,
                    ModeArg::Lossless => Mode::Lossless,
                };
                let bound = bound.as_deref().map(parse_bound).transpose()?;
                let options = CompressOptions { bound, block_rows, ..CompressOptions::new(mode) };
                let report = container::compress(&input, &select.into(), &output, model.as_deref(), &options)?;
                print(json, &report, || {
                    format!("{} -> {} bytes, ratio {:.3}", report.raw_bytes, report.total_bytes, report.ratio)
                })
            }
            Verb::Decompress { input, output, recover, link: Some(link), model } => {
                done(json, &link::decompress(&input, &output, model.as_deref(), &link, recover)?)
            }
            Verb::Decompress { input, output, recover, .. } => {
                done(json, &container::decompress(&input, &output, recover)?)
            }
            Verb::Evaluate { original, reconstructed, threshold, select } => {
                compare::evaluate(&original, &reconstructed, &select.into(), threshold, json)
            }
            Verb::Compare { file, bound, select } => compare::compare(&file, &select.into(), &bound, json),
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
            Verb::Passes { model: None, .. } => passes(json),
            Verb::Passes { model: Some(model), after, clock_mhz } => {
                let graphs = stages::graphs(&QuantizedModel::load(&model)?, clock_mhz, after.as_deref())?;
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

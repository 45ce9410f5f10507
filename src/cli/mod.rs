//! The command line: one verb a stage, each reading and writing the files between the stages.

mod backend;
mod compare;
mod facts;
mod ledger;
mod progress;
mod rival;
mod run;
mod stages;

use std::path::{Path, PathBuf};

use clap::{CommandFactory as _, Parser, Subcommand, ValueEnum};

use crate::codec::{self, Bound, CompressOptions, Mode};
use crate::data::{self, Selection};
use crate::error::{Code, Error, Result};
use crate::hw::{self, Target};
use crate::model::file::write_json;
use crate::model::{QuantizedModel, TrainedModel, neutral};
use crate::recipe::Recipe;
use crate::report::schema::Document;
use crate::verify::{DEFAULT_VECTORS, DesignOptions};
use crate::verilog::Interface;

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
        /// Data file (.npy .npz .csv) or container (.slc)
        file: PathBuf,
        /// Array, tree or dataset inside the file
        #[arg(long)]
        array: Option<String>,
    },
    /// Print a commented recipe for a data file
    Init {
        /// Data file
        file: PathBuf,
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
    /// Write a quantized model's encoder as Verilog
    Emit {
        /// Model written by `sluice quantize` or `sluice import`
        model: PathBuf,
        /// Design folder to write
        #[arg(long)]
        out: PathBuf,
        /// Ports: `kernel` is two flat buses and a clock, `axis` is AXI4-Stream
        #[arg(long, default_value = "kernel", value_parser = from_json::<Interface>)]
        interface: Interface,
        /// Clock to schedule for
        #[arg(long, conflicts_with = "latency")]
        clock_mhz: Option<f64>,
        /// Register ranks to schedule for
        #[arg(long)]
        latency: Option<u32>,
        /// FPGA family: ecp5, ice40, xcup, xc7 or generic
        #[arg(long, default_value = "ecp5", value_parser = from_json::<Target>)]
        target: Target,
    },
    /// Run an emitted design in Verilator and compare it with the reference, bit for bit and cycle for cycle
    Verify {
        /// Folder written by `sluice emit`
        design: PathBuf,
        /// Vectors to make, extremes first, then random ones [default: 100000, or 0 with --vectors]
        #[arg(long)]
        random: Option<usize>,
        /// Recorded vectors with the outputs they must give: `N n_in n_out`, then N lines of `inputs | outputs`
        #[arg(long)]
        vectors: Option<PathBuf>,
        /// Waveform to write of the first 1000 vectors, in Icarus: .fst in that format, any other name as VCD
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
    },
    /// Count the cells of an emitted design in Yosys, and place and route it for ECP5
    Synth {
        /// Folder written by `sluice emit`
        design: PathBuf,
        /// Targets, separated by commas: generic, ecp5, ice40, xcup or xc7
        #[arg(long, value_delimiter = ',', default_value = "generic,ecp5,xcup", value_parser = from_json::<Target>)]
        target: Vec<Target>,
        /// Seeds of place and route (ecp5 only); Fmax is their median
        #[arg(long, default_value_t = 3)]
        seeds: u32,
        /// Only count cells
        #[arg(long, conflicts_with = "seeds")]
        no_route: bool,
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
        #[arg(long, value_enum, default_value = "lossless")]
        mode: ModeArg,
        /// Bound of `bounded`: abs:0.1, or range:1e-3 of each column's range
        #[arg(long)]
        bound: Option<String>,
        /// Quantized model of `neural`
        #[arg(long)]
        model: Option<PathBuf>,
        /// Rows in a block [default: as many as make about 2 MiB, at most 8192]
        #[arg(long)]
        block_rows: Option<usize>,
    },
    /// Reconstruct the data of a container
    Decompress {
        /// Container (.slc)
        input: PathBuf,
        /// Data file to write
        output: PathBuf,
        /// Leave out damaged blocks instead of stopping at them
        #[arg(long)]
        recover: bool,
    },
    /// Compare reconstructed data with the original, column by column
    Evaluate {
        /// Original data file
        original: PathBuf,
        /// Reconstructed data file
        reconstructed: PathBuf,
        /// Response skips originals of a smaller magnitude [default: a tenth of the median magnitude, column by column]
        #[arg(long, allow_hyphen_values = true)]
        threshold: Option<f64>,
    },
    /// Print what general compressors and sluice's own lossless and bounded modes make of a data file
    Compare {
        /// Data file
        file: PathBuf,
        /// Bounds of the bounded mode, as fractions of each column's range
        #[arg(long, value_delimiter = ',', default_values_t = [1e-3, 1e-2])]
        bound: Vec<f64>,
    },
    /// Print the figures of a run and write its page anew
    Report {
        /// Run folder
        run: PathBuf,
        /// Write every figure into this folder too, as PNG
        #[arg(long, value_name = "DIR")]
        png: Option<PathBuf>,
    },
    /// Print the hardware passes in the order in which they run
    Passes,
    /// Print the JSON Schema of a file format: report, quantized or trained
    Schema {
        /// File format
        #[arg(value_parser = ["report", "quantized", "trained"])]
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
            Verb::Inspect { file, array } => inspect(&file, array, json),
            Verb::Init { file } => init(&file),
            Verb::Toy { detector, out, rows, seed } => {
                data::write(&out, &data::toy(&detector, rows, seed)?)?;
                eprintln!("toy: {rows} rows of `{detector}`, seed {seed} -> {}", out.display());
                Ok(true)
            }
            Verb::Train { recipe, data, out } => {
                let mut recipe = Recipe::load(&recipe)?;
                run::replace_data(&mut recipe, data);
                let (dataset, _) = stages::load_data(&recipe)?;
                let model = stages::train(&recipe, &dataset, &out)?;
                write_json(&out, &model)?;
                crate::train::remove_checkpoints(&out);
                eprintln!("train: wrote {}", out.display());
                Ok(true)
            }
            Verb::Quantize { model, out } => {
                let model = TrainedModel::load(&model)?;
                write_json(&out, &stages::quantize(&model)?)?;
                eprintln!("quantize: wrote {}", out.display());
                Ok(true)
            }
            Verb::Import { encoder, out } => {
                let text = std::fs::read_to_string(&encoder).map_err(|e| Error::io("read", &encoder, &e))?;
                let model = neutral::import(&text, &encoder)?;
                write_json(&out, &model)?;
                eprintln!(
                    "import: {} inputs, {} outputs -> {}",
                    model.encoder.n_in,
                    model.encoder.n_out(),
                    out.display()
                );
                Ok(true)
            }
            Verb::Emit { model, out, interface, clock_mhz, latency, target } => {
                let model = QuantizedModel::load(&model)?;
                let clock = if latency.is_none() { clock_mhz.or(Some(100.0)) } else { None };
                let manifest = stages::emit(&model, interface, target, clock, latency, &out)?;
                print(json, &manifest, || stages::describe_design(&manifest))
            }
            Verb::Verify { design, random, vectors, wave, stall, seed, icarus } => {
                let random = random.unwrap_or(if vectors.is_some() { 0 } else { DEFAULT_VECTORS });
                let options =
                    DesignOptions { random, vectors, wave, stall_percent: stall, seed, icarus, ..Default::default() };
                let report = stages::verify(&design, options)?;
                print(json, &report, || report.to_string())?;
                Ok(report.passed())
            }
            Verb::Synth { design, target, seeds, no_route, route_seconds } => {
                let options = stages::synth_options(&target, if no_route { 0 } else { seeds }, route_seconds)?;
                let reports = stages::synth(&design, &options)?;
                print(json, &reports, || reports.iter().map(|r| format!("{r}\n")).collect())
            }
            Verb::Compress { input, output, mode, bound, model, block_rows } => {
                let mode = match mode {
                    ModeArg::Neural => Mode::Neural,
                    ModeArg::Bounded => Mode::Bounded,
                    ModeArg::Lossless => Mode::Lossless,
                };
                let bound = bound.as_deref().map(parse_bound).transpose()?;
                let options = CompressOptions { bound, block_rows, ..CompressOptions::new(mode) };
                let report = compress(&input, &output, model.as_deref(), &options)?;
                print(json, &report, || {
                    format!("{} -> {} bytes, ratio {:.3}", report.raw_bytes, report.total_bytes, report.ratio)
                })
            }
            Verb::Decompress { input, output, recover } => {
                let decoder = codec::Decoder::open(&input, recover, &backend::from_bytes)?;
                let mut sink = data::create(&output, &decoder.head()?)?;
                let mut rows = 0;
                let lost = decoder.each(&mut |block| {
                    rows += block.rows;
                    sink.push(&block)
                })?;
                sink.finish()?;
                eprintln!("decompress: {rows} rows -> {}", output.display());
                for gap in lost {
                    eprintln!("decompress: lost rows {} to {}: {}", gap.rows.start, gap.rows.end, gap.cause);
                }
                Ok(true)
            }
            Verb::Evaluate { original, reconstructed, threshold } => {
                compare::evaluate(&original, &reconstructed, threshold, json)
            }
            Verb::Compare { file, bound } => compare::compare(&file, &bound, json),
            Verb::Report { run, png } => {
                let report = crate::report::read(&run)?;
                if let Some(folder) = png {
                    let paths = crate::report::write_pngs(&report, &folder)?;
                    eprintln!("report: {} figures -> {}", paths.len(), folder.display());
                }
                crate::report::write_page(&report, &run)?;
                eprintln!("report: {}", run.join("report.html").display());
                print(json, &report, || run::summary(&report))
            }
            Verb::Passes => passes(json),
            Verb::Schema { document } => {
                let schema = Document::ALL.into_iter().find(|d| d.name() == document).map(Document::schema);
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

fn passes(json: bool) -> Result<bool> {
    let pipelines = hw::passes::pipelines();
    let list: Vec<_> = pipelines
        .iter()
        .flat_map(|l| l.passes.iter().map(|p| serde_json::json!([l.name, p.name(), p.description()])))
        .collect();
    print(json, &list, || {
        let line = |p: &Box<dyn hw::passes::Pass>| format!("  {:<12} {}\n", p.name(), p.description());
        pipelines.iter().map(|l| format!("{}:\n{}", l.name, l.passes.iter().map(line).collect::<String>())).collect()
    })
}

fn parse_bound(text: &str) -> Result<Bound> {
    let wrong = || {
        Error::new(Code::Usage, format!("`{text}` is not a bound"))
            .hint("use abs:0.1, or range:1e-3 of each column's range")
    };
    let (kind, value) = text.split_once(':').ok_or_else(wrong)?;
    let value: f64 = value.parse().map_err(|_| wrong())?;
    if !(value.is_finite() && value > 0.0) {
        return Err(wrong().cause("a bound is a positive number"));
    }
    match kind {
        "abs" => Ok(Bound::Abs(value)),
        "range" => Ok(Bound::Range(value)),
        _ => Err(wrong()),
    }
}

fn compress(
    input: &Path,
    output: &Path,
    model: Option<&Path>,
    options: &CompressOptions,
) -> Result<codec::CompressReport> {
    if (options.mode == Mode::Neural) != model.is_some() {
        return Err(Error::new(Code::Usage, "`--mode neural` and `--model` go together")
            .hint("give the quantized model of `sluice quantize`, or choose another mode"));
    }
    if (options.mode == Mode::Bounded) != options.bound.is_some() {
        return Err(Error::new(Code::Usage, "`--mode bounded` and `--bound` go together")
            .hint("for example --bound range:1e-3"));
    }
    let data = data::open(input, &Selection::default())?;
    let backend = model.map(|path| backend::Neural::new(QuantizedModel::load(path)?)).transpose()?;
    codec::compress(data.as_ref(), options, backend.as_ref().map(|b| b as &dyn codec::NeuralBackend), output)
}

fn inspect(file: &Path, array: Option<String>, json: bool) -> Result<bool> {
    if file.extension().is_some_and(|e| e == "slc") {
        let info = codec::info(file)?;
        return print(json, &info, || serde_json::to_string_pretty(&info).unwrap_or_default());
    }
    let data = data::read(file, &Selection { array, ..Selection::default() })?;
    let columns = data::inspect(&data);
    print(json, &columns, || {
        let mut text = format!("{} rows, {} columns, {} bytes\n", data.rows, data.columns.len(), data.raw_bytes());
        for c in &columns {
            text += &format!(
                "{:<28} {:<8} {:<12} min {:<12.5} max {:<12.5} mean {:<12.5} zeros {:.1} %\n",
                c.name,
                c.dtype,
                format!("{:?}", c.shape),
                c.min,
                c.max,
                c.mean,
                100.0 * c.zeros_fraction
            );
        }
        text
    })
}

fn init(file: &Path) -> Result<bool> {
    let data = data::read(file, &Selection::default())?;
    let features: usize = data.columns.iter().map(data::Column::width).sum();
    let stem: String = file.file_stem().and_then(|s| s.to_str()).unwrap_or("model").to_lowercase();
    let mut name: String = stem.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        name.insert_str(0, "m_");
    }
    let latent = features.div_ceil(2);
    let path = std::path::absolute(file).map_err(|e| Error::io("find", file, &e))?;
    print(false, &(), || {
        format!(
            "# {} rows, {} columns, {features} numbers in a row\nname = \"{name}\"\n\n[data]\npath = {:?}\n\n[train]\nlatent = {latent}          # numbers sent per row\nhidden = [32]         # encoder, built in hardware\ndecoder_hidden = [64] # decoder, software only\nepochs = 40\n\n[quantize]\ninput_bits = 12\nweight_bits = 8\nactivation_bits = 10\nlatent_bits = 12\n\n[hardware]\ninterface = \"kernel\"\nclock_mhz = 100.0\ntarget = \"ecp5\"\n",
            data.rows,
            data.columns.len(),
            path.display().to_string(),
        )
    })
}

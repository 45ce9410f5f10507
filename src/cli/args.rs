//! The flag table: every verb with its arguments, defaults and help.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

use super::select::{SelectArgs, rows};
use crate::hw::{Effort, Target};
use crate::link::{LearnOptions, Predictor};
use crate::synth::SynthTarget;
use crate::verilog::Interface;

/// FPGA streaming compression: train, quantize, emit, verify, compress.
#[derive(Parser)]
#[command(version, after_help = "Exit status: 0 fine, 1 a mismatch was found, 2 bad input or a missing tool")]
pub struct Cli {
    #[command(subcommand)]
    pub(super) verb: Verb,
    /// Print the result as JSON on stdout; progress goes to stderr
    #[arg(long, global = true)]
    pub(super) json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum ModeArg {
    Neural,
    Bounded,
    Lossless,
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum EffortArg {
    /// Each column alone, by pcodec
    Fast,
    /// Learned distributions that look at other columns
    Default,
    /// More of them
    Max,
}

#[derive(Subcommand)]
pub(super) enum Verb {
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
    /// Train what the section [search] of a recipe lists: sizes and prices; the Pareto front in error, bits, LUT and latency
    Search {
        /// A recipe (TOML)
        recipe: PathBuf,
        /// Data file, instead of the recipe's
        #[arg(long)]
        data: Option<PathBuf>,
        /// Folder for trials, search.json and search.svg [default: search_NAME]
        #[arg(long)]
        out: Option<PathBuf>,
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
        /// Let words and frames of that core wait in LUT RAM: larger than block RAM, and faster
        #[arg(long, requires = "link")]
        lut_ram: bool,
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
        /// What is kept: neural sends the encoder's latents, bounded keeps every value within --bound, lossless every bit
        /// [default: neural with --model, bounded with a bound, else lossless; with --link as it says]
        #[arg(long, value_enum)]
        mode: Option<ModeArg>,
        /// Bound of `bounded`: abs:0.1, rel:1e-3 of each value, range:1e-3 of each column's range, or bits:10 of the mantissa
        #[arg(long)]
        bound: Option<String>,
        /// Bound of single columns, in place of --bound, or `exact`; may be given several times, `*` stands for any characters
        #[arg(long, value_name = "COLUMN=BOUND")]
        bound_of: Vec<String>,
        /// With a model: keep also what its reconstruction leaves, so that every value of its columns is within this bound,
        /// abs: or range:
        #[arg(long, value_name = "BOUND", requires = "model", conflicts_with_all = ["bound", "bound_of"])]
        residual: Option<String>,
        /// Add the rows to a container that has the same columns, kept as its others are
        #[arg(long, conflicts_with_all = ["mode", "bound", "bound_of", "residual", "link", "recipe", "block_rows"])]
        append: bool,
        /// How long to search for fewer bytes
        #[arg(long, value_enum, default_value = "default", conflicts_with = "link")]
        effort: EffortArg,
        /// Quantized model of `neural`
        #[arg(long)]
        model: Option<PathBuf>,
        /// Write frames (.slf) instead of a container: the bytes that the firmware of this link sends
        #[arg(long, value_name = "LINK", conflicts_with = "block_rows")]
        link: Option<PathBuf>,
        /// TOML file, for example a recipe, with formulas that predict columns from others (`[relations]`, then
        /// `E = "hypot(p, m)"`), or bounds of columns (`[bounds]`, then `E = "rel:1e-3"`, "exact" or "drop")
        #[arg(long, value_name = "FILE", conflicts_with = "link")]
        recipe: Option<PathBuf>,
        /// Rows in a block [default: as many as make about 8 MiB; of a table of single numbers 32 MiB, at most 262144 rows; of
        /// latents 2 MiB, 8192]
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
        /// Columns to read, separated by commas; `*` stands for any characters
        #[arg(long, value_delimiter = ',', conflicts_with = "link")]
        columns: Option<Vec<String>>,
        /// First row to read and the row after the last, for example 0:1000; either may be left out
        #[arg(long, value_parser = rows, value_name = "START:END", conflicts_with = "link")]
        rows: Option<std::ops::Range<usize>>,
        /// Link of the frames
        #[arg(long)]
        link: Option<PathBuf>,
        /// Quantized model of the frames
        #[arg(long, requires = "link")]
        model: Option<PathBuf>,
    },
    /// Read a container to the end and say whether it is sound: every CRC, every decoded value by its hash
    Check {
        /// Container (.slc)
        file: PathBuf,
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
        /// Print instead the observables of the [[physics]] sections of a TOML file: peaks, selections, images, pulses
        #[arg(long, value_name = "FILE", conflicts_with = "threshold")]
        physics: Option<PathBuf>,
        /// Raw bytes over compressed bytes, for the significance at equal storage
        #[arg(long, requires = "physics")]
        ratio: Option<f64>,
        #[command(flatten)]
        select: SelectArgs,
    },
    /// Hold data against what a model knows: latents and errors of blocks of rows; exit status 1 if they drifted
    Monitor {
        /// Quantized model
        model: PathBuf,
        /// Data file
        data: PathBuf,
        /// Learn instead how latents and errors of these data are distributed, and write the model with that
        #[arg(long, requires = "out", conflicts_with = "block")]
        learn: bool,
        /// Where the model goes; it may replace the one that was read
        #[arg(long, requires = "learn")]
        out: Option<PathBuf>,
        /// Rows of a block
        #[arg(long, default_value_t = 1000)]
        block: usize,
        /// With --learn: share of blocks without drift that are an alarm
        #[arg(long, default_value_t = 1e-3, requires = "learn")]
        false_alarms: f64,
        /// With --learn: smallest population stability index that is an alarm, however sure
        #[arg(long, default_value_t = 0.1, requires = "learn")]
        least: f64,
        #[command(flatten)]
        select: SelectArgs,
    },
    /// Score events by how unlike the background they are: by the error of their reconstruction, and by their latents as firmware can
    ///
    /// With signal: area under the curve, and what is kept of it at fixed shares of the background. docs/ANOMALY.md has the formulas.
    Anomaly {
        /// Quantized model
        model: PathBuf,
        /// Data file of background
        background: PathBuf,
        /// Data file of signal
        #[arg(conflicts_with_all = ["label", "inject"])]
        signal: Option<PathBuf>,
        /// Column of the background file that is not 0 for signal
        #[arg(long, value_name = "COLUMN", conflicts_with = "inject")]
        label: Option<String>,
        /// Make signal of every other row of background: hot (one value is the largest of its place), shuffle (values of other
        /// rows) or noise
        #[arg(long, value_name = "KIND")]
        inject: Option<String>,
        /// Seed of these
        #[arg(long, default_value_t = 1, requires = "inject")]
        seed: u64,
        /// Shares of the background to keep
        #[arg(long, value_delimiter = ',', default_values_t = [1e-2, 1e-3])]
        rates: Vec<f64>,
        /// Write a model whose encoder gives the score of the latents too, with the threshold of the first of --rates
        #[arg(long, value_name = "MODEL")]
        score_out: Option<PathBuf>,
        /// Draw the curves: a .svg or .png
        #[arg(long, value_name = "FILE")]
        plot: Option<PathBuf>,
        #[command(flatten)]
        select: SelectArgs,
    },
    /// Print what other codecs and sluice make of a data file: sizes, errors, speed on one thread; the shortest is marked
    Compare {
        /// Data file
        file: PathBuf,
        /// Bounds of the bounded mode, as fractions of each column's range: 1e-3 or range:1e-3
        #[arg(long, value_delimiter = ',', default_values_t = [1e-3, 1e-2], value_parser = fraction)]
        bound: Vec<f64>,
        /// Draw bits a value over the error: a .svg or .png
        #[arg(long, value_name = "FILE", conflicts_with = "families")]
        plot: Option<PathBuf>,
        /// Print instead what families of learned distributions make of a table of single numbers, within the first of the bounds
        #[arg(long)]
        families: bool,
        /// Quantized model of an autoencoder, to be compared with them: its container, and what that leaves to the bound
        #[arg(long, requires = "families")]
        model: Option<PathBuf>,
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
    /// Simulate a readout chain: how long events take, how deep fifos must be, what is lost
    ///
    /// Exit status: 0 the budget of the study is kept, 1 it is not or the Verilog is not the model, 2 bad input. docs/LATENCY.md has the study file.
    Latency {
        /// Study (.toml)
        study: PathBuf,
        /// Write report.html, results.json and CSV into this folder; a sweep keeps its finished points there and goes on with them
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
        /// Play as many events of each channel through the Verilog of the design in Verilator, and compare every cycle
        #[arg(long, value_name = "EVENTS", num_args = 0..=1, default_missing_value = "100000")]
        rtl: Option<u64>,
        /// Write the figures as PNG into this folder
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

/// A fraction of a range, with `range:` before it or without.
fn fraction(text: &str) -> std::result::Result<f64, String> {
    text.strip_prefix("range:").unwrap_or(text).parse::<f64>().map_err(|e| e.to_string())
}

/// A value by the name that it has in the files.
fn from_json<T: serde::de::DeserializeOwned>(text: &str) -> std::result::Result<T, String> {
    serde_json::from_value(serde_json::Value::String(text.to_owned())).map_err(|e| e.to_string())
}

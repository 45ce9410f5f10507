//! A design folder against the reference: which vectors, and what to say about the first that differs.

use std::ops::Range;
use std::path::{Path, PathBuf};

use ndarray::{Array2, concatenate, s};

use super::stimuli::stimuli;
use super::{
    Dut, IcarusOptions, Probe, Sender, StageDifference, VerifyOptions, VerifyReport, icarus, plain_marks, varied_marks,
    verify,
};
use crate::error::{Code, Error, Result};
use crate::link::Link;
use crate::model::file::write_whole;
use crate::model::network::INPUT;
use crate::model::{IntegerNetwork, QuantizedModel, Vectors};
use crate::reference::Engine;
use crate::verilog::{DesignManifest, StageSignals};

/// Vectors made for a design when nothing else is asked for.
pub const DEFAULT_VECTORS: usize = 100_000;
/// Vectors that a waveform holds at most, unless one is replayed: beyond it the file is too large to look at.
const WAVE_VECTORS: usize = 1000;

/// What to verify a design with.
#[derive(Clone, Debug, Default)]
pub struct DesignOptions {
    /// Vectors to make: extremes first, then random ones.
    pub random: usize,
    /// A file of recorded vectors with the outputs they must give; they come first.
    pub vectors: Option<PathBuf>,
    /// Recorded inputs; they come first.
    pub rows: Option<RecordedRows>,
    /// Where the frames go that the core sends in simulation, if there is one: those of `sluice compress`, bunch crossing 0.
    pub frames_out: Option<PathBuf>,
    /// How often each side of a stream is stalled, in percent.
    pub stall_percent: u32,
    /// Seed of stimuli and stalls.
    pub seed: u64,
    /// Vectors that Icarus runs too.
    pub icarus: usize,
    /// Runs only this vector, counted from 0 over recorded and made ones, and what shares the pipeline with it. With
    /// stalls that is everything from the first vector on.
    pub replay: Option<usize>,
    /// Waveform to write: `.fst` in that format, any other name as VCD.
    pub wave: Option<PathBuf>,
    /// Where compiled simulations are kept.
    pub cache: Option<PathBuf>,
}

/// Recorded inputs.
#[derive(Clone, Debug)]
pub struct RecordedRows {
    /// The file that they come from.
    pub path: PathBuf,
    /// `[event, input]`, raw integers.
    pub inputs: Array2<i64>,
    /// Events of a record, with the last of which a frame ends; `None` if no frame ends before it is full.
    pub record: Option<u32>,
}

/// Verifies a design folder.
///
/// # Errors
/// Those of [`DesignManifest::load`] and [`verify`]; [`Code::Design`] if manifest and model contradict each other,
/// [`Code::Vectors`] if recorded vectors do not fit the design, [`Code::Usage`] without any vectors.
pub fn verify_design(folder: &Path, options: &DesignOptions) -> Result<VerifyReport> {
    let manifest = DesignManifest::load(folder)?;
    let model = QuantizedModel::load(&folder.join(&manifest.model))?;
    let formats = (&manifest.input_formats, &manifest.output_formats);
    if formats != (&model.encoder.formats_of(INPUT), &model.encoder.output_formats()) {
        return Err(Error::new(Code::Design, "design.json has other formats than the model beside it")
            .at(folder.display().to_string())
            .hint("emit the design again"));
    }
    let engine = Engine::new(&model.encoder)?;
    let dut = Dut::emitted(folder, &manifest, options.cache.clone());
    let (inputs, expected) = vectors(options, &model.encoder, &engine)?;
    let window = window(options, inputs.nrows(), dut.latency.div_ceil(dut.ii) as usize)?;
    let part = |a: &Array2<i64>, rows: Range<usize>| a.slice(s![rows, ..]).to_owned();
    let (inputs, expected) = (part(&inputs, window.clone()), part(&expected, window.clone()));
    let framed = Dut::framed(folder, &manifest, options.cache.clone());
    // Where frames are sent, it is the core that stalls: the kernel in it never does.
    let stall_percent = if framed.is_some() { 0 } else { options.stall_percent };
    let run = VerifyOptions { stall_percent, seed: options.seed, icarus: options.icarus };
    let mut report = verify(&dut, &inputs, &expected, run)?;
    if let (Some(framed), Some(link)) = (framed, &manifest.link) {
        let link = Link::load(&folder.join(&link.link))?;
        let n = inputs.nrows();
        let marks = match &options.frames_out {
            Some(_) => plain_marks(n, options.rows.as_ref().and_then(|rows| rows.record)),
            None => varied_marks(n),
        };
        let run = VerifyOptions { stall_percent: options.stall_percent, ..run };
        let sender = Sender { dut: &framed, link: &link, engine: &engine };
        let (frames, bytes) = sender.verify(&inputs, &marks, run)?;
        report.frames = Some(frames);
        if let Some(path) = &options.frames_out {
            write_whole(path, &bytes)?;
        }
    } else if options.frames_out.is_some() {
        return Err(Error::new(Code::Usage, "a design without a link sends no frames").hint("emit it with --link"));
    }
    if let Some(mismatch) = &mut report.first_mismatch {
        let input = inputs.row(mismatch.sample).to_vec();
        mismatch.stage = Some(match first_difference(&dut, &manifest.stages, &engine, &input) {
            Ok(Some(difference)) => difference.to_string(),
            Ok(None) if engine.infer(&input) != expected.row(mismatch.sample).to_vec() => {
                "none, every layer is that of the reference: the expected outputs are not the model's".to_owned()
            }
            Ok(None) => "none while the vector is held: the registers are out of step".to_owned(),
            Err(e) => format!("unknown, {}", e.what()),
        });
        // Counted as in the whole run, so that the command finds it.
        mismatch.sample += window.start;
        mismatch.cycle = mismatch.cycle.map(|c| c + window.start as u64 * u64::from(dut.ii));
        mismatch.replay = Some(replay_command(folder, options, mismatch.sample));
    }
    if let Some(wave) = &options.wave {
        let most = if options.replay.is_some() { usize::MAX } else { WAVE_VECTORS };
        let part = part(&inputs, 0..inputs.nrows().min(most));
        let (stall_percent, seed) = (options.stall_percent, options.seed);
        let bench = IcarusOptions { stall_percent, seed, wave: Some(wave), ..Default::default() };
        match icarus(&dut, &part, &bench) {
            // Waveforms are for wrong designs: that an output is undefined can be seen in it.
            Err(e) if e.code() == Code::ToolFailed && !report.passed() && wave.exists() => {}
            Err(e) => return Err(e),
            Ok(_) => {}
        }
    }
    Ok(report)
}

/// The rows to run: all, or those that share the pipeline with the one to replay, `latency` vectors before and after it.
fn window(options: &DesignOptions, rows: usize, latency: usize) -> Result<Range<usize>> {
    let Some(sample) = options.replay else { return Ok(0..rows) };
    if sample >= rows {
        return Err(Error::new(Code::Usage, format!("there is no vector {sample} to replay"))
            .cause(format!("the run has {rows} vectors, counted from 0"))
            .hint("use the --random, --vectors and --seed of the run that found it"));
    }
    // Stalls are drawn from the first vector on.
    let from = if options.stall_percent > 0 { 0 } else { sample.saturating_sub(latency + 4) };
    Ok(from..rows.min(sample + latency + 5))
}

/// The command that runs the vector again and writes a waveform.
fn replay_command(folder: &Path, options: &DesignOptions, sample: usize) -> String {
    let mut command = format!("sluice verify {}", folder.display());
    if let Some(path) = &options.vectors {
        command += &format!(" --vectors {}", path.display());
    }
    if let Some(rows) = &options.rows {
        command += &format!(" --data {}", rows.path.display());
    }
    if options.vectors.is_some() || options.rows.is_some() || options.random != DEFAULT_VECTORS {
        command += &format!(" --random {}", options.random);
    }
    if options.seed != 1 {
        command += &format!(" --seed {}", options.seed);
    }
    if options.stall_percent > 0 {
        command += &format!(" --stall {}", options.stall_percent);
    }
    command + &format!(" --replay {sample} --wave mismatch.vcd")
}

/// Recorded vectors, then made ones.
fn vectors(options: &DesignOptions, network: &IntegerNetwork, engine: &Engine) -> Result<(Array2<i64>, Array2<i64>)> {
    let made = stimuli(&network.formats_of(INPUT), options.random, options.seed);
    let wanted = engine.infer_batch(&made);
    let (path, inputs, outputs) = match (&options.rows, &options.vectors) {
        (Some(rows), _) => (&rows.path, rows.inputs.clone(), None),
        (None, Some(path)) => {
            let recorded = Vectors::load(path)?;
            (path, recorded.inputs, Some(recorded.outputs))
        }
        (None, None) if options.random == 0 => {
            return Err(Error::new(Code::Usage, "a design cannot be verified with 0 vectors"));
        }
        (None, None) => return Ok((made, wanted)),
    };
    let misfit =
        |cause: String| Error::new(Code::Vectors, format!("`{}` does not fit the design", path.display())).cause(cause);
    let (n_in, n_out) = (network.n_in, network.n_out());
    let found = (inputs.ncols(), outputs.as_ref().map_or(n_out, Array2::ncols));
    if found != (n_in, n_out) {
        return Err(misfit(format!("vectors of {} -> {} values, design of {n_in} -> {n_out}", found.0, found.1)));
    }
    if inputs.nrows() + options.random == 0 {
        return Err(misfit("it holds no vectors".to_owned()));
    }
    for (r, row) in inputs.rows().into_iter().enumerate() {
        engine.check_input(&row.to_vec()).map_err(|e| misfit(format!("vector {r}: {}", e.what())))?;
    }
    let outputs = outputs.unwrap_or_else(|| engine.infer_batch(&inputs));
    let join = |a: Array2<i64>, b: Array2<i64>| {
        concatenate(ndarray::Axis(0), &[a.view(), b.view()]).map_err(|e| misfit(e.to_string()))
    };
    Ok((join(inputs, made)?, join(outputs, wanted)?))
}

/// Holds one vector at the input and compares the output of every layer, inside the design, with the reference.
///
/// # Errors
/// Those of [`icarus`], which does the looking.
pub fn first_difference(
    dut: &Dut,
    stages: &[StageSignals],
    engine: &Engine,
    input: &[i64],
) -> Result<Option<StageDifference>> {
    let mut probes = Vec::new();
    let mut places = Vec::new();
    for ((stage, layer), values) in stages.iter().zip(0..).zip(engine.infer_all(input).iter().skip(1)) {
        for (element, expected) in values.iter().enumerate() {
            if let Some((signal, cycle)) = stage.element(element) {
                probes.push(Probe { signal: signal.to_owned(), cycle });
                places.push((layer, element, *expected));
            }
        }
    }
    // Long enough that a stream is still offered the vector when its first answer comes.
    let held = dut.latency.div_ceil(dut.ii) as usize + 4;
    let held = Array2::from_shape_fn((held, input.len()), |(_, c)| input[c]);
    let run = icarus(dut, &held, &IcarusOptions { probes: &probes, ..Default::default() })?;
    for ((bits, probe), (layer, element, expected)) in run.probes.iter().zip(probes).zip(places) {
        let low: String =
            (0..bits.len()).rev().map(|k| if expected >> k.min(63) & 1 == 1 { '1' } else { '0' }).collect();
        if *bits != low {
            let layer: &StageSignals = &stages[layer];
            let (layer, signal, got) = (layer.layer.clone(), probe.signal, bits.clone());
            return Ok(Some(StageDifference { layer, element, signal, expected, got }));
        }
    }
    Ok(None)
}

//! One function a stage, shared by the verbs and by `sluice run`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use ndarray::Array2;

use super::progress::{Progress, say};
use super::{backend, samples};
use crate::data::{self, Dataset, NanPolicy, Selection, SplitRows};
use crate::dut::Dut;
use crate::error::{Code, Error, Result};
use crate::hw::{self, CompileOptions, Compiled, Reuse};
use crate::link::{Link, Samples};
use crate::model::file::{write_json, write_whole};
use crate::model::network::INPUT;
use crate::model::trained::{Epoch, Provenance, TRAINED_SCHEMA};
use crate::model::{IntegerNetwork, Network, QuantPlan, QuantizedModel, TrainedModel, Vectors};
use crate::recipe::Recipe;
use crate::reference::Engine;
use crate::report::plot;
use crate::synth::{SynthOptions, SynthReport, SynthTarget};
use crate::units::Cycles;
use crate::verify::{DEFAULT_VECTORS, DesignOptions, RecordedRows, VerifyReport};
use crate::verilog::{CoreOptions, DesignManifest, Interface};
use crate::{package, proof, quantize, synth, train as training, verify as simulation, verilog};

/// The data of a recipe and their division.
pub fn load_data(recipe: &Recipe) -> Result<(Dataset, SplitRows)> {
    let section = &recipe.data;
    let dataset = match (&section.path, &section.toy) {
        (Some(path), _) => data::read(path, &section.select)?,
        (None, Some(toy)) => data::select(data::toy(toy, section.toy_rows, section.toy_seed)?, &section.select)?,
        (None, None) => {
            return Err(Error::new(Code::Recipe, "the recipe names no data")
                .hint("pass --data FILE, or set data.path or data.toy"));
        }
    };
    let split = data::training_rows(&dataset, &recipe.split, section.select.nan)?;
    let gaps = data::Gaps::find(&dataset);
    if !gaps.none() {
        let policy = match section.select.nan {
            NanPolicy::DropRows => "these rows do not train",
            _ => "training reads other numbers in their place",
        };
        say(format_args!("data: {}: {policy}, a container keeps them", gaps.describe(dataset.rows)));
    }
    say(format_args!("split: {}", split.describe(&recipe.split)));
    Ok((dataset, split))
}

/// The chosen rows.
pub fn pick(data: &Dataset, rows: &[usize]) -> Dataset {
    let columns = data
        .columns
        .iter()
        .map(|c| {
            let at: Vec<usize> = rows.iter().flat_map(|r| r * c.width()..(r + 1) * c.width()).collect();
            data::Column { values: c.values.pick(&at), ..c.clone() }
        })
        .collect();
    Dataset { columns, rows: rows.len(), ..data.clone() }
}

/// Float training, calibration, quantization-aware fine-tuning.
///
/// `path` is where the caller will write the model: checkpoints lie beside it until then.
pub fn train(recipe: &Recipe, dataset: &Dataset, path: &Path) -> Result<TrainedModel> {
    let options = &recipe.train;
    let bar = Progress::new("train", options.epochs + options.widths.epochs + options.qat_epochs, "epochs");
    let mut progress = |e: &Epoch| bar.step(&format!("loss {:.3e}", e.train_loss));
    let model = train_with(recipe, dataset, path, &mut progress)?;
    drop(bar);
    let plan = model.plan.as_ref().filter(|_| options.widths.epochs > 0);
    if let Some(plan) = plan {
        say_widths(&model.encoder, plan, recipe)?;
    }
    say(format_args!(
        "train: {} rows, {} features -> {} latents, {} epochs, loss {:.3e}",
        model.provenance.train_rows,
        model.decoder.n_out(),
        options.latent,
        model.history.len(),
        model.history.last().map_or(f64::NAN, |e| e.train_loss),
    ));
    Ok(model)
}

/// The same without a word: one of many.
pub fn train_quietly(recipe: &Recipe, dataset: &Dataset, path: &Path) -> Result<TrainedModel> {
    train_with(recipe, dataset, path, &mut |_| {})
}

fn train_with(
    recipe: &Recipe,
    dataset: &Dataset,
    path: &Path,
    progress: &mut dyn FnMut(&Epoch),
) -> Result<TrainedModel> {
    let nan = recipe.data.select.nan;
    let split = data::training_rows(dataset, &recipe.split, nan)?;
    let seen = data::filled(dataset, nan)?;
    let transform = data::fit_transform(&seen, &recipe.transform, &split.train)?;
    let part = |rows: &[usize]| -> Result<Array2<f32>> {
        Ok(backend::features(&transform, &data::model_rows(&pick(&seen, rows), &transform)?))
    };
    let train = part(&split.train)?;
    let validation = if split.validation.is_empty() { None } else { Some(part(&split.validation)?) };
    let options = &recipe.train;
    let weights = training::Weights::of(options, &transform, &train);

    let key = crate::recipe::checksum_of(&(
        env!("CARGO_PKG_VERSION"),
        dataset.checksum(),
        (nan, &dataset.source.pass_through),
        (&recipe.split, &recipe.transform, options, &recipe.quantize),
        // What a budget is measured by.
        (!options.widths.budget.is_empty()).then_some(&recipe.hardware),
    ));
    let mut session = training::Session { progress, checkpoint: Some((path, &key)) };
    let mut trained = training::train(&train, validation.as_ref(), &weights, options, &mut session)?;
    // A transformer gives no flags.
    let flags = if trained.transformer.is_some() { 0 } else { transform.n_features() - transform.n_values() };
    let gains = training::latents::gains(&trained, &train, &weights.features);
    let mut plan =
        quantize::calibrate(&trained.encoder, &trained.inputs(&train), flags, Some(&gains), &recipe.quantize)?;
    if options.widths.epochs > 0 {
        let by = |network: &Network, plan: &QuantPlan| hardware_of(&quantize::apply(network, plan)?, recipe);
        (trained, plan) = training::learn_widths(&trained, &plan, &train, &weights, options, Some(&by), &mut session)?;
    }
    if options.qat_epochs > 0 {
        trained = training::fine_tune(&trained, &plan, &train, validation.as_ref(), &weights, options, &mut session)?;
    }
    let model = TrainedModel {
        schema: TRAINED_SCHEMA.to_owned(),
        name: recipe.name.clone(),
        transform,
        transformer: trained.transformer,
        encoder: trained.encoder,
        decoder: trained.decoder,
        plan: Some(plan),
        provenance: Provenance {
            data_source: dataset.source.name.clone(),
            data_checksum: dataset.checksum(),
            seed: options.seed,
            train_rows: train.nrows(),
            recipe_checksum: crate::recipe::checksum_of(&(&recipe.split, &recipe.transform, options, &recipe.quantize)),
        },
        history: trained.history,
    };
    model.check()?;
    Ok(model)
}

/// What the compiler makes of an encoder.
pub struct Built {
    /// Lookup tables, estimated.
    pub lut: u64,
    /// Full adders.
    pub adder_bits: u64,
    /// Flip-flops.
    pub register_bits: u64,
    /// From input to output.
    pub latency: Cycles,
}

/// What the compiler makes of an encoder as a recipe asks for it, with more or less search for adders to share.
pub fn built(encoder: &IntegerNetwork, recipe: &Recipe, effort: hw::Effort) -> Result<Built> {
    let hardware = &recipe.hardware;
    let target = hardware.target;
    let multipliers = multipliers(hardware.max_dsp, hardware.reuse())?;
    let options =
        CompileOptions { clock_mhz: Some(hardware.clock_mhz), target, effort, multipliers, ..Default::default() };
    Ok(match hw::compile_reuse(encoder, &options, hardware.reuse())? {
        Compiled::Pipelined(graph) => Built {
            lut: graph.lut_estimate(target),
            adder_bits: graph.adder_bits(),
            register_bits: graph.register_bits(),
            latency: graph.latency,
        },
        Compiled::Folded(folded) => {
            let cost = folded.cost(target);
            let (lut, adder_bits, register_bits) = (cost.lut, cost.adder_bits, cost.register_bits);
            Built { lut, adder_bits, register_bits, latency: folded.latency }
        }
        Compiled::Streamed(streamed) => {
            let cost = streamed.cost(target);
            Built {
                lut: cost.sum(|l| l.lut),
                adder_bits: cost.sum(|l| l.adder_bits),
                register_bits: cost.sum(|l| l.register_bits),
                latency: streamed.latency,
            }
        }
    })
}

/// The same by the quickest search, as training asks for it.
fn hardware_of(encoder: &IntegerNetwork, recipe: &Recipe) -> Result<training::Hardware> {
    let built = built(encoder, recipe, hw::Effort::Fast)?;
    Ok(training::Hardware { lut: built.lut as f64, latency_ns: built.latency.ns(recipe.hardware.clock_mhz) })
}

/// What the training of widths came to, beside its budget.
fn say_widths(encoder: &Network, plan: &QuantPlan, recipe: &Recipe) -> Result<()> {
    let encoder = quantize::apply(encoder, plan)?;
    let weights: Vec<i64> = encoder.layers.iter().flat_map(|l| l.weights.iter().flatten().copied()).collect();
    let latents: u32 = plan.layers.last().map_or(0, |l| l.output.values().iter().map(|f| f.width).sum());
    let hardware = hardware_of(&encoder, recipe)?;
    let asked = &recipe.train.widths.budget;
    let beside = |most: Option<f64>| most.map_or(String::new(), |most| format!(" of {most}"));
    say(format_args!(
        "train: widths: {} of {} weights are not 0, {latents}{} bits of latents, about {:.0}{} LUT, {:.1}{} ns",
        weights.iter().filter(|w| **w != 0).count(),
        weights.len(),
        beside(asked.latent_bits.map(|b| b as f64)),
        hardware.lut,
        beside(asked.lut.map(|b| b as f64)),
        hardware.latency_ns,
        beside(asked.latency_ns),
    ));
    Ok(())
}

/// Weights to integers, in the formats that the model was fine-tuned for.
pub fn quantize(model: &TrainedModel) -> Result<QuantizedModel> {
    let Some(plan) = &model.plan else {
        return Err(Error::new(Code::ModelForm, format!("model `{}` has no formats", model.name))
            .hint("`sluice train` calibrates them; set `plan` in the file"));
    };
    let quantized = QuantizedModel {
        transform: Some(model.transform.clone()),
        transformer: model.transformer.clone(),
        decoder: Some(model.decoder.clone()),
        provenance: Some(model.provenance.clone()),
        ..QuantizedModel::of(&model.name, quantize::apply(&model.encoder, plan)?)
    };
    quantized.check()?;
    Ok(quantized)
}

/// Vectors that a design is verified with if nothing is said: where pixels come one by one, those of some million cycles.
pub fn default_vectors(design: &Path) -> usize {
    // A folder that cannot be read is refused later.
    let manifest = DesignManifest::load(design).ok().filter(|m| m.pixels.is_some());
    manifest.map_or(DEFAULT_VECTORS, |m| (4_000_000 / m.ii.max(1) as usize).clamp(1000, DEFAULT_VECTORS))
}

/// The reuse that `--reuse` and `--max-lut` ask for.
///
/// # Errors
/// `U001` if they contradict each other or make no sense.
pub fn reuse(text: &str, max_lut: Option<u64>) -> Result<Reuse> {
    let wrong = |what: String, hint: &str| Err(Error::new(Code::Usage, what).hint(hint));
    match (text, max_lut, text.parse()) {
        ("auto", Some(most), _) => Ok(Reuse::MaxLut(most)),
        ("auto", None, _) => wrong("`--reuse auto` has no budget".into(), "pass --max-lut"),
        (_, Some(_), _) => wrong("`--max-lut` is a budget of `--reuse auto` only".into(), "pass --reuse auto"),
        (_, None, Ok(cycles @ 1..)) => Ok(Reuse::Cycles(cycles)),
        _ => wrong(format!("a reuse of `{text}` makes no sense"), "use 1 (fully pipelined), more cycles, or auto"),
    }
}

/// The multipliers that `--max-dsp` allows a folded design.
///
/// # Errors
/// `U001` if the design is not folded.
pub fn multipliers(max_dsp: Option<u32>, reuse: Reuse) -> Result<u32> {
    match max_dsp {
        Some(_) if reuse == Reuse::Cycles(1) => {
            Err(Error::new(Code::Usage, "`--max-dsp` is a budget of folded designs only")
                .hint("pass --reuse with 2 cycles or more, or --reuse auto"))
        }
        most => Ok(most.unwrap_or(0)),
    }
}

/// A model that becomes firmware.
///
/// # Errors
/// Those of reading it; `U003` for one that cannot.
pub fn for_firmware(path: &Path) -> Result<QuantizedModel> {
    let model = QuantizedModel::load(path)?;
    model.firmware().map_err(|e| e.note("model", path.display().to_string()))?;
    Ok(model)
}

/// The model to emit: the one named, or for a link that sends data as they are one that gives its inputs.
///
/// # Errors
/// `U001` if there are both, or neither.
pub fn kernel(model: Option<&Path>, link: Option<&Link>) -> Result<QuantizedModel> {
    match (model, link.and_then(|link| link.samples.as_ref().map(|samples| (link, samples)))) {
        (Some(path), None) => for_firmware(path),
        (None, Some((link, samples))) => {
            let formats: Vec<_> = link.numbers.iter().map(|n| n.format).collect();
            QuantizedModel::pass_through(&samples.name, &formats)
        }
        (Some(_), Some(_)) => {
            Err(Error::new(Code::Usage, "the link sends data as they are, without a model").hint("leave the model out"))
        }
        (None, None) => Err(Error::new(Code::Usage, "the link sends what a model gives").hint("name the model")),
    }
}

/// Lowers, proves, schedules or folds, and prints a model's encoder; writes the design folder.
pub fn emit(
    model: &QuantizedModel,
    interface: Interface,
    options: &CompileOptions,
    reuse: Reuse,
    link: Option<(Link, CoreOptions)>,
    folder: &Path,
) -> Result<DesignManifest> {
    // Inside a core that sends frames there is a kernel.
    let interface = if link.is_some() { Interface::Kernel } else { interface };
    let wait = Progress::spinner("emit", "adder graph, proof, Verilog");
    let (mut design, mut lines) = match hw::compile_reuse(&model.encoder, options, reuse)? {
        Compiled::Pipelined(graph) => {
            let lines: Vec<String> = hw::layer_costs(&graph, options.target).iter().map(ToString::to_string).collect();
            (verilog::emit(model, &graph, interface, options)?, lines)
        }
        Compiled::Folded(folded) => {
            let mut lines: Vec<String> = folded.stages.iter().map(ToString::to_string).collect();
            let (cost, target) = (folded.cost(options.target), options.target.name());
            if cost.multipliers > 0 {
                lines.push(format!("about {} LUT on {target}, {} multipliers", cost.lut, cost.multipliers));
            } else {
                let (lut, pipelined) = (cost.lut, folded.graph.lut_estimate(options.target));
                lines.push(format!("about {lut} LUT on {target}, fully pipelined {pipelined}"));
                if lut >= pipelined {
                    lines.push(format!("a reuse of {} saves no lookup tables: use more, or 1", folded.reuse));
                }
                if options.multipliers > 0 {
                    lines.push(
                        "no layer has multipliers: digits take fewer lookup tables, or there are too few".to_owned(),
                    );
                }
            }
            (verilog::emit_folded(model, &folded, interface, options)?, lines)
        }
        Compiled::Streamed(streamed) => {
            let cost = streamed.cost(options.target);
            let mut lines: Vec<String> = cost.layers.iter().map(ToString::to_string).collect();
            lines.push(format!("{} bits of memories, {} multipliers", cost.memory_bits, cost.multipliers));
            (verilog::emit_streamed(model, &streamed, interface, options)?, lines)
        }
    };
    if let Some((link, options)) = &link {
        design = verilog::with_link(design, link, options)?;
        lines.extend(design.manifest.link.iter().map(|core| {
            let frames = match link.fixed_bits {
                Some(bits) => format!("a frame of {bits} bits an event"),
                None => format!("frames of {} events over {} bits", link.frame_events, core.output_bits),
            };
            format!("{}: {frames}, {} words of {} bits in memory", core.top, core.words, core.word_bits)
        }));
    }
    let inputs = simulation::stimuli(&model.encoder.formats_of(INPUT), package::MOST_VECTORS, 1);
    let vectors = Vectors { outputs: Engine::new(&model.encoder)?.infer_batch(&inputs), inputs };
    let link = link.as_ref().map(|(link, _)| link);
    design.files.extend(package::files(&design.manifest, link, &vectors)?);
    design.write(folder)?;
    drop(wait);
    say(format_args!("emit: {} -> {}", describe_design(&design.manifest), folder.display()));
    lines.iter().for_each(|line| say(format_args!("  {line}")));
    Ok(design.manifest)
}

/// Every schedule worth having of a model's encoder: table on stdout, `pareto.json` and `pareto.svg` in the folder.
pub fn pareto(model: &QuantizedModel, options: &CompileOptions, folder: &Path) -> Result<Vec<hw::SchedulePoint>> {
    let wait = Progress::spinner("emit", "schedules");
    let points = hw::pareto(&model.encoder, options)?;
    let figure = plot::svg_file(&plot::pareto(&model.name, &points));
    write_whole(&folder.join("pareto.svg"), figure.as_bytes())?;
    write_json(&folder.join("pareto.json"), &points)?;
    drop(wait);
    say(format_args!("emit: {} schedules of `{}` -> {}", points.len(), model.name, folder.display()));
    Ok(points)
}

/// The table of [`pareto`].
pub fn describe_points(points: &[hw::SchedulePoint]) -> String {
    let mut text = format!(
        "{:>5} {:>10} {:>8} {:>8} {:>11} {:>14}\n",
        "ranks", "clock MHz", "LUT est", "FF", "latency ns", "(LUT+FF) x ns"
    );
    for p in points {
        let best = if p.best { "  least" } else { "" };
        text += &format!(
            "{:>5} {:>10.1} {:>8} {:>8} {:>11.2} {:>14.0}{best}\n",
            // Rounded down: asked for again, it gives these ranks.
            p.ranks,
            (p.clock_mhz * 10.0).floor() / 10.0,
            p.lut,
            p.ff,
            p.latency_ns,
            p.cost
        );
    }
    text + "Clocks by the delay model, not placed.\n"
}

/// The text of a model's graph after each pass, or after the one asked for.
pub fn graphs(model: &QuantizedModel, clock_mhz: f64, after: Option<&str>) -> Result<Vec<(&'static str, String)>> {
    let options = CompileOptions { clock_mhz: Some(clock_mhz), ..Default::default() };
    let mut graphs = Vec::new();
    let mut names = Vec::new();
    hw::compile_watched(&model.encoder, &options, |step, graph| {
        names.push(step);
        if after.is_none_or(|wanted| wanted == step) {
            graphs.push((step, graph.to_string()));
        }
    })?;
    match after {
        Some(wanted) if graphs.is_empty() => Err(Error::new(Code::Usage, format!("there is no pass `{wanted}`"))
            .hint(format!("one of {}", names.join(", ")))),
        _ => Ok(graphs),
    }
}

/// One line on a design.
pub fn describe_design(m: &DesignManifest) -> String {
    let clock = m.path_ns.map_or(String::new(), |ns| format!(", {:.0} MHz by the delay model", (1e3 / ns).floor()));
    format!(
        "{}: latency {}, II {}{clock}, {} adders, {} adder bits, {} register bits",
        m.top, m.latency_cycles, m.ii, m.adders, m.adder_bits, m.register_bits
    )
}

/// Where built simulators are kept: they are remade when lost. Not in the shared temporary folder, since they are loaded
/// and run.
pub fn cache_folder() -> PathBuf {
    let folder = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    folder("SLUICE_CACHE")
        .or_else(|| folder("XDG_CACHE_HOME").map(|c| c.join("sluice")))
        .or_else(|| folder("HOME").map(|h| h.join(".cache/sluice")))
        .unwrap_or_else(|| std::env::temp_dir().join("sluice-cache"))
}

/// Rows of the data that `sluice run` sends through a design, beside the made vectors.
const RECORDED: usize = 10_000;

/// All rows of a data file, as the encoder of a design sees them.
pub fn rows(design: &Path, path: PathBuf, selection: &Selection) -> Result<RecordedRows> {
    let manifest = DesignManifest::load(design)?;
    let model = QuantizedModel::load(&design.join(&manifest.model))?;
    let link = manifest.link.map(|core| Link::load(&design.join(&core.link))).transpose()?;
    let data = data::open(&path, selection)?;
    let data = data.read(0..data.rows())?;
    match link.and_then(|link| link.samples) {
        Some(samples) => Ok(RecordedRows { path, ..sent_rows(&samples, &data)? }),
        None => Ok(RecordedRows { path, inputs: words(&model, &data)?, record: None }),
    }
}

/// Rows of data that are sent as they are.
pub fn sent_rows(samples: &Samples, data: &Dataset) -> Result<RecordedRows> {
    let inputs = samples::events(samples, data)?;
    Ok(RecordedRows { path: PathBuf::from(&data.source.name), inputs, record: samples.record })
}

/// Rows of data as the encoder sees them.
pub fn words(model: &QuantizedModel, dataset: &Dataset) -> Result<Array2<i64>> {
    let Some(transform) = &model.transform else {
        return Err(Error::new(Code::ModelMismatch, "an encoder without a transform cannot read data"));
    };
    let rows = data::model_rows(dataset, transform)?;
    let features = backend::features(transform, &rows);
    Ok(quantize::input_words(&model.encoder, &crate::model::transformer::inputs(model.transformer.as_ref(), &features)))
}

/// Writes the first rows of the data, as the encoder sees them, with the reference's outputs.
pub fn record(model: &QuantizedModel, dataset: &Dataset, path: &Path) -> Result<()> {
    let inputs = words(model, &dataset.slice(0..dataset.rows.min(RECORDED)))?;
    let outputs = Engine::new(&model.encoder)?.infer_batch(&inputs);
    Vectors { inputs, outputs }.save(path)
}

/// Runs a design in Verilator (and a part in Icarus) against the reference.
pub fn verify(folder: &Path, options: DesignOptions) -> Result<VerifyReport> {
    let stall = options.stall_percent;
    if stall > 95 {
        return Err(Error::new(Code::Usage, format!("a stall of {stall} % leaves no time to send")).hint("use 0 to 95"));
    }
    let _wait = Progress::spinner("verify", "Verilator compiles and runs");
    simulation::verify_design(folder, &DesignOptions { cache: Some(cache_folder()), ..options })
}

/// Proves a design folder and writes the certificate, or proves a certificate again.
pub fn prove(
    design: Option<PathBuf>,
    out: Option<PathBuf>,
    check: Option<PathBuf>,
    seconds: u64,
) -> Result<proof::Certificate> {
    let _wait = Progress::spinner("prove", "adder graph, requantizers, Verilog");
    if let Some(path) = check {
        let folder = design.unwrap_or_else(|| path.parent().unwrap_or(Path::new("")).to_owned());
        return proof::check(&path, &folder);
    }
    let folder = design.unwrap_or_default();
    let certificate = proof::prove(&folder, Duration::from_secs(seconds))?;
    write_json(&out.unwrap_or_else(|| folder.join("proof.json")), &certificate)?;
    Ok(certificate)
}

/// The targets, each once, and seeds 1 to `seeds`.
///
/// # Errors
/// `U001` for more than 100 seeds.
pub fn synth_options(targets: &[SynthTarget], seeds: u32, route_seconds: u64) -> Result<SynthOptions> {
    if seeds > 100 {
        return Err(
            Error::new(Code::Usage, format!("{seeds} seeds of place and route are too many")).hint("use 0 to 100")
        );
    }
    let mut once: Vec<SynthTarget> = Vec::new();
    for target in targets {
        if !once.contains(target) {
            once.push(*target);
        }
    }
    let route_limit = Duration::from_secs(route_seconds);
    Ok(SynthOptions { targets: once, seeds: (1..=seeds).collect(), route_limit })
}

/// Cell counts for each target; place and route for ECP5. Of a design with a link that is the whole core, unless only the
/// kernel in it is asked for.
pub fn synth(folder: &Path, options: &SynthOptions, kernel: bool) -> Result<Vec<SynthReport>> {
    let manifest = DesignManifest::load(folder)?;
    let framed = Dut::framed(folder, &manifest, None).filter(|_| !kernel);
    // What is estimated is the kernel alone.
    let is_kernel = framed.is_none();
    let dut = framed.unwrap_or_else(|| Dut::emitted(folder, &manifest, None));
    let progress = Progress::new("synth", synth::steps(options), "steps");
    let mut reports = synth::synthesize(&dut, options, &|message| progress.step(message))?;
    reports.iter_mut().filter(|_| is_kernel).for_each(|r| r.expected(&manifest));
    Ok(reports)
}

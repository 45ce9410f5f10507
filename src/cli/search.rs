//! `sluice search`: trains what a recipe lists and keeps what nothing else beats.
//!
//! A trial is the recipe with other sizes and prices. Each is written when it is done, so that a search which was cut off goes
//! on where it was, and one with more trials asks for the new ones only.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use ndarray::Array2;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::backend::Neural;
use super::compare;
use super::progress::{Progress, say};
use super::rival;
use super::stages;
use crate::codec::NeuralBackend;
use crate::data::{self, Column, Dataset, SplitRows};
use crate::error::{Code, Error, Result};
use crate::model::QuantizedModel;
use crate::model::file::{read_json, write_json, write_whole};
use crate::recipe::{Recipe, SearchSection, checksum_of};
use crate::report::plot;
use crate::{evaluate, hw};

/// One network, and what it came to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Trial {
    /// SHA-256 of data and recipe, hexadecimal.
    pub key: String,
    /// Sizes of the hidden layers.
    pub hidden: Vec<usize>,
    /// Numbers sent.
    pub latent: usize,
    /// What a bit of an adder cost; nothing without training of widths.
    pub adder_price: Option<f64>,
    /// What a bit of a latent cost.
    pub latent_price: Option<f64>,
    /// What a bit of information in the latents cost.
    pub rate_price: f64,
    /// Lookup tables that it was to stay within.
    pub budget: Option<u64>,
    /// RMS of the error over each column's range, root mean square of all columns, in rows that training never saw if there are any.
    pub rms_over_range: f64,
    /// Rows that were judged.
    pub rows: usize,
    /// Widths of all latents.
    pub latent_bits: u64,
    /// What an ideal code of each latent for itself would take.
    pub entropy_bits: f64,
    /// Weights that are not 0.
    pub weights: usize,
    /// By the compiler's quickest estimate; `sluice emit` finds more adders to share.
    pub lut: u64,
    /// Full adders.
    pub adder_bits: u64,
    /// Flip-flops.
    pub register_bits: u64,
    /// Cycles.
    pub latency_cycles: u32,
    /// At the recipe's clock.
    pub latency_ns: f64,
}

impl Trial {
    /// What a trial is judged by, all the less the better.
    fn merits(&self) -> [f64; 4] {
        [self.rms_over_range, self.entropy_bits, self.lut as f64, self.latency_ns]
    }

    /// Whether it is as good in all and better in one.
    fn beats(&self, other: &Trial) -> bool {
        let pairs = || self.merits().into_iter().zip(other.merits());
        pairs().all(|(a, b)| a <= b) && pairs().any(|(a, b)| a < b)
    }
}

/// What needs no training, on the same rows.
#[derive(Clone, Debug, Serialize)]
pub struct Rival {
    /// Principal components in the recipe's formats, or the bounded codec.
    pub name: String,
    /// As of a trial.
    pub rms_over_range: f64,
    /// Bits a row: of principal components by an ideal code of each latent for itself, as of a trial; of the codec all of its container.
    pub bits: f64,
}

/// A search: all trials, and which of them nothing beats.
#[derive(Clone, Debug, Serialize)]
pub struct Found {
    /// By error.
    pub trials: Vec<Trial>,
    /// Keys of the Pareto front in error, entropy of latents, lookup tables and latency.
    pub front: Vec<String>,
    /// Principal components of as many latents, and the bounded codec at errors of the front.
    pub rivals: Vec<Rival>,
}

/// Runs what is not done yet of a recipe's trials. Writes `trials/KEY.json` and `trials/KEY.quant.json` of each, `search.json` and
/// `search.svg`.
///
/// # Errors
/// `R001` for a recipe without a search, and any error of training.
pub fn search(recipe: &Recipe, folder: &Path) -> Result<Found> {
    let Some(section) = &recipe.search else {
        return Err(Error::new(Code::Recipe, "the recipe has no search")
            .hint("add a section: [search] with hidden = [[], [16]], latent = [8, 16], adder_price = [3e-5, 1e-4]"));
    };
    recipe.firmware()?;
    let all = candidates(recipe, section)?;
    let (dataset, split) = stages::load_data(recipe)?;
    let trials = folder.join("trials");
    std::fs::create_dir_all(&trials).map_err(|e| Error::io("create", &trials, &e))?;
    let judged = if split.test.is_empty() { &split.train } else { &split.test };
    let judged = stages::pick(&dataset, judged);
    let checksum = dataset.checksum();
    let bar = Mutex::new(Progress::new("search", all.len(), "trials"));
    let one = |recipe: &Recipe| -> Result<Trial> {
        let key = checksum_of(&(env!("CARGO_PKG_VERSION"), &checksum, judged.rows, meaning(recipe)));
        let path = |end: &str| trials.join(format!("{}.{end}", &key[..12]));
        let known =
            read_json::<Trial>(&path("json"), Code::Io).ok().filter(|t| t.key == key && path("quant.json").exists());
        let trial = match known {
            Some(trial) => trial,
            None => {
                let trained = path("trained.json");
                let model = stages::quantize(&stages::train_quietly(recipe, &dataset, &trained)?)?;
                let trial = judge(recipe, &judged, &model, key.clone())?;
                write_json(&path("quant.json"), &model)?;
                // Last: what has this file is done.
                write_json(&path("json"), &trial)?;
                crate::train::remove_checkpoints(&trained);
                trial
            }
        };
        bar.lock().unwrap_or_else(std::sync::PoisonError::into_inner).step(&format!("{} LUT", trial.lut));
        Ok(trial)
    };
    let named = |recipe: &Recipe| {
        let t = &recipe.train;
        one(recipe).map_err(|e| {
            e.at(format!(
                "trial with hidden {:?}, {} latents, prices {}, {} and {}",
                t.hidden, t.latent, t.widths.adder_price, t.widths.latent_price, t.rate_price
            ))
        })
    };
    let mut trials = all.par_iter().map(named).collect::<Result<Vec<Trial>>>()?;
    drop(bar);
    trials.sort_by(|a, b| a.rms_over_range.total_cmp(&b.rms_over_range).then_with(|| a.key.cmp(&b.key)));
    trials.dedup_by(|a, b| a.key == b.key);
    let front: Vec<&Trial> = trials.iter().filter(|t| !trials.iter().any(|other| other.beats(t))).collect();
    let rivals = rivals(recipe, &dataset, &split, &judged, &trials, &front)?;
    let front = front.into_iter().map(|t| t.key.clone()).collect();
    let found = Found { trials, front, rivals };
    write_json(&folder.join("search.json"), &found)?;
    let points: Vec<plot::Candidate> = (found.trials.iter())
        .map(|t| plot::Candidate {
            error: t.rms_over_range,
            lut: t.lut as f64,
            bits: t.entropy_bits,
            best: found.front.contains(&t.key),
        })
        .collect();
    let rivals: Vec<(bool, f64, f64)> =
        found.rivals.iter().map(|r| (r.name == BOUNDED, r.rms_over_range, r.bits)).collect();
    let sketch = plot::search(&recipe.name, &points, &rivals);
    write_whole(&folder.join("search.svg"), plot::svg_file(&sketch).as_bytes())?;
    say(format_args!(
        "search: {} trials, {} of them on the front -> {}",
        found.trials.len(),
        found.front.len(),
        folder.display()
    ));
    Ok(found)
}

/// What of a recipe a trial depends on.
fn meaning(recipe: &Recipe) -> impl Serialize {
    (
        (recipe.split.clone(), recipe.transform.clone(), recipe.train.clone(), recipe.quantize.clone()),
        (recipe.data.select.nan, recipe.hardware.clone()),
    )
}

/// The recipe with all that is listed, in order; so many of them at random if there are more than asked for.
fn candidates(recipe: &Recipe, section: &SearchSection) -> Result<Vec<Recipe>> {
    fn vary<T: Clone>(all: &mut Vec<Recipe>, listed: &[T], set: fn(&mut Recipe, T)) {
        if !listed.is_empty() {
            let with = |recipe: &Recipe, value: &T| {
                let mut one = recipe.clone();
                set(&mut one, value.clone());
                one
            };
            *all = all.iter().flat_map(|r| listed.iter().map(move |v| with(r, v))).collect();
        }
    }
    let prices = !(section.adder_price.is_empty() && section.latent_price.is_empty() && section.lut.is_empty());
    if prices && recipe.train.widths.epochs == 0 {
        return Err(Error::new(Code::Recipe, "`search` lists prices or budgets, and widths are not trained")
            .hint("set `train.widths.epochs`, for example to 200"));
    }
    let mut all = vec![recipe.clone()];
    vary(&mut all, &section.hidden, |r, v| r.train.hidden = v);
    vary(&mut all, &section.latent, |r, v| r.train.latent = v);
    vary(&mut all, &section.lut, |r, v| r.train.widths.budget.lut = Some(v));
    vary(&mut all, &section.adder_price, |r, v| r.train.widths.adder_price = v);
    vary(&mut all, &section.latent_price, |r, v| r.train.widths.latent_price = v);
    vary(&mut all, &section.rate_price, |r, v| r.train.rate_price = v);
    if section.trials > 0 {
        let mut rng = ChaCha8Rng::seed_from_u64(section.seed);
        while all.len() > section.trials {
            let at = (u128::from(rng.next_u64()) * all.len() as u128) >> 64;
            all.remove(at as usize);
        }
    }
    Ok(all)
}

/// The name of the codec among the rivals.
const BOUNDED: &str = "bounded codec";

/// What needs no training, on the rows that the trials were judged by.
fn rivals(
    recipe: &Recipe,
    dataset: &Dataset,
    split: &SplitRows,
    judged: &Dataset,
    trials: &[Trial],
    front: &[&Trial],
) -> Result<Vec<Rival>> {
    let mut latents: Vec<usize> = trials.iter().map(|t| t.latent).collect();
    latents.sort_unstable();
    latents.dedup();
    let mut rivals = Vec::new();
    let dataset = &data::filled(dataset, recipe.data.select.nan)?;
    let transform = data::fit_transform(dataset, &recipe.transform, &split.train)?;
    let model_rows = data::model_rows(judged, &transform)?.nrows();
    let part = of_model(dataset, transform.columns.iter().map(|c| c.name.clone()).collect());
    for latent in latents {
        let mut one = recipe.clone();
        one.train.latent = latent;
        let (_, model) = rival::quantized(&one, &transform, &part, split)?;
        let (latents, rms_over_range) = measured(&model, judged)?;
        rivals.push(Rival { name: format!("PCA, {latent} latents"), rms_over_range, bits: entropy(&latents) });
    }
    let errors: Vec<f64> = front.iter().map(|t| t.rms_over_range).filter(|e| *e > 0.0).collect();
    let ends = errors.first().zip(errors.last());
    let middle = ends.map(|(a, b)| (a * b).sqrt());
    let mut errors: Vec<f64> = ends.into_iter().flat_map(|(a, b)| [*a, *b]).chain(middle).collect();
    errors.sort_by(f64::total_cmp);
    errors.dedup();
    let part = of_model(judged, transform.columns.iter().map(|c| c.name.clone()).collect());
    for error in errors {
        let bounds: Vec<_> = part.columns.iter().map(|c| (c.name.clone(), error * 3f64.sqrt())).collect();
        let peer = compare::bounded(BOUNDED.to_owned(), &part, &bounds)?;
        let bits = 8.0 * peer.bytes as f64 / model_rows.max(1) as f64;
        rivals.push(Rival { name: peer.name, rms_over_range: peer.rms_over_range, bits });
    }
    Ok(rivals)
}

/// The columns that a model reads.
fn of_model(data: &Dataset, names: Vec<String>) -> Dataset {
    let names = data.called(names);
    let columns: Vec<Column> = data.columns.iter().filter(|c| names.contains(&c.name)).cloned().collect();
    Dataset { columns, ..data.clone() }
}

/// Latents of the rows `data`, and the error of what comes back.
fn measured(model: &QuantizedModel, data: &Dataset) -> Result<(Array2<i64>, f64)> {
    let neural = Neural::new(model.clone())?;
    let data = of_model(data, neural.columns());
    let latents = neural.encode(&neural.rows(&data)?)?;
    let back = neural.restore(&neural.decode(&latents)?, &neural.sent_columns())?;
    let back = Dataset { columns: back, ..data.clone() };
    let errors = evaluate::errors(&data, &back)?;
    Ok((latents, evaluate::overall(&errors).rms_over_range))
}

/// What a model came to on the rows `data`.
fn judge(recipe: &Recipe, data: &Dataset, model: &QuantizedModel, key: String) -> Result<Trial> {
    let (latents, rms_over_range) = measured(model, data)?;
    let formats = model.latent_formats();
    // As training sees it: what takes a minute each would make a search of a day.
    let built = stages::built(&model.encoder, recipe, hw::Effort::Fast)?;
    let trained = recipe.train.widths.epochs > 0;
    Ok(Trial {
        key,
        hidden: recipe.train.hidden.clone(),
        latent: recipe.train.latent,
        adder_price: trained.then_some(recipe.train.widths.adder_price),
        latent_price: trained.then_some(recipe.train.widths.latent_price),
        rate_price: recipe.train.rate_price,
        budget: recipe.train.widths.budget.lut,
        rms_over_range,
        rows: data.rows,
        latent_bits: formats.iter().map(|f| u64::from(f.width)).sum(),
        entropy_bits: entropy(&latents),
        weights: model.encoder.layers.iter().flat_map(|l| l.weights.iter().flatten()).filter(|w| **w != 0).count(),
        lut: built.lut,
        adder_bits: built.adder_bits,
        register_bits: built.register_bits,
        latency_cycles: built.latency.0,
        latency_ns: built.latency.ns(recipe.hardware.clock_mhz),
    })
}

/// Bits an event of an ideal code of each latent for itself.
fn entropy(latents: &Array2<i64>) -> f64 {
    let rows = latents.nrows().max(1) as f64;
    let of = |column: ndarray::ArrayView1<i64>| {
        let mut sorted = column.to_vec();
        sorted.sort_unstable();
        sorted.chunk_by(|a, b| a == b).map(|same| same.len() as f64 / rows).map(|p| -p * p.log2()).sum::<f64>()
    };
    latents.columns().into_iter().map(of).sum()
}

/// The trials as a table.
pub fn describe(found: &Found) -> String {
    let mut text = format!(
        "{:>12} {:>10} {:>7} {:>7} {:>9} {:>9} {:>9} {:>11} {:>8} {:>7} {:>7} {:>8} {:>7} {:>8}\n",
        "trial",
        "hidden",
        "latents",
        "budget",
        "adder",
        "latent",
        "rate",
        "RMS/range",
        "bits",
        "H bits",
        "LUT",
        "FF",
        "cycles",
        "ns"
    );
    let price = |p: Option<f64>| p.map_or("-".to_owned(), |p| format!("{p:.1e}"));
    for t in &found.trials {
        let hidden = if t.hidden.is_empty() { "-".to_owned() } else { format!("{:?}", t.hidden).replace(' ', "") };
        let best = if found.front.contains(&t.key) { "  front" } else { "" };
        text += &format!(
            "{:>12} {:>10} {:>7} {:>7} {:>9} {:>9} {:>9} {:>11.4e} {:>8} {:>7.1} {:>7} {:>8} {:>7} {:>8.1}{best}\n",
            &t.key[..12],
            hidden,
            t.latent,
            t.budget.map_or("-".to_owned(), |b| b.to_string()),
            price(t.adder_price),
            price(t.latent_price),
            price(Some(t.rate_price)),
            t.rms_over_range,
            t.latent_bits,
            t.entropy_bits,
            t.lut,
            t.register_bits,
            t.latency_cycles,
            t.latency_ns
        );
    }
    text += "\n";
    for r in &found.rivals {
        text += &format!("{:<20} {:.4e} RMS/range, {:.1} bits a row\n", r.name, r.rms_over_range, r.bits);
    }
    text + "\nLookup tables and latency by the compiler's quickest estimate; H: entropy of the latents, each for itself. Rivals on the same rows: principal components by\nthe same entropy, the codec with all bytes of its container.\n"
}

/// Where a search is written if nothing is said.
pub fn default_folder(recipe: &Recipe) -> PathBuf {
    PathBuf::from(format!("search_{}", recipe.name))
}

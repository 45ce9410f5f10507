//! A study with other values: every combination, run once, and the cheapest that keeps the budget.

use std::collections::{BTreeMap, HashMap};
use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::sync::Mutex;

use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::results::{Results, Times};
use super::simulate::{Samples, Setup};
use super::study::Study;
use crate::error::{Code, Error, Result};

/// Combinations at most.
const MOST: usize = 10_000;
/// Finished points, a line each.
const KEPT: &str = "sweep.jsonl";

/// Other values of a study.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sweep {
    /// By key, like `link.kind` or `stage.encoder.fifo`.
    pub values: BTreeMap<String, Vec<toml::Value>>,
    /// What makes one dearer than another; without it a slower link is cheaper, then fewer lookup tables, then fewer places.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
}

/// Of a unit of each.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Of the link.
    #[serde(default)]
    pub gbps: f64,
    /// 1000 lookup tables of designs.
    #[serde(default)]
    pub kilo_lut: f64,
    /// A place in a fifo, or a word in the memory of a core.
    #[serde(default)]
    pub place: f64,
}

/// What was found of a combination.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Point {
    /// Its values.
    pub values: BTreeMap<String, serde_json::Value>,
    /// Events a second of a channel, in MHz.
    pub rate_mhz: f64,
    /// Share of events, or triggers, that were lost or vetoed.
    pub dead: f64,
    /// Share of events that were lost.
    pub lost: f64,
    /// From arrival to the end.
    pub latency: Times,
    /// Share of events that took longer than the budget says, if it does.
    pub late: Option<f64>,
    /// Share of the link that was used.
    pub link_used: f64,
    /// Of the link.
    pub gbps: f64,
    /// Of the designs of all channels, estimated.
    pub lut: u64,
    /// In all fifos, and words in memories; in a fifo without end those that were used.
    pub places: u64,
    /// By the study's prices, if it has some.
    pub price: Option<f64>,
    /// Whether the budget is kept; `null` if there is none, or if there are too few events to know.
    pub keeps: Option<bool>,
    /// Why not.
    pub why: Vec<String>,
}

/// All combinations.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SweepResults {
    /// In the order of the values, the last key fastest.
    pub points: Vec<Point>,
    /// The cheapest configuration that keeps the budget, whatever comes: its points.
    pub cheapest: Vec<usize>,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    key: String,
    point: Point,
}

/// One combination to run.
struct Trial {
    values: BTreeMap<String, toml::Value>,
    setup: Setup,
    key: String,
}

/// Runs all combinations of a study, as many at once as there are processors.
///
/// * `said`: what the study's file says; `path`: that file
/// * `folder`: where finished points are kept, and found again
/// * `progress`: told of so many points more
///
/// # Errors
/// [`Code::Recipe`] for keys that a study does not have; those of [`Setup::new`] and [`Setup::run`].
pub fn sweep(
    said: &toml::Table,
    path: &Path,
    samples: Samples,
    folder: Option<&Path>,
    progress: impl Fn(usize) + Sync,
) -> Result<SweepResults> {
    let Some(sweep) = Study::new(said.clone(), path)?.sweep else {
        return Err(Error::new(Code::Recipe, "the study has no `sweep`").at(path.display().to_string()));
    };
    let trials = combinations(&sweep)?
        .into_iter()
        .map(|values| trial(said, path, samples, values))
        .collect::<Result<Vec<Trial>>>()?;
    let known = folder.map_or(Ok(HashMap::new()), |folder| kept(&folder.join(KEPT)))?;
    let file = folder.map(|folder| open(&folder.join(KEPT))).transpose()?.map(Mutex::new);
    let one = |trial: &Trial| -> Result<Point> {
        let point = match known.get(&trial.key) {
            Some(point) => point.clone(),
            None => {
                let point = point(trial, &trial.setup.run(|_| {})?);
                if let (Some(file), Some(folder)) = (&file, folder) {
                    keep(file, &trial.key, &point).map_err(|e| Error::io("write", &folder.join(KEPT), &e))?;
                }
                point
            }
        };
        progress(1);
        let price = sweep
            .price
            .map(|p| p.gbps * point.gbps + p.kilo_lut * point.lut as f64 / 1e3 + p.place * point.places as f64);
        Ok(Point { price, ..point })
    };
    let points = trials.par_iter().map(one).collect::<Result<Vec<Point>>>()?;
    let cheapest = cheapest(&points);
    Ok(SweepResults { points, cheapest })
}

/// What comes, and not what is built.
pub fn is_condition(key: &str) -> bool {
    ["source", "payload", "seed", "events"].contains(&key.split('.').next().unwrap_or_default())
}

/// Points of the cheapest configuration that keeps the budget under all conditions.
fn cheapest(points: &[Point]) -> Vec<usize> {
    let mut configurations: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (k, point) in points.iter().enumerate() {
        let built: BTreeMap<_, _> = point.values.iter().filter(|(key, _)| !is_condition(key)).collect();
        configurations.entry(format!("{built:?}")).or_default().push(k);
    }
    // A fifo without end has as many places as it used where it was fullest.
    let of = |all: &Vec<usize>| {
        let most = |of: fn(&Point) -> f64| all.iter().map(|k| of(&points[*k])).fold(0.0, f64::max);
        [most(|p| p.price.unwrap_or(0.0)), most(|p| p.gbps), most(|p| p.lut as f64), most(|p| p.places as f64)]
    };
    let keep = configurations.into_values().filter(|all| all.iter().all(|k| points[*k].keeps == Some(true)));
    keep.min_by(|a, b| of(a).partial_cmp(&of(b)).unwrap_or(std::cmp::Ordering::Equal)).unwrap_or_default()
}

fn combinations(sweep: &Sweep) -> Result<Vec<BTreeMap<String, toml::Value>>> {
    let n = sweep.values.values().try_fold(1usize, |n, v| n.checked_mul(v.len())).filter(|n| *n <= MOST);
    match n {
        Some(1..) => {}
        Some(_) => return Err(Error::new(Code::Recipe, "a key of `sweep.values` has no values")),
        None => return Err(Error::new(Code::Recipe, format!("`sweep.values` has more than {MOST} combinations"))),
    }
    let mut all = vec![BTreeMap::new()];
    for (key, values) in &sweep.values {
        let with = |set: &BTreeMap<String, toml::Value>| {
            let set = set.clone();
            let one = move |v: &toml::Value| {
                let mut set = set.clone();
                set.insert(key.clone(), v.clone());
                set
            };
            values.iter().map(one).collect::<Vec<_>>()
        };
        all = all.iter().flat_map(with).collect();
    }
    Ok(all)
}

fn trial(said: &toml::Table, path: &Path, samples: Samples, values: BTreeMap<String, toml::Value>) -> Result<Trial> {
    let mut table = said.clone();
    table.remove("sweep");
    for (key, value) in &values {
        set(&mut table, key, value.clone())?;
    }
    let text = toml::to_string(&table).unwrap_or_default();
    let of = || values.iter().map(|(k, v)| format!("{k} = {v}")).collect::<Vec<_>>().join(", ");
    let setup =
        Study::new(table, path).and_then(|study| Setup::new(study, samples)).map_err(|e| e.note("with", of()))?;
    let mut hash = Sha256::new();
    hash.update(env!("CARGO_PKG_VERSION"));
    hash.update(text);
    setup.fingerprint(&mut hash);
    let key = hash.finalize().iter().map(|b| format!("{b:02x}")).collect();
    Ok(Trial { values, setup, key })
}

/// Sets a key like `link.kind`, or `stage.encoder.fifo` of the stage of this name.
fn set(table: &mut toml::Table, key: &str, value: toml::Value) -> Result<()> {
    let wrong = |what: String| {
        Error::new(Code::Recipe, what).hint("keys are those of the study: `link.kind`, `stage.NAME.fifo`")
    };
    let mut parts = key.split('.').peekable();
    let mut place = table;
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            place.insert(part.to_owned(), value);
            return Ok(());
        }
        let inner = place.entry(part).or_insert_with(|| toml::Value::Table(toml::Table::new()));
        place = match inner {
            toml::Value::Table(inner) => inner,
            toml::Value::Array(all) => {
                let name = parts.next().unwrap_or_default();
                let named = |t: &&mut toml::Table| t.get("name").and_then(toml::Value::as_str) == Some(name);
                all.iter_mut()
                    .filter_map(toml::Value::as_table_mut)
                    .find(named)
                    .ok_or_else(|| wrong(format!("`sweep.values` has `{key}`: no {part} is called `{name}`")))?
            }
            _ => return Err(wrong(format!("`sweep.values` has `{key}`: `{part}` has no keys"))),
        };
    }
    Err(wrong(format!("`sweep.values` has `{key}`")))
}

fn point(trial: &Trial, r: &Results) -> Point {
    let study = &trial.setup.study;
    let fifos = r.stages.iter().filter_map(|s| s.fifo.as_ref());
    let of_fifos: u64 = fifos.map(|f| f.places.unwrap_or(f.most_events) as u64).sum();
    let words = r.memory.as_ref().map_or(0, |m| u64::from(m.words));
    let budget = &study.budget;
    let told = budget.latency_bx.is_some() || budget.loss.is_some() || budget.link.is_some();
    // Three events that may be late or lost: without any of them the share is kept at 95 %.
    let rarest = [budget.latency_bx.map(|_| budget.late), budget.loss].into_iter().flatten().fold(1.0, f64::min);
    let mut why = r.warnings.clone();
    let keeps = if !why.is_empty() {
        Some(false)
    } else if !told {
        why.push("the study has no budget".to_owned());
        None
    } else if (r.events as f64) * rarest < 3.0 {
        why.push(format!("{} events are too few for a share of {rarest:.0e}", r.events));
        None
    } else {
        Some(true)
    };
    let json = |v: &toml::Value| serde_json::to_value(v).unwrap_or_default();
    Point {
        values: trial.values.iter().map(|(k, v)| (k.clone(), json(v))).collect(),
        rate_mhz: r.rate_mhz,
        dead: r.dead,
        lost: r.lost as f64 / r.events as f64,
        latency: r.latency,
        late: r.late,
        link_used: r.link.used,
        gbps: r.link.gbps,
        lut: trial.setup.lut * study.channels as u64,
        places: (of_fifos + words) * study.channels as u64,
        price: None,
        keeps,
        why,
    }
}

fn open(path: &Path) -> Result<File> {
    OpenOptions::new().create(true).append(true).open(path).map_err(|e| Error::io("write", path, &e))
}

fn keep(file: &Mutex<File>, key: &str, point: &Point) -> std::io::Result<()> {
    let mut line = serde_json::to_string(&Kept { key: key.to_owned(), point: point.clone() })?;
    line.push('\n');
    let mut file = file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    file.write_all(line.as_bytes())
}

/// Points of an earlier sweep. A line that was cut off is one that is run again.
fn kept(path: &Path) -> Result<HashMap<String, Point>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(HashMap::new()),
        Err(e) => return Err(Error::io("read", path, &e)),
    };
    let mut all = HashMap::new();
    for line in BufReader::new(file).lines() {
        let line = line.map_err(|e| Error::io("read", path, &e))?;
        if let Ok(kept) = serde_json::from_str::<Kept>(&line) {
            all.insert(kept.key, kept.point);
        }
    }
    Ok(all)
}

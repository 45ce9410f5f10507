//! `sluice latency`: a readout chain, simulated.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::progress::{Progress, say};
use super::{link, stages};
use crate::error::{Code, Error, Result};
use crate::latency::depth::Depth;
use crate::latency::results::{Results, Times};
use crate::latency::simulate::{Sample, Setup};
use crate::latency::study::{self, Payload, Study};
use crate::latency::sweep::{Point, SweepResults, is_condition, sweep};
use crate::latency::{rtl, tables};
use crate::model::file::write_json;
use crate::report::latency as page;

/// Events of a channel at each rate of a scan.
const SCANNED: u64 = 200_000;

/// What a study came to.
#[derive(serde::Serialize)]
struct Came<'a> {
    #[serde(flatten)]
    results: &'a Results,
    #[serde(skip_serializing_if = "Option::is_none")]
    sweep: Option<&'a SweepResults>,
}

/// What is wanted beside the figures.
pub struct Options<'a> {
    /// Folder of the results.
    pub out: Option<&'a Path>,
    /// Events of a channel that the Verilog is given too.
    pub rtl: Option<u64>,
    /// Folder of figures.
    pub png: Option<&'a Path>,
}

/// Runs a study. Whether the budget is kept and the Verilog agrees.
pub fn latency(path: &Path, options: &Options, json: bool) -> Result<bool> {
    let Options { out, rtl, png } = *options;
    let said = study::read(path)?;
    let study = Study::new(said.clone(), path)?;
    for folder in [out, png].into_iter().flatten() {
        std::fs::create_dir_all(folder).map_err(|e| Error::io("create", folder, &e))?;
    }
    let known = Mutex::new(HashMap::new());
    let samples = |payload: &Payload, design: Option<&Path>| sample(&known, payload, design);
    let combinations = study.sweep.as_ref().map(|s| s.values.values().map(Vec::len).product());
    let events = study.events.saturating_mul(study.channels as u64);
    let setup = Setup::new(study, &samples).map_err(|e| e.at(path.display().to_string()))?;
    let bar = Progress::new("latency", events as usize, "events");
    let mut results = setup.run(|n| bar.add(n as usize))?;
    drop(bar);
    if let Some(events) = rtl {
        let bar = Progress::spinner("latency", "the Verilog beside the model");
        results.rtl = Some(rtl::check(&setup, events, Some(stages::cache_folder()))?);
        drop(bar);
    }
    results.scan = setup.scan(&results, SCANNED, |_| {})?;
    let found = match combinations {
        None => None,
        Some(n) => {
            let bar = Progress::new("latency", n, "combinations");
            Some(sweep(&said, path, &samples, out, |n| bar.add(n))?)
        }
    };
    if let Some(out) = out {
        write(out, &results, found.as_ref())?;
        say(format_args!("latency: {}", out.join("report.html").display()));
    }
    if let Some(png) = png {
        page::write_pngs(&results, png)?;
    }
    super::print(json, &Came { results: &results, sweep: found.as_ref() }, || describe(&results, found.as_ref()))?;
    let differs = results.rtl.as_ref().is_some_and(|r| r.difference.is_some());
    Ok(results.warnings.is_empty() && !differs)
}

/// Results as JSON, CSV and a page.
fn write(out: &Path, results: &Results, found: Option<&SweepResults>) -> Result<()> {
    write_json(&out.join("results.json"), results)?;
    if let Some(found) = found {
        write_json(&out.join("sweep.json"), found)?;
    }
    tables::write(out, results, found)?;
    page::write(out, results, found)
}

type Known = Mutex<HashMap<(PathBuf, String, Vec<Option<PathBuf>>), Arc<Sample>>>;

/// Events of a payload, read once.
fn sample(known: &Known, payload: &Payload, design: Option<&Path>) -> Result<Arc<Sample>> {
    let Payload::Sample { data, select, link, model } = payload else {
        return Err(Error::new(Code::Recipe, "the payload has no sample"));
    };
    let key = (data.clone(), format!("{select:?}"), vec![link.clone(), model.clone(), design.map(Path::to_owned)]);
    let mut known = known.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(sample) = known.get(&key) {
        return Ok(sample.clone());
    }
    let sample = Arc::new(link::sample((data, select), design, model.as_deref(), link.as_deref())?);
    known.insert(key, sample.clone());
    Ok(sample)
}

fn describe(r: &Results, found: Option<&SweepResults>) -> String {
    let mut text = format!(
        "{}: {} events in {:.4} s, {:.4} MHz{}; {} lost ({}){}\n",
        r.name,
        r.events,
        r.seconds,
        r.rate_mhz,
        if r.channels > 1 { format!(" in each of {} channels", r.channels) } else { String::new() },
        r.lost,
        tables::share(r.lost as f64 / r.events as f64),
        if r.vetoed > 0 {
            format!(", {} vetoed by the trigger's rules, dead time {:.3} %", r.vetoed, 100.0 * r.dead)
        } else {
            String::new()
        },
    );
    let _ = writeln!(
        text,
        "link: {:.2} % of {:.3} Gb/s; {:.1} bits an event, {:.1} of the link, which has {:.1}; `{}` ends at {:.4} MHz\n",
        100.0 * r.link.used,
        r.link.gbps,
        r.link.mean_bits,
        r.link.mean_link_bits,
        r.link.budget_bits,
        r.knee.stage,
        r.knee.rate_mhz
    );
    for (unit, per) in [("ns", 1.0), ("bunch crossings", r.crossing_ns)] {
        let _ = write!(text, "{unit:<26}");
        tables::SHARES.iter().for_each(|n| {
            let _ = write!(text, "{n:>11}");
        });
        text += "\n";
        for (name, times) in
            r.stages.iter().map(|s| (s.name.as_str(), &s.latency)).chain([("from end to end", &r.latency)])
        {
            row(&mut text, name, times, per);
        }
        text += "\n";
    }
    let _ = writeln!(text, "{:<26}{:>11}{:>11}{:>11}", "events in the fifo", "mean", "most", "lost");
    for s in &r.stages {
        let Some(f) = &s.fifo else { continue };
        let _ = write!(text, "{:<26}{:>11.3}{:>11}{:>11}", s.name, f.mean_events, f.most_events, f.lost);
        text += &match f.places {
            Some(places) => format!("   {places} places"),
            None => format!("   places for a loss of {}", depths(&f.depths)),
        };
        text += "\n";
    }
    if let Some(m) = &r.memory {
        let wanted = match m.depths.is_empty() {
            true => "it was full".to_owned(),
            false => format!("words, with their margin of {}, for a loss of {}", m.margin, depths(&m.depths)),
        };
        let _ = writeln!(
            text,
            "\nmemory of the core: {} words of {} bits, at most {} found; {wanted}",
            m.words, m.word_bits, m.most
        );
    }
    if let Some(rtl) = &r.rtl {
        let how = match &rtl.difference {
            None => "every event is taken and every beat leaves in the cycle of the model".to_owned(),
            Some(what) => format!("NOT THE MODEL: {what}"),
        };
        let _ = writeln!(text, "\nVerilog: {} events, {} beats, {} cycles: {how}", rtl.events, rtl.beats, rtl.cycles);
    }
    if let Some(found) = found {
        text += &combinations(found);
    }
    for w in &r.warnings {
        let _ = write!(text, "\nwarning: {w}");
    }
    text.trim_end().to_owned()
}

fn row(text: &mut String, name: &str, times: &Times, per: f64) {
    let _ = write!(text, "{name:<26}");
    for v in tables::of(times) {
        let _ = write!(text, "{:>11}", v.map_or("-".to_owned(), |v| format!("{:.1}", v / per)));
    }
    *text += "\n";
}

/// For a few losses.
fn depths(all: &[Depth]) -> String {
    let shown = all.iter().filter(|d| [1e-3, 1e-6, 1e-9].contains(&d.loss));
    let one = |d: &Depth| format!("{:.0e}: {}", d.loss, tables::places(d));
    shown.map(one).collect::<Vec<_>>().join(", ")
}

/// The cheapest that keeps the budget, and the others.
fn combinations(found: &SweepResults) -> String {
    const SHOWN: usize = 40;
    let keys: Vec<&String> = found.points.first().map_or(Vec::new(), |p| p.values.keys().collect());
    let value = |p: &Point, key: &String| p.values.get(key).map_or(String::new(), tables::plain);
    let widths: Vec<usize> = keys
        .iter()
        .map(|key| found.points.iter().map(|p| value(p, key).len()).chain([key.len()]).max().unwrap_or(0) + 2)
        .collect();
    let mut text = String::from("\n");
    for (key, width) in keys.iter().zip(&widths) {
        let _ = write!(text, "{key:<width$}");
    }
    text += "     Gb/s      LUT   places     lost     99 % ns 99.9999 % ns  link %  budget\n";
    for (k, p) in found.points.iter().enumerate().take(SHOWN) {
        for (key, width) in keys.iter().zip(&widths) {
            let _ = write!(text, "{:<width$}", value(p, key));
        }
        let ns = |v: Option<f64>| v.map_or("-".to_owned(), |v| format!("{v:.1}"));
        let (p99, p6) = (ns(p.latency.p99_ns), ns(p.latency.p99_9999_ns));
        let why = p.why.first().map_or("", String::as_str);
        let keeps = match p.keeps {
            Some(true) if found.cheapest.contains(&k) => "kept, the cheapest".to_owned(),
            Some(true) => "kept".to_owned(),
            Some(false) => format!("not kept: {why}"),
            None => format!("unknown: {why}"),
        };
        let _ = writeln!(
            text,
            "{:>9.3}{:>9}{:>9}{:>9}{p99:>12}{p6:>13}{:>8.2}  {keeps}",
            p.gbps,
            p.lut,
            p.places,
            tables::share(p.lost),
            100.0 * p.link_used
        );
    }
    if found.points.len() > SHOWN {
        let _ = writeln!(text, "and {} more: sweep.csv of --out has them all", found.points.len() - SHOWN);
    }
    match found.cheapest.first().and_then(|k| found.points.get(*k)) {
        Some(p) => {
            let built = keys.iter().filter(|key| !is_condition(key));
            let all: Vec<String> = built.map(|key| format!("{key} = {}", value(p, key))).collect();
            let _ = writeln!(text, "The cheapest that keeps the budget: {}", all.join(", "));
        }
        None => text += "None keeps the budget for certain.\n",
    }
    text
}

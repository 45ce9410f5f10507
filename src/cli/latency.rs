//! `sluice latency`: a readout chain, simulated.

use std::fmt::Write as _;
use std::path::Path;

use super::link;
use super::progress::Progress;
use crate::error::{Code, Error, Result};
use crate::latency::results::{Results, Times};
use crate::latency::simulate::{Sizes, simulate};
use crate::latency::study::{Payload, Study};
use crate::model::file::write_json;

pub fn latency(path: &Path, out: Option<&Path>, json: bool) -> Result<bool> {
    let study = Study::load(path)?;
    let stages = study.stages(path)?;
    let sizes = sizes(&study, path)?;
    let bar = Progress::new("latency", study.events as usize * study.channels, "events");
    let results = simulate(&study, &stages, &sizes, |n| bar.add(n as usize))?;
    drop(bar);
    if let Some(out) = out {
        write_json(out, &results)?;
    }
    super::print(json, &results, || describe(&results))?;
    Ok(results.warnings.is_empty())
}

/// Bits of events. Files are looked for beside the study.
fn sizes(study: &Study, path: &Path) -> Result<Sizes> {
    let beside = |file: &Path| path.parent().unwrap_or(Path::new(".")).join(file);
    match &study.payload {
        Payload::Bits { bits } => Ok(Sizes::Uniform(*bits, *bits)),
        Payload::Uniform { uniform: [low, high] } => Ok(Sizes::Uniform(*low, *high)),
        Payload::Sample { data, link, model } => {
            let sizes = link::event_bits(&beside(data), model.as_deref().map(beside).as_deref(), &beside(link))?;
            match sizes.is_empty() {
                true => {
                    Err(Error::new(Code::DataShape, "the payload's sample has no events")
                        .at(path.display().to_string()))
                }
                false => Ok(Sizes::Sample(sizes)),
            }
        }
    }
}

fn describe(r: &Results) -> String {
    let mut text = format!(
        "{}: {} events in {:.4} s, {:.3} MHz, {:.1} bits an event; {:.2} % of the link used, {} lost ({:.3e})\n\n",
        r.name,
        r.events,
        r.seconds,
        r.rate_mhz,
        r.mean_bits,
        100.0 * r.link_used,
        r.lost,
        r.lost as f64 / r.events as f64
    );
    let names = ["mean", "50 %", "95 %", "99 %", "99.9 %", "99.9999 %", "max"];
    let _ = write!(text, "{:<22}", "ns");
    names.iter().for_each(|n| {
        let _ = write!(text, "{n:>11}");
    });
    text += "\n";
    let mut row = |name: &str, t: &Times, per: f64| {
        let all =
            [Some(t.mean_ns), Some(t.p50_ns), Some(t.p95_ns), t.p99_ns, t.p99_9_ns, t.p99_9999_ns, Some(t.max_ns)];
        let _ = write!(text, "{name:<22}");
        for v in all {
            let _ = write!(text, "{:>11}", v.map_or("-".to_owned(), |v| format!("{:.1}", v / per)));
        }
        text += "\n";
    };
    for s in &r.stages {
        row(&format!("waiting for {}", s.name), &s.waiting, 1.0);
    }
    row("from end to end", &r.latency, 1.0);
    row("in crossings", &r.latency, r.crossing_ns);
    let _ = writeln!(
        text,
        "\n{:<22}{:>11}{:>11}{:>11}   places for a loss of",
        "events in the fifo", "mean", "most", "lost"
    );
    for s in &r.stages {
        let _ = write!(text, "{:<22}{:>11.3}{:>11}{:>11}", s.name, s.mean_events, s.most_events, s.lost);
        for d in s.depths.iter().filter(|d| [1e-3, 1e-6, 1e-9].contains(&d.loss)) {
            let places = d.places.map_or("-".to_owned(), |p| p.to_string());
            let interval = d
                .interval
                .filter(|_| d.extrapolated)
                .map_or(String::new(), |[a, b]| format!(" ({a} to {b}, extrapolated)"));
            let _ = write!(text, "   {:.0e}: {places}{interval}", d.loss);
        }
        text += "\n";
    }
    for w in &r.warnings {
        let _ = write!(text, "\nwarning: {w}");
    }
    text
}

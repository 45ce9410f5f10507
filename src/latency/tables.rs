//! Results as CSV.

use std::path::Path;

use super::depth::Depth;
use super::results::{Results, Times};
use super::sweep::SweepResults;
use crate::error::{Code, Error, Result};
use crate::model::file::write_whole;

/// Names of what [`Times`] has.
pub const SHARES: [&str; 7] = ["mean", "50 %", "95 %", "99 %", "99.9 %", "99.9999 %", "max"];

/// In the order of [`SHARES`].
pub fn of(t: &Times) -> [Option<f64>; 7] {
    [Some(t.mean_ns), Some(t.p50_ns), Some(t.p95_ns), t.p99_ns, t.p99_9_ns, t.p99_9999_ns, Some(t.max_ns)]
}

/// Places for a loss, in words.
pub fn places(d: &Depth) -> String {
    match (d.places, d.interval) {
        (None, _) => "unknown".to_owned(),
        (Some(p), Some([low, high])) if d.extrapolated => format!("{p} ({low} to {high}, extrapolated)"),
        (Some(p), _) if d.extrapolated => format!("{p} (extrapolated)"),
        (Some(p), _) => p.to_string(),
    }
}

/// A share of events: in percent, where it is not tiny.
pub fn share(v: f64) -> String {
    match v {
        0.0 => "0".to_owned(),
        1e-3.. => format!("{:.2} %", 100.0 * v),
        _ => format!("{v:.1e}"),
    }
}

/// A value of a sweep without quotes.
pub fn plain(v: &serde_json::Value) -> String {
    v.as_str().map_or_else(|| v.to_string(), str::to_owned)
}

/// Files of a folder: `latency.csv`, `survival.csv`, `fifos.csv`, `depths.csv`, `occupancy.csv`, `scan.csv` and `sweep.csv`, as far as there is
/// something to put in.
///
/// # Errors
/// [`Code::Io`].
pub fn write(folder: &Path, r: &Results, sweep: Option<&SweepResults>) -> Result<()> {
    let maybe = |v: Option<f64>| v.map_or(String::new(), |v| v.to_string());
    let stages = || r.stages.iter().map(|s| (s.name.as_str(), &s.latency, &s.survival));
    let all = || stages().chain([("end to end", &r.latency, &r.survival)]);
    let fifos = || r.stages.iter().filter_map(|s| s.fifo.as_ref().map(|f| (&s.name, f)));
    let head = ["stage", "mean_ns", "p50_ns", "p95_ns", "p99_ns", "p99_9_ns", "p99_9999_ns", "max_ns"];
    let rows = all().map(|(name, t, _)| [name.to_owned()].into_iter().chain(of(t).map(maybe)).collect());
    file(folder, "latency.csv", &head, rows.collect())?;
    let rows =
        all().flat_map(|(name, _, s)| s.iter().map(move |p| vec![name.to_owned(), p[0].to_string(), p[1].to_string()]));
    file(folder, "survival.csv", &["stage", "ns", "share_longer"], rows.collect())?;
    let rows = fifos().flat_map(|(name, f)| {
        f.survival.iter().enumerate().map(move |(k, s)| vec![name.clone(), k.to_string(), s.to_string()])
    });
    file(folder, "fifos.csv", &["fifo", "events", "share_of_time_or_more"], rows.collect())?;
    let memory = r.memory.iter().map(|m| ("memory", &m.depths));
    let rows = fifos().map(|(name, f)| (name.as_str(), &f.depths)).chain(memory).flat_map(|(name, depths)| {
        depths.iter().map(move |d| {
            let whole = |v: Option<u64>| v.map_or(String::new(), |v| v.to_string());
            let [low, high] = d.interval.map_or([None, None], |i| i.map(Some));
            vec![
                name.to_owned(),
                d.loss.to_string(),
                whole(d.places),
                whole(low),
                whole(high),
                d.extrapolated.to_string(),
            ]
        })
    });
    file(folder, "depths.csv", &["fifo", "loss", "places", "low", "high", "extrapolated"], rows.collect())?;
    let rows = fifos().flat_map(|(name, f)| {
        f.course
            .iter()
            .map(move |(ns, mean, most)| vec![name.clone(), ns.to_string(), mean.to_string(), most.to_string()])
    });
    file(folder, "occupancy.csv", &["fifo", "from_ns", "mean_events", "most_events"], rows.collect())?;
    let rows =
        r.scan.iter().map(|p| [p.rate_mhz, p.dead, p.mean_ns, p.p99_ns, p.link_used].map(|v| v.to_string()).to_vec());
    file(folder, "scan.csv", &["rate_mhz", "dead", "mean_ns", "p99_ns", "link_used"], rows.collect())?;
    let Some(sweep) = sweep else { return Ok(()) };
    let keys: Vec<&String> = sweep.points.first().map_or(Vec::new(), |p| p.values.keys().collect());
    let mut head: Vec<&str> = keys.iter().map(|k| k.as_str()).collect();
    head.extend([
        "rate_mhz",
        "dead",
        "lost",
        "late",
        "link_used",
        "gbps",
        "lut",
        "places",
        "price",
        "keeps_budget",
        "why",
    ]);
    head.extend(&["mean_ns", "p50_ns", "p95_ns", "p99_ns", "p99_9_ns", "p99_9999_ns", "max_ns"]);
    let rows = sweep.points.iter().map(|p| {
        let mut row: Vec<String> = keys.iter().map(|k| p.values.get(*k).map_or(String::new(), plain)).collect();
        row.extend([p.rate_mhz, p.dead, p.lost].map(|v| v.to_string()));
        row.push(maybe(p.late));
        row.extend([p.link_used, p.gbps].map(|v| v.to_string()));
        row.extend([p.lut, p.places].map(|v| v.to_string()));
        row.extend([maybe(p.price), p.keeps.map_or(String::new(), |k| k.to_string()), p.why.join("; ")]);
        row.extend(of(&p.latency).map(maybe));
        row
    });
    file(folder, "sweep.csv", &head, rows.collect())
}

fn file(folder: &Path, name: &str, head: &[&str], rows: Vec<Vec<String>>) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let path = folder.join(name);
    let wrong = |e: csv::Error| Error::new(Code::Io, format!("cannot write `{}`", path.display())).cause(e.to_string());
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(head).map_err(wrong)?;
    for row in rows {
        writer.write_record(&row).map_err(wrong)?;
    }
    let bytes = writer
        .into_inner()
        .map_err(|e| Error::new(Code::Io, format!("cannot write `{}`", path.display())).cause(e.to_string()))?;
    write_whole(&path, &bytes)
}

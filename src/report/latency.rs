//! `report.html` of a latency study.

use std::path::Path;

use super::plot::look::{short, whole};
use super::plot::{self, Sketch, escape, svg};
use super::tables::table;
use crate::error::Result;
use crate::latency::depth::Depth;
use crate::latency::results::{FifoFigures, Results, Times};
use crate::latency::sweep::SweepResults;
use crate::latency::tables::{SHARES, of, places, plain};
use crate::model::file::write_whole;

/// Writes it into a folder.
///
/// # Errors
/// `I001`.
pub fn write(folder: &Path, r: &Results, sweep: Option<&SweepResults>) -> Result<()> {
    write_whole(&folder.join("report.html"), page(r, sweep).as_bytes())
}

/// Figures with their names.
///
/// # Errors
/// `I001`.
pub fn write_pngs(r: &Results, folder: &Path) -> Result<()> {
    let figures = figures(r);
    let file = |name: &str| folder.join(format!("{}.png", name.replace(['/', ' '], "_")));
    figures.iter().try_for_each(|(name, sketch)| plot::write_png(sketch, &file(name)))?;
    let all: Vec<Sketch> = figures.into_iter().map(|(_, sketch)| sketch).collect();
    plot::write_png(&Sketch::sheet(&r.name, 2, &all), &file("overview"))
}

fn page(r: &Results, sweep: Option<&SweepResults>) -> String {
    let figures = figures(r);
    let drawn = |id: &str| -> String {
        let all = figures.iter().filter(|(name, _)| name.starts_with(id)).map(|(_, s)| svg(s));
        format!("<div class=\"figures\">{}</div>\n", all.collect::<String>())
    };
    let mut sections = vec![
        (
            "latency",
            "Latency",
            "From the event's arrival to the end, and from the entrance of each fifo until the event has left its stage. A share that fewer than ten \
             events lie beyond is not told.",
            drawn("latency") + &times(r),
        ),
        (
            "fifos",
            "Fifos",
            "How often so many events or more are in a fifo, and how many places it needs to lose a wanted share: counted as far as the events reach, \
             then continued as a straight line in the logarithm, with the interval of 95 % of parts of the run drawn with replacement.",
            drawn("fifo") + &fifos(r),
        ),
        (
            "time",
            "Over time",
            "Events in the fifos: mean and maximum of each span of time, and by the crossing of the orbit in which an event comes.",
            drawn("course"),
        ),
        (
            "rate",
            "At other rates",
            "The same chain at other rates of its source. The dashes are where its slowest part has no time left.",
            drawn("rate"),
        ),
    ];
    if let Some(sweep) = sweep {
        let text = "Every combination of the values of the study's sweep. Unknown: too few events for the share that the budget allows.";
        sections.push(("sweep", "Combinations", text, combinations(sweep)));
    }
    if let Some(rtl) = &r.rtl {
        let text = rtl
            .difference
            .clone()
            .unwrap_or("Every event is taken and every beat leaves in the cycle of the model.".to_owned());
        let rows = [("events", rtl.events), ("beats", rtl.beats), ("clock cycles", rtl.cycles)];
        let rows: Vec<Vec<String>> = rows.iter().map(|(name, n)| vec![(*name).to_owned(), whole(*n)]).collect();
        let text = escape(&text);
        sections.push((
            "rtl",
            "The Verilog beside the model",
            "",
            format!("<p>{text}</p>\n{}", table("words", &["", ""], &rows)),
        ));
    }
    let mut html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width,initial-scale=1\">\n<title>{name} · sluice latency</title>\n<style>\n{}</style>\n</head>\n\
         <body>\n<header>\n<h1>{name}</h1>\n<p>{}</p>\n<div class=\"cards\">{}</div>\n{}<nav>",
        include_str!("page.css"),
        escape(&subtitle(r)),
        cards(r),
        r.warnings.iter().map(|w| format!("<p class=\"bad\">{}</p>\n", escape(w))).collect::<String>(),
        name = escape(&r.name),
    );
    for (id, title, ..) in &sections {
        html += &format!("<a href=\"#{id}\">{title}</a>");
    }
    html += "</nav>\n</header>\n<main>\n";
    for (id, title, text, body) in &sections {
        html += &format!("<details id=\"{id}\" open><summary>{title}</summary>\n<p>{text}</p>\n{body}</details>\n");
    }
    html + &format!(
        "</main>\n<footer>sluice {}. Every number and curve of this page is in results.json and the CSV files beside it.</footer>\n</body>\n</html>\n",
        env!("CARGO_PKG_VERSION")
    )
}

fn subtitle(r: &Results) -> String {
    let channels = if r.channels == 1 { "1 channel".to_owned() } else { format!("{} channels", r.channels) };
    format!("{} events in {} s, {channels} of {} MHz", whole(r.events), short(r.seconds), short(r.rate_mhz))
}

fn cards(r: &Results) -> String {
    let card = |name: &str, class: &str, value: String, beside: String| {
        format!(
            "<div><span>{name}</span><b class=\"{class}\">{}</b><small>{}</small></div>",
            escape(&value),
            escape(&beside)
        )
    };
    let bx = |ns: f64| format!("{} BX", short(ns / r.crossing_ns));
    let mut html = card("latency, mean", "", format!("{} ns", short(r.latency.mean_ns)), bx(r.latency.mean_ns));
    let tail = [("99.9999 %", r.latency.p99_9999_ns), ("99.9 %", r.latency.p99_9_ns), ("99 %", r.latency.p99_ns)];
    if let Some((name, Some(ns))) = tail.into_iter().find(|t| t.1.is_some()) {
        html += &card(&format!("latency, {name}"), "", format!("{} ns", short(ns)), bx(ns));
    }
    let share = r.lost as f64 / r.events as f64;
    html += &card("lost", if r.lost > 0 { "bad" } else { "good" }, short(share), format!("{} events", whole(r.lost)));
    if r.vetoed > 0 {
        html += &card(
            "dead time",
            "",
            format!("{} %", short(100.0 * r.dead)),
            format!("{} triggers vetoed", whole(r.vetoed)),
        );
    }
    let bits = format!("{} bits an event of {}", short(r.link.mean_link_bits), short(r.link.budget_bits));
    html += &card("link used", "", format!("{} %", short(100.0 * r.link.used)), bits);
    html + &card("ends at", "", format!("{} MHz", short(r.knee.rate_mhz)), r.knee.stage.clone())
}

fn times(r: &Results) -> String {
    let row = |name: &str, t: &Times, per: f64| -> Vec<String> {
        let all = of(t).map(|v| v.map_or("–".to_owned(), |v| short(v / per)));
        [name.to_owned()].into_iter().chain(all).collect()
    };
    let part = |per: f64| -> Vec<Vec<String>> {
        let stages = r.stages.iter().map(|s| row(&s.name, &s.latency, per));
        stages.chain([row("from end to end", &r.latency, per)]).collect()
    };
    let head = |unit: &'static str| [unit].into_iter().chain(SHARES).collect::<Vec<_>>();
    table("", &head("ns"), &part(1.0)) + &table("", &head("bunch crossings"), &part(r.crossing_ns))
}

fn fifos(r: &Results) -> String {
    let depth = |all: &[Depth]| -> Vec<String> {
        [1e-3, 1e-6, 1e-9]
            .iter()
            .map(|loss| all.iter().find(|d| d.loss == *loss).map_or("–".to_owned(), places))
            .collect()
    };
    let row = |name: &str, f: &FifoFigures| -> Vec<String> {
        let ends = f.places.map_or("none".to_owned(), |p| p.to_string());
        let all = [name.to_owned(), short(f.mean_events), f.most_events.to_string(), whole(f.lost), ends];
        all.into_iter().chain(depth(&f.depths)).collect()
    };
    let rows: Vec<_> = r.stages.iter().filter_map(|s| s.fifo.as_ref().map(|f| row(&s.name, f))).collect();
    let head = ["events in the fifo", "mean", "most", "lost", "places", "for a loss of 10⁻³", "10⁻⁶", "10⁻⁹"];
    let mut html = table("", &head, &rows);
    if let Some(m) = &r.memory {
        let row =
            [format!("{} of {} bits", m.words, m.word_bits), m.most.to_string(), m.margin.to_string(), whole(m.lost)];
        let head =
            ["words in the memory of the core", "most found", "margin", "lost", "for a loss of 10⁻³", "10⁻⁶", "10⁻⁹"];
        html += &table("", &head, &[row.into_iter().chain(depth(&m.depths)).collect()]);
    }
    html
}

fn combinations(sweep: &SweepResults) -> String {
    let keys: Vec<&String> = sweep.points.first().map_or(Vec::new(), |p| p.values.keys().collect());
    let mut head: Vec<&str> = keys.iter().map(|k| k.as_str()).collect();
    head.extend(["Gb/s", "LUT", "places", "lost", "99 % ns", "99.9999 % ns", "link used", "budget", ""]);
    let row = |(k, p): (usize, &crate::latency::sweep::Point)| {
        let mut row: Vec<String> = keys.iter().map(|key| p.values.get(*key).map_or(String::new(), plain)).collect();
        let ns = |v: Option<f64>| v.map_or("–".to_owned(), short);
        let keeps = match p.keeps {
            Some(true) if sweep.cheapest.contains(&k) => "kept, the cheapest",
            Some(true) => "kept",
            Some(false) => "not kept",
            None => "unknown",
        };
        row.extend([
            short(p.gbps),
            whole(p.lut),
            whole(p.places),
            short(p.lost),
            ns(p.latency.p99_ns),
            ns(p.latency.p99_9999_ns),
        ]);
        row.extend([format!("{} %", short(100.0 * p.link_used)), keeps.to_owned(), p.why.join("; ")]);
        row
    };
    table("", &head, &sweep.points.iter().enumerate().map(row).collect::<Vec<_>>())
}

/// Their names begin with that of their section.
fn figures(r: &Results) -> Vec<(String, Sketch)> {
    let mut all = Vec::new();
    let several = r.stages.iter().filter(|_| r.stages.len() > 1);
    let mut curves: Vec<plot::Lines> = several.map(|s| plot::Lines::new(&s.name, &s.survival)).collect();
    curves.push(plot::Lines::new("end to end", &r.survival));
    all.push((
        "latency".to_owned(),
        plot::lines("Events that take longer", ("time", "ns"), ("share of events", ""), [false, true], &curves, None),
    ));
    let fifos = || r.stages.iter().filter_map(|s| s.fifo.as_ref().map(|f| (s.name.as_str(), f)));
    let mut depths = Vec::new();
    for (name, f) in fifos().filter(|(_, f)| f.most_events > 0) {
        let points: Vec<[f64; 2]> = f.survival.iter().enumerate().map(|(k, s)| [k as f64, *s]).collect();
        depths.push(plot::Lines::new(name, &points));
    }
    if !depths.is_empty() {
        all.push((
            "fifo".to_owned(),
            plot::lines(
                "Time with so many events or more",
                ("events in the fifo", ""),
                ("share of time", ""),
                [false, true],
                &depths,
                None,
            ),
        ));
    }
    if let Some(m) = r.memory.as_ref().filter(|m| m.most > 0) {
        let points: Vec<[f64; 2]> = m.survival.iter().enumerate().map(|(k, s)| [k as f64, *s]).collect();
        let lines = [plot::Lines::new("memory of the core", &points)];
        all.push((
            "fifo_memory".to_owned(),
            plot::lines(
                "Events that find so many words or more",
                ("words in memory", ""),
                ("share of events", ""),
                [false, true],
                &lines,
                None,
            ),
        ));
    }
    // One event that comes and goes makes no picture.
    for (name, f) in fifos().filter(|(_, f)| f.most_events > 1) {
        let end = f.course.last().map_or(0.0, |c| c.0);
        let (per, unit) = if end > 2e6 { (1e6, "ms") } else { (1e3, "µs") };
        let most: Vec<[f64; 2]> = f.course.iter().map(|c| [c.0 / per, c.2 as f64]).collect();
        let mean: Vec<[f64; 2]> = f.course.iter().map(|c| [c.0 / per, c.1]).collect();
        let lines = [plot::Lines::new("most", &most), plot::Lines::new("mean", &mean)];
        let title = format!("Events in the fifo: {name}");
        all.push((
            format!("course_{name}"),
            plot::lines(&title, ("time", unit), ("events", ""), [false, false], &lines, None),
        ));
        if !f.orbit.is_empty() {
            let most: Vec<[f64; 2]> = f.orbit.iter().map(|c| [c.0 as f64, c.2 as f64]).collect();
            let mean: Vec<[f64; 2]> = f.orbit.iter().map(|c| [c.0 as f64, c.1]).collect();
            let lines = [plot::Lines::new("most", &most).dots(), plot::Lines::new("mean", &mean).dots()];
            let title = format!("Found in the fifo, by crossing: {name}");
            all.push((
                format!("course_orbit_{name}"),
                plot::lines(&title, ("bunch crossing of the orbit", ""), ("events", ""), [false, false], &lines, None),
            ));
        }
    }
    if r.scan.len() > 1 {
        let of = |value: fn(&crate::latency::results::ScanPoint) -> f64| -> Vec<[f64; 2]> {
            r.scan.iter().map(|p| [p.rate_mhz, value(p)]).collect()
        };
        let knee = Some(r.knee.rate_mhz);
        let lines = [plot::Lines::new("99 %", &of(|p| p.p99_ns)), plot::Lines::new("mean", &of(|p| p.mean_ns))];
        all.push((
            "rate_latency".to_owned(),
            plot::lines(
                "Latency at other rates",
                ("rate of a channel", "MHz"),
                ("latency", "ns"),
                [false, true],
                &lines,
                knee,
            ),
        ));
        let lines = [
            plot::Lines::new("lost or vetoed", &of(|p| 100.0 * p.dead)),
            plot::Lines::new("link used", &of(|p| 100.0 * p.link_used)),
        ];
        all.push((
            "rate_dead".to_owned(),
            plot::lines(
                "Dead time at other rates",
                ("rate of a channel", "MHz"),
                ("share", "%"),
                [false, false],
                &lines,
                knee,
            ),
        ));
    }
    all
}

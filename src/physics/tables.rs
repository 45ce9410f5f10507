//! The figures as tables for people.

use super::fit::Peak;
use super::{Figures, ImageErrors, ImageFigures, PeakFigures, Peaks, PulseFigures, SelectionFigures, Shift, Value};

/// Rows of text under a head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// What it is of.
    pub title: String,
    /// A line below: what was left out, or why there is no fit. Empty for none.
    pub note: String,
    /// Names of the columns.
    pub head: Vec<&'static str>,
    /// Lines.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// In columns of equal width, the first to the left and the others to the right.
    pub fn text(&self) -> String {
        let widths: Vec<usize> = (0..self.head.len())
            .map(|c| {
                let cells = self.rows.iter().map(|r| r[c].chars().count());
                cells.chain([self.head[c].chars().count()]).max().unwrap_or(0)
            })
            .collect();
        let line = |cells: &mut dyn Iterator<Item = &str>| {
            let padded = cells
                .zip(&widths)
                .enumerate()
                .map(|(c, (cell, w))| if c == 0 { format!("{cell:<w$}") } else { format!("{cell:>w$}") });
            padded.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
        };
        let mut text = format!("{}\n", self.title);
        text += &line(&mut self.head.iter().copied());
        self.rows.iter().for_each(|r| text += &line(&mut r.iter().map(String::as_str)));
        if !self.note.is_empty() {
            text += &format!("{}\n", self.note);
        }
        text
    }
}

/// Five significant digits.
fn number(v: f64) -> String {
    match v.abs() {
        0.0 => "0".to_owned(),
        m if (1e-3..1e5).contains(&m) => {
            let digits = (4 - m.log10().floor() as i32).max(0) as usize;
            format!("{v:.digits$}")
        }
        _ => format!("{v:.4e}"),
    }
}

fn error(v: Value) -> String {
    if v.error > 0.0 { format!("{} ± {}", number(v.value), small(v.error)) } else { number(v.value) }
}

/// Two significant digits: an error is not known better.
fn small(v: f64) -> String {
    match v.abs() {
        0.0 => "0".to_owned(),
        m if (1e-4..1e4).contains(&m) => {
            let digits = (1 - m.log10().floor() as i32).max(0) as usize;
            format!("{v:.digits$}")
        }
        _ => format!("{v:.1e}"),
    }
}

fn row(cells: [String; 4]) -> Vec<String> {
    cells.to_vec()
}

/// Says what was counted and is not 0.
fn counted(counts: &[(u64, &str)]) -> String {
    let said: Vec<String> = counts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    said.join(", ")
}

const COMPARED: [&str; 4] = ["", "before", "after", "after / before"];

impl Figures {
    /// What a person wants to see.
    pub fn table(&self) -> Table {
        match self {
            Figures::Peak(p) => peak(p),
            Figures::Selection(s) => selection(s),
            Figures::Image(i) => image(i),
            Figures::Pulse(p) => pulse(p),
        }
    }
}

fn titled(kind: &str, name: &str, unit: &str) -> String {
    if unit.is_empty() { format!("{kind}: {name}") } else { format!("{kind}: {name} [{unit}]") }
}

fn peak(p: &PeakFigures) -> Table {
    let left_out = counted(&[(p.cut, "rows cut"), (p.not_finite, "not finite")]);
    let notes = [left_out, p.peaks.failed.as_ref().map_or(String::new(), |why| format!("no fit {why}"))];
    Table {
        title: titled("peak", &p.name, &p.unit),
        note: notes.iter().filter(|n| !n.is_empty()).cloned().collect::<Vec<_>>().join("; "),
        head: COMPARED.to_vec(),
        rows: fits(&p.peaks),
    }
}

fn fits(p: &Peaks) -> Vec<Vec<String>> {
    let show = |fit: &Option<Peak>, value: fn(&Peak) -> String| fit.as_ref().map_or_else(|| "-".to_owned(), value);
    let line = |name: &str, value: fn(&Peak) -> String, compared: String| {
        row([name.to_owned(), show(&p.before, value), show(&p.after, value), compared])
    };
    let ratio = p.fwhm_ratio.map_or_else(|| "-".to_owned(), error);
    let mean = p.mean_shift.map_or_else(|| "-".to_owned(), |s| format!("shift {}", small(s)));
    let expected = p.expected_ratio.map_or_else(|| "-".to_owned(), |r| format!("{r:.6}"));
    vec![
        line("mean", |p| error(p.mean), mean),
        line("FWHM", |p| error(p.fwhm), ratio),
        row(["FWHM, expected of the differences".into(), String::new(), String::new(), expected]),
        line("entries in the peak", |p| error(p.area), String::new()),
        line("chi2/ndf", |p| number(p.chi2_over_ndf), String::new()),
        row(["RMS difference".into(), String::new(), number(p.shift.rms), String::new()]),
    ]
}

fn selection(s: &SelectionFigures) -> Table {
    let quotient = |a: f64, b: f64| if a == 0.0 { "-".to_owned() } else { format!("{:.5}", b / a) };
    let plain = |name: &str, a: f64, b: f64| row([name.into(), number(a), number(b), quotient(a, b)]);
    let (before, after) = (s.efficiency_before, s.efficiency_after);
    let whole = |n: u64| n.to_string();
    let mut rows = vec![
        row([
            "events that pass".into(),
            whole(s.passed_before),
            whole(s.passed_after),
            quotient(s.passed_before as f64, s.passed_after as f64),
        ]),
        row([
            "events moved out".into(),
            String::new(),
            whole(s.moved_out),
            quotient(s.passed_before as f64, s.moved_out as f64),
        ]),
        row([
            "events moved in".into(),
            String::new(),
            whole(s.moved_in),
            quotient(s.passed_before as f64, s.moved_in as f64),
        ]),
        row(["efficiency".into(), error(before), error(after), quotient(before.value, after.value)]),
    ];
    if let Some(x) = &s.significance {
        rows.push(plain("efficiency, signal", x.signal_efficiency_before, x.signal_efficiency_after));
        rows.push(plain("efficiency, background", x.background_efficiency_before, x.background_efficiency_after));
        rows.push(row(["significance".into(), number(x.asimov_before), number(x.asimov_after), error(x.ratio)]));
        rows.push(plain("s / sqrt(b)", x.simple_before, x.simple_after));
        if let (Some(ratio), Some(equal)) = (x.compression_ratio, x.equal_storage) {
            let name = format!("significance at equal storage, {ratio:.3} x the events");
            rows.push(row([name, number(x.asimov_before), number(equal), quotient(x.asimov_before, equal)]));
        }
    }
    Table {
        title: format!("selection: {}", s.name),
        note: counted(&[(s.not_finite, "events are not finite")]),
        head: COMPARED.to_vec(),
        rows,
    }
}

fn image(i: &ImageFigures) -> Table {
    let line = |name: &str, bits: String, e: &ImageErrors| {
        let percent = |v: f64| format!("{:.3}", 100.0 * v);
        vec![
            name.to_owned(),
            bits,
            percent(e.energy.rms),
            percent(e.energy.bias),
            format!("{:.4}", e.x.rms),
            format!("{:.4}", e.y.rms),
            format!("{:.4}", e.width.rms),
            number(e.cell_rms),
        ]
    };
    let mut rows = vec![line("reconstructed", "-".to_owned(), &i.reconstructed)];
    rows.extend(i.baselines.iter().map(|b| {
        let over = if b.within { "" } else { " (over)" };
        line(&b.algorithm, format!("{:.1}{over}", b.bits), &b.errors)
    }));
    Table {
        title: titled("image", &i.name, &i.unit),
        note: counted(&[(i.faint, "images too faint"), (i.not_finite, "not finite")]),
        head: vec!["", "bits", "sum RMS %", "sum bias %", "x RMS", "y RMS", "width RMS", "cell RMS"],
        rows,
    }
}

fn pulse(p: &PulseFigures) -> Table {
    let shifted = |name: &str, s: &Shift| {
        let bias = Value { value: s.bias, error: s.bias_error };
        row([name.to_owned(), String::new(), format!("RMS {}", small(s.rms)), format!("mean {}", error(bias))])
    };
    let mut rows = vec![shifted("height, difference", &p.height), shifted("time, difference in samples", &p.time)];
    rows.extend(p.noise.map(|n| row(["FWHM of the noise".into(), number(n.before), number(n.after), error(n.ratio)])));
    rows.extend(p.peaks.iter().flat_map(fits));
    let why = p.peaks.as_ref().and_then(|p| p.failed.as_ref());
    let left_out = counted(&[
        (p.without, "waveforms without a pulse"),
        (p.restless, "with another pulse on the baseline"),
        (p.not_finite, "not finite"),
        (p.lost, "pulses lost"),
    ]);
    let note = format!("{} pulses of {} or more", p.used, number(p.minimum));
    let notes = [note, left_out, why.map_or(String::new(), |why| format!("no fit {why}"))];
    Table {
        title: titled("pulse", &p.name, &p.unit),
        note: notes.iter().filter(|n| !n.is_empty()).cloned().collect::<Vec<_>>().join("; "),
        head: COMPARED.to_vec(),
        rows,
    }
}

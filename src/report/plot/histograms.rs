//! Histograms: a variable before and after with the ratio below, residuals, response, latents.

use super::axis::Axis;
use super::canvas::{Anchor, Color, Point, Sketch, Words};
use super::frame::{Frame, Sample, counts};
use super::look::{INK, ORIGINAL, OURS, SOFT, TITLE, cut, short};
use crate::evaluate::{ColumnFigures, Histogram, Response};

/// A figure on its own, or one of many beside each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// 520 pixels wide.
    Full,
    /// 268 pixels wide.
    Small,
}

/// Where the parts of a figure lie: its width, left edge of the box, width of the box, top of the box.
struct Layout {
    width: f64,
    left: f64,
    inner: f64,
    top: f64,
}

impl Size {
    fn layout(self) -> Layout {
        match self {
            Size::Full => Layout { width: 520.0, left: 62.0, inner: 444.0, top: 14.0 },
            Size::Small => Layout { width: 268.0, left: 46.0, inner: 210.0, top: 26.0 },
        }
    }
}

/// Original and reconstruction in the same bins; below, their ratio with the statistical error of the bins.
pub fn distribution(c: &ColumnFigures, size: Size) -> Sketch {
    let l = size.layout();
    let (upper, lower) = if size == Size::Full { (230.0, 84.0) } else { (122.0, 46.0) };
    let mut s = Sketch::new(format!("{} before and after", c.name), l.width, l.top + upper + lower + 42.0);
    let x = || Axis::linear(c.original.low, c.original.high);
    let main = Frame {
        inside: [l.left, l.top, l.inner, upper],
        x: x().bare(),
        y: counts(&[&c.original, &c.reconstructed]).titled(if size == Size::Full { "values per bin" } else { "" }, ""),
    };
    let outline = main.steps(&c.original);
    s.area(outline.clone(), ORIGINAL.mix(0.16));
    s.line(outline, ORIGINAL, 1.3);
    let width = c.original.width();
    let radius = if size == Size::Full { 2.6 } else { 1.7 };
    for (i, n) in c.reconstructed.counts.iter().enumerate().filter(|(_, n)| **n > 0) {
        s.dot(main.at(c.original.edge(i) + width / 2.0, *n as f64), radius, OURS);
    }
    main.draw(&mut s);
    let figures = [
        c.chi2_over_ndf.map(|v| format!("χ²/ndf {}", short(v))),
        Some(format!("W₁/range {}", short(c.wasserstein_over_range))),
        Some(format!("RMS/range {}", short(c.rms_over_range))),
    ];
    let figures: Vec<String> = figures.into_iter().flatten().collect();
    if size == Size::Full {
        main.legend(&mut s, &[(Sample::Line(ORIGINAL), "original"), (Sample::Dot(OURS), "reconstructed")]);
        for (i, text) in figures.iter().enumerate() {
            s.text(Words::new(text.clone(), (l.left + 14.0, l.top + 16.0 + 16.0 * i as f64), TITLE));
        }
    } else {
        heading(&mut s, &c.name, l.left);
        // Two lines suffice for a small figure; the table has the rest.
        main.notes(&mut s, &figures[..figures.len().min(2)]);
    }
    let reach = ratio_reach(&c.original, &c.reconstructed);
    let ratio = Frame {
        inside: [l.left, l.top + upper + 6.0, l.inner, lower],
        x: x().titled(if size == Size::Full { &c.name } else { "" }, &c.unit),
        y: Axis::linear(1.0 - 1.2 * reach, 1.0 + 1.2 * reach)
            .titled(if size == Size::Full { "ratio" } else { "" }, "")
            .inner(),
    };
    ratios(&mut s, &ratio, c, radius);
    ratio.draw(&mut s);
    s
}

/// A half-height that shows nine in ten of the well-filled bins.
fn ratio_reach(original: &Histogram, reconstructed: &Histogram) -> f64 {
    let filled = original.counts.iter().zip(&reconstructed.counts).filter(|(a, _)| **a >= 25);
    let mut off: Vec<f64> = filled.map(|(a, b)| (*b as f64 / *a as f64 - 1.0).abs()).collect();
    off.sort_by(f64::total_cmp);
    let most = off.get((off.len() * 9 / 10).min(off.len().saturating_sub(1))).copied().unwrap_or(0.5);
    [0.02, 0.05, 0.1, 0.2, 0.5].into_iter().find(|r| most <= *r * 1.1).unwrap_or(1.0)
}

fn ratios(s: &mut Sketch, frame: &Frame, c: &ColumnFigures, radius: f64) {
    let h = &c.original;
    for (i, (a, b)) in h.counts.iter().zip(&c.reconstructed.counts).enumerate().filter(|(_, (a, _))| **a > 0) {
        let (a, b) = (*a as f64, *b as f64);
        let (from, to) = (frame.px(h.edge(i)), frame.px(h.edge(i + 1)));
        // The statistical error of the original bin.
        let (top, bottom) = (frame.py(1.0 + a.sqrt() / a), frame.py(1.0 - a.sqrt() / a));
        s.cell([from, top, to - from, (bottom - top).max(0.5)], INK.mix(0.13));
        let (x, r) = ((from + to) / 2.0, b / a);
        if r > frame.y.high() || r < frame.y.low() {
            arrow(s, (x, frame.py(r)), r > 1.0, radius);
        }
    }
    s.line(vec![frame.at(h.low, 1.0), frame.at(h.high, 1.0)], SOFT, 0.8);
    for (i, (a, b)) in h.counts.iter().zip(&c.reconstructed.counts).enumerate().filter(|(_, (a, _))| **a > 0) {
        let r = *b as f64 / *a as f64;
        if (frame.y.low()..=frame.y.high()).contains(&r) {
            s.dot(frame.at(h.edge(i) + h.width() / 2.0, r), radius, OURS);
        }
    }
}

/// A small triangle: the point lies beyond the edge.
fn arrow(s: &mut Sketch, (x, y): Point, up: bool, r: f64) {
    let d = if up { 1.0 } else { -1.0 };
    s.area(
        vec![(x, y + d * 1.0), (x - r * 1.3, y + d * (1.0 + r * 2.4)), (x + r * 1.3, y + d * (1.0 + r * 2.4))],
        OURS,
    );
}

fn heading(s: &mut Sketch, text: &str, left: f64) {
    s.text(Words::new(cut(text, 34), (left, 13.0), TITLE).bold());
}

/// What is written on a plain histogram, and whether its tails are of interest.
struct Says<'a> {
    title: String,
    name: &'a str,
    notes: Vec<String>,
    tails: bool,
}

fn plain(text: Says, h: &Histogram, x: Axis, color: Color, size: Size) -> Sketch {
    let l = size.layout();
    let height = if size == Size::Full { 280.0 } else { 112.0 };
    let mut s = Sketch::new(text.title, l.width, l.top + height + 36.0);
    let y = if text.tails { counts(&[h]) } else { Axis::linear(0.0, most(h) * 1.4) };
    let y = y.titled(if size == Size::Full { "values per bin" } else { "" }, "");
    let frame = Frame { inside: [l.left, l.top, l.inner, height], x, y };
    let outline = frame.steps(h);
    s.area(outline.clone(), color.mix(0.18));
    s.line(outline, color, 1.3);
    frame.draw(&mut s);
    if size == Size::Full {
        for (i, note) in text.notes.iter().enumerate() {
            let at = (l.left + l.inner - 14.0, l.top + 18.0 + 16.0 * i as f64);
            s.text(Words::new(note.clone(), at, TITLE).anchor(Anchor::End));
        }
    } else {
        heading(&mut s, text.name, l.left);
        frame.notes(&mut s, &text.notes[..text.notes.len().min(2)]);
    }
    s
}

fn most(h: &Histogram) -> f64 {
    h.counts.iter().copied().max().unwrap_or(1).max(1) as f64
}

/// Reconstructed minus original.
pub fn residual(c: &ColumnFigures, size: Size) -> Sketch {
    let h = &c.residual;
    let along = if size == Size::Full { format!("{}, reconstructed − original", c.name) } else { String::new() };
    let x = Axis::linear(h.low, h.high).titled(&along, &c.unit);
    let notes = vec![format!("RMS {}", short(c.rms)), format!("mean {}", short(c.bias))];
    plain(Says { title: format!("Residual of {}", c.name), name: &c.name, notes, tails: true }, h, x, OURS, size)
}

/// Reconstructed over original.
pub fn response(c: &ColumnFigures, r: &Response, size: Size) -> Sketch {
    let h = &r.histogram;
    let along = if size == Size::Full { format!("{}, reconstructed / original", c.name) } else { String::new() };
    let x = Axis::linear(h.low, h.high).titled(&along, "");
    let notes = vec![format!("mean {}", short(r.mean)), format!("RMS {}", short(r.std))];
    plain(Says { title: format!("Response of {}", c.name), name: &c.name, notes, tails: true }, h, x, ORIGINAL, size)
}

/// Values of one latent.
pub fn latent(l: &super::super::Latent, size: Size) -> Sketch {
    let name = format!("latent {}", l.index);
    let x = Axis::linear(l.histogram.low, l.histogram.high).titled(if size == Size::Full { &name } else { "" }, "");
    let notes = vec![format!("{:.2} bit in {}", l.entropy_bits, l.format)];
    plain(Says { title: format!("Values of {name}"), name: &name, notes, tails: false }, &l.histogram, x, SOFT, size)
}

//! One value a line: errors of the columns, sizes of the codecs, what quantization costs.

use super::axis::Axis;
use super::canvas::{Anchor, Color, Sketch, Words};
use super::frame::Frame;
use super::look::{INK, LABEL, LINEAR, OTHER, OURS, TITLE, cut, short};
use crate::evaluate::ColumnFigures;
use crate::reference::QuantReport;

const LINE: f64 = 17.0;
/// Letters of a name.
const LONGEST: usize = 34;

/// Room left of the box for the longest name.
fn margin<'a>(names: impl Iterator<Item = &'a str>) -> f64 {
    names.map(|n| n.chars().count().min(LONGEST)).max().unwrap_or(0) as f64 * 5.9 + 14.0
}

fn name(s: &mut Sketch, text: &str, left: f64, y: f64) {
    s.text(Words::new(cut(text, LONGEST), (left - 6.0, y), LABEL).anchor(Anchor::End));
}

/// RMS over range of every column, ours and that of the linear rival with as many latents.
pub fn column_errors(columns: &[ColumnFigures], linear: &[f64]) -> Sketch {
    let left = margin(columns.iter().map(|c| c.name.as_str()));
    let inner = 520.0_f64.min(720.0 - left);
    let height = LINE * columns.len() as f64 + 8.0;
    let mut s = Sketch::new("RMS error over range, column by column", left + inner + 20.0, height + 76.0);
    let values = || columns.iter().map(|c| c.rms_over_range).chain(linear.iter().copied()).filter(|v| *v > 0.0);
    let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(0.0, f64::max));
    let frame = Frame {
        inside: [left, 32.0, inner, height],
        x: Axis::log(low / 1.5, high * 1.5).titled("RMS error / range", ""),
        y: Axis::linear(0.0, 1.0).bare(),
    };
    let end = left + inner;
    for (i, c) in columns.iter().enumerate() {
        let y = 32.0 + 4.0 + LINE * (i as f64 + 0.5);
        name(&mut s, &c.name, left, y);
        s.line(vec![(left, y), (end, y)], INK.mix(0.09), 0.8);
        if let Some(v) = linear.get(i) {
            let (a, b) = (frame.px(*v), frame.px(c.rms_over_range));
            s.line(vec![(a, y), (b, y)], INK.mix(0.3), 1.2);
            mark(&mut s, &frame, *v, y, LINEAR);
        }
        mark(&mut s, &frame, c.rms_over_range, y, OURS);
    }
    box_of(&mut s, &frame);
    let mut x = left;
    let both = [(OURS, "sluice, fixed point"), (LINEAR, "PCA, float, as many latents")];
    for (color, text) in both.into_iter().take(if linear.is_empty() { 1 } else { 2 }) {
        s.dot((x + 5.0, 14.0), 4.0, color);
        s.text(Words::new(text, (x + 15.0, 14.0), TITLE));
        x += 36.0 + Words::new(text, (0.0, 0.0), TITLE).width();
    }
    s
}

/// A point; a triangle at the left edge for an error of 0, which a logarithmic axis does not have.
fn mark(s: &mut Sketch, frame: &Frame, v: f64, y: f64, color: Color) {
    if v > 0.0 {
        return s.dot((frame.px(v), y), 4.0, color);
    }
    let left = frame.inside[0];
    s.area(vec![(left + 1.0, y), (left + 9.0, y - 4.5), (left + 9.0, y + 4.5)], color);
}

/// The frame of lines that each stand for something: ticks on the horizontal axis only.
fn box_of(s: &mut Sketch, frame: &Frame) {
    let width = frame.inside[2];
    let mut all = Sketch::default();
    frame.draw(&mut all);
    // Ticks between named lines would mean nothing: they are the short horizontal strokes at the two sides.
    let side = |p: &[super::canvas::Point]| {
        p.len() == 2 && (p[0].1 - p[1].1).abs() < 1e-9 && (p[0].0 - p[1].0).abs() < width / 2.0
    };
    all.shapes.retain(|shape| !matches!(shape, super::canvas::Shape::Line { points, .. } if side(points)));
    s.place(&all, (0.0, 0.0));
}

/// Compression ratios: `(name, ratio, colour)`, best first.
pub fn sizes(bars: &[(String, f64, Kind)]) -> Sketch {
    let left = margin(bars.iter().map(|b| b.0.as_str()));
    let inner = 720.0 - left - 20.0;
    let height = 22.0 * bars.len() as f64 + 8.0;
    let mut s = Sketch::new("Compression ratio, all bits counted", left + inner + 20.0, height + 76.0);
    let most = bars.iter().map(|b| b.1).fold(1.0, f64::max);
    let frame = Frame {
        inside: [left, 32.0, inner, height],
        x: Axis::linear(0.0, most * 1.14).titled("compression ratio", ""),
        y: Axis::linear(0.0, 1.0).bare(),
    };
    for (i, (text, ratio, kind)) in bars.iter().enumerate() {
        let y = 36.0 + 22.0 * (i as f64 + 0.5);
        name(&mut s, text, left, y);
        let x = frame.px(*ratio);
        s.cell([left, y - 7.5, x - left, 15.0], kind.color());
        s.text(Words::new(format!("{ratio:.2}"), (x + 6.0, y), LABEL));
    }
    let one = frame.px(1.0);
    s.dashes(vec![(one, 32.0), (one, 32.0 + height)], INK.mix(0.6), 0.9);
    box_of(&mut s, &frame);
    let mut x = left;
    for kind in [Kind::Ours, Kind::Lossy, Kind::Lossless] {
        if bars.iter().any(|b| b.2 == kind) {
            s.cell([x, 8.0, 12.0, 12.0], kind.color());
            s.text(Words::new(kind.says(), (x + 18.0, 14.0), TITLE));
            x += 36.0 + Words::new(kind.says(), (0.0, 0.0), TITLE).width();
        }
    }
    s
}

/// What kind of codec a bar stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The network of this run.
    Ours,
    /// Another codec that loses something.
    Lossy,
    /// Every bit comes back.
    Lossless,
}

impl Kind {
    fn color(self) -> Color {
        match self {
            Kind::Ours => OURS,
            Kind::Lossy => LINEAR,
            Kind::Lossless => OTHER,
        }
    }

    fn says(self) -> &'static str {
        match self {
            Kind::Ours => "this run (lossy)",
            Kind::Lossy => "lossy rival",
            Kind::Lossless => "lossless",
        }
    }
}

/// Signal over quantization error of every tensor of the encoder.
pub fn quantization(q: &QuantReport) -> Sketch {
    let shown: Vec<(&str, f64)> = q.layers.iter().filter_map(|l| l.sqnr_db.map(|v| (l.name.as_str(), v))).collect();
    let left = margin(shown.iter().map(|l| l.0)).max(60.0);
    let height = 22.0 * shown.len() as f64 + 8.0;
    let inner = 520.0 - left - 14.0;
    let mut s = Sketch::new("Signal over quantization error, tensor by tensor", 520.0, height + 54.0);
    let most = shown.iter().map(|l| l.1).fold(10.0, f64::max);
    let frame = Frame {
        inside: [left, 10.0, inner, height],
        x: Axis::linear(0.0, most * 1.16).titled("signal / quantization error", "dB"),
        y: Axis::linear(0.0, 1.0).bare(),
    };
    for (i, (layer, db)) in shown.iter().enumerate() {
        let y = 14.0 + 22.0 * (i as f64 + 0.5);
        name(&mut s, if *layer == "x" { "input" } else { layer }, left, y);
        s.cell([left, y - 7.5, frame.px(*db) - left, 15.0], OURS);
        s.text(Words::new(format!("{} dB", short(*db)), (frame.px(*db) + 6.0, y), LABEL));
    }
    box_of(&mut s, &frame);
    s
}

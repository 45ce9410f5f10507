//! The box of a plot: ticks inside on all four sides, titles at the ends of the axes, as in the field's papers.

use super::axis::Axis;
use super::canvas::{Anchor, Color, Point, Sketch, Words};
use super::look::{INK, LABEL, TITLE};
use crate::evaluate::Histogram;

/// A box with its axes.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// Left, top, width and height.
    pub inside: [f64; 4],
    /// From left to right.
    pub x: Axis,
    /// From bottom to top.
    pub y: Axis,
}

impl Frame {
    /// The place of `x`, cut to the box.
    pub fn px(&self, x: f64) -> f64 {
        self.inside[0] + self.x.at(x) * self.inside[2]
    }

    /// The place of `y`, cut to the box.
    pub fn py(&self, y: f64) -> f64 {
        self.inside[1] + (1.0 - self.y.at(y)) * self.inside[3]
    }

    /// The place of a point, cut to the box.
    pub fn at(&self, x: f64, y: f64) -> Point {
        (self.px(x), self.py(y))
    }

    /// Draws box, ticks, labels and titles. Draw it after the data, so that the ticks lie on top.
    pub fn draw(&self, s: &mut Sketch) {
        let [left, top, width, height] = self.inside;
        let (right, bottom) = (left + width, top + height);
        let reach = if width < 320.0 { 5.0 } else { 7.0 };
        let mut last_end = f64::NEG_INFINITY;
        for tick in self.x.ticks((width / 62.0) as usize + 1) {
            let x = left + tick.at * width;
            let long = if tick.label.is_some() { reach } else { reach * 0.55 };
            s.line(vec![(x, bottom), (x, bottom - long)], INK, 0.8);
            s.line(vec![(x, top), (x, top + long)], INK, 0.8);
            if let Some(label) = tick.label.filter(|_| self.x.has_labels()) {
                let words = Words::new(label, (x, bottom + 10.0), LABEL).anchor(Anchor::Middle);
                // A label that would touch the one before is left out.
                if x - words.width() / 2.0 > last_end + 3.0 {
                    last_end = x + words.width() / 2.0;
                    s.text(words);
                }
            }
        }
        for tick in self.y.ticks((height / 40.0) as usize + 1) {
            let y = bottom - tick.at * height;
            let long = if tick.label.is_some() { reach } else { reach * 0.55 };
            s.line(vec![(left, y), (left + long, y)], INK, 0.8);
            s.line(vec![(right, y), (right - long, y)], INK, 0.8);
            if let Some(label) = tick.label.filter(|_| self.y.has_labels()) {
                s.text(Words::new(label, (left - 5.0, y), LABEL).anchor(Anchor::End));
            }
        }
        s.line(vec![(left, top), (right, top), (right, bottom), (left, bottom), (left, top), (right, top)], INK, 1.0);
        if self.x.has_labels() {
            s.text(Words::new(self.x.title(), (right, bottom + 26.0), TITLE).anchor(Anchor::End));
        }
        if self.y.has_labels() {
            s.text(Words::new(self.y.title(), ((left - 46.0).max(8.0), top), TITLE).anchor(Anchor::End).upright());
        }
    }

    /// Points of the outline of a histogram, from the lower left to the lower right corner.
    pub fn steps(&self, h: &Histogram) -> Vec<Point> {
        let floor = self.py(self.y.low());
        let mut points = vec![(self.px(h.edge(0)), floor)];
        for (i, n) in h.counts.iter().enumerate() {
            let y = self.py(*n as f64);
            points.push((self.px(h.edge(i)), y));
            points.push((self.px(h.edge(i + 1)), y));
        }
        points.push((self.px(h.high), floor));
        points
    }

    /// Lines of text in the upper right corner, each with a sample of what it names.
    pub fn legend(&self, s: &mut Sketch, lines: &[(Sample, &str)]) {
        let [left, _, width, _] = self.inside;
        let widest = lines.iter().map(|(_, t)| Words::new(*t, (0.0, 0.0), TITLE).width()).fold(0.0, f64::max);
        self.legend_at(s, left + width - 14.0 - widest, lines);
    }

    /// The same in the upper left corner.
    pub fn legend_left(&self, s: &mut Sketch, lines: &[(Sample, &str)]) {
        self.legend_at(s, self.inside[0] + 38.0, lines);
    }

    fn legend_at(&self, s: &mut Sketch, start: f64, lines: &[(Sample, &str)]) {
        let top = self.inside[1];
        for (i, (sample, text)) in lines.iter().enumerate() {
            let y = top + 16.0 + 16.0 * i as f64;
            match sample {
                Sample::Line(color) => s.line(vec![(start - 24.0, y), (start - 6.0, y)], *color, 2.0),
                Sample::Dot(color) => s.dot((start - 15.0, y), 2.8, *color),
                Sample::Band(color) => s.cell([start - 24.0, y - 5.0, 18.0, 10.0], *color),
            }
            s.text(Words::new(*text, (start, y), TITLE));
        }
    }

    /// Lines of small text against the right edge.
    pub fn notes(&self, s: &mut Sketch, lines: &[String]) {
        let [left, top, width, _] = self.inside;
        for (i, text) in lines.iter().enumerate() {
            let at = (left + width - 8.0, top + 12.0 + 13.5 * i as f64);
            s.text(Words::new(text.clone(), at, LABEL).anchor(Anchor::End));
        }
    }
}

/// What stands before a line of a legend.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sample {
    /// A line.
    Line(Color),
    /// A point.
    Dot(Color),
    /// A filled area.
    Band(Color),
}

/// The axis for counts up to `most`: logarithmic where a few bins stand far above the rest. A third stays free above
/// for text.
pub fn counts(histograms: &[&Histogram]) -> Axis {
    let mut all: Vec<u64> = histograms.iter().flat_map(|h| h.counts.iter().copied()).filter(|c| *c > 0).collect();
    all.sort_unstable();
    let most = all.last().copied().unwrap_or(1) as f64;
    let median = all.get(all.len() / 2).copied().unwrap_or(1) as f64;
    if most > 100.0 * median {
        let fewest = all.first().copied().unwrap_or(1) as f64;
        let low = 0.5 * 10f64.powf(fewest.log10().floor());
        Axis::log(low, most * (most / low).powf(0.4).max(4.0))
    } else {
        Axis::linear(0.0, most * 1.5)
    }
}

/// An axis around 0 that shows `reach` on both sides and has labels well inside.
pub fn around_zero(reach: f64) -> Axis {
    let decade = 10f64.powf(reach.max(1e-300).log10().floor());
    let nice = [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * decade).find(|n| 1.15 * n >= reach).unwrap_or(reach);
    Axis::linear(-1.2 * nice, 1.2 * nice).inner()
}

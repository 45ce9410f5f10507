//! A peak before and after, with the fits.

use super::axis::Axis;
use super::canvas::{Color, Point, Sketch, Words};
use super::frame::{Frame, Sample, counts};
use super::look::{ORIGINAL, OURS, TITLE, short};
use crate::evaluate::Histogram;
use crate::physics::{Peak, Peaks};

/// Original as an outline, reconstruction as points, each with its curve.
pub fn spectrum(name: &str, unit: &str, p: &Peaks) -> Sketch {
    let mut s = Sketch::new(format!("Peak of {name} before and after"), 520.0, 340.0);
    let h = &p.original;
    let frame = Frame {
        inside: [62.0, 14.0, 444.0, 280.0],
        x: Axis::linear(h.low, h.high).titled(name, unit),
        y: counts(&[h, &p.reconstructed]).titled("values per bin", ""),
    };
    let outline = frame.steps(h);
    s.area(outline.clone(), ORIGINAL.mix(0.16));
    s.line(outline, ORIGINAL, 1.0);
    let mut curve = |fit: &Option<Peak>, color: Color| {
        if let Some(fit) = fit {
            s.line(points(&frame, h, fit), color, 1.6);
        }
    };
    curve(&p.before, ORIGINAL);
    curve(&p.after, OURS);
    for (i, n) in p.reconstructed.counts.iter().enumerate().filter(|(_, n)| **n > 0) {
        s.dot(frame.at(h.edge(i) + h.width() / 2.0, *n as f64), 2.6, OURS);
    }
    frame.draw(&mut s);
    frame.legend(&mut s, &[(Sample::Line(ORIGINAL), "original"), (Sample::Dot(OURS), "reconstructed")]);
    let widths = p.before.zip(p.after).map(|(a, b)| format!("FWHM {} → {}", short(a.fwhm.value), short(b.fwhm.value)));
    let notes = [widths, p.fwhm_ratio.map(|r| format!("ratio {:.4} ± {}", r.value, short(r.error)))];
    for (i, text) in notes.into_iter().flatten().enumerate() {
        s.text(Words::new(text, (76.0, 30.0 + 16.0 * i as f64), TITLE));
    }
    s
}

fn points(frame: &Frame, h: &Histogram, fit: &Peak) -> Vec<Point> {
    const POINTS: usize = 200;
    let range = h.high - h.low;
    let at = |i: usize| h.low + range * i as f64 / POINTS as f64;
    (0..=POINTS).map(|i| frame.at(at(i), fit.expected(at(i), h.width(), (h.low + h.high) / 2.0, range))).collect()
}

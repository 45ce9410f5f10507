//! How much codecs need for how much error.

use super::axis::Axis;
use super::canvas::{Color, Sketch};
use super::frame::{Frame, Sample};
use super::look::{INK, LINEAR, ORIGINAL, OTHER, OURS};

/// A codec at several bounds: the largest error over the range, and bits a value.
pub struct Curve<'a> {
    /// Its name in the legend.
    pub name: &'a str,
    /// Whether it is ours.
    pub ours: bool,
    /// Error and bits, in any order.
    pub points: Vec<(f64, f64)>,
}

/// Bits a value over the error of each codec; lossless ones are levels.
pub fn distortion(name: &str, curves: &[Curve], lossless: &[(String, f64)]) -> Sketch {
    let mut s = Sketch::new(format!("Rate and distortion of {name}"), 620.0, 400.0);
    let errors = || curves.iter().flat_map(|c| c.points.iter().map(|p| p.0)).filter(|e| *e > 0.0);
    let (low, high) = errors().fold((f64::INFINITY, 0.0f64), |(l, h), e| (l.min(e), h.max(e)));
    let (low, high) = if low < high { (low / 1.6, high * 1.6) } else { (1e-4, 1e-1) };
    let bits = curves.iter().flat_map(|c| c.points.iter().map(|p| p.1)).chain(lossless.iter().map(|l| l.1));
    let (least, most) = bits.filter(|b| *b > 0.0).fold((f64::INFINITY, 0.0f64), |(l, h), b| (l.min(b), h.max(b)));
    let (least, most) = if least <= most { (least, most) } else { (0.1, 10.0) };
    let frame = Frame {
        inside: [74.0, 14.0, 530.0, 320.0],
        x: Axis::log(low, high).titled("largest error over the range", ""),
        // Room for the legend above.
        y: Axis::log(least / 1.4, most * (most / least).powf(0.8).max(4.0)).titled("bits a value", ""),
    };
    let mut legend: Vec<(Sample, &str)> = Vec::new();
    let rivals = [ORIGINAL, LINEAR, OTHER, INK];
    let mut next = 0;
    for curve in curves {
        let color: Color = if curve.ours {
            OURS
        } else {
            next += 1;
            rivals[(next - 1) % rivals.len()]
        };
        let mut points: Vec<(f64, f64)> = curve.points.iter().filter(|p| p.0 > 0.0).copied().collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        let points: Vec<(f64, f64)> = points.into_iter().map(|(x, y)| frame.at(x, y)).collect();
        s.line(points.clone(), color, 1.6);
        points.iter().for_each(|p| s.dot(*p, 3.2, color));
        legend.push((Sample::Dot(color), curve.name));
    }
    for (k, (name, bits)) in lossless.iter().enumerate() {
        let color = if k == 0 { OURS } else { ORIGINAL };
        let points = vec![frame.at(low, *bits), frame.at(high, *bits)];
        s.dashes(points, color, 1.2);
        legend.push((Sample::Line(color), name));
    }
    frame.draw(&mut s);
    frame.legend(&mut s, &legend);
    s
}

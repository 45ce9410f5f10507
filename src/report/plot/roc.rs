//! Signal that scores keep, over the background that they keep.

use super::axis::Axis;
use super::canvas::{Point, Sketch};
use super::frame::{Frame, Sample};
use super::look::{LINEAR, ORIGINAL, OURS, SOFT};

/// A curve a score, each with its name and its points `(background, signal)`, the background over its logarithm. The dashes are those of a score
/// that tells nothing.
pub fn roc(title: &str, curves: &[(String, Vec<Point>)]) -> Sketch {
    let mut s = Sketch::new(title.to_owned(), 520.0, 400.0);
    let shown = || curves.iter().flat_map(|(_, points)| points).filter(|p| p.0 > 0.0);
    let least = shown().map(|p| p.0).fold(0.1, f64::min);
    let frame = Frame {
        inside: [62.0, 14.0, 444.0, 340.0],
        x: Axis::log(least, 1.0).titled("background kept", ""),
        y: Axis::linear(0.0, 1.0).titled("signal kept", ""),
    };
    let even = (0..=60).map(|i| least.powf(1.0 - f64::from(i) / 60.0));
    s.dashes(even.map(|v| frame.at(v, v)).collect(), SOFT, 1.0);
    let mut legend = Vec::new();
    for ((name, points), color) in curves.iter().zip([OURS, ORIGINAL, LINEAR]) {
        let points = points.iter().filter(|p| p.0 > 0.0).map(|p| frame.at(p.0, p.1)).collect();
        s.line(points, color, 1.8);
        legend.push((Sample::Line(color), name.as_str()));
    }
    frame.draw(&mut s);
    // A curve comes there only if it is nearly perfect.
    frame.legend_left(&mut s, &legend);
    s
}

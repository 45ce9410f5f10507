//! Curves with names, over axes that they fill.

use super::axis::Axis;
use super::canvas::{Color, Point, Sketch, Words};
use super::frame::{Frame, Sample};
use super::look::{INK, LINEAR, ORIGINAL, OTHER, OURS, SOFT, TITLE};

/// A curve.
#[derive(Clone, Debug, PartialEq)]
pub struct Lines {
    name: String,
    points: Vec<[f64; 2]>,
    dots: bool,
}

impl Lines {
    /// Through points.
    pub fn new(name: &str, points: &[[f64; 2]]) -> Self {
        Lines { name: name.to_owned(), points: points.to_vec(), dots: false }
    }

    /// With a dot a point instead.
    #[must_use]
    pub fn dots(mut self) -> Self {
        self.dots = true;
        self
    }
}

/// Curves beside each other.
///
/// * `x`, `y`: title and unit of the axes
/// * `log`: which of them is logarithmic; what is not positive is then at the lower end
/// * `mark`: a value of x with dashes at it
pub fn lines(
    title: &str,
    x: (&str, &str),
    y: (&str, &str),
    log: [bool; 2],
    curves: &[Lines],
    mark: Option<f64>,
) -> Sketch {
    let mut s = Sketch::new(title.to_owned(), 520.0, 340.0);
    let shown = |p: &[f64; 2]| p.iter().all(|v| v.is_finite());
    let axis = |k: usize, more: Option<f64>| {
        let all = || {
            let points = curves.iter().flat_map(|c| &c.points).filter(|p| shown(p)).map(|p| p[k]);
            points.filter(|v| !log[k] || *v > 0.0).chain(more)
        };
        let (low, high) = (all().fold(f64::INFINITY, f64::min), all().fold(f64::NEG_INFINITY, f64::max));
        match (log[k], k) {
            // Above there is room for the legend.
            (true, 1) => Axis::log(low / 1.3, high * (high / low).powf(0.3).max(2.0)),
            (true, _) => Axis::log(low, high),
            (false, 1) => Axis::linear(0.0, (high * 1.35).max(1e-9)),
            (false, _) => Axis::linear(low.min(0.0), if mark == Some(high) { 1.05 * high } else { high }),
        }
    };
    // Numbers of events.
    let counts = !log[0] && curves.iter().flat_map(|c| &c.points).all(|p| p[0].fract() == 0.0);
    let x_axis = axis(0, mark);
    let frame = Frame {
        inside: [62.0, 14.0, 444.0, 280.0],
        x: if counts { x_axis.whole() } else { x_axis }.titled(x.0, x.1),
        y: axis(1, None).titled(y.0, y.1),
    };
    if let Some(mark) = mark {
        let [_, top, _, height] = frame.inside;
        s.dashes(vec![(frame.px(mark), top), (frame.px(mark), top + height)], SOFT, 1.2);
    }
    let colors: [Color; 5] = [OURS, ORIGINAL, LINEAR, OTHER, INK];
    let mut legend = Vec::new();
    for (curve, color) in curves.iter().zip(colors.into_iter().cycle()) {
        let points: Vec<Point> = curve.points.iter().filter(|p| shown(p)).map(|p| frame.at(p[0], p[1])).collect();
        match curve.dots {
            true => points.iter().for_each(|p| s.dot(*p, 1.0, color)),
            false => s.line(points, color, 1.6),
        }
        let sample = if curve.dots { Sample::Dot(color) } else { Sample::Line(color) };
        legend.push((sample, curve.name.as_str()));
    }
    frame.draw(&mut s);
    s.text(Words::new(title, (frame.inside[0] + 12.0, frame.inside[1] + 16.0), TITLE));
    frame.legend(&mut s, &legend);
    s
}

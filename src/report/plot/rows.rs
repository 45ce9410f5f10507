//! Single rows of vector columns: waveforms as curves with their residual, images as three maps.

use super::axis::Axis;
use super::canvas::{Color, Point, Sketch, Words};
use super::frame::{Frame, Sample, around_zero};
use super::heat::{fill, scale_bar};
use super::look::{INK, LABEL, ORIGINAL, OURS, SOFT, TITLE, cut, diverging, sequential, short};
use crate::evaluate::Example;

/// Original and reconstruction of one row.
pub fn example(e: &Example) -> Sketch {
    let title = format!("{}, row {}, error: {}, RMS {}", cut(&e.column, 24), e.row, e.rank, short(e.rms));
    // Leading ones are no image.
    let shape: Vec<usize> = e.shape.iter().copied().filter(|n| *n > 1).collect();
    match shape.as_slice() {
        [_, rest @ ..] if !rest.is_empty() && e.original.len() == shape.iter().product::<usize>() => {
            image(&title, e, &shape)
        }
        _ => curve(&title, e),
    }
}

fn curve(title: &str, e: &Example) -> Sketch {
    let mut s = Sketch::new(title, 520.0, 330.0);
    s.text(Words::new(title, (62.0, 13.0), TITLE).bold());
    let n = e.original.len();
    let all = || e.original.iter().chain(&e.reconstructed).copied();
    let (low, high) = (all().fold(f64::INFINITY, f64::min), all().fold(f64::NEG_INFINITY, f64::max));
    let reach = (high - low).max(1e-12);
    let first = e.start as f64;
    let x = || Axis::linear(first - 0.5, first + n as f64 - 0.5).whole();
    let main = Frame {
        inside: [62.0, 26.0, 444.0, 178.0],
        x: x().bare(),
        y: Axis::linear(low - 0.06 * reach, high + 0.32 * reach).titled("value", &e.unit),
    };
    // Few samples are steps, many a curve.
    let trace = |frame: &Frame, v: &[f64]| -> Vec<Point> {
        let at = |i: usize, d: f64| frame.at(first + i as f64 + d, v[i]);
        if n <= 100 {
            (0..n).flat_map(|i| [at(i, -0.5), at(i, 0.5)]).collect()
        } else {
            (0..n).map(|i| at(i, 0.0)).collect()
        }
    };
    if n <= 100 {
        let mut under = vec![main.at(first - 0.5, low.min(0.0))];
        under.extend(trace(&main, &e.original));
        under.push(main.at(first + n as f64 - 0.5, low.min(0.0)));
        s.area(under, ORIGINAL.mix(0.14));
    }
    // Where the two agree, the original shows as a border of the reconstruction.
    s.line(trace(&main, &e.original), ORIGINAL, if n <= 100 { 1.6 } else { 2.8 });
    s.line(trace(&main, &e.reconstructed), OURS, if n <= 100 { 1.4 } else { 1.0 });
    main.draw(&mut s);
    main.legend(&mut s, &[(Sample::Line(ORIGINAL), "original"), (Sample::Line(OURS), "reconstructed")]);

    let residual: Vec<f64> = e.reconstructed.iter().zip(&e.original).map(|(y, x)| y - x).collect();
    let most = residual.iter().fold(0.0_f64, |m, r| m.max(r.abs())).max(1e-12);
    let lower = Frame {
        inside: [62.0, 210.0, 444.0, 78.0],
        x: x().titled("element", ""),
        y: around_zero(most).titled("residual", ""),
    };
    s.line(vec![lower.at(first - 0.5, 0.0), lower.at(first + n as f64, 0.0)], SOFT, 0.8);
    s.line(trace(&lower, &residual), OURS, 1.3);
    lower.draw(&mut s);
    s
}

/// The planes of an image of more than two dimensions stand below each other.
fn image(title: &str, e: &Example, shape: &[usize]) -> Sketch {
    let columns = shape[shape.len() - 1];
    let rows = e.original.len() / columns;
    let side = 160.0;
    let height = (side * rows as f64 / columns as f64).clamp(40.0, 320.0);
    let mut s = Sketch::new(title, 3.0 * (side + 62.0) + 10.0, height + 62.0);
    s.text(Words::new(title, (8.0, 13.0), TITLE).bold());
    let all = || e.original.iter().chain(&e.reconstructed).copied();
    let (low, high) = (all().fold(f64::INFINITY, f64::min), all().fold(f64::NEG_INFINITY, f64::max));
    let reach = if high > low { high - low } else { 1.0 };
    let residual: Vec<f64> = e.reconstructed.iter().zip(&e.original).map(|(y, x)| y - x).collect();
    let most = residual.iter().fold(0.0_f64, |m, r| m.max(r.abs())).max(1e-12);
    let level = |v: &f64| sequential((v - low) / reach);
    let signed = |v: &f64| diverging(v / most);
    let mut panel = |i: usize, name: &str, values: &[f64], color: &dyn Fn(&f64) -> Color, ends: (f64, f64)| {
        let left = 8.0 + i as f64 * (side + 62.0);
        let at = [left, 44.0, side, height];
        let cells: Vec<Vec<Color>> = values.chunks(columns).map(|row| row.iter().map(color).collect()).collect();
        fill(&mut s, at, &cells);
        let (right, bottom) = (left + side, 44.0 + height);
        s.line(vec![(left, 44.0), (right, 44.0), (right, bottom), (left, bottom), (left, 44.0)], INK, 1.0);
        s.text(Words::new(name, (left, 34.0), LABEL).color(SOFT));
        let labels = [(0.0, short(ends.0)), (1.0, short(ends.1))];
        scale_bar(&mut s, [right + 6.0, 44.0, 7.0, height], &labels, |t| color(&(ends.0 + (ends.1 - ends.0) * t)));
    };
    panel(0, "original", &e.original, &level, (low, high));
    panel(1, "reconstructed", &e.reconstructed, &level, (low, high));
    panel(2, "difference", &residual, &signed, (-most, most));
    s
}

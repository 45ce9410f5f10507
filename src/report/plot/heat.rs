//! Heat maps: correlation matrices, original against reconstructed, images.

use super::axis::Axis;
use super::canvas::{Anchor, Color, Sketch, Words};
use super::frame::Frame;
use super::look::{INK, LABEL, TITLE, cut, diverging, sequential};
use crate::evaluate::{Correlation, Joint};

/// Fills `[left, top, width, height]` with rows of colours, cells of one colour together.
pub fn fill(s: &mut Sketch, inside: [f64; 4], colors: &[Vec<Color>]) {
    let [left, top, width, height] = inside;
    let rows = colors.len().max(1) as f64;
    let mut cells: Vec<(Color, [f64; 4])> = Vec::new();
    for (i, row) in colors.iter().enumerate() {
        let columns = row.len().max(1) as f64;
        let mut j = 0;
        // A run of one colour is one cell.
        for run in row.chunk_by(|a, b| a == b) {
            let (from, to) = (j as f64 / columns, (j + run.len()) as f64 / columns);
            let (up, down) = (i as f64 / rows, (i as f64 + 1.0) / rows);
            cells.push((run[0], [left + from * width, top + up * height, (to - from) * width, (down - up) * height]));
            j += run.len();
        }
    }
    cells.sort_by_key(|(c, _)| c.rgb);
    cells.into_iter().for_each(|(c, cell)| s.cell(cell, c));
}

/// A bar that says which colour means what, to the right of a map.
pub fn scale_bar(s: &mut Sketch, at: [f64; 4], labels: &[(f64, String)], color: impl Fn(f64) -> Color) {
    let steps: Vec<Vec<Color>> = (0..64).map(|i| vec![color(1.0 - (f64::from(i) + 0.5) / 64.0)]).collect();
    fill(s, at, &steps);
    let [left, top, width, height] = at;
    s.line(
        vec![(left, top), (left + width, top), (left + width, top + height), (left, top + height), (left, top)],
        INK,
        0.8,
    );
    for (t, text) in labels {
        s.text(Words::new(text.clone(), (left + width + 5.0, top + (1.0 - t) * height), LABEL));
    }
}

/// Correlation matrices: before, after, and their difference on its own scale.
pub fn correlations(c: &Correlation) -> Vec<Sketch> {
    let difference: Vec<Vec<f64>> =
        c.after.iter().zip(&c.before).map(|(a, b)| a.iter().zip(b).map(|(x, y)| x - y).collect()).collect();
    let reach = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5];
    let reach = reach.into_iter().find(|r| c.max_difference <= *r).unwrap_or(1.0);
    vec![
        matrix("Correlation, original", &c.names, &c.before, 1.0),
        matrix("Correlation, reconstructed", &c.names, &c.after, 1.0),
        matrix("Difference", &c.names, &difference, reach),
    ]
}

fn matrix(title: &str, names: &[String], values: &[Vec<f64>], reach: f64) -> Sketch {
    let n = names.len();
    // The names stand beside every third map only if they can be read.
    let named = n <= 36;
    let longest = names.iter().map(|name| name.chars().count().min(16)).max().unwrap_or(0) as f64;
    let left = if named { longest * 5.2 + 8.0 } else { 34.0 };
    let side = 264.0;
    let bottom = if named { longest * 5.2 + 8.0 } else { 24.0 };
    let mut s = Sketch::new(title, left + side + 52.0, 26.0 + side + bottom);
    let inside = [left, 24.0, side, side];
    fill(
        &mut s,
        inside,
        &values.iter().map(|row| row.iter().map(|v| diverging(v / reach)).collect()).collect::<Vec<_>>(),
    );
    s.line(
        vec![(left, 24.0), (left + side, 24.0), (left + side, 24.0 + side), (left, 24.0 + side), (left, 24.0)],
        INK,
        1.0,
    );
    s.text(Words::new(title, (left, 12.0), TITLE).bold());
    let place = |i: usize| (i as f64 + 0.5) / n.max(1) as f64 * side;
    let size = LABEL.min(side / n.max(1) as f64);
    if named {
        for (i, name) in names.iter().enumerate() {
            let name = cut(name, 16);
            s.text(Words::new(name.clone(), (left - 4.0, 24.0 + place(i)), size).anchor(Anchor::End));
            s.text(Words::new(name, (left + place(i), 28.0 + side), size).anchor(Anchor::End).upright());
        }
    } else {
        for i in (0..n).step_by(8) {
            s.text(Words::new(i.to_string(), (left - 4.0, 24.0 + place(i)), LABEL).anchor(Anchor::End));
            s.text(Words::new(i.to_string(), (left + place(i), 34.0 + side), LABEL).anchor(Anchor::Middle));
        }
    }
    let labels = [(0.0, -reach), (0.5, 0.0), (1.0, reach)].map(|(t, v)| (t, v.to_string()));
    scale_bar(&mut s, [left + side + 8.0, 24.0, 9.0, side], &labels, |t| diverging(2.0 * t - 1.0));
    s
}

/// Counts of (original, reconstructed); the diagonal is a perfect reconstruction.
pub fn joint(j: &Joint) -> Sketch {
    let mut s = Sketch::new(format!("{}, original against reconstructed", j.column), 268.0, 266.0);
    let frame = Frame {
        inside: [46.0, 26.0, 196.0, 196.0],
        x: Axis::linear(j.low, j.high).titled("original", &j.unit),
        y: Axis::linear(j.low, j.high),
    };
    let most = j.cells.iter().map(|c| c.2).max().unwrap_or(1) as f64;
    let n = j.bins.max(1) as f64;
    let [left, top, side, _] = frame.inside;
    let mut cells: Vec<(Color, [f64; 4])> = Vec::new();
    for (a, b, count) in &j.cells {
        let color = sequential(((*count as f64).ln() / most.max(2.0).ln()).max(0.0));
        let at = [left + f64::from(*a) / n * side, top + (1.0 - (f64::from(*b) + 1.0) / n) * side, side / n, side / n];
        cells.push((color, at));
    }
    cells.sort_by_key(|(c, _)| c.rgb);
    cells.into_iter().for_each(|(c, at)| s.cell(at, c));
    s.dashes(vec![(left, top + side), (left + side, top)], INK, 0.8);
    frame.draw(&mut s);
    s.text(Words::new(cut(&j.column, 30), (left, 13.0), TITLE).bold());
    if let Some(r) = j.correlation {
        s.text(Words::new(format!("r = {r:.4}"), (left + 8.0, top + 13.0), LABEL));
    }
    s
}

//! Curves: the loss of a training, and errors along the elements of a vector.

use super::axis::Axis;
use super::canvas::{Color, Point, Sketch, Words};
use super::frame::{Frame, Sample};
use super::look::{INK, LABEL, LINEAR, ORIGINAL, OURS, SOFT};
use crate::evaluate::ColumnFigures;
use crate::model::trained::Epoch;

/// Training and validation loss, epoch by epoch; a line parts the float phase from the quantization-aware one.
pub fn loss(history: &[Epoch]) -> Sketch {
    let mut s = Sketch::new("Loss against epoch", 520.0, 340.0);
    let values =
        || history.iter().flat_map(|e| std::iter::once(e.train_loss).chain(e.validation_loss)).filter(|v| *v > 0.0);
    let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(0.0, f64::max));
    let last = history.last().map_or(1, |e| e.epoch) as f64;
    let frame = Frame {
        inside: [62.0, 14.0, 444.0, 280.0],
        x: Axis::linear(0.5, last + 0.5).titled("epoch", "").whole(),
        // Room above for the legend.
        y: Axis::log(low / (high / low).powf(0.15).max(1.05), high * (high / low).powf(0.35).max(1.25))
            .titled("loss", ""),
    };
    if let Some(turn) = history.windows(2).find(|w| w[0].phase != w[1].phase) {
        let x = frame.px(turn[0].epoch as f64 + 0.5);
        let end = frame.inside[0] + frame.inside[2];
        s.cell([x, frame.inside[1], end - x, frame.inside[3]], INK.mix(0.05));
        s.dashes(vec![(x, frame.inside[1]), (x, frame.inside[1] + frame.inside[3])], SOFT, 1.0);
        let y = frame.inside[1] + frame.inside[3] - 14.0;
        s.text(Words::new("float", (x - 8.0, y), LABEL).anchor(super::canvas::Anchor::End).color(SOFT));
        let second = [("quantization-aware", 112.0), ("fixed point", 72.0)].into_iter().find(|t| t.1 < end - x);
        if let Some((text, _)) = second {
            s.text(Words::new(text, (x + 8.0, y), LABEL).color(SOFT));
        }
    }
    let mut draw = |color: Color, value: fn(&Epoch) -> Option<f64>| {
        // The two phases are two curves: the second starts from rounded weights.
        let mut drawn = false;
        for phase in history.chunk_by(|a, b| a.phase == b.phase) {
            let points: Vec<Point> =
                phase.iter().filter_map(|e| value(e).map(|v| frame.at(e.epoch as f64, v))).collect();
            drawn |= !points.is_empty();
            if history.len() <= 60 {
                points.iter().for_each(|p| s.dot(*p, 2.2, color));
            }
            s.line(points, color, 1.6);
        }
        drawn
    };
    let trained = draw(ORIGINAL, |e| Some(e.train_loss));
    let validated = draw(OURS, |e| e.validation_loss);
    frame.draw(&mut s);
    let lines = [(trained, ORIGINAL, "training"), (validated, OURS, "validation")];
    let lines: Vec<_> = lines.into_iter().filter(|l| l.0).map(|l| (Sample::Line(l.1), l.2)).collect();
    frame.legend(&mut s, &lines);
    s
}

/// RMS, bias and response spread of the elements of a vector column, each in the unit of the column.
pub fn profile(column: &ColumnFigures) -> Sketch {
    let mut s = Sketch::new(format!("Residuals along {}", column.name), 520.0, 340.0);
    let elements = &column.elements;
    let low = elements.iter().map(|e| e.residual_quantiles[1].min(e.bias)).fold(0.0, f64::min);
    let high = elements.iter().map(|e| e.residual_quantiles[3].max(e.rms)).fold(0.0, f64::max);
    let reach = (high - low).max(1e-12);
    let frame = Frame {
        inside: [62.0, 14.0, 444.0, 280.0],
        x: Axis::linear(-0.5, elements.len() as f64 - 0.5).titled(&format!("element of {}", column.name), "").whole(),
        y: Axis::linear(low - 0.08 * reach, high + 0.45 * reach).titled("residual", &column.unit),
    };
    // The band holds the middle 68 % of the residuals of each element.
    let edge = |value: fn(&ColumnFigures) -> f64| -> Vec<Point> {
        let ends = |i: usize, y: f64| [frame.at(i as f64 - 0.5, y), frame.at(i as f64 + 0.5, y)];
        elements.iter().enumerate().flat_map(|(i, e)| ends(i, value(e))).collect()
    };
    let mut band = edge(|e| e.residual_quantiles[1]);
    band.extend(edge(|e| e.residual_quantiles[3]).into_iter().rev());
    s.area(band, OURS.mix(0.22));
    s.line(vec![frame.at(-1.0, 0.0), frame.at(elements.len() as f64, 0.0)], SOFT, 0.8);
    s.line(edge(|e| e.bias), LINEAR, 1.6);
    s.line(edge(|e| e.rms), ORIGINAL, 1.6);
    frame.draw(&mut s);
    let band = Sample::Band(OURS.mix(0.22));
    frame.legend(&mut s, &[(Sample::Line(ORIGINAL), "RMS"), (Sample::Line(LINEAR), "mean"), (band, "16 % to 84 %")]);
    s
}

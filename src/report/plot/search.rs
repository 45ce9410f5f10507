//! What a search found: size and bits over the error.

use super::axis::Axis;
use super::canvas::Sketch;
use super::frame::{Frame, Sample};
use super::look::{LINEAR, ORIGINAL, OURS, SOFT};

/// A network of a search.
pub struct Candidate {
    /// RMS of the error over the range.
    pub error: f64,
    /// Lookup tables.
    pub lut: f64,
    /// Entropy of the latents, bits an event.
    pub bits: f64,
    /// Nothing is better in all.
    pub best: bool,
}

/// Lookup tables above, bits an event below, both over the error.
///
/// * `rivals`: whether it is the bounded codec, else principal components; error and bits
pub fn search(name: &str, points: &[Candidate], rivals: &[(bool, f64, f64)]) -> Sketch {
    let mut s = Sketch::new(format!("Search of {name}"), 620.0, 520.0);
    // A network of nothing but constants has no place on a logarithmic axis.
    let axis = |values: Vec<f64>| {
        let all = || values.iter().copied().filter(|v| *v > 0.0);
        let (low, high) = (all().fold(f64::INFINITY, f64::min), all().fold(0.0, f64::max));
        if high > 0.0 { Axis::log(low / 1.3, high * 1.3) } else { Axis::log(1.0, 10.0) }
    };
    let x = axis(points.iter().map(|p| p.error).chain(rivals.iter().map(|r| r.1)).collect());
    let luts = axis(points.iter().map(|p| p.lut).collect());
    let bits = axis(points.iter().map(|p| p.bits).chain(rivals.iter().map(|r| r.2)).collect());
    let above =
        Frame { inside: [74.0, 14.0, 530.0, 225.0], x: x.clone().bare(), y: luts.titled("LUT (estimated)", "") };
    let below = Frame {
        inside: [74.0, 255.0, 530.0, 225.0],
        x: x.titled("RMS error over range", ""),
        y: bits.titled("bits a row", ""),
    };
    let of: [fn(&Candidate) -> f64; 2] = [|p| p.lut, |p| p.bits];
    for (frame, of) in [&above, &below].into_iter().zip(of) {
        for p in points.iter().filter(|p| p.error > 0.0 && of(p) > 0.0) {
            s.dot(frame.at(p.error, of(p)), if p.best { 4.5 } else { 2.8 }, if p.best { OURS } else { ORIGINAL });
        }
        frame.draw(&mut s);
    }
    let shown = |codec: bool| rivals.iter().filter(move |r| r.0 == codec && r.1 > 0.0 && r.2 > 0.0);
    shown(false).for_each(|r| s.dot(below.at(r.1, r.2), 3.6, LINEAR));
    s.line(shown(true).map(|r| below.at(r.1, r.2)).collect(), SOFT, 1.4);
    shown(true).for_each(|r| s.dot(below.at(r.1, r.2), 3.2, SOFT));
    above.legend(&mut s, &[(Sample::Dot(OURS), "on the front"), (Sample::Dot(ORIGINAL), "beaten in all")]);
    below.legend(
        &mut s,
        &[(Sample::Dot(LINEAR), "principal components"), (Sample::Line(SOFT), "bounded codec, all bytes")],
    );
    s
}

//! What a search found: size and bits over the error.

use super::axis::Axis;
use super::canvas::Sketch;
use super::frame::{Frame, Sample};
use super::look::{ORIGINAL, OURS};

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
pub fn search(name: &str, points: &[Candidate]) -> Sketch {
    let mut s = Sketch::new(format!("Search of {name}"), 620.0, 520.0);
    let ends = |of: fn(&Candidate) -> f64| {
        let all = || points.iter().map(of).filter(|v| *v > 0.0);
        let (low, high) = (all().fold(f64::INFINITY, f64::min), all().fold(0.0, f64::max));
        // A network of nothing but constants has no place on a logarithmic axis.
        if high > 0.0 { (low / 1.3, high * 1.3) } else { (1.0, 10.0) }
    };
    let axis = |of: fn(&Candidate) -> f64| {
        let (low, high) = ends(of);
        Axis::log(low, high)
    };
    let (error, lut, bits): (fn(&Candidate) -> f64, fn(&Candidate) -> f64, fn(&Candidate) -> f64) =
        (|p| p.error, |p| p.lut, |p| p.bits);
    let above =
        Frame { inside: [74.0, 14.0, 530.0, 225.0], x: axis(error).bare(), y: axis(lut).titled("LUT (estimated)", "") };
    let below = Frame {
        inside: [74.0, 255.0, 530.0, 225.0],
        x: axis(error).titled("RMS error over range", ""),
        y: axis(bits).titled("entropy of the latents", "bits"),
    };
    for (frame, of) in [(&above, lut), (&below, bits)] {
        for p in points.iter().filter(|p| error(p) > 0.0 && of(p) > 0.0) {
            s.dot(frame.at(p.error, of(p)), if p.best { 4.5 } else { 2.8 }, if p.best { OURS } else { ORIGINAL });
        }
        frame.draw(&mut s);
    }
    above.legend(&mut s, &[(Sample::Dot(OURS), "on the front"), (Sample::Dot(ORIGINAL), "beaten in all")]);
    s
}

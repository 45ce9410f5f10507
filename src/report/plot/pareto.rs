//! Size and latency of every schedule of one network, over its clock.

use super::axis::Axis;
use super::canvas::{Anchor, Sketch, Words};
use super::frame::{Frame, Sample};
use super::look::{INK, LABEL, ORIGINAL, OURS, SOFT};
use crate::hw::SchedulePoint;

/// Cells above, latency below, both over the clock and from 0; the ranks are written at the fastest schedule that has them.
pub fn pareto(name: &str, points: &[SchedulePoint]) -> Sketch {
    let mut s = Sketch::new(format!("Schedules of {name}"), 620.0, 470.0);
    let most = |of: fn(&SchedulePoint) -> f64| points.iter().map(of).fold(0.0, f64::max);
    let cells: fn(&SchedulePoint) -> f64 = |p| (p.lut + p.ff) as f64;
    let latency: fn(&SchedulePoint) -> f64 = |p| p.latency_ns;
    let clock = || Axis::linear(0.0, 1.06 * most(|p| p.clock_mhz));
    let above = Frame {
        inside: [74.0, 14.0, 530.0, 235.0],
        x: clock().bare(),
        y: Axis::linear(0.0, 1.3 * most(cells)).titled("LUT (estimated) + FF", ""),
    };
    let below = Frame {
        inside: [74.0, 265.0, 530.0, 160.0],
        x: clock().titled("clock by the delay model", "MHz"),
        y: Axis::linear(0.0, 1.25 * most(latency)).titled("latency", "ns"),
    };
    for (frame, of) in [(&above, cells), (&below, latency)] {
        let mut last = f64::NEG_INFINITY;
        for (i, p) in points.iter().enumerate() {
            let (x, y) = frame.at(p.clock_mhz, of(p));
            s.dot((x, y), if p.best { 5.0 } else { 2.8 }, if p.best { OURS } else { ORIGINAL });
            let words = Words::new(p.ranks.to_string(), (x, y - 12.0), LABEL).anchor(Anchor::Middle);
            // A label that would touch the one before is left out.
            let fastest = points.get(i + 1).is_none_or(|next| next.ranks != p.ranks);
            if fastest && x - words.width() / 2.0 > last + 2.0 {
                last = x + words.width() / 2.0;
                s.text(words.color(if p.best { INK } else { SOFT }));
            }
        }
        frame.draw(&mut s);
    }
    let samples =
        [(Sample::Dot(OURS), "least (LUT + FF) × latency"), (Sample::Dot(ORIGINAL), "other schedules, with ranks")];
    above.legend(&mut s, &samples);
    s
}

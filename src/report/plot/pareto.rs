//! Size against latency of every schedule of one network.

use super::axis::Axis;
use super::canvas::{Anchor, Sketch, Words};
use super::frame::{Frame, Sample};
use super::look::{INK, LABEL, ORIGINAL, OURS, SOFT};
use crate::hw::SchedulePoint;

/// LUT + FF against latency; beside each point its ranks and clock.
pub fn pareto(name: &str, points: &[SchedulePoint]) -> Sketch {
    let mut s = Sketch::new(format!("Schedules of {name}"), 620.0, 400.0);
    let area = |p: &SchedulePoint| (p.lut + p.ff) as f64;
    let ends = |of: &dyn Fn(&SchedulePoint) -> f64| {
        let all = || points.iter().map(of);
        (all().fold(f64::INFINITY, f64::min), all().fold(0.0, f64::max))
    };
    let ((fast, slow), (small, large)) = (ends(&|p| p.latency_ns), ends(&area));
    let (wide, high) = ((slow - fast).max(0.1 * slow), (large - small).max(0.1 * large));
    let frame = Frame {
        inside: [74.0, 14.0, 530.0, 340.0],
        x: Axis::linear(fast - 0.12 * wide, slow + 0.25 * wide).titled("latency by the delay model", "ns"),
        y: Axis::linear(small - 0.1 * high, large + 0.25 * high).titled("LUT (estimated) + FF", ""),
    };
    let at = |p: &SchedulePoint| frame.at(p.latency_ns, area(p));
    s.line(points.iter().map(at).collect(), SOFT.mix(0.5), 1.0);
    for (i, p) in points.iter().enumerate() {
        let (x, y) = at(p);
        s.dot((x, y), if p.best { 5.0 } else { 3.2 }, if p.best { OURS } else { ORIGINAL });
        // One label a number of ranks: that of the fastest clock.
        if points.get(i + 1).is_some_and(|next| next.ranks == p.ranks) && !p.best {
            continue;
        }
        let text = format!("{} ranks, {:.0} MHz", p.ranks, p.clock_mhz);
        s.text(Words::new(text, (x + 8.0, y - 1.0), LABEL).anchor(Anchor::Start).color(if p.best {
            INK
        } else {
            SOFT
        }));
    }
    frame.draw(&mut s);
    frame.legend(
        &mut s,
        &[(Sample::Dot(OURS), "least (LUT + FF) × latency"), (Sample::Dot(ORIGINAL), "the other schedules")],
    );
    s
}

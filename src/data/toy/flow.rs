//! `flow`: velocity in a square box of 1 m, periodic in both directions, on 16 x 16 points.
//!
//! A uniform flow (0.5 m/s rms in each direction) and 2 to 4 eddies. An eddy is a Gaussian bump of the stream function with
//! radius 0.12 to 0.25 m and a peak speed drawn from a normal of 1 m/s. Velocity is the rotated gradient of the stream
//! function, taken with central differences on the periodic grid: its divergence, taken the same way, is zero.
//!
//! Column `velocity`: float32, `[2, 16, 16]` (component x or y, row y, column x), m/s.

use super::draw::Draw;
use crate::data::{Column, Values};
use crate::fixed::portable::exp;

/// Points along a side.
pub const SIDE: usize = 16;

fn field(draw: &mut Draw) -> Vec<f32> {
    let mean = [0.5 * draw.normal(), 0.5 * draw.normal()];
    let mut stream = [[0.0f64; SIDE]; SIDE];
    let eddies = 2 + (draw.uniform() * 3.0) as usize;
    for _ in 0..eddies {
        let (x, y) = (draw.uniform(), draw.uniform());
        let radius = draw.between(0.12, 0.25);
        // The steepest slope of exp(-r^2 / 2 a^2) is e^-1/2 / a.
        let height = draw.normal() * radius * exp(0.5);
        for (j, row) in stream.iter_mut().enumerate() {
            for (i, value) in row.iter_mut().enumerate() {
                let (px, py) = (i as f64 / SIDE as f64, j as f64 / SIDE as f64);
                // The box repeats: nearest neighbours on all sides are enough for these radii.
                for (sx, sy) in (-1..=1).flat_map(|a| (-1..=1).map(move |b| (f64::from(a), f64::from(b)))) {
                    let (dx, dy) = (px - x + sx, py - y + sy);
                    *value += height * exp(-0.5 * (dx * dx + dy * dy) / (radius * radius));
                }
            }
        }
    }
    let slope = |high: f64, low: f64| (high - low) * SIDE as f64 / 2.0;
    let (next, last) = (|i: usize| (i + 1) % SIDE, |i: usize| (i + SIDE - 1) % SIDE);
    let points = || (0..SIDE).flat_map(|j| (0..SIDE).map(move |i| (j, i)));
    let u = points().map(|(j, i)| mean[0] + slope(stream[next(j)][i], stream[last(j)][i]));
    let v = points().map(|(j, i)| mean[1] - slope(stream[j][next(i)], stream[j][last(i)]));
    u.chain(v).map(|x| x as f32).collect()
}

/// The column of `rows` fields.
pub fn columns(rows: usize, draw: &mut Draw) -> Vec<Column> {
    let values = (0..rows).flat_map(|_| field(draw)).collect();
    let shape = vec![2, SIDE, SIDE];
    vec![Column { name: "velocity".into(), unit: "m/s".into(), shape, values: Values::F32(values) }]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(rows: usize) -> Vec<Vec<f64>> {
        let Values::F32(v) = columns(rows, &mut Draw::new(1)).remove(0).values else { panic!("float32") };
        v.chunks(2 * SIDE * SIDE).map(|f| f.iter().map(|x| f64::from(*x)).collect()).collect()
    }

    /// `dx` of component `c`, and `dy`, at a point.
    fn slopes(f: &[f64], c: usize, j: usize, i: usize) -> (f64, f64) {
        let at = |j: usize, i: usize| f[(c * SIDE + j % SIDE) * SIDE + i % SIDE];
        let half = SIDE as f64 / 2.0;
        ((at(j, i + 1) - at(j, i + SIDE - 1)) * half, (at(j + 1, i) - at(j + SIDE - 1, i)) * half)
    }

    #[test]
    fn the_flow_has_no_sources_but_turns() {
        let (mut divergence, mut vorticity) = (0.0f64, 0.0f64);
        for f in fields(100) {
            for (j, i) in (0..SIDE).flat_map(|j| (0..SIDE).map(move |i| (j, i))) {
                let ((ux, uy), (vx, vy)) = (slopes(&f, 0, j, i), slopes(&f, 1, j, i));
                divergence = divergence.max((ux + vy).abs());
                vorticity = vorticity.max((vx - uy).abs());
            }
        }
        // What float32 leaves of zero.
        assert!(divergence < 1e-4 && vorticity > 5.0, "{divergence} {vorticity}");
    }

    #[test]
    fn speeds_are_those_of_the_mean_flow_and_of_eddies_of_one_metre_a_second() {
        let all = fields(500);
        let speeds: Vec<f64> = all
            .iter()
            .map(|f| {
                let (u, v) = f.split_at(SIDE * SIDE);
                u.iter().zip(v).map(|(u, v)| u.hypot(*v)).fold(0.0, f64::max)
            })
            .collect();
        let mean = speeds.iter().sum::<f64>() / 500.0;
        assert!((1.0..3.0).contains(&mean), "mean of the largest speeds {mean} m/s");
        assert!(speeds.iter().all(|s| *s < 12.0));
        // The periodic differences of the stream function add up to nothing: the mean of a field is its uniform flow.
        let flows: Vec<f64> = all.iter().map(|f| f[..SIDE * SIDE].iter().sum::<f64>() / (SIDE * SIDE) as f64).collect();
        let rms = (flows.iter().map(|x| x * x).sum::<f64>() / 500.0).sqrt();
        assert!((rms - 0.5).abs() < 0.06, "uniform flow {rms} m/s rms");
    }
}

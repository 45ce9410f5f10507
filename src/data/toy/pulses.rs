//! `pulses`: what a 14-bit digitiser of 100 MS/s records of a semiconductor detector with a charge amplifier.
//!
//! ```text
//! counts                ┌──.
//!   ▲                  /    `--.__          .
//!   │ baseline + noise/           `---.____/ `--.___     (pile-up)
//!   └────────────────┴─────────────────────────────► 512 samples of 10 ns
//!                   128
//! ```
//!
//! * baseline 1500 counts, moving by 20 (rms) from pulse to pulse; white noise of 3 counts rms
//! * amplitude exponential of mean 2500 counts, at least 50; what is beyond 16383 counts saturates
//! * shape `exp(-t / 1.5 us) - exp(-t / 30 ns)`, scaled to a peak of 1
//! * the trigger puts the start at 128 +- 0.5 samples; further pulses arrive at random, 0.15 a record on average, and the
//!   tails of those before the record tilt the baseline
//!
//! Column `waveform`: uint16, `[512]`, ADC counts.

use super::draw::Draw;
use crate::data::{Column, Values};
use crate::fixed::portable::{exp, ln};

/// Samples in a record.
pub const SAMPLES: usize = 512;
/// Largest count of 14 bits.
const TOP: f64 = 16383.0;
const BASELINE: f64 = 1500.0;
const NOISE: f64 = 3.0;
/// Samples in which the pulse falls, or what is missing to its plateau, by a factor e.
const DECAY: f64 = 150.0;
const RISE: f64 = 3.0;
/// Pulses a sample that were not asked for.
const RATE: f64 = 0.15 / SAMPLES as f64;
/// Samples before the record from which a tail can reach into it.
const BEFORE: f64 = 600.0;

/// Height at `t` samples after the start, before scaling.
fn height(t: f64) -> f64 {
    if t <= 0.0 { 0.0 } else { exp(-t / DECAY) - exp(-t / RISE) }
}

fn record(draw: &mut Draw) -> [u16; SAMPLES] {
    let amplitude = |draw: &mut Draw| 50.0 + draw.exponential(2450.0);
    let mut pulses = vec![(128.0 + draw.between(-0.5, 0.5), amplitude(draw))];
    for _ in 0..draw.poisson(RATE * (SAMPLES as f64 + BEFORE)) {
        pulses.push((draw.between(-BEFORE, SAMPLES as f64), amplitude(draw)));
    }
    let peak = height(ln(DECAY / RISE) * DECAY * RISE / (DECAY - RISE));
    let baseline = BASELINE + 20.0 * draw.normal();
    std::array::from_fn(|i| {
        let signal: f64 = pulses.iter().map(|(start, a)| a / peak * height(i as f64 - start)).sum();
        (baseline + signal + NOISE * draw.normal()).round_ties_even().clamp(0.0, TOP) as u16
    })
}

/// The column of `rows` records.
pub fn columns(rows: usize, draw: &mut Draw) -> Vec<Column> {
    let counts = (0..rows).flat_map(|_| record(draw)).collect();
    let shape = vec![SAMPLES];
    vec![Column { name: "waveform".into(), unit: "ADC count".into(), shape, values: Values::U16(counts) }]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(rows: usize) -> Vec<Vec<f64>> {
        let Values::U16(v) = columns(rows, &mut Draw::new(1)).remove(0).values else { panic!("uint16") };
        v.chunks(SAMPLES).map(|r| r.iter().map(|x| f64::from(*x)).collect()).collect()
    }

    fn mean(v: &[f64]) -> f64 {
        v.iter().sum::<f64>() / v.len() as f64
    }

    fn median(mut v: Vec<f64>) -> f64 {
        v.sort_by(f64::total_cmp);
        v[v.len() / 2]
    }

    #[test]
    fn counts_have_fourteen_bits_and_the_noise_is_three_counts() {
        let all = records(600);
        assert!(all.iter().flatten().all(|x| *x <= TOP));
        let noise = all.iter().map(|r| {
            // Differences of neighbours know nothing of baseline and tails.
            let d: Vec<f64> = r[..120].windows(2).map(|w| w[1] - w[0]).collect();
            (mean(&d.iter().map(|x| x * x).collect::<Vec<_>>()) / 2.0).sqrt()
        });
        let noise = median(noise.collect());
        assert!((noise - NOISE).abs() < 0.15, "{noise}");
        let baseline = median(all.iter().map(|r| mean(&r[..120])).collect());
        assert!((baseline - BASELINE).abs() < 15.0, "{baseline}");
    }

    #[test]
    fn pulses_start_at_the_trigger_rise_fast_and_decay_with_their_time_constant() {
        let (mut starts, mut rises, mut decays) = (Vec::new(), Vec::new(), Vec::new());
        for r in records(600) {
            let zero = mean(&r[..120]);
            let top = r[..200].iter().fold(0.0, |m: f64, x| m.max(*x)) - zero;
            if !(2000.0..12000.0).contains(&top) {
                continue;
            }
            let above = |share: f64| r.iter().position(|x| x - zero > share * top).unwrap();
            starts.push(above(0.5) as f64);
            rises.push((above(0.9) - above(0.1)) as f64);
            decays.push(100.0 / ((mean(&r[195..206]) - zero) / (mean(&r[295..306]) - zero)).ln());
        }
        assert!(rises.len() > 200);
        let (start, rise, decay) = (median(starts), median(rises), median(decays));
        assert!((129.0..=132.0).contains(&start), "half of the height at sample {start}");
        // 2.2 time constants from 10 to 90 %, about; pile-up lengthens single decays, not the median.
        assert!((4.0..9.0).contains(&rise), "rise {rise} samples");
        assert!((decay / DECAY - 1.0).abs() < 0.04, "decay {decay} samples");
    }

    #[test]
    fn pile_up_comes_at_the_stated_rate() {
        let piled = records(1000).into_iter().filter(|r| {
            // A jump of more than 40 counts in two samples, away from the trigger.
            (150..SAMPLES - 2).any(|i| r[i + 2] - r[i] > 40.0)
        });
        let share = piled.count() as f64 / 1000.0;
        // 1 - exp(-0.15 * 362 / 512) = 0.10, less those too small to see.
        assert!((0.06..0.13).contains(&share), "{share}");
    }
}

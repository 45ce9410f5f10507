use ndarray::Array2;

use super::*;
use crate::evaluate::Chance;
use crate::fixed::QFormat;
use crate::model::transform::{Constraint, NormFunction};
use crate::model::{ColumnSpec, Norm, QuantizedModel, Transform};
use crate::reference::Engine;

/// The integral of the Gaussian of width 1 up to `x`, by Simpson's rule.
fn phi(x: f64) -> f64 {
    let (low, n) = (-10.0, 4000);
    let h = (x - low) / f64::from(n);
    let f = |i: i32| (-0.5 * (low + h * f64::from(i)).powi(2)).exp();
    let sum: f64 = (0..=n).map(|i| f(i) * if i == 0 || i == n { 1.0 } else { f64::from(2 + 2 * (i % 2)) }).sum();
    sum * h / 3.0 / std::f64::consts::TAU.sqrt()
}

fn normals(n: usize, seed: u64, shift: f64) -> Vec<f64> {
    let mut chance = Chance::new(seed);
    (0..n).map(|_| chance.normal() + shift).collect()
}

#[test]
fn the_auc_of_two_gaussians_is_the_closed_form_within_its_error() {
    let mut pulls = Vec::new();
    for (seed, d) in [(1, 0.0), (2, 0.5), (3, 1.0), (4, 2.0), (5, 1.0), (6, 1.0)] {
        let roc = Roc::new(&normals(20_000, seed, 0.0), &normals(5000, 100 + seed, d));
        let (auc, error) = roc.auc().unwrap();
        pulls.push((auc - phi(d / 2f64.sqrt())) / error);
    }
    assert!(pulls.iter().all(|p| p.abs() < 3.5) && pulls.iter().any(|p| p.abs() > 0.1), "{pulls:?}");
    // For equal Gaussians the variance is (n + m + 1) / 12 n m.
    let (_, error) = Roc::new(&normals(20_000, 1, 0.0), &normals(5000, 2, 0.0)).auc().unwrap();
    let exact = (25_001.0f64 / 12.0 / 1e8).sqrt();
    assert!((error / exact - 1.0).abs() < 0.03, "{error} {exact}");
}

#[test]
fn equal_scores_count_half() {
    let auc = |b: &[f64], s: &[f64]| Roc::new(b, s).auc().unwrap();
    assert_eq!(auc(&[3.0; 7], &[3.0; 4]), (0.5, 0.0));
    assert_eq!(auc(&[1.0, 2.0], &[2.0, 3.0]).0, 0.875);
    assert_eq!(auc(&[1.0, 2.0], &[3.0]).0, 1.0);
    assert_eq!(auc(&[1.0, 2.0], &[0.0, 0.5]).0, 0.0);
    assert_eq!(Roc::new(&[1.0], &[]).auc(), None);
}

#[test]
fn a_threshold_keeps_at_most_the_background_that_was_asked_for() {
    let background: Vec<f64> = (0..1000).map(f64::from).collect();
    let roc = Roc::new(&background, &[997.0, 998.0, 999.0, 1000.0, 5.0]);
    let point = roc.at(1e-3).unwrap();
    assert_eq!((point.threshold, point.background_rate, point.efficiency), (998.0, 1e-3, Some(0.4)));
    let point = roc.at(0.01).unwrap();
    assert_eq!((point.threshold, point.background_rate, point.efficiency), (989.0, 0.01, Some(0.8)));
    assert_eq!(roc.at(1e-4), None);
    // All the same: nothing can be kept without keeping all.
    let point = Roc::new(&[2.0; 100], &[2.0; 10]).at(0.1).unwrap();
    assert_eq!((point.threshold, point.background_rate, point.efficiency), (2.0, 0.0, Some(0.0)));
}

#[test]
fn the_efficiency_of_two_gaussians_is_the_closed_form_within_its_error() {
    let mut pulls = Vec::new();
    for seed in 0..20 {
        let roc = Roc::new(&normals(10_000, seed, 0.0), &normals(4000, 50 + seed, 1.0));
        let point = roc.at(1e-2).unwrap();
        // Phi(-2.326) = 0.01.
        pulls.push((point.efficiency.unwrap() - phi(1.0 - 2.326_347_9)) / point.efficiency_error.unwrap());
    }
    let rms = (pulls.iter().map(|p| p * p).sum::<f64>() / 20.0).sqrt();
    assert!((0.5..1.6).contains(&rms), "{rms}: {pulls:?}");
}

#[test]
fn the_curve_rises_and_ends_at_one() {
    let curve = Roc::new(&normals(3000, 1, 0.0), &normals(500, 2, 1.0)).curve(50);
    assert!(
        curve.len() > 30 && curve.windows(2).all(|w| w[0].background <= w[1].background && w[0].signal <= w[1].signal)
    );
    assert_eq!(curve.last(), Some(&Point { background: 1.0, signal: 1.0 }));
}

#[test]
fn layers_give_the_latents_and_the_score_for_every_input() {
    let formats = [QFormat::signed(5, 2), QFormat::unsigned(4, -1), QFormat::signed(6, 5), QFormat::unsigned(1, 0)];
    let mut chance = Chance::new(3);
    let mut any = |rows: usize| -> Vec<Vec<i64>> {
        let one = |f: &QFormat, c: &mut Chance| QFormat::min(*f) + c.below(1 << f.width) as i64;
        formats.iter().map(|f| (0..rows).map(|_| one(f, &mut chance)).collect()).collect()
    };
    let mut background = any(500);
    // A latent that never moves, at an end of its format.
    background[0].fill(-16);
    let score = LatentScore::learn(&background, &formats).unwrap();
    let model = QuantizedModel::pass_through("pass", &formats).unwrap();
    let scored = score.behind(&model, 5, 0.1).unwrap();
    assert_eq!((scored.n_latents(), scored.encoder.n_out()), (4, 5));
    assert_eq!(scored.latent_formats(), formats);
    let engine = Engine::new(&scored.encoder).unwrap();
    let events = any(4000);
    for r in 0..4000 {
        let z: Vec<i64> = events.iter().map(|latent| latent[r]).collect();
        let out = engine.infer(&z);
        assert_eq!((&out[..4], out[4]), (&z[..], score.of(&z)));
    }
    // By the definition, in real numbers: the sum is exact, and what is dropped is less than a step.
    for r in 0..100 {
        let z: Vec<i64> = events.iter().map(|latent| latent[r]).collect();
        let term =
            |i: usize| f64::exp2(score.exponents()[i].into()) * formats[i].to_f64((z[i] - score.centres()[i]).abs());
        let exact: f64 = (0..4).map(term).sum();
        let got = score.format.to_f64(score.of(&z));
        assert!(
            got <= exact && exact - got < score.format.step() || score.of(&z) == score.format.max(),
            "{got} {exact}"
        );
    }
    assert!(score.behind(&scored, 5, 0.1).unwrap_err().to_string().contains("has a score"));
    assert!(score.behind(&model, u16::MAX, 0.1).unwrap_err().to_string().contains("beyond"));
    assert!(LatentScore::learn(&[], &[]).unwrap_err().to_string().contains("no background"));
}

#[test]
fn injected_rows_differ_as_their_kind_says() {
    let norm = Norm { function: NormFunction::Identity, offset: 0.0, scale: 1.0 };
    let constraint = Constraint { min: Some(0.0), integer: true, ..Constraint::default() };
    let columns = vec![ColumnSpec { name: "e".into(), width: 3, norm, zero_flag: false, constraint }];
    let transform = Transform { window: None, columns };
    let rows =
        Array2::from_shape_fn((400, 3), |(r, c)| if (r, c) == (7, 1) { f64::NAN } else { ((r * (c + 1)) % 50) as f64 });
    let made = |kind| inject(kind, &rows, &transform, 1);
    let differ = |a: &Array2<f64>| a.iter().zip(&rows).filter(|(a, b)| a.to_bits() != b.to_bits()).count();
    let hot = made(Injection::Hot);
    assert!((350..=400).contains(&differ(&hot)) && hot.iter().all(|v| v.is_nan() || *v <= 49.0));
    let shuffled = made(Injection::Shuffle);
    assert!(differ(&shuffled) > 1000);
    assert!(shuffled.rows().into_iter().any(|r| r[0] == 1.0 && r[1] != 2.0), "columns come from different rows");
    let noisy = made(Injection::Noise);
    assert!(differ(&noisy) > 800 && noisy.iter().all(|v| v.is_nan() || (v.fract() == 0.0 && *v >= 0.0)));
    assert_eq!(differ(&made(Injection::Noise)), differ(&noisy), "a seed gives the same rows");
    assert!("warm".parse::<Injection>().unwrap_err().to_string().contains("one of hot, shuffle, noise"));
}

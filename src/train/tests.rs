use super::*;
use crate::fixed::{Overflow, QFormat, Rounding};
use crate::model::Granular;
use crate::model::plan::LayerPlan;

/// A curved sheet in five dimensions: two numbers hold it, but no plane does.
fn sheet(rows: usize, phase: f32) -> Array2<f32> {
    Array2::from_shape_fn((rows, 5), |(i, j)| {
        let (a, b) = ((i as f32 * 0.61 + phase).sin(), (i as f32 * 1.37 + phase).cos());
        [a, b, a * b, a * a - 0.5, 2.0 + a - b][j]
    })
}

fn options() -> TrainOptions {
    TrainOptions {
        latent: 3,
        hidden: vec![8],
        decoder_hidden: vec![12],
        epochs: 12,
        qat_epochs: 6,
        batch: 64,
        learning_rate: 1e-2,
        seed: 5,
        ..TrainOptions::default()
    }
}

fn mse(t: &Trained, data: &Array2<f32>) -> f64 {
    let rows = data.outer_iter().map(|r| r.to_vec());
    let sum: f64 = rows
        .map(|x| {
            let y = t.decoder.forward(&t.encoder.forward(&x));
            x.iter().zip(&y).map(|(x, y)| f64::from(x - y).powi(2)).sum::<f64>()
        })
        .sum();
    sum / data.len() as f64
}

fn pca_mse(fit: &Array2<f32>, data: &Array2<f32>, k: usize) -> f64 {
    let p = pca(fit, k);
    let back = p.reconstruct(&p.project(data));
    (&back - data).iter().map(|d| f64::from(*d).powi(2)).sum::<f64>() / data.len() as f64
}

#[test]
fn training_starts_at_the_principal_components_and_improves_on_them() {
    let (data, held_out) = (sheet(600, 0.0), sheet(200, 0.3));
    let linear = TrainOptions { hidden: vec![], decoder_hidden: vec![], epochs: 0, ..options() };
    let start = train(&data, None, &[1.0; 5], &linear, &mut Session::new(&mut |_| {})).unwrap();
    let (at_start, rival) = (mse(&start, &held_out), pca_mse(&data, &held_out, 3));
    assert!((at_start / rival - 1.0).abs() < 1e-3, "{at_start} {rival}");
    let latents: Vec<f32> = data.outer_iter().map(|r| start.encoder.forward(&r.to_vec())[0]).collect();
    let variance = latents.iter().map(|z| f64::from(z * z)).sum::<f64>() / latents.len() as f64;
    assert!((variance - 1.0).abs() < 1e-2, "{variance}");

    let trained = train(&data, Some(&held_out), &[1.0; 5], &options(), &mut Session::new(&mut |_| {})).unwrap();
    assert!(mse(&trained, &held_out) < 0.3 * rival, "{} {rival}", mse(&trained, &held_out));
    // The loss the loop reports is the one the exported networks have.
    let best = trained.history.iter().filter_map(|e| e.validation_loss).fold(f64::INFINITY, f64::min);
    assert!((mse(&trained, &held_out) / best - 1.0).abs() < 1e-3);
}

#[test]
fn two_trainings_give_bit_identical_networks() {
    let data = sheet(300, 0.0);
    let run = |seed| {
        train(&data, None, &[1.0; 5], &TrainOptions { epochs: 3, seed, ..options() }, &mut Session::new(&mut |_| {}))
    };
    assert_eq!(run(1).unwrap(), run(1).unwrap());
    assert_ne!(run(1).unwrap(), run(2).unwrap());
}

fn plan(encoder: &Network) -> QuantPlan {
    let layers = encoder.layers.iter().map(|_| LayerPlan {
        weight: Granular::PerTensor(QFormat::signed(5, 3)),
        bias: Granular::PerTensor(QFormat::signed(8, 5)),
        output: Granular::PerTensor(QFormat::signed(6, 3)),
        rounding: Rounding::Truncate,
        overflow: Overflow::Saturate,
    });
    QuantPlan { input: Granular::PerTensor(QFormat::signed(8, 5)), layers: layers.collect() }
}

#[test]
fn fine_tuning_recovers_what_rounding_lost() {
    let (data, held_out) = (sheet(600, 0.0), sheet(200, 0.3));
    let trained = train(&data, Some(&held_out), &[1.0; 5], &options(), &mut Session::new(&mut |_| {})).unwrap();
    let plan = plan(&trained.encoder);
    let tune = |epochs| {
        let options = TrainOptions { qat_epochs: epochs, learning_rate: 2e-2, ..options() };
        fine_tune(&trained, &plan, &data, Some(&held_out), &[1.0; 5], &options, &mut Session::new(&mut |_| {})).unwrap()
    };
    assert_eq!(tune(0), trained);
    let tuned = tune(6);
    let aware: Vec<f64> =
        tuned.history.iter().filter(|e| e.phase == "quantization_aware").filter_map(|e| e.validation_loss).collect();
    assert_eq!((aware.len(), tuned.history[12].epoch), (6, 13));
    let rounded = rounded_loss(&trained, &plan, &held_out);
    assert!(rounded_loss(&tuned, &plan, &held_out) < 0.7 * rounded, "{aware:?} {rounded}");
}

/// The loss with the encoder quantized, by the training graph.
fn rounded_loss(t: &Trained, plan: &QuantPlan, data: &Array2<f32>) -> f64 {
    let device = Device::flex();
    let fake = FakeNetwork::new(plan, &t.encoder, &device).unwrap();
    let graph = Graph::new(&t.encoder, &device);
    let z = graph.forward(&graph::parameters(&t.encoder, &device), fit::tensor(data, &device), Some(&fake));
    let z: Vec<f32> = z.into_data().try_to_vec().unwrap();
    let rows = z.chunks(t.encoder.n_out()).zip(data.outer_iter());
    let errors = rows.map(|(z, x)| {
        let y = t.decoder.forward(z);
        x.iter().zip(&y).map(|(x, y)| f64::from(x - y).powi(2)).sum::<f64>()
    });
    errors.sum::<f64>() / data.len() as f64
}

#[test]
fn a_diverging_loss_is_an_error_with_a_hint() {
    let data = sheet(100, 0.0) * 1e15;
    let wild = TrainOptions { learning_rate: 1e30, ..options() };
    let e = train(&data, None, &[1.0; 5], &wild, &mut Session::new(&mut |_| {})).unwrap_err();
    assert_eq!(e.code(), Code::Training);
    assert!(e.to_string().contains("lower the learning rate"), "{e}");
}

#[test]
fn data_and_options_that_do_not_fit_are_rejected() {
    let data = sheet(10, 0.0);
    let e = train(&data, None, &[1.0; 4], &options(), &mut Session::new(&mut |_| {})).unwrap_err();
    assert_eq!(e.what(), "4 loss weights for 5 features");
    let e = train(&data, None, &[1.0; 5], &TrainOptions { latent: 6, ..options() }, &mut Session::new(&mut |_| {}))
        .unwrap_err();
    assert_eq!(e.what(), "`latent` is 6, the rows have 5 features");
    let mut bad = data.clone();
    bad[[3, 2]] = f32::NAN;
    let e = train(&bad, None, &[1.0; 5], &options(), &mut Session::new(&mut |_| {})).unwrap_err();
    assert!(e.to_string().contains("row 3, feature 2"), "{e}");
}

/// Trains and tunes with checkpoints beside `model`; `kill` is the epoch in which the process "dies".
fn both_phases(model: &Path, kill: Option<usize>) -> Trained {
    let (data, held_out) = (sheet(300, 0.0), sheet(100, 0.3));
    let options = TrainOptions { epochs: 7, checkpoint_every: 2, noise: 0.01, ..options() };
    let mut dies = |e: &Epoch| assert_ne!(Some(e.epoch), kill, "killed");
    let mut session = Session { progress: &mut dies, checkpoint: Some((model, "key")) };
    let trained = train(&data, Some(&held_out), &[1.0; 5], &options, &mut session).unwrap();
    let plan = plan(&trained.encoder);
    fine_tune(&trained, &plan, &data, Some(&held_out), &[1.0; 5], &options, &mut session).unwrap()
}

#[test]
fn a_training_killed_in_either_phase_ends_with_the_bits_of_one_that_was_not() {
    let folder = tempfile::tempdir().unwrap();
    let whole = both_phases(&folder.path().join("whole.json"), None);
    assert_eq!(whole.history.len(), 13);
    let model = folder.path().join("killed.json");
    // Epoch 6 is the last but one of the float phase, epoch 11 lies in the quantization-aware one.
    for (kill, phase, saved) in [(6, FLOAT, 4), (11, AWARE, 2)] {
        let died = std::panic::catch_unwind(|| both_phases(&model, Some(kill)));
        assert!(died.is_err(), "epoch {kill} was never reached");
        let text = std::fs::read_to_string(checkpoint::path_of(&model, phase)).unwrap();
        assert!(text.contains(&format!("\"epoch\":{saved},")), "killed in epoch {kill}: {}", &text[..200]);
    }
    assert_eq!(both_phases(&model, None), whole);
    remove_checkpoints(&model);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "those of the other model");
}

#[test]
fn a_checkpoint_of_other_data_or_options_is_not_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("m.json");
    let data = sheet(100, 0.0);
    let run = |key: &str, epochs| {
        let mut session = Session { progress: &mut |_| {}, checkpoint: Some((&model, key)) };
        train(&data, None, &[1.0; 5], &TrainOptions { epochs, ..options() }, &mut session).unwrap()
    };
    let (three, six) = (run("a", 3), run("b", 6));
    assert_ne!(three.encoder, six.encoder);
    assert_eq!(run("b", 6), six, "finished: nothing is left to do");
    std::fs::write(checkpoint::path_of(&model, FLOAT), "{\"key\":").unwrap();
    assert_eq!(run("b", 6), six, "a damaged checkpoint only means starting over");
}

#[test]
fn training_stops_when_patience_runs_out_and_returns_the_best_epoch() {
    let (data, held_out) = (sheet(60, 0.0), sheet(60, 0.3) * 3.0);
    // Far from its rows the network gets worse with every step; the start is the best there is.
    let options = TrainOptions { epochs: 200, patience: 3, learning_rate: 3e-2, ..options() };
    let stopped = train(&data, Some(&held_out), &[1.0; 5], &options, &mut Session::new(&mut |_| {})).unwrap();
    let losses: Vec<f64> = stopped.history.iter().map(|e| e.validation_loss.unwrap()).collect();
    assert!(losses.len() < 200, "never stopped");
    let untrained = TrainOptions { epochs: 0, ..options };
    let start = train(&data, Some(&held_out), &[1.0; 5], &untrained, &mut Session::new(&mut |_| {})).unwrap();
    let best = losses.iter().copied().fold(mse(&start, &held_out), f64::min);
    assert!(losses[losses.len() - 3..].iter().all(|l| *l > best * 1.001), "{losses:?} {best}");
    assert!((mse(&stopped, &held_out) / best - 1.0).abs() < 1e-3, "{} {best}", mse(&stopped, &held_out));
}

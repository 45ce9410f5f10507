use super::*;
use crate::fixed::{Overflow, QFormat, Rounding};
use crate::model::Granular;
use crate::model::plan::LayerPlan;
use burn::tensor::{Tensor, TensorData};
use rand_chacha::rand_core::Rng as _;

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
            let y = t.forward(&x);
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
    let start = train(&data, None, &Weights::even(5), &linear, &mut Session::new(&mut |_| {})).unwrap();
    let (at_start, rival) = (mse(&start, &held_out), pca_mse(&data, &held_out, 3));
    assert!((at_start / rival - 1.0).abs() < 1e-3, "{at_start} {rival}");
    let latents: Vec<f32> = data.outer_iter().map(|r| start.encoder.forward(&r.to_vec())[0]).collect();
    let variance = latents.iter().map(|z| f64::from(z * z)).sum::<f64>() / latents.len() as f64;
    assert!((variance - 1.0).abs() < 1e-2, "{variance}");

    let trained = train(&data, Some(&held_out), &Weights::even(5), &options(), &mut Session::new(&mut |_| {})).unwrap();
    assert!(mse(&trained, &held_out) < 0.3 * rival, "{} {rival}", mse(&trained, &held_out));
    // The loss the loop reports is the one the exported networks have.
    let best = trained.history.iter().filter_map(|e| e.validation_loss).fold(f64::INFINITY, f64::min);
    assert!((mse(&trained, &held_out) / best - 1.0).abs() < 1e-3);
}

#[test]
fn two_trainings_give_bit_identical_networks() {
    let data = sheet(300, 0.0);
    let run = |seed| {
        train(
            &data,
            None,
            &Weights::even(5),
            &TrainOptions { epochs: 3, seed, ..options() },
            &mut Session::new(&mut |_| {}),
        )
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
    let trained = train(&data, Some(&held_out), &Weights::even(5), &options(), &mut Session::new(&mut |_| {})).unwrap();
    let plan = plan(&trained.encoder);
    let tune = |epochs| {
        let options = TrainOptions { qat_epochs: epochs, learning_rate: 2e-2, ..options() };
        fine_tune(&trained, &plan, &data, Some(&held_out), &Weights::even(5), &options, &mut Session::new(&mut |_| {}))
            .unwrap()
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
    let z =
        graph.forward(&graph::parameters(&t.encoder, &device), fit::tensor(data, &device), graph::Grids::Fixed(&fake));
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
    let e = train(&data, None, &Weights::even(5), &wild, &mut Session::new(&mut |_| {})).unwrap_err();
    assert_eq!(e.code(), Code::Training);
    assert!(e.to_string().contains("lower the learning rate"), "{e}");
}

#[test]
fn data_and_options_that_do_not_fit_are_rejected() {
    let data = sheet(10, 0.0);
    let e = train(&data, None, &Weights::even(4), &options(), &mut Session::new(&mut |_| {})).unwrap_err();
    assert_eq!(e.what(), "4 loss weights for 5 features");
    let e =
        train(&data, None, &Weights::even(5), &TrainOptions { latent: 6, ..options() }, &mut Session::new(&mut |_| {}))
            .unwrap_err();
    assert_eq!(e.what(), "`latent` is 6, the rows have 5 features");
    let mut bad = data.clone();
    bad[[3, 2]] = f32::NAN;
    let e = train(&bad, None, &Weights::even(5), &options(), &mut Session::new(&mut |_| {})).unwrap_err();
    assert!(e.to_string().contains("row 3, feature 2"), "{e}");
}

/// Trains in all phases with checkpoints beside `model`; `kill` is the epoch in which the process "dies".
fn all_phases(model: &Path, kill: Option<usize>, priced: bool) -> Trained {
    let (data, held_out) = (sheet(300, 0.0), sheet(100, 0.3));
    let budget = Budget { lut: Some(30), ..Budget::default() };
    let widths = WidthOptions { epochs: 5, budget, ..WidthOptions::default() };
    let price = if priced { 1e-2 } else { 0.0 };
    let options = TrainOptions {
        epochs: 7,
        widths,
        checkpoint_every: 2,
        noise: 0.01,
        rate_price: price,
        sliced_wasserstein: price,
        variational: price,
        ..options()
    };
    let measure = |_: &Network, plan: &QuantPlan| Ok(Hardware { lut: f64::from(latent_bits(plan)), latency_ns: 1.0 });
    let mut dies = |e: &Epoch| assert_ne!(Some(e.epoch), kill, "killed");
    let mut session = Session { progress: &mut dies, checkpoint: Some((model, "key")) };
    let trained = train(&data, Some(&held_out), &Weights::even(5), &options, &mut session).unwrap();
    let plan = plan(&trained.encoder);
    let (trained, plan) =
        learn_widths(&trained, &plan, &data, &Weights::even(5), &options, Some(&measure), &mut session).unwrap();
    fine_tune(&trained, &plan, &data, Some(&held_out), &Weights::even(5), &options, &mut session).unwrap()
}

#[test]
fn a_training_killed_in_any_phase_ends_with_the_bits_of_one_that_was_not() {
    let folder = tempfile::tempdir().unwrap();
    let whole = all_phases(&folder.path().join("whole.json"), None, false);
    assert_eq!(whole.history.len(), 18);
    let model = folder.path().join("killed.json");
    // Epoch 6 is the last but one of the float phase, 11 that of widths, 16 lies in the quantization-aware one.
    for (kill, phase, saved) in [(6, FLOAT, 4), (11, WIDTHS, 2), (16, AWARE, 2)] {
        let died = std::panic::catch_unwind(|| all_phases(&model, Some(kill), false));
        assert!(died.is_err(), "epoch {kill} was never reached");
        let text = std::fs::read_to_string(checkpoint::path_of(&model, phase)).unwrap();
        assert!(text.contains(&format!("\"epoch\":{saved},")), "killed in epoch {kill}: {}", &text[..200]);
    }
    assert_eq!(all_phases(&model, None, false), whole);
    remove_checkpoints(&model);
    // Draws, and lengths of codes, are those of the epoch.
    let priced = all_phases(&model, None, true);
    remove_checkpoints(&model);
    for kill in [6, 11, 16] {
        assert!(std::panic::catch_unwind(|| all_phases(&model, Some(kill), true)).is_err());
    }
    assert_eq!(all_phases(&model, None, true), priced);
    assert_ne!(priced, whole);
    remove_checkpoints(&model);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3, "those of the other model");
}

#[test]
fn a_checkpoint_of_other_data_or_options_is_not_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("m.json");
    let data = sheet(100, 0.0);
    let run = |key: &str, epochs| {
        let mut session = Session { progress: &mut |_| {}, checkpoint: Some((&model, key)) };
        train(&data, None, &Weights::even(5), &TrainOptions { epochs, ..options() }, &mut session).unwrap()
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
    let stopped = train(&data, Some(&held_out), &Weights::even(5), &options, &mut Session::new(&mut |_| {})).unwrap();
    let losses: Vec<f64> = stopped.history.iter().map(|e| e.validation_loss.unwrap()).collect();
    assert!(losses.len() < 200, "never stopped");
    let untrained = TrainOptions { epochs: 0, ..options };
    let start = train(&data, Some(&held_out), &Weights::even(5), &untrained, &mut Session::new(&mut |_| {})).unwrap();
    let best = losses.iter().copied().fold(mse(&start, &held_out), f64::min);
    assert!(losses[losses.len() - 3..].iter().all(|l| *l > best * 1.001), "{losses:?} {best}");
    assert!((mse(&stopped, &held_out) / best - 1.0).abs() < 1e-3, "{} {best}", mse(&stopped, &held_out));
}

/// Rows, a network of theirs, and the formats that calibration might give it.
fn wide() -> (Array2<f32>, Trained, QuantPlan) {
    let data = sheet(600, 0.0);
    let trained = train(&data, None, &Weights::even(5), &options(), &mut Session::new(&mut |_| {})).unwrap();
    let layers = trained.encoder.layers.iter().map(|l| LayerPlan {
        weight: Granular::PerTensor(QFormat::signed(10, 7)),
        bias: Granular::PerTensor(QFormat::signed(16, 12)),
        output: Granular::PerTensor(match l.activation {
            crate::model::Activation::Relu => QFormat::unsigned(10, 7),
            _ => QFormat::signed(11, 7),
        }),
        rounding: Rounding::Truncate,
        overflow: Overflow::Saturate,
    });
    let plan = QuantPlan { input: Granular::PerTensor(QFormat::signed(12, 9)), layers: layers.collect() };
    (data, trained, plan)
}

fn learn(widths: WidthOptions, measure: Option<&Measure<'_>>) -> (Trained, QuantPlan, f64) {
    let (data, trained, plan) = wide();
    let options = TrainOptions { widths, ..options() };
    let (learned, plan) =
        learn_widths(&trained, &plan, &data, &Weights::even(5), &options, measure, &mut Session::new(&mut |_| {}))
            .unwrap();
    let loss = rounded_loss(&learned, &plan, &sheet(200, 0.3));
    (learned, plan, loss)
}

fn weights_left(t: &Trained) -> usize {
    t.encoder.layers.iter().flat_map(|l| l.op.weights().0).flatten().filter(|w| **w != 0.0).count()
}

fn latent_bits(plan: &QuantPlan) -> u32 {
    plan.layers.last().unwrap().output.values().iter().map(|f| f.width).sum()
}

#[test]
fn higher_prices_leave_fewer_weights_and_bits_and_cost_precision() {
    let of = |price| {
        let prices = WidthOptions { epochs: 60, adder_price: price, latent_price: price, ..WidthOptions::default() };
        learn(prices, None)
    };
    let (free, free_plan, free_loss) = of(0.0);
    let (dear, dear_plan, dear_loss) = of(2e-2);
    assert!(weights_left(&dear) * 2 < weights_left(&free), "{} {}", weights_left(&dear), weights_left(&free));
    assert!(latent_bits(&dear_plan) < latent_bits(&free_plan) - 5, "{dear_plan:?} {free_plan:?}");
    assert!(dear_loss > free_loss, "{dear_loss} {free_loss}");
    // Still far better than nothing.
    let variance = mse(&Trained { encoder: silent(&dear.encoder), ..dear.clone() }, &sheet(200, 0.3));
    assert!(dear_loss < 0.3 * variance, "{dear_loss} {variance}");
}

/// The network without weights.
fn silent(network: &Network) -> Network {
    let zeros: Vec<Vec<f32>> =
        graph::parameters(network, &Device::flex()).into_iter().map(|t| vec![0.0; t.dims().iter().product()]).collect();
    graph::with_parameters(network, &zeros)
}

#[test]
fn the_formats_found_are_those_that_were_trained() {
    let (data, trained, start) = wide();
    let (learned, own) = LearnedWidths::new(&start, &trained.encoder);
    let device = Device::flex();
    let mut formats: Vec<Vec<f32>> = own.iter().map(|(p, _)| p.clone()).collect();
    // Bits that are no whole numbers, channels that are nothing but 0, weights that are pruned.
    formats.iter_mut().flatten().enumerate().for_each(|(i, b)| *b -= (i * 7 % 23) as f32 * 0.3);
    let mut weights: Vec<Vec<f32>> = graph::parameters(&trained.encoder, &device).into_iter().map(fit::read).collect();
    let tensor = |values: &Vec<f32>, shape| Tensor::<2>::from_data(TensorData::new(values.clone(), shape), &device);
    let as_tensors: Vec<Tensor<2>> = formats.iter().zip(&own).map(|(f, (_, shape))| tensor(f, *shape)).collect();
    let graph = Graph::new(&trained.encoder, &device);
    let grids = graph::Grids::Learned(&learned, &as_tensors);
    // Biases are rounded by the plan alone: here there are none.
    weights.iter_mut().skip(1).step_by(2).for_each(|b| b.fill(0.0));
    let bare = graph::with_parameters(&trained.encoder, &weights);
    let z = fit::read(graph.forward(&graph::parameters(&bare, &device), fit::tensor(&data, &device), grids));

    let plan = learned.plan(&mut weights, &formats);
    let pruned = graph::with_parameters(&trained.encoder, &weights);
    assert!(weights_left(&Trained { encoder: pruned.clone(), ..trained.clone() }) < weights_left(&trained));
    let fake = FakeNetwork::new(&plan, &pruned, &device).unwrap();
    let grids = graph::Grids::Fixed(&fake);
    let again = fit::read(graph.forward(&graph::parameters(&pruned, &device), fit::tensor(&data, &device), grids));
    assert_eq!(z, again);
    assert!(z.iter().any(|v| *v != 0.0));
}

#[test]
fn gradients_of_bits_tell_what_one_more_would_do() {
    let device = Device::flex();
    let one = |v: f32| Tensor::<2>::from_data([[v]], &device).autodiff().require_grad();
    let gradient = |t: &Tensor<2>, all: &burn::tensor::Gradients| t.grad(all).unwrap().into_scalar::<f32>();
    // 0.3 at one fraction bit is 0.5: wrong by -0.2, which halves with a bit more, so that the number falls by ln 2 of it.
    let (w, frac) = (one(0.3), one(1.2));
    let all = widths::rounded(w.clone(), &frac).sum().backward();
    assert_eq!(gradient(&w, &all), 1.0);
    assert!((gradient(&frac, &all) + 0.2 * std::f32::consts::LN_2).abs() < 1e-6);
    // 5 does not fit into one integer bit: twice the range would be 2 more. What is saturated does not move with its input.
    let (y, frac, whole) = (one(5.0), one(2.0), one(1.0));
    let all = widths::limited(y.clone(), &frac, &whole, &|_| false, true).sum().backward();
    assert_eq!((gradient(&y, &all), gradient(&frac, &all)), (0.0, 0.0));
    assert!((gradient(&whole, &all) - 2.0 * std::f32::consts::LN_2).abs() < 1e-6);
}

#[test]
fn a_budget_is_met_by_prices_that_follow_it() {
    // A stand-in for the compiler: ten lookup tables for each signed digit of each weight.
    let measure = |network: &Network, plan: &QuantPlan| {
        let bits = |(layer, formats): (&crate::model::Layer, &LayerPlan)| {
            let rows = layer.op.weights().0.iter().enumerate();
            let digits = rows.flat_map(|(r, row)| {
                let one = move |(c, w): (usize, &f32)| {
                    let number = (w.abs() * (formats.weight.at(r, c).frac as f32).exp2()).round() as u32;
                    10 * (number ^ (3 * number)).count_ones()
                };
                row.iter().enumerate().map(one)
            });
            digits.sum::<u32>()
        };
        let lut = network.layers.iter().zip(&plan.layers).map(bits).sum::<u32>();
        Ok(Hardware { lut: f64::from(lut), latency_ns: 1.0 })
    };
    for (lut, latent_bits_most) in [(500, 18), (250, 14)] {
        let budget = Budget { lut: Some(lut), latent_bits: Some(latent_bits_most), ..Budget::default() };
        let widths = WidthOptions { epochs: 150, budget, ..WidthOptions::default() };
        let (learned, plan, _) = learn(widths, Some(&measure));
        let got = measure(&learned.encoder, &plan).unwrap().lut;
        assert!(got <= lut as f64 && got > 0.6 * lut as f64, "{got} of {lut}");
        let bits = latent_bits(&plan);
        assert!(bits <= latent_bits_most as u32 && bits + 5 > latent_bits_most as u32, "{bits} of {latent_bits_most}");
    }
}

/// Bits that an ideal code of each latent for itself takes, of the sum of all.
fn entropy(t: &Trained, plan: &QuantPlan, data: &Array2<f32>) -> f64 {
    let device = Device::flex();
    let fake = FakeNetwork::new(plan, &t.encoder, &device).unwrap();
    let parameters = graph::parameters(&t.encoder, &device);
    let grids = graph::Grids::Fixed(&fake);
    let z = Graph::new(&t.encoder, &device).forward(&parameters, fit::tensor(data, &device), grids);
    let z = Array2::from_shape_vec((data.nrows(), t.encoder.n_out()), fit::read(z)).unwrap();
    let bits = |column: ndarray::ArrayView1<f32>| {
        let mut counts = std::collections::BTreeMap::new();
        column.iter().for_each(|v| *counts.entry(v.to_bits()).or_insert(0.0) += 1.0);
        counts.values().map(|c: &f64| c / data.nrows() as f64).map(|p| -p * p.log2()).sum::<f64>()
    };
    z.columns().into_iter().map(bits).sum()
}

#[test]
fn a_price_of_information_buys_more_than_one_of_bits() {
    let of = |latent_price, rate_price| {
        let (data, trained, plan) = wide();
        let widths = WidthOptions { epochs: 120, adder_price: 1e-5, latent_price, ..WidthOptions::default() };
        let options = TrainOptions { widths, rate_price, ..options() };
        let mut quiet = |_: &Epoch| {};
        let session = &mut Session::new(&mut quiet);
        let (learned, plan) = learn_widths(&trained, &plan, &data, &Weights::even(5), &options, None, session).unwrap();
        let held_out = sheet(400, 0.3);
        (rounded_loss(&learned, &plan, &held_out), entropy(&learned, &plan, &held_out))
    };
    let (free, by_width, by_rate) = (of(0.0, 0.0), of(1e-2, 0.0), of(0.0, 1.2e-2));
    assert!(by_rate.1 < 0.7 * free.1, "{free:?} {by_rate:?}");
    // Two numbers hold a row: for a bit more in both together the squared error halves.
    let at_equal_bits = by_rate.0 / by_width.0 * (by_rate.1 - by_width.1).exp2();
    assert!(at_equal_bits < 0.9, "{by_width:?} {by_rate:?}");
}

#[test]
fn a_variational_autoencoder_bears_noise_on_its_latents() {
    let data = sheet(600, 0.0);
    let noisy = |variational| {
        let options = TrainOptions { variational, latent: 2, epochs: 60, ..options() };
        let t = train(&data, None, &Weights::even(5), &options, &mut Session::new(&mut |_| {})).unwrap();
        let mut rng = initial::generator(3, 0);
        let rows = data.outer_iter().map(|x| {
            let mut z = t.encoder.forward(&x.to_vec());
            initial::add_noise(&mut z, 0.4, &mut rng);
            let y = t.decoder.forward(&z);
            x.iter().zip(&y).map(|(x, y)| f64::from(x - y).powi(2)).sum::<f64>()
        });
        rows.sum::<f64>() / data.len() as f64
    };
    let (plain, variational) = (noisy(0.0), noisy(0.3));
    assert!(variational < 0.9 * plain, "{variational} {plain}");
}

#[test]
fn latents_are_led_to_normal_ones() {
    let data = sheet(600, 0.0);
    let far = |sliced_wasserstein| {
        let options = TrainOptions { sliced_wasserstein, latent: 2, epochs: 80, ..options() };
        let t = train(&data, None, &Weights::even(5), &options, &mut Session::new(&mut |_| {})).unwrap();
        let z: Vec<f32> = data.outer_iter().flat_map(|x| t.encoder.forward(&x.to_vec())).collect();
        prior::sliced_wasserstein(&z, 2, 1.0, &mut initial::generator(3, 0), &mut vec![0.0; z.len()])
    };
    let (free, led) = (far(0.0), far(30.0));
    assert!(led < 0.7 * free, "{led} {free}");
}

#[test]
fn huber_s_loss_does_not_follow_a_few_rows_that_are_far_off() {
    let mut data = sheet(600, 0.0);
    let held_out = sheet(200, 0.3);
    data.outer_iter_mut().step_by(40).for_each(|mut row| row[1] += 40.0);
    let of = |huber| {
        let options = TrainOptions { huber, linear_path: false, epochs: 60, ..options() };
        let t = train(&data, None, &Weights::even(5), &options, &mut Session::new(&mut |_| {})).unwrap();
        mse(&t, &held_out)
    };
    let (squares, huber) = (of(0.0), of(0.3));
    assert!(huber < 0.5 * squares, "{huber} {squares}");
}

#[test]
fn an_image_loss_keeps_the_sum_of_an_image() {
    // Eight cells of independent charges: what three latents keep is a matter of taste.
    let data = Array2::from_shape_fn((600, 8), |(i, j)| ((i * (2 * j + 3)) as f32 * 0.37).sin());
    let of = |image_loss| {
        let options = TrainOptions { image_loss, latent: 2, epochs: 60, linear_path: false, ..options() };
        let t = train(&data, None, &Weights::even(8), &options, &mut Session::new(&mut |_| {})).unwrap();
        let error = |x: ndarray::ArrayView1<f32>| {
            f64::from(t.decoder.forward(&t.encoder.forward(&x.to_vec())).iter().sum::<f32>() - x.sum()).powi(2)
        };
        (data.outer_iter().map(error).sum::<f64>() / 600.0).sqrt()
    };
    let (free, kept) = (of(None), of(Some(ImageLoss { weight: 1.0, shape: [1, 8, 1] })));
    assert!(kept < 0.6 * free, "{kept} {free}");
}

#[test]
fn an_encoder_of_a_set_does_not_see_the_order_of_its_members() {
    // Four particles of two numbers, the last ones missing in some rows.
    let data = Array2::from_shape_fn((400, 8), |(i, j)| {
        let (member, column) = (j / 2, j % 2);
        let there = member < 1 + i % 4;
        if there { ((i * (7 * member + 3) + 5 * column) as f32 * 0.37).sin() + column as f32 } else { 0.0 }
    });
    let by_column = Array2::from_shape_fn((400, 8), |(i, j)| data[(i, (j % 4) * 2 + j / 4)]);
    let trained = |data: &Array2<f32>, by_column: bool, epochs: usize| {
        let set = Some(SetOptions { members: 4, layers: vec![6, 5], by_column });
        let options = TrainOptions { set, linear_path: false, latent: 4, epochs, ..options() };
        train(data, None, &Weights::even(8), &options, &mut Session::new(&mut |_| {})).unwrap()
    };
    let t = trained(&data, false, 40);
    let row = data.row(3).to_vec();
    let turned: Vec<f32> = (0..8).map(|j| row[(j + 2) % 8]).collect();
    let close = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-4);
    let z = t.encoder.forward(&row);
    assert!(close(&z, &t.encoder.forward(&turned)) && z != t.encoder.forward(&data.row(4).to_vec()));
    // The sum stays a sum, where widths are trained and in the quantization-aware phase too.
    let is_sum = |t: &Trained| {
        let sum = t.encoder.layers.iter().find(|l| l.name == "sum").unwrap();
        sum.op.weights().0.iter().flatten().all(|w| *w == 0.0 || *w == 1.0)
    };
    let widths = WidthOptions { epochs: 20, adder_price: 1e-3, ..WidthOptions::default() };
    let set = Some(SetOptions { members: 4, layers: vec![6, 5], by_column: false });
    let options = TrainOptions { set, linear_path: false, latent: 4, widths, ..options() };
    let (weights, mut quiet) = (Weights::even(8), |_: &Epoch| {});
    let session = &mut Session::new(&mut quiet);
    let (learned, formats) = learn_widths(&t, &plan(&t.encoder), &data, &weights, &options, None, session).unwrap();
    let tuned = fine_tune(&learned, &formats, &data, None, &weights, &options, session).unwrap();
    assert!(is_sum(&t) && is_sum(&learned) && is_sum(&tuned));
    assert_ne!(tuned.encoder, t.encoder);
    let variance = mse(&Trained { encoder: silent(&t.encoder), ..t.clone() }, &data);
    assert!(mse(&t, &data) < 0.7 * variance, "{} {variance}", mse(&t, &data));
    // The same rows in another layout are the same sets.
    let (start, other) = (trained(&data, false, 0), trained(&by_column, true, 0));
    assert!(close(&start.encoder.forward(&row), &other.encoder.forward(&by_column.row(3).to_vec())));
}

/// Rows of six hits on a line, which each row has in another order: where they lie, and two numbers of the line.
fn hits(rows: usize, seed: u64) -> Array2<f32> {
    let mut rng = initial::generator(seed, 99);
    let mut data = Array2::zeros((rows, 12));
    for mut row in data.rows_mut() {
        let mut number = || (rng.next_u32() >> 8) as f32 / (1u32 << 23) as f32 - 1.0;
        let (slope, offset) = (number(), number());
        for hit in 0..6 {
            let x = number();
            row[2 * hit] = x;
            row[2 * hit + 1] = slope * x + offset;
        }
    }
    data
}

#[test]
fn a_transformer_is_trained_with_the_encoder_and_stays_when_formats_come() {
    let (data, held_out) = (hits(2000, 1), hits(300, 2));
    let transformer = Some(TransformerOptions { tokens: 6, width: 16, heads: 2, blocks: 1, by_column: false });
    let options = TrainOptions {
        latent: 8,
        hidden: vec![16],
        decoder_hidden: vec![32],
        epochs: 30,
        qat_epochs: 3,
        batch: 64,
        learning_rate: 0.004,
        transformer,
        ..TrainOptions::default()
    };
    let weights = Weights::even(12);
    let mut silent = |_: &Epoch| {};
    let trained = train(&data, Some(&held_out), &weights, &options, &mut Session::new(&mut silent)).unwrap();
    let again = train(&data, Some(&held_out), &weights, &options, &mut Session::new(&mut silent)).unwrap();
    assert_eq!(trained, again);
    let (first, rival) = (mse(&trained, &held_out), pca_mse(&data, &held_out, 8));
    let dense = TrainOptions { transformer: None, ..options.clone() };
    let dense = train(&data, Some(&held_out), &weights, &dense, &mut Session::new(&mut silent)).unwrap();
    let dense = mse(&dense, &held_out);
    assert!(first < 0.7 * rival && first < 0.9 * dense, "{first} {dense} {rival}");
    let before = trained.transformer.clone().unwrap();
    before.check().unwrap();
    let mut plan = plan(&trained.encoder);
    plan.input = Granular::PerTensor(QFormat::signed(12, 8));
    for layer in &mut plan.layers {
        layer.weight = Granular::PerTensor(QFormat::signed(14, 11));
        layer.bias = Granular::PerTensor(QFormat::signed(14, 11));
        layer.output = Granular::PerTensor(QFormat::signed(14, 9));
    }
    let tuned =
        fine_tune(&trained, &plan, &data, Some(&held_out), &weights, &options, &mut Session::new(&mut silent)).unwrap();
    assert_eq!(tuned.transformer, Some(before));
    assert!(
        tuned.encoder != trained.encoder && mse(&tuned, &held_out) < 1.3 * first,
        "{} {first}",
        mse(&tuned, &held_out)
    );
}

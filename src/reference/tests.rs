use std::path::{Path, PathBuf};

use ::fixed::types::extra::{U4, U5, U8, U13};
use ::fixed::{FixedI16, FixedI32, FixedI64, FixedU8};
use ndarray::{Array2, array};
use proptest::prelude::*;

use super::*;
use crate::model::vectors::Vectors;
use crate::model::{Conv2d, Granular, IntegerLayer, IntegerOp, Layer, Network, Op, neutral};
use crate::quantize::{QuantizeOptions, apply, calibrate};

fn dense(name: &str, inputs: &[&str], weights: Vec<Vec<i64>>, bias: Vec<i64>) -> IntegerLayer {
    IntegerLayer {
        name: name.into(),
        inputs: inputs.iter().map(|s| (*s).to_owned()).collect(),
        op: IntegerOp::Dense,
        weights,
        weight_format: Granular::PerTensor(QFormat::signed(10, 5)),
        bias,
        bias_format: Granular::PerTensor(QFormat::signed(12, 8)),
        activation: Activation::Relu,
        output_format: Granular::PerTensor(QFormat::unsigned(8, 4)),
        rounding: Rounding::Truncate,
        overflow: Overflow::Saturate,
    }
}

fn network(n_in: usize, layers: Vec<IntegerLayer>) -> IntegerNetwork {
    IntegerNetwork { n_in, input: Granular::PerTensor(QFormat::signed(12, 8)), layers }
}

#[test]
fn a_dense_layer_equals_the_fixed_crate() {
    let (w, b) = ([300, -511, 77], -1000);
    let engine = Engine::new(&network(3, vec![dense("d", &["x"], vec![w.to_vec()], vec![b])])).unwrap();
    let (mut saturated, mut cut) = (0, 0);
    for k in 0..4000i64 {
        let x = [k * 7 % 4096 - 2048, k * 31 % 4096 - 2048, k * 101 % 4096 - 2048];
        let product = |i: usize| -> FixedI64<U13> {
            FixedI32::<U8>::from_bits(x[i] as i32).wide_mul(FixedI32::<U5>::from_bits(w[i] as i32))
        };
        let bias: FixedI64<U13> = FixedI16::<U8>::from_bits(b as i16).to_num();
        let acc = product(0) + product(1) + product(2) + bias;
        let y: FixedU8<U4> = acc.max(FixedI64::ZERO).saturating_to_num();
        assert_eq!(engine.accumulators(&x), [[acc.to_bits()]]);
        assert_eq!(engine.infer(&x), [i64::from(y.to_bits())]);
        saturated += usize::from(y == FixedU8::<U4>::MAX);
        cut += usize::from(acc < 0);
    }
    assert!(saturated > 100 && cut > 100 && saturated + cut < 3900);
}

#[test]
fn a_layer_may_read_the_input_again() {
    let layers =
        vec![dense("h", &["x"], vec![vec![32, 0]], vec![0]), dense("z", &["x", "h"], vec![vec![0, 32, 64]], vec![0])];
    let engine = Engine::new(&network(2, layers)).unwrap();
    // x = [1, 2]: h = 1, z = 2 + 2 * 1.
    assert_eq!(engine.infer_all(&[256, 512]), [vec![256, 512], vec![16], vec![64]]);
}

#[test]
fn an_input_outside_its_format_is_rejected() {
    let engine = Engine::new(&network(2, vec![dense("d", &["x"], vec![vec![1, 1]], vec![0])])).unwrap();
    assert_eq!(engine.try_infer(&[0]).unwrap_err().code(), Code::DataShape);
    let e = engine.try_infer(&[0, 2048]).unwrap_err();
    assert_eq!((e.code(), e.what()), (Code::FormatRange, "input word 1: 2048 does not fit fixed<12,4>"));
    assert_eq!(engine.try_infer(&[0, 2047]).unwrap(), [3]);
}

#[test]
fn neutral_semantics_wrap_and_saturate() {
    let text = |overflow: &str| {
        format!(
            r#"{{"schema": [], "name": "n", "input": {{"n": 2, "width": 6, "frac": 2, "signed": true}},
            "layers": [{{"type": "dense", "n_in": 2, "n_out": 1, "w_width": 4, "w_frac": 1, "weights": [[3, -5]],
            "bias": [1], "bias_frac": 1, "activation": "none",
            "quant": {{"signed": true, "width": 4, "frac": 1, "round": "TRN", "overflow": "{overflow}"}}}}]}}"#
        )
    };
    let infer = |overflow: &str, x: [i64; 2]| {
        Engine::new(&neutral::import(&text(overflow), Path::new("n.json")).unwrap().encoder).unwrap().infer(&x)
    };
    // acc = 3 * 9 + 5 * 7 + (1 << 2) = 66 in eighths; floor(66 / 4) = 16.
    assert_eq!(infer("SAT", [9, -7]), [7]);
    assert_eq!(infer("WRAP", [9, -7]), [0]);
    // acc = -3 - 10 + 4 = -9; floor(-9 / 4) = -3.
    assert_eq!(infer("SAT", [-1, 2]), [-3]);
}

/// The folder of shared models beside the repository, if this machine has it.
#[test]
fn tables_maxima_and_averages_are_what_the_model_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/tables.quant.json");
    let network = crate::model::QuantizedModel::load(&path).unwrap().encoder;
    let engine = Engine::new(&network).unwrap();
    // By hand: input, its table, the largest of all and of the right column, the mean of each row, two neurons, their tables.
    let wanted = [vec![3, -5, 7, -8], vec![6, -9, 12, -13], vec![7, -5], vec![-1, 0], vec![15, -6], vec![16, 3]];
    assert_eq!(engine.infer_all(&[3, -5, 7, -8]), wanted);
    assert_eq!(engine.infer(&[-8, -8, -3, -1]), [-7, 1]);
    let inputs = Array2::from_shape_fn((100, 4), |(r, c)| (r * 7 + c * 5) as i64 % 16 - 8);
    let batch = engine.infer_batch(&inputs);
    for (x, y) in inputs.rows().into_iter().zip(batch.rows()) {
        assert_eq!(engine.infer(&x.to_vec()), y.to_vec());
    }
}

fn shared_models() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    ["../shared/hw_bench", "../../shared/hw_bench"].iter().map(|p| root.join(p)).find(|p| p.is_dir())
}

#[test]
fn shared_models_give_their_expected_integers() {
    let Some(folder) = shared_models() else {
        println!("skipped: shared data not found");
        return;
    };
    for name in ["jet24", "econ48", "jet24_wrap"] {
        let path = folder.join(format!("{name}.json"));
        let model = neutral::import(&std::fs::read_to_string(&path).unwrap(), &path).unwrap();
        let vectors = Vectors::load(&folder.join(format!("{name}.vec"))).unwrap();
        let engine = Engine::new(&model.encoder).unwrap();
        assert_eq!(engine.infer_batch(&vectors.inputs), vectors.outputs, "{name}");
        for (x, y) in vectors.inputs.rows().into_iter().zip(vectors.outputs.rows()).take(100) {
            assert_eq!(engine.try_infer(&x.to_vec()).unwrap(), y.to_vec(), "{name}");
        }
    }
}

#[test]
fn the_report_tells_what_quantization_costs() {
    let op = Op::Dense { weights: vec![vec![0.7, -0.3]], bias: vec![0.05] };
    let layer = Layer { name: "z".into(), inputs: vec!["x".into()], op, activation: Activation::None };
    let net = Network { n_in: 2, layers: vec![layer] };
    let features = Array2::from_shape_fn((600, 2), |(r, c)| ((r * 37 + c * 11) % 200) as f32 / 100.0 - 1.0);
    let sqnr = |bits| {
        let options =
            QuantizeOptions { input_bits: bits, latent_bits: bits, weight_bits: 12, ..QuantizeOptions::default() };
        let integer = apply(&net, &calibrate(&net, &features, 0, None, &options).unwrap()).unwrap();
        let report = report(&net, &integer, &features).unwrap();
        assert_eq!((report.rows, report.layers[1].name.as_str(), report.layers[1].weights), (600, "z", 2));
        assert!(report.layers[1].rms_error <= report.layers[1].max_error);
        report.layers[1].sqnr_db.unwrap()
    };
    // Six decibel a bit.
    assert!((sqnr(10) - sqnr(8) - 12.0).abs() < 4.0, "{} {}", sqnr(8), sqnr(10));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Wide words take the 64-bit lanes, narrow ones the 32-bit lanes; 0 to 70 rows make none, whole and cut blocks.
    #[test]
    fn a_batch_equals_its_rows(
        width in 2u32..40,
        rows in 0usize..70,
        weights in prop::collection::vec(prop::collection::vec(-512i64..512, 8), 1..4),
        last in prop::collection::vec(-512i64..512, 8 + 4 * 3),
        wrap in any::<bool>(),
        seed in any::<i64>(),
    ) {
        let filters = weights.len();
        let geometry = Conv2d { in_shape: [2, 2, 2], kernel: [2, 2], stride: [1, 1], pad: [1, 0, 0, 1], filters };
        let overflow = if wrap { Overflow::Wrap } else { Overflow::Saturate };
        let conv = IntegerLayer {
            op: IntegerOp::Conv2d { geometry },
            output_format: Granular::PerChannel((0..filters).map(|f| QFormat::unsigned(width, 3 + f as i32)).collect()),
            overflow,
            ..dense("c", &["x"], weights, vec![-5; filters])
        };
        let out = IntegerLayer {
            activation: Activation::None,
            output_format: Granular::PerTensor(QFormat::signed(width, 2)),
            rounding: Rounding::HalfEven,
            overflow,
            ..dense("z", &["x", "c"], vec![last[..8 + 4 * filters].to_vec()], vec![3])
        };
        let input = QFormat::signed(width, 8);
        let network = IntegerNetwork { n_in: 8, input: Granular::PerTensor(input), layers: vec![conv, out] };
        let engine = Engine::new(&network).unwrap();
        let mut state = seed;
        let x = Array2::from_shape_fn((rows, 8), |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            input.from_bits(input.to_bits(state >> 13))
        });
        let y = engine.infer_batch(&x);
        for (row, words) in x.rows().into_iter().enumerate() {
            prop_assert_eq!(engine.infer(&words.to_vec()), y.row(row).to_vec());
        }
    }
}

/// A draw of `limit` numbers, 0 first.
fn draw(state: &mut u64, limit: u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) % limit
}

fn draw_format(state: &mut u64, widths: &[u32]) -> QFormat {
    let widest = widths[draw(state, widths.len() as u64) as usize];
    let width = 1 + draw(state, widest.into()) as u32;
    // Now and then so far from the others that requantization needs 128 bits.
    let frac = if draw(state, 16) == 0 { draw(state, 100) as i32 - 50 } else { draw(state, 12) as i32 - 2 };
    QFormat { signed: draw(state, 2) == 0, width, frac }
}

/// A number of the format: an end of it, 0, or any.
fn draw_raw(state: &mut u64, format: QFormat) -> i64 {
    match draw(state, 4) {
        0 => format.min(),
        1 => format.max(),
        2 => 0,
        _ => format.from_bits(format.to_bits((draw(state, 1 << 31) << 31 | draw(state, 1 << 31)) as i64)),
    }
}

/// A chain with skips of two to five layers: sums in all widths and modes, tables, maxima, averages.
fn draw_network(state: &mut u64) -> IntegerNetwork {
    // Mostly narrow, sometimes what only 32 or 64 bits hold.
    let widths: &[u32] = [&[9, 16][..], &[9, 16, 24], &[16, 34, 40]][draw(state, 3) as usize];
    let n_in = 4 * (1 + draw(state, 3) as usize);
    let input = Granular::PerChannel((0..n_in).map(|_| draw_format(state, widths)).collect());
    let mut network = IntegerNetwork { n_in, input, layers: vec![] };
    for number in 0..2 + draw(state, 4) {
        let name = format!("l{number}");
        let inputs: Vec<String> = match network.layers.last() {
            None => vec!["x".into()],
            Some(last) if draw(state, 3) == 0 => vec![last.name.clone(), "x".into()],
            Some(last) => vec![last.name.clone()],
        };
        let formats: Vec<QFormat> = inputs.iter().flat_map(|t| network.formats_of(t)).collect();
        let (n, one) = (formats.len(), formats.windows(2).all(|f| f[0] == f[1]));
        let rounding = [Rounding::Truncate, Rounding::HalfUp, Rounding::HalfEven][draw(state, 3) as usize];
        let overflow = [Overflow::Wrap, Overflow::Saturate, Overflow::SaturateSymmetric][draw(state, 3) as usize];
        let pool = crate::model::Pool2d { in_shape: [1, n, 1], kernel: [1, 3], stride: [1, 2], pad: [0, 1, 0, 1] };
        let weight = Some((1 + draw(state, 900) as i64, QFormat::unsigned(12, 11)));
        let layer = match draw(state, 6) {
            0 if one && n > 1 && formats[0].width <= 10 => {
                let output = draw_format(state, widths);
                let table = (0..1 << formats[0].width).map(|_| draw_raw(state, output)).collect();
                IntegerLayer::lookup(name, inputs, n, vec![table], Granular::PerTensor(output))
            }
            1 if one && n > 1 => IntegerLayer::max_pool2d(name, inputs, pool, Granular::PerTensor(formats[0])),
            2 if n > 1 => {
                let output = Granular::PerTensor(draw_format(state, widths));
                IntegerLayer::avg_pool2d(name, inputs, pool, weight, output, rounding, overflow)
            }
            _ => {
                let rows = 1 + draw(state, 6) as usize;
                let (weight, bias) = (draw_format(state, &[8]), draw_format(state, &[12]));
                let outputs: Vec<_> = (0..rows).map(|_| draw_format(state, widths)).collect();
                let same = draw(state, 2) == 0;
                IntegerLayer {
                    name,
                    inputs,
                    op: IntegerOp::Dense,
                    weights: (0..rows).map(|_| (0..n).map(|_| draw_raw(state, weight)).collect()).collect(),
                    weight_format: Granular::PerTensor(weight),
                    bias: (0..rows).map(|_| draw_raw(state, bias)).collect(),
                    bias_format: Granular::PerTensor(bias),
                    activation: [Activation::None, Activation::Relu][draw(state, 2) as usize],
                    output_format: if same { Granular::PerTensor(outputs[0]) } else { Granular::PerChannel(outputs) },
                    rounding,
                    overflow,
                }
            }
        };
        network.layers.push(layer);
    }
    network
}

#[test]
fn batches_of_random_networks_equal_the_oracle_in_every_form() {
    let mut seen: std::collections::BTreeMap<String, usize> = std::collections::BTreeMap::new();
    for seed in 0..400u64 {
        let state = &mut seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let network = draw_network(state);
        let engine = match Engine::new(&network) {
            Ok(engine) => engine,
            // Binary points too far apart for one sum.
            Err(e) => {
                assert_eq!(e.code(), Code::FormatTooWide, "seed {seed}: {e}");
                continue;
            }
        };
        for step in &engine.plan.steps {
            *seen.entry(format!("{step:?}").split('(').next().unwrap_or_default().to_owned()).or_default() += 1;
        }
        let formats = network.formats_of("x");
        let rows = draw(state, 100) as usize;
        let x = Array2::from_shape_fn((rows, network.n_in), |(_, i)| draw_raw(state, formats[i]));
        let wanted = x.rows().into_iter().flat_map(|x| engine.infer(&x.to_vec()));
        let wanted = Array2::from_shape_vec((rows, engine.n_out()), wanted.collect()).unwrap();
        assert_eq!(engine.infer_batch(&x), wanted, "seed {seed}");
        for level in [1, 2] {
            assert_eq!(engine.infer_at(&x, level), wanted, "seed {seed}, level {level} of vectors");
        }
    }
    println!("{seen:?}");
    for form in ["Pairs", "Words", "Wide", "Exact", "Tables", "MaximaOfWords", "MaximaOfWides"] {
        assert!(seen.contains_key(form), "{form} never occurred: {seen:?}");
    }
}

#[test]
fn features_become_the_same_words() {
    let real = [0.0, -0.0, 0.5, 1.5, 2.5, -0.5, -2.5, 1e-40, -1e-40, 1e-20, 3e38, -3e38, f32::NAN, f32::INFINITY];
    let mut state = 5;
    for (width, frac) in [(8, 3), (24, 0), (25, 10), (12, -40), (12, 62), (40, 20), (16, 8), (1, 0)] {
        for signed in [true, false] {
            let format = QFormat { signed, width, frac };
            let mut layer = dense("d", &["x"], vec![vec![1, 0], vec![0, 1]], vec![0, 0]);
            layer.activation = Activation::None;
            layer.weight_format = Granular::PerTensor(QFormat::signed(2, 0));
            layer.output_format = Granular::PerTensor(format);
            let network = IntegerNetwork { n_in: 2, input: Granular::PerTensor(format), layers: vec![layer] };
            let x = Array2::from_shape_fn((200, 2), |(r, c)| match real.get(r) {
                Some(x) => x * [1.0, -1.0][c],
                None => f32::from_bits((draw(&mut state, 1 << 31) << 1) as u32),
            });
            let words = crate::quantize::input_words(&network, &x);
            let engine = Engine::new(&network).unwrap();
            assert_eq!(engine.infer_features(&x), words, "{format}: the network hands on its input");
        }
    }
}

#[test]
#[should_panic(expected = "input word 1: 2048 does not fit fixed<12,4>")]
fn a_batch_refuses_words_outside_their_format() {
    let engine = Engine::new(&network(2, vec![dense("d", &["x"], vec![vec![1, 1]], vec![0])])).unwrap();
    engine.infer_batch(&array![[0, 0], [5, 2048]]);
}

use ndarray::{Array2, array};

use super::*;
use crate::error::Code;
use crate::fixed::{Overflow, QFormat};
use crate::model::{Activation, Granular, Layer, Network, Op};

/// A hidden layer with ReLU and a linear one that also reads the input.
fn network() -> Network {
    let layer = |name: &str, inputs: &[&str], weights, bias, activation| Layer {
        name: name.into(),
        inputs: inputs.iter().map(|s| (*s).to_owned()).collect(),
        op: Op::Dense { weights, bias },
        activation,
    };
    let hidden = vec![vec![0.5, -1.0, 0.25], vec![0.01, 0.0, -0.02]];
    let last = vec![vec![1.5, 0.3, -0.7, 0.9, -0.4]];
    Network {
        n_in: 3,
        layers: vec![
            layer("h", &["x"], hidden, vec![0.1, -0.001], Activation::Relu),
            layer("z", &["x", "h"], last, vec![-0.3], Activation::None),
        ],
    }
}

fn features() -> Array2<f32> {
    array![[1.9, -0.5, 0.0], [-3.2, 2.5, 1.0], [0.2, 0.1, 1.0]]
}

#[test]
fn formats_are_the_finest_that_hold_what_was_seen() {
    let options = QuantizeOptions { input_bits: 8, weight_bits: 8, ..QuantizeOptions::default() };
    let plan = calibrate(&network(), &features(), 1, None, &options).unwrap();
    // |-3.2| needs 3 integer bits with the sign; the flag is one bit.
    let value = QFormat::signed(8, 5);
    assert_eq!(plan.input, Granular::PerChannel(vec![value, value, QFormat::unsigned(1, 0)]));
    // -1.0 is the most negative number of fixed<8,1>; 0.02 * 2^12 is 82, twice that would not fit.
    assert_eq!(plan.layers[0].weight, Granular::PerChannel(vec![QFormat::signed(8, 7), QFormat::signed(8, 12)]));
    assert!(!plan.layers[0].output.channel(0).signed);
    assert!(plan.layers[1].output.channel(0).signed);
}

#[test]
fn wrapping_leaves_one_more_integer_bit() {
    let of = |overflow| {
        let options = QuantizeOptions { overflow, ..QuantizeOptions::default() };
        calibrate(&network(), &features(), 0, None, &options).unwrap().layers[1].output.channel(0)
    };
    assert_eq!(of(Overflow::Wrap).frac, of(Overflow::Saturate).frac - 1);
}

#[test]
fn every_granularity_gives_a_network_close_to_the_floats() {
    for weights in [Granularity::PerTensor, Granularity::PerChannel, Granularity::PerWeight] {
        for activations in [Granularity::PerTensor, Granularity::PerChannel] {
            let options = QuantizeOptions { weights, activations, ..QuantizeOptions::default() };
            let plan = calibrate(&network(), &features(), 1, None, &options).unwrap();
            let integer = apply(&network(), &plan).unwrap();
            let words = input_words(&integer, &features());
            for (row, x) in features().rows().into_iter().enumerate() {
                for (i, v) in x.iter().enumerate() {
                    let format = integer.input.channel(i);
                    let error = format.to_f64(words[[row, i]]) - f64::from(*v);
                    assert!(error.abs() <= format.step() / 2.0);
                }
            }
            for (layer, float) in integer.layers.iter().zip(&network().layers) {
                let (weights, bias) = float.op.weights();
                for (r, row) in weights.iter().enumerate() {
                    for (c, w) in row.iter().enumerate() {
                        let format = layer.weight_format.at(r, c);
                        assert!((format.to_f64(layer.weights[r][c]) - f64::from(*w)).abs() <= format.step() / 2.0);
                    }
                    let format = layer.bias_format.channel(r);
                    assert!((format.to_f64(layer.bias[r]) - f64::from(bias[r])).abs() <= format.step() / 2.0);
                }
            }
        }
    }
}

#[test]
fn impossible_requests_are_rejected() {
    let code = |features: Array2<f32>, flags, options: QuantizeOptions| {
        calibrate(&network(), &features, flags, None, &options).unwrap_err().code()
    };
    let good = QuantizeOptions::default;
    assert_eq!(code(features(), 4, good()), Code::DataShape);
    assert_eq!(code(array![[1.0, f32::NAN, 0.0]], 0, good()), Code::NotFinite);
    assert_eq!(code(features(), 0, QuantizeOptions { weight_bits: 1, ..good() }), Code::Recipe);
    assert_eq!(code(features(), 0, QuantizeOptions { activations: Granularity::PerWeight, ..good() }), Code::Recipe);
    let mut plan = calibrate(&network(), &features(), 0, None, &good()).unwrap();
    plan.layers[0].weight = Granular::PerChannel(vec![QFormat::signed(8, 7)]);
    assert_eq!(apply(&network(), &plan).unwrap_err().code(), Code::ModelShape);
}

use super::*;
use crate::error::Code;
use crate::model::{Activation, Granular, IntegerLayer, IntegerOp};

fn network(overflow: Overflow) -> IntegerNetwork {
    let layer = |name: &str, weights: Vec<Vec<i64>>, activation, output| IntegerLayer {
        name: name.into(),
        inputs: vec!["x".into()],
        op: IntegerOp::Dense,
        bias: (0..weights.len() as i64).map(|i| 5 * i - 3).collect(),
        weights,
        weight_format: Granular::PerTensor(QFormat::signed(7, 4)),
        bias_format: Granular::PerTensor(QFormat::signed(8, 6)),
        activation,
        output_format: Granular::PerTensor(output),
        rounding: Rounding::HalfUp,
        overflow,
    };
    let mut second =
        layer("out", vec![vec![13, -7, 0, 31], vec![-50, 1, 2, 3]], Activation::None, QFormat::signed(6, 2));
    second.inputs = vec!["h".into(), "x".into()];
    let first = layer("h", vec![vec![45, -63], vec![0, 23]], Activation::Relu, QFormat::unsigned(5, 3));
    IntegerNetwork { n_in: 2, input: Granular::PerTensor(QFormat::signed(6, 3)), layers: vec![first, second] }
}

#[test]
fn eval_equals_the_reference_for_every_input() {
    for overflow in [Overflow::Saturate, Overflow::Wrap, Overflow::SaturateSymmetric] {
        let network = network(overflow);
        let engine = crate::reference::Engine::new(&network).unwrap();
        let graph = compile(&network, &CompileOptions::default()).unwrap();
        for a in -32..32 {
            for b in -32..32 {
                assert_eq!(eval(&graph, &[a, b]), engine.infer(&[a, b]), "{overflow:?} {a} {b}");
            }
        }
    }
}

#[test]
fn the_proof_fails_when_one_operator_is_changed() {
    let network = network(Overflow::Saturate);
    let good = lower(&network).unwrap();
    for at in 0..good.nodes.len() {
        let mut bad = good.clone();
        match &mut bad.nodes[at].op {
            Op::Add { subtract, .. } => *subtract = !*subtract,
            _ => continue,
        }
        assert_eq!(prove(&bad, &network).unwrap_err().code(), Code::Graph, "node {at}");
    }
}

#[test]
fn a_schedule_has_the_latency_asked_for_and_a_faster_clock_needs_more_ranks() {
    let network = network(Overflow::Saturate);
    let latency = |options: CompileOptions| compile(&network, &options).map(|g| g.latency);
    assert_eq!(latency(CompileOptions { latency: Some(4), ..Default::default() }).unwrap(), Cycles(4));
    let at = |mhz| latency(CompileOptions { clock_mhz: Some(mhz), ..Default::default() });
    assert!(at(160.0).unwrap() > at(40.0).unwrap());
    assert_eq!(at(5000.0).unwrap_err().code(), Code::Schedule);
}

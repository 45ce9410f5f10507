use proptest::prelude::*;

use super::passes::pipelines;
use super::*;
use crate::error::Code;
use crate::fixed::{Overflow, QFormat, Rounding};
use crate::model::{Activation, Granular, IntegerLayer, IntegerNetwork, IntegerOp, Pool2d};
use crate::reference::Engine;
use crate::units::Cycles;

/// A network of two layers, the second of which also reads the input.
pub(super) fn network(rounding: Rounding, overflow: Overflow) -> IntegerNetwork {
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
        rounding,
        overflow,
    };
    // Its last output is negative for every input: a constant.
    let first = layer(
        "h",
        vec![vec![45, -63], vec![0, 23], vec![-45, 63], vec![0, 0]],
        Activation::Relu,
        QFormat::unsigned(5, 3),
    );
    let weights = vec![vec![13, -7, 0, 31, 5, -5], vec![-50, 1, 2, 3, 10, -10]];
    let mut second = layer("out", weights, Activation::None, QFormat::signed(6, 2));
    second.inputs = vec!["h".into(), "x".into()];
    let mut network =
        IntegerNetwork { n_in: 2, input: Granular::PerTensor(QFormat::signed(6, 3)), layers: vec![first, second] };
    network.layers[0].bias[3] = -100;
    network
}

pub(super) const MODES: [(Rounding, Overflow); 9] = {
    use Overflow::{Saturate, SaturateSymmetric, Wrap};
    use Rounding::{HalfEven, HalfUp, Truncate};
    [
        (Truncate, Wrap),
        (Truncate, Saturate),
        (Truncate, SaturateSymmetric),
        (HalfUp, Wrap),
        (HalfUp, Saturate),
        (HalfUp, SaturateSymmetric),
        (HalfEven, Wrap),
        (HalfEven, Saturate),
        (HalfEven, SaturateSymmetric),
    ]
};

#[test]
fn every_pass_keeps_every_tensor_in_every_mode() {
    for (rounding, overflow) in MODES {
        let graph = compiled_step_by_step(&network(rounding, overflow), &format!("{rounding:?} {overflow:?}"));
        // The neuron that is always 0 has gone into the sums that read it.
        assert_eq!(graph.tensors[1].elements[3], None);
    }
}

/// Runs every pass on a network of two inputs of six bits, and compares every tensor with the reference after each.
fn compiled_step_by_step(network: &IntegerNetwork, what: &str) -> StageGraph {
    let engine = Engine::new(network).unwrap();
    let mut graph = build(network).unwrap();
    let same = |graph: &StageGraph, step: &str| {
        prove(graph, network).unwrap();
        for a in -32..32 {
            for b in -32..32 {
                let all = engine.infer_all(&[a, b]);
                let got = trace(graph, &[a, b]);
                let equal = |(g, w): (&Vec<Option<i64>>, &Vec<i64>)| {
                    g.iter().zip(w).all(|(g, w)| g.is_none_or(|g| g == *w)) && g.len() == w.len()
                };
                assert!(got.iter().zip(&all).all(equal), "{what} {step} [{a}, {b}]: {got:?} {all:?}");
                assert_eq!(Some(&eval(graph, &[a, b])), all.last());
            }
        }
    };
    same(&graph, "build");
    for pass in pipelines().into_iter().flat_map(|p| p.passes) {
        pass.run(&mut graph, &CompileOptions::default()).unwrap();
        same(&graph, pass.name());
    }
    graph
}

/// A network of tables, a maximum and an average around dense layers.
pub(super) fn tables() -> IntegerNetwork {
    let x = QFormat::signed(6, 3);
    let (all, h) = (x.min()..=x.max(), QFormat::unsigned(5, 3));
    let lookup = |name: &str, input: &str, tables: Vec<Vec<i64>>, format| {
        IntegerLayer::lookup(name.into(), vec![input.into()], 2, tables, Granular::PerTensor(format))
    };
    let image = |name: &str| Pool2d {
        in_shape: [1, 2, 1],
        kernel: [1, 2],
        stride: [1, 1],
        pad: if name == "m" { [0, 0, 0, 1] } else { [0, 0, 0, 0] },
    };
    let dense = |name: &str, inputs: &[&str], weights: Vec<Vec<i64>>, output| IntegerLayer {
        name: name.into(),
        inputs: inputs.iter().map(|i| (*i).into()).collect(),
        weights,
        output_format: Granular::PerTensor(output),
        ..network(Rounding::HalfEven, Overflow::Saturate).layers.remove(0)
    };
    let square = all.clone().map(|x| (x * x / 8 - 30).clamp(-32, 31)).collect();
    let mut hidden = dense("h", &["x", "t", "m"], vec![vec![13, -7, 9, 3, 1, 0], vec![5, 0, 0, 0, -3, 2]], h);
    hidden.bias = vec![4, -2];
    // Nothing above 9 occurs.
    let mut narrow = dense("n", &["h"], vec![vec![4, 0], vec![0, 3]], h);
    narrow.bias = vec![0, 0];
    let below = |f: fn(i64) -> i64| (0..32).map(|x| if x > 9 { 31 - x } else { f(x) }).collect::<Vec<i64>>();
    let mut y = dense("y", &["u", "c", "a"], vec![vec![7, 5, -3, 9, 2], vec![0, 3, 1, 1, -6]], QFormat::signed(8, 3));
    y.bias = vec![1, 2];
    y.activation = Activation::None;
    let format = Granular::PerTensor(x);
    let (mode, even) = (Overflow::Saturate, Rounding::HalfEven);
    let layers = vec![
        lookup("t", "x", vec![square, all.collect()], x),
        IntegerLayer::max_pool2d("m".into(), vec!["t".into()], image("m"), format.clone()),
        IntegerLayer::avg_pool2d("a".into(), vec!["t".into()], image("a"), None, format, even, mode),
        hidden,
        narrow,
        lookup("u", "n", vec![below(|x| x), below(|x| 9 - x)], h),
        lookup("c", "n", vec![below(|_| 6), below(|x| x / 2)], h),
        y,
    ];
    IntegerNetwork { n_in: 2, input: Granular::PerTensor(x), layers }
}

#[test]
fn every_pass_keeps_tables_and_maxima_and_folds_those_without_effect() {
    let network = tables();
    let graph = compiled_step_by_step(&network, "tables");
    let element = |tensor: &str, i: usize| {
        let t = graph.tensors.iter().find(|t| t.name == tensor).unwrap();
        t.elements[i].map(|id| graph.nodes[id].op.clone())
    };
    // The identity is the input itself, a constant went into the sum, of the others the entries that occur are left.
    assert_eq!(element("t", 1), element("x", 1));
    assert_eq!((element("u", 0), element("c", 0)), (element("n", 0), None));
    let Some(Op::Table { first: 0, values, .. }) = element("u", 1) else { panic!("{graph}") };
    assert_eq!(values[..], [9, 8, 7, 6, 5, 4, 3, 2][..values.len()]);
    assert!(matches!(element("m", 0), Some(Op::Max { .. })));
    assert_eq!(element("m", 1), element("x", 1));
    assert_eq!(parse(&graph.to_string()).unwrap(), graph);
    let compared = requantizers(&graph, &network).unwrap();
    assert!(compared.iter().all(|r| r.wide.is_none()));
    assert_eq!(compared.iter().filter(|r| r.layer == "u" || r.layer == "t").count(), 4);
    // An entry that is never read may be anything; one that is read may not.
    let mut last = network.clone();
    let IntegerOp::Lookup { tables, .. } = &mut last.layers[5].op else { panic!() };
    tables[1][31] = 5;
    prove(&graph, &last).unwrap();
    requantizers(&graph, &last).unwrap();
    let IntegerOp::Lookup { tables, .. } = &mut last.layers[5].op else { panic!() };
    tables[1][1] = 5;
    assert_eq!(prove(&graph, &last).unwrap_err().code(), Code::Graph);
    let e = requantizers(&graph, &last).unwrap_err();
    assert_eq!(e.what(), "layer `u`, output 1: the entry for 1 is another number");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn eval_equals_the_reference_for_random_layers(
        (n_in, n_out) in (1usize..7, 1usize..6),
        weights in prop::collection::vec(-128i64..128, 42),
        frac in -3i32..9,
        mode in 0usize..9,
        latency in 3u32..9,
        input in (any::<bool>(), 1u32..9),
        output in (any::<bool>(), 1u32..12),
        relu in any::<bool>(),
        x in prop::collection::vec(any::<i64>(), 6 * 20),
    ) {
        let (rounding, overflow) = MODES[mode];
        let input = QFormat { signed: input.0, width: input.1, frac: 3 };
        let layer = IntegerLayer {
            name: "y".into(),
            inputs: vec!["x".into()],
            op: IntegerOp::Dense,
            weights: weights[..n_in * n_out].chunks(n_in).map(<[i64]>::to_vec).collect(),
            weight_format: Granular::PerTensor(QFormat::signed(8, 4)),
            bias: weights[36..36 + n_out].to_vec(),
            bias_format: Granular::PerTensor(QFormat::signed(8, 6)),
            activation: if relu { Activation::Relu } else { Activation::None },
            output_format: Granular::PerTensor(QFormat { signed: output.0, width: output.1, frac }),
            rounding,
            overflow,
        };
        let network = IntegerNetwork { n_in, input: Granular::PerTensor(input), layers: vec![layer] };
        let engine = Engine::new(&network).unwrap();
        let graph = compile(&network, &CompileOptions { latency: Some(latency), ..Default::default() }).unwrap();
        prop_assert_eq!(graph.latency, Cycles(latency));
        prop_assert_eq!(&parse(&graph.to_string()).unwrap(), &graph);
        for row in x.chunks(6) {
            let row: Vec<i64> = row[..n_in].iter().map(|v| input.from_bits(input.to_bits(*v))).collect();
            prop_assert_eq!(eval(&graph, &row), engine.infer(&row));
        }
    }
}

#[test]
fn the_proof_fails_when_one_operator_shift_or_mode_is_changed() {
    let network = network(Rounding::HalfUp, Overflow::Saturate);
    let good = compile(&network, &CompileOptions::default()).unwrap();
    let mut tried = 0;
    for at in 0..good.nodes.len() {
        for change in 0..2 {
            let mut bad = good.clone();
            match (&mut bad.nodes[at].op, change) {
                (Op::Add { subtract, .. }, 0) => *subtract = !*subtract,
                (Op::Add { shift_b, .. }, _) => *shift_b += 1,
                (Op::Requantize { relu, .. }, 0) => *relu = !*relu,
                (Op::Requantize { shift, .. }, _) => *shift -= 1,
                (Op::Const(c), 0) => *c += 1,
                _ => continue,
            }
            // Intervals made consistent: the linear forms alone must show it.
            let Ok(known) = interval::derive(&bad) else { continue };
            bad.nodes.iter_mut().zip(known).for_each(|(n, k)| n.range = k.range);
            assert_eq!(prove(&bad, &network).unwrap_err().code(), Code::Graph, "node n{at}, change {change}\n{good}");
            tried += 1;
        }
    }
    assert!(tried > 20);
}

#[test]
fn a_graph_that_breaks_its_own_rules_is_refused() {
    let good = compile(&network(Rounding::HalfEven, Overflow::Wrap), &CompileOptions::default()).unwrap();
    let broken = |change: fn(&mut StageGraph)| {
        let mut graph = good.clone();
        change(&mut graph);
        graph.well_formed().unwrap_err().what().to_owned()
    };
    assert!(broken(|g| g.nodes[4].range.1 += 1).contains("interval"));
    assert!(broken(|g| g.nodes.iter_mut().for_each(|n| n.kept = n.kept.min(2))).contains("drops a bit"));
    assert!(broken(|g| g.nodes[2].rank = 90).contains("reads a later rank"));
    assert!(broken(|g| g.output_formats[0] = QFormat::unsigned(6, 2)).contains("outside its format"));
    assert!(broken(|g| g.output_formats.clear()).contains("outputs where 0 are promised"));
    assert!(broken(|g| g.latency = Cycles(1)).contains("without a register") || good.latency == Cycles(1));
    assert!(parse("stage latency 1\nn0 = nothing\n").unwrap_err().to_string().contains("line 2"));
}

#[test]
fn where_overflow_wraps_no_adder_makes_the_bits_above() {
    let mut network = network(Rounding::Truncate, Overflow::Wrap);
    network.layers[1].output_format = Granular::PerTensor(QFormat::signed(3, 4));
    let wrapping = compile(&network, &CompileOptions::default()).unwrap();
    let engine = Engine::new(&network).unwrap();
    let mut whole = wrapping.clone();
    whole.nodes.iter_mut().for_each(|n| n.kept = Node::ALL);
    assert!(wrapping.adder_bits() + 10 < whole.adder_bits(), "{wrapping}");
    for x in (-32..32).flat_map(|a| (-32..32).map(move |b| [a, b])) {
        assert_eq!(eval(&wrapping, &x), engine.infer(&x));
    }
}

#[test]
fn a_schedule_has_the_latency_asked_for_and_a_faster_clock_needs_more_ranks() {
    let network = network(Rounding::Truncate, Overflow::Saturate);
    let latency = |options: CompileOptions| compile(&network, &options).map(|g| g.latency);
    for wanted in 2..9 {
        let options = CompileOptions { latency: Some(wanted), ..Default::default() };
        assert_eq!(latency(options).unwrap(), Cycles(wanted));
    }
    assert_eq!(latency(CompileOptions { latency: Some(0), ..Default::default() }).unwrap_err().code(), Code::Schedule);
    let at = |mhz| latency(CompileOptions { clock_mhz: Some(mhz), ..Default::default() });
    assert!(at(160.0).unwrap() > at(40.0).unwrap());
    assert_eq!(at(5000.0).unwrap_err().code(), Code::Schedule);
}

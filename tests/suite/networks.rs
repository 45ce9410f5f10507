//! Random small networks: reference, graph, Verilator and Icarus agree.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use ndarray::{Array2, Axis, concatenate};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sluice::fixed::{Overflow, QFormat, Rounding};
use sluice::hw::{self, CompileOptions, Effort};
use sluice::model::network::Conv2d;
use sluice::model::{Activation, Function, Granular, IntegerLayer, IntegerNetwork, IntegerOp, Pool2d, QuantizedModel};
use sluice::reference::Engine;
use sluice::verify::{VerifyOptions, stimuli, verify};
use sluice::verilog::{self, Interface};

use super::has;
use super::several::{Part, together};

/// Networks of one simulation, and simulations.
const BATCH: usize = 50;
const BATCHES: usize = 4;
const VECTORS: usize = 300;
/// Widest operand of a table here: the text of all of them is compiled.
pub const LOOKED_UP: u32 = 7;
const ROUNDINGS: [Rounding; 3] = [Rounding::Truncate, Rounding::HalfUp, Rounding::HalfEven];
const OVERFLOWS: [Overflow; 3] = [Overflow::Wrap, Overflow::Saturate, Overflow::SaturateSymmetric];

/// The reuse of each simulation of folded networks, and networks in one.
const REUSES: [u32; 4] = [2, 3, 5, 8];
const FOLDED: usize = 12;

/// A format of 1 to `widest` bits.
pub fn format(rng: &mut impl Rng, widest: u32, frac: i32) -> QFormat {
    let width = rng.random_range(1..=widest);
    if rng.random_bool(0.5) { QFormat::signed(width, frac) } else { QFormat::unsigned(width, frac) }
}

/// `n` formats: one for all, or one each.
fn formats(rng: &mut impl Rng, n: usize, mut one: impl FnMut(&mut dyn Rng) -> QFormat) -> Granular<QFormat> {
    match rng.random_bool(0.5) {
        true => Granular::PerTensor(one(rng)),
        false => Granular::PerChannel((0..n).map(|_| one(rng)).collect()),
    }
}

fn number(rng: &mut impl Rng, format: QFormat) -> i64 {
    rng.random_range(format.min()..=format.max())
}

/// A layer of weights with `columns` each; number `modes` of rounding, overflow and activation.
pub fn layer(
    rng: &mut ChaCha8Rng,
    name: String,
    inputs: Vec<String>,
    op: IntegerOp,
    columns: usize,
    modes: usize,
) -> IntegerLayer {
    let rows = match &op {
        IntegerOp::Dense => rng.random_range(2..=5),
        IntegerOp::Conv2d { geometry } => geometry.filters,
        other => panic!("{other:?} has no weights"),
    };
    let weight_frac = |rng: &mut dyn Rng| format(&mut &mut *rng, 6, 0);
    let weight_format = match rng.random_range(0..3) {
        0 => {
            let mut one = |_| (0..columns).map(|_| format(rng, 6, 0)).collect();
            Granular::PerWeight((0..rows).map(&mut one).collect())
        }
        _ => formats(rng, rows, weight_frac),
    };
    let weights = (0..rows)
        .map(|r| {
            let mut one = |c| if rng.random_bool(0.1) { 0 } else { number(rng, weight_format.at(r, c)) };
            (0..columns).map(&mut one).collect()
        })
        .collect();
    let bias_format = formats(rng, rows, |rng| {
        let frac = rng.random_range(0..=2);
        format(&mut &mut *rng, 6, frac)
    });
    let bias = (0..rows).map(|r| number(rng, bias_format.channel(r))).collect();
    // From a part of one accumulator step to many dropped bits; ranges from much too small to too large.
    let output_format = formats(rng, rows, |rng| {
        let frac = rng.random_range(-3..=3);
        format(&mut &mut *rng, 16, frac)
    });
    let (rounding, overflow) = (ROUNDINGS[modes % 3], OVERFLOWS[modes / 3 % 3]);
    let activation = [Activation::None, Activation::Relu][modes / 9 % 2];
    IntegerLayer {
        name,
        inputs,
        op,
        weights,
        weight_format,
        bias,
        bias_format,
        activation,
        output_format,
        rounding,
        overflow,
    }
}

/// A lookup of a tensor whose elements have `from` as formats, `channels` different ones at most.
pub fn lookup(rng: &mut ChaCha8Rng, name: String, input: String, from: &[QFormat], channels: usize) -> IntegerLayer {
    let same = from.iter().all(|f| *f == from[0]);
    let count = if same && rng.random_bool(0.5) { 1 } else { channels };
    let output = match rng.random_bool(0.2) {
        true => Granular::PerChannel(from[..count].to_vec()),
        false => formats(rng, count, |rng| {
            // Below 0 most functions are 0.
            let frac = rng.random_range(0..=5);
            format(&mut &mut *rng, 12, frac)
        }),
    };
    let table = |c: usize| {
        let (from, to) = (from[c], output.channel(c));
        match rng.random_range(0..6) {
            // What changes nothing if the formats are the same.
            0 => (from.min()..=from.max()).map(|x| x.clamp(to.min(), to.max())).collect(),
            1 => Function::Tanh.table(from, to).unwrap(),
            _ => (from.min()..=from.max()).map(|_| number(rng, to)).collect(),
        }
    };
    let tables = (0..count).map(table).collect();
    IntegerLayer::lookup(name, vec![input], from.len(), tables, output)
}

/// Pooling of an image that `before` gives, and its geometry; number `modes` of rounding and overflow.
pub fn pooling(
    rng: &mut ChaCha8Rng,
    name: String,
    before: &IntegerLayer,
    in_shape: [usize; 3],
    modes: usize,
) -> (IntegerLayer, Pool2d) {
    let kernel = [rng.random_range(1..=in_shape[0].min(3)), rng.random_range(1..=in_shape[1].min(3))];
    let pad = std::array::from_fn(|side| rng.random_range(0..=1).min(kernel[side % 2] - 1));
    let geometry = Pool2d { in_shape, kernel, stride: std::array::from_fn(|_| rng.random_range(1..=2)), pad };
    let inputs = vec![before.name.clone()];
    if rng.random_bool(0.4) {
        return (IntegerLayer::max_pool2d(name, inputs, geometry.clone(), before.output_format.clone()), geometry);
    }
    let output = formats(rng, in_shape[2], |rng| {
        let frac = rng.random_range(-2..=4);
        format(&mut &mut *rng, 12, frac)
    });
    let weight = (!geometry.size().is_power_of_two() || rng.random_bool(0.3)).then(|| {
        let frac = rng.random_range(0..=6);
        let weight_format = format(rng, 6, frac);
        // A weight of 0 gives an image of zeros.
        let weight = match number(rng, weight_format) {
            0 if weight_format.signed => weight_format.min(),
            0 => weight_format.max(),
            n => n,
        };
        (weight, weight_format)
    });
    let (rounding, overflow) = (ROUNDINGS[modes % 3], OVERFLOWS[modes / 3 % 3]);
    (IntegerLayer::avg_pool2d(name, inputs, geometry.clone(), weight, output, rounding, overflow), geometry)
}

/// Network `n`: the first of a few draws whose output moves. One that stands still shows little.
fn network(n: usize) -> IntegerNetwork {
    let moves = |network: &IntegerNetwork| {
        let engine = Engine::new(network).unwrap_or_else(|e| panic!("network {n}: {e}"));
        let y = engine.infer_batch(&stimuli(&network.formats_of("x"), VECTORS, n as u64));
        y.rows().into_iter().any(|row| row != y.row(0))
    };
    let mut made = drawn(n, 0);
    for attempt in 1..4 {
        if moves(&made) {
            break;
        }
        made = drawn(n, attempt);
    }
    made
}

/// A draw of network `n`: one to four layers of weights, dense, or convolutions first; some read the input beside the layer before.
/// Between them some tables, and pooling of images.
fn drawn(n: usize, attempt: usize) -> IntegerNetwork {
    let mut rng = ChaCha8Rng::seed_from_u64((n + 1000 * attempt) as u64);
    let rng = &mut rng;
    // By number and not by chance: convolutions come in all modes then.
    let image = (n % 5 < 2).then(|| [rng.random_range(1..=3), rng.random_range(1..=3), rng.random_range(1..=2)]);
    let n_in = image.map_or_else(|| rng.random_range(1..=6), |s| s.iter().product());
    let input = formats(rng, n_in, |rng| {
        let frac = rng.random_range(-1..=2);
        format(&mut &mut *rng, 16, frac)
    });
    let mut layers: Vec<IntegerLayer> = Vec::new();
    let mut shape = image;
    let mut length = n_in;
    let from: Vec<QFormat> = (0..n_in).map(|i| input.channel(i)).collect();
    if from.iter().all(|f| f.width <= LOOKED_UP) && rng.random_bool(0.5) {
        layers.push(lookup(rng, "t".to_owned(), "x".to_owned(), &from, n_in));
    }
    for k in 0..rng.random_range(1..=4) {
        let before = layers.last().map_or_else(|| "x".to_owned(), |l| l.name.clone());
        let (op, inputs, columns) = match shape {
            Some(in_shape) if k < 2 => {
                let pad = std::array::from_fn(|_| rng.random_range(0..=1));
                let most = |side: usize, pads: usize| (side + pads).min(2);
                let kernel = [
                    rng.random_range(1..=most(in_shape[0], pad[0] + pad[2])),
                    rng.random_range(1..=most(in_shape[1], pad[1] + pad[3])),
                ];
                let stride = std::array::from_fn(|_| rng.random_range(1..=2));
                let geometry = Conv2d { in_shape, kernel, stride, pad, filters: rng.random_range(1..=2) };
                let taps = geometry.taps();
                let [h, w] = geometry.out_size();
                shape = Some([h, w, geometry.filters]);
                (IntegerOp::Conv2d { geometry }, vec![before], taps)
            }
            _ => {
                let skip = k > 0 && rng.random_bool(0.3);
                shape = None;
                let inputs = if skip { vec![before, "x".to_owned()] } else { vec![before] };
                (IntegerOp::Dense, inputs, length + if skip { n_in } else { 0 })
            }
        };
        // Every combination of modes occurs, whatever the seeds give.
        let made = layer(rng, format!("l{k}"), inputs, op, columns, n * 7 + k * 5);
        layers.push(made);
        if let Some(in_shape) = shape.filter(|_| rng.random_bool(0.8)) {
            let (made, pool) = pooling(rng, format!("p{k}"), &layers[layers.len() - 1], in_shape, n + k);
            let [h, w] = pool.out_size();
            shape = Some([h, w, pool.channels()]);
            layers.push(made);
        }
        let before = &layers[layers.len() - 1];
        let from: Vec<QFormat> = (0..before.n_out()).map(|i| before.output_at(i)).collect();
        if from.iter().all(|f| f.width <= LOOKED_UP) && rng.random_bool(0.5) {
            let made = lookup(rng, format!("t{k}"), before.name.clone(), &from, before.channels());
            layers.push(made);
        }
        length = layers[layers.len() - 1].n_out();
    }
    IntegerNetwork { n_in, input, layers }
}

pub fn model(n: usize) -> QuantizedModel {
    let model = QuantizedModel::of(&format!("net_{n}"), network(n));
    model.check().unwrap_or_else(|e| panic!("network {n}: {e}"));
    model
}

#[test]
fn two_hundred_random_networks_agree_between_reference_graph_and_both_simulators() {
    if !has("verilator") || !has("iverilog") {
        return;
    }
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("simulations");
    let (mut modes, mut kinds) = (BTreeSet::new(), BTreeMap::new());
    let (mut widths, mut moving) = (BTreeSet::new(), 0);
    for batch in 0..BATCHES {
        // Ranks of a batch: they share a simulation, so they share a latency.
        let latency = batch as u32 + 1;
        let mut made = Vec::new();
        let (mut inputs, mut wanted, mut input_formats) = (Vec::new(), Vec::new(), Vec::new());
        for n in batch * BATCH..(batch + 1) * BATCH {
            let model = model(n);
            let options = CompileOptions { latency: Some(latency), effort: Effort::Fast, ..Default::default() };
            let graph = hw::compile(&model.encoder, &options).unwrap_or_else(|e| panic!("network {n}: {e}"));
            let formats = model.encoder.formats_of("x");
            let x = stimuli(&formats, VECTORS, n as u64);
            let y = Engine::new(&model.encoder).unwrap().infer_batch(&x);
            for (x, y) in x.rows().into_iter().zip(y.rows()) {
                assert_eq!(hw::eval(&graph, &x.to_vec()), y.to_vec(), "network {n}, input {x}");
            }
            moving += usize::from(y.rows().into_iter().any(|row| row != y.row(0)));
            for l in &model.encoder.layers {
                let kind = match &l.op {
                    IntegerOp::Dense => "dense",
                    IntegerOp::Conv2d { .. } => "conv",
                    IntegerOp::Lookup { .. } => "lookup",
                    IntegerOp::MaxPool2d { .. } => "max",
                    IntegerOp::AvgPool2d { .. } => "average",
                };
                modes.insert(format!("{kind} {:?} {:?} {:?}", l.rounding, l.overflow, l.activation));
                *kinds.entry(kind).or_insert(0) += 1;
                widths.extend(l.output_format.values().into_iter().map(|f| f.width));
            }
            widths.extend(formats.iter().map(|f| f.width));
            let design = verilog::emit(&model, &graph, Interface::Kernel, &options).unwrap();
            made.push((input_formats.len(), design));
            (input_formats.extend(formats), inputs.push(x), wanted.push(y));
        }
        let parts: Vec<Part> = made
            .iter()
            .map(|(first_input, design)| Part {
                module: design.manifest.top.clone(),
                text: design.files[0].1.clone(),
                manifest: &design.manifest,
                first_input: *first_input,
            })
            .collect();
        let join = |a: &[Array2<i64>]| concatenate(Axis(1), &a.iter().map(|a| a.view()).collect::<Vec<_>>()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let dut = together(&parts, input_formats, folder.path(), &cache);
        let run = VerifyOptions { icarus: VECTORS, ..Default::default() };
        let report = verify(&dut, &join(&inputs), &join(&wanted), run).unwrap();
        assert!(report.passed(), "networks {} to {}: {report}", batch * BATCH, (batch + 1) * BATCH - 1);
        assert_eq!(report.icarus.unwrap().samples, VECTORS);
    }
    // What was drawn is what is claimed: every kind of layer in all its modes, every width, and few that stand still.
    assert_eq!(modes.len(), 2 * 18 + 9 + 1 + 1, "{modes:?}");
    assert!(kinds.len() == 5 && kinds.values().all(|n| *n > 20), "{kinds:?}");
    assert_eq!(widths, (1..=16).collect());
    assert!(moving * 10 >= BATCH * BATCHES * 8, "only {moving} networks have an output that moves");
}

/// What comes out of a folded graph, back to back and then with gaps: one output a vector, each in its cycle.
fn folded_outputs(folded: &hw::Folded, x: &Array2<i64>) -> Vec<Vec<i64>> {
    let mut drive = Vec::new();
    for (i, row) in x.rows().into_iter().enumerate() {
        drive.push(Some(row.to_vec()));
        let gap = if i < 20 { 0 } else { i as u32 % 4 };
        drive.extend((1..folded.reuse + gap).map(|_| None));
    }
    drive.extend((0..=folded.latency.0).map(|_| None));
    let outputs = hw::eval_folded(folded, &drive);
    let due = |c: usize| c.checked_sub(folded.latency.0 as usize).is_some_and(|c| drive[c].is_some());
    assert!(outputs.iter().enumerate().all(|(c, y)| y.is_some() == due(c)), "an output in a wrong cycle");
    outputs.into_iter().flatten().collect()
}

#[test]
fn random_networks_agree_when_they_are_folded() {
    if !has("verilator") || !has("iverilog") {
        return;
    }
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("simulations");
    let options = CompileOptions { effort: Effort::Fast, ..Default::default() };
    let (mut next, mut digits, mut copies, mut tables, mut maxima) = (200, BTreeSet::new(), 0, 0, 0);
    let mut multipliers = 0;
    for reuse in REUSES {
        let mut made = Vec::new();
        let (mut inputs, mut wanted, mut input_formats) = (Vec::new(), Vec::new(), Vec::new());
        while made.len() < FOLDED {
            let (n, model) = (next, model(next));
            next += 1;
            let engine = Engine::new(&model.encoder).unwrap();
            let formats = model.encoder.formats_of("x");
            let x = stimuli(&formats, VECTORS, n as u64);
            let y = engine.infer_batch(&x);
            let few = x.slice(ndarray::s![..60, ..]).to_owned();
            // Tables behind requantizers may take longer than the clock of the others.
            let slow = CompileOptions { clock_mhz: Some(40.0), ..options };
            let folded = |options| Some((options, hw::fold(&model.encoder, options, 2).ok()?.graph));
            let Some((options, graph)) = [&options, &slow].into_iter().find_map(folded) else { panic!("network {n}") };
            tables += usize::from(graph.nodes.iter().any(|n| matches!(n.op, hw::Op::Table { .. })));
            maxima += usize::from(graph.nodes.iter().any(|n| matches!(n.op, hw::Op::Max { .. })));
            let right: Vec<Vec<i64>> = few.rows().into_iter().map(|x| engine.infer(&x.to_vec())).collect();
            let mut chosen = None;
            for every in 2..=8 {
                // Networks of few bits have no use for a large one.
                let folded = match n % 3 {
                    0 => hw::fold_multiplied(&model.encoder, options, every),
                    _ => hw::fold::fold_graph(graph.clone(), &model.encoder, options, every),
                };
                let Ok(folded) = folded else { break };
                digits.extend(folded.stages.iter().filter(|s| s.multipliers.is_none()).map(|s| s.digit));
                multipliers += folded.multipliers();
                copies += usize::from(folded.copies().values().any(|n| *n > 1));
                assert_eq!(folded_outputs(&folded, &few), right, "network {n}, reuse {every}");
                chosen = if every == reuse { Some(folded) } else { chosen };
            }
            let Some(folded) = chosen else { continue };
            let design = verilog::emit_folded(&model, &folded, Interface::Kernel, options).unwrap();
            made.push((input_formats.len(), design));
            (input_formats.extend(formats), inputs.push(x), wanted.push(y));
        }
        let parts: Vec<Part> = made
            .iter()
            .map(|(first_input, design)| Part {
                module: design.manifest.top.clone(),
                text: design.files[0].1.clone(),
                manifest: &design.manifest,
                first_input: *first_input,
            })
            .collect();
        let join = |a: &[Array2<i64>]| concatenate(Axis(1), &a.iter().map(|a| a.view()).collect::<Vec<_>>()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let dut = together(&parts, input_formats, folder.path(), &cache);
        let run = VerifyOptions { icarus: 60, ..Default::default() };
        let report = verify(&dut, &join(&inputs), &join(&wanted), run).unwrap();
        assert!(report.passed() && report.ii == reuse, "reuse {reuse}: {report}");
    }
    // Digits with and without a carry chain, and values that wait for more than one vector.
    assert!(
        digits.contains(&1) && digits.contains(&3) && *digits.last().unwrap() > 6 && copies > 10,
        "{digits:?} {copies}"
    );
    assert!(tables > 9 && maxima > 2, "{tables} with tables, {maxima} with maxima");
    assert!(multipliers > 1000, "{multipliers} multipliers");
}

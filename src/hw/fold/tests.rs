use super::*;
use crate::fixed::{Overflow, QFormat, Rounding};
use crate::hw::delay::Target;
use crate::hw::tests::{MODES, network, tables};
use crate::hw::{Effort, eval};
use crate::model::Granular;
use crate::reference::Engine;

fn options() -> CompileOptions {
    CompileOptions { effort: Effort::Fast, ..Default::default() }
}

/// The vectors `x`, `gap(i)` cycles more than the reuse after the one before; idle cycles at the end.
fn spaced(folded: &Folded, x: &[Vec<i64>], gap: impl Fn(usize) -> u32) -> Vec<Option<Vec<i64>>> {
    let mut drive = Vec::new();
    for (i, x) in x.iter().enumerate() {
        drive.push(Some(x.clone()));
        drive.extend((1..folded.reuse + gap(i)).map(|_| None));
    }
    drive.extend((0..=folded.latency.0).map(|_| None));
    drive
}

/// What the reference gives, in the cycle that the latency promises.
fn promised(folded: &Folded, drive: &[Option<Vec<i64>>], engine: &Engine) -> Vec<Option<Vec<i64>>> {
    let came = |c: usize| c.checked_sub(folded.latency.0 as usize).and_then(|c| drive[c].as_deref());
    (0..drive.len()).map(|c| came(c).map(|x| engine.infer(x))).collect()
}

#[test]
fn digits_give_the_numbers_of_the_reference_at_the_promised_cycle_for_every_reuse_and_mode() {
    let x: Vec<Vec<i64>> = (-32..32).step_by(3).flat_map(|a| (-32..32).step_by(5).map(move |b| vec![a, b])).collect();
    for (rounding, overflow) in MODES {
        let network = network(rounding, overflow);
        let engine = Engine::new(&network).unwrap();
        let mut folded = 0;
        for reuse in 2..=20 {
            let Ok(made) = fold(&network, &options(), reuse) else { break };
            folded += 1;
            for stretch in [0, 7] {
                let drive = spaced(&made, &x, |i| (i as u32 * stretch) % 5);
                let wanted = promised(&made, &drive, &engine);
                assert!(eval_folded(&made, &drive) == wanted, "{rounding:?} {overflow:?} reuse {reuse} {stretch}");
            }
        }
        assert!(folded >= 8, "reuse 2 to {} only", folded + 1);
    }
}

#[test]
fn tables_and_maxima_follow_on_whole_numbers_within_a_cycle() {
    let network = tables();
    let engine = Engine::new(&network).unwrap();
    let x: Vec<Vec<i64>> = (-32..32).step_by(3).flat_map(|a| (-32..32).step_by(7).map(move |b| vec![a, b])).collect();
    let slow = CompileOptions { clock_mhz: Some(50.0), ..options() };
    for reuse in [2, 3, 5, 8] {
        let made = fold(&network, &slow, reuse).unwrap();
        assert!(made.choices().count() >= 3);
        let drive = spaced(&made, &x, |i| i as u32 % 3);
        let outputs: Vec<Vec<i64>> = eval_folded(&made, &drive).into_iter().flatten().collect();
        assert!(outputs == x.iter().map(|x| engine.infer(x)).collect::<Vec<_>>(), "reuse {reuse}");
    }
    let made = fold(&network, &slow, 4).unwrap();
    // A table of a number that no stage gives, and a clock that leaves no time after the requantizer.
    let mut wrong = made.clone();
    let is_read = |id: &NodeId| made.choices().any(|table| made.graph.nodes[table].op.operands().contains(id));
    wrong.stages.iter_mut().for_each(|s| s.results.retain(|id| !is_read(id)));
    assert_ne!(wrong.stages, made.stages);
    let refused = wrong.check().unwrap_err().to_string();
    assert!(refused.contains("reads a number that is never whole"), "{refused}");
    let mut clocks = (60..400).step_by(10).map(|mhz| CompileOptions { clock_mhz: Some(f64::from(mhz)), ..options() });
    let refused = clocks.find_map(|options| fold(&network, &options, 4).err()).unwrap();
    assert!(refused.code() == Code::Schedule && refused.to_string().contains("use a reuse of 1"), "{refused}");
}

#[test]
fn a_faster_clock_takes_more_cycles_and_gives_the_same_numbers() {
    let (rounding, overflow) = MODES[0];
    let network = network(rounding, overflow);
    let at = |clock| fold(&network, &CompileOptions { clock_mhz: Some(clock), ..options() }, 4);
    let (slow, fast) = (at(20.0).unwrap(), at(200.0).unwrap());
    assert!(slow.latency < fast.latency, "{} {}", slow.latency, fast.latency);
    let x = vec![vec![-32, 31], vec![7, -3]];
    let drive = spaced(&fast, &x, |_| 0);
    let outputs: Vec<Vec<i64>> = eval_folded(&fast, &drive).into_iter().flatten().collect();
    assert_eq!(outputs, x.iter().map(|x| eval(&fast.graph, x)).collect::<Vec<_>>());
    assert_eq!(at(2000.0).unwrap_err().code(), Code::Schedule);
}

#[test]
fn a_reuse_that_cannot_help_is_refused() {
    let (rounding, overflow) = MODES[0];
    let network = network(rounding, overflow);
    let refused = |reuse| fold(&network, &options(), reuse).unwrap_err();
    assert_eq!((refused(0).code(), refused(1).code()), (Code::Usage, Code::Usage));
    let text = refused(1000).to_string();
    assert!(text.contains("a reuse of 1000 saves nothing over one of ") && text.contains("use 2 to "), "{text}");
}

#[test]
fn a_folded_graph_that_takes_a_number_too_early_is_refused() {
    let (rounding, overflow) = MODES[0];
    let good = fold(&network(rounding, overflow), &CompileOptions { clock_mhz: Some(200.0), ..options() }, 3).unwrap();
    good.check().unwrap();
    let wrong: [(&str, fn(&mut Folded)); 7] = [
        ("an accumulator without its last digit", |f| f.stages[0].digits -= 1),
        ("digits that do not reach the sign", |f| f.stages[1].digit = 1),
        ("a stage that starts early", |f| f.stages[1].start -= 1),
        ("results before their accumulators", |f| f.stages[0].depth = 0),
        ("an adder before its operands", |f| f.stages[1].adders.iter_mut().max_by_key(|a| a.1).unwrap().1 = 0),
        ("a leaf that is not read", |f| f.stages[1].leaves.truncate(4)),
        ("a shorter latency", |f| f.latency.0 -= 1),
    ];
    for (what, change) in wrong {
        let mut folded = good.clone();
        change(&mut folded);
        let refused = folded.check().err().map(|e| e.code());
        assert_eq!(refused, Some(Code::Graph), "{what}: {:?}", good.stages);
    }
}

/// Twelve outputs of twelve inputs: more adders than requantizers.
fn square() -> IntegerNetwork {
    let (rounding, overflow) = MODES[1];
    let mut network = network(rounding, overflow);
    let mut state = 1u64;
    let mut weight = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as i64 % 64
    };
    network.n_in = 12;
    network.layers.truncate(1);
    network.layers[0].weights = (0..12).map(|_| (0..12).map(&mut weight).collect()).collect();
    network.layers[0].bias = vec![1; 12];
    network
}

#[test]
fn a_budget_takes_the_least_reuse_that_fits_it() {
    let network = square();
    let lut = |reuse| fold(&network, &options(), reuse).unwrap().cost(options().target).lut;
    let chosen = |most| match compile_reuse(&network, &options(), Reuse::MaxLut(most)).unwrap() {
        Compiled::Pipelined(_) => 1,
        Compiled::Folded(folded) => folded.reuse,
        Compiled::Streamed(_) => panic!("nobody asked for a stream"),
    };
    assert_eq!(chosen(100_000), 1);
    for most in [lut(6), lut(8)] {
        let reuse = chosen(most);
        assert!(reuse > 2 && lut(reuse) <= most && lut(reuse - 1) > most, "{reuse} for {most}");
    }
    let none = compile_reuse(&network, &options(), Reuse::MaxLut(10)).unwrap_err();
    assert_eq!(none.code(), Code::Schedule);
    assert!(none.to_string().contains("needs the fewest, about "), "{none}");
}

/// Enough for every stage.
fn multiplied() -> CompileOptions {
    CompileOptions { multipliers: 1000, ..options() }
}

#[test]
fn multipliers_give_the_numbers_of_the_reference_at_the_promised_cycle_for_every_reuse_and_mode() {
    let x: Vec<Vec<i64>> = (-32..32).step_by(5).flat_map(|a| (-32..32).step_by(7).map(move |b| vec![a, b])).collect();
    for (rounding, overflow) in MODES {
        for network in [network(rounding, overflow), tables()] {
            let engine = Engine::new(&network).unwrap();
            for reuse in 2..=6 {
                let slow = CompileOptions { clock_mhz: Some(50.0), ..multiplied() };
                let made = fold_multiplied(&network, &slow, reuse).unwrap();
                assert!(made.stages.iter().all(|s| s.multipliers.is_some()) && made.multipliers() > 0);
                for stretch in [0, 7] {
                    let drive = spaced(&made, &x, |i| (i as u32 * stretch) % 5);
                    let wanted = promised(&made, &drive, &engine);
                    assert!(eval_folded(&made, &drive) == wanted, "{rounding:?} {overflow:?} reuse {reuse} {stretch}");
                }
            }
        }
    }
}

#[test]
fn stages_get_multipliers_as_long_as_they_save_lookup_tables_and_are_few_enough() {
    let network = wide();
    let at = |multipliers, reuse| fold(&network, &CompileOptions { multipliers, ..options() }, reuse).unwrap();
    let (none, all) = (at(0, 8), at(1000, 8));
    assert_eq!(none.multipliers(), 0);
    assert!(all.cost(options().target).lut < none.cost(options().target).lut);
    let count = all.multipliers() as u32;
    assert!(at(count, 8) == all, "as many as it has give the same");
    let fewer = at(count - 1, 8);
    assert!(
        fewer.multipliers() < u64::from(count) && fewer.cost(options().target).lut >= all.cost(options().target).lut
    );
    // More cycles than any accumulator has bits.
    let most = at(1000, 24);
    assert!(most.multipliers() < u64::from(count) && most.stages.iter().any(|s| s.digits == 24));
    let refused = fold(&network, &multiplied(), 25).unwrap_err().to_string();
    assert!(refused.contains("saves nothing over one of 24"), "{refused}");
    // Too few for any stage: then it is digits again, of which there are less.
    let few = CompileOptions { multipliers: 1, ..options() };
    let refused = fold(&network, &few, 24).unwrap_err();
    assert!(refused.code() == Code::Usage && !refused.to_string().contains("over one of 24"), "{refused}");
    let ice40 = CompileOptions { target: Target::Ice40, ..multiplied() };
    assert!(fold(&network, &ice40, 4).unwrap_err().to_string().contains("have no multipliers"));
    let fast = CompileOptions { clock_mhz: Some(230.0), ..multiplied() };
    let refused = fold_multiplied(&network, &fast, 8).unwrap_err();
    assert!(refused.code() == Code::Schedule && refused.to_string().contains("multiplier"), "{refused}");
}

#[test]
fn multipliers_that_make_other_sums_are_refused() {
    let made = fold_multiplied(&wide(), &multiplied(), 8).unwrap();
    made.check().unwrap();
    let change = |f: &dyn Fn(&mut Multipliers)| {
        let mut wrong = made.clone();
        f(wrong.stages[0].multipliers.as_mut().unwrap());
        assert_ne!(wrong, made);
        wrong.check().unwrap_err().to_string()
    };
    for refused in [
        change(&|m| m.rows[0].weights[1][0] += 1),
        change(&|m| m.rows[1].begin += 1),
        change(&|m| m.rows[0].trees[2].swap(0, 1)),
        change(&|m| m.rows[0].sums.swap(0, 1)),
        change(&|m| m.lanes += 1),
        change(&|m| drop(m.rows.pop())),
    ] {
        assert!(refused.contains("the multipliers of stage 0 make other sums"), "{refused}");
    }
    let mut wrong = made.clone();
    wrong.stages[0].leaves.swap(0, 1);
    assert!(wrong.check().is_err());
}

/// 24 inputs, 6 and 3 outputs, with weights that share little.
fn wide() -> IntegerNetwork {
    let mut draw = 7u64;
    let mut weight = || {
        draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (draw >> 56) as i64 - 128
    };
    let mut network = network(Rounding::Truncate, Overflow::Saturate);
    network.n_in = 24;
    for (layer, (inputs, n, m)) in network.layers.iter_mut().zip([("x", 24, 6), ("h", 6, 3)]) {
        layer.inputs = vec![inputs.into()];
        layer.weights = (0..m).map(|_| (0..n).map(|_| weight()).collect()).collect();
        layer.weight_format = Granular::PerTensor(QFormat::signed(8, 4));
        layer.bias = (0..m).collect();
    }
    network.check().unwrap();
    network
}

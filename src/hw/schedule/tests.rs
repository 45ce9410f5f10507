use proptest::prelude::*;

use super::flow::{Arc, minimise};
use super::*;
use crate::fixed::{Overflow, QFormat, Rounding};
use crate::hw::delay::Target;
use crate::hw::passes::{CompileOptions, pipelines};
use crate::hw::{Effort, NodeId, Op, build, split};
use crate::model::{Activation, Granular, IntegerLayer, IntegerNetwork, IntegerOp};

/// The least cost with every `r` in `0..reach`, the first one 0, by trying all.
fn tried(weights: &[i64], arcs: &[Arc], reach: i64) -> i64 {
    let n = weights.len();
    let all = reach.pow(n as u32 - 1);
    let cost = |code: i64| {
        let mut r = vec![0; n];
        let mut code = code;
        for v in &mut r[1..] {
            (*v, code) = (code % reach, code / reach);
        }
        let meets = arcs.iter().all(|a| r[a.to] - r[a.from] >= a.least);
        meets.then(|| weights.iter().zip(&r).map(|(w, r)| w * r).sum::<i64>())
    };
    (0..all).filter_map(cost).min().unwrap()
}

proptest! {
    #[test]
    fn the_solver_finds_what_trying_everything_finds(
        forward in prop::collection::vec((0usize..5, 1usize..5, 0i64..2), 1..12),
        costs in prop::collection::vec((0usize..6, 0usize..6, 1i64..9), 1..8),
    ) {
        const REACH: i64 = 5;
        let mut arcs: Vec<Arc> = forward
            .iter()
            .map(|(from, step, least)| Arc { from: *from, to: (from + step).min(5), least: *least })
            .filter(|a| a.from != a.to)
            .collect();
        // Everything lies between the first node and 4 ranks later.
        arcs.extend((1..6).flat_map(|v| {
            [Arc { from: 0, to: v, least: 0 }, Arc { from: v, to: 0, least: 1 - REACH }]
        }));
        // Longest paths, as far as they fit: five steps of at most 1, so 5 may be one too many.
        let mut start = vec![0i64; 6];
        for _ in 0..6 {
            arcs.iter().filter(|a| a.to != 0).for_each(|a| start[a.to] = start[a.to].max(start[a.from] + a.least));
        }
        prop_assume!(start.iter().all(|r| *r < REACH));
        let mut weights = vec![0; 6];
        for (from, to, w) in costs {
            weights[to] += w;
            weights[from] -= w;
        }
        let r = minimise(&weights, &arcs, start);
        for a in &arcs {
            prop_assert!(r[a.to] - r[a.from] >= a.least, "{a:?} {r:?}");
        }
        let cost: i64 = weights.iter().zip(&r).map(|(w, v)| w * (v - r[0])).sum();
        prop_assert_eq!(cost, tried(&weights, &arcs, REACH));
    }
}

/// The longest way between registers, found backwards from each bit, apart from what the scheduler does: every way from a
/// register or input bit of an earlier rank to a bit of a node of the rank.
fn longest(graph: &StageGraph, delays: Delays) -> i32 {
    let timing = Timing::new(graph, delays);
    let mut worst = 0;
    let mut arrivals: Vec<arrival::Bits> = Vec::new();
    for (id, node) in graph.nodes.iter().enumerate() {
        let constant = |a: NodeId| matches!(graph.nodes[a].op, Op::Const(_));
        let edge = [0; 64];
        let here: Vec<(NodeId, arrival::Bits)> = node
            .op
            .operands()
            .into_iter()
            .filter(|a| !constant(*a))
            .map(|a| (a, if graph.nodes[a].rank == node.rank { arrivals[a] } else { edge }))
            .collect();
        let bits = timing.arrival(id, |a| here.iter().find(|h| h.0 == a).map(|h| &h.1));
        worst = worst.max(arrival::latest(&bits));
        arrivals.push(bits);
    }
    worst
}

fn network(weights: &[i64], shape: [usize; 3], rounding: Rounding, overflow: Overflow, relu: bool) -> IntegerNetwork {
    let mut weights = weights.iter().copied().cycle();
    let mut layer = |name: &str, from: &str, n_in: usize, n_out: usize, width: u32| IntegerLayer {
        name: name.into(),
        inputs: vec![from.into()],
        op: IntegerOp::Dense,
        weights: (0..n_out).map(|_| weights.by_ref().take(n_in).collect()).collect(),
        weight_format: Granular::PerTensor(QFormat::signed(8, 4)),
        bias: (0..n_out as i64).map(|i| 7 * i - 9).collect(),
        bias_format: Granular::PerTensor(QFormat::signed(8, 6)),
        activation: if relu { Activation::Relu } else { Activation::None },
        output_format: Granular::PerTensor(QFormat::signed(width, 2)),
        rounding,
        overflow,
    };
    let layers = vec![layer("h", "x", shape[0], shape[1], 6), layer("y", "h", shape[1], shape[2], 9)];
    IntegerNetwork { n_in: shape[0], input: Granular::PerTensor(QFormat::signed(6, 3)), layers }
}

/// The graph before scheduling.
fn lowered(network: &IntegerNetwork) -> StageGraph {
    let mut graph = build(network).unwrap();
    let options = CompileOptions { effort: Effort::Fast, ..Default::default() };
    let passes = pipelines().into_iter().filter(|p| p.name != "schedule").flat_map(|p| p.passes);
    passes.for_each(|p| p.run(&mut graph, &options).unwrap());
    graph
}

fn asap(graph: &StageGraph, delays: Delays, period: i32) -> StageGraph {
    let mut soon = graph.clone();
    let (ranks, latency) = ranks::soonest(graph, &Timing::new(graph, delays), period - delays.register);
    soon.nodes.iter_mut().zip(ranks).for_each(|(n, r)| n.rank = r);
    soon.latency = Cycles(latency);
    soon
}

/// Every bit at every rank between its making and its readers, one by one.
fn counted(graph: &StageGraph) -> u64 {
    let origins = bits::origins(graph);
    let mut held = std::collections::BTreeSet::new();
    for (id, by) in bits::readers(graph, &origins).into_iter().enumerate() {
        for (bit, by) in by.into_iter().enumerate() {
            for reader in by {
                let end = graph.nodes.get(reader).map_or(graph.latency.0, |n| n.rank);
                held.extend((graph.nodes[id].rank..end).map(|rank| (id, bit, rank)));
            }
        }
    }
    held.len() as u64
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn schedules_meet_their_period_with_no_more_registers_than_as_soon_as_possible(
        weights in prop::collection::vec(-128i64..128, 40),
        shape in [2usize..7, 2usize..6, 1usize..5],
        mode in 0usize..9,
        relu in any::<bool>(),
        target in prop::sample::select(vec![Target::Ecp5, Target::Ice40, Target::Xcup, Target::Xc7, Target::Generic]),
        stretch in 0i32..300,
    ) {
        let rounding = [Rounding::Truncate, Rounding::HalfUp, Rounding::HalfEven][mode % 3];
        let overflow = [Overflow::Wrap, Overflow::Saturate, Overflow::SaturateSymmetric][mode / 3];
        let graph = lowered(&network(&weights, shape, rounding, overflow, relu));
        let delays = target.delays();
        let slowest = ranks::slowest(&graph, &Timing::new(&graph, delays));
        let period = slowest + slowest * stretch / 100 + delays.register;
        let mut made = graph.clone();
        prop_assert_eq!(schedule(&mut made, delays, Goal::Period(period)).unwrap(), period);
        made.well_formed().unwrap();
        prop_assert!(longest(&made, delays) + delays.register <= period);
        let soon = asap(&graph, delays, period);
        prop_assert!(longest(&soon, delays) + delays.register <= period);
        prop_assert_eq!(made.latency, soon.latency);
        prop_assert!(made.register_bits() <= soon.register_bits(), "{} {}", made.register_bits(), soon.register_bits());
        prop_assert_eq!(made.register_bits(), counted(&made));
        // No node moved by one rank alone saves a register and still meets the period.
        for id in 0..made.nodes.len() {
            for step in [-1i64, 1] {
                let mut moved = made.clone();
                let rank = i64::from(moved.nodes[id].rank) + step;
                moved.nodes[id].rank = rank.max(0) as u32;
                let free = !matches!(moved.nodes[id].op, Op::Input(_) | Op::Const(_));
                if free && rank >= 0 && moved.well_formed().is_ok()
                    && longest(&moved, delays) + delays.register <= period
                {
                    prop_assert!(moved.register_bits() >= made.register_bits(), "n{id} {step}\n{made}");
                }
            }
        }
        // The same ranks, asked for, give a period that is no longer; one rank more, one no longer than that.
        let mut last = period;
        for ranks in [made.latency.0, made.latency.0 + 1] {
            let mut again = graph.clone();
            let shortest = schedule(&mut again, delays, Goal::Ranks(ranks)).unwrap();
            again.well_formed().unwrap();
            prop_assert_eq!(again.latency, Cycles(ranks));
            prop_assert!(shortest <= last && longest(&again, delays) + delays.register <= shortest);
            last = shortest;
        }
    }
}

#[test]
fn a_chain_of_adders_pays_its_carry_once() {
    // Four inputs of 8 bits, one after another.
    let text = "stage latency 0\ninput fixed<8,8> fixed<8,8> fixed<8,8> fixed<8,8>\n\
        n0 = input 0 : [-128, 127] x @0\nn1 = input 1 : [-128, 127] x @0\nn2 = input 2 : [-128, 127] x @0\n\
        n3 = input 3 : [-128, 127] x @0\nn4 = n0<<0 + n1<<0 : [-256, 254] y @0\n\
        n5 = n4<<0 + n2<<0 : [-384, 381] y @0\nn6 = n5<<0 + n3<<0 : [-512, 508] y @0\n\
        tensor x = n0 n1 n2 n3\ntensor y = n6\noutput fixed<10,10>\n";
    let graph = crate::hw::parse(text).unwrap();
    let d = Target::Ecp5.delays();
    let (level, carry) = (d.route + d.adder, d.carry);
    // Nine bits of the last sum follow its first; the first bit counts as one step of each adder's carry.
    assert_eq!(longest(&graph, d), 3 * level + 9 * carry);
    assert!(split(&graph, 4).is_none());
}

#[test]
fn bits_that_pass_through_are_stored_once() {
    // n2 = a + 4b shows the low two bits of a, which the output of rank 2 reads beside a itself.
    let text = "stage latency 2\ninput ufixed<4,4> ufixed<4,4>\n\
        n0 = input 0 : [0, 15] x @0\nn1 = input 1 : [0, 15] x @0\nn2 = n0<<0 + n1<<2 : [0, 75] y @0\n\
        tensor x = n0 n1\ntensor y = n0 n2\noutput ufixed<4,4> ufixed<7,7>\n";
    let graph = crate::hw::parse(text).unwrap();
    graph.well_formed().unwrap();
    // Two ranks of a's four bits and of the sum's upper five; not of its lower two.
    assert_eq!((graph.register_bits(), counted(&graph)), (18, 18));
}

#[test]
fn every_point_of_the_front_is_faster_than_the_one_before() {
    let weights: Vec<i64> = (0..40).map(|i| (i * 37 + 11) % 251 - 125).collect();
    let graph = lowered(&network(&weights, [6, 5, 4], Rounding::HalfUp, Overflow::Saturate, true));
    let points = pareto::points(&graph, Target::Ecp5).unwrap();
    assert!(points.len() > 2);
    assert!(points.windows(2).all(|p| p[0].clock_mhz < p[1].clock_mhz && p[0].ranks <= p[1].ranks));
    // The clock that a point promises needs its ranks and its registers, no more and no fewer.
    for p in &points {
        let mut made = graph.clone();
        let period = (1e6 / p.clock_mhz).round() as i32;
        schedule(&mut made, Target::Ecp5.delays(), Goal::Period(period)).unwrap();
        assert_eq!((made.latency, made.register_bits()), (Cycles(p.ranks), p.ff));
    }
}

#[test]
fn the_front_of_both_depths_has_no_point_that_another_one_beats() {
    let weights: Vec<i64> = (0..40).map(|i| (i * 37 + 11) % 251 - 125).collect();
    let network = network(&weights, [6, 5, 4], Rounding::HalfUp, Overflow::Saturate, true);
    let points = pareto(&network, &CompileOptions { effort: Effort::Fast, ..Default::default() }).unwrap();
    let beats = |a: &SchedulePoint, b: &SchedulePoint| {
        a != b && a.ranks <= b.ranks && a.clock_mhz >= b.clock_mhz && a.lut + a.ff <= b.lut + b.ff
    };
    assert!(points.len() > 2 && !points.iter().any(|a| points.iter().any(|b| beats(a, b))), "{points:?}");
    assert_eq!(points.iter().filter(|p| p.best).count(), 1);
    assert!(points.iter().all(|p| p.cost >= points.iter().find(|p| p.best).unwrap().cost));
}

use super::core::{Core, CoreShape, Offer};

const SHAPE: CoreShape = CoreShape {
    ii: 1,
    input_beats: 1,
    code: 6,
    margin: 16,
    word_log2: 6,
    words_log2: 6,
    frames_log2: 5,
    output_log2: 6,
    limit_log2: 12,
    frame_events: 4,
    fixed: false,
    drop: false,
    lut_ram: false,
    held: 0,
};

#[test]
fn an_idle_core_comes_back_to_rest_after_every_frame() {
    for (output_log2, word_log2) in [(5, 6), (6, 6), (7, 7), (8, 8)] {
        let mut core = Core::new(CoreShape { output_log2, word_log2, ..SHAPE });
        let mut sent = 0;
        for now in 0..400 {
            let offer = (sent < 8).then_some(Offer { bits: 50, last: false });
            let step = core.cycle(offer, true);
            sent += u32::from(step.taken);
            if step.beat == Some(true) {
                println!("{now} {:?}", core.frame());
            }
        }
        assert!(core.is_idle(), "{core:#?}");
    }
}

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;

use super::carrier::{Arbiter, Slots, Stalls};
use super::chain::{Carrier, Chain, Places, Stage};

/// A link that is never busy.
const FREE: Slots = Slots { bits: u32::MAX, period: 1 << 32, overhead: 0, least: 0, latency: 0 };
const QUEUE: Places = Places { most: None, loses: false };

fn fixed(slots: Slots) -> Carrier {
    Carrier { slots, arbiter: Arbiter::Fixed, stalls: Stalls::default() }
}

/// Mean and its error, of values that follow each other and are alike: by the means of 50 parts.
fn mean(values: &[f64]) -> (f64, f64) {
    let parts: Vec<f64> =
        values.chunks(values.len() / 50).take(50).map(|c| c.iter().sum::<f64>() / c.len() as f64).collect();
    let mean = parts.iter().sum::<f64>() / 50.0;
    let variance = parts.iter().map(|p| (p - mean).powi(2)).sum::<f64>() / 49.0;
    (mean, (variance / 50.0).sqrt())
}

fn agrees(what: &str, values: &[f64], expected: f64) {
    let (mean, error) = mean(values);
    let pull = (mean - expected) / error.max(1e-12 * expected.abs()).max(1e-12);
    assert!(
        pull.abs() < 4.5 && error < 0.05 * expected.abs().max(1e-9),
        "{what}: {mean} +- {error}, expected {expected}"
    );
}

/// Waiting times in front of one stage, and losses as 0 or 1.
fn one_stage(stage: Stage, events: usize, mut source: impl FnMut() -> (u64, u32)) -> (Vec<f64>, Vec<f64>) {
    let mut chain = Chain::new(1, &[stage], QUEUE, fixed(FREE));
    let (mut waits, mut passed, mut left) = (Vec::new(), Vec::new(), events);
    let mut arrivals = Vec::new();
    chain.run(
        |_| {
            left = left.checked_sub(1)?;
            let event = source();
            arrivals.push(event.0);
            Some(event)
        },
        |_, p| {
            waits.push((p.steps[0].1 - p.arrival) as f64);
            passed.push(p.arrival);
        },
    );
    let mut passed = passed.into_iter().peekable();
    let lost = arrivals.iter().map(|a| if passed.next_if_eq(a).is_some() { 0.0 } else { 1.0 }).collect();
    (waits, lost)
}

#[test]
fn waiting_for_a_stage_of_fixed_time_is_that_of_m_d_1() {
    const D: u64 = 1000;
    for load in [0.3, 0.7, 0.9] {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut now = 0.0;
        let stage = Stage { ii: D, ..Stage::default() };
        let (waits, lost) = one_stage(stage, 2_000_000, || {
            now -= uniform(&mut rng).ln() * D as f64 / load;
            (now as u64, 1)
        });
        agrees("M/D/1", &waits, load * D as f64 / (2.0 * (1.0 - load)));
        assert!(lost.iter().all(|l| *l == 0.0));
    }
}

#[test]
fn losses_and_waiting_of_a_short_fifo_are_those_of_m_m_1_k() {
    const MEAN: f64 = 2000.0;
    for (load, system) in [(0.5, 3), (0.9, 5), (1.2, 4)] {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let mut now = 0.0;
        let places = Places { most: Some(system - 1), loses: true };
        let stage = Stage { places, ii: 1, bits_per_cycle: Some(1), latency: 0 };
        let (waits, lost) = one_stage(stage, 2_000_000, || {
            now -= uniform(&mut rng).ln() * MEAN / load;
            (now as u64, (-uniform(&mut rng).ln() * MEAN).ceil() as u32)
        });
        let r: f64 = load;
        let k = system as i32;
        let p = |n: i32| (1.0 - r) * r.powi(n) / (1.0 - r.powi(k + 1));
        agrees("losses of M/M/1/K", &lost, p(k));
        // Who finds n before him waits for n services.
        let wait: f64 = (0..k).map(|n| f64::from(n) * p(n)).sum::<f64>() / (1.0 - p(k)) * MEAN;
        agrees("waiting of M/M/1/K", &waits, wait);
    }
}

#[test]
fn waiting_in_slots_is_that_of_geo_d_1() {
    for (p, d) in [(0.1, 4), (0.15, 6), (0.4, 2), (0.9, 1)] {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut now = 0;
        let (waits, _) = one_stage(Stage { ii: d, ..Stage::default() }, 1_000_000, || {
            loop {
                now += 1;
                if uniform(&mut rng) < p {
                    return (now, 1);
                }
            }
        });
        let d = d as f64;
        let expected = p * d * (d - 1.0) / (2.0 * (1.0 - p * d));
        match expected {
            0.0 => assert!(waits.iter().all(|w| *w == 0.0)),
            _ => agrees("Geo/D/1", &waits, expected),
        }
    }
}

#[test]
fn events_at_equal_distances_wait_for_nothing_or_longer_and_longer() {
    let stage = Stage { ii: 7, latency: 3, ..Stage::default() };
    let every = |step: u64| {
        let mut now = 0;
        let source = || {
            now += step;
            (now, 1)
        };
        one_stage(stage, 1000, source).0
    };
    assert!(every(7).iter().all(|w| *w == 0.0));
    let late = every(5);
    assert!(late.iter().enumerate().all(|(i, w)| *w == 2.0 * i as f64), "{late:?}");
}

#[test]
fn a_stage_without_a_place_behind_it_waits_and_loses_nothing() {
    let fast = Stage { places: Places { most: Some(4), loses: true }, ii: 1, latency: 5, bits_per_cycle: None };
    let slow = Stage { places: Places { most: Some(2), loses: false }, ii: 10, latency: 1, bits_per_cycle: None };
    let mut chain = Chain::new(1, &[fast, slow], QUEUE, fixed(FREE));
    let (mut left, mut seen, mut begins) = (100u64, 0, Vec::new());
    chain.run(
        |_| {
            left = left.checked_sub(1)?;
            Some((99 - left, 1))
        },
        |_, p| {
            seen += 1;
            begins.push(p.steps[1].1);
            // Two wait at most, and who begins has a place to come to.
            assert!(p.steps[1].0 == p.steps[0].1 + 5, "{p:?}");
        },
    );
    assert!(begins.windows(2).all(|b| b[1] - b[0] == 10), "{begins:?}");
    let [first, second, queue] = chain.occupancies(0)[..] else { panic!() };
    assert_eq!((first.lost + seen, second.lost, queue.lost), (100, 0, 0));
    assert!(second.cycles.len() <= 3 && first.cycles.len() <= 5, "{second:?}");
    // All cycles until the last event are accounted for.
    assert!(first.cycles.iter().sum::<u64>() >= 99);
}

#[test]
fn channels_share_a_link_in_turn_or_by_rank() {
    let slots = Slots { bits: 32, period: 6 << 32, overhead: 16, least: 0, latency: 2 };
    let order = |arbiter| {
        let mut chain = Chain::new(3, &[], QUEUE, Carrier { arbiter, ..fixed(slots) });
        let mut left = [4u32; 3];
        let mut order = Vec::new();
        chain.run(
            |channel| {
                left[channel] = left[channel].checked_sub(1)?;
                Some((1, 40))
            },
            |channel, p| order.push((channel, p.steps[0].1, p.end)),
        );
        order
    };
    let turns = order(Arbiter::RoundRobin);
    // 56 bits are two slots of six cycles; the first begins in cycle 6.
    let expected: Vec<_> = (0..12).map(|i| (i % 3, 6 + 12 * i as u64, 6 + 12 * (i as u64 + 1) + 2)).collect();
    assert_eq!(turns, expected);
    let ranks: Vec<usize> = order(Arbiter::Fixed).iter().map(|o| o.0).collect();
    assert_eq!(ranks, [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]);
}

use super::source::{Arrivals, Clock, Scheme, Source, uniform};

fn arrivals(source: &Source, n: usize) -> Vec<u64> {
    // Six cycles a crossing.
    Arrivals::new(source, Clock::new(240.474), 5, 0).unwrap().take(n).map(|a| a.at).collect()
}

/// Of single crossings that follow each other.
fn rate_of(cycles: &[u64]) -> f64 {
    cycles.len() as f64 / (*cycles.last().unwrap() as f64 / 6.0)
}

#[test]
fn crossings_of_an_orbit_have_events_as_often_as_asked_and_only_where_there_are_bunches() {
    let filling = Scheme::default();
    let share = 2808.0 / 3564.0;
    for (probability, clustering) in [(1.0, 1.0), (0.3, 1.0), (0.05, 1.0), (0.05, 10.0), (0.5, 1.6)] {
        let source = Source::Orbit { filling: filling.clone(), probability, clustering };
        let cycles = arrivals(&source, 400_000);
        assert!(cycles.windows(2).all(|c| c[0] < c[1]) && cycles.iter().all(|c| c % 6 == 0));
        let filled: super::filling::Filling = super::filling::NOMINAL.parse().unwrap();
        let filled: std::collections::HashSet<u64> = filled.filled().map(|n| n as u64).collect();
        assert!(cycles.iter().all(|c| filled.contains(&(c / 6 % 3564))));
        let rate = rate_of(&cycles) / share / probability;
        assert!((rate - 1.0).abs() < 0.01, "{probability} {clustering}: {rate}");
        let pairs = cycles.windows(2).filter(|c| c[1] - c[0] == 6).count() as f64 / cycles.len() as f64;
        let expected = probability * clustering * 71.0 / 72.0;
        assert!((pairs - expected).abs() < 0.01, "{probability} {clustering}: {pairs}");
    }
}

#[test]
fn a_trigger_keeps_its_rules_and_its_rate() {
    let filling = Scheme::default();
    let source = |rate_khz, rules: Vec<[u32; 2]>| Source::Trigger {
        filling: filling.clone(),
        rate_khz,
        rules,
        buckets: Vec::new(),
    };
    let free = arrivals(&source(750.0, vec![]), 200_000);
    assert!((rate_of(&free) / (750.0 / 40_078.9) - 1.0).abs() < 0.01, "{}", rate_of(&free));
    let held = arrivals(&source(750.0, vec![[1, 3], [2, 25], [4, 240]]), 200_000);
    for (n, m) in [(1, 3), (2, 25), (4, 240)] {
        assert!(held.windows(n + 1).all(|w| w[n] - w[0] >= 6 * m), "{n} in {m}");
        assert!(free.windows(n + 1).any(|w| w[n] - w[0] < 6 * m), "{n} in {m}");
    }
    assert!(rate_of(&held) < 0.9 * rate_of(&free));
}

#[test]
fn other_sources_keep_their_rates() {
    let mhz = |cycles: &[u64]| cycles.len() as f64 / (*cycles.last().unwrap() as f64 / 240.4734);
    let poisson = arrivals(&Source::Poisson { rate_mhz: 3.0 }, 200_000);
    assert!((mhz(&poisson) / 3.0 - 1.0).abs() < 0.01);
    let periodic = arrivals(&Source::Periodic { rate_mhz: 7.0 }, 100_000);
    assert!(periodic.windows(2).all(|c| (34..=35).contains(&(c[1] - c[0]))));
    let bursts = arrivals(&Source::Bursts { rate_mhz: 0.5, length: 6.0, spacing_ns: 25.0 }, 300_000);
    assert!((mhz(&bursts) / 3.0 - 1.0).abs() < 0.02, "{}", mhz(&bursts));
    assert!(bursts.windows(2).all(|c| c[0] <= c[1]));
    // Another clock than a multiple of the crossing.
    assert_eq!((Clock::new(240.474).per_crossing(), Clock::new(240.48).per_crossing()), (6.0, 6.0));
    assert!((Clock::new(100.0).per_crossing() - 2.4951).abs() < 1e-4);
}

#[test]
fn sources_without_sense_are_refused() {
    let filling = Scheme::default();
    let orbit = |probability, clustering| Source::Orbit { filling: filling.clone(), probability, clustering };
    let trigger = |rate_khz, rules| Source::Trigger { filling: filling.clone(), rate_khz, rules, buckets: Vec::new() };
    for (source, what) in [
        (orbit(0.0, 1.0), "`source.probability` is 0"),
        (orbit(1.1, 1.0), "`source.probability` is 1.1"),
        (orbit(f64::NAN, 1.0), "`source.probability` is NaN"),
        (orbit(0.5, 3.0), "`source.clustering` is 3"),
        (trigger(40_000.0, vec![]), "`source.rate_khz` is 40000"),
        (trigger(-1.0, vec![]), "`source.rate_khz` is -1"),
        (trigger(100.0, vec![[3, 3]]), "no more than 3 accepted in 3"),
        (Source::Poisson { rate_mhz: -2.0 }, "`source.rate_mhz` is -2"),
        (Source::Periodic { rate_mhz: f64::INFINITY }, "`source.rate_mhz` is inf"),
        (Source::Bursts { rate_mhz: 1.0, length: 0.5, spacing_ns: 25.0 }, "`source.length` is 0.5"),
    ] {
        let error = source.check().unwrap_err().to_string();
        assert!(error.contains(what), "{what}: {error}");
    }
}

/// The queue of M/M/1, whose survival is `load^k`, in front of a stage; events find it before they enter.
fn queue_of_m_m_1(load: f64, events: u64, seed: u64) -> super::occupancy::Occupancy {
    const MEAN: f64 = 5000.0;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (mut now, mut left) = (0.0, events);
    let stage = Stage { ii: 1, bits_per_cycle: Some(1), ..Stage::default() };
    let mut chain = Chain::new(1, &[stage], QUEUE, fixed(FREE));
    let source = |_| {
        left = left.checked_sub(1)?;
        now -= uniform(&mut rng).ln() * MEAN / load;
        Some((now as u64, (-uniform(&mut rng).ln() * MEAN).ceil() as u32))
    };
    chain.run(source, |_, _| {});
    chain.occupancies(0)[0].clone()
}

#[test]
fn the_depth_for_a_loss_is_that_of_m_m_1_counted_and_beyond() {
    // An event that finds k waiting finds k + 1 in the system: P(k or more wait) = load^(k + 1).
    let load: f64 = 0.6;
    let losses = [1e-2, 1e-3, 1e-6, 1e-9];
    let mut inside = 0;
    for seed in 0..10 {
        let found = super::depth::depths(&queue_of_m_m_1(load, 1_000_000, seed).found.whole(), &losses);
        for (depth, loss) in found.iter().zip(losses) {
            let exact = (loss.ln() / load.ln() - 1.0).ceil() as u64;
            let (places, [low, high]) = (depth.places.unwrap(), depth.interval.unwrap());
            assert_eq!(depth.extrapolated, loss < 1e-4, "{depth:?}");
            assert!(places.abs_diff(exact) as f64 <= 1.0 + 0.1 * exact as f64, "{depth:?} {exact}");
            assert!(low <= places && places <= high && high - low <= 3 + exact / 4, "{depth:?} {exact}");
            inside += u32::from((low..=high).contains(&exact));
        }
    }
    // Of 40 intervals of 95 %; counts are whole, so that some say more.
    assert!(inside >= 33, "{inside}");
}

#[test]
fn cycles_of_a_fifo_add_up_and_a_run_of_nothing_has_no_depth() {
    let occupancy = queue_of_m_m_1(0.6, 20_000, 3);
    let mean = |counts: &[u64]| {
        let all: u64 = counts.iter().sum();
        counts.iter().enumerate().map(|(k, n)| k as f64 * *n as f64).sum::<f64>() / all as f64
    };
    // Events that come at random see what is there at any time, and one who begins at once is there for a cycle.
    let (seen, there) = (mean(&occupancy.found.sum()), mean(&occupancy.cycles));
    assert!((seen / there - 1.0).abs() < 0.05, "{seen} {there}");
    let nothing = super::depth::depths(super::occupancy::Parts::default().whole(), &[1e-3]);
    assert_eq!((nothing[0].places, nothing[0].interval), (None, None));
    // A share that ends at once is not continued; that nobody found as many says something for as many events.
    let ends = vec![vec![40_000u64, 30_000, 20_000, 10_000]; 16];
    let found: Vec<_> =
        super::depth::depths(&ends, &[1e-1, 1e-3, 1e-6, 1e-7]).iter().map(|d| (d.places, d.extrapolated)).collect();
    assert_eq!(found, [(Some(3), false), (Some(4), false), (None, false), (None, false)]);
    assert_eq!(super::depth::depths(&ends, &[2e-6])[0].places, Some(4));
}

use super::framed::{Cores, Departure, Framed};

/// One core behind a fifo, with events at equal distances.
fn pass(places: Places, carrier: Carrier, events: u64, every: u64) -> (Framed, u64, Vec<Departure>) {
    let (mut n, mut left) = (0u64, Vec::new());
    let mut cores = Cores::new(1, SHAPE, places, carrier);
    let source = |_| {
        n += 1;
        (n <= events).then_some((n * every, Offer { bits: 50, last: false }))
    };
    cores.run(source, |_, d| left.push(d));
    (cores.found(0).clone(), cores.cycles(), left)
}

#[test]
fn a_core_behind_a_fifo_gives_every_event_once_and_in_order() {
    // Nothing waits for a link as wide as a beat, and 4 events of 50 bits are a frame of 3 to 5 beats.
    let fast = Slots { bits: 64, period: 1 << 32, overhead: 0, least: 0, latency: 0 };
    let slow = Slots { period: 4 << 32, ..fast };
    for (slots, places, every, saturated) in [
        (fast, QUEUE, 9, false),
        (slow, QUEUE, 40, false),
        (slow, Places { most: Some(6), loses: true }, 2, true),
        (slow, Places { most: Some(6), loses: false }, 2, true),
    ] {
        let (found, cycles, left) = pass(places, fixed(slots), 4000, every);
        assert!(
            left.windows(2).all(|d| d[0].arrival < d[1].arrival && d[0].taken < d[1].taken && d[0].left <= d[1].left)
        );
        assert!(left.iter().all(|d| d.arrival <= d.taken && d.taken + u64::from(SHAPE.code) < d.left && d.bits == 50));
        let lost = found.occupancy.lost;
        assert_eq!(left.len() as u64 + lost + found.unfinished + found.lost_inside, 4000);
        assert_eq!(lost > 0, saturated && places.loses, "{lost}");
        let longest = left.iter().map(|d| d.left - d.taken).max().unwrap();
        // A frame waits for its fourth event.
        assert_eq!(longest < 3 * every + 60, !saturated, "{longest}");
        assert_eq!((found.frames, found.beats % found.frames), (left.len() as u64 / 4, 0));
        // All cycles are accounted for.
        assert_eq!(found.occupancy.cycles.iter().sum::<u64>(), cycles);
        if saturated {
            // The link is what limits: a beat every fourth cycle.
            assert!((cycles as f64 / (4 * found.beats) as f64 - 1.0).abs() < 0.02, "{cycles} {found:?}");
        }
    }
}

#[test]
fn frames_pay_for_what_goes_beside_them_and_wait_while_a_link_stalls() {
    let slots = Slots { bits: 64, period: 2 << 32, overhead: 0, least: 0, latency: 0 };
    let full = Places { most: Some(6), loses: false };
    let took = |carrier: Carrier| {
        let (found, cycles, left) = pass(full, carrier, 4000, 1);
        assert_eq!(left.len(), 4000);
        (found.beats, found.frames, cycles as f64)
    };
    let (beats, frames, plain) = took(fixed(slots));
    // 640 bits beside a frame are ten more beats.
    let (_, _, dear) = took(fixed(Slots { overhead: 640, ..slots }));
    assert!((dear / (2 * (beats + 10 * frames)) as f64 - 1.0).abs() < 0.01, "{plain} {dear}");
    let bits = (64 * beats / frames) as u32;
    let (_, _, filled) = took(fixed(Slots { least: bits + 320, ..slots }));
    assert!((filled / (2 * (beats + 5 * frames)) as f64 - 1.0).abs() < 0.01, "{plain} {filled}");
    // Half of the time it stands still.
    let (_, _, stalled) = took(Carrier { stalls: Stalls::drawn(500.0, 500.0, true, 1), ..fixed(slots) });
    assert!((stalled / plain - 2.0).abs() < 0.2, "{plain} {stalled}");
}

#[test]
fn cores_share_a_link_frame_by_frame() {
    let slots = Slots { bits: 64, period: 2 << 32, overhead: 0, least: 0, latency: 0 };
    let shares = |arbiter| {
        let mut cores =
            Cores::new(3, SHAPE, Places { most: Some(4), loses: true }, Carrier { arbiter, ..fixed(slots) });
        let (mut n, mut left) = ([0u64; 3], [0u32; 3]);
        let source = |channel: usize| {
            n[channel] += 1;
            (n[channel] <= 4000).then_some((4 * n[channel], Offer { bits: 50, last: false }))
        };
        let mut last = [0; 3];
        cores.run(source, |channel, d| {
            assert!(d.arrival >= last[channel]);
            last[channel] = d.arrival;
            left[channel] += 1;
        });
        left
    };
    let [a, b, c] = shares(Arbiter::RoundRobin);
    assert!(a.abs_diff(b) < 200 && b.abs_diff(c) < 200 && a < 3900, "{a} {b} {c}");
    let [a, b, c] = shares(Arbiter::Fixed);
    assert!(a > 3990 && a > b && b > c, "{a} {b} {c}");
}

#[test]
fn a_link_carries_nothing_while_it_stalls() {
    // Slots of ten cycles, and a stall from the middle of the second to the beginning of the fifth.
    let slots = Slots { bits: 1, period: 10 << 32, overhead: 0, least: 0, latency: 0 };
    let listed = || Stalls::listed(vec![(15, 40), (100, 101)]);
    assert_eq!((listed().first(&slots, 0), listed().first(&slots, 2), listed().first(&slots, 5)), (0, 4, 5));
    // Of three slots, two begin before the stall.
    let mut stalls = listed();
    assert_eq!(stalls.last(&slots, 0, 3), 5);
    assert_eq!((stalls.cover(99), stalls.cover(100), stalls.cover(101)), (false, true, false));
    let mut drawn = Stalls::drawn(300.0, 100.0, false, 3);
    let share = (0..400_000).filter(|c| drawn.cover(*c)).count() as f64 / 400_000.0;
    assert!((share - 0.25).abs() < 0.02, "{share}");
}

#[test]
fn hits_of_a_pileup_have_their_mean_and_channels_share_its_interactions() {
    let source =
        |interactions, hits, cluster| Source::Pileup { filling: Scheme::default(), interactions, hits, cluster };
    let share = 2808.0 / 3564.0;
    for (interactions, hits, cluster) in [(60.0, 0.01, 1.0), (200.0, 0.2, 2.5), (140.0, 3.0, 1.0)] {
        let of = |channel| {
            let source = source(interactions, hits, cluster);
            Arrivals::new(&source, Clock::new(40.0789), 5, channel).unwrap().take(100_000).collect::<Vec<_>>()
        };
        let (a, b) = (of(0), of(1));
        let orbits = a.last().unwrap().at as f64;
        let mean = a.iter().map(|a| f64::from(a.size)).sum::<f64>() / orbits / share;
        assert!((mean / (interactions * hits) - 1.0).abs() < 0.02, "{interactions} {hits}: {mean}");
        let none = 1.0 - a.len() as f64 / orbits / share;
        // Interactions and clusters with their Poisson distributions: no cluster at all.
        let expected = (interactions * ((-hits / cluster).exp() - 1.0)).exp();
        assert!((none - expected).abs() < 0.01, "{none} {expected}");
        if interactions * hits < 10.0 {
            continue;
        }
        // Correlation of the channels: of the variance of hits, what the interactions bring.
        let hits_of: std::collections::HashMap<u64, f64> = b.iter().map(|b| (b.at, f64::from(b.size))).collect();
        let pairs: Vec<(f64, f64)> = a.iter().filter_map(|a| Some((f64::from(a.size), *hits_of.get(&a.at)?))).collect();
        let n = pairs.len() as f64;
        let (x, y) = (pairs.iter().map(|p| p.0).sum::<f64>() / n, pairs.iter().map(|p| p.1).sum::<f64>() / n);
        let both = pairs.iter().map(|p| (p.0 - x) * (p.1 - y)).sum::<f64>() / n;
        let expected = interactions * hits * hits;
        assert!((both / expected - 1.0).abs() < 0.1, "{both} {expected}");
    }
}

#[test]
fn a_bucket_lets_through_what_it_holds_and_then_what_leaks() {
    let source = |buckets| Source::Trigger { filling: Scheme::default(), rate_khz: 20_000.0, rules: vec![], buckets };
    let cycles = arrivals(&source(vec![[7, 351]]), 100_000);
    let crossings: Vec<u64> = cycles.iter().map(|c| c / 6).collect();
    // Full all the time: one a leak, and never more than 7 beyond it.
    let rate = 351.0 * crossings.len() as f64 / *crossings.last().unwrap() as f64;
    assert!((rate - 1.0).abs() < 0.01, "{rate}");
    assert!(crossings.windows(8).all(|w| w[7] - w[0] >= 351), "eight in a leak");
    assert!(crossings.windows(7).any(|w| w[6] - w[0] < 50), "the first seven come at once");
}

fn study(text: &str) -> crate::error::Result<super::study::Study> {
    super::study::Study::new(toml::from_str(text).unwrap(), std::path::Path::new("study.toml"))
}

const STUDY: &str = r#"
name = "four"
clock_mhz = 240.474
events = 100000
source = { kind = "orbit", probability = 0.6 }
payload = { uniform = [60, 180] }
stage = [
    { name = "derandomiser", fifo = 16, ii = 4 },
    { name = "encoder", latency = 12, ii = 1 },
    { name = "codes", latency = 5, ii = 2 },
]
link = { kind = "lpgbt_10g_fec5" }
"#;

fn setup(text: &str) -> super::simulate::Setup {
    super::simulate::Setup::new(study(text).unwrap(), &|_, _| panic!("no sample")).unwrap()
}

#[test]
fn short_and_long_times_are_counted_alike() {
    let mut tally = super::results::Tally::default();
    let all: Vec<u64> = (0..20_000).map(|k| k * k).collect();
    all.iter().for_each(|cycles| tally.count(*cycles));
    let counted = tally.whole();
    // A cycle a nanosecond, nearly.
    let clock = Clock::new(1000.0);
    let t = counted.told(&clock);
    let mean = all.iter().sum::<u64>() as f64 / 20_000.0;
    for (told, exact) in [
        (t.mean_ns, mean),
        (t.p50_ns, 9_999f64.powi(2)),
        (t.p99_9_ns.unwrap(), 19_979f64.powi(2)),
        (t.max_ns, 19_999f64.powi(2)),
    ] {
        assert!((told / exact - 1.0).abs() < 2e-3, "{told} {exact}");
    }
    assert_eq!(
        (t.p99_9999_ns, counted.events(), counted.beyond(100), counted.beyond(1 << 40)),
        (None, 20_000, 19_989, 0)
    );
    let survival = counted.survival(&clock);
    assert_eq!((survival[0], survival.last().unwrap()[1]), ([0.0, 1.0], 0.0));
    assert!((20..400).contains(&survival.len()));
}

#[test]
fn results_of_a_study_add_up() {
    let r = setup(STUDY).run(|_| {}).unwrap();
    assert_eq!((r.events, r.lost, r.stages.len()), (100_000, 0, 4));
    assert!((r.rate_mhz / (40.0789 * 0.6 * 2808.0 / 3564.0) - 1.0).abs() < 0.01, "{}", r.rate_mhz);
    assert!((r.link.mean_bits - 120.0).abs() < 1.0 && r.link.mean_link_bits == 224.0);
    // Stages behind each other make the whole.
    let sum: f64 = r.stages.iter().map(|s| s.latency.mean_ns).sum();
    assert!((sum / r.latency.mean_ns - 1.0).abs() < 0.01, "{sum} {}", r.latency.mean_ns);
    assert!(r.link.used < r.rate_mhz / 40.0789 + 0.01 && r.link.used > r.rate_mhz / 40.0789 - 0.01);
    assert_eq!(r.knee.stage, "link");
    assert!((r.knee.rate_mhz / 40.0789 - 1.0).abs() < 1e-3, "{:?}", r.knee);
    // What is longer than the longest is nothing, and everything is longer than nothing.
    assert!(r.survival.windows(2).all(|w| w[0][0] <= w[1][0] && w[0][1] >= w[1][1]));
    assert_eq!(r.survival.last().unwrap()[1], 0.0);
    let again = setup(STUDY).run(|_| {}).unwrap();
    assert_eq!(r, again);
}

#[test]
fn dead_time_of_a_paralysed_fifo_grows_with_the_rate_as_the_formula_says() {
    // A detector busy for a fixed time after each event that it takes: 1 / (1 + rate x time) of them are taken (M/D/1/1).
    let text = r#"
name = "busy"
clock_mhz = 1000.0
events = 300000
source = { kind = "poisson", rate_mhz = 1.0 }
payload = { bits = 1 }
stage = [{ name = "busy", fifo = 1, ii = 500, full = "lose" }]
link = { slot_bits = 64, slot_ns = 0.5 }
"#;
    let setup = setup(text);
    let base = setup.run(|_| {}).unwrap();
    for p in setup.scan(&base, 300_000, |_| {}).unwrap() {
        // One is served and one may wait: M/D/1/2 (Gross and Harris, "Fundamentals of Queueing Theory", 5.1.7).
        let a = p.rate_mhz * 0.5;
        let (p0, p1) = (1.0, a.exp() - 1.0);
        let pi = [p0 / (p0 + p1), p1 / (p0 + p1)];
        let lost = 1.0 - 1.0 / (pi[0] + a);
        assert!((p.dead - lost).abs() < 0.004, "{p:?} {lost}");
    }
}

#[test]
fn budgets_that_are_missed_and_links_that_are_too_slow_are_said() {
    let warned = |more: &str, what: &str| {
        let r = setup(&format!("{STUDY}\n{more}")).run(|_| {}).unwrap();
        assert!(r.warnings.len() == 1 && r.warnings[0].contains(what), "{more}: {:?}", r.warnings);
    };
    warned("budget = { latency_bx = 3.5 }", "take longer than 3.5 crossings");
    warned("budget = { link = 0.2 }", "of the link are used, 20.00 % may be");
    assert!(
        setup(&format!("{STUDY}\nbudget = {{ latency_bx = 60.0, loss = 1e-3, link = 0.9 }}"))
            .run(|_| {})
            .unwrap()
            .warnings
            .is_empty()
    );
    let slow = STUDY.replace("lpgbt_10g_fec5\" }", "lpgbt_5g_fec5\" }").replace("[60, 180]", "[200, 400]");
    let r = setup(&slow).run(|_| {}).unwrap();
    assert!(r.warnings[0].starts_with("the link is slower than the mean rate"), "{:?}", r.warnings);
    assert!(r.link.used > 0.97 && r.latency.p50_ns > 1e6, "{r:?}");
    let busy = STUDY.replace("ii = 4", "ii = 40");
    let r = setup(&busy).run(|_| {}).unwrap();
    assert!(r.warnings[0].starts_with("`derandomiser` is slower than the mean rate"), "{:?}", r.warnings);
    // A fifo without end has one, so that memory has: here while the link stands still for a while.
    let stalls = "kind = \"lpgbt_10g_fec5\", stalls = { every_us = 1000.0, length_ns = 20e6 }";
    let endless =
        STUDY.replace("fifo = 16, ", "").replace("100000", "400000").replace("kind = \"lpgbt_10g_fec5\"", stalls);
    let r = setup(&endless).run(|_| {}).unwrap();
    assert!(r.warnings.len() == 1 && r.warnings[0].contains("has no end in the study"), "{:?}", r.warnings);
}

#[test]
fn studies_without_sense_are_refused() {
    for (from, to, what) in [
        ("events = 100000", "events = 0", "`events` is 0"),
        ("probability = 0.6", "probability = -0.6", "`source.probability` is -0.6"),
        ("kind = \"orbit\", probability = 0.6", "kind = \"poisson\", rate_mhz = -3.0", "`source.rate_mhz` is -3"),
        ("240.474", "0.0", "`clock_mhz` is 0"),
        ("fifo = 16", "fifo = 0", "a fifo without places"),
        ("ii = 4", "ii = 0", "an II or bits a cycle of 0"),
        ("name = \"codes\"", "name = \"encoder\"", "a name that is taken"),
        ("name = \"codes\"", "name = \"codes\", speed = 3", "unknown field `speed`"),
        ("[60, 180]", "[180, 60]", "180 to 60 bits"),
        ("uniform = [60, 180]", "unifrom = [60, 180]", "`payload` is one of { bits }"),
        ("kind = \"orbit\"", "kind = \"orbit\", filling = 3", "`source.filling` is a scheme or { file }"),
        ("kind = \"lpgbt_10g_fec5\"", "slot_bits = 8", "no speed, or two"),
        ("kind = \"lpgbt_10g_fec5\"", "kind = \"lpgbt_11g\"", "unknown variant `lpgbt_11g`"),
        (
            "kind = \"lpgbt_10g_fec5\"",
            "kind = \"serial_25g\", stalls = { every_us = 0.0, length_ns = 3.0 }",
            "`link.stalls`",
        ),
        ("events = 100000", "events = 100000\nbudget = { late = 2.0 }", "`budget` does not make sense"),
        ("latency = 12, ii = 1", "design = \"nowhere\"", "nowhere"),
        ("kind = \"orbit\", probability = 0.6", "kind = \"trace\", file = \"nowhere.csv\"", "nowhere.csv"),
        ("kind = \"orbit\"", "kind = \"orbit\", filling = { file = \"nowhere.txt\" }", "nowhere.txt"),
    ] {
        assert!(STUDY.contains(from), "{from}");
        let text = STUDY.replacen(from, to, 1);
        let error = study(&text).and_then(|s| super::simulate::Setup::new(s, &|_, _| panic!("no sample"))).unwrap_err();
        assert!(error.to_string().contains(what), "{to}: {error}");
    }
}

#[test]
fn a_sweep_finds_the_cheapest_that_keeps_the_budget_and_goes_on_where_it_stopped() {
    let text = STUDY.replace("events = 100000", "events = 40000")
        + "budget = { latency_bx = 12.0, late = 1e-4, loss = 1e-4 }\n[sweep.values]\n\"link.kind\" = [\"lpgbt_5g_fec5\", \"lpgbt_10g_fec5\", \"serial_25g\"]\n\"stage.derandomiser.fifo\" = [1, 2, 16]\n";
    let said: toml::Table = toml::from_str(&text).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = std::path::Path::new("study.toml");
    let run = |said: &toml::Table| {
        let n = std::sync::atomic::AtomicUsize::new(0);
        let count = |k| {
            n.fetch_add(k, std::sync::atomic::Ordering::Relaxed);
        };
        let found = super::sweep::sweep(said, path, &|_, _| panic!("no sample"), Some(folder.path()), count);
        (found, n.into_inner())
    };
    let (first, n) = run(&said);
    let first = first.unwrap();
    assert_eq!((n, first.points.len()), (9, 9));
    let cheapest = &first.points[first.cheapest[0]];
    // The slowest link whose points keep the budget, and of these the one with the fewest places.
    let keeps: Vec<&super::sweep::Point> = first.points.iter().filter(|p| p.keeps == Some(true)).collect();
    assert!(
        keeps.len() > 1
            && keeps.len() < 9
            && keeps.iter().all(|p| (p.gbps, p.places) >= (cheapest.gbps, cheapest.places)),
        "{first:?}"
    );
    // All are kept; a line cut off is run again, and one of another study is not taken.
    let kept = folder.path().join("sweep.jsonl");
    let lines = std::fs::read_to_string(&kept).unwrap();
    assert_eq!(lines.lines().count(), 9);
    std::fs::write(&kept, &lines[..lines.len() - 20]).unwrap();
    assert_eq!(run(&said).0.unwrap(), first);
    let other: toml::Table = toml::from_str(&text.replace("latency = 5", "latency = 9")).unwrap();
    assert_ne!(run(&other).0.unwrap(), first);
    assert_eq!(run(&said).0.unwrap(), first);
    // Prices decide otherwise.
    let priced: toml::Table = toml::from_str(&(text.clone() + "[sweep.price]\nplace = 1.0\n")).unwrap();
    let priced = run(&priced).0.unwrap();
    let best = &priced.points[priced.cheapest[0]];
    assert!(best.places <= cheapest.places && best.price == Some(best.places as f64));
    // What comes is no choice: a configuration has to keep the budget at every rate.
    let rates = text.clone() + "\"source.probability\" = [0.2, 0.6]\n";
    let found = run(&toml::from_str(&rates).unwrap()).0.unwrap();
    assert_eq!(found.points.len(), 18);
    let best: Vec<_> = found.cheapest.iter().map(|k| &found.points[*k].values).collect();
    assert!(best.len() == 2 && best[0]["link.kind"] == best[1]["link.kind"] && best[0] != best[1], "{best:?}");
    assert_eq!(best[0]["link.kind"], cheapest.values["link.kind"]);
    for (key, what) in [
        ("\"stage.nobody.fifo\" = [1]", "no stage is called `nobody`"),
        ("\"name.x\" = [1]", "`name` has no keys"),
        ("events = []", "has no values"),
        ("\"link.speed\" = [3]", "unknown field `speed`"),
    ] {
        let wrong: toml::Table = toml::from_str(&format!("{STUDY}[sweep.values]\n{key}\n")).unwrap();
        let error = run(&wrong).0.unwrap_err().to_string();
        assert!(error.contains(what), "{key}: {error}");
    }
}

#[test]
fn a_trace_is_replayed_and_a_bad_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("t.csv");
    let source = Source::Trace { file: file.clone() };
    std::fs::write(&file, "bx, channel, size\n3,0,5\n# nothing\n3,1,7\n10,0,1\n").unwrap();
    let of = |channel| -> Vec<(u64, u32)> {
        let all = Arrivals::new(&source, Clock::new(240.474), 1, channel).unwrap();
        all.map(|a| (a.at, a.size)).collect()
    };
    assert_eq!((of(0), of(1), of(2)), (vec![(18, 5), (60, 1)], vec![(18, 7)], vec![]));
    std::fs::write(&file, "ns\n100\n250.5\n").unwrap();
    assert_eq!(of(3), [(25, 1), (61, 1)]);
    for (text, what) in [
        ("bx,ns\n1,2\n", "2 of the columns"),
        ("when\n1\n", "0 of the columns"),
        ("bx\n1\nx\n", "`x` in line 3"),
        ("bx\n5\n4\n", "event 2 is at 4, the one before at 5"),
        ("bx\n-5\n", "`-5`"),
        ("bx\nNaN\n", "`NaN`"),
        ("bx\n", "no events"),
        ("bx,size\n1\n", "trace"),
        ("bx,channel\n1,5000\n", "1023 is the last"),
    ] {
        std::fs::write(&file, text).unwrap();
        let error = source.check().unwrap_err().to_string();
        assert!(error.contains(what), "{text}: {error}");
    }
    let stalls = |text: &str| {
        std::fs::write(&file, text).unwrap();
        super::trace::stalls(&file, Clock::new(1000.0)).map_err(|e| e.to_string())
    };
    let list = stalls("from_ns,length_ns\n10,5\n20,0.5\n").unwrap();
    assert!(list.len() == 2 && list[0].0.abs_diff(10) <= 1 && list[0].1 > list[0].0, "{list:?}");
    assert!(stalls("from_ns,length_ns\n10,5\n12,1\n").unwrap_err().contains("stall 2 begins before"));
    assert!(stalls("from_ns,length_ns\n10,-5\n").unwrap_err().contains("stall 1"));
    assert!(stalls("from\n10\n").unwrap_err().contains("from_ns"));
}

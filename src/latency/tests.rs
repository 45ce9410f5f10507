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
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

use super::chain::{Arbiter, Chain, Places, Slots, Stage};

/// A link that is never busy.
const FREE: Slots = Slots { bits: u32::MAX, period: 1 << 32, overhead: 0, least: 0, latency: 0 };
const QUEUE: Places = Places { most: None, loses: false };

fn uniform(rng: &mut ChaCha8Rng) -> f64 {
    ((rng.next_u64() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
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
    let mut chain = Chain::new(1, &[stage], QUEUE, Arbiter::Fixed, FREE);
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
    let mut chain = Chain::new(1, &[fast, slow], QUEUE, Arbiter::Fixed, FREE);
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
        let mut chain = Chain::new(3, &[], QUEUE, arbiter, slots);
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

use super::source::{Arrivals, Clock, Source};

fn arrivals(source: &Source, n: usize) -> Vec<u64> {
    // Six cycles a crossing.
    Arrivals::new(source, Clock::new(240.474), 5).unwrap().take(n).collect()
}

/// Of single crossings that follow each other.
fn rate_of(cycles: &[u64]) -> f64 {
    cycles.len() as f64 / (*cycles.last().unwrap() as f64 / 6.0)
}

#[test]
fn crossings_of_an_orbit_have_events_as_often_as_asked_and_only_where_there_are_bunches() {
    let filling = super::filling::NOMINAL.to_owned();
    let share = 2808.0 / 3564.0;
    for (probability, clustering) in [(1.0, 1.0), (0.3, 1.0), (0.05, 1.0), (0.05, 10.0), (0.5, 1.6)] {
        let source = Source::Orbit { filling: filling.clone(), probability, clustering };
        let cycles = arrivals(&source, 400_000);
        assert!(cycles.windows(2).all(|c| c[0] < c[1]) && cycles.iter().all(|c| c % 6 == 0));
        let filled: super::filling::Filling = filling.parse().unwrap();
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
    let filling = super::filling::NOMINAL.to_owned();
    let source = |rate_khz, rules: Vec<[u32; 2]>| Source::Trigger { filling: filling.clone(), rate_khz, rules };
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
    let filling = super::filling::NOMINAL.to_owned();
    let orbit = |probability, clustering| Source::Orbit { filling: filling.clone(), probability, clustering };
    let trigger = |rate_khz, rules| Source::Trigger { filling: filling.clone(), rate_khz, rules };
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
fn queue_of_m_m_1(load: f64, events: u64, seed: u64) -> super::chain::Occupancy {
    const MEAN: f64 = 5000.0;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (mut now, mut left) = (0.0, events);
    let stage = Stage { ii: 1, bits_per_cycle: Some(1), ..Stage::default() };
    let mut chain = Chain::new(1, &[stage], QUEUE, Arbiter::Fixed, FREE);
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
    let nothing = super::depth::depths(super::chain::Parts::default().whole(), &[1e-3]);
    assert_eq!((nothing[0].places, nothing[0].interval), (None, None));
}

use super::framed::pass;

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
        let (mut n, mut left) = (0u64, Vec::new());
        let source = || {
            n += 1;
            (n <= 4000).then_some((n * every, Offer { bits: 50, last: false }))
        };
        let found = pass(SHAPE, places, &slots, source, |d| left.push(d));
        assert!(
            left.windows(2).all(|d| d[0].arrival < d[1].arrival && d[0].taken < d[1].taken && d[0].left <= d[1].left)
        );
        assert!(left.iter().all(|d| d.arrival <= d.taken && d.taken + u64::from(SHAPE.code) < d.left));
        let lost = found.occupancy.lost;
        assert_eq!(left.len() as u64 + lost + found.unfinished + found.lost_inside, 4000);
        assert_eq!(lost > 0, saturated && places.loses, "{lost}");
        let longest = left.iter().map(|d| d.left - d.taken).max().unwrap();
        // A frame waits for its fourth event.
        assert_eq!(longest < 3 * every + 60, !saturated, "{longest}");
        let frames = left.len() as u64 / 4;
        assert_eq!(found.beats % frames.max(1), 0);
        if saturated {
            // The link is what limits: a beat every fourth cycle.
            assert!((found.cycles as f64 / (4 * found.beats) as f64 - 1.0).abs() < 0.02, "{found:?}");
        }
    }
}

/// Not run by default: `cargo test --release -- --ignored --nocapture how_fast`.
#[test]
#[ignore = "prints a speed"]
fn how_fast_a_core_is() {
    let slots = Slots { bits: 224, period: 6 << 32, overhead: 0, least: 0, latency: 0 };
    let mut n = 0u64;
    let source = || {
        n += 1;
        (n <= 2_000_000).then_some((n * 6, Offer { bits: 100, last: false }))
    };
    let begun = std::time::Instant::now();
    let found = pass(CoreShape { word_log2: 7, frame_events: 16, ..SHAPE }, QUEUE, &slots, source, |_| {});
    println!("{:.2} million events a second, {} cycles", 2.0 / begun.elapsed().as_secs_f64(), found.cycles);
}

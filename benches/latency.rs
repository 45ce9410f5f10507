//! Studies: events a second through a chain of four stages, and through a core that is simulated cycle by cycle.

use std::path::Path;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sluice::latency::carrier::{Arbiter, Slots, Stalls};
use sluice::latency::chain::{Carrier, Places};
use sluice::latency::core::{CoreShape, Offer};
use sluice::latency::framed::Cores;
use sluice::latency::simulate::Setup;
use sluice::latency::study::Study;

const EVENTS: u64 = 1_000_000;

const CHAIN: &str = r#"
name = "four stages"
clock_mhz = 240.474
events = 1000000
source = { kind = "orbit", probability = 0.6 }
payload = { uniform = [60, 240] }
stage = [
    { name = "derandomiser", fifo = 16, ii = 4 },
    { name = "encoder", latency = 12, ii = 1 },
    { name = "codes", latency = 5, ii = 2 },
]
link = { kind = "lpgbt_10g_fec5" }
"#;

fn chain(c: &mut Criterion) {
    let said = toml::from_str(CHAIN).expect("a study");
    let study = Study::new(said, Path::new("study.toml")).expect("a study");
    let setup = Setup::new(study, &|_, _| unreachable!("no sample")).expect("a study");
    let mut group = c.benchmark_group("latency");
    group.sample_size(10).throughput(Throughput::Elements(EVENTS));
    group.bench_function("chain of four stages", |b| b.iter(|| setup.run(|_| {}).expect("it runs")));
    group.finish();
}

fn core(c: &mut Criterion) {
    let shape = CoreShape {
        ii: 1,
        input_beats: 1,
        code: 6,
        margin: 27,
        word_log2: 7,
        words_log2: 6,
        frames_log2: 5,
        output_log2: 6,
        limit_log2: 12,
        frame_events: 8,
        fixed: false,
        drop: false,
        lut_ram: false,
        held: 0,
    };
    let slots = Slots { bits: 224, period: 6 << 32, overhead: 0, least: 0, latency: 0 };
    let mut group = c.benchmark_group("latency");
    group.sample_size(10).throughput(Throughput::Elements(EVENTS));
    group.bench_function("core, an event every 6 cycles", |b| {
        b.iter(|| {
            let carrier = Carrier { slots, arbiter: Arbiter::Fixed, stalls: Stalls::default() };
            let mut cores = Cores::new(1, shape, Places { most: None, loses: true }, carrier);
            let (mut n, mut left) = (0u64, 0u64);
            let source = |_| {
                n += 1;
                (n <= EVENTS).then_some((6 * n, Offer { bits: 45, last: false }))
            };
            cores.run(source, |_, _| left += 1);
            assert_eq!(left, EVENTS);
        });
    });
    group.finish();
}

criterion_group!(benches, chain, core);
criterion_main!(benches);

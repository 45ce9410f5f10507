//! The model of a core beside its Verilog: every event in, every beat out, in the same cycle.

use ndarray::Array2;
use sluice::latency::core::{CoreShape, Offer, moves};
use sluice::link::{FrameWriter, LearnOptions, Link};
use sluice::model::QuantizedModel;
use sluice::model::network::INPUT;
use sluice::reference::Engine;
use sluice::verify::{self, Marks, varied_marks};
use sluice::verilog::{CoreOptions, DesignManifest};

use super::frames::{emitted_with, events, formats, identity, learned};
use super::has;

fn offers(link: &Link, model: &QuantizedModel, inputs: &Array2<i64>, marks: &Marks) -> Vec<Offer> {
    let engine = Engine::new(&model.encoder).unwrap();
    let mut writer = FrameWriter::new(link);
    let one = |(row, (crossing, last)): (ndarray::ArrayView1<i64>, &(u16, bool))| {
        writer.event(&engine.infer(&row.to_vec()), *crossing, *last).unwrap();
        Offer { bits: writer.event_bits(), last: *last }
    };
    inputs.rows().into_iter().zip(marks).map(one).collect()
}

/// Cycles in which events are due: `mean` apart, in bursts now and then.
fn due(n: usize, mean: u64, seed: u64) -> Vec<u64> {
    let mut state = seed;
    let mut draw = move |n: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % n
    };
    let mut now = 0;
    let step = |_| {
        now += match draw(8) {
            0..5 => draw(2 * mean + 1),
            5 | 6 => 0,
            _ => draw(20 * mean + 1),
        };
        now
    };
    (0..n).map(step).collect()
}

fn check(model: &QuantizedModel, link: &Link, core: &CoreOptions, reuse: u32, mark: impl Fn(usize) -> Marks) {
    let folder = tempfile::tempdir().unwrap();
    let dut = emitted_with(model, link, core, reuse, folder.path());
    let manifest = DesignManifest::load(folder.path()).unwrap();
    let shape = CoreShape::new(&manifest, manifest.link.as_ref().unwrap(), link);
    let n = 3000;
    let inputs = events(n, &model.encoder.formats_of(INPUT), 5);
    let marks = mark(n);
    let offers = offers(link, model, &inputs, &marks);
    let mut bus = dut.pack(inputs.view()).unwrap();
    dut.mark(&mut bus, &marks);
    let patterns = [
        vec![true],
        vec![false, true, true],
        [vec![false; 150], vec![true; 50]].concat(),
        vec![false, false, false, true],
    ];
    for (k, ready) in patterns.iter().enumerate() {
        for mean in [1, 6, 40] {
            let due = due(n, mean, 7 * k as u64 + mean);
            let rtl = verify::moves(&dut, &bus, &due, ready).unwrap();
            let model = moves(shape, &offers, &due, ready);
            let differs = rtl.taken.iter().zip(&model.taken).position(|(a, b)| a != b);
            assert_eq!(
                differs.map(|i| (i, rtl.taken[i], model.taken[i])),
                None,
                "{shape:?} {k} {mean}: an event is taken"
            );
            let differs = rtl.left.iter().zip(&model.left).position(|(a, b)| a != b);
            assert_eq!(differs.map(|i| (i, rtl.left[i], model.left[i])), None, "{shape:?} {k} {mean}: a beat leaves");
            assert_eq!(
                (rtl.taken.len(), rtl.left.len()),
                (model.taken.len(), model.left.len()),
                "{shape:?} {k} {mean}"
            );
        }
    }
}

#[test]
fn the_model_of_a_core_moves_every_event_and_beat_in_the_cycle_of_its_verilog() {
    if !has("verilator") {
        return;
    }
    let formats = formats();
    let model = identity(&formats);
    let sample = events(2000, &formats, 6);
    let options = |frame_events| LearnOptions { prefix: true, frame_events, longest: 9, ..Default::default() };
    let plain = CoreOptions::default();
    let cases = [
        (CoreOptions { bits: 32, ..plain }, options(3), 12, 1),
        (CoreOptions { bits: 64, ..plain }, options(1), 12, 1),
        (CoreOptions { bits: 128, lut_ram: true, ..plain }, options(16), 9, 1),
        (CoreOptions { bits: 256, ..plain }, options(2), 11, 1),
        (CoreOptions { bits: 64, drop: true, ..plain }, options(5), 10, 1),
        (CoreOptions { bits: 64, input_bits: Some(16), ..plain }, options(16), 10, 1),
        (CoreOptions { bits: 32, ..plain }, options(16), 10, 4),
        (CoreOptions { bits: 64, registers: true, drop: true, lut_ram: true, ..plain }, options(64), 9, 2),
    ];
    for (core, learn, frame_limit_log2, reuse) in cases {
        let link = Link { frame_limit_log2, ..learned(&formats, &sample, &learn) };
        check(&model, &link, &core, reuse, varied_marks);
    }
    for drop in [false, true] {
        let fixed = LearnOptions { fixed_bits: Some(96), ..options(1) };
        check(&model, &learned(&formats, &sample, &fixed), &CoreOptions { drop, ..plain }, 1, varied_marks);
    }
}

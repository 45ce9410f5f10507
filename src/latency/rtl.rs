//! The model of a study beside the Verilog of its design: the same events, the same link, every move in the same cycle.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::filling::ORBIT;
use super::framed::{Cores, Record};
use super::simulate::{Body, Setup};
use crate::dut::Dut;
use crate::error::{Code, Error, Result};
use crate::verify::{self, Marks, Moves};

/// Cycles of a channel that are simulated at most: what comes later is left out.
const CYCLES: u64 = 1 << 26;

/// What the Verilog did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RtlCheck {
    /// Events that the cores took.
    pub events: u64,
    /// Beats that left them.
    pub beats: u64,
    /// Clock cycles, of all channels.
    pub cycles: u64,
    /// The first thing that it did in another cycle than the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub difference: Option<String>,
}

/// Plays the events of a study through the model and then, with the link as it was, through the Verilog of each channel's core.
///
/// * `events`: of a channel, at most
/// * `cache`: where compiled simulations are kept
///
/// # Errors
/// [`Code::Unsupported`] for a study without a core that sends frames, or without a sample for it; those of [`verify::moves`].
pub fn check(setup: &Setup, events: u64, cache: Option<PathBuf>) -> Result<RtlCheck> {
    let study = &setup.study;
    let (Body::Core(body), Some(folder)) = (&setup.body, study.stage.first().and_then(|s| s.design.as_ref())) else {
        return Err(Error::new(Code::Unsupported, "the study has no design that sends frames, to be simulated")
            .hint("a stage of its own with `design`, emitted by `sluice emit --link`; kernels are held to their latency by `sluice verify`"));
    };
    let Some(sample) = setup.sample() else {
        return Err(Error::new(Code::Unsupported, "the study has no events that a design could be given")
            .hint("let `payload` name the data"));
    };
    let mut cores = Cores::new(study.channels, body.shape, body.places, study.carrier()?).recorded();
    let mut feeds = (0..study.channels).map(|channel| setup.arrivals(channel)).collect::<Result<Vec<_>>>()?;
    // Of every event of a channel that came: its place in the sample, its crossing, and whether it ends its frame.
    let mut came: Vec<Vec<(usize, u16, bool)>> = vec![Vec::new(); study.channels];
    let per_crossing = study.clock().per_crossing();
    cores.run(
        |channel| {
            let (arrivals, draw) = &mut feeds[channel];
            let more = (came[channel].len() as u64) < events.min(study.events);
            let arrival = more.then(|| arrivals.next()).flatten().filter(|a| a.at < CYCLES)?;
            let (offer, place) = draw.draw(arrival);
            let crossing = (arrival.at as f64 / per_crossing) as usize % ORBIT;
            came[channel].push((place, crossing as u16, offer.last));
            Some((arrival.at, offer))
        },
        |_, _| {},
    );
    let Some(dut) = Dut::framed(folder, &body.manifest, cache) else {
        return Err(Error::new(Code::Design, "the design has lost its core").at(folder.display().to_string()));
    };
    let mut found = RtlCheck { events: 0, beats: 0, cycles: 0, difference: None };
    for (channel, came) in came.iter().enumerate() {
        let Some(record) = cores.record(channel).filter(|r| !r.events.is_empty()) else { continue };
        let taken = || record.events.iter().map(|(number, ..)| came[*number as usize]);
        let rows: Vec<usize> = taken().map(|t| t.0).collect();
        let marks: Marks = taken().map(|t| (t.1, t.2)).collect();
        let mut bus = dut.pack(sample.inputs.select(ndarray::Axis(0), &rows).view())?;
        dut.mark(&mut bus, &marks);
        let due: Vec<u64> = record.events.iter().map(|e| e.1).collect();
        let mut ready = record.ready.clone();
        ready.resize(ready.len().next_multiple_of(64), true);
        let moves = verify::moves(&dut, &bus, &due, &ready)?;
        found.events += rows.len() as u64;
        found.beats += record.beats.len() as u64;
        found.cycles += ready.len() as u64;
        found.difference = difference(record, &moves).map(|what| format!("channel {channel}: {what}"));
        if found.difference.is_some() {
            break;
        }
    }
    Ok(found)
}

/// The first move that is another in the Verilog.
fn difference(model: &Record, rtl: &Moves) -> Option<String> {
    let say = |v: Option<u64>| v.map_or("never".to_owned(), |v| format!("in cycle {v}"));
    for (k, (number, entered, taken)) in model.events.iter().enumerate() {
        let there = rtl.taken.get(k).copied();
        if there != Some(*taken) {
            return Some(format!(
                "event {number}, at the core since cycle {entered}, is taken in cycle {taken} by the model and {} by the Verilog",
                say(there)
            ));
        }
    }
    let beats = model.beats.len().max(rtl.left.len());
    (0..beats).find(|k| model.beats.get(*k) != rtl.left.get(*k)).map(|k| {
        let last = |beat: Option<&(u64, bool)>| beat.is_some_and(|b| b.1);
        let (ours, theirs) = (model.beats.get(k), rtl.left.get(k));
        let ends = if last(ours) == last(theirs) { "" } else { ", and only in one it ends a frame" };
        format!(
            "beat {k} leaves {} in the model and {} in the Verilog{ends}",
            say(ours.map(|b| b.0)),
            say(theirs.map(|b| b.0))
        )
    })
}

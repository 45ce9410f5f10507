//! A study, run.

use std::path::Path;
use std::sync::Arc;

use ndarray::Array2;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use sha2::{Digest as _, Sha256};

use super::carrier::Slots;
use super::chain::{Chain, Places, Stage};
use super::core::{CoreShape, Offer};
use super::filling::CROSSING_HZ;
use super::framed::{Cores, Framed};
use super::occupancy::MOST;
use super::results::{
    Counted, FifoFigures, Knee, LinkFigures, MemoryFigures, Results, SCHEMA, ScanPoint, StageFigures, Tally, Times,
};
use super::source::{Arrival, Arrivals, Clock};
use super::study::{Payload, StallSection, Study};
use super::tables::share;
use crate::error::{Code, Error, Result};
use crate::link::Link;
use crate::verilog::{DesignManifest, LinkCore};

/// Events of a sample, as a link sends them.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Bits of each.
    pub bits: Vec<u32>,
    /// Events of a record, which are sent in turn and end a frame; else any is drawn.
    pub record: Option<u32>,
    /// `[event, input]` of the encoder, where the Verilog may be asked for.
    pub inputs: Array2<i64>,
}

/// Bits of the events.
#[derive(Clone, Debug)]
enum Sizes {
    /// Any from one to the other.
    Uniform(u32, u32),
    /// A hit's, and those beside.
    Hits(u32, u32),
    /// Of these.
    Sample(Arc<Sample>),
}

/// Draws payloads of a channel.
#[derive(Clone, Debug)]
pub(super) struct Draw {
    sizes: Sizes,
    rng: ChaCha8Rng,
    next: usize,
}

fn below(rng: &mut ChaCha8Rng, n: u64) -> u64 {
    ((u128::from(rng.next_u64()) * u128::from(n)) >> 64) as u64
}

impl Draw {
    /// The next event, and its place in the sample if there is one.
    pub(super) fn draw(&mut self, arrival: Arrival) -> (Offer, usize) {
        let (bits, place) = match &self.sizes {
            Sizes::Uniform(low, high) if low == high => (*low, 0),
            Sizes::Uniform(low, high) => (low + below(&mut self.rng, u64::from(high - low) + 1) as u32, 0),
            Sizes::Hits(hit, beside) => (hit.saturating_mul(arrival.size).saturating_add(*beside).min(1 << 30), 0),
            Sizes::Sample(sample) => {
                let n = sample.bits.len();
                let place = match sample.record {
                    Some(_) => self.next % n,
                    None => below(&mut self.rng, n as u64) as usize,
                };
                self.next = place + 1;
                let last = sample.record.is_some_and(|r| (place + 1) % r as usize == 0 || place + 1 == n);
                return (Offer { bits: sample.bits[place], last }, place);
            }
        };
        (Offer { bits, last: false }, place)
    }
}

/// What events pass.
#[derive(Clone, Debug)]
pub enum Body {
    /// Stages, with their names.
    Stages(Vec<Stage>),
    /// A core that sends frames.
    Core(Box<CoreBody>),
}

/// A core that sends frames.
#[derive(Clone, Debug)]
pub struct CoreBody {
    /// What its time depends on.
    pub shape: CoreShape,
    /// Of the fifo in front of it.
    pub places: Places,
    /// As emitted.
    pub manifest: DesignManifest,
    /// As emitted.
    pub core: LinkCore,
}

/// Gives the events of a payload that is a sample; of a design that sends frames, where there is one.
pub type Samples<'a> = &'a (dyn Fn(&Payload, Option<&Path>) -> Result<Arc<Sample>> + Sync);

/// A study with all that it names.
#[derive(Clone, Debug)]
pub struct Setup {
    /// As read.
    pub study: Study,
    /// What events pass.
    pub body: Body,
    sizes: Sizes,
    /// Lookup tables of the designs of a channel, estimated.
    pub lut: u64,
}

impl Setup {
    /// Loads the designs of a study.
    ///
    /// # Errors
    /// Those of [`DesignManifest::load`] and [`Link::load`]; [`Code::Recipe`] for stages that do not go together.
    pub fn new(study: Study, samples: Samples) -> Result<Self> {
        let (body, lut) = body(&study)?;
        let framed = study.stage.first().and_then(|s| s.design.as_deref()).filter(|_| matches!(body, Body::Core(_)));
        let sizes = match &study.payload {
            Payload::Bits { bits } => Sizes::Uniform(*bits, *bits),
            Payload::Uniform { uniform: [low, high] } => Sizes::Uniform(*low, *high),
            Payload::Hits { hit_bits, header_bits } => Sizes::Hits(*hit_bits, *header_bits),
            payload @ Payload::Sample { .. } => Sizes::Sample(samples(payload, framed)?),
        };
        match (&sizes, &body) {
            (Sizes::Sample(sample), _) if sample.bits.is_empty() => {
                return Err(Error::new(Code::DataShape, "the payload's sample has no events"));
            }
            (Sizes::Sample(sample), Body::Core(core)) if sample.record.is_some() => {
                // What a sample of a waveform costs depends on those before it.
                if core.places.loses || core.core.options.drop {
                    return Err(Error::new(Code::Recipe, "a sample of a waveform cannot be lost alone").hint(
                        "say `full = \"wait\"` of its stage, and emit the core without --drop: what cannot be lost shows as waiting",
                    ));
                }
            }
            _ => {}
        }
        Ok(Setup { study, body, sizes, lut })
    }

    /// The same at another rate, with other events.
    fn scaled(&self, factor: f64, events: u64) -> Option<Self> {
        let source = self.study.source.scaled(factor)?;
        let study = Study { source, events, ..self.study.clone() };
        Some(Setup { study, ..self.clone() })
    }

    /// All that results depend on beside the text of the study: what is in the files that it names.
    pub(super) fn fingerprint(&self, hash: &mut Sha256) {
        if let Sizes::Sample(sample) = &self.sizes {
            sample.bits.iter().for_each(|bits| hash.update(bits.to_le_bytes()));
        }
        hash.update(format!("{:?}", self.body));
        let stalls = match &self.study.link.stalls {
            Some(StallSection::Listed { file }) => Some(file.clone()),
            _ => None,
        };
        for file in self.study.source.clone().files().cloned().into_iter().chain(stalls) {
            hash.update(std::fs::read(file).unwrap_or_default());
        }
    }

    /// The sample that events are drawn from.
    pub fn sample(&self) -> Option<&Sample> {
        match &self.sizes {
            Sizes::Sample(sample) => Some(sample),
            _ => None,
        }
    }

    pub(super) fn arrivals(&self, channel: usize) -> Result<(Arrivals, Draw)> {
        let seed = self.study.seed;
        let own = ChaCha8Rng::seed_from_u64(!seed ^ (channel as u64) << 32);
        let draw = Draw { sizes: self.sizes.clone(), rng: own, next: 0 };
        Ok((Arrivals::new(&self.study.source, self.study.clock(), seed, channel)?, draw))
    }

    /// Lets all events pass.
    ///
    /// * `progress`: told of so many events more
    ///
    /// # Errors
    /// Those of [`Arrivals::new`]; [`Code::DataShape`] if no event came through.
    pub fn run(&self, progress: impl FnMut(u64)) -> Result<Results> {
        let mut feed = Feed::new(self, progress)?;
        let mut results = match &self.body {
            Body::Stages(stages) => self.run_stages(stages, &mut feed)?,
            Body::Core(core) => self.run_core(core, &mut feed)?,
        };
        results.warnings = warnings(&self.study, &results);
        Ok(results)
    }

    fn run_stages(&self, stages: &[Stage], feed: &mut Feed<impl FnMut(u64)>) -> Result<Results> {
        let study = &self.study;
        let (clock, slots) = (study.clock(), study.slots());
        let mut chain = Chain::new(study.channels, stages, study.queue(), study.carrier()?);
        if study.source.has_orbit() {
            chain = chain.by_crossing(clock.per_crossing());
        }
        let mut passed = Passed::new(stages.len() + 1);
        let mut bits_of_stages = 0;
        chain.run(
            |channel| feed.next(channel).map(|(at, offer)| (at, offer.bits)),
            |_, p| {
                passed.events += 1;
                passed.latency.count(p.end - p.arrival);
                for (k, (enters, begins)) in p.steps.iter().enumerate() {
                    let leaves = p.steps.get(k + 1).map_or(p.end, |next| next.0);
                    passed.stages[k].count(leaves - enters);
                    passed.waited[k] += begins - enters;
                }
                bits_of_stages += u64::from(p.bits);
                passed.link_bits += slots.of(p.bits) * u64::from(slots.bits);
                passed.end = passed.end.max(p.end);
            },
        );
        passed.bits = bits_of_stages;
        let mean_bits = passed.bits as f64 / passed.events();
        let sections = study.stage.iter().map(|s| (s.name.clone(), s.fifo));
        let fifos = sections.chain([("link".to_owned(), study.link.fifo)]).enumerate();
        let figures = fifos.map(|(k, (name, places))| {
            let all: Vec<_> = (0..study.channels).map(|channel| chain.occupancies(channel)[k]).collect();
            let most = stages.get(k).map(|s| 1e3 / (s.mean_busy(mean_bits) * clock.ns()));
            passed.stage(k, name, most, Some(FifoFigures::new(places, &all, &clock)), &clock)
        });
        let figures = figures.collect();
        self.results(feed, &passed, figures, [0, 0], None)
    }

    fn run_core(&self, body: &CoreBody, feed: &mut Feed<impl FnMut(u64)>) -> Result<Results> {
        let study = &self.study;
        let (clock, slots) = (study.clock(), study.slots());
        let mut cores = Cores::new(study.channels, body.shape, body.places, study.carrier()?);
        if study.source.has_orbit() {
            cores = cores.by_crossing(clock.per_crossing());
        }
        let mut passed = Passed::new(2);
        cores.run(
            |channel| feed.next(channel),
            |_, d| {
                passed.events += 1;
                passed.latency.count(d.left - d.arrival);
                passed.stages[0].count(d.taken - d.arrival);
                passed.stages[1].count(d.left - d.taken);
                passed.waited[0] += d.taken - d.arrival;
                passed.bits += u64::from(d.bits);
                passed.end = passed.end.max(d.left);
            },
        );
        let found: Vec<&Framed> = (0..study.channels).map(|channel| cores.found(channel)).collect();
        let sum = |of: fn(&Framed) -> u64| found.iter().map(|f| of(f)).sum::<u64>();
        let beat_bits = sum(|f| f.beats) << body.shape.output_log2;
        passed.link_bits = link_bits(&slots, beat_bits, sum(|f| f.frames));
        let words: Vec<_> = found.iter().map(|f| &f.words).collect();
        let (most, survival, depths) = MemoryFigures::survival_and_depths(&words, body.shape.margin);
        let words = 1 << body.shape.words_log2;
        let memory = MemoryFigures {
            words,
            word_bits: body.core.word_bits,
            margin: body.shape.margin,
            most,
            survival,
            depths: if most < (words - body.shape.margin) as usize { depths } else { Vec::new() },
            lost: sum(|f| f.lost_inside),
            frames: sum(|f| f.frames),
            beat_bits,
        };
        let fifos: Vec<_> = found.iter().map(|f| &f.occupancy).collect();
        let fifo = FifoFigures::new(body.places.most, &fifos, &clock);
        let busy = f64::from(body.shape.ii.max(body.shape.input_beats)) * clock.ns();
        let name = study.stage[0].name.clone();
        let figures = vec![
            passed.stage(0, format!("in front of {name}"), Some(1e3 / busy), Some(fifo), &clock),
            passed.stage(1, format!("{name} and link"), None, None, &clock),
        ];
        self.results(feed, &passed, figures, [memory.lost, sum(|f| f.unfinished)], Some(memory))
    }

    /// * `aside`: events lost inside cores, and unfinished
    fn results(
        &self,
        feed: &Feed<impl FnMut(u64)>,
        passed: &Passed,
        stages: Vec<StageFigures>,
        aside: [u64; 2],
        memory: Option<MemoryFigures>,
    ) -> Result<Results> {
        let study = &self.study;
        let latency = passed.latency.whole();
        if latency.events() == 0 {
            return Err(Error::new(Code::DataShape, "no event came through to its end")
                .hint("more events, or frames that end: the last of a frame is what ends it"));
        }
        let (clock, slots) = (study.clock(), study.slots());
        let [inside, unfinished] = aside;
        let events = feed.came;
        let vetoed = feed.sources.iter().map(|s| s.0.vetoed).sum::<u64>();
        let lost = inside + stages.iter().filter_map(|s| s.fifo.as_ref()).map(|f| f.lost).sum::<u64>();
        let seconds = feed.last.max(1) as f64 * clock.ns() * 1e-9;
        let rate_mhz = events as f64 / seconds / 1e6 / study.channels as f64;
        let through = passed.events();
        let gbps = slots.bits_per_cycle() / clock.ns();
        let mean_link_bits = passed.link_bits as f64 / through;
        let link_mhz = 1e3 * gbps / mean_link_bits / study.channels as f64;
        let stages: Vec<StageFigures> = stages
            .into_iter()
            .map(|s| StageFigures { most_mhz: if s.most_mhz.is_finite() { s.most_mhz } else { link_mhz }, ..s })
            .collect();
        let slowest = stages.iter().min_by(|a, b| a.most_mhz.total_cmp(&b.most_mhz));
        let knee = slowest.map(|s| Knee { stage: s.name.clone(), rate_mhz: s.most_mhz });
        Ok(Results {
            schema: SCHEMA.to_owned(),
            name: study.name.clone(),
            channels: study.channels,
            events,
            vetoed,
            lost,
            unfinished,
            dead: (vetoed + lost) as f64 / (vetoed + events) as f64,
            seconds,
            rate_mhz,
            latency: latency.told(&clock),
            survival: latency.survival(&clock),
            crossing_ns: 1e9 / CROSSING_HZ,
            link: LinkFigures {
                gbps,
                used: passed.link_bits as f64 / (slots.bits_per_cycle() * passed.end as f64),
                mean_bits: passed.bits as f64 / through,
                mean_link_bits,
                budget_bits: 1e3 * gbps / (rate_mhz * study.channels as f64),
            },
            knee: knee.unwrap_or(Knee { stage: "link".to_owned(), rate_mhz: link_mhz }),
            stages,
            memory,
            scan: Vec::new(),
            rtl: None,
            late: late(study, &latency),
            warnings: Vec::new(),
        })
    }

    /// The chain at other rates, up to half as much again as it was asked for, or as it can bear; four times as many triggers, where rules
    /// veto some.
    ///
    /// * `base`: of this study
    /// * `events`: of a channel, at each rate
    ///
    /// # Errors
    /// Those of [`run`](Self::run).
    pub fn scan(&self, base: &Results, events: u64, mut progress: impl FnMut(u64)) -> Result<Vec<ScanPoint>> {
        const RATES: usize = 20;
        let came = (base.events + base.vetoed) as f64 / base.events as f64;
        // Where rules hold events back, the rate that they let through never comes near what the chain bears.
        let bears = if base.vetoed > 0 { 4.0 } else { 1.5 * (base.knee.rate_mhz / base.rate_mhz).max(1.0) };
        let top = bears.min(self.study.source.most()?);
        let mut points = Vec::new();
        for k in 1..=RATES {
            let Some(setup) = self.scaled(top * k as f64 / RATES as f64, events.min(self.study.events)) else { break };
            let r = match setup.run(&mut progress) {
                Ok(r) => r,
                // Too few events for a frame at so low a rate.
                Err(e) if e.code() == Code::DataShape => continue,
                Err(e) => return Err(e),
            };
            let Times { mean_ns, p95_ns, p99_ns, .. } = r.latency;
            let all = (r.events + r.vetoed) as f64 / r.events as f64;
            points.push(ScanPoint {
                rate_mhz: if came > 1.0 { r.rate_mhz * all } else { r.rate_mhz },
                dead: r.dead,
                mean_ns,
                p99_ns: p99_ns.unwrap_or(p95_ns),
                link_used: r.link.used,
            });
        }
        Ok(points)
    }
}

fn body(study: &Study) -> Result<(Body, u64)> {
    let (mut stages, mut lut) = (Vec::new(), 0);
    for (k, s) in study.stage.iter().enumerate() {
        let (latency, ii) = match &s.design {
            None => (s.latency.unwrap_or(0), s.ii.unwrap_or(1)),
            Some(folder) => {
                let manifest = DesignManifest::load(folder)?;
                lut += manifest.lut_estimate;
                if let Some(core) = &manifest.link {
                    let wrong = |what: &str, hint: &str| {
                        Error::new(Code::Recipe, format!("stage `{}` {what}", s.name)).hint(hint.to_owned())
                    };
                    if study.stage.len() > 1 {
                        return Err(wrong(
                            "is a core that sends frames, and not the only stage",
                            "what is before it is its fifo, what is behind it the link",
                        ));
                    }
                    if core.options.output_clock {
                        return Err(wrong("has an output with a clock of its own", "emit it without --output-clock"));
                    }
                    if study.link.fifo.is_some() || s.bits_per_cycle.is_some() {
                        return Err(wrong(
                            "is a core that sends frames: it has no bits_per_cycle, and its link no fifo",
                            "its memory is emitted with it",
                        ));
                    }
                    let link = Link::load(&folder.join(&core.link))?;
                    let (shape, places) = (CoreShape::new(&manifest, core, &link), s.places(k));
                    let core = core.clone();
                    return Ok((Body::Core(Box::new(CoreBody { shape, places, manifest, core })), lut));
                }
                (u64::from(manifest.latency_cycles.0), u64::from(manifest.ii))
            }
        };
        stages.push(Stage { places: s.places(k), latency, ii, bits_per_cycle: s.bits_per_cycle });
    }
    Ok((Body::Stages(stages), lut))
}

/// What frames take of a link: each at least what the link asks for.
fn link_bits(slots: &Slots, beat_bits: u64, frames: u64) -> u64 {
    match beat_bits.checked_div(frames) {
        // Frames are about alike where a least size matters.
        Some(mean) => u64::from(slots.taken(mean as u32) - mean as u32) * frames + beat_bits,
        None => beat_bits,
    }
}

/// Events to come, of all channels.
struct Feed<P> {
    sources: Vec<(Arrivals, Draw)>,
    left: Vec<u64>,
    came: u64,
    last: u64,
    progress: P,
}

impl<P: FnMut(u64)> Feed<P> {
    fn new(setup: &Setup, progress: P) -> Result<Self> {
        let channels = setup.study.channels;
        let sources = (0..channels).map(|channel| setup.arrivals(channel)).collect::<Result<_>>()?;
        Ok(Feed { sources, left: vec![setup.study.events; channels], came: 0, last: 0, progress })
    }

    fn next(&mut self, channel: usize) -> Option<(u64, Offer)> {
        self.left[channel] = self.left[channel].checked_sub(1)?;
        let (arrivals, draw) = &mut self.sources[channel];
        let arrival = arrivals.next()?;
        self.last = self.last.max(arrival.at);
        self.came += 1;
        if self.came.is_multiple_of(1 << 16) {
            (self.progress)(1 << 16);
        }
        Some((arrival.at, draw.draw(arrival).0))
    }
}

/// Events that came through.
struct Passed {
    events: u64,
    latency: Tally,
    stages: Vec<Tally>,
    waited: Vec<u64>,
    bits: u64,
    link_bits: u64,
    end: u64,
}

impl Passed {
    fn new(stages: usize) -> Self {
        Passed {
            events: 0,
            latency: Tally::default(),
            stages: vec![Tally::default(); stages],
            waited: vec![0; stages],
            bits: 0,
            link_bits: 0,
            end: 1,
        }
    }

    fn events(&self) -> f64 {
        self.events.max(1) as f64
    }

    /// * `most`: MHz; of the link it is known later
    fn stage(
        &self,
        k: usize,
        name: String,
        most: Option<f64>,
        fifo: Option<FifoFigures>,
        clock: &Clock,
    ) -> StageFigures {
        let counted = self.stages[k].whole();
        StageFigures {
            name,
            mean_wait_ns: self.waited[k] as f64 / self.events() * clock.ns(),
            latency: counted.told(clock),
            survival: counted.survival(clock),
            most_mhz: most.unwrap_or(f64::INFINITY),
            fifo,
        }
    }
}

fn late(study: &Study, latency: &Counted) -> Option<f64> {
    let cycles = (study.budget.latency_bx? * study.clock().per_crossing()).floor() as u64;
    Some(latency.beyond(cycles) as f64 / latency.events().max(1) as f64)
}

fn warnings(study: &Study, r: &Results) -> Vec<String> {
    let mut said = Vec::new();
    let budget = &study.budget;
    if let (Some(bx), Some(late)) = (budget.latency_bx, r.late) {
        if late > budget.late {
            said.push(format!(
                "{} of the events take longer than {bx} crossings, {:.0e} may",
                share(late),
                budget.late
            ));
        }
    }
    let lost = r.lost as f64 / r.events as f64;
    if let Some(loss) = budget.loss.filter(|loss| lost > *loss) {
        said.push(format!("{} of the events are lost, {loss:.0e} may be", share(lost)));
    }
    if let Some(link) = budget.link.filter(|link| r.link.used > *link) {
        said.push(format!("{:.2} % of the link are used, {:.2} % may be", 100.0 * r.link.used, 100.0 * link));
    }
    if r.rate_mhz > r.knee.rate_mhz {
        let what = match r.stages.last() {
            Some(last) if last.name == r.knee.stage => format!(
                "the link is slower than the mean rate: it carries {:.4} MHz of events of {:.1} bits, {:.4} MHz come",
                r.knee.rate_mhz, r.link.mean_link_bits, r.rate_mhz
            ),
            _ => format!(
                "`{}` is slower than the mean rate: it takes {:.4} MHz of events, {:.4} MHz come",
                r.knee.stage, r.knee.rate_mhz, r.rate_mhz
            ),
        };
        said.push(format!("{what} in each channel; times and fifos of this study depend on how long it is"));
    }
    let full = |f: &FifoFigures| f.places.is_none() && f.most_events >= MOST;
    let endless = r.stages.iter().find(|s| s.fifo.as_ref().is_some_and(full));
    if let Some(stage) = endless.filter(|_| r.rate_mhz <= r.knee.rate_mhz) {
        said.push(format!(
            "the fifo `{}` has no end in the study, and was full with {MOST} events: what came then was lost or waited in front of it",
            stage.name
        ));
    }
    said
}

//! The study: one TOML file that describes a readout chain. Unknown keys are errors.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::carrier::{Arbiter, Slots, Stalls};
use super::chain::{Carrier, Places};
use super::filling::CROSSING_HZ;
use super::source::{Clock, Source, beside};
use super::sweep::Sweep;
use super::trace;
use crate::data::Selection;
use crate::error::{Code, Error, Result};

/// A readout chain, and what is to come of it. Files are looked for beside the study.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Study {
    /// Names the results.
    pub name: String,
    /// Of all stages. Within a part in 10,000 of a multiple of the LHC's crossing it is taken to be locked to it.
    pub clock_mhz: f64,
    /// Into one link, each with stages of its own.
    #[serde(default = "one")]
    pub channels: usize,
    /// That the source of each channel makes, if it does not end before.
    pub events: u64,
    /// Of all that is drawn.
    #[serde(default = "seed")]
    pub seed: u64,
    /// When events come.
    pub source: Source,
    /// How many bits they have.
    pub payload: Payload,
    /// What they pass, in order.
    #[serde(default)]
    pub stage: Vec<StageSection>,
    /// What carries them away.
    pub link: LinkSection,
    /// What must be kept.
    #[serde(default)]
    pub budget: Budget,
    /// Other values to try.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sweep: Option<Sweep>,
}

fn one() -> usize {
    1
}

fn seed() -> u64 {
    1
}

/// Bits of an event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(
    untagged,
    deny_unknown_fields,
    expecting = "`payload` is one of { bits }, { uniform = [low, high] }, { hit_bits, header_bits } and { data, select, link, model }"
)]
pub enum Payload {
    /// Always as many.
    Bits {
        /// These.
        bits: u32,
    },
    /// Any of these, each as likely.
    Uniform {
        /// Least and most.
        uniform: [u32; 2],
    },
    /// So many for each hit of a source that counts them, or of the size that a trace has.
    Hits {
        /// A hit.
        hit_bits: u32,
        /// Beside them.
        #[serde(default)]
        header_bits: u32,
    },
    /// What a link spends on events of a sample: drawn at random, samples of a waveform in turn.
    Sample {
        /// Data file.
        data: PathBuf,
        /// What is taken of it, like `{ array = "code" }`.
        #[serde(default, skip_serializing_if = "is_all")]
        select: Box<Selection>,
        /// Link of `sluice link`; that of the design, where a stage is one that sends frames.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        link: Option<PathBuf>,
        /// Quantized model, of a link that has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<PathBuf>,
    },
}

fn is_all(select: &Selection) -> bool {
    *select == Selection::default()
}

/// What a full fifo means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Full {
    /// The event is lost.
    Lose,
    /// Who brings it waits; in front of the first stage the source does.
    Wait,
}

/// A stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageSection {
    /// Names it in the results.
    pub name: String,
    /// Events that wait in front of it; without this as many as come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fifo: Option<usize>,
    /// What a full one means: by default an event is lost in front of the first stage, and elsewhere the stage before waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full: Option<Full>,
    /// Cycles from an event's begin to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<u64>,
    /// Cycles from one event's begin to the next one's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ii: Option<u64>,
    /// Bits of an event that go through in a cycle; without this its size does not matter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bits_per_cycle: Option<u32>,
    /// Folder of an emitted design, of which latency and II are taken. One that sends frames is simulated cycle by cycle, and is the only stage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub design: Option<PathBuf>,
}

impl StageSection {
    /// Where events wait for the stage of this number.
    pub fn places(&self, k: usize) -> Places {
        Places { most: self.fifo, loses: self.full.map_or(k == 0, |full| full == Full::Lose) }
    }
}

/// The link.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkSection {
    /// `lpgbt_5g_fec5`, `lpgbt_5g_fec12`, `lpgbt_10g_fec5`, `lpgbt_10g_fec12`, `serial_25g`, `ethernet_10g` or `ethernet_100g`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<LinkKind>,
    /// In place of that, bits of a slot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot_bits: Option<u32>,
    /// And nanoseconds from one to the next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot_ns: Option<f64>,
    /// Bits that every event, or every frame of a core, takes beside its own, above those of the kind.
    #[serde(default)]
    pub overhead_bits: u32,
    /// Events of a channel that wait for it; without this as many as come. A core has a memory of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fifo: Option<usize>,
    /// What no place means: by default the last stage waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full: Option<Full>,
    /// Which channel is next: the one behind the last, or the first that has something.
    #[serde(default)]
    pub arbiter: ArbiterKind,
    /// Cycles on the way.
    #[serde(default)]
    pub latency: u64,
    /// Times in which it carries nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stalls: Option<StallSection>,
}

/// Times in which a link carries nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields, expecting = "`link.stalls` is { every_us, length_ns, length } or { file }")]
pub enum StallSection {
    /// At random.
    Drawn {
        /// Microseconds from the end of one to the next: exponential, with this mean.
        every_us: f64,
        /// Nanoseconds of one.
        length_ns: f64,
        /// Of what that is the mean.
        #[serde(default)]
        length: StallLength,
    },
    /// As a file says.
    Listed {
        /// CSV with columns `from_ns` and `length_ns`.
        file: PathBuf,
    },
}

/// How lengths of stalls are spread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StallLength {
    /// Not at all.
    #[default]
    Fixed,
    /// Exponentially.
    Exponential,
}

/// Which channel is next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArbiterKind {
    /// The one behind the last.
    #[default]
    RoundRobin,
    /// The first.
    Fixed,
}

/// Links that are in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkKind {
    /// lpGBT uplink of 5.12 Gb/s, 112 user bits a crossing (lpGBT manual, "Uplink").
    #[serde(rename = "lpgbt_5g_fec5")]
    Lpgbt5Fec5,
    /// The same with the stronger code: 96.
    #[serde(rename = "lpgbt_5g_fec12")]
    Lpgbt5Fec12,
    /// 10.24 Gb/s: 224.
    #[serde(rename = "lpgbt_10g_fec5")]
    Lpgbt10Fec5,
    /// 192.
    #[serde(rename = "lpgbt_10g_fec12")]
    Lpgbt10Fec12,
    /// 25.78125 Gb/s with 64b/66b: 64 bits every 2.56 ns.
    #[serde(rename = "serial_25g")]
    Serial25,
    /// 10 Gb/s Ethernet, an event or a core's frame each: preamble, header, check sequence and gap of 38 bytes, 46 bytes of payload at least
    /// (IEEE 802.3).
    #[serde(rename = "ethernet_10g")]
    Ethernet10,
    /// 100 Gb/s.
    #[serde(rename = "ethernet_100g")]
    Ethernet100,
}

impl LinkKind {
    /// Bits of a slot, nanoseconds from one to the next, overhead and least size of what is sent at once.
    fn slots(self) -> (u32, f64, u32, u32) {
        let crossing = 1e9 / CROSSING_HZ;
        // Bytes.
        let (overhead, least) = (38 * 8, (38 + 46) * 8);
        match self {
            LinkKind::Lpgbt5Fec5 => (112, crossing, 0, 0),
            LinkKind::Lpgbt5Fec12 => (96, crossing, 0, 0),
            LinkKind::Lpgbt10Fec5 => (224, crossing, 0, 0),
            LinkKind::Lpgbt10Fec12 => (192, crossing, 0, 0),
            LinkKind::Serial25 => (64, 2.56, 0, 0),
            LinkKind::Ethernet10 => (8, 0.8, overhead, least),
            LinkKind::Ethernet100 => (8, 0.08, overhead, least),
        }
    }
}

/// What must be kept; what is not is said.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// Crossings from an event's arrival to its end, at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_bx: Option<f64>,
    /// Share of events that may take longer.
    #[serde(default = "late")]
    pub late: f64,
    /// Share of events that may be lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<f64>,
    /// Share of the link that may be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<f64>,
}

impl Default for Budget {
    fn default() -> Self {
        Budget { latency_bx: None, late: late(), loss: None, link: None }
    }
}

fn late() -> f64 {
    1e-6
}

impl Study {
    /// Reads one.
    ///
    /// # Errors
    /// [`Code::Io`], [`Code::Recipe`] for what is no study, those of [`check`](Self::check).
    pub fn load(path: &Path) -> Result<Self> {
        Self::new(read(path)?, path)
    }

    /// Of what a file says, perhaps with changes.
    ///
    /// # Errors
    /// Those of [`load`](Self::load).
    pub fn new(said: toml::Table, path: &Path) -> Result<Self> {
        let mut study: Study = said.try_into().map_err(|e: toml::de::Error| nonsense(path, &e))?;
        study.find_files(path.parent().unwrap_or(Path::new(".")));
        study.check().map_err(|e| e.at(path.display().to_string()))?;
        Ok(study)
    }

    fn find_files(&mut self, folder: &Path) {
        let payload = match &mut self.payload {
            Payload::Sample { data, link, model, .. } => [Some(data), link.as_mut(), model.as_mut()],
            _ => [None, None, None],
        };
        let stalls = match &mut self.link.stalls {
            Some(StallSection::Listed { file }) => Some(file),
            _ => None,
        };
        let designs = self.stage.iter_mut().filter_map(|s| s.design.as_mut());
        let all = payload.into_iter().flatten().chain(stalls).chain(designs).chain(self.source.files());
        all.for_each(|file| beside(folder, file));
    }

    /// Refuses what cannot be.
    ///
    /// # Errors
    /// [`Code::Recipe`], [`Code::Usage`].
    pub fn check(&self) -> Result<()> {
        let wrong = |what: String, hint: &str| Err(Error::new(Code::Recipe, what).hint(hint.to_owned()));
        if !(self.clock_mhz.is_finite() && (1.0..=10_000.0).contains(&self.clock_mhz)) {
            return wrong(format!("`clock_mhz` is {}", self.clock_mhz), "from 1 to 10,000");
        }
        if !(1..=1024).contains(&self.channels) {
            return wrong(format!("`channels` is {}", self.channels), "from 1 to 1024");
        }
        if self.events == 0 {
            return wrong("`events` is 0".to_owned(), "a million is a good number");
        }
        self.source.check()?;
        self.check_stages()?;
        match &self.payload {
            Payload::Uniform { uniform: [low, high] } if low > high => {
                return wrong(format!("a payload of {low} to {high} bits"), "the smaller number first");
            }
            Payload::Bits { bits } | Payload::Uniform { uniform: [_, bits] } | Payload::Hits { hit_bits: bits, .. }
                if *bits > 1 << 24 =>
            {
                return wrong(format!("a payload of {bits} bits"), "16 million at most");
            }
            _ => {}
        }
        let link = &self.link;
        if link.kind.is_some() == (link.slot_bits.is_some() || link.slot_ns.is_some())
            || link.slot_bits.is_some() != link.slot_ns.is_some()
        {
            return wrong("`link` has no speed, or two".to_owned(), "give its kind, or both slot_bits and slot_ns");
        }
        if link.fifo == Some(0) || link.slot_bits == Some(0) || link.slot_ns.is_some_and(|ns| !(ns > 0.0 && ns < 1e9)) {
            return wrong("`link` has a fifo or slots of nothing".to_owned(), "1 or more");
        }
        if let Some(StallSection::Drawn { every_us, length_ns, .. }) = &link.stalls {
            if ![*every_us, *length_ns].into_iter().all(|v| v.is_finite() && v > 0.0) {
                return wrong(
                    format!("`link.stalls` are {length_ns} ns long, {every_us} us apart"),
                    "both have to be more than 0",
                );
            }
        }
        let budget = &self.budget;
        let bad = |share: f64| !(share > 0.0 && share < 1.0);
        if bad(budget.late) || budget.loss.is_some_and(bad) || budget.link.is_some_and(|s| !(s > 0.0 && s <= 1.0)) {
            return wrong("`budget` does not make sense".to_owned(), "shares are between 0 and 1");
        }
        if budget.latency_bx.is_some_and(|bx| !(bx > 0.0)) {
            return wrong("`budget.latency_bx` is not more than 0".to_owned(), "crossings that an event may take");
        }
        Ok(())
    }

    fn check_stages(&self) -> Result<()> {
        for (k, stage) in self.stage.iter().enumerate() {
            let wrong = |what: &str, hint: &str| {
                Err(Error::new(Code::Recipe, format!("stage `{}` has {what}", stage.name)).hint(hint.to_owned()))
            };
            if stage.name == "link" || self.stage[..k].iter().any(|s| s.name == stage.name) {
                return wrong("a name that is taken", "`link` is that of the link, and no two are alike");
            }
            if stage.fifo == Some(0) {
                return wrong("a fifo without places", "1 or more, or leave it out");
            }
            if stage.ii == Some(0) || stage.bits_per_cycle == Some(0) {
                return wrong("an II or bits a cycle of 0", "1 or more");
            }
            if stage.design.is_some() && (stage.latency.is_some() || stage.ii.is_some()) {
                return wrong("a design, and a latency or II", "they are those of the design: leave them out");
            }
        }
        Ok(())
    }

    /// Its clock.
    pub fn clock(&self) -> Clock {
        Clock::new(self.clock_mhz)
    }

    /// Where events wait for the link.
    pub fn queue(&self) -> Places {
        Places { most: self.link.fifo, loses: self.link.full == Some(Full::Lose) }
    }

    /// The link.
    ///
    /// # Errors
    /// Those of [`trace::stalls`].
    pub fn carrier(&self) -> Result<Carrier> {
        let arbiter = match self.link.arbiter {
            ArbiterKind::RoundRobin => Arbiter::RoundRobin,
            ArbiterKind::Fixed => Arbiter::Fixed,
        };
        let ns = self.clock().ns();
        let stalls = match &self.link.stalls {
            None => Stalls::default(),
            Some(StallSection::Listed { file }) => Stalls::listed(trace::stalls(file, self.clock())?),
            Some(StallSection::Drawn { every_us, length_ns, length }) => {
                Stalls::drawn(every_us * 1e3 / ns, length_ns / ns, *length == StallLength::Fixed, self.seed ^ 0x5741)
            }
        };
        Ok(Carrier { slots: self.slots(), arbiter, stalls })
    }

    /// The link's slots.
    pub fn slots(&self) -> Slots {
        let own = (self.link.slot_bits.unwrap_or(1), self.link.slot_ns.unwrap_or(1.0), 0, 0);
        let (bits, ns, overhead, least) = self.link.kind.map_or(own, LinkKind::slots);
        Slots {
            bits,
            period: (ns / self.clock().ns() * 2f64.powi(32)).round().max(1.0) as u64,
            overhead: overhead + self.link.overhead_bits,
            least,
            latency: self.link.latency,
        }
    }
}

/// What a file says.
///
/// # Errors
/// [`Code::Io`], [`Code::Recipe`] for what is no TOML.
pub fn read(path: &Path) -> Result<toml::Table> {
    let text = std::fs::read_to_string(path).map_err(|e| Error::io("read", path, &e))?;
    toml::from_str(&text).map_err(|e| nonsense(path, &e))
}

fn nonsense(path: &Path, e: &toml::de::Error) -> Error {
    Error::new(Code::Recipe, "the study does not make sense").at(path.display().to_string()).cause(e.to_string())
}

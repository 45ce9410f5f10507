//! What goes over the link: events become codes, codes become frames. Firmware and software send the same bytes.
//!
//! ```text
//! event (integers) ─► [bitmap of what is not zero] ─► a code for each number ─┐
//!                                                                             ├─► payload ─► frame: header, payload, CRC-32C
//! next event ────────────────────────────────────────────────────────────────┘
//! ```
//!
//! docs/STREAM.md is the specification. A [`Link`] is plain data: `link.json` in a design folder, learned from a sample.

mod coder;
mod fixed;
mod frame;
pub mod prefix;
mod read;
#[cfg(test)]
mod tests;
pub mod wave;

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::error::{Code, Error, Result};
use crate::fixed::QFormat;
use crate::model::file::read_json;

pub use coder::Coder;
pub use fixed::{FIXED_BITS, FixedHeader};
pub use frame::{CRC_BYTES, FrameWriter, HEADER_BYTES, Header, SYNC, VERSION};
pub use prefix::PrefixCode;
pub use read::{Damage, Received, read_frames};
pub use wave::{Predictor, WaveCode, Waveform};

/// The value of the `schema` field.
pub const LINK_SCHEMA: &str = "sluice.link/1";

/// `link.json`: how events are coded and framed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// [`LINK_SCHEMA`].
    pub schema: String,
    /// The numbers of an event, in order.
    pub numbers: Vec<Number>,
    /// Whether an event begins with a bit for each number that says if it is not 0, and only those that are not are sent.
    #[serde(default)]
    pub zero_suppression: bool,
    /// Of numbers whose size is below it none but zeros are sent; only where zeros are suppressed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub threshold: u32,
    /// Where the numbers are in data; absent if a model makes them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub samples: Option<Samples>,
    /// Frames of so many bits instead, one an event; the two fields below then say nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed_bits: Option<u32>,
    /// A frame ends with its `frame_events`-th event, 1 to 65,535.
    pub frame_events: u16,
    /// And with the first event that finds `2^frame_limit_log2` bits of payload or more before it, 9 to 18.
    pub frame_limit_log2: u32,
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// A number of an event, and its code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Number {
    /// Its format.
    pub format: QFormat,
    /// Its code.
    pub code: NumberCode,
}

/// How a number is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NumberCode {
    /// All bits of its format, the lowest first.
    Fixed,
    /// A prefix code.
    Prefix(PrefixCode),
    /// As a sample of a waveform, predicted from those before it in the frame.
    Waveform(Waveform),
}

/// Columns of data that are sent as they are, or within a bound.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Samples {
    /// What a design of it is called.
    pub name: String,
    /// The columns. Each gives its lanes to every event, and all give as many events a row.
    pub columns: Vec<SampleColumn>,
    /// Events after which a frame ends; absent if frames end only where they are full.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<u32>,
}

impl Samples {
    /// Events of a row.
    pub fn row_events(&self) -> usize {
        self.columns.first().map_or(1, SampleColumn::events)
    }

    /// Numbers of an event.
    pub fn numbers(&self) -> usize {
        self.columns.iter().map(|c| c.lanes as usize).sum()
    }

    /// Whether the columns fit each other and the record.
    pub fn is_sound(&self) -> bool {
        let n = self.row_events();
        let fits = |c: &SampleColumn| c.lanes > 0 && c.events() == n && n * c.lanes as usize == c.width();
        n > 0
            && self.columns.iter().all(fits)
            && self.record.is_none_or(|r| r > 0 && (n % r as usize == 0 || r as usize % n == 0))
    }
}

/// A column that is sent: in a row `lanes` stretches of equal length, which go side by side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SampleColumn {
    /// Its name.
    pub name: String,
    /// Its unit, or nothing.
    pub unit: String,
    /// Its type, as NumPy calls it.
    pub dtype: String,
    /// Its shape in a row; empty for one number.
    pub shape: Vec<usize>,
    /// Numbers that it gives to an event.
    pub lanes: u32,
}

impl SampleColumn {
    /// Its numbers in a row.
    pub fn width(&self) -> usize {
        self.shape.iter().product()
    }

    /// The events that they are of.
    pub fn events(&self) -> usize {
        self.width() / self.lanes.max(1) as usize
    }
}

/// How codes are learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LearnOptions {
    /// Whether numbers get prefix codes.
    pub prefix: bool,
    /// The longest code, 1 to 15 bits.
    pub longest: u32,
    /// Whether zeros are suppressed; `None` if whatever takes fewer bits.
    pub zero_suppression: Option<bool>,
    /// Below which only zeros are sent.
    pub threshold: u32,
    /// Events of a frame.
    pub frame_events: u16,
    /// Frames of so many bits instead, one an event.
    pub fixed_bits: Option<u32>,
}

impl Default for LearnOptions {
    fn default() -> Self {
        LearnOptions {
            prefix: true,
            longest: 11,
            zero_suppression: None,
            threshold: 0,
            frame_events: 64,
            fixed_bits: None,
        }
    }
}

/// How codes of waveforms are learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaveOptions {
    /// What a sample is predicted from.
    pub predictor: Predictor,
    /// Whether what is left has learned tables, rather than Rice codes.
    pub tables: bool,
    /// What a sample may differ by from what is sent.
    pub bound: u32,
    /// Samples of a frame, at most.
    pub frame_events: u16,
}

impl Default for WaveOptions {
    fn default() -> Self {
        WaveOptions { predictor: Predictor::Lms8, tables: true, bound: 0, frame_events: 8192 }
    }
}

/// Of `frame_limit_log2`.
const LIMITS: std::ops::RangeInclusive<u32> = 9..=18;

/// Widest number that can have a prefix code: its table has an entry for each value.
pub const WIDEST_CODED: u32 = 12;

impl Link {
    /// Learns the codes of events.
    ///
    /// * `formats`: one for each number
    /// * `events`: of raw integers, as many as there are formats
    ///
    /// # Errors
    /// [`Code::Usage`] for impossible options, [`Code::FormatRange`] for a number outside its format.
    pub fn learn<'a>(
        formats: &[QFormat],
        events: impl Iterator<Item = &'a [i64]> + Clone,
        options: &LearnOptions,
    ) -> Result<Self> {
        if options.longest == 0 || options.longest > prefix::LONGEST || options.frame_events == 0 {
            return Err(Error::new(Code::Usage, "codes have 1 to 15 bits, frames at least one event"));
        }
        let with = |zero_suppression: bool| -> Result<(u64, Link)> {
            let mut counts: Vec<Vec<u64>> = formats
                .iter()
                .map(|f| if f.width <= WIDEST_CODED { vec![0; 1 << f.width] } else { Vec::new() })
                .collect();
            for (n, event) in events.clone().enumerate() {
                check_event(formats, event).map_err(|e| e.at(format!("event {n}")))?;
                for ((counts, v), format) in counts.iter_mut().zip(event).zip(formats) {
                    if !(zero_suppression && coder::is_small(*v, options.threshold)) {
                        counts.get_mut((*v - QFormat::min(*format)) as usize).into_iter().for_each(|c| *c += 1);
                    }
                }
            }
            let code = |(counts, format): (&Vec<u64>, &QFormat)| {
                let learned = (options.prefix && !counts.is_empty())
                    .then(|| PrefixCode::learn(counts, *format, options.longest))
                    .flatten();
                Number { format: *format, code: learned.map_or(NumberCode::Fixed, NumberCode::Prefix) }
            };
            let link = Link {
                schema: LINK_SCHEMA.into(),
                numbers: counts.iter().zip(formats).map(code).collect(),
                zero_suppression,
                threshold: if zero_suppression { options.threshold } else { 0 },
                samples: None,
                fixed_bits: options.fixed_bits,
                frame_events: options.frame_events,
                frame_limit_log2: 0,
            };
            let limit = (link.worst_event_bits().max(512) * 2).next_power_of_two().trailing_zeros().max(12);
            let link = Link { frame_limit_log2: limit, ..link };
            let mut coder = link.coder();
            let bits = events.clone().map(|event| u64::from(coder.bits(event))).sum();
            drop(coder);
            Ok((bits, link))
        };
        let link = match options.zero_suppression.or((options.threshold > 0).then_some(true)) {
            Some(choice) => with(choice)?.1,
            None => {
                let (plain, suppressed) = (with(false)?, with(true)?);
                if suppressed.0 < plain.0 { suppressed.1 } else { plain.1 }
            }
        };
        link.check()?;
        Ok(link)
    }

    /// Learns the codes of waveforms.
    ///
    /// * `lanes`: format and records of each number of an event; all have the same records
    ///
    /// # Errors
    /// [`Code::Usage`] for impossible options, [`Code::FormatRange`] for a sample outside its format.
    pub fn learn_waveforms(lanes: &[(QFormat, Vec<Vec<i64>>)], options: &WaveOptions) -> Result<Self> {
        let record = lanes.iter().flat_map(|(_, records)| records).map(Vec::len).max().unwrap_or(0);
        // As many as surely fit, of equal length.
        let longest = if options.tables { wave::LONGEST } else { wave::UNARY };
        let worst: u32 = lanes.iter().map(|(format, _)| format.width + longest).sum();
        let most = ((1 << LIMITS.end()) / worst.max(1) as usize).min(options.frame_events.into()).max(1);
        let frame_events = record.div_ceil(record.div_ceil(most).max(1)).max(1);
        let number = |(format, records): &(QFormat, Vec<Vec<i64>>)| {
            for (r, record) in records.iter().enumerate() {
                if let Some(s) = record.iter().find(|s| !format.contains(**s)) {
                    return Err(Error::new(Code::FormatRange, format!("record {r}: {s} is not one of {format}")));
                }
            }
            let frames: Vec<&[i64]> = records.iter().flat_map(|record| record.chunks(frame_events)).collect();
            let code = Waveform::learn(*format, &frames, options.predictor, options.tables, options.bound);
            Ok(Number { format: *format, code: NumberCode::Waveform(code) })
        };
        let mut link = Link {
            schema: LINK_SCHEMA.into(),
            numbers: lanes.iter().map(number).collect::<Result<_>>()?,
            zero_suppression: false,
            threshold: 0,
            samples: None,
            fixed_bits: None,
            frame_events: frame_events as u16,
            frame_limit_log2: 0,
        };
        let bits = link.worst_event_bits() * frame_events as u64;
        link.frame_limit_log2 = bits.next_power_of_two().trailing_zeros().max(12);
        link.check()?;
        Ok(link)
    }

    /// Reads and checks a `link.json`.
    ///
    /// # Errors
    /// `I001`, or `M001` with what is wrong.
    pub fn load(path: &Path) -> Result<Self> {
        let link: Link = read_json(path, Code::ModelForm)?;
        link.check().map_err(|e| e.at(path.display().to_string()))?;
        Ok(link)
    }

    /// Checks what the type does not say.
    ///
    /// # Errors
    /// [`Code::ModelForm`] with the number.
    pub fn check(&self) -> Result<()> {
        let bad = |what: String| Err(Error::new(Code::ModelForm, what).hint("`sluice link` writes a sound one"));
        if self.schema != LINK_SCHEMA {
            return bad(format!("`{}` is not `{LINK_SCHEMA}`", self.schema));
        }
        if self.numbers.is_empty() || self.frame_events == 0 {
            return bad("a link without numbers, or with frames of no events".into());
        }
        for (i, number) in self.numbers.iter().enumerate() {
            number.format.check()?;
            match &number.code {
                NumberCode::Prefix(code) if number.format.width > WIDEST_CODED || !code.fits(number.format) => {
                    return bad(format!("the lengths of number {i} are no prefix code of {}", number.format));
                }
                NumberCode::Waveform(wave) => {
                    if let Some(fault) = wave.fault(number.format) {
                        return bad(format!("number {i}: {fault}"));
                    }
                }
                _ => {}
            }
        }
        if self.threshold > u32::from(u16::MAX) || (self.threshold > 0 && !self.zero_suppression) {
            return bad("a threshold has 16 bits, and zero suppression".into());
        }
        let waves = self.has_waveforms();
        let others = self.numbers.iter().any(|n| !matches!(n.code, NumberCode::Waveform(_)));
        if waves && (others || self.zero_suppression || self.fixed_bits.is_some()) {
            return bad("waveforms go with waveforms only, without zero suppression or frames of fixed size".into());
        }
        if self.samples.as_ref().is_some_and(|s| !s.is_sound() || s.numbers() != self.numbers.len()) {
            return bad(format!("its columns do not give {} numbers an event", self.numbers.len()));
        }
        if let Some(bits) = self.fixed_bits {
            if !FIXED_BITS.contains(&bits) || bits % 32 > 0 {
                return bad(format!("frames of {bits} bits: use a multiple of 32 from 96 to 256"));
            }
            return Ok(());
        }
        let worst = self.worst_event_bits();
        if !LIMITS.contains(&self.frame_limit_log2) || worst >= 1 << self.frame_limit_log2 {
            return bad(format!(
                "`frame_limit_log2` {} is outside 9 to 18, or its bits do not hold the largest event of {worst}",
                self.frame_limit_log2
            ));
        }
        // Prediction starts anew with a frame, so whoever predicts must know where it ends.
        if waves && worst * u64::from(self.frame_events) > 1 << self.frame_limit_log2 {
            return bad(format!("2^`frame_limit_log2` bits do not hold {} samples of {worst} bits", self.frame_events));
        }
        Ok(())
    }

    /// Whether what is received is what was sent: nothing below a threshold, no bound, no frames that are too small.
    pub fn is_lossless(&self) -> bool {
        let bounded = |n: &Number| matches!(&n.code, NumberCode::Waveform(wave) if wave.bound > 0);
        let room = |bits: u32| self.worst_event_bits() + u64::from(fixed::OVERHEAD_BITS) <= u64::from(bits);
        self.threshold <= 1 && !self.numbers.iter().any(bounded) && self.fixed_bits.is_none_or(room)
    }

    /// Whether a number is sent as a waveform.
    pub fn has_waveforms(&self) -> bool {
        self.numbers.iter().any(|n| matches!(n.code, NumberCode::Waveform(_)))
    }

    /// The largest number of bits of an event.
    pub fn worst_event_bits(&self) -> u64 {
        let bits = |n: &Number| match &n.code {
            NumberCode::Fixed => n.format.width,
            NumberCode::Prefix(code) => (0..code.lengths.len()).map(|i| code.bits(i, n.format)).max().unwrap_or(0),
            NumberCode::Waveform(wave) => wave.worst_bits(n.format),
        };
        self.numbers.iter().map(|n| u64::from(bits(n))).sum::<u64>() + self.bitmap_bits()
    }

    /// Bits that every event begins with.
    pub fn bitmap_bits(&self) -> u64 {
        if self.zero_suppression { self.numbers.len() as u64 } else { 0 }
    }

    /// What the header of a frame says of the link: 16 bits of the SHA-256 of its compact JSON.
    pub fn id(&self) -> u16 {
        let json = serde_json::to_vec(self).unwrap_or_default();
        let hash = Sha256::digest(&json);
        u16::from_le_bytes([hash[0], hash[1]])
    }

    /// Ready to write and read events, at the start of a frame.
    pub fn coder(&self) -> Coder<'_> {
        Coder::new(self)
    }
}

/// Whether an event fits its formats.
fn check_event(formats: &[QFormat], event: &[i64]) -> Result<()> {
    if event.len() != formats.len() {
        return Err(Error::new(
            Code::DataShape,
            format!("an event has {} numbers, the link {}", event.len(), formats.len()),
        ));
    }
    match event.iter().zip(formats).position(|(v, f)| !f.contains(*v)) {
        Some(i) => {
            Err(Error::new(Code::FormatRange, format!("number {i}, {}, is not one of {}", event[i], formats[i])))
        }
        None => Ok(()),
    }
}

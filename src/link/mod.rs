//! What goes over the link: events become codes, codes become frames. Firmware and software send the same bytes.
//!
//! ```text
//! event (integers) ─► [bitmap of what is not zero] ─► a code for each number ─┐
//!                                                                             ├─► payload ─► frame: header, payload, CRC-32C
//! next event ────────────────────────────────────────────────────────────────┘
//! ```
//!
//! docs/STREAM.md is the specification. A [`Link`] is plain data: `link.json` in a design folder, learned from a sample.

mod frame;
pub mod prefix;
mod read;
#[cfg(test)]
mod tests;

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::entropy::bytes::{BitReader, BitWriter};
use crate::error::{Code, Error, Result};
use crate::fixed::QFormat;
use crate::model::file::read_json;

pub use frame::{CRC_BYTES, FrameWriter, HEADER_BYTES, Header, SYNC, VERSION};
pub use prefix::PrefixCode;
pub use read::{Damage, Received, read_frames};

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
    /// A frame ends with its `frame_events`-th event, 1 to 65,535.
    pub frame_events: u16,
    /// And with the first event that finds `2^frame_limit_log2` bits of payload or more before it, 9 to 18.
    pub frame_limit_log2: u32,
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
    /// Events of a frame.
    pub frame_events: u16,
}

impl Default for LearnOptions {
    fn default() -> Self {
        LearnOptions { prefix: true, longest: 11, zero_suppression: None, frame_events: 64 }
    }
}

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
                    if !(zero_suppression && *v == 0) {
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
                frame_events: options.frame_events,
                frame_limit_log2: 0,
            };
            let limit = (link.worst_event_bits().max(512) * 2).next_power_of_two().trailing_zeros().max(12);
            let link = Link { frame_limit_log2: limit, ..link };
            let coder = link.coder();
            Ok((events.clone().map(|event| u64::from(coder.bits(event))).sum(), link))
        };
        let link = match options.zero_suppression {
            Some(choice) => with(choice)?.1,
            None => {
                let (plain, suppressed) = (with(false)?, with(true)?);
                if suppressed.0 < plain.0 { suppressed.1 } else { plain.1 }
            }
        };
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
            if let NumberCode::Prefix(code) = &number.code {
                if number.format.width > WIDEST_CODED || !code.fits(number.format) {
                    return bad(format!("the lengths of number {i} are no prefix code of {}", number.format));
                }
            }
        }
        let worst = self.worst_event_bits();
        if !(9..=18).contains(&self.frame_limit_log2) || worst >= 1 << self.frame_limit_log2 {
            return bad(format!(
                "`frame_limit_log2` {} is outside 9 to 18, or its bits do not hold the largest event of {worst}",
                self.frame_limit_log2
            ));
        }
        Ok(())
    }

    /// The largest number of bits of an event.
    pub fn worst_event_bits(&self) -> u64 {
        let bits = |n: &Number| match &n.code {
            NumberCode::Fixed => n.format.width,
            NumberCode::Prefix(code) => (0..code.lengths.len()).map(|i| code.bits(i, n.format)).max().unwrap_or(0),
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

    /// Ready to write and read events.
    pub fn coder(&self) -> Coder<'_> {
        let table = |n: &Number| match &n.code {
            NumberCode::Fixed => None,
            NumberCode::Prefix(code) => Some(code.table(n.format)),
        };
        Coder { link: self, tables: self.numbers.iter().map(table).collect() }
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

/// A link with its tables.
pub struct Coder<'a> {
    link: &'a Link,
    tables: Vec<Option<prefix::Table>>,
}

impl Coder<'_> {
    /// Writes an event; returns its bits.
    fn put(&self, out: &mut BitWriter, event: &[i64]) -> u32 {
        let mut bits = 0;
        if self.link.zero_suppression {
            event.iter().for_each(|v| out.put((*v != 0).into(), 1));
            bits += event.len() as u32;
        }
        for ((v, table), number) in event.iter().zip(&self.tables).zip(&self.link.numbers) {
            bits += match table {
                _ if self.link.zero_suppression && *v == 0 => 0,
                Some(table) => table.put(out, *v),
                None => {
                    out.put(*v as u64, number.format.width);
                    number.format.width
                }
            };
        }
        bits
    }

    /// Bits of an event.
    pub fn bits(&self, event: &[i64]) -> u32 {
        self.put(&mut BitWriter::default(), event)
    }

    /// Reads an event.
    fn get(&self, bits: &mut BitReader) -> Result<Vec<i64>> {
        let n = self.link.numbers.len();
        let there: Vec<bool> = match self.link.zero_suppression {
            true => (0..n).map(|_| Ok(bits.get(1)? == 1)).collect::<Result<_>>()?,
            false => vec![true; n],
        };
        let get = |((table, number), there): ((&Option<prefix::Table>, &Number), bool)| match table {
            _ if !there => Ok(0),
            Some(table) => table.get(bits),
            None => Ok(number.format.from_bits(bits.get(number.format.width)?)),
        };
        self.tables.iter().zip(&self.link.numbers).zip(there).map(get).collect()
    }
}

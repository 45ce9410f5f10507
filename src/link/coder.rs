//! Events to bits and back.

use super::prefix::Table;
use super::wave::Lane;
use super::{Link, Number, NumberCode};
use crate::entropy::bytes::{BitReader, BitWriter};
use crate::error::Result;
use crate::fixed::QFormat;

/// A link with its tables, and with what it remembers of a frame.
pub struct Coder<'a> {
    /// Whether zeros are suppressed, and below which size.
    zeros: Option<u32>,
    ways: Vec<Way<'a>>,
}

/// How a number is written and read.
enum Way<'a> {
    Fixed(QFormat),
    Prefix(Table),
    Waveform(Lane<'a>),
}

impl<'a> Coder<'a> {
    /// At the start of a frame.
    pub(super) fn new(link: &'a Link) -> Self {
        let way = |n: &'a Number| match &n.code {
            NumberCode::Fixed => Way::Fixed(n.format),
            NumberCode::Prefix(code) => Way::Prefix(code.table(n.format)),
            NumberCode::Waveform(wave) => Way::Waveform(Lane::new(wave, n.format)),
        };
        let zeros = link.zero_suppression.then_some(link.threshold);
        Coder { zeros, ways: link.numbers.iter().map(way).collect() }
    }

    /// Numbers of an event.
    pub(super) fn numbers(&self) -> usize {
        self.ways.len()
    }

    /// Begins a frame.
    pub(super) fn restart(&mut self) {
        for way in &mut self.ways {
            if let Way::Waveform(lane) = way {
                lane.restart();
            }
        }
    }

    /// Writes an event; returns its bits.
    pub(super) fn put(&mut self, out: &mut BitWriter, event: &[i64]) -> u32 {
        let is_sent = |v: &i64| self.zeros.is_none_or(|threshold| !is_small(*v, threshold));
        let sent: Vec<bool> = event.iter().map(is_sent).collect();
        let mut bits = 0;
        if self.zeros.is_some() {
            sent.iter().for_each(|sent| out.put((*sent).into(), 1));
            bits += sent.len() as u32;
        }
        for ((v, way), sent) in event.iter().zip(&mut self.ways).zip(sent) {
            bits += match way {
                _ if !sent => 0,
                Way::Prefix(table) => table.put(out, *v),
                Way::Waveform(lane) => lane.put(out, *v),
                Way::Fixed(format) => {
                    out.put(*v as u64, format.width);
                    format.width
                }
            };
        }
        bits
    }

    /// Bits of an event, if it is the next.
    pub fn bits(&mut self, event: &[i64]) -> u32 {
        self.put(&mut BitWriter::default(), event)
    }

    /// Reads an event.
    pub(super) fn get(&mut self, bits: &mut BitReader) -> Result<Vec<i64>> {
        let mut event = Vec::new();
        self.get_into(bits, &mut event)?;
        Ok(event)
    }

    /// Reads the numbers of an event, as far as they are there.
    pub(super) fn get_into(&mut self, bits: &mut BitReader, event: &mut Vec<i64>) -> Result<()> {
        let n = self.ways.len();
        let there: Vec<bool> = match self.zeros {
            Some(_) => (0..n).map(|_| Ok(bits.get(1)? == 1)).collect::<Result<_>>()?,
            None => vec![true; n],
        };
        for (way, there) in self.ways.iter_mut().zip(there) {
            event.push(match way {
                _ if !there => 0,
                Way::Fixed(format) => format.from_bits(bits.get(format.width)?),
                Way::Prefix(table) => table.get(bits)?,
                Way::Waveform(lane) => lane.get(bits)?,
            });
        }
        Ok(())
    }
}

/// Whether a number is 0, or its size below a threshold.
pub(super) fn is_small(v: i64, threshold: u32) -> bool {
    v == 0 || v.unsigned_abs() < u64::from(threshold)
}

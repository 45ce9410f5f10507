//! Frames: 16 bytes of header, payload in units of 4 bytes, CRC-32C of both. Numbers are little-endian.

use crc32c::crc32c;

use super::{Coder, Link, check_event, fixed};
use crate::entropy::bytes::BitWriter;
use crate::error::Result;
use crate::fixed::QFormat;

/// The first byte of a frame.
pub const SYNC: u8 = 0x53;
/// In the high half of the second.
pub const VERSION: u8 = 1;
/// Bytes before the payload.
pub const HEADER_BYTES: usize = 16;
/// Bytes behind it.
pub const CRC_BYTES: usize = 4;

/// What a frame says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// [`Link::id`] of the link.
    pub link: u16,
    /// Number of the first event, counted from reset.
    pub event: u32,
    /// Bunch crossing of the first event.
    pub crossing: u16,
    /// Events in the payload.
    pub events: u16,
    /// Payload in units of 4 bytes.
    pub units: u16,
    /// Events lost after these.
    pub lost: u16,
}

impl Header {
    /// The bytes.
    pub fn to_bytes(self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[0] = SYNC;
        bytes[1] = VERSION << 4 | u8::from(self.lost > 0);
        bytes[2..4].copy_from_slice(&self.link.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.event.to_le_bytes());
        for (at, number) in [(8, self.crossing), (10, self.events), (12, self.units), (14, self.lost)] {
            bytes[at..at + 2].copy_from_slice(&number.to_le_bytes());
        }
        bytes
    }

    /// What [`Header::to_bytes`] wrote; `None` of other bytes.
    pub fn from_bytes(bytes: &[u8; HEADER_BYTES]) -> Option<Self> {
        let u16_at = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let header = Header {
            link: u16_at(2),
            event: u32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]),
            crossing: u16_at(8),
            events: u16_at(10),
            units: u16_at(12),
            lost: u16_at(14),
        };
        (header.to_bytes() == *bytes).then_some(header)
    }

    /// Bytes of the whole frame.
    pub fn frame_bytes(&self) -> usize {
        HEADER_BYTES + 4 * usize::from(self.units) + CRC_BYTES
    }
}

/// Writes events as frames, of any size or of a fixed one.
pub struct FrameWriter<'a> {
    coder: Coder<'a>,
    formats: Vec<QFormat>,
    link: &'a Link,
    id: u16,
    out: Vec<u8>,
    payload: BitWriter,
    bits: u64,
    /// Of the frame under construction; its `events` and `lost` grow.
    header: Header,
    /// Number of the next event.
    next: u32,
    /// Bits of the last event.
    spent: u32,
}

impl<'a> FrameWriter<'a> {
    /// Nothing written yet; the first event has number 0.
    pub fn new(link: &'a Link) -> Self {
        FrameWriter {
            coder: link.coder(),
            formats: link.numbers.iter().map(|n| n.format).collect(),
            link,
            id: link.id(),
            out: Vec::new(),
            payload: BitWriter::default(),
            bits: 0,
            header: Header { link: 0, event: 0, crossing: 0, events: 0, units: 0, lost: 0 },
            next: 0,
            spent: 0,
        }
    }

    /// Adds an event; `last` ends the frame with it.
    ///
    /// # Errors
    /// [`Code::DataShape`](crate::error::Code::DataShape), [`Code::FormatRange`](crate::error::Code::FormatRange).
    pub fn event(&mut self, event: &[i64], crossing: u16, last: bool) -> Result<()> {
        check_event(&self.formats, event).map_err(|e| e.at(format!("event {}", self.next)))?;
        if let Some(bits) = self.link.fixed_bits {
            self.end_losses();
            fixed::write(&mut self.out, bits, self.id, self.next, crossing, |payload| {
                self.spent = self.coder.put(payload, event);
            });
            self.next = self.next.wrapping_add(1);
            return Ok(());
        }
        if self.header.lost > 0 {
            self.end();
        }
        self.begin(crossing);
        let full = self.bits >= 1 << self.link.frame_limit_log2;
        self.spent = self.coder.put(&mut self.payload, event);
        self.bits += u64::from(self.spent);
        self.header.events += 1;
        self.next = self.next.wrapping_add(1);
        if last || full || self.header.events == self.link.frame_events {
            self.end();
        }
        Ok(())
    }

    /// Bits of the codes of the event that was added last.
    pub fn event_bits(&self) -> u32 {
        self.spent
    }

    /// An event that is not sent, only counted: in its frame, which ends before the next event that is sent, or of a fixed size
    /// by a frame of the last one of a run.
    pub fn lost(&mut self, crossing: u16) {
        if self.link.fixed_bits.is_some() {
            self.header.crossing = crossing;
        } else {
            self.begin(crossing);
        }
        self.header.lost = self.header.lost.saturating_add(1);
        self.next = self.next.wrapping_add(1);
    }

    fn end_losses(&mut self) {
        if let (Some(bits), 1..) = (self.link.fixed_bits, self.header.lost) {
            fixed::write_lost(&mut self.out, bits, self.id, self.next.wrapping_sub(1), self.header.crossing);
            self.header.lost = 0;
        }
    }

    fn begin(&mut self, crossing: u16) {
        if self.header.events == 0 && self.header.lost == 0 {
            self.header = Header { link: self.id, event: self.next, crossing, ..self.header };
            self.coder.restart();
        }
    }

    /// Ends the frame, if there is anything in it.
    pub fn end_frame(&mut self) {
        self.end_losses();
        if self.header.events > 0 || self.header.lost > 0 {
            self.end();
        }
    }

    fn end(&mut self) {
        let mut payload = std::mem::take(&mut self.payload).finish();
        payload.resize(payload.len().next_multiple_of(4), 0);
        self.header.units = (payload.len() / 4) as u16;
        let start = self.out.len();
        self.out.extend(self.header.to_bytes());
        self.out.extend(payload);
        self.out.extend(crc32c(&self.out[start..]).to_le_bytes());
        (self.bits, self.header.events, self.header.lost) = (0, 0, 0);
    }

    /// The bytes of the frames that have ended since the last call.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// Ends the last frame and returns what has not been taken.
    pub fn finish(mut self) -> Vec<u8> {
        self.end_frame();
        self.out
    }
}

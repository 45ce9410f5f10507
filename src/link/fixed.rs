//! Frames of a fixed size, one an event, for links that carry so many bits each bunch crossing.
//!
//! Bits from the lowest: crossing 12, flags 4, low byte of the link 8, event 8; payload; CRC-32C 32. What does not fit is cut
//! off and the frame says so.

use crc32c::crc32c;

use super::read::{Received, sealed};
use super::{Coder, Header};
use crate::entropy::bytes::{BitReader, BitWriter};

/// Bits of a frame.
pub const FIXED_BITS: std::ops::RangeInclusive<u32> = 96..=256;
/// Bits of it that are not payload.
pub const OVERHEAD_BITS: u32 = 64;

const HEADER_BYTES: usize = 4;
const TRUNCATED: u8 = 1;
const LOST: u8 = 2;

/// What a frame of fixed size says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FixedHeader {
    /// The low 12 bits of the bunch crossing.
    pub crossing: u16,
    /// The event was larger than the payload: its last bits are not here.
    pub truncated: bool,
    /// The event is not here.
    pub lost: bool,
    /// The low byte of [`Link::id`](super::Link::id).
    pub link: u8,
    /// The low byte of the number of the event, counted from reset.
    pub event: u8,
}

impl FixedHeader {
    /// The bytes.
    pub fn to_bytes(self) -> [u8; HEADER_BYTES] {
        let flags = u8::from(self.truncated) * TRUNCATED + u8::from(self.lost) * LOST;
        [self.crossing as u8, (self.crossing >> 8) as u8 & 15 | flags << 4, self.link, self.event]
    }

    /// What [`FixedHeader::to_bytes`] wrote; `None` of other bytes.
    pub fn from_bytes(bytes: [u8; HEADER_BYTES]) -> Option<Self> {
        let header = FixedHeader {
            crossing: u16::from_le_bytes([bytes[0], bytes[1] & 15]),
            truncated: bytes[1] >> 4 & TRUNCATED > 0,
            lost: bytes[1] >> 4 & LOST > 0,
            link: bytes[2],
            event: bytes[3],
        };
        (header.to_bytes() == bytes && !(header.truncated && header.lost)).then_some(header)
    }
}

/// Writes the frame of an event whose bits `put` writes.
pub(super) fn write(
    out: &mut Vec<u8>,
    bits: u32,
    id: u16,
    event: u32,
    crossing: u16,
    put: impl FnOnce(&mut BitWriter),
) {
    let mut payload = BitWriter::default();
    put(&mut payload);
    let truncated = payload.bits() > u64::from(bits - OVERHEAD_BITS);
    seal(out, bits, header(id, event, crossing, truncated, false), payload.finish());
}

/// Writes the frame of an event that is lost.
pub(super) fn write_lost(out: &mut Vec<u8>, bits: u32, id: u16, event: u32, crossing: u16) {
    seal(out, bits, header(id, event, crossing, false, true), Vec::new());
}

fn header(id: u16, event: u32, crossing: u16, truncated: bool, lost: bool) -> FixedHeader {
    FixedHeader { crossing: crossing & 0xfff, truncated, lost, link: id as u8, event: event as u8 }
}

fn seal(out: &mut Vec<u8>, bits: u32, header: FixedHeader, mut payload: Vec<u8>) {
    payload.resize((bits - OVERHEAD_BITS) as usize / 8, 0);
    let start = out.len();
    out.extend(header.to_bytes());
    out.extend(payload);
    out.extend(crc32c(&out[start..]).to_le_bytes());
}

/// The frame that `bytes` begin with, and how many of them it has. `next` is the number of an event like the one before it
/// and one more.
pub(super) fn read(
    coder: &mut Coder,
    bits: u32,
    id: u16,
    next: u32,
    bytes: &[u8],
) -> Result<(usize, Received), String> {
    let length = bits as usize / 8;
    let body = sealed(bytes.get(..length).ok_or("it ends within a frame")?)?;
    let (head, payload) = body.split_at(HEADER_BYTES);
    let header = FixedHeader::from_bytes([head[0], head[1], head[2], head[3]]).ok_or("no header begins here")?;
    if header.link != id as u8 {
        return Err(format!("a frame of link ..{:02x}, not {id:04x}", header.link));
    }
    let event = next.wrapping_add(u32::from(header.event.wrapping_sub(next as u8)));
    let crossing = header.crossing;
    let of = |events: u16, lost: u16| Header { link: id, event, crossing, events, units: 0, lost };
    if header.lost {
        return Ok((length, Received { offset: 0, header: of(0, 1), events: Vec::new(), missing: 0 }));
    }
    coder.restart();
    let (mut reader, mut numbers) = (BitReader::new(payload), Vec::new());
    let whole = coder.get_into(&mut reader, &mut numbers);
    let missing = coder.numbers() - numbers.len();
    match whole {
        Ok(()) if header.truncated || !reader.rest_is_zero(bits as usize) => {
            return Err("a frame has other bits than its event".into());
        }
        Err(e) if !header.truncated => return Err(e.what().to_owned()),
        _ => numbers.resize(coder.numbers(), 0),
    }
    Ok((length, Received { offset: 0, header: of(1, 0), events: vec![numbers], missing }))
}

//! Frames back to events; what is damaged costs no more than itself.

use std::ops::Range;

use crc32c::crc32c;

use super::frame::{CRC_BYTES, HEADER_BYTES, Header};
use super::{Coder, Link, fixed};
use crate::entropy::bytes::BitReader;
use crate::error::Result;

/// A frame that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Where it begins.
    pub offset: usize,
    /// What it says of itself.
    pub header: Header,
    /// Its events, of raw integers.
    pub events: Vec<Vec<i64>>,
    /// Numbers of its last event that did not fit a frame of fixed size; they are given as 0.
    pub missing: usize,
}

/// Bytes that are no frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Where they lie.
    pub bytes: Range<usize>,
    /// Why the first of them are none.
    pub cause: String,
}

/// Finds the frames of a link in `bytes`: those whose header and CRC are right, whatever lies between them.
pub fn read_frames(link: &Link, bytes: &[u8]) -> (Vec<Received>, Vec<Damage>) {
    let (mut coder, id) = (link.coder(), link.id());
    let (mut frames, mut damages): (Vec<Received>, Vec<Damage>) = (Vec::new(), Vec::new());
    let (mut at, mut next) = (0, 0u32);
    while at < bytes.len() {
        let rest = &bytes[at..];
        let found = match link.fixed_bits {
            Some(bits) => fixed::read(&mut coder, bits, id, next, rest),
            None => frame(&mut coder, id, rest),
        };
        match found {
            Ok((length, frame)) => {
                next = frame.header.event.wrapping_add(u32::from(frame.header.events) + u32::from(frame.header.lost));
                frames.push(Received { offset: at, ..frame });
                at += length;
            }
            Err(cause) => {
                match damages.last_mut() {
                    Some(d) if d.bytes.end == at => d.bytes.end = at + 1,
                    _ => damages.push(Damage { bytes: at..at + 1, cause }),
                }
                at += 1;
            }
        }
    }
    (frames, damages)
}

/// The frame that `bytes` begin with, and how many of them it has.
fn frame(coder: &mut Coder, id: u16, bytes: &[u8]) -> Result<(usize, Received), String> {
    let short = || "it ends within a frame".to_owned();
    let first: &[u8; HEADER_BYTES] = bytes.first_chunk().ok_or_else(short)?;
    let header = Header::from_bytes(first).ok_or("no header begins here")?;
    if header.link != id {
        return Err(format!("a frame of link {:04x}, not {id:04x}", header.link));
    }
    let body = sealed(bytes.get(..header.frame_bytes()).ok_or_else(short)?)?;
    coder.restart();
    let mut bits = BitReader::new(&body[HEADER_BYTES..]);
    let events: Vec<_> =
        (0..header.events).map(|_| coder.get(&mut bits)).collect::<Result<_>>().map_err(|e| e.what().to_owned())?;
    // What fills the last unit.
    if !bits.rest_is_zero(31) {
        return Err("a payload has more bits than its events".into());
    }
    Ok((header.frame_bytes(), Received { offset: 0, header, events, missing: 0 }))
}

/// A frame without its CRC, which is right.
pub(super) fn sealed(frame: &[u8]) -> Result<&[u8], String> {
    let (body, crc) = frame.split_at(frame.len() - CRC_BYTES);
    if crc32c(body).to_le_bytes() != *crc {
        return Err("a frame does not match its CRC".into());
    }
    Ok(body)
}

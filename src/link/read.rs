//! Frames back to events; what is damaged costs no more than itself.

use std::ops::Range;

use crc32c::crc32c;

use super::frame::{CRC_BYTES, HEADER_BYTES, Header};
use super::{Coder, Link};
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
    let (coder, id) = (link.coder(), link.id());
    let (mut frames, mut damages): (Vec<Received>, Vec<Damage>) = (Vec::new(), Vec::new());
    let mut at = 0;
    while at < bytes.len() {
        match frame(&coder, id, &bytes[at..]) {
            Ok((header, events)) => {
                frames.push(Received { offset: at, header, events });
                at += header.frame_bytes();
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

/// The frame that `bytes` begin with.
fn frame(coder: &Coder, id: u16, bytes: &[u8]) -> Result<(Header, Vec<Vec<i64>>), String> {
    let short = || "it ends within a frame".to_owned();
    let first: &[u8; HEADER_BYTES] = bytes.first_chunk().ok_or_else(short)?;
    let header = Header::from_bytes(first).ok_or("no header begins here")?;
    if header.link != id {
        return Err(format!("a frame of link {:04x}, not {id:04x}", header.link));
    }
    let all = bytes.get(..header.frame_bytes()).ok_or_else(short)?;
    let (body, crc) = all.split_at(all.len() - CRC_BYTES);
    if crc32c(body).to_le_bytes() != *crc {
        return Err("a frame does not match its CRC".into());
    }
    let mut bits = BitReader::new(&body[HEADER_BYTES..]);
    let events: Vec<_> =
        (0..header.events).map(|_| coder.get(&mut bits)).collect::<Result<_>>().map_err(|e| e.what().to_owned())?;
    // What fills the last unit.
    bits.rest_is_zero(31).then_some((header, events)).ok_or_else(|| "a payload has more bits than its events".into())
}

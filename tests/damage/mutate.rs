//! What befalls containers.

use sluice::evaluate::Chance;

use crate::containers::Sample;

/// What was damaged.
#[derive(Debug, PartialEq, Eq)]
pub enum Damage {
    /// Bytes of a payload, none added or lost.
    Block(usize),
    /// The same, and its CRCs made to fit: what only the hash of the values can tell.
    Sealed(usize),
    /// The header, with CRCs that fit.
    Header,
    /// Anything.
    Any,
}

/// Bytes of a prefix and of a frame.
const PREFIX: usize = 32;
const FRAME: usize = 32;

/// A mutant of sample `of`.
pub fn mutant(samples: &[Sample], of: usize, random: &mut Chance) -> (Vec<u8>, Damage) {
    let sample = &samples[of];
    let mut bytes = sample.bytes.clone();
    match random.below(20) {
        0..4 => {
            let block = random.below(sample.blocks.len());
            let at = &sample.blocks[block].bytes;
            change(&mut bytes[at.start + FRAME..at.end], random);
            (bytes, Damage::Block(block))
        }
        4 => {
            let block = random.below(sample.blocks.len());
            let at = sample.blocks[block].bytes.clone();
            change(&mut bytes[at.start + FRAME..at.end], random);
            let crc = crc32c::crc32c(&bytes[at.start + FRAME..at.end]);
            bytes[at.start + 24..at.start + 28].copy_from_slice(&crc.to_le_bytes());
            let crc = crc32c::crc32c(&bytes[at.start..at.start + 28]);
            bytes[at.start + 28..at.start + 32].copy_from_slice(&crc.to_le_bytes());
            (bytes, Damage::Sealed(block))
        }
        5 => (header(&bytes, random), Damage::Header),
        6..10 => {
            change(&mut bytes, random);
            (bytes, Damage::Any)
        }
        10..13 => {
            bytes.truncate(random.below(bytes.len()));
            (bytes, Damage::Any)
        }
        // Bytes of this or another container in the wrong place.
        13..16 => {
            let from = &samples[if random.below(2) == 0 { of } else { random.below(samples.len()) }].bytes;
            let start = random.below(from.len());
            let part = from[start..(start + 1 + random.below(600)).min(from.len())].to_vec();
            let at = random.below(bytes.len());
            let end = if random.below(2) == 0 { at } else { (at + part.len()).min(bytes.len()) };
            bytes.splice(at..end, part);
            (bytes, Damage::Any)
        }
        // A length, a count or an offset that lies.
        16..18 => {
            let size = [2, 4, 8][random.below(3)];
            let places = [8, 12, 16, 20, bytes.len() - 24, bytes.len() - 16];
            let block = sample.blocks[random.below(sample.blocks.len())].bytes.start;
            let at =
                if random.below(2) == 0 { places[random.below(places.len())] } else { block + 4 * random.below(8) };
            let lie = [0, 1, u64::MAX, 1 << 31, bytes.len() as u64, random.below(usize::MAX) as u64][random.below(6)];
            bytes[at..at + size].copy_from_slice(&lie.to_le_bytes()[..size]);
            if random.below(2) == 0 {
                let crc = crc32c::crc32c(&bytes[..PREFIX - 4]);
                bytes[PREFIX - 4..PREFIX].copy_from_slice(&crc.to_le_bytes());
            }
            (bytes, Damage::Any)
        }
        _ => {
            let (from, to) = (random.below(bytes.len()), random.below(bytes.len()));
            bytes.drain(from.min(to)..from.max(to));
            (bytes, Damage::Any)
        }
    }
}

/// Changes some bytes in place.
fn change(bytes: &mut [u8], random: &mut Chance) {
    for _ in 0..1 + random.below(4) {
        let at = random.below(bytes.len());
        match random.below(4) {
            0 | 1 => bytes[at] ^= 1 << random.below(8),
            2 => bytes[at] = [0, 0xff, 0x7f, 0x80][random.below(4)],
            _ => {
                let end = (at + 1 + random.below(12)).min(bytes.len());
                bytes[at..end].iter_mut().for_each(|b| *b = random.below(256) as u8);
            }
        }
    }
}

/// The container with another header, whose lengths and CRCs fit.
fn header(bytes: &[u8], random: &mut Chance) -> Vec<u8> {
    let u32_at = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes")) as usize;
    let (packed, plain) = (u32_at(12), u32_at(16));
    let mut json = zstd::bulk::decompress(&bytes[PREFIX..PREFIX + packed], plain).expect("the header is sound");
    if random.below(2) == 0 {
        change(&mut json, random);
    } else {
        // Numbers are where lies would be.
        let digits: Vec<usize> = (0..json.len()).filter(|i| json[*i].is_ascii_digit()).collect();
        let at = digits[random.below(digits.len())];
        let lie = ["0", "9999999999", "18446744073709551615", "-1", "1e300"][random.below(5)];
        json.splice(at..=at, lie.bytes());
    }
    let packed_anew = zstd::bulk::compress(&json, 3).expect("it compresses");
    let mut out = bytes[..PREFIX].to_vec();
    out[12..16].copy_from_slice(&(packed_anew.len() as u32).to_le_bytes());
    out[16..20].copy_from_slice(&(json.len() as u32).to_le_bytes());
    let crc = crc32c::crc32c(&out[..PREFIX - 4]);
    out[PREFIX - 4..].copy_from_slice(&crc.to_le_bytes());
    out.extend_from_slice(&packed_anew);
    out.extend(crc32c::crc32c(&packed_anew).to_le_bytes());
    // The index points elsewhere now: blocks are found by their frames.
    out.extend_from_slice(&bytes[PREFIX + packed + 4..]);
    out
}

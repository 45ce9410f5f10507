//! The bytes around the payloads: prefix, block frames, index, trailer. Every byte of a container is under a CRC32C.

use crc32c::{crc32c, crc32c_append};

use super::general::{unzstd, zstd};
use super::meta::Meta;
use crate::data::FileAt;
use crate::entropy::bytes::malformed;
use crate::error::{Code, Error, Result};

const MAGIC: [u8; 8] = *b"\x89SLUICE\n";
const VERSION: u16 = 2;
const BLOCK: [u8; 4] = *b"SLCB";
const INDEX: [u8; 4] = *b"SLCI";
const END: [u8; 4] = *b"SLCE";

/// Magic, version, flags, lengths of header (compressed, plain) and model, CRC.
pub(super) const PREFIX_BYTES: usize = 32;
/// Magic, number, first row, rows, payload length, payload CRC, CRC of these.
pub(super) const FRAME_BYTES: usize = 32;
/// Offset, first row, rows, payload length.
const ENTRY_BYTES: usize = 24;
/// Offset of the index, total bytes, CRC, magic.
const TRAILER_BYTES: usize = 24;
/// A header is a list of columns, not data.
const MAX_HEADER: usize = 1 << 26;

/// The error for a damaged container.
pub(super) fn damaged(offset: usize, what: impl std::fmt::Display) -> Error {
    Error::new(Code::ContainerDamaged, format!("the container is damaged at byte {offset}: {what}"))
        .hint("`--recover` reads the blocks that are sound")
}

/// Adds the place to an error of a part that does not know where it lies.
pub(super) fn place(offset: usize) -> impl Fn(Error) -> Error {
    move |e| if e.code() == Code::ContainerDamaged { damaged(offset, e.what()) } else { e }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(bytes[at..at + 2].try_into().expect("two bytes"))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

fn seal(bytes: &mut Vec<u8>) {
    bytes.extend(crc32c(bytes).to_le_bytes());
}

/// Prefix, header with CRC, model with CRC.
pub(super) fn front(meta: &Meta, model: &[u8]) -> Result<Vec<u8>> {
    let json = serde_json::to_vec(meta)
        .map_err(|e| Error::new(Code::Io, "the header cannot be written").cause(e.to_string()))?;
    let header = zstd(&json, super::column::LEVEL)?;
    let too_large = |_| Error::new(Code::Unsupported, "the header exceeds 4 GiB");
    let mut out = MAGIC.to_vec();
    out.extend(VERSION.to_le_bytes());
    out.extend(0u16.to_le_bytes());
    out.extend(u32::try_from(header.len()).map_err(too_large)?.to_le_bytes());
    out.extend(u32::try_from(json.len()).map_err(too_large)?.to_le_bytes());
    out.extend((model.len() as u64).to_le_bytes());
    seal(&mut out);
    for part in [&header[..], model] {
        out.extend_from_slice(part);
        out.extend(crc32c(part).to_le_bytes());
    }
    Ok(out)
}

/// What [`front`] wrote.
pub(super) struct Front {
    pub meta: Meta,
    pub model: Vec<u8>,
    pub header_bytes: usize,
    /// Where the blocks begin.
    pub end: usize,
}

/// Reads prefix, header and model.
///
/// # Errors
/// `C001` with the place, `C002` for another version or a file that is no container.
pub(super) fn read_front(file: &FileAt) -> Result<Front> {
    let prefix = file.read(0, file.len().min(PREFIX_BYTES))?;
    let shared = prefix.len().min(MAGIC.len());
    if prefix[..shared] != MAGIC[..shared] {
        return Err(Error::new(Code::ContainerDamaged, "the container is damaged at byte 0: its magic is missing")
            .hint("is this a `.slc` file?"));
    }
    if prefix.len() < PREFIX_BYTES {
        return Err(damaged(file.len(), "it ends within its prefix"));
    }
    if crc32c(&prefix[..PREFIX_BYTES - 4]) != u32_at(&prefix, PREFIX_BYTES - 4) {
        return Err(damaged(0, "the prefix does not match its CRC"));
    }
    let (version, flags) = (u16_at(&prefix, 8), u16_at(&prefix, 10));
    if version != VERSION || flags != 0 {
        return Err(Error::new(
            Code::ContainerVersion,
            format!("the container has version {version}, flags {flags}; this program reads {VERSION}, 0"),
        )
        .hint("use the program that wrote it, or a newer one"));
    }
    let mut at = PREFIX_BYTES;
    let mut part = |what: &str, length: u64| -> Result<Vec<u8>> {
        let start = at;
        let end = usize::try_from(length)
            .ok()
            .and_then(|n| n.checked_add(start))
            .filter(|e| e.checked_add(4).is_some_and(|e| e <= file.len()));
        let end = end.ok_or_else(|| damaged(file.len(), format!("it ends within its {what}")))?;
        at = end + 4;
        let mut bytes = file.read(start, at - start)?;
        let stored = u32_at(&bytes, end - start);
        bytes.truncate(end - start);
        if crc32c(&bytes) != stored {
            return Err(damaged(start, format!("the {what} does not match its CRC")));
        }
        Ok(bytes)
    };
    let header = part("header", u32_at(&prefix, 12).into())?;
    let model = part("model", u64_at(&prefix, 20))?;
    let json = unzstd(&header, (u32_at(&prefix, 16) as usize).min(MAX_HEADER)).map_err(place(PREFIX_BYTES))?;
    let meta: Meta =
        serde_json::from_slice(&json).map_err(|e| damaged(PREFIX_BYTES, format!("the header is unreadable: {e}")))?;
    meta.check().map_err(|e| damaged(PREFIX_BYTES, e.what()))?;
    Ok(Front { meta, model, header_bytes: PREFIX_BYTES + header.len() + 8, end: at })
}

/// Where one block lies and which rows it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Of the frame, from the start of the file.
    pub offset: usize,
    pub first_row: u64,
    pub rows: u32,
    /// Without the frame.
    pub length: u32,
}

/// The frame before a payload.
pub(super) fn frame(number: u32, first_row: u64, rows: u32, payload: &[u8]) -> Result<Vec<u8>> {
    let length = u32::try_from(payload.len())
        .map_err(|_| Error::new(Code::Unsupported, "a block exceeds 4 GiB").hint("use fewer rows a block"))?;
    let mut out = BLOCK.to_vec();
    out.extend(number.to_le_bytes());
    out.extend(first_row.to_le_bytes());
    out.extend(rows.to_le_bytes());
    out.extend(length.to_le_bytes());
    out.extend(crc32c(payload).to_le_bytes());
    seal(&mut out);
    Ok(out)
}

/// Reads a frame that lies at `offset`: its number, entry and the CRC of its payload.
fn parse_frame(bytes: &[u8], offset: usize) -> Result<(u32, Entry, u32)> {
    if bytes[..4] != BLOCK || crc32c(&bytes[..FRAME_BYTES - 4]) != u32_at(bytes, FRAME_BYTES - 4) {
        return Err(damaged(offset, "the frame of a block does not match its CRC"));
    }
    let entry = Entry { offset, first_row: u64_at(bytes, 8), rows: u32_at(bytes, 16), length: u32_at(bytes, 20) };
    Ok((u32_at(bytes, 4), entry, u32_at(bytes, 24)))
}

/// The payload of block `number`, checked against its frame and the index.
pub(super) fn payload(file: &FileAt, number: u32, entry: &Entry) -> Result<Vec<u8>> {
    let start = entry.offset.checked_add(FRAME_BYTES);
    let end = start.and_then(|s| s.checked_add(entry.length as usize)).filter(|end| *end <= file.len());
    let (Some(start), Some(end)) = (start, end) else {
        return Err(damaged(file.len(), "it ends within a block"));
    };
    let mut bytes = file.read(entry.offset, end - entry.offset)?;
    let (found, described, crc) = parse_frame(&bytes, entry.offset)?;
    if (found, &described) != (number, entry) {
        return Err(damaged(entry.offset, "the frame of a block contradicts the index"));
    }
    bytes.drain(..FRAME_BYTES);
    if crc32c(&bytes) != crc {
        return Err(damaged(start, format!("block {number} does not match its CRC")));
    }
    Ok(bytes)
}

/// Index and trailer of a container whose blocks end at `offset`.
pub(super) fn back(entries: &[Entry], offset: usize) -> Vec<u8> {
    let mut out = INDEX.to_vec();
    out.extend((entries.len() as u32).to_le_bytes());
    for e in entries {
        out.extend((e.offset as u64).to_le_bytes());
        out.extend(e.first_row.to_le_bytes());
        out.extend(e.rows.to_le_bytes());
        out.extend(e.length.to_le_bytes());
    }
    seal(&mut out);
    let total = offset + out.len() + TRAILER_BYTES;
    let mut trailer = (offset as u64).to_le_bytes().to_vec();
    trailer.extend((total as u64).to_le_bytes());
    // The magic comes last but is under the CRC too.
    trailer.extend(crc32c_append(crc32c(&trailer), &END).to_le_bytes());
    trailer.extend(END);
    [out, trailer].concat()
}

/// Reads trailer and index and checks that they describe the whole file.
///
/// # Errors
/// `C001` with the place.
pub(super) fn read_back(file: &FileAt, front: &Front) -> Result<Vec<Entry>> {
    let at = file.len().checked_sub(TRAILER_BYTES).filter(|at| *at >= front.end);
    let at = at.ok_or_else(|| damaged(file.len(), "it ends before its trailer"))?;
    let trailer = file.read(at, TRAILER_BYTES)?;
    if trailer[20..] != END || crc32c_append(crc32c(&trailer[..16]), &END) != u32_at(&trailer, 16) {
        return Err(damaged(at, "there is no sound trailer: the file is cut or its end was changed"));
    }
    if u64_at(&trailer, 8) != file.len() as u64 {
        return Err(damaged(at, format!("it has {} bytes, {} were written", file.len(), u64_at(&trailer, 8))));
    }
    let start = usize::try_from(u64_at(&trailer, 0)).ok().filter(|s| *s >= front.end && *s + 12 <= at);
    let start = start.ok_or_else(|| damaged(at, "the trailer points outside the file"))?;
    let index = file.read(start, at - start)?;
    let body = index.len() - 4;
    if index[..4] != INDEX || crc32c(&index[..body]) != u32_at(&index, body) {
        return Err(damaged(start, "the index does not match its CRC"));
    }
    if (body - 8) as u64 != u64::from(u32_at(&index, 4)) * ENTRY_BYTES as u64 {
        return Err(damaged(start, "the index has a wrong length"));
    }
    let entries: Vec<Entry> = index[8..body]
        .chunks_exact(ENTRY_BYTES)
        .map(|e| {
            let offset = usize::try_from(u64_at(e, 0)).map_err(|_| malformed("an offset is too large"))?;
            Ok(Entry { offset, first_row: u64_at(e, 8), rows: u32_at(e, 16), length: u32_at(e, 20) })
        })
        .collect::<Result<_>>()
        .map_err(place(start))?;
    let (mut row, mut offset) = (0u64, front.end);
    for e in &entries {
        if e.first_row != row || e.offset != offset || e.rows == 0 || e.rows > front.meta.block_rows {
            return Err(damaged(start, "the index has gaps"));
        }
        row += u64::from(e.rows);
        offset = offset.saturating_add(FRAME_BYTES + e.length as usize);
    }
    if row != front.meta.rows || offset != start {
        return Err(damaged(start, "the index does not cover the file"));
    }
    Ok(entries)
}

/// Bytes that the search for blocks holds at once.
const SCAN_BYTES: usize = 1 << 20;

/// Finds blocks without an index: every place where a sound frame stands, in order of rows.
///
/// # Errors
/// `I001`.
pub(super) fn scan(file: &FileAt, front: &Front) -> Result<Vec<(u32, Entry)>> {
    let mut found: Vec<(u32, Entry)> = Vec::new();
    let mut at = front.end;
    while at + FRAME_BYTES <= file.len() {
        let part = file.read(at, SCAN_BYTES.min(file.len() - at))?;
        let mut i = 0;
        while i + FRAME_BYTES <= part.len() {
            let Ok((number, entry, _)) = parse_frame(&part[i..i + FRAME_BYTES], at + i) else {
                i += 1;
                continue;
            };
            let rows = u64::from(entry.rows);
            let fits = entry.first_row.checked_add(rows).is_some_and(|end| end <= front.meta.rows);
            let next = found.last().map_or(0, |(_, e)| e.first_row + u64::from(e.rows));
            if fits && rows > 0 && entry.rows <= front.meta.block_rows && entry.first_row >= next {
                found.push((number, entry));
            }
            // Not over the payload: if the file was cut inside it, other frames follow early.
            i += FRAME_BYTES;
        }
        // What is left is shorter than a frame and begins the next part.
        at += i;
    }
    Ok(found)
}

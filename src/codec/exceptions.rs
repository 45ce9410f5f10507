//! Values that a lossy form must not touch, stored by position and raw bits.

use super::general::{unzstd, zstd};
use super::values::scatter;
use crate::data::Values;
use crate::entropy::bytes::{Reader, malformed, put_section, put_varint};
use crate::error::Result;

/// Appends the values of `values` at `positions` (ascending) to `out`.
pub(super) fn put(out: &mut Vec<u8>, values: &Values, positions: &[usize]) -> Result<()> {
    put_varint(out, positions.len() as u64);
    if positions.is_empty() {
        return Ok(());
    }
    let mut plain = Vec::new();
    let mut next = 0;
    for p in positions {
        put_varint(&mut plain, (p - next) as u64);
        next = p + 1;
    }
    plain.extend(values.pick(positions).to_le_bytes());
    put_section(out, &zstd(&plain, 19)?);
    Ok(())
}

/// Reads what [`put`] wrote and sets it in `values`.
///
/// # Errors
/// [`ContainerDamaged`](crate::Code::ContainerDamaged).
pub(super) fn apply(reader: &mut Reader, values: &mut Values) -> Result<()> {
    let n = reader.count()?;
    if n == 0 {
        return Ok(());
    }
    if n > values.len() {
        return Err(malformed("more exceptions than values"));
    }
    let size = values.item_size();
    let plain = unzstd(reader.section()?, n * (10 + size))?;
    let mut plain = Reader::new(&plain);
    let mut positions = Vec::with_capacity(n);
    let mut next = 0usize;
    for _ in 0..n {
        let at = plain.count()?.checked_add(next).filter(|at| *at < values.len());
        let at = at.ok_or_else(|| malformed("an exception behind the last value"))?;
        positions.push(at);
        next = at + 1;
    }
    let exact = Values::from_le_bytes(values.dtype(), plain.take(n * size)?)?;
    plain.end()?;
    scatter(values, &positions, &exact)
}

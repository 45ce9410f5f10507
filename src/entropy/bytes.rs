//! Bytes and bits with checked reading: a short or wrong stream is an error, never a panic.

use crate::error::{Code, Error, Result};

/// The error for a stream that cannot be what an encoder wrote.
pub fn malformed(what: impl Into<String>) -> Error {
    Error::new(Code::ContainerDamaged, what)
}

/// Appends `value` in groups of 7 bits, lowest first, the top bit of each byte set if more follow (LEB128).
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a signed number: 0, -1, 1, -2, ... become 0, 1, 2, 3, ...
pub fn put_signed(out: &mut Vec<u8>, value: i64) {
    put_varint(out, ((value << 1) ^ (value >> 63)) as u64);
}

/// Appends length and bytes.
pub fn put_section(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Reads a byte string from its beginning.
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A reader at the start of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Reader { rest: bytes }
    }

    /// The next `n` bytes.
    ///
    /// # Errors
    /// [`Code::ContainerDamaged`] if fewer are left; so for every method here.
    pub fn take(&mut self, n: usize) -> Result<&'a [u8]> {
        let (head, rest) = self
            .rest
            .split_at_checked(n)
            .ok_or_else(|| malformed(format!("{n} bytes are announced, {} are there", self.rest.len())))?;
        self.rest = rest;
        Ok(head)
    }

    /// The next `N` bytes.
    ///
    /// # Errors
    /// As [`take`](Self::take).
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        Ok(self.take(N)?.try_into().expect("N bytes were taken"))
    }

    /// The next byte.
    ///
    /// # Errors
    /// As [`take`](Self::take).
    pub fn byte(&mut self) -> Result<u8> {
        Ok(self.array::<1>()?[0])
    }

    /// An unsigned number of [`put_varint`].
    ///
    /// # Errors
    /// As [`take`](Self::take), or if it exceeds 64 bits.
    pub fn varint(&mut self) -> Result<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(malformed("a number has more than 64 bits"))
    }

    /// A number of [`put_varint`] that counts something in memory.
    ///
    /// # Errors
    /// As [`varint`](Self::varint).
    pub fn count(&mut self) -> Result<usize> {
        usize::try_from(self.varint()?).map_err(|_| malformed("a count exceeds the address space"))
    }

    /// A number of [`put_signed`].
    ///
    /// # Errors
    /// As [`varint`](Self::varint).
    pub fn signed(&mut self) -> Result<i64> {
        let z = self.varint()?;
        Ok((z >> 1) as i64 ^ -((z & 1) as i64))
    }

    /// Bytes of [`put_section`].
    ///
    /// # Errors
    /// As [`take`](Self::take).
    pub fn section(&mut self) -> Result<&'a [u8]> {
        let n = self.count()?;
        self.take(n)
    }

    /// All bytes that are left.
    pub fn rest(self) -> &'a [u8] {
        self.rest
    }

    /// Checks that nothing is left.
    ///
    /// # Errors
    /// [`Code::ContainerDamaged`].
    pub fn end(self) -> Result<()> {
        if self.rest.is_empty() { Ok(()) } else { Err(malformed(format!("{} bytes too many", self.rest.len()))) }
    }
}

/// Packs bits, lowest first.
#[derive(Default)]
pub struct BitWriter {
    bytes: Vec<u8>,
    waiting: u128,
    n: u32,
}

impl BitWriter {
    /// Appends the `n` low bits of `value`, `n <= 64`.
    pub fn put(&mut self, value: u64, n: u32) {
        let mask = (1u128 << n) - 1;
        self.waiting |= (u128::from(value) & mask) << self.n;
        self.n += n;
        while self.n >= 8 {
            self.bytes.push(self.waiting as u8);
            self.waiting >>= 8;
            self.n -= 8;
        }
    }

    /// Bits so far.
    pub fn bits(&self) -> u64 {
        8 * self.bytes.len() as u64 + u64::from(self.n)
    }

    /// The bytes, the last one filled with zeros.
    pub fn finish(mut self) -> Vec<u8> {
        if self.n > 0 {
            self.bytes.push(self.waiting as u8);
        }
        self.bytes
    }
}

/// Reads the bits of a [`BitWriter`].
pub struct BitReader<'a> {
    bytes: std::slice::Iter<'a, u8>,
    waiting: u128,
    n: u32,
}

impl<'a> BitReader<'a> {
    /// A reader at the start of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        BitReader { bytes: bytes.iter(), waiting: 0, n: 0 }
    }

    /// The next `n <= 64` bits.
    ///
    /// # Errors
    /// [`Code::ContainerDamaged`] at the end.
    pub fn get(&mut self, n: u32) -> Result<u64> {
        while self.n < n {
            let byte = self.bytes.next().ok_or_else(|| malformed("the bits end too early"))?;
            self.waiting |= u128::from(*byte) << self.n;
            self.n += 8;
        }
        let value = (self.waiting & ((1u128 << n) - 1)) as u64;
        self.waiting >>= n;
        self.n -= n;
        Ok(value)
    }

    /// Whether at most `most` bits are left, and all of them are 0.
    pub fn rest_is_zero(self, most: usize) -> bool {
        self.n as usize + 8 * self.bytes.len() <= most && self.waiting == 0 && self.bytes.into_iter().all(|b| *b == 0)
    }

    /// Checks that only the zeros that fill the last byte are left.
    ///
    /// # Errors
    /// [`Code::ContainerDamaged`].
    pub fn end(self) -> Result<()> {
        if self.rest_is_zero(7) { Ok(()) } else { Err(malformed("there are more bits than values")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_and_a_cut_number_is_an_error() {
        let mut out = Vec::new();
        let numbers = [0, 1, -1, 63, 64, -65, i64::MAX, i64::MIN];
        numbers.iter().for_each(|v| put_signed(&mut out, *v));
        let mut reader = Reader::new(&out);
        for v in numbers {
            assert_eq!(reader.signed().unwrap(), v);
        }
        reader.end().unwrap();
        assert!(Reader::new(&[0x80]).varint().is_err());
        assert!(Reader::new(&[0xff; 11]).varint().is_err());
    }
}

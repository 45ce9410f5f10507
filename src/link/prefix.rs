//! Prefix codes of integers, no longer than a limit, with an escape for what has none.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::entropy::bytes::{BitReader, BitWriter, malformed};
use crate::error::Result;
use crate::fixed::QFormat;

/// The longest code: a table entry in hardware has 4 bits for its length.
pub const LONGEST: u32 = 15;

/// A canonical prefix code of the numbers of a format.
///
/// Codes are given in order of length, those of equal length in order of number, the escape last; the first bit of a code is
/// sent first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PrefixCode {
    /// Bits of the code of each number, from the smallest of the format up; 0 for those that are sent by the escape. In the file a
    /// string with a hexadecimal digit for each.
    #[serde(with = "digits")]
    #[schemars(with = "String", regex(pattern = "^[0-9a-f]*$"))]
    pub lengths: Vec<u8>,
    /// Bits of the escape, after which the number follows as it is; 0 if every number has a code.
    pub escape: u8,
}

/// Numbers up to 15 as a string of hexadecimal digits.
mod digits {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(lengths: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&lengths.iter().filter_map(|l| char::from_digit((*l).into(), 16)).collect::<String>())
    }

    pub fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<Vec<u8>, D::Error> {
        let digit = |c: char| {
            c.to_digit(16).map(|d| d as u8).ok_or_else(|| D::Error::custom(format!("`{c}` is no hexadecimal digit")))
        };
        String::deserialize(from)?.chars().map(digit).collect()
    }
}

impl PrefixCode {
    /// The code of fewest bits for numbers that come as often as `counts` says, from the smallest of the format up.
    ///
    /// Numbers that are cheaper behind an escape, among them those that never came, have no code of their own; but where all
    /// have room below the limit all of them do, which bounds the largest. `None` if fixed width is as good.
    pub fn learn(counts: &[u64], format: QFormat, longest: u32) -> Option<Self> {
        let all = format.width < longest;
        let mut coded: Vec<usize> = (0..counts.len()).filter(|i| all || counts[*i] > 0).collect();
        loop {
            let escaped = coded.len() < counts.len();
            let rest: u64 = (0..counts.len()).filter(|i| coded.binary_search(i).is_err()).map(|i| counts[i]).sum();
            // Of other data there is always one more.
            let mut weights: Vec<u64> = coded.iter().map(|i| counts[*i]).collect();
            weights.extend(escaped.then_some(rest + 1));
            if weights.len() > 1 << longest {
                let rarest = coded.iter().copied().min_by_key(|i| counts[*i])?;
                coded.retain(|i| *i != rarest);
                continue;
            }
            let lengths = limited_lengths(&weights, longest);
            let escape = if escaped { lengths[coded.len()] } else { 0 };
            let cheaper = |at: usize| escaped && u32::from(lengths[at]) > u32::from(escape) + format.width;
            let kept: Vec<usize> = (0..coded.len()).filter(|at| !cheaper(*at)).map(|at| coded[at]).collect();
            if kept.len() < coded.len() {
                coded = kept;
                continue;
            }
            let mut code = PrefixCode { lengths: vec![0; counts.len()], escape };
            coded.iter().zip(&lengths).for_each(|(i, length)| code.lengths[*i] = *length);
            let bits = |i: usize| u64::from(code.bits(i, format));
            let total: u64 = (0..counts.len()).map(|i| counts[i] * bits(i)).sum();
            let fixed = counts.iter().sum::<u64>() * u64::from(format.width);
            return (total < fixed).then_some(code);
        }
    }

    /// Bits that number `index` takes, counted from the smallest of the format.
    pub fn bits(&self, index: usize, format: QFormat) -> u32 {
        match self.lengths[index] {
            0 => u32::from(self.escape) + format.width,
            length => length.into(),
        }
    }

    /// Whether the lengths make a prefix code of the numbers of a format.
    pub fn fits(&self, format: QFormat) -> bool {
        self.lengths.len() as u64 == 1u64 << format.width
            && self.is_sound(LONGEST)
            && (self.escape > 0) == self.lengths.contains(&0)
    }

    /// Whether the lengths make a prefix code, none longer than `longest`.
    pub fn is_sound(&self, longest: u32) -> bool {
        let all = self.lengths.iter().chain([&self.escape]).filter(|l| **l > 0);
        let room: u64 = all.clone().map(|l| 1u64 << (LONGEST - u32::from(*l).min(LONGEST))).sum();
        all.clone().all(|l| u32::from(*l) <= longest) && room <= 1 << LONGEST
    }

    /// The codes, the first bit lowest, in the order of `lengths` and then the escape.
    pub fn codes(&self) -> Vec<u16> {
        let lengths: Vec<u8> = self.lengths.iter().copied().chain([self.escape]).collect();
        let mut codes = vec![0; lengths.len()];
        let mut next = 0u32;
        for length in 1..=LONGEST {
            next <<= 1;
            for (code, _) in codes.iter_mut().zip(&lengths).filter(|(_, l)| u32::from(**l) == length) {
                *code = (next.reverse_bits() >> (32 - length)) as u16;
                next += 1;
            }
        }
        codes
    }

    /// Ready to write and read the numbers of a format.
    pub fn table(&self, format: QFormat) -> Table {
        Table { format, symbols: self.symbols() }
    }

    /// Ready to write and read symbols: numbers, counted from the smallest.
    pub fn symbols(&self) -> SymbolTable {
        let codes = self.codes();
        // In the order of the codes: by length, then by number.
        let mut order: Vec<usize> = (0..codes.len()).filter(|i| self.length(*i) > 0).collect();
        order.sort_by_key(|i| (self.length(*i), *i));
        let mut counts = [0; LONGEST as usize + 1];
        order.iter().for_each(|i| counts[usize::from(self.length(*i))] += 1);
        SymbolTable { code: self.clone(), codes, order, counts }
    }

    /// Of a number or, after them, the escape.
    fn length(&self, i: usize) -> u8 {
        self.lengths.get(i).copied().unwrap_or(self.escape)
    }
}

/// A prefix code as writer and reader use it.
#[derive(Clone, Debug)]
pub struct SymbolTable {
    code: PrefixCode,
    codes: Vec<u16>,
    order: Vec<usize>,
    counts: [u32; LONGEST as usize + 1],
}

impl SymbolTable {
    /// Code and bits of a symbol; `None` without a code.
    pub fn code(&self, symbol: usize) -> Option<(u16, u32)> {
        let length = self.code.lengths.get(symbol).copied().filter(|l| *l > 0)?;
        Some((self.codes[symbol], length.into()))
    }

    /// Code and bits of the escape.
    pub fn escape(&self) -> (u16, u32) {
        (self.codes[self.code.lengths.len()], self.code.escape.into())
    }

    /// Reads a symbol; `None` is the escape.
    ///
    /// # Errors
    /// [`Code::ContainerDamaged`](crate::error::Code::ContainerDamaged) where the bits end, or are no code.
    pub fn get(&self, bits: &mut BitReader) -> Result<Option<usize>> {
        let (mut code, mut first, mut before) = (0u32, 0u32, 0u32);
        for count in &self.counts[1..] {
            (code, first) = (code << 1 | bits.get(1)? as u32, first << 1);
            if code - first < *count {
                let at = self.order[(before + code - first) as usize];
                return Ok((at < self.code.lengths.len()).then_some(at));
            }
            (first, before) = (first + count, before + count);
        }
        Err(malformed("bits are no code"))
    }
}

/// A prefix code of the numbers of a format, as writer and reader use it.
#[derive(Clone, Debug)]
pub struct Table {
    format: QFormat,
    symbols: SymbolTable,
}

impl Table {
    /// Writes one number; returns its bits.
    ///
    /// # Panics
    /// If the number is outside the format.
    pub fn put(&self, out: &mut BitWriter, value: i64) -> u32 {
        if let Some((code, length)) = self.symbols.code((value - self.format.min()) as usize) {
            out.put(code.into(), length);
            return length;
        }
        let (code, length) = self.symbols.escape();
        out.put(code.into(), length);
        out.put(value as u64, self.format.width);
        length + self.format.width
    }

    /// Reads one number.
    ///
    /// # Errors
    /// Those of [`SymbolTable::get`].
    pub fn get(&self, bits: &mut BitReader) -> Result<i64> {
        Ok(match self.symbols.get(bits)? {
            Some(at) => self.format.min() + at as i64,
            None => self.format.from_bits(bits.get(self.format.width)?),
        })
    }
}

/// Lengths of an optimal prefix code of at most `longest` bits, by package-merge (Larmore and Hirschberg, J. ACM 37, 1990).
pub(super) fn limited_lengths(weights: &[u64], longest: u32) -> Vec<u8> {
    if weights.len() == 1 {
        return vec![1];
    }
    let mut leaves: Vec<(u64, Vec<usize>)> = weights.iter().enumerate().map(|(i, w)| (*w, vec![i])).collect();
    leaves.sort();
    let mut level = leaves.clone();
    for _ in 1..longest {
        let packages = level.chunks_exact(2).map(|p| (p[0].0 + p[1].0, [p[0].1.clone(), p[1].1.clone()].concat()));
        let mut next: Vec<(u64, Vec<usize>)> = leaves.iter().cloned().chain(packages).collect();
        // A leaf before a package of the same weight: the order is the same on every machine.
        next.sort_by_key(|(w, items)| (*w, items.len()));
        level = next;
    }
    let mut lengths = vec![0; weights.len()];
    level.iter().take(2 * weights.len() - 2).flat_map(|(_, items)| items).for_each(|i| lengths[*i] += 1);
    lengths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn package_merge_gives_the_lengths_of_the_textbook_and_never_more_than_the_limit() {
        assert_eq!(limited_lengths(&[1, 1, 2, 4, 8], 15), [4, 4, 3, 2, 1]);
        assert_eq!(limited_lengths(&[1, 1, 2, 4, 8], 3), [3, 3, 3, 3, 1]);
        let lengths = limited_lengths(&(0..200).map(|i| 1u64 << (i / 5)).collect::<Vec<_>>(), 9);
        assert_eq!(lengths.iter().max(), Some(&9));
        assert!(lengths.iter().map(|l| 1 << (9 - l)).sum::<u32>() <= 1 << 9);
    }

    #[test]
    fn every_number_comes_back_with_or_without_a_code() {
        for format in [QFormat::signed(5, 2), QFormat::unsigned(4, 0)] {
            let n = 1usize << format.width;
            // A peak, a tail, and numbers that never came.
            let counts: Vec<u64> = (0..n).map(|i| if i % 5 == 4 { 0 } else { 5000u64 >> i.abs_diff(n / 2) }).collect();
            for longest in [5, 8, LONGEST] {
                let code = PrefixCode::learn(&counts, format, longest).unwrap();
                assert!(code.fits(format) && (code.escape == 0) == (longest > format.width), "{code:?}");
                let table = code.table(format);
                let (mut out, mut bits) = (BitWriter::default(), 0);
                for v in format.min()..=format.max() {
                    bits += table.put(&mut out, v);
                    assert!(bits > 0);
                }
                let bytes = out.finish();
                assert_eq!(bytes.len() as u32, bits.div_ceil(8));
                let mut reader = BitReader::new(&bytes);
                for v in format.min()..=format.max() {
                    assert_eq!(table.get(&mut reader).unwrap(), v, "{format} {longest}");
                }
                reader.end().unwrap();
            }
        }
        assert_eq!(PrefixCode::learn(&[7; 16], QFormat::unsigned(4, 0), 15), None);
    }

    #[test]
    fn lengths_that_are_no_code_are_not_taken() {
        let format = QFormat::unsigned(2, 0);
        let fits = |lengths: &[u8], escape| PrefixCode { lengths: lengths.to_vec(), escape }.fits(format);
        assert!(fits(&[1, 2, 3, 3], 0) && fits(&[1, 0, 0, 0], 1));
        assert!(!fits(&[1, 1, 1, 1], 0) && !fits(&[1, 2, 3], 0) && !fits(&[1, 0, 0, 0], 0) && !fits(&[2, 2, 2, 2], 3));
        let table = PrefixCode { lengths: vec![2, 2, 2, 0], escape: 3 }.table(format);
        assert!(table.get(&mut BitReader::new(&[0xff, 0xff])).is_err());
    }
}

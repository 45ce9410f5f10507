//! Lanes of integers, each in the smallest of four forms. docs/FORMAT.md gives the bytes.

use constriction::stream::queue::{DefaultRangeDecoder, DefaultRangeEncoder};
use constriction::stream::{Decode as _, Encode as _};

use super::adaptive::Adaptive;
use super::bytes::{BitReader, BitWriter, Reader, malformed, put_section, put_signed, put_varint};
use super::token::{MAX_MANTISSA, join, low_bits, max_token, split};
use crate::error::Result;

const CONSTANT: u8 = 0;
const PACKED: u8 = 1;
const CENTRED: u8 = 2;
const DELTA: u8 = 3;

/// Mantissa bits tried: the first one also decides between [`CENTRED`] and [`DELTA`].
const MANTISSAS: [u32; 3] = [3, 1, 6];

/// Codes lanes of integers. The lanes may differ in statistics and length; neither lengths nor their number is stored.
pub fn encode_ints<L: AsRef<[i64]>>(lanes: &[L]) -> Vec<u8> {
    let mut out = Vec::new();
    for lane in lanes {
        put_section(&mut out, &encode_lane(lane.as_ref()));
    }
    out
}

/// Reads `lanes` lanes of `count` integers each.
///
/// # Errors
/// [`ContainerDamaged`](crate::Code::ContainerDamaged) if the bytes are not those of [`encode_ints`].
pub fn decode_ints(bytes: &[u8], lanes: usize, count: usize) -> Result<Vec<Vec<i64>>> {
    let mut reader = Reader::new(bytes);
    // Each lane takes at least its length byte: a wrong `lanes` ends before it fills the memory.
    let mut decoded = Vec::new();
    for _ in 0..lanes {
        decoded.push(decode_lane(reader.section()?, count)?);
    }
    reader.end()?;
    Ok(decoded)
}

fn encode_lane(values: &[i64]) -> Vec<u8> {
    let (Some(min), Some(max)) = (values.iter().min(), values.iter().max()) else { return Vec::new() };
    if min == max {
        let mut out = vec![CONSTANT];
        put_signed(&mut out, *min);
        return out;
    }
    let mut best = coded(values, CENTRED, MANTISSAS[0]);
    let delta = coded(values, DELTA, MANTISSAS[0]);
    if delta.len() < best.len() {
        best = delta;
    }
    for m in &MANTISSAS[1..] {
        let other = coded(values, best[0], *m);
        if other.len() < best.len() {
            best = other;
        }
    }
    let width = u64::BITS - max.wrapping_sub(*min).cast_unsigned().leading_zeros();
    if (values.len() as u64 * u64::from(width)).div_ceil(8) + 4 < best.len() as u64 {
        return packed(values, *min, width);
    }
    best
}

fn packed(values: &[i64], min: i64, width: u32) -> Vec<u8> {
    let mut out = vec![PACKED, width as u8];
    put_signed(&mut out, min);
    let mut bits = BitWriter::default();
    values.iter().for_each(|v| bits.put(v.wrapping_sub(min).cast_unsigned(), width));
    out.extend(bits.finish());
    out
}

fn coded(values: &[i64], form: u8, m: u32) -> Vec<u8> {
    let centre = if form == DELTA {
        values[0]
    } else {
        let mut sorted = values.to_vec();
        *sorted.select_nth_unstable(values.len() / 2).1
    };
    let mut bits = BitWriter::default();
    let mut previous = centre;
    let tokens: Vec<i32> = values
        .iter()
        .map(|v| {
            let s = split(v.wrapping_sub(previous), m);
            bits.put(s.low, s.low_bits);
            if form == DELTA {
                previous = *v;
            }
            s.token
        })
        .collect();
    let (first, last) = tokens.iter().fold((0, 0), |(lo, hi), t| (lo.min(*t), hi.max(*t)));

    let mut model = Adaptive::new((last - first + 1) as usize);
    let mut coder = DefaultRangeEncoder::new();
    for token in &tokens {
        let symbol = (token - first) as usize;
        coder.encode_symbol(symbol, &model).expect("every symbol has a frequency, memory has no write errors");
        model.update(symbol);
    }
    let words: Vec<u32> = coder.into_compressed().expect("memory has no write errors");

    let mut out = vec![form, m as u8];
    put_signed(&mut out, centre);
    // The range of tokens holds 0, so two magnitudes tell it.
    put_varint(&mut out, first.unsigned_abs().into());
    put_varint(&mut out, last.unsigned_abs().into());
    put_varint(&mut out, words.len() as u64);
    out.extend(words.iter().flat_map(|w| w.to_le_bytes()));
    out.extend(bits.finish());
    out
}

fn decode_lane(bytes: &[u8], count: usize) -> Result<Vec<i64>> {
    let mut reader = Reader::new(bytes);
    if count == 0 {
        reader.end()?;
        return Ok(Vec::new());
    }
    match reader.byte()? {
        CONSTANT => {
            let value = reader.signed()?;
            reader.end()?;
            Ok(vec![value; count])
        }
        PACKED => {
            let width = u32::from(reader.byte()?);
            if width == 0 || width > 64 {
                return Err(malformed(format!("integers of {width} bits")));
            }
            let min = reader.signed()?;
            let mut bits = BitReader::new(reader.rest());
            let values =
                (0..count).map(|_| Ok(min.wrapping_add(bits.get(width)?.cast_signed()))).collect::<Result<_>>()?;
            bits.end()?;
            Ok(values)
        }
        form @ (CENTRED | DELTA) => decode_coded(form, reader, count),
        other => Err(malformed(format!("integers of form {other}"))),
    }
}

fn decode_coded(form: u8, mut reader: Reader, count: usize) -> Result<Vec<i64>> {
    let m = u32::from(reader.byte()?);
    if m > MAX_MANTISSA {
        return Err(malformed(format!("tokens of {m} mantissa bits")));
    }
    let mut centre = reader.signed()?;
    let (below, above) = (reader.varint()?, reader.varint()?);
    let limit = max_token(m) as u64;
    if below > limit || above > limit {
        return Err(malformed("tokens beyond 64 bits"));
    }
    let n_words = reader.count()?;
    let words = reader.take(n_words.checked_mul(4).ok_or_else(|| malformed("too many words"))?)?;
    let words: Vec<u32> =
        words.chunks_exact(4).map(|w| u32::from_le_bytes(w.try_into().expect("four bytes"))).collect();
    let mut coder =
        DefaultRangeDecoder::from_compressed(words).map_err(|_| malformed("the range coder cannot start"))?;
    let mut bits = BitReader::new(reader.rest());
    let mut model = Adaptive::new((below + above + 1) as usize);
    let mut values = Vec::new();
    for _ in 0..count {
        let symbol = coder.decode_symbol(&model).map_err(|_| malformed("the range coder is off its track"))?;
        if symbol as u64 > below + above {
            return Err(malformed("a token that no encoder writes"));
        }
        model.update(symbol);
        let token = symbol as i32 - below as i32;
        let value = centre.wrapping_add(join(token, bits.get(low_bits(token, m))?, m));
        if form == DELTA {
            centre = value;
        }
        values.push(value);
    }
    bits.end()?;
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(lane: Vec<i64>) -> (u8, usize) {
        let bytes = encode_ints(&[&lane]);
        let form = encode_lane(&lane).first().copied().unwrap_or(CONSTANT);
        assert_eq!(decode_ints(&bytes, 1, lane.len()).unwrap(), [lane]);
        (form, bytes.len())
    }

    /// Numbers that look random, the same everywhere.
    fn noise(n: usize) -> impl Iterator<Item = u64> {
        (1..=n as u64).map(|i| {
            let z = i.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        })
    }

    #[test]
    fn each_form_is_chosen_where_it_is_smallest_and_comes_back() {
        assert_eq!(round_trip(vec![]).0, CONSTANT);
        assert_eq!(round_trip(vec![-7; 100]), (CONSTANT, 3));
        assert_eq!(round_trip(noise(1000).map(u64::cast_signed).collect()).0, PACKED);
        assert_eq!(round_trip((0..5000).map(|i| i * 1_000_003).collect()).0, DELTA);
        let peaked = noise(5000).map(|r| 500 + (r >> 32).trailing_zeros() as i64).collect();
        let (form, bytes) = round_trip(peaked);
        // The entropy of a geometric distribution with p = 1/2 is 2 bits.
        assert!(form == CENTRED && bytes < 5000 * 2 / 8 * 104 / 100, "{form} {bytes}");
        round_trip(vec![i64::MIN, i64::MAX, 0, -1, i64::MIN, i64::MAX]);
    }

    #[test]
    fn wrong_bytes_are_an_error_or_other_numbers_but_never_a_panic() {
        let lane: Vec<i64> = noise(300).map(|r| (r >> 52) as i64 - 2000).collect();
        let good = encode_ints(&[&lane]);
        for at in 0..good.len() {
            for flip in [1, 0x80, 0xff] {
                let mut bad = good.clone();
                bad[at] ^= flip;
                let _ = decode_ints(&bad, 1, lane.len());
            }
            assert!(decode_ints(&good[..at], 1, lane.len()).is_err());
        }
    }
}

use super::*;
use crate::entropy::bytes::{BitReader, BitWriter};

/// A generator of test data (xorshift, Marsaglia 2003).
struct Random(u64);

impl Random {
    fn below(&mut self, n: u32) -> i64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 32) % u64::from(n)) as i64
    }
}

/// Noise, constants, rails, steps, ramps that wrap, walks, and frames of 1 and 2 samples.
fn frames(format: QFormat) -> Vec<Vec<i64>> {
    let (min, max) = (format.min(), format.max());
    let mut random = Random(0x9e37_79b9_7f4a_7c15 + u64::from(format.width));
    let mut all = vec![vec![min], vec![max], vec![max, min], vec![min; 300], vec![max; 300]];
    all.push((0..600).map(|i| if i % 2 == 0 { min } else { max }).collect());
    all.push((0..600).map(|i| if i / 2 % 2 == 0 { min } else { max }).collect());
    all.push((0..600).map(|i| if i / 50 % 2 == 0 { min } else { max }).collect());
    all.push((0..600).map(|_| min + random.below((max - min) as u32 + 1)).collect());
    all.push((0..600).map(|i| min + 37 * i % (max - min + 1)).collect());
    for step in [1, 3, 40] {
        let mut x = (min + max) / 2;
        let mut walk = || {
            x = (x + random.below(2 * step + 1) - i64::from(step)).clamp(min, max);
            x
        };
        all.push((0..900).map(|_| walk()).collect());
    }
    all
}

fn every_option() -> Vec<(QFormat, Waveform)> {
    let mut all = Vec::new();
    for format in [(4, false), (4, true), (7, false), (10, true), (12, false), (16, false), (16, true)] {
        let format = if format.1 { QFormat::signed(format.0, 0) } else { QFormat::unsigned(format.0, 0) };
        let sample = frames(format);
        let walks: Vec<&[i64]> = sample[sample.len() - 3..].iter().map(Vec::as_slice).collect();
        for (predictor, tables, bound) in [
            (Predictor::Previous, false, 0),
            (Predictor::Previous, true, 0),
            (Predictor::Lms8, false, 0),
            (Predictor::Lms8, true, 0),
            (Predictor::Lms8, true, 2),
            (Predictor::Previous, false, 7),
        ] {
            all.push((format, Waveform::learn(format, &walks, predictor, tables, bound)));
            all.push((format, Waveform::learn(format, &[], predictor, tables, bound)));
        }
    }
    all
}

fn encode(wave: &Waveform, format: QFormat, frame: &[i64]) -> Vec<u8> {
    let mut out = BitWriter::default();
    let mut lane = Lane::new(wave, format);
    frame.iter().for_each(|s| {
        lane.put(&mut out, *s);
    });
    out.finish()
}

/// Bits of a frame's samples.
fn frame_bits(wave: &Waveform, format: QFormat, frame: &[i64]) -> u64 {
    let mut out = BitWriter::default();
    let mut lane = Lane::new(wave, format);
    frame.iter().map(|s| u64::from(lane.put(&mut out, *s))).sum()
}

fn decode(wave: &Waveform, format: QFormat, bytes: &[u8], n: usize) -> Result<Vec<i64>> {
    let mut lane = Lane::new(wave, format);
    let mut bits = BitReader::new(bytes);
    let samples = (0..n).map(|_| lane.get(&mut bits)).collect::<Result<_>>()?;
    bits.end()?;
    Ok(samples)
}

#[test]
fn every_frame_comes_back_within_its_bound_and_the_worst_case() {
    for (format, wave) in every_option() {
        assert_eq!(wave.fault(format), None, "{format} {wave:?}");
        for frame in frames(format) {
            let bytes = encode(&wave, format, &frame);
            let back = decode(&wave, format, &bytes, frame.len()).unwrap();
            for (sample, back) in frame.iter().zip(&back) {
                assert!((sample - back).abs() <= i64::from(wave.bound) && format.contains(*back), "{format} {wave:?}");
            }
            let bits = frame_bits(&wave, format, &frame);
            assert_eq!(bytes.len() as u64, bits.div_ceil(8));
            assert!(bits <= frame.len() as u64 * u64::from(wave.worst_bits(format)));
        }
        assert!(wave.worst_bits(format) <= if matches!(wave.code, WaveCode::Rice { .. }) { 32 } else { 28 });
    }
}

#[test]
fn learned_bits_are_those_that_are_written() {
    let format = QFormat::unsigned(12, 0);
    let all = frames(format);
    let refs: Vec<&[i64]> = all.iter().map(Vec::as_slice).collect();
    let size = |predictor, tables| {
        let wave = Waveform::learn(format, &refs, predictor, tables, 0);
        refs.iter().map(|f| frame_bits(&wave, format, f)).sum::<u64>()
    };
    let (rice, tables) = (size(Predictor::Previous, false), size(Predictor::Previous, true));
    assert!(tables < rice && rice < 12 * refs.iter().map(|f| f.len() as u64).sum::<u64>(), "{tables} {rice}");
}

#[test]
fn registers_stay_within_their_widths() {
    for (format, wave) in every_option() {
        let grid = wave.grid(format);
        for frame in frames(format) {
            let mut state = State::new(wave.predictor, wave.shift, grid.width);
            let points: Vec<u32> = frame.iter().map(|s| grid.point(*s)).collect();
            for pair in points.windows(2) {
                let z = state.fold(pair[1].wrapping_sub(pair[0]) as i32);
                assert!(z >> grid.width == 0 && state.mean >> (grid.width + wave.shift) == 0);
                assert!(state.predicted().unsigned_abs() << FRACTION <= 1 << (WEIGHT_BITS + grid.width + 1));
                state.step(z);
                assert!(state.weights.iter().all(|w| (-512..512).contains(w)));
            }
        }
    }
}

#[test]
fn every_sample_is_within_the_bound_of_its_point() {
    for width in [4, 8, 11] {
        for signed in [false, true] {
            let format = if signed { QFormat::signed(width, 0) } else { QFormat::unsigned(width, 0) };
            for bound in 1..1 << (width - 1) {
                let grid = Grid::new(format, bound);
                for sample in format.min()..=format.max() {
                    let point = grid.point(sample);
                    assert!(point >> grid.width == 0);
                    let back = grid.sample(point).unwrap();
                    assert!((back - sample).unsigned_abs() <= u64::from(bound) && format.contains(back));
                }
            }
        }
    }
}

#[test]
fn a_damaged_frame_is_an_error_or_other_samples_but_never_a_panic() {
    let mut random = Random(7);
    for (format, wave) in every_option() {
        let frame = frames(format).pop().unwrap();
        let bytes = encode(&wave, format, &frame);
        let back = decode(&wave, format, &bytes, frame.len()).unwrap();
        assert!(decode(&wave, format, &bytes[..bytes.len() - 1], frame.len()).is_err());
        assert!(decode(&wave, format, &[&bytes[..], &[0]].concat(), frame.len()).is_err());
        for _ in 0..20 {
            let mut bad = bytes.clone();
            bad[random.below(bytes.len() as u32) as usize] ^= 1 << random.below(8);
            assert!(decode(&wave, format, &bad, frame.len()).is_ok_and(|b| b == back) == (bad == bytes));
        }
    }
}

#[test]
fn the_bits_of_a_small_frame_are_these() {
    // 100 in 8 bits. Then z = 6 at mean 64, k = 3; z = 1 at 62, k = 2; z = 83 at 56, k = 2, q = 20: the escape.
    let wave = Waveform { bound: 0, predictor: Predictor::Previous, shift: 3, code: WaveCode::Rice { bias: 0 } };
    let bytes = encode(&wave, QFormat::unsigned(8, 0), &[100, 103, 102, 60]);
    let bits: String = (0..8 * bytes.len()).map(|i| char::from(b'0' + (bytes[i / 8] >> (i % 8) & 1))).collect();
    assert_eq!(bits, concat!("00100110", "1", "011", "1", "10", "0000000000000000", "11001010", "0"));
}

#[test]
fn what_is_no_waveform_is_refused() {
    let format = QFormat::unsigned(12, 0);
    let good = Waveform::learn(format, &[], Predictor::Lms8, true, 0);
    assert_eq!(good.fault(format), None);
    let WaveCode::Tables { base, tables } = &good.code else { panic!() };
    let mut wrong = tables.clone();
    wrong[3].lengths.fill(1);
    assert!(Waveform { code: WaveCode::Tables { base: *base, tables: wrong }, ..good.clone() }.fault(format).is_some());
    let few = WaveCode::Tables { base: *base, tables: tables[1..].to_vec() };
    assert!(Waveform { code: few, ..good.clone() }.fault(format).is_some());
    assert!(Waveform { shift: 7, ..good.clone() }.fault(format).is_some());
    assert!(Waveform { bound: 2048, ..good.clone() }.fault(format).is_some());
    assert!(good.fault(QFormat::unsigned(17, 0)).is_some() && good.fault(QFormat::signed(12, 3)).is_some());
}

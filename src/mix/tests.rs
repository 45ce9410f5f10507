use proptest::prelude::*;

use super::*;

thread_local! {
    /// Whether this thread does without the machine's vectors, as another machine would.
    pub(super) static PLAIN: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// What `work` gives with the machine's vectors, and without.
fn both<R>(work: impl Fn() -> R) -> [R; 2] {
    [false, true].map(|plain| {
        PLAIN.set(plain);
        let result = work();
        PLAIN.set(false);
        result
    })
}

#[test]
fn vectors_change_no_bit() {
    let columns = [noise(9000, 500), noise(9000, 40)];
    let trees: Vec<Tree> = columns.iter().map(|c| Tree::of(c, leaves_for(9000))).collect();
    let known = Bins::of(&trees[1], &columns[1]);
    let own = Bins::of(&trees[0], &columns[0]);
    let contexts = Contexts::choose(&own, &[Some(&known)], 14);
    let [a, b] = both(|| encode(&columns[0], &trees[0], &contexts, &[Some(&known)], Mixing::Full));
    assert_eq!(a, b);
    let [c, d] = both(|| decode(&a, 9000, &[Some(&known)]).unwrap());
    assert_eq!((&c, &c.0), (&d, &columns[0]));

    let samples: Vec<i64> = noise(6000, 90)
        .iter()
        .scan(0, |at, x| {
            *at += x - 44;
            Some(*at)
        })
        .collect();
    for mixing in [Mixing::Lean, Mixing::Full] {
        let [a, b] = both(|| series::encode(&samples, 600, series::Course::Rows, mixing));
        assert_eq!(a, b);
        let [c, d] = both(|| series::decode(&a, 600, 6000).unwrap());
        assert_eq!((&c, &c), (&d, &samples));
    }
    let [a, b] = both(|| cells::encode(&columns[1], 30, 10));
    assert_eq!(a, b);

    let values: Vec<f64> = samples.iter().map(|x| *x as f64 * 0.37).collect();
    let scale = field::Scale { step: 1.9, bound: 1.0, single: true };
    for plan in field::Plan::all(60, &[10, 10]) {
        let [a, b] = both(|| field::encode(&values, &plan, scale, Mixing::Lean));
        assert_eq!((&a.bytes, &a.values), (&b.bytes, &b.values));
        let [c, d] = both(|| field::decode(&a.bytes, 60, &[10, 10], 1.9).unwrap());
        assert_eq!((&c, &c), (&d, &a.values));
    }
}

/// Encodes the columns one after the other, each with all before it known, and decodes them again.
fn round_trip(columns: &[Vec<i64>], most: usize) -> usize {
    let rows = columns[0].len();
    let trees: Vec<Tree> = columns.iter().map(|c| Tree::of(c, leaves_for(rows))).collect();
    let bins: Vec<Bins> = columns.iter().zip(&trees).map(|(c, t)| Bins::of(t, c)).collect();
    let mut size = 0;
    let mut found: Vec<Bins> = Vec::new();
    for (k, column) in columns.iter().enumerate() {
        let known: Vec<Option<&Bins>> = bins[..k].iter().map(Some).collect();
        let contexts = Contexts::choose(&bins[k], &known, most);
        let bytes = encode(column, &trees[k], &contexts, &known, Mixing::Lean);
        size += bytes.len();
        assert!(looks_at(&bytes).unwrap().iter().all(|c| *c < k));
        let known: Vec<Option<&Bins>> = found.iter().map(Some).collect();
        let (back, own) = decode(&bytes, rows, &known).unwrap();
        assert_eq!(&back, column);
        assert_eq!(own, bins[k]);
        found.push(own);
    }
    size
}

/// Numbers without a pattern.
fn noise(n: usize, below: u64) -> Vec<i64> {
    let mut state = 88_172_645_463_325_252u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    (0..n).map(|_| (next() % below) as i64).collect()
}

proptest! {
    #[test]
    fn columns_come_back(rows in 1usize..200, seeds in prop::collection::vec(any::<i64>(), 1..4), wide in any::<bool>()) {
        let column = |seed: &i64| (0..rows as i64).map(|r| {
            let v = seed.wrapping_mul(r + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15u64 as i64);
            if wide { v } else { v >> 58 }
        }).collect();
        let columns: Vec<Vec<i64>> = seeds.iter().map(column).collect();
        round_trip(&columns, 12);
    }
}

#[test]
fn noise_costs_its_bits_and_a_function_of_known_columns_a_fifth() {
    let rows = 20_000;
    let a = noise(rows, 16);
    let b: Vec<i64> = noise(2 * rows, 8)[rows..].to_vec();
    let both: Vec<i64> = a.iter().zip(&b).map(|(a, b)| a * 3 + b * 7).collect();
    let apart = round_trip(&[a.clone(), b.clone()], 12);
    let ideal = rows * (4 + 3) / 8;
    assert!(apart as f64 <= 1.01 * ideal as f64, "{apart} bytes, {ideal} are the entropy");
    let more = round_trip(&[a, b, both], 12) - apart;
    // 7 bits a row if it were looked at alone; each of 128 pairs has to be seen some times.
    assert!(more * 8 < rows * 7 / 5, "{more} bytes for what two columns tell");
}

#[test]
fn the_row_before_is_looked_at() {
    let rows = 10_000;
    let steps = noise(rows, 3);
    let walk: Vec<i64> = steps
        .iter()
        .scan(0, |at, s| {
            *at = (*at + s - 1).clamp(-20, 20);
            Some(*at)
        })
        .collect();
    let size = round_trip(&[walk], 12);
    assert!(size * 8 < rows * 2, "{size} bytes, 1.6 bits a step are its entropy");
}

#[test]
fn any_bytes_end_in_values_or_an_error() {
    let column = noise(500, 1000);
    let tree = Tree::of(&column, 8);
    let own = Bins::of(&tree, &column);
    let known = [Some(&own)];
    let bytes = encode(&column, &tree, &Contexts::choose(&own, &known, 8), &known, Mixing::Full);
    for at in 0..bytes.len() {
        for flip in [1u8, 0x80, 0xff] {
            let mut bad = bytes.clone();
            bad[at] ^= flip;
            let _ = decode(&bad, 500, &known);
        }
        let _ = decode(&bytes[..at], 500, &known);
    }
    assert!(decode(&bytes, 500, &[None]).is_err());
}

/// Pulses on noise, in records.
fn pulses(records: usize, length: usize) -> Vec<i64> {
    let noise = noise(records * length, 9);
    let pulse =
        |t: usize, start: usize| if t < start { 0 } else { (3000.0 * (-((t - start) as f64) / 40.0).exp()) as i64 };
    (0..records * length).map(|i| 1000 + noise[i] + pulse(i % length, 20 + (i / length * 7) % 30)).collect()
}

#[test]
fn series_come_back_on_every_course_and_cost_their_noise() {
    let (records, length) = (40, 200);
    let samples = pulses(records, length);
    for course in series::COURSES {
        let bytes = series::encode(&samples, length, course, Mixing::Lean);
        assert_eq!(series::decode(&bytes, length, samples.len()).unwrap(), samples, "{course:?}");
    }
    let bytes = series::encode(&samples, length, series::Course::Rows, Mixing::Full).len();
    let entropy = samples.len() as f64 * 9f64.log2() / 8.0;
    assert!((bytes as f64) < 1.6 * entropy, "{bytes} bytes, {entropy} are the noise's");
}

#[test]
fn a_series_of_many_lanes_does_without_the_predictor_that_takes_most() {
    let (few, many) = (1024, 1025);
    for width in [few, many] {
        let samples = noise(20 * width, 30);
        let mut bytes = series::encode(&samples, width, series::Course::Lanes, Mixing::Full);
        assert_eq!(bytes[1], if width == few { 255 } else { 254 });
        assert_eq!(series::decode(&bytes, width, samples.len()).unwrap(), samples);
        bytes[1] = 255;
        assert_eq!(series::decode(&bytes, width, samples.len()).is_err(), width == many);
    }
    // Nor is anything reserved for lanes that have no sample.
    let three = noise(3, 30);
    let bytes = series::encode(&three, 1 << 40, series::Course::Lanes, Mixing::Lean);
    assert_eq!(series::decode(&bytes, 1 << 40, 3).unwrap(), three);
}

#[test]
fn cells_come_back_and_rows_that_come_again_are_nearly_free() {
    let (rows, width) = (300, 48);
    let fresh = noise(rows * width, 100);
    // From the 200th row on each is one of before.
    let again: Vec<i64> = (0..rows * width)
        .map(|i| if i < 200 * width { fresh[i] } else { fresh[(i / width * 37 % 150) * width + i % width] })
        .collect();
    let size = |values: &[i64], line: usize| {
        let bytes = cells::encode(values, width, line);
        assert_eq!(cells::decode(&bytes, width, values.len()).unwrap(), values);
        bytes.len()
    };
    let (first, all) = (size(&again[..200 * width], 48), size(&again, 8));
    assert!(all - first < first / 8, "{first} bytes for 200 rows, {all} for 100 more");
}

#[test]
fn damaged_series_and_cells_end_in_values_or_an_error() {
    let samples = pulses(3, 60);
    let (a, b) = (series::encode(&samples, 60, series::Course::Rows, Mixing::Full), cells::encode(&samples, 60, 10));
    for flip in [1u8, 0x80, 0xff] {
        for at in 0..a.len().max(b.len()) {
            let damaged = |bytes: &[u8]| {
                let mut bad = bytes.to_vec();
                if let Some(byte) = bad.get_mut(at) {
                    *byte ^= flip;
                }
                bad
            };
            let _ = series::decode(&damaged(&a), 60, samples.len());
            let _ = cells::decode(&damaged(&b), 60, samples.len());
        }
    }
    assert!(series::decode(&a, 0, 180).is_err() && cells::decode(&b, 5, 180).is_err());
}

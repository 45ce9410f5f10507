//! Which other columns tell most about a column: greedily by mutual information, given those already chosen.

use std::sync::LazyLock;

use super::bins::Bins;

/// Where a context looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// At the column itself, in the row before.
    Own,
    /// At a column that is known, in the same row.
    Column(usize),
    /// At a column that is known, in the row before.
    Before(usize),
}

/// What a context looks at, each with the number of bins it is told.
pub(super) type Context = Vec<(Source, u8)>;

/// The contexts of a column: what they look at, the most telling first, and how many of [`SHAPES`] there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contexts {
    /// At most [`SOURCES`].
    pub sources: Vec<Source>,
    /// With the empty one, which comes first.
    pub count: usize,
}

/// Rows that are looked at.
const SAMPLE: usize = 20_000;
/// Sources that are chosen.
pub(super) const SOURCES: usize = 6;
/// Sources that are looked at once more when two are chosen.
const CANDIDATES: usize = 8;
/// Bits a value below which a source is not worth its counters.
const LEAST: f64 = 0.002;
/// Contexts of the sources chosen first, second, ..., each with a number of bins for 100,000 rows. The most useful first.
pub(super) const SHAPES: [&[(usize, u8)]; 14] = [
    &[(0, 64)],
    &[(0, 24), (1, 24)],
    &[(0, 12), (1, 12), (2, 12)],
    &[(1, 64)],
    &[(0, 24), (2, 24)],
    &[(0, 8), (1, 8), (2, 8), (3, 8)],
    &[],
    &[(1, 24), (2, 24)],
    &[(0, 24), (3, 24)],
    &[(2, 64)],
    &[(3, 64)],
    &[(1, 24), (3, 24)],
    &[(4, 64)],
    &[(0, 12), (1, 12), (4, 12)],
];

impl Contexts {
    /// Contexts for a column, at most `most` with the empty one.
    ///
    /// * `own`: its bins
    /// * `known`: the bins of columns that are decoded before it; no other is looked at
    pub fn choose(own: &Bins, known: &[Option<&Bins>], most: usize) -> Self {
        let sources = sources(own, known);
        let shapes = SHAPES.iter().filter(|shape| shape.iter().all(|(k, _)| *k < sources.len())).count();
        Contexts { count: shapes.min(most), sources }
    }

    /// The contexts one by one, for a column of so many rows.
    pub(super) fn each(&self, rows: usize) -> Vec<Context> {
        // The fourth root: the more rows, the more bins fill with enough of them.
        let scale = (rows as f64 / 100_000.0).sqrt().sqrt().clamp(0.2, 1.5);
        let of = |shape: &&[(usize, u8)]| -> Option<Context> {
            let bins = |n: u8| (f64::from(n) * scale).round_ties_even().max(3.0) as u8;
            shape.iter().map(|(k, n)| Some((*self.sources.get(*k)?, bins(*n)))).collect()
        };
        SHAPES.iter().filter_map(of).take(self.count).collect()
    }
}

/// The best sources, first the one that tells most, then the one that tells most beside it, ...
fn sources(own: &Bins, known: &[Option<&Bins>]) -> Vec<Source> {
    let n = own.rows().len();
    let rows: Vec<usize> = (1..n).step_by((n / SAMPLE).max(1)).collect();
    let look = |bins: &Bins, back: usize, most: usize| {
        let coarse = bins.coarse(most);
        let of_row = rows.iter().map(|r| coarse.of_bin[usize::from(bins.rows()[r - back])]).collect();
        Seen { of_row, count: coarse.count }
    };
    let values = look(own, 0, 16);
    if rows.is_empty() || values.count < 2 {
        return Vec::new();
    }
    let at = |source: Source, most: usize| match source {
        Source::Own => look(own, 1, most),
        Source::Column(k) => look(known[k].expect("a known column"), 0, most),
        Source::Before(k) => look(known[k].expect("a known column"), 1, most),
    };
    let columns = || (0..known.len()).filter(|k| known[*k].is_some());
    let all = columns().map(Source::Column).chain(columns().map(Source::Before)).chain([Source::Own]);
    let none = vec![0; rows.len()];
    let alone = |source| {
        let seen = at(source, 12);
        let alone = information(&values, &seen, &none, 1);
        Candidate { source, alone, beside: alone, seen }
    };
    let mut left: Vec<Candidate> = all.map(alone).collect();
    let mut given = none;
    let mut cells = 1;
    let mut chosen = Vec::new();
    while chosen.len() < SOURCES {
        for candidate in left.iter_mut().filter(|_| !chosen.is_empty()) {
            candidate.beside = information(&values, &candidate.seen, &given, cells);
        }
        left.sort_by(|a, b| b.beside.total_cmp(&a.beside).then(a.source.cmp(&b.source)));
        if left.first().is_none_or(|best| best.beside <= LEAST) {
            break;
        }
        let source = left.remove(0).source;
        if chosen.len() == 1 {
            left.truncate(CANDIDATES);
        }
        chosen.push(source);
        if chosen.len() <= 3 {
            let seen = at(source, [8, 3, 3][chosen.len() - 1]);
            given.iter_mut().zip(&seen.of_row).for_each(|(g, b)| *g = *g * seen.count as u32 + u32::from(*b));
            cells *= seen.count;
        }
    }
    // Beside the best there is nothing new: the others may still help where the best has seen too little.
    left.sort_by(|a, b| b.alone.total_cmp(&a.alone).then(a.source.cmp(&b.source)));
    let worth = left.iter().filter(|c| c.alone > LEAST).map(|c| c.source);
    chosen.extend(worth.take(SOURCES.saturating_sub(chosen.len())));
    chosen
}

/// A source that may be chosen.
struct Candidate {
    source: Source,
    /// Bits that it tells, alone and given those already chosen.
    alone: f64,
    beside: f64,
    seen: Seen,
}

/// A source in the rows of the sample.
struct Seen {
    of_row: Vec<u8>,
    count: usize,
}

/// `n log2 n`.
static ENTROPY: LazyLock<Vec<f64>> = LazyLock::new(|| {
    // A step of whole rows takes up to twice as many as the sample has.
    (0..=2 * SAMPLE).map(|n| if n > 0 { n as f64 * (n as f64).log2() } else { 0.0 }).collect()
});

/// Bits that `x` tells about `y` given `z`, less what chance alone would show (a cell costs half a nat).
fn information(y: &Seen, x: &Seen, z: &[u32], z_count: usize) -> f64 {
    let (nx, ny) = (x.count, y.count);
    let mut seen = vec![0u32; z_count * nx * ny];
    for ((y, x), z) in y.of_row.iter().zip(&x.of_row).zip(z) {
        seen[(*z as usize * nx + usize::from(*x)) * ny + usize::from(*y)] += 1;
    }
    let entropy = |n: u32| ENTROPY[n as usize];
    let (mut bits, mut cells) = (0.0, 0.0);
    let mut of_y = vec![0; ny];
    for of_z in seen.chunks(nx * ny) {
        of_y.fill(0);
        let mut total = 0;
        for of_x in of_z.chunks(ny) {
            let sum: u32 = of_x.iter().sum();
            if sum == 0 {
                continue;
            }
            total += sum;
            bits -= entropy(sum);
            cells -= 1.0;
            for (n, of_y) in of_x.iter().zip(&mut of_y).filter(|(n, _)| **n > 0) {
                bits += entropy(*n);
                cells += 1.0;
                *of_y += n;
            }
        }
        if total > 0 {
            bits += entropy(total) - of_y.iter().map(|n| entropy(*n)).sum::<f64>();
            cells += 1.0 - of_y.iter().filter(|n| **n > 0).count() as f64;
        }
    }
    (bits - cells * 0.72) / z.len() as f64
}

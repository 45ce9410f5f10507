//! `sluice compare`: codecs on the same rows within the same bounds, every byte counted, every value compared, one thread.

use std::path::Path;

use super::figure::Figure;
use super::progress::Progress;
use super::{compare, principal, print};
use crate::codec::{self, Bound, CompressOptions, Effort, Mode, PeerSize};
use crate::data::{self, Dataset, Selection};
use crate::error::{Code, Error, Result};
use crate::evaluate;
use crate::report::plot::{self, Curve};

/// Wider tables are not tried with principal components.
const WIDEST: usize = 128;

/// A codec at a bound.
#[derive(serde::Serialize)]
struct Score {
    name: String,
    lossless: bool,
    /// As a fraction of each column's range; absent for lossless codecs.
    bound: Option<f64>,
    bytes: u64,
    ratio: f64,
    bits_per_value: f64,
    /// Absent where the codec keeps the bound but was not asked for more.
    rms_over_range: Option<f64>,
    max_over_range: Option<f64>,
    /// Of raw bytes, 10^6 bytes a second, on one thread.
    compress_mb_s: Option<f64>,
    decompress_mb_s: Option<f64>,
    /// Whether no other codec at this bound is shorter.
    best: bool,
}

/// What is compared, and its number of values.
struct Board<'a> {
    data: &'a Dataset,
    values: f64,
    raw: f64,
}

impl Board<'_> {
    /// * `back`: what came back, if it may differ
    fn score(&self, size: PeerSize, bound: Option<f64>, back: Option<&Dataset>) -> Result<Score> {
        let errors = back.map(|back| evaluate::errors(self.data, back)).transpose()?;
        let overall = errors.as_deref().map(evaluate::overall);
        let speed = |seconds: f64| Some(self.raw / 1e6 / seconds.max(1e-9));
        Ok(Score {
            lossless: bound.is_none(),
            bound,
            bytes: size.bytes,
            ratio: size.ratio,
            bits_per_value: 8.0 * size.bytes as f64 / self.values,
            rms_over_range: overall.as_ref().map(|o| o.rms_over_range),
            max_over_range: overall.as_ref().map(|o| o.max_over_range),
            compress_mb_s: speed(size.encode_seconds),
            decompress_mb_s: speed(size.decode_seconds),
            best: false,
            name: size.name,
        })
    }

    /// A container of ours.
    fn ours(&self, effort: Effort, bound: Option<f64>) -> Result<Score> {
        let name = match effort {
            Effort::Fast => "sluice --effort fast",
            Effort::Default => "sluice",
            Effort::Max => "sluice --effort max",
        };
        let mode = if bound.is_some() { Mode::Bounded } else { Mode::Lossless };
        let options = CompressOptions { effort, bound: bound.map(Bound::Range), ..CompressOptions::new(mode) };
        let (size, back) = compare::ours(name.to_owned(), self.data, &options)?;
        let score = self.score(size, bound, Some(&back))?;
        let moved = score.max_over_range.unwrap_or(0.0);
        // The quotient may be rounded up.
        if moved > bound.unwrap_or(0.0) * (1.0 + f64::EPSILON) {
            return Err(Error::new(Code::Bound, format!("{name} moved a value by {moved} of its range")));
        }
        Ok(score)
    }

    fn lossless(&self) -> Result<Vec<Score>> {
        let peers = codec::peers(self.data)?.into_iter().map(|p| self.score(p, None, None));
        let ours = EFFORTS.into_iter().map(|effort| self.ours(effort, None));
        peers.chain(ours).collect()
    }

    fn within(&self, bound: f64) -> Result<Vec<Score>> {
        let mut scores = Vec::new();
        for (size, back) in codec::quantized(self.data, bound)? {
            scores.push(self.score(size, Some(bound), Some(&back))?);
        }
        let columns = &self.data.columns;
        if columns.iter().all(|c| c.width() == 1) && (2..=WIDEST).contains(&columns.len()) && self.data.rows > 1 {
            let found = principal::residues(self.data, bound)?;
            scores.push(Score {
                bits_per_value: 8.0 * found.bytes as f64 / self.values,
                lossless: false,
                bound: Some(bound),
                bytes: found.bytes,
                ratio: found.ratio,
                rms_over_range: None,
                max_over_range: None,
                compress_mb_s: found.write_mb_s,
                decompress_mb_s: found.read_mb_s,
                best: false,
                name: "PCA + residues by the mixer".to_owned(),
            });
        }
        for effort in EFFORTS {
            scores.push(self.ours(effort, Some(bound))?);
        }
        Ok(scores)
    }
}

const EFFORTS: [Effort; 3] = [Effort::Fast, Effort::Default, Effort::Max];

/// * `bounds`: fractions of each column's range
/// * `figure`: where the figure of rate and distortion goes, `.svg` or `.png`
pub fn compare(file: &Path, selection: &Selection, bounds: &[f64], figure: Option<&Path>, json: bool) -> Result<bool> {
    compare::check(bounds)?;
    let figure = figure.map(Figure::new).transpose()?;
    let data = data::read(file, selection)?;
    let values = data.columns.iter().map(|c| c.values.len()).sum::<usize>() as f64;
    let board = Board { data: &data, values, raw: data.raw_bytes() as f64 };
    let wait = Progress::spinner("compare", "codec by codec");
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    let pool = pool.map_err(|e| Error::new(Code::Io, "a thread cannot start").cause(e.to_string()))?;
    let mut groups = pool.install(|| -> Result<Vec<Vec<Score>>> {
        let mut groups = vec![board.lossless()?];
        for bound in bounds {
            groups.push(board.within(*bound)?);
        }
        Ok(groups)
    })?;
    drop(wait);
    for group in &mut groups {
        group.sort_by_key(|s| s.bytes);
        let least = group.iter().map(|s| s.bytes).min();
        group.iter_mut().for_each(|s| s.best = Some(s.bytes) == least);
    }
    if let Some(figure) = figure {
        let name = file.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        figure.write(&sketch(&name, &groups))?;
    }
    let text = || {
        let head =
            format!("{} rows, {} columns, {} bytes; one thread", data.rows, data.columns.len(), data.raw_bytes());
        groups.iter().fold(head, |text, group| text + "\n\n" + &table(group))
    };
    let all: Vec<&Score> = groups.iter().flatten().collect();
    print(json, &all, text)
}

/// The codecs at one bound, the shortest first and marked.
fn table(group: &[Score]) -> String {
    let bound = group.first().and_then(|s| s.bound);
    let title = bound.map_or("lossless".to_owned(), |b| format!("within {b} of each column's range"));
    let mut text = format!(
        "{title:<32}  {:>12}  {:>8}  {:>11}  {:>11}  {:>9}  {:>9}",
        "bytes", "ratio", "rms/range", "max/range", "MB/s in", "MB/s out"
    );
    for s in group {
        let error = |x: Option<f64>| match (s.lossless, x) {
            (true, _) => "0".to_owned(),
            (_, Some(x)) => format!("{x:.4e}"),
            _ => "-".to_owned(),
        };
        let speed = |x: Option<f64>| x.map_or("-".to_owned(), |x| format!("{x:.1}"));
        text += &format!(
            "\n{} {:<30}  {:>12}  {:>8.3}  {:>11}  {:>11}  {:>9}  {:>9}",
            if s.best { '*' } else { ' ' },
            s.name,
            s.bytes,
            s.ratio,
            error(s.rms_over_range),
            error(s.max_over_range),
            speed(s.compress_mb_s),
            speed(s.decompress_mb_s),
        );
    }
    text
}

fn sketch(name: &str, groups: &[Vec<Score>]) -> plot::Sketch {
    let of = |name: &str| -> Vec<(f64, f64)> {
        let found = groups.iter().flatten().filter(|s| s.name == name && !s.lossless);
        found.filter_map(|s| Some((s.max_over_range.or(s.bound)?, s.bits_per_value))).collect()
    };
    let mut names: Vec<&str> = Vec::new();
    for s in groups.iter().flatten().filter(|s| !s.lossless && !s.name.starts_with("sluice --")) {
        if !names.contains(&&s.name[..]) {
            names.push(&s.name);
        }
    }
    names.sort_by_key(|n| *n != "sluice");
    let curves: Vec<Curve> = names.iter().map(|n| Curve { name: n, ours: *n == "sluice", points: of(n) }).collect();
    let lossless = groups.first().map_or(&[][..], |g| &g[..]);
    let ours = lossless.iter().find(|s| s.name == "sluice");
    let rival = lossless.iter().find(|s| !s.name.starts_with("sluice"));
    let levels: Vec<(String, f64)> =
        ours.into_iter().chain(rival).map(|s| (format!("{}, lossless", s.name), s.bits_per_value)).collect();
    plot::distortion(name, &curves, &levels)
}

//! Other codecs on the same data, and tables of figures for people.

use std::path::Path;
use std::time::Instant;

use super::progress::Progress;
use super::{backend, print};
use crate::codec::{self, Bound, CompressOptions, Mode, PeerSize};
use crate::data::{self, Dataset, Selection};
use crate::error::{Code, Error, Result};
use crate::evaluate::{self, ColumnFigures, Overall};
use crate::physics;
use crate::recipe;
use crate::report::Peer;

/// Codecs that give every bit back.
pub fn lossless(data: &Dataset) -> Result<Vec<Peer>> {
    let peer = |p: PeerSize| Peer {
        name: p.name,
        lossless: true,
        bytes: p.bytes,
        ratio: p.ratio,
        rms_over_range: 0.0,
        max_over_range: 0.0,
    };
    let (ours, _) = ours("sluice lossless".to_owned(), data, &CompressOptions::new(Mode::Lossless))?;
    Ok(codec::peers(data)?.into_iter().chain([ours]).map(peer).collect())
}

/// A container of `data`, timed, and what comes back.
pub fn ours(name: String, data: &Dataset, options: &CompressOptions) -> Result<(PeerSize, Dataset)> {
    let folder = tempfile::tempdir().map_err(|e| Error::io("create", &std::env::temp_dir(), &e))?;
    let container = folder.path().join("a.slc");
    let start = Instant::now();
    let report = codec::compress(data, options, None, &container)?;
    let encode_seconds = start.elapsed().as_secs_f64();
    let start = Instant::now();
    let back = codec::decompress(&container, false, &backend::from_bytes)?.data;
    let decode_seconds = start.elapsed().as_secs_f64();
    let (bytes, ratio) = (report.total_bytes, report.ratio);
    Ok((PeerSize { name, bytes, ratio, encode_seconds, decode_seconds }, back))
}

/// sluice's bounded mode with a bound for each of the named columns, the others exact; the error is measured.
pub fn bounded(name: String, data: &Dataset, bounds: &[(String, f64)]) -> Result<Peer> {
    let bound = |c: &data::Column| {
        bounds.iter().find(|(name, _)| *name == c.name).map_or(Bound::Abs(0.0), |b| Bound::Range(b.1))
    };
    let column_bounds = data.columns.iter().map(|c| (c.name.clone(), bound(c))).collect();
    let options = CompressOptions { column_bounds, ..CompressOptions::new(Mode::Bounded) };
    let (size, back) = ours(name, data, &options)?;
    let errors: Vec<_> =
        evaluate::errors(data, &back)?.into_iter().filter(|e| bounds.iter().any(|b| b.0 == e.name)).collect();
    let overall = evaluate::overall(&errors);
    Ok(Peer {
        name: size.name,
        lossless: false,
        bytes: size.bytes,
        ratio: size.ratio,
        rms_over_range: overall.rms_over_range,
        max_over_range: overall.max_over_range,
    })
}

/// The bounded mode where its error is that of `columns`: a uniform step has an RMS error of its bound over the root of 3.
pub fn bounded_as_good(data: &Dataset, columns: &[ColumnFigures]) -> Result<Peer> {
    let bounds: Vec<(String, f64)> = columns.iter().map(|c| (c.name.clone(), c.rms_over_range * 3f64.sqrt())).collect();
    bounded("sluice bounded at this error".to_owned(), data, &bounds)
}

/// Refuses what is not a bound.
pub fn check(bounds: &[f64]) -> Result<()> {
    if let Some(bad) = bounds.iter().find(|b| !(b.is_finite() && **b > 0.0)) {
        return Err(Error::new(Code::Usage, format!("`{bad}` is not a bound"))
            .cause("a bound is a positive number, as a fraction of a column's range"));
    }
    Ok(())
}

/// Codec, size and error, one a line.
pub fn peers_table(peers: &[Peer]) -> String {
    let width = peers.iter().map(|p| p.name.chars().count()).max().unwrap_or(0).max(5);
    let mut text =
        format!("{:<width$}  {:>12}  {:>8}  {:>11}  {:>11}\n", "codec", "bytes", "ratio", "rms/range", "max/range");
    for p in peers {
        let error = |v: f64| if p.lossless { "lossless".to_owned() } else { format!("{v:.4e}") };
        let (rms, max) = (error(p.rms_over_range), error(p.max_over_range));
        text += &format!("{:<width$}  {:>12}  {:>8.3}  {rms:>11}  {max:>11}\n", p.name, p.bytes, p.ratio);
    }
    text
}

/// What `sluice evaluate --json` prints.
#[derive(serde::Serialize)]
struct Evaluation {
    overall: Overall,
    columns: Vec<ColumnFigures>,
    correlation: evaluate::Correlation,
}

/// Reads what belongs to `rows` selected rows of an original. A container holds what was selected and nothing else, so
/// what it gave back may have lost the names and the rows that the selection speaks of.
fn reconstruction(path: &Path, selection: &Selection, rows: usize) -> Result<Dataset> {
    let mut named = Selection { rows: None, ..selection.clone() };
    if let Some(first) = named.shape.as_mut().and_then(|s| s.first_mut()) {
        *first = 0;
    }
    let data = data::read(path, &named).or_else(|e| {
        let whole = Selection { dtype: named.dtype.clone(), shape: named.shape.clone(), ..Selection::default() };
        if e.code() == Code::DataSelection { data::read(path, &whole).map_err(|_| e) } else { Err(e) }
    })?;
    if data.rows == rows || selection.rows.is_none() {
        return Ok(data);
    }
    data::select(data, &Selection { rows: selection.rows, ..Selection::default() })
}

/// `sluice evaluate --physics`.
pub fn physics(
    original: &Path,
    reconstructed: &Path,
    selection: &Selection,
    sections: &Path,
    ratio: Option<f64>,
    json: bool,
) -> Result<bool> {
    let sections = recipe::physics_sections(sections)?;
    let wait = Progress::spinner("evaluate", "observables");
    let a = data::read(original, selection)?;
    let b = reconstruction(reconstructed, selection, a.rows)?;
    let found = physics::figures(&sections, &a, &b, ratio)?;
    drop(wait);
    print(json, &found, || found.iter().map(|f| f.table().text()).collect::<Vec<_>>().join("\n"))
}

/// `sluice evaluate`.
pub fn evaluate(
    original: &Path,
    reconstructed: &Path,
    selection: &Selection,
    threshold: Option<f64>,
    json: bool,
) -> Result<bool> {
    if let Some(bad) = threshold.filter(|t| !(t.is_finite() && *t >= 0.0)) {
        return Err(Error::new(Code::Usage, format!("`{bad}` is not a threshold"))
            .cause("it is a magnitude in the unit of the column, 0 or more"));
    }
    let wait = Progress::spinner("evaluate", "column by column");
    let a = data::read(original, selection)?;
    let b = reconstruction(reconstructed, selection, a.rows)?;
    let options = evaluate::EvaluateOptions { response_threshold: threshold, ..Default::default() };
    let columns = evaluate::columns_with(&a, &b, options)?;
    let all = Evaluation { overall: evaluate::overall(&columns), correlation: evaluate::correlation(&a, &b)?, columns };
    drop(wait);
    print(json, &all, || {
        let width = all.columns.iter().map(|c| c.name.chars().count()).max().unwrap_or(0).max(6);
        let mut text = format!(
            "{:<width$}  {:>11}  {:>11}  {:>11}  {:>11}  {:>9}  {:>9}  {:>9}\n",
            "column", "rms", "rms/range", "max/range", "mean", "chi2/ndf", "w1/range", "response"
        );
        for c in &all.columns {
            let short = |v: Option<f64>| v.map_or("-".to_owned(), |v| format!("{v:.3e}"));
            text += &format!(
                "{:<width$}  {:>11.4e}  {:>11.4e}  {:>11.4e}  {:>11.3e}  {:>9}  {:>9}  {:>9}\n",
                c.name,
                c.rms,
                c.rms_over_range,
                c.max_over_range,
                c.bias,
                short(c.chi2_over_ndf),
                short(Some(c.wasserstein_over_range)),
                c.response.as_ref().map_or("-".to_owned(), |r| format!("{:.4}", r.mean)),
            );
        }
        let o = &all.overall;
        text += &format!(
            "\nall columns: rms/range {:.4e}, max/range {:.4e}, largest change of a correlation {:.3e}\n",
            o.rms_over_range, o.max_over_range, all.correlation.max_difference
        );
        if o.not_finite > 0 {
            text += &format!("{} values are NaN or infinite and were left out\n", o.not_finite);
        }
        text
    })
}

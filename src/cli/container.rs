//! `sluice compress` and `sluice decompress`: a data file to a container and back, block by block.

use std::ops::Range;
use std::path::Path;

use super::backend;
use super::bounds::Bounds;
use super::progress::{Progress, say};
use crate::codec::{self, Bound, CompressOptions, CompressReport, Effort, LostRows, Mode, NeuralBackend};
use crate::data::{self, Dataset, RowSource, Selection};
use crate::error::{Code, Error, Result};
use crate::model::QuantizedModel;

/// Rows that are counted as they are read.
struct Counted<'a> {
    rows: &'a dyn RowSource,
    progress: Progress,
}

impl RowSource for Counted<'_> {
    fn head(&self) -> Dataset {
        self.rows.head()
    }

    fn rows(&self) -> usize {
        self.rows.rows()
    }

    fn read(&self, range: Range<usize>) -> Result<Dataset> {
        self.progress.add(range.len());
        self.rows.read(range)
    }

    fn raw_bytes(&self) -> u64 {
        self.rows.raw_bytes()
    }
}

/// [`codec::compress`] with a bar.
pub fn write(
    data: &dyn RowSource,
    options: &CompressOptions,
    neural: Option<&dyn NeuralBackend>,
    out: &Path,
) -> Result<CompressReport> {
    // A bound relative to the range reads the rows once to find it.
    let bounds = options.column_bounds.iter().map(|(_, bound)| *bound).chain(options.bound);
    let passes = if bounds.into_iter().any(|b| matches!(b, Bound::Range(_))) { 2 } else { 1 };
    let progress = Progress::new("compress", passes * data.rows(), "rows");
    codec::compress(&Counted { rows: data, progress }, options, neural, out)
}

pub fn compress(
    input: &Path,
    mut selection: Selection,
    output: &Path,
    model: Option<&Path>,
    bounds: &Bounds,
    mut options: CompressOptions,
    asked: bool,
) -> Result<CompressReport> {
    if (options.mode == Mode::Neural) != model.is_some() {
        return Err(Error::new(Code::Usage, "`--mode neural` and `--model` go together")
            .hint("give the quantized model of `sluice quantize`, or choose another mode"));
    }
    if (options.mode == Mode::Bounded) != bounds.any() {
        return Err(Error::new(Code::Usage, "`--mode bounded` and `--bound` go together")
            .hint("for example --bound range:1e-3"));
    }
    if options.block_rows == Some(0) {
        return Err(Error::new(Code::Usage, "a block of 0 rows holds nothing").hint("use at least 1, or leave it out"));
    }
    two_files(input, output)?;
    selection.exclude.extend(bounds.dropped.iter().cloned());
    let data = data::open(input, &selection)?;
    if bounds.any() {
        options.column_bounds = bounds.of(&data.head())?;
    }
    let backend = model.map(|path| backend::Neural::new(QuantizedModel::load(path)?)).transpose()?;
    let report = write(data.as_ref(), &options, backend.as_ref().map(|b| b as &dyn NeuralBackend), output)?;
    let why = match options.mode {
        Mode::Neural if options.bound.is_some() => "latents of the model, and what it leaves, within the bound",
        Mode::Neural => "latents of the model, all else bit for bit",
        Mode::Bounded => "every value within its bound",
        Mode::Lossless if asked => "every bit is kept",
        Mode::Lossless => "every bit is kept, as no bound and no model are given",
    };
    say(format_args!("compress: {} rows in {} blocks, {why} -> {}", report.rows, report.blocks, output.display()));
    for c in report.columns.iter().take(LISTED) {
        let ratio = c.raw_bytes as f64 / c.bytes.max(1) as f64;
        say(format_args!("compress: {}: ratio {ratio:.2}, {}", c.name, c.form));
    }
    if report.columns.len() > LISTED {
        say(format_args!("compress: and {} more columns; --json lists all", report.columns.len() - LISTED));
    }
    Ok(report)
}

/// Columns of which it is said how they are coded.
const LISTED: usize = 32;

/// Adds the rows of a data file to a container.
pub fn append(
    input: &Path,
    selection: &Selection,
    output: &Path,
    model: Option<&Path>,
    effort: Effort,
) -> Result<CompressReport> {
    two_files(input, output)?;
    let data = data::open(input, selection)?;
    let backend = model.map(|path| backend::Neural::new(QuantizedModel::load(path)?)).transpose()?;
    let progress = Progress::new("compress", data.rows(), "rows");
    let counted = Counted { rows: data.as_ref(), progress };
    let report = codec::append(&counted, effort, backend.as_ref().map(|b| b as &dyn NeuralBackend), output)?;
    say(format_args!("compress: {} rows added, {} in all -> {}", data.rows(), report.rows, output.display()));
    Ok(report)
}

/// What `sluice check --json` prints.
#[derive(serde::Serialize)]
struct CheckReport {
    rows: u64,
    blocks: usize,
    sound: bool,
    lost: Vec<LostRange>,
}

/// `sluice check`: everything is read, nothing written.
pub fn check(file: &Path, json: bool) -> Result<bool> {
    let decoder = codec::Decoder::open(file, true, &backend::from_bytes)?;
    let progress = Progress::new("check", decoder.rows() as usize, "rows");
    let lost = decoder.each(&mut |block| {
        progress.add(block.rows);
        Ok(())
    })?;
    drop(progress);
    let index = decoder.no_index().map(|e| e.what().to_owned());
    let sound = lost.is_empty() && index.is_none();
    let lost: Vec<LostRange> = lost.into_iter().map(LostRange::from).collect();
    let report = CheckReport { rows: decoder.rows(), blocks: decoder.blocks(), sound, lost };
    super::print(json, &report, || {
        let mut text = format!("{}: {} rows in {} blocks", file.display(), report.rows, report.blocks);
        if let Some(index) = &index {
            text += &format!("\n{index}");
        }
        for lost in &report.lost {
            text += &format!("\nrows {} to {} are lost: {}", lost.first, lost.end, lost.cause);
        }
        text + if sound { ", sound" } else { "\ndamaged" }
    })?;
    Ok(sound)
}

/// What of a container is wanted.
pub struct Part {
    /// In which a `*` stands for any characters; all if absent.
    pub columns: Option<Vec<String>>,
    pub rows: Option<Range<usize>>,
}

/// What `--json` prints.
#[derive(serde::Serialize)]
pub struct DecompressReport {
    pub rows: usize,
    pub lost: Vec<LostRange>,
    /// Events of which frames of a fixed size hold only a part.
    pub truncated: usize,
}

/// Rows that could not be read.
#[derive(serde::Serialize)]
pub struct LostRange {
    pub first: u64,
    /// The row after the last.
    pub end: u64,
    pub cause: String,
}

impl From<LostRows> for LostRange {
    fn from(lost: LostRows) -> Self {
        LostRange { first: lost.rows.start, end: lost.rows.end, cause: lost.cause }
    }
}

pub fn decompress(input: &Path, output: &Path, recover: bool, part: &Part) -> Result<DecompressReport> {
    two_files(input, output)?;
    let mut decoder = codec::Decoder::open(input, recover, &backend::from_bytes)?;
    if let Some(names) = &part.columns {
        let head = decoder.head()?;
        let missing = names.iter().find(|n| !head.columns.iter().any(|c| data::fits(n, &c.name)));
        if let Some(name) = missing {
            head.column(name)?;
        }
        decoder.only_columns(|name| names.iter().any(|n| data::fits(n, name)))?;
    }
    if let Some(rows) = &part.rows {
        decoder.only_rows(rows.start as u64..rows.end as u64);
    }
    let mut sink = data::create(output, &decoder.head()?)?;
    let progress = Progress::new("decompress", decoder.rows() as usize, "rows");
    let mut rows = 0;
    let lost = decoder.each(&mut |block| {
        rows += block.rows;
        progress.add(block.rows);
        sink.push(&block)
    })?;
    sink.finish()?;
    drop(progress);
    say(format_args!("decompress: {rows} rows -> {}", output.display()));
    for LostRows { rows, cause } in &lost {
        say(format_args!("decompress: lost rows {} to {}: {cause}", rows.start, rows.end));
    }
    Ok(DecompressReport { rows, lost: lost.into_iter().map(LostRange::from).collect(), truncated: 0 })
}

/// A file is not read and written at once.
pub fn two_files(input: &Path, output: &Path) -> Result<()> {
    let same = matches!((input.canonicalize(), output.canonicalize()), (Ok(a), Ok(b)) if a == b);
    if same {
        return Err(
            Error::new(Code::Usage, format!("`{}` is input and output", input.display())).hint("write to another name")
        );
    }
    Ok(())
}

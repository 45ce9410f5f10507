//! `sluice compress` and `sluice decompress`: a data file to a container and back, block by block.

use std::ops::Range;
use std::path::Path;

use super::backend;
use super::bounds::Bounds;
use super::progress::{Progress, say};
use crate::codec::{self, Bound, CompressOptions, CompressReport, LostRows, Mode, NeuralBackend};
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
    say(format_args!(
        "compress: {} rows in {} blocks, {:?} -> {}",
        report.rows,
        report.blocks,
        options.mode,
        output.display()
    ));
    Ok(report)
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

pub fn decompress(input: &Path, output: &Path, recover: bool) -> Result<DecompressReport> {
    two_files(input, output)?;
    let decoder = codec::Decoder::open(input, recover, &backend::from_bytes)?;
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
    let range = |l: LostRows| LostRange { first: l.rows.start, end: l.rows.end, cause: l.cause };
    Ok(DecompressReport { rows, lost: lost.into_iter().map(range).collect(), truncated: 0 })
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

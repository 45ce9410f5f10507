//! `sluice link`: how events are coded and framed, learned from data; and frames as a file, written and read.

use std::fmt;
use std::path::Path;

use ndarray::Array2;

use super::backend;
use super::container::{DecompressReport, LostRange, two_files};
use super::progress::{Progress, say};
use super::stages::words;
use crate::codec::{ColumnMeta, NeuralBackend as _};
use crate::data::{self, DataSource, Dataset, Layout, Selection};
use crate::error::{Code, Error, Result};
use crate::link::{FrameWriter, LearnOptions, Link, NumberCode, Received, read_frames};
use crate::model::QuantizedModel;
use crate::model::file::write_json;
use crate::model::whole::WholeFile;
use crate::reference::Engine;

/// What `--json` prints.
#[derive(serde::Serialize)]
pub struct LinkReport {
    /// Events learned from.
    pub events: usize,
    /// Mean bits of them, without frames.
    pub bits_per_event: f64,
    /// Bits if every number is sent as it is.
    pub fixed_bits: u32,
    /// The largest event.
    pub worst_event_bits: u64,
    /// Numbers that have a prefix code.
    pub coded: usize,
    /// Whether zeros are suppressed.
    pub zero_suppression: bool,
}

impl fmt::Display for LinkReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LinkReport { bits_per_event, fixed_bits, worst_event_bits, .. } = self;
        write!(f, "{bits_per_event:.1} bits an event, {fixed_bits} as they are, {worst_event_bits} at most")
    }
}

/// Learns a link of what a model's encoder gives for a data file, and writes it.
pub fn learn(
    model: &Path,
    input: &Path,
    selection: &Selection,
    options: &LearnOptions,
    out: &Path,
) -> Result<LinkReport> {
    let model = QuantizedModel::load(model)?;
    let dataset = data::open(input, selection)?;
    let (link, report) = learn_from(&model, &dataset.read(0..dataset.rows())?, options)?;
    write_json(out, &link)?;
    say(format_args!("link: {report} -> {}", out.display()));
    Ok(report)
}

/// The link of what a model's encoder gives for rows of data.
pub fn learn_from(model: &QuantizedModel, dataset: &Dataset, options: &LearnOptions) -> Result<(Link, LinkReport)> {
    let latents = Engine::new(&model.encoder)?.infer_batch(&words(model, dataset)?);
    let formats = model.encoder.output_formats();
    let events: Vec<Vec<i64>> = latents.rows().into_iter().map(|row| row.to_vec()).collect();
    if events.is_empty() {
        return Err(Error::new(Code::DataShape, "there are no events to learn from"));
    }
    let link = Link::learn(&formats, events.iter().map(Vec::as_slice), options)?;
    let coder = link.coder();
    let bits: u64 = events.iter().map(|event| u64::from(coder.bits(event))).sum();
    let report = LinkReport {
        events: events.len(),
        bits_per_event: bits as f64 / events.len() as f64,
        fixed_bits: formats.iter().map(|f| f.width).sum(),
        worst_event_bits: link.worst_event_bits(),
        coded: link.numbers.iter().filter(|n| matches!(n.code, NumberCode::Prefix(_))).count(),
        zero_suppression: link.zero_suppression,
    };
    Ok((link, report))
}

/// What `sluice compress --link` prints.
#[derive(serde::Serialize)]
pub struct FramesWritten {
    pub rows: usize,
    /// Of the columns that the model reads; no others are sent.
    pub raw_bytes: u64,
    pub frames_bytes: u64,
    /// Of the decoder, as a container holds it.
    pub decoder_bytes: u64,
    /// Of frames and decoder.
    pub total_bytes: u64,
    pub ratio: f64,
}

/// A model with the link of its outputs.
fn load(model: &Path, link: &Path) -> Result<(QuantizedModel, Link)> {
    let (model, codes) = (QuantizedModel::load(model)?, Link::load(link)?);
    let formats: Vec<_> = codes.numbers.iter().map(|n| n.format).collect();
    if formats != model.encoder.output_formats() {
        return Err(Error::new(Code::ModelMismatch, "the link has other numbers than the encoder gives")
            .at(link.display().to_string())
            .hint("learn it of this model: `sluice link`"));
    }
    Ok((model, codes))
}

/// Rows of data as the frames that the firmware sends of them, bunch crossing 0.
pub fn compress(
    input: &Path,
    selection: &Selection,
    output: &Path,
    model: &Path,
    link: &Path,
) -> Result<FramesWritten> {
    two_files(input, output)?;
    let (model, link) = load(model, link)?;
    let backend = backend::Neural::new(model)?;
    let data = data::open(input, selection)?;
    let mut file = WholeFile::create(output)?;
    let mut writer = FrameWriter::new(&link);
    let progress = Progress::new("compress", data.rows(), "rows");
    let (mut frames_bytes, mut raw_bytes) = (0, 0);
    for start in (0..data.rows()).step_by(BLOCK_ROWS) {
        let block = data.read(start..data.rows().min(start + BLOCK_ROWS))?;
        let names = backend.columns();
        let of_model = block.columns.iter().filter(|c| names.contains(&c.name));
        raw_bytes += of_model.map(|c| (c.values.len() * c.values.item_size()) as u64).sum::<u64>();
        let latents = backend.encode(&backend.rows(&block)?)?;
        for event in latents.rows() {
            writer.event(&event.to_vec(), 0, false)?;
        }
        let bytes = writer.take();
        frames_bytes += bytes.len() as u64;
        file.write(&bytes)?;
        progress.add(block.rows);
    }
    let bytes = writer.finish();
    frames_bytes += bytes.len() as u64;
    file.write(&bytes)?;
    file.finish()?;
    drop(progress);
    let decoder_bytes = backend.model_bytes().len() as u64;
    let total_bytes = frames_bytes + decoder_bytes;
    let rows = data.rows();
    say(format_args!("compress: {rows} rows in frames, {frames_bytes} bytes -> {}", output.display()));
    let ratio = raw_bytes as f64 / total_bytes as f64;
    Ok(FramesWritten { rows, raw_bytes, frames_bytes, decoder_bytes, total_bytes, ratio })
}

/// Rows of a block while compressing.
const BLOCK_ROWS: usize = 8192;

/// Frames back to data: a column for each that the model reads, of `int64` where its values are whole numbers and else
/// `float32`. Events that were lost or damaged are left out and named.
pub fn decompress(input: &Path, output: &Path, model: &Path, link: &Path, recover: bool) -> Result<DecompressReport> {
    two_files(input, output)?;
    let (model, link) = load(model, link)?;
    let bytes = std::fs::read(input).map_err(|e| Error::io("read", input, &e))?;
    let (frames, damages) = read_frames(&link, &bytes);
    if let Some(damage) = damages.first().filter(|_| !recover || frames.is_empty()) {
        return Err(Error::new(
            Code::ContainerDamaged,
            format!("the frames are damaged at byte {}: {}", damage.bytes.start, damage.cause),
        )
        .at(input.display().to_string())
        .hint("`--recover` reads the frames that are sound"));
    }
    let columns = model.transform.as_ref().map_or(Vec::new(), |t| t.columns.clone());
    let backend = backend::Neural::new(model)?;
    let metas: Vec<ColumnMeta> = (columns.iter())
        .map(|c| ColumnMeta {
            name: c.name.clone(),
            unit: String::new(),
            dtype: if c.constraint.integer { "int64" } else { "float32" }.to_owned(),
            shape: if c.width > 1 { vec![c.width] } else { Vec::new() },
            bound: None,
        })
        .collect();
    let dataset = |events: &[Vec<i64>]| -> Result<Dataset> {
        let n = link.numbers.len();
        let latents = Array2::from_shape_fn((events.len(), n), |(r, c)| events[r][c]);
        let columns = backend.restore(&backend.decode(&latents)?, &metas)?;
        Dataset::new(columns, events.len(), Layout::Table, DataSource::file(input, ""))
    };
    let mut sink = data::create(output, &dataset(&[])?)?;
    let events: Vec<Vec<i64>> = frames.iter().flat_map(|f| f.events.iter().cloned()).collect();
    for block in events.chunks(BLOCK_ROWS) {
        sink.push(&dataset(block)?)?;
    }
    sink.finish()?;
    let lost = gaps(&frames);
    say(format_args!("decompress: {} rows -> {}", events.len(), output.display()));
    for l in &lost {
        say(format_args!("decompress: lost events {} to {}: {}", l.first, l.end, l.cause));
    }
    Ok(DecompressReport { rows: events.len(), lost })
}

/// Events between those that came, by their numbers.
fn gaps(frames: &[Received]) -> Vec<LostRange> {
    let (mut lost, mut next) = (Vec::new(), 0u64);
    for frame in frames {
        // Numbers have 32 bits; they go on where they left off.
        let ahead = frame.header.event.wrapping_sub(next as u32);
        let first = next + u64::from(ahead);
        if ahead > 0 {
            lost.push(LostRange { first: next, end: first, cause: "their frames did not come".into() });
        }
        let there = first + u64::from(frame.header.events);
        next = there + u64::from(frame.header.lost);
        if next > there {
            lost.push(LostRange { first: there, end: next, cause: "the sender had no room for them".into() });
        }
    }
    lost
}

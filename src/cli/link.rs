//! `sluice link`: how events are coded and framed, learned from data; and frames as a file, written and read.

use std::fmt;
use std::path::{Path, PathBuf};

use ndarray::Array2;

use super::container::{DecompressReport, LostRange, two_files};
use super::progress::{Progress, say};
use super::samples::Shape;
use super::stages::words;
use super::{backend, samples, stages};
use crate::codec::NeuralBackend as _;
use crate::data::{self, DataSource, Dataset, Layout, RowSource, Selection};
use crate::error::{Code, Error, Result};
use crate::evaluate;
use crate::fixed::QFormat;
use crate::latency::simulate::Sample;
use crate::link::{FrameWriter, LearnOptions, Link, NumberCode, Received, Samples, WaveOptions, read_frames};
use crate::model::QuantizedModel;
use crate::model::file::write_json;
use crate::model::whole::WholeFile;
use crate::reference::Engine;
use crate::verilog::DesignManifest;

/// What `--json` prints.
#[derive(serde::Serialize)]
pub struct LinkReport {
    /// Events learned from.
    pub events: usize,
    /// Mean bits of them, headers and CRCs of their frames counted.
    pub bits_per_event: f64,
    /// Bits if every number is sent as it is.
    pub fixed_bits: u32,
    /// The largest event.
    pub worst_event_bits: u64,
    /// Numbers that have another code than their bits.
    pub coded: usize,
    /// Whether zeros are suppressed.
    pub zero_suppression: bool,
}

impl LinkReport {
    fn new(link: &Link, events: &[Vec<i64>]) -> Result<Self> {
        let record = link.samples.as_ref().and_then(|s| s.record);
        let mut writer = FrameWriter::new(link);
        let mut bytes = 0;
        for (i, event) in events.iter().enumerate() {
            writer.event(event, 0, ends_record(record, i))?;
            bytes += writer.take().len();
        }
        bytes += writer.finish().len();
        Ok(LinkReport {
            events: events.len(),
            bits_per_event: 8.0 * bytes as f64 / events.len() as f64,
            fixed_bits: link.numbers.iter().map(|n| n.format.width).sum(),
            worst_event_bits: link.worst_event_bits(),
            coded: link.numbers.iter().filter(|n| n.code != NumberCode::Fixed).count(),
            zero_suppression: link.zero_suppression,
        })
    }
}

/// Whether a record ends with an event.
pub fn ends_record(record: Option<u32>, event: usize) -> bool {
    record.is_some_and(|n| (event + 1) % n as usize == 0)
}

impl fmt::Display for LinkReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LinkReport { bits_per_event, fixed_bits, worst_event_bits, .. } = self;
        write!(f, "{bits_per_event:.1} bits an event, {fixed_bits} as they are, {worst_event_bits} at most")
    }
}

/// What a link is learned for.
pub enum Learn {
    /// What a model's encoder gives.
    Model(PathBuf, LearnOptions),
    /// Rows of numbers as they are: an event each.
    Rows(LearnOptions),
    /// Waveforms.
    Waveforms(Shape, WaveOptions),
}

/// Learns a link from a data file, and writes it.
///
/// * `bits`: of every number, instead of as many as the data need; of no use with a model
pub fn learn(what: &Learn, input: &Path, selection: &Selection, bits: Option<u32>, out: &Path) -> Result<LinkReport> {
    let dataset = data::open(input, selection)?;
    let (link, report) = learn_of(what, &dataset.read(0..dataset.rows())?, &samples::name_of(input), bits)?;
    write_json(out, &link)?;
    say(format_args!("link: {report} -> {}", out.display()));
    Ok(report)
}

/// Learns a link from data. `name` is that of its design, where no model has one.
pub fn learn_of(what: &Learn, dataset: &Dataset, name: &str, bits: Option<u32>) -> Result<(Link, LinkReport)> {
    if dataset.rows == 0 {
        return Err(Error::new(Code::DataShape, "there are no events to learn from"));
    }
    match what {
        Learn::Model(path, options) => learn_from(&QuantizedModel::load(path)?, dataset, options),
        Learn::Rows(options) => {
            let (samples, formats) = samples::describe(dataset, name, Shape::Rows, bits, 1)?;
            let events = to_rows(&samples::events(&samples, dataset)?);
            let link = Link::learn(&formats, events.iter().map(Vec::as_slice), options)?;
            with_samples(link, samples, &events)
        }
        Learn::Waveforms(shape, options) => {
            let least = *crate::link::wave::WIDTHS.start();
            let (samples, formats) = samples::describe(dataset, name, *shape, bits, least)?;
            let events = to_rows(&samples::events(&samples, dataset)?);
            let record = samples.record.map_or(events.len(), |n| n as usize);
            let lane = |(i, format): (usize, &QFormat)| {
                let records = events.chunks(record).map(|events| events.iter().map(|e| e[i]).collect()).collect();
                (*format, records)
            };
            let lanes: Vec<(QFormat, Vec<Vec<i64>>)> = formats.iter().enumerate().map(lane).collect();
            with_samples(Link::learn_waveforms(&lanes, options)?, samples, &events)
        }
    }
}

fn to_rows(events: &Array2<i64>) -> Vec<Vec<i64>> {
    events.rows().into_iter().map(|row| row.to_vec()).collect()
}

fn with_samples(link: Link, samples: Samples, events: &[Vec<i64>]) -> Result<(Link, LinkReport)> {
    let link = Link { samples: Some(samples), ..link };
    link.check()?;
    let report = LinkReport::new(&link, events)?;
    Ok((link, report))
}

/// The link of what a model's encoder gives for rows of data.
pub fn learn_from(model: &QuantizedModel, dataset: &Dataset, options: &LearnOptions) -> Result<(Link, LinkReport)> {
    let latents = Engine::new(&model.encoder)?.infer_batch(&words(model, dataset)?);
    let formats = model.encoder.output_formats();
    let events = to_rows(&latents);
    if events.is_empty() {
        return Err(Error::new(Code::DataShape, "there are no events to learn from"));
    }
    let link = Link::learn(&formats, events.iter().map(Vec::as_slice), options)?;
    let report = LinkReport::new(&link, &events)?;
    Ok((link, report))
}

/// What `sluice compress --link` prints.
#[derive(serde::Serialize, serde::Deserialize)]
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

/// What makes events of rows, and rows of events.
enum Source {
    Model(Box<backend::Neural>),
    Samples(Samples),
}

impl Source {
    /// The model, or the columns that the link itself names.
    fn open(model: Option<&Path>, link: &Link, path: &Path) -> Result<Self> {
        let at = path.display().to_string();
        match (model, &link.samples) {
            (Some(model), None) => {
                let model = QuantizedModel::load(model)?;
                let formats: Vec<_> = link.numbers.iter().map(|n| n.format).collect();
                if formats != model.encoder.output_formats() {
                    return Err(Error::new(Code::ModelMismatch, "the link has other numbers than the encoder gives")
                        .at(at)
                        .hint("learn it of this model: `sluice link`"));
                }
                Ok(Source::Model(Box::new(backend::Neural::new(model)?)))
            }
            (None, Some(samples)) => Ok(Source::Samples(samples.clone())),
            (Some(_), Some(_)) => Err(Error::new(Code::Usage, "the link sends data as they are, without a model")
                .at(at)
                .hint("leave --model out")),
            (None, None) => {
                Err(Error::new(Code::Usage, "the link sends what a model gives").at(at).hint("give it with --model"))
            }
        }
    }

    fn events(&self, rows: &Dataset) -> Result<Array2<i64>> {
        match self {
            Source::Model(model) => model.outputs(&model.rows(rows)?),
            Source::Samples(samples) => samples::events(samples, rows),
        }
    }

    /// Events after which a frame ends.
    fn record(&self) -> Option<u32> {
        match self {
            Source::Model(_) => None,
            Source::Samples(samples) => samples.record,
        }
    }

    /// Events of a row.
    fn row_events(&self) -> usize {
        match self {
            Source::Model(_) => 1,
            Source::Samples(samples) => samples.row_events(),
        }
    }

    /// The columns that are sent.
    fn columns(&self) -> Vec<String> {
        match self {
            Source::Model(model) => model.columns(),
            Source::Samples(samples) => samples.columns.iter().map(|c| c.name.clone()).collect(),
        }
    }

    /// What the receiver needs beside the frames: the decoder as a container holds it, or the link.
    fn decoder_bytes(&self, link: &Link) -> u64 {
        match self {
            Source::Model(model) => model.model_bytes().len() as u64,
            Source::Samples(_) => serde_json::to_vec(link).map_or(0, |json| json.len() as u64),
        }
    }

    /// The data of whole rows of events.
    fn restore(&self, events: &[Vec<i64>], source: DataSource) -> Result<Dataset> {
        let (columns, layout) = match self {
            Source::Samples(samples) => {
                let one = samples.columns.len() == 1;
                (samples::columns(samples, events)?, if one { Layout::Array } else { Layout::Table })
            }
            Source::Model(model) => {
                // Without the score.
                let n = model.latent_formats().len();
                let latents = Array2::from_shape_fn((events.len(), n), |(r, c)| events[r][c]);
                (model.restore(&model.decode(&latents)?, &model.sent_columns())?, Layout::Table)
            }
        };
        Dataset::new(columns, events.len() / self.row_events(), layout, source)
    }
}

/// Rows of data as the frames that the firmware sends of them, bunch crossing 0.
pub fn compress(
    input: &Path,
    selection: &Selection,
    output: &Path,
    model: Option<&Path>,
    link: &Path,
) -> Result<FramesWritten> {
    two_files(input, output)?;
    let path = link;
    let link = Link::load(path)?;
    let source = Source::open(model, &link, path)?;
    write(data::open(input, selection)?.as_ref(), &source, &link, output)
}

/// Frames of data, and how far what is read back of them is from the data.
#[derive(serde::Serialize, serde::Deserialize)]
pub struct Sent {
    pub frames: FramesWritten,
    pub rms_over_range: f64,
    pub max_over_range: f64,
}

/// Sends data without a model as frames, and reads them back.
///
/// * `path`: of the link
pub fn send(data: &Dataset, link: &Link, path: &Path, output: &Path) -> Result<Sent> {
    let source = Source::open(None, link, path)?;
    let frames = write(data, &source, link, output)?;
    let folder = tempfile::tempdir().map_err(|e| Error::io("create", &std::env::temp_dir(), &e))?;
    let file = folder.path().join("back.npz");
    decompress(output, &file, None, path, false)?;
    let names = data.called(source.columns());
    let columns = data.columns.iter().filter(|c| names.contains(&c.name)).cloned().collect();
    let sent = Dataset { columns, ..data.slice(0..0) };
    let back = data::read(&file, &Selection::default())?;
    let back = Dataset { layout: sent.layout.clone(), ..back };
    let errors = evaluate::errors(&Dataset { rows: data.rows, ..sent }, &back)?;
    let overall = evaluate::overall(&errors);
    if link.is_lossless() && overall.max_over_range != 0.0 {
        return Err(Error::new(Code::ContainerDamaged, "the frames do not give back what was sent"));
    }
    Ok(Sent { frames, rms_over_range: overall.rms_over_range, max_over_range: overall.max_over_range })
}

fn write(data: &dyn RowSource, source: &Source, link: &Link, output: &Path) -> Result<FramesWritten> {
    let mut file = WholeFile::create(output)?;
    let mut writer = FrameWriter::new(link);
    let progress = Progress::new("compress", data.rows(), "rows");
    let (mut frames_bytes, mut raw_bytes, mut events) = (0, 0, 0);
    // About as many numbers whatever a row holds.
    let block_rows = (BLOCK_EVENTS / source.row_events()).max(1);
    for start in (0..data.rows()).step_by(block_rows) {
        let block = data.read(start..data.rows().min(start + block_rows))?;
        let names = block.called(source.columns());
        let sent = block.columns.iter().filter(|c| names.contains(&c.name));
        raw_bytes += sent.map(|c| (c.values.len() * c.values.item_size()) as u64).sum::<u64>();
        for event in source.events(&block)?.rows() {
            writer.event(&event.to_vec(), 0, ends_record(source.record(), events))?;
            events += 1;
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
    let decoder_bytes = source.decoder_bytes(link);
    let total_bytes = frames_bytes + decoder_bytes;
    let rows = data.rows();
    say(format_args!("compress: {rows} rows in frames, {frames_bytes} bytes -> {}", output.display()));
    let ratio = raw_bytes as f64 / total_bytes as f64;
    Ok(FramesWritten { rows, raw_bytes, frames_bytes, decoder_bytes, total_bytes, ratio })
}

/// Events of data as a link sends them, for a study.
///
/// * `design`: folder of a design that sends frames, in place of model and link; its inputs are given too
pub fn sample(
    (data, select): (&Path, &Selection),
    design: Option<&Path>,
    model: Option<&Path>,
    link: Option<&Path>,
) -> Result<Sample> {
    let wrong = |what: &str, hint: &str| Err(Error::new(Code::Recipe, what.to_owned()).hint(hint.to_owned()));
    match (design, link) {
        (Some(_), _) if link.is_some() || model.is_some() => {
            wrong("the payload names a link or a model, and the design has its own", "leave them out")
        }
        (Some(design), _) => {
            let manifest = DesignManifest::load(design)?;
            let Some(core) = &manifest.link else {
                return wrong("the payload's design sends no frames", "name the link");
            };
            let link = Link::load(&design.join(&core.link))?;
            let rows = stages::rows(design, data.to_owned(), select)?;
            let engine = Engine::new(&QuantizedModel::load(&design.join(&manifest.model))?.encoder)?;
            let bits = event_bits(&link, engine.infer_batch(&rows.inputs), rows.record)?;
            Ok(Sample { bits, record: rows.record, inputs: rows.inputs })
        }
        (None, Some(path)) => {
            let link = Link::load(path)?;
            let source = Source::open(model, &link, path)?;
            let events = source.events(&data::read(data, select)?)?;
            let record = source.record();
            Ok(Sample { bits: event_bits(&link, events, record)?, record, inputs: Array2::zeros((0, 0)) })
        }
        (None, None) => wrong("the payload has data and no link", "name it, or a stage's design that sends frames"),
    }
}

/// Bits that a link spends on each event.
fn event_bits(link: &Link, events: Array2<i64>, record: Option<u32>) -> Result<Vec<u32>> {
    let mut writer = FrameWriter::new(link);
    let last = events.nrows().saturating_sub(1);
    let one = |(k, event): (usize, ndarray::ArrayView1<i64>)| {
        writer.event(&event.to_vec(), 0, ends_record(record, k) || (record.is_some() && k == last))?;
        // What has ended is not needed.
        writer.take();
        Ok(writer.event_bits())
    };
    events.rows().into_iter().enumerate().map(one).collect()
}

/// Events of a block, while compressing and decompressing.
const BLOCK_EVENTS: usize = 8192;

/// Frames back to data: of a model a column for each that it reads, of `int64` where its values are whole numbers and else
/// `float32`; else the columns that the link names. Events that were lost or damaged are left out and named, and so are rows
/// of which any sample is. The frames are read into memory as a whole.
pub fn decompress(
    input: &Path,
    output: &Path,
    model: Option<&Path>,
    link: &Path,
    recover: bool,
) -> Result<DecompressReport> {
    two_files(input, output)?;
    let path = link;
    let link = Link::load(path)?;
    let source = Source::open(model, &link, path)?;
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
    let truncated = frames.iter().filter(|f| f.missing > 0).count();
    let per_row = source.row_events() as u64;
    let (runs, lost) = runs(frames, per_row);
    let dataset = |events: &[Vec<i64>]| source.restore(events, DataSource::file(input, ""));
    let mut sink = data::create(output, &dataset(&[])?)?;
    let (mut rows, mut missing) = (0, Missing { per_row, lost: Vec::new(), next: 0 });
    for (first, events) in &runs {
        // Rows of which all events came.
        let skip = (first.next_multiple_of(per_row) - first).min(events.len() as u64);
        let whole = (events.len() as u64 - skip) / per_row * per_row;
        missing.until(first + skip, &lost);
        let events = &events[skip as usize..(skip + whole) as usize];
        for block in events.chunks((BLOCK_EVENTS as u64).next_multiple_of(per_row) as usize) {
            sink.push(&dataset(block)?)?;
        }
        rows += whole / per_row;
        missing.next = first + skip + whole;
    }
    let end = runs.last().map_or(0, |(first, events)| first + events.len() as u64);
    missing.until(lost.last().map_or(end, |l| l.end.max(end)), &lost);
    sink.finish()?;
    say(format_args!("decompress: {rows} rows -> {}", output.display()));
    for l in &missing.lost {
        say(format_args!("decompress: lost rows {} to {}: {}", l.first, l.end, l.cause));
    }
    if truncated > 0 {
        say(format_args!("decompress: {truncated} events did not fit their frames, their last numbers are 0"));
    }
    Ok(DecompressReport { rows: rows as usize, lost: missing.lost, truncated })
}

/// Rows that did not come, gathered from the front.
struct Missing {
    /// Events of a row.
    per_row: u64,
    lost: Vec<LostRange>,
    /// The event after those that are accounted for.
    next: u64,
}

impl Missing {
    /// All rows up to that of event `end` are missing.
    fn until(&mut self, end: u64, events: &[LostRange]) {
        let (first, end) = (self.next / self.per_row, end.div_ceil(self.per_row));
        if end > first {
            let cause = events.iter().find(|l| l.end > self.next).map_or("a part of them did not come", |l| &l.cause);
            self.lost.push(LostRange { first, end, cause: cause.to_owned() });
        }
        self.next = self.next.max(end * self.per_row);
    }
}

/// Events that follow each other, by the number of the first; and those between them.
type Runs = (Vec<(u64, Vec<Vec<i64>>)>, Vec<LostRange>);

fn runs(frames: Vec<Received>, per_row: u64) -> Runs {
    let (mut runs, mut lost): Runs = (Vec::new(), Vec::new());
    let (mut next, mut number) = (0u64, 0u32);
    for frame in frames {
        // Numbers have 32 bits and go on where they left off; one that is smaller is that of a sender that was reset.
        let first = match frame.header.event.wrapping_sub(number) {
            ahead @ 0..0x8000_0000 => next + u64::from(ahead),
            _ => next.next_multiple_of(per_row),
        };
        number = frame.header.event.wrapping_add(frame.events.len() as u32 + u32::from(frame.header.lost));
        if first > next {
            lost.push(LostRange { first: next, end: first, cause: "their frames did not come".into() });
        }
        let there = first + frame.events.len() as u64;
        match runs.last_mut() {
            Some((begin, events)) if *begin + events.len() as u64 == first => events.extend(frame.events),
            _ if frame.events.is_empty() => {}
            _ => runs.push((first, frame.events)),
        }
        next = there + u64::from(frame.header.lost);
        if next > there {
            lost.push(LostRange { first: there, end: next, cause: "the sender had no room for them".into() });
        }
    }
    (runs, lost)
}

//! Container → data set.

use std::ops::Range;
use std::path::{Path, PathBuf};

use ndarray::Array2;
use rayon::prelude::*;
use xxhash_rust::xxh3::xxh3_64;

use super::frame::{self, Entry, Front, place};
use super::meta::{ColumnMeta, Meta, Mode};
use super::neural::NeuralBackend;
use super::table::{self, Section};
use super::{exceptions, residual};
use crate::data::{Column, DataSource, Dataset, FileAt, Layout, Values};
use crate::entropy::bytes::{Reader, malformed};
use crate::entropy::decode_ints;
use crate::error::{Code, Error, Result};

/// How a decoder is made of the bytes of an embedded model.
pub type MakeBackend<'a> = &'a dyn Fn(&[u8]) -> Result<Box<dyn NeuralBackend>>;

/// Rows that a damaged container could not give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostRows {
    /// Row numbers of the original data.
    pub rows: Range<u64>,
    /// What was wrong with them.
    pub cause: String,
}

/// What came out of a container.
#[derive(Clone, Debug, PartialEq)]
pub struct Decompressed {
    /// The rows that could be read, in order.
    pub data: Dataset,
    /// The rows that could not; always empty without `recover`.
    pub lost: Vec<LostRows>,
}

/// What a container says about itself.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ContainerInfo {
    /// How the columns are kept.
    pub mode: Mode,
    /// Rows of data.
    pub rows: u64,
    /// Rows in a block.
    pub block_rows: u32,
    /// Number of blocks.
    pub blocks: usize,
    /// Columns without their values.
    pub columns: Vec<ColumnMeta>,
    /// Names of the columns that are latents.
    pub model_columns: Vec<String>,
    /// Latents in a model row; 0 without a model.
    pub latents: usize,
    /// How the columns lay in their file.
    pub layout: Layout,
    /// Where the data came from.
    pub source: DataSource,
    /// Program and version that wrote it.
    pub writer: String,
    /// All values in their own types.
    pub raw_bytes: u64,
    /// The embedded model.
    pub model_bytes: u64,
    /// Payloads of all blocks.
    pub payload_bytes: u64,
    /// Prefix, header and their CRCs.
    pub header_bytes: u64,
    /// The file.
    pub total_bytes: u64,
    /// `raw_bytes / total_bytes`.
    pub ratio: f64,
}

/// What the container at `path` says about itself. Payloads are not read.
///
/// # Errors
/// `I001`, `C001` with the place, `C002`.
pub fn info(path: &Path) -> Result<ContainerInfo> {
    let file = FileAt::open(path)?;
    describe(&file).map_err(|e| e.at(path.display().to_string()))
}

fn describe(file: &FileAt) -> Result<ContainerInfo> {
    let front = frame::read_front(file)?;
    let entries = frame::read_back(file, &front)?;
    let meta = front.meta;
    let row: u64 = meta.columns.iter().map(|c| (c.width() as u64).saturating_mul(item_size(c))).sum();
    let raw_bytes = row.saturating_mul(meta.rows);
    let (model_columns, latents) = meta.model.map(|m| (m.columns, m.latents)).unwrap_or_default();
    Ok(ContainerInfo {
        mode: meta.mode,
        rows: meta.rows,
        block_rows: meta.block_rows,
        blocks: entries.len(),
        columns: meta.columns,
        model_columns,
        latents,
        layout: meta.layout,
        source: meta.source,
        writer: meta.writer,
        raw_bytes,
        model_bytes: front.model.len() as u64,
        payload_bytes: entries.iter().map(|e| u64::from(e.length)).sum(),
        header_bytes: front.header_bytes as u64,
        total_bytes: file.len() as u64,
        ratio: raw_bytes as f64 / file.len() as f64,
    })
}

fn item_size(column: &ColumnMeta) -> u64 {
    Values::from_le_bytes(&column.dtype, &[]).map_or(0, |v| v.item_size() as u64)
}

/// Reads the container at `path` whole: [`Decoder`] with everything in memory.
///
/// # Errors
/// As [`Decoder::open`] and [`Decoder::each`].
pub fn decompress(path: &Path, recover: bool, make_backend: MakeBackend) -> Result<Decompressed> {
    let decoder = Decoder::open(path, recover, make_backend)?;
    let mut data = decoder.head()?;
    let lost = decoder.each(&mut |block| data.append(&block))?;
    Ok(Decompressed { data, lost })
}

/// A container that is read block by block: memory holds one block a thread.
pub struct Decoder {
    path: PathBuf,
    file: FileAt,
    front: Front,
    backend: Option<Box<dyn NeuralBackend>>,
    blocks: Vec<(u32, Entry)>,
    recover: bool,
    /// Which columns are read.
    wanted: Vec<bool>,
    rows: Range<u64>,
    /// Why the index could not be used.
    no_index: Option<Error>,
}

impl Decoder {
    /// Reads header, model and index. `make_backend` builds the decoder from the embedded model; it is called once, and
    /// only for a neural container.
    ///
    /// With `recover`, blocks that are damaged will be left out; an index that is gone is replaced by a search for
    /// blocks. Header and model have to be sound in any case.
    ///
    /// # Errors
    /// `I001`, `C001` with the place, `C002`, [`Code::ModelMismatch`], and what `make_backend` returns.
    pub fn open(path: &Path, recover: bool, make_backend: MakeBackend) -> Result<Self> {
        Self::begin(path, recover, make_backend).map_err(|e| e.at(path.display().to_string()))
    }

    fn begin(path: &Path, recover: bool, make_backend: MakeBackend) -> Result<Self> {
        let file = FileAt::open(path)?;
        let front = frame::read_front(&file)?;
        let (blocks, no_index) = match frame::read_back(&file, &front) {
            Ok(entries) => ((0..).zip(entries).collect(), None),
            Err(e) if recover => (frame::scan(&file, &front)?, Some(e)),
            Err(e) => return Err(e),
        };
        let backend = front.meta.model.is_some().then(|| make_backend(&front.model)).transpose()?;
        if let (Some(backend), Some(model)) = (&backend, &front.meta.model)
            && backend.latent_formats().len() != model.latents
        {
            return Err(Error::new(Code::ModelMismatch, "the model does not have the latents of the container"));
        }
        let (wanted, rows) = (vec![true; front.meta.columns.len()], 0..front.meta.rows);
        Ok(Decoder { path: path.to_owned(), file, front, backend, blocks, recover, wanted, rows, no_index })
    }

    /// Reads only some columns, and others as far as those need them.
    ///
    /// The hash of a block is over all of its columns, so that such a read checks CRCs only.
    ///
    /// # Errors
    /// [`Code::DataSelection`] if none is left.
    pub fn only_columns(&mut self, wanted: impl Fn(&str) -> bool) -> Result<()> {
        let columns = &self.front.meta.columns;
        self.wanted = columns.iter().map(|c| wanted(&c.name)).collect();
        if self.wanted.contains(&true) {
            return Ok(());
        }
        let names: Vec<&str> = columns.iter().map(|c| &c.name[..]).collect();
        Err(Error::new(Code::DataSelection, "no column of the container is wanted")
            .at(self.path.display().to_string())
            .cause(format!("it has {}", names.join(", "))))
    }

    /// Reads only rows of this range, as far as there are such.
    pub fn only_rows(&mut self, rows: Range<u64>) {
        let end = rows.end.min(self.front.meta.rows);
        self.rows = rows.start.min(end)..end;
    }

    /// Rows that will be read.
    pub fn rows(&self) -> u64 {
        self.rows.end - self.rows.start
    }

    /// Why the index could not be used, if it could not.
    pub fn no_index(&self) -> Option<&Error> {
        self.no_index.as_ref()
    }

    /// Blocks in the container.
    pub fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// The columns without rows.
    ///
    /// # Errors
    /// `C001` if the header describes impossible columns.
    pub fn head(&self) -> Result<Dataset> {
        let empty =
            |(c, wanted): (&ColumnMeta, &bool)| wanted.then(|| Values::from_le_bytes(&c.dtype, &[])).transpose();
        self.dataset(self.front.meta.columns.iter().zip(&self.wanted).map(empty).collect::<Result<_>>()?, 0)
    }

    fn dataset(&self, values: Vec<Option<Values>>, rows: usize) -> Result<Dataset> {
        let meta = &self.front.meta;
        let column = |(c, values): (&ColumnMeta, Option<Values>)| {
            Some(Column { name: c.name.clone(), unit: c.unit.clone(), shape: c.shape.clone(), values: values? })
        };
        let columns = meta.columns.iter().zip(values).filter_map(column).collect();
        Dataset::new(columns, rows, meta.layout.clone(), meta.source.clone())
    }

    /// Gives every sound block to `take`, in order of rows; says which rows are missing (none unless opened to recover).
    ///
    /// # Errors
    /// `I001`, `C001` with the place, and what `take` returns.
    pub fn each(&self, take: &mut dyn FnMut(Dataset) -> Result<()>) -> Result<Vec<LostRows>> {
        let mut lost = Vec::new();
        let mut next = self.rows.start;
        let inside =
            |(_, e): &&(u32, Entry)| e.first_row < self.rows.end && e.first_row + u64::from(e.rows) > self.rows.start;
        let blocks: Vec<&(u32, Entry)> = self.blocks.iter().filter(inside).collect();
        for group in blocks.chunks(rayon::current_num_threads().max(1)) {
            let decoded: Vec<Result<Dataset>> =
                group.par_iter().map(|(number, entry)| self.block(*number, entry)).collect();
            for ((_, entry), decoded) in group.iter().zip(decoded) {
                let end = (entry.first_row + u64::from(entry.rows)).min(self.rows.end);
                if entry.first_row > next {
                    lost.push(missing(next..entry.first_row, self.no_index.as_ref()));
                }
                next = end;
                match decoded {
                    Ok(block) => take(block)?,
                    Err(e) if self.recover && e.code() == Code::ContainerDamaged => {
                        lost.push(LostRows {
                            rows: entry.first_row.max(self.rows.start)..end,
                            cause: e.what().to_owned(),
                        });
                    }
                    Err(e) => return Err(e.at(self.path.display().to_string())),
                }
            }
        }
        if next < self.rows.end {
            lost.push(missing(next..self.rows.end, self.no_index.as_ref()));
        }
        Ok(lost)
    }

    fn block(&self, number: u32, entry: &Entry) -> Result<Dataset> {
        let payload = frame::payload(&self.file, number, entry)?;
        let rows = entry.rows as usize;
        let values = parse_block(&payload, rows, &self.front.meta, self.backend.as_deref(), &self.wanted)
            .map_err(place(entry.offset))?;
        let block = self.dataset(values, rows)?;
        let from = self.rows.start.saturating_sub(entry.first_row) as usize;
        let to = (self.rows.end - entry.first_row).min(rows as u64) as usize;
        Ok(if (from, to) == (0, rows) { block } else { block.slice(from..to) })
    }
}

fn missing(rows: Range<u64>, no_index: Option<&Error>) -> LostRows {
    let cause = no_index.map_or("no block holds them", |e| e.what());
    LostRows { rows, cause: format!("their blocks were not found; {cause}") }
}

/// The wanted columns of one block, in the order of the header.
fn parse_block(
    payload: &[u8],
    rows: usize,
    meta: &Meta,
    backend: Option<&dyn NeuralBackend>,
    wanted: &[bool],
) -> Result<Vec<Option<Values>>> {
    let mut reader = Reader::new(payload);
    let by_model = meta.model_columns()?;
    let mut decoded: Vec<Option<Values>> = vec![None; meta.columns.len()];
    if let Some(backend) = backend {
        let columns: Vec<ColumnMeta> = by_model.iter().map(|i| meta.columns[*i].clone()).collect();
        let latents = reader.section()?;
        if by_model.iter().any(|i| wanted[*i]) {
            let all = restore(latents, rows, &columns, backend)?;
            for (i, values) in by_model.iter().zip(all).filter(|(i, _)| wanted[**i]) {
                decoded[*i] = Some(values);
            }
        }
    }
    let formulas = meta.formulas()?;
    let others = meta.columns.iter().enumerate().filter(|(i, _)| !by_model.contains(i)).zip(&formulas);
    let sections = others
        .map(|((_, c), formula)| {
            let (bytes, tolerance) = (reader.section()?, c.tolerance());
            Ok(Section { bytes, dtype: &c.dtype, shape: &c.shape, formula: formula.as_ref(), tolerance })
        })
        .collect::<Result<Vec<_>>>()?;
    let others: Vec<usize> = (0..meta.columns.len()).filter(|i| !by_model.contains(i)).collect();
    let of_these: Vec<bool> = others.iter().map(|i| wanted[*i]).collect();
    let rest = table::decode(&sections, rows, &of_these)?;
    for (i, values) in others.into_iter().zip(rest).filter(|(i, _)| wanted[*i]) {
        decoded[i] = values;
    }
    let hash = u64::from_le_bytes(reader.array()?);
    reader.end()?;
    let hashes: Vec<u64> = decoded.par_iter().flatten().map(table::hash).collect();
    if hashes.len() == decoded.len() && hash_of(&hashes) != hash {
        return Err(malformed("the decoded values do not match their hash"));
    }
    Ok(decoded)
}

/// The hash of a block: XXH3 of those of its columns.
pub(super) fn hash_of(columns: &[u64]) -> u64 {
    xxh3_64(&columns.iter().flat_map(|h| h.to_le_bytes()).collect::<Vec<u8>>())
}

/// The model's columns out of their latents.
fn restore(bytes: &[u8], rows: usize, columns: &[ColumnMeta], backend: &dyn NeuralBackend) -> Result<Vec<Values>> {
    let mut reader = Reader::new(bytes);
    let model_rows = reader.count()?;
    let values: usize = columns.iter().map(|c| rows * c.width()).sum();
    if model_rows > values {
        return Err(malformed("more model rows than values"));
    }
    let formats = backend.latent_formats();
    let lanes = decode_ints(reader.section()?, formats.len(), model_rows)?;
    if lanes.iter().zip(&formats).any(|(lane, f)| lane.iter().any(|v| !f.contains(*v))) {
        return Err(malformed("a latent outside its format"));
    }
    let latents = Array2::from_shape_fn((model_rows, formats.len()), |(row, lane)| lanes[lane][row]);
    let mut all = reconstruct(&latents, rows, columns, backend)?;
    for (values, meta) in all.iter_mut().zip(columns) {
        if meta.tolerance().bound() > 0.0 {
            *values = residual::decode(reader.section()?, values, meta.width())?;
        } else {
            exceptions::apply(&mut reader, values)?;
        }
    }
    reader.end()?;
    Ok(all)
}

/// What a model makes of latents.
pub(super) fn reconstruct(
    latents: &Array2<i64>,
    rows: usize,
    columns: &[ColumnMeta],
    backend: &dyn NeuralBackend,
) -> Result<Vec<Values>> {
    let restored = backend.restore(&backend.decode(latents)?, columns)?;
    if restored.len() != columns.len() {
        return Err(Error::new(Code::ModelMismatch, "the model does not give the container's columns"));
    }
    let mut all = Vec::with_capacity(columns.len());
    for (column, meta) in restored.into_iter().zip(columns) {
        let values = column.values;
        if column.name != meta.name || values.dtype() != meta.dtype || values.len() != rows * meta.width() {
            return Err(Error::new(Code::ModelMismatch, format!("the model does not give column `{}`", meta.name))
                .cause(format!("it gives {} values of {} as `{}`", values.len(), values.dtype(), column.name)));
        }
        all.push(values);
    }
    Ok(all)
}

//! Data set → container.

use std::path::Path;

use rayon::prelude::*;

use super::column::Coded;
use super::decode::{hash_of, reconstruct};
use super::frame::{self, Entry, FRAME_BYTES};
use super::grid::scattered;
use super::meta::{ColumnMeta, Meta};
use super::neural::NeuralBackend;
use super::options::{CompressOptions, Effort};
use super::plan::plan;
use super::table::{self, Formula, Item};
use super::{exceptions, residual, values};
use crate::data::{Column, Dataset, FileAt, RowSource, Values};
use crate::entropy::bytes::{put_section, put_varint};
use crate::entropy::encode_ints;
use crate::error::{Code, Error, Result};
use crate::model::whole::WholeFile;

/// Bytes of one column, over all blocks.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ColumnSize {
    /// The column; `latents` for the model's columns together.
    pub name: String,
    /// In its own type.
    pub raw_bytes: u64,
    /// In the container.
    pub bytes: u64,
    /// Values stored exactly because the lossy form could not hold them.
    pub exceptions: u64,
    /// How it is coded in the first block, and why.
    #[serde(default)]
    pub form: String,
}

/// Where the bytes of a container went. Parts add up to `total_bytes`.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct CompressReport {
    /// Rows of data.
    pub rows: u64,
    /// Number of blocks.
    pub blocks: usize,
    /// All values in their own types.
    pub raw_bytes: u64,
    /// Payloads of all blocks.
    pub payload_bytes: u64,
    /// The embedded model.
    pub model_bytes: u64,
    /// Prefix, header and their CRCs.
    pub header_bytes: u64,
    /// Frames of the blocks.
    pub frame_bytes: u64,
    /// Index and trailer.
    pub index_bytes: u64,
    /// The file.
    pub total_bytes: u64,
    /// `raw_bytes / total_bytes`: every byte counts.
    pub ratio: f64,
    /// `raw_bytes / (total_bytes - model_bytes)`: what remains when one model serves very many files.
    pub ratio_without_model: f64,
    /// Column by column, in the order in which they lie in a block.
    pub columns: Vec<ColumnSize>,
}

/// Writes `data` to the container `out`, which appears only when complete.
///
/// Memory: one block a thread; a bound relative to the range reads the data twice. The bytes do not depend on the number of threads.
///
/// # Errors
/// [`Code::Usage`] if mode and backend or bound do not go together, [`Code::Bound`] for a bound that is negative or not
/// finite, [`Code::ModelMismatch`] for latents outside their formats, `I001`, and what the backend returns.
pub fn compress(
    data: &dyn RowSource,
    options: &CompressOptions,
    neural: Option<&dyn NeuralBackend>,
    out: &Path,
) -> Result<CompressReport> {
    let meta = plan(data, options, neural)?;
    let model = neural.map(|n| n.model_bytes()).unwrap_or_default();
    let front = frame::front(&meta, &model)?;
    let mut file = WholeFile::create(out)?;
    file.write(&front)?;
    let columns = sizes(&data.head(), data.rows(), &meta)?;
    let mut blocks = Blocks { file, entries: Vec::new(), columns };
    blocks.write(data, 0, &meta, neural, options.effort)?;
    blocks.finish(data.rows() as u64, data.raw_bytes(), front.len(), model.len())
}

/// Adds the rows of `data` to the container `path` as new blocks, kept as its others are. It is replaced when that is complete.
///
/// The report counts the bytes of the whole file, but lists columns of the new rows only.
///
/// # Errors
/// As [`compress`]; [`Code::DataType`] if the columns are not those of the container, [`Code::ModelMismatch`] if the model is
/// not, `C001` if the container is damaged.
pub fn append(
    data: &dyn RowSource,
    effort: Effort,
    neural: Option<&dyn NeuralBackend>,
    path: &Path,
) -> Result<CompressReport> {
    let old = FileAt::open(path)?;
    let before = frame::read_front(&old)?;
    let entries = frame::read_back(&old, &before)?;
    let head = data.head();
    let alike = |c: &Column, m: &ColumnMeta| (&c.name, c.values.dtype(), &c.shape) == (&m.name, &m.dtype, &m.shape);
    let same = head.columns.len() == before.meta.columns.len()
        && head.columns.iter().zip(&before.meta.columns).all(|(c, m)| alike(c, m));
    if !same {
        return Err(Error::new(Code::DataType, format!("`{}` has other columns than the data", path.display()))
            .hint("names, types and shapes have to be the same, in the same order"));
    }
    if neural.map(|n| n.model_bytes()).unwrap_or_default() != before.model {
        return Err(Error::new(Code::ModelMismatch, format!("`{}` was not written with this model", path.display()))
            .hint("give the model that wrote it, or none if none did"));
    }
    let mut meta = before.meta;
    let first_row = meta.rows;
    meta.rows += data.rows() as u64;
    let front = frame::front(&meta, &before.model)?;
    let mut file = WholeFile::create(path)?;
    file.write(&front)?;
    let end = entries.last().map_or(before.end, |e| e.offset + FRAME_BYTES + e.length as usize);
    for at in (before.end..end).step_by(COPIED) {
        file.write(&old.read(at, COPIED.min(end - at))?)?;
    }
    let moved = |e: Entry| Entry { offset: e.offset - before.end + front.len(), ..e };
    let columns = sizes(&head, data.rows(), &meta)?;
    let mut blocks = Blocks { file, entries: entries.into_iter().map(moved).collect(), columns };
    blocks.write(data, first_row, &meta, neural, effort)?;
    let row: u64 = head.columns.iter().map(|c| (c.width() * c.values.item_size()) as u64).sum();
    blocks.finish(meta.rows, row * meta.rows, front.len(), before.model.len())
}

/// Bytes that are copied at once.
const COPIED: usize = 1 << 20;

/// The blocks of a file that is being written.
struct Blocks {
    file: WholeFile,
    entries: Vec<Entry>,
    columns: Vec<ColumnSize>,
}

impl Blocks {
    /// Writes data that begin at row `first_row`: a few blocks at a time, done in parallel, written in order.
    fn write(
        &mut self,
        data: &dyn RowSource,
        first_row: u64,
        meta: &Meta,
        neural: Option<&dyn NeuralBackend>,
        effort: Effort,
    ) -> Result<()> {
        let (total, block_rows) = (data.rows(), meta.block_rows as usize);
        let formulas = meta.formulas()?;
        let starts: Vec<usize> = (0..total).step_by(block_rows).collect();
        for group in starts.chunks(rayon::current_num_threads().max(1)) {
            let one = |start: &usize| {
                let rows = *start..(start + block_rows).min(total);
                encode_block(&data.read(rows)?, meta, &formulas, neural, effort)
            };
            let blocks: Vec<(Vec<Coded>, u64)> = group.par_iter().map(one).collect::<Result<_>>()?;
            for (start, (parts, hash)) in group.iter().zip(blocks) {
                let rows = (total - start).min(block_rows) as u32;
                self.put(first_row + *start as u64, rows, &parts, hash)?;
            }
        }
        Ok(())
    }

    fn put(&mut self, first_row: u64, rows: u32, parts: &[Coded], hash: u64) -> Result<()> {
        let mut payload = Vec::new();
        for (part, size) in parts.iter().zip(&mut self.columns) {
            put_section(&mut payload, &part.bytes);
            size.bytes += part.bytes.len() as u64;
            size.exceptions += part.exceptions as u64;
            if size.form.is_empty() {
                size.form.clone_from(&part.form);
            }
        }
        payload.extend(hash.to_le_bytes());
        let number = u32::try_from(self.entries.len())
            .map_err(|_| Error::new(Code::Unsupported, "more than 2^32 blocks").hint("use more rows a block"))?;
        let head = frame::frame(number, first_row, rows, &payload)?;
        self.entries.push(Entry { offset: self.file.length, first_row, rows, length: payload.len() as u32 });
        self.file.write(&head)?;
        self.file.write(&payload)
    }

    fn finish(mut self, rows: u64, raw_bytes: u64, front: usize, model: usize) -> Result<CompressReport> {
        let back = frame::back(&self.entries, self.file.length);
        self.file.write(&back)?;
        let (total_bytes, model_bytes) = (self.file.length as u64, model as u64);
        self.file.finish()?;
        Ok(CompressReport {
            rows,
            blocks: self.entries.len(),
            raw_bytes,
            payload_bytes: self.entries.iter().map(|e| u64::from(e.length)).sum(),
            model_bytes,
            header_bytes: front as u64 - model_bytes,
            frame_bytes: (self.entries.len() * FRAME_BYTES) as u64,
            index_bytes: back.len() as u64,
            total_bytes,
            ratio: raw_bytes as f64 / total_bytes as f64,
            ratio_without_model: raw_bytes as f64 / (total_bytes - model_bytes) as f64,
            columns: self.columns,
        })
    }
}

/// One entry a section of a block, without bytes yet.
fn sizes(head: &Dataset, rows: usize, meta: &Meta) -> Result<Vec<ColumnSize>> {
    let raw = |c: &Column| (rows * c.width() * c.values.item_size()) as u64;
    let size = |name: &str, raw_bytes| ColumnSize {
        name: name.to_owned(),
        raw_bytes,
        bytes: 0,
        exceptions: 0,
        form: String::new(),
    };
    let by_model = meta.model_columns()?;
    let mut sizes = Vec::new();
    if !by_model.is_empty() {
        sizes.push(size("latents", by_model.iter().map(|i| raw(&head.columns[*i])).sum()));
    }
    let others = head.columns.iter().enumerate().filter(|(i, _)| !by_model.contains(i));
    sizes.extend(others.map(|(_, c)| size(&c.name, raw(c))));
    Ok(sizes)
}

/// The sections of one block: latents if there is a model, then every other column in order; and the hash of the values that
/// a reader will have.
fn encode_block(
    block: &Dataset,
    meta: &Meta,
    formulas: &[Option<Formula>],
    neural: Option<&dyn NeuralBackend>,
    effort: Effort,
) -> Result<(Vec<Coded>, u64)> {
    let by_model = meta.model_columns()?;
    let mut parts = Vec::new();
    let mut hashes = vec![0; meta.columns.len()];
    if let Some(neural) = neural {
        let columns: Vec<ColumnMeta> = by_model.iter().map(|i| meta.columns[*i].clone()).collect();
        let (coded, back) = latents(block, &by_model, &columns, neural)?;
        by_model.iter().zip(&back).for_each(|(i, values)| hashes[*i] = table::hash(values));
        parts.push(coded);
    }
    let others = block.columns.iter().enumerate().filter(|(i, _)| !by_model.contains(i));
    let items: Vec<Item> = others
        .zip(formulas)
        .map(|((i, c), formula)| Item {
            values: &c.values,
            shape: &c.shape,
            tolerance: meta.columns[i].tolerance(),
            formula: formula.as_ref(),
        })
        .collect();
    let rest = (0..meta.columns.len()).filter(|i| !by_model.contains(i));
    for (i, written) in rest.zip(table::encode(&items, effort)?) {
        hashes[i] = written.hash;
        parts.push(written.coded);
    }
    Ok((parts, hash_of(&hashes)))
}

/// Number of model rows, coded latents as a section, then per model column the values that are not finite, or, within a bound,
/// what its reconstruction leaves. Also what a reader will have.
fn latents(
    block: &Dataset,
    by_model: &[usize],
    columns: &[ColumnMeta],
    neural: &dyn NeuralBackend,
) -> Result<(Coded, Vec<Values>)> {
    let mut finite = block.clone();
    let mut special = Vec::new();
    for i in by_model {
        let column = &block.columns[*i];
        let at: Vec<usize> = (0..column.values.len()).filter(|k| !column.values.get_f64(*k).is_finite()).collect();
        let zeros = Values::from_f64(column.values.dtype(), std::iter::repeat_n(0.0, at.len()))?;
        values::scatter(&mut finite.columns[*i].values, &at, &zeros)?;
        special.push(at);
    }
    let latents = neural.encode(&neural.rows(&finite)?)?;
    let formats = neural.latent_formats();
    let fits = latents.ncols() == formats.len()
        && latents.rows().into_iter().all(|row| row.iter().zip(&formats).all(|(v, f)| f.contains(*v)));
    if !fits {
        return Err(Error::new(Code::ModelMismatch, "the encoder gave latents that do not fit their formats")
            .hint("model and encoder do not belong together"));
    }
    let lanes: Vec<Vec<i64>> = latents.columns().into_iter().map(|lane| lane.to_vec()).collect();
    let mut bytes = Vec::new();
    put_varint(&mut bytes, latents.nrows() as u64);
    put_section(&mut bytes, &encode_ints(&lanes));
    let mut back = reconstruct(&latents, block.rows, columns, neural)?;
    let mut count = 0;
    for (((i, meta), at), back) in by_model.iter().zip(columns).zip(&special).zip(&mut back) {
        let column = &block.columns[*i];
        let bound = meta.tolerance().bound();
        if bound > 0.0 {
            let line = column.shape.last().copied().unwrap_or(1);
            let (left, exact, values) = residual::encode(&column.values, back, bound, column.width(), line)?;
            put_section(&mut bytes, &left);
            (count, *back) = (count + exact, values);
        } else {
            exceptions::put(&mut bytes, &column.values, at)?;
            scattered(back, &column.values, at)?;
            count += at.len();
        }
    }
    let form = format!("{} latents", formats.len());
    Ok((Coded { bytes, exceptions: count, restored: None, form }, back))
}

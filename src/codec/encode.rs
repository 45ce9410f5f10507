//! Data set → container.

use std::path::Path;

use rayon::prelude::*;

use super::column::Coded;
use super::decode::{hash_of, restore};
use super::frame::{self, Entry, FRAME_BYTES};
use super::meta::{ColumnMeta, MOST_BITS, Meta, Mode, ModelMeta};
use super::neural::NeuralBackend;
use super::table::{self, Formula, Item};
use super::{exceptions, values};
use crate::data::{Column, Dataset, RowSource, Values};
use crate::entropy::bytes::{put_section, put_varint};
use crate::entropy::encode_ints;
use crate::error::{Code, Error, Result};
use crate::model::whole::WholeFile;
use crate::relation::{self, Expression};

/// Raw bytes in a block, about, and most rows, unless the options name its rows: of latents, of arrays, and of a table of
/// single numbers. What is learned of values is learned anew in each block.
const LATENT_BLOCK: (usize, usize) = (1 << 21, 8192);
const ARRAY_BLOCK: (usize, usize) = (1 << 23, 1 << 20);
const TABLE_BLOCK: (usize, usize) = (1 << 25, 1 << 18);

/// How far a value may move.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// In the unit of the column.
    Abs(f64),
    /// As a fraction of the column's range (largest minus smallest finite value of the whole column).
    Range(f64),
    /// As a fraction of each value; integers are kept exactly.
    Relative(f64),
    /// Floats keep so many bits of their mantissa, 1 to 52; integers are kept exactly.
    Bits(u32),
}

impl std::str::FromStr for Bound {
    type Err = Error;

    /// `abs:0.1`, `range:1e-3`, `rel:1e-3`, `bits:10` or `exact`.
    fn from_str(text: &str) -> Result<Self> {
        let wrong = || {
            Error::new(Code::Usage, format!("`{text}` is not a bound")).hint(
                "use abs:0.1, rel:1e-3 of each value, range:1e-3 of the column's range, bits:10 of the mantissa, or exact",
            )
        };
        if text == "exact" {
            return Ok(Bound::Abs(0.0));
        }
        let (kind, value) = text.split_once(':').ok_or_else(wrong)?;
        if kind == "bits" {
            return value.parse().map(Bound::Bits).map_err(|_| wrong());
        }
        let value: f64 = value.parse().map_err(|_| wrong())?;
        if !(value.is_finite() && value > 0.0) {
            return Err(wrong().cause("a bound is a positive number"));
        }
        match kind {
            "abs" => Ok(Bound::Abs(value)),
            "range" => Ok(Bound::Range(value)),
            "rel" => Ok(Bound::Relative(value)),
            _ => Err(wrong()),
        }
    }
}

/// How much time may be spent for fewer bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Effort {
    /// By pcodec: each column alone.
    Fast,
    /// By learned distributions that look at other columns.
    #[default]
    Default,
    /// By more of them.
    Max,
}

/// What to write.
#[derive(Clone, Debug, PartialEq)]
pub struct CompressOptions {
    /// How the columns are kept.
    pub mode: Mode,
    /// For every column in bounded mode but those passed through, which stay exact: an index has no tolerance.
    pub bound: Option<Bound>,
    /// For single columns, by name, in place of `bound`.
    pub column_bounds: Vec<(String, Bound)>,
    /// Formulas that predict a column from others: name of the column, formula. Sums and copies are found without.
    pub relations: Vec<(String, String)>,
    /// Rows in a block, at least 1; as many as make about 8 MiB if absent; of a table of single numbers 32 MiB, at most
    /// 262,144 rows, in neural mode 2 MiB and 8192. Each block can be read without the others.
    pub block_rows: Option<usize>,
    /// How much time may be spent.
    pub effort: Effort,
}

impl CompressOptions {
    /// Options of a mode, with no bound and blocks of the default size.
    pub fn new(mode: Mode) -> Self {
        CompressOptions {
            mode,
            bound: None,
            column_bounds: Vec::new(),
            relations: Vec::new(),
            block_rows: None,
            effort: Effort::Default,
        }
    }
}

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
    let total_rows = data.rows();
    let meta = plan(data, options, neural)?;
    let block_rows = meta.block_rows as usize;
    let model = neural.map(|n| n.model_bytes()).unwrap_or_default();
    let front = frame::front(&meta, &model)?;
    let mut file = WholeFile::create(out)?;
    file.write(&front)?;

    let formulas = meta.formulas()?;
    let starts: Vec<usize> = (0..total_rows).step_by(block_rows).collect();
    let mut entries: Vec<Entry> = Vec::with_capacity(starts.len());
    let mut columns = sizes(&data.head(), total_rows, &meta)?;
    // A few blocks at a time: done in parallel, written in order.
    for group in starts.chunks(rayon::current_num_threads().max(1)) {
        let parts: Vec<(Vec<Coded>, u64)> = group
            .par_iter()
            .map(|start| {
                let rows = *start..(start + block_rows).min(total_rows);
                encode_block(&data.read(rows)?, &meta, &formulas, neural, options.effort)
            })
            .collect::<Result<_>>()?;
        for (start, (parts, hash)) in group.iter().zip(parts) {
            let mut payload = Vec::new();
            for (part, size) in parts.iter().zip(&mut columns) {
                put_section(&mut payload, &part.bytes);
                size.bytes += part.bytes.len() as u64;
                size.exceptions += part.exceptions as u64;
            }
            payload.extend(hash.to_le_bytes());
            let rows = (total_rows - start).min(block_rows) as u32;
            let number = u32::try_from(entries.len())
                .map_err(|_| Error::new(Code::Unsupported, "more than 2^32 blocks").hint("use more rows a block"))?;
            let head = frame::frame(number, *start as u64, rows, &payload)?;
            entries.push(Entry { offset: file.length, first_row: *start as u64, rows, length: payload.len() as u32 });
            file.write(&head)?;
            file.write(&payload)?;
        }
    }
    let back = frame::back(&entries, file.length);
    file.write(&back)?;
    let total_bytes = file.length as u64;
    file.finish()?;

    let raw_bytes = data.raw_bytes();
    let model_bytes = model.len() as u64;
    Ok(CompressReport {
        rows: total_rows as u64,
        blocks: entries.len(),
        raw_bytes,
        payload_bytes: entries.iter().map(|e| u64::from(e.length)).sum(),
        model_bytes,
        header_bytes: front.len() as u64 - model_bytes,
        frame_bytes: (entries.len() * FRAME_BYTES) as u64,
        index_bytes: back.len() as u64,
        total_bytes,
        ratio: raw_bytes as f64 / total_bytes as f64,
        ratio_without_model: raw_bytes as f64 / (total_bytes - model_bytes) as f64,
        columns,
    })
}

/// The header, with everything about the request checked.
fn plan(source: &dyn RowSource, options: &CompressOptions, neural: Option<&dyn NeuralBackend>) -> Result<Meta> {
    let data = source.head();
    let usage = |what: &str, hint: &str| Err(Error::new(Code::Usage, what).hint(hint));
    match (options.mode, neural.is_some()) {
        (Mode::Neural, false) => return usage("neural mode needs a model", "name a quantized model"),
        (Mode::Bounded | Mode::Lossless, true) => return usage("this mode takes no model", "use neural mode"),
        _ => {}
    }
    let bounded = options.mode == Mode::Bounded;
    if !bounded && (options.bound.is_some() || !options.column_bounds.is_empty()) {
        return usage("only bounded mode takes a bound", "use bounded mode, or leave the bound away");
    }
    let row_bytes: usize = data.columns.iter().map(|c| c.width() * c.values.item_size()).sum();
    let (bytes, most_rows) = match neural {
        Some(_) => LATENT_BLOCK,
        None if data.columns.iter().all(|c| c.width() == 1) => TABLE_BLOCK,
        None => ARRAY_BLOCK,
    };
    let by_size = (bytes / row_bytes.max(1)).clamp(1, most_rows);
    let block_rows = u32::try_from(options.block_rows.unwrap_or(by_size)).ok().filter(|n| *n > 0);
    let Some(block_rows) = block_rows else {
        return usage("a block has 1 to 2^32 - 1 rows", "use some thousand");
    };
    for (name, _) in &options.column_bounds {
        data.column(name)?;
    }
    let mut columns: Vec<ColumnMeta> = data.columns.iter().map(ColumnMeta::of).collect();
    if bounded {
        let bounds = (data.columns.iter())
            .map(|c| {
                let own = options.column_bounds.iter().find(|(name, _)| *name == c.name).map(|(_, b)| *b);
                let passed = data.source.pass_through.contains(&c.name).then_some(Bound::Abs(0.0));
                checked(own.or(passed).or(options.bound), &c.name)
            })
            .collect::<Result<Vec<Bound>>>()?;
        let relative = bounds.iter().any(|b| matches!(b, Bound::Range(_)));
        let ranges = if relative { ranges(source, block_rows as usize)? } else { vec![0.0; bounds.len()] };
        for ((meta, bound), range) in columns.iter_mut().zip(bounds).zip(ranges) {
            match bound {
                Bound::Abs(b) => meta.bound = Some(b),
                // A column without finite values, or a range beyond f64, has no scale: keep it exactly.
                Bound::Range(fraction) => {
                    let bound = Some(fraction * range).filter(|b| b.is_finite() && *b > 0.0);
                    meta.bound = Some(bound.map_or(0.0, four_digits));
                }
                Bound::Relative(_) | Bound::Bits(_) if !meta.dtype.starts_with("float") => meta.bound = Some(0.0),
                Bound::Relative(part) => meta.relative = Some(part),
                Bound::Bits(bits) => meta.bits = Some(bits),
            }
        }
    }
    relate(source, options, &mut columns)?;
    let mut model = None;
    if let Some(neural) = neural {
        let names = neural.columns();
        for name in &names {
            data.column(name)?;
        }
        model = Some(ModelMeta { columns: names, latents: neural.latent_formats().len() });
    }
    let meta = Meta {
        mode: options.mode,
        layout: data.layout.clone(),
        source: data.source.clone(),
        rows: source.rows() as u64,
        block_rows,
        columns,
        model,
        writer: concat!("sluice ", env!("CARGO_PKG_VERSION")).to_owned(),
    };
    meta.check().map_err(|e| {
        Error::new(Code::Unsupported, "these data do not fit a container")
            .cause(e.what())
            .hint("use fewer rows a block")
    })?;
    Ok(meta)
}

/// Rows in which sums are looked for.
const SAMPLE: usize = 8192;

/// Gives columns their formulas: those asked for, and sums that are found.
fn relate(source: &dyn RowSource, options: &CompressOptions, columns: &mut [ColumnMeta]) -> Result<()> {
    let sample = source.read(0..source.rows().min(SAMPLE))?;
    let numbers = |c: &Column| (0..c.values.len()).map(|i| c.values.get_f64(i)).collect();
    let scalars: Vec<(String, Vec<f64>)> =
        sample.columns.iter().filter(|c| c.width() == 1).map(|c| (c.name.clone(), numbers(c))).collect();
    for ((name, _), sum) in scalars.iter().zip(relation::sums(&scalars)) {
        let column = columns.iter_mut().find(|c| c.name == *name).expect("the sample has the same columns");
        column.formula = sum.map(|s| s.to_string());
    }
    for (name, formula) in &options.relations {
        let expression: Expression = formula.parse()?;
        for used in expression.columns().iter().chain([name]) {
            if sample.column(used)?.width() != 1 {
                return Err(Error::new(
                    Code::DataShape,
                    format!("column `{used}` of a formula is not one number a row"),
                )
                .hint("formulas relate columns of single numbers"));
            }
        }
        if expression.columns().contains(name) {
            return Err(Error::new(Code::Recipe, format!("the formula of `{name}` needs `{name}` itself")));
        }
        let column = columns.iter_mut().find(|c| c.name == *name).expect("it is among the sample's");
        column.formula = Some(expression.to_string());
    }
    Ok(())
}

/// The bound of column `name`, if it is one.
fn checked(bound: Option<Bound>, name: &str) -> Result<Bound> {
    let Some(bound) = bound else {
        return Err(Error::new(Code::Bound, format!("column `{name}` has no bound"))
            .hint("give one for all columns, or use lossless mode"));
    };
    let wrong = |what: String, hint: &str| Err(Error::new(Code::Bound, format!("column `{name}`: {what}")).hint(hint));
    match bound {
        Bound::Abs(number) | Bound::Range(number) if !number.is_finite() || number < 0.0 => {
            wrong(format!("{number} is not a bound"), "a bound is 0 or a positive number")
        }
        Bound::Relative(part) if !(0.0..1.0).contains(&part) => {
            wrong(format!("{part} is no part of a value"), "it is at least 0 and below 1")
        }
        Bound::Bits(bits) if !(1..=MOST_BITS).contains(&bits) => {
            wrong(format!("a mantissa has no {bits} bits"), "1 to 52, of which float32 has 23")
        }
        _ => Ok(bound),
    }
}

/// A bound rounded down to four digits: shorter in the header, and hardly tighter.
fn four_digits(bound: f64) -> f64 {
    let short = |digits: u64, exponent: i32| format!("{digits}e{exponent}").parse::<f64>().unwrap_or(bound);
    let exponent = bound.log10().floor() as i32 - 3;
    let digits = (bound / short(1, exponent)).floor() as u64;
    // Near a power of ten, and among the subnormals, the logarithm may be off by one.
    Some(short(digits, exponent)).filter(|b| *b <= bound && *b > 0.999 * bound).unwrap_or(bound)
}

/// Largest minus smallest finite value of every column.
fn ranges(source: &dyn RowSource, block_rows: usize) -> Result<Vec<f64>> {
    let mut ends = vec![(f64::INFINITY, f64::NEG_INFINITY); source.head().columns.len()];
    for start in (0..source.rows()).step_by(block_rows) {
        let block = source.read(start..(start + block_rows).min(source.rows()))?;
        for (ends, column) in ends.iter_mut().zip(&block.columns) {
            let finite = (0..column.values.len()).map(|i| column.values.get_f64(i)).filter(|x| x.is_finite());
            *ends = finite.fold(*ends, |(low, high), x| (low.min(x), high.max(x)));
        }
    }
    Ok(ends.into_iter().map(|(low, high)| high - low).collect())
}

/// One entry a section of a block, without bytes yet.
fn sizes(head: &Dataset, rows: usize, meta: &Meta) -> Result<Vec<ColumnSize>> {
    let raw = |c: &Column| (rows * c.width() * c.values.item_size()) as u64;
    let size = |name: &str, raw_bytes| ColumnSize { name: name.to_owned(), raw_bytes, bytes: 0, exceptions: 0 };
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
        let coded = latents(block, &by_model, neural)?;
        let columns: Vec<ColumnMeta> = by_model.iter().map(|i| meta.columns[*i].clone()).collect();
        let back = restore(&coded.bytes, block.rows, &columns, neural)?;
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

/// Number of model rows, coded latents as a section, then per model column the values that are not finite.
fn latents(block: &Dataset, by_model: &[usize], neural: &dyn NeuralBackend) -> Result<Coded> {
    let mut finite = block.clone();
    let mut special = Vec::new();
    let mut count = 0;
    for i in by_model {
        let column = &block.columns[*i];
        let at: Vec<usize> = (0..column.values.len()).filter(|k| !column.values.get_f64(*k).is_finite()).collect();
        let zeros = Values::from_f64(column.values.dtype(), std::iter::repeat_n(0.0, at.len()))?;
        values::scatter(&mut finite.columns[*i].values, &at, &zeros)?;
        exceptions::put(&mut special, &column.values, &at)?;
        count += at.len();
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
    bytes.extend(special);
    Ok(Coded { bytes, exceptions: count, restored: None })
}

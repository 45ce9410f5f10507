//! The header of a container before its blocks: everything about a request checked, bounds and formulas settled.

use super::meta::{ColumnMeta, Meta, Mode, ModelMeta};
use super::neural::NeuralBackend;
use super::options::{Bound, CompressOptions, Effort, checked};
use crate::data::{Column, RowSource};
use crate::error::{Code, Error, Result};
use crate::relation::{self, Expression};

/// Raw bytes in a block, about, and most rows, unless the options name its rows: of latents, of arrays, and of a table of
/// single numbers. What is learned of values is learned anew in each block.
const LATENT_BLOCK: (usize, usize) = (1 << 21, 8192);
const ARRAY_BLOCK: (usize, usize) = (1 << 23, 1 << 20);
const TABLE_BLOCK: (usize, usize) = (1 << 25, 1 << 18);

/// The header, with everything about the request checked.
pub(super) fn plan(
    source: &dyn RowSource,
    options: &CompressOptions,
    neural: Option<&dyn NeuralBackend>,
) -> Result<Meta> {
    let data = source.head();
    let usage = |what: &str, hint: &str| Err(Error::new(Code::Usage, what).hint(hint));
    match (options.mode, neural.is_some()) {
        (Mode::Neural, false) => return usage("neural mode needs a model", "name a quantized model"),
        (Mode::Bounded | Mode::Lossless, true) => return usage("this mode takes no model", "use neural mode"),
        _ => {}
    }
    let given = options.bound.is_some() || !options.column_bounds.is_empty();
    let bounded = options.mode == Mode::Bounded || (options.mode == Mode::Neural && given);
    if !bounded && given {
        return usage("lossless mode takes no bound", "use bounded mode, or leave the bound away");
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
    let sent = neural.map(|n| data.called(n.columns()));
    let mut columns: Vec<ColumnMeta> = data.columns.iter().map(ColumnMeta::of).collect();
    if bounded {
        let bounds = (data.columns.iter())
            .map(|c| {
                let own = options.column_bounds.iter().find(|(name, _)| *name == c.name).map(|(_, b)| *b);
                // Beside a model's columns all are exact.
                let exact =
                    sent.as_ref().map_or(data.source.pass_through.contains(&c.name), |sent| !sent.contains(&c.name));
                let passed = exact.then_some(Bound::Abs(0.0));
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
    if options.effort != Effort::Fast {
        relate(source, options, &mut columns)?;
    }
    let mut model = None;
    if let (Some(neural), Some(names)) = (neural, sent) {
        for name in &names {
            data.column(name)?;
        }
        model = Some(ModelMeta { columns: names, latents: neural.latent_formats().len() });
    }
    if neural.is_some() && columns.iter().any(|c| c.relative.is_some() || c.bits.is_some()) {
        return usage("what a model leaves is kept within abs: or range:", "for parts of values use bounded mode");
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
            let (low, high) = column.values.extent();
            *ends = (ends.0.min(low), ends.1.max(high));
        }
    }
    Ok(ends.into_iter().map(|(low, high)| high - low).collect())
}

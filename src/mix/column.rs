//! One column of integers, given columns that are known.

use super::binary::{Decisions, Reader as DecisionReader, Writer};
use super::bins::{Bins, Coarse};
use super::choose::{Contexts, SHAPES, SOURCES, Source};
use super::symbols::Symbols;
use super::tree::Tree;
use super::with_vectors;
use crate::entropy::bytes::{Reader, malformed, put_varint};
use crate::error::Result;

/// Most counters of a context: what a file may make a reader reserve.
const MOST_COUNTERS: usize = 1 << 22;

/// The bytes of a column: its tree, what its contexts look at, its decisions.
///
/// * `tree`: of `values`
/// * `known`: the bins of the columns that contexts look at, of as many rows
pub fn encode(values: &[i64], tree: &Tree, contexts: &Contexts, known: &[Option<&Bins>]) -> Vec<u8> {
    let mut out = Vec::new();
    tree.write(&mut out);
    write_contexts(&mut out, contexts);
    let mut model = Model::new(tree, contexts, values.len(), known).expect("they were chosen among these columns");
    let mut writer = Writer::default();
    with_vectors(
        #[inline(always)]
        || {
            for (row, value) in values.iter().enumerate() {
                model.code(&mut writer, row, *value);
            }
        },
    );
    out.extend(writer.finish());
    out
}

/// The columns that the contexts of a column look at.
///
/// # Errors
/// As [`decode`].
pub fn looks_at(bytes: &[u8]) -> Result<Vec<usize>> {
    let mut reader = Reader::new(bytes);
    Tree::read(&mut reader)?;
    let column = |source: Source| match source {
        Source::Own => None,
        Source::Column(k) | Source::Before(k) => Some(k),
    };
    Ok(read_contexts(&mut reader)?.sources.into_iter().filter_map(column).collect())
}

/// Reads `rows` values, and the bins they make.
///
/// # Errors
/// [`ContainerDamaged`](crate::Code::ContainerDamaged) if the bytes are not those of [`encode`], or look at a column that is
/// not known.
pub fn decode(bytes: &[u8], rows: usize, known: &[Option<&Bins>]) -> Result<(Vec<i64>, Bins)> {
    let mut reader = Reader::new(bytes);
    let tree = Tree::read(&mut reader)?;
    let contexts = read_contexts(&mut reader)?;
    let mut model = Model::new(&tree, &contexts, rows, known)?;
    let mut decisions = DecisionReader::new(reader.rest());
    // Not reserved: a file may announce more rows than it has.
    let (mut values, mut leaves) = (Vec::new(), Vec::new());
    with_vectors(
        #[inline(always)]
        || {
            for row in 0..rows {
                values.push(model.code(&mut decisions, row, 0));
                leaves.push(model.symbols.last as u8);
            }
        },
    );
    if !decisions.ended() {
        return Err(malformed("decisions of a column are left over"));
    }
    Ok((values, Bins::new(&tree, leaves)))
}

fn write_contexts(out: &mut Vec<u8>, contexts: &Contexts) {
    out.push(contexts.count as u8);
    out.push(contexts.sources.len() as u8);
    for source in &contexts.sources {
        let number = match source {
            Source::Own => 0,
            Source::Column(k) => 1 + 2 * *k as u64,
            Source::Before(k) => 2 + 2 * *k as u64,
        };
        put_varint(out, number);
    }
}

fn read_contexts(reader: &mut Reader) -> Result<Contexts> {
    let (count, sources) = (usize::from(reader.byte()?), usize::from(reader.byte()?));
    if count > 1 + SHAPES.len() || sources > SOURCES {
        return Err(malformed(format!("{count} contexts of {sources} sources")));
    }
    let source = |number: usize| match number {
        0 => Source::Own,
        n if n % 2 == 1 => Source::Column(n / 2),
        n => Source::Before(n / 2 - 1),
    };
    let sources = (0..sources).map(|_| Ok(source(reader.count()?))).collect::<Result<_>>()?;
    Ok(Contexts { sources, count })
}

/// What a context looks at.
struct View<'a> {
    /// The bins of another column, and whether it is looked at in the row before.
    other: Option<(&'a [u8], bool)>,
    coarse: Coarse,
}

/// The decisions of a column.
struct Model<'a> {
    contexts: Vec<Vec<View<'a>>>,
    symbols: Symbols<'a>,
}

impl<'a> Model<'a> {
    fn new(tree: &'a Tree, contexts: &Contexts, rows: usize, known: &[Option<&'a Bins>]) -> Result<Self> {
        let own = Bins::new(tree, Vec::new());
        let view = |(source, bins): &(Source, u8)| -> Result<View<'a>> {
            let (other, back) = match source {
                Source::Own => return Ok(View { other: None, coarse: own.coarse(usize::from(*bins).max(1)) }),
                Source::Column(k) => (k, false),
                Source::Before(k) => (k, true),
            };
            let other = known.get(*other).copied().flatten();
            let other = other.ok_or_else(|| malformed("a context looks at a column that is not known"))?;
            Ok(View { other: Some((other.rows(), back)), coarse: other.coarse(usize::from(*bins).max(1)) })
        };
        let contexts: Vec<Vec<View>> =
            contexts.each(rows).iter().map(|c| c.iter().map(view).collect::<Result<_>>()).collect::<Result<_>>()?;
        let states: Vec<usize> = contexts.iter().map(|c| c.iter().map(|v| v.coarse.count).product()).collect();
        if states.iter().any(|n| n.saturating_mul(tree.nodes.len()) > MOST_COUNTERS) {
            return Err(malformed("a context of too many states"));
        }
        Ok(Model { contexts, symbols: Symbols::new(tree, &states, rows) })
    }

    /// Codes the value of a row: every row once, in order.
    #[inline(always)]
    fn code(&mut self, coder: &mut impl Decisions, row: usize, value: i64) -> i64 {
        for (k, views) in self.contexts.iter().enumerate() {
            let state = views.iter().fold(0, |state, view| {
                let bin = match view.other {
                    None => self.symbols.last,
                    Some((bins, false)) => usize::from(bins[row]),
                    Some((bins, true)) => row.checked_sub(1).map_or(0, |r| usize::from(bins[r])),
                };
                state * view.coarse.count + usize::from(view.coarse.of_bin[bin])
            });
            self.symbols.mixer.enter(k, state);
        }
        self.symbols.code(coder, value)
    }
}

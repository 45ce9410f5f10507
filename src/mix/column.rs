//! One column of integers, given columns that are known.

use super::Mixing;
use super::binary::{Decisions, Reader as DecisionReader, Writer};
use super::bins::Bins;
use super::choose::{Context, Contexts, SHAPES, SOURCES, Source};
use super::lanes::{Lanes, with_lanes};
use super::mixer::most_contexts;
use super::symbols::Symbols;
use super::tree::Tree;
use crate::entropy::bytes::{Reader, malformed, put_varint};
use crate::error::Result;

/// Most counters of a context: what a file may make a reader reserve.
const MOST_COUNTERS: usize = 1 << 22;

/// How many nodes are mixed if few are: of a tree of wide leaves, which has many decisions, and of others. The others are
/// told by the first of the contexts.
const MIXED_OF_WIDE: u8 = 15;
const MIXED: u8 = 31;

/// The bytes of a column: its tree, what its contexts look at, its decisions.
///
/// * `tree`: of `values`
/// * `known`: the bins of the columns that contexts look at, of as many rows
pub fn encode(values: &[i64], tree: &Tree, contexts: &Contexts, known: &[Option<&Bins>], mixing: Mixing) -> Vec<u8> {
    let mut out = Vec::new();
    tree.write(&mut out);
    write_contexts(&mut out, contexts);
    let mixed = mixing.nodes(if tree.is_wide() { MIXED_OF_WIDE } else { MIXED });
    out.push(mixed);
    let mut writer = Writer::default();
    let rows = values.len();
    run(&mut writer, tree, contexts, known, mixed, rows, Some(values)).expect("they were chosen among these columns");
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
    let mixed = reader.byte()?;
    let mut decisions = DecisionReader::new(reader.rest());
    let (values, leaves) = run(&mut decisions, &tree, &contexts, known, mixed, rows, None)?;
    if !decisions.ended() {
        return Err(malformed("decisions of a column are left over"));
    }
    Ok((values, Bins::new(&tree, leaves)))
}

/// Writes or reads a column: its values, and the leaves that they are in.
fn run(
    coder: &mut impl Decisions,
    tree: &Tree,
    contexts: &Contexts,
    known: &[Option<&Bins>],
    mixed: u8,
    rows: usize,
    source: Option<&[i64]>,
) -> Result<(Vec<i64>, Vec<u8>)> {
    let views = &views(tree, contexts, rows, known)?;
    Ok(if views.len() <= most_contexts(1) {
        with_lanes!(lanes => Model::<_, 1>::new(lanes, tree, views, mixed, rows).run(coder, rows, source))
    } else {
        with_lanes!(lanes => Model::<_, 2>::new(lanes, tree, views, mixed, rows).run(coder, rows, source))
    })
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
    if count > SHAPES.len() || sources > SOURCES {
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

/// What a context looks at: digits of its state.
#[derive(Default)]
struct Views<'a> {
    /// Bins of other columns, whether those of the row before are looked at, and what each bin adds to the state.
    others: Vec<(&'a [u8], bool, Digit)>,
    /// What the bin of the column itself in the row before adds.
    own: Option<Digit>,
    /// States in all.
    states: usize,
}

/// What each bin adds to a state.
type Digit = Box<[u32; 256]>;

/// What each context of a column looks at.
fn views<'a>(tree: &Tree, contexts: &Contexts, rows: usize, known: &[Option<&'a Bins>]) -> Result<Vec<Views<'a>>> {
    let own = Bins::new(tree, Vec::new());
    let one = |context: &Context| -> Result<Views<'a>> {
        let mut views = Views { states: 1, ..Views::default() };
        for (source, most) in context {
            let (other, back) = match source {
                Source::Own => (None, true),
                Source::Column(k) => (Some(k), false),
                Source::Before(k) => (Some(k), true),
            };
            let other = other.map(|k| known.get(*k).copied().flatten());
            if other.is_some_and(|o| o.is_none_or(|bins| bins.rows().len() < rows)) {
                return Err(malformed("a context looks at a column that is not known"));
            }
            let other = other.flatten();
            let coarse = other.unwrap_or(&own).coarse(usize::from(*most).max(1));
            let mut digit: Digit = Box::new([0; 256]);
            for (adds, bin) in digit.iter_mut().zip(&coarse.of_bin) {
                *adds = u32::from(*bin) * views.states as u32;
            }
            views.states = views.states.saturating_mul(coarse.count);
            if views.states.saturating_mul(tree.nodes.len()) > MOST_COUNTERS {
                return Err(malformed("a context of too many states"));
            }
            match other {
                Some(bins) => views.others.push((bins.rows(), back, digit)),
                None => views.own = Some(digit),
            }
        }
        Ok(views)
    };
    contexts.each(rows).iter().map(one).collect()
}

/// Rows whose states are told at once, as far as other columns tell them.
const AHEAD: usize = 1024;

/// The decisions of a column.
struct Model<'a, L, const V: usize> {
    views: &'a [Views<'a>],
    symbols: Symbols<'a, L, V>,
}

impl<'a, L: Lanes, const V: usize> Model<'a, L, V> {
    fn new(lanes: L, tree: &'a Tree, views: &'a [Views<'a>], mixed: u8, rows: usize) -> Self {
        let states: Vec<usize> = views.iter().map(|v| v.states).collect();
        Model { views, symbols: Symbols::new(lanes, tree, &states, rows, (mixed, 0)) }
    }

    #[inline(always)]
    fn run(mut self, coder: &mut impl Decisions, rows: usize, source: Option<&[i64]>) -> (Vec<i64>, Vec<u8>) {
        // Not reserved: a file may announce more rows than it has.
        let (mut values, mut leaves) = (Vec::new(), Vec::new());
        let mut states = vec![[0; AHEAD]; self.views.len()];
        for row in 0..rows {
            if row % AHEAD == 0 {
                states.iter_mut().zip(self.views).for_each(|(states, views)| views.tell(states, row, rows));
            }
            for (k, views) in self.views.iter().enumerate() {
                let own = views.own.as_ref().map_or(0, |digit| digit[self.symbols.last]);
                self.symbols.mixer.enter(k, (states[k][row % AHEAD] + own) as usize);
            }
            values.push(self.symbols.code(coder, source.map_or(0, |s| s[row])));
            leaves.push(self.symbols.last as u8);
        }
        (values, leaves)
    }
}

impl Views<'_> {
    /// The states of rows from `first` on, less what the column itself adds.
    fn tell(&self, states: &mut [u32; AHEAD], first: usize, rows: usize) {
        states.fill(0);
        for (bins, back, digit) in &self.others {
            let back = usize::from(*back);
            // Before the first row is what is in the first bin.
            let skip = usize::from(first < back);
            let bins = &bins[first + skip - back..rows - back];
            for (state, bin) in states[skip..].iter_mut().zip(bins) {
                *state += digit[usize::from(*bin)];
            }
        }
    }
}

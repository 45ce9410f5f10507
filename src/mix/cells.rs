//! Arrays whose elements are coded as they are: channels of a detector, pixels.
//!
//! Contexts are the place in the row, the elements before it, the element above it (of the line before, or of the row
//! before), how large the row is so far, and what followed the last time that the same elements came.

use super::ALL;
use super::binary::{Decisions, Reader as DecisionReader, Writer};
use super::lanes::{Lanes, with_lanes};
use super::mixer::STRENGTHS;
use super::symbols::Symbols;
use super::tree::{MOST_LEAVES, Tree, leaves_for};
use crate::entropy::bytes::{Reader, malformed, put_varint};
use crate::error::Result;

/// Places in a row that are told apart.
const PLACES: usize = 256;
/// Elements that have to come again before what followed them is expected.
const RECALLED: usize = 4;
/// Places of the table of what came, as a power of two.
const TABLE_LOG2: u32 = 16;

/// The bytes of values.
///
/// * `width`: values in a row
/// * `line`: values in a line, of which rows have several; the width if they have one
pub fn encode(values: &[i64], width: usize, line: usize) -> Vec<u8> {
    let tree = Tree::at_most(values, 2 * leaves_for(values.len()));
    let mut out = Vec::new();
    put_varint(&mut out, line as u64);
    tree.write(&mut out);
    let mut writer = Writer::default();
    with_lanes!(lanes => run(lanes, &mut writer, &tree, width, line, values.len(), Some(values)));
    out.extend(writer.finish());
    out
}

/// Reads `count` values.
///
/// # Errors
/// [`ContainerDamaged`](crate::Code::ContainerDamaged).
pub fn decode(bytes: &[u8], width: usize, count: usize) -> Result<Vec<i64>> {
    let mut reader = Reader::new(bytes);
    let line = reader.count()?;
    if width == 0 || line == 0 || line > width {
        return Err(malformed(format!("lines of {line} values in rows of {width}")));
    }
    let tree = Tree::read(&mut reader)?;
    let mut decisions = DecisionReader::new(reader.rest());
    let values = with_lanes!(lanes => run(lanes, &mut decisions, &tree, width, line, count, None));
    if !decisions.ended() {
        return Err(malformed("decisions of an array are left over"));
    }
    Ok(values)
}

/// What followed the elements that came last, the last time that they came.
struct Recall {
    /// Hash of some elements → behind the last of them.
    table: Vec<usize>,
    /// Where the copy of what comes now lies, and how long it has been right.
    at: usize,
    length: usize,
}

impl Recall {
    fn new() -> Self {
        Recall { table: vec![0; 1 << TABLE_LOG2], at: 0, length: 0 }
    }

    /// The leaf that is expected, and how strongly.
    fn expected(&self, leaves: &[u8]) -> Option<(usize, usize)> {
        (self.length > 0).then(|| (usize::from(leaves[self.at]), self.length.min(STRENGTHS - 1)))
    }

    /// Learns the newest of the leaves.
    ///
    /// * `column`: its place in the row, so that rows are recalled that are alike from there on
    fn learn(&mut self, leaves: &[u8], column: usize) {
        let newest = leaves[leaves.len() - 1];
        if self.length > 0 && leaves[self.at] == newest {
            self.length += 1;
            self.at += 1;
        } else {
            self.length = 0;
        }
        let Some(last) = leaves.last_chunk::<RECALLED>() else { return };
        let mix = |hash: u32, leaf: &u8| (hash ^ u32::from(*leaf)).wrapping_mul(0x9e37_79b1).rotate_left(9);
        let hash = last.iter().fold(column as u32, mix) >> (32 - TABLE_LOG2);
        let entry = &mut self.table[hash as usize];
        if self.length == 0 && *entry > 0 && leaves[*entry - RECALLED..*entry] == last[..] {
            (self.at, self.length) = (*entry, 1);
        }
        *entry = leaves.len();
    }
}

/// Writes or reads the values.
#[inline(always)]
fn run(
    lanes: impl Lanes,
    coder: &mut impl Decisions,
    tree: &Tree,
    width: usize,
    line: usize,
    count: usize,
    source: Option<&[i64]>,
) -> Vec<i64> {
    let all = MOST_LEAVES + 1;
    let places = width.min(PLACES);
    let states = [places, all * STRENGTHS, all * 16, 32 * 8, places * 16, all * 16];
    let mut symbols = Symbols::<_, 1>::new(lanes, tree, &states, count, (ALL, 0));
    let step = tree.leaves.len().div_ceil(16).max(1);
    let mut recall = Recall::new();
    let mut values = Vec::new();
    let mut leaves: Vec<u8> = Vec::new();
    let mut sum = 0;
    for i in 0..count {
        let column = i % width;
        if column == 0 {
            sum = 0;
        }
        let back = |n: usize| i.checked_sub(n).map_or(0, |at| usize::from(leaves[at]));
        let place = column * places / width;
        // The lines of a row lie below each other, and rows that are one line.
        let above = if column >= line { back(line) } else { back(width) };
        let expected = recall.expected(&leaves);
        let (leaf, strength) = expected.unwrap_or((0, 0));
        let mean = if column == 0 { 0 } else { (sum / column * 32 / tree.leaves.len()).min(31) };
        let left = back(1) / step;
        let states = [
            place,
            leaf * STRENGTHS + strength,
            above * 16 + left,
            mean * 8 + column * 8 / width,
            place * 16 + left,
            back(1) * 16 + back(2) / step,
        ];
        states.iter().enumerate().for_each(|(k, state)| symbols.mixer.enter(k, *state));
        values.push(symbols.code_expecting(coder, source.map_or(0, |s| s[i]), expected));
        leaves.push(symbols.last as u8);
        sum += symbols.last;
        recall.learn(&leaves, column);
    }
    values
}

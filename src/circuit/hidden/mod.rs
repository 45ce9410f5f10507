//! The hidden Chow-Liu tree: a latent of some states for each column, the latents joined as the columns of a Chow-Liu tree
//! are (Liu, Mandt and Van den Broeck, arXiv 2111.11632).
//!
//! ```text
//! z1 ──► z2 ──► z3      p(x) = Σ_z  p(z1) p(x1|z1)  p(z2|z1) p(x2|z2)  ...
//!  │      │      │
//! x1     x2     x3
//! ```

mod expect;
mod learn;
mod start;
mod states;
mod walk;

use rayon::prelude::*;

use self::learn::Learned;
use self::walk::{Circuit, cost};
use super::parts::Parts;
use super::structure::Forest;
use super::table::{self, Beside, Table};
use super::{Conditionals, Model};
use crate::entropy::bytes::{Reader, malformed, put_section};
use crate::error::Result;
use crate::mix::Tree;
use crate::mix::binary::{Reader as DecisionReader, Writer};

/// Numbers of states that are tried.
const STATES: [usize; 6] = [2, 4, 8, 16, 32, 64];
/// States that a table of many rows has at least.
const LEAST: usize = 8;
/// Rows that are many.
const MANY: usize = 20_000;
/// Most parameters of all columns together: what a file may make a reader reserve.
const MOST_PARAMETERS: usize = 1 << 24;

/// A latent for each column, in the structure of a Chow-Liu tree, learned by expectation maximisation.
#[derive(Clone, Copy, Debug)]
pub struct Hidden {
    /// States of a latent; if absent, the number that makes model and data shortest.
    pub states: Option<usize>,
    /// What breaks symmetries.
    pub seed: u64,
}

impl Default for Hidden {
    fn default() -> Self {
        Hidden { states: None, seed: 1 }
    }
}

/// The parameters as they are stored.
struct Tables {
    forest: Forest,
    /// Most states of a latent, one of [`STATES`].
    most: usize,
    /// States of each column's latent.
    states: Vec<usize>,
    /// Of each column: leaves given its latent.
    emissions: Vec<Table>,
    /// Of each column: its latent given its parent's.
    transitions: Vec<Table>,
}

/// A tree over states: each of them is a leaf.
fn states_tree(states: usize) -> Tree {
    Tree::of(&(0..states as i64).collect::<Vec<_>>(), states)
}

/// The states of the latent above each column; one above a root.
fn given_states(forest: &Forest, states: &[usize]) -> Vec<usize> {
    forest.parents.iter().map(|p| p.map_or(1, |p| states[p])).collect()
}

impl Tables {
    fn write(&self, trees: &[Tree]) -> Vec<u8> {
        let mut out = Vec::new();
        self.forest.write(&mut out);
        out.push(self.most as u8);
        out.extend(self.states.iter().map(|s| *s as u8));
        put_section(&mut out, &table::write(&self.emissions.iter().zip(trees).collect::<Vec<_>>()));
        let trees: Vec<Tree> = self.states.iter().map(|s| states_tree(*s)).collect();
        put_section(&mut out, &table::write(&self.transitions.iter().zip(&trees).collect::<Vec<_>>()));
        out
    }

    fn read(bytes: &[u8], trees: &[Tree]) -> Result<Self> {
        let mut reader = Reader::new(bytes);
        let columns = trees.len();
        let forest = Forest::read(&mut reader, columns)?;
        let most = usize::from(reader.byte()?);
        if !STATES.contains(&most) || parameters(columns, most) > MOST_PARAMETERS {
            return Err(malformed(format!("latents of {most} states")));
        }
        let states: Vec<usize> = reader.take(columns)?.iter().map(|s| usize::from(*s)).collect();
        if states.iter().any(|s| *s == 0 || *s > most) {
            return Err(malformed("a latent of no states, or of too many"));
        }
        let shapes: Vec<_> = states.iter().zip(trees).map(|(s, tree)| (*s, tree, Beside::All)).collect();
        let mut section = Reader::new(reader.section()?);
        let emissions = table::read(&mut section, &shapes)?;
        section.end()?;
        let latents: Vec<Tree> = states.iter().map(|s| states_tree(*s)).collect();
        let given = given_states(&forest, &states);
        let shapes: Vec<_> = given.iter().zip(&latents).map(|(s, tree)| (*s, tree, Beside::All)).collect();
        let mut section = Reader::new(reader.section()?);
        let transitions = table::read(&mut section, &shapes)?;
        section.end()?;
        reader.end()?;
        Ok(Tables { forest, most, states, emissions, transitions })
    }
}

/// Parameters of latents of so many states, at most.
fn parameters(columns: usize, states: usize) -> usize {
    columns * states.max(8) * (states.max(8) + 256)
}

/// Runs a generic function with the number of states as a constant.
macro_rules! with_states {
    ($states:expr, $f:ident ( $($arg:expr),* )) => {
        match $states {
            ..=8 => $f::<8>($($arg),*),
            16 => $f::<16>($($arg),*),
            32 => $f::<32>($($arg),*),
            _ => $f::<64>($($arg),*),
        }
    };
}

struct Fitted {
    parts: Parts,
    tables: Tables,
}

impl Conditionals for Hidden {
    fn name(&self) -> &'static str {
        "HCLT"
    }

    fn learn(&self, columns: &[Vec<i64>]) -> Box<dyn Model> {
        let parts = Parts::of(columns);
        let forest = Forest::of(&parts);
        let mut best: Option<(f64, Tables)> = None;
        let least = if parts.rows() < MANY { 0 } else { LEAST };
        let tried = STATES.into_iter().filter(|s| self.states.map_or(*s >= least, |only| only == *s));
        for states in tried.filter(|s| parameters(columns.len(), *s) <= MOST_PARAMETERS) {
            let tables = with_states!(states, tables(&parts, &forest, states, self.seed));
            let bits = with_states!(states, cost(&parts, &tables)) + 8.0 * tables.write(&parts.trees).len() as f64;
            if best.as_ref().is_some_and(|(least, _)| *least <= bits) {
                break;
            }
            best = Some((bits, tables));
        }
        let tables = match best {
            Some((_, tables)) => tables,
            None => tables::<8>(&parts, &forest, LEAST, self.seed),
        };
        Box::new(Fitted { parts, tables })
    }

    fn read(&self, bytes: &[u8], columns: usize, rows: usize) -> Result<Vec<Vec<i64>>> {
        let mut reader = Reader::new(bytes);
        let trees: Vec<Tree> = (0..columns).map(|_| Tree::read(&mut reader)).collect::<Result<_>>()?;
        let tables = Tables::read(reader.section()?, &trees)?;
        let mut decisions = DecisionReader::new(reader.rest());
        let values = with_states!(tables.most, decode(&trees, &tables, &mut decisions, rows));
        if decisions.ended() { Ok(values) } else { Err(malformed("decisions of a table are left over")) }
    }
}

/// Learns, and rounds what was learned.
fn tables<const K: usize>(parts: &Parts, forest: &Forest, most: usize, seed: u64) -> Tables {
    let learned = Learned::<K>::of(parts, forest, most, seed);
    let latents: Vec<Tree> = learned.states.iter().map(|s| states_tree(*s)).collect();
    let given = given_states(forest, &learned.states);
    let columns = 0..parts.trees.len();
    let emission = |c| Table::fit(&parts.trees[c], &learned.emission_counts(c), Beside::All).0;
    let transition = |c| Table::fit(&latents[c], &learned.transition_counts(c, given[c]), Beside::All).0;
    Tables {
        forest: forest.clone(),
        most,
        emissions: columns.clone().into_par_iter().map(emission).collect(),
        transitions: columns.into_par_iter().map(transition).collect(),
        states: learned.states,
    }
}

fn decode<const K: usize>(
    trees: &[Tree],
    tables: &Tables,
    decisions: &mut DecisionReader,
    rows: usize,
) -> Vec<Vec<i64>> {
    Circuit::<K>::new(trees, tables).code(decisions, trees, rows, None)
}

fn encode<const K: usize>(parts: &Parts, tables: &Tables, columns: &[Vec<i64>]) -> Vec<u8> {
    let mut writer = Writer::default();
    Circuit::<K>::new(&parts.trees, tables).code(&mut writer, &parts.trees, parts.rows(), Some(columns));
    writer.finish()
}

impl Model for Fitted {
    fn choice(&self) -> String {
        format!("{} states, {} edges", self.tables.most, self.tables.forest.parents.iter().flatten().count())
    }

    fn model_bytes(&self) -> usize {
        self.tables.write(&self.parts.trees).len()
    }

    fn encode(&self, columns: &[Vec<i64>]) -> Vec<u8> {
        let mut out = Vec::new();
        self.parts.trees.iter().for_each(|t| t.write(&mut out));
        put_section(&mut out, &self.tables.write(&self.parts.trees));
        out.extend(with_states!(self.tables.most, encode(&self.parts, &self.tables, columns)));
        out
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(super) use tests::{Exact, steps};

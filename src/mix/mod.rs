//! Columns of integers by learned conditional distributions: what a table's columns tell about each other.
//!
//! ```text
//! column ──► tree: some decisions a value ──┐
//! known columns ──► bins ──► contexts ──────┴──► mixer: probability of each decision ──► range coder
//! ```
//!
//! Writer and reader learn from the values as they pass, so no probabilities are stored: only the leaves of the tree, and
//! which columns the contexts look at. All of it is integer arithmetic, the same on every machine.

pub(crate) mod binary;
mod bins;
pub mod cells;
mod choose;
mod column;
mod counter;
pub mod field;
mod lanes;
mod logistic;
mod mixer;
pub mod series;
mod symbols;
mod tree;

pub use bins::Bins;
pub use choose::{Contexts, Source};
pub use column::{decode, encode, looks_at};
pub(crate) use symbols::Inside;
pub(crate) use tree::Next;
pub use tree::{Tree, leaves_for};

/// How many decisions of a value are mixed out of all contexts; the others are told by one of them, which is quicker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mixing {
    /// The first few, which tell most.
    Lean,
    /// All.
    Full,
}

/// As many nodes as a tree may have, and one more.
const ALL: u8 = u8::MAX;

impl Mixing {
    /// The number of nodes that are mixed, from the root on.
    fn nodes(self, lean: u8) -> u8 {
        match self {
            Mixing::Lean => lean,
            Mixing::Full => ALL,
        }
    }
}

/// Runs `work`, and what is inlined into it, with the widest vectors of this machine; integers come out the same with any.
pub(crate) fn with_vectors<R>(work: impl FnOnce() -> R) -> R {
    #[cfg(test)]
    if tests::PLAIN.get() {
        return work();
    }
    pulp::Arch::new().dispatch(work)
}

#[cfg(test)]
mod tests;

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

//! Relations between columns: a formula that predicts one column from others.
//!
//! A relation is found in a sample (sums and copies), or given by who knows the physics. It need not hold: a value that it
//! predicts wrongly costs bits, never correctness. Functions are our own, in a fixed order of operations, so that a reader
//! on another machine predicts the same.

mod expression;
mod find;
mod zeros;

pub use expression::Expression;
pub use find::sums;
pub use zeros::zero_together;

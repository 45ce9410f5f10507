//! Integers to bits: adaptive models over the range coder of `constriction`, with integer arithmetic only, so that
//! every machine writes and reads the same bytes.
//!
//! ```text
//! lane of i64 ──► residual (value - centre, or value - previous) ──► token + low bits
//!                                                   token ──► adaptive frequencies ──► range coder
//!                                                low bits ──► as they are
//! ```

pub mod adaptive;
pub mod bytes;
pub mod ints;
mod token;

pub use ints::{decode_ints, encode_ints};

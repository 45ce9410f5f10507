//! From floats to integers: formats from data ([`calibrate`]), then weights to those formats ([`apply`]).
//!
//! All steps are powers of two, so that changing a format is a shift. How good the result is, `reference::report` says.

mod apply;
mod calibrate;
mod options;

pub use apply::{apply, input_words};
pub use calibrate::calibrate;
pub use options::{Granularity, LatentSteps, QuantizeOptions};

#[cfg(test)]
mod tests;

//! When events come, how long they take, and what is lost: readout chains simulated event by event.

pub mod chain;
pub mod core;
pub mod depth;
pub mod filling;
pub mod framed;
pub mod results;
pub mod simulate;
pub mod source;
pub mod study;

#[cfg(test)]
mod tests;

//! When events come, how long they take, and what is lost: readout chains simulated event by event.

pub mod carrier;
pub mod chain;
pub mod core;
pub mod depth;
pub mod filling;
pub mod framed;
pub mod occupancy;
pub mod pileup;
pub mod results;
pub mod rtl;
pub mod simulate;
pub mod source;
pub mod study;
pub mod sweep;
pub mod tables;
pub mod trace;

#[cfg(test)]
mod tests;

//! Integer networks as graphs of adders: lowered, optimized, scheduled by passes, and proved.
//!
//! ```text
//! IntegerNetwork ─build─► sums ─lower─► adders ─optimize─► fewer adders ─schedule─► a rank for each node
//!                                      StageGraph after every step ─► eval, prove, Display
//! ```
//!
//! Every node holds the exact interval of its values, from which its width follows: nothing can wrap. [`eval`] runs a
//! graph on integers, [`prove`] shows without test vectors that it computes the network.

mod adder;
mod build;
mod cost;
mod delay;
mod demand;
mod eval;
pub mod fold;
mod graph;
mod interval;
mod luts;
pub mod passes;
mod prove;
mod requantizers;
mod schedule;
mod share;
pub mod stream;
mod table;
mod text;

#[cfg(feature = "verilog")]
pub(crate) use adder::split;
pub use build::build;
pub use cost::{LayerCost, layer_costs};
#[cfg(feature = "verilog")]
pub(crate) use delay::Delays;
pub use delay::Target;
pub use eval::{eval, trace};
pub use fold::{Compiled, Folded, FoldedCost, Reuse, compile_reuse, eval_folded, fold, fold_multiplied};
#[cfg(feature = "verilog")]
pub(crate) use fold::{FoldStage, Held, Multipliers, Row, WITHOUT_CHAIN};
pub use graph::{Node, NodeId, Op, StageGraph, Tensor};
#[cfg(feature = "verilog")]
pub(crate) use interval::width_of;
pub use passes::{CompileOptions, compile, compile_watched};
pub use prove::prove;
pub use requantizers::{MOST_VALUES, Requantizer, WideRequantizer, requantizers};
#[cfg(feature = "verilog")]
pub(crate) use schedule::bits::{Origin, Registers};
pub use schedule::{SchedulePoint, pareto};
pub use share::Effort;
pub use stream::{Streamed, eval_streamed, stream};
pub use text::parse;

#[cfg(test)]
mod tests;

//! sluice: from a sample of detector data to verified FPGA firmware that compresses it, and the codec that reads it.
//!
//! ```text
//! Dataset ──► TrainedModel ──► QuantizedModel ──► StageGraph ──► VerilogDesign ──► VerifyReport
//!                                   └──► reference (integers) ──► codec: container of CRC-checked blocks
//! ```

pub mod anomaly;
pub mod circuit;
#[cfg(all(feature = "train", feature = "verilog"))]
pub mod cli;
pub mod codec;
pub mod data;
#[cfg(feature = "verilog")]
pub mod dut;
pub mod entropy;
pub mod error;
pub mod evaluate;
pub mod fixed;
pub mod hw;
#[cfg(feature = "verilog")]
pub mod latency;
pub mod link;
pub mod mix;
pub mod model;
pub mod monitor;
#[cfg(feature = "verilog")]
pub mod package;
pub mod physics;
#[cfg(feature = "verilog")]
pub mod proof;
pub mod quantize;
#[cfg(all(feature = "train", feature = "verilog"))]
pub mod recipe;
pub mod reference;
pub mod relation;
pub mod report;
#[cfg(feature = "verilog")]
pub mod synth;
#[cfg(feature = "verilog")]
pub mod tool;
#[cfg(feature = "train")]
pub mod train;
pub mod units;
#[cfg(feature = "verilog")]
pub mod verify;
#[cfg(feature = "verilog")]
pub mod verilog;

pub use error::{Code, Error, Result};

//! Data sets: columns of numbers with dtype, shape, unit and provenance, read from and written to files.

pub mod dataset;

pub use dataset::{Column, DataSource, Dataset, Layout, Values};

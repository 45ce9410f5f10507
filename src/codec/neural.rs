//! What the container needs of a neural codec. The container knows no networks.

use ndarray::Array2;

use super::meta::ColumnMeta;
use crate::data::{Column, Dataset};
use crate::error::Result;
use crate::fixed::QFormat;

/// A neural encoder and decoder. Model rows are what the network reads at once: rows of the data, or windows of them.
///
/// Everything must be deterministic: a block is decoded on its own, on any machine.
pub trait NeuralBackend: Sync {
    /// Names of the columns that become latents. All others pass through without loss.
    fn columns(&self) -> Vec<String>;

    /// The model rows of `data`, `[model rows][values]`. There is at most one model row a value. Values that are not
    /// finite arrive as 0 (the container restores them itself).
    ///
    /// # Errors
    /// If the columns do not fit the model.
    fn rows(&self, data: &Dataset) -> Result<Array2<f64>>;

    /// The inverse of [`rows`](Self::rows): the model's columns, each with the name, type and shape of its entry in
    /// `columns`, which are the columns of [`columns`](Self::columns) in that order.
    ///
    /// # Errors
    /// If `rows` are not those of whole data rows.
    fn restore(&self, rows: &Array2<f64>, columns: &[ColumnMeta]) -> Result<Vec<Column>>;

    /// Model rows → latents, `[model rows][latents]`, raw integers within [`latent_formats`](Self::latent_formats).
    ///
    /// # Errors
    /// If the shape is wrong, or this backend only decodes.
    fn encode(&self, rows: &Array2<f64>) -> Result<Array2<i64>>;

    /// Latents → model rows.
    ///
    /// # Errors
    /// If the shape is wrong.
    fn decode(&self, latents: &Array2<i64>) -> Result<Array2<f64>>;

    /// One format a latent.
    fn latent_formats(&self) -> Vec<QFormat>;

    /// What a decoder needs, embedded in the container and counted in its ratio.
    fn model_bytes(&self) -> Vec<u8>;
}

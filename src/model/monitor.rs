//! What a model's latents and errors looked like, so that data unlike those can be noticed: the part of a model file.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Code, Error, Result};

/// How quantities were distributed in a sample, and when a block of rows counts as drifted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Monitor {
    /// Rows of the sample.
    pub rows: u64,
    /// Blocks without drift of which one is an alarm by chance: the share of them.
    pub false_alarms: f64,
    /// Smallest population stability index that matters, however sure.
    pub least: f64,
    /// Mean squared error of the reconstruction, in normalised features.
    pub error: f64,
    /// Each latent, then the error of a row.
    pub quantities: Vec<Quantity>,
}

/// One distribution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Quantity {
    /// `z0`, `z1`, ..., `error`.
    pub name: String,
    /// Ends of all bins but the last: a value lies in the first bin whose end is not below it. Latents are raw integers.
    pub edges: Vec<f64>,
    /// Rows in each bin; one more than there are ends.
    pub counts: Vec<u64>,
}

impl Monitor {
    /// Checks it against the number of latents.
    ///
    /// # Errors
    /// `M001` for numbers that make no sense, `M002` for another number of quantities.
    pub fn check(&self, latents: usize) -> Result<()> {
        if self.quantities.len() != latents + 1 {
            let what = format!(
                "the monitor has {} quantities, {latents} latents and the error are {}",
                self.quantities.len(),
                latents + 1
            );
            return Err(Error::new(Code::ModelShape, what));
        }
        let wrong =
            |what: String| Err(Error::new(Code::ModelForm, what).hint("learn it again: `sluice monitor --learn`"));
        let share = self.false_alarms > 0.0 && self.false_alarms < 1.0;
        if self.rows == 0 || !share || !(self.least.is_finite() && self.least >= 0.0) {
            return wrong("the monitor's rows, share of false alarms or least index make no sense".into());
        }
        for q in &self.quantities {
            let rising = q.edges.windows(2).all(|e| e[0] < e[1]) && q.edges.iter().all(|e| e.is_finite());
            let sum = q.counts.iter().try_fold(0u64, |sum, c| sum.checked_add(*c));
            if q.edges.is_empty() || q.counts.len() != q.edges.len() + 1 || !rising || sum != Some(self.rows) {
                return wrong(format!("the monitor's bins of `{}` make no sense", q.name));
            }
        }
        Ok(())
    }
}

//! Events that are unlike the rest, found with the encoder that compresses them.
//!
//! ```text
//! background ─► encoder ─► latents ─► LatentScore: sum of weight * |z - median|, in integers ─┬─► layers behind the encoder: firmware
//!                  decoder ─► error of the row ───────────────────────────────────────────────┤
//! signal, or injected into background ────────────────────────────────────────────────────────┴─► Roc: AUC, efficiency at a background rate
//! ```

mod inject;
mod roc;
mod score;

pub use inject::{Injection, inject};
pub use roc::{Point, Roc, WorkingPoint};
pub use score::LatentScore;

#[cfg(test)]
mod tests;

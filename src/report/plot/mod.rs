//! Figures: drawn once, shown as SVG on the page and as PNG on request.
//!
//! ```text
//! Report ─► one file a kind of figure ─► Sketch ─┬─► svg.rs   inline in the page, follows its colours
//!                 │                     canvas   ├─► png.rs   for slides and the README
//!                 └─ frame.rs, axis.rs           └─► Sketch::sheet   several on one
//! ```

mod axis;
mod bars;
mod canvas;
mod curves;
mod distortion;
mod frame;
mod heat;
mod histograms;
mod lines;
pub mod look;
mod pareto;
mod png;
mod roc;
mod rows;
mod search;
mod spectrum;
mod svg;

pub use bars::{Kind, column_errors, quantization, sizes};
pub use canvas::Sketch;
pub use curves::{loss, profile};
pub use distortion::{Curve, distortion};
pub use heat::{correlations, joint};
pub use histograms::{Size, distribution, latent, residual, response};
pub use lines::{Lines, lines};
pub use pareto::pareto;
pub use png::write_png;
pub use roc::roc;
pub use rows::example;
pub use search::{Candidate, search};
pub use spectrum::spectrum;
pub use svg::{escape, svg, svg_file};

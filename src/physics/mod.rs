//! What compression does to an analysis: observables before and after.
//!
//! ```text
//! [[physics]] ─► Section ─┬─► peak        a formula's distribution, a Gaussian on a line fitted before and after
//! original ───────────────┼─► selection   cuts: efficiency, events that move, significance, also at equal storage
//! reconstructed ──────────┼─► image       calorimeter cells: energy sum, position, width; beside ECON-T's algorithms (econt)
//!                         └─► pulse       waveforms: height, time, noise, a peak in the spectrum
//! ```

mod cut;
pub mod econt;
mod fit;
mod image;
mod peak;
mod pulse;
mod section;
mod selection;
mod tables;
mod values;

pub use fit::{Peak, Value};
pub use image::{Baseline, ImageErrors, ImageFigures};
pub use peak::{PeakFigures, Peaks};
pub use pulse::{Noise, PulseFigures};
pub use section::{ImageSection, PeakSection, PulseSection, Section, SelectionSection};
pub use selection::{SelectionFigures, Significance};
pub use tables::Table;
pub use values::Shift;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::data::Dataset;
use crate::error::{Code, Error, Result};
use crate::evaluate;

/// What was found for one section.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Figures {
    /// Of a `peak`.
    Peak(PeakFigures),
    /// Of a `selection`.
    Selection(SelectionFigures),
    /// Of an `image`.
    Image(ImageFigures),
    /// Of a `pulse`.
    Pulse(PulseFigures),
}

impl Figures {
    /// The fits of a peak, with the name and the unit of the axis, where there are some.
    pub fn peaks(&self) -> Option<(&str, &str, &Peaks)> {
        match self {
            Figures::Peak(p) => Some((&p.name, &p.unit, &p.peaks)),
            Figures::Pulse(p) => p.peaks.as_ref().map(|peaks| (&p.name[..], &p.unit[..], peaks)),
            Figures::Selection(_) | Figures::Image(_) => None,
        }
    }
}

/// The observables of `sections`, before and after.
///
/// * `ratio`: raw bytes over compressed bytes, for what equal storage is worth
///
/// # Errors
/// `R001` for a section that makes no sense, `D003` for a column that is not there or rows of which none is left, `D004` for a shape
/// that does not fit; each says in which section.
pub fn figures(
    sections: &[Section],
    original: &Dataset,
    reconstructed: &Dataset,
    ratio: Option<f64>,
) -> Result<Vec<Figures>> {
    evaluate::check(original, reconstructed)?;
    if let Some(bad) = ratio.filter(|r| !(r.is_finite() && *r > 0.0)) {
        return Err(Error::new(Code::Usage, format!("`{bad}` is no compression ratio"))
            .cause("it is raw bytes over compressed bytes, more than 0"));
    }
    let one = |section: &Section| {
        section.check()?;
        let (name, a, b) = (section.name(), original, reconstructed);
        let found = match section {
            Section::Peak(s) => peak::figures(name, s, a, b).map(Figures::Peak),
            Section::Selection(s) => selection::figures(name, s, a, b, ratio).map(Figures::Selection),
            Section::Image(s) => image::figures(name, s, a, b).map(Figures::Image),
            Section::Pulse(s) => pulse::figures(name, s, a, b).map(Figures::Pulse),
        };
        found.map_err(|e| section.explain(e))
    };
    sections.iter().map(one).collect()
}

#[cfg(test)]
mod tests;

//! What is asked for: `[[physics]]` sections of a recipe or of any TOML file.

use serde::{Deserialize, Serialize};

use super::cut::Cut;
use crate::error::{Code, Error, Result};
use crate::relation::Expression;

/// One observable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Section {
    /// A peak in the distribution of a formula.
    Peak(PeakSection),
    /// Events that pass cuts.
    Selection(SelectionSection),
    /// A vector of calorimeter cells as an image.
    Image(ImageSection),
    /// Digitised detector pulses.
    Pulse(PulseSection),
}

/// A peak: a Gaussian on a line, fitted before and after.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeakSection {
    /// What the report calls it; empty: the formula.
    #[serde(default)]
    pub name: String,
    /// Formula over columns, for example a mass.
    pub value: String,
    /// Its unit.
    #[serde(default)]
    pub unit: String,
    /// What is fitted.
    pub range: [f64; 2],
    /// Bins of the range.
    #[serde(default = "bins")]
    pub bins: usize,
    /// Only rows whose original passes these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cuts: Vec<String>,
}

/// Cuts that an event passes or not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SelectionSection {
    /// What the report calls it; empty: the cuts.
    #[serde(default)]
    pub name: String,
    /// Two formulas with `<`, `<=`, `>`, `>=`, `==` or `!=` between them; all have to hold.
    pub cuts: Vec<String>,
    /// Column of the original that is 0 for background and anything else for signal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Column of the original with the weights of the events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<String>,
}

/// Cells of a calorimeter.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ImageSection {
    /// What the report calls it; empty: the column.
    pub name: String,
    /// A vector column; may be left out where there is only one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// Rows and columns of the image, where the column has no such shape of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shape: Option<[usize; 2]>,
    /// The image drawn with the numbers of the cells, `-1` where there is none; instead of `shape`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arrangement: Option<Vec<Vec<i64>>>,
    /// Images of a smaller sum are left out of all figures but those of the cells.
    pub minimum: f64,
    /// What the algorithms of CMS's ECON-T make of the same cells within so many bits an image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub econt_bits: Option<f64>,
}

/// Waveforms of one pulse each.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PulseSection {
    /// What the report calls it; empty: the column.
    pub name: String,
    /// A vector column; may be left out where there is only one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// Samples before the pulse; a quarter of the waveform if not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baseline: Option<usize>,
    /// Samples of each of the two averages of the trapezoid; a third of the baseline if not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rise: Option<usize>,
    /// Samples between them, more than the pulse takes to rise; a quarter of `rise` if not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flat: Option<usize>,
    /// Decay time of the pulse in samples, which is corrected for (pole-zero); none if not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decay: Option<f64>,
    /// The time is where the pulse crosses this part of its height; a half if not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fraction: Option<f64>,
    /// Lower pulses are left out; ten times the noise of the trapezoid if not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minimum: Option<f64>,
    /// Heights in which a peak is fitted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range: Option<[f64; 2]>,
    /// Bins of that range; 50 if not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bins: Option<usize>,
}

fn bins() -> usize {
    50
}

impl Section {
    /// What the report calls it.
    pub fn name(&self) -> &str {
        let (name, instead) = match self {
            Section::Peak(s) => (&s.name, Some(&s.value)),
            Section::Selection(s) => (&s.name, s.cuts.first()),
            Section::Image(s) => (&s.name, s.column.as_ref()),
            Section::Pulse(s) => (&s.name, s.column.as_ref()),
        };
        match (name.is_empty(), instead) {
            (false, _) => name,
            (true, Some(instead)) => instead,
            (true, None) => self.kind(),
        }
    }

    /// The word for it in a recipe.
    pub fn kind(&self) -> &'static str {
        match self {
            Section::Peak(_) => "peak",
            Section::Selection(_) => "selection",
            Section::Image(_) => "image",
            Section::Pulse(_) => "pulse",
        }
    }

    /// Says in which section an error lies.
    pub(super) fn explain(&self, e: Error) -> Error {
        e.note("section", format!("[[physics]] of kind `{}`, `{}`", self.kind(), self.name()))
    }

    /// Refuses what makes no sense for any data.
    ///
    /// # Errors
    /// `R001`.
    pub fn check(&self) -> Result<()> {
        let wrong = |what: String, hint: &str| Err(Error::new(Code::Recipe, what).hint(hint));
        let ranged = |range: &[f64; 2], bins: usize| {
            if !(range.iter().all(|r| r.is_finite()) && range[0] < range[1]) {
                return wrong(format!("{range:?} is no range"), "`range = [low, high]`, the lower end first");
            }
            if !(10..=10_000).contains(&bins) {
                return wrong(format!("{bins} bins cannot be fitted"), "10 to 10000, a few of them within the peak");
            }
            Ok(())
        };
        let cuts = |cuts: &[String]| cuts.iter().try_for_each(|c| c.parse::<Cut>().map(drop));
        let checked = match self {
            Section::Peak(s) => {
                s.value.parse::<Expression>().and_then(|_| ranged(&s.range, s.bins)).and_then(|()| cuts(&s.cuts))
            }
            Section::Selection(s) if s.cuts.is_empty() => {
                wrong("a selection without cuts".to_owned(), "`cuts = [\"pt > 20\", \"abs(eta) < 2.4\"]`")
            }
            Section::Selection(s) => cuts(&s.cuts),
            Section::Image(s) if s.shape.is_some() && s.arrangement.is_some() => {
                wrong("an image with a shape and an arrangement".to_owned(), "keep one of them")
            }
            Section::Image(s) if !s.minimum.is_finite() => {
                wrong(format!("a smallest sum of {} makes no sense", s.minimum), "a number of the cells' unit")
            }
            Section::Image(s) if s.econt_bits.is_some_and(|b| !(b.is_finite() && b > 0.0)) => {
                wrong("`econt_bits` is no number of bits".to_owned(), "bits of an image, such as 48")
            }
            Section::Image(_) => Ok(()),
            Section::Pulse(s) => s.check(&wrong).and_then(|()| match &s.range {
                Some(range) => ranged(range, s.bins.unwrap_or(bins())),
                None if s.bins.is_some() => {
                    wrong("bins of no range".to_owned(), "add `range = [low, high]`, or leave `bins` out")
                }
                None => Ok(()),
            }),
        };
        checked.map_err(|e| self.explain(e))
    }
}

impl PulseSection {
    fn check(&self, wrong: &dyn Fn(String, &str) -> Result<()>) -> Result<()> {
        let fraction = self.fraction.unwrap_or(0.5);
        if !(0.01..=0.99).contains(&fraction) {
            return wrong(format!("{fraction} is no part of a height"), "0.01 to 0.99, such as 0.5");
        }
        if self.decay.is_some_and(|d| !(d.is_finite() && d > 1.0)) {
            return wrong(
                "`decay` is no decay time".to_owned(),
                "samples in which the pulse falls to 1/e, more than 1",
            );
        }
        if self.minimum.is_some_and(|m| !(m.is_finite() && m > 0.0)) {
            return wrong("`minimum` is no height".to_owned(), "a positive number of the samples' unit");
        }
        if [self.baseline, self.rise].contains(&Some(0)) {
            return wrong("averages of 0 samples".to_owned(), "`baseline` and `rise` are 1 or more");
        }
        Ok(())
    }
}

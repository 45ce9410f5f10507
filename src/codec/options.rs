//! What a container is to keep, and at what cost.

use super::meta::{MOST_BITS, Mode};
use crate::error::{Code, Error, Result};
use crate::mix::Mixing;

/// How far a value may move.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// In the unit of the column.
    Abs(f64),
    /// As a fraction of the column's range (largest minus smallest finite value of the whole column).
    Range(f64),
    /// As a fraction of each value; integers are kept exactly.
    Relative(f64),
    /// Floats keep so many bits of their mantissa, 1 to 52; integers are kept exactly.
    Bits(u32),
}

impl std::str::FromStr for Bound {
    type Err = Error;

    /// `abs:0.1`, `range:1e-3`, `rel:1e-3`, `bits:10` or `exact`.
    fn from_str(text: &str) -> Result<Self> {
        let wrong = || {
            Error::new(Code::Usage, format!("`{text}` is not a bound")).hint(
                "use abs:0.1, rel:1e-3 of each value, range:1e-3 of the column's range, bits:10 of the mantissa, or exact",
            )
        };
        if text == "exact" {
            return Ok(Bound::Abs(0.0));
        }
        let (kind, value) = text.split_once(':').ok_or_else(wrong)?;
        if kind == "bits" {
            return value.parse().map(Bound::Bits).map_err(|_| wrong());
        }
        let value: f64 = value.parse().map_err(|_| wrong())?;
        if !(value.is_finite() && value > 0.0) {
            return Err(wrong().cause("a bound is a positive number"));
        }
        match kind {
            "abs" => Ok(Bound::Abs(value)),
            "range" => Ok(Bound::Range(value)),
            "rel" => Ok(Bound::Relative(value)),
            _ => Err(wrong()),
        }
    }
}

/// The bound of column `name`, if it is one.
pub(super) fn checked(bound: Option<Bound>, name: &str) -> Result<Bound> {
    let Some(bound) = bound else {
        return Err(Error::new(Code::Bound, format!("column `{name}` has no bound"))
            .hint("give one for all columns, or use lossless mode"));
    };
    let wrong = |what: String, hint: &str| Err(Error::new(Code::Bound, format!("column `{name}`: {what}")).hint(hint));
    match bound {
        Bound::Abs(number) | Bound::Range(number) if !number.is_finite() || number < 0.0 => {
            wrong(format!("{number} is not a bound"), "a bound is 0 or a positive number")
        }
        Bound::Relative(part) if !(0.0..1.0).contains(&part) => {
            wrong(format!("{part} is no part of a value"), "it is at least 0 and below 1")
        }
        Bound::Bits(bits) if !(1..=MOST_BITS).contains(&bits) => {
            wrong(format!("a mantissa has no {bits} bits"), "1 to 52, of which float32 has 23")
        }
        _ => Ok(bound),
    }
}

/// How much time may be spent for fewer bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Effort {
    /// By pcodec: each column alone.
    Fast,
    /// By learned distributions that look at other columns.
    #[default]
    Default,
    /// By more of them.
    Max,
}

impl Effort {
    /// How much of a value is mixed out of all contexts.
    pub(super) fn mixing(self) -> Mixing {
        if self == Effort::Max { Mixing::Full } else { Mixing::Lean }
    }
}

/// What to write.
#[derive(Clone, Debug, PartialEq)]
pub struct CompressOptions {
    /// How the columns are kept.
    pub mode: Mode,
    /// For every column in bounded mode, and for those of the model in neural mode, but not for those passed through, which
    /// stay exact: an index has no tolerance.
    pub bound: Option<Bound>,
    /// For single columns, by name, in place of `bound`.
    pub column_bounds: Vec<(String, Bound)>,
    /// Formulas that predict a column from others: name of the column, formula. Sums and copies are found without.
    pub relations: Vec<(String, String)>,
    /// Rows in a block, at least 1; as many as make about 8 MiB if absent; of a table of single numbers 32 MiB, at most
    /// 262,144 rows, in neural mode 2 MiB and 8192. Each block can be read without the others.
    pub block_rows: Option<usize>,
    /// How much time may be spent.
    pub effort: Effort,
}

impl CompressOptions {
    /// Options of a mode, with no bound and blocks of the default size.
    pub fn new(mode: Mode) -> Self {
        CompressOptions {
            mode,
            bound: None,
            column_bounds: Vec::new(),
            relations: Vec::new(),
            block_rows: None,
            effort: Effort::Default,
        }
    }
}

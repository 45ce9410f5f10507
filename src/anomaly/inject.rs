//! Anomalies made from ordinary rows.

use std::str::FromStr;

use ndarray::Array2;

use crate::error::{Code, Error, Result};
use crate::evaluate::Chance;
use crate::model::Transform;

/// What is done to a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Injection {
    /// One value, at random, gets the largest that its place ever has: a channel that is stuck.
    Hot,
    /// Each value is that of another row, at random: each place keeps its distribution, what they have to do with each other is lost.
    Shuffle,
    /// Each value gets Gaussian noise as wide as its place spreads.
    Noise,
}

impl Injection {
    /// All, by name.
    pub const ALL: [(&str, Injection); 3] =
        [("hot", Injection::Hot), ("shuffle", Injection::Shuffle), ("noise", Injection::Noise)];
}

impl FromStr for Injection {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let found = Injection::ALL.iter().find(|(name, _)| *name == text);
        found.map(|(_, kind)| *kind).ok_or_else(|| {
            let names: Vec<&str> = Injection::ALL.iter().map(|(name, _)| *name).collect();
            Error::new(Code::Usage, format!("there is no anomaly `{text}`"))
                .hint(format!("one of {}", names.join(", ")))
        })
    }
}

/// Rows with an anomaly each. Values stay what their columns may be.
///
/// * `rows`: `[row, value]`, as `transform` reads them
pub fn inject(kind: Injection, rows: &Array2<f64>, transform: &Transform, seed: u64) -> Array2<f64> {
    let mut chance = Chance::new(seed);
    let (n, width) = rows.dim();
    let mut out = rows.clone();
    match kind {
        Injection::Hot => {
            let largest = |c: usize| rows.column(c).iter().copied().filter(|v| v.is_finite()).fold(f64::MIN, f64::max);
            let largest: Vec<f64> = (0..width).map(largest).collect();
            for mut row in out.rows_mut() {
                let c = chance.below(width);
                row[c] = largest[c];
            }
        }
        Injection::Shuffle => {
            out.iter_mut().zip((0..width).cycle()).for_each(|(v, c)| *v = rows[[chance.below(n), c]]);
        }
        Injection::Noise => {
            let spread: Vec<f64> = rows.columns().into_iter().map(|c| spread(c.iter().copied())).collect();
            out.iter_mut().zip(spread.iter().cycle()).for_each(|(v, s)| *v += s * chance.normal());
        }
    }
    for mut row in out.rows_mut() {
        for (v, column) in row.iter_mut().zip(transform.value_columns()) {
            // What is not finite stays so.
            *v = if v.is_finite() { column.constraint.apply(*v) } else { *v };
        }
    }
    out
}

/// Root mean square distance from the mean, of what is finite.
fn spread(values: impl Iterator<Item = f64>) -> f64 {
    let (mut n, mut sum, mut square) = (0.0, 0.0, 0.0);
    for v in values.filter(|v| v.is_finite()) {
        (n, sum, square) = (n + 1.0, sum + v, square + v * v);
    }
    if n == 0.0 { 0.0 } else { (square / n - (sum / n).powi(2)).max(0.0).sqrt() }
}

//! Toy detectors: deterministic from a seed, so that anyone can start without data.
//!
//! | name | a row is | columns |
//! |---|---|---|
//! | `trigger-cells` | a bunch crossing of one calorimeter wafer | `code` uint8 `[48]` |
//! | `jets` | a reconstructed jet | 24 float32: momentum, area, energies and counts by kind of constituent |
//! | `pulses` | a digitised detector pulse | `waveform` uint16 `[512]`, ADC counts |
//! | `flow` | a two-dimensional velocity field | `velocity` float32 `[2, 16, 16]`, m/s |
//!
//! They draw from one ChaCha stream and compute with [`crate::fixed::portable`] and IEEE basics only: one seed gives the
//! same bytes on every machine. They never stand in for real data where that is at hand.

mod draw;
mod flow;
mod jets;
mod pulses;
mod trigger_cells;

use self::draw::Draw;
use super::{Column, DataSource, Dataset, Layout};
use crate::error::{Code, Error, Result};

/// What makes the columns of a detector.
type Make = fn(usize, &mut Draw) -> Vec<Column>;

/// Name, layout of the file, maker.
const DETECTORS: &[(&str, Layout, Make)] = &[
    ("trigger-cells", Layout::Array, trigger_cells::columns),
    ("jets", Layout::NamedMatrix, jets::columns),
    ("pulses", Layout::Array, pulses::columns),
    ("flow", Layout::Array, flow::columns),
];

/// All rows are made in memory.
const MOST_ROWS: usize = 10_000_000;

/// `rows` rows of the toy detector `name`; the table above lists them.
///
/// # Errors
/// [`Code::Unsupported`] for an unknown detector, [`Code::Usage`] for 0 rows or more than 10 million.
pub fn toy(name: &str, rows: usize, seed: u64) -> Result<Dataset> {
    if rows == 0 {
        return Err(Error::new(Code::Usage, "a toy detector makes at least 1 row"));
    }
    if rows > MOST_ROWS {
        return Err(Error::new(Code::Usage, format!("a toy detector makes at most {MOST_ROWS} rows")));
    }
    let Some((_, layout, make)) = DETECTORS.iter().find(|(n, ..)| *n == name) else {
        let names: Vec<&str> = DETECTORS.iter().map(|(n, ..)| *n).collect();
        return Err(Error::new(Code::Unsupported, format!("there is no toy detector `{name}`"))
            .hint(format!("there is: {}", names.join(", "))));
    };
    let columns = make(rows, &mut Draw::new(seed));
    let source = DataSource { name: format!("toy {name}, seed {seed}"), ..DataSource::default() };
    Dataset::new(columns, rows, layout.clone(), source)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_data_and_another_seed_other_data() {
        for (name, ..) in DETECTORS {
            let sum = |seed| toy(name, 20, seed).unwrap().checksum();
            assert_eq!(sum(1), sum(1), "{name}");
            assert_ne!(sum(1), sum(2), "{name}");
        }
    }

    #[test]
    fn fewer_rows_are_the_first_rows_of_more() {
        for (name, ..) in DETECTORS {
            let (few, more) = (toy(name, 7, 5).unwrap(), toy(name, 20, 5).unwrap());
            assert_eq!(few.checksum(), more.slice(0..7).checksum(), "{name}");
        }
    }

    #[test]
    fn an_unknown_detector_is_answered_with_the_known_ones() {
        let e = toy("unicorns", 5, 1).unwrap_err();
        assert!(e.to_string().contains("there is: trigger-cells, jets, pulses, flow"), "{e}");
        assert_eq!(toy("jets", 0, 1).unwrap_err().what(), "a toy detector makes at least 1 row");
    }
}

//! Toy detectors: deterministic from a seed, so that anyone can start without data.

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;

use super::{Column, DataSource, Dataset, Layout, Values};
use crate::error::{Code, Error, Result};
use crate::fixed::portable::{exp, ln};

/// Data of a toy detector.
///
/// `trigger-cells`: a silicon wafer of 48 trigger cells on a grid of 8 x 6, as an endcap calorimeter reads it. Each
/// crossing has 0 to 3 showers with exponentially falling energy and an exponential lateral profile, on top of pile-up in
/// every cell; charges are sent as 7-bit floats (4-bit exponent e, 3-bit mantissa m): `m` if e = 0, else `(8 + m) << (e - 1)`.
/// Column `code`: uint8, `[48]`.
///
/// # Errors
/// [`Code::Unsupported`] for an unknown detector, [`Code::Usage`] for 0 rows.
pub fn toy(name: &str, rows: usize, seed: u64) -> Result<Dataset> {
    if rows == 0 {
        return Err(Error::new(Code::Usage, "a toy detector makes at least 1 row"));
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let column = match name {
        "trigger-cells" => trigger_cells(rows, &mut rng),
        _ => {
            return Err(Error::new(Code::Unsupported, format!("there is no toy detector `{name}`"))
                .hint("there is: trigger-cells"));
        }
    };
    let source = DataSource { name: format!("toy {name}, seed {seed}"), ..DataSource::default() };
    Dataset::new(vec![column], rows, Layout::Array, source)
}

/// A 7-bit float: 4-bit exponent, 3-bit mantissa, truncated.
fn encode_charge(charge: u32) -> u8 {
    if charge < 8 {
        return charge as u8;
    }
    let top = 31 - charge.leading_zeros(); // at least 3
    let exponent = (top - 2).min(15);
    let mantissa = if top - 2 > 15 { 7 } else { (charge >> (exponent - 1)) & 7 };
    (exponent << 3 | mantissa) as u8
}

fn trigger_cells(rows: usize, rng: &mut ChaCha8Rng) -> Column {
    let mut uniform = || rng.random::<f64>();
    let mut codes = Vec::with_capacity(rows * 48);
    for _ in 0..rows {
        let pile_up = 4.0 - 6.0 * ln(1.0 - uniform());
        let mut charge = [0.0f64; 48];
        for cell in &mut charge {
            *cell = -pile_up * ln(1.0 - uniform());
        }
        let showers = (uniform() * 4.0) as usize;
        for _ in 0..showers {
            let energy = -600.0 * ln(1.0 - uniform());
            let (x, y) = (uniform() * 8.0, uniform() * 6.0);
            // Electromagnetic showers are narrow, hadronic ones wide.
            let width = if uniform() < 0.5 { 0.6 } else { 1.5 };
            for (i, cell) in charge.iter_mut().enumerate() {
                let (dx, dy) = ((i % 8) as f64 + 0.5 - x, (i / 8) as f64 + 0.5 - y);
                *cell += energy * exp(-(dx * dx + dy * dy).sqrt() / width);
            }
        }
        codes.extend(charge.iter().map(|c| encode_charge(*c as u32)));
    }
    Column { name: "code".into(), unit: "trigger-cell code".into(), shape: vec![48], values: Values::U8(codes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charge_codes_decode_to_at_most_the_charge_and_within_an_eighth() {
        for charge in 0..100_000u32 {
            let code = u32::from(encode_charge(charge));
            let (e, m) = (code >> 3, code & 7);
            let decoded = if e == 0 { m } else { (8 + m) << (e - 1) };
            assert!(decoded <= charge && charge - decoded <= charge / 8, "{charge} -> {code} -> {decoded}");
        }
    }

    #[test]
    fn a_seed_gives_the_same_data_and_another_seed_other_data() {
        let sum = |seed| toy("trigger-cells", 50, seed).unwrap().checksum();
        assert_eq!(sum(1), sum(1));
        assert_ne!(sum(1), sum(2));
    }
}

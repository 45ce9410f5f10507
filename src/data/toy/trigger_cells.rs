//! `trigger-cells`: a silicon wafer of 48 trigger cells on a grid of 8 x 6, as an endcap calorimeter reads it.
//!
//! Each crossing has 0 to 3 showers with exponentially falling energy (mean 600 units of the least count) and an
//! exponential lateral profile, narrow if electromagnetic (0.6 cells), wide if hadronic (1.5 cells), on top of pile-up in
//! every cell. Charges are sent as 7-bit floats (4-bit exponent e, 3-bit mantissa m): `m` if e = 0, else
//! `(8 + m) << (e - 1)`. Column `code`: uint8, `[48]`.

use super::draw::Draw;
use crate::data::{Column, Values};
use crate::fixed::portable::exp;

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

/// The column of `rows` crossings.
pub fn columns(rows: usize, draw: &mut Draw) -> Vec<Column> {
    let mut codes = Vec::with_capacity(rows * 48);
    for _ in 0..rows {
        let pile_up = 4.0 + draw.exponential(6.0);
        let mut charge = [0.0f64; 48];
        for cell in &mut charge {
            *cell = draw.exponential(pile_up);
        }
        let showers = (draw.uniform() * 4.0) as usize;
        for _ in 0..showers {
            let energy = draw.exponential(600.0);
            let (x, y) = (draw.uniform() * 8.0, draw.uniform() * 6.0);
            let width = if draw.uniform() < 0.5 { 0.6 } else { 1.5 };
            for (i, cell) in charge.iter_mut().enumerate() {
                let (dx, dy) = ((i % 8) as f64 + 0.5 - x, (i / 8) as f64 + 0.5 - y);
                *cell += energy * exp(-(dx * dx + dy * dy).sqrt() / width);
            }
        }
        codes.extend(charge.iter().map(|c| encode_charge(*c as u32)));
    }
    vec![Column { name: "code".into(), unit: "trigger-cell code".into(), shape: vec![48], values: Values::U8(codes) }]
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
    fn codes_have_seven_bits_and_showers_stand_out_of_the_pile_up() {
        let Values::U8(codes) = columns(2000, &mut Draw::new(1)).remove(0).values else { panic!("bytes") };
        assert!(codes.iter().all(|c| *c < 128));
        // Pile-up alone stays below a charge of 256 (code 48) nearly always; a crossing in two or so has more.
        let hit = codes.chunks(48).filter(|row| row.iter().any(|c| *c > 48)).count();
        assert!((600..1400).contains(&hit), "{hit} of 2000 crossings");
    }
}

//! Input vectors that reach the corners of the formats first and then everything else.

use ndarray::Array2;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::fixed::QFormat;

/// `n` input vectors for a design with these input formats; the same arguments give the same vectors.
///
/// In order: all minima, all maxima, minima and maxima alternating both ways, each input alone at its minimum and
/// then alone at its maximum with the others at 0, and uniform random numbers from there on. A small `n` cuts the list.
///
/// * returns: `[n, formats.len()]`, raw integers, each within its format
pub fn stimuli(formats: &[QFormat], n: usize, seed: u64) -> Array2<i64> {
    let width = formats.len();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let corner = |column: usize, high: bool| if high { formats[column].max() } else { formats[column].min() };
    let mut rows = Array2::zeros((n, width));
    for (r, mut row) in rows.rows_mut().into_iter().enumerate() {
        for (c, value) in row.iter_mut().enumerate() {
            *value = match r {
                0 | 1 => corner(c, r == 1),
                2 | 3 => corner(c, (c + r) % 2 == 1),
                _ if r - 4 < 2 * width => {
                    let hot = (r - 4) / 2;
                    if hot == c { corner(c, r % 2 == 1) } else { 0 }
                }
                _ => uniform(&mut rng, formats[c]),
            };
        }
    }
    rows
}

/// A uniform raw integer of the format: the high half of a 64 by 64 bit product, biased by less than 2^-2 of one value
/// in 2^62 at the widest format and by nothing that shows at usual ones.
fn uniform(rng: &mut ChaCha8Rng, format: QFormat) -> i64 {
    let span = 1u128 << format.width;
    format.min() + ((u128::from(rng.next_u64()) * span) >> 64) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corners_come_first_and_all_vectors_are_in_range() {
        let formats = [QFormat::signed(3, 0), QFormat::unsigned(4, 1), QFormat::signed(62, 0)];
        let rows = stimuli(&formats, 200, 7);
        let wide = QFormat::signed(62, 0);
        assert_eq!(rows.row(0).to_vec(), [-4, 0, wide.min()]);
        assert_eq!(rows.row(1).to_vec(), [3, 15, wide.max()]);
        assert_eq!(rows.row(2).to_vec(), [-4, 15, wide.min()]);
        assert_eq!(rows.row(3).to_vec(), [3, 0, wide.max()]);
        assert_eq!(rows.row(4).to_vec(), [-4, 0, 0]);
        assert_eq!(rows.row(7).to_vec(), [0, 15, 0]);
        assert!(rows.rows().into_iter().all(|r| r.iter().zip(&formats).all(|(&v, f)| f.contains(v))));
        // Random rows reach every value of a small format.
        assert!((-4..=3).all(|v| rows.column(0).iter().skip(10).any(|&x| x == v)));
        assert_eq!(rows, stimuli(&formats, 200, 7));
        assert_ne!(rows, stimuli(&formats, 200, 8));
    }
}

//! Fortran order, where the first index runs fastest, beside C order, where the last one does and a row lies together.
//!
//! ```text
//! shape (2, 3)   C: a00 a01 a02 a10 a11 a12        Fortran: a00 a10 a01 a11 a02 a12
//!                row 1 is values 3, 4, 5           row 1 is values 1, 3, 5
//! ```

use super::Values;

/// For each value of a row, in C order, its place in Fortran order, in steps of the number of rows.
///
/// * `shape`: of one row, without the axis of the rows
pub fn ranks(shape: &[usize]) -> Vec<usize> {
    let width: usize = shape.iter().product();
    let rank = |mut at: usize| {
        let mut step = width;
        let mut rank = 0;
        for d in shape.iter().rev() {
            step /= d;
            rank += (at % d) * step;
            at /= d;
        }
        rank
    };
    (0..width).map(rank).collect()
}

/// Values of `rows` rows, from Fortran order into C order.
pub fn to_c(values: &Values, rows: usize, row_shape: &[usize]) -> Values {
    let ranks = ranks(row_shape);
    let at: Vec<usize> = (0..rows).flat_map(|r| ranks.iter().map(move |k| k * rows + r)).collect();
    values.pick(&at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_index_finds_its_value() {
        let [rows, a, b, c] = [5, 2, 3, 4];
        // Each value says its own index; written with the first index fastest.
        let mut fortran = Vec::new();
        for k in 0..c {
            for j in 0..b {
                for i in 0..a {
                    fortran.extend((0..rows).map(|r| (((r * a + i) * b + j) * c + k) as u32));
                }
            }
        }
        let expected: Vec<u32> = (0..(rows * a * b * c) as u32).collect();
        assert_eq!(to_c(&Values::U32(fortran), rows, &[a, b, c]), Values::U32(expected));
    }

    #[test]
    fn a_list_of_numbers_has_one_order() {
        assert_eq!(to_c(&Values::I8(vec![3, 1, 2]), 3, &[]), Values::I8(vec![3, 1, 2]));
        assert_eq!(to_c(&Values::I8(vec![]), 0, &[4, 2]), Values::I8(vec![]));
        assert_eq!(ranks(&[4, 0]), [0usize; 0]);
    }
}

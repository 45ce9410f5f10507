//! Sums and copies: columns that are whole multiples of other columns, added up.

use nalgebra::{DMatrix, DVector};

use super::Expression;

/// Rows that are looked at.
const SAMPLE: usize = 4000;
/// Largest factor of a column in a sum.
const LARGEST: f64 = 4.0;
/// Most columns that a sum is looked for among: the search grows with their square.
const WIDEST: usize = 64;
/// Most columns in a sum.
const MOST: usize = 8;

/// For each column a sum of columns before it that nearly all rows equal, but for rounding; `None` where there is none.
///
/// * `columns`: names and values of a sample of rows
pub fn sums(columns: &[(String, Vec<f64>)]) -> Vec<Option<Expression>> {
    let rows = columns.first().map_or(0, |c| c.1.len());
    let mut found: Vec<Option<Expression>> = vec![None; columns.len()];
    if rows < 64 {
        return found;
    }
    let picked: Vec<usize> =
        (0..rows).step_by(rows.div_ceil(SAMPLE)).filter(|r| columns.iter().all(|(_, v)| v[*r].is_finite())).collect();
    let seen: Vec<DVector<f64>> =
        columns.iter().map(|(_, v)| DVector::from_iterator(picked.len(), picked.iter().map(|r| v[*r]))).collect();
    let mut free: Vec<usize> = Vec::new();
    for (k, own) in seen.iter().enumerate() {
        if picked.is_empty() || own.iter().all(|x| *x == own[0]) {
            continue;
        }
        if picked.len() > 4 * free.len()
            && free.len() <= WIDEST
            && let Some(terms) = whole_factors(own, &free, &seen)
        {
            let text = write(&terms, columns);
            found[k] = text.parse().ok();
        }
        if found[k].is_none() {
            free.push(k);
        }
    }
    found
}

/// Least squares over the free columns; the factors, if they are whole and explain the column.
fn whole_factors(own: &DVector<f64>, free: &[usize], seen: &[DVector<f64>]) -> Option<Vec<(f64, usize)>> {
    if free.is_empty() {
        return None;
    }
    // Each column over its size, so that the equations are well conditioned.
    let sizes: Vec<f64> = free.iter().map(|k| seen[*k].norm()).collect();
    let matrix = DMatrix::from_columns(&free.iter().zip(&sizes).map(|(k, s)| &seen[*k] / *s).collect::<Vec<_>>());
    let squares = matrix.tr_mul(&matrix) + DMatrix::identity(free.len(), free.len()) * 1e-13;
    let factors = squares.cholesky()?.solve(&matrix.tr_mul(own));
    let mut terms = Vec::new();
    for ((k, size), factor) in free.iter().zip(&sizes).zip(factors.iter()) {
        let whole = (factor / size).round_ties_even();
        if whole != 0.0 {
            terms.push((whole, *k));
        }
    }
    if terms.is_empty() || terms.len() > MOST || terms.iter().any(|(f, _)| f.abs() > LARGEST) {
        return None;
    }
    let close = |row: usize| {
        let (mut sum, mut size) = (0.0, own[row].abs());
        for (factor, k) in &terms {
            sum += factor * seen[*k][row];
            size += (factor * seen[*k][row]).abs();
        }
        (sum - own[row]).abs() <= size * 2f64.powi(-21)
    };
    let held = (0..own.len()).filter(|row| close(*row)).count();
    (held * 10 >= own.len() * 9).then_some(terms)
}

fn write(terms: &[(f64, usize)], columns: &[(String, Vec<f64>)]) -> String {
    let mut text = String::new();
    for (i, (factor, k)) in terms.iter().enumerate() {
        text += match (i, *factor < 0.0) {
            (0, true) => "-",
            (0, false) => "",
            (_, true) => " - ",
            (_, false) => " + ",
        };
        if factor.abs() != 1.0 {
            text += &format!("{} * ", factor.abs());
        }
        text += &format!("`{}`", columns[*k].0);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(seed: u64, n: usize) -> Vec<f64> {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 40) as f64 / 1000.0
        };
        (0..n).map(|_| next()).collect()
    }

    #[test]
    fn sums_copies_and_opposites_are_found_and_nothing_else() {
        let (a, b, c) = (noise(1, 900), noise(2, 900), noise(3, 900));
        let with = |f: &dyn Fn(usize) -> f64| (0..900).map(f).collect::<Vec<f64>>();
        let single = |x: f64| f64::from(x as f32);
        let columns: Vec<(String, Vec<f64>)> = [
            ("a", a.clone()),
            ("b", b.clone()),
            ("copy", a.clone()),
            ("sum", with(&|i| single(a[i] + 2.0 * b[i]))),
            ("c", c.clone()),
            // Wrong in every twentieth row.
            ("less", with(&|i| if i % 20 == 0 { 7.0 } else { c[i] - a[i] })),
            ("half", with(&|i| 0.5 * a[i])),
            ("product", with(&|i| a[i] * b[i])),
            ("constant", vec![4.0; 900]),
        ]
        .map(|(name, v)| (name.to_owned(), v))
        .into();
        let found: Vec<Option<String>> = sums(&columns).into_iter().map(|e| e.map(|e| e.to_string())).collect();
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(found[..6], [None, None, some("`a`"), some("`a` + 2 * `b`"), None, some("-`a` + `c`")]);
        assert_eq!(found[6..], [None, None, None]);
    }
}

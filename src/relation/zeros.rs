//! Columns that are zero in the same rows: a number of things and what these things carry.

/// Groups of at least two columns that are zero in exactly the same rows of a sample, neither never nor always.
///
/// * `columns`: names and values of a sample of rows
pub fn zero_together(columns: &[(String, Vec<f64>)]) -> Vec<Vec<&str>> {
    let mut groups: Vec<(Vec<bool>, Vec<&str>)> = Vec::new();
    for (name, values) in columns {
        let zeros: Vec<bool> = values.iter().map(|x| *x == 0.0).collect();
        let few = zeros.iter().filter(|z| **z).count();
        // What is zero once or twice is so by chance.
        if few < 8 || zeros.len() - few < 8 {
            continue;
        }
        match groups.iter_mut().find(|(mask, _)| *mask == zeros) {
            Some((_, names)) => names.push(name),
            None => groups.push((zeros, vec![name])),
        }
    }
    groups.into_iter().map(|(_, names)| names).filter(|names| names.len() > 1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_that_vanish_together_are_grouped() {
        let of = |name: &str, f: &dyn Fn(usize) -> f64| (name.to_owned(), (0..100).map(f).collect::<Vec<f64>>());
        let columns = [
            of("n", &|i| (i % 3) as f64),
            of("energy", &|i| (i % 3) as f64 * 1.7),
            of("other", &|i| (i % 4) as f64),
            of("never", &|i| 1.0 + i as f64),
            of("once", &|i| i as f64),
        ];
        assert_eq!(zero_together(&columns), [["n", "energy"]]);
    }
}

use proptest::prelude::*;

use super::hidden::{Exact, steps};
use super::*;
use crate::error::Code;

fn families() -> Vec<Box<dyn Conditionals>> {
    let hidden = |states| Hidden { states, seed: 3 };
    vec![
        Box::new(ChowLiu { edges: false }),
        Box::new(ChowLiu { edges: true }),
        Box::new(hidden(Some(2))),
        Box::new(hidden(Some(16))),
        Box::new(Mixer::default()),
    ]
}

/// Numbers without a pattern.
fn noise(n: usize, below: u64, mut seed: u64) -> Vec<i64> {
    let mut next = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    (0..n).map(|_| (next() % below) as i64).collect()
}

/// Columns that one hidden number joins: each is that number, but for a third of the rows anything.
fn joined(columns: usize, rows: usize) -> Vec<Vec<i64>> {
    let hidden = noise(rows, 6, 9_871_236);
    let column = |k: usize| {
        let (other, which) = (noise(rows, 6, 77 + k as u64), noise(rows, 3, 1009 + 31 * k as u64));
        (0..rows).map(|r| if which[r] == 0 { other[r] } else { hidden[r] }).collect()
    };
    (0..columns).map(column).collect()
}

fn size(family: &dyn Conditionals, columns: &[Vec<i64>]) -> usize {
    let bytes = family.encode(columns).unwrap();
    assert_eq!(family.decode(&bytes, columns[0].len()).unwrap(), columns, "{}", family.name());
    bytes.len()
}

fn tables() -> impl Strategy<Value = Vec<Vec<i64>>> {
    let kind = prop_oneof![Just(0u8), Just(1), Just(2), Just(3)];
    (prop_oneof![Just(0usize), Just(1), 2usize..150], prop::collection::vec((kind, any::<u64>()), 0..5)).prop_map(
        |(rows, kinds)| {
            let column = |(kind, seed): &(u8, u64)| match kind {
                0 => vec![seed.cast_signed(); rows],
                1 => noise(rows, 3, seed | 1),
                2 => noise(rows, 1000, seed | 1),
                _ => noise(rows, u64::MAX, seed | 1).iter().map(|v| v.wrapping_mul(3)).collect(),
            };
            kinds.iter().map(column).collect()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_table_comes_back(columns in tables()) {
        let rows = columns.first().map_or(0, Vec::len);
        for family in families() {
            let bytes = family.encode(&columns).unwrap();
            prop_assert_eq!(&family.decode(&bytes, rows).unwrap(), &columns, "{}", family.name());
        }
    }
}

#[test]
fn one_hidden_number_behind_all_columns_is_found_where_a_tree_of_columns_sees_pairs() {
    let columns = joined(8, 6000);
    let [apart, chow_liu, hidden] = [
        size(&ChowLiu { edges: false }, &columns),
        size(&ChowLiu { edges: true }, &columns),
        size(&Hidden::default(), &columns),
    ];
    assert!(chow_liu * 100 < apart * 95, "{chow_liu} bytes of {apart}");
    assert!(hidden * 100 < chow_liu * 92, "{hidden} bytes, {chow_liu} by pairs");
}

#[test]
fn a_function_of_another_column_costs_next_to_nothing() {
    let a = noise(20_000, 12, 5);
    let b: Vec<i64> = a.iter().map(|v| (v * 5) % 12).collect();
    let alone = size(&ChowLiu { edges: true }, &[a.clone()]);
    let both = size(&ChowLiu { edges: true }, &[a, b]);
    assert!(both * 50 < alone * 51, "{both} bytes, {alone} for one of them");
}

#[test]
fn each_step_over_all_rows_raises_the_likelihood() {
    let likelihoods = steps(&joined(5, 800), 25);
    for pair in likelihoods.windows(2) {
        assert!(pair[1] >= pair[0] - 1e-5 * pair[0].abs(), "{likelihoods:?}");
    }
    assert!(likelihoods[24] > likelihoods[0] * 0.99, "{likelihoods:?}");
}

#[test]
fn conditionals_add_up_to_one_and_multiply_to_the_probability_of_the_row() {
    let columns = joined(4, 900);
    let exact = Exact::fit(&columns, 4);
    // Every row that there can be: the product of conditionals, added up, is 1.
    let mut total = 0.0;
    let leaves: Vec<usize> = exact.leaves();
    let all: usize = leaves.iter().product();
    for mut number in 0..all {
        let mut row = Vec::new();
        for n in &leaves {
            row.push(number % n);
            number /= n;
        }
        let (by_conditionals, by_sum) = (exact.probability(&row), exact.marginal(&row));
        assert!((by_conditionals - by_sum).abs() < 2e-3 * by_sum + 1e-9, "{row:?}: {by_conditionals} {by_sum}");
        total += by_conditionals;
    }
    assert!((total - 1.0).abs() < 1e-9, "{total}");
}

#[test]
fn learning_again_gives_the_same_bytes() {
    let columns = joined(5, 3000);
    for family in families() {
        assert_eq!(family.encode(&columns).unwrap(), family.encode(&columns).unwrap(), "{}", family.name());
    }
}

/// Both sides compute probabilities in floating point: what one machine wrote, every other must read.
#[test]
fn a_stream_that_was_written_before_reads_the_same() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/circuit/hidden.bin");
    let columns = joined(6, 400);
    let hidden = Hidden { states: Some(16), seed: 3 };
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, hidden.encode(&columns).unwrap()).unwrap();
    }
    let golden = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    assert_eq!(hidden.decode(&golden, 400).unwrap(), columns);
}

#[test]
fn damaged_bytes_end_in_values_or_an_error() {
    let columns = joined(4, 300);
    for family in families() {
        let good = family.encode(&columns).unwrap();
        for at in 0..good.len() {
            for flip in [1u8, 0x80, 0xff] {
                let mut bad = good.clone();
                bad[at] ^= flip;
                if let Err(e) = family.decode(&bad, 300) {
                    assert_eq!(e.code(), Code::ContainerDamaged, "{}", family.name());
                }
            }
            let _ = family.decode(&good[..at], 300);
        }
        assert!(family.decode(&[], 300).is_err() && family.decode(&[0xff; 40], 300).is_err());
        assert!(family.decode(&[0xff, 0xff, 0xff, 0xff, 0x7f], 0).is_err());
    }
}

#[test]
fn columns_of_different_length_are_refused() {
    for family in families() {
        assert_eq!(family.encode(&[vec![1, 2], vec![3]]).unwrap_err().code(), Code::Unsupported, "{}", family.name());
    }
}

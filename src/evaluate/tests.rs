use super::*;
use crate::data::{DataSource, Layout, Values};

fn column(name: &str, shape: Vec<usize>, values: Values) -> Column {
    Column { name: name.into(), unit: String::new(), shape, values }
}

fn table(columns: Vec<Column>, rows: usize) -> Dataset {
    Dataset::new(columns, rows, Layout::Table, DataSource::default()).unwrap()
}

fn data(values: Vec<f64>) -> Dataset {
    let rows = values.len();
    table(vec![column("a", vec![], Values::F64(values))], rows)
}

#[test]
fn figures_equal_the_values_worked_out_by_hand() {
    let f = &columns(&data(vec![0.0, 2.0, 4.0, f64::NAN]), &data(vec![1.0, 2.0, 2.0, 0.0])).unwrap()[0];
    assert_eq!((f.rms, f.max_abs, f.not_finite), ((5.0f64 / 3.0).sqrt(), 2.0, 1));
    assert_eq!(f.rms_over_range, f.rms / 4.0);
    assert_eq!(f.bias, -1.0 / 3.0);
    // Sorted, 0 2 4 goes to 1 2 2.
    assert_eq!(f.wasserstein, 1.0);
}

#[test]
fn elements_of_a_narrow_vector_are_judged_one_by_one() {
    let d = |v: Vec<i16>| table(vec![column("v", vec![2], Values::I16(v))], 3);
    let f = &columns(&d(vec![0, 10, 1, 20, 2, 30]), &d(vec![0, 11, 1, 21, 2, 31])).unwrap()[0];
    assert_eq!(f.elements.len(), 2);
    assert_eq!((f.elements[0].rms, f.elements[1].bias, f.elements[1].maximum), (0.0, 1.0, 30.0));
    assert_eq!(f.bias, 0.5);
}

#[test]
fn correlations_are_those_of_the_definition() {
    let d = |b: Vec<f64>| {
        table(vec![column("a", vec![], Values::F64(vec![1.0, 2.0, 3.0])), column("b", vec![], Values::F64(b))], 3)
    };
    let c = correlation(&d(vec![2.0, 4.0, 6.0]), &d(vec![6.0, 4.0, 2.0])).unwrap();
    assert!((c.before[0][1] - 1.0).abs() < 1e-12 && (c.after[0][1] + 1.0).abs() < 1e-12);
    assert!((c.max_difference - 2.0).abs() < 1e-12);
    let constant = correlation(&d(vec![5.0; 3]), &d(vec![f64::NAN; 3])).unwrap();
    assert_eq!((constant.before[0][1], constant.after[0][1]), (0.0, 0.0));
}

#[test]
fn examples_are_the_usual_and_the_worst_row() {
    let rows = 101;
    let zero = table(vec![column("w", vec![4], Values::F32(vec![0.0; rows * 4]))], rows);
    let other = (0..rows).flat_map(|r| [r as f32; 4]).collect();
    let shown = examples(&zero, &table(vec![column("w", vec![4], Values::F32(other))], rows), 1).unwrap();
    let rows: Vec<(&str, usize)> = shown.iter().map(|e| (e.rank.as_str(), e.row)).collect();
    assert_eq!(rows, [("median", 50), ("95 %", 95), ("worst", 100)]);
    assert_eq!(shown[2].reconstructed, [100.0; 4]);
}

#[test]
fn joint_histogram_counts_every_pair_once() {
    let x: Vec<f64> = (0..1000).map(|i| f64::from(i) / 7.0).collect();
    let y: Vec<f64> = x.iter().map(|v| 2.0 * v).collect();
    let (a, b) = (data(x), data(y));
    let f = columns(&a, &b).unwrap();
    let j = &joints(&a, &b, &f, 3).unwrap()[0];
    assert_eq!(j.cells.iter().map(|c| c.2).sum::<u64>() + j.outside, 1000);
    assert!((j.correlation.unwrap() - 1.0).abs() < 1e-12);
    // Twice the value lies outside of the square for the upper half.
    assert!((450..550).contains(&(j.outside as usize)), "{}", j.outside);
}

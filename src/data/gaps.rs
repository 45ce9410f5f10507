//! Values that are NaN or infinite, and what training does about them.
//!
//! A network cannot learn from such values: the policy of a recipe ([`NanPolicy`]) decides what training sees in their
//! place. The data themselves are never changed: a container keeps each of these values bit for bit.

use std::borrow::Cow;

use super::{Column, Dataset, NanPolicy, SplitOptions, SplitRows, Values, split};
use crate::error::{Code, Error, Result};

/// How many values of a model's columns are NaN or infinite, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gaps {
    /// Rows that hold at least one, in order.
    pub rows: Vec<usize>,
    /// Values, by column; columns without any are left out.
    pub columns: Vec<(String, usize)>,
}

impl Gaps {
    /// Looks at the columns that a model may read.
    pub fn find(data: &Dataset) -> Self {
        let mut hit = vec![false; data.rows];
        let mut columns = Vec::new();
        for c in data.model_columns().filter(|c| !c.values.is_integer()) {
            let mut count = 0;
            for i in (0..c.values.len()).filter(|i| !c.values.get_f64(*i).is_finite()) {
                hit[i / c.width()] = true;
                count += 1;
            }
            if count > 0 {
                columns.push((c.name.clone(), count));
            }
        }
        Gaps { rows: (0..data.rows).filter(|r| hit[*r]).collect(), columns }
    }

    /// Whether all values are finite.
    pub fn none(&self) -> bool {
        self.columns.is_empty()
    }

    /// `7 values in 5 of 100 rows are NaN or infinite (a: 4, b: 3)`.
    pub fn describe(&self, rows: usize) -> String {
        let values: usize = self.columns.iter().map(|(_, n)| n).sum();
        let mut list: Vec<String> = self.columns.iter().take(10).map(|(name, n)| format!("{name}: {n}")).collect();
        if self.columns.len() > 10 {
            list.push(format!("{} more columns", self.columns.len() - 10));
        }
        let (are, s) = if values == 1 { ("is", "") } else { ("are", "s") };
        format!("{values} value{s} in {} of {rows} rows {are} NaN or infinite ({})", self.rows.len(), list.join(", "))
    }
}

/// Divides the rows into parts, as the policy wants it: rows with NaN or infinities are an error, in no part, or in
/// their part like all others ([`filled`] then says what stands in place of the values).
///
/// # Errors
/// `D005` naming row and column; `D003` if no row is left to train on; `R001` for impossible shares.
pub fn training_rows(data: &Dataset, how: &SplitOptions, policy: NanPolicy) -> Result<SplitRows> {
    let mut parts = split(data.rows, how)?;
    if let (NanPolicy::Error, Some((row, column))) = (policy, data.first_not_finite()) {
        return Err(Error::new(Code::NotFinite, format!("row {row}, column `{column}` is NaN or infinite"))
            .at(data.source.name.clone())
            .cause(Gaps::find(data).describe(data.rows))
            .hint(
                "set `nan` in `data.select` to \"drop-rows\", \"zero\" or \"median\", or name the column in `pass_through`",
            ));
    }
    if policy == NanPolicy::DropRows {
        let gaps = Gaps::find(data);
        let whole = |r: &usize| gaps.rows.binary_search(r).is_err();
        for part in [&mut parts.train, &mut parts.validation, &mut parts.test] {
            part.retain(whole);
        }
        if parts.train.is_empty() {
            return Err(Error::new(Code::DataSelection, "no row is left to train on")
                .at(data.source.name.clone())
                .cause(gaps.describe(data.rows))
                .hint("pass the worst columns through with `pass_through`, or use `nan = \"median\"`"));
        }
    }
    Ok(parts)
}

/// The data as training sees them: with `zero` and `median`, numbers in place of NaN and infinities.
///
/// # Errors
/// `D005` for the median of a column without a finite value.
pub fn filled(data: &Dataset, policy: NanPolicy) -> Result<Cow<'_, Dataset>> {
    let gaps = Gaps::find(data);
    if gaps.none() || !matches!(policy, NanPolicy::Zero | NanPolicy::Median) {
        return Ok(Cow::Borrowed(data));
    }
    let mut data = data.clone();
    for c in data.columns.iter_mut().filter(|c| gaps.columns.iter().any(|(name, _)| *name == c.name)) {
        let with = if policy == NanPolicy::Zero { 0.0 } else { median(c)? };
        let values = (0..c.values.len()).map(|i| Some(c.values.get_f64(i)).filter(|x| x.is_finite()).unwrap_or(with));
        c.values = Values::from_f64(c.values.dtype(), values)?;
    }
    Ok(Cow::Owned(data))
}

fn median(c: &Column) -> Result<f64> {
    let mut finite: Vec<f64> = (0..c.values.len()).map(|i| c.values.get_f64(i)).filter(|x| x.is_finite()).collect();
    finite.sort_by(f64::total_cmp);
    finite.get(finite.len().saturating_sub(1) / 2).copied().ok_or_else(|| {
        Error::new(Code::NotFinite, format!("column `{}` has no finite value", c.name))
            .hint("leave it out with `exclude`, or name it in `pass_through`")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{DataSource, Layout};

    fn table() -> Dataset {
        let column = |name: &str, v: &[f64]| Column {
            name: name.into(),
            unit: String::new(),
            shape: vec![],
            values: Values::F64(v.to_vec()),
        };
        let columns = vec![
            column("a", &[1.0, f64::NAN, 3.0, 4.0, 100.0, 2.0]),
            column("b", &[0.0, f64::INFINITY, f64::NEG_INFINITY, 1.0, 1.0, 1.0]),
            column("id", &[f64::NAN; 6]),
        ];
        let source = DataSource { name: "t".into(), pass_through: vec!["id".into()], ..DataSource::default() };
        Dataset::new(columns, 6, Layout::Table, source).unwrap()
    }

    const ALL: SplitOptions = SplitOptions { validation: 0.0, test: 0.0, seed: 1, blocks: true };

    #[test]
    fn the_error_policy_names_row_column_and_how_many_and_ignores_what_is_passed_through() {
        let e = training_rows(&table(), &ALL, NanPolicy::Error).unwrap_err();
        assert_eq!((e.code(), e.what()), (Code::NotFinite, "row 1, column `a` is NaN or infinite"));
        assert!(e.to_string().contains("3 values in 2 of 6 rows are NaN or infinite (a: 1, b: 2)"), "{e}");
    }

    #[test]
    fn dropped_rows_are_in_no_part_and_the_others_keep_their_numbers() {
        let parts = training_rows(&table(), &ALL, NanPolicy::DropRows).unwrap();
        assert_eq!(parts.train, [0, 3, 4, 5]);
        let mut none_left = table();
        none_left.source.pass_through.clear();
        let e = training_rows(&none_left, &ALL, NanPolicy::DropRows).unwrap_err();
        assert_eq!(e.what(), "no row is left to train on");
    }

    #[test]
    fn values_are_replaced_for_training_only_and_only_where_a_model_reads() {
        let data = table();
        for (policy, a, b) in [(NanPolicy::Zero, 0.0, 0.0), (NanPolicy::Median, 3.0, 1.0)] {
            let filled = filled(&data, policy).unwrap();
            let at = |c: usize, r: usize| filled.columns[c].values.get_f64(r);
            assert_eq!((at(0, 1), at(1, 1), at(1, 2)), (a, b, b), "{policy:?}");
            assert_eq!((at(0, 4), at(1, 3)), (100.0, 1.0));
            assert!(at(2, 0).is_nan());
        }
        assert!(matches!(filled(&data, NanPolicy::DropRows).unwrap(), Cow::Borrowed(_)));
        let mut data = data;
        data.source.pass_through.clear();
        assert_eq!(filled(&data, NanPolicy::Median).unwrap_err().what(), "column `id` has no finite value");
    }
}

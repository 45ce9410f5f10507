//! What `sluice compress` may change of which column: options and a recipe's section, column by column.

use crate::codec::Bound;
use crate::data::Dataset;
use crate::data::fits;
use crate::error::{Code, Error, Result};

/// Rules for columns by name, in which a `*` stands for any characters.
#[derive(Default)]
pub struct Bounds {
    /// The earlier of two that fit a column wins.
    rules: Vec<(String, Bound)>,
    /// Columns that are not wanted.
    pub dropped: Vec<String>,
}

impl Bounds {
    /// * `all`: the bound of columns that nothing else is said of
    /// * `named`: `COLUMN=BOUND` each
    /// * `recipe`: columns with their bounds, or `drop`; options win over them
    ///
    /// # Errors
    /// [`Code::Usage`] for what is no bound.
    pub fn new(all: Option<&str>, named: &[String], recipe: &[(String, String)]) -> Result<Self> {
        let mut bounds = Bounds::default();
        for text in named {
            let (column, bound) = text.rsplit_once('=').ok_or_else(|| {
                Error::new(Code::Usage, format!("`{text}` is no column with a bound")).hint("for example pt=rel:1e-3")
            })?;
            bounds.take(column, bound)?;
        }
        if let Some(all) = all {
            bounds.take("*", all)?;
        }
        // Names before patterns, and those before the one for all.
        let mut recipe: Vec<_> = recipe.iter().filter(|(column, _)| all.is_none() || column != "*").collect();
        recipe.sort_by_key(|(column, _)| (column.contains('*'), std::cmp::Reverse(column.len())));
        let default = bounds.rules.iter().position(|(column, _)| column == "*").unwrap_or(bounds.rules.len());
        let general = bounds.rules.split_off(default);
        for (column, bound) in recipe {
            bounds.take(column, bound)?;
        }
        bounds.rules.extend(general);
        Ok(bounds)
    }

    fn take(&mut self, column: &str, bound: &str) -> Result<()> {
        if bound == "drop" {
            self.dropped.push(column.to_owned());
        } else {
            self.rules.push((column.to_owned(), bound.parse()?));
        }
        Ok(())
    }

    /// Whether anything may change.
    pub fn any(&self) -> bool {
        !self.rules.is_empty()
    }

    /// The bound of each column; one that is not spoken of stays as it is.
    ///
    /// # Errors
    /// [`Code::DataSelection`] for a rule that no column fits.
    pub fn of(&self, data: &Dataset) -> Result<Vec<(String, Bound)>> {
        let unused = self.rules.iter().find(|(rule, _)| !data.columns.iter().any(|c| fits(rule, &c.name)));
        if let Some((rule, _)) = unused {
            let names: Vec<&str> = data.columns.iter().map(|c| &c.name[..]).collect();
            return Err(Error::new(Code::DataSelection, format!("there is no column `{rule}` to bound"))
                .cause(format!("there are {}", names.join(", "))));
        }
        let passed = &data.source.pass_through;
        let of = |name: &String| {
            let fitting = self.rules.iter().filter(|(rule, _)| fits(rule, name));
            // An index has no tolerance, unless it is named.
            let mut fitting = fitting.filter(|(rule, _)| !passed.contains(name) || rule == name);
            fitting.next().map_or(Bound::Abs(0.0), |(_, bound)| *bound)
        };
        Ok(data.columns.iter().map(|c| (c.name.clone(), of(&c.name))).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Column, DataSource, Layout, Values};

    #[test]
    fn names_win_over_patterns_and_options_over_the_recipe() {
        let recipe = [("*", "range:1e-3"), ("jet_*", "rel:1e-2"), ("jet_id", "exact"), ("junk", "drop")];
        let recipe: Vec<(String, String)> = recipe.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        let names = ["jet_pt", "jet_id", "met", "eta"];
        let column =
            |n: &&str| Column { name: (*n).into(), unit: String::new(), shape: vec![], values: Values::U8(vec![]) };
        let data = Dataset::new(names.iter().map(column).collect(), 0, Layout::Table, DataSource::default()).unwrap();
        let of = |all: Option<&str>, named: &[&str]| {
            let named: Vec<String> = named.iter().map(|n| (*n).to_owned()).collect();
            let bounds = Bounds::new(all, &named, &recipe).unwrap();
            assert_eq!(bounds.dropped, ["junk"]);
            bounds.of(&data).unwrap().into_iter().map(|(_, b)| b).collect::<Vec<_>>()
        };
        let (part, exact, range) = (Bound::Relative(1e-2), Bound::Abs(0.0), Bound::Range(1e-3));
        assert_eq!(of(None, &[]), [part, exact, range, range]);
        assert_eq!(of(Some("bits:9"), &["eta=abs:2"]), [part, exact, Bound::Bits(9), Bound::Abs(2.0)]);
        assert_eq!(of(None, &["jet_id=abs:1"]), [part, Bound::Abs(1.0), range, range]);
        let missing = Bounds::new(None, &["x=abs:1".into()], &[]).unwrap();
        assert!(missing.of(&data).unwrap_err().what().contains("no column `x`"));
        assert!(Bounds::new(None, &["x".into()], &[]).is_err());
        assert!(Bounds::new(Some("1e-3"), &[], &[]).is_err());
    }
}

//! Cuts: `abs(eta) < 2.4`.

use std::str::FromStr;

use super::values::Formula;
use crate::data::Dataset;
use crate::error::{Code, Error, Result};
use crate::relation::Expression;

/// Comparisons, the longer sign before the one that it begins with.
const SIGNS: [(&str, fn(f64) -> bool); 6] = [
    ("<=", |d| d <= 0.0),
    (">=", |d| d >= 0.0),
    ("==", |d| d == 0.0),
    ("!=", |d| d != 0.0),
    ("<", |d| d < 0.0),
    (">", |d| d > 0.0),
];

/// Two formulas and what has to hold between them.
#[derive(Clone, Debug)]
pub struct Cut {
    difference: Expression,
    holds: fn(f64) -> bool,
}

impl FromStr for Cut {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = |cause: String| {
            Error::new(Code::Recipe, format!("`{text}` is no cut"))
                .cause(cause)
                .hint("two formulas and < <= > >= == or != between them, such as `abs(eta) < 2.4`")
        };
        let Some((left, sign, holds, right)) = compared(text) else {
            return Err(wrong("nothing is compared".to_owned()));
        };
        if let Some(empty) = [left, right].iter().position(|s| s.trim().is_empty()) {
            return Err(wrong(format!("nothing stands {} `{sign}`", ["before", "after"][empty])));
        }
        if compared(right).is_some() {
            return Err(wrong(format!("`{}` is compared again", right.trim())));
        }
        // The difference of two floats is 0 only where they are equal.
        let difference =
            format!("({left}) - ({right})").parse::<Expression>().map_err(|e| wrong(e.what().to_owned()))?;
        Ok(Cut { difference, holds })
    }
}

/// What stands before the first comparison, its sign and meaning, and what stands behind it.
fn compared(text: &str) -> Option<(&str, &'static str, fn(f64) -> bool, &str)> {
    // A name in backquotes may hold any sign.
    let mut quoted = false;
    let (at, (sign, holds)) = text.char_indices().find_map(|(at, c)| {
        quoted ^= c == '`';
        SIGNS.iter().filter(|_| !quoted).find(|(sign, _)| text[at..].starts_with(sign)).map(|s| (at, s))
    })?;
    Some((&text[..at], sign, *holds, &text[at + sign.len()..]))
}

/// Which rows pass all cuts; absent where a value that is compared is not finite.
pub fn passing(cuts: &[String], original: &Dataset, data: &Dataset) -> Result<Vec<Option<bool>>> {
    let mut all = vec![Some(true); data.rows];
    for text in cuts {
        let cut: Cut = text.parse()?;
        let values = Formula(&cut.difference).of(original, data)?;
        for (pass, v) in all.iter_mut().zip(values) {
            *pass = pass.filter(|_| v.is_finite()).map(|p| p && (cut.holds)(v));
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_compares_two_formulas() {
        let holds = |text: &str, x: f64| {
            let cut: Cut = text.parse().unwrap();
            (cut.holds)(cut.difference.evaluate(&[&[x]])[0])
        };
        for (text, below, at, above) in [
            ("x < 2", true, false, false),
            ("x <= 2", true, true, false),
            ("2 <= x", false, true, true),
            ("x > 1 + 1", false, false, true),
            ("x == 2", false, true, false),
            ("x*x != 4", true, false, true),
            ("`a<b` >= 2", false, true, true),
        ] {
            assert_eq!((holds(text, 1.0), holds(text, 2.0), holds(text, 3.0)), (below, at, above), "{text}");
        }
    }

    #[test]
    fn what_is_no_cut_is_refused() {
        for (text, cause) in [
            ("x", "nothing is compared"),
            ("x < ", "nothing stands after `<`"),
            ("> 2", "nothing stands before `>`"),
            ("foo(x) > 2", "there is no function `foo`"),
            ("1 < 2", "it has no column"),
            ("x < y < z", "`y < z` is compared again"),
        ] {
            let error = text.parse::<Cut>().unwrap_err().to_string();
            assert!(error.contains("is no cut") && error.contains(cause), "{text}: {error}");
        }
    }
}

//! Which crossings of an orbit have bunches: the filling scheme.

use std::str::FromStr;

use crate::error::{Code, Error, Result};

/// Crossings of an orbit of the LHC.
pub const ORBIT: usize = 3564;
/// Crossings in a second, in Hz: the RF of 400.789 MHz over 10 (LHC Design Report, CERN-2004-003-V-1, chapter 2).
pub const CROSSING_HZ: f64 = 40_078_900.0;
/// The scheme that the LHC was designed for, 2,808 bunches 25 ns apart (the same, chapter 2.4).
pub const NOMINAL: &str = "3*(2*(3*(72b 8e) 30e) 4*(72b 8e) 31e) 3*(3*(72b 8e) 30e) 81e";

/// Whether each crossing has bunches, over and over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filling {
    crossings: Vec<bool>,
}

impl Filling {
    /// Crossings with bunches, by number in the orbit.
    pub fn filled(&self) -> impl Iterator<Item = usize> {
        self.crossings.iter().enumerate().filter_map(|(n, filled)| filled.then_some(n))
    }

    /// All crossings of the orbit.
    pub fn crossings(&self) -> usize {
        self.crossings.len()
    }
}

/// `72b 8e`: 72 crossings with bunches, 8 empty; `3*( ... )` three times. White space or `+` between them. An orbit has 3564.
impl FromStr for Filling {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = |what: String| {
            Error::new(Code::Usage, format!("`{text}` is no filling scheme"))
                .cause(what)
                .hint(format!("write 72b for 72 filled crossings, 8e for 8 empty ones, 3*(72b 8e) for three of these; the nominal one is {NOMINAL}"))
        };
        let mut rest = text.trim();
        let crossings = items(&mut rest, 0).map_err(wrong)?;
        if !rest.is_empty() {
            return Err(wrong(format!("`{rest}` is left over")));
        }
        if crossings.len() != ORBIT {
            return Err(wrong(format!("it has {} crossings, an orbit has {ORBIT}", crossings.len())));
        }
        if !crossings.contains(&true) {
            return Err(wrong("no crossing is filled".to_owned()));
        }
        Ok(Filling { crossings })
    }
}

/// Items up to a closing parenthesis or the end.
fn items(rest: &mut &str, depth: usize) -> std::result::Result<Vec<bool>, String> {
    let mut all: Vec<bool> = Vec::new();
    loop {
        *rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '+');
        if rest.is_empty() || rest.starts_with(')') {
            return Ok(all);
        }
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, behind) = rest.split_at(digits);
        let number: usize = number
            .parse()
            .ok()
            .filter(|n| (1..=ORBIT).contains(n))
            .ok_or(format!("no number of crossings at `{rest}`"))?;
        let part = if let Some(behind) = behind.strip_prefix("*(") {
            if depth > 8 {
                return Err("it is nested too deep".to_owned());
            }
            *rest = behind;
            let part = items(rest, depth + 1)?;
            *rest = rest.strip_prefix(')').ok_or("a parenthesis is not closed")?;
            part
        } else {
            let filled = match behind.chars().next() {
                Some('b') => true,
                Some('e') => false,
                _ => return Err(format!("neither b, e nor *( behind {number}")),
            };
            *rest = &behind[1..];
            vec![filled]
        };
        if all.len() + number * part.len() > ORBIT {
            return Err(format!("it has more than {ORBIT} crossings"));
        }
        (0..number).for_each(|_| all.extend(&part));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nominal_scheme_has_2808_bunches() {
        let nominal: Filling = NOMINAL.parse().unwrap();
        assert_eq!((nominal.crossings(), nominal.filled().count()), (3564, 2808));
        assert_eq!(nominal.filled().nth(72), Some(80));
    }

    #[test]
    fn schemes_that_make_no_orbit_are_refused() {
        for (text, what) in [
            ("3564e", "no crossing is filled"),
            ("72b", "72 crossings"),
            ("4000b", "no number of crossings at `4000b`"),
            ("99999999999999999999b", "no number"),
            ("3000b 3000e", "more than 3564"),
            ("2*(72b", "not closed"),
            ("3564b)", "left over"),
            ("12x", "neither b, e"),
            ("", "0 crossings"),
            (&"2*(".repeat(20), "nested too deep"),
        ] {
            let error = text.parse::<Filling>().unwrap_err().to_string();
            assert!(error.contains(what), "{text}: {error}");
        }
    }
}

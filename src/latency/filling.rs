//! Which crossings of an orbit have bunches: the filling scheme.

use std::path::Path;
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

impl Filling {
    /// Reads one from a file: a scheme as in a study, a 0 or 1 for each of the 3564 crossings, or the numbers of those with bunches, from 0
    /// on; RF buckets 1, 11, 21 ... if one is beyond the orbit. Between numbers white space, commas or semicolons.
    ///
    /// # Errors
    /// [`Code::Io`]; [`Code::Usage`] for what is none of these.
    pub fn load(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|e| Error::io("read", path, &e))?;
        Self::read(&text).map_err(|e| e.at(path.display().to_string()))
    }

    fn read(text: &str) -> Result<Self> {
        if text.contains(['b', 'e']) {
            return text.parse();
        }
        let wrong = |what: String| Error::new(Code::Usage, "this is no filling scheme").cause(what);
        let mut numbers = Vec::new();
        for word in text.split(|c: char| c.is_whitespace() || c == ',' || c == ';').filter(|w| !w.is_empty()) {
            numbers.push(word.parse::<usize>().map_err(|_| wrong(format!("`{word}` is no number of a crossing")))?);
        }
        if numbers.len() == ORBIT && numbers.iter().all(|n| *n <= 1) {
            return Filling::of(numbers.iter().map(|n| *n == 1).collect()).map_err(wrong);
        }
        let buckets = numbers.iter().any(|n| *n >= ORBIT);
        let mut crossings = vec![false; ORBIT];
        for n in numbers {
            let crossing = if buckets { n.checked_sub(1).filter(|n| n % 10 == 0).map(|n| n / 10) } else { Some(n) };
            let place = crossing.and_then(|c| crossings.get_mut(c));
            *place.ok_or_else(|| {
                wrong(format!("{n} is neither a crossing, 0 to 3563, nor an RF bucket, 1, 11 to 35631"))
            })? = true;
        }
        Filling::of(crossings).map_err(wrong)
    }

    fn of(crossings: Vec<bool>) -> std::result::Result<Self, String> {
        if crossings.len() != ORBIT {
            return Err(format!("it has {} crossings, an orbit has {ORBIT}", crossings.len()));
        }
        if !crossings.contains(&true) {
            return Err("no crossing is filled".to_owned());
        }
        Ok(Filling { crossings })
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
        Filling::of(crossings).map_err(wrong)
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
    fn a_file_holds_a_scheme_flags_crossings_or_buckets() {
        let nominal: Filling = NOMINAL.parse().unwrap();
        let flags: Vec<&str> = nominal.crossings.iter().map(|f| if *f { "1" } else { "0" }).collect();
        let crossings: Vec<String> = nominal.filled().map(|n| n.to_string()).collect();
        let buckets: Vec<String> = nominal.filled().map(|n| (10 * n + 1).to_string()).collect();
        for text in [NOMINAL.to_owned(), flags.join(","), crossings.join("\n"), buckets.join("; ")] {
            assert_eq!(Filling::read(&text).unwrap(), nominal, "{text}");
        }
        for (text, what) in
            [("1 x", "`x`"), ("5 3570", "5 is neither"), ("", "no crossing is filled"), ("40000", "40000")]
        {
            let error = Filling::read(text).unwrap_err().to_string();
            assert!(error.contains(what), "{text}: {error}");
        }
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

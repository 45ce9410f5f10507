//! Test vectors as text: inputs of an integer network with the outputs it must give.
//!
//! ```text
//! N n_in n_out
//! x x x ... | y y ...        (N lines)
//! ```

use std::fmt::Write as _;
use std::path::Path;

use ndarray::Array2;

use super::file::write_whole;
use crate::error::{Code, Error, Result};

/// Inputs and expected outputs, raw integers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vectors {
    /// `[N, n_in]`.
    pub inputs: Array2<i64>,
    /// `[N, n_out]`.
    pub outputs: Array2<i64>,
}

impl Vectors {
    /// Reads a vector file.
    ///
    /// # Errors
    /// `I001`, or `V002` with the line.
    pub fn load(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|e| Error::io("read", path, &e))?;
        Vectors::parse(&text, path)
    }

    /// Reads the text of a vector file; `path` only names it in errors.
    ///
    /// # Errors
    /// `V002` with the line, counted from 1.
    pub fn parse(text: &str, path: &Path) -> Result<Self> {
        let wrong = |line: usize, what: String| {
            Err(Error::new(Code::Vectors, what)
                .at(format!("{}, line {line}", path.display()))
                .hint("line 1 is `N n_in n_out`, then N lines of `inputs | outputs`, all integers"))
        };
        let mut lines = text.lines().enumerate().map(|(i, line)| (i + 1, line));
        let header = lines.next().map_or("", |(_, line)| line);
        let sizes: Option<Vec<usize>> = header.split_whitespace().map(|s| s.parse().ok()).collect();
        let Some(&[n, n_in, n_out]) = sizes.as_deref() else {
            return wrong(1, format!("`{}` is not `N n_in n_out`", shortened(header)));
        };
        // Grown as lines come: a wrong header must not reserve memory.
        let (mut inputs, mut outputs, mut rows) = (Vec::new(), Vec::new(), 0);
        for (number, line) in lines {
            if line.trim().is_empty() {
                continue;
            }
            if rows == n {
                return wrong(number, format!("more than the {n} vectors that line 1 announces"));
            }
            let Some((left, right)) = line.split_once('|') else {
                return wrong(number, "there is no `|` between inputs and outputs".into());
            };
            for (part, into, count, what) in
                [(left, &mut inputs, n_in, "inputs"), (right, &mut outputs, n_out, "outputs")]
            {
                let before = into.len();
                for word in part.split_whitespace() {
                    match word.parse::<i64>() {
                        Ok(v) => into.push(v),
                        Err(_) => return wrong(number, format!("`{}` is not an integer", shortened(word))),
                    }
                }
                let found = into.len() - before;
                if found != count {
                    return wrong(number, format!("{found} {what} where line 1 announces {count}"));
                }
            }
            rows += 1;
        }
        if rows != n {
            return wrong(text.lines().count(), format!("the file ends after {rows} of {n} vectors"));
        }
        match (Array2::from_shape_vec((n, n_in), inputs), Array2::from_shape_vec((n, n_out), outputs)) {
            (Ok(inputs), Ok(outputs)) => Ok(Vectors { inputs, outputs }),
            _ => wrong(1, format!("{n} vectors of {n_in} and {n_out} numbers are too many")),
        }
    }

    /// The file's text.
    pub fn to_text(&self) -> String {
        let mut text = format!("{} {} {}\n", self.inputs.nrows(), self.inputs.ncols(), self.outputs.ncols());
        for (x, y) in self.inputs.rows().into_iter().zip(self.outputs.rows()) {
            for v in x {
                let _ = write!(text, "{v} ");
            }
            text.push('|');
            for v in y {
                let _ = write!(text, " {v}");
            }
            text.push('\n');
        }
        text
    }

    /// Writes a vector file, whole or not at all.
    ///
    /// # Errors
    /// `V002` if inputs and outputs differ in number, `I001`.
    pub fn save(&self, path: &Path) -> Result<()> {
        let (n, m) = (self.inputs.nrows(), self.outputs.nrows());
        if n != m {
            return Err(Error::new(Code::Vectors, format!("{n} inputs and {m} outputs are not vectors")));
        }
        write_whole(path, self.to_text().as_bytes())
    }
}

/// The first 40 characters: a file of another kind should not fill the screen.
fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn vectors_survive_writing_and_reading() {
        let v = Vectors { inputs: array![[1, -2], [3, 4]], outputs: array![[-5], [6]] };
        assert_eq!(v.to_text(), "2 2 1\n1 -2 | -5\n3 4 | 6\n");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.vec");
        v.save(&path).unwrap();
        assert_eq!(Vectors::load(&path).unwrap(), v);
    }

    #[test]
    fn damaged_vectors_are_rejected_with_their_line() {
        let cases = [
            ("", "line 1", "`` is not `N n_in n_out`"),
            ("2 1 1\n1 | 1\n", "line 2", "the file ends after 1 of 2 vectors"),
            ("1 1 1\n1 1\n", "line 2", "there is no `|` between inputs and outputs"),
            ("2 1 1\n1 | 1\n1 | 1.5\n", "line 3", "`1.5` is not an integer"),
            ("1 2 1\n1 | 1\n", "line 2", "1 inputs where line 1 announces 2"),
            ("1 1 1\n1 | 1\n1 | 1\n", "line 3", "more than the 1 vectors that line 1 announces"),
        ];
        for (text, line, what) in cases {
            let e = Vectors::parse(text, Path::new("a.vec")).unwrap_err();
            assert_eq!((e.code(), e.what()), (Code::Vectors, what));
            assert!(e.to_string().contains(&format!("a.vec, {line}\n")), "{e}");
        }
    }
}

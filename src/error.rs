//! One error type for the whole library: a stable code, what happened, and under it where, why and what to do.
//!
//! ```text
//! error[Q003]: accumulator of `encoder.dense1` needs 71 bits, the reference allows 63
//!   model: models/tc48.quant.json, layer 2 of 4, dense [48] -> [16]
//!   cause: 48 products of fixed<9,2> x fixed<6,1> ...
//!   hint:  quantize the weights to fewer bits
//! ```
//!
//! The first line is [`Error::what`], the lines below are notes in the order they were added. `main` prints the whole
//! and exits with status 2; tests hold the text of each.

use std::fmt;
use std::path::Path;

/// The result of everything in sluice that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// What kind of thing went wrong. The printed code is stable: scripts may match on it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Code { $($(#[$doc])* $name,)* }

        impl Code {
            /// The code as printed, for example `D002`.
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$name => $text,)* }
            }

            /// Every code, in order, for the documentation and its test.
            pub const ALL: &'static [Code] = &[$(Code::$name,)*];
        }
    };
}

codes! {
    /// A file could not be opened, read or written.
    Io = "I001",
    /// A file exists where a new one would be written, or the place is not a folder.
    OutputPlace = "I002",
    /// A command-line option, or a combination of them, makes no sense.
    Usage = "U001",
    /// This build lacks the Cargo feature that the request needs.
    MissingFeature = "U002",
    /// The request is outside what this version can do.
    Unsupported = "U003",
    /// A data file is cut, damaged or not of the format its name says.
    DataDamaged = "D001",
    /// A data file is sound but holds something that cannot be read: a type, a compression, a branch.
    DataType = "D002",
    /// A column, array or row range that is not in the data.
    DataSelection = "D003",
    /// Shapes that do not fit each other.
    DataShape = "D004",
    /// NaN or infinity where the policy forbids it.
    NotFinite = "D005",
    /// Values that cannot be held by the type or domain they are written to.
    DataRange = "D006",
    /// A recipe that does not parse or contradicts itself.
    Recipe = "R001",
    /// Training did not lead to usable weights.
    Training = "T001",
    /// A checkpoint that does not belong to this run.
    Checkpoint = "T002",
    /// A model file that is not of its documented form.
    ModelForm = "M001",
    /// A model whose parts do not fit each other.
    ModelShape = "M002",
    /// A model that does not belong to these data or this container.
    ModelMismatch = "M003",
    /// A fixed-point format outside the supported range.
    Format = "Q001",
    /// A number that does not fit its format.
    FormatRange = "Q002",
    /// An accumulator or an alignment that needs more bits than the reference has.
    FormatTooWide = "Q003",
    /// A hardware graph that breaks its own rules.
    Graph = "H001",
    /// No schedule meets the request.
    Schedule = "H002",
    /// A design folder that is incomplete or was changed.
    Design = "V001",
    /// A vector file that is not of its documented form.
    Vectors = "V002",
    /// An external tool is not installed or too old.
    MissingTool = "X001",
    /// An external tool ran and failed.
    ToolFailed = "X002",
    /// An external tool did not end in time and was stopped.
    ToolTimeout = "X003",
    /// A container that is cut or damaged.
    ContainerDamaged = "C001",
    /// A container of another version or kind.
    ContainerVersion = "C002",
    /// A bound that cannot be promised for these data.
    Bound = "C003",
    /// A report that does not hold what was asked for.
    Report = "P001",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An error: what happened, and notes that say where, why and what to do.
pub struct Error(Box<Inner>);

struct Inner {
    code: Code,
    what: String,
    notes: Vec<(String, String)>,
}

impl Error {
    /// An error with its first line. Follow with [`note`](Self::note), [`cause`](Self::cause), [`hint`](Self::hint).
    pub fn new(code: Code, what: impl Into<String>) -> Self {
        Error(Box::new(Inner { code, what: what.into(), notes: Vec::new() }))
    }

    /// An I/O failure on `path`, with what was being done ("read", "create", ...).
    pub fn io(doing: &str, path: &Path, source: &std::io::Error) -> Self {
        Error::new(Code::Io, format!("cannot {doing} `{}`", path.display())).cause(source.to_string())
    }

    /// Adds a line `label: text` under the message.
    #[must_use]
    pub fn note(mut self, label: &str, text: impl Into<String>) -> Self {
        self.0.notes.push((label.to_owned(), text.into()));
        self
    }

    /// Says where: a file with its place, a row and column, a layer.
    #[must_use]
    pub fn at(self, text: impl Into<String>) -> Self {
        self.note("where", text)
    }

    /// Says why.
    #[must_use]
    pub fn cause(self, text: impl Into<String>) -> Self {
        self.note("cause", text)
    }

    /// Says what to do.
    #[must_use]
    pub fn hint(self, text: impl Into<String>) -> Self {
        self.note("hint", text)
    }

    /// The stable code.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// The first line, without the code.
    pub fn what(&self) -> &str {
        &self.0.what
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error[{}]: {}", self.0.code, self.0.what)?;
        for (label, text) in &self.0.notes {
            // Labels end in one column, as in the example above.
            write!(f, "\n  {:<6} {}", format!("{label}:"), text.replace('\n', "\n         "))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    // `main` and `unwrap` in tests print errors with Debug: show the same text a user sees.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_prints_code_place_cause_and_hint_in_order() {
        let e = Error::new(Code::DataShape, "column `pt` has 3 rows, `eta` has 4")
            .at("jets.csv")
            .cause("the last line is cut")
            .hint("remove it");
        assert_eq!(
            e.to_string(),
            "error[D004]: column `pt` has 3 rows, `eta` has 4\n  where: jets.csv\n  cause: the last line is cut\n  hint:  remove it"
        );
    }

    #[test]
    fn codes_are_unique() {
        let mut seen = std::collections::HashSet::new();
        assert!(Code::ALL.iter().all(|c| seen.insert(c.as_str())));
    }
}

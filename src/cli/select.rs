//! What to take of a data file, as options of the verbs that read one.

use clap::Args;

use crate::data::Selection;

#[derive(Args)]
pub struct SelectArgs {
    /// Array inside an archive (NPZ), or path of a dataset or group (HDF5)
    #[arg(long)]
    array: Option<String>,
    /// Tree inside a ROOT file
    #[arg(long)]
    tree: Option<String>,
    /// Columns to take, separated by commas; `*` stands for any characters
    #[arg(long, value_delimiter = ',')]
    columns: Option<Vec<String>>,
    /// Columns to leave out, separated by commas; `*` stands for any characters
    #[arg(long, value_delimiter = ',')]
    exclude: Vec<String>,
    /// First row and the row after the last, for example 0:1000; either may be left out
    #[arg(long, value_parser = rows, value_name = "START:END")]
    rows: Option<Rows>,
    /// Type of the numbers in a raw file, for example u16
    #[arg(long)]
    dtype: Option<String>,
    /// Shape of a raw file, for example 0,64: as many rows of 64 as there are
    #[arg(long, value_delimiter = ',')]
    shape: Option<Vec<usize>>,
}

impl From<SelectArgs> for Selection {
    fn from(args: SelectArgs) -> Selection {
        let SelectArgs { array, tree, columns, exclude, rows, dtype, shape } = args;
        let rows = rows.map(|r| (r.start, r.end));
        Selection { array, tree, columns, exclude, rows, dtype, shape, ..Selection::default() }
    }
}

/// `START:END` as it was given; no end is the largest number.
pub type Rows = std::ops::Range<usize>;

pub fn rows(text: &str) -> Result<Rows, String> {
    let wrong = || "it is START:END, for example 0:1000, :1000 or 1000:".to_owned();
    let (start, end) = text.split_once(':').ok_or_else(wrong)?;
    let number = |text: &str, none| if text.is_empty() { Ok(none) } else { text.parse().map_err(|_| wrong()) };
    Ok(number(start, 0)?..number(end, usize::MAX)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_a_start_and_an_end() {
        assert_eq!(rows("5:20").unwrap(), 5..20);
        assert_eq!(rows(":20").unwrap(), 0..20);
        assert_eq!(rows("5:").unwrap(), 5..usize::MAX);
        for bad in ["", "5", "5,20", "a:b", "-1:3", "1:2:3"] {
            assert!(rows(bad).unwrap_err().contains("0:1000"), "{bad}");
        }
    }
}

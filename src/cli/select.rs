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
    /// Columns to take, separated by commas
    #[arg(long, value_delimiter = ',')]
    columns: Option<Vec<String>>,
    /// Columns to leave out, separated by commas
    #[arg(long, value_delimiter = ',')]
    exclude: Vec<String>,
    /// Type of the numbers in a raw file, for example u16
    #[arg(long)]
    dtype: Option<String>,
    /// Shape of a raw file, for example 0,64: as many rows of 64 as there are
    #[arg(long, value_delimiter = ',')]
    shape: Option<Vec<usize>>,
}

impl From<SelectArgs> for Selection {
    fn from(args: SelectArgs) -> Selection {
        let SelectArgs { array, tree, columns, exclude, dtype, shape } = args;
        Selection { array, tree, columns, exclude, dtype, shape, ..Selection::default() }
    }
}

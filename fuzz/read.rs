//! Bytes through the front door of a format.

use std::io::Write as _;

use sluice::data::{self, Selection};

/// Lists and reads `bytes` as a file of this extension; what is read has as many values as it says.
pub fn as_file(bytes: &[u8], extension: &str) {
    let mut file = tempfile::Builder::new().suffix(extension).tempfile().expect("a temporary file");
    file.write_all(bytes).expect("it can be written");
    let _ = data::inspect(file.path(), &Selection::default());
    if let Ok(read) = data::read(file.path(), &Selection::default()) {
        assert!(read.columns.iter().all(|c| c.values.len() == read.rows * c.width()));
    }
}

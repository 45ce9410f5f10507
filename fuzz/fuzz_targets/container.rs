//! Any bytes as a container: whatever is read as right is read the same again.
#![no_main]

use std::io::Write as _;

use libfuzzer_sys::fuzz_target;
use sluice::codec::{NeuralBackend, decompress, info};
use sluice::{Code, Error, Result};

fn no_model(_: &[u8]) -> Result<Box<dyn NeuralBackend>> {
    Err(Error::new(Code::ModelMismatch, "there is no model"))
}

fuzz_target!(|bytes: &[u8]| {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(bytes).expect("it can be written");
    let _ = info(file.path());
    let strict = decompress(file.path(), false, &no_model);
    let recovered = decompress(file.path(), true, &no_model);
    if let (Ok(strict), Ok(recovered)) = (strict, recovered) {
        assert!(recovered.lost.is_empty() && strict.data.rows == recovered.data.rows);
    }
});

//! Any bytes as a `.parquet` file.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../read.rs"]
mod read;

fuzz_target!(|bytes: &[u8]| read::as_file(bytes, ".parquet"));

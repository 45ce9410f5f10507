//! Any bytes as a `.npy` file.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../read.rs"]
mod read;

fuzz_target!(|bytes: &[u8]| read::as_file(bytes, ".npy"));

//! Any text as a model of ours.
#![no_main]

use std::io::Write as _;

use libfuzzer_sys::fuzz_target;
use sluice::model::{QuantizedModel, TrainedModel};

fuzz_target!(|bytes: &[u8]| {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(bytes).expect("it can be written");
    if let Ok(model) = QuantizedModel::load(file.path()) {
        let _ = sluice::reference::Engine::new(&model.encoder);
    }
    let _ = TrainedModel::load(file.path());
});

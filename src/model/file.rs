//! Reading and writing model files: JSON, checked on the way in, written whole or not at all.

use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::whole::WholeFile;
use super::{QuantizedModel, TrainedModel};
use crate::error::{Code, Error, Result};

impl TrainedModel {
    /// Reads and checks a trained model.
    ///
    /// # Errors
    /// `I001`, or `M001`/`M002` with the place in the file.
    pub fn load(path: &Path) -> Result<Self> {
        let model: TrainedModel = read_json(path, Code::ModelForm)?;
        model.check().map_err(|e| e.note("model", path.display().to_string()))?;
        Ok(model)
    }
}

impl QuantizedModel {
    /// Reads and checks a quantized model.
    ///
    /// # Errors
    /// `I001`, or any of the errors of [`QuantizedModel::check`] with the file.
    pub fn load(path: &Path) -> Result<Self> {
        let model: QuantizedModel = read_json(path, Code::ModelForm)?;
        model.check().map_err(|e| e.note("model", path.display().to_string()))?;
        Ok(model)
    }
}

/// Reads one JSON value.
///
/// # Errors
/// `I001`, or `code` with line and column.
pub fn read_json<T: DeserializeOwned>(path: &Path, code: Code) -> Result<T> {
    let text = std::fs::read_to_string(path).map_err(|e| Error::io("read", path, &e))?;
    serde_json::from_str(&text)
        .map_err(|e| Error::new(code, format!("`{}` is not what it should be", path.display())).cause(e.to_string()))
}

/// Writes one JSON value, indented, under its final name only when complete.
///
/// # Errors
/// `I001`.
pub fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<()> {
    let mut text = serde_json::to_vec_pretty(value)
        .map_err(|e| Error::new(Code::Io, format!("cannot write `{}`", path.display())).cause(e.to_string()))?;
    text.push(b'\n');
    write_whole(path, &text)
}

/// Writes `bytes` to a temporary neighbour and renames it: the final name never holds half a file.
///
/// # Errors
/// `I001`.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = WholeFile::create(path)?;
    file.write(bytes)?;
    file.finish()
}

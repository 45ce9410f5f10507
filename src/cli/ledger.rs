//! What each stage of a run was last made from, so that a second run does only what changed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::progress::say;
use crate::error::{Code, Error, Result};
use crate::model::file::{read_json, write_json};
use crate::recipe::checksum_of;

/// A run folder, and for each stage the checksum of what it was made from.
pub struct Ledger {
    folder: PathBuf,
    keys: BTreeMap<String, String>,
}

impl Ledger {
    /// Opens a run folder, which is made if it is not there.
    pub fn open(folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder).map_err(|e| Error::io("create", folder, &e))?;
        // A damaged ledger only means that stages run again.
        let keys = read_json(&folder.join("stages.json"), Code::Io).unwrap_or_default();
        Ok(Ledger { folder: folder.to_path_buf(), keys })
    }

    /// A file of the run.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Runs `make` and keeps its result in the file `result`, unless `stage` was already run with `key` and its other
    /// products are `sound`.
    pub fn stage<T: Serialize + DeserializeOwned>(
        &mut self,
        stage: &str,
        key: &impl Serialize,
        result: &str,
        sound: impl FnOnce(&T) -> bool,
        make: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        let key = checksum_of(&(env!("CARGO_PKG_VERSION"), key));
        let result = self.path(result);
        if self.keys.get(stage) == Some(&key)
            && let Ok(value) = read_json(&result, Code::Io)
            && sound(&value)
        {
            say(format_args!("{stage}: up to date"));
            return Ok(value);
        }
        // A stage that is cut off halfway is not done.
        if self.keys.remove(stage).is_some() {
            write_json(&self.path("stages.json"), &self.keys)?;
        }
        let value = make()?;
        write_json(&result, &value)?;
        self.keys.insert(stage.to_owned(), key);
        write_json(&self.path("stages.json"), &self.keys)?;
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_runs_again_when_its_key_or_its_files_change() {
        let folder = tempfile::tempdir().unwrap();
        let mut runs = 0;
        let mut go = |key: u32, make: &mut dyn FnMut() -> Result<u32>| {
            let mut ledger = Ledger::open(folder.path()).unwrap();
            let product = folder.path().join("product");
            ledger.stage(
                "s",
                &key,
                "s.json",
                |_| product.exists(),
                || {
                    runs += 1;
                    std::fs::write(&product, "x").unwrap();
                    make()
                },
            )
        };
        assert_eq!(go(1, &mut || Ok(10)).unwrap(), 10);
        assert_eq!(go(1, &mut || Ok(11)).unwrap(), 10, "up to date");
        assert_eq!(go(2, &mut || Ok(12)).unwrap(), 12);
        std::fs::remove_file(folder.path().join("product")).unwrap();
        assert_eq!(go(2, &mut || Ok(13)).unwrap(), 13);
        assert!(go(3, &mut || Err(Error::new(Code::Io, "full"))).is_err());
        assert_eq!(go(2, &mut || Ok(14)).unwrap(), 14, "what failed in between is not trusted");
        assert_eq!(runs, 5);
    }
}

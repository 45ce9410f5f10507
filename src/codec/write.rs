//! A file that appears under its name only when it is complete.

use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::error::{Error, Result};

/// Written piece by piece beside its final place, then renamed. Dropped before [`finish`](Self::finish), it is gone.
pub(super) struct WholeFile {
    path: PathBuf,
    file: BufWriter<NamedTempFile>,
    /// Bytes so far.
    pub length: usize,
}

impl WholeFile {
    pub(super) fn create(path: &Path) -> Result<Self> {
        let folder = match path.parent() {
            Some(p) if !p.as_os_str().is_empty() => p,
            _ => Path::new("."),
        };
        std::fs::create_dir_all(folder).map_err(|e| Error::io("create", folder, &e))?;
        let file = NamedTempFile::new_in(folder).map_err(|e| Error::io("write in", folder, &e))?;
        Ok(WholeFile { path: path.to_owned(), file: BufWriter::new(file), length: 0 })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.length += bytes.len();
        self.file.write_all(bytes).map_err(|e| Error::io("write", &self.path, &e))
    }

    pub(super) fn finish(self) -> Result<()> {
        let file = self.file.into_inner().map_err(|e| Error::io("write", &self.path, e.error()))?;
        // Temporary files are private; a result should have the ordinary permissions.
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let _ = file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644));
        }
        file.persist(&self.path).map_err(|e| Error::io("write", &self.path, &e.error))?;
        Ok(())
    }
}

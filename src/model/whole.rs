//! A file that appears under its name only when it is complete.

use std::io::{BufWriter, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::error::{Error, Result};

/// Written piece by piece beside its final place, then renamed. Dropped before [`finish`](Self::finish), it is gone.
pub struct WholeFile {
    path: PathBuf,
    file: BufWriter<NamedTempFile>,
    /// Bytes so far.
    pub length: usize,
}

impl WholeFile {
    /// Begins the file that will be `path`; makes its folder.
    ///
    /// # Errors
    /// `I001`.
    pub fn create(path: &Path) -> Result<Self> {
        let folder = match path.parent() {
            Some(p) if !p.as_os_str().is_empty() => p,
            _ => Path::new("."),
        };
        std::fs::create_dir_all(folder).map_err(|e| Error::io("create", folder, &e))?;
        let file = NamedTempFile::new_in(folder).map_err(|e| Error::io("write in", folder, &e))?;
        Ok(WholeFile { path: path.to_owned(), file: BufWriter::new(file), length: 0 })
    }

    /// Appends `bytes`.
    ///
    /// # Errors
    /// `I001`, for example on a full disk.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.length += bytes.len();
        self.file.write_all(bytes).map_err(|e| Error::io("write", &self.path, &e))
    }

    /// Writes the first bytes again, for a header that is known only at the end.
    ///
    /// # Errors
    /// `I001`.
    pub fn rewrite_start(&mut self, bytes: &[u8]) -> Result<()> {
        assert!(bytes.len() <= self.length, "a start lies within the file");
        self.file
            .seek(SeekFrom::Start(0))
            .and_then(|_| self.file.write_all(bytes))
            .and_then(|()| self.file.seek(SeekFrom::End(0)))
            .map_err(|e| Error::io("write", &self.path, &e))?;
        Ok(())
    }

    /// Gives the file its name.
    ///
    /// # Errors
    /// `I001`.
    pub fn finish(self) -> Result<()> {
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

//! A file that is read by place.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::error::{Error, Result};

/// Reads parts of a file in any order, from any thread. Files of any size: nothing is kept.
pub struct FileAt {
    path: PathBuf,
    file: Mutex<File>,
    length: usize,
}

impl FileAt {
    /// # Errors
    /// `I001`.
    pub fn open(path: &Path) -> Result<Self> {
        let wrong = |e| Error::io("read", path, &e);
        let file = File::open(path).map_err(wrong)?;
        let length = file.metadata().map_err(wrong)?.len();
        let length = usize::try_from(length)
            .map_err(|_| Error::io("read", path, &std::io::Error::from(std::io::ErrorKind::FileTooLarge)))?;
        Ok(FileAt { path: path.to_owned(), file: Mutex::new(file), length })
    }

    /// Bytes in the file when it was opened.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The `count` bytes from `at`.
    ///
    /// # Errors
    /// `I001`, also if the file has become shorter.
    pub fn read(&self, at: usize, count: usize) -> Result<Vec<u8>> {
        let mut bytes = vec![0; count];
        // A panic elsewhere leaves the file as it was: each read seeks anew.
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(at as u64))
            .and_then(|_| file.read_exact(&mut bytes))
            .map_err(|e| Error::io("read", &self.path, &e))?;
        Ok(bytes)
    }
}
